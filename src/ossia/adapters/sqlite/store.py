# ruff: noqa: D102 - the docstrings are those of the port
"""`MetadataStore` on one SQLite file.

One connection per process, used by the event loop's thread only.  Reads run on it directly: a
point read takes microseconds, less than sending it to a thread.  Changes run in batches
(`group_commit`).  Because reader and writer are one connection, a change does not throw away the
pages that reads have cached.

Open the store in the process that uses it: a SQLite connection does not survive a fork.
"""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import apsw

from ossia.adapters.blob_life import DEFAULT_TERMS, BlobTerms
from ossia.adapters.file_lock import FileLock
from ossia.adapters.folder_sync import sync_folder
from ossia.adapters.sqlite import (
    blobs,
    buckets,
    callbacks,
    identities,
    objects,
    schema,
    uploads,
)
from ossia.adapters.sqlite.bucket_cache import BucketCache
from ossia.adapters.sqlite.checkpoints import LOG_PAGES, Checkpoints
from ossia.adapters.sqlite.group_commit import GroupCommit
from ossia.adapters.sqlite.shared_stamp import SharedStamp
from ossia.adapters.sqlite.transaction import Operation
from ossia.ports import Clock, DeliveryFilter, IdentityChange, Listing, UploadListing
from ossia.private_files import keep_private, make_private
from ossia.records import (
    Bucket,
    BucketUsage,
    Delivery,
    Extent,
    Part,
    PendingCallback,
    StoredObject,
    Upload,
)

_CACHE_KIB = 12 * 1024
_BUSY_MS = 5000
_NAMES_AT_ONCE = 200
"""A large page is read in pieces of some milliseconds each."""


class SqliteMetadataStore:
    """See `ossia.ports.MetadataStore`.

    *folder* holds the file, its log and the locks; processes that open the same folder share the
    state.  *on_broken* is called, in a thread, when the log could not be brought to the disk: the
    process must then be started anew.  Raises `SchemaTooNewError`.
    """

    def __init__(
        self,
        folder: Path,
        clock: Clock,
        terms: BlobTerms = DEFAULT_TERMS,
        *,
        cache_kib: int = _CACHE_KIB,
        log_pages: int = LOG_PAGES,
        on_broken: Callable[[], None] = lambda: None,
    ) -> None:
        self._file = folder / "metadata.sqlite3"
        turn = folder / "metadata.turn"
        # The log and its index get the mode of the file when SQLite makes them.
        keep_private(self._file)
        for beside in ("-wal", "-shm", "-journal"):
            make_private(folder / f"{self._file.name}{beside}")
        self._connection = self._connect()
        self._connection.execute(f"pragma cache_size = -{cache_kib}")
        self._migrate(turn)
        # The names of the file and of its log must outlive a crash like what is in them.
        sync_folder(folder)
        self._cursor = self._connection.cursor()
        self._bucket_cache = BucketCache(folder / "metadata.buckets")
        self._identity_stamp = SharedStamp(folder / "metadata.identities")
        self._checkpoints = Checkpoints(
            self._connection,
            file=self._file,
            lock_file=turn,
            connect=self._connect,
            log_pages=log_pages,
        )
        self._commits = GroupCommit(
            self._connection,
            file=self._file,
            lock_file=turn,
            clock=clock,
            terms=terms,
            after_commit=self._checkpoints.start_if_due,
            on_broken=on_broken,
        )

    def _connect(self) -> apsw.Connection:
        connection = apsw.Connection(str(self._file))
        connection.set_busy_timeout(_BUSY_MS)
        connection.execute("pragma journal_mode = wal").get  # noqa: B018 - runs to its end
        # The log is brought to the disk by `group_commit`, before anyone hears of the change.
        connection.execute("pragma synchronous = normal")
        connection.execute("pragma temp_store = memory")
        return connection

    def _migrate(self, turn: Path) -> None:
        lock = FileLock(turn)
        lock.acquire()
        try:
            schema.migrate(self._connection)
        except schema.SchemaTooNewError:
            self._connection.close()
            raise
        finally:
            lock.release()
            lock.close()

    # buckets

    async def create_bucket(self, bucket: Bucket) -> Bucket:
        created: Bucket = await self._change_buckets(lambda tx: buckets.create(tx, bucket))
        return created

    async def find_bucket(self, name: str) -> Bucket | None:
        cached = self._bucket_cache.get(name)
        if cached is not None:
            return cached
        stamp = self._bucket_cache.stamp()
        found = buckets.find(self._cursor, name)
        if found is not None:
            self._bucket_cache.put(found, stamp)
        return found

    async def update_bucket(self, bucket: Bucket) -> Bucket:
        updated: Bucket = await self._change_buckets(lambda tx: buckets.update(tx, bucket))
        return updated

    async def delete_bucket(self, bucket_id: int) -> None:
        await self._change_buckets(lambda tx: buckets.delete(tx, bucket_id))

    async def _change_buckets(self, operation: Operation) -> Any:
        try:
            return await self._commits.submit(operation)
        finally:
            self._bucket_cache.invalidate()

    async def list_buckets(self, prefix: str, after: str, limit: int) -> list[Bucket]:
        return buckets.page(self._cursor, prefix, after, limit)

    async def bucket_usage(self, bucket_id: int) -> BucketUsage:
        return buckets.usage(self._cursor, bucket_id)

    # objects

    async def find_object(self, bucket_id: int, key: str) -> StoredObject | None:
        return objects.find(self._cursor, bucket_id, key)

    async def put_object(
        self,
        new: StoredObject,
        *,
        forbid_overwrite: bool = False,
        replaces: StoredObject | None = None,
        owed: PendingCallback | None = None,
    ) -> None:
        await self._commits.submit(
            lambda tx: objects.put(
                tx, new, forbid_overwrite=forbid_overwrite, replaces=replaces, owed=owed
            )
        )

    async def delete_objects(self, bucket_id: int, keys: Sequence[str]) -> None:
        await self._commits.submit(lambda tx: objects.delete(tx, bucket_id, keys))

    async def append_object(
        self,
        new: StoredObject,
        *,
        position: int,
        added: Extent | None,
        replaces: StoredObject | None = None,
    ) -> None:
        await self._commits.submit(
            lambda tx: objects.append(tx, new, position=position, added=added, replaces=replaces)
        )

    async def list_objects(
        self, bucket_id: int, *, prefix: str, delimiter: str, after: str, limit: int
    ) -> Listing:
        found: list[StoredObject] = []
        prefixes: list[str] = []
        while True:
            page = objects.page(
                self._connection,
                bucket_id,
                prefix=prefix,
                delimiter=delimiter,
                after=after,
                limit=min(limit - len(found) - len(prefixes), _NAMES_AT_ONCE),
            )
            found += page.objects
            prefixes += page.prefixes
            if page.next_after is None or len(found) + len(prefixes) >= limit:
                return Listing(objects=found, prefixes=prefixes, next_after=page.next_after)
            after = page.next_after
            await asyncio.sleep(0)  # other requests run in between

    # multipart

    async def create_upload(self, upload: Upload) -> None:
        await self._commits.submit(lambda tx: uploads.create(tx, upload))

    async def find_upload(self, bucket_id: int, key: str, upload_id: str) -> Upload | None:
        return uploads.find(self._cursor, bucket_id, key, upload_id)

    async def put_part(self, part: Part) -> None:
        await self._commits.submit(lambda tx: uploads.put_part(tx, part))

    async def list_parts(self, upload_id: str, after: int, limit: int) -> list[Part]:
        return uploads.parts(self._cursor, upload_id, after, limit)

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
        return uploads.page(
            self._connection,
            bucket_id,
            prefix=prefix,
            delimiter=delimiter,
            after_key=after_key,
            after_upload_id=after_upload_id,
            limit=limit,
        )

    async def complete_upload(
        self,
        upload_id: str,
        new: StoredObject,
        *,
        forbid_overwrite: bool = False,
        owed: PendingCallback | None = None,
    ) -> None:
        await self._commits.submit(
            lambda tx: uploads.complete(
                tx, upload_id, new, forbid_overwrite=forbid_overwrite, owed=owed
            )
        )

    async def abort_upload(self, upload_id: str) -> None:
        await self._commits.submit(lambda tx: uploads.abort(tx, upload_id))

    # blobs

    async def intend_blob(self, blob_id: str, lease_until: int) -> None:
        await self._commits.submit(lambda tx: blobs.intend(tx, blob_id, lease_until))

    async def renew_blob(self, blob_id: str, lease_until: int) -> None:
        await self._commits.submit(lambda tx: blobs.renew(tx, blob_id, lease_until))

    async def collect(self, now: int, limit: int) -> list[str]:
        claimed: list[str] = await self._commits.submit(lambda tx: blobs.collect(tx, now, limit))
        return claimed

    async def forget_blobs(self, blob_ids: Sequence[str]) -> None:
        await self._commits.submit(lambda tx: blobs.forget(tx, blob_ids))

    async def known_blobs(self, blob_ids: Sequence[str]) -> set[str]:
        return blobs.known(self._cursor, blob_ids)

    # callbacks

    async def add_deliveries(self, deliveries: Sequence[Delivery]) -> None:
        await self._commits.submit(lambda tx: callbacks.add(tx, deliveries))

    async def find_delivery(self, delivery_id: str) -> Delivery | None:
        return callbacks.find(self._cursor, delivery_id)

    async def list_deliveries(
        self, wanted: DeliveryFilter, *, before: str = "", after: str = "", limit: int
    ) -> list[Delivery]:
        return callbacks.page(self._cursor, wanted, before=before, after=after, limit=limit)

    async def prune_deliveries(self, *, older_than: int, keep: int) -> int:
        removed: int = await self._commits.submit(lambda tx: callbacks.prune(tx, older_than, keep))
        return removed

    async def find_pending(self, message_id: str) -> PendingCallback | None:
        return callbacks.find_pending(self._cursor, message_id)

    async def list_pending(self, *, dead: bool, after: str, limit: int) -> list[PendingCallback]:
        return callbacks.page_pending(self._cursor, dead=dead, after=after, limit=limit)

    async def lease_pending(self, now: int, until: int, limit: int) -> list[PendingCallback]:
        leased: list[PendingCallback] = await self._commits.submit(
            lambda tx: callbacks.lease(tx, now, until, limit)
        )
        return leased

    async def settle_pending(self, message_id: str) -> None:
        await self._commits.submit(lambda tx: callbacks.settle(tx, message_id))

    async def postpone_pending(self, pending: PendingCallback) -> None:
        await self._commits.submit(lambda tx: callbacks.postpone(tx, pending))

    # identities

    async def find_identity(self, kind: str, name: str) -> bytes | None:
        return identities.find(self._cursor, kind, name)

    async def put_identity(self, kind: str, name: str, record: bytes, *, create: bool) -> None:
        await self._commits.submit(lambda tx: identities.put(tx, kind, name, record, create=create))

    async def delete_identity(self, kind: str, name: str) -> None:
        await self._commits.submit(lambda tx: identities.delete(tx, kind, name))

    async def list_identities(self, kind: str, after: str, limit: int) -> list[tuple[str, bytes]]:
        return identities.page(self._cursor, kind, after, limit)

    async def identity_epoch(self) -> int:
        return identities.epoch(self._cursor)

    async def change_identities(self, changes: Sequence[IdentityChange], *, epoch: int) -> None:
        try:
            await self._commits.submit(lambda tx: identities.change(tx, changes, epoch))
        finally:
            self._identity_stamp.renew()

    def identity_stamp(self) -> bytes:
        return self._identity_stamp.get()

    # nonces

    async def use_nonce(self, mark: bytes, *, now: int, until: int) -> None:
        await self._commits.submit(lambda tx: identities.use_nonce(tx, mark, now, until))

    async def close(self) -> None:
        await self._commits.drain()
        self._commits.close()
        self._checkpoints.wait()
        self._connection.close()
        self._checkpoints.close()
        self._bucket_cache.close()
        self._identity_stamp.close()
