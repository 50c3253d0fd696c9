"""Signatures that are asked for at the same time are made together, and each gets his own."""

import asyncio
import base64
import logging
from collections.abc import Sequence

import pytest

from ossia.domain.callbacks.keys import CallbackKeys, OneKey
from ossia.domain.callbacks.signature_batch import SignatureBatch
from ossia.protocol.callback_signature import CallbackKey

KEY = CallbackKey.generate()


class Signer:
    """Notes what it is given; its signatures cannot be mistaken for others."""

    most = 4
    worth_from = 2

    def __init__(self, *, fails: bool = False) -> None:
        self.batches: list[list[bytes]] = []
        self.fails = fails

    def sign(self, messages: Sequence[bytes]) -> list[bytes]:
        self.batches.append(list(messages))
        if self.fails:
            raise ArithmeticError("a lane is wrong")
        return [b"signed " + each for each in messages]


async def busy(signer: Signer) -> SignatureBatch:
    """A batch that has seen many at a time; what it has signed is forgotten."""
    batch = SignatureBatch(KEY, signer)
    await asyncio.gather(*map(batch.sign, numbered(3)))
    signer.batches.clear()
    return batch


def shown(message: bytes) -> str:
    return base64.b64encode(b"signed " + message).decode()


def numbered(count: int) -> list[bytes]:
    return [b"%d" % number for number in range(count)]


@pytest.mark.parametrize(
    ("count", "together"), [(1, []), (2, [2]), (4, [4]), (5, [4]), (6, [4, 2]), (11, [4, 4, 3])]
)
async def test_so_many_at_a_time(count: int, together: list[int]) -> None:
    signer = Signer()
    batch = await busy(signer)
    messages = numbered(count)
    made = await asyncio.gather(*map(batch.sign, messages))
    assert [len(each) for each in signer.batches] == together
    batched = sum(together)
    assert made[:batched] == [shown(each) for each in messages[:batched]]
    # Too few to be worth it.
    assert made[batched:] == [KEY.sign(each) for each in messages[batched:]]


async def test_one_at_a_time_waits_for_nobody() -> None:
    signer = Signer()
    batch = SignatureBatch(KEY, signer)
    for message in numbered(3):
        future = batch.sign(message)
        assert future.done()
        assert await future == KEY.sign(message)
        await asyncio.sleep(0)
    assert not signer.batches


async def test_of_the_first_few_one_does_not_wait() -> None:
    signer = Signer()
    batch = SignatureBatch(KEY, signer)
    waiting = [batch.sign(each) for each in numbered(4)]
    assert [each.done() for each in waiting] == [True, False, False, False]
    await asyncio.gather(*waiting)
    assert signer.batches == [[b"1", b"2", b"3"]]
    # There are many now, until a turn has few.
    assert not batch.sign(b"4").done()
    await asyncio.sleep(0)
    assert batch.sign(b"5").done()


async def test_others_have_their_turn_between_batches() -> None:
    batch = await busy(Signer())
    waiting = [batch.sign(each) for each in numbered(12)]
    seen = []
    while not waiting[-1].done():
        await asyncio.sleep(0)
        seen.append(sum(each.done() for each in waiting))
    assert seen[-3:] == [4, 8, 12]


async def test_later_ones_join_those_that_wait() -> None:
    signer = Signer()
    batch = await busy(signer)
    late: list[asyncio.Future[str]] = []
    first = [batch.sign(each) for each in numbered(4)]
    # It comes up between the first batch and the second.
    asyncio.get_running_loop().call_soon(lambda: late.append(batch.sign(b"late")))
    first.append(batch.sign(b"4"))
    assert await asyncio.gather(*first) == [shown(each) for each in numbered(5)]
    assert await asyncio.gather(*late) == [shown(b"late")]
    assert signer.batches == [[b"0", b"1", b"2", b"3"], [b"4", b"late"]]


async def test_whoever_goes_away_disturbs_nobody() -> None:
    batch = await busy(Signer())
    waiting = [batch.sign(each) for each in numbered(3)]
    waiting[1].cancel()
    assert await waiting[0] == shown(b"0")
    assert await waiting[2] == shown(b"2")


async def test_what_cannot_be_relied_on_is_signed_one_by_one(
    caplog: pytest.LogCaptureFixture,
) -> None:
    signer = Signer()
    batch = await busy(signer)
    signer.fails = True
    with caplog.at_level(logging.ERROR):
        for count in (3, 4):
            made = await asyncio.gather(*map(batch.sign, numbered(count)))
            assert made == [KEY.sign(each) for each in numbered(count)]
    # It is told once, and not tried again.
    assert caplog.text.count("signatures_wrong reason=a lane is wrong") == 1
    assert len(signer.batches) == 1


async def test_whoever_waits_hears_of_any_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    signer = Signer()
    batch = await busy(signer)
    monkeypatch.setattr(signer, "sign", dict[str, int]().__getitem__)
    found = await asyncio.gather(*map(batch.sign, numbered(3)), return_exceptions=True)
    assert [type(each) for each in found] == [TypeError] * 3
    monkeypatch.undo()
    assert await asyncio.gather(*map(batch.sign, numbered(2))) == [shown(b"0"), shown(b"1")]


async def test_every_key_has_a_batch_of_its_own() -> None:
    asked: list[CallbackKey] = []

    def batching(key: CallbackKey) -> Signer:
        asked.append(key)
        return Signer()

    keys = CallbackKeys(OneKey(KEY), own_url="http://oss.test", batching=batching)
    current = keys.current()
    assert keys.current() is current
    assert asked == [KEY]
    made = await asyncio.gather(*map(current.sign, numbered(3)))
    assert made == [KEY.sign(b"0"), shown(b"1"), shown(b"2")]
    plain = CallbackKeys(OneKey(KEY), own_url="http://oss.test", batching=lambda _key: None)
    assert await plain.current().sign(b"x") == KEY.sign(b"x")
