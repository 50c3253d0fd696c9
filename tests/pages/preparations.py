"""What pages take for granted: a server that runs, a file to upload.

One context manager for each page that needs one; it gets the `Reader` before anything is read, and may
let it read a part (``reader.read(until="A heading")``) and act in between.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Final

from following import Reader

Preparation = Callable[[Reader], AbstractContextManager[None]]

PREPARATIONS: Final[dict[str, Preparation]] = {}
"""By the page's name, such as ``docs/clients.md``."""

ELSEWHERE: Final[dict[str, str]] = {"docs/tutorial.md": "tests/pages/test_tutorial.py"}
"""Pages that a test of their own follows, and the file that has it."""


def prepared(reader: Reader) -> AbstractContextManager[None]:
    """What *reader*'s page needs."""
    prepare = PREPARATIONS.get(reader.page.name)
    return nullcontext() if prepare is None else prepare(reader)
