"""What is stored, as a beginner would write it: lists, loops, and everything counted anew.

A second opinion on `ossia.tables`, with which it shares nothing but records and facts: what is
clever there (net references, skip-seek, counters) is not here.  The methods are those of `stored`.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from ossia.ports import BlobTerms, Clock, Conflict, Exists, Fenced, Missing, NotEmpty
from ossia.records import (
    Bucket,
    BucketUsage,
    ClassUsage,
    Delivery,
    Extent,
    Part,
    PendingCallback,
    Restoration,
    StoredObject,
    Upload,
    said_of,
)
from ossia.tables.access_times import Access, Place
from ossia.tables.callbacks import DeliveryFilter, Owed
from ossia.tables.identities import IdentityChange
from ossia.tables.lifecycle import ClassChange, Former
from ossia.tables.objects import Listing
from ossia.tables.uploads import UploadListing
from ossia.tables.versions import ListedVersion, Removal, Seen, VersionListing, seen_as


@dataclass
class Blob:
    state: str
    until: int


def blobs_of(extents: Iterable[Extent]) -> "Counter[str]":
    return Counter(extent.blob_id for extent in extents)


def rolled_up(key: str, prefix: str, delimiter: str) -> str | None:
    head, found, _ = key[len(prefix) :].partition(delimiter) if delimiter else (key, "", "")
    return prefix + head + delimiter if found else None


class NaiveModel:
    """See `stored.Stored`."""

    def __init__(self, clock: Clock, terms: BlobTerms) -> None:
        self.clock = clock
        self.terms = terms
        self.last_bucket_id = 0
        self.buckets: list[Bucket] = []
        self.changed_at: dict[int, int] = {}
        self.objects: dict[tuple[int, str], StoredObject] = {}
        self.formers: dict[tuple[int, str], list[StoredObject]] = {}
        self.accesses: dict[Place, int] = {}
        self.uploads: dict[str, Upload] = {}
        self.parts: dict[tuple[str, int], Part] = {}
        self.blobs: dict[str, Blob] = {}
        self.holds: dict[str, tuple[int, int]] = {}
        """Since when, and until when."""
        self.backups: list[int] = []
        self.identities: dict[tuple[str, str], bytes] = {}
        self.epoch = 0
        self.nonces: dict[bytes, int] = {}
        self.deliveries: dict[str, Delivery] = {}
        self.pending: dict[str, PendingCallback] = {}
        self.due: dict[str, int] = {}

    async def close(self) -> None:
        pass

    # buckets

    def bucket(self, bucket_id: int) -> Bucket:
        for each in self.buckets:
            if each.id == bucket_id:
                return each
        raise Missing(bucket_id)

    async def create_bucket(self, bucket: Bucket) -> Bucket:
        if await self.find_bucket(bucket.name) is not None:
            raise Exists(bucket.name)
        self.last_bucket_id += 1
        created = replace(bucket, id=self.last_bucket_id)
        self.buckets.append(created)
        return created

    async def find_bucket(self, name: str) -> Bucket | None:
        return next((each for each in self.buckets if each.name == name), None)

    async def update_bucket(self, bucket: Bucket) -> Bucket:
        stored = self.bucket(bucket.id)
        if stored.epoch != bucket.epoch:
            raise Conflict(stored.name)
        updated = replace(bucket, name=stored.name, epoch=bucket.epoch + 1)
        self.buckets[self.buckets.index(stored)] = updated
        return updated

    async def delete_bucket(self, bucket_id: int) -> None:
        stored = self.bucket(bucket_id)
        if any(each.bucket_id == bucket_id for each in self.every_version()):
            raise NotEmpty(bucket_id)
        if any(upload.bucket_id == bucket_id for upload in self.uploads.values()):
            raise NotEmpty(bucket_id)
        self.buckets.remove(stored)
        self.changed_at.pop(bucket_id, None)

    async def list_buckets(self, prefix: str, after: str, limit: int) -> list[Bucket]:
        found = [b for b in self.buckets if b.name.startswith(prefix) and b.name > after]
        return sorted(found, key=lambda bucket: bucket.name)[: max(limit, 0)]

    async def bucket_usage(self, bucket_id: int) -> BucketUsage:
        self.bucket(bucket_id)
        objects = [each for each in self.every_version()
                   if each.bucket_id == bucket_id and each.type != "DeleteMarker"]  # fmt: skip
        uploads = [each.id for each in self.uploads.values() if each.bucket_id == bucket_id]
        parts = [part for (upload, _), part in self.parts.items() if upload in uploads]
        return BucketUsage(
            storage_bytes=sum(each.size for each in (*objects, *parts)),
            objects=len(objects),
            uploads=len(uploads),
            parts=len(parts),
            last_modified_at=self.changed_at.get(bucket_id, 0),
            classes=self.classes(objects, parts) | self.markers(bucket_id),
        )

    def markers(self, bucket_id: int) -> dict[str, ClassUsage]:
        number = sum(each.type == "DeleteMarker" and each.bucket_id == bucket_id
                     for each in self.every_version())  # fmt: skip
        return {"DeleteMarker": ClassUsage(objects=number)} if number else {}

    def classes(self, objects: Sequence[StoredObject], parts: Sequence[Part]) -> dict[str, Any]:
        found = {}
        for kind in ("IA", "Archive", "ColdArchive", "DeepColdArchive"):
            of_kind = [each.size for each in objects if each.storage_class == kind]
            of_parts = [each.size for each in parts
                        if self.uploads[each.upload_id].storage_class == kind]  # fmt: skip
            if of_kind or sum(of_parts):
                found[kind] = ClassUsage(
                    storage_bytes=sum(of_kind) + sum(of_parts),
                    billed_bytes=sum(max(size, 65536) for size in of_kind) + sum(of_parts),
                    objects=len(of_kind),
                )
        return found

    def touched(self, bucket_id: int) -> None:
        """A change of *bucket_id* is made: count the references of every blob anew."""
        self.changed_at[bucket_id] = self.clock.now_ms()
        counted: Counter[str] = Counter()
        for each in (*self.every_version(), *self.parts.values()):
            counted += blobs_of(each.extents)
        for blob_id, blob in self.blobs.items():
            if counted[blob_id] and blob.state == "intent":
                self.blobs[blob_id] = Blob("live", 0)
            elif not counted[blob_id] and blob.state == "live":
                grace = self.terms.reader_grace_ms
                self.blobs[blob_id] = Blob("doomed", self.clock.now_ms() + grace)

    def check_gained(self, gained: "Counter[str]", states: Sequence[str], fact: type) -> None:
        for blob_id in gained:
            if blob_id not in self.blobs or self.blobs[blob_id].state not in states:
                raise fact(blob_id)

    # objects

    def every_version(self) -> list[StoredObject]:
        return [*self.objects.values(), *(each for kept in self.formers.values() for each in kept)]

    def names(self, new: StoredObject, suspended: bool, check: Callable[..., None]) -> None:
        """Let the key of *new* name it; *check* hears of the blobs that gain by it."""
        place = (new.bucket_id, new.key)
        old = self.objects.get(place)
        kept = self.formers.get(place, [])
        lost = [old] if old is not None and old.version == new.version else []
        is_kept = old is not None and not lost
        if new.version == "null" and (is_kept or suspended) and not lost:
            lost = [each for each in kept if each.version == "null"]
        check(blobs_of(new.extents) - blobs_of(extent for each in lost for extent in each.extents))
        kept = [each for each in kept if each not in lost]
        if old is not None and is_kept:
            kept.insert(0, old)
        self.objects[place] = new
        self.formers[place] = kept

    async def find_object(self, bucket_id: int, key: str) -> StoredObject | None:
        return self.objects.get((bucket_id, key))

    async def put_object(
        self,
        new: StoredObject,
        *,
        forbid_overwrite: bool = False,
        replaces: StoredObject | None = None,
        owed: PendingCallback | None = None,
        suspended: bool = False,
    ) -> None:
        self.bucket(new.bucket_id)
        place = (new.bucket_id, new.key)
        old = self.objects.get(place)
        if old is not None and forbid_overwrite:
            raise Exists(new.key)
        if replaces is not None and old != replaces:
            raise Conflict(new.key)
        states = ("intent", "live")
        self.names(new, suspended, lambda gained: self.check_gained(gained, states, Fenced))
        if owed is not None:
            self.owe(owed)
        self.touched(new.bucket_id)

    async def delete_objects(self, bucket_id: int, keys: Sequence[str]) -> set[str]:
        for key in keys:
            if self.objects.pop((bucket_id, key), None) is not None:
                self.touched(bucket_id)
        return set()

    async def describe_object(
        self,
        bucket_id: int,
        key: str,
        version: str | None = None,
        *,
        acl: str | None = None,
        tags: dict[str, str] | None = None,
    ) -> str:
        self.bucket(bucket_id)
        old = self.objects.get((bucket_id, key))
        if version is not None:
            old = await self.find_version(bucket_id, key, version)
        if old is None or old.type == "DeleteMarker":
            raise Missing(key)
        about = {"acl": acl, "tags": tags}
        given = {name: said for name, said in about.items() if said is not None}
        new = replace(old, **given)
        if self.objects.get((bucket_id, key)) == old:
            self.objects[bucket_id, key] = new
        else:
            kept = self.formers[bucket_id, key]
            kept[kept.index(old)] = new
        return old.version

    # versions

    async def find_version(self, bucket_id: int, key: str, version: str) -> StoredObject | None:
        return next((each for each in self.versions_of(bucket_id, key)
                     if each.version == version), None)  # fmt: skip

    def versions_of(self, bucket_id: int, key: str) -> list[StoredObject]:
        place = (bucket_id, key)
        named = [self.objects[place]] if place in self.objects else []
        return named + self.formers.get(place, [])

    async def delete_versions(
        self, bucket_id: int, removals: Sequence[Removal]
    ) -> dict[Removal, bool]:
        gone = dict.fromkeys(removals, False)
        if all(each.id != bucket_id for each in self.buckets):
            return gone
        for each in sorted(gone, key=lambda each: each.key):
            if each.seen is not None and not self.is_as_seen(bucket_id, each.key, each.seen):
                del gone[each]
            elif each.version:
                gone[each] = self.remove_version(bucket_id, each.key, each.version)
            elif each.marker:
                self.mark(bucket_id, each.key, each.marker)
            else:
                await self.delete_objects(bucket_id, [each.key])
        return gone

    def is_as_seen(self, bucket_id: int, key: str, seen: Seen) -> bool:
        versions = self.versions_of(bucket_id, key)
        found = [each for each in versions if seen_as(each, seen.where) == seen]
        is_named = bool(found) and found[0] is self.objects.get((bucket_id, key))
        if not found or is_named != (seen.where == "named"):
            return False
        return seen.where != "last" or len(versions) == 1

    async def change_classes(self, bucket_id: int, changes: Sequence[ClassChange]) -> int:
        done = 0
        if all(each.id != bucket_id for each in self.buckets):
            return done
        for stored, seen, storage_class, headers, forgets in changes:
            if not self.is_as_seen(bucket_id, stored.key, seen):
                continue
            old = await self.find_version(bucket_id, stored.key, seen.version)
            assert old is not None
            new = replace(old, storage_class=storage_class, headers=headers, restoration=None)
            if self.objects.get((bucket_id, stored.key)) == old:
                self.objects[bucket_id, stored.key] = new
            else:
                kept = self.formers[bucket_id, stored.key]
                kept[kept.index(old)] = new
            if forgets:
                self.accesses.pop((bucket_id, stored.key, stored.version), None)
            self.touched(bucket_id)
            done += 1
        return done

    async def list_formers(
        self, bucket_id: int, prefix: str, after: tuple[str, int], limit: int
    ) -> list[Former]:
        rows = []
        for (of, key), kept in sorted(self.formers.items(), key=lambda item: item[0]):
            if of == bucket_id and key.startswith(prefix):
                named = self.objects.get((of, key))
                at = None if named is None else named.modified_at
                rows += [Former(replace(each, inline=None, extents=()), number - len(kept), at)
                         for number, each in enumerate(kept)]  # fmt: skip
        return [row for row in rows if (row.stored.key, row.place) > after][:limit]

    # reads

    async def note_accesses(self, read: Iterable[Access]) -> None:
        for bucket_id, key, version, at in read:
            place = (bucket_id, key, version)
            self.accesses[place] = max(at, self.accesses.get(place, at))

    async def forget_accesses(self, places: Sequence[Place]) -> None:
        for place in places:
            self.accesses.pop(place, None)

    async def find_access(self, bucket_id: int, key: str, version: str) -> int | None:
        return self.accesses.get((bucket_id, key, version))

    async def accesses_between(
        self, bucket_id: int, first: str, last: str, limit: int
    ) -> list[tuple[str, str, int]]:
        return [(key, version, at) for (of, key, version), at in sorted(self.accesses.items())
                if of == bucket_id and first <= key <= last][:limit]  # fmt: skip

    async def list_accesses(self, after: Place, limit: int) -> list[tuple[Place, bool]]:
        there = {(each.bucket_id, each.key, each.version) for each in self.every_version()}
        return [(place, place in there) for place in sorted(self.accesses) if place > after][:limit]

    def remove_version(self, bucket_id: int, key: str, version: str) -> bool:
        place = (bucket_id, key)
        gone = [each for each in self.versions_of(*place) if each.version == version]
        kept = [each for each in self.versions_of(*place) if each.version != version]
        if not gone:
            return False
        self.objects.pop(place, None)
        if kept and kept[0].type != "DeleteMarker":
            self.objects[place] = kept.pop(0)
        self.formers[place] = kept
        self.touched(bucket_id)
        return gone[0].type == "DeleteMarker"

    def mark(self, bucket_id: int, key: str, version: str) -> None:
        kept = [each for each in self.versions_of(bucket_id, key) if each.version != version]
        self.objects.pop((bucket_id, key), None)
        marker = StoredObject(
            bucket_id=bucket_id,
            key=key,
            version=version,
            type="DeleteMarker",
            size=0,
            etag="",
            crc64=0,
            modified_at=self.clock.now_ms(),
            storage_class="DeleteMarker",
        )
        self.formers[bucket_id, key] = [marker, *kept]
        self.touched(bucket_id)

    async def list_versions(
        self,
        bucket_id: int,
        *,
        prefix: str,
        delimiter: str,
        after_key: str,
        after_version: str,
        limit: int,
    ) -> VersionListing:
        found: list[tuple[str, ListedVersion | None]] = []
        for key in sorted({each.key for each in self.every_version()
                           if each.bucket_id == bucket_id and each.key.startswith(prefix)}):  # fmt: skip
            versions = self.versions_of(bucket_id, key)
            name = rolled_up(key, prefix, delimiter)
            if name is not None:
                if name > after_key and (name, None) not in found:
                    found.append((name, None))
                continue
            listed = [(key, ListedVersion(replace(each, inline=None, extents=()), each is versions[0]))
                      for each in versions]  # fmt: skip
            ids = [each.version for each in versions]
            if key == after_key and after_version:
                behind = ids.index(after_version) + 1 if after_version in ids else 0
                found += listed[behind:]
            elif key > after_key:
                found += listed
        shown = found[: max(limit, 0)]
        last = shown[-1] if shown and len(found) > len(shown) else None
        return VersionListing(
            versions=[each for _, each in shown if each is not None],
            prefixes=[name for name, each in shown if each is None],
            next_key=last[0] if last else None,
            next_version=None if last is None else last[1].stored.version if last[1] else "",
        )

    async def append_object(
        self,
        new: StoredObject,
        *,
        position: int,
        added: Extent | None,
        replaces: StoredObject | None = None,
        versioned: bool = False,
    ) -> None:
        self.bucket(new.bucket_id)
        place = (new.bucket_id, new.key)
        old = self.objects.get(place)
        if old is None and versioned and self.formers.get(place):
            raise Conflict(new.key)
        if position != (0 if old is None else old.size):
            raise Conflict(new.key)
        if old is not None and old.type != "Appendable":
            raise Conflict(new.key)
        if replaces is not None and (old is None or said_of(old) != said_of(replaces)):
            raise Conflict(new.key)
        more = () if added is None else (added,)
        self.check_gained(blobs_of(more), ("intent", "live"), Fenced)
        self.objects[place] = replace(new, extents=(*(old.extents if old else ()), *more))
        self.touched(new.bucket_id)

    async def put_headers(self, of: StoredObject, headers: dict[str, str]) -> None:
        place = (of.bucket_id, of.key)
        old = self.objects.get(place)
        if old is None or (old.etag, old.modified_at) != (of.etag, of.modified_at):
            raise Conflict(of.key)
        if old.headers != of.headers:
            raise Conflict(of.key)
        self.objects[place] = replace(old, headers=headers)

    async def put_restoration(self, of: StoredObject, restoration: Restoration | None) -> None:
        place = (of.bucket_id, of.key)
        old = self.objects.get(place)
        if old is None or (old.etag, old.modified_at) != (of.etag, of.modified_at):
            raise Conflict(of.key)
        if old.restoration != of.restoration:
            raise Conflict(of.key)
        self.objects[place] = replace(old, restoration=restoration)

    async def list_objects(
        self, bucket_id: int, *, prefix: str, delimiter: str, after: str, limit: int
    ) -> Listing:
        found: dict[str, StoredObject | None] = {}
        for (at, key), each in sorted(self.objects.items(), key=lambda item: item[0]):
            if at == bucket_id and key.startswith(prefix):
                name = rolled_up(key, prefix, delimiter)
                found[name or key] = None if name else replace(each, inline=None, extents=())
        names = sorted(name for name in found if name > after)
        shown = names[: max(limit, 0)]
        return Listing(
            objects=[each for name in shown if (each := found[name]) is not None],
            prefixes=[name for name in shown if found[name] is None],
            next_after=shown[-1] if shown and len(names) > len(shown) else None,
        )

    # multipart

    async def create_upload(self, upload: Upload) -> None:
        self.bucket(upload.bucket_id)
        if upload.id in self.uploads:
            raise Exists(upload.id)
        self.uploads[upload.id] = upload
        self.touched(upload.bucket_id)

    def upload(self, upload_id: str) -> Upload:
        if upload_id not in self.uploads:
            raise Missing(upload_id)
        return self.uploads[upload_id]

    async def find_upload(self, bucket_id: int, key: str, upload_id: str) -> Upload | None:
        found = self.uploads.get(upload_id)
        is_there = found is not None and (found.bucket_id, found.key) == (bucket_id, key)
        return found if is_there else None

    async def put_part(self, part: Part) -> None:
        upload = self.upload(part.upload_id)
        place = (part.upload_id, part.number)
        old = self.parts.get(place)
        gained = blobs_of(part.extents) - blobs_of(old.extents if old else ())
        self.check_gained(gained, ("intent", "live"), Fenced)
        self.parts[place] = part
        self.touched(upload.bucket_id)

    async def list_parts(self, upload_id: str, after: int, limit: int) -> list[Part]:
        found = [part for (id_, number), part in sorted(self.parts.items(), key=lambda i: i[0])
                 if id_ == upload_id and number > after]  # fmt: skip
        return found[: max(limit, 0)]

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
        found: dict[tuple[str, str], Upload | None] = {}
        for each in self.uploads.values():
            if each.bucket_id == bucket_id and each.key.startswith(prefix):
                name = rolled_up(each.key, prefix, delimiter)
                if name is not None and name > after_key:
                    found[name, ""] = None
                elif name is None and (
                    each.key > after_key
                    or (after_upload_id and (each.key, each.id) > (after_key, after_upload_id))
                ):
                    found[each.key, each.id] = each
        places = sorted(found)
        shown = places[: max(limit, 0)]
        last = shown[-1] if shown and len(places) > len(shown) else (None, None)
        return UploadListing(
            uploads=[each for place in shown if (each := found[place]) is not None],
            prefixes=[place[0] for place in shown if found[place] is None],
            next_key=last[0],
            next_upload_id=last[1],
        )

    async def complete_upload(
        self,
        upload_id: str,
        new: StoredObject,
        *,
        forbid_overwrite: bool = False,
        owed: PendingCallback | None = None,
        suspended: bool = False,
    ) -> None:
        upload = self.upload(upload_id)
        self.bucket(new.bucket_id)
        place = (new.bucket_id, new.key)
        old = self.objects.get(place)
        if old is not None and forbid_overwrite:
            raise Exists(new.key)
        parts = [part for (id_, _), part in self.parts.items() if id_ == upload_id]
        of_parts = blobs_of(extent for part in parts for extent in part.extents)
        self.check_gained(blobs_of(new.extents) - of_parts, ("intent",), Conflict)
        self.names(new, suspended, lambda _gained: None)
        self.forget(upload)
        if owed is not None:
            self.owe(owed)
        self.touched(new.bucket_id)

    async def abort_upload(self, upload_id: str) -> None:
        self.forget(self.upload(upload_id))

    def forget(self, upload: Upload) -> None:
        del self.uploads[upload.id]
        self.parts = {at: part for at, part in self.parts.items() if at[0] != upload.id}
        self.touched(upload.bucket_id)

    # blobs

    async def intend_blob(self, blob_id: str, lease_until: int) -> None:
        if blob_id in self.blobs:
            raise Exists(blob_id)
        self.blobs[blob_id] = Blob("intent", lease_until)

    async def renew_blob(self, blob_id: str, lease_until: int) -> None:
        if blob_id not in self.blobs or self.blobs[blob_id].state != "intent":
            raise Fenced(blob_id)
        self.blobs[blob_id].until = lease_until

    async def hold(self, name: str, lease_ms: int) -> None:
        if name in self.holds:
            raise Exists(name)
        self.holds[name] = (self.clock.now_ms(), self.clock.now_ms() + lease_ms)

    async def renew_hold(self, name: str, lease_ms: int) -> None:
        since, until = self.holds.get(name, (0, 0))
        if until <= self.clock.now_ms():
            raise Fenced(name)
        self.holds[name] = (since, self.clock.now_ms() + lease_ms)

    async def release_hold(self, name: str) -> None:
        self.holds.pop(name, None)

    async def note_backup(self, taken_at: int) -> None:
        self.backups.append(taken_at)

    async def last_backup(self) -> int | None:
        return max(self.backups, default=None)

    async def collect(self, now: int, limit: int) -> list[str]:
        self.holds = {name: each for name, each in self.holds.items() if each[1] > now}
        standing = min([now, *(since for since, _ in self.holds.values())])
        due = [(blob.until, blob_id) for blob_id, blob in self.blobs.items()
               if blob.state != "live" and blob.until <= standing]  # fmt: skip
        claimed = [blob_id for _, blob_id in sorted(due)[: max(limit, 0)]]
        for blob_id in claimed:
            again = self.blobs[blob_id].state in ("tombstone", "reclaimed")
            state = "reclaimed" if again else "claimed"
            self.blobs[blob_id] = Blob(state, now + self.terms.claim_ms)
        return claimed

    async def forget_blobs(self, blob_ids: Sequence[str]) -> None:
        for blob_id in blob_ids:
            state = self.blobs[blob_id].state if blob_id in self.blobs else ""
            if state == "claimed":
                until = self.clock.now_ms() + self.terms.tombstone_ms
                self.blobs[blob_id] = Blob("tombstone", until)
            elif state == "reclaimed":
                del self.blobs[blob_id]

    async def known_blobs(self, blob_ids: Sequence[str]) -> set[str]:
        return {blob_id for blob_id in blob_ids if blob_id in self.blobs}

    # callbacks

    async def add_deliveries(self, deliveries: Sequence[Delivery]) -> None:
        for each in deliveries:
            self.deliveries[each.id] = each

    async def find_delivery(self, delivery_id: str) -> Delivery | None:
        return self.deliveries.get(delivery_id)

    async def list_deliveries(
        self, wanted: DeliveryFilter, *, before: str = "", after: str = "", limit: int
    ) -> list[Delivery]:
        found = []
        for each in self.deliveries.values():
            about = each.message
            if (
                wanted.bucket in ("", about.bucket)
                and wanted.key in ("", about.key)
                and wanted.request_id in ("", about.request_id)
                and wanted.message_id in ("", about.id)
                and wanted.accepted in (None, each.accepted)
                and each.at >= wanted.since
                and (not before or each.id < before)
                and each.id > after
            ):
                found.append(each)
        found.sort(key=lambda each: each.id, reverse=True)
        if after and not before:
            return found[max(0, len(found) - limit) :]
        return found[: max(limit, 0)]

    async def prune_deliveries(self, *, older_than: int, keep: int) -> int:
        newest = sorted(self.deliveries, reverse=True)[:keep]
        gone = [id_ for id_, each in self.deliveries.items()
                if each.at < older_than or id_ not in newest]  # fmt: skip
        for id_ in gone:
            del self.deliveries[id_]
        return len(gone)

    def owe(self, pending: PendingCallback) -> None:
        self.pending[pending.id] = pending
        self.due[pending.id] = pending.not_before

    async def find_pending(self, message_id: str) -> PendingCallback | None:
        return self.pending.get(message_id)

    async def list_pending(self, *, dead: bool, after: str, limit: int) -> list[PendingCallback]:
        found = [each for id_, each in sorted(self.pending.items())
                 if each.dead == dead and id_ > after]  # fmt: skip
        return found[: max(limit, 0)]

    async def count_pending(self) -> Owed:
        waiting = [each.created_at for each in self.pending.values() if not each.dead]
        return Owed(len(waiting), len(self.pending) - len(waiting), min(waiting, default=None))

    async def lease_pending(self, now: int, until: int, limit: int) -> list[PendingCallback]:
        due = sorted((at, id_) for id_, at in self.due.items()
                     if at <= now and not self.pending[id_].dead)  # fmt: skip
        leased = [id_ for _, id_ in due[: max(limit, 0)]]
        for id_ in leased:
            self.due[id_] = until
        return [self.pending[id_] for id_ in leased]

    async def settle_pending(self, message_id: str) -> None:
        self.pending.pop(message_id, None)
        self.due.pop(message_id, None)

    async def postpone_pending(self, pending: PendingCallback) -> None:
        if pending.id in self.pending:
            self.owe(pending)

    # identities

    async def find_identity(self, kind: str, name: str) -> bytes | None:
        return self.identities.get((kind, name))

    async def put_identity(
        self, kind: str, name: str, record: bytes, *, create: bool = False
    ) -> None:
        if create and (kind, name) in self.identities:
            raise Exists(name)
        self.identities[kind, name] = record

    async def delete_identity(self, kind: str, name: str) -> None:
        if (kind, name) not in self.identities:
            raise Missing(name)
        del self.identities[kind, name]

    async def list_identities(self, kind: str, after: str, limit: int) -> list[tuple[str, bytes]]:
        found = [(name, record) for (of, name), record in sorted(self.identities.items())
                 if of == kind and name > after]  # fmt: skip
        return found[: max(limit, 0)]

    async def identity_epoch(self) -> int:
        return self.epoch

    async def change_identities(self, changes: Sequence[IdentityChange], *, since: int) -> None:
        if since != self.epoch:
            raise Conflict(since)
        for each in changes:
            self.identities.pop((each.kind, each.name), None)
            if each.record is not None:
                self.identities[each.kind, each.name] = each.record
        self.epoch += 1

    async def use_nonce(self, mark: bytes, *, now: int, until: int) -> None:
        if self.nonces.get(mark, -1) >= now:
            raise Exists(mark)
        self.nonces[mark] = until
