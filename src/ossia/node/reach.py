"""What a server may reach, and who reaches it, by its settings."""

from urllib.parse import urlsplit

from ossia.protocol.address_policy import (
    OIDC_SETTING,
    SETTING,
    AddressPolicy,
    Origin,
    parse_host,
)
from ossia.settings import Settings, SettingsError, is_loopback


def callback_targets(settings: Settings) -> AddressPolicy:
    """What callbacks may reach (product.md, ``--callback-allow``)."""
    if settings.callback_allow:
        try:
            return AddressPolicy.parse(settings.callback_allow)
        except ValueError as error:
            raise SettingsError(str(error)) from error
    return AddressPolicy.default(loopback=is_for_this_machine(settings))


def oidc_issuers(settings: Settings) -> AddressPolicy:
    """Where the keys of OIDC issuers may be fetched from (``--oidc-allow``)."""
    if settings.oidc_allow:
        try:
            return AddressPolicy.parse(settings.oidc_allow)
        except ValueError as error:
            raise SettingsError(str(error).replace(SETTING, OIDC_SETTING)) from error
    return AddressPolicy.default(loopback=is_for_this_machine(settings))


def is_named(issuers: AddressPolicy, url: str) -> bool:
    """Whether the operator has opened the origin of *url*, or it is an allowed loopback address."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if Origin(parts.scheme, host, parts.port or 80) in issuers.origins:
        return True
    address = parse_host("127.0.0.1" if host == "localhost" else host)
    is_loopback = address is not None and address.is_loopback
    return is_loopback and issuers.refuse_host(parts.scheme, host, parts.port or 80) is None


def is_for_this_machine(settings: Settings) -> bool:
    """Whether nobody but this machine reaches the server.

    One that listens on loopback and has another public URL stands behind a proxy, whose clients
    must not have it call what listens beside it.
    """
    host, _ = settings.host_and_port()
    # Who reaches the console may have callbacks sent again, elsewhere.
    console_host, _ = settings.console_host_and_port() or (host, 0)
    return all(map(is_loopback, (host, console_host))) and (
        not settings.public_url or _names_loopback(settings.url)
    )


def _names_loopback(url: str) -> bool:
    try:
        return is_loopback(urlsplit(url).hostname or "")
    except ValueError:
        return False
