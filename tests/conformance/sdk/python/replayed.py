"""The Python side of the clients that send what an SDK sends which no registry has.

Such a client is a small program in the SDK's language, over the SDK's HTTP library: c/, cpp/, php/,
ruby/ and csharp/ beside this folder.  It is asked by lines and answers by lines; a line is words
``name=value`` with the value's bytes in hexadecimal, so that any byte may travel.  The program knows
how its SDK builds each request, this side knows what a case wants.
"""

import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote

# Keys may have characters that XML 1.0 has no reference for (W10).  The SDKs' parsers know them; for
# that of Python others stand in.
_CONTROL: Final = re.compile("&#x([01]?[0-9A-Fa-f]);")
_STAND_INS: Final = {0xE000 + code: code for code in range(0x20)}


def _parsed(text: str) -> ET.Element:
    readable = _CONTROL.sub(lambda found: chr(0xE000 + int(found[1], 16)), text)
    return ET.fromstring(readable)  # noqa: S314 - our own server wrote it


# What a field may hold: a text, bytes, or several of one name.
Value = str | bytes | int | Sequence[str] | Mapping[str, str | bytes]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server said to one request."""

    status: int
    headers: dict[str, bytes]
    body: bytes

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode()

    def header(self, name: str) -> str:
        """A header's value; empty if there is none."""
        return self.headers.get(name, b"").decode()

    def find(self, path: str) -> str:
        """The text of an element; empty if there is none."""
        return _parsed(self.text).findtext(path) or ""

    def all(self, path: str) -> list[str]:
        """The texts of every such element, decoded if the answer says that they are encoded."""
        root = _parsed(self.text)
        found = [(each.text or "").translate(_STAND_INS) for each in root.iterfind(path)]
        is_encoded = root.findtext("EncodingType") == "url"
        return [unquote(each) for each in found] if is_encoded else found


class Refused(AssertionError):  # noqa: N818 - what happened, not a fault
    """An answer that is not a success."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"{answer.status} {answer.body!r:.600}")
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Client:
    """One program, running; with the credentials of *identity* instead of the account's own."""

    process: "subprocess.Popen[bytes]"
    bucket: str
    identity: Mapping[str, str] = field(default_factory=dict)

    def ask(self, op: str, **fields: Value) -> Answer:
        """The answer, whatever it is."""
        given = {"bucket": self.bucket, **self.identity, **fields}
        words = [f"op={_hex(op)}", *(word for item in given.items() for word in _words(*item))]
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(" ".join(words).encode() + b"\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "the client has ended"
        return _answer(line.decode())

    def do(self, op: str, **fields: Value) -> Answer:
        """The answer, which must be a success."""
        answer = self.ask(op, **fields)
        if not 200 <= answer.status < 203 and answer.status not in {204, 206}:
            raise Refused(answer)
        return answer

    def url(self, method: str, key: str, expires: int, **fields: Value) -> str:
        """A presigned URL."""
        return self.do("sign", method=method, key=key, expires=expires, **fields).text

    def of(self, bucket: str, identity: Mapping[str, str] | None = None) -> "Client":
        """The same program for another bucket, or as somebody else."""
        return Client(self.process, bucket, identity or self.identity)


def started(command: Sequence[str], bucket: str) -> Client:
    """The program of *command* for *bucket*, asked for nothing yet."""
    pipe: Final = subprocess.PIPE
    return Client(subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=sys.stderr), bucket)


def _words(name: str, value: Any) -> list[str]:
    if isinstance(value, Mapping):
        pairs = [_bytes(key) + b": " + _bytes(each) for key, each in value.items()]
        return [f"{name}={pair.hex()}" for pair in pairs]
    if isinstance(value, list):
        return [f"{name}={_hex(each)}" for each in value]
    return [f"{name}={_hex(value)}"]


def _hex(value: Any) -> str:
    return _bytes(value).hex()


def _bytes(value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode()


def _answer(line: str) -> Answer:
    words = [word.split("=", 1) for word in line.split()]
    decoded = [(name, bytes.fromhex(value)) for name, value in words]
    told = dict(decoded)
    assert "error" not in told, told["error"].decode(errors="replace")
    headers = {}
    for name, value in decoded:
        if name == "header":
            key, _, rest = value.partition(b":")
            headers[key.decode().lower()] = rest.strip()
    return Answer(int(told["status"]), headers, told["body"])
