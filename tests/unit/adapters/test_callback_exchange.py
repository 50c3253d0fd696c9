"""The law of the exchange: how the network splits an answer does not change what it says."""

import asyncio
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ossia.adapters.callback_exchange import BrokenAnswer, Exchange
from ossia.protocol.callback_reply import Accepted, Rejected, judge_reply
from ossia.testing.faulty_receiver import reply

MAX_REPLY = 100

OPEN = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
REFUSAL = b"HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\nno"
ANSWERS = (
    reply(),
    OPEN,
    REFUSAL,
    OPEN + REFUSAL,
    REFUSAL + OPEN,
    b"HTTP/1.1 100 Continue\r\n\r\n" + OPEN,
    reply(length=None),
    reply(b"x" * 200),
    reply(b"x" * 200, status="500 No"),
    b"HTTP/1.1 500 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\nX: y\r\n\r\n",
    b"HTTP/1.1 101 Other\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nabc",
)
INSERTED = (b"\r\n", b"\n", b" ", b":", b"0", b"-", b"\0", b"Content-Length: 3\r\n", b"\r\n\r\n")


class Wire:
    """A transport that leads nowhere."""

    def write(self, data: bytes) -> None:
        pass


def heard(*pieces: bytes) -> Accepted | Rejected | str:
    """What is made of an answer that arrives in *pieces*."""

    async def receive() -> Accepted | Rejected | str:
        exchange = Exchange(b"", MAX_REPLY)
        wire: Any = Wire()
        exchange.connection_made(wire)
        for piece in pieces:
            exchange.data_received(piece)
        exchange.connection_lost(None)
        try:
            await exchange.done
        except BrokenAnswer:
            # As the sender does: a refusal is complete without its body.
            if exchange.status in (0, 200):
                return "broken"
        return judge_reply(
            exchange.status, exchange.headers, bytes(exchange.body), max_bytes=MAX_REPLY
        )

    return asyncio.run(receive())


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """An answer with a few bytes changed, put in or left out."""
    raw = draw(st.sampled_from(ANSWERS))
    for _ in range(draw(st.integers(0, 3))):
        place = draw(st.integers(0, len(raw)))
        put_in = draw(st.sampled_from(INSERTED) | st.binary(max_size=2))
        raw = raw[:place] + put_in + raw[place + draw(st.integers(0, 3)) :]
    return raw


@settings(deadline=None)
@given(raw=damaged(), places=st.lists(st.integers(0, 300), max_size=3))
@example(raw=OPEN + REFUSAL, places=[])
@example(raw=OPEN + b"garbage", places=[])
def test_split_changes_nothing(raw: bytes, places: list[int]) -> None:
    byte_by_byte = heard(*(raw[index : index + 1] for index in range(len(raw))))
    bounds = [0, *sorted(min(place, len(raw)) for place in places), len(raw)]
    pieces = [raw[start:end] for start, end in pairwise(bounds) if start < end]
    assert heard(raw) == heard(*pieces) == byte_by_byte


@pytest.mark.parametrize("behind", [b"", b"garbage", REFUSAL, b"\n\n"])
def test_first_final_answer_counts(behind: bytes) -> None:
    assert heard(OPEN + behind) == Accepted(b"{}", "application/json")
    refused = heard(REFUSAL + behind)
    assert isinstance(refused, Rejected)
    assert refused.message == "Error status : 500."
