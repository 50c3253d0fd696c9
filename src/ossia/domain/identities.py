"""Who exists in the account: users, their access keys, roles, and the policies attached.

1. There is one account, and its root access key comes from the settings; it is not stored.
2. What is stored carries a format version in front.
3. Records are remembered for a second, because every request looks up its key.  A change made
   by another worker is seen that much later; a change made here, at once.
4. Policies are checked when they are stored, so that looking one up cannot fail.

Errors are those of RAM (sts-ram.md, section 4).  The RAM API itself is a matter of `api.ram`.
"""

import re
import secrets
import string
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import TypeVar

import msgspec

from ossia.domain.sessions import Session
from ossia.errors import InvalidAccessKeyId, InvalidSecurityToken, RpcError
from ossia.ports import Clock, Exists, MetadataStore
from ossia.protocol.policy_document import Grammar, PolicyDocument, PolicyError
from ossia.records import AccessKey, Policy, Role, User

MIN_ROLE_SESSION_S = 3600
MAX_ROLE_SESSION_S = 43_200
MAX_POLICY_CHARACTERS = 6144

_Record = TypeVar("_Record", User, AccessKey, Role, Policy)
_FORMAT = b"1"
_FRESH_MS = 1000
_REMEMBERED = 8192
_KINDS: dict[type, str] = {User: "user", AccessKey: "access_key", Role: "role", Policy: "policy"}

_NAMES = {
    "UserName": (re.compile(r"[A-Za-z0-9.@_-]+"), 64),
    "RoleName": (re.compile(r"[A-Za-z0-9.@-]+"), 64),
    "PolicyName": (re.compile(r"[A-Za-z0-9-]+"), 128),
}
_ALREADY: dict[type, tuple[str, str]] = {
    User: ("EntityAlreadyExists.User", "The user does already EXIST."),
    Role: ("EntityAlreadyExists.Role", "The role does already EXIST."),
    # RAM's own table says "group" here, by mistake.
    Policy: ("EntityAlreadyExists.Policy", "The policy does already EXIST."),
}
_NOWHERE: dict[type, tuple[str, str]] = {
    User: ("EntityNotExist.User", "The user does not exist."),
    Role: ("EntityNotExist.Role", "The specified Role not exists."),
    Policy: ("EntityNotExist.Policy", "The policy does not exist."),
}


class CallerKind(Enum):
    """What kind of identity a caller is, in the words of GetCallerIdentity."""

    ANONYMOUS = "Anonymous"
    ROOT = "Account"
    USER = "RAMUser"
    SESSION = "AssumedRoleUser"


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated (or anonymous) caller.

    ``policies`` are those of the user or role, ``policy_names`` what they are called in the same
    order; ``session_policy`` intersects them.  ``id`` is what callbacks report as the requester:
    the account, user or role id, empty for anonymous.
    """

    kind: CallerKind
    account_id: str = ""
    id: str = ""
    arn: str = ""
    access_key_id: str = ""
    policies: tuple[PolicyDocument, ...] = ()
    session_policy: PolicyDocument | None = None
    policy_names: tuple[str, ...] = ()

    @property
    def principals(self) -> tuple[str, ...]:
        """The names by which a ``Principal`` element may mean this caller.

        The root ARN of an account, or its id, stands for every identity in it; a session is meant
        by its own ARN, in the spelling of RAM and in that of bucket policies, and by its role's.
        """
        if self.kind is CallerKind.ANONYMOUS:
            return ()
        names = (self.arn, f"acs:ram::{self.account_id}:root", self.account_id, self.id)
        if self.kind is not CallerKind.SESSION:
            return names
        role_name, session_name = self.arn.split("/")[1:]
        return (
            *names,
            f"acs:ram::{self.account_id}:role/{role_name}",
            f"arn:sts::{self.account_id}:assumed-role/{role_name}/{session_name}",
        )


ANONYMOUS = Caller(CallerKind.ANONYMOUS)


def _allow_all(action: str | list[str]) -> str:
    statement = {"Effect": "Allow", "Action": action, "Resource": "*"}
    return msgspec.json.encode({"Version": "1", "Statement": [statement]}).decode()


SYSTEM_POLICIES = {
    policy.name: policy
    for policy in (
        Policy(
            name="AdministratorAccess",
            type="System",
            document=_allow_all("*"),
            description="Provides full access to all services and resources.",
        ),
        Policy(
            name="AliyunOSSFullAccess",
            type="System",
            document=_allow_all("oss:*"),
            description="Provides full access to Object Storage Service.",
        ),
        Policy(
            name="AliyunOSSReadOnlyAccess",
            type="System",
            document=_allow_all(["oss:Get*", "oss:List*"]),
            description="Provides read-only access to Object Storage Service.",
        ),
        Policy(
            name="AliyunSTSAssumeRoleAccess",
            type="System",
            document=_allow_all("sts:AssumeRole"),
            description="Provides access to the AssumeRole operation of STS.",
        ),
    )
}
"""Policies that always exist and cannot be changed."""


@lru_cache(1024)
def compiled(document: str, grammar: Grammar = Grammar.IDENTITY) -> PolicyDocument:
    """A policy by its text.  Raises `PolicyError`."""
    return PolicyDocument.parse(document, grammar)


class Identities:
    """The users, access keys, roles and policies of one account."""

    def __init__(
        self,
        metadata: MetadataStore,
        clock: Clock,
        *,
        account_id: str,
        root_access_key_id: str,
        root_access_key_secret: str,
    ) -> None:
        self.account_id = account_id
        self._metadata = metadata
        self._clock = clock
        self._root_key = AccessKey(id=root_access_key_id, secret=root_access_key_secret)
        self._root = Caller(
            CallerKind.ROOT,
            account_id=account_id,
            id=account_id,
            arn=f"acs:ram::{account_id}:root",
            access_key_id=root_access_key_id,
        )
        self._remembered: dict[tuple[str, str], tuple[int, object]] = {}

    # --- callers

    async def find_access_key(self, access_key_id: str) -> AccessKey | None:
        """The key with that id, the root key included, active or not."""
        if access_key_id == self._root_key.id:
            return self._root_key
        return await self._find(AccessKey, access_key_id)

    async def user_caller(self, key: AccessKey) -> Caller:
        """Whom *key* belongs to: the root of the account or a user.

        Raises `InvalidAccessKeyId` if the user is gone.
        """
        if not key.user_name:
            return self._root
        user = await self._find(User, key.user_name)
        if user is None:
            raise InvalidAccessKeyId(OSSAccessKeyId=key.id)
        policies, names = await self._compiled(user.policies)
        return Caller(
            CallerKind.USER,
            account_id=self.account_id,
            id=user.id,
            arn=f"acs:ram::{self.account_id}:user/{user.name}",
            access_key_id=key.id,
            policies=policies,
            policy_names=names,
        )

    async def session_caller(self, session: Session) -> Caller:
        """The caller that *session* makes, with the policies its role has now.

        Raises `InvalidSecurityToken` if the role is gone, be it that another one has its name.
        """
        role = await self._find(Role, session.role_name)
        if role is None or role.id != session.role_id:
            raise InvalidSecurityToken
        policies, names = await self._compiled(role.policies)
        return Caller(
            CallerKind.SESSION,
            account_id=session.account_id,
            id=role.id,
            arn=f"acs:ram::{session.account_id}:assumed-role/{role.name}/{session.name}",
            access_key_id=session.access_key_id,
            policies=policies,
            policy_names=names,
            session_policy=compiled(session.policy) if session.policy else None,
        )

    async def _compiled(
        self, names: Iterable[str]
    ) -> tuple[tuple[PolicyDocument, ...], tuple[str, ...]]:
        """The policies of these names that there are, and their names."""
        found = [policy for name in names if (policy := await self.find_policy(name)) is not None]
        return (
            tuple(compiled(policy.document) for policy in found),
            tuple(policy.name for policy in found),
        )

    # --- finding

    async def find_user(self, name: str) -> User | None:
        """The user of that name."""
        return await self._find(User, name)

    async def find_role(self, name: str) -> Role | None:
        """The role of that name."""
        return await self._find(Role, name)

    async def find_policy(self, name: str) -> Policy | None:
        """The system or custom policy of that name."""
        return SYSTEM_POLICIES.get(name) or await self._find(Policy, name)

    # --- creating

    async def create_user(self, name: str, *, display_name: str = "", comments: str = "") -> User:
        """A user without keys or policies."""
        _check_name("UserName", name)
        user = User(
            id=_new_id("2"),
            name=name,
            display_name=display_name,
            comments=comments,
            created_at=self._clock.now_ms(),
        )
        return await self._create(name, user)

    async def create_access_key(self, user_name: str) -> AccessKey:
        """A key for a user; its secret is readable only here and now."""
        if await self._find(User, user_name) is None:
            raise _missing(User)
        key = AccessKey(
            id="LTAI" + _random_text(20),
            secret=_random_text(30),
            user_name=user_name,
            created_at=self._clock.now_ms(),
        )
        return await self._create(key.id, key)

    async def create_role(
        self,
        name: str,
        trust: str,
        *,
        description: str = "",
        max_session_s: int = MIN_ROLE_SESSION_S,
    ) -> Role:
        """A role that the principals of *trust* may assume."""
        _check_name("RoleName", name)
        _check_document("AssumeRolePolicyDocument", trust, Grammar.TRUST)
        if not MIN_ROLE_SESSION_S <= max_session_s <= MAX_ROLE_SESSION_S:
            raise RpcError(
                400,
                "InvalidParameter.MaxSessionDuration",
                'The parameter - "MaxSessionDuration" must be between 3600 and 43200.',
            )
        role = Role(
            id=_new_id("3"),
            name=name,
            trust=trust,
            description=description,
            max_session_s=max_session_s,
            created_at=self._clock.now_ms(),
        )
        return await self._create(name, role)

    async def create_policy(self, name: str, document: str, *, description: str = "") -> Policy:
        """A custom policy, not yet attached to anybody."""
        _check_name("PolicyName", name)
        _check_document("PolicyDocument", document, Grammar.IDENTITY)
        if name in SYSTEM_POLICIES:
            raise _exists(Policy)
        policy = Policy(
            name=name,
            document=document,
            description=description,
            created_at=self._clock.now_ms(),
        )
        return await self._create(name, policy)

    async def attach_to_user(self, policy_name: str, user_name: str) -> None:
        """Give a user what a policy allows, and deny what it denies."""
        user = await self._stored(User, user_name)
        names = await self._attached("User", user.policies, policy_name)
        await self._put(user_name, msgspec.structs.replace(user, policies=names), create=False)

    async def attach_to_role(self, policy_name: str, role_name: str) -> None:
        """Give the sessions of a role what a policy allows, and deny what it denies."""
        role = await self._stored(Role, role_name)
        names = await self._attached("Role", role.policies, policy_name)
        await self._put(role_name, msgspec.structs.replace(role, policies=names), create=False)

    async def _attached(
        self, kind: str, names: tuple[str, ...], policy_name: str
    ) -> tuple[str, ...]:
        if await self.find_policy(policy_name) is None:
            raise _missing(Policy)
        if policy_name in names:
            raise RpcError(
                409,
                f"EntityAlreadyExists.{kind}.Policy",
                f"The {kind.lower()} has already been attached this policy.",
            )
        return (*names, policy_name)

    # --- storage

    async def _find(self, record_type: type[_Record], name: str) -> _Record | None:
        """A record, at most a second old."""
        place = (_KINDS[record_type], name)
        now_ms = self._clock.now_ms()
        remembered = self._remembered.get(place)
        if remembered is not None and 0 <= now_ms - remembered[0] < _FRESH_MS:
            record = remembered[1]
            assert record is None or isinstance(record, record_type)
            return record
        stored = await self._metadata.find_identity(*place)
        found = None if stored is None else _decode(record_type, stored)
        self._remember(place, now_ms, found)
        return found

    async def _stored(self, record_type: type[_Record], name: str) -> _Record:
        """A record as it is stored now.  Raises `RpcError` if there is none."""
        self._remembered.pop((_KINDS[record_type], name), None)
        found = await self._find(record_type, name)
        if found is None:
            raise _missing(record_type)
        return found

    async def _create(self, name: str, record: _Record) -> _Record:
        try:
            await self._put(name, record, create=True)
        except Exists as exc:
            raise _exists(type(record)) from exc
        return record

    async def _put(self, name: str, record: _Record, *, create: bool) -> None:
        kind = _KINDS[type(record)]
        encoded = _FORMAT + msgspec.json.encode(record)
        await self._metadata.put_identity(kind, name, encoded, create=create)
        self._remember((kind, name), self._clock.now_ms(), record)

    def _remember(self, place: tuple[str, str], now_ms: int, record: object) -> None:
        if len(self._remembered) >= _REMEMBERED:
            self._remembered.clear()
        self._remembered[place] = (now_ms, record)


def _decode(record_type: type[_Record], stored: bytes) -> _Record:
    assert stored.startswith(_FORMAT), "stored by a later version"
    return msgspec.json.decode(stored[len(_FORMAT) :], type=record_type)


def _check_name(parameter: str, name: str) -> None:
    if not name:
        raise RpcError(400, f"Missing{parameter}", f"{parameter} is mandatory for this action.")
    characters, limit = _NAMES[parameter]
    if not characters.fullmatch(name):
        raise RpcError(
            400,
            f"InvalidParameter.{parameter}.InvalidChars",
            f'The parameter - "{parameter}" contains invalid chars.',
        )
    _check_length(parameter, name, limit)


def _check_length(parameter: str, text: str, limit: int) -> None:
    if len(text) > limit:
        raise RpcError(
            400,
            f"InvalidParameter.{parameter}.Length",
            f'The parameter - "{parameter}" beyond the length limit.',
        )


def _check_document(parameter: str, document: str, grammar: Grammar) -> None:
    _check_length(parameter, document, MAX_POLICY_CHARACTERS)
    try:
        compiled(document, grammar)
    except PolicyError as exc:
        raise RpcError(400, "MalformedPolicyDocument", f"{exc}") from exc


def _missing(record_type: type) -> RpcError:
    return RpcError(404, *_NOWHERE[record_type])


def _exists(record_type: type) -> RpcError:
    return RpcError(409, *_ALREADY[record_type])


def _new_id(first: str) -> str:
    """Eighteen digits, as user and role ids of the real service have."""
    return first + "".join(secrets.choice(string.digits) for _ in range(17))


def _random_text(length: int) -> str:
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(length))
