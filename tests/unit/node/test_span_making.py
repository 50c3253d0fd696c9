"""Which spans are made, and whose children they are."""

from collections.abc import Iterator

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from ossia.gateway.access_log import Told
from ossia.http.body import NO_BODY, ClientGone
from ossia.http.message import Request, Response
from ossia.node.tracing import traces as module
from ossia.node.tracing.traces import Traces
from ossia.ports import CallbackAnswer, CallbackAttempt, CallbackFailure, CallbackFault

UPLOAD = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Sender:
    """Answers as it is told to."""

    def __init__(self, outcome: CallbackAnswer | CallbackFailure) -> None:
        self.outcome = outcome
        self.sent: list[CallbackAttempt] = []

    async def send(self, attempt: CallbackAttempt) -> CallbackAnswer | CallbackFailure:
        self.sent.append(attempt)
        return self.outcome


class World:
    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.traces = Traces(SimpleSpanProcessor(self.exporter))

    @property
    def spans(self) -> dict[str, ReadableSpan]:
        return {each.name: each for each in self.exporter.get_finished_spans()}

    async def serve(self, *, status: int = 200, fault: BaseException | None = None) -> None:
        async def handle(request: Request) -> Response:
            if fault is not None:
                raise fault
            with self.traces.around("commit"):
                pass
            self.traces.tell(
                Told(
                    "PUT", request.target, "PutObject", "b", "k", None, "", "192.0.2.1", status,
                    1, 2, 1.0, 0.0, 0.0, 2.0, (), "6B",
                )
            )  # fmt: skip
            return Response(status)

        headers = {b"traceparent": UPLOAD.encode(), b"user-agent": b"x"}
        request = Request(b"PUT", b"/b/k?Signature=s", headers, NO_BODY, "192.0.2.1", secure=True)
        await self.traces.traced(handle)(request)


@pytest.fixture
def world() -> Iterator[World]:
    token = module._current.set(None)
    yield World()
    module._current.reset(token)


def attempt(**headers: str) -> CallbackAttempt:
    return CallbackAttempt(
        scheme="http", host="app", port=80, target="/cb?token=s", headers=headers, body=b"x", bucket="b"
    )  # fmt: skip


async def test_a_request_is_a_child_of_the_span_that_it_names(world: World) -> None:
    await world.serve()
    put, commit = world.spans["PutObject"], world.spans["ossia.commit"]
    assert put.parent is not None
    assert f"{put.parent.span_id:016x}" == UPLOAD.split("-")[2]
    assert commit.parent == put.context
    assert put.attributes is not None
    assert put.attributes["url.path"] == "/b/k"
    assert put.attributes["url.scheme"] == "https"
    assert put.status.is_ok is True


async def test_what_failed_is_marked(world: World) -> None:
    await world.serve(status=503)
    put = world.spans["PutObject"]
    assert not put.status.is_ok
    assert put.attributes is not None
    assert put.attributes["error.type"] == "503"
    with pytest.raises(ValueError, match="x"), world.traces.around("publish"):
        raise ValueError("x")
    publish = world.spans["ossia.publish"]
    assert publish.attributes is not None
    assert publish.attributes["error.type"] == "ValueError"


async def test_a_request_that_nobody_tells_of_ends_its_span_all_the_same(world: World) -> None:
    with pytest.raises(ClientGone):
        await world.serve(fault=ClientGone())
    assert list(world.spans) == ["PUT"]


async def test_what_nobody_has_asked_for_makes_no_span(world: World) -> None:
    with world.traces.around("commit"):
        pass
    assert world.spans == {}


@pytest.mark.parametrize(
    ("outcome", "kind", "is_ok"),
    [
        (CallbackAnswer(status=200, headers={}, body=b""), None, True),
        (CallbackAnswer(status=500, headers={}, body=b""), "500", False),
        (CallbackFailure(fault=CallbackFault.BROKEN, detail="s"), CallbackFault.BROKEN.value, False),
    ],
)  # fmt: skip
async def test_a_callback_that_is_sent_later_is_in_the_trace_of_its_upload(
    world: World, outcome: CallbackAnswer | CallbackFailure, kind: str | None, is_ok: bool
) -> None:
    sender = Sender(outcome)
    await world.traces.sender(sender).send(attempt(traceparent=UPLOAD))
    span = world.spans["POST"]
    assert span.parent is not None
    assert f"{span.parent.span_id:016x}" == UPLOAD.split("-")[2]
    assert span.links == ()
    assert span.context is not None
    assert sender.sent[0].headers["traceparent"] == (f"{UPLOAD[:36]}{span.context.span_id:016x}-01")
    assert span.attributes is not None
    assert span.attributes["url.full"] == "http://app:80/cb"
    assert span.attributes.get("error.type") == kind
    assert span.status.is_ok is is_ok


async def test_who_sends_it_again_is_its_parent_and_the_upload_is_linked(world: World) -> None:
    other = UPLOAD.replace("0af7", "1bf8")
    sender = Sender(CallbackAnswer(status=200, headers={}, body=b""))

    async def replay(request: Request) -> Response:
        await world.traces.sender(sender).send(attempt(traceparent=other))
        return Response(200)

    headers = {b"traceparent": UPLOAD.encode()}
    request = Request(b"POST", b"/-/api", headers, NO_BODY, "192.0.2.1", secure=False)
    await world.traces.traced(replay)(request)
    span = world.spans["POST"]
    assert span.context is not None
    assert f"{span.context.trace_id:032x}" == UPLOAD.split("-")[1]
    (link,) = span.links
    assert f"{link.context.trace_id:032x}" == other.split("-")[1]
