"""When the garbage collector is woken."""

import asyncio
from collections.abc import Callable

import pytest

from ossia.node import memory_watch

MIB = 1024 * 1024


class Ended(Exception):  # noqa: N818 - the end of a story
    pass


def tried_at(
    monkeypatch: pytest.MonkeyPatch, resident: Callable[[int], int], ends: int
) -> list[int]:
    """The seconds at which memory was given back, of a process that occupies *resident* MiB then."""
    now, tried = 0, []

    async def sleep(seconds: float) -> None:
        nonlocal now
        now += round(seconds)
        if now > ends:
            raise Ended

    monkeypatch.setattr(memory_watch.asyncio, "sleep", sleep)
    monkeypatch.setattr(memory_watch, "resident_bytes", lambda: resident(now) * MIB)
    monkeypatch.setattr(memory_watch, "_give_back", lambda: tried.append(now))
    with pytest.raises(Ended):
        asyncio.run(memory_watch.watch_memory())
    return tried


def test_nothing_is_done_while_memory_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    assert tried_at(monkeypatch, lambda now: 50 + now % 8, 100) == []


def test_what_stays_is_tried_ever_more_seldom_and_then_counts_as_in_use(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert tried_at(monkeypatch, lambda now: 50 if now < 10 else 90, 300) == [
        10, 11, 13, 17, 25, 41, 73,
    ]  # fmt: skip


def test_what_grows_beyond_that_is_tried_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the last pause was: the memory of strangers does not wait for its end."""
    tried = tried_at(monkeypatch, lambda now: 50 if now < 10 else 90 if now < 50 else 110, 55)
    assert tried == [10, 11, 13, 17, 25, 41, 50, 51, 53]


def test_what_has_gone_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    tried = tried_at(monkeypatch, lambda now: 90 if now in (10, 20) else 50, 30)
    assert tried == [10, 20]
