"""``callbackUrl``: one address that is called back."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from ossia.protocol.address_policy import AddressPolicy, parse_host
from ossia.protocol.callback_parameter import Parameter

FORBIDDEN: Final = "Private address is forbidden to callback."
"""The C++ suite compares the whole text (witnessed.md, W49): the reason stands in an element."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackUrl:
    """One target.  ``path`` and ``query`` (with its ``?``, or empty) are sent as they stand."""

    scheme: str
    host: str
    port: int
    path: str
    query: str
    authority: str

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}{self.query}"


_URL: Final = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://"
    r"(?P<user>[^/?#]*@)?"
    r"(?P<authority>(?P<host>(?P<ipv6>\[[0-9A-Fa-f:.]+(?:%[A-Za-z0-9]+)?\])"
    r"|[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9.])?)(?::(?P<port>[0-9]{1,5}))?)"
    r"(?P<path>/[!-\"$->@-~]*)?(?P<query>\?[!-\"$-~]*)?(?:\#[!-~]*)?"
)
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


@lru_cache(1024)
def read_url(text: str) -> CallbackUrl:
    """One URL as ``callbackUrl`` may hold it.  Raises `InvalidArgument`."""
    return decode_url(text, Parameter("callbackUrl", text), None)


def decode_url(text: str, shown: Parameter, address_policy: AddressPolicy | None) -> CallbackUrl:
    """Parse one URL.

    Documentation, "callbackUrl": http or https, IPv6 literals are not supported, characters
    outside ASCII must be percent-encoded by the user; the samples omit the scheme.  Credentials
    in a URL have no meaning and only serve to disguise the host.

    A forbidden address is refused as such however it is spelt, so that whoever reads the answer
    learns which setting stands in the way.
    """
    has_scheme = re.match(r"[A-Za-z][A-Za-z0-9+.-]*://", text) is not None
    match = _URL.fullmatch(text if has_scheme else f"http://{text}")
    scheme = match["scheme"].lower() if match else ""
    if match is None or scheme not in _DEFAULT_PORTS:
        shown.refuse(f"The callbackUrl {text} is not valid.", "0007-00000004")
    host = match["host"].lower()
    port = int(match["port"] or _DEFAULT_PORTS[scheme])
    reason = address_policy and address_policy.refuse_host(scheme, host, port)
    if reason:
        shown.refuse(FORBIDDEN, "0007-00000008", reason=reason)
    # A single word is a host only where the scheme says so ("http://app:8000"): OSS refuses "my".
    is_bare_word = not has_scheme and "." not in host and host != "localhost"
    # "2130706433" and "0x7f.1" are 127.0.0.1 in disguise.
    address = parse_host(host)
    is_disguised = address is not None and str(address) != host
    is_odd = is_bare_word or is_disguised or ".." in host or match["user"] or match["ipv6"]
    if is_odd or not 0 < port <= 65535:  # noqa: PLR2004 - the last port
        shown.refuse(f"The callbackUrl {text} is not valid.", "0007-00000004")
    return CallbackUrl(
        scheme=scheme,
        host=host,
        port=port,
        path=match["path"] or "/",
        query=match["query"] or "",
        authority=match["authority"],
    )
