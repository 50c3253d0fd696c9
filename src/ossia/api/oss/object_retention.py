"""Retention and legal hold of one version of an object: put, get."""

from dataclasses import dataclass
from typing import Annotated, Final

from ossia.api.bind import BucketInPath, Document, KeyInPath, Query, WrittenKeyInPath
from ossia.api.call import Call
from ossia.api.operation import Answer, Scope
from ossia.api.oss.fields import NEEDS_BYPASS, BypassGovernance, VersionHeader
from ossia.api.oss.registry import oss
from ossia.domain.objects.retention import OFF, ON, Mode
from ossia.domain.objects.versions import check_version, shown_version
from ossia.errors import (
    AccessDenied,
    FileImmutable,
    InvalidArgument,
    InvalidRequest,
    MalformedXML,
    NoSuchKey,
    NoSuchObjectLegalHoldConfiguration,
    NoSuchObjectRetentionConfiguration,
    NoSuchVersion,
    OperationNotSupported,
)
from ossia.protocol.dates import format_iso, parse_iso
from ossia.protocol.xml import document, parse, tag

_MAX_BYTES: Final = 16 * 1024
# The permissions are the same for versions (PutObjectRetention documentation), hence the name.
Version = Annotated[str | None, Query("versionId", check_version)]


@dataclass(frozen=True, slots=True)
class WantedRetention:
    """The body of PutObjectRetention."""

    mode: Mode
    until: int


def _parse_retention(content: bytes) -> WantedRetention:
    root = parse(content, "Retention")
    try:
        return WantedRetention(Mode(root.get("Mode")), parse_iso(root.get("RetainUntilDate")))
    except ValueError as error:
        raise MalformedXML(
            ErrorDetail="A Retention needs the Mode COMPLIANCE or GOVERNANCE, and RetainUntilDate."
        ) from error


@dataclass(slots=True, kw_only=True)
class PutObjectRetention:
    bucket: BucketInPath
    key: WrittenKeyInPath
    wanted: Annotated[WantedRetention, Document(_parse_retention, _MAX_BYTES)]
    version: Version = None
    bypass: BypassGovernance = False


@dataclass(slots=True, kw_only=True)
class PutObjectRetentionResult(Answer):
    version: VersionHeader


@oss.operation(
    "PUT",
    Scope.OBJECT,
    query=["retention"],
    also=(NEEDS_BYPASS,),
    errors=(
        NoSuchKey,
        NoSuchVersion,
        MalformedXML,
        InvalidArgument,
        InvalidRequest,
        OperationNotSupported,
        AccessDenied,
        FileImmutable,
    ),
)
async def put_object_retention(call: Call, request: PutObjectRetention) -> PutObjectRetentionResult:
    """Let a version stay until a time, which can only become later."""
    version = await call.services.retentions.put(
        call.bucket,
        request.key,
        request.version,
        request.wanted.mode,
        request.wanted.until,
        bypass=request.bypass,
    )
    return PutObjectRetentionResult(version=shown_version(call.bucket, version))


@dataclass(slots=True, kw_only=True)
class GetObjectRetention:
    bucket: BucketInPath
    key: KeyInPath
    version: Version = None


@dataclass(slots=True, kw_only=True)
class GetObjectRetentionResult(Answer):
    mode: str
    until: int
    version: VersionHeader

    def body(self, call: Call) -> bytes:
        del call
        until = tag("RetainUntilDate", format_iso(self.until))
        return document("Retention", tag("Mode", self.mode), until)


@oss.operation(
    "GET",
    Scope.OBJECT,
    query=["retention"],
    errors=(NoSuchKey, NoSuchVersion, InvalidRequest, NoSuchObjectRetentionConfiguration),
)
async def get_object_retention(call: Call, request: GetObjectRetention) -> GetObjectRetentionResult:
    """Tell until when a version stays."""
    stored, found = await call.services.retentions.find(call.bucket, request.key, request.version)
    version = shown_version(call.bucket, stored.version)
    return GetObjectRetentionResult(mode=found.mode, until=found.until, version=version)


# --- legal hold ---


def _parse_hold(content: bytes) -> str:
    status = parse(content, "LegalHold").get("Status")
    if status not in {ON, OFF}:
        raise MalformedXML(ErrorDetail="The Status of a LegalHold must be ON or OFF.")
    return status


@dataclass(slots=True, kw_only=True)
class PutObjectLegalHold:
    bucket: BucketInPath
    key: WrittenKeyInPath
    status_wanted: Annotated[str, Document(_parse_hold, _MAX_BYTES)]
    version: Version = None


@dataclass(slots=True, kw_only=True)
class PutObjectLegalHoldResult(Answer):
    version: VersionHeader


@oss.operation(
    "PUT",
    Scope.OBJECT,
    query=["legalHold"],
    errors=(NoSuchKey, NoSuchVersion, MalformedXML, InvalidRequest, OperationNotSupported),
)
async def put_object_legal_hold(
    call: Call, request: PutObjectLegalHold
) -> PutObjectLegalHoldResult:
    """Let a version stay as long as its legal hold is on."""
    version = await call.services.retentions.hold(
        call.bucket, request.key, request.version, request.status_wanted
    )
    return PutObjectLegalHoldResult(version=shown_version(call.bucket, version))


@dataclass(slots=True, kw_only=True)
class GetObjectLegalHold:
    bucket: BucketInPath
    key: KeyInPath
    version: Version = None


@dataclass(slots=True, kw_only=True)
class GetObjectLegalHoldResult(Answer):
    hold: str
    version: VersionHeader

    def body(self, call: Call) -> bytes:
        del call
        return document("LegalHold", tag("Status", self.hold))


@oss.operation(
    "GET",
    Scope.OBJECT,
    query=["legalHold"],
    errors=(NoSuchKey, NoSuchVersion, InvalidRequest, NoSuchObjectLegalHoldConfiguration),
)
async def get_object_legal_hold(
    call: Call, request: GetObjectLegalHold
) -> GetObjectLegalHoldResult:
    """Tell whether the legal hold of a version is on."""
    stored, hold = await call.services.retentions.find_hold(
        call.bucket, request.key, request.version
    )
    return GetObjectLegalHoldResult(hold=hold, version=shown_version(call.bucket, stored.version))
