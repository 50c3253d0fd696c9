"""What rows and bytes say of each other when collection is over: nothing dangles, nothing leaks."""

import re
import time
from functools import partial
from typing import Final
from urllib.parse import quote

from cluster import ceph, gateways, postgres
from cluster.processes import wait_until
from cluster.whole import Cluster
from ossia.tables.blob_life import BlobState

_LATER_S: Final = 5 * 24 * 3600
"""Every lease and every grace is over by then."""
_SWEEP_WITHIN_S: Final = 900
_NAMED: Final = """
    select blob_id from object where blob_id is not null
    union select blob_id from former where blob_id is not null
    union select blob_id from extent
"""
_KEY: Final = re.compile(rb"<Key>([^<]*)</Key>")
_ID: Final = re.compile(r"[0-9a-f]{32}")


def collect(whole: Cluster) -> None:
    """Let every lease run out at once, and wait until what nobody needs is gone.

    Twice, because what the first pass has deleted is kept as a tombstone, which has a lease, too.
    """
    for turn in (1, 2):
        _move_clocks(whole, turn * _LATER_S)
        now_ms = int((time.time() + turn * _LATER_S) * 1000)
        wait_until(partial(_nothing_is_due, whole, now_ms), _SWEEP_WITHIN_S, "Garbage stays")
    _move_clocks(whole, 0)
    assert not rows(whole, f"select id from blob where state <> {BlobState.LIVE}")  # noqa: S608 - a number


def _move_clocks(whole: Cluster, seconds: float) -> None:
    for each in whole.group.gateways:
        gateways.move_clock(whole.place, each.name, seconds)


def _nothing_is_due(whole: Cluster, now_ms: int) -> bool:
    """Whether all that is left of garbage are tombstones whose time has not come."""
    settled = f"state = {BlobState.TOMBSTONE} and lease_until > {now_ms}"
    garbage = f"select id from blob where state <> {BlobState.LIVE} and not ({settled})"  # noqa: S608 - numbers
    return not rows(whole, garbage)


def faults(whole: Cluster) -> list[str]:
    """What dangles and what leaks, after `collect`."""
    live, named, stored = (
        set(rows(whole, "select id from blob")),
        set(rows(whole, _NAMED)),
        _stored(whole),
    )
    return [
        *(f"the blob {each} is named by an object and has no row" for each in named - live),
        *(f"the blob {each} has a row and nobody names it" for each in live - named),
        *(f"the blob {each} has a row and no bytes" for each in live - stored),
        *(f"the blob {each} has bytes and no row" for each in stored - live),
    ]


def rows(whole: Cluster, sql: str) -> list[str]:
    return postgres.run_sql(whole.place, sql, database=whole.group.database).split()


def _stored(whole: Cluster) -> set[str]:
    """Ids of blobs of which the engine has bytes."""
    found: set[str] = set()
    marker = ""
    while True:
        prefix = quote(f"{whole.group.database}/")
        query = f"?prefix={prefix}&marker={quote(marker)}"
        status, page = ceph.request(whole.place, "GET", f"/{ceph.BUCKET}/", query=query)
        assert status == 200, page
        names = [each.decode() for each in _KEY.findall(page)]
        found |= {match[0] for name in names if (match := _ID.search(name))}
        if b"<IsTruncated>true" not in page:
            return found
        marker = names[-1]
