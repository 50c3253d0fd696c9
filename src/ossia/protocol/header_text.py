"""Header values that are kept and sent back: text for everybody, and the bytes that were sent.

Nearly all are ASCII, most others UTF-8.  What is neither, such as a file name in GBK, comes back as
the bytes that were sent (witnessed.md, W43).  In a record it is text like the others, since stores
and JSON hold nothing else: a mark, then each byte as the character of that number.  The mark is a
noncharacter; a value that begins with it in earnest is kept byte by byte, too, so that no two
values of the wire become the same text.
"""

from typing import Final

_MARK: Final = "\uffff"


def kept_text(raw: bytes) -> str:
    """A header value as a record holds it."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return _MARK + raw.decode("latin-1")
    return _MARK + raw.decode("latin-1") if text.startswith(_MARK) else text


def decode_header(raw: bytes) -> str:
    """A header value as text.  Bytes that are not UTF-8 are kept as Latin-1."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def wire_text(kept: str) -> str:
    """The same as bytes on the wire, each a character: what the server writes as Latin-1."""
    if kept.isascii():
        return kept
    return kept[1:] if kept.startswith(_MARK) else kept.encode().decode("latin-1")


def shown_text(kept: str) -> str:
    """The same for people and documents: bytes that are not UTF-8 are shown as Latin-1."""
    return kept.removeprefix(_MARK)


def media_type_of(content_type: str) -> str:
    """A Content-Type without its parameters, in lower case."""
    return content_type.partition(";")[0].strip().lower()
