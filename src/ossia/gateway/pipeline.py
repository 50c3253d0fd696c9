"""One request, step by step.

1. Routes under ``/-/`` and STS/RAM requests go to their own services.
2. Address and route; 3. authenticate; 4. the bucket; 5. authorize; 6. bind; 7. run; 8. answer.

A handler never sees a request that it must not serve, and never renders an error.
"""

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import count
from typing import Any

from ossia.access.authenticate import Authenticator
from ossia.access.authorize import Wish, authorize, refuse_stranger
from ossia.api.bind import Binder
from ossia.api.call import Call
from ossia.api.operation import Grant, Operation, Scope, of_version
from ossia.api.oss.object_post import FORM
from ossia.api.route import Router
from ossia.api.services import Services
from ossia.domain.buckets.buckets import POLICY, QOS
from ossia.domain.identity.identities import ANONYMOUS, CallerKind
from ossia.errors import (
    InternalError,
    InvalidAccessKeyId,
    InvalidArgument,
    InvalidBucketName,
    InvalidDigest,
    MissingArgument,
    MissingContentLength,
    NoSuchBucket,
    OssError,
    ServiceUnavailable,
)
from ossia.gateway import cors, post_form
from ossia.gateway.bucket_qos import BucketQosLimits
from ossia.gateway.exchange import Exchange, Note, Tell, tell_when_sent
from ossia.gateway.internal import KEY_HOST, PREFIX
from ossia.gateway.limits import NO_LIMITS, Hold, Limits
from ossia.gateway.permission import Surroundings, asked_object_acl
from ossia.gateway.render import render_answer, render_error
from ossia.http.body import ClientGone
from ossia.http.message import Request, Response
from ossia.logs.scope import REQUEST_ID
from ossia.ports import Clock, Unavailable
from ossia.protocol.address import Address, Addressing, parse_query
from ossia.protocol.checksums import md5_hex, parse_content_md5
from ossia.protocol.names import check_bucket_name, decode_key
from ossia.protocol.policy_place import Place, place_of
from ossia.protocol.signed_request import SignedRequest
from ossia.records import Bucket

log = logging.getLogger("ossia.gateway")

Side = Callable[[Request, bytes, Sequence[tuple[bytes, bytes]]], Awaitable[Response | None]]
"""A service beside OSS: answers a request (path and decoded query given), or None: not mine."""

PREFLIGHT = "Preflight"
"""What an OPTIONS request asks for: no operation of OSS, but counted as one."""
GONE = 499
"""The client went away before there was an answer (nginx says it so)."""

_AT_ONCE = 64 * 1024
"""A longer document is read in a thread: 2 MB take 100 ms and more, some ms of it in one go."""


class RequestIds:
    """24 upper-case hex characters: seconds, worker, counter."""

    def __init__(self) -> None:
        self._worker = os.urandom(3).hex().upper()
        self._count = count(int.from_bytes(os.urandom(4)))
        self._second = 0
        self._head = ""

    def next(self) -> str:
        """A fresh id."""
        second = int(time.time())
        if second != self._second:
            self._second, self._head = second, f"{second:08X}{self._worker}"
        return "%s%010X" % (self._head, next(self._count) & 0xFFFFFFFFFF)  # noqa: UP031 - faster


class Gateway:
    """Serves every request of one worker."""

    def __init__(
        self,
        router: Router,
        services: Services,
        authenticator: Authenticator,
        addressing: Addressing,
        clock: Clock,
        *,
        sides: Sequence[Side] = (),
        tell: Tell | None = None,
        note: Note | None = None,
        limits: Limits = NO_LIMITS,
        bucket_qos: BucketQosLimits | None = None,
    ) -> None:
        """*tell* writes the access log, where there is one."""
        self._bucket_qos = bucket_qos
        self._limits = limits
        self._is_limited = bool(limits)
        self._paces_bytes = limits.paces_bytes
        self._router = router
        self._services = services
        self._authenticator = authenticator
        self._addressing = addressing
        self._clock = clock
        self._sides = sides
        self._tell = tell
        self._note = note
        self._ids = RequestIds()
        # One thread: however many long documents come, the loop shares with one of them.
        self._binding = ThreadPoolExecutor(1, thread_name_prefix="binding")
        self._resources = place_of(f"acs:oss:{services.region}:{services.account_id}:").head

    async def handle(self, request: Request) -> Response:
        """Answer *request*; whatever goes wrong, the client gets the protocol's error."""
        started = time.monotonic()
        exchange = Exchange(request, self._ids.next())
        REQUEST_ID.set(exchange.request_id)
        if self._tell is not None:
            exchange.watch(started)
        try:
            response = await self._answer(exchange)
        except OssError as error:
            response = exchange.refuse(error)
        except ClientGone:
            self._note_gone(exchange, started)
            raise
        except Unavailable as error:
            log.warning("storage_unavailable reason=%r", str(error))
            response = exchange.refuse(ServiceUnavailable(headers={"Retry-After": "1"}))
        except Exception:
            log.exception("request_failed")
            response = exchange.refuse(InternalError())
        exchange.end()
        if b"origin" in request.headers and exchange.call is not None:
            await self._let_page_read(exchange, exchange.call, response)
        ended = time.monotonic()
        took_s = ended - started
        took_ms = int(took_s * 1000)
        response.headers.append(("x-oss-request-id", exchange.request_id))
        response.headers.append(("x-oss-server-time", str(took_ms)))
        if self._tell is not None:
            tell_when_sent(self._tell, exchange, response, ended)
        if exchange.hold is not None:
            exchange.hold.release_when_sent(response)
        if self._note is not None:
            self._note(exchange.answered(response.status, took_s, response.sends()))
        return response

    def _note_gone(self, exchange: Exchange, started: float) -> None:
        """Nobody waits for an answer any more."""
        exchange.end()
        if exchange.hold is not None:
            exchange.hold.release()
        ended = time.monotonic()
        if self._tell is not None:
            self._tell(exchange.told(GONE, ended, 0))
        if self._note is not None:
            self._note(exchange.answered(GONE, ended - started, 0))

    def refuse(self, error: OssError, request: Request | None = None) -> Response:
        """The answer to what is not served; None: to what is not even a request."""
        request_id = self._ids.next()
        if request is None:
            response = render_error(error, request_id=request_id, host="")
        else:
            exchange = Exchange(request, request_id)
            response = exchange.refuse(error)
            if self._tell is not None:
                now = time.monotonic()
                exchange.watch(now)
                self._tell(exchange.told(response.status, now, response.sends()))
        response.headers.append(("x-oss-request-id", request_id))
        if self._note is not None:
            self._note(("", response.status, "", 0.0, 0, len(response.body)))
        return response

    @property
    def hurried_refusal(self) -> Callable[[int], str] | None:
        """Counts one more refusal of so many bytes, and gives its id; None where each is told."""
        return None if self._tell is not None else self._refuse_again

    def _refuse_again(self, size: int) -> str:
        if self._note is not None:
            self._note(("", ServiceUnavailable.status, "", 0.0, 0, size))
        return self._ids.next()

    async def _answer(self, exchange: Exchange) -> Response:
        request = exchange.request
        path, _, query_text = request.target.partition(b"?")
        if not path.startswith(b"/"):
            path = _origin_form(path)
        pairs = parse_query(query_text) if query_text else []
        host = request.headers.get(b"host", b"")
        if self._is_limited and not path.startswith(PREFIX):
            exchange.hold = Hold([])
            self._limits.enter_peer(request.peer, exchange.hold)
        address = self._addressing.resolve(host, path)
        is_beside = address.bucket in _NO_BUCKET and not address.in_host
        if is_beside or host.startswith(_KEY_HOST):
            for side in self._sides:
                response = await side(request, path, pairs)
                if response is not None:
                    return response
        return await self._answer_oss(exchange, address, pairs)

    async def _answer_oss(
        self, exchange: Exchange, address: Address, pairs: list[tuple[bytes, bytes]]
    ) -> Response:
        method = exchange.method
        call = self._open_call(exchange, address, pairs)
        if method == "OPTIONS":
            return await self._preflight(call)
        scope = _scope_of(address)
        try:
            operation = self._find(call, method, scope)
            exchange.request.operation = operation.name
        except OssError:
            # witnessed.md, W8: what is not to be had here is told to those who are somebody, of
            # buckets that there are.
            await self._enter(call, address, pairs, None)
            raise
        await self._enter(call, address, pairs, operation)
        exchange.entered = exchange.came and time.monotonic()
        if operation.action is not None and not _nothing_could_refuse(call):
            action, version = operation.asked(call.query)
            assert action is not None
            await self._allow(call, action, operation.grant, call.bucket_name, call.key, version)
        elif operation.action is None:
            await self._refuse_strangers(call, operation)
        if exchange.hold is not None or _has_qos(call):
            self._count(exchange, call, operation)
        content = b"" if operation.bind.takes_no_body else await _read_body(call, operation.bind)
        bind = operation.bind.bind
        is_short = len(content) <= _AT_ONCE
        bound = bind(call, content) if is_short else await self._beside(bind, call, content)
        for needed in operation.also:
            if needed.holds is not None and not await needed.holds(call, bound):
                continue
            for name, key, *named in needed.resources(call, bound):
                version = named[0] if named else None
                action = needed.action if version is None else of_version(needed.action)
                await self._allow(call, action, needed.grant, name, key, version)
        if operation.sets_acl or (operation.grant is Grant.WRITE and _asks_for_acl(call)):
            await self._refuse_public_acl(call)
        exchange.allowed = exchange.came and time.monotonic()
        return render_answer(call, await operation.handler(call, bound))

    def _count(self, exchange: Exchange, call: Call, operation: Operation) -> None:
        """Count a request that is permitted, where there are limits."""
        if exchange.hold is not None:
            self._limits.enter(call.caller, call.bucket_name, exchange.hold)
        own = None
        if self._bucket_qos is not None:
            own = self._bucket_qos.enter(call.bucket_or_none, operation.selectors)
        if self._paces_bytes or own is not None:
            call.flow = self._limits.flow(call.http, call.caller, call.bucket_name, own)

    async def _beside(self, bind: Callable[[Call, bytes], Any], call: Call, content: bytes) -> Any:
        """Bind a long document, while the loop does something else."""
        return await asyncio.get_running_loop().run_in_executor(self._binding, bind, call, content)

    async def _enter(
        self,
        call: Call,
        address: Address,
        pairs: list[tuple[bytes, bytes]],
        operation: Operation | None,
    ) -> None:
        """Find out who calls, and the bucket.

        Raises `NoSuchBucket`, also where nobody has the key that signed (witnessed.md, W7), but
        for what creates a bucket.
        """
        creates = operation is not None and operation.creates_bucket
        http = call.http
        try:
            if operation is not None and operation.selectors == _FORM_ONLY:
                await self._enter_by_form(call)
            else:
                signed = SignedRequest(
                    http.method, address.bucket, address.key, pairs, http.headers
                )
                call.caller = await self._authenticator.request(
                    signed, call.now_ms, in_host=address.in_host
                )
                call.key = decode_key(signed.key)
        except InvalidAccessKeyId:
            if call.bucket_name and not creates:
                # The refusal stands already where the store cannot answer.
                with suppress(Unavailable):
                    await self._services.buckets.find(call.bucket_name)
            raise
        if creates:
            check_bucket_name(call.bucket_name)
            call.bucket = await self._services.buckets.peek(call.bucket_name)
        elif call.bucket_name:
            call.bucket = await self._services.buckets.find(call.bucket_name)

    def _open_call(
        self, exchange: Exchange, address: Address, pairs: list[tuple[bytes, bytes]]
    ) -> Call:
        try:
            # Of repeated parameters the first wins.
            query = {name.decode(): value.decode() for name, value in reversed(pairs)}
        except UnicodeDecodeError as error:
            raise InvalidArgument(
                "A query parameter is not UTF-8.", ArgumentValue=error.object.decode("latin-1")
            ) from error
        call = Call(
            services=self._services,
            http=exchange.request,
            request_id=exchange.request_id,
            now_ms=self._clock.now_ms(),
            bucket_name=address.bucket.decode("latin-1"),
            key="",
            query=query,
            caller=ANONYMOUS,
            in_host=address.in_host,
        )
        exchange.call = call
        return call

    def _find(self, call: Call, method: str, scope: Scope) -> Operation:
        query = call.query
        if method == "POST" and scope is Scope.BUCKET:
            content_type = call.http.headers.get(b"content-type", b"").lower()
            if content_type.startswith(FORM.encode()) and "delete" not in query:
                query = {FORM: ""}
        return self._router.find(method, scope, query, call.http.headers)

    async def _enter_by_form(self, call: Call) -> None:
        await post_form.read_form(call)
        assert call.form is not None
        call.caller = await self._authenticator.form(call.form.fields, call.now_ms)
        post_form.check_policy(call)

    async def _let_page_read(self, exchange: Exchange, call: Call, response: Response) -> None:
        """Add the CORS headers, to refusals from before the bucket was read as well."""
        bucket = call.bucket_or_none
        if bucket is None and call.bucket_name:
            # The answer stands already; without these headers it is better than none.
            with suppress(Unavailable):
                bucket = await self._services.buckets.peek(call.bucket_name)
        cors.add_headers(response, bucket, exchange.request.headers, exchange.method)

    async def _preflight(self, call: Call) -> Response:
        if not call.bucket_name:
            raise NoSuchBucket(BucketName="")
        call.http.operation = PREFLIGHT
        call.bucket = await self._services.buckets.find(call.bucket_name)
        response = cors.preflight(call.bucket, call.http.headers)
        # Its headers are complete: the generic ones must not be added again.
        call.http.headers.pop(b"origin", None)
        return response

    async def _allow(
        self,
        call: Call,
        action: str,
        grant: Grant,
        name: str,
        key: str,
        version: str | None = None,
    ) -> None:
        bucket = call.bucket_or_none
        if name and (bucket is None or bucket.name != name):
            bucket = await self._services.buckets.peek(name)
        await authorize(call.caller, *self._wish(call, action, grant, bucket, name, key, version))

    def _wish(
        self,
        call: Call,
        action: str,
        grant: Grant,
        bucket: Bucket | None,
        name: str,
        key: str,
        version: str | None = None,
    ) -> tuple[Wish, Surroundings]:
        """What is to be permitted, and what decides about it."""
        tail = f"{name}/{key}" if key else name or "*"
        place = Place(self._resources, tail)
        wish = Wish(action, place, grant is Grant.READ, grant is Grant.WRITE)
        objects, public_access = self._services.objects, self._services.public_access
        return wish, Surroundings(objects, public_access, bucket, key, version, call, action)

    async def _refuse_strangers(self, call: Call, operation: Operation) -> None:
        """Refuse anonymous callers before their body is read, where only it says what is asked.

        Where no policy could let them in to a part of the bucket, the bucket's ACL speaks for all
        of it: what single objects grant is asked for with single requests.
        """
        if call.caller.kind is CallerKind.ANONYMOUS and call.bucket_or_none is not None:
            for needed in operation.also:
                if needed.only_if:
                    # Who asks for it is refused when it is known that he does.
                    continue
                wish, around = self._wish(
                    call, needed.action, needed.grant, call.bucket, call.bucket_name, ""
                )
                await refuse_stranger(call.caller, wish, around)

    async def _refuse_public_acl(self, call: Call) -> None:
        """Where public access is blocked, nothing becomes public by a header or a form field."""
        acl = asked_object_acl(call) if call.key else call.header("x-oss-acl")
        if acl is not None:
            await self._services.public_access.refuse_acl(call.bucket_or_none, acl)


_FORM_ONLY = frozenset({FORM})
_KEY_HOST = KEY_HOST.encode()
_NO_BUCKET = frozenset({b"", b"-"})
"""What the first part of a path is where no bucket is meant: the services beside OSS live there."""


def _nothing_could_refuse(call: Call) -> bool:
    """Whether the caller is the root, at a bucket without a policy."""
    bucket = call.bucket_or_none
    is_free = bucket is None or POLICY not in bucket.documents
    return is_free and call.caller.kind is CallerKind.ROOT


def _has_qos(call: Call) -> bool:
    bucket = call.bucket_or_none
    return bucket is not None and QOS in bucket.documents


def _asks_for_acl(call: Call) -> bool:
    headers = call.http.headers
    return b"x-oss-object-acl" in headers or b"x-oss-acl" in headers or call.form is not None


def _scope_of(address: Address) -> Scope:
    if not address.bucket:
        if address.key:
            raise InvalidBucketName(BucketName="")
        return Scope.SERVICE
    return Scope.OBJECT if address.key else Scope.BUCKET


def _origin_form(target: bytes) -> bytes:
    """The path of an absolute-form target (RFC 9112, 3.2.2)."""
    scheme, separator, rest = target.partition(b"://")
    if separator and scheme.lower() in (b"http", b"https"):
        return b"/" + rest.partition(b"/")[2]
    raise InvalidArgument("The request target is not a path.")


async def _read_body(call: Call, binder: Binder) -> bytes:
    """The document of the request; a stream is left to the handler."""
    wanted = binder.document
    if wanted is None:
        _require_length(call.http)
        return b""
    announced = call.header("content-md5")
    if wanted.needs_md5 and not announced:
        raise MissingArgument(ec="0016-00000606", ArgumentName="Content-MD5")
    expected = parse_content_md5(announced) if announced else None
    content = await call.document(wanted.limit)
    if expected is not None and md5_hex(content) != expected:
        raise InvalidDigest
    return content


def _require_length(request: Request) -> None:
    headers = request.headers
    if b"content-length" not in headers and b"transfer-encoding" not in headers:
        raise MissingContentLength
