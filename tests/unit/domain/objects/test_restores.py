"""Which objects can be read, and how they become readable."""

from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from ossia.domain.objects.objects import Attributes
from ossia.domain.objects.readable import (
    DIRECT_READ,
    DISABLED,
    ENABLED,
    check_readable,
    restoration_text,
)
from ossia.domain.objects.restores import Restores
from ossia.errors import (
    ArchiveRestoreFileStale,
    ArchiveRestoreNotFinished,
    InvalidArgument,
    InvalidObjectState,
    MalformedXML,
    NoSuchKey,
    OperationNotSupported,
    OssError,
    RestoreAlreadyInProgress,
    ServiceUnavailable,
)
from ossia.ports import Conflict
from ossia.protocol.preconditions import Preconditions
from ossia.protocol.restore_request import RestoreRequest
from ossia.protocol.restore_times import parse_restore_times
from ossia.records import Bucket, Restoration, StoredObject
from storing import Domain, Source

ANY = Preconditions()
DAY = 24 * 3_600_000
PLAIN = RestoreRequest()
TIMES = ("Archive=60", "ColdArchive/Expedited=10", "ColdArchive=100", "ColdArchive/Bulk=1000")


class Frozen:
    """One object, and what is asked about it."""

    def __init__(self) -> None:
        self.domain = Domain()
        self.restores = Restores(
            self.domain.metadata, self.domain.objects, self.domain.clock, parse_restore_times(TIMES)
        )

    async def put(self, storage_class: str = "Archive") -> StoredObject:
        self.bucket = await self.domain.bucket()
        return await self.domain.objects.put(
            self.bucket, "k", Source(b"abc"), Attributes(storage_class=storage_class)
        )

    async def restore(self, days: int | None = None, tier: str | None = None) -> bool:
        request = RestoreRequest(None if days is None else str(days), tier)
        _, was_readable = await self.restores.restore(self.bucket, "k", None, request)
        return was_readable

    async def restoration(self) -> Restoration:
        found = await self.domain.objects.find(self.bucket, "k")
        assert found.restoration is not None
        return found.restoration

    async def state(self) -> str | None:
        found = await self.domain.objects.find(self.bucket, "k")
        return restoration_text(found, self.domain.clock.at)

    async def is_readable(self) -> bool:
        found = await self.domain.objects.find(self.bucket, "k")
        try:
            check_readable(self.bucket, found, self.domain.clock.at)
        except InvalidObjectState:
            return False
        return True


@pytest.fixture
def frozen() -> Iterator[Frozen]:
    made = Frozen()
    yield made
    made.domain.ingest.close()


async def test_restoring_takes_its_time_and_ends(frozen: Frozen) -> None:
    await frozen.put()
    clock = frozen.domain.clock
    assert not await frozen.is_readable()
    assert await frozen.state() is None
    assert not await frozen.restore()
    assert await frozen.state() == 'ongoing-request="true"'
    assert not await frozen.is_readable()
    clock.at += 59_999
    assert not await frozen.is_readable()
    with pytest.raises(RestoreAlreadyInProgress):
        await frozen.restore()
    clock.at += 1
    assert await frozen.is_readable()
    state = await frozen.state()
    assert state is not None
    assert state.startswith('ongoing-request="false", expiry-date="')
    assert state.endswith(' GMT"')
    clock.at += DAY - 1
    assert await frozen.is_readable()
    clock.at += 1
    assert not await frozen.is_readable()
    assert await frozen.state() is None
    assert not await frozen.restore(), "it begins anew"
    assert not await frozen.is_readable()


async def test_days_add_up_to_the_most_of_the_class(frozen: Frozen) -> None:
    await frozen.put()
    await frozen.restore(days=2)
    ready_at = (await frozen.restoration()).ready_at
    frozen.domain.clock.at = ready_at + DAY
    assert await frozen.restore(days=3)
    assert (await frozen.restoration()).until == ready_at + 5 * DAY
    assert await frozen.restore(days=7)
    assert await frozen.restoration() == Restoration(
        tier="Standard", ready_at=ready_at, until=ready_at + 7 * DAY
    )


@pytest.mark.parametrize(
    ("first", "then", "seconds"),
    [
        ("Bulk", "Standard", 100),
        ("Bulk", "Expedited", 10),
        ("Standard", "Expedited", 10),
    ],
)
async def test_what_is_under_way_can_be_hastened(
    frozen: Frozen, first: str, then: str, seconds: int
) -> None:
    await frozen.put("ColdArchive")
    await frozen.restore(1, first)
    frozen.domain.clock.at += 5
    assert not await frozen.restore(3, then)
    ready_at = frozen.domain.clock.at + seconds * 1000
    assert await frozen.restoration() == Restoration(
        tier=then, ready_at=ready_at, until=ready_at + 3 * DAY
    )


async def test_what_is_nearly_done_is_not_begun_again(frozen: Frozen) -> None:
    await frozen.put("ColdArchive")
    await frozen.restore(1, "Standard")
    ready_at = (await frozen.restoration()).ready_at
    frozen.domain.clock.at = ready_at - 1
    await frozen.restore(1, "Expedited")
    assert (await frozen.restoration()).ready_at == ready_at


@pytest.mark.parametrize(
    ("first", "then", "ec"),
    [
        ("Standard", "Bulk", "0016-00000715"),
        ("Expedited", "Standard", "0016-00000715"),
        ("Standard", "Standard", None),
        ("Bulk", None, None),
    ],
)
async def test_what_is_under_way_is_not_slowed_down(
    frozen: Frozen, first: str, then: str | None, ec: str | None
) -> None:
    await frozen.put("ColdArchive")
    await frozen.restore(1, first)
    before = await frozen.restoration()
    with pytest.raises(RestoreAlreadyInProgress) as refused:
        await frozen.restore(1, then)
    assert refused.value.ec == ec
    assert await frozen.restoration() == before


async def test_cleaning(frozen: Frozen) -> None:
    await frozen.put()
    with pytest.raises(ArchiveRestoreFileStale):
        await frozen.restores.clean(frozen.bucket, "k", None)
    await frozen.restore()
    with pytest.raises(ArchiveRestoreNotFinished):
        await frozen.restores.clean(frozen.bucket, "k", None)
    frozen.domain.clock.at += 60_000
    await frozen.restores.clean(frozen.bucket, "k", None)
    assert not await frozen.is_readable()
    with pytest.raises(ArchiveRestoreFileStale):
        await frozen.restores.clean(frozen.bucket, "k", None)
    await frozen.restore()
    frozen.domain.clock.at += 60_000 + DAY
    with pytest.raises(ArchiveRestoreFileStale):
        await frozen.restores.clean(frozen.bucket, "k", None)


@pytest.mark.parametrize("storage_class", ["Standard", "IA"])
async def test_what_is_read_anyway_is_not_restored(frozen: Frozen, storage_class: str) -> None:
    await frozen.put(storage_class)
    assert await frozen.is_readable()
    with pytest.raises(OperationNotSupported) as refused:
        await frozen.restore()
    assert refused.value.ec == "0016-00000702"
    with pytest.raises(OperationNotSupported):
        await frozen.restores.clean(frozen.bucket, "k", None)
    with pytest.raises(NoSuchKey):
        await frozen.restores.restore(frozen.bucket, "absent", None, PLAIN)
    with pytest.raises(NoSuchKey):
        await frozen.restores.clean(frozen.bucket, "absent", None)


async def test_a_wrong_request_is_told_before_the_state(frozen: Frozen) -> None:
    """ali-oss, "Should not set JobParameters when restore Archive object": it is being restored."""
    await frozen.put()
    await frozen.restore()
    with pytest.raises(MalformedXML):
        await frozen.restore(1, "Standard")
    with pytest.raises(MalformedXML):
        await frozen.restore(8)


@pytest.mark.parametrize(
    ("storage_class", "document", "readable"),
    [
        ("Archive", ENABLED, True),
        ("Archive", DISABLED, False),
        ("Archive", None, False),
        ("ColdArchive", ENABLED, False),
        ("DeepColdArchive", ENABLED, False),
        ("Standard", DISABLED, True),
    ],
)
async def test_direct_read(
    frozen: Frozen, storage_class: str, document: bytes | None, readable: bool
) -> None:
    await frozen.put(storage_class)
    frozen.bucket = await frozen.domain.buckets.set_document(frozen.bucket, DIRECT_READ, document)
    assert await frozen.is_readable() == readable


async def copied(frozen: Frozen, to: str, **said: str) -> StoredObject:
    new, _ = await frozen.domain.copies.copy(
        frozen.bucket,
        "k",
        frozen.bucket,
        to,
        Attributes(**said),  # type: ignore[arg-type]  # only the class
        conditions=ANY,
        replace_headers=False,
        replace_tags=False,
    )
    return new


@pytest.mark.parametrize("to", ["k", "other"])
async def test_copying_needs_reading_and_freezes_again(frozen: Frozen, to: str) -> None:
    await frozen.put()
    with pytest.raises(InvalidObjectState):
        await copied(frozen, to)
    await frozen.restore()
    frozen.domain.clock.at += 60_000
    new = await copied(frozen, to, storage_class="ColdArchive")
    assert (new.storage_class, new.restoration) == ("ColdArchive", None)
    assert await frozen.domain.objects.find(frozen.bucket, to) == new


async def test_an_acl_leaves_it_restored(frozen: Frozen) -> None:
    await frozen.put()
    await frozen.restore()
    frozen.domain.clock.at += 60_000
    await frozen.domain.objects.describe(frozen.bucket, "k", acl="private")
    assert await frozen.is_readable()


async def test_overwriting_freezes_again(frozen: Frozen) -> None:
    await frozen.put()
    await frozen.restore()
    frozen.domain.clock.at += 60_000
    await frozen.put()
    assert not await frozen.is_readable()


async def test_a_leftover_says_nothing_of_another_class(frozen: Frozen) -> None:
    stored = await frozen.put("IA")
    left = replace(stored, restoration=Restoration(tier="Standard", ready_at=0, until=2**60))
    assert restoration_text(left, 5) is None


@pytest.mark.parametrize("storage_class", ["ColdArchive", "DeepColdArchive"])
async def test_nothing_appendable_becomes_that_cold(frozen: Frozen, storage_class: str) -> None:
    bucket = frozen.bucket = await frozen.domain.bucket()
    objects = frozen.domain.objects

    async def appended(to: Bucket, position: int, said: Attributes) -> StoredObject | str | None:
        try:
            return await objects.append(to, "k", position, Source(b"abc"), said)
        except InvalidArgument as refused:
            return refused.ec

    cold = Attributes(storage_class=storage_class)
    assert await appended(bucket, 0, cold) == "0016-00000503"
    of_bucket = replace(bucket, storage_class=storage_class)
    assert await appended(of_bucket, 0, Attributes()) == "0016-00000503"
    first = await appended(bucket, 0, Attributes(storage_class="Archive"))
    assert isinstance(first, StoredObject)
    later = await appended(bucket, 3, cold)
    assert isinstance(later, StoredObject), "a later append has no class (W22)"
    await frozen.restore()
    frozen.domain.clock.at += 60_000
    with pytest.raises(InvalidArgument):
        await copied(frozen, "k", storage_class=storage_class)
    copy = await copied(frozen, "other", storage_class=storage_class)
    assert (copy.type, copy.storage_class) == ("Normal", storage_class)


@pytest.mark.parametrize("act", ["restore", "clean"])
async def test_who_was_faster(frozen: Frozen, act: str) -> None:
    await frozen.put()
    await frozen.restore()
    frozen.domain.clock.at += 60_000

    async def once() -> object:
        if act == "restore":
            return await frozen.restore()
        return await frozen.restores.clean(frozen.bucket, "k", None)

    frozen.domain.fail("put_restoration", Conflict())
    await once()
    if act == "clean":
        await frozen.restore()
        frozen.domain.clock.at += 60_000
    frozen.domain.fail("put_restoration", *[Conflict()] * 9)
    with pytest.raises(ServiceUnavailable) as refused:
        await once()
    assert isinstance(refused.value, OssError)
