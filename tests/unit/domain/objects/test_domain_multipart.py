"""Multipart uploads over memory adapters."""

import os
from collections.abc import Iterator

import pytest

from ossia.domain.objects.extents import SHORT
from ossia.domain.objects.held import Held
from ossia.domain.objects.multipart import MIN_PART, ChosenPart
from ossia.domain.objects.objects import Attributes
from ossia.errors import (
    EntityTooSmall,
    FileAlreadyExists,
    InvalidArgument,
    InvalidPart,
    InvalidPartOrder,
    NoSuchBucket,
    NoSuchUpload,
    OssError,
    PartNotSequential,
    PreconditionFailed,
    ServiceUnavailable,
)
from ossia.ports import Conflict, Exists, Fenced, Missing
from ossia.protocol.checksums import crc64, etag_to_content_md5, md5_hex
from ossia.protocol.preconditions import Preconditions
from ossia.records import Bucket, Part, StoredObject, Upload
from storing import Domain, Source

BIG = os.urandom(MIN_PART + 7)
NONE = Attributes()
ANY = Preconditions()


@pytest.fixture
def domain() -> Iterator[Domain]:
    made = Domain()
    yield made
    made.ingest.close()


async def begin(domain: Domain, **more: bool) -> tuple[Bucket, Upload]:
    bucket = await domain.bucket()
    return bucket, await domain.multipart.initiate(bucket, "k", NONE, **more)


async def part(domain: Domain, bucket: Bucket, upload: Upload, number: int, content: bytes) -> Part:
    part, _ = await domain.multipart.put_part(bucket, "k", upload.id, number, Source(content))
    return part


def named(*parts: Part) -> list[ChosenPart]:
    return [ChosenPart(each.number, f'"{each.etag.lower()}"') for each in parts]


async def test_an_object_of_parts(domain: Domain) -> None:
    bucket, upload = await begin(domain)
    first = await part(domain, bucket, upload, 2, BIG)
    await part(domain, bucket, upload, 5, b"replaced")
    last = await part(domain, bucket, upload, 5, b"last")
    page = await domain.multipart.uploads(
        bucket, prefix="", delimiter="", after_key="", after_upload_id="", limit=9
    )
    assert page.uploads == [upload]
    assert await domain.multipart.parts(upload.id, 2, 9) == [last]
    done = await domain.multipart.complete(bucket, upload, named(first, last), acl="private")
    assert (done.size, done.acl) == (len(BIG) + 4, "private")
    assert done.crc64 == crc64(BIG + b"last")
    assert await domain.objects.read(done, 0, done.size) == BIG + b"last"
    with pytest.raises(NoSuchUpload):
        await part(domain, bucket, upload, 1, b"x")


async def test_all_parts_and_an_empty_one(domain: Domain) -> None:
    bucket, upload = await begin(domain)
    await part(domain, bucket, upload, 1, b"")
    done = await domain.multipart.complete(bucket, upload, None)
    assert (done.size, done.inline) == (0, b"")


@pytest.mark.parametrize("chosen", [None, []])
async def test_w14_no_parts_make_an_empty_object(
    domain: Domain, chosen: list[ChosenPart] | None
) -> None:
    bucket, upload = await begin(domain)
    done = await domain.multipart.complete(bucket, upload, chosen)
    assert (done.type, done.size, done.inline, done.crc64) == ("Multipart", 0, b"", 0)
    assert done.etag == f"{md5_hex(b'')}-0"
    assert await domain.objects.find(bucket, "k") == done


async def test_w15_the_object_of_a_sequential_upload_has_the_md5_of_the_whole(
    domain: Domain,
) -> None:
    bucket, upload = await begin(domain, sequential=True)
    for number, content in enumerate((BIG, BIG[1:], b"end"), 1):
        await part(domain, bucket, upload, number, content)
    done = await domain.multipart.complete(bucket, upload, None)
    assert done.md5 == etag_to_content_md5(md5_hex(BIG + BIG[1:] + b"end"))
    assert done.etag.endswith("-3")
    again = bucket
    upload = await domain.multipart.initiate(again, "k", NONE)
    # The whole of it as a part of another: its ETag is that of the bytes, not that of the parts.
    copied, _, _ = await domain.multipart.copy_part(
        again, "k", upload.id, 1, done, None, Preconditions()
    )
    assert copied.etag == md5_hex(BIG + BIG[1:] + b"end")
    assert (await domain.multipart.complete(again, upload, None)).md5 == ""


@pytest.mark.parametrize(
    ("announced", "ec"), [("3", ""), ("4", "0005-00000411"), ("x", "0005-00000408")]
)
async def test_w39_the_size_that_an_encrypting_client_announced_is_checked(
    domain: Domain, announced: str, ec: str
) -> None:
    headers = {"x-oss-meta-client-side-encryption-data-size": announced}
    bucket = await domain.bucket("b-enc")
    upload = await domain.multipart.initiate(bucket, "k", Attributes(headers=headers))
    await part(domain, bucket, upload, 1, b"abc")
    if not ec:
        assert (await domain.multipart.complete(bucket, upload, None)).size == 3
        return
    with pytest.raises(InvalidArgument) as refused:
        await domain.multipart.complete(bucket, upload, None)
    assert refused.value.ec == ec
    assert await domain.objects.peek(bucket, "k") is None


async def test_what_a_completion_may_not_name(domain: Domain) -> None:
    bucket, upload = await begin(domain)
    first, second = [await part(domain, bucket, upload, n, b"x%d" % n) for n in (1, 2)]
    cases: list[tuple[list[ChosenPart], type[OssError]]] = [
        (named(second, first), InvalidPartOrder),
        (named(first, first), InvalidPartOrder),
        ([ChosenPart(3, first.etag)], InvalidPart),
        ([ChosenPart(1, second.etag)], InvalidPart),
        (named(first, second), EntityTooSmall),
    ]
    for chosen, error in cases:
        with pytest.raises(error):
            await domain.multipart.complete(bucket, upload, chosen)
    assert await domain.objects.peek(bucket, "k") is None


@pytest.mark.parametrize(
    ("fact", "error"),
    [(Missing("u"), NoSuchUpload), (Exists("k"), FileAlreadyExists), (Conflict("p"), InvalidPart)],
)
async def test_what_storage_says_about_a_completion(
    domain: Domain, fact: Exception, error: type[OssError]
) -> None:
    bucket, upload = await begin(domain)
    await part(domain, bucket, upload, 1, b"x")
    domain.fail("complete_upload", fact)
    with pytest.raises(error):
        await domain.multipart.complete(bucket, upload, None)


async def test_a_part_replaced_during_the_completion(domain: Domain) -> None:
    bucket, upload = await begin(domain)
    await part(domain, bucket, upload, 1, BIG)
    domain.meanwhile("complete_upload", lambda: part(domain, bucket, upload, 1, BIG[1:]))
    with pytest.raises(InvalidPart):
        await domain.multipart.complete(bucket, upload, None)
    done = await domain.multipart.complete(bucket, upload, None)
    assert await domain.objects.read(done, 0, done.size) == BIG[1:]


async def test_forbidding_to_overwrite(domain: Domain) -> None:
    bucket, upload = await begin(domain, forbid_overwrite=True)
    await part(domain, bucket, upload, 1, b"x")
    await domain.objects.put(bucket, "k", Source(b"there"), NONE)
    with pytest.raises(FileAlreadyExists):
        await domain.multipart.complete(bucket, upload, None)
    with pytest.raises(FileAlreadyExists):
        await domain.multipart.initiate(bucket, "k", NONE, forbid_overwrite=True)


async def test_sequential_uploads(domain: Domain) -> None:
    bucket, upload = await begin(domain, sequential=True)
    with pytest.raises(PartNotSequential):
        await part(domain, bucket, upload, 2, b"x")
    for number in (1, 2, 1, 3):
        await part(domain, bucket, upload, number, b"x")
    with pytest.raises(PartNotSequential):
        await part(domain, bucket, upload, 5, b"x")


@pytest.mark.parametrize(
    ("fact", "error"), [(Missing("u"), NoSuchUpload), (Fenced("b"), ServiceUnavailable)]
)
async def test_what_storage_says_about_a_part(
    domain: Domain, fact: Exception, error: type[OssError]
) -> None:
    bucket, upload = await begin(domain)
    domain.fail("put_part", fact)
    with pytest.raises(error):
        await part(domain, bucket, upload, 1, BIG)


async def test_parts_that_are_copies(domain: Domain) -> None:
    bucket, upload = await begin(domain)
    pieces = []
    cases = [(BIG, None), (BIG, "bytes=3-102500"), (b"0123456789", "bytes=2-4"), (b"", None)]
    for number, (content, chosen) in enumerate(cases, 1):
        source = await domain.objects.put(bucket, "source", Source(content), NONE)
        copied, taken, _ = await domain.multipart.copy_part(
            bucket, "k", upload.id, number, source, chosen, ANY
        )
        start, length = taken or (0, len(content))
        piece = content[start : start + length]
        assert (copied.size, copied.crc64) == (len(piece), crc64(piece))
        pieces.append(piece)
        if number <= 2:
            chosen_parts = await domain.multipart.parts(upload.id, 0, 9)
    done = await domain.multipart.complete(bucket, upload, named(*chosen_parts))
    assert await domain.objects.read(done, 0, done.size) == b"".join(pieces[:2])


async def test_a_copied_part_whose_source_changed(domain: Domain) -> None:
    bucket, upload = await begin(domain)
    source = await domain.objects.put(bucket, "source", Source(bytes(SHORT)), NONE)
    with pytest.raises(PreconditionFailed):
        await domain.multipart.copy_part(
            bucket, "k", upload.id, 1, source, None, Preconditions('"x"')
        )
    domain.fail("put_part", Fenced("collected"))
    with pytest.raises(ServiceUnavailable):
        await domain.multipart.copy_part(bucket, "k", upload.id, 1, source, None, ANY)
    await domain.objects.put(bucket, "source", Source(b"other"), NONE)
    # The bytes of the replaced object are on their way out: the client tries again.
    with pytest.raises(ServiceUnavailable, match="copy source was replaced"):
        await domain.multipart.copy_part(bucket, "k", upload.id, 1, source, None, ANY)


async def test_aborting(domain: Domain) -> None:
    bucket, upload = await begin(domain)
    domain.fail("abort_upload", Missing("u"))
    with pytest.raises(NoSuchUpload):
        await domain.multipart.abort(bucket, "k", upload.id)
    await domain.multipart.abort(bucket, "k", upload.id)
    with pytest.raises(NoSuchUpload):
        await domain.multipart.abort(bucket, "k", upload.id)
    domain.fail("create_upload", Missing("b"))
    with pytest.raises(NoSuchBucket):
        await domain.multipart.initiate(bucket, "k", NONE)


async def test_held_bytes_are_a_source() -> None:
    held, view = Held(b"abcde"), memoryview(bytearray(3))
    assert [await held.read_into(view), bytes(view)] == [3, b"abc"]
    assert [await held.read_into(view), bytes(view[:2])] == [2, b"de"]


async def test_nobody_hears_of_an_upload_that_would_overwrite(domain: Domain) -> None:
    class Heard:
        new: StoredObject | None = None

        async def before(self, new: StoredObject) -> None:
            self.new = new

    bucket, upload = await begin(domain)
    await part(domain, bucket, upload, 1, b"x")
    await domain.objects.put(bucket, "k", Source(b"first"), NONE)
    heard = Heard()
    with pytest.raises(FileAlreadyExists) as refused:
        await domain.multipart.complete(
            bucket, upload, None, forbid_overwrite=True, announcement=heard
        )
    assert (refused.value.ec, heard.new) == ("0042-00000214", None)
    await domain.multipart.complete(bucket, upload, None, announcement=heard)
    assert heard.new is not None
