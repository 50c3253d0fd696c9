"""Bodies and the forms in them, filled piece by piece without a connection."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ossia.errors import (
    EntityTooLarge,
    IncorrectNumberOfFilesInPOSTRequest,
    MalformedPOSTRequest,
    RequestTimeout,
)
from ossia.http.body import Body, ClientGone, FixedBody, too_slow
from ossia.http.post_form import PostForm

PIECES = st.lists(st.binary(min_size=1, max_size=20), max_size=12)


class CountedFlow:
    def __init__(self) -> None:
        self.calls: list[str] = []

    def want_body(self) -> None:
        self.calls.append("want")

    def enough_body(self) -> None:
        self.calls.append("enough")


async def feed(body: Body, pieces: list[bytes], *, direct: bool) -> None:
    """As a connection does: into the consumer's buffer if it waits, otherwise held."""
    for piece in pieces:
        await asyncio.sleep(0)
        while direct and piece and (window := body.window()):
            taken = min(len(window), len(piece))
            window[:taken] = piece[:taken]
            body.advance(taken)
            piece = piece[taken:]  # noqa: PLW2901 - what is left of it
            await asyncio.sleep(0)
        if piece:
            body.give(piece)
    body.finish()


@settings(max_examples=150, deadline=None)
@given(PIECES, st.integers(1, 40), st.booleans(), st.booleans())
async def test_bytes_arrive_in_order_however_they_are_cut(
    pieces: list[bytes], size: int, known: bool, direct: bool
) -> None:
    whole = b"".join(pieces)
    body = Body(len(whole) if known else None, CountedFlow())
    feeding = asyncio.ensure_future(feed(body, pieces, direct=direct))
    received = b""
    while True:
        buffer = bytearray(size)
        count = await body.read_into(memoryview(buffer))
        received += buffer[:count]
        if count < size:
            break
    await feeding
    assert received == whole
    assert body.complete
    assert body.arrived == len(whole)


@settings(max_examples=100, deadline=None)
@given(PIECES, st.booleans())
async def test_some_bytes_at_a_time(pieces: list[bytes], direct: bool) -> None:
    body = Body(None)
    feeding = asyncio.ensure_future(feed(body, pieces, direct=direct))
    received = b""
    while some := await body.read_some():
        received += some
    await feeding
    assert received == b"".join(pieces)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("size", [0, 9, 10, 11])
async def test_reading_everything_within_a_limit(size: int, known: bool) -> None:
    content = b"x" * size
    held, fixed = Body(size if known else None), FixedBody(content)
    held.give(content)
    held.finish()
    late = Body(size if known else None)
    feeding = asyncio.ensure_future(feed(late, [content] if content else [], direct=False))
    for body in (held, late, fixed):
        assert body.arrived == (0 if body is late else size)
        if size > 10:
            with pytest.raises(EntityTooLarge):
                await body.read_all(10, EntityTooLarge)
        else:
            assert await body.read_all(10, EntityTooLarge) == content
    await feeding


async def test_the_flow_is_asked_and_stopped() -> None:
    flow = CountedFlow()
    body = Body(4, flow)
    reading = asyncio.ensure_future(body.read_into(memoryview(bytearray(2))))
    await asyncio.sleep(0)
    assert body.wanted
    body.give(b"abcd")
    assert await reading == 2
    assert flow.calls == ["want", "enough"]
    assert (body.held(), body.wanted) == (2, False)


async def test_a_body_that_fails() -> None:
    for error in (ClientGone(), too_slow()):
        waiting = Body(10)
        reading = asyncio.ensure_future(waiting.read_into(memoryview(bytearray(10))))
        await asyncio.sleep(0)
        waiting.give(b"abc")
        waiting.fail(error)
        with pytest.raises(type(error)):
            await reading
        with pytest.raises(type(error)):
            await waiting.read_into(memoryview(bytearray(10)))
    done = FixedBody(b"x")
    done.fail(ClientGone())
    assert await done.read_all(1, RequestTimeout) == b"x"


async def test_a_reader_that_gave_up_is_not_woken() -> None:
    body = Body(2)
    reading = asyncio.ensure_future(body.read_into(memoryview(bytearray(2))))
    await asyncio.sleep(0)
    waiter = body._waiter
    assert waiter is not None
    waiter.cancel()
    body.give(b"ab")
    with pytest.raises(asyncio.CancelledError):
        await reading


# --- forms ---

TYPE = b"multipart/form-data; boundary=b"
FIELD = b'--b\r\nContent-Disposition: form-data; name="key"\r\n\r\nk\r\n'
FILE = b'--b\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\n%b\r\n'
END = b"--b--\r\n"


def form_of(content: bytes) -> PostForm:
    return PostForm(FixedBody(content), TYPE)


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=300), st.integers(1, 50), st.integers(1, 400))
async def test_a_file_arrives_however_the_form_is_cut(file: bytes, step: int, size: int) -> None:
    if b"\r\n--b" in file:
        return
    whole = FIELD + FILE % file + FIELD + END
    body = Body(len(whole))
    pieces = [whole[at : at + step] for at in range(0, len(whole), step)]
    feeding = asyncio.ensure_future(feed(body, pieces, direct=False))
    form = PostForm(body, TYPE)
    await form.read_fields()
    assert (form.fields, form.variables, form.filename) == ({"key": "k"}, {}, "f")
    assert form.file_content_type is None
    received = b""
    while True:
        buffer = bytearray(size)
        count = await form.read_into(memoryview(buffer))
        received += buffer[:count]
        if count < size:
            break
    await feeding
    assert received == file


async def test_a_small_file_at_once() -> None:
    form = form_of(FIELD + FILE % b"content" + END)
    await form.read_fields()
    assert await form.read_all(7, EntityTooLarge) == b"content"
    form = form_of(FIELD + FILE % b"content!" + END)
    await form.read_fields()
    with pytest.raises(EntityTooLarge):
        await form.read_all(7, EntityTooLarge)


async def test_forms_that_end_too_early_or_without_a_file() -> None:
    with pytest.raises(IncorrectNumberOfFilesInPOSTRequest):
        await form_of(FIELD + END).read_fields()
    with pytest.raises(MalformedPOSTRequest):
        await form_of(FIELD).read_fields()
    for content in (FILE % b"x", FILE % b"x" + FIELD, (FILE % b"x")[:-2]):
        form = form_of(content)
        await form.read_fields()
        with pytest.raises(MalformedPOSTRequest):
            await form.read_all(10, EntityTooLarge)
    form = form_of(FILE % b"x" + FILE % b"y" + END)
    await form.read_fields()
    with pytest.raises(IncorrectNumberOfFilesInPOSTRequest):
        await form.read_all(10, EntityTooLarge)
