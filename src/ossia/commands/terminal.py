"""Text of strangers on a terminal: what cannot be seen is shown, never sent.

Names, bodies and answers are written by whoever uploads or receives.  Control characters move the
cursor and change colours; others turn around the order of what is read (U+202E makes ``gpj.exe`` of
``exe.jpg``), or make two different names look the same.
"""

import json
import re
import unicodedata
from typing import Any, Final

# Letters and marks that have no shape: Unicode, "Default_Ignorable_Code_Point", and blank Braille.
_SHAPELESS: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0100-\U000e01ef]"
)


def safe(text: str, *, keep: str = "") -> str:
    """*text* in one line, with an escape for each character that is not seen but for *keep*."""
    if text.isprintable() and not _SHAPELESS.search(text):
        return text
    return "".join(char if char in keep or _is_seen(char) else _escape(char) for char in text)


def json_line(value: Any, indent: int | None = None) -> str:
    """*value* as JSON, of the same meaning and as harmless."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    if text.isprintable() and not _SHAPELESS.search(text):
        return text
    return "".join(
        char if char == "\n" or _is_seen(char) else json.dumps(char)[1:-1] for char in text
    )


def _is_seen(char: str) -> bool:
    seen = char.isprintable() or unicodedata.category(char) == "Zs"
    return seen and not _SHAPELESS.match(char)


def _escape(char: str) -> str:
    code = ord(char)
    if code <= 0xFF:  # noqa: PLR2004 - as Python and shells write them
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004 - same
