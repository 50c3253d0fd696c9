"""From a claim to a caller: whose key is it, and does the signature hold."""

from collections.abc import Mapping

from ossia.domain.identities import ANONYMOUS, Caller, Identities
from ossia.domain.sessions import Sessions
from ossia.errors import InvalidAccessKeyId, SignatureDoesNotMatch
from ossia.protocol.signature import read_claim, read_form_claim
from ossia.protocol.signed_request import Claim, SignedRequest


class Authenticator:
    """Knows keys and sessions."""

    def __init__(self, identities: Identities, sessions: Sessions, *, region: str) -> None:
        self._identities = identities
        self._sessions = sessions
        self._region = region

    async def request(self, request: SignedRequest, now_ms: int, *, in_host: bool) -> Caller:
        """The caller of a request that is signed by header or URL, or not at all."""
        claim = read_claim(request, now_ms=now_ms, region=self._region)
        if claim is None:
            return ANONYMOUS
        try:
            return await self._caller(claim, now_ms)
        except SignatureDoesNotMatch:
            other = _other_reading(request) if in_host else None
            if other is None:
                raise
            claim = read_claim(other, now_ms=now_ms, region=self._region)
            assert claim is not None
            caller = await self._caller(claim, now_ms)
            request.key = other.key
            return caller

    async def form(self, fields: Mapping[str, str], now_ms: int) -> Caller:
        """The caller of a PostObject, whose credentials are form fields."""
        claim = read_form_claim(fields, now_ms=now_ms, region=self._region)
        return ANONYMOUS if claim is None else await self._caller(claim, now_ms)

    async def _caller(self, claim: Claim, now_ms: int) -> Caller:
        if claim.security_token is not None:
            session = await self._sessions.open(claim.security_token, claim.access_key_id, now_ms)
            claim.check(session.access_key_secret)
            return await self._identities.session_caller(session)
        key = await self._identities.find_access_key(claim.access_key_id)
        if key is None:
            raise InvalidAccessKeyId(OSSAccessKeyId=claim.access_key_id)
        claim.check(key.secret)
        if not key.active:
            raise InvalidAccessKeyId(
                "The OSS Access Key Id you provided is disabled.",
                OSSAccessKeyId=claim.access_key_id,
            )
        return await self._identities.user_caller(key)


def _other_reading(request: SignedRequest) -> SignedRequest | None:
    """ali-oss with ``sldEnable`` and an IP address names the bucket in Host and in the path."""
    doubled = request.bucket + b"/"
    if not request.key.startswith(doubled):
        return None
    return SignedRequest(
        request.method,
        request.bucket,
        request.key.removeprefix(doubled),
        request.query,
        request.headers,
    )
