"""Which lifecycle rule acts upon something at a time, and what it does.

Values in, values out: the worker acts by it, reads tell of it (``x-oss-expiration``), and
``ossia lifecycle explain`` shows it.

1. Days end at midnight UTC: something is due at the first midnight at which it is old enough
   (documentation of lifecycle rules, "Effective time").
2. Every rule that is about an object acts upon it, whatever its prefix ("Rules", examples of
   overlapping prefixes and of NOT).  What is due first comes first.  Of what is due, deleting goes
   before changing the class, and a colder class before a warmer one.
3. A class only ever becomes colder.  A link keeps its class; an appendable object never becomes one
   that is not appended to ("Limits on storage class conversion").
4. By the last access nothing is deleted.  Only what has become IA, and is read again, becomes
   Standard again, where a rule says so ("ReturnToStdWhenVisit").
5. A delete marker is removed when nothing but it is left of its key; one that is a former version
   goes as other former versions do.
"""

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

import msgspec

from ossia.domain.objects.appending import is_sealed
from ossia.protocol.dates import DAY_MS, format_iso
from ossia.protocol.lifecycle_rules import Lifecycle, Rule, Transition, When
from ossia.protocol.storage_class import COLDNESS, NEVER_APPENDED, STORAGE_CLASSES
from ossia.records import ObjectType, StoredObject, Upload

SMALL: Final = 64 * 1024
"""AllowSmallFile is about objects smaller than this."""
_STANDARD, _IA = STORAGE_CLASSES[:2]


class Deed(StrEnum):
    """What a rule does."""

    DELETE = "delete"
    CHANGE_CLASS = "change class"
    REMOVE_MARKER = "remove marker"
    ABORT = "abort upload"


class Judgement(msgspec.Struct, frozen=True, kw_only=True):
    """A rule acts: since ``due``, for ``reason``."""

    deed: Deed
    rule: str
    due: int
    reason: str
    storage_class: str = ""
    """The new one, if it is changed."""


class Ages(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of times besides what a row says.

    ``since`` is when a former version ceased to be what its key names; ``accessed`` when something
    was last accessed, and ``was_read`` whether that was after it had been written.
    """

    since: int = 0
    accessed: int | None = None
    was_read: bool = False


class Judge:
    """Judges by the rules of one bucket; a day lasts *day_ms*."""

    def __init__(self, lifecycle: Lifecycle, day_ms: int = DAY_MS) -> None:
        self.lifecycle = lifecycle
        self._day_ms = day_ms

    def of_object(self, stored: StoredObject, now: int, ages: Ages) -> Judgement | None:
        """What happens to what a key names, if anything is due."""
        rules = [each for each in self.lifecycle.of_objects if _is_about(each, stored)]
        steps = [(rule, each) for rule in rules for each in rule.transitions]
        changed = (stored.modified_at, "last modified")
        ends = self._ends(stored, rules)
        return _first(ends, now) or self._step(stored, steps, changed, now, ages)

    def of_former(self, stored: StoredObject, now: int, ages: Ages) -> Judgement | None:
        """The same of a former version, be it a delete marker."""
        rules = [each for each in self.lifecycle.of_formers if _is_about(each, stored)]
        ends = [
            self._judgement(
                Deed.DELETE, rule, When(days=rule.noncurrent_expiration), ages.since, "noncurrent"
            )
            for rule in rules
            if rule.noncurrent_expiration is not None
        ]
        steps = [(rule, each) for rule in rules for each in rule.noncurrent_transitions]
        changed = (ages.since, "noncurrent")
        return _first(ends, now) or self._step(stored, steps, changed, now, ages)

    def of_last_marker(self, stored: StoredObject) -> Judgement | None:
        """The same of a marker behind which nothing is left."""
        for rule in self.lifecycle.of_formers:
            if rule.removes_markers and _is_about(rule, stored):
                return Judgement(
                    deed=Deed.REMOVE_MARKER,
                    rule=rule.id,
                    due=stored.modified_at,
                    reason="nothing is left behind the delete marker",
                )
        return None

    def of_upload(self, upload: Upload, now: int) -> Judgement | None:
        """The same of an upload in progress."""
        ends = [
            self._judgement(Deed.ABORT, rule, rule.abort, upload.initiated_at, "initiated")
            for rule in self.lifecycle.of_uploads
            if rule.abort is not None and upload.key.startswith(rule.prefix)
        ]
        return _first(ends, now)

    def end_of(self, stored: StoredObject) -> Judgement | None:
        """When what a key names will be deleted, and by which rule, if by any."""
        rules = [each for each in self.lifecycle.of_objects if _is_about(each, stored)]
        found = (each for each in self._ends(stored, rules) if each is not None)
        return min(found, key=lambda each: each.due, default=None)

    def _ends(self, stored: StoredObject, rules: Iterable[Rule]) -> list[Judgement | None]:
        """When each of *rules* deletes what a key names, be it due or not; None for never."""
        return [
            self._judgement(Deed.DELETE, rule, rule.expiration, stored.modified_at, "last modified")
            for rule in rules
            if rule.expiration is not None
        ]

    def _step(
        self,
        stored: StoredObject,
        steps: Iterable[tuple[Rule, Transition]],
        changed: tuple[int, str],
        now: int,
        ages: Ages,
    ) -> Judgement | None:
        """The change of class that is due."""
        if stored.type in {ObjectType.SYMLINK, ObjectType.DELETE_MARKER}:
            return None
        found = []
        returning: Judgement | None = None
        for rule, each in steps:
            since, what = (ages.accessed, "last accessed") if each.by_access else changed
            if since is None or (each.takes_small is False and stored.size < SMALL):
                continue
            judgement = self._judgement(
                Deed.CHANGE_CLASS, rule, each.when, since, what, each.storage_class
            )
            if judgement is None:
                continue
            if judgement.due <= now:
                found.append(judgement)
            elif each.returns and each.by_access and ages.was_read:
                returning = msgspec.structs.replace(
                    judgement, storage_class=_STANDARD, due=since, reason="it was read again"
                )
        reached = [each for each in found if _may_become(stored, each.storage_class)]
        if reached:
            return max(reached, key=lambda each: (COLDNESS[each.storage_class], -each.due))
        # What is due to be IA, or colder, by another rule would only go to and fro.
        return returning if stored.storage_class == _IA and not found else None

    def _judgement(
        self, deed: Deed, rule: Rule, when: When | None, at: int, what: str, storage_class: str = ""
    ) -> Judgement | None:
        """When *rule* acts upon what is as old as *at*, be it due or not; None for never."""
        assert when is not None
        if when.days is not None:
            due = self._midnight(at) + when.days * self._day_ms
            days = "1 day" if when.days == 1 else f"{when.days} days"
            reason = f"{what} {days} before"
        elif when.created_before is not None:
            if at >= when.created_before:
                return None
            due = min(when.created_before, self._midnight(at))
            reason = f"{what} before {_day(when.created_before)}"
        else:
            assert when.date is not None
            due, reason = when.date, f"the date {_day(when.date)} has come"
        return Judgement(
            deed=deed, rule=rule.id, due=due, reason=reason, storage_class=storage_class
        )

    def _midnight(self, at: int) -> int:
        """The first one that is not before *at*."""
        return -(-at // self._day_ms) * self._day_ms


def _day(at: int) -> str:
    return format_iso(at)[:10]


def _first(judgements: Iterable[Judgement | None], now: int) -> Judgement | None:
    due = (each for each in judgements if each is not None and each.due <= now)
    return min(due, key=lambda each: each.due, default=None)


def _may_become(stored: StoredObject, storage_class: str) -> bool:
    is_growing = stored.type == ObjectType.APPENDABLE and not is_sealed(stored)
    if is_growing and storage_class in NEVER_APPENDED:
        return False
    return COLDNESS[storage_class] > COLDNESS.get(stored.storage_class, len(COLDNESS))


def _is_about(rule: Rule, stored: StoredObject) -> bool:
    """Whether prefix, tags, size and exclusions of *rule* let it act upon *stored*."""
    if not stored.key.startswith(rule.prefix):
        return False
    if rule.larger_than is not None and stored.size <= rule.larger_than:
        return False
    if rule.smaller_than is not None and stored.size >= rule.smaller_than:
        return False
    if any(stored.tags.get(key) != value for key, value in rule.tags):
        return False
    return not any(
        stored.key.startswith(each.prefix)
        and (each.tag is None or stored.tags.get(each.tag[0]) == each.tag[1])
        for each in rule.excluded
    )
