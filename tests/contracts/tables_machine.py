"""Every engine behaves as the naive model, whatever is done to it and whatever breaks meanwhile.

``OSSIA_MACHINE_STEPS`` says how many steps each engine goes through; without it they are some
thousands, the same ones each time (``make test-long``).
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule
from msgspec.structs import replace
from naive_model import NaiveModel
from tables_contract import TERMS, SetClock, a_bucket, an_object, an_upload, blob

from ossia import tables
from ossia.ports import BlobTerms, Database, StorageFact, Transaction
from ossia.records import Bucket, Extent, Part, Restoration, StoredObject
from ossia.tables.lifecycle import ClassChange
from ossia.tables.versions import Removal, Where, seen_as
from stored import Stored

BUCKETS = ("b1", "b2")
NAMES = st.sampled_from(["b1", "b1", "b1", "b2"])
KEYS = st.sampled_from(["a", "a/b", "a/c/d", "a/c/e", "é/x", "\ud7ff"])
UPLOADS = st.sampled_from(["u1", "u2"])
FRESH = 0
CHOICES = st.lists(st.sampled_from([FRESH, FRESH, FRESH, 1, 2, 5]), max_size=3)
"""Blobs to use: a fresh one, or the one so many before the last."""
ETAGS = st.sampled_from(["E1", "E2"])
KINDS = st.sampled_from(["Standard", "Standard", "IA", "Archive"])
RESTORATIONS = st.sampled_from(
    [
        None,
        Restoration(tier="Standard", ready_at=5, until=9),
        Restoration(tier="Bulk", ready_at=5, until=2**60),
    ]
)
RARELY = st.sampled_from([False, False, False, True])

LONG: Final = int(os.environ.get("OSSIA_MACHINE_STEPS", "0"))
_LOOKS_EVERY: Final = 5 if LONG else 1
"""A look at everything costs more than the step before it."""


def machine_settings(examples: int, steps: int) -> settings:
    """So many runs of so many steps, or as many as were asked for."""
    return settings(
        derandomize=not LONG,
        database=None,
        deadline=None,
        max_examples=-(-LONG // steps) or examples,
        stateful_step_count=steps,
        suppress_health_check=[HealthCheck.too_slow],
    )


async def broken(tx: Transaction, new: StoredObject) -> None:
    """A change that does not come to its end."""
    await tables.objects.put(tx, new)
    raise ArithmeticError


class Twins(RuleBasedStateMachine):
    """Does the same to both; `open_database` is what a subclass adds."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = SetClock()
        self.blobs = 0
        self.versions = 0
        self.terms = BlobTerms(**TERMS)
        self.loop = asyncio.new_event_loop()
        self.model = NaiveModel(self.clock, self.terms)
        self.other = Stored(self.open_database())
        self.steps = 0
        self.buckets = {name: self.both("create_bucket", a_bucket(name)) for name in BUCKETS}

    def open_database(self) -> Database:
        raise NotImplementedError

    def teardown(self) -> None:
        try:
            self.same_state()
            self.clock.at += 10**9
            self.both("collect", self.clock.at, 1000)
        finally:
            self.close()

    def close(self) -> None:
        self.loop.run_until_complete(self.other.close())
        self.loop.close()

    def both(self, method: str, *args: Any, **named: Any) -> Any:
        expected = self.outcome(getattr(self.model, method), *args, **named)
        found = self.outcome(getattr(self.other, method), *args, **named)
        assert found == expected, method
        return expected

    def outcome(self, call: Callable[..., Awaitable[Any]], *args: Any, **named: Any) -> Any:
        try:
            return self.loop.run_until_complete(call(*args, **named))
        except StorageFact as fact:
            return type(fact)

    def extents(self, choices: list[int]) -> tuple[Extent, ...]:
        """Extents of fresh and of older blobs; fresh ones are intended now."""
        extents = []
        for choice in choices:
            if choice == FRESH:
                self.blobs += 1
                self.both("intend_blob", blob(self.blobs), self.clock.at + 1000)
            extents.append(
                Extent(blob_id=blob(max(0, self.blobs - choice)), blob_offset=7, length=10)
            )
        return tuple(extents)

    def new_version(self) -> str:
        self.versions += 1
        return f"v{self.versions}"

    # objects

    def object(self, bucket: str, key: str, etag: str, extents: tuple[Extent, ...]) -> StoredObject:
        about = {"inline": None, "size": 10 * len(extents)} if extents else {}
        return an_object(self.buckets[bucket], key, etag=etag, extents=extents, **about)

    @rule(
        bucket=NAMES,
        key=KEYS,
        etag=ETAGS,
        choices=CHOICES,
        forbid_overwrite=RARELY,
        replaces=RARELY,
        kind=st.sampled_from(["Normal", "Appendable"]),
        storage_class=KINDS,
    )
    def put(
        self,
        bucket: str,
        key: str,
        etag: str,
        choices: list[int],
        forbid_overwrite: bool,
        replaces: bool,
        kind: str,
        storage_class: str,
    ) -> None:
        extents = self.extents(choices)
        new = self.object(bucket, key, etag, extents)
        new = replace(new, type=kind, storage_class=storage_class)
        read = self.both("find_object", new.bucket_id, key) if replaces else None
        if read is not None:
            new = replace(new, version=read.version)
        self.both(
            "put_object", new, forbid_overwrite=forbid_overwrite, replaces=read, suspended=True
        )

    @rule(bucket=NAMES, key=KEYS, etag=ETAGS, choices=CHOICES)
    def put_version(self, bucket: str, key: str, etag: str, choices: list[int]) -> None:
        new = self.object(bucket, key, etag, self.extents(choices))
        self.both("put_object", replace(new, version=self.new_version()))

    @rule(bucket=NAMES, key=KEYS, acl=st.sampled_from(["private", "default"]))
    def change_metadata(self, bucket: str, key: str, acl: str) -> None:
        found = self.both("find_object", self.buckets[bucket].id, key)
        if found is not None:
            self.both("put_object", replace(found, acl=acl), replaces=found)

    @rule(
        bucket=NAMES,
        key=KEYS,
        acl=st.sampled_from([None, "private"]),
        tags=st.sampled_from([None, {}, {"a": "b"}]),
    )
    def describe(self, bucket: str, key: str, acl: str | None, tags: dict[str, str] | None) -> None:
        self.both("describe_object", self.buckets[bucket].id, key, acl=acl, tags=tags)

    @rule(bucket=NAMES, key=KEYS, restoration=RESTORATIONS, stale=RARELY)
    def restore(self, bucket: str, key: str, restoration: Restoration | None, stale: bool) -> None:
        found = self.both("find_object", self.buckets[bucket].id, key)
        if found is not None:
            of = replace(found, modified_at=found.modified_at - 1) if stale else found
            self.both("put_restoration", of, restoration)

    @rule(bucket=NAMES, key=KEYS, headers=st.sampled_from([{}, {"a": "b"}]), stale=RARELY)
    def seal(self, bucket: str, key: str, headers: dict[str, str], stale: bool) -> None:
        found = self.both("find_object", self.buckets[bucket].id, key)
        if found is not None:
            of = replace(found, headers={"c": "d"}) if stale else found
            self.both("put_headers", of, headers)

    @rule(
        bucket=NAMES,
        key=KEYS,
        place=st.integers(0, 2),
        where=st.sampled_from(Where),
        kind=KINDS,
        stale=RARELY,
        deletes=st.booleans(),
    )
    def age(
        self, bucket: str, key: str, place: int, where: Where, kind: str, stale: bool, deletes: bool
    ) -> None:
        """As lifecycle rules do: what is as it was seen is deleted, or gets another class."""
        bucket_id = self.buckets[bucket].id
        versions = self.model.versions_of(bucket_id, key)[place:]
        if not versions:
            return
        of = versions[0]
        seen = seen_as(replace(of, etag="stale") if stale else of, where)
        if deletes:
            marker = self.new_version() if where is Where.NAMED else ""
            version = "" if marker else of.version
            removal = Removal(key, version, marker, seen)
            self.both("delete_versions", bucket_id, [removal])
        elif of.type != "DeleteMarker":
            change = ClassChange(of, seen, kind, {"x-oss-meta-changed": kind})
            self.both("change_classes", bucket_id, [change])

    @rule(bucket=NAMES, key=KEYS, to=KEYS)
    def copy(self, bucket: str, key: str, to: str) -> None:
        found = self.both("find_object", self.buckets[bucket].id, key)
        if found is not None:
            self.both("put_object", replace(found, key=to, version="null"), suspended=True)

    @rule(bucket=NAMES, key=KEYS, place=st.integers(0, 3))
    def copy_version(self, bucket: str, key: str, place: int) -> None:
        versions = self.model.versions_of(self.buckets[bucket].id, key)[place:]
        if versions and versions[0].type != "DeleteMarker":
            self.both("put_object", replace(versions[0], version=self.new_version()))

    @rule(bucket=NAMES, keys=st.lists(KEYS, max_size=3))
    def delete(self, bucket: str, keys: list[str]) -> None:
        bucket_id = self.buckets[bucket].id
        # Where there are versions nothing is deleted without a trace.
        keys = [key for key in keys if not self.model.formers.get((bucket_id, key))]
        self.both("delete_objects", bucket_id, keys)

    @rule(
        bucket=NAMES,
        wanted=st.lists(st.tuples(KEYS, st.integers(-2, 3)), max_size=3),
    )
    def delete_versions(self, bucket: str, wanted: list[tuple[str, int]]) -> None:
        """Markers, null ones too, and versions by their place."""
        bucket_id = self.buckets[bucket].id
        removals = []
        for key, place in wanted:
            versions = self.model.versions_of(bucket_id, key)
            if place < 0:
                marker = "null" if place == -1 else self.new_version()
                removals.append(Removal(key, marker=marker))
            elif place < len(versions):
                removals.append(Removal(key, versions[place].version))
            else:
                removals.append(Removal(key, "unknown"))
        self.both("delete_versions", bucket_id, removals)

    @rule(
        bucket=NAMES,
        key=KEYS,
        place=st.integers(0, 3),
        tags=st.sampled_from([None, {}, {"a": "b"}]),
    )
    def describe_version(
        self, bucket: str, key: str, place: int, tags: dict[str, str] | None
    ) -> None:
        bucket_id = self.buckets[bucket].id
        versions = [each.version for each in self.model.versions_of(bucket_id, key)]
        version = [*versions, "unknown"][min(place, len(versions))]
        self.both("describe_object", bucket_id, key, version, acl="private", tags=tags)

    @rule(bucket=NAMES, key=KEYS, choices=CHOICES, wrong=RARELY)
    def append(self, bucket: str, key: str, choices: list[int], wrong: bool) -> None:
        found = self.both("find_object", self.buckets[bucket].id, key)
        position = 0 if found is None or wrong else found.size
        added = self.extents(choices)[:1]
        new = self.object(bucket, key, "A", ())
        new = replace(
            new,
            version="null" if found is None else found.version,
            type="Appendable",
            inline=None,
            size=position + 10 * len(added),
        )
        self.both(
            "append_object",
            new,
            position=position,
            added=added[0] if added else None,
            versioned=True,
        )

    # uploads

    @rule(
        bucket=NAMES,
        key=KEYS,
        upload_id=UPLOADS,
        number=st.integers(1, 3),
        choices=CHOICES,
        storage_class=KINDS,
    )
    def put_part(
        self,
        bucket: str,
        key: str,
        upload_id: str,
        number: int,
        choices: list[int],
        storage_class: str,
    ) -> None:
        upload = an_upload(self.buckets[bucket], key, upload_id)
        self.both("create_upload", replace(upload, storage_class=storage_class))
        extents = self.extents(choices)
        part = Part(
            upload_id=upload_id,
            number=number,
            size=10 * len(extents) or 3,
            etag="P",
            crc64=2**64 - number,
            modified_at=1,
            inline=None if extents else b"abc",
            extents=extents,
        )
        self.both("put_part", part)

    @rule(
        bucket=NAMES,
        key=KEYS,
        upload_id=UPLOADS,
        forbid_overwrite=RARELY,
        some=st.booleans(),
    )
    def complete(
        self, bucket: str, key: str, upload_id: str, forbid_overwrite: bool, some: bool
    ) -> None:
        parts = self.both("list_parts", upload_id, 0, 100)
        chosen = parts[1:] if some else parts
        extents = tuple(extent for part in chosen for extent in part.extents)
        upload = self.model.uploads.get(upload_id)
        new = replace(
            self.object(bucket, key, "C", extents),
            type="Multipart",
            storage_class="Standard" if upload is None else upload.storage_class,
        )
        if some:
            new = replace(new, version=self.new_version())
        self.both(
            "complete_upload", upload_id, new, forbid_overwrite=forbid_overwrite, suspended=True
        )

    @rule(upload_id=UPLOADS, really=RARELY)
    def abort(self, upload_id: str, really: bool) -> None:
        self.both("abort_upload", upload_id if really else "unknown")

    # blobs and time

    @rule(back=st.integers(0, 3))
    def renew(self, back: int) -> None:
        self.both("renew_blob", blob(max(0, self.blobs - back)), self.clock.at + 500)

    @rule()
    def intend_twice(self) -> None:
        if self.blobs:
            self.both("intend_blob", blob(self.blobs), self.clock.at)

    @rule(by=st.sampled_from([1, 11, 400, 1100, 60_000]))
    def wait(self, by: int) -> None:
        self.clock.at += by

    claimed = Bundle("claimed")

    @rule(target=claimed, limit=st.integers(0, 4))
    def collect(self, limit: int) -> list[str]:
        found: list[str] = self.both("collect", self.clock.at, limit)
        return found

    @rule(back=st.integers(0, 5))
    def forget_unclaimed(self, back: int) -> None:
        self.both("forget_blobs", [blob(max(0, self.blobs - back))])

    @rule(blob_ids=consumes(claimed))
    def forget(self, blob_ids: list[str]) -> None:
        self.both("forget_blobs", blob_ids)

    @rule(name=st.sampled_from("ab"), lease_ms=st.integers(0, 3000))
    def hold(self, name: str, lease_ms: int) -> None:
        self.both("hold", name, lease_ms)

    @rule(name=st.sampled_from("ab"), lease_ms=st.integers(0, 3000))
    def renew_hold(self, name: str, lease_ms: int) -> None:
        self.both("renew_hold", name, lease_ms)

    @rule(name=st.sampled_from("ab"))
    def release_hold(self, name: str) -> None:
        self.both("release_hold", name)

    # buckets

    @rule(name=NAMES)
    def delete_bucket(self, name: str) -> None:
        if self.both("delete_bucket", self.buckets[name].id) is None:
            self.both("put_object", self.object(name, "a", "E", ()))
            self.buckets[name] = self.both("create_bucket", a_bucket(name))

    @rule(name=NAMES, epoch=st.integers(0, 2), document=st.binary(max_size=3))
    def update_bucket(self, name: str, epoch: int, document: bytes) -> None:
        changed = replace(self.buckets[name], epoch=epoch, documents={"cors": document})
        self.both("update_bucket", changed)

    # what breaks

    @rule(bucket=NAMES, key=KEYS)
    def break_off(self, bucket: str, key: str) -> None:
        with pytest.raises(ArithmeticError):
            self.loop.run_until_complete(
                self.other.database.change(broken, self.object(bucket, key, "B", ()))
            )

    @rule(choice=st.integers(0, 15))
    def trouble(self, choice: int) -> None:
        """Something that happens to this engine; most choices are nothing."""

    # what is seen

    @rule(
        bucket=NAMES,
        prefix=st.sampled_from(["", "a", "a/", "\ud7ff"]),
        delimiter=st.sampled_from(["", "/", "c/"]),
        after=st.just("") | KEYS,
        limit=st.integers(0, 4),
    )
    def look(self, bucket: str, prefix: str, delimiter: str, after: str, limit: int) -> None:
        bucket_id = self.buckets[bucket].id
        self.both(
            "list_objects", bucket_id, prefix=prefix, delimiter=delimiter, after=after, limit=limit
        )
        for marker in ("", "u1", "u3"):
            self.both(
                "list_uploads",
                bucket_id,
                prefix=prefix,
                delimiter=delimiter,
                after_key=after,
                after_upload_id=marker,
                limit=limit,
            )

    @rule(
        bucket=NAMES,
        prefix=st.sampled_from(["", "a", "a/"]),
        delimiter=st.sampled_from(["", "/", "c/"]),
        after=st.just("") | KEYS,
        place=st.integers(-1, 3),
        limit=st.integers(0, 4),
    )
    def look_at_versions(
        self, bucket: str, prefix: str, delimiter: str, after: str, place: int, limit: int
    ) -> None:
        bucket_id = self.buckets[bucket].id
        versions = ["", *(each.version for each in self.model.versions_of(bucket_id, after))]
        marker = versions[place] if 0 <= place < len(versions) else "gone" if place > 0 else ""
        self.both(
            "list_versions",
            bucket_id,
            prefix=prefix,
            delimiter=delimiter,
            after_key=after,
            after_version=marker if after else "",
            limit=limit,
        )

    @invariant()
    def same_state_now_and_then(self) -> None:
        self.steps += 1
        if self.steps % _LOOKS_EVERY == 0:
            self.same_state()

    def same_state(self) -> None:
        for bucket in self.buckets.values():
            assert isinstance(bucket, Bucket)
            self.both("bucket_usage", bucket.id)
            page = self.both(
                "list_objects", bucket.id, prefix="", delimiter="", after="", limit=100
            )
            for each in page.objects:
                self.both("find_object", bucket.id, each.key)
            versions = self.both(
                "list_versions",
                bucket.id,
                prefix="",
                delimiter="",
                after_key="",
                after_version="",
                limit=1000,
            )
            for listed in versions.versions:
                self.both("find_version", bucket.id, listed.stored.key, listed.stored.version)
        self.both("known_blobs", [blob(i) for i in range(self.blobs + 1)])
