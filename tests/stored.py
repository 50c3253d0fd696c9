"""The changes and questions of `ossia.tables` under one name each, on any database.

So the contract and the stateful machine drive an engine and the naive model alike, and tests say
in one word what they want.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ossia import tables
from ossia.adapters.sqlite import MemoryDatabase, SqliteDatabase
from ossia.ports import Clock, Database

CHANGES: dict[str, Callable[..., Any]] = {
    "create_bucket": tables.buckets.create,
    "update_bucket": tables.buckets.update,
    "retain_bucket": tables.buckets.retain,
    "delete_bucket": tables.buckets.delete,
    "put_object": tables.objects.put,
    "delete_objects": tables.objects.delete,
    "append_object": tables.objects.append,
    "delete_versions": tables.versions.delete,
    "describe_object": tables.versions.describe,
    "put_headers": tables.versions.put_headers,
    "put_restoration": tables.versions.put_restoration,
    "change_classes": tables.lifecycle.change_classes,
    "note_accesses": tables.access_times.note,
    "forget_accesses": tables.access_times.forget,
    "put_retention": tables.versions.put_retention,
    "create_upload": tables.uploads.create,
    "put_part": tables.uploads.put_part,
    "complete_upload": tables.uploads.complete,
    "abort_upload": tables.uploads.abort,
    "intend_blob": tables.blobs.intend,
    "renew_blob": tables.blobs.renew,
    "collect": tables.blobs.collect,
    "forget_blobs": tables.blobs.forget,
    "add_deliveries": tables.callbacks.add,
    "prune_deliveries": tables.callbacks.prune,
    "lease_pending": tables.callbacks.lease,
    "settle_pending": tables.callbacks.settle,
    "postpone_pending": tables.callbacks.postpone,
    "put_identity": tables.identities.put,
    "delete_identity": tables.identities.delete,
    "change_identities": tables.identities.change,
    "hold": tables.holds.hold,
    "renew_hold": tables.holds.renew,
    "release_hold": tables.holds.release,
    "note_backup": tables.backups.note,
    "use_nonce": tables.identities.use_nonce,
}
QUESTIONS: dict[str, Callable[..., Any]] = {
    "last_backup": tables.backups.last,
    "find_bucket": tables.buckets.find,
    "list_buckets": tables.buckets.page,
    "bucket_usage": tables.buckets.usage,
    "find_object": tables.objects.find,
    "list_objects": tables.objects.page,
    "find_version": tables.versions.find,
    "find_retention": tables.retained.find,
    "list_versions": tables.versions.page,
    "list_formers": tables.lifecycle.formers,
    "find_access": tables.access_times.find,
    "accesses_between": tables.access_times.between,
    "list_accesses": tables.access_times.page,
    "find_upload": tables.uploads.find,
    "list_parts": tables.uploads.parts,
    "list_uploads": tables.uploads.page,
    "known_blobs": tables.blobs.known,
    "find_delivery": tables.callbacks.find,
    "list_deliveries": tables.callbacks.page,
    "find_pending": tables.callbacks.find_pending,
    "list_pending": tables.callbacks.page_pending,
    "count_pending": tables.callbacks.count_pending,
    "find_identity": tables.identities.find,
    "list_identities": tables.identities.page,
    "identity_epoch": tables.identities.epoch,
}


class Stored:
    """What *database* holds; it is itself a database as well."""

    def __init__(self, database: Database) -> None:
        self.database = database

    def __getattr__(self, name: str) -> Any:
        if name in CHANGES:
            return lambda *args, **named: self.database.change(CHANGES[name], *args, **named)
        if name in QUESTIONS:
            return lambda *args, **named: QUESTIONS[name](self.database, *args, **named)
        return getattr(self.database, name)


def in_memory(clock: Clock, *more: Any) -> Stored:
    """What is gone when the test ends."""
    return Stored(MemoryDatabase(clock, *more))


def in_file(folder: Path, clock: Clock, *more: Any, **named: Any) -> Stored:
    """What is in a data folder."""
    return Stored(SqliteDatabase(folder, clock, *more, **named))
