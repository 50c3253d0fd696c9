"""Characters that OSS takes in XML and an XML 1.0 parser does not.

Keys may hold U+0001 to U+001F, U+FFFE and U+FFFF, and clients write them raw or as character
references (witnessed.md, W9).  Before parsing they are hidden behind a mark, and shown again in
the text of elements:

1. a raw character becomes the mark and a character of the private use area;
2. in a reference, ``&`` becomes the mark: ``&#x01;`` is ``<mark>#x01;`` to the parser;
3. the mark itself is doubled, so that no text of a client's is taken for a hidden character.

No character of markup is added and none but the ``&`` of such a reference is removed, so the
parser sees the same elements.  U+0000 and surrogates stay refused: no key can hold them.
"""

import re
from typing import Final

_MARK: Final = "\ue000"
_SHIFT: Final = 0xE100
"""Private characters that stand behind the mark, each for the control character below it."""
_NONCHARACTERS: Final = {"\ufffe": "\ue1fe", "\uffff": "\ue1ff"}
_CONTROLS: Final = bytes([*range(1, 9), 11, 12, *range(14, 32)])
_HIDDEN: Final = re.compile(
    rb"[\x01-\x08\x0b\x0c\x0e-\x1f]|\xef\xbf[\xbe\xbf]|\xee\x80\x80|"
    # U+0001-U+001F but tab and line ends, U+E000, U+FFFE, U+FFFF; hexadecimal, then decimal.
    rb"&#(?:x0*(?:[1-8bcef]|1[0-9a-f]|e000|fff[ef])|0*(?:[1-8]|1[124-9]|2\d|3[01]|57344|6553[45]));",
    # "&#X1;" is no reference: `_hide` looks at the x again.
    re.IGNORECASE,
)
_OTHER_ENCODING: Final = re.compile(
    rb"\s*<\?xml\s[^>]{0,256}?encoding\s*=\s*[\"'](?!utf-8[\"']|us-ascii[\"'])", re.IGNORECASE
)
_SHOWN: Final = re.compile(rf"{_MARK}(#x?[0-9A-Fa-f]+;|.)", re.DOTALL)
_SHOWN_IN_CDATA: Final = re.compile(rf"{_MARK}(.)", re.DOTALL)


def hide(document: bytes) -> bytes | None:
    """*document* as an XML 1.0 parser takes it; None if it can have it as it is."""
    if not _may_hold_any(document) or b"\0" in document or _OTHER_ENCODING.match(document):
        # A NUL means UTF-16 or nonsense.
        return None
    hidden, count = _HIDDEN.subn(_hide, document)
    return hidden if count else None


def _may_hold_any(document: bytes) -> bool:
    """Four passes at the speed of memory, where the expression would take ten times as long."""
    return (
        b"&#" in document
        or b"\xee\x80\x80" in document
        or b"\xef\xbf" in document
        or len(document.translate(None, _CONTROLS)) != len(document)
    )


def _hide(found: re.Match[bytes]) -> bytes:
    whole = found[0]
    if whole.startswith(b"&"):
        return whole if whole[2:3] == b"X" else _MARK.encode() + whole[1:]
    text = whole.decode()
    if text == _MARK:
        return 2 * whole
    return (_MARK + (_NONCHARACTERS.get(text) or chr(_SHIFT + ord(text)))).encode()


def show(text: str) -> str:
    """The text that a client wrote, from what the parser made of it."""
    return _SHOWN.sub(_show, text) if _MARK in text else text


def _show(found: re.Match[str]) -> str:
    behind = found[1]
    if behind == _MARK:
        return behind
    if behind.startswith("#"):
        digits = behind[1:-1]
        return chr(int(digits[1:], 16) if digits.startswith("x") else int(digits))
    return _CHARACTERS.get(behind) or chr(ord(behind) - _SHIFT)


def show_in_cdata(text: str) -> str:
    """The same for a CDATA section, in which a reference is just text.

    The result is to be shown once more with the text around it.
    """
    if _MARK not in text:
        return text
    return _SHOWN_IN_CDATA.sub(lambda found: "&#" if found[1] == "#" else found[0], text)


_CHARACTERS: Final = {hidden: plain for plain, hidden in _NONCHARACTERS.items()}
