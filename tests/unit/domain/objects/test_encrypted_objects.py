"""Objects that are encrypted, in the domain: every range of every make-up, and what happens meanwhile."""

import asyncio
import os
from collections.abc import Iterable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ossia.domain.objects.encryption import (
    DOCUMENT,
    default_rule,
    encryption_of,
    is_encrypted,
    without_encryption,
)
from ossia.domain.objects.extents import MOST_SHORT
from ossia.domain.objects.multipart import MIN_PART
from ossia.domain.objects.objects import Attributes
from ossia.domain.objects.spans import PIECE
from ossia.errors import EntityTooLarge, KmsKeyDisabled, ServiceUnavailable
from ossia.http.body import ClientGone
from ossia.protocol.encryption_rule import EncryptionRule, pack_rule
from ossia.protocol.object_cipher import AES256, SM4
from ossia.protocol.preconditions import Preconditions
from ossia.records import DATA_KEY, Bucket, StoredObject
from storing import Domain, Source

ANY = Preconditions()
RULES = [EncryptionRule("AES256"), EncryptionRule("KMS", "", "SM4")]
CONTENT = os.urandom(3 * PIECE + 17)


@pytest.fixture
def domain() -> Domain:
    return Domain()


def asked(rule: EncryptionRule | None = RULES[0]) -> Attributes:
    return Attributes(headers={"content-type": "text/x"}, encryption=rule)


async def bytes_at_rest(domain: Domain) -> bytes:
    """Everything that is stored anywhere."""
    rows = await domain.metadata.all("select bytes from content")
    blobs = b"".join(domain.blobs._published.values())
    return b"".join(row[0] for row in rows) + blobs


async def copied(
    domain: Domain, bucket: Bucket, source: str, target: str, rule: EncryptionRule | None
) -> StoredObject:
    new, _ = await domain.copies.copy(
        bucket, source, bucket, target, asked(rule),
        conditions=ANY, replace_headers=False, replace_tags=False,
    )  # fmt: skip
    return new


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("size", [0, 1, 16_384, 16_385, len(CONTENT)])
@pytest.mark.parametrize("known", [True, False])
async def test_nothing_lies_in_plain(
    domain: Domain, rule: EncryptionRule, size: int, known: bool
) -> None:
    bucket = await domain.bucket()
    content = CONTENT[:size]
    stored = await domain.objects.put(bucket, "k", Source(content, known=known), asked(rule))
    assert stored == await domain.objects.find(bucket, "k")
    assert stored.size == size
    assert await domain.objects.read(stored, 0, size) == content
    assert not size or content[:64] not in await bytes_at_rest(domain) or size == 1
    plain = await domain.objects.put(bucket, "p", Source(content, known=known), Attributes())
    assert content in await bytes_at_rest(domain), "the test would see it"
    assert (plain.etag, plain.crc64) == (stored.etag, stored.crc64)


sizes = st.lists(st.integers(1, 40_000), min_size=1, max_size=5)
ranges = st.lists(st.tuples(st.integers(0, 150_000), st.integers(0, 150_000)), max_size=5)


@settings(max_examples=25, deadline=None)
@given(sizes=sizes, ranges=ranges, rule=st.sampled_from(RULES), through=st.sampled_from("as"))
def test_ranges_over_runs(
    sizes: list[int], ranges: Iterable[tuple[int, int]], rule: EncryptionRule, through: str
) -> None:
    """Appends of any sizes, and a part made of any range of them, read at any place."""

    async def check() -> None:
        domain = Domain()
        bucket = await domain.bucket()
        whole = b""
        for number, size in enumerate(sizes):
            piece = CONTENT[number * 7 :][:size]
            stored = await domain.objects.append(
                bucket, "log", len(whole), Source(piece), asked(rule)
            )
            whole += piece
        stored = await domain.objects.find(bucket, "log")
        if through == "s":
            upload = await domain.multipart.initiate(bucket, "k", asked(RULES[0]))
            text = f"bytes=1-{len(whole) - 1}" if len(whole) > 1 else None
            await domain.multipart.copy_part(bucket, "k", upload.id, 1, stored, text, ANY)
            stored = await domain.multipart.complete(bucket, upload, None)
            whole = whole[1:] or whole
        for start, length in [*ranges, (0, len(whole))]:
            found = await domain.objects.read(stored, start, length)
            assert found == whole[start : start + length]

    asyncio.run(check())


async def test_spans_are_read_piece_by_piece_from_anywhere(domain: Domain) -> None:
    bucket = await domain.bucket()
    stored = await domain.objects.put(bucket, "k", Source(CONTENT), asked())
    (span,) = await domain.objects.begin(stored, 5, len(CONTENT) - 10)
    assert span.fileno() is None
    assert (span.offset, span.length) == (5, len(CONTENT) - 10)
    first = await span.read(5, span.length)
    assert bytes(first) == CONTENT[5 : 5 + PIECE], "no reader holds more"
    span.release()
    assert await span.read(5 + PIECE, 100) == CONTENT[5 + PIECE :][:100]
    assert await span.read(7, 3) == CONTENT[7:10]
    span.close()


@pytest.mark.parametrize("rule", RULES)
async def test_many_short_runs_are_joined(domain: Domain, rule: EncryptionRule) -> None:
    bucket = await domain.bucket()
    for number in range(MOST_SHORT + 1):
        await domain.objects.append(
            bucket, "log", 9 * number, Source(b"%09d" % number), asked(rule)
        )
    stored = await domain.objects.find(bucket, "log")
    assert len(stored.extents) == 2
    whole = b"".join(b"%09d" % number for number in range(MOST_SHORT + 1))
    assert await domain.objects.read(stored, 0, stored.size) == whole
    assert whole[:90] not in await bytes_at_rest(domain)


async def test_what_is_encrypted_otherwise_meanwhile_is_not_appended_to(domain: Domain) -> None:
    """What has landed is encrypted by the data key of before."""
    bucket = await domain.bucket()
    await domain.objects.append(bucket, "log", 0, Source(b"one"), asked())

    async def copy_onto_itself() -> None:
        domain.meanwhile("append_object")
        await copied(domain, bucket, "log", "log", EncryptionRule("SM4"))

    domain.meanwhile("append_object", copy_onto_itself)
    with pytest.raises(ServiceUnavailable):
        await domain.objects.append(bucket, "log", 3, Source(b"two"), asked())
    stored = await domain.objects.find(bucket, "log")
    assert await domain.objects.read(stored, 0, 9) == b"one"
    await domain.objects.append(bucket, "log", 3, Source(b"two"), asked())
    stored = await domain.objects.find(bucket, "log")
    assert await domain.objects.read(stored, 0, 9) == b"onetwo"


async def test_what_is_said_meanwhile_does_not_stop_an_append(domain: Domain) -> None:
    bucket = await domain.bucket()
    await domain.objects.append(bucket, "log", 0, Source(b"one"), asked())

    async def describe() -> None:
        await domain.objects.describe(bucket, "log", acl="private")

    domain.meanwhile("append_object", describe)
    await domain.objects.append(bucket, "log", 3, Source(b"two"), asked())
    stored = await domain.objects.find(bucket, "log")
    assert (stored.acl, await domain.objects.read(stored, 0, 9)) == ("private", b"onetwo")


@pytest.mark.parametrize("size", [100, len(CONTENT)])
async def test_a_copy_by_the_same_rule_moves_no_byte(domain: Domain, size: int) -> None:
    bucket = await domain.bucket()
    first = await domain.objects.put(bucket, "k", Source(CONTENT[:size]), asked())
    blobs = set(domain.blobs._published)
    same = await copied(domain, bucket, "k", "same", RULES[0])
    assert (same.inline, same.extents) == (first.inline, first.extents)
    assert same.headers[DATA_KEY] != first.headers[DATA_KEY], "wrapped anew"
    assert set(domain.blobs._published) == blobs
    other = await copied(domain, bucket, "k", "other", RULES[1])
    plain = await copied(domain, bucket, "k", "plain", None)
    assert not is_encrypted(plain.headers)
    assert plain.headers == {"content-type": "text/x"}
    for each in (same, other, plain):
        assert await domain.objects.read(each, 0, size) == CONTENT[:size]
    if size > 100:
        assert len(domain.blobs._published) == len(blobs) + 2


async def test_a_copy_that_moves_bytes_ends_with_its_client(domain: Domain) -> None:
    bucket = await domain.bucket()
    await domain.objects.put(bucket, "k", Source(CONTENT), asked(None))
    with pytest.raises(ClientGone):
        await domain.copies.copy(
            bucket, "k", bucket, "t", asked(), conditions=ANY, replace_headers=False,
            replace_tags=False, is_wanted=lambda: False,
        )  # fmt: skip
    assert await domain.objects.peek(bucket, "t") is None


async def test_a_copy_that_moves_more_than_a_write_may_is_refused(
    domain: Domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = await domain.bucket()
    await domain.objects.put(bucket, "k", Source(CONTENT), asked(None))
    take = domain.ingest.take

    async def small(source: object, **named: object) -> object:
        return await take(source, limit=1000, **named)  # type: ignore[arg-type]  # passed through

    monkeypatch.setattr(domain.ingest, "take", small)
    with pytest.raises(EntityTooLarge):
        await copied(domain, bucket, "k", "t", RULES[0])


@pytest.mark.parametrize("of_source", [None, RULES[0]])
async def test_parts_of_encrypted_uploads_share_nothing(
    domain: Domain, of_source: EncryptionRule | None
) -> None:
    bucket = await domain.bucket()
    content = os.urandom(MIN_PART) * 12
    source = await domain.objects.put(bucket, "s", Source(content), asked(of_source))
    for rule in (None, RULES[1]):
        upload = await domain.multipart.initiate(bucket, "k", asked(rule))
        part, _, _ = await domain.multipart.copy_part(bucket, "k", upload.id, 1, source, None, ANY)
        shares = part.extents == source.extents
        assert shares == (rule is None and of_source is None)
        assert part.etag == source.etag
        done = await domain.multipart.complete(bucket, upload, None)
        assert await domain.objects.read(done, 0, done.size) == content


async def test_a_key_that_is_disabled_in_the_middle(domain: Domain) -> None:
    bucket = await domain.bucket()
    key = await domain.kms.create()
    rule = EncryptionRule("KMS", key.id)
    stored = await domain.objects.put(bucket, "k", Source(b"small"), asked(rule))
    large = await domain.objects.put(bucket, "l", Source(CONTENT), asked(rule))
    (reading,) = await domain.objects.begin(large, 0, large.size)
    await domain.kms.disable(key.id)
    for use in (
        domain.objects.read(stored, 0, 1),
        domain.objects.begin(large, 0, 1),
        domain.objects.inline(stored),
    ):
        with pytest.raises(KmsKeyDisabled):
            await use
    # What was promised is kept.
    assert bytes(await reading.read(0, 10)) == CONTENT[:10]
    reading.close()


async def test_a_bucket_says_it_where_nobody_else_does(domain: Domain) -> None:
    bucket = await domain.bucket()
    assert default_rule(bucket) is None
    bucket = await domain.buckets.set_document(bucket, DOCUMENT, pack_rule(RULES[1]))
    assert default_rule(bucket) == RULES[1]
    stored = await domain.objects.put(bucket, "k", Source(b"x"), Attributes())
    assert stored.headers["x-oss-server-side-data-encryption"] == "SM4"


def test_what_headers_say_of_encryption() -> None:
    said = {"x-oss-server-side-encryption": "AES256", DATA_KEY: "x"}
    headers = {"content-type": "a/b", **said}
    assert encryption_of(headers) == said
    assert without_encryption(headers) == {"content-type": "a/b"}
    assert without_encryption({"content-type": "a/b"}) == {"content-type": "a/b"}
    assert not is_encrypted({"x-oss-server-side-encryption": "AES256"})


def test_algorithms() -> None:
    assert {rule.cipher for rule in RULES} == {AES256, SM4}
    assert msgspec.json.decode(pack_rule(RULES[0])) == ["AES256", "", ""]
