"""Every fault of an application server, and what its uploader must hear.

The texts and ECs are those of callback.md, section 7.  Where it is silent, the row says what we chose.
"""

import socket
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address
from typing import Final

from ossia.protocol.address_policy import kind_of
from ossia.testing.faulty_receiver import (
    ACCEPTED,
    MAX_REPLY_BYTES,
    POSITIONS,
    Ends,
    Fault,
    reply,
)

LIMIT_S: Final = 5
"""What OSS waits."""
HASTY_S: Final = 0.5
"""What the second server waits, so that slow faults take little time."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What the uploader hears; ``{host}`` and ``{port}`` are the receiver's."""

    message: str
    ec: str
    status: int = 203
    code: str = "CallbackFailed"

    @property
    def is_stored(self) -> bool:
        """Whether there is an object afterwards."""
        return self.status in (200, 203)


OK: Final = Heard("", "", 200, "")

_DOWN: Final = Heard("Error status : 502.", "0007-00000203")
_UNKNOWN: Final = Heard(
    "Error status : -1.OSS can not connect to your callbackUrl, please check it.", "0007-00000203"
)
_NO_CONNECTION: Final = Heard(
    "Error status : -1 {host}:{port} reply timeout, cost:500ms, timeout:500ms (err -4, errno110)",
    "0007-00000202",
)
_SLOW: Final = Heard("Cost too long time.", "0007-00000202")
# callback.md knows no EC of this text; it counts as a status that the application answered.
_LENGTH: Final = Heard(
    "Error Status : 400.User server return too long content-length value", "0007-00000203"
)
_NOT_JSON: Final = Heard("Response body is not valid json format.", "0007-00000205")


def _answered(status: int) -> Heard:
    return Heard(f"Error status : {status}.", "0007-00000203")


def _private(status: int = 203) -> Heard:
    # W49: the reason stands in an element of its own.
    message = "Private address is forbidden to callback."
    code = "CallbackFailed" if status == 203 else "InvalidArgument"
    return Heard(message, "0007-00000008", status, code)


_BREAKS: Final = ("unread", "after-request-head", "in-request-body", *POSITIONS)

HEARD: Final[dict[str, Heard]] = {
    # --- nobody there, or gone before the answer was whole
    "refused": _DOWN,
    "unreachable": _NO_CONNECTION,
    "unknown-name": _UNKNOWN,
    **{f"{how}-{where}": _DOWN for how in ("reset", "hangup") for where in _BREAKS},
    "reset-after-answer": OK,
    "open-after-answer": OK,
    "not-http": _DOWN,
    "endless-head": _DOWN,
    # --- TLS
    "good-certificate": OK,
    "self-signed": _DOWN,
    "expired": _DOWN,
    "wrong-name": _DOWN,
    "reset-over-tls": _DOWN,
    "hangup-over-tls": _DOWN,
    "tls-asked-for-plain": _DOWN,
    "plain-asked-for-tls": _DOWN,
    # --- time
    "late": _SLOW,
    "silent": _SLOW,
    "silent-to-tls": _NO_CONNECTION,
    "slow-head": _SLOW,
    "slow-body": _SLOW,
    "length-too-long-and-silent": _SLOW,
    "late-by-the-limit-of-oss": _SLOW,
    "slow-but-in-time": OK,
    # --- length
    "length-too-long": _DOWN,
    # The body ends where its length says: what is left of it is no JSON.
    "length-too-short": _NOT_JSON,
    "more-than-the-length": OK,
    "length-missing": _LENGTH,
    "http-1.0-without-length": _LENGTH,
    "chunked": _LENGTH,
    "too-large": _LENGTH,
    "length-enormous": _LENGTH,
    # Not HTTP any more; callback.md says only that the length must be valid.
    "length-negative": _DOWN,
    "length-not-a-number": _DOWN,
    "length-twice": _DOWN,
    "exactly-1-mb": OK,
    "http-1.0": OK,
    "after-100-continue": OK,
    # --- body
    "bom": _NOT_JSON,
    "html": _NOT_JSON,
    "empty": _NOT_JSON,
    "bare-ok": _NOT_JSON,
    "half-json": _NOT_JSON,
    "not-utf-8": _NOT_JSON,
    "gzip": _NOT_JSON,
    # --- status
    **{
        f"status-{status}": _answered(status)
        for status in (201, 204, 301, 302, 400, 403, 404, 405, 500, 502)
    },
    "status-500-cut-off": _answered(500),
    "status-403-before-request-body": _answered(403),
    # --- addresses
    "private-address": _private(status=400),
    "private-name": _private(),
}

ADDED: Final[dict[str, Fault]] = {
    "reset-after-answer": Fault((reply(),), ends=Ends.RESET),
    "open-after-answer": Fault((reply(),), ends=Ends.STAY),
    "late-by-the-limit-of-oss": Fault((reply(),), pause=1.2),
    "slow-but-in-time": Fault((reply()[:9], reply()[9:-3], reply()[-3:]), pause=0.02),
    "more-than-the-length": Fault((reply(ACCEPTED + b"<!-- by host -->", length=len(ACCEPTED)),)),
    "exactly-1-mb": Fault((reply(ACCEPTED.ljust(MAX_REPLY_BYTES)),)),
    "http-1.0": Fault((reply(version="HTTP/1.0"),)),
    "after-100-continue": Fault((b"HTTP/1.1 100 Continue\r\n\r\n" + reply(),)),
}
"""Faults of ours besides those of the receiver, and answers that only look like faults."""

SECURED: Final[dict[str, tuple[str, Fault]]] = {
    # name: (certificate of `fault_world`, what happens inside)
    "good-certificate": ("good", Fault((reply(),))),
    "self-signed": ("self-signed", Fault((reply(),))),
    "expired": ("expired", Fault((reply(),))),
    "wrong-name": ("wrong-name", Fault((reply(),))),
    "reset-over-tls": ("good", Fault((reply()[:-3],), ends=Ends.RESET)),
    "hangup-over-tls": ("good", Fault((reply()[:-3],))),
}
"""The same over TLS."""

SLOW: Final = frozenset(
    {
        "unreachable",
        "late",
        "silent",
        "silent-to-tls",
        "slow-head",
        "slow-body",
        "length-too-long-and-silent",
    }
)
"""Those that wait for the limit: they go to the hasty server."""

UNCOUNTED: Final = frozenset(
    {"refused", "unreachable", "unknown-name", "private-address", "private-name"}
)
"""Those that no connection reaches."""


@cache
def own_address() -> tuple[str, str] | None:
    """The address that this machine's name stands for, and its kind; None if it is public or none."""
    try:
        found = socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)
    except OSError:
        return None
    address = str(found[0][4][0])
    kind = kind_of(ip_address(address))
    return None if kind == "public" else (address, kind)
