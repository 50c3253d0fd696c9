"""The metadata file cannot be used: what is wrong with it, in one line with the remedy."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import apsw

from ossia.ports import Unavailable

DAMAGED: Final = (apsw.CorruptError, apsw.NotADBError)
UNANSWERED: Final = (apsw.IOError, *DAMAGED)
"""What a question fails with that is in order itself."""


class FileUnusableError(Exception):
    """The message is one line."""


def is_damage(error: apsw.Error) -> bool:
    """Whether what the disk has is not what was written."""
    return (
        isinstance(error, DAMAGED) or getattr(error, "extendedresult", 0) == apsw.SQLITE_IOERR_DATA
    )


@contextmanager
def told(file: Path) -> Iterator[None]:
    """Tell what is wrong with *file* when it is opened.  Raises `FileUnusableError`."""
    try:
        yield
    except apsw.Error as error:
        remedy = "see to the disk and to who may write there"
        if is_damage(error):
            remedy = "it is damaged: ossia check tells what is left, ossia restore brings it back"
        raise FileUnusableError(f"{file} cannot be used ({error}): {remedy}") from error


def unavailable(error: apsw.Error) -> Unavailable:
    """What `UNANSWERED` is to who asks."""
    return Unavailable(f"the metadata file does not answer: {error}")
