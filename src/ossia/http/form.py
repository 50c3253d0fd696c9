"""Read a multipart/form-data body piece by piece, as PostObject needs it.

1. Fields in front of the part named ``file`` are kept, within limits; the file is handed on as
   it arrives; what follows it is parsed but not kept.
2. Memory is bounded by the limits below plus what the caller does not take.
3. The result does not depend on how the body is cut into pieces.
4. Whether the form is complete and allowed is the caller's question; the reader refuses only
   what is not a well-formed form (`MalformedPOSTRequest`), what is too long
   (`FieldItemTooLong`) and, in `finish`, a wrong number of files.

The caller's loop::

    reader = FormReader(content_type)
    while not reader.file_started and not reader.finished:
        reader.feed(await body.read_some())      # b"" at the end: reader.finish()
    ...check reader.fields...
    for piece in reader.take_pieces(): ...
    while not reader.finished:
        reader.feed(await body.read_some())
        for piece in reader.take_pieces(): ...
    reader.finish()

Source: post-object.md, 1 and 6; the scanning itself is python-multipart's.
"""

import logging
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser

from ossia.errors import (
    FieldItemTooLong,
    IncorrectNumberOfFilesInPOSTRequest,
    InvalidArgument,
    MalformedPOSTRequest,
)

if TYPE_CHECKING:
    from python_multipart.multipart import MultipartCallbacks

MAX_NAME_BYTES: Final = 8 * 1024
MAX_VALUE_BYTES: Final = 8 * 1024
"""The page of FieldItemTooLong: a field has at most 8 KB, and its name too.  (That of PostObject
allows values of 2 MB.)"""

MAX_LONG_VALUE_BYTES: Final[dict[bytes, int]] = {
    b"policy": 64 * 1024,
    b"x-oss-security-token": 16 * 1024,
}
"""Those that may be longer."""

MAX_FIELDS_BYTES: Final = 96 * 1024
"""Our bound for all fields in front of ``file`` together: they are kept before it is known who
sends them (INVARIANTS.md)."""

_FIELD_COST: Final = 800
"""What a field costs besides its bytes; it bounds their number, each of which takes time."""
_MAX_HEADERS: Final = 16
_MAX_HEADER_BYTES: Final = 16 * 1024
"""Of one part, all together."""
_MAX_BOUNDARY_BYTES: Final = 200

_ONLY_ONCE: Final = frozenset(
    (
        "key",
        "ossaccesskeyid",
        "policy",
        "signature",
        "x-oss-credential",
        "x-oss-date",
        "x-oss-security-token",
        "x-oss-signature",
        "x-oss-signature-version",
    )
)
_ONLY_ONCE_TOO: Final = ("x:", "x-oss-")


# The parser warns about every malformed form, quoting it; the client hears of it, the log need not.
_QUIET: Final = logging.getLogger(f"{__name__}.parser")
_QUIET.setLevel(logging.CRITICAL)


class FormReader:
    """The state of one form.  Raises `MalformedPOSTRequest` for an unusable *content_type*."""

    def __init__(self, content_type: bytes) -> None:
        self.fields: dict[str, str] = {}
        """Fields in front of the file, by lower-case name; of several equal ones the last, where
        a policy or a callback cannot be about them."""

        self.file_started = False
        """The part named ``file`` has begun; ``fields`` is complete."""

        self.file_finished = False
        """Every byte of the file has been handed over or waits in `take_pieces`."""

        self.finished = False
        """The closing boundary has been read."""

        self.file_count = 0
        self.filename: str | None = None
        self.file_content_type: str | None = None

        self._pieces: list[memoryview] = []
        self._room = MAX_FIELDS_BYTES
        self._room_for_headers = _MAX_HEADER_BYTES
        self._header_name = bytearray()
        self._header_value = bytearray()
        self._headers: dict[bytes, bytes] = {}
        self._name = b""
        self._value: bytearray | None = None
        self._room_for_value = 0
        self._has_filename = False
        self._in_file = False
        self._parser = _parser_for(
            content_type,
            {
                "on_part_begin": self._on_part_begin,
                "on_header_begin": self._on_header_begin,
                "on_header_field": self._on_header_field,
                "on_header_value": self._on_header_value,
                "on_header_end": self._on_header_end,
                "on_headers_finished": self._on_headers_finished,
                "on_part_data": self._on_part_data,
                "on_part_end": self._on_part_end,
                "on_end": self._on_end,
            },
        )

    def feed(self, data: bytes | memoryview) -> None:
        """Read the next bytes of the body."""
        whole = data if isinstance(data, bytes) else bytes(data)
        try:
            self._parser.write(whole)
        except FormParserError as exc:
            raise MalformedPOSTRequest from exc

    def take_pieces(self) -> list[memoryview]:
        """The file's bytes that arrived since the last call; they stay valid."""
        taken, self._pieces = self._pieces, []
        return taken

    def finish(self) -> None:
        """The body has ended: refuse a form that is cut off or has not exactly one file."""
        if not self.finished:
            raise MalformedPOSTRequest
        if self.file_count != 1:
            raise IncorrectNumberOfFilesInPOSTRequest

    def close(self) -> None:
        """Let go of the parser, which holds this reader as this reader holds it."""
        del self._parser

    def _on_part_begin(self) -> None:
        self._headers = {}
        self._room_for_headers = _MAX_HEADER_BYTES

    def _on_header_begin(self) -> None:
        self._header_name.clear()
        self._header_value.clear()

    def _on_header_field(self, data: bytes, start: int, end: int) -> None:
        self._spend_on_headers(end - start)
        self._header_name += data[start:end]

    def _on_header_value(self, data: bytes, start: int, end: int) -> None:
        self._spend_on_headers(end - start)
        self._header_value += data[start:end]

    def _on_header_end(self) -> None:
        self._headers[bytes(self._header_name).lower()] = bytes(self._header_value).strip(b" \t")

    def _on_headers_finished(self) -> None:
        disposition = _disposition_of(self._headers.get(b"content-disposition", b""))
        self._name = disposition.get(b"name", b"")
        filename = disposition.get(b"filename")
        self._has_filename = filename is not None
        self._value = None
        if len(self._name) > MAX_NAME_BYTES:
            raise FieldItemTooLong
        if self._name.lower() == b"file":
            self._begin_file(filename)
        elif not self.file_started:
            self._value = bytearray()
            self._room_for_value = MAX_LONG_VALUE_BYTES.get(self._name.lower(), MAX_VALUE_BYTES)
            self._spend(len(self._name) + _FIELD_COST)

    def _on_part_data(self, data: bytes, start: int, end: int) -> None:
        if self._in_file:
            self._pieces.append(memoryview(data)[start:end])
        elif self._value is not None:
            if len(self._value) + end - start > self._room_for_value:
                raise FieldItemTooLong
            self._spend(end - start)
            self._value += data[start:end]

    def _on_part_end(self) -> None:
        if self._in_file:
            self._in_file = False
            self.file_finished = True
        elif self._value is not None:
            self._keep(bytes(self._value))
            self._value = None

    def _on_end(self) -> None:
        self.finished = True

    def _begin_file(self, filename: bytes | None) -> None:
        self.file_count += 1
        if self.file_started:
            return
        self.file_started = self._in_file = True
        self.filename = None if filename is None else _text(filename)
        content_type = self._headers.get(b"content-type")
        self.file_content_type = None if content_type is None else _text(content_type)

    def _spend_on_headers(self, amount: int) -> None:
        self._room_for_headers -= amount
        if self._room_for_headers < 0:
            raise MalformedPOSTRequest

    def _spend(self, amount: int) -> None:
        self._room -= amount
        if self._room < 0:
            raise FieldItemTooLong

    def _keep(self, value: bytes) -> None:
        try:
            name, text = self._name.decode("utf-8"), value.decode("utf-8")
        except UnicodeDecodeError as exc:
            # Another upload control's file: an unknown field, and those are ignored.
            if self._has_filename:
                return
            raise MalformedPOSTRequest from exc
        lower = name.lower()
        if lower in self.fields and (lower in _ONLY_ONCE or lower.startswith(_ONLY_ONCE_TOO)):
            raise InvalidArgument(
                f"The form field '{name}' is given more than once.",
                ArgumentName=name,
                ArgumentValue=text,
            )
        self.fields[lower] = text


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise MalformedPOSTRequest from exc


_FORM_DATA: Final = re.compile(rb"\s*multipart/form-data\s*(?:;|$)", re.IGNORECASE)


def _parser_for(content_type: bytes, callbacks: "MultipartCallbacks") -> MultipartParser:
    boundary = _parameters_of(content_type).get(b"boundary", b"")
    is_form = _FORM_DATA.match(content_type) is not None
    if not is_form or not 0 < len(boundary) <= _MAX_BOUNDARY_BYTES:
        raise MalformedPOSTRequest
    if b"\r" in boundary or b"\n" in boundary:
        raise MalformedPOSTRequest
    parser = MultipartParser(
        boundary,
        callbacks,
        max_header_count=_MAX_HEADERS,
        max_header_size=_MAX_HEADER_BYTES,
    )
    parser.logger = _QUIET
    return parser


# --- header parameters ------------------------------------------------------

_PARAMETER: Final = re.compile(
    rb";[ \t]*(?P<name>[^\s;=\"]+)[ \t]*=[ \t]*"
    rb"(?:\"(?P<quoted>(?:\\.|[^\"\\])*)\"|(?P<plain>[^;\"]*))",
    re.DOTALL,
)
# A quote or backslash behind a backslash; any other backslash is a path of an old browser's.
_QUOTED_PAIR: Final = re.compile(rb"\\([\"\\])")
# What browsers write for quote, CR and LF (WHATWG HTML, "multipart/form-data encoding"); they
# leave every other "%" alone, so nothing else is decoded.
_BROWSER_ESCAPE: Final = re.compile(rb"%(22|0D|0A)", re.IGNORECASE)


def _parameters_of(header: bytes) -> dict[bytes, bytes]:
    """Parameters behind the first ``;``, names in lower case; the first of equal names wins."""
    found: dict[bytes, bytes] = {}
    for match in _PARAMETER.finditer(header):
        quoted = match["quoted"]
        value = match["plain"].strip() if quoted is None else _QUOTED_PAIR.sub(rb"\1", quoted)
        found.setdefault(match["name"].lower(), value)
    return found


def _disposition_of(header: bytes) -> dict[bytes, bytes]:
    """``name`` and ``filename`` of a part.  ``filename*`` (RFC 5987) wins over ``filename``."""
    kind = header.split(b";", 1)[0].strip().lower()
    if kind != b"form-data":
        raise MalformedPOSTRequest
    parameters = _parameters_of(header)
    extended = parameters.get(b"filename*")
    found = {
        name: _BROWSER_ESCAPE.sub(lambda it: bytes.fromhex(it[1].decode()), value)
        for name, value in parameters.items()
        if name in (b"name", b"filename")
    }
    if extended is not None:
        found[b"filename"] = _extended_value(extended)
    return found


def _extended_value(value: bytes) -> bytes:
    """``charset'language'percent-encoded`` as UTF-8."""
    charset, *rest = value.split(b"'", 2)
    if len(rest) != 2 or charset.lower() not in (b"utf-8", b"iso-8859-1"):  # noqa: PLR2004 - those behind the charset
        raise MalformedPOSTRequest
    return unquote_to_bytes(rest[1]).decode(charset.decode(), "replace").encode("utf-8")
