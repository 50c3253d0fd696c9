"""Users of the account and their access keys."""

from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace

from ossia.domain.identity.ram.refusals import already_there, in_use, no_such, too_many
from ossia.domain.identity.random_names import new_id, random_text
from ossia.domain.identity.store import Draft, View
from ossia.records import AccessKey, User

MOST_USERS: Final = 1000
MOST_KEYS: Final = 2


async def create_user(
    draft: Draft,
    name: str,
    *,
    display_name: str = "",
    mobile_phone: str = "",
    email: str = "",
    comments: str = "",
) -> User:
    """A user without keys, groups and policies."""
    if await draft.find(User, name) is not None:
        raise already_there(User)
    if len(await draft.all(User)) >= MOST_USERS:
        raise too_many("User")
    return draft.put(
        User(
            id=new_id("2"),
            name=name,
            # The console of RAM shows it, and the documentation calls it mandatory there.
            display_name=display_name or name,
            mobile_phone=mobile_phone,
            email=email,
            comments=comments,
            created_at=draft.now_ms,
            updated_at=draft.now_ms,
        )
    )


async def update_user(
    draft: Draft, name: str, new_name: str | None, changes: Mapping[str, str]
) -> User:
    """Change what is known about a user; his keys, groups and policies follow a new name."""
    user = await draft.get(User, name)
    renamed = replace(user, **changes, name=new_name or name, updated_at=draft.now_ms)
    if renamed.name != name:
        if await draft.find(User, renamed.name) is not None:
            raise already_there(User)
        draft.remove(user)
        for key in await keys_of(draft, name):
            draft.put(replace(key, user_name=renamed.name))
    return draft.put(renamed)


async def delete_user(draft: Draft, name: str) -> None:
    """Remove a user who has nothing any more.  Sessions that he began end."""
    user = await draft.get(User, name)
    if user.groups:
        raise in_use("User.Group")
    if await keys_of(draft, name):
        raise in_use("User.AccessKey")
    if user.policies:
        raise in_use("User.Policy")
    draft.remove(user)


async def create_access_key(draft: Draft, user_name: str) -> AccessKey:
    """A key for a user; its secret is readable only here and now."""
    await draft.get(User, user_name)
    if len(await keys_of(draft, user_name)) >= MOST_KEYS:
        raise too_many("User.AccessKey")
    return draft.put(
        AccessKey(
            id="LTAI" + random_text(20),
            secret=random_text(30),
            user_name=user_name,
            created_at=draft.now_ms,
        )
    )


async def set_access_key_active(draft: Draft, user_name: str, key_id: str, *, active: bool) -> None:
    """Switch a key on or off."""
    draft.put(replace(await find_access_key(draft, user_name, key_id), active=active))


async def delete_access_key(draft: Draft, user_name: str, key_id: str) -> None:
    """Remove a key."""
    draft.remove(await find_access_key(draft, user_name, key_id))


async def find_access_key(view: View, user_name: str, key_id: str) -> AccessKey:
    """The key of a user.  Raises `RpcError`."""
    await view.get(User, user_name)
    key = await view.get(AccessKey, key_id)
    if key.user_name != user_name:
        raise no_such(AccessKey)
    return key


async def keys_of(view: View, user_name: str) -> list[AccessKey]:
    """Every key of a user, the oldest first."""
    keys = [key for key in await view.all(AccessKey) if key.user_name == user_name]
    return sorted(keys, key=lambda key: (key.created_at, key.id))
