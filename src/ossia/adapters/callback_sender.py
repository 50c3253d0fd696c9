"""Sends callback requests, each on a connection of its own.

Strangers choose the URL, hence:

1. Every address is judged by the `AddressPolicy` and then connected to by number: whatever the
   name resolved to before, or resolves to next, does not matter.
2. No redirects, no proxies from the environment, no cookies, no decompression, no reuse.
3. One time limit for all of it; the answer is read up to the size limit.
4. What is written on the wire is what was signed: the target is never normalised.

Names are looked up by `Resolvers`.  What an answer means is `protocol.callback_reply.judge_reply`.
Why not an HTTP client library: docs/decisions/2026-11-21-callback-client.md.
"""

import asyncio
import math
import socket
import ssl
import time
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Final

from ossia.adapters.callback_exchange import BrokenAnswer, Exchange
from ossia.adapters.plain_wire import PlainWire
from ossia.adapters.resolvers import Resolvers
from ossia.ports import CallbackAnswer, CallbackAttempt, CallbackFailure, CallbackFault
from ossia.protocol.address_policy import AddressPolicy, Origin, parse_host
from ossia.protocol.callback_reply import MAX_REPLY_BYTES
from ossia.records import Timings

Resolve = Callable[[str, str], Awaitable[list[str]]]
"""Gives the addresses of a host name, for a bucket.  Raises `OSError`."""

_OK: Final = 200


class CallbackClient:
    """The `CallbackSender` that reaches the network.

    *tls* makes contexts other than those that verify against the system's authorities;
    *resolve* replaces the system's resolver.
    """

    def __init__(
        self,
        policy: AddressPolicy,
        *,
        timeout_s: float = 5.0,
        max_reply_bytes: int = MAX_REPLY_BYTES,
        tls: Callable[[], ssl.SSLContext] = ssl.create_default_context,
        resolve: Resolve | None = None,
    ) -> None:
        self._policy = policy
        self._timeout_s = timeout_s
        self._max_reply_bytes = max_reply_bytes
        self._make_context = tls
        self._contexts: dict[bool, ssl.SSLContext] = {}
        self._resolvers = Resolvers()
        self._resolve = resolve or self._resolvers.addresses
        self._closed = False

    async def close(self) -> None:
        """Send nothing any more."""
        self._closed = True
        self._resolvers.close()

    async def send(self, attempt: CallbackAttempt) -> CallbackAnswer | CallbackFailure:
        """Make one attempt; see `CallbackSender`."""
        trip = _Trip(attempt, asyncio.get_running_loop().time() + self._timeout_s)
        try:
            await self._travel(trip)
        except (OSError, BrokenAnswer, ValueError) as error:
            # A refusal is complete without its body; a success is not.
            if trip.exchange is None or trip.exchange.status in (0, _OK):
                return self._failure(error, trip)
        exchange = trip.exchange
        assert exchange is not None
        return CallbackAnswer(
            status=exchange.status,
            headers=exchange.headers,
            body=bytes(exchange.body),
            address=trip.address,
            timings=trip.timings(),
        )

    async def _travel(self, trip: "_Trip") -> None:
        """There and back; the answer is in the exchange."""
        if self._closed:
            raise OSError("the client is closed")
        attempt = trip.attempt
        refusal = self._policy.refuse_host(attempt.scheme, attempt.host, attempt.port)
        if refusal:
            raise _ForbiddenError(refusal)
        literal = _literal(attempt.host)
        addresses = [literal] if literal else await self._addresses(trip)
        trip.resolved_at = time.monotonic()
        await self._talk_to_any(trip, addresses)

    async def _addresses(self, trip: "_Trip") -> list[str]:
        host = trip.attempt.host
        await _become_task()
        async with asyncio.timeout_at(trip.deadline):
            try:
                return await self._resolve(host, trip.attempt.bucket)
            except (OSError, UnicodeError) as error:
                raise _NameNotFoundError(str(error)) from error

    async def _talk_to_any(self, trip: "_Trip", addresses: list[str]) -> None:
        """Talk to the first address that may be, and can be, connected to."""
        failure: OSError = _NameNotFoundError(f"{trip.attempt.host} has no address")
        for address in addresses:
            # The one place where a connection begins.
            refusal = self._policy.refuse(address, trip.origin)
            if refusal:
                failure = failure if trip.address else _ForbiddenError(refusal)
                continue
            # Written for each: while an application is slow, nothing here holds the request.
            exchange = Exchange(_request_bytes(trip.attempt), self._max_reply_bytes)
            trip.begin(address, exchange)
            try:
                await self._talk(trip, address, exchange)
            except OSError as error:
                if exchange.connected_at or trip.is_over():
                    raise
                failure = error
            else:
                return
            finally:
                exchange.close()
        raise failure

    async def _talk(self, trip: "_Trip", address: str, exchange: Exchange) -> None:
        if trip.attempt.scheme == "https":
            await self._secure(trip, address, exchange)
        else:
            exchange.transport = PlainWire(exchange, address, trip.attempt.port)
        timer = asyncio.get_running_loop().call_at(trip.deadline, exchange.expire)
        try:
            await exchange.done
        finally:
            timer.cancel()

    async def _secure(self, trip: "_Trip", address: str, exchange: Exchange) -> None:
        loop = asyncio.get_running_loop()
        attempt = trip.attempt
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        await _become_task()
        if not attempt.sni:
            exchange.require = lambda transport: _require_name(transport, attempt.host)
        plain = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            async with asyncio.timeout_at(trip.deadline):
                await loop.sock_connect(plain, (address, attempt.port))
                trip.reached_at = time.monotonic()
                # Without SNI hosts behind CDNs answer with the wrong certificate.
                await loop.create_connection(
                    lambda: exchange,
                    sock=plain,
                    ssl=self._context(tells_name=attempt.sni),
                    server_hostname=attempt.host if attempt.sni else "",
                )
        except BaseException:
            plain.close()
            raise

    def _context(self, *, tells_name: bool) -> ssl.SSLContext:
        context = self._contexts.get(tells_name)
        if context is None:
            context = self._contexts[tells_name] = self._make_context()
            # Without SNI OpenSSL has no name to compare with the certificate: `_require_name`.
            context.check_hostname = tells_name
        return context

    def _failure(self, error: Exception, trip: "_Trip") -> CallbackFailure:
        fault = _fault_of(error, trip)
        detail = str(error) or type(error).__name__
        if fault in (CallbackFault.CONNECT_TIMEOUT, CallbackFault.REPLY_TIMEOUT):
            where = trip.address or f"{trip.attempt.host}:{trip.attempt.port}"
            limit_ms = math.ceil(self._timeout_s * 1000)
            detail = f"{where} reply timeout, cost:{limit_ms}ms, timeout:{limit_ms}ms"
        return CallbackFailure(
            fault=fault, detail=detail, address=trip.address, timings=trip.timings()
        )


class _Trip:
    """What is known about one attempt while it is made.

    Times are those of `time.monotonic`, the deadline is one of the loop's clock.
    """

    __slots__ = (
        "address",
        "attempt",
        "deadline",
        "exchange",
        "origin",
        "reached_at",
        "resolved_at",
        "started_at",
    )

    def __init__(self, attempt: CallbackAttempt, deadline: float) -> None:
        self.attempt = attempt
        self.deadline = deadline
        self.origin = Origin(attempt.scheme, attempt.host, attempt.port)
        self.address = ""
        self.exchange: Exchange | None = None
        self.started_at = time.monotonic()
        self.resolved_at = 0.0
        # When TLS could begin.
        self.reached_at = 0.0

    def begin(self, address: str, exchange: Exchange) -> None:
        """Note with whom we are about to talk."""
        self.address = f"{address}:{self.attempt.port}"
        self.exchange = exchange
        self.reached_at = 0.0

    def is_over(self) -> bool:
        """Whether the time is up."""
        return asyncio.get_running_loop().time() >= self.deadline

    def is_connected(self) -> bool:
        """Whether somebody was there, behind TLS where it is asked for."""
        return self.exchange is not None and self.exchange.connected_at > 0

    def timings(self) -> Timings:
        exchange = self.exchange
        ready_at = exchange.connected_at if exchange is not None else 0.0
        first_byte_at = exchange.first_byte_at if exchange is not None else 0.0
        return Timings(
            resolve_us=_between(self.started_at, self.resolved_at),
            connect_us=_between(self.resolved_at, self.reached_at or ready_at),
            tls_us=_between(self.reached_at, ready_at),
            first_byte_us=_between(ready_at, first_byte_at),
            total_us=_between(self.started_at, time.monotonic()),
        )


def _between(begin: float, end: float) -> int:
    """Microseconds; none for a phase that was not reached."""
    return round((end - begin) * 1_000_000) if begin and end else 0


class _ForbiddenError(OSError):
    """No address of the target may be called."""


class _NameNotFoundError(OSError):
    """The name has no address."""


def _fault_of(error: Exception, trip: _Trip) -> CallbackFault:
    is_connected = trip.is_connected()
    if isinstance(error, TimeoutError):
        return CallbackFault.REPLY_TIMEOUT if is_connected else CallbackFault.CONNECT_TIMEOUT
    if isinstance(error, _ForbiddenError):
        return CallbackFault.FORBIDDEN
    if isinstance(error, _NameNotFoundError):
        return CallbackFault.NAME_NOT_FOUND
    return CallbackFault.BROKEN if is_connected else CallbackFault.NOT_CONNECTED


def _require_name(transport: asyncio.BaseTransport, host: str) -> None:
    """Raise `ssl.SSLCertVerificationError` unless the server's certificate is for *host*.

    RFC 6125: a star stands for the whole first label and for nothing else.
    """
    certificate = transport.get_extra_info("peercert") or {}
    kind = "DNS" if _literal(host) is None else "IP Address"
    parent = host.partition(".")[2]
    fitting = {host} if kind == "IP Address" or "." not in parent else {host, f"*.{parent}"}
    names = {value.lower() for each, value in certificate.get("subjectAltName", ()) if each == kind}
    if names.isdisjoint(fitting):
        raise ssl.SSLCertVerificationError(f"the certificate is not for {host}")


@lru_cache(4096)
def _literal(host: str) -> str | None:
    """The address that *host* spells, in its usual spelling; None for a name."""
    address = parse_host(host)
    return None if address is None else str(address)


async def _become_task() -> None:
    """A request that has not waited yet has no task (`http.eager`); time limits need one."""
    if asyncio.current_task() is None:
        await asyncio.sleep(0)


def _request_bytes(attempt: CallbackAttempt) -> bytes:
    lines = [f"POST {attempt.target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in attempt.headers.items()]
    lines.append(f"Content-Length: {len(attempt.body)}")
    head = "\r\n".join(lines)
    if head.count("\n") + 1 != len(lines) or head.count("\r") + 1 != len(lines) or "\0" in head:
        raise ValueError("a header of the callback holds a line break")
    return f"{head}\r\n\r\n".encode("latin-1") + attempt.body
