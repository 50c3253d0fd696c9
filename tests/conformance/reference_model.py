"""What OSS does with the objects of one bucket, as the fact sheets tell it: an executable page.

Nothing of it is clever, and nothing is shared with the server: a key has a list of versions, the
newest first, and every answer is read off that list.  `Told` is what an answer must say.  Ids of
versions and ETags of appended objects are the server's own to choose, so the model is told them.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from email.utils import formatdate
from itertools import pairwise
from typing import Any

from reference_records import (
    CLASSES,
    DAY,
    FROZEN,
    MARKED,
    MOST_DAYS,
    RESTORED_WITHIN,
    UNKNOWN,
    Rule,
    Told,
    Upload,
    Version,
    Worm,
    due_at,
    md5,
    multipart_etag,
)


class ReferenceModel:
    """One bucket.  ``now`` is the time of the server's clock, in seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self.versioning = ""
        self.keys: dict[str, list[Version]] = {}
        self.uploads: dict[str, Upload] = {}
        self.rules: list[Rule] = []
        self.worm: Worm | None = None
        self.protected: tuple[str, str] | None = None
        """How the keys begin and end of what must not be overwritten."""
        self.retains_versions = False
        self.default_days = 0
        self.ids: set[str] = set()

    # --- what there is ---

    def named(self, key: str) -> Version | None:
        """What a key names: its newest version, unless that is a marker."""
        versions = self.keys.get(key)
        return versions[0] if versions and not versions[0].is_marker else None

    def find(self, key: str, version: str | None, method: str = "") -> Version | Told:
        """A version, or the refusal (objects.md, section 4)."""
        versions = self.keys.get(key, [])
        if version is None:
            if not versions:
                return Told(404, "NoSuchKey", {"x-oss-delete-marker": None})
            if versions[0].is_marker:
                return Told(404, "NoSuchKey", {**MARKED, "x-oss-version-id": versions[0].id})
            return versions[0]
        for each in versions:
            if each.id == version:
                if not each.is_marker:
                    return each
                code = ("MethodNotAllowed", 405) if method else ("NoSuchKey", 404)
                return Told(code[1], code[0], {**MARKED, "x-oss-version-id": version})
        return Told(404, "NoSuchVersion")

    def every(self) -> Iterator[tuple[str, Version, bool]]:
        """Keys in the order of their bytes, versions from the newest; whether it is the latest."""
        for key in sorted(self.keys, key=str.encode):
            for number, each in enumerate(self.keys[key]):
                yield key, each, number == 0

    def shown(self, version: str) -> str | None:
        return version if self.versioning else None

    # --- writing ---

    def new_id(self, given: str | None) -> str:
        """The id of a version that was just written, which must be one that nobody had."""
        if self.versioning != "Enabled":
            assert given == ("null" if self.versioning else None), given
            return "null"
        assert given is not None
        if given != UNKNOWN:
            self.meet(given)
        return given

    def meet(self, version: str) -> None:
        """An id that the server chose: nobody had it before."""
        assert version not in self.ids | {"null"}, version
        self.ids.add(version)

    def write(self, key: str, new: Version) -> None:
        """The newest version is *new*; there is one null version at most."""
        if self.default_days and new.kind not in {"DeleteMarker", "Appendable"}:
            until = self.now() + self.default_days * DAY
            new = replace(new, mode="GOVERNANCE", retained_until=until)
        versions = [each for each in self.keys.get(key, []) if each.id != new.id]
        self.keys[key] = [new, *versions]

    def replace(self, key: str, old: Version, new: Version) -> None:
        """Nothing but what is said about a version has changed."""
        self.keys[key] = [new if each is old else each for each in self.keys[key]]

    def overwrites(self, key: str, forbid_overwrite: bool) -> Told | None:
        """What must not be replaced; versioning lets that rest."""
        prefix, suffix = self.protected or ("?", "?")
        forbidden = forbid_overwrite or (key.startswith(prefix) and key.endswith(suffix))
        if forbidden and not self.versioning and self.named(key) is not None:
            return Told(409, "FileAlreadyExists")
        return None

    def refusal(self, key: str, forbid_overwrite: bool) -> Told | None:
        """Why nothing can be written under *key*, if so."""
        if refusal := self.overwrites(key, forbid_overwrite):
            return refusal
        if self.versioning != "Enabled" and any(
            each.id == "null" and self.stays(each) for each in self.keys.get(key, [])
        ):
            return Told(409, "FileImmutable")
        return None

    def put(
        self, key: str, given: str | None, body: bytes, forbid_overwrite: bool, **said: Any
    ) -> Told:
        """PutObject."""
        if refusal := self.refusal(key, forbid_overwrite):
            return refusal
        version = self.new_id(given)
        self.write(key, Version(version, "Normal", self.now(), body, md5(body), **said))
        return Told(200, headers={"etag": f'"{md5(body)}"', "x-oss-version-id": given})

    def link(self, key: str, given: str | None, target: str, forbid_overwrite: bool) -> Told:
        """PutSymlink."""
        if refusal := self.refusal(key, forbid_overwrite):
            return refusal
        etag = md5(target.encode())
        new = Version(self.new_id(given), "Symlink", self.now(), etag=etag, target=target)
        self.write(key, new)
        return Told(200, headers={"x-oss-version-id": given})

    def append(
        self, key: str, given: str | None, etag: str | None, position: int, body: bytes
    ) -> Told:
        """AppendObject, which knows null versions only."""
        if self.retains_versions:
            return Told(400, "OperationNotSupported")
        if refusal := self.overwrites(key, forbid_overwrite=False):
            return refusal
        old = self.named(key)
        if old is None and self.keys.get(key):
            # Behind the marker, or the versions, there would be two objects of the key.
            if position:
                return Told(409, "PositionNotEqualToLength")
            return Told(409, "ObjectNotAppendable")
        if old is not None and old.kind != "Appendable":
            return Told(409, "ObjectNotAppendable")
        length = 0 if old is None else len(old.body)
        if old is not None and position == length and self.stays(old):
            return Told(409, "FileImmutable")
        if position != length:
            next_position = {"x-oss-next-append-position": str(length)}
            return Told(409, "PositionNotEqualToLength", next_position)
        told = Told(
            200,
            headers={
                "x-oss-next-append-position": str(length + len(body)),
                "x-oss-version-id": self.shown(old.id if old else "null"),
            },
        )
        if body or old is None:
            assert etag is not None
            old = old or Version("null", "Appendable", self.now())
            new = replace(old, body=old.body + body, etag=etag.strip('"'), at=self.now())
            self.write(key, new)
        return told

    def copy(
        self,
        source_key: str,
        source_version: str | None,
        key: str,
        given: str | None,
        *,
        storage_class: str | None,
        meta: Mapping[str, str] | None,
        tags: Mapping[str, str] | None,
    ) -> Told:
        """CopyObject; *meta* and *tags* where they are to be replaced."""
        source = self.find(source_key, source_version)
        if isinstance(source, Told):
            return source
        if not self.is_readable(source):
            return Told(403, "InvalidObjectState")
        itself = source_key == key and source_version is None
        if refusal := self.refusal(key, forbid_overwrite=False):
            return refusal
        new = replace(
            source,
            id=self.new_id(given),
            at=self.now(),
            storage_class=storage_class or (source.storage_class if itself else "Standard"),
            acl=source.acl if itself else "default",
            meta=meta if meta is not None else {} if itself else source.meta,
            tags=source.tags if tags is None else tags,
            ready_at=0,
            until=0,
            mode="",
            retained_until=0,
            hold="",
            cipher="",
        )
        if source.kind == "Appendable" and not (source_key == key and new.id == source.id):
            new = replace(new, kind="Normal")
        self.write(key, new)
        return Told(
            200,
            headers={
                "x-oss-version-id": given,
                "x-oss-copy-source-version-id": self.shown(source.id),
            },
        )

    def delete(
        self, key: str, version: str | None, given: str | None, *, bypass: bool = False
    ) -> Told:
        """DeleteObject: a version for good, or a marker before the others."""
        if any(self.stays(each, bypass=bypass) for each in self.let_go_by_delete(key, version)):
            return Told(409, "FileImmutable")
        if version is not None:
            gone = [each for each in self.keys.get(key, []) if each.id == version]
            self.keys[key] = [each for each in self.keys.get(key, []) if each.id != version]
            if not self.keys[key]:
                del self.keys[key]
            marker = "true" if gone and gone[0].is_marker else None
            shown = version if self.versioning else None
            return Told(204, headers={"x-oss-version-id": shown, "x-oss-delete-marker": marker})
        if not self.versioning:
            self.keys.pop(key, None)
            return Told(204, headers={"x-oss-version-id": None, "x-oss-delete-marker": None})
        self.write(key, Version(self.new_id(given), "DeleteMarker", self.now()))
        return Told(204, headers={"x-oss-version-id": given, **MARKED})

    def let_go_by_delete(self, key: str, version: str | None) -> list[Version]:
        """What deleting takes away: with versioning, a marker takes nothing but a null version."""
        wanted = version or ("null" if self.versioning != "Enabled" else "")
        return [each for each in self.keys.get(key, []) if each.id == wanted]

    # --- what must stay ---

    def worm_holds(self) -> Worm | None:
        """The policy of the bucket: without being locked it is good for a day."""
        if self.worm and (self.worm.is_locked or self.now() < self.worm.begun_at + DAY):
            return self.worm
        return None

    def stays(self, version: Version, *, bypass: bool = False) -> bool:
        """Whether a version can be neither replaced nor extended nor removed."""
        if version.is_marker:
            return False
        worm = self.worm_holds()
        if worm is not None and self.now() < version.at + worm.days * DAY:
            return True
        is_retained = self.now() < version.retained_until
        return version.hold == "ON" or (
            is_retained and not (bypass and version.mode == "GOVERNANCE")
        )

    def retain(
        self, key: str, version: str | None, mode: str, until: float, *, bypass: bool
    ) -> Told:
        """PutObjectRetention."""
        if not self.retains_versions:
            return Told(400, "InvalidRequest")
        found = self.find(key, version)
        if isinstance(found, Told):
            return found
        if found.kind == "Appendable":
            return Told(400, "OperationNotSupported")
        if self.now() < found.retained_until:
            if mode != found.mode:
                return Told(409, "FileImmutable")
            if until < found.retained_until and not (bypass and mode == "GOVERNANCE"):
                return Told(403, "AccessDenied")
        self.replace(key, found, replace(found, mode=mode, retained_until=until))
        return Told(200, headers={"x-oss-version-id": self.shown(found.id)})

    def hold(self, key: str, version: str | None, status: str) -> Told:
        """PutObjectLegalHold."""
        if not self.retains_versions:
            return Told(400, "InvalidRequest")
        found = self.find(key, version)
        if isinstance(found, Told):
            return found
        if found.kind == "Appendable":
            return Told(400, "OperationNotSupported")
        self.replace(key, found, replace(found, hold=status))
        return Told(200, headers={"x-oss-version-id": self.shown(found.id)})

    # --- lifecycle ---

    def age(self) -> None:
        """Do what the rules ask for, until there is nothing left to do."""
        while self._age_once():
            pass

    def _age_once(self) -> bool:
        before = {key: list(versions) for key, versions in self.keys.items()}
        for key in list(before):
            self._age_named(key)
        aged = {key: list(versions) for key, versions in self.keys.items()}
        for key, versions in aged.items():
            self._age_formers(key, versions)
        for name, upload in list(self.uploads.items()):
            if any(
                rule.abort_days
                and upload.key.startswith(rule.prefix)
                and self._is_due(upload.at, rule.abort_days)
                for rule in self.rules
            ):
                del self.uploads[name]
        return before != self.keys

    def _is_due(self, at: float, days: int) -> bool:
        """Days end at midnight (documentation of lifecycle rules, "Effective time")."""
        return self.now() >= due_at(at, days)

    def _age_named(self, key: str) -> None:
        named = self.named(key)
        if named is None:
            return
        rules = [each for each in self.rules if each.is_about(key, named)]
        if any(rule.days and self._is_due(named.at, rule.days) for rule in rules):
            if not any(map(self.stays, self.let_go_by_delete(key, None))):
                self._expire(key)
            return
        if named.is_link:
            return
        found = [
            CLASSES.index(rule.becomes)
            for rule in rules
            if rule.becomes and self._is_due(named.at, rule.becomes_after)
        ]
        if found and max(found) > CLASSES.index(named.storage_class):
            colder = CLASSES[max(found)]
            self.replace(key, named, replace(named, storage_class=colder, ready_at=0, until=0))

    def _expire(self, key: str) -> None:
        if not self.versioning:
            del self.keys[key]
            return
        # Which id the server gives it is found out afterwards.
        version = UNKNOWN if self.versioning == "Enabled" else "null"
        self.write(key, Version(version, "DeleteMarker", self.now()))

    def _age_formers(self, key: str, versions: list[Version]) -> None:
        newest = versions[0]
        if len(versions) == 1 and newest.is_marker:
            if any(rule.removes_markers and rule.is_about(key, newest) for rule in self.rules):
                del self.keys[key]
            return
        for newer, each in pairwise(versions):
            if not self.stays(each) and any(
                rule.noncurrent_days
                and rule.is_about(key, each)
                and self._is_due(newer.at, rule.noncurrent_days)
                for rule in self.rules
            ):
                self.keys[key] = [kept for kept in self.keys[key] if kept is not each]

    def expiration(self, key: str, version: Version) -> str | None:
        """What is told of when a rule will delete what a key names: the first that does."""
        ends = [
            (due_at(version.at, rule.days), number)
            for number, rule in enumerate(self.rules)
            if rule.days and rule.is_about(key, version)
        ]
        if not ends:
            return None
        due, number = min(ends)
        return f'expiry-date="{formatdate(due, usegmt=True)}", rule-id="r{number}"'

    # --- uploads in parts ---

    def complete(self, upload: str, given: str | None, forbid_overwrite: bool) -> Told:
        """CompleteMultipartUpload with all parts."""
        begun = self.uploads[upload]
        if refusal := self.refusal(begun.key, forbid_overwrite):
            return refusal
        parts = [begun.parts[number] for number in sorted(begun.parts)]
        etag = multipart_etag(parts)
        new = Version(
            self.new_id(given), "Multipart", self.now(), b"".join(parts), etag, **begun.said
        )
        self.write(begun.key, new)
        del self.uploads[upload]
        return Told(200, headers={"x-oss-version-id": given, "etag": f'"{etag}"'})

    # --- reading ---

    def is_readable(self, version: Version) -> bool:
        if version.storage_class not in FROZEN:
            return True
        return version.ready_at <= self.now() < version.until

    def restoring(self, version: Version) -> str | None:
        """How far restoring is, as the header begins."""
        if self.now() >= version.until:
            return None
        return f'ongoing-request="{"true" if self.now() < version.ready_at else "false"}"'

    def read(self, key: str, version: str | None, method: str) -> Told:
        """GetObject and HeadObject."""
        found = self.find(key, version, method)
        if isinstance(found, Told):
            return found
        through = found
        if found.is_link:
            target = self.named(found.target)
            if target is None:
                return Told(404, "SymlinkTargetNotExist")
            if target.is_link:
                return Told(400, "InvalidTargetType")
            through = target
        if method == "GET" and not self.is_readable(through):
            return Told(403, "InvalidObjectState")
        return Told(
            200,
            headers={
                "etag": f'"{through.etag}"',
                "content-length": str(len(through.body)),
                "x-oss-object-type": found.kind,
                "x-oss-storage-class": found.storage_class,
                "x-oss-version-id": self.shown(found.id),
                "x-oss-tagging-count": str(len(found.tags)) if found.tags else None,
                "x-oss-meta-a": found.meta.get("a"),
                "x-oss-server-side-encryption": through.cipher or None,
                "x-oss-delete-marker": None,
                "x-oss-expiration": None if version else self.expiration(key, found),
            },
            body=through.body if method == "GET" else None,
        )

    # --- what is said about a version ---

    def describe(self, key: str, version: str | None, status: int, **said: Any) -> Told:
        """PutObjectTagging, DeleteObjectTagging, PutObjectACL."""
        found = self.find(key, version)
        if isinstance(found, Told):
            return found
        self.replace(key, found, replace(found, **said))
        return Told(status, headers={"x-oss-version-id": self.shown(found.id)})

    def restore(self, key: str, version: str | None, days: int) -> Told:
        """RestoreObject without a tier."""
        found = self.find(key, version)
        if isinstance(found, Told):
            return found
        if found.storage_class not in FROZEN:
            return Told(400, "OperationNotSupported")
        now = self.now()
        if now < found.until and now < found.ready_at:
            return Told(409, "RestoreAlreadyInProgress")
        if now < found.until:
            most = found.ready_at + MOST_DAYS[found.storage_class] * DAY
            new = replace(found, until=min(found.until + days * DAY, most))
            self.replace(key, found, new)
            return Told(200)
        ready_at = now + RESTORED_WITHIN
        self.replace(key, found, replace(found, ready_at=ready_at, until=ready_at + days * DAY))
        return Told(202)

    def clean(self, key: str, version: str | None) -> Told:
        """CleanRestoredObject."""
        found = self.find(key, version)
        if isinstance(found, Told):
            return found
        if found.storage_class not in FROZEN:
            return Told(400, "OperationNotSupported")
        if self.now() >= found.until:
            return Told(409, "ArchiveRestoreFileStale")
        if self.now() < found.ready_at:
            return Told(409, "ArchiveRestoreNotFinished")
        self.replace(key, found, replace(found, ready_at=0, until=0))
        return Told(200)

    # --- what is counted ---

    def stat(self) -> dict[str, int]:
        """GetBucketStat, with the parts of uploads among the bytes."""
        objects = [each for _, each, _ in self.every() if not each.is_marker]
        parts = [
            (upload.said.get("storage_class", "Standard"), part)
            for upload in self.uploads.values()
            for part in upload.parts.values()
        ]
        counted = {
            "Storage": sum(len(each.body) for each in objects) + sum(len(p) for _, p in parts),
            "ObjectCount": len(objects),
            "MultipartUploadCount": len(self.uploads),
            "MultipartPartCount": len(parts),
            "DeleteMarkerCount": sum(each.is_marker for _, each, _ in self.every()),
        }
        for name, kind in (("Standard", "Standard"), ("InfrequentAccess", "IA"),
                           *((each, each) for each in FROZEN)):  # fmt: skip
            of_kind = [each for each in objects if each.storage_class == kind]
            counted[f"{name}ObjectCount"] = len(of_kind)
        return counted
