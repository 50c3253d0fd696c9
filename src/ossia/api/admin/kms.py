"""The local key store: keys that wrap the data keys of objects, and the master key."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from ossia.api.admin.route import AdminCall, Subject, admin
from ossia.api.admin.services import AdminServices
from ossia.domain.encryption.kms_keys import MOST_DAYS, state_of
from ossia.protocol.dates import format_iso_seconds
from ossia.records import KmsKey

KeyId = Annotated[str, Meta(description="The id of a key")]


class ListKmsKeys(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class CreateKmsKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    description: Annotated[str, Meta(max_length=8192, description="What it is for")] = ""


class GetKmsKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: KeyId


class EnableKmsKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: KeyId


class DisableKmsKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: KeyId


class RotateKmsKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: KeyId


class DeleteKmsKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: KeyId
    days: Annotated[
        int,
        Meta(ge=0, le=MOST_DAYS, description="Until it is gone; 0: at once, and for good"),
    ] = 30


class KeepKmsKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: KeyId


class RotateMasterKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    pass


class ShownVersion(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a key."""

    number: int
    made_at: str


class ShownKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key, without what it is made of."""

    id: str
    state: Annotated[str, Meta(description="Enabled, Disabled or PendingDeletion")]
    description: str
    created_at: str
    delete_at: Annotated[str, Meta(description="When it is gone; empty: it stays")]
    is_service: Annotated[bool, Meta(description="Whether it is the server's own")]
    versions: list[ShownVersion]


class ShownKeys(msgspec.Struct, frozen=True, kw_only=True):
    """Every key."""

    keys: list[ShownKey]


class RotatedMasterKey(msgspec.Struct, frozen=True, kw_only=True):
    """What is sealed under the new master key, and what no master key here opens."""

    keys: int
    lost: int
    file: str
    next: Annotated[str, Meta(description="What is left to be done")]


def _shown(key: KmsKey) -> ShownKey:
    return ShownKey(
        id=key.id,
        state=state_of(key),
        description=key.description,
        created_at=format_iso_seconds(key.created_at),
        delete_at=format_iso_seconds(key.delete_at) if key.delete_at else "",
        is_service=key.is_service,
        versions=[
            ShownVersion(number=each.number, made_at=format_iso_seconds(each.made_at))
            for each in key.versions
        ],
    )


async def _about_keys(_services: AdminServices, request: Any) -> Subject:
    return Subject("key", getattr(request, "id", "*"), kind="kms")


async def _about_master_key(_services: AdminServices, _request: Any) -> Subject:
    return Subject("master-key", kind="kms")


@admin.route("GET", "/kms/keys", action="ossia:ListKmsKeys", about=_about_keys)
async def list_kms_keys(call: AdminCall, request: ListKmsKeys) -> ShownKeys:
    """List the keys."""
    del request
    return ShownKeys(keys=[_shown(each) for each in await call.services.kms.all()])


@admin.route("POST", "/kms/keys", action="ossia:CreateKmsKey", about=_about_keys)
async def create_kms_key(call: AdminCall, request: CreateKmsKey) -> ShownKey:
    """Make a key."""
    return _shown(await call.services.kms.create(request.description))


@admin.route("GET", "/kms/keys/{id}", action="ossia:GetKmsKey", about=_about_keys)
async def get_kms_key(call: AdminCall, request: GetKmsKey) -> ShownKey:
    """Show a key."""
    return _shown(await call.services.kms.find(request.id))


@admin.route("POST", "/kms/keys/{id}/enable", action="ossia:EnableKmsKey", about=_about_keys)
async def enable_kms_key(call: AdminCall, request: EnableKmsKey) -> ShownKey:
    """Let a key be used again."""
    return _shown(await call.services.kms.enable(request.id))


@admin.route("POST", "/kms/keys/{id}/disable", action="ossia:DisableKmsKey", about=_about_keys)
async def disable_kms_key(call: AdminCall, request: DisableKmsKey) -> ShownKey:
    """Let nobody read or write what is encrypted under a key, until it is enabled."""
    return _shown(await call.services.kms.disable(request.id))


@admin.route("POST", "/kms/keys/{id}/rotate", action="ossia:RotateKmsKey", about=_about_keys)
async def rotate_kms_key(call: AdminCall, request: RotateKmsKey) -> ShownKey:
    """Let a key wrap with a new version; what the others have wrapped stays as it is."""
    return _shown(await call.services.kms.rotate(request.id))


@admin.route("DELETE", "/kms/keys/{id}", action="ossia:DeleteKmsKey", about=_about_keys)
async def delete_kms_key(call: AdminCall, request: DeleteKmsKey) -> ShownKey:
    """Let a key be gone in some days; what is encrypted under it is lost then."""
    return _shown(await call.services.kms.delete(request.id, request.days))


@admin.route("POST", "/kms/keys/{id}/keep", action="ossia:KeepKmsKey", about=_about_keys)
async def keep_kms_key(call: AdminCall, request: KeepKmsKey) -> ShownKey:
    """Delete a key no more; it is disabled then."""
    return _shown(await call.services.kms.keep(request.id))


@admin.route(
    "POST", "/kms/master-key/rotate", action="ossia:RotateMasterKey", about=_about_master_key
)
async def rotate_master_key(call: AdminCall, request: RotateMasterKey) -> RotatedMasterKey:
    """Seal every key under another master key; no object is touched."""
    del request
    done = await call.services.rotate_master_key()
    return RotatedMasterKey(keys=done.keys, lost=done.lost, file=done.file, next=done.next)
