"""Order of names: Python compares text by code point, which is the order of its UTF-8 bytes."""

_LAST = "\U0010ffff"
_BEHIND_EVERYTHING = _LAST * 256
"""Names have at most 1023 bytes, and this has 1024, each the greatest there can be."""
_BEFORE_SURROGATES = "\ud7ff"
_AFTER_SURROGATES = "\ue000"


def successor(prefix: str) -> str | None:
    """The least text greater than every text that starts with *prefix*; None if there is none."""
    kept = prefix.rstrip(_LAST)
    if not kept:
        return None
    last = kept[-1]
    # Surrogates have no UTF-8 form, so the next character skips them.
    raised = _AFTER_SURROGATES if last == _BEFORE_SURROGATES else chr(ord(last) + 1)
    return kept[:-1] + raised


def common_prefix(key: str, prefix: str, delimiter: str) -> str | None:
    """*key* up to and including the first *delimiter* behind *prefix*; None if there is none."""
    if not delimiter:
        return None
    found = key.find(delimiter, len(prefix))
    return None if found < 0 else key[: found + len(delimiter)]


def marker(text: str) -> str:
    """A text that the same stored texts are greater than: none of those has the character NUL."""
    return text.partition("\0")[0]


def behind_all(prefix: str) -> str:
    """The least text known to be greater than every key that starts with *prefix*."""
    return successor(prefix) or _BEHIND_EVERYTHING
