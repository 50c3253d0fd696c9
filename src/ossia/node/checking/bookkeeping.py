"""What a copy of all rows says of itself."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from ossia.ports import Database, Row, Rows
from ossia.tables import mending, soundness

_BEYOND: Final = (
    (soundness.CONTENT_MISSING, "the bytes {} in the database are named and not there"),
    (soundness.CONTENT_SHARED, "the bytes {} in the database are named more than once"),
    (soundness.IN_PIECES, "{}/{} (version {}) does not have the pieces that it is said to have"),
    (soundness.PIECES_OF_NOTHING, "bucket {}, {!r} (version {}): pieces of nothing that there is"),
    (soundness.OF_NO_BUCKET, "a row of {} is in the bucket {}, which is not there: {!r}"),
    (soundness.OF_NO_UPLOAD, "the upload {} is not there, and its part {} is"),
)
"""What is wrong with rows that nobody but a backup can mend."""
_AT_ONCE: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """What is counted wrong, as `tables.soundness` finds it, and what is wrong beyond that."""

    references: list[Row] = field(default_factory=list)
    named: list[Row] = field(default_factory=list)
    unused: list[Row] = field(default_factory=list)
    usage: list[Row] = field(default_factory=list)
    classes: list[Row] = field(default_factory=list)
    beyond: list[str] = field(default_factory=list)

    def mendable(self) -> Iterator[str]:
        """What can be set right, in words."""
        for blob_id, counted, there_are in self.references:
            yield f"the blob {blob_id} counts {counted} references, there are {there_are}"
        for blob_id, _ in self.named:
            yield f"the blob {blob_id} is named by what is stored, and would be removed as garbage"
        for (content_id,) in self.unused:
            yield f"the bytes {content_id} in the database belong to nothing"
        for name, *missing in self.usage:
            off = _told(missing, ("bytes", "objects", "uploads", "parts"))
            yield f"the usage of the bucket {name} is off by {off}"
        for name, storage_class, *missing in self.classes:
            off = _told(missing, ("bytes", "billed bytes", "objects"))
            yield f"the usage of {storage_class} in {name} is off by {off}"


def _told(missing: list[int], what: tuple[str, ...]) -> str:
    return ", ".join(
        f"{-number} {name}" for number, name in zip(missing, what, strict=True) if number
    )


async def look(copy: Rows) -> Books:
    """What is wrong in a copy of all rows (`stage_as_counted`)."""
    return Books(
        references=await copy.all(soundness.WRONG_REFERENCES),
        named=await copy.all(soundness.NAMED_BUT_NOT_LIVE),
        unused=await copy.all(soundness.CONTENT_UNUSED),
        usage=await copy.all(soundness.WRONG_USAGE),
        classes=await copy.all(soundness.WRONG_CLASSES),
        beyond=[
            text.format(*row) for question, text in _BEYOND for row in await copy.all(question)
        ],
    )


async def mend(database: Database, books: Books) -> None:
    """Set right what is counted wrong.  Raises `Unavailable`."""
    for change, wrong in (
        (mending.references, books.references),
        (mending.named, books.named),
        (mending.unused_content, books.unused),
    ):
        for start in range(0, len(wrong), _AT_ONCE):
            await database.change(change, wrong[start : start + _AT_ONCE])
    if books.usage or books.classes:
        await database.change(mending.usage)
