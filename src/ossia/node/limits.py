"""How much there may be at a time: what the settings say, and the files that a process may open."""

import asyncio
import resource
from collections.abc import Callable
from typing import Final

from ossia.domain.buckets.buckets import QOS
from ossia.domain.callbacks.callbacks import CallbackLimits
from ossia.gateway.bucket_qos import BucketQosLimits
from ossia.gateway.limits import BUCKET, KEY, PEER, WHOSE, Limit, Limits, Tables
from ossia.gateway.peer_connections import PeerConnections
from ossia.http.load import EXTRA, Load
from ossia.http.message import Request
from ossia.protocol.limit_terms import Terms, parse_terms
from ossia.settings import Settings, SettingsError

_OTHER_FILES: Final = 500

Note = Callable[[str], None]
"""Hears of what was refused, in a word."""
LimitTables = dict[str, Tables]
"""Of each kind of limit that there is, in memory that is there before workers are."""


def callback_limits(settings: Settings) -> CallbackLimits:
    """No more than there can be files: a callback under way needs two, others need some."""
    room = _room(_OTHER_FILES, each=2)
    return CallbackLimits(
        total=min(settings.callback_limit, room),
        per_bucket=min(settings.callback_limit_per_bucket, room),
    )


def load_of(settings: Settings, note: Note) -> Load:
    """No more connections than there can be files: one that is sent a file needs three."""
    room = _room(_OTHER_FILES + EXTRA, each=3)
    return Load(
        asyncio.get_running_loop(),
        in_work=settings.request_limit,
        connections=min(settings.connection_limit, room),
        note=note,
    )


def _room(others: int, *, each: int) -> int:
    """For how many there are files, at so many *each*, beside so many of *others*."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return max(1, (files - others) // each)


def limit_terms(settings: Settings) -> dict[str, Terms]:
    """The limits that the settings name, by whose they are.  Raises `SettingsError`."""
    try:
        return {
            whose: parse_terms(f"--limit-{whose}", texts, has_connections=whose == PEER)
            for whose in WHOSE
            if (texts := getattr(settings, f"limit_{whose}"))
        }
    except ValueError as error:
        raise SettingsError(str(error)) from error


def limit_tables(settings: Settings, workers: int = 1) -> LimitTables:
    """What all workers count in.  A bucket may be given limits at any time."""
    return {whose: Tables(workers) for whose in (*limit_terms(settings), QOS)}


def limits_of(
    settings: Settings,
    tables: LimitTables,
    worker: int,
    note: Note,
    set_aside: Callable[[Request], None],
) -> Limits:
    """The limits, as one worker counts them."""
    found = {
        whose: Limit(whose, terms, tables[whose], worker, note)
        for whose, terms in limit_terms(settings).items()
    }
    return Limits(found.get(PEER), found.get(KEY), found.get(BUCKET), set_aside)


def bucket_qos_limits(tables: LimitTables, worker: int, note: Note) -> BucketQosLimits:
    """The limits that buckets have by configurations of their own."""
    return BucketQosLimits(tables[QOS], worker, note)


def peer_connections(
    settings: Settings, tables: LimitTables, worker: int, note: Note
) -> PeerConnections | None:
    """The bound of connections of each peer, if there is one."""
    terms = limit_terms(settings).get(PEER)
    if terms is None or not terms.connections:
        return None
    return PeerConnections(terms.connections, tables[PEER].connections, worker, note)
