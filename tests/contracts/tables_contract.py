"""What `ossia.tables` does on every engine, written from its docstrings.

An engine's test file inherits `TablesContract` and adds a ``store`` fixture.
"""

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from ossia.ports import (
    Conflict,
    Exists,
    Fenced,
    Missing,
    NotEmpty,
    Transaction,
)
from ossia.records import (
    Bucket,
    BucketUsage,
    CallbackMessage,
    ClassUsage,
    Delivery,
    Extent,
    Part,
    PendingCallback,
    Restoration,
    StoredObject,
    Timings,
    Upload,
)
from ossia.tables.callbacks import DeliveryFilter, Owed
from ossia.tables.class_usage import recount
from ossia.tables.identities import IdentityChange
from ossia.tables.lifecycle import ClassChange
from ossia.tables.versions import Removal, Where, seen_as
from stored import Stored

TERMS = {"reader_grace_ms": 1_000, "tombstone_ms": 50_000, "claim_ms": 300}


class SetClock:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.at = 1_700_000_000_000

    def now_ms(self) -> int:
        return self.at


def a_bucket(name: str = "bucket", **changes: Any) -> Bucket:
    return replace(
        Bucket(id=0, name=name, owner="1", created_at=7, region="cn-hangzhou"), **changes
    )


def an_object(bucket: Bucket, key: str = "key", **changes: Any) -> StoredObject:
    return replace(
        StoredObject(
            bucket_id=bucket.id,
            key=key,
            size=5,
            etag="E" * 32,
            md5="m",
            crc64=2**64 - 3,
            modified_at=11,
            headers={"content-type": "text/plain", "x-oss-meta-é": "ü"},
            tags={"a": "1"},
            inline=b"hello",
        ),
        **changes,
    )


def on_blobs(bucket: Bucket, key: str, *blob_ids: str, **changes: Any) -> StoredObject:
    """An object whose bytes are ten bytes of each blob."""
    extents = tuple(
        Extent(blob_id=each, blob_offset=i, length=10) for i, each in enumerate(blob_ids)
    )
    about = {"inline": None, "extents": extents, "size": 10 * len(extents), **changes}
    return an_object(bucket, key, **about)


def a_message(message_id: str = "m", **changes: Any) -> CallbackMessage:
    about: dict[str, Any] = {
        "request_id": "R",
        "bucket": "bucket",
        "key": "key",
        "operation": "PutObject",
        "requester": "1",
        "urls": ("http://app.example/cb",),
        "body": b"size=\xff5",
        "body_type": "application/json",
        "variables": {"size": 5, "etag": "E", "x:a": None},
        "trace": {"traceparent": "00-1"},
    }
    return CallbackMessage(**{"id": message_id, **about, **changes})


def a_delivery(at: int, *, accepted: bool = True, **message: Any) -> Delivery:
    return Delivery(
        id=str(at),
        at=at,
        message=a_message(message.pop("id", "m"), **message),
        url="http://app.example/cb",
        headers={"Host": "app.example"},
        timings=Timings(total_us=at),
        status=200,
        reply_body=b"{}",
        accepted=accepted,
    )


def owed(message_id: str, **changes: Any) -> PendingCallback:
    message = a_message(message_id)
    return replace(
        PendingCallback(id=message_id, message=message, created_at=1, not_before=5), **changes
    )


def an_upload(bucket: Bucket, key: str = "key", id: str = "u1", **changes: Any) -> Upload:  # noqa: A002 - the field's name
    return replace(
        Upload(
            id=id,
            bucket_id=bucket.id,
            key=key,
            initiated_at=3,
            acl="private",
            headers={"content-type": "a/b"},
            tags={"t": "v"},
            sequential=True,
            forbid_overwrite=True,
        ),
        **changes,
    )


def a_part(number: int, *blob_ids: str, upload_id: str = "u1", **changes: Any) -> Part:
    extents = tuple(Extent(blob_id=each, length=10) for each in blob_ids)
    return replace(
        Part(
            upload_id=upload_id,
            number=number,
            size=10 * len(extents),
            etag=f"{number:032X}",
            crc64=2**63 + number,
            modified_at=13,
            extents=extents,
        ),
        **changes,
    )


def blob(number: int) -> str:
    return f"{number:032x}"


async def count_former_versions(store: Stored) -> None:
    """A former version counts with its own class, a delete marker for itself."""

    async def classes() -> dict[str, int]:
        usage: BucketUsage = await store.bucket_usage(bucket.id)
        return {kind: each.objects for kind, each in usage.classes.items()}

    bucket = await store.create_bucket(a_bucket("with-versions"))
    await store.put_object(an_object(bucket, version="v1", storage_class="Archive"))
    await store.put_object(an_object(bucket, version="v2", storage_class="IA"))
    await store.put_object(an_object(bucket, version="v3"))
    assert await classes() == {"Archive": 1, "IA": 1}
    await store.delete_versions(bucket.id, [Removal("key", marker="v4")])
    assert await classes() == {"Archive": 1, "DeleteMarker": 1, "IA": 1}
    former = await store.find_version(bucket.id, "key", "v1")
    noted = Restoration(tier="Standard", ready_at=7, until=9)
    await store.put_restoration(former, noted)
    restored = replace(former, restoration=noted)
    assert await store.find_version(bucket.id, "key", "v1") == restored
    sealed = replace(restored, headers={**former.headers, "x-oss-sealed-time": "now"})
    await store.put_headers(restored, sealed.headers)
    assert await store.find_version(bucket.id, "key", "v1") == sealed
    await store.put_headers(sealed, former.headers)
    await store.change(recount)
    assert await classes() == {"Archive": 1, "DeleteMarker": 1, "IA": 1}
    await store.change(forget_classes)
    await store.change(recount)
    assert await classes() == {"Archive": 1, "DeleteMarker": 1, "IA": 1}
    for version in ("v4", "v3", "v2"):
        await store.delete_versions(bucket.id, [Removal("key", version)])
    assert await classes() == {"Archive": 1}
    assert await store.find_object(bucket.id, "key") == restored, "it is named again"
    await store.delete_versions(bucket.id, [Removal("key", "v1")])
    assert await classes() == {}


async def forget_classes(tx: Transaction) -> None:
    await tx.run("delete from class_usage")


async def delete_with_its_classes(store: Stored) -> None:
    """Of a bucket that is gone nothing is counted."""
    bucket = await store.create_bucket(a_bucket("with-classes"))
    await store.put_object(an_object(bucket, storage_class="IA"))
    await store.delete_objects(bucket.id, ["key"])
    await store.delete_bucket(bucket.id)
    assert await store.all("select * from class_usage") == []


async def intend(store: Stored, *blob_ids: str, lease_until: int = 10**15) -> None:
    for each in blob_ids:
        await store.intend_blob(each, lease_until)


class TablesContract:
    @pytest.fixture
    def clock(self) -> SetClock:
        return SetClock()

    @pytest.fixture
    async def bucket(self, store: Stored) -> Bucket:
        return await store.create_bucket(a_bucket())

    async def doomed(self, store: Stored, clock: SetClock) -> set[str]:
        """Every blob that is garbage once the reader grace is over."""
        return set(await store.collect(clock.at + TERMS["reader_grace_ms"], 1000))

    # buckets

    async def test_created_bucket_is_found(self, store: Stored) -> None:
        asked = a_bucket(acl="public-read", documents={"cors": b"\x00<x/>"}, versioning="Enabled")
        created = await store.create_bucket(asked)
        assert created == replace(asked, id=created.id)
        assert await store.find_bucket("bucket") == created
        assert await store.find_bucket("other") is None

    async def test_bucket_name_is_taken_once(self, store: Stored, bucket: Bucket) -> None:
        with pytest.raises(Exists):
            await store.create_bucket(a_bucket(owner="2"))
        assert await store.find_bucket("bucket") == bucket

    async def test_bucket_id_is_never_used_twice(self, store: Stored, bucket: Bucket) -> None:
        await store.delete_bucket(bucket.id)
        assert (await store.create_bucket(a_bucket())).id != bucket.id

    async def test_update_of_bucket_needs_its_epoch(self, store: Stored, bucket: Bucket) -> None:
        updated = await store.update_bucket(replace(bucket, acl="public-read"))
        assert updated.epoch == bucket.epoch + 1
        assert await store.find_bucket("bucket") == updated
        with pytest.raises(Conflict):
            await store.update_bucket(replace(bucket, acl="private"))
        assert await store.find_bucket("bucket") == updated

    async def test_update_of_absent_bucket(self, store: Stored, bucket: Bucket) -> None:
        with pytest.raises(Missing):
            await store.update_bucket(replace(bucket, id=bucket.id + 1))

    async def test_deleted_bucket_is_gone(self, store: Stored, bucket: Bucket) -> None:
        await store.delete_bucket(bucket.id)
        assert await store.find_bucket("bucket") is None
        with pytest.raises(Missing):
            await store.delete_bucket(bucket.id)
        with pytest.raises(Missing):
            await store.bucket_usage(bucket.id)

    async def test_bucket_with_object_is_not_deleted(self, store: Stored, bucket: Bucket) -> None:
        await store.put_object(an_object(bucket))
        with pytest.raises(NotEmpty):
            await store.delete_bucket(bucket.id)
        await store.delete_objects(bucket.id, ["key"])
        await store.delete_bucket(bucket.id)

    async def test_bucket_with_upload_is_not_deleted(self, store: Stored, bucket: Bucket) -> None:
        await store.create_upload(an_upload(bucket))
        with pytest.raises(NotEmpty):
            await store.delete_bucket(bucket.id)
        await store.abort_upload("u1")
        await store.delete_bucket(bucket.id)

    @pytest.mark.parametrize(
        ("prefix", "after", "limit", "expected"),
        [
            pytest.param("", "", 10, ["a", "b-1", "b-2", "c"], id="all"),
            pytest.param("b-", "", 10, ["b-1", "b-2"], id="prefix"),
            pytest.param("", "b-1", 10, ["b-2", "c"], id="after"),
            pytest.param("b-", "a", 10, ["b-1", "b-2"], id="after-before-prefix"),
            pytest.param("", "", 2, ["a", "b-1"], id="limit"),
            pytest.param("", "", 0, [], id="none"),
        ],
    )
    async def test_buckets_are_listed_in_order(
        self, store: Stored, prefix: str, after: str, limit: int, expected: list[str]
    ) -> None:
        for name in ("c", "a", "b-2", "b-1"):
            await store.create_bucket(a_bucket(name))
        found = await store.list_buckets(prefix, after, limit)
        assert [each.name for each in found] == expected

    # objects

    async def test_object_is_found_as_it_was_put(self, store: Stored, bucket: Bucket) -> None:
        new = an_object(bucket, type="Symlink", storage_class="IA", acl="public-read")
        await store.put_object(new)
        assert await store.find_object(bucket.id, "key") == new
        assert await store.find_object(bucket.id, "ke") is None
        assert await store.find_object(bucket.id + 1, "key") is None

    @pytest.mark.parametrize("crc64", [0, 1, 2**63 - 1, 2**63, 2**64 - 1])
    async def test_checksum_has_64_bits(self, store: Stored, bucket: Bucket, crc64: int) -> None:
        await store.put_object(an_object(bucket, crc64=crc64))
        found = await store.find_object(bucket.id, "key")
        assert found is not None
        assert found.crc64 == crc64

    @pytest.mark.parametrize(
        "changes",
        [
            pytest.param({"inline": b"", "size": 0}, id="empty"),
            pytest.param({"inline": b"\x00\xff" * 8192, "size": 16384}, id="binary"),
            pytest.param({"headers": {}, "tags": {}}, id="bare"),
        ],
    )
    async def test_inline_bytes(
        self, store: Stored, bucket: Bucket, changes: dict[str, Any]
    ) -> None:
        await store.put_object(an_object(bucket, **changes))
        assert await store.find_object(bucket.id, "key") == an_object(bucket, **changes)

    @pytest.mark.parametrize("count", [1, 2, 300])
    async def test_extents_keep_their_order(
        self, store: Stored, bucket: Bucket, count: int
    ) -> None:
        ids = [blob((i * 7919) % 1000) for i in range(count)]
        await intend(store, *ids)
        await store.put_object(on_blobs(bucket, "key", *ids))
        assert await store.find_object(bucket.id, "key") == on_blobs(bucket, "key", *ids)

    async def test_object_in_absent_bucket(self, store: Stored, bucket: Bucket) -> None:
        with pytest.raises(Missing):
            await store.put_object(an_object(replace(bucket, id=bucket.id + 1)))

    async def test_overwrite_can_be_forbidden(self, store: Stored, bucket: Bucket) -> None:
        await store.put_object(an_object(bucket), forbid_overwrite=True)
        with pytest.raises(Exists):
            await store.put_object(an_object(bucket, etag="F"), forbid_overwrite=True)
        assert await store.find_object(bucket.id, "key") == an_object(bucket)

    async def test_overwrite_can_name_what_it_replaces(self, store: Stored, bucket: Bucket) -> None:
        with pytest.raises(Conflict):
            await store.put_object(an_object(bucket), replaces=an_object(bucket))
        await store.put_object(an_object(bucket))
        with pytest.raises(Conflict):
            await store.put_object(
                an_object(bucket, etag="F"), replaces=an_object(bucket, etag="G")
            )
        await store.put_object(an_object(bucket, etag="F"), replaces=an_object(bucket))
        assert await store.find_object(bucket.id, "key") == an_object(bucket, etag="F")

    @pytest.mark.parametrize(
        "change",
        [
            {"acl": "private"},
            {"tags": {"a": "b"}},
            {"headers": {"x-oss-meta-a": "b"}},
            {"modified_at": 5},
        ],
    )
    async def test_what_is_said_meanwhile_is_not_lost(
        self, store: Stored, bucket: Bucket, change: dict[str, Any]
    ) -> None:
        """An ETag stays what it is while ACL, tags and headers change."""
        await intend(store, blob(0), blob(1), blob(2))
        grown = on_blobs(bucket, "grown", blob(0), type="Appendable")
        parted = on_blobs(bucket, "parted", blob(1), blob(2))
        for old in (an_object(bucket), parted):
            await store.put_object(old)
            await store.put_object(replace(old, **change), replaces=old)
            with pytest.raises(Conflict):
                await store.put_object(replace(old, storage_class="IA"), replaces=old)
            assert await store.find_object(bucket.id, old.key) == replace(old, **change)
        await store.append_object(replace(grown, extents=()), position=0, added=grown.extents[0])
        await store.put_object(replace(grown, **change), replaces=grown)
        more = replace(grown, extents=(), size=20)
        with pytest.raises(Conflict):
            await store.append_object(more, position=10, added=None, replaces=grown)
        await store.append_object(
            more, position=10, added=None, replaces=replace(grown, **change, extents=())
        )

    async def test_what_is_said_changes_alone(self, store: Stored, bucket: Bucket) -> None:
        """It needs no look before, so nobody who writes meanwhile makes it fail."""
        await intend(store, blob(0), blob(1))
        big = on_blobs(bucket, "big", blob(0), blob(1))
        for made in (an_object(bucket, inline=b"x"), big):
            old = made
            await store.put_object(old)
            usage = await store.bucket_usage(bucket.id)
            for said in ({"acl": "private"}, {"tags": {"a": "b"}}, {"acl": "default", "tags": {}}):
                await store.describe_object(bucket.id, old.key, **said)
                old = replace(old, **said)  # type: ignore[arg-type]  # any of its fields
                assert await store.find_object(bucket.id, old.key) == old
            assert await store.bucket_usage(bucket.id) == usage
        for place in ((bucket.id, "missing"), (bucket.id + 1, "key")):
            with pytest.raises(Missing):
                await store.describe_object(*place, acl="private")

    async def test_every_kind_of_bytes_replaces_every_other(
        self, store: Stored, bucket: Bucket
    ) -> None:
        number = 0
        kinds = [0, 1, 2, 0, 2, 1, 0, 0, 1, 1, 2, 2]
        for count in kinds:
            ids = [blob(number + i) for i in range(count)]
            number += count
            await intend(store, *ids)
            new = on_blobs(bucket, "key", *ids) if ids else an_object(bucket)
            await store.put_object(new)
            assert await store.find_object(bucket.id, "key") == new
            assert await store.bucket_usage(bucket.id) == BucketUsage(
                storage_bytes=new.size, objects=1, last_modified_at=1_700_000_000_000
            )

    # storage classes

    async def test_each_class_is_counted(self, store: Stored, bucket: Bucket) -> None:
        async def classes() -> dict[str, ClassUsage]:
            found: BucketUsage = await store.bucket_usage(bucket.id)
            assert sum(each.objects for each in found.classes.values()) <= found.objects
            return found.classes

        await intend(store, blob(1), blob(2))
        large = on_blobs(bucket, "large", blob(1), storage_class="IA")
        await store.put_object(an_object(bucket))
        assert await classes() == {}
        await store.put_object(an_object(bucket, "small", storage_class="IA"))
        await store.put_object(replace(large, size=10))
        await store.put_object(an_object(bucket, "cold", storage_class="Archive"))
        assert await classes() == {
            "Archive": ClassUsage(storage_bytes=5, billed_bytes=65536, objects=1),
            "IA": ClassUsage(storage_bytes=15, billed_bytes=2 * 65536, objects=2),
        }
        await store.put_object(an_object(bucket, "small", storage_class="ColdArchive"))
        await store.put_object(an_object(bucket, "cold"))
        await store.delete_objects(bucket.id, ["key"])
        one = {"billed_bytes": 65536, "objects": 1}
        assert await classes() == {
            "ColdArchive": ClassUsage(storage_bytes=5, **one),
            "IA": ClassUsage(storage_bytes=10, **one),
        }
        await store.delete_objects(bucket.id, ["small", "large", "cold"])
        assert await classes() == {}

    async def test_large_objects_are_billed_as_they_are(
        self, store: Stored, bucket: Bucket
    ) -> None:
        for size in (65535, 65536, 65537):
            await store.put_object(an_object(bucket, storage_class="IA", size=size))
            (found,) = (await store.bucket_usage(bucket.id)).classes.values()
            assert (found.storage_bytes, found.billed_bytes) == (size, max(size, 65536))

    async def test_growing_objects_are_counted(self, store: Stored, bucket: Bucket) -> None:
        await intend(store, blob(1), blob(2))
        grown = an_object(bucket, type="Appendable", storage_class="Archive", inline=None, size=10)
        extents = [Extent(blob_id=blob(number), length=10) for number in (1, 2)]
        await store.append_object(grown, position=0, added=extents[0])
        await store.append_object(replace(grown, size=20), position=10, added=extents[1])
        assert (await store.bucket_usage(bucket.id)).classes == {
            "Archive": ClassUsage(storage_bytes=20, billed_bytes=65536, objects=1)
        }

    async def test_parts_count_with_the_class_of_their_upload(
        self, store: Stored, bucket: Bucket
    ) -> None:
        await store.create_upload(an_upload(bucket, storage_class="IA"))
        await store.create_upload(an_upload(bucket, id="u2"))
        for upload_id in ("u1", "u2"):
            await store.put_part(a_part(1, inline=b"abc", size=3, upload_id=upload_id))
        await store.put_part(a_part(1, inline=b"ab", size=2))
        assert (await store.bucket_usage(bucket.id)).classes == {
            "IA": ClassUsage(storage_bytes=2, billed_bytes=2)
        }
        await store.complete_upload("u1", an_object(bucket, storage_class="IA", size=2))
        await store.abort_upload("u2")
        usage = await store.bucket_usage(bucket.id)
        assert usage.storage_bytes == 2
        assert usage.classes == {"IA": ClassUsage(storage_bytes=2, billed_bytes=65536, objects=1)}

    async def test_only_what_is_as_it_was_seen_is_removed(
        self, store: Stored, bucket: Bucket
    ) -> None:
        await store.put_object(an_object(bucket))
        found = await store.find_object(bucket.id, "key")
        seen = seen_as(found, Where.NAMED)
        for other in (
            seen._replace(where=Where.FORMER),
            seen._replace(where=Where.LAST),
            seen._replace(version="v"),
            seen._replace(etag="F"),
            seen._replace(modified_at=0),
            seen._replace(storage_class="IA"),
            seen._replace(tags=None),
        ):
            removal = Removal("key", seen=other)
            assert await store.delete_versions(bucket.id, [removal]) == {}
        assert await store.find_object(bucket.id, "key") == found
        removal = Removal("key", seen=seen)
        assert await store.delete_versions(bucket.id, [removal]) == {removal: False}
        assert await store.find_object(bucket.id, "key") is None
        assert await store.delete_versions(bucket.id, [removal]) == {}

    async def test_a_marker_is_the_last_of_its_key_or_not(
        self, store: Stored, bucket: Bucket
    ) -> None:
        await store.put_object(an_object(bucket, version="v1"))
        for marker in ("m1", "m2"):
            await store.delete_versions(bucket.id, [Removal("key", marker=marker)])
        found = await store.find_version(bucket.id, "key", "m2")
        last = Removal("key", "m2", seen=seen_as(found, Where.LAST))
        for left in ("v1", "m1"):
            assert await store.delete_versions(bucket.id, [last]) == {}
            await store.delete_versions(bucket.id, [Removal("key", left)])
        await store.put_object(an_object(bucket, version="v3"))
        assert await store.delete_versions(bucket.id, [last]) == {}, "something came before it"
        await store.delete_versions(bucket.id, [Removal("key", "v3")])
        assert await store.delete_versions(bucket.id, [last]) == {last: True}
        assert (await store.bucket_usage(bucket.id)).classes == {}

    async def test_a_class_changes_in_place(self, store: Stored, bucket: Bucket) -> None:
        noted = Restoration(tier="Standard", ready_at=5, until=9)
        await store.put_object(an_object(bucket, version="v1", storage_class="Archive"))
        old = await store.find_object(bucket.id, "key")
        await store.put_restoration(old, noted)
        await store.note_accesses([(bucket.id, "key", "v1", 7)])
        old = await store.find_object(bucket.id, "key")
        headers = {"x-oss-meta-a": "b"}
        change = ClassChange(
            old, seen_as(old, Where.NAMED), "ColdArchive", headers, forgets_reads=True
        )
        stale = change._replace(seen=change.seen._replace(etag="F"))
        assert await store.change_classes(bucket.id, [stale]) == 0
        assert await store.find_object(bucket.id, "key") == old
        assert await store.change_classes(bucket.id, [change]) == 1
        changed = replace(old, storage_class="ColdArchive", headers=headers, restoration=None)
        assert await store.find_object(bucket.id, "key") == changed
        assert await store.find_access(bucket.id, "key", "v1") is None
        assert await store.change_classes(bucket.id, [change]) == 0
        usage = await store.bucket_usage(bucket.id)
        assert usage.classes == {
            "ColdArchive": ClassUsage(storage_bytes=5, billed_bytes=65_536, objects=1)
        }
        # A former version, beside what the key names.
        await store.put_object(an_object(bucket, version="v2"))
        change = ClassChange(changed, seen_as(changed, Where.FORMER), "DeepColdArchive", {})
        assert await store.change_classes(bucket.id, [change]) == 1
        former = await store.find_version(bucket.id, "key", "v1")
        assert former == replace(changed, storage_class="DeepColdArchive", headers={})
        assert await store.change_classes(bucket.id + 1, [change]) == 0

    async def test_former_versions_in_pages(self, store: Stored, bucket: Bucket) -> None:
        for key in ("a", "b/1", "b/2", "c"):
            for number in range(3):
                stored = an_object(bucket, key, version=f"v{number}", modified_at=number)
                await store.put_object(stored)
        await store.delete_versions(bucket.id, [Removal("b/2", marker="m")])
        found: list[tuple[str, str, int | None]] = []
        after = ("", 0)
        while rows := await store.list_formers(bucket.id, "", after, 2):
            found += [(row.stored.key, row.stored.version, row.named_at) for row in rows]
            after = (rows[-1].stored.key, rows[-1].place)
        of_2 = [("b/2", version, None) for version in ("m", "v2", "v1", "v0")]
        assert found == [
            ("a", "v1", 2),
            ("a", "v0", 2),
            ("b/1", "v1", 2),
            ("b/1", "v0", 2),
            *of_2,
            ("c", "v1", 2),
            ("c", "v0", 2),
        ]
        rows = await store.list_formers(bucket.id, "b/2", ("", 0), 9)
        assert [row.stored.version for row in rows] == ["m", "v2", "v1", "v0"]
        assert await store.list_formers(bucket.id, "d", ("", 0), 9) == []

    async def test_reads_are_noted_and_forgotten(self, store: Stored, bucket: Bucket) -> None:
        await store.put_object(an_object(bucket))
        await store.put_object(an_object(bucket, "kept", version="v1"))
        await store.put_object(an_object(bucket, "kept", version="v2"))
        b = bucket.id
        await store.note_accesses([(b, "kept", "v1", 7), (b, "key", "null", 5), (b, "no", "v", 1)])
        await store.note_accesses([(b, "key", "null", 4), (b, "kept", "v1", 8)])
        assert await store.find_access(b, "key", "null") == 5
        assert await store.find_access(b, "key", "v") is None
        assert await store.accesses_between(b, "kept", "key", 9) == [
            ("kept", "v1", 8),
            ("key", "null", 5),
        ]
        assert await store.accesses_between(b, "kept", "no", 1) == [("kept", "v1", 8)]
        page = await store.list_accesses((0, "", ""), 2)
        assert page == [((b, "kept", "v1"), True), ((b, "key", "null"), True)]
        assert await store.list_accesses(page[-1][0], 9) == [((b, "no", "v"), False)]
        await store.forget_accesses([(b, "no", "v"), (b, "key", "null"), (9, "", "")])
        assert await store.list_accesses((0, "", ""), 9) == [((b, "kept", "v1"), True)]

    async def test_restoring_is_noted(self, store: Stored, bucket: Bucket) -> None:
        await intend(store, blob(1), blob(2))
        for old in (an_object(bucket), on_blobs(bucket, "parted", blob(1), blob(2))):
            await store.put_object(old)
            noted = Restoration(tier="Bulk", ready_at=7, until=2**53)
            await store.put_restoration(old, noted)
            restored = replace(old, restoration=noted)
            assert await store.find_object(bucket.id, old.key) == restored
            page = await store.list_objects(
                bucket.id, prefix=old.key, delimiter="", after="", limit=1
            )
            assert page.objects == [replace(restored, inline=None, extents=())]
            with pytest.raises(Conflict):
                await store.put_restoration(old, None)
            await store.put_restoration(restored, None)
            assert await store.find_object(bucket.id, old.key) == old

    async def test_restoring_of_what_is_another_object_by_now(
        self, store: Stored, bucket: Bucket
    ) -> None:
        old, noted = an_object(bucket), Restoration(tier="Standard", ready_at=7, until=9)
        with pytest.raises(Conflict):
            await store.put_restoration(old, noted)
        for change in ({"etag": "F"}, {"modified_at": 12}):
            await store.put_object(replace(old, **change))
            with pytest.raises(Conflict):
                await store.put_restoration(old, noted)
        await store.put_object(old)
        await store.put_restoration(old, noted)
        await store.put_object(old)
        assert await store.find_object(bucket.id, "key") == old, "overwriting ends it"

    async def test_headers_of_what_stays_as_it_is(self, store: Stored, bucket: Bucket) -> None:
        old, said = an_object(bucket), {"x-oss-sealed-time": "now"}
        with pytest.raises(Conflict):
            await store.put_headers(old, said)
        await store.put_object(old)
        await store.put_headers(old, said)
        assert await store.find_object(bucket.id, "key") == replace(old, headers=said)
        for stale in (old, replace(old, etag="F", headers=said)):
            with pytest.raises(Conflict):
                await store.put_headers(stale, {})

    async def test_other_version_id_replaces_too(self, store: Stored, bucket: Bucket) -> None:
        await intend(store, blob(1), blob(2))
        await store.put_object(on_blobs(bucket, "key", blob(1), blob(2)))
        await store.put_object(an_object(bucket, version="v2"))
        assert await store.find_object(bucket.id, "key") == an_object(bucket, version="v2")

    async def test_deleted_objects_are_gone(self, store: Stored, bucket: Bucket) -> None:
        for key in ("a", "b", "c"):
            await store.put_object(an_object(bucket, key))
        await store.delete_objects(bucket.id, ["a", "x", "c", "a"])
        assert await store.find_object(bucket.id, "a") is None
        assert await store.find_object(bucket.id, "b") == an_object(bucket, "b")
        assert (await store.bucket_usage(bucket.id)).objects == 1
        await store.delete_objects(bucket.id + 1, ["b"])

    # append

    async def test_append_grows(self, store: Stored, bucket: Bucket) -> None:
        def grown(count: int) -> StoredObject:
            return on_blobs(
                bucket, "key", *[blob(i) for i in range(count)], type="Appendable", etag=str(count)
            )

        for i in range(4):
            await intend(store, blob(i))
            new = replace(grown(i + 1), extents=())
            await store.append_object(
                new, position=10 * i, added=Extent(blob_id=blob(i), blob_offset=i, length=10)
            )
            assert await store.find_object(bucket.id, "key") == grown(i + 1)
        assert (await store.bucket_usage(bucket.id)).storage_bytes == 40

    async def test_append_of_nothing_creates(self, store: Stored, bucket: Bucket) -> None:
        empty = an_object(bucket, type="Appendable", inline=None, size=0)
        await store.append_object(empty, position=0, added=None)
        assert await store.find_object(bucket.id, "key") == empty
        await store.append_object(replace(empty, etag="F"), position=0, added=None)
        assert await store.find_object(bucket.id, "key") == replace(empty, etag="F")
        await intend(store, blob(1))
        full = on_blobs(bucket, "key", blob(1), type="Appendable")
        await store.append_object(replace(full, extents=()), position=0, added=full.extents[0])
        assert await store.find_object(bucket.id, "key") == full

    async def test_append_keeps_what_a_metadata_change_kept(
        self, store: Stored, bucket: Bucket, clock: SetClock
    ) -> None:
        await intend(store, blob(0), blob(1))
        first = on_blobs(bucket, "key", blob(0), type="Appendable")
        both = on_blobs(bucket, "key", blob(0), blob(1), type="Appendable", acl="private")
        await store.append_object(replace(first, extents=()), position=0, added=first.extents[0])
        await store.put_object(replace(first, acl="private"), replaces=first)
        await store.append_object(replace(both, extents=()), position=10, added=both.extents[1])
        assert await store.find_object(bucket.id, "key") == both
        assert await self.doomed(store, clock) == set()

    @pytest.mark.parametrize(
        ("existing", "position"),
        [
            pytest.param(None, 1, id="absent"),
            pytest.param("Normal", 5, id="not-appendable"),
            pytest.param("Appendable", 0, id="too-early"),
            pytest.param("Appendable", 6, id="too-late"),
        ],
    )
    async def test_append_at_a_wrong_position(
        self, store: Stored, bucket: Bucket, existing: str | None, position: int
    ) -> None:
        await intend(store, blob(1))
        old = None
        if existing:
            old = an_object(bucket, type=existing)
            await store.put_object(old)
        new = an_object(bucket, type="Appendable", size=position + 10, inline=None)
        with pytest.raises(Conflict):
            await store.append_object(
                new, position=position, added=Extent(blob_id=blob(1), length=10)
            )
        assert await store.find_object(bucket.id, "key") == old
        assert await store.collect(10**15, 10) == [blob(1)]

    async def test_append_in_absent_bucket(self, store: Stored, bucket: Bucket) -> None:
        new = an_object(replace(bucket, id=99), type="Appendable", size=0, inline=None)
        with pytest.raises(Missing):
            await store.append_object(new, position=0, added=None)

    async def test_append_of_collected_blob(self, store: Stored, bucket: Bucket) -> None:
        new = an_object(bucket, type="Appendable", size=10, inline=None)
        with pytest.raises(Fenced):
            await store.append_object(new, position=0, added=Extent(blob_id=blob(1), length=10))
        assert await store.find_object(bucket.id, "key") is None

    # listing

    KEYS = (
        "a",
        "a/",
        "a/1",
        "a/2/x",
        "a/2/y",
        "a0",
        "b\ud7ff/1",
        "b\ue000",
        "ü",
        "\U0001f600/x",
        "\U0010ffff/x",
    )

    @pytest.mark.parametrize(
        ("prefix", "delimiter", "after", "expected"),
        [
            pytest.param("", "", "", list(KEYS), id="everything"),
            pytest.param("a/", "", "", ["a/", "a/1", "a/2/x", "a/2/y"], id="prefix"),
            pytest.param("a/", "", "a/1", ["a/2/x", "a/2/y"], id="prefix-after"),
            pytest.param("a/", "", "\uffff", [], id="after-behind-prefix"),
            pytest.param("a/", "/", "", ["a/", "a/1", "a/2/"], id="below-prefix"),
            pytest.param(
                "",
                "/",
                "",
                ["a", "a/", "a0", "b\ud7ff/", "b\ue000", "ü", "\U0001f600/", "\U0010ffff/"],
                id="top",
            ),
            pytest.param(
                "",
                "/",
                "a/",
                ["a0", "b\ud7ff/", "b\ue000", "ü", "\U0001f600/", "\U0010ffff/"],
                id="after-common-prefix",
            ),
            pytest.param(
                "",
                "/",
                "a/1",
                ["a0", "b\ud7ff/", "b\ue000", "ü", "\U0001f600/", "\U0010ffff/"],
                id="after-inside-common-prefix",
            ),
            pytest.param("a/", "/", "a/2/x", [], id="after-inside-last"),
            pytest.param(
                "",
                "/2/",
                "",
                [
                    "a",
                    "a/",
                    "a/1",
                    "a/2/",
                    "a0",
                    "b\ud7ff/1",
                    "b\ue000",
                    "ü",
                    "\U0001f600/x",
                    "\U0010ffff/x",
                ],
                id="long-delimiter",
            ),
            pytest.param("\U0010ffff", "/", "", ["\U0010ffff/"], id="no-successor"),
            pytest.param("b\ud7ff", "", "", ["b\ud7ff/1"], id="surrogate-successor"),
            pytest.param("nothing", "/", "", [], id="nothing"),
        ],
    )
    @pytest.mark.parametrize("limit", [1, 2, 3, 1000])
    async def test_listing_pages(
        self,
        store: Stored,
        bucket: Bucket,
        prefix: str,
        delimiter: str,
        after: str,
        expected: list[str],
        limit: int,
    ) -> None:
        for key in reversed(self.KEYS):
            await store.put_object(an_object(bucket, key))
        found: list[str] = []
        marker: str | None = after
        while marker is not None:
            page = await store.list_objects(
                bucket.id, prefix=prefix, delimiter=delimiter, after=marker, limit=limit
            )
            names = sorted([*page.prefixes, *(each.key for each in page.objects)])
            assert len(names) <= limit
            assert page.next_after is None or page.next_after == names[-1]
            found += names
            marker = page.next_after
        assert found == expected

    async def test_last_page_says_so(self, store: Stored, bucket: Bucket) -> None:
        for key in ("a", "b"):
            await store.put_object(an_object(bucket, key))
        page = await store.list_objects(bucket.id, prefix="", delimiter="", after="", limit=2)
        assert page.next_after is None

    async def test_listed_object_has_no_bytes(self, store: Stored, bucket: Bucket) -> None:
        await store.put_object(an_object(bucket))
        page = await store.list_objects(bucket.id, prefix="", delimiter="", after="", limit=2)
        assert page.objects == [an_object(bucket, inline=None)]

    async def test_listing_of_absent_bucket_is_empty(self, store: Stored) -> None:
        page = await store.list_objects(4711, prefix="", delimiter="", after="", limit=2)
        assert (page.objects, page.prefixes, page.next_after) == ([], [], None)

    # multipart

    async def test_upload_is_found_by_its_key(self, store: Stored, bucket: Bucket) -> None:
        await store.create_upload(an_upload(bucket))
        assert await store.find_upload(bucket.id, "key", "u1") == an_upload(bucket)
        assert await store.find_upload(bucket.id, "other", "u1") is None
        assert await store.find_upload(bucket.id, "key", "u2") is None
        assert await store.find_upload(bucket.id + 1, "key", "u1") is None

    async def test_upload_in_absent_bucket(self, store: Stored, bucket: Bucket) -> None:
        with pytest.raises(Missing):
            await store.create_upload(an_upload(replace(bucket, id=99)))

    async def test_parts_are_listed_in_order(self, store: Stored, bucket: Bucket) -> None:
        await store.create_upload(an_upload(bucket))
        await intend(store, *map(blob, range(4)))
        inline = a_part(10, inline=b"abc", size=3)
        for part in (inline, a_part(2, blob(1), blob(2)), a_part(1, blob(3))):
            await store.put_part(part)
        assert await store.list_parts("u1", 0, 10) == [
            a_part(1, blob(3)),
            a_part(2, blob(1), blob(2)),
            inline,
        ]
        assert await store.list_parts("u1", 1, 1) == [a_part(2, blob(1), blob(2))]
        assert await store.list_parts("u2", 0, 10) == []
        assert await store.bucket_usage(bucket.id) == BucketUsage(
            storage_bytes=33, uploads=1, parts=3, last_modified_at=1_700_000_000_000
        )

    async def test_part_replaces_part(self, store: Stored, bucket: Bucket, clock: SetClock) -> None:
        await store.create_upload(an_upload(bucket))
        await intend(store, blob(1), blob(2))
        await store.put_part(a_part(1, blob(1)))
        await store.put_part(a_part(1, inline=b"abc", size=3))
        await store.put_part(a_part(1, blob(2)))
        assert await store.list_parts("u1", 0, 10) == [a_part(1, blob(2))]
        assert (await store.bucket_usage(bucket.id)).storage_bytes == 10
        assert await self.doomed(store, clock) == {blob(1)}

    async def test_part_of_absent_upload(self, store: Stored) -> None:
        await intend(store, blob(1))
        with pytest.raises(Missing):
            await store.put_part(a_part(1, blob(1)))

    async def test_part_of_collected_blob(self, store: Stored, bucket: Bucket) -> None:
        await store.create_upload(an_upload(bucket))
        with pytest.raises(Fenced):
            await store.put_part(a_part(1, blob(1)))
        assert await store.list_parts("u1", 0, 10) == []

    async def test_complete_keeps_the_parts_it_names(
        self, store: Stored, bucket: Bucket, clock: SetClock
    ) -> None:
        await store.create_upload(an_upload(bucket))
        await intend(store, *map(blob, range(1, 6)))
        await store.put_object(on_blobs(bucket, "key", blob(5)))
        for number in (1, 2, 3):
            await store.put_part(a_part(number, blob(number)))
        await store.put_part(a_part(4, inline=b"abc", size=3))
        new = on_blobs(bucket, "key", blob(1), blob(3), blob(4), type="Multipart")
        await store.complete_upload("u1", new)
        assert await store.find_object(bucket.id, "key") == new
        assert await store.find_upload(bucket.id, "key", "u1") is None
        assert await store.list_parts("u1", 0, 10) == []
        assert await self.doomed(store, clock) == {blob(2), blob(5)}
        assert await store.bucket_usage(bucket.id) == BucketUsage(
            storage_bytes=30, objects=1, last_modified_at=clock.at
        )

    async def test_complete_of_replaced_part(self, store: Stored, bucket: Bucket) -> None:
        await store.create_upload(an_upload(bucket))
        await intend(store, blob(1), blob(2))
        await store.put_part(a_part(1, blob(1)))
        await store.put_part(a_part(1, blob(2)))
        with pytest.raises(Conflict):
            await store.complete_upload("u1", on_blobs(bucket, "key", blob(1)))
        assert await store.find_object(bucket.id, "key") is None
        assert await store.find_upload(bucket.id, "key", "u1") is not None

    async def test_complete_of_foreign_blob(self, store: Stored, bucket: Bucket) -> None:
        await store.create_upload(an_upload(bucket))
        await intend(store, blob(1))
        await store.put_object(on_blobs(bucket, "other", blob(1)))
        with pytest.raises(Conflict):
            await store.complete_upload("u1", on_blobs(bucket, "key", blob(1)))

    async def test_complete_of_absent_upload(self, store: Stored, bucket: Bucket) -> None:
        with pytest.raises(Missing):
            await store.complete_upload("u1", an_object(bucket))

    async def test_complete_may_forbid_overwrite(self, store: Stored, bucket: Bucket) -> None:
        await store.create_upload(an_upload(bucket))
        await store.put_object(an_object(bucket))
        with pytest.raises(Exists):
            await store.complete_upload("u1", an_object(bucket, etag="F"), forbid_overwrite=True)
        assert await store.find_object(bucket.id, "key") == an_object(bucket)

    async def test_abort_lets_parts_go(
        self, store: Stored, bucket: Bucket, clock: SetClock
    ) -> None:
        await store.create_upload(an_upload(bucket))
        await intend(store, blob(1), blob(2))
        await store.put_part(a_part(1, blob(1)))
        await store.put_part(a_part(2, inline=b"abc", size=3))
        await store.abort_upload("u1")
        assert await store.find_upload(bucket.id, "key", "u1") is None
        assert await store.bucket_usage(bucket.id) == BucketUsage(last_modified_at=clock.at)
        assert await self.doomed(store, clock) == {blob(1)}
        with pytest.raises(Missing):
            await store.abort_upload("u1")

    @pytest.mark.parametrize("limit", [1, 2, 1000])
    @pytest.mark.parametrize(
        ("delimiter", "after", "expected"),
        [
            pytest.param("", ("", ""), [("a", "1"), ("a", "2"), ("b/x", "3"), ("b/y", "4"), ("c", "5")], id="all"),
            pytest.param("", ("a", ""), [("b/x", "3"), ("b/y", "4"), ("c", "5")], id="after-key"),
            pytest.param("", ("a", "1"), [("a", "2"), ("b/x", "3"), ("b/y", "4"), ("c", "5")], id="after-upload"),
            pytest.param("/", ("", ""), [("a", "1"), ("a", "2"), ("b/", ""), ("c", "5")], id="delimiter"),
            pytest.param("/", ("a", "1"), [("a", "2"), ("b/", ""), ("c", "5")], id="delimiter-after-upload"),
            pytest.param("/", ("b/", ""), [("c", "5")], id="delimiter-after-common-prefix"),
            pytest.param("/", ("b/x", "0"), [("c", "5")], id="delimiter-after-inside"),
        ],
    )  # fmt: skip
    async def test_uploads_are_listed(
        self,
        store: Stored,
        bucket: Bucket,
        delimiter: str,
        after: tuple[str, str],
        expected: list[tuple[str, str]],
        limit: int,
    ) -> None:
        for key, upload_id in (("c", "5"), ("b/y", "4"), ("b/x", "3"), ("a", "2"), ("a", "1")):
            await store.create_upload(an_upload(bucket, key, upload_id))
        found: list[tuple[str, str]] = []
        key, upload_id = after
        while True:
            page = await store.list_uploads(
                bucket.id,
                prefix="",
                delimiter=delimiter,
                after_key=key,
                after_upload_id=upload_id,
                limit=limit,
            )
            names = [(each.key, each.id) for each in page.uploads]
            found += sorted([*names, *((each, "") for each in page.prefixes)])
            if page.next_key is None or page.next_upload_id is None:
                break
            key, upload_id = page.next_key, page.next_upload_id
        assert found == expected

    # blobs

    async def test_unused_intent_is_collected_after_its_lease(self, store: Stored) -> None:
        await intend(store, blob(1), lease_until=100)
        assert await store.collect(99, 10) == []
        await store.renew_blob(blob(1), 200)
        assert await store.collect(199, 10) == []
        assert await store.collect(200, 10) == [blob(1)]
        with pytest.raises(Fenced):
            await store.renew_blob(blob(1), 300)

    async def test_id_is_intended_once(self, store: Stored) -> None:
        await intend(store, blob(1))
        with pytest.raises(Exists):
            await store.intend_blob(blob(1), 1)

    async def test_renewal_of_unknown_blob(self, store: Stored) -> None:
        with pytest.raises(Fenced):
            await store.renew_blob(blob(1), 300)

    async def test_late_commit_is_fenced(
        self, store: Stored, bucket: Bucket, clock: SetClock
    ) -> None:
        await store.put_object(an_object(bucket))
        await intend(store, blob(1), blob(2), lease_until=clock.at)
        assert await store.collect(clock.at, 1) == [blob(1)]
        with pytest.raises(Fenced):
            await store.put_object(on_blobs(bucket, "key", blob(2), blob(1)))
        assert await store.find_object(bucket.id, "key") == an_object(bucket)
        assert await store.collect(clock.at, 1) == [blob(2)]

    async def test_intent_past_its_lease_may_still_be_recorded(
        self, store: Stored, bucket: Bucket, clock: SetClock
    ) -> None:
        await intend(store, blob(1), lease_until=1)
        await store.put_object(on_blobs(bucket, "key", blob(1)))
        assert await store.collect(10**15, 10) == []

    async def test_blob_lives_as_long_as_somebody_refers_to_it(
        self, store: Stored, bucket: Bucket, clock: SetClock
    ) -> None:
        await intend(store, blob(1))
        await store.put_object(on_blobs(bucket, "a", blob(1)))
        await store.put_object(on_blobs(bucket, "b", blob(1), blob(1)))
        await store.delete_objects(bucket.id, ["a"])
        assert await self.doomed(store, clock) == set()
        await store.put_object(on_blobs(bucket, "b", blob(1)))
        assert await self.doomed(store, clock) == set()
        await store.put_object(an_object(bucket, "b"))
        assert await store.collect(clock.at + TERMS["reader_grace_ms"] - 1, 10) == []
        assert await self.doomed(store, clock) == {blob(1)}

    async def test_doomed_blob_is_not_recorded(
        self, store: Stored, bucket: Bucket, clock: SetClock
    ) -> None:
        await intend(store, blob(1))
        await store.put_object(on_blobs(bucket, "a", blob(1)))
        await store.delete_objects(bucket.id, ["a"])
        with pytest.raises(Fenced):
            await store.put_object(on_blobs(bucket, "b", blob(1)))

    async def test_change_of_metadata_keeps_references(
        self, store: Stored, bucket: Bucket, clock: SetClock
    ) -> None:
        await intend(store, blob(1), blob(2))
        old = on_blobs(bucket, "a", blob(1), blob(2))
        await store.put_object(old)
        await store.put_object(replace(old, acl="private"), replaces=old)
        assert await store.find_object(bucket.id, "a") == replace(old, acl="private")
        await store.delete_objects(bucket.id, ["a"])
        assert await self.doomed(store, clock) == {blob(1), blob(2)}

    async def test_collection_has_two_passes(self, store: Stored, clock: SetClock) -> None:
        await intend(store, blob(1), lease_until=clock.at)
        assert await store.collect(clock.at, 10) == [blob(1)]
        await store.forget_blobs([blob(1)])
        assert await store.known_blobs([blob(1), blob(2)]) == {blob(1)}
        assert await store.collect(clock.at + TERMS["tombstone_ms"] - 1, 10) == []
        clock.at += TERMS["tombstone_ms"]
        assert await store.collect(clock.at, 10) == [blob(1)]
        await store.forget_blobs([blob(1)])
        assert await store.known_blobs([blob(1)]) == set()
        assert await store.collect(10**16, 10) == []

    async def test_unanswered_claim_is_offered_again(self, store: Stored, clock: SetClock) -> None:
        await intend(store, blob(1), lease_until=clock.at)
        assert await store.collect(clock.at, 10) == [blob(1)]
        assert await store.collect(clock.at, 10) == []
        assert await store.collect(clock.at + TERMS["claim_ms"], 10) == [blob(1)]

    async def test_only_claims_are_forgotten(
        self, store: Stored, bucket: Bucket, clock: SetClock
    ) -> None:
        await intend(store, blob(1), blob(2), blob(3))
        await store.put_object(on_blobs(bucket, "a", blob(2)))
        await store.put_object(on_blobs(bucket, "b", blob(3)))
        await store.delete_objects(bucket.id, ["b"])
        await store.forget_blobs([blob(1), blob(2), blob(3), blob(4)])
        assert await store.known_blobs([blob(i) for i in range(9)]) == {blob(1), blob(2), blob(3)}
        await store.put_object(on_blobs(bucket, "c", blob(1), blob(2)))
        assert await self.doomed(store, clock) == {blob(3)}

    async def test_collection_is_bounded_and_oldest_first(self, store: Stored) -> None:
        for i in range(5):
            await intend(store, blob(i), lease_until=10 - i)
        assert await store.collect(100, 2) == [blob(4), blob(3)]
        assert await store.collect(100, 9) == [blob(2), blob(1), blob(0)]

    async def test_a_hold_keeps_what_falls_due_while_it_lasts(
        self, store: Stored, bucket: Bucket, clock: SetClock
    ) -> None:
        await intend(store, blob(1), lease_until=clock.at)
        await intend(store, blob(2))
        await store.put_object(on_blobs(bucket, "a", blob(2)))
        await store.hold("backup", 5_000)
        await store.delete_objects(bucket.id, ["a"])
        clock.at += 2_000
        assert await store.collect(clock.at, 10) == [blob(1)]
        clock.at += 2_999
        await store.renew_hold("backup", 5_000)
        clock.at += 4_999
        assert await store.collect(clock.at, 10) == []
        await store.release_hold("backup")
        assert await store.collect(clock.at, 10) == [blob(2), blob(1)]

    async def test_a_hold_that_is_not_renewed_ends(
        self, store: Stored, bucket: Bucket, clock: SetClock
    ) -> None:
        await intend(store, blob(1))
        await store.put_object(on_blobs(bucket, "a", blob(1)))
        await store.hold("backup", 5_000)
        await store.delete_objects(bucket.id, ["a"])
        clock.at += 5_000
        with pytest.raises(Fenced):
            await store.renew_hold("backup", 5_000)
        assert await store.collect(clock.at, 10) == [blob(1)]
        assert await store.list_identities("hold", "", 10) == []
        with pytest.raises(Fenced):
            await store.renew_hold("backup", 5_000)
        await store.release_hold("backup")

    async def test_of_two_holds_the_older_counts(
        self, store: Stored, bucket: Bucket, clock: SetClock
    ) -> None:
        await intend(store, blob(1))
        await store.put_object(on_blobs(bucket, "a", blob(1)))
        await store.hold("one", 50_000)
        await store.delete_objects(bucket.id, ["a"])
        clock.at += 2_000
        await store.hold("other", 50_000)
        assert await store.collect(clock.at, 10) == []
        await store.release_hold("one")
        assert await store.collect(clock.at, 10) == [blob(1)]
        with pytest.raises(Exists):
            await store.hold("other", 1)

    async def test_the_newest_backup_counts(self, store: Stored) -> None:
        assert await store.last_backup() is None
        for taken_at in (5_000, 7_000, 6_000):
            await store.note_backup(taken_at)
        assert await store.last_backup() == 7_000

    async def test_many_known_blobs(self, store: Stored) -> None:
        await intend(store, blob(1), blob(1999))
        assert await store.known_blobs([blob(i) for i in range(2000)]) == {blob(1), blob(1999)}

    # callbacks

    async def test_the_log_is_read_newest_first(self, store: Stored) -> None:
        rows = [
            a_delivery(1, bucket="a", key="x", accepted=False),
            a_delivery(2, bucket="a", key="y", request_id="R2"),
            a_delivery(3, bucket="b", key="x", id="m3"),
        ]
        await store.add_deliveries(rows[:2])
        await store.add_deliveries(rows[2:])

        async def found(before: str = "", after: str = "", limit: int = 9, **fields: Any) -> str:
            wanted = DeliveryFilter(**fields)
            page = await store.list_deliveries(wanted, before=before, after=after, limit=limit)
            return "".join(each.id for each in page)

        assert await found() == "321"
        assert (await found(limit=2), await found(limit=0)) == ("32", "")
        assert (await found(before="3"), await found(before="3", limit=1)) == ("21", "2")
        assert (await found(after="1"), await found(after="1", limit=1)) == ("32", "2")
        assert await found(before="3", after="1") == "2"
        assert (await found(bucket="a"), await found(bucket="a", key="x")) == ("21", "1")
        assert (await found(request_id="R2"), await found(message_id="m3")) == ("2", "3")
        assert (await found(accepted=True), await found(accepted=False)) == ("32", "1")
        assert (await found(since=2), await found(since=4)) == ("32", "")
        assert await store.find_delivery("2") == rows[1]
        assert await store.find_delivery("9") is None

    async def test_the_log_is_pruned_by_age_and_count(self, store: Stored) -> None:
        await store.add_deliveries([a_delivery(number) for number in range(1, 7)])

        async def kept() -> str:
            page = await store.list_deliveries(DeliveryFilter(), limit=9)
            return "".join(each.id for each in page)

        assert await store.prune_deliveries(older_than=0, keep=6) == 0
        assert await store.prune_deliveries(older_than=3, keep=9) == 2
        assert await kept() == "6543"
        assert await store.prune_deliveries(older_than=0, keep=1) == 3
        assert await kept() == "6"
        assert await store.prune_deliveries(older_than=0, keep=0) == 1

    async def test_what_is_owed_comes_with_its_object(self, store: Stored, bucket: Bucket) -> None:
        await store.put_object(an_object(bucket), owed=owed("a"))
        with pytest.raises(Exists):
            await store.put_object(an_object(bucket), forbid_overwrite=True, owed=owed("b"))
        await store.create_upload(an_upload(bucket, "parts"))
        await store.complete_upload("u1", an_object(bucket, "parts"), owed=owed("c"))
        with pytest.raises(Missing):
            await store.complete_upload("u1", an_object(bucket, "parts"), owed=owed("d"))
        assert await store.find_pending("a") == owed("a")
        assert await store.find_pending("b") is None
        listed = await store.list_pending(dead=False, after="", limit=9)
        assert [each.id for each in listed] == ["a", "c"]
        assert await store.list_pending(dead=False, after="a", limit=9) == listed[1:]
        assert await store.list_pending(dead=False, after="", limit=1) == listed[:1]

    async def test_what_is_due_is_leased_once(self, store: Stored, bucket: Bucket) -> None:
        for key, due in (("a", 30), ("b", 10), ("c", 20)):
            await store.put_object(an_object(bucket, key), owed=owed(key, not_before=due))

        async def leased(now: int, until: int = 1000, limit: int = 9) -> list[str]:
            return [each.id for each in await store.lease_pending(now, until, limit)]

        assert await leased(9) == []
        assert await leased(20, limit=1) == ["b"]
        assert await leased(30) == ["c", "a"]
        assert await leased(999) == []
        assert await leased(1000, until=2000) == ["a", "b", "c"]

    async def test_what_is_owed_and_given_up_is_counted(
        self, store: Stored, bucket: Bucket
    ) -> None:
        assert await store.count_pending() == Owed(0, 0, None)
        for at, key in enumerate("abcd"):
            await store.put_object(an_object(bucket, key), owed=owed(key, created_at=at))
        assert await store.count_pending() == Owed(4, 0, 0)
        await store.postpone_pending(owed("a", dead=True))
        await store.settle_pending("b")
        assert await store.count_pending() == Owed(2, 1, 2)
        for key in "cd":
            await store.postpone_pending(owed(key, dead=True))
        assert await store.count_pending() == Owed(0, 3, None)

    async def test_what_is_owed_is_postponed_or_settled(
        self, store: Stored, bucket: Bucket
    ) -> None:
        for key in "abc":
            await store.put_object(an_object(bucket, key), owed=owed(key))
        later = owed("a", not_before=50, attempts=2, last_error="no")
        await store.postpone_pending(later)
        await store.postpone_pending(owed("b", dead=True))
        await store.settle_pending("c")
        await store.settle_pending("unknown")
        await store.postpone_pending(owed("c"))
        assert await store.find_pending("a") == later
        assert await store.lease_pending(49, 90, 9) == []
        assert await store.lease_pending(50, 90, 9) == [later]
        assert await store.list_pending(dead=True, after="", limit=9) == [owed("b", dead=True)]
        assert await store.find_pending("c") is None

    # identities

    async def test_identities(self, store: Stored) -> None:
        await store.put_identity("user", "b", b"1", create=True)
        await store.put_identity("user", "a", b"2", create=False)
        await store.put_identity("role", "c", b"3", create=True)
        with pytest.raises(Exists):
            await store.put_identity("user", "b", b"4", create=True)
        await store.put_identity("user", "b", b"5", create=False)
        assert await store.find_identity("user", "b") == b"5"
        assert await store.find_identity("role", "b") is None
        assert await store.list_identities("user", "", 10) == [("a", b"2"), ("b", b"5")]
        assert await store.list_identities("user", "a", 10) == [("b", b"5")]
        assert await store.list_identities("user", "", 1) == [("a", b"2")]
        await store.delete_identity("user", "a")
        with pytest.raises(Missing):
            await store.delete_identity("user", "a")
        assert await store.list_identities("user", "", 10) == [("b", b"5")]

    async def test_identities_change_together_or_not_at_all(self, store: Stored) -> None:
        def change(name: str, record: bytes | None) -> IdentityChange:
            return IdentityChange(kind="user", name=name, record=record)

        epoch = await store.identity_epoch()
        await store.change_identities([change("a", b"1"), change("b", b"2")], since=epoch)
        assert await store.list_identities("user", "", 10) == [("a", b"1"), ("b", b"2")]
        later = await store.identity_epoch()
        assert later == epoch + 1
        with pytest.raises(Conflict):
            await store.change_identities([change("a", None), change("b", b"9")], since=epoch)
        assert await store.list_identities("user", "", 10) == [("a", b"1"), ("b", b"2")]
        await store.change_identities([change("a", None), change("gone", None)], since=later)
        assert await store.list_identities("user", "", 10) == [("b", b"2")]
        assert await store.identity_epoch() == later + 1

    async def test_of_changes_from_one_epoch_one_succeeds(self, store: Stored) -> None:
        epoch = await store.identity_epoch()
        changes = [
            [IdentityChange(kind="user", name=str(number), record=b"1")] for number in range(5)
        ]
        done = await asyncio.gather(
            *(store.change_identities(each, since=epoch) for each in changes),
            return_exceptions=True,
        )
        assert [type(each) for each in done if each is not None] == [Conflict] * 4, done
        assert len(await store.list_identities("user", "", 10)) == 1

    # text that nothing is called

    async def test_nothing_is_called_what_no_name_can_be(
        self, store: Stored, bucket: Bucket
    ) -> None:
        for key in ("a", "a\x01", "b"):
            await store.put_object(an_object(bucket, key))
            await store.create_upload(an_upload(bucket, key, f"u{key}"))
        await store.put_identity("user", "a", b"1")
        for name in ("\0", "a\0", "a\0b", "\0a"):
            assert await store.find_bucket(name) is None
            assert await store.find_object(bucket.id, name) is None
            assert await store.find_upload(bucket.id, name, "ua") is None
            assert await store.find_upload(bucket.id, "a", name) is None
            assert await store.find_identity("user", name) is None
            assert await store.find_delivery(name) is None
            assert await store.find_pending(name) is None
            await store.delete_objects(bucket.id, [name])
        assert (await store.bucket_usage(bucket.id)).objects == 3

    @pytest.mark.parametrize("delimiter", ["", "/"])
    @pytest.mark.parametrize(
        ("marker", "keys"),
        [
            ("\0", ["a", "a\x01", "b"]),
            ("a\0", ["a\x01", "b"]),
            ("a\0b", ["a\x01", "b"]),
            ("a\x01\0", ["b"]),
            ("b\0", []),
        ],
    )
    async def test_a_page_begins_behind_any_text(
        self, store: Stored, bucket: Bucket, marker: str, keys: list[str], delimiter: str
    ) -> None:
        for key in ("a", "a\x01", "b"):
            await store.put_object(an_object(bucket, key))
            await store.create_upload(an_upload(bucket, key, f"u{key}"))
            await store.put_identity("user", key, b"1")
        named = {"prefix": "", "delimiter": delimiter, "limit": 9}
        page = await store.list_objects(bucket.id, after=marker, **named)
        assert [each.key for each in page.objects] == keys
        for upload_id in ("", "u"):
            uploads = await store.list_uploads(
                bucket.id, after_key=marker, after_upload_id=upload_id, **named
            )
            assert [each.key for each in uploads.uploads] == keys
        assert [name for name, _ in await store.list_identities("user", marker, 9)] == keys
        nothing = await store.list_objects(bucket.id, **{**named, "prefix": "a\0"}, after="")
        assert (nothing.objects, nothing.prefixes) == ([], [])

    # nonces

    async def test_a_nonce_is_used_once(self, store: Stored) -> None:
        await store.use_nonce(b"n", now=10, until=20)
        await store.use_nonce(b"m", now=10, until=20)
        for now in (10, 20):
            with pytest.raises(Exists):
                await store.use_nonce(b"n", now=now, until=now + 10)
        await store.use_nonce(b"n", now=21, until=31)
        with pytest.raises(Exists):
            await store.use_nonce(b"n", now=31, until=41)
