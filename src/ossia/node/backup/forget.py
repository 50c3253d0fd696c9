"""``ossia backup forget``: points go that no rule keeps, and what only they have named."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from ossia.node.backup import points
from ossia.node.backup.kept_blobs import place_of
from ossia.node.backup.points import time_of
from ossia.node.backup.repository import BLOBS, POINTS, ROWS, Repository
from ossia.node.backup.sheaves import unbind
from ossia.node.migration.blobs import DamagedError
from ossia.node.progress import Progress
from ossia.ports import Missing
from ossia.settings import SettingsError
from ossia.tables import every


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """The newest so many, and one of each of so many days, weeks and months that have any."""

    last: int = 0
    daily: int = 0
    weekly: int = 0
    monthly: int = 0

    def kept(self, names: Sequence[str]) -> set[str]:
        """Which of them stay."""
        newest_first = sorted(names, reverse=True)
        kept = set(newest_first[: self.last])
        for count, period in (
            (self.daily, _day),
            (self.weekly, _week),
            (self.monthly, _month),
        ):
            seen: set[tuple[int, ...]] = set()
            for name in newest_first:
                of = period(time_of(name))
                if of not in seen and len(seen) < count:
                    seen.add(of)
                    kept.add(name)
        return kept


def _day(at: datetime) -> tuple[int, ...]:
    return (at.year, at.month, at.day)


def _week(at: datetime) -> tuple[int, ...]:
    return tuple(at.isocalendar()[:2])


def _month(at: datetime) -> tuple[int, ...]:
    return (at.year, at.month)


def forget(repository: Repository, rules: Rules, progress: Progress, *, dry_run: bool) -> None:
    """Remove what *rules* do not keep.  Raises `SettingsError`, `OSError`."""
    if rules == Rules():
        raise SettingsError("Say what is to be kept: --keep-last, --keep-daily, …")
    with repository.removing():
        there = points.names(repository)
        kept = rules.kept(there)
        gone = [name for name in there if name not in kept]
        if dry_run:
            _say(progress, "would_forget", "would go", gone, kept)
            return
        # First all that stays is read: what a point names that does not open is not known.
        used = _used(repository, kept)
        for name in gone:
            repository.remove(f"{POINTS}/{name}")
        repository.sync()
        repository.remove_unfinished()
        removed = sum(_remove_unused(repository, kind, used) for kind in (ROWS, BLOBS))
    progress.say("removed", f"{removed} files were removed.", files=removed)
    _say(progress, "forgotten", "gone", gone, kept)


def _say(progress: Progress, event: str, word: str, gone: list[str], kept: Iterable[str]) -> None:
    stays = sorted(kept)
    text = "\n".join([*(f"{word:8}  {name}" for name in gone), *(f"kept      {n}" for n in stays)])
    progress.say(event, text, gone=gone, kept=stays)


def _used(repository: Repository, kept: Iterable[str]) -> set[str]:
    used: set[str] = set()
    for name in kept:
        try:
            for bound in points.get(repository, name).tables:
                used.update(f"{ROWS}/{sheaf}" for sheaf in bound.sheaves)
                if bound.name == every.BLOB.name:
                    used.update(
                        place_of(row[0]) for rows in unbind(repository, bound) for row in rows
                    )
        except (DamagedError, Missing) as error:
            raise SettingsError(
                f"The point {name} is damaged ({error}), so what it needs is not known and nothing "
                "is removed: run ossia backup verify."
            ) from error
    return used


def _remove_unused(repository: Repository, kind: str, used: set[str]) -> int:
    unused = [place for place in repository.places(kind) if place not in used]
    for place in unused:
        repository.remove(place)
    return len(unused)
