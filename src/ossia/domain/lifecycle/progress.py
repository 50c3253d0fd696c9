"""How far the worker of lifecycle rules has come in a bucket: what it stores, and goes on from."""

from enum import StrEnum
from typing import Annotated, Final

import msgspec
from msgspec import Meta

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
    ``place``, whose row was written at ``written_at``; of uploads behind ``upload``.
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
