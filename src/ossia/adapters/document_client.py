"""Fetches public documents over HTTP: the keys of OIDC issuers.

How each is fetched is `document_fetch`, whose library takes as long to load as half of the server:
who knows no issuer never loads it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from ossia.ports import Unavailable
from ossia.protocol.address_policy import AddressPolicy

TIMEOUT_S: Final = 5.0


class DocumentClient:
    """The `DocumentFetcher` that reaches the network."""

    def __init__(self, policy: AddressPolicy, *, timeout_s: float = TIMEOUT_S) -> None:
        self._policy = policy
        self._timeout_s = timeout_s

    async def fetch(self, url: str) -> bytes:
        """See `ossia.ports.DocumentFetcher`."""
        if asyncio.current_task() is None:
            # A request that has not waited yet has no task (`http.eager`); time limits need one.
            await asyncio.sleep(0)
        try:
            async with asyncio.timeout(self._timeout_s):
                fetch = await asyncio.to_thread(_loaded)
                return await fetch(url, self._policy)
        except TimeoutError as exc:
            raise Unavailable(f"no answer within {self._timeout_s:g} seconds") from exc


def _loaded() -> Callable[[str, AddressPolicy], Awaitable[bytes]]:
    """`document_fetch.fetch`.  In a thread: others are served meanwhile."""
    from ossia.adapters.document_fetch import fetch  # noqa: PLC0415 - see above

    return fetch
