# ruff: noqa: D102 - the docstrings are those of the ports
"""Storage in the memory of one process: everything is gone when it ends.

Methods never wait, so each is atomic as it stands: it looks at everything that may be
refused first and changes only afterwards.
"""

import io
import os
from bisect import bisect_left, bisect_right, insort
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from uuid import uuid4

from msgspec.structs import replace

from ossia.adapters.blob_life import (
    CLAIM,
    DEFAULT_TERMS,
    RECORDABLE,
    BlobState,
    BlobTerms,
    net_references,
)
from ossia.adapters.key_order import common_prefix, successor
from ossia.ports import (
    BlobReader,
    Clock,
    Conflict,
    DeliveryFilter,
    Exists,
    Fenced,
    IdentityChange,
    Listing,
    Missing,
    NotEmpty,
    StagedBlob,
    UploadListing,
)
from ossia.records import (
    Bucket,
    BucketUsage,
    Delivery,
    Extent,
    ObjectType,
    Part,
    PendingCallback,
    StoredObject,
    Upload,
    said_of,
)


@dataclass(slots=True)
class _Blob:
    state: BlobState
    lease_until: int
    refs: int = 0


@dataclass(slots=True)
class _BucketRows:
    """One bucket with what it holds.  ``keys`` and ``upload_keys`` are the sorted indexes."""

    bucket: Bucket
    objects: dict[str, StoredObject] = field(default_factory=dict)
    keys: list[str] = field(default_factory=list)
    upload_keys: list[tuple[str, str]] = field(default_factory=list)
    storage_bytes: int = 0
    parts: int = 0
    last_modified_at: int = 0


class MemoryMetadataStore:
    """See `ossia.ports.MetadataStore`."""

    def __init__(self, clock: Clock, terms: BlobTerms = DEFAULT_TERMS) -> None:
        self._clock = clock
        self._terms = terms
        self._last_bucket_id = 0
        self._buckets: dict[int, _BucketRows] = {}
        self._bucket_ids: dict[str, int] = {}
        self._uploads: dict[str, Upload] = {}
        self._parts: dict[str, dict[int, Part]] = {}
        self._blobs: dict[str, _Blob] = {}
        self._identities: dict[tuple[str, str], bytes] = {}
        self._identity_epoch = 0
        self._nonces: dict[bytes, int] = {}
        self._deliveries: dict[str, Delivery] = {}
        self._pending: dict[str, PendingCallback] = {}
        self._due: dict[str, int] = {}

    # buckets

    async def create_bucket(self, bucket: Bucket) -> Bucket:
        if bucket.name in self._bucket_ids:
            raise Exists(bucket.name)
        self._last_bucket_id += 1
        created = replace(bucket, id=self._last_bucket_id)
        self._buckets[created.id] = _BucketRows(created)
        self._bucket_ids[created.name] = created.id
        return created

    async def find_bucket(self, name: str) -> Bucket | None:
        bucket_id = self._bucket_ids.get(name)
        return None if bucket_id is None else self._buckets[bucket_id].bucket

    async def update_bucket(self, bucket: Bucket) -> Bucket:
        rows = self._rows(bucket.id)
        if rows.bucket.epoch != bucket.epoch:
            raise Conflict(bucket.name)
        rows.bucket = replace(bucket, name=rows.bucket.name, epoch=bucket.epoch + 1)
        return rows.bucket

    async def delete_bucket(self, bucket_id: int) -> None:
        rows = self._rows(bucket_id)
        if rows.objects or rows.upload_keys:
            raise NotEmpty(rows.bucket.name)
        del self._buckets[bucket_id]
        del self._bucket_ids[rows.bucket.name]

    async def list_buckets(self, prefix: str, after: str, limit: int) -> list[Bucket]:
        names = sorted(n for n in self._bucket_ids if n.startswith(prefix) and n > after)
        return [self._buckets[self._bucket_ids[name]].bucket for name in names[:limit]]

    async def bucket_usage(self, bucket_id: int) -> BucketUsage:
        rows = self._rows(bucket_id)
        return BucketUsage(
            storage_bytes=rows.storage_bytes,
            objects=len(rows.objects),
            uploads=len(rows.upload_keys),
            parts=rows.parts,
            last_modified_at=rows.last_modified_at,
        )

    # objects

    async def find_object(self, bucket_id: int, key: str) -> StoredObject | None:
        rows = self._buckets.get(bucket_id)
        return None if rows is None else rows.objects.get(key)

    async def put_object(
        self,
        new: StoredObject,
        *,
        forbid_overwrite: bool = False,
        replaces: StoredObject | None = None,
        owed: PendingCallback | None = None,
    ) -> None:
        rows = self._rows(new.bucket_id)
        old = rows.objects.get(new.key)
        _check_overwrite(old, forbid_overwrite=forbid_overwrite)
        if replaces is not None and old != replaces:
            raise Conflict(new.key)
        self._refer(net_references(new.extents, old.extents if old else ()))
        self._store(rows, new)
        self._owe(owed)

    async def delete_objects(self, bucket_id: int, keys: Sequence[str]) -> None:
        rows = self._buckets.get(bucket_id)
        for key in keys if rows is not None else ():
            assert rows is not None
            old = rows.objects.pop(key, None)
            if old is None:
                continue
            del rows.keys[bisect_left(rows.keys, key)]
            rows.storage_bytes -= old.size
            rows.last_modified_at = self._clock.now_ms()
            self._refer(net_references((), old.extents))

    async def append_object(
        self,
        new: StoredObject,
        *,
        position: int,
        added: Extent | None,
        replaces: StoredObject | None = None,
    ) -> None:
        rows = self._rows(new.bucket_id)
        old = rows.objects.get(new.key)
        if old is None:
            if position:
                raise Conflict(new.key)
        elif old.type != ObjectType.APPENDABLE or old.size != position:
            raise Conflict(new.key)
        if replaces is not None and (old is None or said_of(old) != said_of(replaces)):
            raise Conflict(new.key)
        gained = () if added is None else (added,)
        self._refer(net_references(gained, ()))
        self._store(rows, replace(new, extents=(old.extents if old else ()) + gained))

    async def list_objects(
        self, bucket_id: int, *, prefix: str, delimiter: str, after: str, limit: int
    ) -> Listing:
        rows = self._buckets.get(bucket_id)
        objects: list[StoredObject] = []
        prefixes: list[str] = []
        names: list[str] = []
        for key, rolled_up in _walk(rows.keys if rows else [], prefix, delimiter, after):
            if len(names) >= limit:
                return Listing(
                    objects=objects, prefixes=prefixes, next_after=names[-1] if names else None
                )
            names.append(key)
            if rolled_up:
                prefixes.append(key)
            else:
                assert rows is not None
                objects.append(replace(rows.objects[key], inline=None, extents=()))
        return Listing(objects=objects, prefixes=prefixes, next_after=None)

    # multipart

    async def create_upload(self, upload: Upload) -> None:
        rows = self._rows(upload.bucket_id)
        if upload.id in self._uploads:
            raise Exists(upload.id)
        self._uploads[upload.id] = upload
        self._parts[upload.id] = {}
        insort(rows.upload_keys, (upload.key, upload.id))
        rows.last_modified_at = self._clock.now_ms()

    async def find_upload(self, bucket_id: int, key: str, upload_id: str) -> Upload | None:
        upload = self._uploads.get(upload_id)
        if upload is None or upload.bucket_id != bucket_id or upload.key != key:
            return None
        return upload

    async def put_part(self, part: Part) -> None:
        upload = self._upload(part.upload_id)
        parts = self._parts[part.upload_id]
        old = parts.get(part.number)
        self._refer(net_references(part.extents, old.extents if old else ()))
        parts[part.number] = part
        rows = self._buckets[upload.bucket_id]
        rows.parts += old is None
        rows.storage_bytes += part.size - (old.size if old else 0)
        rows.last_modified_at = self._clock.now_ms()

    async def list_parts(self, upload_id: str, after: int, limit: int) -> list[Part]:
        parts = self._parts.get(upload_id, {})
        return [parts[number] for number in sorted(parts) if number > after][:limit]

    async def list_uploads(
        self,
        bucket_id: int,
        *,
        prefix: str,
        delimiter: str,
        after_key: str,
        after_upload_id: str,
        limit: int,
    ) -> UploadListing:
        rows = self._buckets.get(bucket_id)
        index = rows.upload_keys if rows else []
        uploads: list[Upload] = []
        prefixes: list[str] = []
        last: tuple[str, str] | None = None
        for entry in _names_of_uploads(index, prefix, delimiter, after_key, after_upload_id):
            if len(uploads) + len(prefixes) >= limit:
                next_key, next_upload_id = last or (None, None)
                return UploadListing(
                    uploads=uploads,
                    prefixes=prefixes,
                    next_key=next_key,
                    next_upload_id=next_upload_id,
                )
            last = entry
            key, upload_id = entry
            if upload_id:
                uploads.append(self._uploads[upload_id])
            else:
                prefixes.append(key)
        return UploadListing(uploads=uploads, prefixes=prefixes, next_key=None, next_upload_id=None)

    async def complete_upload(
        self,
        upload_id: str,
        new: StoredObject,
        *,
        forbid_overwrite: bool = False,
        owed: PendingCallback | None = None,
    ) -> None:
        upload = self._upload(upload_id)
        rows = self._rows(new.bucket_id)
        old = rows.objects.get(new.key)
        _check_overwrite(old, forbid_overwrite=forbid_overwrite)
        of_parts = [e for part in self._parts[upload_id].values() for e in part.extents]
        for blob_id, count in net_references(new.extents, of_parts).items():
            blob = self._blobs.get(blob_id)
            if count > 0 and (blob is None or blob.state is not BlobState.INTENT):
                raise Conflict(blob_id)
        self._refer(net_references(new.extents, [*of_parts, *(old.extents if old else ())]))
        self._remove_upload(upload)
        self._store(rows, new)
        self._owe(owed)

    async def abort_upload(self, upload_id: str) -> None:
        upload = self._upload(upload_id)
        of_parts = [e for part in self._parts[upload_id].values() for e in part.extents]
        self._refer(net_references((), of_parts))
        self._remove_upload(upload)

    # blobs

    async def intend_blob(self, blob_id: str, lease_until: int) -> None:
        if blob_id in self._blobs:
            raise Exists(blob_id)
        self._blobs[blob_id] = _Blob(BlobState.INTENT, lease_until)

    async def renew_blob(self, blob_id: str, lease_until: int) -> None:
        blob = self._blobs.get(blob_id)
        if blob is None or blob.state is not BlobState.INTENT:
            raise Fenced(blob_id)
        blob.lease_until = lease_until

    async def collect(self, now: int, limit: int) -> list[str]:
        due = sorted(
            (blob.lease_until, blob_id)
            for blob_id, blob in self._blobs.items()
            if blob.state in CLAIM and blob.lease_until <= now
        )[:limit]
        for _, blob_id in due:
            blob = self._blobs[blob_id]
            blob.state = CLAIM[blob.state]
            blob.lease_until = now + self._terms.claim_ms
        return [blob_id for _, blob_id in due]

    async def forget_blobs(self, blob_ids: Sequence[str]) -> None:
        for blob_id in blob_ids:
            blob = self._blobs.get(blob_id)
            if blob is None:
                continue
            if blob.state is BlobState.CLAIMED:
                blob.state = BlobState.TOMBSTONE
                blob.lease_until = self._clock.now_ms() + self._terms.tombstone_ms
            elif blob.state is BlobState.RECLAIMED:
                del self._blobs[blob_id]

    async def known_blobs(self, blob_ids: Sequence[str]) -> set[str]:
        return {blob_id for blob_id in blob_ids if blob_id in self._blobs}

    # callbacks

    async def add_deliveries(self, deliveries: Sequence[Delivery]) -> None:
        self._deliveries |= {each.id: each for each in deliveries}

    async def find_delivery(self, delivery_id: str) -> Delivery | None:
        return self._deliveries.get(delivery_id)

    async def list_deliveries(
        self, wanted: DeliveryFilter, *, before: str = "", after: str = "", limit: int
    ) -> list[Delivery]:
        found = [
            each
            for delivery_id, each in sorted(self._deliveries.items(), reverse=True)
            if (not before or delivery_id < before)
            and delivery_id > after
            and _is_wanted(each, wanted)
        ]
        if after and not before:
            return found[max(0, len(found) - max(limit, 0)) :]
        return found[: max(limit, 0)]

    async def prune_deliveries(self, *, older_than: int, keep: int) -> int:
        newest = set(sorted(self._deliveries, reverse=True)[: max(keep, 0)])
        kept = {
            each.id: each
            for each in self._deliveries.values()
            if each.id in newest and each.at >= older_than
        }
        removed = len(self._deliveries) - len(kept)
        self._deliveries = kept
        return removed

    def _owe(self, owed: PendingCallback | None) -> None:
        if owed is not None:
            self._pending[owed.id] = owed
            self._due[owed.id] = owed.not_before

    async def find_pending(self, message_id: str) -> PendingCallback | None:
        return self._pending.get(message_id)

    async def list_pending(self, *, dead: bool, after: str, limit: int) -> list[PendingCallback]:
        ids = sorted(key for key, each in self._pending.items() if each.dead == dead)
        return [self._pending[key] for key in ids if key > after][: max(limit, 0)]

    async def lease_pending(self, now: int, until: int, limit: int) -> list[PendingCallback]:
        due = sorted(
            (at, key) for key, at in self._due.items() if at <= now and not self._pending[key].dead
        )
        leased = [key for _, key in due[: max(limit, 0)]]
        self._due |= dict.fromkeys(leased, until)
        return [self._pending[key] for key in leased]

    async def settle_pending(self, message_id: str) -> None:
        self._pending.pop(message_id, None)
        self._due.pop(message_id, None)

    async def postpone_pending(self, pending: PendingCallback) -> None:
        if pending.id in self._pending:
            self._owe(pending)

    # identities

    async def find_identity(self, kind: str, name: str) -> bytes | None:
        return self._identities.get((kind, name))

    async def put_identity(self, kind: str, name: str, record: bytes, *, create: bool) -> None:
        if create and (kind, name) in self._identities:
            raise Exists(name)
        self._identities[kind, name] = record

    async def delete_identity(self, kind: str, name: str) -> None:
        if self._identities.pop((kind, name), None) is None:
            raise Missing(name)

    async def list_identities(self, kind: str, after: str, limit: int) -> list[tuple[str, bytes]]:
        names = sorted(n for k, n in self._identities if k == kind and n > after)
        return [(name, self._identities[kind, name]) for name in names[:limit]]

    async def identity_epoch(self) -> int:
        return self._identity_epoch

    async def change_identities(self, changes: Sequence[IdentityChange], *, epoch: int) -> None:
        if epoch != self._identity_epoch:
            raise Conflict(epoch)
        for each in changes:
            if each.record is None:
                self._identities.pop((each.kind, each.name), None)
            else:
                self._identities[each.kind, each.name] = each.record
        self._identity_epoch += 1

    def identity_stamp(self) -> bytes:
        return b"%d" % self._identity_epoch

    # nonces

    async def use_nonce(self, mark: bytes, *, now: int, until: int) -> None:
        if self._nonces.get(mark, -1) >= now:
            raise Exists(mark)
        for old in [old for old in islice(self._nonces, 10) if self._nonces[old] < now]:
            del self._nonces[old]
        self._nonces[mark] = until

    async def close(self) -> None:
        """Nothing is held outside this object."""

    def _rows(self, bucket_id: int) -> _BucketRows:
        try:
            return self._buckets[bucket_id]
        except KeyError:
            raise Missing(bucket_id) from None

    def _upload(self, upload_id: str) -> Upload:
        try:
            return self._uploads[upload_id]
        except KeyError:
            raise Missing(upload_id) from None

    def _refer(self, change: dict[str, int]) -> None:
        """Change reference counts: `Fenced` before anything changes, or entirely."""
        for blob_id, count in change.items():
            blob = self._blobs.get(blob_id)
            if count > 0 and (blob is None or blob.state not in RECORDABLE):
                raise Fenced(blob_id)
        grace_ends = self._clock.now_ms() + self._terms.reader_grace_ms
        for blob_id, count in change.items():
            blob = self._blobs[blob_id]
            blob.refs += count
            if blob.refs:
                blob.state = BlobState.LIVE
            else:
                blob.state = BlobState.DOOMED
                blob.lease_until = grace_ends

    def _store(self, rows: _BucketRows, new: StoredObject) -> None:
        old = rows.objects.get(new.key)
        if old is None:
            insort(rows.keys, new.key)
        rows.objects[new.key] = new
        rows.storage_bytes += new.size - (old.size if old else 0)
        rows.last_modified_at = self._clock.now_ms()

    def _remove_upload(self, upload: Upload) -> None:
        rows = self._buckets[upload.bucket_id]
        parts = self._parts.pop(upload.id)
        del self._uploads[upload.id]
        del rows.upload_keys[bisect_left(rows.upload_keys, (upload.key, upload.id))]
        rows.parts -= len(parts)
        rows.storage_bytes -= sum(part.size for part in parts.values())
        rows.last_modified_at = self._clock.now_ms()


def _is_wanted(delivery: Delivery, wanted: DeliveryFilter) -> bool:
    message = delivery.message
    return (
        wanted.bucket in ("", message.bucket)
        and wanted.key in ("", message.key)
        and wanted.request_id in ("", message.request_id)
        and wanted.message_id in ("", message.id)
        and wanted.accepted in (None, delivery.accepted)
        and delivery.at >= wanted.since
    )


def _check_overwrite(old: StoredObject | None, *, forbid_overwrite: bool) -> None:
    if forbid_overwrite and old is not None:
        raise Exists(old.key)


def _walk(keys: list[str], prefix: str, delimiter: str, after: str) -> Iterator[tuple[str, bool]]:
    """(name, is a common prefix) behind *after*, in order; *keys* is sorted."""
    at = max(bisect_left(keys, prefix), bisect_right(keys, after))
    while at < len(keys) and keys[at].startswith(prefix):
        rolled_up = common_prefix(keys[at], prefix, delimiter)
        if rolled_up is None:
            yield keys[at], False
            at += 1
        else:
            if rolled_up > after:
                yield rolled_up, True
            behind = successor(rolled_up)
            at = len(keys) if behind is None else bisect_left(keys, behind)


def _names_of_uploads(
    index: list[tuple[str, str]], prefix: str, delimiter: str, after_key: str, after_upload_id: str
) -> Iterator[tuple[str, str]]:
    """(key, upload id), or (common prefix, ""), behind the marker; *index* is sorted."""
    rolled_up_last: str | None = None
    for key, upload_id in index:
        if not key.startswith(prefix):
            continue
        rolled_up = common_prefix(key, prefix, delimiter)
        if rolled_up is not None:
            if rolled_up > after_key and rolled_up != rolled_up_last:
                rolled_up_last = rolled_up
                yield rolled_up, ""
        elif key > after_key or (
            key == after_key and after_upload_id and upload_id > after_upload_id
        ):
            yield key, upload_id


class _StagedInMemory:
    def __init__(self, blob_id: str) -> None:
        self.id = blob_id
        self.bytes_so_far = bytearray()

    def write(self, piece: memoryview) -> None:
        self.bytes_so_far += piece

    async def flow(self) -> None:
        """Memory is never slow."""


class _ReaderInMemory:
    def __init__(self, content: bytes | None, offset: int, length: int) -> None:
        self._content = content
        self._fd: int | None = None
        self.offset = offset
        self.length = length

    async def begin(self) -> None:
        self._there()

    def _there(self) -> bytes:
        if self._content is None:
            raise Missing
        return self._content

    def fileno(self) -> int:
        content = self._there()
        if self._fd is None:
            self._fd = os.memfd_create("blob")
            with io.FileIO(self._fd, "wb", closefd=False) as file, io.BufferedWriter(file) as out:
                out.write(content)
        return self._fd

    async def read(self, offset: int, most: int) -> bytes:
        return self._there()[offset : offset + most]

    def release(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    close = release


class MemoryBlobStore:
    """See `ossia.ports.BlobStore`."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._staged: dict[str, _StagedInMemory] = {}
        self._published: dict[str, bytes] = {}
        self._changed_at: dict[str, int] = {}

    def new_id(self) -> str:
        return uuid4().hex

    def stage(self, blob_id: str, size_hint: int | None) -> StagedBlob:  # noqa: ARG002 - nothing to reserve
        staged = self._staged[blob_id] = _StagedInMemory(blob_id)
        self._changed_at[blob_id] = self._clock.now_ms()
        return staged

    async def publish(self, staged: StagedBlob) -> None:
        found = self._staged.pop(staged.id, None)
        if found is None:
            raise Missing(staged.id)
        self._published[found.id] = bytes(found.bytes_so_far)
        self._changed_at[found.id] = self._clock.now_ms()

    async def discard(self, staged: StagedBlob) -> None:
        if self._staged.pop(staged.id, None) is not None:
            del self._changed_at[staged.id]

    def open(self, blob_id: str, offset: int, length: int) -> BlobReader:
        return _ReaderInMemory(self._published.get(blob_id), offset, length)

    async def delete(self, blob_ids: Sequence[str]) -> None:
        for blob_id in blob_ids:
            self._staged.pop(blob_id, None)
            self._published.pop(blob_id, None)
            self._changed_at.pop(blob_id, None)

    async def ids(self, *, unchanged_since: int) -> AsyncIterator[str]:
        for blob_id, changed_at in list(self._changed_at.items()):
            if changed_at < unchanged_since:
                yield blob_id

    async def probe(self) -> None:
        pass
