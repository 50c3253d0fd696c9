"""The three guarantees, on the memory store."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from ossia.domain.callbacks.callbacks import CallbackReply, Callbacks
from ossia.domain.callbacks.delivery_log import DeliveryLog
from ossia.domain.callbacks.outbox import Outbox
from ossia.domain.callbacks.upload_callback import (
    DOCUMENT,
    CallbackTerms,
    Mode,
    UploadCallback,
    terms_of,
)
from ossia.domain.callbacks.upload_facts import UploadFacts
from ossia.errors import CallbackFailed, CallbackNotAccepted
from ossia.logs.scope import REQUEST_ID, about
from ossia.ports import CallbackAnswer, CallbackAttempt
from ossia.protocol.callback import CallbackConfig
from ossia.protocol.callback_url import read_url
from ossia.protocol.webhook_signature import WebhookKey
from ossia.records import Bucket, PendingCallback, StoredObject
from ossia.tables.callbacks import DeliveryFilter
from stored import in_memory

MINUTE = 60_000
BODY = b'{"Status":"OK"}'


Meanwhile = Callable[[], Awaitable[None]]


class SetClock:
    at = 1_893_456_000_000

    def now_ms(self) -> int:
        return self.at


class Application:
    """Answers with the next of *statuses*, then with 200."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.heard: list[CallbackAttempt] = []
        self.meanwhile: Meanwhile | None = None

    async def send(self, attempt: CallbackAttempt) -> CallbackAnswer:
        self.heard.append(attempt)
        if self.meanwhile is not None:
            await self.meanwhile()
        status = self.statuses.pop(0) if self.statuses else 200
        headers = {"content-length": str(len(BODY)), "content-type": "application/json"}
        return CallbackAnswer(status=status, headers=headers, body=BODY)


class FakeKeys:
    url = "http://oss.test/key"

    def current(self) -> "FakeKeys":
        return self

    async def sign(self, message: bytes) -> str:
        return message.hex()


class World:
    """A bucket, an application, and uploads with a callback to it."""

    def __init__(self) -> None:
        self.clock = SetClock()
        self.store = in_memory(self.clock)
        self.application = Application()
        self.log = DeliveryLog(self.store, self.clock, keep_days=1, keep=3)
        self.callbacks = Callbacks(
            self.application,
            FakeKeys(),
            self.clock,
            webhooks=WebhookKey.generate(),
            note=self.log.note,
        )
        self.outbox = Outbox(self.store, self.callbacks, self.clock, retry_for_s=600)
        self.bucket: Bucket | None = None

    async def upload(self, mode: Mode, body: str = "k=${object}", **terms: Any) -> CallbackReply:
        """The moments of a write: before, record, after."""
        if self.bucket is None:
            self.bucket = await self.store.create_bucket(
                Bucket(id=0, name="b", owner="1", created_at=1, region="r")
            )
        callback = UploadCallback(
            self.callbacks,
            self.outbox,
            CallbackConfig(urls=(read_url("http://app.example/cb"),), body=body),
            CallbackTerms(mode=mode, **terms),
            self.facts,
        )
        new = StoredObject(
            bucket_id=self.bucket.id, key="k", size=3, etag="E", crc64=1, modified_at=0
        )
        owed = await callback.before(new)
        await self.store.put_object(new, owed=owed)
        return await callback.after()

    def facts(self, stored: StoredObject) -> UploadFacts:
        async def read(offset: int, length: int) -> bytes:
            return b"\x89PNG\r\n\x1a\nbroken"[offset : offset + length]

        return UploadFacts(
            bucket="b",
            stored=stored,
            operation="PutObject",
            request_id="R",
            client_ip="::1",
            requester="1",
            read=read,
            trace={"traceparent": "00-1"},
        )

    async def stored(self) -> bool:
        assert self.bucket is not None
        return await self.store.find_object(self.bucket.id, "k") is not None

    async def owed(self, *, dead: bool = False) -> list[PendingCallback]:
        await asyncio.sleep(0.01)  # what is settled in the background
        return await self.outbox.list(dead=dead)

    async def pass_time(self, ms: int) -> int:
        self.clock.at += ms
        begun = await self.outbox.run_due()
        await self.outbox.finish()
        return begun


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize("mode", Mode)
async def test_what_the_application_accepts_is_stored_and_owes_nothing(
    world: World, mode: Mode
) -> None:
    reply = await world.upload(mode)
    assert reply == CallbackReply(BODY, "application/json")
    assert await world.stored()
    assert await world.owed() == []
    assert len(world.application.heard) == 1


async def test_a_refusal_changes_nothing_in_mode_oss(world: World) -> None:
    world.application.statuses = [500]
    with pytest.raises(CallbackFailed, match="500"):
        await world.upload(Mode.OSS)
    assert await world.stored()
    assert await world.owed() == []


async def test_the_object_is_invisible_until_the_application_accepts(world: World) -> None:
    async def look() -> None:
        assert not await world.stored()

    world.application.meanwhile = look
    await world.upload(Mode.COMMIT)
    assert await world.stored()


@pytest.mark.parametrize("body", ["k=${object}", "w=${imageInfo.width}"], ids=["refused", "image"])
async def test_a_refusal_stores_nothing_in_mode_commit(world: World, body: str) -> None:
    world.application.statuses = [403]
    with pytest.raises(CallbackNotAccepted) as refused:
        await world.upload(Mode.COMMIT, body)
    assert refused.value.status == 203
    assert "nothing was stored" in refused.value.text
    assert not await world.stored()
    rows = await world.log.list(DeliveryFilter(), limit=9)
    assert all(each.message.decides and not each.accepted for each in rows)


async def test_what_is_owed_is_there_while_the_application_is_asked(world: World) -> None:
    async def look() -> None:
        (owed,) = await world.owed()
        # Nobody else may send it now.
        assert await world.store.lease_pending(world.clock.at + 9_999, 0, 9) == []
        assert owed.id == owed.message.id

    world.application.meanwhile = look
    await world.upload(Mode.OUTBOX)


async def test_an_outbox_sends_until_the_application_accepts(world: World) -> None:
    world.application.statuses = [500, 502, 404]
    with pytest.raises(CallbackFailed, match="500"):
        await world.upload(Mode.OUTBOX)
    assert await world.stored()
    assert len(await world.owed()) == 1
    assert await world.pass_time(999) == 0
    assert await world.pass_time(1) == 1
    (owed,) = await world.owed()
    assert (owed.attempts, owed.last_error) == (2, "Error status : 502.")
    assert [await world.pass_time(1999), await world.pass_time(1)] == [0, 1]
    assert await world.pass_time(4000) == 1
    assert await world.owed() == []
    heard = world.application.heard
    assert len(heard) == 4
    assert len({attempt.headers["webhook-id"] for attempt in heard}) == 1
    assert {attempt.body for attempt in heard} == {b"k=k"}
    await world.log.flush()
    rows = await world.log.list(DeliveryFilter(), limit=9)
    assert [(each.kind, each.attempt) for each in rows] == [
        ("retry", 4),
        ("retry", 3),
        ("retry", 2),
        ("upload", 1),
    ]


async def test_what_is_sent_again_is_done_on_behalf_of_its_upload(world: World) -> None:
    named: list[str] = []

    async def look() -> None:
        named.append(REQUEST_ID.get())

    world.application.statuses = [500]
    with pytest.raises(CallbackFailed, match="500"):
        await world.upload(Mode.OUTBOX)
    (owed,) = await world.owed()
    world.application.meanwhile = look
    with about("of an operator"):
        assert await world.outbox.retry(owed)
        assert REQUEST_ID.get() == "of an operator"
    assert named == ["R"]


async def test_an_outbox_gives_up_and_an_operator_tries_again(world: World) -> None:
    world.application.statuses = [500] * 100
    with pytest.raises(CallbackFailed):
        await world.upload(Mode.OUTBOX)
    await world.owed()
    for _ in range(30):
        await world.pass_time(MINUTE)
    assert await world.owed() == []
    (dead,) = await world.owed(dead=True)
    assert dead.last_error == "Error status : 500."
    heard = len(world.application.heard)
    assert await world.pass_time(600 * MINUTE) == 0
    assert not await world.outbox.retry(dead)
    (again,) = await world.owed()
    assert (again.attempts, len(world.application.heard)) == (1, heard + 1)
    world.application.statuses.clear()
    found = await world.outbox.find(again.id)
    assert found is not None
    assert await world.outbox.retry(found)
    assert await world.owed() == [] == await world.owed(dead=True)


async def test_a_crash_before_the_first_attempt_loses_nothing(world: World) -> None:
    async def crash() -> None:
        raise asyncio.CancelledError

    world.application.meanwhile = crash
    with pytest.raises(asyncio.CancelledError):
        await world.upload(Mode.OUTBOX)
    world.application.meanwhile = None
    assert await world.pass_time(9_999) == 0
    assert await world.pass_time(1) == 1
    assert await world.owed() == []


async def test_a_broken_image_is_not_owed(world: World) -> None:
    with pytest.raises(CallbackFailed, match="Get image info failed"):
        await world.upload(Mode.OUTBOX, "w=${imageInfo.width}")
    assert await world.stored()
    assert await world.owed() == []


async def test_a_webhook_is_signed_in_every_mode(world: World) -> None:
    for mode in Mode:
        await world.upload(mode, webhooks=True)
        headers = world.application.heard[-1].headers
        assert headers["webhook-signature"].startswith("v1a,")
        assert headers["webhook-id"].startswith("msg_")


async def test_the_trace_is_passed_on(world: World) -> None:
    await world.upload(Mode.OSS)
    assert world.application.heard[0].headers["traceparent"] == "00-1"
    assert "webhook-id" not in world.application.heard[0].headers


def test_a_bucket_may_have_its_own_terms() -> None:
    server = CallbackTerms(mode=Mode.OUTBOX)
    bucket = Bucket(id=1, name="b", owner="1", created_at=1, region="r")
    assert terms_of(bucket, server) is server
    own = b'{"mode":"commit-on-200","webhooks":true}'
    bucket = msgspec.structs.replace(bucket, documents={DOCUMENT: own})
    assert terms_of(bucket, server) == CallbackTerms(mode=Mode.COMMIT, webhooks=True)


async def test_the_log_gathers_rows_and_prunes_them(world: World) -> None:
    for _ in range(5):
        await world.upload(Mode.OSS)
    assert await world.store.list_deliveries(DeliveryFilter(), limit=9) == []
    await asyncio.sleep(0.15)
    rows = await world.store.list_deliveries(DeliveryFilter(), limit=9)
    assert len(rows) == 5
    assert await world.log.find(rows[0].id) == rows[0]
    assert await world.log.prune() == 2
    world.clock.at += 24 * 60 * MINUTE + 1
    assert await world.log.prune() == 3
