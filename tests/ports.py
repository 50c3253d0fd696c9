"""Ports that are named before somebody listens on them."""

import secrets
import socket
from typing import Final

_LOWEST: Final = 10_000
_ABOVE: Final = 32_768
"""From here on Linux gives ports to whoever connects, and to whoever listens on any (others, higher ones)."""


def free_port() -> int:
    """A port of this machine that nobody uses, and that only who asks for it by number will.

    What the system gives away itself would not do: a test beside this one may be given the same before
    it is listened on, which with a page that is followed can be minutes later.
    """
    while True:
        port = _LOWEST + secrets.randbelow(_ABOVE - _LOWEST)
        try:
            with socket.create_server(("", port)):
                return port
        except OSError:
            continue
