"""The S3 adapter keeps the contract of `BlobStore` on a real engine, and on one that fails."""

import asyncio
import os
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from blob_store import BlobStoreContract, content_of, every_id, published, write

from certificates import Issuer
from fake_engine import BUCKET, FakeEngine, fake_engine
from ossia.adapters.s3 import Engine, S3BlobStore
from ossia.adapters.s3.chunk_memory import CHUNK, ChunkMemory, InFile, InMemory
from ossia.adapters.s3.reading import FIRST, LEAST, MOST, Budget
from ossia.ports import Missing, Unavailable
from ossia.protocol.engine_address import parse_engine_address
from s3_engine import S3Engine, needs_engine

DEADLINE_S = 0.9


def engine_at(
    url: str,
    key_id: str = "key",
    secret: str = "secret",
    deadline_s: float = DEADLINE_S,
    root_certificate: bytes | None = None,
    **more: Any,
) -> Engine:
    return Engine(
        parse_engine_address(url),
        access_key_id=key_id,
        access_key_secret=secret,
        region="us-east-1",
        root_certificate=root_certificate,
        deadline_s=deadline_s,
        **more,
    )


@needs_engine
@pytest.mark.slow
class TestS3BlobStoreOnCeph(BlobStoreContract):
    @pytest.fixture
    def blobs(self, s3_engine: S3Engine, tmp_path: Path) -> S3BlobStore:
        url = s3_engine.new_url()
        engine = engine_at(url, s3_engine.access_key_id, s3_engine.access_key_secret, 30)
        return S3BlobStore(engine, "ossia", tmp_path)

    async def test_blobs_of_many_chunks(self, blobs: S3BlobStore) -> None:
        content = os.urandom(3 * CHUNK + 12_345)
        blob_id = await published(blobs, content)
        assert await content_of(blobs, blob_id, len(content)) == content
        assert await content_of(blobs, blob_id, 20, CHUNK - 10) == content[CHUNK - 10 : CHUNK + 10]
        assert await every_id(blobs) == [blob_id]
        await blobs.delete([blob_id])
        assert await every_id(blobs) == []

    async def test_a_bucket_that_is_not_there(self, s3_engine: S3Engine) -> None:
        url = f"s3://nothing-here/x?endpoint={s3_engine.endpoint}"
        engine = engine_at(url, s3_engine.access_key_id, s3_engine.access_key_secret, 30)
        await refused_at_once(S3BlobStore(engine, "x"), "NoSuchBucket")

    async def test_a_key_that_is_wrong(self, s3_engine: S3Engine) -> None:
        engine = engine_at(s3_engine.new_url(), s3_engine.access_key_id, "wrong", 30)
        await refused_at_once(S3BlobStore(engine, "x"), "SignatureDoesNotMatch")


async def refused_at_once(blobs: S3BlobStore, reason: str) -> None:
    """Whatever is asked of an engine that cannot serve us, the answer is never that all is well."""
    begun = time.monotonic()
    with pytest.raises(Unavailable, match=reason):
        await published(blobs, b"x")
    with pytest.raises(Unavailable, match=reason):
        await blobs.open("a" * 32, 0, 1).read(0, 1)
    with pytest.raises(Unavailable, match=reason):
        await blobs.delete(["a" * 32])
    with pytest.raises(Unavailable, match=reason):
        await every_id(blobs)
    with pytest.raises(Unavailable, match=reason):
        await blobs.probe()
    assert time.monotonic() - begun < 5


@pytest.fixture
def fake() -> Iterator[FakeEngine]:
    with fake_engine() as running:
        yield running


@pytest.fixture
def blobs(fake: FakeEngine, tmp_path: Path) -> S3BlobStore:
    engine = engine_at(f"s3://{BUCKET}/some/prefix?endpoint={fake.endpoint}")
    return S3BlobStore(engine, "some/prefix", tmp_path)


class TestS3BlobStoreOnFake(BlobStoreContract):
    @pytest.fixture
    def blobs(self, blobs: S3BlobStore) -> S3BlobStore:
        return blobs


async def test_whoever_listens_hears_of_each_call(fake: FakeEngine) -> None:
    heard: list[tuple[str, str, int]] = []

    def note(call: str, outcome: str, seconds: float, tries: int) -> None:
        assert 0 <= seconds < 2 * DEADLINE_S
        heard.append((call, outcome, tries))

    engine = engine_at(f"s3://{BUCKET}/?endpoint={fake.endpoint}", note=note)
    fake.fail("500", "reset", method="PUT")
    await engine.put("a/b", memoryview(b"xy"))
    assert await engine.get("a/b", 0, 2) == b"xy"
    with pytest.raises(Missing):
        await engine.get("a/c", 0, 2)
    assert [each.text async for each in engine.names("a/")] == ["a/b"]
    assert await engine.folders("") == ["a/"]
    await engine.delete(["a/b"])
    fake.always("403")
    with pytest.raises(Unavailable):
        await engine.get("a/b", 0, 2)
    fake.always("hang")
    getting = asyncio.ensure_future(engine.get("a/b", 0, 2))
    await asyncio.sleep(0.05)
    getting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await getting
    assert heard == [
        ("put", "done", 3),
        ("get", "done", 1),
        ("get", "missing", 1),
        ("list", "done", 1),
        ("list", "done", 1),
        ("delete", "done", 1),
        ("get", "unavailable", 1),
        ("get", "cancelled", 1),
    ]


async def test_names_come_from_the_id_and_the_number(fake: FakeEngine, blobs: S3BlobStore) -> None:
    content = os.urandom(2 * CHUNK + 1)
    blob_id = await published(blobs, content)
    expected = [f"some/prefix/{blob_id[:2]}/{blob_id}/{number:05d}" for number in range(3)]
    assert sorted(fake.names) == expected
    assert [len(fake.names[each]) for each in expected] == [CHUNK, CHUNK, 1]
    assert fake.seen == {"PUT": 3}


@pytest.mark.parametrize("prefix", ["", "a"])
async def test_prefixes_and_what_else_is_in_the_bucket(
    fake: FakeEngine, tmp_path: Path, prefix: str
) -> None:
    fake.names = {"zz/other": b"", "ab/readme": b"", "a/b": b"", "a/ab/x/00000": b"", "readme": b""}
    fake.modified = dict.fromkeys(fake.names, 0.0)
    blobs = S3BlobStore(engine_at(f"s3://{BUCKET}/?endpoint={fake.endpoint}"), prefix, tmp_path)
    blob_id = await published(blobs, b"x")
    assert await every_id(blobs) == [blob_id]
    await blobs.delete([blob_id])
    assert len(fake.names) == 5


@pytest.mark.parametrize("name", ["../../../etc/passwd", "", "A" * 32, "a" * 31, "a" * 32 + "\n"])
async def test_no_other_name_reaches_the_engine(
    fake: FakeEngine, blobs: S3BlobStore, name: str
) -> None:
    with pytest.raises(ValueError):
        blobs.stage(name, None)
    with pytest.raises(ValueError):
        blobs.open(name, 0, 1)
    with pytest.raises(ValueError):
        await blobs.delete([name])
    assert not fake.seen


async def test_what_the_environment_says_of_aws_is_for_others(
    fake: FakeEngine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "other",
        "AWS_SECRET_ACCESS_KEY": "other",
        "AWS_SESSION_TOKEN": "other",
        "AWS_SKIP_SIGNATURE": "true",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_VIRTUAL_HOSTED_STYLE_REQUEST": "true",
    }.items():
        monkeypatch.setenv(name, value)
    blobs = S3BlobStore(engine_at(f"s3://{BUCKET}/x?endpoint={fake.endpoint}"), "x", tmp_path)
    assert await content_of(blobs, await published(blobs, b"content"), 7) == b"content"


async def test_age_is_that_of_the_last_chunk(fake: FakeEngine, blobs: S3BlobStore) -> None:
    blob_id = await published(blobs, bytes(CHUNK + 1))
    first, last = sorted(fake.names)
    fake.modified = {first: 1000.0, last: 2000.0}
    assert await every_id(blobs, unchanged_since=2_000_000) == []
    assert await every_id(blobs, unchanged_since=2_000_001) == [blob_id]


async def test_listings_have_pages(fake: FakeEngine, blobs: S3BlobStore) -> None:
    names = [f"some/prefix/ab/ab{number:030x}/00000" for number in range(2500)]
    fake.names = dict.fromkeys(names, b"")
    fake.modified = dict.fromkeys(names, 0.0)
    fake.fail("", "", "500", "", "reset")
    assert len(set(await every_id(blobs))) == 2500


# --- what fails ---

ONCE = ["500", "503", "429", "reset", "hang"]


@pytest.mark.slow
@pytest.mark.parametrize("fault", ONCE)
async def test_what_fails_once_is_tried_again(
    fake: FakeEngine, blobs: S3BlobStore, fault: str
) -> None:
    fake.fail(fault, method="PUT")
    blob_id = await published(blobs, b"content")
    fake.fail(fault, method="GET")
    assert await content_of(blobs, blob_id, 7) == b"content"
    fake.fail(fault, method="GET")
    assert await every_id(blobs) == [blob_id]
    fake.fail(fault, method="POST")
    await blobs.delete([blob_id])
    assert not fake.names


@pytest.mark.slow
async def test_what_was_deleted_only_partly_is_tried_again(
    fake: FakeEngine, blobs: S3BlobStore
) -> None:
    blob_id = await published(blobs, bytes(CHUNK + 1))
    fake.fail("partly", method="POST")
    await blobs.delete([blob_id])
    assert not fake.names
    blob_id = await published(blobs, bytes(CHUNK + 1))
    fake.always("partly", method="POST")
    with pytest.raises(Unavailable):
        await blobs.delete([blob_id])


async def test_a_write_whose_answer_was_lost_is_made_again(
    fake: FakeEngine, blobs: S3BlobStore
) -> None:
    fake.fail("unheard", "unheard", method="PUT")
    blob_id = await published(blobs, b"content")
    assert fake.seen["PUT"] == 3
    assert await content_of(blobs, blob_id, 7) == b"content"


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["500", "reset", "hang"])
async def test_what_fails_always_is_unavailable_within_the_deadline(
    fake: FakeEngine, blobs: S3BlobStore, fault: str
) -> None:
    blob_id = await published(blobs, b"content")
    fake.always(fault)
    for call in (
        lambda: published(blobs, b"more"),
        lambda: content_of(blobs, blob_id, 7),
        lambda: blobs.open(blob_id, 0, 7).begin(),
        lambda: blobs.delete([blob_id]),
        lambda: every_id(blobs),
        blobs.probe,
    ):
        begun = time.monotonic()
        with pytest.raises(Unavailable):
            await call()
        assert time.monotonic() - begun < DEADLINE_S + 3


@pytest.mark.parametrize("status", ["400", "403"])
async def test_what_cannot_get_better_is_not_tried_again(
    fake: FakeEngine, blobs: S3BlobStore, status: str
) -> None:
    fake.always(status)
    with pytest.raises(Unavailable, match=status):
        await published(blobs, b"content")
    assert fake.seen["PUT"] == 1


@pytest.mark.parametrize("fault", ["cut", "short"])
async def test_answers_that_break_off_are_completed(
    fake: FakeEngine, blobs: S3BlobStore, fault: str
) -> None:
    content = os.urandom(100_000)
    blob_id = await published(blobs, content)
    fake.fail(fault, method="GET")
    assert await content_of(blobs, blob_id, len(content)) == content
    assert fake.seen["GET"] == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "left"), [(0, None), (1, None), (2, None), (0, 5), (1, CHUNK - 1), (2, 0), (2, 99)]
)
async def test_what_an_engine_has_lost_is_never_made_up_for(
    fake: FakeEngine, blobs: S3BlobStore, number: int, left: int | None
) -> None:
    content = os.urandom(2 * CHUNK + 100)
    blob_id = await published(blobs, content)
    name = sorted(fake.names)[number]
    if left is None:
        del fake.names[name]
    else:
        fake.names[name] = fake.names[name][:left]
    with pytest.raises(Missing):
        await content_of(blobs, blob_id, len(content))


# --- uploads ---


async def test_uploads_that_fail_are_told_while_bytes_still_come(
    fake: FakeEngine, blobs: S3BlobStore
) -> None:
    fake.always("403", method="PUT")
    staged = blobs.stage(blobs.new_id(), None)
    piece = bytes(CHUNK)

    async def go_on() -> None:
        for _ in range(8):
            await write(staged, piece)
            await asyncio.sleep(0.02)

    with pytest.raises(Unavailable):
        await go_on()
    assert fake.seen["PUT"] <= 4
    fake.always("")
    await blobs.discard(staged)
    assert not fake.names


@pytest.mark.slow
async def test_what_is_given_up_leaves_nothing(fake: FakeEngine, blobs: S3BlobStore) -> None:
    staged = blobs.stage(blobs.new_id(), None)
    for _ in range(3):
        await write(staged, bytes(CHUNK))
    await until(lambda: len(fake.names) == 3)
    await blobs.discard(staged)
    assert not fake.names


@pytest.mark.slow
async def test_giving_up_does_not_wait_for_an_engine_that_is_gone(
    fake: FakeEngine, blobs: S3BlobStore
) -> None:
    staged = blobs.stage(blobs.new_id(), None)
    fake.always("hang")
    await write(staged, bytes(CHUNK))
    begun = time.monotonic()
    await blobs.discard(staged)
    assert time.monotonic() - begun < 10


@pytest.mark.slow
async def test_an_upload_has_few_chunks_under_way(fake: FakeEngine, blobs: S3BlobStore) -> None:
    fake.always("slow")
    content = os.urandom(12 * CHUNK)
    assert (
        await content_of(blobs, await published_in_pieces(blobs, content), len(content)) == content
    )
    assert 2 <= fake.most_under_way <= 4


async def published_in_pieces(blobs: S3BlobStore, content: bytes, size: int = 1024 * 1024) -> str:
    staged = blobs.stage(blobs.new_id(), None)
    for start in range(0, len(content), size):
        await write(staged, content[start : start + size])
    await blobs.publish(staged)
    return staged.id


@pytest.mark.slow
async def test_who_finds_no_memory_gathers_in_files(fake: FakeEngine, tmp_path: Path) -> None:
    engine = engine_at(f"s3://{BUCKET}/x?endpoint={fake.endpoint}")
    blobs = S3BlobStore(engine, "x", tmp_path)
    blobs._memory = ChunkMemory(4, tmp_path, kept=1)
    slow = [blobs.stage(blobs.new_id(), None) for _ in range(10)]
    for staged in slow:
        await write(staged, b"a few bytes")
    kinds = [type(staged._gathering) for staged in slow]  # type: ignore[attr-defined]
    assert kinds == [InMemory] * 3 + [InFile] * 7
    content = os.urandom(3 * CHUNK + 5)
    # Those who wait hold nobody up.
    fast = [asyncio.ensure_future(published_in_pieces(blobs, content)) for _ in range(5)]
    for blob_id in await asyncio.gather(*fast):
        assert await content_of(blobs, blob_id, len(content)) == content
    for staged in slow[::2]:
        await blobs.publish(staged)
        assert await content_of(blobs, staged.id, 11) == b"a few bytes"
    for staged in slow[1::2]:
        await blobs.discard(staged)
    assert blobs._memory._free == 4
    assert list(tmp_path.iterdir()) == []


async def test_waiting_for_memory_ends(tmp_path: Path) -> None:
    memory = ChunkMemory(1, tmp_path, kept=1, patience_s=0.05)
    held = await memory.wait()
    with pytest.raises(Unavailable):
        await memory.wait()
    waiting = asyncio.ensure_future(memory.wait())
    await asyncio.sleep(0.01)
    given_up = asyncio.ensure_future(memory.wait())
    await asyncio.sleep(0.01)
    given_up.cancel()
    held.drop()
    (await waiting).abandon()
    # Cancelled in the moment in which it was given memory.
    held = await memory.wait()
    late = asyncio.ensure_future(memory.wait())
    await asyncio.sleep(0.01)
    held.drop()
    late.cancel()
    await asyncio.sleep(0.01)
    assert memory._free == 1


@pytest.mark.slow
async def test_memory_of_a_try_that_was_given_up_is_not_used_again(
    fake: FakeEngine, blobs: S3BlobStore
) -> None:
    fake.fail("hang", method="PUT")
    first = await published(blobs, b"first")
    assert not blobs._memory._spare
    second = await published(blobs, b"other")
    assert len(blobs._memory._spare) == 1
    assert await content_of(blobs, first, 5) == b"first"
    assert await content_of(blobs, second, 5) == b"other"


async def test_no_room_for_files_is_unavailable(fake: FakeEngine, tmp_path: Path) -> None:
    engine = engine_at(f"s3://{BUCKET}/x?endpoint={fake.endpoint}")
    blobs = S3BlobStore(engine, "x", tmp_path / "gone")
    blobs._memory = ChunkMemory(1, tmp_path / "gone", kept=1)
    with pytest.raises(Unavailable):
        await published(blobs, b"x")


# --- reading ---


async def test_pieces_are_asked_for_while_the_last_is_taken(
    fake: FakeEngine, blobs: S3BlobStore
) -> None:
    blob_id = await published(blobs, bytes(CHUNK))
    reader = blobs.open(blob_id, 0, CHUNK)
    await reader.begin()
    await until(lambda: fake.seen["GET"] == 2)
    await asyncio.sleep(0.05)
    assert fake.seen["GET"] == 2
    assert len(await reader.read(0, CHUNK)) == FIRST
    reader.close()


async def test_nothing_is_read_beyond_the_run(fake: FakeEngine, blobs: S3BlobStore) -> None:
    blob_id = await published(blobs, bytes(2 * CHUNK))
    assert len(await content_of(blobs, blob_id, 1000, CHUNK - 500)) == 1000
    await asyncio.sleep(0.02)
    assert fake.seen["GET"] == 2


@pytest.mark.slow
async def test_who_is_fast_gets_large_pieces_and_who_is_slow_small_ones(
    blobs: S3BlobStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    blob_id = await published(blobs, bytes(5 * CHUNK))
    reader = blobs.open(blob_id, 0, 5 * CHUNK)
    sizes, offset = [], 0
    for _ in range(7):
        sizes.append(len(await reader.read(offset, 5 * CHUNK)))
        offset += sizes[-1]
    assert sizes[0] == FIRST
    assert max(sizes) == MOST
    for _ in range(9):
        reader._given_at -= 2  # type: ignore[attr-defined]
        sizes.append(len(await reader.read(offset, 5 * CHUNK)))
        offset += sizes[-1]
    assert sizes[-1] == LEAST
    assert reader._next is None  # type: ignore[attr-defined]
    reader.close()
    assert blobs._budget._free == Budget(64 * 1024 * 1024)._free


async def test_all_readers_together_hold_what_they_may(blobs: S3BlobStore) -> None:
    blobs._budget = Budget(4 * FIRST)
    blob_id = await published(blobs, bytes(CHUNK))
    readers = [blobs.open(blob_id, 0, CHUNK) for _ in range(50)]
    for reader in readers:
        await reader.begin()
    pieces = [
        piece
        for reader in readers
        for piece in (reader._piece, reader._next)  # type: ignore[attr-defined]
        if piece is not None
    ]
    assert sum(piece.granted for piece in pieces) <= 4 * FIRST + 50 * LEAST
    assert any(reader._next is None for reader in readers)  # type: ignore[attr-defined]
    for reader in readers:
        reader.close()
    assert blobs._budget._free == 4 * FIRST


async def test_who_leaves_stops_what_was_asked_for_him(
    fake: FakeEngine, blobs: S3BlobStore
) -> None:
    blob_id = await published(blobs, bytes(CHUNK))
    fake.always("hang", method="GET")
    reader = blobs.open(blob_id, 0, CHUNK)
    reading = asyncio.ensure_future(reader.begin())
    await until(lambda: fake.under_way == 1)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    reader.close()
    assert blobs._budget._free == 64 * 1024 * 1024


async def until(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 5
    while not holds():
        assert time.monotonic() < end
        await asyncio.sleep(0.005)


# --- over TLS ---


@pytest.mark.slow
async def test_engines_whose_certificate_one_signs_oneself(tmp_path: Path) -> None:
    issuer, chain = Issuer("engines"), tmp_path / "chain.pem"
    chain.write_bytes(issuer.issue("127.0.0.1"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(chain)
    with fake_engine(context) as fake:
        url = f"s3://{BUCKET}/x?endpoint={fake.endpoint}"
        trusting = S3BlobStore(engine_at(url, root_certificate=issuer.pem), "x", tmp_path)
        blob_id = await published(trusting, b"content")
        assert await content_of(trusting, blob_id, 7) == b"content"
        with pytest.raises(Unavailable):
            await content_of(S3BlobStore(engine_at(url), "x", tmp_path), blob_id, 7)
