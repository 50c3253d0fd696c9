"""What can be appended to, and what that makes of an object."""

import hashlib

import msgspec

from ossia.errors import InvalidArgument, ObjectNotAppendable, PositionNotEqualToLength
from ossia.protocol.storage_class import NEVER_APPENDED
from ossia.records import SEALED, ObjectType, StoredObject


def is_sealed(stored: StoredObject) -> bool:
    """Whether nothing is appended to *stored* any more (`domain.objects.seals`)."""
    return SEALED in stored.headers


def check_appendable(stored: StoredObject | None, position: int) -> None:
    """Raise `ObjectNotAppendable`, or `PositionNotEqualToLength` unless it is as long as that."""
    if stored is not None and stored.type != ObjectType.APPENDABLE.value:
        raise ObjectNotAppendable(Key=stored.key)
    length = 0 if stored is None else stored.size
    if position != length:
        # oss2 reads the header without asking whether it is there.
        raise PositionNotEqualToLength(headers={"x-oss-next-append-position": str(length)})


def check_growing(stored: StoredObject | None, position: int) -> None:
    """The same, and `ObjectNotAppendable` for a sealed object, however long it is."""
    if stored is not None and is_sealed(stored):
        raise ObjectNotAppendable(Key=stored.key)
    check_appendable(stored, position)


def check_class(new: StoredObject) -> None:
    """Raise `InvalidArgument` for a class that no appendable object has, unless it is sealed."""
    if new.storage_class in NEVER_APPENDED and not is_sealed(new):
        raise InvalidArgument(
            f"An appendable object cannot have the storage class {new.storage_class}.",
            ec="0016-00000503",
            ArgumentName="x-oss-storage-class",
            ArgumentValue=new.storage_class,
        )


def etag_after(before: str, added: str) -> str:
    """An opaque ETag that changes with every append; OSS does not publish its own."""
    text = f"{before}{added}".encode()
    return hashlib.md5(text, usedforsecurity=False).hexdigest().upper()


def as_sealed_as(source: StoredObject, new: StoredObject) -> StoredObject:
    """*new*, which is the same object: whatever is said about it, its seal stays."""
    if not is_sealed(source):
        return new
    headers = {**new.headers, SEALED: source.headers[SEALED]}
    return msgspec.structs.replace(new, headers=headers)


def as_normal(new: StoredObject) -> StoredObject:
    """The copy of an appendable object: it is none, and has no seal."""
    headers = {name: text for name, text in new.headers.items() if name != SEALED}
    return msgspec.structs.replace(new, type=ObjectType.NORMAL.value, headers=headers)
