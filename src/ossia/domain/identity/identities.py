"""Whose a request is: the owner of an access key, or the role of a session, with their policies.

1. There is one account, and its root access key comes from the settings; it is not stored.
2. A caller is what its user or role is now: callers are remembered only as long as no identity
   changes in any worker (`identity_store`).
3. A session ends with its role and with the user who began it.  Whoever has the name of one that
   was deleted is somebody else.

What RAM offers is the package `ram`; the few methods for changes here serve those who set up a
server.
"""

import asyncio
import logging
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import Final, NamedTuple

from ossia import tables
from ossia.domain.identity.ram import policies, roles, users
from ossia.domain.identity.ram.parameters import (
    DOCUMENT,
    POLICY_NAME,
    ROLE_NAME,
    SESSION_SECONDS,
    USER_NAME,
)
from ossia.domain.identity.ram.policies import SYSTEM_POLICIES, compiled
from ossia.domain.identity.sessions import Session
from ossia.domain.identity.store import IdentityStore
from ossia.errors import InvalidAccessKeyId, InvalidSecurityToken
from ossia.logs.scope import behind
from ossia.ports import Clock, Database, Missing, StorageFact
from ossia.protocol.conditions import Context
from ossia.protocol.policy_document import Asker, PolicyDocument, Rules
from ossia.protocol.seal import Seal
from ossia.records import AccessKey, Group, Policy, Role, User

__all__ = [
    "ANONYMOUS",
    "SYSTEM_POLICIES",
    "Caller",
    "CallerKind",
    "Identities",
    "Standing",
    "compiled",
    "role_arn",
]

log = logging.getLogger("ossia.identities")

_MOST_CALLERS: Final = 8192
_REMEMBERED_ACTIONS: Final = 512
_USE_NOTED_EVERY_MS: Final = 60_000
_USE: Final = "key_use"


class CallerKind(Enum):
    """What kind of identity a caller is, in the words of GetCallerIdentity."""

    ANONYMOUS = "Anonymous"
    ROOT = "Account"
    USER = "RAMUser"
    SESSION = "AssumedRoleUser"


def role_arn(account_id: str, name: str) -> str:
    """The name of a role all over the world."""
    return f"acs:ram::{account_id}:role/{name}"


class Standing(NamedTuple):
    """What a caller's own policies say about one action.

    ``keys`` are the condition keys that they ask about.
    """

    session: Rules | None
    identity: tuple[Rules, ...]
    keys: frozenset[str]


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated (or anonymous) caller.

    ``policies`` are those of the user (his groups included) or role, their variables filled,
    ``policy_names`` what they are called in the same order; ``session_policy`` intersects them.
    ``id`` is what callbacks report as the requester: the account, user or role id, empty for
    anonymous.  ``name`` is that of a user; ``sources`` are the identities that a session, or one
    begun by it, depends on, as `Session` keeps them.
    """

    kind: CallerKind
    account_id: str = ""
    id: str = ""
    arn: str = ""
    access_key_id: str = ""
    policies: tuple[PolicyDocument, ...] = ()
    session_policy: PolicyDocument | None = None
    policy_names: tuple[str, ...] = ()
    name: str = ""
    sources: tuple[tuple[str, str], ...] = ()

    facts: Context = field(init=False, repr=False, compare=False, default_factory=dict)
    """What condition keys and variables of policies say about the caller himself."""
    asker: Asker = field(init=False, repr=False, compare=False, default=Asker())
    """The names by which a ``Principal`` element may mean this caller.

    The root ARN of an account, or its id, stands for every identity in it; a session is meant by
    its own ARN, in the spelling of RAM and in that of bucket policies, and by its role's.
    """
    _standings: dict[str, Standing] = field(
        init=False, repr=False, compare=False, default_factory=dict
    )

    def __post_init__(self) -> None:
        # Made once, because callers are remembered.
        asker = Asker(tuple(self._principals()), self.kind is CallerKind.ROOT)
        object.__setattr__(self, "asker", asker)
        facts = {name: (value,) for name, value in self._facts() if value}
        object.__setattr__(self, "facts", facts)
        policies = tuple(each.for_whom(facts) for each in self.policies)
        object.__setattr__(self, "policies", policies)
        if self.session_policy is not None:
            object.__setattr__(self, "session_policy", self.session_policy.for_whom(facts))

    def standing(self, action: str) -> Standing:
        """What the caller's own policies say about *action*."""
        found = self._standings.get(action)
        if found is None:
            if len(self._standings) >= _REMEMBERED_ACTIONS:
                self._standings.clear()
            found = self._standings[action] = self._find_standing(action)
        return found

    def _find_standing(self, action: str) -> Standing:
        session = None if self.session_policy is None else self.session_policy.about(action)
        identity = tuple(policy.about(action) for policy in self.policies)
        own = identity if session is None else (session, *identity)
        return Standing(session, identity, frozenset().union(*(rules.keys for rules in own)))

    def _facts(self) -> Iterator[tuple[str, str]]:
        yield "acs:PrincipalARN", self.arn
        yield "acs:AccessId", self.access_key_id
        if self.kind is CallerKind.USER:
            yield "acs:UserName", self.name
            yield "acs:UserId", self.id
        if self.kind is CallerKind.SESSION:
            role_name, session_name = self._role_and_session()
            yield "acs:RoleName", role_name
            yield "acs:RoleSessionName", session_name

    def _role_and_session(self) -> list[str]:
        return self.arn.split("/")[1:]

    def _principals(self) -> Iterator[str]:
        if self.kind is CallerKind.ANONYMOUS:
            return
        yield from (self.arn, f"acs:ram::{self.account_id}:root", self.account_id, self.id)
        if self.kind is CallerKind.SESSION:
            role_name, session_name = self._role_and_session()
            yield role_arn(self.account_id, role_name)
            yield f"arn:sts::{self.account_id}:assumed-role/{role_name}/{session_name}"


ANONYMOUS = Caller(CallerKind.ANONYMOUS)


class Identities:
    """The identities of one account, as those who call."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        *,
        account_id: str,
        root_access_key_id: str,
        root_access_key_secret: str,
        seal: Seal | None = None,
    ) -> None:
        self.account_id = account_id
        self.store = IdentityStore(database, clock, seal)
        self.root_key = AccessKey(id=root_access_key_id, secret=root_access_key_secret)
        self._database = database
        self._clock = clock
        self._root = Caller(
            CallerKind.ROOT,
            account_id=account_id,
            id=account_id,
            arn=f"acs:ram::{account_id}:root",
            access_key_id=root_access_key_id,
        )
        self._used_at: dict[str, int] = {}
        self._notes: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Finish what is to be noted."""
        await asyncio.gather(*self._notes)

    # --- callers

    async def find_access_key(self, access_key_id: str) -> AccessKey | None:
        """The key with that id, the root key included, active or not."""
        if access_key_id == self.root_key.id:
            return self.root_key
        return await self.store.find(AccessKey, access_key_id)

    async def user_caller(self, key: AccessKey) -> Caller:
        """Whom *key*, with which the request is signed, belongs to: the account or a user.

        Raises `InvalidAccessKeyId` if the user is gone.
        """
        if not key.user_name:
            return self._root
        self._note_use(key.id)
        callers: dict[str, Caller] = (await self.store.remembered()).callers
        return callers.get(key.id) or _kept(callers, await self._user_caller(key))

    async def _user_caller(self, key: AccessKey) -> Caller:
        user = await self.store.find(User, key.user_name)
        if user is None:
            raise InvalidAccessKeyId(OSSAccessKeyId=key.id)
        attached = [user.policies]
        for name in user.groups:
            group = await self.store.find(Group, name)
            if group is not None:
                attached.append(group.policies)
        # A policy that one has twice is asked once.
        documents, names = await self._compiled(dict.fromkeys(n for each in attached for n in each))
        return Caller(
            CallerKind.USER,
            account_id=self.account_id,
            id=user.id,
            arn=f"acs:ram::{self.account_id}:user/{user.name}",
            access_key_id=key.id,
            policies=documents,
            policy_names=names,
            name=user.name,
            sources=((f"user/{user.name}", user.id),),
        )

    async def session_caller(self, session: Session) -> Caller:
        """The caller that *session* makes, with the policies its role has now.

        Raises `InvalidSecurityToken` if the role or the user who began it is gone, be it that
        another one has its name.
        """
        callers: dict[str, Caller] = (await self.store.remembered()).callers
        # Ids of temporary keys are as long and as random as secrets are: no two are alike.
        known = callers.get(session.access_key_id)
        return known or _kept(callers, await self._session_caller(session))

    async def _session_caller(self, session: Session) -> Caller:
        role = await self.store.find(Role, session.role_name)
        if role is None or role.id != session.role_id:
            raise InvalidSecurityToken
        for source, source_id in session.sources:
            if not await self._exists(source, source_id):
                raise InvalidSecurityToken
        documents, names = await self._compiled(role.policies)
        return Caller(
            CallerKind.SESSION,
            account_id=session.account_id,
            id=role.id,
            arn=f"acs:ram::{session.account_id}:assumed-role/{role.name}/{session.name}",
            access_key_id=session.access_key_id,
            policies=documents,
            policy_names=names,
            session_policy=compiled(session.policy) if session.policy else None,
            sources=(*session.sources, (f"role/{role.name}", role.id)),
        )

    async def as_user(self, name: str) -> Caller | None:
        """The caller that a user is with any of his keys."""
        if await self.find_user(name) is None:
            return None
        return await self._user_caller(AccessKey(id="", secret="", user_name=name))

    async def as_session(self, role_name: str, session_name: str) -> Caller | None:
        """The caller that a session of a role is, without a session policy."""
        role = await self.find_role(role_name)
        if role is None:
            return None
        return await self._session_caller(
            Session(
                access_key_id="",
                access_key_secret="",
                account_id=self.account_id,
                role_id=role.id,
                role_name=role.name,
                name=session_name,
                policy="",
                expires_at=0,
            )
        )

    def as_root(self) -> Caller:
        """The root of the account."""
        return self._root

    async def _exists(self, source: str, source_id: str) -> bool:
        kind, _, name = source.partition("/")
        if kind == "user":
            user = await self.store.find(User, name)
            return user is not None and user.id == source_id
        role = await self.store.find(Role, name)
        return role is not None and role.id == source_id

    async def _compiled(
        self, names: Iterable[str]
    ) -> tuple[tuple[PolicyDocument, ...], tuple[str, ...]]:
        """The policies of these names that there are, and their names."""
        found = [policy for name in names if (policy := await self.find_policy(name)) is not None]
        return (
            tuple(compiled(policy.document) for policy in found),
            tuple(policy.name for policy in found),
        )

    # --- when a key was used

    def _note_use(self, key_id: str) -> None:
        """Remember, to the minute, and without keeping the request waiting."""
        now_ms = self._clock.now_ms()
        if 0 <= now_ms - self._used_at.get(key_id, -_USE_NOTED_EVERY_MS) < _USE_NOTED_EVERY_MS:
            return
        if len(self._used_at) >= _MOST_CALLERS:
            self._used_at.clear()
        self._used_at[key_id] = now_ms
        task = behind(self._save_use(key_id, now_ms))
        self._notes.add(task)
        task.add_done_callback(self._notes.discard)

    async def _save_use(self, key_id: str, now_ms: int) -> None:
        try:
            if now_ms > await self._stored_use(key_id):
                await self._database.change(
                    tables.identities.put, _USE, key_id, b"%d" % now_ms, create=False
                )
        except StorageFact as fact:
            log.warning("key_use_not_noted reason=%s", fact)

    async def last_use(self, key_id: str) -> int:
        """When a key was last used, in milliseconds, at most a minute too early; 0 for never."""
        return max(await self._stored_use(key_id), self._used_at.get(key_id, 0))

    async def forget_use(self, key_id: str) -> None:
        """Forget when a key was used that is no more."""
        self._used_at.pop(key_id, None)
        with suppress(Missing):
            await self._database.change(tables.identities.delete, _USE, key_id)

    async def _stored_use(self, key_id: str) -> int:
        return int(await tables.identities.find(self._database, _USE, key_id) or 0)

    # --- finding

    async def find_user(self, name: str) -> User | None:
        """The user of that name."""
        return await self.store.find(User, name)

    async def find_role(self, name: str) -> Role | None:
        """The role of that name."""
        return await self.store.find(Role, name)

    async def find_policy(self, name: str) -> Policy | None:
        """The system or custom policy of that name."""
        return SYSTEM_POLICIES.get(name) or await self.store.find(Policy, name)

    # --- setting up

    async def create_user(self, name: str, *, display_name: str = "", comments: str = "") -> User:
        """A user without keys or policies."""
        USER_NAME.read("UserName", name)
        return await self.store.change(
            users.create_user, name, display_name=display_name, comments=comments
        )

    async def create_access_key(self, user_name: str) -> AccessKey:
        """A key for a user; its secret is readable only here and now."""
        return await self.store.change(users.create_access_key, user_name)

    async def create_role(
        self,
        name: str,
        trust: str,
        *,
        description: str = "",
        max_session_s: int = roles.MIN_SESSION_S,
    ) -> Role:
        """A role that the principals of *trust* may assume."""
        ROLE_NAME.read("RoleName", name)
        DOCUMENT.read("AssumeRolePolicyDocument", trust)
        SESSION_SECONDS.read("MaxSessionDuration", str(max_session_s))
        return await self.store.change(
            roles.create_role, name, trust, description=description, max_session_s=max_session_s
        )

    async def create_policy(self, name: str, document: str, *, description: str = "") -> Policy:
        """A custom policy, not yet attached to anybody."""
        POLICY_NAME.read("PolicyName", name)
        DOCUMENT.read("PolicyDocument", document)
        return await self.store.change(
            policies.create_policy, name, document, description=description
        )

    async def attach_to_user(self, policy_name: str, user_name: str) -> None:
        """Give a user what a policy allows, and deny what it denies."""
        kind = policies.type_of(policy_name)
        await self.store.change(policies.attach, User, user_name, policy_name, kind)

    async def attach_to_role(self, policy_name: str, role_name: str) -> None:
        """Give the sessions of a role what a policy allows, and deny what it denies."""
        kind = policies.type_of(policy_name)
        await self.store.change(policies.attach, Role, role_name, policy_name, kind)


def _kept(callers: dict[str, Caller], caller: Caller) -> Caller:
    if len(callers) >= _MOST_CALLERS:
        callers.clear()
    callers[caller.access_key_id] = caller
    return caller
