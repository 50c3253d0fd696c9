"""OIDC providers.  In the real service these belong to the API IMS (2019-08-15)."""

from ossia.api.ram.fields import listed, paged, provider_fields
from ossia.api.ram.operation import (
    IMS_VERSION,
    Call,
    ClientId,
    ClientIds,
    Fields,
    Fingerprints,
    IssuanceHours,
    IssuerUrl,
    Marker,
    ProviderDescription,
    ProviderName,
    UpTo100,
    ram,
)
from ossia.domain.identity.ram import oidc_providers
from ossia.domain.identity.ram.refusals import incorrect
from ossia.records import OidcProvider


@ram.operation("oidc-provider/{oidc_provider_name}", version=IMS_VERSION)
async def create_oidc_provider(
    call: Call,
    oidc_provider_name: ProviderName,
    issuer_url: IssuerUrl,
    client_ids: ClientIds = (),
    fingerprints: Fingerprints = (),
    description: ProviderDescription = "",
    issuance_limit_time: IssuanceHours = 12,
) -> Fields:
    """Trust an issuer of OIDC tokens, as far as roles trust the provider."""
    oidc_providers.check_issuer_url(issuer_url)
    if not issuer_url.startswith("https://") and not call.federation.allows_plain(issuer_url):
        raise incorrect("IssuerUrl", "It must start with https.")
    provider = await call.change(
        oidc_providers.create_provider,
        oidc_provider_name,
        issuer_url,
        client_ids=client_ids,
        fingerprints=fingerprints,
        description=description,
        issuance_limit_h=issuance_limit_time,
    )
    return _answer(call, provider)


@ram.operation("oidc-provider/{oidc_provider_name}", version=IMS_VERSION)
async def get_oidc_provider(call: Call, oidc_provider_name: ProviderName) -> Fields:
    """Describe an OIDC provider."""
    return _answer(call, await call.view().get(OidcProvider, oidc_provider_name))


@ram.operation("oidc-provider/*", version=IMS_VERSION)
async def list_oidc_providers(call: Call, marker: Marker = "", max_items: UpTo100 = 100) -> Fields:
    """List the OIDC providers by name."""
    found, has_more = await call.view().page(OidcProvider, marker, max_items)
    entries = (provider_fields(each, call.account_id) for each in found)
    page = listed("OIDCProviders", "OIDCProvider", entries)
    return paged(page, found[-1].name if found else "", has_more=has_more)


@ram.operation("oidc-provider/{oidc_provider_name}", version=IMS_VERSION)
async def update_oidc_provider(
    call: Call,
    oidc_provider_name: ProviderName,
    client_ids: ClientIds | None = None,
    new_description: ProviderDescription | None = None,
    issuance_limit_time: IssuanceHours | None = None,
) -> Fields:
    """Change an OIDC provider's client ids, description or age limit of tokens."""
    provider = await call.change(
        oidc_providers.update_provider,
        oidc_provider_name,
        client_ids=client_ids,
        description=new_description,
        issuance_limit_h=issuance_limit_time,
    )
    return _answer(call, provider)


@ram.operation("oidc-provider/{oidc_provider_name}", version=IMS_VERSION)
async def delete_oidc_provider(call: Call, oidc_provider_name: ProviderName) -> Fields:
    """Trust an issuer no longer."""
    await call.change(oidc_providers.delete_provider, oidc_provider_name)
    return {}


@ram.operation("oidc-provider/{oidc_provider_name}", version=IMS_VERSION)
async def add_client_id_to_oidc_provider(
    call: Call, oidc_provider_name: ProviderName, client_id: ClientId
) -> Fields:
    """Accept tokens that an issuer made for another client."""
    provider = await call.change(oidc_providers.add_client_id, oidc_provider_name, client_id)
    return _answer(call, provider)


@ram.operation("oidc-provider/{oidc_provider_name}", version=IMS_VERSION)
async def remove_client_id_from_oidc_provider(
    call: Call, oidc_provider_name: ProviderName, client_id: ClientId
) -> Fields:
    """Accept tokens for a client no longer."""
    provider = await call.change(oidc_providers.remove_client_id, oidc_provider_name, client_id)
    return _answer(call, provider)


def _answer(call: Call, provider: OidcProvider) -> Fields:
    return {"OIDCProvider": provider_fields(provider, call.account_id)}
