"""Tokens of OIDC providers: whether one holds, and whether a role trusts who issued it.

1. Keys come from the issuer's own documents, ``ISSUER/.well-known/openid-configuration`` and the
   set it names, fetched by way of the operator's address policy.
2. They are kept for ten minutes.  A token with a key id that is not among them has them fetched
   anew, for issuers rotate keys, but not more often than every half minute: who calls is a
   stranger.  The same holds for an issuer that does not answer.

Codes are those of STS, "AssumeRoleWithOIDC".
"""

import asyncio
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import msgspec

from ossia.domain.identity.store import IdentityStore
from ossia.errors import RpcError
from ossia.ports import DocumentFetcher, Unavailable
from ossia.protocol.conditions import Context
from ossia.protocol.json_document import read_json
from ossia.protocol.oidc_token import (
    Key,
    PublicKey,
    TokenRefused,
    find_key,
    read_header,
    read_keys,
    verify,
)
from ossia.protocol.policy_document import Grammar, PolicyDocument, Verdict
from ossia.records import OidcProvider

_CODE: Final = "AuthenticationFail"
_PROVIDER_ARN: Final = re.compile(r"acs:ram::(\d+):oidc-provider/([A-Za-z0-9._-]{1,128})", re.ASCII)
_KEYS_FRESH_MS: Final = 600_000
_ASKED_AGAIN_MS: Final = 30_000
_DISCOVERY: Final = "/.well-known/openid-configuration"


@dataclass(frozen=True, slots=True)
class FederatedToken:
    """A token that holds, as the answer of AssumeRoleWithOIDC describes it; times in seconds."""

    provider_arn: str
    issuer: str
    subject: str
    audience: tuple[str, ...]
    issued_at: int
    expires_at: int


@dataclass(slots=True)
class _Known:
    """The keys of one issuer, or why there are none."""

    keys: tuple[PublicKey, ...]
    fetched_ms: int
    trouble: str = ""


class Federation:
    """Knows the account's providers and their keys.

    *allows_plain* says which ``http://`` issuers the operator has named; all others need TLS.
    """

    def __init__(
        self,
        store: IdentityStore,
        fetcher: DocumentFetcher,
        *,
        account_id: str,
        allows_plain: Callable[[str], bool],
    ) -> None:
        self._store = store
        self._fetcher = fetcher
        self._account_id = account_id
        self.allows_plain = allows_plain
        self._known: dict[str, _Known] = {}
        self._turns: dict[str, asyncio.Lock] = {}

    async def verify(self, parameters: Mapping[str, str], now_ms: int) -> FederatedToken:
        """The claims of the token in *parameters*.  Raises `RpcError`."""
        provider = await self._provider(parameters.get("OIDCProviderArn", ""))
        token = parameters.get("OIDCToken", "")
        try:
            header = read_header(token)
            key = await self._key(provider.issuer_url, lambda keys: find_key(keys, header), now_ms)
            read = verify(
                token,
                key,
                issuer=provider.issuer_url,
                client_ids=provider.client_ids,
                issuance_limit_s=provider.issuance_limit_h * 3600,
                now_s=now_ms // 1000,
            )
        except TokenRefused as refused:
            raise RpcError(401, f"{_CODE}.OIDCToken.{refused.kind}", refused.text) from refused
        return FederatedToken(
            provider_arn=f"acs:ram::{self._account_id}:oidc-provider/{provider.name}",
            issuer=read.issuer,
            subject=read.subject,
            audience=read.audience,
            issued_at=read.issued_at,
            expires_at=read.expires_at,
        )

    async def _provider(self, arn: str) -> OidcProvider:
        if not arn:
            raise RpcError(
                400, "MissingOIDCProviderArn", "OIDCProviderArn is mandatory for this action."
            )
        named = _PROVIDER_ARN.fullmatch(arn)
        if named is None:
            raise RpcError(
                400,
                "InvalidParameter.OIDCProviderArn",
                "The parameter OIDCProviderArn is wrongly formed.",
            )
        found = None
        if named[1] == self._account_id:
            found = await self._store.find(OidcProvider, named[2])
        if found is None:
            raise RpcError(401, f"{_CODE}.NoPermission", "No such OIDC Provider registered.")
        return found

    async def _key(
        self, issuer: str, find: Callable[[tuple[PublicKey, ...]], Key | None], now_ms: int
    ) -> Key:
        """The key that *find* finds among the issuer's.  Raises `TokenRefused`."""
        known = self._known.get(issuer)
        if known is None or self._is_stale(known, find, now_ms):
            # One asks for all; those of other issuers do not wait.
            async with self._turns.setdefault(issuer, asyncio.Lock()):
                known = self._known.get(issuer)
                if known is None or self._is_stale(known, find, now_ms):
                    known = self._known[issuer] = await self._fetch(issuer, now_ms)
        if known.trouble:
            raise TokenRefused("HttpsUrlInvalid", known.trouble)
        key = find(known.keys)
        if key is None:
            raise TokenRefused(
                "InvalidSignature", "OIDC token validate failed: no such key of the issuer."
            )
        return key

    def _is_stale(
        self, known: _Known, find: Callable[[tuple[PublicKey, ...]], Key | None], now_ms: int
    ) -> bool:
        age_ms = now_ms - known.fetched_ms
        if not 0 <= age_ms < _KEYS_FRESH_MS:
            return True
        return age_ms >= _ASKED_AGAIN_MS and (bool(known.trouble) or find(known.keys) is None)

    async def _fetch(self, issuer: str, now_ms: int) -> _Known:
        try:
            self._require_tls(issuer)
            configuration = await self._fetcher.fetch(issuer.rstrip("/") + _DISCOVERY)
            place = _place_of_keys(configuration, issuer)
            self._require_tls(place)
            return _Known(read_keys(await self._fetcher.fetch(place)), now_ms)
        except (Unavailable, ValueError) as exc:
            return _Known((), now_ms, f"The keys of {issuer} cannot be had: {exc}")

    def _require_tls(self, url: str) -> None:
        if not url.startswith("https://") and not self.allows_plain(url):
            raise ValueError("only https is allowed")


class _Configuration(msgspec.Struct):
    issuer: str
    jwks_uri: str


def _place_of_keys(document: bytes, issuer: str) -> str:
    try:
        described = read_json(document, _Configuration)
    except ValueError as exc:
        raise ValueError(f"the issuer's configuration is not one: {exc}") from exc
    if described.issuer != issuer:
        raise ValueError("the issuer's configuration names another issuer")
    return described.jwks_uri


# --- trust ------------------------------------------------------------------


def trusts_provider(trust: str, role_arn: str, provider_arn: str, context: Context) -> bool:
    """Whether a trust policy lets bearers of a provider's tokens assume the role."""
    document = _federated(trust)
    if document is None:
        return False
    decision = document.for_whom(context).decide(
        "sts:AssumeRole", role_arn, context, (provider_arn,)
    )
    return decision.verdict is Verdict.ALLOW


@lru_cache(1024)
def _federated(trust: str) -> PolicyDocument | None:
    """The statements about federated principals, who take the place of those of RAM.

    Elsewhere the policy language lets federated principals match nobody: only here do they call.
    """
    document = json.loads(trust)
    statements = document["Statement"]
    kept = []
    for statement in [statements] if isinstance(statements, dict) else statements:
        names = _federated_names(statement)
        if names:
            kept.append({**statement, "Principal": {"RAM": names}})
    if not kept:
        return None
    return PolicyDocument.parse(json.dumps({**document, "Statement": kept}), Grammar.TRUST)


def _federated_names(statement: Mapping[str, Any]) -> list[str]:
    principal = statement["Principal"]
    by_kind = principal if isinstance(principal, dict) else {"RAM": principal}
    named = _listed(by_kind.get("Federated", []))
    # "*" denies everybody, but only those who are named are trusted.
    everybody = statement["Effect"] == "Deny" and "*" in _listed(by_kind.get("RAM", []))
    names = [name for name in named if name != "*"]
    return [*names, "*"] if everybody else names


def _listed(names: Any) -> list[str]:
    return names if isinstance(names, list) else [names]
