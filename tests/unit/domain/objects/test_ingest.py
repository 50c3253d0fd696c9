"""Bytes on their way in, the buffers they use, and buckets."""

import asyncio
import os
from collections.abc import Iterator

import pytest

from ossia.domain.buckets import buckets
from ossia.domain.objects.buffers import LARGE, SMALL, Buffers
from ossia.domain.objects.versions import Named
from ossia.errors import (
    BucketAlreadyExists,
    BucketNotEmpty,
    EntityTooLarge,
    EntityTooSmall,
    InvalidBucketName,
    InvalidDigest,
    NoSuchBucket,
    ServiceUnavailable,
    TooManyBuckets,
)
from ossia.http.body import Body, ClientGone
from ossia.ports import Conflict, Exists, Missing, StagedBlob, Unavailable
from ossia.protocol.checksums import crc64, etag_to_content_md5, md5_hex
from ossia.records import Bucket
from storing import Domain, Source

BIG = os.urandom(2 * LARGE + 5)


@pytest.fixture
def domain() -> Iterator[Domain]:
    made = Domain()
    yield made
    made.ingest.close()


def nothing_staged(domain: Domain) -> bool:
    return not domain.blobs._staged


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("size", [0, 1, 16_384, 16_385, SMALL, LARGE, LARGE + 1, 2 * LARGE])
async def test_digests_of_every_size(domain: Domain, size: int, known: bool) -> None:
    content = BIG[:size]
    landed = await domain.ingest.take(
        Source(content, 300_000, known=known),
        content_md5=etag_to_content_md5(md5_hex(content)),
        crc_before=crc64(b"before"),
    )
    assert (landed.size, landed.md5) == (size, md5_hex(content))
    assert landed.crc64 == crc64(b"before" + content)


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("size", [5, 20_000, LARGE + 1])
async def test_what_is_refused_leaves_nothing(domain: Domain, size: int, known: bool) -> None:
    content = BIG[:size]

    def too_small(_: int) -> None:
        raise EntityTooSmall

    for more, error in (
        ({"limit": size - 1}, EntityTooLarge),
        ({"content_md5": "1B2M2Y8AsgTpgAmY7PhCfg=="}, InvalidDigest),
        ({"content_md5": "bad"}, InvalidDigest),
        ({"check_size": too_small}, EntityTooSmall),
    ):
        with pytest.raises(error):
            await domain.ingest.take(Source(content, 9000, known=known), **more)
        assert nothing_staged(domain)
    assert not domain.blobs._published


async def test_small_bytes_that_may_not_be_inline(domain: Domain) -> None:
    landed = await domain.ingest.take(Source(b"abc"), keep_inline=False)
    assert landed.inline is None
    assert domain.blobs._published[landed.extents[0].blob_id] == b"abc"
    assert (await domain.ingest.take(Source(b""), keep_inline=False)).extents == ()


async def test_a_client_that_leaves(domain: Domain) -> None:
    body = Body(100_000)
    body.give(BIG[:50_000])
    taking = asyncio.ensure_future(domain.ingest.take(body))
    await asyncio.sleep(0.01)
    body.fail(ClientGone())
    with pytest.raises(ClientGone):
        await taking
    assert nothing_staged(domain)


async def test_an_upload_that_is_cancelled(domain: Domain) -> None:
    body = Body(100_000)
    taking = asyncio.ensure_future(domain.ingest.take(body))
    await asyncio.sleep(0.01)
    taking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await taking
    assert nothing_staged(domain)


class Weir:
    """A store that takes one piece and then no more until it is opened, or fails."""

    def __init__(self, domain: Domain) -> None:
        self.opened = asyncio.Event()
        self.fails = False
        self._stage = domain.blobs.stage
        domain.blobs.stage = self.stage  # type: ignore[method-assign]

    def stage(self, blob_id: str, size_hint: int | None) -> StagedBlob:
        staged = self._stage(blob_id, size_hint)
        staged.flow = self.flow  # type: ignore[method-assign]
        return staged

    async def flow(self) -> None:
        await self.opened.wait()
        if self.fails:
            raise Unavailable("the engine is gone")


@pytest.mark.parametrize("fails", [True, False])
async def test_a_slow_engine_holds_its_clients_back(domain: Domain, fails: bool) -> None:
    weir = Weir(domain)
    content = os.urandom(8 * LARGE)
    source = Source(content)
    taking = asyncio.ensure_future(domain.ingest.take(source))
    for _ in range(100):
        await asyncio.sleep(0.001)
    # One buffer is written, the other is full; nothing else was asked of the client.
    assert len(source._rest) == len(content) - 2 * LARGE
    weir.fails = fails
    weir.opened.set()
    if fails:
        with pytest.raises(Unavailable):
            await taking
        assert nothing_staged(domain)
    else:
        assert (await taking).md5 == md5_hex(content)


@pytest.mark.parametrize("size", [20_000, 2 * LARGE])
async def test_an_intent_that_cannot_be_recorded(domain: Domain, size: int) -> None:
    domain.fail("intend_blob", Unavailable("full"))
    with pytest.raises(Unavailable):
        await domain.ingest.take(Source(BIG[:size]))
    # Of bytes without a row the collector knows nothing.
    assert [each async for each in domain.blobs.ids(unchanged_since=10**15)] == []


async def test_digests_of_what_is_stored(domain: Domain) -> None:
    bucket = await domain.bucket()
    from ossia.domain.objects.objects import Attributes  # noqa: PLC0415 - one use

    stored = await domain.objects.put(bucket, "k", Source(BIG, 500_000), Attributes())
    spans = await domain.objects.spans(stored, 3, LARGE + 9)
    expected = BIG[3 : LARGE + 12]
    assert await domain.ingest.digest(spans) == (md5_hex(expected), crc64(expected))


# --- buffers ---


async def test_buffers_get_small_when_the_budget_is_used() -> None:
    buffers = Buffers(4 * LARGE)
    async with buffers.pair() as first, buffers.pair() as second, buffers.pair() as third:
        sizes = [len(view) for pair in (first, second, third) for view in pair]
        assert sizes == [LARGE] * 4 + [SMALL] * 2
        assert len({id(view.obj) for pair in (first, second, third) for view in pair}) == 6
    async with buffers.pair() as again:
        assert len(again[0]) == LARGE
        assert again[0].obj in [view.obj for view in (*first, *second)]


async def test_buffers_come_back_after_a_failure_and_are_not_all_kept() -> None:
    buffers = Buffers(4 * LARGE)
    for _ in range(5):
        with pytest.raises(ZeroDivisionError):
            async with buffers.pair():
                raise ZeroDivisionError
    pairs = [buffers.pair() for _ in range(7)]
    for pair in pairs:
        await pair.__aenter__()
    for pair in pairs:
        await pair.__aexit__(None, None, None)
    assert [len(kept) for kept in buffers._spare.values()] == [4, 8]
    assert buffers._free_budget == 4 * LARGE


# --- buckets ---


async def create(domain: Domain, name: str = "bucket", **more: str) -> Bucket:
    given = {"owner": "1", "acl": None, "storage_class": "Standard", "redundancy": "LRS", **more}
    return await domain.buckets.create(name, **given)  # type: ignore[arg-type]


async def test_creating_again_confirms_or_refuses(domain: Domain) -> None:
    first = await create(domain)
    assert (first.acl, first.region) == ("private", "cn-test")
    assert await create(domain) == first
    assert (await create(domain, acl="public-read")).acl == "public-read"
    for different in ({"owner": "2"}, {"storage_class": "IA"}):
        with pytest.raises(BucketAlreadyExists):
            await create(domain, **different)
    with pytest.raises(InvalidBucketName):
        await create(domain, "No")


async def test_two_who_create_at_a_time(domain: Domain) -> None:
    domain.meanwhile("create_bucket", lambda: create(domain))
    assert (await create(domain)).name == "bucket"
    domain.meanwhile("create_bucket", lambda: create(domain, "other", owner="2"))
    with pytest.raises(BucketAlreadyExists):
        await create(domain, "other")


async def test_too_many_buckets(domain: Domain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buckets, "MAX_BUCKETS", 1)
    await create(domain)
    with pytest.raises(TooManyBuckets):
        await create(domain, "another")


async def test_changes_are_tried_again(domain: Domain) -> None:
    bucket = await create(domain)
    await domain.buckets.set_document(bucket, "cors", b"x")
    # The bucket given is older than what is stored.
    changed = await domain.buckets.set_acl(bucket, "public-read")
    assert (changed.acl, changed.documents) == ("public-read", {"cors": b"x"})
    assert (await domain.buckets.set_document(changed, "cors", None)).documents == {}
    domain.fail("update_bucket", *[Conflict("x")] * 5)
    with pytest.raises(ServiceUnavailable):
        await domain.buckets.set_acl(changed, "private")
    domain.fail("update_bucket", Missing("x"))
    with pytest.raises(NoSuchBucket):
        await domain.buckets.set_acl(changed, "private")


async def test_deleting_buckets(domain: Domain) -> None:
    bucket = await create(domain)
    from ossia.domain.objects.objects import Attributes  # noqa: PLC0415 - one use

    await domain.objects.put(bucket, "k", Source(b"x"), Attributes())
    assert (await domain.buckets.usage(bucket)).objects == 1
    with pytest.raises(BucketNotEmpty):
        await domain.buckets.delete(bucket)
    await domain.objects.versions.delete(bucket, [Named("k"), Named("missing")])
    await domain.buckets.delete(bucket)
    with pytest.raises(NoSuchBucket):
        await domain.buckets.delete(bucket)
    with pytest.raises(NoSuchBucket):
        await domain.buckets.find("bucket")
    assert await domain.buckets.peek("bucket") is None
    assert await domain.buckets.list("", "", 9) == []
    domain.fail("create_bucket", Exists("bucket"))
    with pytest.raises((NoSuchBucket, ServiceUnavailable, BucketAlreadyExists)):
        await create(domain)
