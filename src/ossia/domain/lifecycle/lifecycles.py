"""Lifecycle rules and access monitors of buckets: set, told, asked what they will do."""

import hashlib

from ossia.domain.buckets.buckets import Buckets, with_document
from ossia.domain.lifecycle.judge import Judge, Judgement
from ossia.domain.lifecycle.progress import Progress, ask, find
from ossia.domain.lifecycle.scan import Finding, Scan
from ossia.domain.objects.access_times import DOCUMENT as ACCESS_MONITOR
from ossia.domain.objects.access_times import monitored_since
from ossia.errors import AccessMonitorDisableNotAllowed, InvalidRequest, NoSuchLifecycle
from ossia.ports import Clock, Database
from ossia.protocol.dates import DAY_MS
from ossia.protocol.lifecycle_rules import DOCUMENT, Lifecycle
from ossia.protocol.lifecycle_xml import render_lifecycle, stored_lifecycle
from ossia.records import Bucket, StoredObject


def judge_of(bucket: Bucket, day_ms: int) -> Judge:
    """Who judges by the rules of *bucket*, which has some."""
    return Judge(stored_lifecycle(bucket.documents[DOCUMENT]), day_ms)


def rules_of(bucket: Bucket) -> str:
    """What tells its rules from others."""
    said = bucket.documents.get(DOCUMENT, b""), bucket.documents.get(ACCESS_MONITOR, b"")
    return hashlib.sha256(b"\0".join(said)).hexdigest()


class Lifecycles:
    """Those of every bucket; a day of rules lasts *day_ms*."""

    def __init__(
        self, database: Database, buckets: Buckets, clock: Clock, *, day_ms: int = DAY_MS
    ) -> None:
        self._database = database
        self._buckets = buckets
        self._clock = clock
        self._day_ms = day_ms

    # --- documents ---

    async def put(self, bucket: Bucket, lifecycle: Lifecycle) -> None:
        """Replace the rules.  Raises `InvalidRequest` if they need an access monitor."""

        def changed(documents: dict[str, bytes]) -> dict[str, bytes]:
            if lifecycle.is_by_access and ACCESS_MONITOR not in documents:
                raise InvalidRequest(
                    "Rules that are based on the last access time need the access monitor of the "
                    "bucket: enable it first.",
                    ec="0014-00000016",
                )
            return {**documents, DOCUMENT: render_lifecycle(lifecycle)}

        await self._buckets.change_documents(bucket, changed)

    def told(self, bucket: Bucket) -> bytes:
        """The document, as it is answered.  Raises `NoSuchLifecycle`."""
        _check_ruled(bucket)
        since = monitored_since(bucket)
        return render_lifecycle(stored_lifecycle(bucket.documents[DOCUMENT]), monitored_since=since)

    async def monitor(self, bucket: Bucket, *, is_enabled: bool) -> None:
        """Keep times of access, or no longer.

        Raises `AccessMonitorDisableNotAllowed` as long as rules ask for them.
        """
        now = self._clock.now_ms()

        def changed(documents: dict[str, bytes]) -> dict[str, bytes]:
            if is_enabled:
                return {ACCESS_MONITOR: b"%d" % now, **documents}
            content = documents.get(DOCUMENT)
            if content is not None and stored_lifecycle(content).is_by_access:
                raise AccessMonitorDisableNotAllowed
            return with_document(documents, ACCESS_MONITOR, None)

        await self._buckets.change_documents(bucket, changed)

    # --- what they do ---

    def end_of(self, bucket: Bucket, stored: StoredObject) -> Judgement | None:
        """When what a key names will be deleted, if it will be."""
        if DOCUMENT not in bucket.documents:
            return None
        return judge_of(bucket, self._day_ms).end_of(stored)

    async def explain(
        self, bucket: Bucket, prefix: str, at: int, progress: Progress | None
    ) -> tuple[list[Finding], Progress]:
        """A page of what will be due *at* that time, and where to go on; nothing is done.

        Raises `NoSuchLifecycle`.
        """
        _check_ruled(bucket)
        if progress is None or progress.rules != rules_of(bucket):
            progress = Progress(day=at, rules=rules_of(bucket), begun_at=self._clock.now_ms())
        scan = Scan(self._database, bucket, judge_of(bucket, self._day_ms), prefix)
        return await scan.page(progress, at)

    async def pass_of(self, bucket: Bucket) -> Progress | None:
        """How far the worker has come, or came last.  Raises `NoSuchLifecycle`."""
        _check_ruled(bucket)
        return await find(self._database, bucket.id)

    async def ask_for_pass(self, bucket: Bucket) -> None:
        """Let the worker go through the bucket once more, today's pass notwithstanding.

        One that is being made goes on, and is followed by another.  Raises `NoSuchLifecycle`.
        """
        _check_ruled(bucket)
        await self._database.change(ask, bucket.id)


def _check_ruled(bucket: Bucket) -> None:
    """Raise `NoSuchLifecycle` for a bucket without rules."""
    if DOCUMENT not in bucket.documents:
        raise NoSuchLifecycle(BucketName=bucket.name)
