"""What an object costs to read is in proportion to its size (issue 10, D1 and D2).

The kind: requests whose cost grows with what other requests have prepared.
"""

import asyncio
import threading

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ossia.domain.objects import ingest, multipart
from ossia.domain.objects.extents import MOST_SHORT, SHORT, cut, may_be_shared, merged, short_tail
from ossia.domain.objects.multipart import MIN_PART, ChosenPart
from ossia.domain.objects.objects import Attributes
from ossia.errors import EntityTooLarge
from ossia.http.body import ClientGone
from ossia.protocol.preconditions import Preconditions
from ossia.records import Bucket, Extent, StoredObject
from storing import Domain, Source

NONE = Attributes()
ANY = Preconditions()

runs = st.lists(
    st.builds(
        Extent,
        blob_id=st.sampled_from("ab"),
        blob_offset=st.integers(0, 6),
        length=st.integers(1, 6),
    ),
    max_size=8,
).map(tuple)


def spelled(extents: tuple[Extent, ...] | list[Extent]) -> list[tuple[str, int]]:
    """Which byte of which blob stands at each position."""
    return [(each.blob_id, each.blob_offset + n) for each in extents for n in range(each.length)]


@given(runs, st.integers(0, 50), st.integers(0, 50))
def test_merging_and_cutting_keep_every_byte(
    extents: tuple[Extent, ...], start: int, length: int
) -> None:
    whole = spelled(extents)
    joined = merged(extents)
    assert spelled(joined) == whole
    assert merged(joined) == joined
    assert spelled(cut(extents, start, length)) == whole[start : start + length]
    assert spelled(merged(cut(extents, start, length))) == whole[start : start + length]


@given(st.lists(st.integers(1, 9), min_size=1, max_size=9))
def test_what_was_one_run_is_one_again(lengths: list[int]) -> None:
    pieces, position = [], 3
    for length in lengths:
        pieces.append(Extent(blob_id="a", blob_offset=position, length=length))
        position += length
    assert merged(pieces) == (Extent(blob_id="a", blob_offset=3, length=sum(lengths)),)


def test_what_is_short() -> None:
    short, long = Extent(blob_id="a", length=SHORT - 1), Extent(blob_id="b", length=SHORT)
    assert may_be_shared([long])
    assert not may_be_shared([short])
    assert not may_be_shared([long, long])
    assert not may_be_shared([])
    assert [short_tail(each) for each in ([], [long], [short, long], [long, short, short])] == [
        0, 0, 0, 2,
    ]  # fmt: skip


@pytest.fixture
def domain() -> "Domain":
    return Domain()


async def doubled(domain: Domain, bucket: Bucket, source: StoredObject) -> StoredObject:
    """An object made of *source* twice."""
    upload = await domain.multipart.initiate(bucket, "k", NONE)
    chosen = []
    for number in (1, 2):
        part, _, _ = await domain.multipart.copy_part(
            bucket, "k", upload.id, number, source, None, ANY
        )
        chosen.append(ChosenPart(number, part.etag))
    return await domain.multipart.complete(bucket, upload, chosen)


@pytest.mark.parametrize("size", [MIN_PART, SHORT])
async def test_parts_of_parts_do_not_multiply(domain: Domain, size: int) -> None:
    bucket = await domain.bucket()
    content = b"0123456789abcdef" * (size // 16)
    stored = await domain.objects.put(bucket, "k", Source(content, step=size), NONE)
    for _ in range(5):
        stored = await doubled(domain, bucket, stored)
        content *= 2
        assert len(stored.extents) <= 2
    assert await domain.objects.read(stored, 0, stored.size) == content


async def test_pieces_in_a_row_are_shared_as_one(domain: Domain) -> None:
    bucket = await domain.bucket()
    source = await domain.objects.put(bucket, "s", Source(bytes(3 * SHORT), step=SHORT), NONE)
    upload = await domain.multipart.initiate(bucket, "k", NONE)
    for number in range(3):
        chosen = f"bytes={number * SHORT}-{(number + 1) * SHORT - 1}"
        await domain.multipart.copy_part(bucket, "k", upload.id, number + 1, source, chosen, ANY)
    done = await domain.multipart.complete(bucket, upload, None)
    assert done.extents == source.extents


PIECE = bytes(range(256)) * 80
"""More than is kept inline."""


async def appended(domain: Domain, bucket: Bucket, number: int) -> StoredObject:
    await domain.objects.append(
        bucket, "log", number * len(PIECE), Source(PIECE, step=len(PIECE)), NONE
    )
    found = await domain.metadata.find_object(bucket.id, "log")
    assert found is not None
    return found


async def test_short_appends_are_copied_together(domain: Domain) -> None:
    bucket = await domain.bucket()
    counts = []
    for number in range(2 * MOST_SHORT + 10):
        stored = await appended(domain, bucket, number)
        counts.append(len(stored.extents))
    assert max(counts) == MOST_SHORT + 1
    assert counts[-1] == 12
    assert await domain.objects.read(stored, 0, stored.size) == PIECE * (2 * MOST_SHORT + 10)


async def test_joining_gives_way_to_a_faster_append(domain: Domain) -> None:
    bucket = await domain.bucket()
    for number in range(MOST_SHORT):
        stored = await appended(domain, bucket, number)
    faster = msgspec.structs.replace(stored, etag="faster")

    async def replace() -> None:
        domain.meanwhile("put_object")
        await domain.metadata.put_object(faster, replaces=stored)

    domain.meanwhile("put_object", replace)
    await domain.objects._join_tail(stored, None)
    assert await domain.metadata.find_object(bucket.id, "log") == faster


async def test_sizes(domain: Domain, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = await domain.bucket()
    source = await domain.objects.put(bucket, "s", Source(bytes(MIN_PART)), NONE)
    upload = await domain.multipart.initiate(bucket, "k", NONE)
    huge = msgspec.structs.replace(source, size=ingest.MAX_OBJECT + 1)
    with pytest.raises(EntityTooLarge):
        await domain.multipart.copy_part(bucket, "k", upload.id, 1, huge, None, ANY)
    await domain.multipart.copy_part(bucket, "k", upload.id, 1, source, None, ANY)
    monkeypatch.setattr(multipart, "MAX_WHOLE", MIN_PART - 1)
    with pytest.raises(EntityTooLarge):
        await domain.multipart.complete(bucket, upload, None)


async def test_copied_ranges_take_turns_with_uploads(domain: Domain) -> None:
    """All threads digest; an upload waits for one slice of each and not for their ends."""
    bucket = await domain.bucket()
    slices = 64
    source = await domain.objects.put(bucket, "s", Source(bytes(slices * SHORT), SHORT), NONE)
    upload = await domain.multipart.initiate(bucket, "k", NONE)
    copies = [
        asyncio.create_task(
            domain.multipart.copy_part(
                bucket, "k", upload.id, number, source, f"bytes=0-{source.size - 2}", ANY
            )
        )
        for number in range(1, 9)
    ]
    await asyncio.sleep(0)
    await domain.objects.put(bucket, "small", Source(bytes(200_000)), NONE)
    assert not any(each.done() for each in copies)
    await asyncio.gather(*copies)


@pytest.mark.parametrize("pieces", [1, 2])
async def test_copying_ends_when_the_client_has_left(domain: Domain, pieces: int) -> None:
    bucket = await domain.bucket()
    source = await domain.objects.put(bucket, "s", Source(bytes(8 * SHORT), SHORT), NONE)
    if pieces == 2:
        source = msgspec.structs.replace(
            source, extents=(*source.extents, *source.extents), size=2 * source.size
        )
    upload = await domain.multipart.initiate(bucket, "k", NONE)
    asked = threading.Semaphore(3)
    with pytest.raises(ClientGone):
        await domain.multipart.copy_part(
            bucket,
            "k",
            upload.id,
            1,
            source,
            f"bytes=0-{source.size - 2}",
            ANY,
            is_wanted=lambda: asked.acquire(blocking=False),
        )
    assert not await domain.multipart.parts(upload.id, 0, 9)


async def test_what_is_said_while_an_object_grows_stays(domain: Domain) -> None:
    """An append, and what it copies together, takes its time: a changed ACL counts all along."""
    bucket = await domain.bucket()
    for number in range(MOST_SHORT):
        await appended(domain, bucket, number)
    domain.meanwhile("put_object", lambda: domain.objects.describe(bucket, "log", acl="private"))
    assert (await appended(domain, bucket, MOST_SHORT)).acl == "private"
    domain.meanwhile(
        "append_object", lambda: domain.objects.describe(bucket, "log", acl="public-read")
    )
    stored = await appended(domain, bucket, MOST_SHORT + 1)
    assert stored.acl == "public-read"
    assert stored.size == (MOST_SHORT + 2) * len(PIECE)
