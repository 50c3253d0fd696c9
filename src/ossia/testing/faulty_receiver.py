"""An application server that fails on purpose: what do your uploaders make of it?

::

    with FaultyReceiver() as receiver:
        ...upload with the headers receiver.callback("reset-in-body")...
        receiver.assert_met("reset-in-body")

`FAULTS` lists what it can do; `FaultyReceiver.add` takes more.  Each fault has a port of its own,
so that it can begin before a path has been read.

Only the standard library; a thread listens on each port until `close`.
"""

import errno
import gzip
import socket
import ssl
import struct
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import Enum
from pathlib import Path
from types import MappingProxyType
from typing import Final

from ossia.testing.callback_headers import USUAL_BODY, callback_headers
from ossia.testing.closing import Closing
from ossia.testing.differences import similar

ACCEPTED: Final = b'{"Status":"OK"}'
MAX_REPLY_BYTES: Final = 1024 * 1024
"""The longest answer that OSS accepts."""


class Nowhere(Enum):
    """Targets that no connection reaches."""

    REFUSED = "nobody listens"
    UNREACHABLE = "the network swallows every attempt"
    UNKNOWN_NAME = "the name does not exist"


class Reads(Enum):
    """How much of the request is read before anything is said."""

    NOTHING = "nothing"
    HEAD = "the head"
    HALF = "the head and half of the body"
    ALL = "everything"


class Ends(Enum):
    """How the connection ends when everything is said."""

    CLOSE = "closed in order (FIN)"
    RESET = "torn down (RST)"
    STAY = "open until the sender leaves"


@dataclass(frozen=True, slots=True)
class Fault:
    """What a connection does: it reads, says *pieces*, each after a pause, and ends.

    ``pause`` is counted in time limits of the sender (`FaultyReceiver`).  ``scheme`` is what the
    URL says; only a certificate (`FaultyReceiver.add`) makes the port speak TLS.
    """

    pieces: tuple[bytes, ...] = ()
    reads: Reads = Reads.ALL
    ends: Ends = Ends.CLOSE
    pause: float = 0
    scheme: str = "http"


def reply(
    body: bytes = ACCEPTED,
    *headers: str,
    status: str = "200 OK",
    length: int | str | None = -1,
    version: str = "HTTP/1.1",
) -> bytes:
    """An answer as bytes.

    *length* is the Content-Length: that of the body by default, None to leave it out, or any text.
    """
    stated = [] if length is None else [f"Content-Length: {len(body) if length == -1 else length}"]
    typed = [] if _is_typed(headers) else ["Content-Type: application/json"]
    lines = [f"{version} {status}", *typed, *stated, *headers, "Connection: close", "", ""]
    return "\r\n".join(lines).encode() + body


def _is_typed(headers: tuple[str, ...]) -> bool:
    return any(header.lower().startswith("content-type:") for header in headers)


_ANSWER: Final = reply()
_HEAD_BYTES: Final = len(_ANSWER) - len(ACCEPTED)

POSITIONS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "before-status-line": 0,
        "in-status-line": len("HTTP/1.1 2"),
        "after-status-line": _ANSWER.index(b"\r\n") + 2,
        "in-header-name": _ANSWER.index(b"Content-Length") + len("Content-"),
        "in-header-value": _ANSWER.index(b"application/json") + len("applic"),
        "before-empty-line": _HEAD_BYTES - 2,
        "before-body": _HEAD_BYTES,
        "after-first-byte": _HEAD_BYTES + 1,
        "in-body": _HEAD_BYTES + len(ACCEPTED) // 2,
        "before-last-byte": len(_ANSWER) - 1,
    }
)
"""How many bytes of a good answer arrive before it breaks off."""


def _one(*pieces: bytes) -> Fault:
    return Fault(pieces)


def _breaks() -> dict[str, Fault]:
    """Connections that end too early, torn down and closed in order."""
    found: dict[str, Fault] = {}
    for word, ends in (("reset", Ends.RESET), ("hangup", Ends.CLOSE)):
        found[f"{word}-unread"] = Fault(reads=Reads.NOTHING, ends=ends)
        found[f"{word}-after-request-head"] = Fault(reads=Reads.HEAD, ends=ends)
        found[f"{word}-in-request-body"] = Fault(reads=Reads.HALF, ends=ends)
        for position, count in POSITIONS.items():
            found[f"{word}-{position}"] = Fault((_ANSWER[:count],), ends=ends)
    return found


def _bytes_of(content: bytes) -> tuple[bytes, ...]:
    return tuple(content[index : index + 1] for index in range(len(content)))


_SLOW: Final[dict[str, Fault]] = {
    # With the limit of OSS, 5 s, this is an answer after 6 s.
    "late": Fault((_ANSWER,), pause=1.2),
    "silent": Fault(ends=Ends.STAY),
    "silent-to-tls": Fault(reads=Reads.NOTHING, ends=Ends.STAY, scheme="https"),
    "slow-head": Fault(_bytes_of(_ANSWER), pause=0.1),
    "slow-body": Fault((_ANSWER[:_HEAD_BYTES], *_bytes_of(ACCEPTED)), pause=0.2),
    "length-too-long-and-silent": Fault((reply(length=len(ACCEPTED) + 10),), ends=Ends.STAY),
}

_LENGTHS: Final[dict[str, Fault]] = {
    "length-too-long": _one(reply(length=len(ACCEPTED) + 10)),
    "length-too-short": _one(reply(length=len(ACCEPTED) - 5)),
    "length-missing": _one(reply(length=None)),
    "length-negative": _one(reply(length="-15")),
    "length-not-a-number": _one(reply(length="fifteen")),
    "length-twice": _one(reply(ACCEPTED, f"Content-Length: {len(ACCEPTED) + 1}")),
    "length-enormous": Fault((reply(length=10**15),), ends=Ends.STAY),
    "chunked": _one(
        reply(b"f\r\n" + ACCEPTED + b"\r\n0\r\n\r\n", "Transfer-Encoding: chunked", length=None)
    ),
    "too-large": _one(reply(ACCEPTED.ljust(MAX_REPLY_BYTES + 1))),
    "http-1.0-without-length": _one(reply(length=None, version="HTTP/1.0")),
}

_BODIES: Final[dict[str, Fault]] = {
    "bom": _one(reply(b"\xef\xbb\xbf" + ACCEPTED)),
    "html": _one(reply(b"<!doctype html><p>Hello</p>", "Content-Type: text/html")),
    "empty": _one(reply(b"")),
    "bare-ok": _one(reply(b"OK", "Content-Type: text/plain")),
    "not-utf-8": _one(reply('{"Status":"schön"}'.encode("latin-1"))),
    "half-json": _one(reply(ACCEPTED[:7])),
    "gzip": _one(reply(gzip.compress(ACCEPTED, mtime=0), "Content-Encoding: gzip")),
}

_STATUSES: Final = (
    "201 Created",
    "204 No Content",
    "400 Bad Request",
    "403 Forbidden",
    "404 Not Found",
    "405 Method Not Allowed",
    "500 Internal Server Error",
    "502 Bad Gateway",
)


def _refusals() -> dict[str, Fault]:
    found = {
        f"status-{status[:3]}": _one(
            reply(b"", status=status, length=None)
            if status.startswith("204")
            else reply(status=status)
        )
        for status in _STATUSES
    }
    for status in ("301 Moved Permanently", "302 Found"):
        found[f"status-{status[:3]}"] = _one(reply(b"", "Location: /elsewhere", status=status))
    whole = reply(status="500 Internal Server Error")
    # The reason is only read for people; the status has arrived.
    found["status-500-cut-off"] = Fault((whole[:-7],), ends=Ends.RESET)
    unasked = reply(status="403 Forbidden")
    found["status-403-before-request-body"] = Fault((unasked,), reads=Reads.HEAD, ends=Ends.RESET)
    return found


FAULTS: Final[Mapping[str, Fault | Nowhere]] = MappingProxyType(
    {
        "refused": Nowhere.REFUSED,
        "unreachable": Nowhere.UNREACHABLE,
        "unknown-name": Nowhere.UNKNOWN_NAME,
        **_breaks(),
        **_SLOW,
        **_LENGTHS,
        **_BODIES,
        **_refusals(),
        "not-http": _one(b"+OK POP3 server ready\r\n\r\n"),
        "endless-head": _one(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000),
        "plain-asked-for-tls": Fault(
            (reply(status="400 Bad Request"),), reads=Reads.NOTHING, scheme="https"
        ),
    }
)
"""By name; none of them is a success to OSS."""


class FaultyReceiver(Closing):
    """Listens on *host*, on one port for each fault that is asked for.

    *limit_s* is how long the sender waits: slow faults take longer than that.
    """

    def __init__(self, *, host: str = "127.0.0.1", limit_s: float = 5.0) -> None:
        self._host = host
        self._limit_s = limit_s
        self._faults: dict[str, Fault | Nowhere] = dict(FAULTS)
        self._certificates: dict[str, Path] = {}
        self._places: dict[str, _Place] = {}
        self._lock = threading.Lock()

    def add(self, name: str, fault: Fault, *, certificate: Path | None = None) -> None:
        """Make *name* stand for *fault*, over TLS with a PEM file of certificate and key."""
        with self._lock:
            if name in self._faults:
                raise ValueError(f"there is a fault named {name!r} already")
            self._faults[name] = fault
            if certificate is not None:
                self._faults[name] = replace(fault, scheme="https")
                self._certificates[name] = certificate

    def url(self, name: str) -> str:
        """The callbackUrl that meets the fault of this name."""
        fault = self._fault(name)
        if fault is Nowhere.UNKNOWN_NAME:
            # No name ends so (RFC 6761), and with 70 letters no name server need be asked.
            return f"http://{'unknown' * 10}.invalid/callback"
        scheme = fault.scheme if isinstance(fault, Fault) else "http"
        return f"{scheme}://{self._host}:{self._place(name).port}/callback"

    def connections(self, name: str) -> int:
        """How many connections have met the fault of this name."""
        place = self._places.get(name)
        return place.connections if isinstance(place, _Listener) else 0

    def callback(self, name: str, body: str = USUAL_BODY, **variables: str) -> dict[str, str]:
        """Headers of an upload whose callback meets the fault of this name."""
        return callback_headers(self.url(name), body, variables)

    def assert_met(self, name: str, times: int = 1) -> None:
        """Assert that so many connections have met the fault of this name."""
        __tracebackhide__ = True
        fault = self._fault(name)
        if isinstance(fault, Nowhere):
            raise ValueError(f"Nobody can meet {name!r}: {fault.value}.")  # noqa: TRY004 - a name of no use
        met = self.connections(name)
        if met != times:
            all_met = {each: self.connections(each) for each in self._places}
            told = ", ".join(f"{each} {count}x" for each, count in all_met.items() if count)
            raise AssertionError(
                f"{name!r} was met by {met} connections, {times} expected; met were: "
                f"{told or 'none at all'}."
            )

    def close(self) -> None:
        """Stop listening and end what is under way."""
        with self._lock:
            places = list(self._places.values())
            self._places.clear()
        for place in places:
            place.close()

    def _fault(self, name: str) -> Fault | Nowhere:
        found = self._faults.get(name)
        if found is None:
            near = ", ".join(similar(name, self._faults)) or "see FAULTS"
            raise ValueError(f"There is no fault {name!r}: {near}.")
        return found

    def _place(self, name: str) -> "_Place":
        with self._lock:
            if name not in self._places:
                self._places[name] = self._open(name)
            return self._places[name]

    def _open(self, name: str) -> "_Place":
        fault = self._fault(name)
        if isinstance(fault, Fault):
            certificate = self._certificates.get(name)
            return _Listener(self._host, name, fault, self._limit_s, certificate)
        return _Silence(self._host, is_full=fault is Nowhere.UNREACHABLE)


class _Silence:
    """A port that answers no connection: it is bound only, or its queue is full."""

    _FILLERS: Final = 4

    def __init__(self, host: str, *, is_full: bool) -> None:
        self._socket = socket.socket()
        self._socket.bind((host, 0))
        self.port: int = self._socket.getsockname()[1]
        self._fillers: list[socket.socket] = []
        if is_full:
            self._socket.listen(0)
            for _ in range(self._FILLERS):
                filler = socket.socket()
                filler.settimeout(0)
                filler.connect_ex((host, self.port))
                self._fillers.append(filler)

    def close(self) -> None:
        for each in (*self._fillers, self._socket):
            each.close()


class _Listener:
    """One port, and what its connections do."""

    def __init__(
        self, host: str, name: str, fault: Fault, limit_s: float, certificate: Path | None
    ) -> None:
        self._fault = fault
        self._pause_s = fault.pause * limit_s
        self._tls: ssl.SSLContext | None = None
        if certificate is not None:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.load_cert_chain(certificate)
        self._closing = threading.Event()
        self._socket = socket.create_server((host, 0), backlog=128)
        self.port: int = self._socket.getsockname()[1]
        self.connections = 0
        self._thread = threading.Thread(target=self._accept, name=f"faulty {name}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closing.set()
        # Wakes `accept`, which closing alone does not do.
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()

    def _accept(self) -> None:
        while not self._closing.is_set():
            try:
                connection, _ = self._socket.accept()
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE, errno.ECONNABORTED):
                    self._closing.wait(0.05)
                    continue
                return
            self.connections += 1
            threading.Thread(target=self._meet, args=(connection,), daemon=True).start()

    def _meet(self, connection: socket.socket) -> None:
        """The life of one connection."""
        with suppress(OSError), connection:
            # What blocks for longer than this is a sender that does not leave.
            connection.settimeout(60)
            if self._tls is None:
                self._act(connection)
                return
            with self._tls.wrap_socket(connection, server_side=True) as secured:
                self._act(secured)

    def _act(self, connection: socket.socket) -> None:
        fault = self._fault
        _read(connection, fault.reads)
        for piece in fault.pieces:
            if self._closing.wait(self._pause_s):
                return
            connection.sendall(piece)
        if fault.ends is Ends.RESET:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return
        if fault.ends is Ends.CLOSE:
            connection.shutdown(socket.SHUT_WR)
        self._wait_for_end(connection)

    def _wait_for_end(self, connection: socket.socket) -> None:
        """Closing with something unread would tear the connection down."""
        connection.settimeout(0.1)
        while not self._closing.is_set():
            with suppress(TimeoutError):
                if not connection.recv(65536):
                    return


_Place = _Silence | _Listener


def _line(stream: socket.SocketIO) -> bytes:
    """One line, byte by byte: what follows it stays unread."""
    line = b""
    while (byte := stream.read(1)) and byte != b"\n":
        line += byte
    return line.strip()


def _read(connection: socket.socket, reads: Reads) -> None:
    """Read a request, or as much of it as *reads* says."""
    if reads is Reads.NOTHING:
        return
    with connection.makefile("rb", buffering=0) as stream:
        length = 0
        while line := _line(stream):
            name, _, value = line.lower().partition(b":")
            if name == b"content-length":
                length = int(value)
        if reads is Reads.HEAD:
            return
        wanted = length if reads is Reads.ALL else length // 2
        while wanted > 0 and (piece := stream.read(wanted)):
            wanted -= len(piece)
