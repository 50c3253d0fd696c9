"""STS and RAM at the same endpoint: told from OSS by ``Action`` and ``Version``."""

from collections.abc import Sequence

from ossia.api.sts.rpc import RpcService, is_rpc
from ossia.domain.identity.federation import Federation
from ossia.domain.identity.identities import Caller, Identities
from ossia.domain.identity.sessions import Sessions
from ossia.errors import EntityTooLarge
from ossia.gateway.facts import request_facts
from ossia.http.message import Request, Response
from ossia.ports import Clock, Database
from ossia.protocol.signature_rpc import RpcRequest

MAX_BODY = 64 * 1024
"""CreatePolicy has a document of 6144 characters, AssumeRoleWithOIDC a token of 20 000; all of
it is read before it is known who asks (INVARIANTS.md)."""


class RpcSide:
    """Passes RPC requests to their service."""

    def __init__(
        self,
        identities: Identities,
        sessions: Sessions,
        federation: Federation,
        database: Database,
        clock: Clock,
    ) -> None:
        self._service = RpcService(identities, sessions, federation, database, clock)
        self._clock = clock

    async def answer(
        self, request: Request, path: bytes, query: Sequence[tuple[bytes, bytes]]
    ) -> Response | None:
        """Answer an RPC request; None for every other."""
        if path != b"/" or not is_rpc(request.headers, query):
            return None
        body = await request.body.read_all(MAX_BODY, EntityTooLarge)
        headers = request.headers

        def note(action: str, caller: Caller) -> None:
            request.operation, request.caller = action, caller.kind.name

        answer = await self._service.answer_rpc(
            RpcRequest(request.method, query, headers, body),
            host=headers.get(b"host", b"").decode("latin-1"),
            context=request_facts(request, self._clock.now_ms()),
            note=note,
        )
        request.reference = answer.request_id
        shown = [
            ("Content-Type", answer.content_type),
            # Captured with other services of that gateway; the Tea SDKs read it of REST answers.
            ("x-acs-request-id", answer.request_id),
        ]
        return Response(answer.status, shown, answer.body)
