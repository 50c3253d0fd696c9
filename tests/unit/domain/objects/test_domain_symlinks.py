"""The rules of symlinks over memory adapters."""

from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from ossia.domain.objects.objects import Attributes
from ossia.domain.objects.symlinks import is_link, target_of
from ossia.errors import FileAlreadyExists, InvalidTargetType, NotSymlink, SymlinkTargetNotExist
from ossia.records import Bucket, StoredObject
from storing import Domain, Source

ABOUT = Attributes(headers={"x-oss-meta-a": "b"}, tags={"t": "v"}, acl="private")


@pytest.fixture
def domain() -> Iterator[Domain]:
    made = Domain()
    yield made
    made.ingest.close()


async def put(domain: Domain, bucket: Bucket, key: str, content: bytes) -> StoredObject:
    return await domain.objects.put(bucket, key, Source(content), Attributes())


@pytest.mark.parametrize("size", [3, 100_000])
async def test_what_is_read_is_of_both(domain: Domain, size: int) -> None:
    bucket = await domain.bucket()
    link = await domain.symlinks.put(bucket, "link", "target", ABOUT)
    domain.clock.at += 5_000
    target = await put(domain, bucket, "target", b"x" * size)
    read = await domain.symlinks.follow(bucket, link)
    assert read == replace(
        target,
        key="link",
        type="Symlink",
        headers={"x-oss-meta-a": "b"},
        tags={"t": "v"},
        acl="private",
    )
    domain.clock.at += 5_000
    link = await domain.symlinks.put(bucket, "link", "target", ABOUT)
    assert (await domain.symlinks.follow(bucket, link)).modified_at == link.modified_at
    assert await domain.symlinks.follow(bucket, target) is target


async def test_links_are_not_followed_twice(domain: Domain) -> None:
    bucket = await domain.bucket()
    link = await domain.symlinks.put(bucket, "link", "target", ABOUT)
    with pytest.raises(SymlinkTargetNotExist):
        await domain.symlinks.follow(bucket, link)
    await domain.symlinks.put(bucket, "target", "further", ABOUT)
    await put(domain, bucket, "further", b"x")
    with pytest.raises(InvalidTargetType):
        await domain.symlinks.follow(bucket, link)


async def test_a_link_is_told_from_what_only_looks_like_one(domain: Domain) -> None:
    bucket = await domain.bucket()
    stored = await put(domain, bucket, "k", b"x")
    assert not is_link(stored)
    with pytest.raises(NotSymlink):
        target_of(stored)
    with pytest.raises(FileAlreadyExists):
        await domain.symlinks.put(bucket, "k", "target", ABOUT, forbid_overwrite=True)
    link = await domain.symlinks.put(bucket, "k", "target", ABOUT)
    assert (await domain.objects.find(bucket, "k"), target_of(link)) == (link, "target")
