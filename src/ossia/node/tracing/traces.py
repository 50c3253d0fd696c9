"""OpenTelemetry traces: a span for each request, and for what lasts in it.

1. A request's span is a child of the one that its ``traceparent`` names; a callback's is a child of
   that of its upload, also when it is sent again later, and the application hears of it.
2. What a request does is found by a context variable of ours and not by OpenTelemetry's, which must
   be given back where it was set: a request may go on in another context (`http.eager`).
3. A span says what the access log says: no secret, no query, no body.

Names are those of OpenTelemetry's semantic conventions for HTTP, where they have one.
"""

import asyncio
import os
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Thread
from time import time_ns
from typing import Final, Self
from urllib.parse import urlsplit

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio
from opentelemetry.trace import (
    Link,
    Span,
    SpanKind,
    Status,
    StatusCode,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from ossia import __version__
from ossia.gateway.access_log import Told
from ossia.http.message import Request, Response
from ossia.http.server import Handler
from ossia.node.observed import ObservedBlobs
from ossia.ports import (
    BlobStore,
    CallbackAnswer,
    CallbackAttempt,
    CallbackFailure,
    CallbackSender,
    StagedBlob,
)
from ossia.protocol.trace import trace_headers

_PATH: Final = "/v1/traces"
_CLOSES_WITHIN_S: Final = 5
_LOOK_S: Final = 0.02
_FAILED: Final = 500
_MOST_STAGED: Final = 10_000

_current: ContextVar[Span | None] = ContextVar("span", default=None)
_propagator: Final = TraceContextTextMapPropagator()


class Traces:
    """Makes the spans of one process."""

    def __init__(self, processor: SpanProcessor, ratio: float = 1.0) -> None:
        self._provider = TracerProvider(
            sampler=ParentBasedTraceIdRatio(ratio),
            resource=Resource.create(
                {
                    "service.name": "ossia",
                    "service.version": __version__,
                    "service.instance.id": f"{socket.gethostname()}:{os.getpid()}",
                }
            ),
            shutdown_on_exit=False,
        )
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("ossia", __version__)

    @classmethod
    def to(cls, endpoint: str, ratio: float) -> Self:
        """Send them to *endpoint*, behind the requests."""
        if urlsplit(endpoint).path in ("", "/"):
            endpoint = endpoint.rstrip("/") + _PATH
        return cls(BatchSpanProcessor(OTLPSpanExporter(endpoint)), ratio)

    async def close(self) -> None:
        """Send what is left, if somebody takes it in the time."""
        # Not in the loop's threads: whoever ends the loop waits for those, however long it takes.
        closing = Thread(target=self._provider.shutdown, daemon=True)
        closing.start()
        end = time.monotonic() + _CLOSES_WITHIN_S
        while closing.is_alive() and time.monotonic() < end:  # noqa: ASYNC110 - ends once, at exit
            await asyncio.sleep(_LOOK_S)

    # --- requests

    def traced(self, handle: Handler) -> Handler:
        """What answers as *handle* does, in a span, which `tell` ends."""

        async def answer(request: Request) -> Response:
            span = self._tracer.start_span(
                request.method.decode("latin-1"),
                _propagator.extract(trace_headers(request.headers)),
                SpanKind.SERVER,
                _about_request(request),
            )
            _current.set(span)
            request.trace = _headers_of(span)
            try:
                return await handle(request)
            except BaseException:
                # Told of already, unless it is no answer to anybody.
                if span.is_recording():
                    span.end()
                raise

        return answer

    def tell(self, told: Told) -> None:
        """A request is answered: what there is to say of it."""
        span = _current.get()
        if span is None or not span.is_recording():
            return
        span.update_name(told.operation or told.method)
        for name, value in _about_answer(told):
            span.set_attribute(name, value)
        if told.status >= _FAILED:
            span.set_status(Status(StatusCode.ERROR))
        span.end()

    # --- what lasts

    @contextmanager
    def around(self, name: str) -> Iterator[None]:
        """A span for a part of a request; none for what nobody has asked for."""
        parent = _current.get()
        if parent is None:
            yield
            return
        with _ending(self._tracer.start_span(f"ossia.{name}", set_span_in_context(parent))):
            yield

    def blobs(self, blobs: BlobStore) -> BlobStore:
        """*blobs*, with spans for bytes that come in."""
        return _TracedBlobs(blobs, self)

    def staged(self, begun_ns: int, ended_ns: int) -> None:
        """Bytes have come in."""
        parent = _current.get()
        if parent is not None:
            context = set_span_in_context(parent)
            self._tracer.start_span("ossia.stage", context, start_time=begun_ns).end(ended_ns)

    def sender(self, sender: CallbackSender) -> CallbackSender:
        """*sender*, with a span for each attempt, which the application hears of."""
        return _TracedSender(sender, self)

    def attempt(self, attempt: CallbackAttempt) -> Span:
        """The span of *attempt*, in whose headers it is put."""
        asked_by = _current.get()
        upload = _propagator.extract(attempt.headers)
        span = self._tracer.start_span(
            "POST",
            upload if asked_by is None else set_span_in_context(asked_by),
            SpanKind.CLIENT,
            {
                "http.request.method": "POST",
                "server.address": attempt.host,
                "server.port": attempt.port,
                "url.full": _shown_url(attempt),
                "ossia.bucket": attempt.bucket,
            },
            _links(upload, asked_by),
        )
        attempt.headers.update(_headers_of(span))
        return span


def _links(upload: Context, asked_by: Span | None) -> list[Link]:
    """The upload, where somebody else has its callback sent again."""
    there = get_current_span(upload).get_span_context()
    if asked_by is None or not there.is_valid:
        return []
    return [] if there.trace_id == asked_by.get_span_context().trace_id else [Link(there)]


def _headers_of(span: Span) -> dict[str, str]:
    carrier: dict[str, str] = {}
    _propagator.inject(carrier, set_span_in_context(span))
    return carrier


@contextmanager
def _ending(span: Span) -> Iterator[None]:
    """End *span* with what is done in it."""
    try:
        yield
    except BaseException as error:
        span.set_attribute("error.type", type(error).__qualname__)
        span.set_status(Status(StatusCode.ERROR))
        raise
    finally:
        span.end()


def _about_request(request: Request) -> dict[str, str | int]:
    path = request.target.partition(b"?")[0]
    return {
        "http.request.method": request.method.decode("latin-1"),
        "url.path": path.decode("ascii", "backslashreplace"),
        "url.scheme": "https" if request.secure else "http",
        "client.address": request.peer,
        "user_agent.original": request.headers.get(b"user-agent", b"").decode("latin-1"),
    }


def _about_answer(told: Told) -> Iterator[tuple[str, str | int]]:
    yield "http.response.status_code", told.status
    yield "http.response.body.size", told.sent
    yield "http.request.body.size", told.received
    yield "ossia.request_id", told.request_id
    yield "ossia.caller.kind", told.caller_kind
    for name, value in (
        ("ossia.operation", told.operation),
        ("ossia.bucket", told.bucket),
        ("ossia.key", told.key),
        ("ossia.rpc_request_id", told.reference),
        ("error.type", str(told.status) if told.status >= _FAILED else ""),
    ):
        if value:
            yield name, value


def _shown_url(attempt: CallbackAttempt) -> str:
    """Where a callback goes; what follows the path may be a secret of the application."""
    return f"{attempt.scheme}://{attempt.host}:{attempt.port}{attempt.target.partition('?')[0]}"


class _TracedBlobs(ObservedBlobs):
    """See `Traces.blobs`."""

    def __init__(self, blobs: BlobStore, traces: Traces) -> None:
        super().__init__(blobs, traces.around)
        self._traces = traces
        self._begun: dict[str, int] = {}

    def stage(self, blob_id: str, size_hint: int | None) -> StagedBlob:
        """See `ossia.ports.BlobStore`."""
        if len(self._begun) >= _MOST_STAGED:
            # Bytes that never came to anything.
            self._begun.clear()
        self._begun[blob_id] = time_ns()
        return super().stage(blob_id, size_hint)

    async def publish(self, staged: StagedBlob) -> None:
        """See `ossia.ports.BlobStore`."""
        begun_ns = self._begun.pop(staged.id, None)
        if begun_ns is not None:
            self._traces.staged(begun_ns, time_ns())
        await super().publish(staged)


class _TracedSender:
    """See `Traces.sender`."""

    def __init__(self, sender: CallbackSender, traces: Traces) -> None:
        self._sender = sender
        self._traces = traces

    async def send(self, attempt: CallbackAttempt) -> CallbackAnswer | CallbackFailure:
        """See `ossia.ports.CallbackSender`."""
        span = self._traces.attempt(attempt)
        with _ending(span):
            outcome = await self._sender.send(attempt)
            for name, value in _about_outcome(outcome).items():
                span.set_attribute(name, value)
            if not (isinstance(outcome, CallbackAnswer) and outcome.status < _REFUSED):
                span.set_status(Status(StatusCode.ERROR))
        return outcome


_REFUSED: Final = 400


def _about_outcome(outcome: CallbackAnswer | CallbackFailure) -> Mapping[str, str | int]:
    if isinstance(outcome, CallbackFailure):
        return {"error.type": outcome.fault.value, "network.peer.address": outcome.address}
    found: dict[str, str | int] = {
        "http.response.status_code": outcome.status,
        "network.peer.address": outcome.address,
    }
    return found | ({"error.type": str(outcome.status)} if outcome.status >= _REFUSED else {})
