"""``/-/metrics``: what a server counts, for Prometheus.

Strangers get nothing.  Where objects are it asks for the scrape key, or for a signature of somebody
whom a policy allows ``ossia:GetMetrics``.  At an address of its own, which is on loopback unless
there is a key, it asks for the key if there is one, and for nothing otherwise.
"""

import hmac
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from ossia.access.authenticate import Authenticator
from ossia.access.authorize import NoBucket, Wish, authorize
from ossia.domain.identity.identities import CallerKind
from ossia.errors import AccessDenied, NoSuchKey
from ossia.gateway.exchange import Exchange
from ossia.gateway.facts import request_facts
from ossia.gateway.pipeline import Gateway
from ossia.gateway.reading import only_read, shown
from ossia.http.message import Request, Response
from ossia.ports import Clock
from ossia.protocol.address import Address
from ossia.protocol.policy_place import Place
from ossia.protocol.signed_request import SignedRequest

PATH: Final = b"/-/metrics"
OPERATION: Final = "GetMetrics"
ACTION: Final = f"ossia:{OPERATION}"
_BEARER: Final = b"Bearer "

Expose = Callable[[str], Awaitable[tuple[str, bytes]]]
"""Content type and document, in a form that the given ``Accept`` asks for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """Who may see metrics: who has *key*, or whom a policy allows to get what is at *place*."""

    key: bytes | None = field(repr=False)
    authenticator: Authenticator
    clock: Clock
    place: Place
    needs_nothing: bool = False

    def at_own_address(self) -> "Admission":
        """The same, where only metrics are: without a key, whoever reaches it is let in."""
        return replace(self, needs_nothing=self.key is None)

    async def admit(self, request: Request, query: Sequence[tuple[bytes, bytes]]) -> None:
        """Return if who asks may see them.  Raises `AccessDenied`, and what signatures do."""
        if self.needs_nothing or self._has_key(request):
            return
        now_ms = self.clock.now_ms()
        signed = SignedRequest(
            request.method, b"-", PATH.removeprefix(b"/-/"), query, request.headers
        )
        caller = await self.authenticator.request(signed, now_ms, in_host=False)
        request.caller = caller.kind.name
        if caller.kind is CallerKind.ANONYMOUS:
            raise AccessDenied("Metrics need the scrape key of this server, or a signature.")
        facts = {**caller.facts, **request_facts(request, now_ms)}
        await authorize(caller, Wish(ACTION, self.place), NoBucket(facts))

    def _has_key(self, request: Request) -> bool:
        given = request.headers.get(b"authorization", b"")
        if not given.startswith(_BEARER):
            return False
        if self.key is None or not hmac.compare_digest(given.removeprefix(_BEARER), self.key):
            raise AccessDenied("The scrape key is another one.")
        return True


class MetricsSide:
    """Answers ``/-/metrics``."""

    def __init__(self, expose: Expose, admission: Admission) -> None:
        self._expose = expose
        self._admission = admission

    async def answer(
        self, request: Request, path: bytes, query: Sequence[tuple[bytes, bytes]]
    ) -> Response | None:
        """Answer a request for metrics; None for every other path."""
        if path != PATH:
            return None
        request.operation = OPERATION
        only_read(request)
        await self._admission.admit(request, query)
        accept = request.headers.get(b"accept", b"").decode("latin-1")
        return shown(request, *await self._expose(accept))


class MetricsGateway(Gateway):
    """Serves metrics, health and readiness and nothing else."""

    async def _answer_oss(
        self, exchange: Exchange, address: Address, pairs: list[tuple[bytes, bytes]]
    ) -> Response:
        del exchange, address, pairs
        raise NoSuchKey("This is the address of metrics; objects are elsewhere.")
