"""The domain over what is in memory and fails, or let something happen meanwhile, when told to."""

from collections.abc import Awaitable, Callable
from typing import Any

from ossia.adapters.memory import MemoryBlobStore
from ossia.adapters.sqlite import MemoryDatabase
from ossia.domain.buckets.buckets import Buckets
from ossia.domain.buckets.worm import Worms
from ossia.domain.objects.buffers import Buffers
from ossia.domain.objects.copying import Copies
from ossia.domain.objects.encryption import ObjectKeys
from ossia.domain.objects.ingest import Ingest
from ossia.domain.objects.multipart import Multipart
from ossia.domain.objects.objects import Objects
from ossia.domain.objects.retentions import Retentions
from ossia.domain.objects.symlinks import Symlinks
from ossia.errors import OssError
from ossia.ports import Database
from ossia.records import Bucket
from sealing import kms_of
from stored import CHANGES, Stored

START = 1_700_000_000_000


class SetClock:
    at = START

    def now_ms(self) -> int:
        return self.at


class ToldDatabase(MemoryDatabase):
    """``failures`` holds what changes and questions raise, in turn; ``meanwhile`` what happens first.

    Both by the names of `stored`.
    """

    def __init__(self, clock: SetClock) -> None:
        super().__init__(clock)
        self.failures: dict[str, list[Exception]] = {}
        self.meanwhile: dict[str, list[Callable[[], Awaitable[object]]]] = {}

    async def change(self, change: Any, *args: Any, **named: Any) -> Any:
        await self._be_told(_NAMES.get(change, ""))
        return await super().change(change, *args, **named)

    async def _be_told(self, name: str) -> None:
        if self.failures.get(name):
            raise self.failures[name].pop(0)
        if self.meanwhile.get(name):
            await self.meanwhile[name].pop(0)()


_NAMES = {change: name for name, change in CHANGES.items()}


class Source:
    """Bytes that come in pieces of *step*; of unknown length unless *known*."""

    def __init__(self, content: bytes, step: int = 10_000, *, known: bool = True) -> None:
        self.length: int | None = len(content) if known else None
        self._rest = memoryview(content)
        self._step = step

    async def read_into(self, view: memoryview) -> int:
        filled = 0
        while filled < len(view) and self._rest:
            piece = self._rest[: min(self._step, len(view) - filled)]
            view[filled : filled + len(piece)] = piece
            filled += len(piece)
            self._rest = self._rest[len(piece) :]
        return filled

    async def read_all(self, limit: int, too_large: Callable[[], OssError]) -> bytes:
        if len(self._rest) > limit:
            raise too_large()
        whole, self._rest = bytes(self._rest), self._rest[:0]
        return whole


class Domain:
    """One node's domain."""

    def __init__(
        self,
        *,
        inline_limit: int = 16 * 1024,
        clock: SetClock | None = None,
        database: Database | None = None,
    ) -> None:
        self.clock = clock or SetClock()
        self.told = ToldDatabase(self.clock)
        self.metadata = Stored(database or self.told)
        self.blobs = MemoryBlobStore(self.clock)
        self.buffers = Buffers()
        self.ingest = Ingest(
            self.metadata,
            self.blobs,
            self.clock,
            self.buffers,
            threads=2,
            inline_limit=inline_limit,
        )
        self.kms = kms_of(self.metadata, self.clock)
        object_keys = ObjectKeys(self.kms)
        self.objects = Objects(self.metadata, self.blobs, self.ingest, self.clock, object_keys)
        self.copies = Copies(self.metadata, self.objects, self.ingest, self.clock, object_keys)
        self.symlinks = Symlinks(self.objects, self.clock)
        self.multipart = Multipart(self.metadata, self.objects, self.ingest, self.clock)
        self.buckets = Buckets(self.metadata, self.clock, "cn-test")
        self.worms = Worms(self.buckets, self.clock)
        self.retentions = Retentions(self.metadata, self.objects, self.clock)

    async def bucket(self, name: str = "bucket") -> Bucket:
        return await self.buckets.create(
            name, "1234", acl=None, storage_class="Standard", redundancy="LRS"
        )

    def fail(self, method: str, *errors: Exception) -> None:
        self.told.failures[method] = list(errors)

    def meanwhile(self, method: str, *deeds: Callable[[], Awaitable[object]]) -> None:
        self.told.meanwhile[method] = list(deeds)
