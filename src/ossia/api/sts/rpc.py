"""STS and RAM over HTTP: authenticate, find the operation, run it, render.

A request is one of them if it names an action, in ``x-acs-action`` or in parameters of the query
or of a form body.  Whatever goes wrong is answered in the form the caller asked for.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence

from ossia.api.ram import IMS_VERSION, RAM_VERSION, Call, Operation, ram
from ossia.api.sts import answer
from ossia.api.sts.answer import Fields, RpcAnswer
from ossia.domain.identity.federation import Federation
from ossia.domain.identity.identities import ANONYMOUS, Caller, Identities
from ossia.domain.identity.sessions import KEY_ID_PREFIX, Sessions
from ossia.domain.identity.sts import Nonces, Sts, identify
from ossia.errors import (
    InvalidAccessKeyId,
    InvalidSecurityToken,
    OssError,
    RpcError,
    SecurityTokenExpired,
)
from ossia.ports import Clock, Database, Unavailable
from ossia.protocol.conditions import Context
from ossia.protocol.signature_rpc import RpcClaim, RpcRequest, missing, read_rpc_claim

log = logging.getLogger("ossia.sts")

VERSION = "2015-04-01"
_VERSIONS = frozenset({VERSION, RAM_VERSION, IMS_VERSION})

_FORM = b"application/x-www-form-urlencoded"
_METHODS = frozenset({b"GET", b"POST"})

Note = Callable[[str, Caller], None]
"""Hears what is asked for, and by whom, as far as it is known: before it is done."""


def _nobody(_action: str, _caller: Caller) -> None:
    """Nobody wants to hear of it."""


Handler = Callable[[Caller, Mapping[str, str], Context], Awaitable[Fields]]

STS_OPERATIONS = {
    "AssumeRole": "Lend the credentials of a role to a user, or to a session, whom it trusts.",
    "AssumeRoleWithOIDC": "Lend them to the bearer of an OIDC token; the request is not signed.",
    "GetCallerIdentity": "Tell the caller who he is.",
}
"""The operations of STS, for the documentation."""
_UNSIGNED = frozenset({"AssumeRoleWithOIDC"})


def is_rpc(headers: Mapping[bytes, bytes], query: Sequence[tuple[bytes, bytes]]) -> bool:
    """Whether a request to ``/`` is one of STS or RAM rather than of OSS.

    A form body counts without being looked at: OSS has no operation on the service that takes
    one.  *headers* has lower-case names, *query* is decoded.
    """
    if b"x-acs-action" in headers:
        return True
    if headers.get(b"authorization", b"").startswith(b"OSS"):
        return False
    names = {name for name, _ in query}
    if b"Action" in names:
        return b"Version" in names or b"x-acs-version" in headers
    return headers.get(b"content-type", b"").lower().startswith(_FORM)


class RpcService:
    """Answers requests of STS and RAM."""

    def __init__(
        self,
        identities: Identities,
        sessions: Sessions,
        federation: Federation,
        database: Database,
        clock: Clock,
    ) -> None:
        self._identities = identities
        self._sessions = sessions
        self._federation = federation
        self._clock = clock
        self._nonces = Nonces(database)
        self._sts = Sts(identities, sessions, federation, clock)
        self._operations: dict[tuple[str, str], Handler] = {
            (VERSION, "AssumeRole"): self._assume_role,
            (VERSION, "AssumeRoleWithOIDC"): self._assume_role_with_oidc,
            (VERSION, "GetCallerIdentity"): self._get_caller_identity,
            **{place: self._of_ram(operation) for place, operation in ram.operations.items()},
        }

    async def answer_rpc(
        self,
        request: RpcRequest,
        *,
        host: str = "",
        context: Context | None = None,
        note: Note = _nobody,
    ) -> RpcAnswer:
        """Serve one request to ``/`` for which `is_rpc` holds.

        *host* is repeated in errors; *context* holds what policies may ask about the request
        (``acs:SourceIp`` and the like).
        """
        request_id = answer.new_request_id()
        form = "JSON"
        try:
            parameters = request.parameters()
            form = answer.format_of(parameters)
            action, fields = await self._run(request, parameters, context or {}, note)
            return answer.render(form, action, fields, request_id)
        except RpcError as error:
            refused = error
        except Unavailable as fact:
            log.warning("storage_unavailable reason=%r", str(fact))
            refused = RpcError(503, "ServiceUnavailable", "The service is not available now.")
        except Exception:
            log.exception("request_failed rpc_request_id=%s", request_id)
            refused = RpcError(500, "InternalError", "An internal error occurred.")
        try:
            return answer.render_refusal(form, refused, request_id=request_id, host=host)
        finally:
            # Its traceback holds this frame, which must not hold it.
            del refused

    async def _run(
        self, request: RpcRequest, parameters: Mapping[str, str], context: Context, note: Note
    ) -> tuple[str, Fields]:
        if request.method not in _METHODS:
            raise RpcError(405, "UnsupportedHTTPMethod", "The HTTP method is not supported.")
        action, operation = self._find(request, parameters)
        note(action, ANONYMOUS)
        if action in _UNSIGNED:
            # Its token says who calls; a signature, which some SDKs send along, adds nothing.
            return action, await operation(ANONYMOUS, parameters, context)
        caller = await self._authenticate(request)
        note(action, caller)
        known = {"acs:PrincipalARN": [caller.arn], "acs:AccessId": [caller.access_key_id]}
        return action, await operation(caller, parameters, {**context, **known})

    def _find(self, request: RpcRequest, parameters: Mapping[str, str]) -> tuple[str, Handler]:
        action = _named(request, parameters, "Action")
        version = _named(request, parameters, "Version")
        if version not in _VERSIONS:
            raise RpcError(
                400,
                "InvalidParameter",
                'The specified parameter "Action or Version" is not valid.',
            )
        operation = self._operations.get((version, action))
        if operation is None:
            raise RpcError(
                404,
                "InvalidApi.NotFound",
                "Specified api is not found, please check your url and method.",
            )
        return action, operation

    # --- who calls

    async def _authenticate(self, request: RpcRequest) -> Caller:
        now_ms = self._clock.now_ms()
        claim = read_rpc_claim(request, now_ms=now_ms)
        if claim is None:
            raise missing("AccessKeyId")
        try:
            if claim.security_token is not None:
                caller = await self._session_caller(claim, claim.security_token, now_ms)
            else:
                caller = await self._key_caller(claim)
        except OssError as refused:
            raise _as_rpc(refused) from refused
        # Only now: who cannot sign must not be able to use up somebody's nonces.
        await self._nonces.use(claim.access_key_id, claim.nonce, now_ms)
        return caller

    async def _session_caller(self, claim: RpcClaim, token: str, now_ms: int) -> Caller:
        session = await self._sessions.open(token, claim.access_key_id, now_ms)
        claim.check(session.access_key_secret)
        return await self._identities.session_caller(session)

    async def _key_caller(self, claim: RpcClaim) -> Caller:
        if claim.access_key_id.startswith(KEY_ID_PREFIX):
            raise missing("SecurityToken")
        key = await self._identities.find_access_key(claim.access_key_id)
        if key is None:
            raise InvalidAccessKeyId
        claim.check(key.secret)
        if not key.active:
            raise RpcError(400, "InvalidAccessKeyId.Inactive", "Specified access key is disabled.")
        return await self._identities.user_caller(key)

    # --- operations

    async def _assume_role(
        self, caller: Caller, parameters: Mapping[str, str], context: Context
    ) -> Fields:
        assumed = await self._sts.assume_role(caller, parameters, context)
        return answer.assumed_role_fields(assumed)

    async def _assume_role_with_oidc(
        self, _caller: Caller, parameters: Mapping[str, str], context: Context
    ) -> Fields:
        assumed = await self._sts.assume_role_with_oidc(parameters, context)
        return answer.assumed_role_fields(assumed)

    def _of_ram(self, operation: Operation) -> Handler:
        async def run(caller: Caller, parameters: Mapping[str, str], context: Context) -> Fields:
            call = Call(caller, self._identities, self._federation)
            return await operation.run(call, parameters, context)

        return run

    async def _get_caller_identity(
        self, caller: Caller, _parameters: Mapping[str, str], _context: Context
    ) -> Fields:
        return answer.caller_identity_fields(identify(caller))


def _named(request: RpcRequest, parameters: Mapping[str, str], name: str) -> str:
    """Action or version, from where the signature covers it.

    ACS3 signs the header; with RPC 1.0 a header is not signed, so it must not count.
    """
    if request.headers.get(b"authorization", b"").startswith(b"ACS3-"):
        value = request.headers.get(b"x-acs-" + name.lower().encode(), b"").decode(errors="replace")
    else:
        value = parameters.get(name, "")
    if not value:
        raise missing(name)
    return value


def _as_rpc(refused: OssError) -> RpcError:
    """The refusals of keys and tokens, which OSS and STS call by different names."""
    if isinstance(refused, SecurityTokenExpired):
        return RpcError(400, "InvalidSecurityToken.Expired", "Specified SecurityToken is expired.")
    if isinstance(refused, InvalidSecurityToken):
        if refused.ec == "0002-00000004":
            return RpcError(
                400,
                "InvalidSecurityToken.MismatchWithAccessKey",
                "Specified SecurityToken mismatch with the AccessKey.",
            )
        return RpcError(
            400, "InvalidSecurityToken.Malformed", "Specified SecurityToken is malformed."
        )
    return RpcError(404, "InvalidAccessKeyId.NotFound", "Specified access key is not found.")
