"""The inbox against real clients: our callback sender and urllib."""

import asyncio
import base64
import json
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from types import SimpleNamespace

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ossia.adapters.callback_sender import CallbackClient
from ossia.domain.callbacks.callbacks import CallbackReply, Callbacks
from ossia.domain.callbacks.keys import SigningKey
from ossia.domain.callbacks.upload_facts import UploadFacts
from ossia.errors import CallbackFailed
from ossia.protocol.address_policy import AddressPolicy
from ossia.protocol.callback import CallbackConfig, decode_callback
from ossia.protocol.callback_signature import CallbackKey
from ossia.receiver.starlette import MAX_BODY_BYTES, verified_callback
from ossia.receiver.verify import CallbackNotVerified, fetch_key, verify
from ossia.records import StoredObject
from ossia.testing.inbox import Answer, Inbox

KEY = CallbackKey.generate()


class SystemClock:
    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with Inbox() as made:
        yield made


@pytest.fixture
def key_server() -> Iterator[Inbox]:
    with Inbox("/-/callback/public_key.pem") as made:
        made.answer(KEY.public_pem(), content_type="application/x-pem-file")
        yield made


@pytest.fixture
async def callbacks(key_server: Inbox) -> AsyncIterator[Callbacks]:
    sender = CallbackClient(AddressPolicy.parse(["loopback"]), timeout_s=3)
    signing = SigningKey(KEY, key_server.url)
    yield Callbacks(sender, SimpleNamespace(current=lambda: signing), SystemClock())
    await sender.close()


async def notify(callbacks: Callbacks, of: CallbackConfig, about: UploadFacts) -> CallbackReply:
    return await callbacks.send(await callbacks.message(of, about))


def config(url: str, body: str = '{"object":${object},"my":${x:my}}') -> CallbackConfig:
    fields = {"callbackUrl": url, "callbackBody": body, "callbackBodyType": "application/json"}
    return decode_callback(
        base64.b64encode(json.dumps(fields).encode()).decode(), form_variables={"x:my": "值"}
    )


async def _read(_offset: int, _length: int) -> bytes:
    return b""


FACTS = UploadFacts(
    bucket="b",
    stored=StoredObject(bucket_id=1, key="dir/a.txt", size=1, etag="E", crc64=1, modified_at=0),
    operation="PutObject",
    request_id="R",
    client_ip="127.0.0.1",
    requester="1",
    read=_read,
)


async def test_callback_arrives_and_verifies(
    inbox: Inbox, key_server: Inbox, callbacks: Callbacks
) -> None:
    inbox.answer(b'{"saved":true}')
    reply = await notify(callbacks, config(f"{inbox.url}/%E4%B8%AD?x=%2F"), FACTS)
    assert reply.body == b'{"saved":true}'
    (received,) = inbox.wait()
    assert (received.method, received.path, received.query) == (
        "POST",
        "/callback/%E4%B8%AD",
        "?x=%2F",
    )
    assert received.values() == {"object": "dir/a.txt", "my": "值"}
    found = await asyncio.to_thread(
        verify,
        path=received.path,
        query=received.query,
        headers=received.headers,
        body=received.body,
        trusted_key_urls=[key_server.url],
    )
    assert (found.bucket, found.request_id) == ("b", "R")
    assert found.values()["my"] == "值"


async def test_bare_question_mark_reaches_the_application(
    inbox: Inbox, callbacks: Callbacks
) -> None:
    await notify(callbacks, config(f"{inbox.url}?"), FACTS)
    assert inbox.wait()[0].target == "/callback?"


async def test_scripted_answers(inbox: Inbox, callbacks: Callbacks) -> None:
    inbox.script(
        Answer(status=500), Answer(body=b"OK"), Answer(has_length=False), Answer(delay_s=8)
    )
    texts = []
    for _ in range(4):
        with pytest.raises(CallbackFailed) as failed:
            await notify(callbacks, config(inbox.url), FACTS)
        texts.append(failed.value.text)
    assert texts == [
        "Error status : 500.",
        "Response body is not valid json format.",
        "Error Status : 400.User server return too long content-length value",
        "Cost too long time.",
    ]
    await notify(callbacks, config(inbox.url), FACTS)
    assert len(inbox.received) == 5
    inbox.clear()
    assert inbox.received == []


def test_waiting_ends(inbox: Inbox) -> None:
    with pytest.raises(TimeoutError, match="0 of 1 callbacks arrived"):
        inbox.wait(timeout_s=0.01)


def test_form_and_further_headers(inbox: Inbox) -> None:
    inbox.answer(b"<a/>", status=201, content_type="application/xml", headers={"X-A": "b"})
    with urllib.request.urlopen(inbox.url, data=b"a=1&b=") as response:
        assert (response.status, response.headers["X-A"], response.read()) == (201, "b", b"<a/>")
        assert response.headers["Content-Type"] == "application/xml"
    assert inbox.wait()[0].values() == {"a": "1", "b": ""}


def test_answer_without_content_type(inbox: Inbox) -> None:
    inbox.answer(content_type="")
    with urllib.request.urlopen(inbox.url) as response:
        assert response.headers["Content-Type"] is None


def test_key_is_fetched_without_following_redirects(inbox: Inbox, key_server: Inbox) -> None:
    assert fetch_key(key_server.url) == KEY.public_pem()
    inbox.answer(b"", status=302, headers={"Location": key_server.url})
    with pytest.raises(urllib.error.HTTPError) as refused:
        fetch_key(inbox.url)
    refused.value.close()
    assert len(key_server.received) == 1


# --- Starlette ----------------------------------------------------------------


class Application:
    """An application server that trusts one key, on a real port."""

    def __init__(self, key_url: str) -> None:
        self.key_url = key_url
        self.refused: list[str] = []
        routes = [Route("/中/cb", self.uploaded, methods=["POST"])]
        options = uvicorn.Config(
            Starlette(routes=routes), port=0, log_level="critical", lifespan="off"
        )
        self.server = uvicorn.Server(options)

    async def uploaded(self, request: Request) -> Response:
        try:
            found = await verified_callback(request, trusted_key_urls=[self.key_url])
        except CallbackNotVerified as exc:
            self.refused.append(exc.reason)
            return JSONResponse({"Status": "verify not ok"}, status_code=400)
        return JSONResponse({"object": found.values()["object"]})

    async def started(self) -> str:
        while not self.server.started:
            await asyncio.sleep(0.005)
        host, port = self.server.servers[0].sockets[0].getsockname()
        return f"http://{host}:{port}"


async def test_starlette_application(key_server: Inbox, callbacks: Callbacks) -> None:
    application = Application(key_server.url)
    serving = asyncio.create_task(application.server.serve())
    try:
        url = await application.started()
        for target in ("/%E4%B8%AD/cb", "/%E4%B8%AD/cb?", "/%E4%B8%AD/cb?x=%2F&y"):
            reply = await notify(callbacks, config(url + target), FACTS)
            assert reply.body == b'{"object":"dir/a.txt"}'
        forged = urllib.request.Request(url + "/%E4%B8%AD/cb", data=b"{}")
        with pytest.raises(urllib.error.HTTPError) as refused:
            await asyncio.to_thread(urllib.request.urlopen, forged)
        assert refused.value.code == 400
        refused.value.close()
        assert application.refused == ["the header authorization is missing"]
    finally:
        application.server.should_exit = True
        await serving


async def test_starlette_application_reads_a_bounded_body() -> None:
    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": bytes(MAX_BODY_BYTES), "more_body": True}

    scope = {"type": "http", "method": "POST", "path": "/", "headers": [], "query_string": b""}
    with pytest.raises(CallbackNotVerified, match="too large"):
        await verified_callback(Request(scope, receive))


async def test_starlette_without_raw_path() -> None:
    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {"type": "http", "method": "POST", "path": "/中", "headers": [], "query_string": b""}
    with pytest.raises(CallbackNotVerified, match="authorization is missing"):
        await verified_callback(Request(scope, receive))
