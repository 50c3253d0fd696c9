"""Sends callback requests with aiohttp's client.

One session per process.  Strangers choose the URL, hence:

1. Every address is judged by the `AddressPolicy` at the moment its socket is made; whatever the
   name resolved to before, or resolves to next, does not matter.
2. No redirects, no proxies from the environment, no cookies, no decompression, no reuse.
3. One time limit for all of it; the answer is read up to one byte behind the size limit.
4. What is written on the wire is what was signed: the target is never normalised.

What an answer means is `protocol.callback.judge_reply`.
"""

import asyncio
import errno
import io
import math
import socket
import ssl
import time
from contextvars import ContextVar
from types import SimpleNamespace
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from ossia.ports import CallbackAnswer, CallbackAttempt, CallbackFailure, CallbackFault
from ossia.protocol.address_policy import AddressPolicy, Origin
from ossia.protocol.callback import MAX_REPLY_BYTES

_MAX_REFUSAL_BYTES: Final = 64 * 1024
"""How much of an answer other than 200 is kept, for people who look for the reason."""

_CONNECTIONS: Final = 1000
_NOT_OURS: Final = frozenset(("accept", "accept-encoding", "content-type", "user-agent"))
_LARGE_BODY: Final = 1024 * 1024


class _Exchange:
    """What is known about one attempt while it runs."""

    def __init__(self, origin: Origin) -> None:
        self.origin = origin
        self.started_at = time.monotonic()
        self.refusal = ""
        self.address = ""
        self.is_connected = False
        self.answer: CallbackAnswer | None = None
        self.body = bytearray()

    def elapsed_ms(self) -> int:
        return round((time.monotonic() - self.started_at) * 1000)


_current: ContextVar[_Exchange] = ContextVar("callback_exchange")


class CallbackClient:
    """The `CallbackSender` that reaches the network.

    *tls* replaces the context that verifies certificates against the system's authorities;
    *resolver* replaces the system's.
    """

    def __init__(
        self,
        policy: AddressPolicy,
        *,
        timeout_s: float = 5.0,
        max_reply_bytes: int = MAX_REPLY_BYTES,
        tls: ssl.SSLContext | None = None,
        resolver: AbstractResolver | None = None,
    ) -> None:
        self._policy = policy
        self._timeout_s = timeout_s
        self._max_reply_bytes = max_reply_bytes
        self._tls = tls
        self._resolver = resolver
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the session; what is in flight fails."""
        if self._session is not None:
            await self._session.close()

    async def send(self, attempt: CallbackAttempt) -> CallbackAnswer | CallbackFailure:
        """Make one attempt; see `CallbackSender`."""
        if asyncio.current_task() is None:
            # A request that has not waited yet has no task (`http.eager`); time limits need one.
            await asyncio.sleep(0)
        exchange = _Exchange(Origin(attempt.scheme, attempt.host, attempt.port))
        token = _current.set(exchange)
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._exchange(attempt, exchange)
        except (OSError, aiohttp.ClientError, ValueError, RuntimeError) as exc:
            # A refusal is complete without its body; a success is not.
            if exchange.answer is None or exchange.answer.status == 200:  # noqa: PLR2004
                return self._failure(exc, exchange)
        finally:
            _current.reset(token)
        assert exchange.answer is not None
        return CallbackAnswer(
            status=exchange.answer.status,
            headers=exchange.answer.headers,
            body=bytes(exchange.body),
            elapsed_ms=exchange.elapsed_ms(),
        )

    async def _exchange(self, attempt: CallbackAttempt, exchange: _Exchange) -> None:
        refusal = self._policy.refuse_host(attempt.scheme, attempt.host, attempt.port)
        if refusal:
            exchange.refusal = refusal
            raise _forbidden(refusal)
        # Path and query together as path: yarl would drop the "?" of an empty query, which OSS
        # sends and signs.
        url = URL.build(
            scheme=attempt.scheme,
            host=attempt.host,
            port=attempt.port,
            path=attempt.target,
            encoded=True,
        )
        # Large bytes make aiohttp warn; a file-like body is written piece by piece.
        large = len(attempt.body) > _LARGE_BODY
        async with self._open_session().post(
            url,
            data=io.BytesIO(attempt.body) if large else attempt.body,
            headers=attempt.headers,
            skip_auto_headers=_NOT_OURS,
            allow_redirects=False,
            trace_request_ctx=exchange,
        ) as response:
            headers = {name.lower(): value for name, value in response.headers.items()}
            exchange.answer = CallbackAnswer(status=response.status, headers=headers, body=b"")
            await self._read(response.content, exchange, headers)

    async def _read(
        self, content: aiohttp.StreamReader, exchange: _Exchange, headers: dict[str, str]
    ) -> None:
        """Read what the judge needs: nothing behind the limit, nothing without a length."""
        limit = _MAX_REFUSAL_BYTES
        if exchange.answer is not None and exchange.answer.status == 200:  # noqa: PLR2004
            length = headers.get("content-length", "")
            is_judged = not length.isdecimal() or int(length[:20]) > self._max_reply_bytes
            limit = 0 if is_judged else self._max_reply_bytes + 1
        while limit > len(exchange.body):
            piece = await content.read(limit - len(exchange.body))
            if not piece:
                return
            exchange.body += piece

    def _open_session(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(
                limit=_CONNECTIONS,
                force_close=True,
                ssl=True if self._tls is None else self._tls,
                resolver=self._resolver,
                socket_factory=self._make_socket,
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                raise_for_status=False,
                timeout=aiohttp.ClientTimeout(total=None),
                trace_configs=[_tracing()],
                trust_env=False,
            )
        return self._session

    def _make_socket(self, address: aiohttp.AddrInfoType) -> socket.socket:
        """The one place where a connection begins; aiohttp calls it for every address."""
        family, kind, protocol, _, target = address
        exchange = _current.get()
        host = str(target[0])
        refusal = self._policy.refuse(host, exchange.origin)
        if refusal:
            exchange.refusal = refusal
            raise _forbidden(refusal)
        exchange.address = f"{host}:{target[1]}"
        return socket.socket(family, kind, protocol)

    def _failure(self, exc: BaseException, exchange: _Exchange) -> CallbackFailure:
        fault = _fault_of(exc, exchange)
        detail = str(exc) or type(exc).__name__
        if fault is CallbackFault.FORBIDDEN:
            detail = exchange.refusal
        elif fault in (CallbackFault.CONNECT_TIMEOUT, CallbackFault.REPLY_TIMEOUT):
            where = exchange.address or f"{exchange.origin.host}:{exchange.origin.port}"
            limit_ms = math.ceil(self._timeout_s * 1000)
            detail = f"{where} reply timeout, cost:{limit_ms}ms, timeout:{limit_ms}ms"
        return CallbackFailure(fault=fault, detail=detail, elapsed_ms=exchange.elapsed_ms())


def _forbidden(refusal: str) -> OSError:
    return OSError(errno.EACCES, refusal)


def _fault_of(exc: BaseException, exchange: _Exchange) -> CallbackFault:
    if isinstance(exc, TimeoutError):
        if exchange.is_connected:
            return CallbackFault.REPLY_TIMEOUT
        return CallbackFault.CONNECT_TIMEOUT
    if exchange.refusal and not exchange.address:
        return CallbackFault.FORBIDDEN
    # UnicodeError: a label longer than names may have.
    if isinstance(exc, aiohttp.ClientConnectorDNSError | UnicodeError):
        return CallbackFault.NAME_NOT_FOUND
    # OSError is also what connecting raises where aiohttp does not wrap it.
    if isinstance(exc, aiohttp.ClientConnectorError) or not exchange.is_connected:
        return CallbackFault.NOT_CONNECTED
    return CallbackFault.BROKEN


def _tracing() -> aiohttp.TraceConfig:
    """Tell connecting from waiting, which time out with different texts."""
    config = aiohttp.TraceConfig()

    async def connected(
        _session: aiohttp.ClientSession,
        context: SimpleNamespace,
        _params: aiohttp.TraceConnectionCreateEndParams,
    ) -> None:
        context.trace_request_ctx.is_connected = True

    config.on_connection_create_end.append(connected)
    return config
