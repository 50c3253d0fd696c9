"""The nouns: what is stored, as immutable values.

Times are whole milliseconds since 1970 UTC; sizes are bytes; digests are what the
field prints: MD5 and ETag in upper-case hex without quotes, CRC-64 as an unsigned
integer.  Records that are stored carry no behaviour; rules live in `domain`.
"""

from enum import StrEnum
from typing import Any, ClassVar

import msgspec

NULL_VERSION = "null"
"""The id of the version that a bucket without versioning, or with it suspended, writes."""


class ObjectType(StrEnum):
    """What ``x-oss-object-type`` and listings say; a marker is no object, but a version."""

    NORMAL = "Normal"
    MULTIPART = "Multipart"
    APPENDABLE = "Appendable"
    SYMLINK = "Symlink"
    DELETE_MARKER = "DeleteMarker"


SYMLINK_TARGET = "x-oss-symlink-target"
"""Among the headers of a symlink: the key of its target (`domain.objects.symlinks`)."""
ENCRYPTION_TOLD = (
    "x-oss-server-side-encryption",
    "x-oss-server-side-encryption-key-id",
    "x-oss-server-side-data-encryption",
)
"""Among those of an encrypted object: algorithm, key and data algorithm, as OSS tells them."""
DATA_KEY = "x-oss-wrapped-data-key"
"""And its wrapped data key, which nobody is told (`domain.objects.encryption`)."""
TRANSITIONED = "x-oss-transition-time"
"""Among the headers of an object: when a lifecycle rule made it one of the coldest classes."""
SEALED = "x-oss-sealed-time"
"""Among those of an appendable object: when it was sealed (`domain.objects.seals`)."""


class Reticent(msgspec.Struct, frozen=True):
    """A record that says what it is without saying what it hides: logs and tracebacks show it."""

    HIDDEN: ClassVar[frozenset[str]] = frozenset()

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.__rich_repr__())
        return f"{type(self).__name__}({shown})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """The fields as consoles show them."""
        return [
            (name, _HIDDEN if name in self.HIDDEN else getattr(self, name))
            for name in self.__struct_fields__
        ]


class _Hidden:
    def __repr__(self) -> str:
        return "***"


_HIDDEN = _Hidden()


class Bucket(msgspec.Struct, frozen=True, kw_only=True):
    """A bucket and its configuration documents.

    ``versioning`` is empty until it is enabled for the first time, then ``Enabled`` or
    ``Suspended``.  ``documents`` maps the name of a configuration (``cors``, ``policy``, …) to its
    stored form.  ``epoch`` grows with every change and guards concurrent updates.
    """

    id: int
    name: str
    owner: str
    created_at: int
    region: str
    acl: str = "private"
    storage_class: str = "Standard"
    redundancy: str = "LRS"
    versioning: str = ""
    documents: dict[str, bytes] = msgspec.field(default_factory=dict)
    epoch: int = 0


class Extent(msgspec.Struct, frozen=True, kw_only=True):
    """A run of an object's bytes: ``length`` bytes of blob ``blob_id`` at ``blob_offset``."""

    blob_id: str
    blob_offset: int = 0
    length: int


class Restoration(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """A restoring that was asked for: under way until ``ready_at``, and good until ``until``.

    ``tier`` is how fast it was to be.
    """

    tier: str
    ready_at: int
    until: int


class Retention(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """How long a version has to stay: until ``until`` if there is a ``mode``, and while it is held.

    ``hold`` is ``ON`` or ``OFF``, and empty where nobody ever said.
    """

    mode: str = ""
    until: int = 0
    hold: str = ""


class StoredObject(msgspec.Struct, frozen=True, kw_only=True):
    """One version of an object.

    ``headers`` holds the content headers to replay (``content-type``,
    ``cache-control``, …) and user metadata (``x-oss-meta-…``), names in lower case.
    The bytes are either ``inline`` or lie in ``extents``, in order; records that come
    from a listing have neither.
    """

    bucket_id: int
    key: str
    version: str = NULL_VERSION
    type: str = "Normal"
    size: int
    etag: str
    md5: str = ""
    """Base64 for the Content-MD5 header; empty where the object has none (multipart, append)."""
    crc64: int
    modified_at: int
    storage_class: str = "Standard"
    acl: str = "default"
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    tags: dict[str, str] = msgspec.field(default_factory=dict)
    inline: bytes | None = None
    extents: tuple[Extent, ...] = ()
    restoration: Restoration | None = None
    """The last one, of an object that is not read otherwise; it may be over."""


def said_of(stored: StoredObject) -> StoredObject:
    """Everything but the bytes."""
    return msgspec.structs.replace(stored, inline=None, extents=())


class Upload(msgspec.Struct, frozen=True, kw_only=True):
    """A multipart upload in progress: what Initiate was told, kept for Complete."""

    id: str
    bucket_id: int
    key: str
    initiated_at: int
    storage_class: str = "Standard"
    acl: str = "default"
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    tags: dict[str, str] = msgspec.field(default_factory=dict)
    sequential: bool = False
    forbid_overwrite: bool = False


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One part of an upload; its bytes are inline or lie in ``extents``."""

    upload_id: str
    number: int
    size: int
    etag: str
    crc64: int
    modified_at: int
    inline: bytes | None = None
    extents: tuple[Extent, ...] = ()


class ClassUsage(msgspec.Struct, frozen=True, kw_only=True):
    """What a bucket holds in one storage class; ``billed_bytes`` as OSS would bill it."""

    storage_bytes: int = 0
    billed_bytes: int = 0
    objects: int = 0


class BucketUsage(msgspec.Struct, frozen=True, kw_only=True):
    """Live numbers of one bucket, as GetBucketStat reports them.

    ``classes`` tells how much of it is in each storage class but Standard, which is the rest.
    """

    storage_bytes: int = 0
    objects: int = 0
    uploads: int = 0
    parts: int = 0
    last_modified_at: int = 0
    classes: dict[str, ClassUsage] = msgspec.field(default_factory=dict)


class AccessKey(Reticent, frozen=True, kw_only=True):
    """A long-lived key pair.  ``user_name`` is empty for the account's root key."""

    HIDDEN = frozenset({"secret"})

    id: str
    secret: str
    user_name: str = ""
    active: bool = True
    created_at: int = 0


class User(msgspec.Struct, frozen=True, kw_only=True):
    """A RAM user.  ``policies`` and ``groups`` map names to when they were attached or joined."""

    id: str
    name: str
    display_name: str = ""
    mobile_phone: str = ""
    email: str = ""
    comments: str = ""
    created_at: int = 0
    updated_at: int = 0
    policies: dict[str, int] = msgspec.field(default_factory=dict)
    groups: dict[str, int] = msgspec.field(default_factory=dict)


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """A group of users, who have its policies.  Who belongs to it is known by the users."""

    id: str
    name: str
    comments: str = ""
    created_at: int = 0
    updated_at: int = 0
    policies: dict[str, int] = msgspec.field(default_factory=dict)


class Role(msgspec.Struct, frozen=True, kw_only=True):
    """A RAM role; ``trust`` is its AssumeRolePolicyDocument (JSON text)."""

    id: str
    name: str
    trust: str
    description: str = ""
    max_session_s: int = 3600
    created_at: int = 0
    updated_at: int = 0
    policies: dict[str, int] = msgspec.field(default_factory=dict)


class PolicyVersion(msgspec.Struct, frozen=True, kw_only=True):
    """One text that a policy has or had; ``id`` is ``v1``, ``v2``, …"""

    id: str
    document: str
    created_at: int = 0


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """A named policy.  ``document`` is the JSON text of its default version.

    ``versions`` are in the order of their making; the number of one that was deleted is not
    given again, hence ``last_version``.
    """

    name: str
    document: str
    type: str = "Custom"
    description: str = ""
    created_at: int = 0
    updated_at: int = 0
    default_version: str = "v1"
    last_version: int = 1
    versions: tuple[PolicyVersion, ...] = ()


class OidcProvider(msgspec.Struct, frozen=True, kw_only=True):
    """An issuer of OIDC tokens with which roles may be assumed."""

    id: str
    name: str
    issuer_url: str
    client_ids: tuple[str, ...] = ()
    fingerprints: tuple[str, ...] = ()
    description: str = ""
    issuance_limit_h: int = 12
    created_at: int = 0
    updated_at: int = 0


class SealingKey(Reticent, frozen=True, kw_only=True):
    """One of the keys that seal session tokens."""

    HIDDEN = frozenset({"key"})

    number: int
    key: bytes
    made_at: int


class SealingKeys(msgspec.Struct, frozen=True, kw_only=True):
    """The keys that seal session tokens, the newest last."""

    keys: tuple[SealingKey, ...] = ()


class KmsKeyVersion(msgspec.Struct, frozen=True, kw_only=True):
    """What a key was made of at a time, sealed under the master key."""

    number: int
    sealed: bytes
    made_at: int


class KmsKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key under which data keys of objects are wrapped; the newest version is the last.

    ``is_service``: the server has made it for itself.  ``delete_at`` is when it is gone, 0 if it
    stays.
    """

    id: str
    description: str = ""
    state: str = "Enabled"
    created_at: int = 0
    delete_at: int = 0
    is_service: bool = False
    versions: tuple[KmsKeyVersion, ...] = ()


class Timings(msgspec.Struct, frozen=True, kw_only=True):
    """How long each phase of one exchange took, in microseconds; 0 for a phase not reached.

    ``first_byte_us`` runs from the request's last byte to the answer's first.
    """

    resolve_us: int = 0
    connect_us: int = 0
    tls_us: int = 0
    first_byte_us: int = 0
    total_us: int = 0


class CallbackMessage(msgspec.Struct, frozen=True, kw_only=True):
    """The callback of one upload, filled: everything it takes to send it, as often as need be.

    ``id`` names the upload's event: it is the same in every attempt, so that a receiver can tell
    a repetition.  ``requester`` and ``request_id`` are those of the upload; ``urls`` are tried in
    order; ``host``, if not empty, replaces the Host header; ``trace`` holds the headers of a
    distributed trace; ``shows_id`` sends the id along, ``webhook`` signs it and the body; ``sni``
    is what the upload says of it.  One that
    ``decides`` was sent before its object was stored: if it was refused, there is no object.
    """

    id: str
    request_id: str
    bucket: str
    key: str
    operation: str
    requester: str
    urls: tuple[str, ...]
    body: bytes
    body_type: str
    variables: dict[str, str | int | None] = msgspec.field(default_factory=dict)
    host: str = ""
    additional_headers: dict[str, str] = msgspec.field(default_factory=dict)
    trace: dict[str, str] = msgspec.field(default_factory=dict)
    decides: bool = False
    shows_id: bool = False
    webhook: bool = False
    sni: bool = False


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt to deliver a callback, as it happened.

    ``id`` sorts by time.  ``kind`` is ``upload``, ``trigger``, ``retry`` or ``replay``; ``attempt``
    counts within it, from 1.  ``headers`` and ``reply_headers`` are as on the wire, the reply's in
    lower case; ``reply_body`` is bounded.  ``status`` is None where no answer came: then ``fault``
    and ``detail`` say why.  ``verdict`` is what the uploader was told, empty if it was accepted.
    """

    id: str
    at: int
    kind: str = "upload"
    attempt: int = 1
    message: CallbackMessage
    url: str
    headers: dict[str, str]
    address: str = ""
    timings: Timings = Timings()
    status: int | None = None
    reply_headers: dict[str, str] = msgspec.field(default_factory=dict)
    reply_body: bytes = b""
    fault: str = ""
    detail: str = ""
    accepted: bool
    verdict: str = ""
    ec: str = ""
    is_cut: bool = False
    """Whether the log holds only the beginning of the message's body."""


class PendingCallback(msgspec.Struct, frozen=True, kw_only=True):
    """A callback that is owed: it is sent again and again until the application accepts it.

    ``id`` is that of the message.  It is due at ``not_before``; ``dead`` means that nobody tries
    any more.
    """

    id: str
    message: CallbackMessage
    created_at: int
    not_before: int
    attempts: int = 0
    last_error: str = ""
    dead: bool = False
