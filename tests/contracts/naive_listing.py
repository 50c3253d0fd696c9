"""Pages of objects, versions and uploads are those of a listing that looks at every row.

Keys are short and of few characters, so that they lie in each other's common prefixes and beside
them; the characters are those at which an order by bytes, or the next text after one, may go wrong.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from naive_model import rolled_up
from tables_machine import LONG

from ossia.ports import Transaction
from stored import Stored

NamedRow = tuple[str, str]
"""A key and what tells its rows apart; of a common prefix the second is empty."""
_BUCKET: Final = 7
_MOST: Final = 200
"""Names of a bucket: a page that does not lead on would be asked for on and on."""
_CHARACTERS: Final = "/a0\x01é\ud7ff\ue000\uffff\U00010000\U0010fffe\U0010ffff"
_TEXTS: Final = st.text(_CHARACTERS, min_size=1, max_size=5)
_COLUMNS: Final = (
    "type, size, etag, md5, crc64, modified_at, storage_class, acl, extents",
    "'Normal', 0, 'E', '', 0, 0, 'Standard', 'default', 0",
)
_DELETE: Final = "delete from {}"
_INSERTS: Final = {
    "object": "insert into object (bucket_id, key, version, latest, {0}) values ($1, $2, $3, 1, {1})",
    "former": "insert into former (bucket_id, key, place, version, {0}) values ($1, $2, $3, $4, {1})",
    "upload": "insert into upload (bucket_id, key, id, initiated_at, storage_class, acl, sequential,"
    " forbid_overwrite) values ($1, $2, $3, 0, 'Standard', 'default', 0, 0)",
}
Bucket = dict[str, tuple[bool, int]]
"""Whether a key names something, and how many former versions, or uploads, it has."""


@st.composite
def buckets(draw: st.DrawFn) -> Bucket:
    """Keys of which some go on from others, and each of which has a row."""
    keys = draw(st.lists(_TEXTS, max_size=12))
    keys += [
        draw(st.sampled_from(keys)) + draw(_TEXTS) for _ in range(draw(st.integers(0, 12))) if keys
    ]
    rows = st.sampled_from([(True, 0), (True, 0), (True, 1), (True, 2), (False, 1), (False, 3)])
    return {key: draw(rows) for key in keys}


async def fill(tx: Transaction, bucket: Bucket) -> None:
    """Let there be nothing but *bucket*."""
    kept = [(key, place) for key, (_, formers) in bucket.items() for place in range(formers)]
    rows = {
        "object": [(_BUCKET, key, "v") for key, (is_named, _) in bucket.items() if is_named],
        "former": [(_BUCKET, key, place, f"v{place}") for key, place in kept],
        "upload": [(_BUCKET, key, f"{key}/{place}") for key, place in kept],
    }
    for table, inserted in rows.items():
        await tx.run(_DELETE.format(table))
        await tx.run_each(_INSERTS[table].format(*_COLUMNS), inserted)


def listed(rows: Iterable[NamedRow], prefix: str, delimiter: str, after: str) -> list[NamedRow]:
    """What is behind *after*."""
    found: list[NamedRow] = []
    for key, what in rows:
        if not key.startswith(prefix):
            continue
        name = rolled_up(key, prefix, delimiter)
        each = (key, what) if name is None else (name, "")
        if each[0] > after and each not in found[-1:]:
            found.append(each)
    return found


async def objects(store: Stored, limit: int, after: str, **asked: str) -> list[NamedRow]:
    """Every page from there on."""
    found: list[NamedRow] = []
    marker: str | None = after
    while marker is not None:
        page = await store.list_objects(_BUCKET, after=marker, limit=limit, **asked)
        named = [(each.key, each.version) for each in page.objects]
        found += sorted([*named, *((each, "") for each in page.prefixes)])
        marker = page.next_after
        assert len(found) < _MOST
    return found


async def versions(store: Stored, limit: int, after: str, **asked: str) -> list[NamedRow]:
    """The same of versions."""
    found: list[NamedRow] = []
    key, version = after, ""
    while True:
        page = await store.list_versions(
            _BUCKET, after_key=key, after_version=version, limit=limit, **asked
        )
        named = [(each.stored.key, each.stored.version) for each in page.versions]
        # The versions of a key stay in the order in which they are listed.
        found += sorted([*named, *((each, "") for each in page.prefixes)], key=lambda row: row[0])
        if page.next_key is None:
            return found
        key, version = page.next_key, page.next_version
        assert len(found) < _MOST


async def uploads(store: Stored, limit: int, after: str, **asked: str) -> list[NamedRow]:
    """The same of uploads."""
    found: list[NamedRow] = []
    key, upload = after, ""
    while True:
        page = await store.list_uploads(
            _BUCKET, after_key=key, after_upload_id=upload, limit=limit, **asked
        )
        named = [(each.key, each.id) for each in page.uploads]
        found += sorted([*named, *((each, "") for each in page.prefixes)])
        if page.next_key is None:
            return found
        key, upload = page.next_key, page.next_upload_id
        assert len(found) < _MOST


def rows_of(bucket: Bucket) -> dict[Callable[..., Awaitable[list[NamedRow]]], list[NamedRow]]:
    """Every row that each of the listings may show, in order."""
    found: dict[Callable[..., Awaitable[list[NamedRow]]], list[NamedRow]] = {
        objects: [],
        versions: [],
        uploads: [],
    }
    for key, (is_named, formers) in sorted(bucket.items()):
        named = [(key, "v")] if is_named else []
        found[objects] += named
        found[versions] += [*named, *((key, f"v{place}") for place in range(formers))]
        found[uploads] += [(key, f"{key}/{place}") for place in range(formers)]
    return found


def check_listings(open_store: Callable[[], Awaitable[Stored]], examples: int) -> None:
    """List buckets of all kinds, from anywhere on, in pages of any size."""
    with asyncio.Runner() as runner:
        store = runner.run(_opened(open_store))

        @settings(
            derandomize=not LONG,
            database=None,
            deadline=None,
            max_examples=max(LONG // 100, examples),
            suppress_health_check=[HealthCheck.too_slow],
        )
        @given(
            bucket=buckets(),
            prefix=st.just("") | st.text(_CHARACTERS, max_size=2),
            delimiter=st.just("/") | st.text(_CHARACTERS, max_size=2),
            after=st.just("") | _TEXTS,
            limit=st.integers(1, 6) | st.just(100),
        )
        def check(bucket: Bucket, limit: int, after: str, prefix: str, delimiter: str) -> None:
            runner.run(store.change(fill, bucket))
            asked = {"prefix": prefix, "delimiter": delimiter, "after": after}
            for pages, rows in rows_of(bucket).items():
                found = runner.run(_listed(pages, store, limit, asked))
                assert found == listed(rows, **asked), pages.__name__

        try:
            check()
        finally:
            runner.run(store.close())


async def _opened(open_store: Callable[[], Awaitable[Stored]]) -> Stored:
    return await open_store()


async def _listed(
    pages: Callable[..., Awaitable[list[NamedRow]]],
    store: Stored,
    limit: int,
    asked: dict[str, str],
) -> list[NamedRow]:
    return await pages(store, limit, **asked)
