"""Symlinks: put, get.  What is read through one: `ossia.api.oss.following`."""

from dataclasses import dataclass
from typing import Annotated
from urllib.parse import quote, unquote_to_bytes

from ossia.api.bind import BucketInPath, FromCall, Header, KeyInPath, WrittenKeyInPath
from ossia.api.call import Call
from ossia.api.operation import Answer, Grant, Scope
from ossia.api.oss.bucket_overwrite import is_protected
from ossia.api.oss.encryption_headers import EncryptsNothing
from ossia.api.oss.fields import (
    DEFAULT_TYPE,
    META_PREFIX,
    NEEDS_RETENTION,
    NEEDS_TAGGING,
    ForbidOverwrite,
    VersionHeader,
    VersionId,
    WrittenAttributes,
)
from ossia.api.oss.registry import oss
from ossia.domain.objects.symlinks import target_of
from ossia.domain.objects.versions import shown_version
from ossia.errors import (
    FileAlreadyExists,
    FileImmutable,
    InvalidArgument,
    InvalidObjectName,
    InvalidRequest,
    MissingArgument,
    NoSuchBucket,
    NoSuchKey,
    NoSuchVersion,
    NotSymlink,
)
from ossia.protocol.dates import format_http
from ossia.protocol.header_text import wire_text
from ossia.protocol.names import check_written_key, decode_key
from ossia.records import SYMLINK_TARGET, StoredObject

_META = META_PREFIX.decode()


def _target(call: Call) -> str:
    """The target, which is called as an object may be; URL-encoded, and by Go v1 as in a form."""
    raw = call.http.headers.get(SYMLINK_TARGET.encode())
    if not raw:
        # OSS documentation, the page 0043-00000001.
        raise MissingArgument(ec="0043-00000001", ArgumentName=SYMLINK_TARGET)
    return check_written_key(decode_key(unquote_to_bytes(raw.replace(b"+", b" "))))


@dataclass(slots=True, kw_only=True)
class PutSymlink:
    bucket: BucketInPath
    key: WrittenKeyInPath
    target: Annotated[str, FromCall(_target)]
    encrypts: EncryptsNothing
    attributes: WrittenAttributes
    forbid_overwrite: ForbidOverwrite = False


@dataclass(slots=True, kw_only=True)
class PutSymlinkResult(Answer):
    etag: Annotated[str, Header("ETag")]
    version: VersionHeader


@oss.operation(
    "PUT",
    Scope.OBJECT,
    query=["symlink"],
    action="oss:PutObject",
    grant=Grant.WRITE,
    also=(NEEDS_TAGGING, NEEDS_RETENTION),
    errors=(
        NoSuchBucket,
        MissingArgument,
        InvalidArgument,
        InvalidObjectName,
        InvalidRequest,
        FileAlreadyExists,
        FileImmutable,
    ),
)
async def put_symlink(call: Call, request: PutSymlink) -> PutSymlinkResult:
    """Make an object that stands for another one of the bucket, which need not exist yet."""
    stored = await call.services.symlinks.put(
        call.bucket,
        request.key,
        request.target,
        request.attributes,
        forbid_overwrite=request.forbid_overwrite or is_protected(call, request.key),
    )
    version = shown_version(call.bucket, stored.version)
    return PutSymlinkResult(etag=f'"{stored.etag}"', version=version)


@dataclass(slots=True, kw_only=True)
class GetSymlink:
    bucket: BucketInPath
    key: KeyInPath
    version_id: VersionId = None


class GetSymlinkResult(Answer):
    """What is known of a link."""

    __slots__ = ("stored", "target", "version")

    def __init__(self, stored: StoredObject, version: str | None) -> None:
        self.stored = stored
        self.version = version
        self.target = target_of(stored)

    def body_type(self) -> str:
        """That of the link."""
        return wire_text(self.stored.headers.get("content-type", DEFAULT_TYPE))

    def more_headers(self) -> list[tuple[str, str]]:
        """The target, encoded as paths are, and the link's metadata."""
        stored = self.stored
        version = [] if self.version is None else [("x-oss-version-id", self.version)]
        return [
            *version,
            ("ETag", f'"{stored.etag}"'),
            ("Last-Modified", format_http(stored.modified_at)),
            (SYMLINK_TARGET, quote(self.target)),
            *(
                (name, wire_text(said))
                for name, said in stored.headers.items()
                if name.startswith(_META)
            ),
        ]


@oss.operation(
    "GET",
    Scope.OBJECT,
    query=["symlink"],
    action="oss:GetObject",
    grant=Grant.READ,
    errors=(NoSuchKey, NoSuchVersion, NotSymlink),
)
async def get_symlink(call: Call, request: GetSymlink) -> GetSymlinkResult:
    """Tell what a symlink points to."""
    stored = await call.services.objects.find(call.bucket, request.key, request.version_id)
    return GetSymlinkResult(stored, shown_version(call.bucket, stored.version))
