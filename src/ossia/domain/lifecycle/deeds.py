"""Doing what lifecycle rules have found, by the domain's own ways of removing.

What has changed since it was judged is left as it is, and so is what may not be removed.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from ossia import tables
from ossia.domain.lifecycle.judge import Deed
from ossia.domain.lifecycle.scan import Finding
from ossia.domain.objects.multipart import Multipart
from ossia.domain.objects.versions import Named, Versions
from ossia.errors import NoSuchUpload, OssError
from ossia.ports import Database
from ossia.protocol.dates import format_http
from ossia.protocol.storage_class import COLD_ARCHIVE, DEEP_COLD_ARCHIVE, FROZEN
from ossia.records import TRANSITIONED, Bucket, StoredObject
from ossia.tables.lifecycle import ClassChange
from ossia.tables.versions import Where, seen_as

_TOLD: Final = frozenset({COLD_ARCHIVE, DEEP_COLD_ARCHIVE})
"""Objects tell when they became one of these (GetObjectMeta documentation)."""
OVERTAKEN: Final = "overtaken"
KEPT: Final = "kept"
_COUNTED: Final = {
    Deed.DELETE: "deleted",
    Deed.REMOVE_MARKER: "markers",
    Deed.CHANGE_CLASS: "changed",
    Deed.ABORT: "aborted",
}
COUNTED: Final = (*_COUNTED.values(), OVERTAKEN, KEPT)
"""What is counted."""
Note = Callable[[Mapping[str, int]], None]
"""Hears how much of each was done."""


def _nobody(_: Mapping[str, int]) -> None:
    """Nobody wants to hear of it."""


class Deeds:
    """What rules do."""

    def __init__(
        self,
        database: Database,
        versions: Versions,
        multipart: Multipart,
        *,
        note: Note = _nobody,
    ) -> None:
        self._database = database
        self._versions = versions
        self._multipart = multipart
        self._note = note

    async def do(self, bucket: Bucket, findings: Sequence[Finding], now: int) -> Counter[str]:
        """Do what was found; how much of it was done, by what it was.

        `OVERTAKEN` counts what had changed meanwhile, `KEPT` what may not be removed.
        """
        counts: Counter[str] = Counter()
        removed = [e for e in findings if e.judgement.deed in {Deed.DELETE, Deed.REMOVE_MARKER}]
        if removed:
            counts.update(await self._remove(bucket, removed))
        changed = [e for e in findings if e.judgement.deed is Deed.CHANGE_CLASS]
        if changed:
            changes = [_class_change(each, now) for each in changed]
            done = await self._database.change(tables.lifecycle.change_classes, bucket.id, changes)
            counts[_COUNTED[Deed.CHANGE_CLASS]] += done
            counts[OVERTAKEN] += len(changes) - done
        for each in findings:
            if each.upload is not None:
                counts[await self._abort(bucket, each)] += 1
        self._note(+counts)
        return +counts

    async def _remove(self, bucket: Bucket, findings: Sequence[Finding]) -> Counter[str]:
        done = await self._versions.expire(bucket, [_wanted(each) for each in findings])
        counts: Counter[str] = Counter()
        for finding, is_done in zip(findings, done, strict=True):
            undone = KEPT if is_done is None else OVERTAKEN
            counts[_COUNTED[finding.judgement.deed] if is_done else undone] += 1
        return counts

    async def _abort(self, bucket: Bucket, finding: Finding) -> str:
        upload = finding.upload
        assert upload is not None
        try:
            await self._multipart.abort(bucket, upload.key, upload.id)
        except NoSuchUpload:
            return OVERTAKEN
        except OssError:
            return KEPT
        return _COUNTED[Deed.ABORT]


def _wanted(finding: Finding) -> tuple[Named, tables.versions.Seen]:
    stored = _version(finding)
    # Deleting what a key names is what DeleteObject does without a version.
    version = "" if finding.where is Where.NAMED else stored.version
    return Named(stored.key, version), seen_as(stored, finding.where)


def _class_change(finding: Finding, now: int) -> ClassChange:
    stored, new = _version(finding), finding.judgement.storage_class
    headers = {name: said for name, said in stored.headers.items() if name != TRANSITIONED}
    if new in _TOLD:
        headers[TRANSITIONED] = format_http(now)
    seen = seen_as(stored, finding.where)
    # Documentation of rules based on the last access time, "Archive": it begins anew.
    return ClassChange(stored, seen, new, headers, forgets_reads=new in FROZEN)


def _version(finding: Finding) -> StoredObject:
    assert finding.stored is not None
    return finding.stored
