"""Characters that OSS takes in XML and an XML 1.0 parser does not.

Keys may hold U+0001 to U+001F, U+FFFE and U+FFFF, and clients write them raw or as character
references (witnessed.md, W9).  Before parsing they are hidden, and shown again in the text of
elements:

1. a raw character becomes one of the private use area, the *stand-ins*;
2. in a reference, ``&`` becomes the *mark*: ``&#x01;`` is ``<mark>#x01;`` to the parser;
3. a stand-in of a client's becomes the mark and another private character, and the mark itself
   is doubled, so that no text of a client's is taken for a hidden character.

No character of markup is added and none but the ``&`` of such a reference is removed, so the
parser sees the same elements.  U+0000 and surrogates stay refused: no key can hold them.

A document may hold two million such characters: nothing here calls a function for each.
"""

import re
from typing import Final

_MARK: Final = "\ue000"
_MARK_BYTES: Final = _MARK.encode()
_STAND_IN: Final = 0xE100
"""Of the control character 0; U+E100 to U+E13F all begin with the same two bytes."""
_CLIENTS: Final = 0x100
"""How far a client's own stand-in is moved behind its mark: U+E200 to U+E23F."""
_STAND_INS: Final = b"\xee\x84"
_MOVED: Final = _MARK_BYTES + b"\xee\x88"
_CONTROLS: Final = bytes([*range(1, 9), 11, 12, *range(14, 32)])
_PLAIN: Final = {chr(_STAND_IN + code): chr(code) for code in _CONTROLS} | {
    "\ue13e": "\ufffe",
    "\ue13f": "\uffff",
}
"""What each stand-in stands for."""
_REPLACED: Final = [(plain.encode(), hidden.encode()) for hidden, plain in _PLAIN.items()]
_OPENING: Final = b"&#"
_HIDDEN_OPENING: Final = _MARK_BYTES + b"#"
_REFERENCE: Final = re.compile(
    # Behind the opening: U+0001-U+001F but tab and line ends, the mark, the stand-ins, U+FFFE,
    # U+FFFF; hexadecimal, then decimal.  "&#X1;" is no reference.
    rb"(?:x0*(?:[1-8bcefBCEF]|1[0-9a-fA-F]|[eE](?:000|1[0-3][0-9a-fA-F])|[fF]{3}[efEF])|"
    rb"0*(?:[1-8]|1[124-9]|2\d|3[01]|57344|576[0-5]\d|5766[0-3]|6553[45]));"
)
_OTHER_ENCODING: Final = re.compile(
    rb"\s*<\?xml\s[^>]{0,256}?encoding\s*=\s*[\"'](?!utf-8[\"']|us-ascii[\"'])", re.IGNORECASE
)


def hide(document: bytes) -> bytes | None:
    """*document* as an XML 1.0 parser takes it; None if it can have it as it is."""
    has_controls = len(document.translate(None, _CONTROLS)) != len(document)
    if not has_controls and not _may_hold_others(document):
        return None
    if b"\0" in document or _OTHER_ENCODING.match(document):
        # A NUL means UTF-16 or nonsense.
        return None
    hidden = document.replace(_MARK_BYTES, 2 * _MARK_BYTES).replace(_STAND_INS, _MOVED)
    for plain, stand_in in _REPLACED if has_controls else _REPLACED[len(_CONTROLS) :]:
        hidden = hidden.replace(plain, stand_in)
    if _OPENING in hidden:
        first, *others = hidden.split(_OPENING)
        hidden = b"".join([first, *map(_Opened().__getitem__, others)])
    return None if hidden == document else hidden


def _may_hold_others(document: bytes) -> bool:
    """Passes at the speed of memory.  Only private characters begin with 0xEE."""
    return _OPENING in document or b"\xee" in document or b"\xef\xbf" in document


class _Opened(dict[bytes, bytes]):
    """What stands behind the opening of a reference, with the opening that it gets."""

    def __missing__(self, behind: bytes) -> bytes:
        opening = _HIDDEN_OPENING if _REFERENCE.match(behind) else _OPENING
        self[behind] = opening + behind
        return self[behind]


def may_hide_in_cdata(hidden: bytes) -> bool:
    """Whether a CDATA section of the hidden document can need `show_in_cdata`."""
    return _HIDDEN_OPENING in hidden and b"<![CDATA[" in hidden


def show(text: str) -> str:
    """The text that a client wrote, from what the parser made of it."""
    if text.isascii():
        return text
    for stand_in, plain in _PLAIN.items():
        text = text.replace(stand_in, plain)
    if _MARK not in text:
        return text
    first, *others = _single(text).split(_MARK)
    return _doubled("".join([first, *map(_Shown().__getitem__, others)]), _MARK)


class _Shown(dict[str, str]):
    """What stands behind a mark, as the client wrote it."""

    def __missing__(self, behind: str) -> str:
        if behind.startswith("#"):
            digits, _, rest = behind[1:].partition(";")
            code = int(digits[1:], 16) if digits.startswith("x") else int(digits)
        else:
            code, rest = ord(behind[0]) - _CLIENTS, behind[1:]
        self[behind] = chr(code) + rest
        return self[behind]


def show_in_cdata(text: str) -> str:
    """The same for a CDATA section, in which a reference is just text.

    The result is to be shown once more with the text around it.
    """
    if _MARK not in text:
        return text
    return _doubled(_single(text).replace(f"{_MARK}#", "&#"), 2 * _MARK)


def _single(text: str) -> str:
    """*text* with U+0000, which no parser lets through, for a doubled mark."""
    return text.replace(2 * _MARK, "\0")


def _doubled(text: str, mark: str) -> str:
    return text.replace("\0", mark)
