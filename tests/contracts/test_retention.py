"""What must stay stays, on every engine: against everything that could replace or remove it, as time goes by, and against whoever still believes that nothing has to."""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

import pytest
from test_postgres import opened

from ossia.adapters.sqlite import MemoryDatabase
from ossia.domain.objects.multipart import ChosenPart
from ossia.domain.objects.objects import Attributes
from ossia.domain.objects.retention import DefaultRetention, Mode, ObjectWorm
from ossia.domain.objects.versions import Named, Versioning
from ossia.errors import (
    AccessDenied,
    BucketNotEmpty,
    FileImmutable,
    InvalidArgument,
    InvalidRequest,
    InvalidWORMConfiguration,
    NoSuchBucket,
    NoSuchObjectLegalHoldConfiguration,
    NoSuchObjectRetentionConfiguration,
    NoSuchVersion,
    NoSuchWORMConfiguration,
    OperationNotSupported,
    OssError,
    WORMConfigurationLocked,
)
from ossia.ports import Conflict, Missing, Retained
from ossia.protocol.dates import DAY_MS
from ossia.protocol.preconditions import Preconditions
from ossia.records import Bucket, Retention, StoredObject
from ossia.tables.versions import Removal
from postgres_server import PostgresServer
from storing import Domain, SetClock, Source

NONE = Attributes()
GOVERNED, KEPT = Mode.GOVERNANCE, Mode.COMPLIANCE


@pytest.fixture(scope="module")
def url(postgres: PostgresServer) -> str:
    """One database for the whole file: making the tables takes longer than most tests."""
    return postgres.fresh()


@pytest.fixture(params=["sqlite", "postgres"])
async def domain(request: pytest.FixtureRequest) -> AsyncIterator[Domain]:
    clock = SetClock()
    if request.param == "sqlite":
        database: Any = MemoryDatabase(clock)
    else:
        url: str = request.getfixturevalue("url")
        database = await opened(url, clock)  # type: ignore[arg-type]  # a clock alike
    made = Domain(clock=clock, database=database)
    yield made
    made.ingest.close()
    await database.close()


@pytest.fixture
async def bucket(domain: Domain) -> Bucket:
    return await domain.bucket(f"b-{uuid.uuid4().hex}")


async def now(domain: Domain, bucket: Bucket) -> Bucket:
    """The bucket as it is by now."""
    found = await domain.metadata.find_bucket(bucket.name)
    assert isinstance(found, Bucket)
    return found


OF_BUCKETS = "select * from retaining where bucket_id = $1"
OF_VERSIONS = "select * from retention where bucket_id = $1"


async def locked(domain: Domain, bucket: Bucket, days: int = 10) -> Bucket:
    worm = await domain.worms.initiate(bucket, days)
    await domain.worms.complete(await now(domain, bucket), worm.id)
    return await now(domain, bucket)


async def versioned(
    domain: Domain, bucket: Bucket, default: DefaultRetention | None = None
) -> Bucket:
    """The bucket with versioning and ObjectWorm."""
    kept = await domain.buckets.set_versioning(bucket, Versioning.ENABLED)
    await domain.worms.enable_objects(kept, ObjectWorm(default=default))
    return await now(domain, bucket)


async def put(domain: Domain, bucket: Bucket, key: str, content: bytes = b"x") -> StoredObject:
    return await domain.objects.put(bucket, key, Source(content), NONE)


async def append(domain: Domain, bucket: Bucket, key: str, position: int = 0) -> StoredObject:
    return await domain.objects.append(bucket, key, position, Source(b"x" * 9), NONE)


async def copy(domain: Domain, bucket: Bucket, source: str, key: str, **more: Any) -> StoredObject:
    copied, _ = await domain.copies.copy(
        bucket,
        source,
        bucket,
        key,
        Attributes(**more),
        conditions=Preconditions(),
        replace_headers=False,
        replace_tags=False,
    )
    return copied


async def complete(domain: Domain, bucket: Bucket, key: str, **more: Any) -> StoredObject:
    upload = await domain.multipart.initiate(bucket, key, Attributes(**more))
    part, _ = await domain.multipart.put_part(bucket, key, upload.id, 1, Source(b"part"))
    return await domain.multipart.complete(bucket, upload, [ChosenPart(1, part.etag)])


async def delete(
    domain: Domain, bucket: Bucket, key: str, version: str = "", *, bypass: bool = False
) -> None:
    await domain.objects.versions.delete(bucket, [Named(key, version)], bypass=bypass)


Deed = Callable[[Domain, Bucket], Awaitable[object]]

DEEDS: dict[str, Deed] = {
    "put": lambda domain, bucket: put(domain, bucket, "k", b"other"),
    "put-large": lambda domain, bucket: put(domain, bucket, "k", b"other" * 9000),
    "copy": lambda domain, bucket: copy(domain, bucket, "source", "k"),
    "copy-onto-itself": lambda domain, bucket: copy(domain, bucket, "k", "k", headers={"a": "b"}),
    "copy-class": lambda domain, bucket: copy(domain, bucket, "k", "k", storage_class="IA"),
    "complete": lambda domain, bucket: complete(domain, bucket, "k"),
    "symlink": lambda domain, bucket: domain.symlinks.put(bucket, "k", "source", NONE),
    "append": lambda domain, bucket: append(domain, bucket, "grown", 9),
    "put-over-appended": lambda domain, bucket: put(domain, bucket, "grown", b"other"),
    "delete": lambda domain, bucket: delete(domain, bucket, "k"),
    "delete-null": lambda domain, bucket: delete(domain, bucket, "k", "null"),
    "delete-bypassing": lambda domain, bucket: delete(domain, bucket, "k", bypass=True),
}
"""Everything that replaces, extends or removes what a key names in a bucket without versioning."""


async def everything(domain: Domain, bucket: Bucket) -> list[StoredObject | None]:
    return [await domain.metadata.find_object(bucket.id, key) for key in ("k", "grown", "source")]


async def filled(domain: Domain, bucket: Bucket) -> list[StoredObject | None]:
    for key in ("k", "source"):
        await put(domain, bucket, key, b"content")
    await append(domain, bucket, "grown")
    return await everything(domain, bucket)


# --- the policy of a bucket ---


@pytest.mark.parametrize("deed", DEEDS.values(), ids=DEEDS)
async def test_what_the_policy_keeps_is_neither_replaced_nor_removed(
    domain: Domain, bucket: Bucket, deed: Deed
) -> None:
    before = await filled(domain, bucket)
    domain.clock.at += DAY_MS
    kept = await locked(domain, bucket)
    for _ in range(2):
        with pytest.raises(FileImmutable):
            await deed(domain, kept)
        assert await everything(domain, bucket) == before
        # Objects count from when they were last modified, which is before the policy was made.
        domain.clock.at += 9 * DAY_MS - 1
    domain.clock.at = before[0].modified_at + 10 * DAY_MS  # type: ignore[union-attr]  # it is there
    await deed(domain, kept)
    assert await everything(domain, bucket) != before


@pytest.mark.parametrize("deed", DEEDS.values(), ids=DEEDS)
async def test_who_still_believes_that_nothing_is_kept_changes_nothing(
    domain: Domain, bucket: Bucket, deed: Deed
) -> None:
    """A request that began before the policy was made, and has not heard of it since."""
    before = await filled(domain, bucket)
    await domain.worms.initiate(bucket, 10)
    with pytest.raises(FileImmutable):
        await deed(domain, bucket)
    assert await everything(domain, bucket) == before


@pytest.mark.parametrize("deed", DEEDS.values(), ids=DEEDS)
async def test_who_has_not_heard_of_its_extension_changes_nothing(
    domain: Domain, bucket: Bucket, deed: Deed
) -> None:
    before = await filled(domain, bucket)
    short = await locked(domain, bucket, 1)
    worm = domain.worms.find(short)
    await domain.worms.extend(short, worm.id, 30)
    domain.clock.at += 2 * DAY_MS
    with pytest.raises(FileImmutable):
        await deed(domain, short)
    assert await everything(domain, bucket) == before


async def test_what_comes_later_is_kept_and_everything_else_stays_allowed(
    domain: Domain, bucket: Bucket
) -> None:
    await filled(domain, bucket)
    kept = await locked(domain, bucket)
    assert (await copy(domain, kept, "k", "copied")).etag
    assert (await complete(domain, kept, "made")).size == 4
    upload = await domain.multipart.initiate(kept, "k", NONE)
    await domain.multipart.put_part(kept, "k", upload.id, 1, Source(b"part"))
    await domain.multipart.abort(kept, "k", upload.id)
    await domain.objects.describe(kept, "k", acl="public-read", tags={"a": "b"})
    with pytest.raises(FileImmutable):
        await delete(domain, kept, "copied")
    with pytest.raises(BucketNotEmpty):
        await domain.buckets.delete(kept)


async def test_a_policy_that_is_not_locked_is_void_after_a_day(
    domain: Domain, bucket: Bucket
) -> None:
    await put(domain, bucket, "k")
    worm = await domain.worms.initiate(bucket, 100)
    kept = await now(domain, bucket)
    domain.clock.at += DAY_MS - 1
    with pytest.raises(FileImmutable):
        await delete(domain, kept, "k")
    domain.clock.at += 1
    with pytest.raises(NoSuchWORMConfiguration):
        domain.worms.find(kept)
    with pytest.raises(NoSuchWORMConfiguration):
        await domain.worms.complete(kept, worm.id)
    await delete(domain, kept, "k")
    # It can be taken back, and another one made.
    await domain.worms.abort(kept)
    with pytest.raises(NoSuchWORMConfiguration):
        await domain.worms.abort(await now(domain, bucket))
    assert (await domain.worms.initiate(await now(domain, bucket), 1)).id != worm.id


async def test_void_policies_make_room(domain: Domain, bucket: Bucket) -> None:
    await domain.worms.initiate(bucket, 100)
    domain.clock.at += DAY_MS
    worm = await domain.worms.initiate(await now(domain, bucket), 7)
    assert domain.worms.find(await now(domain, bucket)) == worm


async def test_what_a_policy_goes_through(domain: Domain, bucket: Bucket) -> None:
    worms = domain.worms
    with pytest.raises(NoSuchWORMConfiguration):
        await worms.abort(bucket)
    await put(domain, bucket, "k")
    worm = await worms.initiate(bucket, 5)
    with pytest.raises(InvalidWORMConfiguration):
        await worms.initiate(await now(domain, bucket), 5)
    with pytest.raises(InvalidWORMConfiguration):
        await worms.extend(await now(domain, bucket), worm.id, 6)
    for wrong in ("", worm.id.lower(), "1666E2CFB2B3418"):
        with pytest.raises(NoSuchWORMConfiguration):
            await worms.complete(await now(domain, bucket), wrong)
    await worms.abort(await now(domain, bucket))
    await put(domain, await now(domain, bucket), "k", b"free again")
    worm = await worms.initiate(await now(domain, bucket), 5)
    await worms.complete(await now(domain, bucket), worm.id)
    for refused in (
        partial(worms.abort, await now(domain, bucket)),
        partial(worms.complete, await now(domain, bucket), worm.id),
    ):
        with pytest.raises(WORMConfigurationLocked):
            await refused()
    with pytest.raises(InvalidWORMConfiguration):
        await worms.extend(await now(domain, bucket), worm.id, 4)
    for days in (5, 6, 25_550):
        await worms.extend(await now(domain, bucket), worm.id, days)
        assert worms.find(await now(domain, bucket)).days == days
    domain.clock.at += 25_549 * DAY_MS
    with pytest.raises(FileImmutable):
        await delete(domain, await now(domain, bucket), "k")


async def test_an_empty_bucket_goes_with_its_locked_policy(domain: Domain, bucket: Bucket) -> None:
    await domain.buckets.delete(await locked(domain, bucket))
    assert await domain.metadata.all(OF_BUCKETS, bucket.id) == []
    with pytest.raises(NoSuchBucket):
        await domain.worms.initiate(bucket, 1)


async def test_with_versions_one_more_or_a_marker_takes_nothing_away(
    domain: Domain, bucket: Bucket
) -> None:
    old = await put(domain, bucket, "k", b"null")
    kept = await domain.buckets.set_versioning(bucket, Versioning.ENABLED)
    kept = await locked(domain, kept)
    new = await put(domain, kept, "k", b"new")
    await complete(domain, kept, "k")
    await delete(domain, kept, "k")
    for version in (old.version, new.version):
        with pytest.raises(FileImmutable) as refused:
            await delete(domain, kept, "k", version)
        assert refused.value.details == {"Key": "k", "VersionId": version}
        found = await domain.objects.find(kept, "k", version)
        assert found in (old, new)
    # A marker is no object.
    marker = (await domain.objects.versions.delete(kept, [Named("gone")]))[0].marker
    await delete(domain, kept, "gone", marker)
    domain.clock.at += 10 * DAY_MS
    await delete(domain, kept, "k", old.version)
    with pytest.raises(NoSuchVersion):
        await domain.objects.find(kept, "k", old.version)


async def test_appended_objects_are_kept_where_versions_are(domain: Domain, bucket: Bucket) -> None:
    kept = await domain.buckets.set_versioning(bucket, Versioning.ENABLED)
    await append(domain, kept, "grown")
    kept = await locked(domain, kept)
    with pytest.raises(FileImmutable):
        await append(domain, kept, "grown", 9)
    domain.clock.at += 10 * DAY_MS
    assert (await append(domain, kept, "grown", 9)).size == 18


async def test_versioning_is_not_suspended_where_something_is_kept(
    domain: Domain, bucket: Bucket
) -> None:
    kept = await locked(domain, bucket)
    with pytest.raises(InvalidRequest):
        await domain.buckets.set_versioning(kept, Versioning.SUSPENDED)
    kept = await domain.buckets.set_versioning(kept, Versioning.ENABLED)
    with pytest.raises(InvalidRequest):
        await domain.buckets.set_versioning(kept, Versioning.SUSPENDED)


async def test_a_bucket_with_versioning_suspended_gets_no_policy(
    domain: Domain, bucket: Bucket
) -> None:
    await domain.buckets.set_versioning(bucket, Versioning.SUSPENDED)
    with pytest.raises(InvalidWORMConfiguration) as refused:
        await domain.worms.initiate(bucket, 1)
    assert refused.value.ec == "0027-00000003"


async def test_null_versions_are_kept_from_whoever_believes_versioning_is_suspended(
    domain: Domain, bucket: Bucket
) -> None:
    first = await put(domain, bucket, "k", b"null")
    behind = await put(domain, bucket, "behind", b"null")
    suspended = await domain.buckets.set_versioning(bucket, Versioning.SUSPENDED)
    enabled = await domain.buckets.set_versioning(suspended, Versioning.ENABLED)
    await put(domain, enabled, "behind", b"newer")
    await domain.worms.initiate(enabled, 10)
    for key in ("k", "behind"):
        for deed in (put, delete):
            with pytest.raises(FileImmutable):
                await deed(domain, suspended, key)
    kept = await now(domain, bucket)
    assert await domain.objects.find(kept, "k", "null") == first
    assert await domain.objects.find(kept, "behind", "null") == behind


async def test_several_are_deleted_as_far_as_they_may(domain: Domain, bucket: Bucket) -> None:
    await put(domain, bucket, "old")
    domain.clock.at += 5 * DAY_MS
    await put(domain, bucket, "new")
    await put(domain, bucket, "newer")
    kept = await locked(domain, bucket, 5)
    wanted = [Named("new"), Named("old"), Named("absent"), Named("newer"), Named("new")]
    with pytest.raises(FileImmutable) as refused:
        await domain.objects.versions.delete(kept, wanted)
    assert refused.value.details == {"Key": "new"}
    assert await domain.objects.peek(kept, "old") is None
    for key in ("new", "newer"):
        assert await domain.objects.peek(kept, key) is not None


# --- retention of versions ---


async def retain(
    domain: Domain,
    bucket: Bucket,
    mode: Mode,
    days: float,
    version: str | None = None,
    *,
    bypass: bool = False,
) -> str:
    until = domain.clock.at + int(days * DAY_MS)
    return await domain.retentions.put(bucket, "k", version, mode, until, bypass=bypass)


async def test_a_retained_version_stays_until_its_time(domain: Domain, bucket: Bucket) -> None:
    kept = await versioned(domain, bucket)
    first, second = await put(domain, kept, "k"), await put(domain, kept, "k")
    assert await retain(domain, kept, KEPT, 2, first.version) == first.version
    await delete(domain, kept, "k", second.version)
    await delete(domain, kept, "k")
    for bypass in (False, True):
        with pytest.raises(FileImmutable):
            await delete(domain, kept, "k", first.version, bypass=bypass)
    domain.clock.at += 2 * DAY_MS - 1
    with pytest.raises(FileImmutable):
        await delete(domain, kept, "k", first.version)
    domain.clock.at += 1
    await delete(domain, kept, "k", first.version)
    assert await domain.metadata.all(OF_VERSIONS, bucket.id) == []


async def test_governance_is_bypassed_by_who_may(domain: Domain, bucket: Bucket) -> None:
    kept = await versioned(domain, bucket)
    first = await put(domain, kept, "k")
    await retain(domain, kept, GOVERNED, 2)
    with pytest.raises(AccessDenied):
        await retain(domain, kept, GOVERNED, 1)
    await retain(domain, kept, GOVERNED, 1, bypass=True)
    for bypass in (False, True):
        with pytest.raises(FileImmutable):
            await retain(domain, kept, KEPT, 9, bypass=bypass)
    with pytest.raises(FileImmutable):
        await delete(domain, kept, "k", first.version)
    await domain.retentions.hold(kept, "k", None, "ON")
    with pytest.raises(FileImmutable):
        await delete(domain, kept, "k", first.version, bypass=True)
    await domain.retentions.hold(kept, "k", None, "OFF")
    await delete(domain, kept, "k", first.version, bypass=True)


async def test_compliance_only_becomes_longer(domain: Domain, bucket: Bucket) -> None:
    kept = await versioned(domain, bucket)
    await put(domain, kept, "k")
    await retain(domain, kept, KEPT, 2)
    for bypass in (False, True):
        with pytest.raises(AccessDenied):
            await retain(domain, kept, KEPT, 1, bypass=bypass)
        with pytest.raises(FileImmutable):
            await retain(domain, kept, GOVERNED, 3, bypass=bypass)
    await retain(domain, kept, KEPT, 3)
    domain.clock.at += 3 * DAY_MS
    # What is over is over.
    await retain(domain, kept, GOVERNED, 1)
    with pytest.raises(InvalidArgument):
        await retain(domain, kept, GOVERNED, 0)


async def test_a_legal_hold_has_no_end(domain: Domain, bucket: Bucket) -> None:
    kept = await versioned(domain, bucket)
    first = await put(domain, kept, "k")
    with pytest.raises(NoSuchObjectLegalHoldConfiguration):
        await domain.retentions.find_hold(kept, "k", None)
    with pytest.raises(NoSuchObjectRetentionConfiguration):
        await domain.retentions.find(kept, "k", None)
    await domain.retentions.hold(kept, "k", None, "ON")
    domain.clock.at += 10**6 * DAY_MS
    with pytest.raises(FileImmutable):
        await delete(domain, kept, "k", first.version, bypass=True)
    with pytest.raises(NoSuchObjectRetentionConfiguration):
        await domain.retentions.find(kept, "k", None)
    await retain(domain, kept, KEPT, 1)
    assert (await domain.retentions.find_hold(kept, "k", None))[1] == "ON"
    await domain.retentions.hold(kept, "k", first.version, "OFF")
    assert (await domain.retentions.find_hold(kept, "k", None))[1] == "OFF"
    with pytest.raises(FileImmutable):
        await delete(domain, kept, "k", first.version)


async def test_new_versions_get_the_default(domain: Domain, bucket: Bucket) -> None:
    before = await put(domain, bucket, "k")
    kept = await versioned(domain, bucket, DefaultRetention(mode=GOVERNED, days=3))
    day_3 = Retention(mode=GOVERNED, until=domain.clock.at + 3 * DAY_MS)
    own = Retention(mode=KEPT, until=domain.clock.at + 9 * DAY_MS)
    held = Retention(hold="ON")
    made = [
        (await put(domain, kept, "k"), day_3),
        (await copy(domain, kept, "k", "k"), day_3),
        (await complete(domain, kept, "k"), day_3),
        (await domain.symlinks.put(kept, "k", "t", NONE), day_3),
        (await domain.objects.put(kept, "k", Source(b""), Attributes(retention=own)), own),
        (await copy(domain, kept, "k", "k", retention=own), own),
        (await complete(domain, kept, "k", retention=own), own),
        (
            await domain.objects.put(kept, "k", Source(b""), Attributes(retention=held)),
            Retention(mode=GOVERNED, until=day_3.until, hold="ON"),
        ),
        # What was there before gets none.
        (before, None),
    ]
    for stored, wanted in made:
        assert await domain.retentions.told(kept, stored) == wanted
        found = await domain.objects.find(kept, "k", stored.version)
        assert not any("worm" in name for name in found.headers)
    await domain.worms.enable_objects(
        kept, ObjectWorm(default=DefaultRetention(mode=KEPT, years=1))
    )
    later = await put(domain, await now(domain, bucket), "k")
    year = Retention(mode=KEPT, until=domain.clock.at + 365 * DAY_MS)
    assert await domain.retentions.told(kept, later) == year
    await domain.worms.enable_objects(await now(domain, bucket), ObjectWorm())
    free = await put(domain, await now(domain, bucket), "k")
    assert await domain.retentions.told(kept, free) is None


async def test_where_versions_cannot_be_retained(domain: Domain, bucket: Bucket) -> None:
    await put(domain, bucket, "k")
    asked = Attributes(retention=Retention(mode=KEPT, until=domain.clock.at + DAY_MS))
    refused: list[Awaitable[object]] = [
        domain.worms.enable_objects(bucket, ObjectWorm()),
        retain(domain, bucket, KEPT, 1),
        domain.retentions.find(bucket, "k", None),
        domain.retentions.hold(bucket, "k", None, "ON"),
        domain.retentions.find_hold(bucket, "k", None),
        domain.objects.put(bucket, "new", Source(b""), asked),
        domain.symlinks.put(bucket, "new", "t", asked),
        domain.multipart.initiate(bucket, "new", asked),
        copy(domain, bucket, "k", "new", retention=asked.retention),
    ]
    for each in refused:
        with pytest.raises(InvalidRequest):
            await each
    assert await domain.objects.peek(bucket, "new") is None
    with pytest.raises(NoSuchWORMConfiguration):
        domain.worms.of_objects(bucket)
    kept = await locked(domain, await domain.buckets.set_versioning(bucket, Versioning.ENABLED))
    with pytest.raises(InvalidRequest):
        await domain.worms.enable_objects(kept, ObjectWorm())


async def test_with_object_worm_there_is_no_other(domain: Domain, bucket: Bucket) -> None:
    await append(domain, bucket, "grown")
    kept = await versioned(domain, bucket)
    refused: list[tuple[Awaitable[object], type[OssError]]] = [
        (domain.worms.initiate(kept, 1), InvalidWORMConfiguration),
        (domain.buckets.set_versioning(kept, Versioning.SUSPENDED), InvalidRequest),
        (append(domain, kept, "grown", 9), OperationNotSupported),
        (append(domain, kept, "another"), OperationNotSupported),
        (domain.retentions.hold(kept, "grown", None, "ON"), OperationNotSupported),
        (
            domain.objects.put(
                kept, "k", Source(b""), Attributes(retention=Retention(mode=KEPT, until=1))
            ),
            InvalidArgument,
        ),
    ]
    for each, error in refused:
        with pytest.raises(error):
            await each


async def test_a_retained_null_version_is_kept_from_who_knows_of_no_versions(
    domain: Domain, bucket: Bucket
) -> None:
    first = await put(domain, bucket, "k", b"first")
    kept = await versioned(domain, bucket)
    await retain(domain, kept, KEPT, 1)
    for deed in (put, delete):
        with pytest.raises(FileImmutable):
            await deed(domain, bucket, "k")
    assert await domain.objects.find(kept, "k", "null") == first
    domain.clock.at += DAY_MS
    # The retention was that of what is gone.
    second = await put(domain, bucket, "k", b"second")
    assert await domain.retentions.told(kept, second) is None


# --- facts of the tables ---


async def test_without_a_guard_nothing_goes_where_something_may_have_to_stay(
    domain: Domain, bucket: Bucket
) -> None:
    stored = await put(domain, bucket, "k")
    await domain.metadata.retain_bucket(bucket, retains=True)
    with pytest.raises(Retained):
        await domain.metadata.put_object(stored)
    assert await domain.metadata.delete_objects(bucket.id, ["k", "absent"]) == {"k"}
    removal = Removal("k", "null")
    assert await domain.metadata.delete_versions(bucket.id, [removal]) == {removal: None}
    marking = Removal("k", marker="null")
    assert await domain.metadata.delete_versions(bucket.id, [marking]) == {marking: None}
    assert await domain.metadata.find_object(bucket.id, "k") == stored
    await domain.metadata.retain_bucket(await now(domain, bucket), retains=False)
    await domain.metadata.put_object(stored)


async def test_retaining_a_bucket_that_has_changed_or_gone(domain: Domain, bucket: Bucket) -> None:
    await domain.metadata.update_bucket(bucket)
    with pytest.raises(Conflict):
        await domain.metadata.retain_bucket(bucket, retains=True)
    assert await domain.metadata.all(OF_BUCKETS, bucket.id) == []
    await domain.metadata.delete_bucket(bucket.id)
    with pytest.raises(Missing):
        await domain.metadata.retain_bucket(bucket, retains=True)


async def test_a_retention_is_put_in_the_place_of_the_one_that_was_seen(
    domain: Domain, bucket: Bucket
) -> None:
    stored = await put(domain, bucket, "k")
    one, two = Retention(hold="ON"), Retention(hold="OFF")
    await domain.metadata.put_retention(stored, None, one)
    with pytest.raises(Conflict):
        await domain.metadata.put_retention(stored, None, two)
    await domain.metadata.put_retention(stored, one, two)
    assert await domain.metadata.find_retention(bucket.id, "k", "null") == two
    await delete(domain, bucket, "k")
    with pytest.raises(Missing):
        await domain.metadata.put_retention(stored, two, one)
