"""OIDC providers: issuers whose tokens may be exchanged for the credentials of a role."""

import re
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from msgspec.structs import replace

from ossia.domain.identity.ram.refusals import already_there, incorrect, too_long, too_many
from ossia.domain.identity.random_names import new_id
from ossia.domain.identity.store import Draft
from ossia.errors import RpcError
from ossia.records import OidcProvider

MOST_PROVIDERS: Final = 100
MOST_CLIENT_IDS: Final = 50
MOST_FINGERPRINTS: Final = 5
_MOST_URL_CHARACTERS: Final = 255
_URL: Final = re.compile(r"https?://[A-Za-z0-9.:\[\]_-]+(/[A-Za-z0-9._~/:-]*)?")


async def create_provider(
    draft: Draft,
    name: str,
    issuer_url: str,
    *,
    client_ids: Sequence[str] = (),
    fingerprints: Sequence[str] = (),
    description: str = "",
    issuance_limit_h: int = 12,
) -> OidcProvider:
    """Trust an issuer, as far as roles trust the provider."""
    check_issuer_url(issuer_url)
    providers = await draft.all(OidcProvider)
    if any(issuer_url == each.issuer_url or name == each.name for each in providers):
        raise already_there(OidcProvider)
    if len(providers) >= MOST_PROVIDERS:
        raise too_many("OIDCProvider")
    _check_counts(client_ids, fingerprints)
    return draft.put(
        OidcProvider(
            id=new_id("5"),
            name=name,
            issuer_url=issuer_url,
            client_ids=tuple(client_ids),
            fingerprints=tuple(fingerprints),
            description=description,
            issuance_limit_h=issuance_limit_h,
            created_at=draft.now_ms,
            updated_at=draft.now_ms,
        )
    )


def check_issuer_url(url: str) -> None:
    """Refuse what cannot name an issuer: query, fragment, user, strange characters."""
    if len(url) > _MOST_URL_CHARACTERS:
        raise too_long("IssuerUrl")
    try:
        has_host = bool(_URL.fullmatch(url) and urlsplit(url).hostname)
    except ValueError:
        has_host = False
    if not has_host:
        raise incorrect("IssuerUrl", "It must be an https URL without query, fragment and user.")


async def update_provider(
    draft: Draft,
    name: str,
    *,
    client_ids: Sequence[str] | None = None,
    description: str | None = None,
    issuance_limit_h: int | None = None,
) -> OidcProvider:
    """Change for whom tokens must be issued, how old they may be, or what is said about it."""
    found = await draft.get(OidcProvider, name)
    ids = found.client_ids if client_ids is None else tuple(client_ids)
    _check_counts(ids, ())
    return draft.put(
        replace(
            found,
            client_ids=ids,
            description=found.description if description is None else description,
            issuance_limit_h=issuance_limit_h or found.issuance_limit_h,
            updated_at=draft.now_ms,
        )
    )


async def delete_provider(draft: Draft, name: str) -> None:
    """Trust an issuer no longer."""
    draft.remove(await draft.get(OidcProvider, name))


async def add_client_id(draft: Draft, name: str, client_id: str) -> OidcProvider:
    """Accept tokens that are issued for another client, too."""
    found = await draft.get(OidcProvider, name)
    if client_id in found.client_ids:
        raise RpcError(
            409,
            "EntityAlreadyExists.OIDCProvider.ClientId",
            "The client id does already EXIST in the OIDC provider.",
        )
    return await update_provider(draft, name, client_ids=(*found.client_ids, client_id))


async def remove_client_id(draft: Draft, name: str, client_id: str) -> OidcProvider:
    """Accept tokens for a client no longer."""
    found = await draft.get(OidcProvider, name)
    if client_id not in found.client_ids:
        raise RpcError(
            404,
            "EntityNotExist.OIDCProvider.ClientId",
            "The client id does not exist in the OIDC provider.",
        )
    return await update_provider(
        draft, name, client_ids=[each for each in found.client_ids if each != client_id]
    )


def _check_counts(client_ids: Sequence[str], fingerprints: Sequence[str]) -> None:
    if len(client_ids) > MOST_CLIENT_IDS:
        raise _too_many_in_provider("ClientId", MOST_CLIENT_IDS)
    if len(fingerprints) > MOST_FINGERPRINTS:
        raise _too_many_in_provider("Fingerprint", MOST_FINGERPRINTS)


def _too_many_in_provider(what: str, limit: int) -> RpcError:
    return RpcError(
        409, f"LimitExceeded.OIDCProvider.{what}", f"An OIDC provider has at most {limit} of these."
    )
