"""The rules of objects over memory adapters."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ossia.domain.objects.extents import cut as cut_extents
from ossia.domain.objects.objects import Attributes
from ossia.domain.objects.spans import BlobSpan
from ossia.domain.objects.versions import Named
from ossia.errors import (
    EntityTooLarge,
    FileAlreadyExists,
    InternalError,
    InvalidDigest,
    NoSuchBucket,
    NoSuchKey,
    ObjectNotAppendable,
    OssError,
    PositionNotEqualToLength,
    PreconditionFailed,
    ServiceUnavailable,
)
from ossia.ports import Conflict, Exists, Fenced, Missing
from ossia.protocol.checksums import crc64, md5_hex
from ossia.protocol.preconditions import Preconditions
from ossia.records import Bucket, Extent, StoredObject
from storing import Domain, Source

BIG = os.urandom(200_000)
NONE = Attributes()
ANY = Preconditions()


@pytest.fixture
def domain() -> Iterator[Domain]:
    made = Domain()
    yield made
    made.ingest.close()


async def put(domain: Domain, bucket: Bucket, key: str, content: bytes) -> StoredObject:
    return await domain.objects.put(bucket, key, Source(content), NONE)


async def read(domain: Domain, stored: StoredObject) -> bytes:
    return await domain.objects.read(stored, 0, stored.size)


@settings(max_examples=40, deadline=None)
@given(
    size=st.integers(0, 300_000),
    step=st.integers(1, 70_000),
    known=st.booleans(),
    inline_limit=st.sampled_from([0, 100, 16_384]),
)
async def test_what_is_put_comes_back(size: int, step: int, known: bool, inline_limit: int) -> None:
    domain = Domain(inline_limit=inline_limit)
    bucket = await domain.bucket()
    content = (BIG * 2)[:size]
    await domain.objects.put(
        bucket, "k", Source(content, max(step, size // 200), known=known), NONE
    )
    stored = await domain.objects.find(bucket, "k")
    assert (stored.size, stored.etag, stored.crc64) == (size, md5_hex(content), crc64(content))
    assert await read(domain, stored) == content
    assert (stored.inline is None) == (size > inline_limit)
    domain.ingest.close()


extents = st.lists(st.binary(max_size=9), max_size=6)


@given(extents, st.integers(0, 60), st.integers(0, 60))
def test_cutting_extents_is_slicing(pieces: list[bytes], start: int, length: int) -> None:
    blobs = {f"b{n}": b"??" + piece + b"?" for n, piece in enumerate(pieces)}
    listed = [
        Extent(blob_id=f"b{n}", blob_offset=2, length=len(piece)) for n, piece in enumerate(pieces)
    ]
    cut = cut_extents(listed, start, length)
    taken = b"".join(
        blobs[each.blob_id][each.blob_offset : each.blob_offset + each.length] for each in cut
    )
    assert taken == b"".join(pieces)[start : start + length]
    assert all(each.length > 0 for each in cut)


async def test_reading_behind_the_end_gives_what_there_is(domain: Domain) -> None:
    bucket = await domain.bucket()
    for content in (b"0123456789", BIG):
        stored = await put(domain, bucket, "k", content)
        assert await domain.objects.read(stored, 5, 10**9) == content[5:]
        assert await domain.objects.read(stored, len(content), 1) == b""
        assert await domain.objects.read(stored, len(content) + 9, 1) == b""


@pytest.mark.parametrize(
    ("fact", "error"),
    [
        (Exists("k"), FileAlreadyExists),
        (Missing("b"), NoSuchBucket),
        (Fenced("x"), ServiceUnavailable),
    ],
)
async def test_what_storage_says_about_a_put(
    domain: Domain, fact: Exception, error: type[OssError]
) -> None:
    bucket = await domain.bucket()
    domain.fail("put_object", fact)
    with pytest.raises(error):
        await put(domain, bucket, "k", BIG)
    assert await domain.objects.peek(bucket, "k") is None


async def test_a_refused_put_changes_nothing(domain: Domain) -> None:
    bucket = await domain.bucket()
    before = await put(domain, bucket, "k", b"before")
    with pytest.raises(FileAlreadyExists):
        await domain.objects.put(bucket, "k", Source(b"x"), NONE, forbid_overwrite=True)
    for content in (b"x", BIG):
        with pytest.raises(InvalidDigest):
            await domain.objects.put(
                bucket, "k", Source(content), NONE, content_md5="1B2M2Y8AsgTpgAmY7PhCfg=="
            )
    assert await domain.objects.find(bucket, "k") == before


async def test_forbid_overwrite_is_decided_in_the_transaction(domain: Domain) -> None:
    bucket = await domain.bucket()
    domain.meanwhile("put_object", lambda: put(domain, bucket, "k", b"faster"))
    with pytest.raises(FileAlreadyExists):
        await domain.objects.put(bucket, "k", Source(b"slow"), NONE, forbid_overwrite=True)
    assert await read(domain, await domain.objects.find(bucket, "k")) == b"faster"


# --- append ---


async def append(domain: Domain, bucket: Bucket, position: int, content: bytes) -> StoredObject:
    return await domain.objects.append(bucket, "log", position, Source(content), NONE)


async def test_appending(domain: Domain) -> None:
    bucket = await domain.bucket()
    whole = b""
    for content in (b"", b"abc", BIG, b"", b"d"):
        stored = await append(domain, bucket, len(whole), content)
        whole += content
        assert (stored.size, stored.crc64) == (len(whole), crc64(whole))
        found = await domain.objects.find(bucket, "log")
        assert await read(domain, found) == whole
    for position in (0, len(whole) - 1, len(whole) + 1):
        with pytest.raises(PositionNotEqualToLength) as caught:
            await append(domain, bucket, position, b"x")
        assert caught.value.headers == {"x-oss-next-append-position": str(len(whole))}
    with pytest.raises(PositionNotEqualToLength):
        await domain.objects.append(bucket, "new", 1, Source(b"x"), NONE)
    await put(domain, bucket, "log", b"normal")
    with pytest.raises(ObjectNotAppendable):
        await append(domain, bucket, 6, b"x")


async def test_an_append_that_would_be_too_long(domain: Domain) -> None:
    bucket = await domain.bucket()
    source = Source(b"x")
    source.length = 6 * 1024**3
    with pytest.raises(EntityTooLarge):
        await domain.objects.append(bucket, "log", 0, source, NONE)


async def test_two_appends_at_one_position(domain: Domain) -> None:
    bucket = await domain.bucket()
    domain.meanwhile("append_object", lambda: append(domain, bucket, 0, b"faster"))
    with pytest.raises(PositionNotEqualToLength) as caught:
        await append(domain, bucket, 0, b"slow")
    assert caught.value.headers == {"x-oss-next-append-position": "6"}
    domain.meanwhile("append_object", lambda: put(domain, bucket, "log", b"normal"))
    with pytest.raises(ObjectNotAppendable):
        await append(domain, bucket, 6, b"slow")


@pytest.mark.parametrize(
    ("fact", "error"),
    [
        (Conflict("k"), ServiceUnavailable),
        (Missing("b"), NoSuchBucket),
        (Fenced("x"), ServiceUnavailable),
    ],
)
async def test_what_storage_says_about_an_append(
    domain: Domain, fact: Exception, error: type[OssError]
) -> None:
    bucket = await domain.bucket()
    domain.fail("append_object", fact)
    with pytest.raises(error):
        await append(domain, bucket, 0, b"x")


# --- copy ---


async def copy(
    domain: Domain, bucket: Bucket, source: str, key: str, **more: object
) -> StoredObject:
    named: dict[str, object] = {
        "conditions": ANY,
        "replace_headers": False,
        "replace_tags": False,
        **more,
    }
    attributes = named.pop("attributes", NONE)
    copied, _ = await domain.copies.copy(bucket, source, bucket, key, attributes, **named)  # type: ignore[arg-type]  # passed through
    return copied


async def test_copying(domain: Domain) -> None:
    bucket = await domain.bucket()
    attributes = Attributes(headers={"x-oss-meta-a": "1"}, tags={"t": "1"}, storage_class="IA")
    for content in (b"small", BIG):
        await domain.objects.put(bucket, "a", Source(content), attributes)
        kept = await copy(domain, bucket, "a", "b")
        assert (kept.headers, kept.tags, kept.storage_class) == (
            attributes.headers,
            attributes.tags,
            "Standard",
        )
        replaced = await copy(domain, bucket, "a", "b", replace_headers=True, replace_tags=True)
        assert (replaced.headers, replaced.tags) == ({}, {})
        await domain.objects.versions.delete(bucket, [Named("a")])
        assert await read(domain, await domain.objects.find(bucket, "b")) == content
    with pytest.raises(NoSuchKey):
        await copy(domain, bucket, "a", "b")
    with pytest.raises(PreconditionFailed):
        await copy(domain, bucket, "b", "c", conditions=Preconditions('"x"'))
    with pytest.raises(FileAlreadyExists):
        await copy(domain, bucket, "b", "b2", forbid_overwrite=True) and await copy(
            domain, bucket, "b", "b2", forbid_overwrite=True
        )


async def test_c6_tags_given_while_it_is_permitted_stay_behind(domain: Domain) -> None:
    """Issue 10, C6: the permission was asked for a source without tags."""
    bucket = await domain.bucket()
    await domain.objects.put(bucket, "a", Source(b"x"), Attributes(tags={"t": "1"}))
    with pytest.raises(ServiceUnavailable):
        await copy(domain, bucket, "a", "b", carries_tags=False)
    replaced = await copy(domain, bucket, "a", "b", carries_tags=False, replace_tags=True)
    assert replaced.tags == {}
    assert (await copy(domain, bucket, "b", "c", carries_tags=False)).tags == {}


async def test_copying_onto_itself_changes_what_is_said(domain: Domain) -> None:
    bucket = await domain.bucket()
    await domain.objects.put(bucket, "a", Source(BIG), Attributes(storage_class="IA"))
    said = Attributes(headers={"x-oss-meta-b": "2"})
    new = await copy(domain, bucket, "a", "a", attributes=said, forbid_overwrite=True)
    assert (new.headers, new.storage_class) == (said.headers, "IA")
    assert await read(domain, await domain.objects.find(bucket, "a")) == BIG


async def test_a_copy_of_an_appendable_object_is_normal(domain: Domain) -> None:
    bucket = await domain.bucket()
    await append(domain, bucket, 0, b"x")
    assert (await copy(domain, bucket, "log", "b")).type == "Normal"
    assert (await copy(domain, bucket, "log", "log")).type == "Appendable"


async def test_a_source_replaced_meanwhile_is_read_again(domain: Domain) -> None:
    bucket = await domain.bucket()
    await put(domain, bucket, "a", BIG)
    domain.meanwhile("put_object", lambda: put(domain, bucket, "a", BIG[1:]))
    await copy(domain, bucket, "a", "a", attributes=Attributes(headers={"x-oss-meta-a": "1"}))
    found = await domain.objects.find(bucket, "a")
    assert found.headers == {"x-oss-meta-a": "1"}
    assert await read(domain, found) == BIG[1:]
    domain.fail("put_object", Fenced("x"), Conflict("x"))
    await copy(domain, bucket, "a", "b")
    assert await read(domain, await domain.objects.find(bucket, "b")) == BIG[1:]


async def test_a_source_that_is_always_replaced(domain: Domain) -> None:
    bucket = await domain.bucket()
    await put(domain, bucket, "a", b"x")
    domain.fail("put_object", Fenced("x"), Conflict("x"), Fenced("x"))
    with pytest.raises(ServiceUnavailable):
        await copy(domain, bucket, "a", "b")
    domain.fail("put_object", Missing("x"))
    with pytest.raises(NoSuchBucket):
        await copy(domain, bucket, "a", "b")


async def test_an_acl_is_set_on_what_is_there(domain: Domain) -> None:
    bucket = await domain.bucket()
    await put(domain, bucket, "a", b"before")
    domain.meanwhile("describe_object", lambda: put(domain, bucket, "a", b"after"))
    await domain.objects.describe(bucket, "a", acl="public-read")
    found = await domain.objects.find(bucket, "a")
    assert (found.acl, found.inline) == ("public-read", b"after")
    with pytest.raises(NoSuchKey):
        await domain.objects.describe(bucket, "missing", acl="private")


async def test_tags_and_acl_are_each_left_alone_by_the_other(domain: Domain) -> None:
    bucket = await domain.bucket()
    before = await put(domain, bucket, "a", b"x")
    domain.clock.at += 5_000
    await domain.objects.describe(bucket, "a", tags={"t": "v"})
    await domain.objects.describe(bucket, "a", acl="private")
    found = await domain.objects.find(bucket, "a")
    assert found == replace(before, tags={"t": "v"}, acl="private")
    await domain.objects.describe(bucket, "a", tags={})
    assert (await domain.objects.find(bucket, "a")).tags == {}


async def test_spans_open_their_blob_late_and_once(domain: Domain) -> None:
    bucket = await domain.bucket()
    stored = await put(domain, bucket, "k", BIG)
    (span,) = await domain.objects.spans(stored, 5, 10)
    span.close()
    assert await span.read(span.offset, 10) == BIG[5:15]
    assert span.fileno() == span.fileno()
    span.release()
    assert await span.read(span.offset, 1) == BIG[5:6]
    span.close()


async def test_span_whose_blob_is_gone_is_our_fault(domain: Domain) -> None:
    span = BlobSpan(domain.blobs, Extent(blob_id="missing", length=1))
    with pytest.raises(InternalError):
        span.fileno()
    with pytest.raises(InternalError):
        await span.begin()
    with pytest.raises(InternalError):
        await span.read(0, 1)
    span.close()
