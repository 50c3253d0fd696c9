"""What an operation may use inside the one transaction of its batch."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import apsw

from ossia.adapters.blob_life import RECORDABLE, BlobState, BlobTerms
from ossia.ports import Fenced, Missing


@dataclass(slots=True)
class _Usage:
    storage_bytes: int = 0
    objects: int = 0
    uploads: int = 0
    parts: int = 0
    changed: bool = False


def rows(cursor: apsw.Cursor, sql: str, bindings: tuple[Any, ...]) -> list[Any]:
    """Every row of a statement, as tuples."""
    return cursor.execute(sql, bindings).fetchall()


class Transaction:
    """One transaction in which the operations of a batch run one after the other.

    An operation that raises a storage fact must not have changed anything: it looks first and
    writes afterwards.  Usage counters are summed here and written once per bucket at the end.
    """

    def __init__(self, cursor: apsw.Cursor, now: int, terms: BlobTerms) -> None:
        self.cursor = cursor
        self._usage: dict[int, _Usage] = {}
        self.now = now
        self.terms = terms

    def execute(self, sql: str, bindings: tuple[Any, ...]) -> None:
        """Run a statement that has no rows."""
        self.cursor.execute(sql, bindings)

    def get(self, sql: str, bindings: tuple[Any, ...]) -> Any:
        """The one row (its value, if it has one column) of a statement; None if there is none."""
        return self.cursor.execute(sql, bindings).get

    def changed(self) -> int:
        """Rows that the last statement changed."""
        return self.cursor.connection.changes()

    def last_rowid(self) -> int:
        """The id that the last insert was given."""
        return self.cursor.connection.last_insert_rowid()

    # usage

    def require_bucket(self, bucket_id: int) -> None:
        """Raise `Missing` unless the bucket exists."""
        if not self.has_bucket(bucket_id):
            raise Missing(bucket_id)

    def has_bucket(self, bucket_id: int) -> bool:
        """Whether the bucket exists; asked once per batch."""
        if bucket_id in self._usage:
            return True
        if self.get("select 1 from bucket where id = ?", (bucket_id,)) is None:
            return False
        self._usage[bucket_id] = _Usage()
        return True

    def forget_bucket(self, bucket_id: int) -> None:
        """The bucket is gone: nothing is to be counted for it any more."""
        self._usage.pop(bucket_id, None)

    def count(
        self,
        bucket_id: int,
        *,
        storage_bytes: int = 0,
        objects: int = 0,
        uploads: int = 0,
        parts: int = 0,
    ) -> None:
        """Change the usage of a bucket that `require_bucket` has seen."""
        usage = self._usage[bucket_id]
        usage.storage_bytes += storage_bytes
        usage.objects += objects
        usage.uploads += uploads
        usage.parts += parts
        usage.changed = True

    def write_usage(self) -> None:
        """Add the summed changes to the stored counters."""
        for bucket_id, usage in self._usage.items():
            if usage.changed:
                self.execute(
                    "update bucket_usage set storage_bytes = storage_bytes + ?,"
                    " objects = objects + ?, uploads = uploads + ?, parts = parts + ?,"
                    " last_modified_at = ? where bucket_id = ?",
                    (
                        usage.storage_bytes,
                        usage.objects,
                        usage.uploads,
                        usage.parts,
                        self.now,
                        bucket_id,
                    ),
                )

    # blobs

    def check_recordable(self, blob_ids: Iterable[str]) -> None:
        """Raise `Fenced` unless each blob is an intent or live."""
        for blob_id in blob_ids:
            if self.blob_state(blob_id) not in RECORDABLE:
                raise Fenced(blob_id)

    def blob_state(self, blob_id: str) -> BlobState | None:
        """The state of a blob's row, if there is one."""
        state = self.get("select state from blob where id = ?", (blob_id,))
        return None if state is None else BlobState(state)

    def refer(self, change: Mapping[str, int]) -> None:
        """Change reference counts; `check_recordable` was asked about those that grow."""
        for blob_id, count in change.items():
            self.execute(
                "update blob set refs = refs + ?1, state = iif(refs + ?1 > 0, ?2, ?3),"
                " lease_until = iif(refs + ?1 > 0, 0, ?4) where id = ?5",
                (
                    count,
                    BlobState.LIVE.value,
                    BlobState.DOOMED.value,
                    self.now + self.terms.reader_grace_ms,
                    blob_id,
                ),
            )

    # inline bytes

    def keep_content(self, content_id: int | None, inline: bytes | None) -> int | None:
        """Store *inline* in the place *content_id*, or a new one; without bytes, free it."""
        if inline is not None:
            self.execute("insert or replace into content values (?, ?)", (content_id, inline))
            return self.last_rowid()
        if content_id is not None:
            self.execute("delete from content where id = ?", (content_id,))
        return None


Operation = Callable[[Transaction], Any]
