"""Going through a bucket by its lifecycle rules: pages of what is due, nothing is changed."""

from collections.abc import Sequence
from typing import Final

import msgspec

from ossia import tables
from ossia.domain.lifecycle.judge import Ages, Judge, Judgement
from ossia.domain.lifecycle.progress import Progress, Stage
from ossia.domain.objects.access_times import last_access, monitored_since
from ossia.ports import Rows
from ossia.protocol.lifecycle_rules import Rule, prefixes_of
from ossia.records import Bucket, ObjectType, StoredObject, Upload
from ossia.tables.lifecycle import Former
from ossia.tables.versions import Where

PAGE: Final = 50
"""Rows of a page: they are read and judged without a pause, some 0.4 ms, which others wait for."""
_MORE_ACCESSES: Final = 4
"""So many rows of reads for one of objects: what is gone leaves some behind until the next day."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is due: a version, which was seen as ``where`` says, or an upload."""

    judgement: Judgement
    stored: StoredObject | None = None
    where: Where = Where.NAMED
    upload: Upload | None = None

    @property
    def key(self) -> str:
        """What it is about."""
        about = self.stored or self.upload
        assert about is not None
        return about.key


class Scan:
    """Pages of one bucket, of keys that begin with *prefix*."""

    def __init__(self, rows: Rows, bucket: Bucket, judge: Judge, prefix: str = "") -> None:
        self._rows = rows
        self._bucket = bucket
        self._judge = judge
        self._prefix = prefix
        rules = judge.lifecycle
        self._since = monitored_since(bucket) if rules.is_by_access else None
        self._prefixes = {
            Stage.OBJECTS: self._within(rules.of_objects),
            # Without versioning there are none, whatever the rules say.
            Stage.VERSIONS: self._within(rules.of_formers) if bucket.versioning else (),
            Stage.UPLOADS: self._within(rules.of_uploads),
        }

    def _within(self, rules: tuple[Rule, ...]) -> tuple[str, ...]:
        found = prefixes_of(rules)
        if any(self._prefix.startswith(each) for each in found):
            return (self._prefix,)
        return tuple(each for each in found if each.startswith(self._prefix))

    async def page(self, progress: Progress, now: int) -> tuple[list[Finding], Progress]:
        """What is due among the next rows, and where to go on."""
        if progress.stage is Stage.DONE:
            return [], progress
        prefixes = self._prefixes[progress.stage]
        if progress.prefix >= len(prefixes):
            return [], progress.at_next_stage()
        prefix = prefixes[progress.prefix]
        if progress.stage is Stage.OBJECTS:
            return await self._objects(prefix, progress, now)
        if progress.stage is Stage.VERSIONS:
            return await self._formers(prefix, progress, now)
        return await self._uploads(prefix, progress, now)

    async def _objects(
        self, prefix: str, progress: Progress, now: int
    ) -> tuple[list[Finding], Progress]:
        page = await tables.objects.page(
            self._rows,
            self._bucket.id,
            prefix=prefix,
            delimiter="",
            after=progress.key,
            limit=PAGE,
        )
        reads = await self._reads(page.objects)
        found = []
        for stored in page.objects:
            judgement = self._judge.of_object(stored, now, self._ages(stored, reads))
            if judgement is not None:
                found.append(Finding(judgement=judgement, stored=stored))
        looked_at = progress.looked_at + len(page.objects)
        progress = msgspec.structs.replace(progress, looked_at=looked_at)
        if page.next_after is None:
            return found, progress.at_next_prefix()
        return found, msgspec.structs.replace(progress, key=page.next_after)

    async def _formers(
        self, prefix: str, progress: Progress, now: int
    ) -> tuple[list[Finding], Progress]:
        # One more, to see whether a marker is the last of its key.
        rows = await tables.lifecycle.formers(
            self._rows, self._bucket.id, prefix, (progress.key, progress.place), PAGE + 1
        )
        reads = await self._reads([row.stored for row in rows])
        found = []
        before = (progress.key, progress.written_at)
        for row, following in zip(rows[:PAGE], [*rows[1:], None], strict=False):
            finding = self._of_former(row, before, following, now, reads)
            if finding is not None:
                found.append(finding)
            before = (row.stored.key, row.stored.modified_at)
        looked_at = progress.looked_at + len(rows[:PAGE])
        progress = msgspec.structs.replace(progress, looked_at=looked_at)
        if len(rows) <= PAGE:
            return found, progress.at_next_prefix()
        last = rows[PAGE - 1]
        return found, msgspec.structs.replace(
            progress, key=last.stored.key, place=last.place, written_at=last.stored.modified_at
        )

    def _of_former(
        self,
        row: Former,
        before: tuple[str, int],
        following: Former | None,
        now: int,
        reads: dict[tuple[str, str], int],
    ) -> Finding | None:
        stored = row.stored
        is_newest = before[0] != stored.key
        since = row.named_at if is_newest else before[1]
        if since is None:
            # It is what its key has now: a marker, behind which there may be nothing.
            is_last = following is None or following.stored.key != stored.key
            if stored.type != ObjectType.DELETE_MARKER or not is_last:
                return None
            judgement, where = self._judge.of_last_marker(stored), Where.LAST
        else:
            ages = self._ages(stored, reads, since)
            judgement, where = self._judge.of_former(stored, now, ages), Where.FORMER
        if judgement is None:
            return None
        return Finding(judgement=judgement, stored=stored, where=where)

    async def _uploads(
        self, prefix: str, progress: Progress, now: int
    ) -> tuple[list[Finding], Progress]:
        page = await tables.uploads.page(
            self._rows,
            self._bucket.id,
            prefix=prefix,
            delimiter="",
            after_key=progress.key,
            after_upload_id=progress.upload,
            limit=PAGE,
        )
        found = []
        for upload in page.uploads:
            judgement = self._judge.of_upload(upload, now)
            if judgement is not None:
                found.append(Finding(judgement=judgement, upload=upload))
        looked_at = progress.looked_at + len(page.uploads)
        progress = msgspec.structs.replace(progress, looked_at=looked_at)
        if page.next_key is None:
            return found, progress.at_next_prefix()
        return found, msgspec.structs.replace(
            progress, key=page.next_key, upload=page.next_upload_id or ""
        )

    # --- times of access ---

    async def _reads(self, stored: Sequence[StoredObject]) -> dict[tuple[str, str], int]:
        """When these were last read, as far as they were and somebody wants to know."""
        if self._since is None or not stored:
            return {}
        most = _MORE_ACCESSES * len(stored)
        found = await tables.access_times.between(
            self._rows, self._bucket.id, stored[0].key, stored[-1].key, most
        )
        if len(found) < most:
            return {(key, version): at for key, version, at in found}
        reads = {}
        for each in stored:
            place = (self._bucket.id, each.key, each.version)
            at = await tables.access_times.find(self._rows, *place)
            if at is not None:
                reads[place[1:]] = at
        return reads

    def _ages(
        self, stored: StoredObject, reads: dict[tuple[str, str], int], since: int = 0
    ) -> Ages:
        if self._since is None:
            return Ages(since=since)
        read_at = reads.get((stored.key, stored.version))
        return Ages(
            since=since,
            accessed=last_access(self._since, stored, read_at),
            was_read=read_at is not None and read_at > max(self._since, stored.modified_at),
        )
