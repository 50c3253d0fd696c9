import asyncio
import base64
import io
import json
from collections.abc import Callable

import pytest
from PIL import Image

from ossia.domain.callbacks.advice import explain
from ossia.domain.callbacks.callbacks import CallbackLimits, CallbackReply, Callbacks
from ossia.domain.callbacks.upload_facts import UploadFacts
from ossia.errors import CallbackFailed, InvalidArgument
from ossia.ports import (
    CallbackAnswer,
    CallbackAttempt,
    CallbackFailure,
    CallbackFault,
    CallbackSender,
)
from ossia.protocol.callback import CallbackConfig, decode_callback
from ossia.records import Delivery, StoredObject, Timings

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


class FakeKey:
    url = KEY_URL

    async def sign(self, message: bytes) -> str:
        return base64.b64encode(message).decode()


class FakeKeys:
    def current(self) -> FakeKey:
        return FakeKey()


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


def service(sender: CallbackSender, note: Callable[[Delivery], None] | None = None) -> Callbacks:
    return Callbacks(sender, FakeKeys(), FixedClock(), note=note)


async def notify(callbacks: Callbacks, of: CallbackConfig, about: UploadFacts) -> CallbackReply:
    return await callbacks.send(await callbacks.message(of, about))


async def body_of(template: str, of: UploadFacts, *, as_json: bool = True) -> str:
    sender = FakeSender(OK)
    kind = "application/json" if as_json else "application/x-www-form-urlencoded"
    await notify(service(sender), config(body=template, callbackBodyType=kind), of)
    return sender.attempts[0].body.decode()


async def test_answer_of_the_application_is_handed_on() -> None:
    reply = await notify(service(FakeSender(OK)), config(), facts())
    assert reply == CallbackReply(b'{"Status":"OK"}', "application/json")


async def test_attempt_is_what_was_signed() -> None:
    sender = FakeSender(OK)
    await notify(service(sender), config("https://app.example.com:8443/%E4%B8%AD?a=%2F"), facts())
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
    await notify(service(sender), made, facts())
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
    seen: list[Delivery] = []
    callbacks = service(sender, seen.append)
    with pytest.raises(CallbackFailed) as failed:
        await notify(callbacks, config(body="${imageInfo.width}"), facts(content))
    assert failed.value.text == "Get image info failed."
    assert failed.value.ec == "0007-00000301"
    assert sender.attempts == []
    # There is no body that could be sent again.
    assert [(each.verdict, each.is_cut) for each in seen] == [("Get image info failed.", True)]
    assert "imageInfo" in explain(seen[0]).cause


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
            "Private address is forbidden to callback.",
            "0007-00000008",
        ),
    ],
)
async def test_what_the_client_hears(outcome: Outcome, message: str, ec: str) -> None:
    with pytest.raises(CallbackFailed) as failed:
        await notify(service(FakeSender(outcome)), config(), facts())
    assert (failed.value.text, failed.value.ec, failed.value.status) == (message, ec, 203)


async def test_urls_are_tried_in_order_until_one_accepts() -> None:
    sender = FakeSender(failure(CallbackFault.NOT_CONNECTED), answer(500), OK, OK)
    reply = await notify(service(sender), config("a.b;c.d/x;e.f:81;g.h"), facts())
    assert reply.body == OK.body
    assert [attempt.headers["Host"] for attempt in sender.attempts] == ["a.b", "c.d", "e.f:81"]
    assert sender.attempts[1].target == "/x"


async def test_fault_of_the_last_url_is_reported() -> None:
    callbacks = service(FakeSender(failure(CallbackFault.BROKEN), answer(404)))
    with pytest.raises(CallbackFailed, match=r"Error status : 404\."):
        await notify(callbacks, config("a.b;c.d"), facts())


async def test_every_attempt_is_a_row() -> None:
    seen: list[Delivery] = []
    told = CallbackAnswer(
        status=500,
        headers={"content-type": "text/plain"},
        body=b"x" * 20_000,
        address="9.9.9.9:80",
        timings=Timings(total_us=7),
    )
    sender = FakeSender(told, failure(CallbackFault.BROKEN, "cut"), OK)
    made = config("a.b?x;c.d;e.f", "k=${object}&s=${size}&u=${x:no}", callbackHost="h.i")
    await notify(service(sender, seen.append), made, facts())
    first, second, third = seen
    assert [each.url for each in seen] == ["http://a.b/?x", "http://c.d/", "http://e.f/"]
    assert (first.status, first.verdict, first.ec) == (500, "Error status : 500.", "0007-00000203")
    assert (len(first.reply_body), first.reply_headers) == (16 * 1024, told.headers)
    assert (first.address, first.timings, first.at) == ("9.9.9.9:80", told.timings, 1893456000000)
    assert (second.status, second.fault, second.detail) == (None, "broken answer", "cut")
    assert [each.accepted for each in seen] == [False, False, True]
    assert (third.verdict, third.kind, third.attempt) == ("", "upload", 1)
    assert [each.headers for each in seen] == [each.headers for each in sender.attempts]
    assert sorted(each.id for each in seen) == [each.id for each in seen]
    (message,) = {each.message.id: each.message for each in seen}.values()
    assert message.body == b"k=dir%2Fa%20b.txt&s=31&u="
    assert message.variables == {"object": "dir/a b.txt", "size": 31, "x:no": None}
    assert message.urls == ("http://a.b/?x", "http://c.d/", "http://e.f/")


async def test_a_row_is_sent_again() -> None:
    seen: list[Delivery] = []
    sender = FakeSender(answer(500), OK, answer(403), OK)
    callbacks = service(sender, seen.append)
    with pytest.raises(CallbackFailed):
        await notify(callbacks, config("a.b"), facts())
    again = await callbacks.replay(seen[0])
    assert (again.kind, again.accepted, again.message) == ("replay", True, seen[0].message)
    assert again == seen[1]
    assert sender.attempts[1].body == sender.attempts[0].body
    other = await callbacks.replay(seen[0], url="https://c.d:444/e?f", body=b"{}")
    assert (sender.attempts[2].host, sender.attempts[2].target) == ("c.d", "/e?f")
    assert (sender.attempts[2].body, other.status, other.accepted) == (b"{}", 403, False)
    assert other.message.id == seen[0].message.id
    with pytest.raises(InvalidArgument):
        await callbacks.replay(seen[0], url="ftp://a.b/")


async def test_a_cut_row_is_not_sent_again() -> None:
    seen: list[Delivery] = []
    callbacks = service(FakeSender(OK, OK), seen.append)
    body = "${x:a}" * 200
    made = decode_callback(
        base64.b64encode(
            json.dumps({"callbackUrl": "a.b", "callbackBody": body}).encode()
        ).decode(),
        form_variables={"x:a": "y" * 1000},
    )
    await notify(callbacks, made, facts())
    assert seen[0].is_cut
    assert len(seen[0].message.body) == 64 * 1024
    with pytest.raises(ValueError, match="only the beginning"):
        await callbacks.replay(seen[0])
    assert (await callbacks.replay(seen[0], body=b"whole")).accepted


class StalledSender:
    """Answers when it is let go."""

    def __init__(self) -> None:
        self.go = asyncio.Event()

    async def send(self, _attempt: CallbackAttempt) -> Outcome:
        await self.go.wait()
        return OK


async def test_callbacks_under_way_are_bounded() -> None:
    sender = StalledSender()
    limits = CallbackLimits(total=3, per_bucket=2)
    seen: list[Delivery] = []
    callbacks = Callbacks(sender, FakeKeys(), FixedClock(), limits=limits, note=seen.append)

    def send(bucket: str) -> asyncio.Task[CallbackReply]:
        return asyncio.create_task(notify(callbacks, config(), facts(bucket=bucket)))

    held = [send("a"), send("a"), send("b")]
    await asyncio.sleep(0.01)
    for bucket in ("a", "c"):
        with pytest.raises(CallbackFailed, match="Too many callback requests") as failed:
            await send(bucket)
        assert failed.value.text == "Too many callback requests."
    assert [each.verdict for each in seen] == ["Too many callback requests."] * 2
    assert "under way already" in explain(seen[0]).cause
    sender.go.set()
    await asyncio.gather(*held)
    await asyncio.gather(send("a"), send("a"), send("c"))


@pytest.mark.parametrize("bucket", ["a", "b"])
async def test_bytes_under_way_are_bounded(bucket: str) -> None:
    """D3: in all and for one bucket, as requests are."""
    sender = StalledSender()
    limits = CallbackLimits(total=100, per_bucket=50, room=1000)
    callbacks = Callbacks(sender, FakeKeys(), FixedClock(), limits=limits)

    def send(bucket: str, size: int) -> asyncio.Task[CallbackReply]:
        made = CallbackConfig(urls=config().urls, body="x" * size)
        return asyncio.create_task(notify(callbacks, made, facts(bucket=bucket)))

    held = [send("a", 300), send("b", 300)]
    await asyncio.sleep(0.01)
    with pytest.raises(CallbackFailed, match="Too many callback requests"):
        await send(bucket, 201)
    held += [send(bucket, 200), send("c", 200)]
    await asyncio.sleep(0.01)
    with pytest.raises(CallbackFailed, match="Too many callback requests"):
        await send("d", 1)
    sender.go.set()
    await asyncio.gather(*held)
    await asyncio.gather(send("a", 500), send("d", 500))


@pytest.mark.parametrize(
    ("as_oss", "asked", "sent"), [(False, False, True), (True, False, False), (True, True, True)]
)
async def test_sni_is_sent_as_the_setting_says(as_oss: bool, asked: bool, sent: bool) -> None:
    """W30."""
    sender, seen = FakeSender(OK), []
    callbacks = Callbacks(sender, FakeKeys(), FixedClock(), sni_as_oss=as_oss, note=seen.append)
    made = CallbackConfig(urls=config("https://app.example/").urls, body="x", sni=asked)
    await notify(callbacks, made, facts())
    assert sender.attempts[0].sni is sent
    assert ("callbackSNI" in explain(seen[0]).note) is not asked


async def test_callbacks_run_side_by_side() -> None:
    callbacks = service(FakeSender(*[OK] * 20))
    replies = await asyncio.gather(*(notify(callbacks, config(), facts()) for _ in range(20)))
    assert len(replies) == 20


async def test_a_configuration_without_url_fails() -> None:
    with pytest.raises(CallbackFailed):
        await notify(service(FakeSender()), CallbackConfig(urls=(), body="x"), facts())


async def test_no_secret_or_body_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    with pytest.raises(CallbackFailed):
        await notify(service(FakeSender(answer(500))), config("http://a.b/?token=t0p"), facts())
    assert "callback_failed" in caplog.text
    assert "http://a.b:80" in caplog.text
    assert "t0p" not in caplog.text
    assert "dir" not in caplog.text
