"""Objects of the colder classes: restore them, and give up what was restored."""

from dataclasses import dataclass
from typing import Annotated

from ossia.api.bind import BucketInPath, Document, Header, KeyInPath
from ossia.api.call import Call
from ossia.api.operation import Answer, Scope
from ossia.api.oss.fields import VersionHeader, VersionId
from ossia.api.oss.registry import oss
from ossia.domain.objects.versions import shown_version
from ossia.errors import (
    ArchiveRestoreFileStale,
    ArchiveRestoreNotFinished,
    MalformedXML,
    NoSuchKey,
    NoSuchVersion,
    OperationNotSupported,
    RestoreAlreadyInProgress,
)
from ossia.protocol.restore_request import RestoreRequest, parse_restore_request
from ossia.protocol.storage_class import ARCHIVE

_MAX_BYTES = 16 * 1024
_ACCEPTED = 202


@dataclass(slots=True, kw_only=True)
class RestoreObject:
    bucket: BucketInPath
    key: KeyInPath
    wanted: Annotated[RestoreRequest, Document(parse_restore_request, _MAX_BYTES)]
    version_id: VersionId = None


@dataclass(slots=True, kw_only=True)
class RestoreObjectResult(Answer):
    status: int
    """200 where the object can be read already."""
    priority: Annotated[str | None, Header("x-oss-object-restore-priority")]
    version: VersionHeader


@oss.operation(
    "POST",
    Scope.OBJECT,
    query=["restore"],
    errors=(
        NoSuchKey,
        NoSuchVersion,
        OperationNotSupported,
        MalformedXML,
        RestoreAlreadyInProgress,
    ),
)
async def restore_object(call: Call, request: RestoreObject) -> RestoreObjectResult:
    """Make an object of a colder class readable for some days, or for some more."""
    stored, was_readable = await call.services.restores.restore(
        call.bucket, request.key, request.version_id, request.wanted
    )
    assert stored.restoration is not None
    return RestoreObjectResult(
        status=200 if was_readable else _ACCEPTED,
        # RestoreObject documentation: Archive has no priorities.
        priority=None if stored.storage_class == ARCHIVE else stored.restoration.tier,
        version=shown_version(call.bucket, stored.version),
    )


@dataclass(slots=True, kw_only=True)
class CleanRestoredObject:
    bucket: BucketInPath
    key: KeyInPath
    version_id: VersionId = None


@dataclass(slots=True, kw_only=True)
class CleanRestoredObjectResult(Answer):
    version: VersionHeader


@oss.operation(
    "POST",
    Scope.OBJECT,
    query=["cleanRestoredObject"],
    errors=(
        NoSuchKey,
        NoSuchVersion,
        OperationNotSupported,
        ArchiveRestoreNotFinished,
        ArchiveRestoreFileStale,
    ),
)
async def clean_restored_object(
    call: Call, request: CleanRestoredObject
) -> CleanRestoredObjectResult:
    """Make a restored object unreadable again before its time."""
    stored = await call.services.restores.clean(call.bucket, request.key, request.version_id)
    return CleanRestoredObjectResult(version=shown_version(call.bucket, stored.version))
