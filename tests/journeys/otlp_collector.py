"""What stands for an OpenTelemetry collector: takes OTLP over HTTP and keeps the spans."""

import gzip
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue


@dataclass(frozen=True, slots=True)
class Span:
    name: str
    kind: int
    trace_id: str
    span_id: str
    parent: str
    begun_ns: int
    ended_ns: int
    is_error: bool
    attributes: dict[str, object]
    resource: dict[str, object]


@dataclass
class Collector:
    """``spans`` came; ``endpoint`` is where to send them."""

    endpoint: str = ""
    spans: list[Span] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)

    def wait(self, holds: Callable[[list[Span]], bool], within_s: float = 15) -> list[Span]:
        """The spans, once they are as *holds* wants them."""
        end = time.monotonic() + within_s
        while not holds(self.spans):
            assert time.monotonic() < end, [(each.name, each.trace_id) for each in self.spans]
            time.sleep(0.05)
        return self.spans

    def take(self, path: str, raw: bytes) -> None:
        self.paths.append(path)
        for resource in ExportTraceServiceRequest.FromString(raw).resource_spans:
            about = _values(resource.resource.attributes)
            for scope in resource.scope_spans:
                for each in scope.spans:
                    self.spans.append(
                        Span(
                            each.name,
                            each.kind,
                            each.trace_id.hex(),
                            each.span_id.hex(),
                            each.parent_span_id.hex(),
                            each.start_time_unix_nano,
                            each.end_time_unix_nano,
                            each.status.code == 2,
                            _values(each.attributes),
                            about,
                        )
                    )


def _values(pairs: Iterable[KeyValue]) -> dict[str, object]:
    return {each.key: _value(each.value) for each in pairs}


def _value(value: AnyValue) -> object:
    return getattr(value, value.WhichOneof("value") or "string_value")


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector that runs."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                raw = gzip.decompress(raw)
            collector.take(self.path, raw)
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its signature
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    collector.endpoint = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield collector
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
