"""The rules of STS: who may assume a role, for how long, with what rights.

Source: STS documentation, "AssumeRole", "AssumeRoleWithOIDC" and "GetCallerIdentity", and the
error tables of STS.  Parameters arrive as the strings that the client sent; authentication and
rendering are those of `api.sts`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Final

from ossia import tables
from ossia.domain.identity.federation import FederatedToken, Federation, trusts_provider
from ossia.domain.identity.identities import Caller, CallerKind, Identities, compiled, role_arn
from ossia.domain.identity.permission import permits
from ossia.domain.identity.sessions import Sessions
from ossia.errors import RpcError
from ossia.ports import Clock, Database, Exists
from ossia.protocol.conditions import Context
from ossia.protocol.policy_document import Grammar, PolicyDocument, PolicyError, Verdict
from ossia.protocol.signature_rpc import missing
from ossia.protocol.signed_request import MAX_SKEW_MS
from ossia.records import Role

MIN_DURATION_S = 900
DEFAULT_DURATION_S = 3600
MAX_POLICY_CHARACTERS = 2048

_ACTION = "sts:AssumeRole"
_ROLE_ARN = re.compile(r"acs:ram::(\d+):role/([A-Za-z0-9.@-]{1,64})", re.IGNORECASE | re.ASCII)
_SESSION_NAME = re.compile(r"[A-Za-z0-9.@_-]{2,64}")
_EXTERNAL_ID = re.compile(r"[\w+=,.@:/-]{2,1224}", re.ASCII)
_SOURCE_IDENTITY = re.compile(r"[\w+=,.@-]{2,64}", re.ASCII)
_DURATION = re.compile(r"\d{1,6}", re.ASCII)
_NOT_TRUSTED: Final = (
    "No permission perform sts:AssumeRole on this Role. Maybe you are not authorized "
    "to perform sts:AssumeRole or the specified role does not trust you"
)


@dataclass(frozen=True, slots=True)
class AssumedRole:
    """What AssumeRole answers."""

    arn: str
    assumed_role_id: str
    access_key_id: str
    access_key_secret: str = field(repr=False)
    security_token: str = field(repr=False)
    expires_at: int
    source_identity: str = ""
    token: FederatedToken | None = None


@dataclass(frozen=True, slots=True)
class CallerIdentity:
    """What GetCallerIdentity answers; ids that a kind of caller has not are empty."""

    account_id: str
    arn: str
    identity_type: str
    principal_id: str
    user_id: str = ""
    role_id: str = ""


@dataclass(frozen=True, slots=True)
class _Wish:
    """The parameters of AssumeRole, each well formed."""

    role_arn: str
    account_id: str
    role_name: str
    session_name: str
    duration_s: int
    policy: str
    external_id: str
    source_identity: str


class Sts:
    """The operations of STS."""

    def __init__(
        self, identities: Identities, sessions: Sessions, federation: Federation, clock: Clock
    ) -> None:
        self._identities = identities
        self._sessions = sessions
        self._federation = federation
        self._clock = clock

    async def assume_role(
        self, caller: Caller, parameters: Mapping[str, str], context: Context
    ) -> AssumedRole:
        """Temporary credentials for a role that the caller may assume.

        *context* holds what policies may ask about the request.  The caller's own policies
        must allow it, and the role must trust the caller; whether the role exists is told only
        to those whose policies allow.
        """
        wish = _read(parameters)
        if caller.kind is CallerKind.ROOT:
            raise _refused("Roles may not be assumed by root accounts.")
        context = {**context, "sts:RoleSessionName": [wish.session_name]}
        if wish.external_id:
            context["sts:ExternalId"] = [wish.external_id]
        role = await self._find(wish)
        role_arn = wish.role_arn if role is None else self._arn(role)
        if not permits(caller, _ACTION, role_arn, context):
            raise _refused(
                "You are not authorized to do this action. You should be authorized by RAM."
            )
        if role is None:
            raise RpcError(404, "EntityNotExist.Role", "The specified Role not exists.")
        trust = compiled(role.trust, Grammar.TRUST)
        context = {**caller.facts, **context}
        trusted = trust.for_whom(context).decide(_ACTION, role_arn, context, caller.asker.names)
        if trusted.verdict is not Verdict.ALLOW:
            raise _refused(_NOT_TRUSTED)
        return await self._issue(role, wish, caller.sources)

    async def assume_role_with_oidc(
        self, parameters: Mapping[str, str], context: Context
    ) -> AssumedRole:
        """Temporary credentials for whoever has a token of a provider that the role trusts.

        The token stands in place of a signature, so nothing is told about roles before it holds.
        """
        wish = _read(parameters)
        token = await self._federation.verify(parameters, self._clock.now_ms())
        role = await self._find(wish)
        context = {
            **context,
            "sts:RoleSessionName": [wish.session_name],
            "oidc:iss": [token.issuer],
            "oidc:aud": list(token.audience),
            "oidc:sub": [token.subject],
        }
        if role is None or not trusts_provider(
            role.trust, self._arn(role), token.provider_arn, context
        ):
            # One answer for both: who is not trusted must not learn which roles there are.
            raise RpcError(403, "NoPermission", _NOT_TRUSTED)
        return await self._issue(role, wish, (), token)

    async def _find(self, wish: _Wish) -> Role | None:
        if wish.account_id != self._identities.account_id:
            return None
        # Some ARNs carry the role's name in lower case, whatever its own case is.
        name = wish.role_name
        return await self._identities.find_role(name) or await self._identities.find_role(
            name.lower()
        )

    def _arn(self, role: Role) -> str:
        return role_arn(self._identities.account_id, role.name)

    async def _issue(
        self,
        role: Role,
        wish: _Wish,
        sources: tuple[tuple[str, str], ...],
        token: FederatedToken | None = None,
    ) -> AssumedRole:
        if not MIN_DURATION_S <= wish.duration_s <= role.max_session_s:
            raise _bad_duration(role.max_session_s)
        session, sealed = await self._sessions.issue(
            role,
            account_id=self._identities.account_id,
            name=wish.session_name,
            policy=wish.policy,
            # Whole seconds, because that is what the answer can say.
            expires_at=(self._clock.now_ms() // 1000 + wish.duration_s) * 1000,
            # A role that assumes itself again and again must not make tokens grow.
            sources=tuple(dict.fromkeys(sources)),
        )
        return AssumedRole(
            arn=f"{self._arn(role)}/{wish.session_name}",
            assumed_role_id=f"{role.id}:{wish.session_name}",
            access_key_id=session.access_key_id,
            access_key_secret=session.access_key_secret,
            security_token=sealed,
            expires_at=session.expires_at,
            source_identity=wish.source_identity,
            token=token,
        )


def identify(caller: Caller) -> CallerIdentity:
    """GetCallerIdentity.  Needs no permission: everybody may know who he is."""
    is_session = caller.kind is CallerKind.SESSION
    session_name = caller.arn.rpartition("/")[2]
    return CallerIdentity(
        account_id=caller.account_id,
        arn=caller.arn,
        identity_type=caller.kind.value,
        principal_id=f"{caller.id}:{session_name}" if is_session else caller.id,
        user_id="" if is_session else caller.id,
        role_id=caller.id if is_session else "",
    )


# --- parameters -------------------------------------------------------------


def _read(parameters: Mapping[str, str]) -> _Wish:
    for name in ("RoleArn", "RoleSessionName"):
        if not parameters.get(name):
            raise missing(name)
    arn = _ROLE_ARN.fullmatch(parameters["RoleArn"])
    if arn is None:
        raise _wrongly_formed("RoleArn")
    session_name = parameters["RoleSessionName"]
    if _SESSION_NAME.fullmatch(session_name) is None:
        raise _wrongly_formed("RoleSessionName")
    external_id = parameters.get("ExternalId", "")
    if external_id and _EXTERNAL_ID.fullmatch(external_id) is None:
        raise _wrongly_formed("ExternalId")
    source_identity = parameters.get("SourceIdentity", "")
    if source_identity and _SOURCE_IDENTITY.fullmatch(source_identity) is None:
        raise _wrongly_formed("SourceIdentity")
    return _Wish(
        role_arn=parameters["RoleArn"],
        account_id=arn[1],
        role_name=arn[2],
        session_name=session_name,
        duration_s=_read_duration(parameters.get("DurationSeconds", "")),
        policy=_read_policy(parameters.get("Policy", "")),
        external_id=external_id,
        source_identity=source_identity,
    )


def _read_duration(text: str) -> int:
    if not text:
        return DEFAULT_DURATION_S
    if _DURATION.fullmatch(text) is None or int(text) < MIN_DURATION_S:
        raise _bad_duration(DEFAULT_DURATION_S)
    return int(text)


def _read_policy(text: str) -> str:
    if len(text) > MAX_POLICY_CHARACTERS:
        raise RpcError(
            400,
            "InvalidParameter.PolicySize",
            f"The size of Policy must be smaller than {MAX_POLICY_CHARACTERS} bytes.",
        )
    if text:
        try:
            PolicyDocument.parse(text)
        except PolicyError as exc:
            raise RpcError(
                400,
                "InvalidParameter.PolicyGrammar",
                f"The parameter Policy has not passed grammar check. {exc}",
            ) from exc
    return text


def _wrongly_formed(name: str) -> RpcError:
    return RpcError(400, f"InvalidParameter.{name}", f"The parameter {name} is wrongly formed.")


def _bad_duration(max_session_s: int) -> RpcError:
    return RpcError(
        400,
        "InvalidParameter.DurationSeconds",
        f"The Min/Max value of DurationSeconds is 15min/{max_session_s / 3600:g}hr.",
    )


def _refused(message: str) -> RpcError:
    return RpcError(403, "NoPermission", message)


# --- nonces -----------------------------------------------------------------


class Nonces:
    """Which nonces were used, by any worker, as long as a request with one could be repeated.

    That is twice the permitted skew: a timestamp may lie fifteen minutes ahead and stays
    acceptable until it lies fifteen behind.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def use(self, access_key_id: str, nonce: str, now_ms: int) -> None:
        """Note a nonce.  Raises `RpcError` ``SignatureNonceUsed`` if it was noted before."""
        # A digest, because a nonce may be as long as a request.
        mark = sha256(f"{access_key_id}\n{nonce}".encode("utf-8", "surrogatepass")).digest()
        try:
            await self._database.change(
                tables.identities.use_nonce, mark, now=now_ms, until=now_ms + 2 * MAX_SKEW_MS
            )
        except Exists as fact:
            raise RpcError(
                400, "SignatureNonceUsed", "Specified signature nonce was used already."
            ) from fact
