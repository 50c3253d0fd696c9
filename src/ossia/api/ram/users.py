"""Users and their access keys."""

from ossia.api.ram.fields import key_fields, listed, paged, user_fields
from ossia.api.ram.operation import (
    AccessKeyId,
    Call,
    Comments,
    DisplayName,
    Email,
    Fields,
    KeyStatus,
    Marker,
    MobilePhone,
    OwnUserName,
    UpTo1000,
    UserName,
    ram,
)
from ossia.domain.identity.ram import users
from ossia.domain.identity.ram.refusals import no_such
from ossia.protocol.dates import format_iso_seconds
from ossia.records import AccessKey, User


@ram.operation("user/{user_name}")
async def create_user(
    call: Call,
    user_name: UserName,
    display_name: DisplayName = "",
    mobile_phone: MobilePhone = "",
    email: Email = "",
    comments: Comments = "",
) -> Fields:
    """Create a user."""
    user = await call.change(
        users.create_user,
        user_name,
        display_name=display_name,
        mobile_phone=mobile_phone,
        email=email,
        comments=comments,
    )
    return {"User": user_fields(user)}


@ram.operation("user/{user_name}")
async def get_user(call: Call, user_name: OwnUserName) -> Fields:
    """Describe a user."""
    return {"User": user_fields(await call.view().get(User, user_name))}


@ram.operation("user/{user_name}", "user/{new_user_name}")
async def update_user(
    call: Call,
    user_name: UserName,
    new_user_name: UserName | None = None,
    new_display_name: DisplayName | None = None,
    new_mobile_phone: MobilePhone | None = None,
    new_email: Email | None = None,
    new_comments: Comments | None = None,
) -> Fields:
    """Change a user's name or what is known about him."""
    given = {
        "display_name": new_display_name,
        "mobile_phone": new_mobile_phone,
        "email": new_email,
        "comments": new_comments,
    }
    changes = {name: value for name, value in given.items() if value is not None}
    user = await call.change(users.update_user, user_name, new_user_name, changes)
    return {"User": user_fields(user)}


@ram.operation("user/{user_name}")
async def delete_user(call: Call, user_name: UserName) -> Fields:
    """Delete a user who has no keys, groups and policies; his sessions end."""
    await call.change(users.delete_user, user_name)
    return {}


@ram.operation("user/*")
async def list_users(call: Call, marker: Marker = "", max_items: UpTo1000 = 100) -> Fields:
    """List the users by name."""
    found, has_more = await call.view().page(User, marker, max_items)
    page = listed("Users", "User", map(user_fields, found))
    return paged(page, found[-1].name if found else "", has_more=has_more)


@ram.operation("user/{user_name}")
async def create_access_key(call: Call, user_name: OwnUserName) -> Fields:
    """Create a key for a user, who may have two; only this answer has the secret."""
    key = await call.change(users.create_access_key, user_name)
    return {"AccessKey": {**key_fields(key), "AccessKeySecret": key.secret}}


@ram.operation("user/{user_name}")
async def list_access_keys(call: Call, user_name: OwnUserName) -> Fields:
    """List a user's keys."""
    await call.view().get(User, user_name)
    keys = await users.keys_of(call.view(), user_name)
    return listed("AccessKeys", "AccessKey", map(key_fields, keys))


@ram.operation("user/{user_name}")
async def update_access_key(
    call: Call, user_name: OwnUserName, user_access_key_id: AccessKeyId, status: KeyStatus
) -> Fields:
    """Switch a key on or off."""
    await call.change(
        users.set_access_key_active, user_name, user_access_key_id, active=status == "Active"
    )
    return {}


@ram.operation("user/{user_name}")
async def delete_access_key(
    call: Call, user_name: OwnUserName, user_access_key_id: AccessKeyId
) -> Fields:
    """Delete a key."""
    await call.change(users.delete_access_key, user_name, user_access_key_id)
    await call.identities.forget_use(user_access_key_id)
    return {}


@ram.operation("user/{user_name}")
async def get_access_key_last_used(
    call: Call, user_name: OwnUserName, user_access_key_id: AccessKeyId
) -> Fields:
    """Tell when a key was last used, to the minute; empty for never."""
    key = await call.view().get(AccessKey, user_access_key_id)
    if key.user_name != user_name:
        raise no_such(AccessKey)
    used_at = await call.identities.last_use(key.id)
    return {"AccessKeyLastUsed": {"LastUsedDate": format_iso_seconds(used_at) if used_at else ""}}
