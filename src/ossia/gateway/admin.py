"""The admin API beside OSS: who asks, may they, what do they want; the answer is JSON.

A request is signed as one for the object ``api/…`` in the bucket ``-``, with any region: the keys
are this server's own.  Errors are rendered by `gateway.render`.
"""

from collections.abc import Sequence
from typing import Final
from urllib.parse import unquote_to_bytes

import msgspec

from ossia.access.authenticate import Authenticator
from ossia.access.authorize import NoBucket, Wish, authorize
from ossia.api.admin import admin
from ossia.api.admin.route import PREFIX, AdminCall, Subject
from ossia.api.admin.services import AdminServices
from ossia.domain.identity.identities import Caller, CallerKind
from ossia.errors import AccessDenied, EntityTooLarge, InvalidArgument
from ossia.gateway.facts import request_facts
from ossia.gateway.reading import shown
from ossia.http.message import Request, Response
from ossia.ports import Clock
from ossia.protocol.policy_place import place_of
from ossia.protocol.signed_request import SignedRequest

_MAX_BODY: Final = 16 * 1024 * 1024
_PREFIX: Final = PREFIX.encode() + b"/"


class AdminSide:
    """Answers what lies under ``/-/api/``."""

    def __init__(
        self,
        services: AdminServices,
        authenticator: Authenticator,
        clock: Clock,
        *,
        region: str,
        account_id: str,
    ) -> None:
        self._services = services
        self._authenticator = authenticator
        self._clock = clock
        self._resources = f"acs:ossia:{region}:{account_id}:"

    async def answer(
        self, request: Request, path: bytes, query: Sequence[tuple[bytes, bytes]]
    ) -> Response | None:
        """Answer a request under ``/-/api/``; None for every other path."""
        if not path.startswith(_PREFIX):
            return None
        try:
            text = unquote_to_bytes(path).decode()
            given = {name.decode(): value.decode() for name, value in reversed(query)}
        except UnicodeDecodeError as error:
            raise InvalidArgument("The path or a query parameter is not UTF-8.") from error
        method = request.method.decode("latin-1")
        signed = SignedRequest(
            request.method, b"-", text.removeprefix("/-/").encode(), query, request.headers
        )
        now_ms = self._clock.now_ms()
        caller = await self._authenticator.request(signed, now_ms, in_host=False)
        request.caller = caller.kind.name
        route, in_path = admin.find("GET" if method == "HEAD" else method, text)
        request.operation = route.name
        if route.action is not None and caller.kind is CallerKind.ANONYMOUS:
            # Nothing here is anybody's: no body is read that could not change that.
            raise AccessDenied("Requests to the admin API are signed.")
        # What everybody may ask takes no body: that of a stranger is not read.
        content = b""
        if route.action is not None:
            content = await request.body.read_all(_MAX_BODY, EntityTooLarge)
        asked = route.read(in_path, given, content)
        subject, permits = (
            Subject(),
            _Permits(self._resources, route.action, caller, request, now_ms),
        )
        if route.action is not None:
            subject = await route.about(self._services, asked)
            permits.kind = subject.kind
            await permits.require(subject.bucket, subject.key)
        result = await route.handler(
            AdminCall(self._services, now_ms, subject, permits.allows), asked
        )
        return shown(request, "application/json", msgspec.json.encode(result))


class _Permits:
    """What the caller may: one action on callbacks (or what ``kind`` says) of buckets and keys."""

    def __init__(
        self, resources: str, action: str | None, caller: Caller, request: Request, now_ms: int
    ) -> None:
        self._resources = resources
        self.kind = "callbacks"
        self._action = action or ""
        self._caller = caller
        self._context = {**caller.facts, **request_facts(request, now_ms)}

    async def allows(self, bucket: str, key: str) -> bool:
        """Whether the caller may."""
        try:
            await self.require(bucket, key)
        except AccessDenied:
            return False
        return True

    async def require(self, bucket: str, key: str) -> None:
        """Return if the caller may; raise `AccessDenied` otherwise."""
        wish = Wish(self._action, place_of(f"{self._resources}{self.kind}/{bucket}/{key}"))
        await authorize(self._caller, wish, NoBucket(self._context))
