"""The domain over memory adapters that fail, or let something happen meanwhile, when told to."""

from collections.abc import Awaitable, Callable
from typing import Any

from ossia.adapters.memory import MemoryBlobStore, MemoryMetadataStore
from ossia.domain.buckets.buckets import Buckets
from ossia.domain.objects.buffers import Buffers
from ossia.domain.objects.ingest import Ingest
from ossia.domain.objects.multipart import Multipart
from ossia.domain.objects.objects import Objects
from ossia.errors import OssError
from ossia.records import Bucket

START = 1_700_000_000_000


class SetClock:
    at = START

    def now_ms(self) -> int:
        return self.at


class ToldStore(MemoryMetadataStore):
    """``failures`` holds what methods raise, in turn; ``meanwhile`` what happens before them."""

    def __init__(self, clock: SetClock) -> None:
        super().__init__(clock)
        self.failures: dict[str, list[Exception]] = {}
        self.meanwhile: dict[str, list[Callable[[], Awaitable[object]]]] = {}

    def __getattribute__(self, name: str) -> Any:
        own = object.__getattribute__(self, "__dict__")
        found = super().__getattribute__(name)
        if own.get("failures", {}).get(name):
            error = own["failures"][name].pop(0)

            async def fail(*_: object, **__: object) -> None:
                raise error

            return fail
        if own.get("meanwhile", {}).get(name):
            first = own["meanwhile"][name].pop(0)

            async def late(*args: object, **more: object) -> object:
                await first()
                return await found(*args, **more)

            return late
        return found


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

    def __init__(self, *, inline_limit: int = 16 * 1024) -> None:
        self.clock = SetClock()
        self.metadata = ToldStore(self.clock)
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
        self.objects = Objects(self.metadata, self.blobs, self.ingest, self.clock)
        self.multipart = Multipart(self.metadata, self.objects, self.ingest, self.clock)
        self.buckets = Buckets(self.metadata, self.clock, "cn-test")

    async def bucket(self, name: str = "bucket") -> Bucket:
        return await self.buckets.create(
            name, "1234", acl=None, storage_class="Standard", redundancy="LRS"
        )

    def fail(self, method: str, *errors: Exception) -> None:
        self.metadata.failures[method] = list(errors)

    def meanwhile(self, method: str, *deeds: Callable[[], Awaitable[object]]) -> None:
        self.metadata.meanwhile[method] = list(deeds)
