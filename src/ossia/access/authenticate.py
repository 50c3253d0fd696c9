"""From a claim to a caller: whose key is it, and does the signature hold."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace

from ossia.domain.identity.identities import ANONYMOUS, Caller, Identities
from ossia.domain.identity.sessions import Sessions
from ossia.errors import InvalidAccessKeyId, SignatureDoesNotMatch
from ossia.protocol.signature import VERSIONS, read_claim, read_form_claim
from ossia.protocol.signed_request import Claim, SignedRequest


class Authenticator:
    """Knows keys and sessions."""

    def __init__(
        self,
        identities: Identities,
        sessions: Sessions,
        *,
        region: str,
        versions: Collection[str] = VERSIONS,
    ) -> None:
        self._identities = identities
        self._sessions = sessions
        self._region = region
        self._versions = versions

    async def request(self, request: SignedRequest, now_ms: int, *, in_host: bool) -> Caller:
        """The caller of a request that is signed by header or URL, or not at all."""
        region, versions = self._region, self._versions
        claim = read_claim(request, now_ms=now_ms, region=region, versions=versions)
        if claim is None:
            return ANONYMOUS
        try:
            return await self._caller(claim, now_ms)
        except SignatureDoesNotMatch as mismatch:
            for other in _other_readings(request, in_host=in_host):
                claim = read_claim(other, now_ms=now_ms, region=region, versions=versions)
                assert claim is not None
                with suppress(SignatureDoesNotMatch):
                    caller = await self._caller(claim, now_ms)
                    request.key = other.key
                    return caller
            # Of the reading that is usual, which is the one to look at.
            raise mismatch from None

    async def form(self, fields: Mapping[str, str], now_ms: int) -> Caller:
        """The caller of a PostObject, whose credentials are form fields."""
        claim = read_form_claim(fields, now_ms=now_ms, region=self._region, versions=self._versions)
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


def _other_readings(request: SignedRequest, *, in_host: bool) -> Iterator[SignedRequest]:
    """What else clients mean by the same request."""
    doubled = request.bucket + b"/"
    if in_host and request.key.startswith(doubled):
        # ali-oss with ``sldEnable`` and an IP address names the bucket in Host and in the path.
        yield replace(request, key=request.key.removeprefix(doubled))
    if request.bucket and not request.key and not in_host:
        # witnessed.md, W42: the C SDK signs ``/BUCKET`` where others sign ``/BUCKET/``.
        yield replace(request, slash=b"")
