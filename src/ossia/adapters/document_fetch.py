"""How one public document is fetched.

Who asks for a document is a stranger, where it lies was said by an administrator, or by what an
earlier document said.  Hence:

1. Every address is judged by the `AddressPolicy`, in the resolver, whose answers are what is
   connected to; a host that is an address is judged before.
2. No redirects, no proxies from the environment, no cookies, no decompression.
3. One size limit; the time limit is that of `document_client`.
"""

import asyncio
import socket
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from ossia.ports import Unavailable
from ossia.protocol.address_policy import OIDC_SETTING, SETTING, AddressPolicy, Origin

MAX_DOCUMENT_BYTES: Final = 256 * 1024
_OK: Final = 200
_PORTS: Final = {"http": 80, "https": 443}


async def fetch(url: str, policy: AddressPolicy) -> bytes:
    """The document.  Raises `Unavailable`, and `TimeoutError` where there is a limit."""
    try:
        return await _fetch(url, policy)
    except TimeoutError:
        raise
    except (aiohttp.ClientError, OSError, ValueError) as exc:
        raise Unavailable(str(exc) or type(exc).__name__) from exc


async def _fetch(url: str, policy: AddressPolicy) -> bytes:
    origin = _origin_of(url)
    refusal = policy.refuse_host(origin.scheme, origin.host, origin.port)
    if refusal:
        raise Unavailable(_named(refusal))
    # One connector each: nothing is reused, and its resolver knows what is judged.
    connector = aiohttp.TCPConnector(
        resolver=_JudgingResolver(policy, origin), use_dns_cache=False, force_close=True
    )
    async with (
        aiohttp.ClientSession(
            connector=connector, cookie_jar=aiohttp.DummyCookieJar(), auto_decompress=False
        ) as session,
        session.get(url, allow_redirects=False, headers={"Accept": "application/json"}) as got,
    ):
        if got.status != _OK:
            raise Unavailable(f"the answer was {got.status}")
        document = bytearray()
        async for piece in got.content.iter_any():
            document += piece
            if len(document) > MAX_DOCUMENT_BYTES:
                raise Unavailable(f"the document has more than {MAX_DOCUMENT_BYTES} bytes")
        return bytes(document)


def _origin_of(url: str) -> Origin:
    parsed = URL(url)
    if parsed.scheme not in _PORTS or not parsed.host or parsed.user is not None:
        raise ValueError(f"{url} is not an http or https URL")
    return Origin(parsed.scheme, parsed.host, parsed.port or _PORTS[parsed.scheme])


def _named(refusal: str) -> str:
    """The policy was made for callbacks; here another setting fills it."""
    return refusal.replace(SETTING, OIDC_SETTING)


class _JudgingResolver(AbstractResolver):
    """Gives only addresses that may be connected to."""

    def __init__(self, policy: AddressPolicy, origin: Origin) -> None:
        self._policy = policy
        self._origin = origin

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await asyncio.get_running_loop().getaddrinfo(
            host, port, family=family, type=socket.SOCK_STREAM
        )
        refusal = f"{host} has no address"
        results = []
        for address_family, _, protocol, _, address in found:
            refused = self._policy.refuse(str(address[0]), self._origin)
            if refused:
                refusal = refused
                continue
            results.append(
                ResolveResult(
                    hostname=host,
                    host=str(address[0]),
                    port=port,
                    family=address_family,
                    proto=protocol,
                    flags=socket.AI_NUMERICHOST,
                )
            )
        if not results:
            raise Unavailable(_named(refusal))
        return results

    async def close(self) -> None:
        """Nothing is held."""
