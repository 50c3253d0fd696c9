"""Contents whose bytes say what they are made of: one piece behind another, each with its name."""

import hashlib
from typing import Final

_END: Final = b"]"
LEAST: Final = 40
"""A piece begins with its name and its length; so many bytes hold both."""


def piece(name: str, size: int) -> bytes:
    """*size* bytes (at least `LEAST`) that are unlike those of any other name."""
    head = f"[{name}:{size}".encode() + _END
    filling = hashlib.sha256(name.encode()).digest()
    return head + (filling * (size // len(filling) + 1))[: size - len(head)]


def names_in(content: bytes) -> str:
    """The names of the pieces, a comma behind each; something that is no name if it is damaged."""
    names, rest = "", content
    while rest:
        head = rest[: rest.find(_END) + 1]
        name, _, size = head[1:-1].decode("latin-1").partition(":")
        if not size.isdecimal() or rest[: int(size)] != piece(name, int(size)):
            return f"{names}damaged after {len(content) - len(rest)} bytes: {rest[:LEAST]!r}"
        names, rest = f"{names}{name},", rest[int(size) :]
    return names
