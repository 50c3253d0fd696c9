"""Retention: which versions must stay, and until when.

1. The policy of a bucket (BucketWorm) keeps all its objects, those that are there and those that
   come, for so many days from when they were last modified.  It holds from when it is made, and
   no longer than 24 hours if it is not locked.
2. In a bucket with ObjectWorm a version stays until a time of its own, which new ones get by the
   bucket's default where their upload names none, and while its legal hold is on.  GOVERNANCE is
   bypassed by who may; COMPLIANCE and a legal hold are not.
3. What must stay is neither replaced nor extended nor removed, by whomever.  One more version, or
   a delete marker before it, takes nothing away; ACL and tags, and restoring, change no object.
4. A guard decides, in the change that would let something go, by what the bucket retains then.
   What is asked before only spares the work.

Sources: OSS documentation, "BucketWorm", "ObjectWorm", PutObjectRetention;
docs/decisions/2026-11-28-retention.md.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import msgspec

from ossia.errors import (
    AccessDenied,
    FileImmutable,
    InvalidArgument,
    InvalidRequest,
    OperationNotSupported,
)
from ossia.protocol.dates import DAY_MS
from ossia.records import Bucket, Retention, StoredObject
from ossia.tables.retained import Guard, Kept

WORM: Final = "worm"
"""The name of the document that holds the policy of a bucket."""
OBJECT_WORM: Final = "object-worm"
"""The name of the document that says that versions of the bucket can be retained."""
_UNLOCKED_MS: Final = DAY_MS
"""How long a policy holds that is not locked."""
_YEAR_DAYS: Final = 365
ON: Final = "ON"
OFF: Final = "OFF"
_PACKED: Final = "x-oss-object-worm"
"""Among the headers of an upload in parts: the retention of what it makes.  No client can send
that name: it would not be kept."""


class Mode(StrEnum):
    """Whether somebody may bypass a retention."""

    GOVERNANCE = "GOVERNANCE"
    COMPLIANCE = "COMPLIANCE"


class Worm(msgspec.Struct, frozen=True, kw_only=True):
    """The policy of a bucket."""

    id: str
    days: int
    created_at: int
    is_locked: bool = False


class DefaultRetention(msgspec.Struct, frozen=True, kw_only=True):
    """What new versions get: days or years, the other is 0."""

    mode: str
    days: int = 0
    years: int = 0


class ObjectWorm(msgspec.Struct, frozen=True, kw_only=True):
    """That versions of a bucket can be retained, and what new ones get."""

    default: DefaultRetention | None = None


stored = msgspec.msgpack.Encoder().encode
_worm = msgspec.msgpack.Decoder(Worm).decode
_object_worm = msgspec.msgpack.Decoder(ObjectWorm).decode
_retention = msgspec.json.Decoder(Retention).decode


def worm_of(documents: Mapping[str, bytes], now: int) -> Worm | None:
    """The policy that holds."""
    content = documents.get(WORM)
    if content is None:
        return None
    worm = _worm(content)
    return worm if worm.is_locked or now < worm.created_at + _UNLOCKED_MS else None


def object_worm_of(bucket: Bucket) -> ObjectWorm | None:
    """Whether versions can be retained, and how new ones are."""
    content = bucket.documents.get(OBJECT_WORM)
    return None if content is None else _object_worm(content)


def is_retaining(documents: Mapping[str, bytes]) -> bool:
    """Whether something in the bucket may have to stay."""
    return WORM in documents or OBJECT_WORM in documents


# --- what must stay ---


def must_stay(kept: Kept, now: int) -> bool:
    """Rules 1 and 2."""
    worm = worm_of(kept.documents, now)
    if worm is not None and now < kept.modified_at + worm.days * DAY_MS:
        return True
    retention = kept.retention
    return retention is not None and (retention.hold == ON or now < retention.until)


def _stays_even_so(kept: Kept, now: int) -> bool:
    """The same for somebody who bypasses GOVERNANCE."""
    retention = kept.retention
    if retention is not None and retention.mode == Mode.GOVERNANCE:
        freed = msgspec.structs.replace(retention, until=0)
        kept = msgspec.structs.replace(kept, retention=freed)
    return must_stay(kept, now)


def guard(*, bypass: bool = False) -> Guard:
    """What decides in a change whether a version must stay."""
    return _stays_even_so if bypass else must_stay


def refuse_changed(bucket: Bucket, present: StoredObject | None, now: int) -> None:
    """Raise `FileImmutable` for what is there and would be changed: rule 4, before the change."""
    if present is not None and must_stay(Kept(bucket.documents, present.modified_at), now):
        raise FileImmutable(Key=present.key)


def refuse_appending(bucket: Bucket) -> None:
    """ObjectWorm knows no appendable objects (PutBucketObjectWormConfiguration, "Usage notes")."""
    if OBJECT_WORM in bucket.documents:
        raise OperationNotSupported(
            Detail="AppendObject does not support a bucket with ObjectWorm."
        )


# --- what new versions get ---


def new_retention(bucket: Bucket, asked: Retention | None, now: int) -> Retention | None:
    """The retention of a version that is written now, whose upload *asked* for one or not.

    Raises `InvalidRequest` where there can be none, `InvalidArgument` for a time that is over.
    """
    worm = object_worm_of(bucket)
    if worm is None:
        if asked is not None:
            raise InvalidRequest("ObjectWorm is not enabled for the bucket.")
        return None
    if asked is not None and asked.mode:
        check_future(asked.until, now)
        return asked
    by_default = _by_default(worm.default, now)
    if asked is None or by_default is None:
        return asked or by_default
    return msgspec.structs.replace(by_default, hold=asked.hold)


def _by_default(default: DefaultRetention | None, now: int) -> Retention | None:
    if default is None:
        return None
    days = default.days or default.years * _YEAR_DAYS
    return Retention(mode=default.mode, until=now + days * DAY_MS)


def check_future(until: int, now: int) -> None:
    """Raise `InvalidArgument` unless there is something to wait for."""
    if until <= now:
        # The text is quoted by the provider for Terraform (TestAccAlicloudOssBucketObject_worm).
        raise InvalidArgument(
            "The retain until date must be in the future.", ArgumentName="RetainUntilDate"
        )


def packed(headers: dict[str, str], retention: Retention | None) -> dict[str, str]:
    """*headers* of an upload in parts, and what is asked for what it makes."""
    if retention is None:
        return headers
    return {**headers, _PACKED: msgspec.json.encode(retention).decode()}


def unpacked(headers: dict[str, str]) -> tuple[dict[str, str], Retention | None]:
    """Undo `packed`."""
    text = headers.get(_PACKED)
    if text is None:
        return headers, None
    return {name: said for name, said in headers.items() if name != _PACKED}, _retention(text)


# --- changing it ---


def changed(
    before: Retention | None, mode: Mode, until: int, now: int, *, bypass: bool
) -> Retention:
    """What PutObjectRetention makes of *before*.

    Raises `InvalidArgument` for a time that is over, `AccessDenied` if it is earlier than it was
    (PutObjectRetention documentation), `FileImmutable` for another mode, which nobody gets even by
    bypassing (multicloudj, AliRetentionModeUpgradeIT); all that while the present one holds.
    """
    check_future(until, now)
    hold = "" if before is None else before.hold
    if before is not None and now < before.until:
        if mode != before.mode:
            raise FileImmutable("The mode of a retention that holds cannot be changed.")
        if until < before.until and not (bypass and mode == Mode.GOVERNANCE):
            raise AccessDenied("A retention cannot be shortened.")
    return Retention(mode=mode.value, until=until, hold=hold)
