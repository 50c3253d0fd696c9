import asyncio
import base64
import io
import json
from collections.abc import Callable

import pytest
from PIL import Image

from ossia.domain.callbacks import CallbackReply, Callbacks, Delivery, UploadFacts
from ossia.errors import CallbackFailed
from ossia.ports import CallbackAnswer, CallbackAttempt, CallbackFailure, CallbackFault
from ossia.protocol.callback import Accepted, CallbackConfig, Rejected, decode_callback
from ossia.records import StoredObject

Outcome = CallbackAnswer | CallbackFailure
OK = CallbackAnswer(
    status=200,
    headers={"content-length": "15", "content-type": "application/json"},
    body=b'{"Status":"OK"}',
)
KEY_URL = "http://127.0.0.1:9000/-/callback/public_key.pem"


class FakeSender:
    """Gives the outcomes it is told, in order, and keeps the attempts."""

    def __init__(self, *outcomes: Outcome) -> None:
        self.outcomes = list(outcomes)
        self.attempts: list[CallbackAttempt] = []

    async def send(self, attempt: CallbackAttempt) -> Outcome:
        self.attempts.append(attempt)
        return self.outcomes[len(self.attempts) - 1]


class FakeSigner:
    def sign(self, message: bytes) -> str:
        return base64.b64encode(message).decode()


class FixedClock:
    def now_ms(self) -> int:
        return 1_893_456_000_000


def config(
    url: str = "http://app.example.com/cb", body: str = "o=${object}", **more: object
) -> CallbackConfig:
    fields = {"callbackUrl": url, "callbackBody": body, **more}
    return decode_callback(base64.b64encode(json.dumps(fields).encode()).decode())


def facts(content: bytes = b"", reads: list[int] | None = None, **changes: object) -> UploadFacts:
    async def read(offset: int, length: int) -> bytes:
        if reads is not None:
            reads.append(length)
        return content[offset : offset + length]

    stored = StoredObject(
        bucket_id=1,
        key="dir/a b.txt",
        size=31,
        etag="97E1A27874032FC4B29F007C90DFA372",
        md5="l+GieHQDL8Synwh8kN+jcg==",
        crc64=18446744073709551615,
        modified_at=0,
        headers={"content-type": "text/plain"},
    )
    made = UploadFacts(
        bucket="examplebucket",
        stored=stored,
        operation="PutObject",
        request_id="5C0A",
        client_ip="10.0.0.1",
        requester="1234",
        read=read,
    )
    return replace(made, **changes)


def replace(made: UploadFacts, **changes: object) -> UploadFacts:
    fields = {name: getattr(made, name) for name in UploadFacts.__slots__}
    return UploadFacts(**(fields | changes))


def service(sender: FakeSender, observe: Callable[[Delivery], None] | None = None) -> Callbacks:
    return Callbacks(sender, FakeSigner(), FixedClock(), key_url=KEY_URL, observe=observe)


async def body_of(template: str, of: UploadFacts, *, as_json: bool = True) -> str:
    sender = FakeSender(OK)
    kind = "application/json" if as_json else "application/x-www-form-urlencoded"
    await service(sender).notify(config(body=template, callbackBodyType=kind), of)
    return sender.attempts[0].body.decode()


async def test_answer_of_the_application_is_handed_on() -> None:
    reply = await service(FakeSender(OK)).notify(config(), facts())
    assert reply == CallbackReply(b'{"Status":"OK"}', "application/json")


async def test_attempt_is_what_was_signed() -> None:
    sender = FakeSender(OK)
    await service(sender).notify(config("https://app.example.com:8443/%E4%B8%AD?a=%2F"), facts())
    (attempt,) = sender.attempts
    assert (attempt.scheme, attempt.host, attempt.port) == ("https", "app.example.com", 8443)
    assert attempt.target == "/%E4%B8%AD?a=%2F"
    assert attempt.body == b"o=dir%2Fa%20b.txt"
    signed = base64.b64decode(attempt.headers["authorization"])
    assert signed == "/中?a=%2F\no=dir%2Fa%20b.txt".encode()
    assert attempt.headers["Host"] == "app.example.com:8443"
    assert attempt.headers["Date"] == "Tue, 01 Jan 2030 00:00:00 GMT"
    assert base64.b64decode(attempt.headers["x-oss-pub-key-url"]).decode() == KEY_URL
    assert attempt.headers["x-oss-request-id"] == "5C0A"
    assert attempt.headers["x-oss-bucket"] == "examplebucket"
    assert attempt.headers["x-oss-requester"] == "1234"


async def test_every_variable_of_the_documentation() -> None:
    names = [
        "bucket",
        "object",
        "etag",
        "size",
        "mimeType",
        "crc64",
        "contentMd5",
        "vpcId",
        "clientIp",
        "reqId",
        "operation",
        "imageInfo.format",
        "x:none",
    ]
    template = "{" + ",".join(f'"{name}":${{{name}}}' for name in names) + "}"
    assert json.loads(await body_of(template, facts())) == {
        "bucket": "examplebucket",
        "object": "dir/a b.txt",
        "etag": "97E1A27874032FC4B29F007C90DFA372",
        "size": 31,
        "mimeType": "text/plain",
        "crc64": 18446744073709551615,
        "contentMd5": "l+GieHQDL8Synwh8kN+jcg==",
        "vpcId": None,
        "clientIp": "10.0.0.1",
        "reqId": "5C0A",
        "operation": "PutObject",
        "imageInfo.format": None,
        "x:none": None,
    }


async def test_custom_variables() -> None:
    sender = FakeSender(OK)
    made = CallbackConfig(
        urls=config().urls, body="a=${x:a}&b=${x:b}", variables={"x:a": "${object}&", "x:b": ""}
    )
    await service(sender).notify(made, facts())
    assert sender.attempts[0].body == b"a=%24%7Bobject%7D%26&b="


def image() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (810, 539)).save(out, "JPEG", icc_profile=b"\0" * 150_000)
    return out.getvalue()


async def test_image_is_measured() -> None:
    reads: list[int] = []
    template = '"${imageInfo.width},${imageInfo.height}" ${imageInfo.format}'
    assert await body_of(template, facts(image(), reads)) == '"810,539" "jpg"'
    # Three windows: the profile's segments are skipped, not read.
    assert len(reads) <= 4


async def test_image_is_not_read_unless_the_template_asks() -> None:
    reads: list[int] = []
    await body_of("${size}", facts(image(), reads))
    assert reads == []


async def test_other_files_have_empty_image_variables() -> None:
    # callback.md, 4.3: the reported shape, broken JSON included.
    template = '{"height":${imageInfo.height},"format":${imageInfo.format}}'
    assert await body_of(template, facts(b"text")) == '{"height":,"format":null}'
    form = "h=${imageInfo.height}&w=${imageInfo.width}&f=${imageInfo.format}"
    assert await body_of(form, facts(b"text"), as_json=False) == "h=&w=&f="


@pytest.mark.parametrize(
    "content",
    [b"\xff\xd8\xff\xe0", b"\xff\xd8" + (b"\xff\xe1\xff\xff" + bytes(65_533)) * 70],
    ids=["cut", "spread"],
)
async def test_unreadable_image_fails_the_callback(content: bytes) -> None:
    sender = FakeSender()
    with pytest.raises(CallbackFailed) as failed:
        await service(sender).notify(config(body="${imageInfo.width}"), facts(content))
    assert failed.value.text == "Get image info failed."
    assert failed.value.ec == "0007-00000301"
    assert sender.attempts == []


def answer(status: int) -> CallbackAnswer:
    return CallbackAnswer(status=status, headers={"content-length": "2"}, body=b"{}")


def failure(fault: CallbackFault, detail: str = "") -> CallbackFailure:
    return CallbackFailure(fault=fault, detail=detail)


@pytest.mark.parametrize(
    ("outcome", "message", "ec"),
    [
        (answer(301), "Error status : 301.", "0007-00000203"),
        (answer(500), "Error status : 500.", "0007-00000203"),
        (
            CallbackAnswer(status=200, headers={"content-length": "2"}, body=b"OK"),
            "Response body is not valid json format.",
            "0007-00000205",
        ),
        (
            failure(CallbackFault.NAME_NOT_FOUND, "x"),
            "Error status : -1.OSS can not connect to your callbackUrl, please check it.",
            "0007-00000203",
        ),
        (failure(CallbackFault.NOT_CONNECTED, "x"), "Error status : 502.", "0007-00000203"),
        (failure(CallbackFault.BROKEN, "x"), "Error status : 502.", "0007-00000203"),
        (failure(CallbackFault.REPLY_TIMEOUT, "x"), "Cost too long time.", "0007-00000202"),
        (
            failure(
                CallbackFault.CONNECT_TIMEOUT,
                "1.2.3.4:80 reply timeout, cost:5000ms, timeout:5000ms",
            ),
            # callback.md, 7: as users report it.
            "Error status : -1 1.2.3.4:80 reply timeout, cost:5000ms, timeout:5000ms (err -4, errno110)",
            "0007-00000202",
        ),
        (
            failure(CallbackFault.FORBIDDEN, "10.0.0.1 is a private address."),
            "Private address is forbidden to callback. 10.0.0.1 is a private address.",
            "0007-00000008",
        ),
    ],
)
async def test_what_the_client_hears(outcome: Outcome, message: str, ec: str) -> None:
    with pytest.raises(CallbackFailed) as failed:
        await service(FakeSender(outcome)).notify(config(), facts())
    assert (failed.value.text, failed.value.ec, failed.value.status) == (message, ec, 203)


async def test_urls_are_tried_in_order_until_one_accepts() -> None:
    sender = FakeSender(failure(CallbackFault.NOT_CONNECTED), answer(500), OK, OK)
    reply = await service(sender).notify(config("a.b;c.d/x;e.f:81;g.h"), facts())
    assert reply.body == OK.body
    assert [attempt.headers["Host"] for attempt in sender.attempts] == ["a.b", "c.d", "e.f:81"]
    assert sender.attempts[1].target == "/x"


async def test_fault_of_the_last_url_is_reported() -> None:
    with pytest.raises(CallbackFailed, match=r"Error status : 404\."):
        await service(FakeSender(failure(CallbackFault.BROKEN), answer(404))).notify(
            config("a.b;c.d"), facts()
        )


async def test_observer_hears_of_every_attempt() -> None:
    seen: list[Delivery] = []
    sender = FakeSender(answer(500), OK)
    await service(sender, seen.append).notify(config("a.b;c.d"), facts())
    assert [delivery.attempt for delivery in seen] == sender.attempts
    assert isinstance(seen[0].verdict, Rejected)
    assert isinstance(seen[1].verdict, Accepted)
    assert seen[1].outcome is OK
    assert seen[1].signed == b"/\no=dir%2Fa%20b.txt"
    assert seen[1].at_ms == 1_893_456_000_000


async def test_callbacks_run_side_by_side() -> None:
    callbacks = service(FakeSender(*[OK] * 20))
    replies = await asyncio.gather(*(callbacks.notify(config(), facts()) for _ in range(20)))
    assert len(replies) == 20


async def test_a_configuration_without_url_fails() -> None:
    with pytest.raises(CallbackFailed):
        await service(FakeSender()).notify(CallbackConfig(urls=(), body="x"), facts())


async def test_no_secret_or_body_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    with pytest.raises(CallbackFailed):
        await service(FakeSender(answer(500))).notify(config("http://a.b/?token=t0p"), facts())
    assert "callback_failed" in caplog.text
    assert "http://a.b:80" in caplog.text
    assert "t0p" not in caplog.text
    assert "dir" not in caplog.text
