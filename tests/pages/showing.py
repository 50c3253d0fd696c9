"""Whether what a page shows is what a command prints.

1. Line for line, from the first to the last; how many blanks there are does not count.
2. ``…`` (or ``...``) is any text in a line, and a line of its own any number of lines.
3. What differs each time stands for any of its kind: times, ids, keys, durations (`_KINDS`).
"""

import re
from typing import Final

_ANY: Final = ("…", "...")
_GAP: Final = r"^(?:…|\.\.\.) | (?:…|\.\.\.) | (?:…|\.\.\.)$|…|\.\.\."
_KINDS: Final = (
    r"\d{4}-\d\d-\d\d",
    r"\d\d:\d\d:\d\d(?:\.\d+)?",
    r"LTAI\w+",
    r"\b[0-9A-Fa-f]{16,}\b",
    r"\b\d+(?:\.\d+)? (?:ms|s)\b",
)
_VARIES: Final = re.compile("|".join([f"(?:{_GAP})", *_KINDS]))


def shows(shown: str, printed: str) -> bool:
    """Whether *shown*, from a page, is what was *printed*."""
    lines = [_plain(line) for line in shown.strip().splitlines()]
    pattern = "".join(r"(?:.*\n)*" if line in _ANY else f"{_pattern(line)}\n" for line in lines)
    text = "".join(f"{_plain(line)}\n" for line in printed.strip().splitlines())
    return re.fullmatch(pattern, text) is not None


def _plain(line: str) -> str:
    return " ".join(line.split())


def _pattern(line: str) -> str:
    made, end = "", 0
    for found in _VARIES.finditer(line):
        made += re.escape(line[end : found.start()]) + _of_its_kind(found[0])
        end = found.end()
    return made + re.escape(line[end:])


def _of_its_kind(text: str) -> str:
    """Gaps between blanks are any number of words, none included; elsewhere any characters."""
    if text.strip() not in _ANY:
        (kind,) = [each for each in _KINDS if re.fullmatch(each, text)][:1]
        return kind
    before, after = text.startswith(" "), text.endswith(" ")
    if before and after:
        return "(?: .*)? "
    return "(?: .*)?" if before else "(?:.* )?" if after else ".*"
