"""How far the worker of lifecycle rules has come in a bucket: what it stores, and goes on from.

Whoever asks for a pass asks for one that begins afterwards: one that is being made may already have
gone by what is meant.
"""

from enum import StrEnum
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from ossia import tables
from ossia.ports import Rows, Transaction

_Stored = Annotated[int, Meta(ge=-(1 << 63), le=(1 << 63) - 1)]
"""What engines store; a dry run's comes back from clients."""

KIND: Final = "lifecycle"
"""Of the rows of identities that hold it; their names are ids of buckets."""


class Stage(StrEnum):
    """What is gone through."""

    OBJECTS = "objects"
    VERSIONS = "versions"
    UPLOADS = "uploads"
    DONE = "done"


class Progress(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One pass through a bucket.

    ``day`` is the midnight that it is for, ``rules`` tells the documents that it goes by.  It goes
    on behind ``key``, among what begins with the prefix of that number; of versions behind
    ``place``, whose row was written at ``written_at``; of uploads behind ``upload``.  ``asked`` is
    how often a pass has been asked for, ``answers`` how often it had been when this one began.
    """

    day: int
    rules: str
    begun_at: int
    ended_at: int = 0
    stage: Stage = Stage.OBJECTS
    prefix: Annotated[int, Meta(ge=0)] = 0
    key: str = ""
    place: _Stored = 0
    written_at: int = 0
    upload: str = ""
    looked_at: int = 0
    counts: dict[str, int] = {}
    asked: int = 0
    answers: int = 0

    @property
    def is_followed(self) -> bool:
        """Whether one more has been asked for since it began."""
        return self.asked > self.answers

    def at_next_prefix(self) -> "Progress":
        """The same, for the next prefix."""
        return msgspec.structs.replace(
            self, prefix=self.prefix + 1, key="", place=0, written_at=0, upload=""
        )

    def at_next_stage(self) -> "Progress":
        """The same, for what is gone through after this."""
        stages = list(Stage)
        following = stages[stages.index(self.stage) + 1]
        return msgspec.structs.replace(
            self, stage=following, prefix=0, key="", place=0, written_at=0, upload=""
        )


pack: Final = msgspec.json.Encoder().encode
unpack: Final = msgspec.json.Decoder(Progress).decode

_NONE: Final = Progress(day=0, rules="", begun_at=0, stage=Stage.DONE)
"""That of a bucket that none has been made of."""


async def find(rows: Rows, bucket_id: int) -> Progress | None:
    """How far it has come, or came last; None if none has been begun or asked for."""
    content = await tables.identities.find(rows, KIND, str(bucket_id))
    return None if content is None else unpack(content)


async def keep(tx: Transaction, bucket_id: int, progress: Progress) -> None:
    """Store it; what has been asked for meanwhile stays asked for."""
    asked = (await _held(tx, bucket_id)).asked
    await _put(tx, bucket_id, msgspec.structs.replace(progress, asked=asked))


async def ask(tx: Transaction, bucket_id: int) -> None:
    """Let one more pass follow what has been begun."""
    held = await _held(tx, bucket_id)
    await _put(tx, bucket_id, msgspec.structs.replace(held, asked=held.asked + 1))
    # The worker looks at what has changed.
    tx.renew(tables.buckets.CHANGED)


async def _held(tx: Transaction, bucket_id: int) -> Progress:
    content = await tables.identities.hold(tx, KIND, str(bucket_id))
    return _NONE if content is None else unpack(content)


async def _put(tx: Transaction, bucket_id: int, progress: Progress) -> None:
    await tables.identities.put(tx, KIND, str(bucket_id), pack(progress))
