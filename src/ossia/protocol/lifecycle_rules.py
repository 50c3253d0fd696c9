"""Lifecycle rules of a bucket as values, and their XML (PutBucketLifecycle documentation).

What a document must be is `lifecycle_xml`; what a rule does to an object at a time is
`domain.lifecycle.judge`.

1. What was not said stays unsaid: GetBucketLifecycle answers what was put.
2. A part of a rule that is absent is None, or empty.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

DOCUMENT: Final = "lifecycle"
"""The name of the bucket's document."""


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """When something is due; exactly one of them is given.

    ``days`` count from what the rule is about (the last change, the last access, the end of being
    current); ``created_before`` means whatever was changed before that time, and ``date`` all that
    there is from that time on (Go SDK v2: "the date after which the lifecycle rule takes effect").
    Both are milliseconds since 1970.
    """

    days: int | None = None
    created_before: int | None = None
    date: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """A change of the storage class."""

    storage_class: str
    when: When
    by_access: bool | None = None
    """Whether days count from the last access (IsAccessTime)."""
    returns: bool | None = None
    """Whether an object that is read becomes Standard again (ReturnToStdWhenVisit)."""
    takes_small: bool | None = None
    """Whether objects under 64 KB change as well (AllowSmallFile)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusion:
    """What a rule is not about: keys that begin with ``prefix``, and of those, if given, a tag."""

    prefix: str
    tag: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule."""

    id: str
    prefix: str
    is_enabled: bool
    tags: tuple[tuple[str, str], ...] = ()
    excluded: tuple[Exclusion, ...] = ()
    larger_than: int | None = None
    smaller_than: int | None = None
    expiration: When | None = None
    removes_markers: bool | None = None
    transitions: tuple[Transition, ...] = ()
    abort: When | None = None
    noncurrent_expiration: int | None = None
    noncurrent_transitions: tuple[Transition, ...] = ()

    @property
    def all_transitions(self) -> tuple[Transition, ...]:
        """Those of what keys name and those of former versions."""
        return (*self.transitions, *self.noncurrent_transitions)

    @property
    def is_by_access(self) -> bool:
        """Whether it asks when something was last accessed."""
        return any(each.by_access for each in self.all_transitions)


@dataclass(frozen=True)
class Lifecycle:
    """The rules of one bucket, in their order."""

    rules: tuple[Rule, ...]

    @cached_property
    def enabled(self) -> tuple[Rule, ...]:
        """Those that act."""
        return tuple(each for each in self.rules if each.is_enabled)

    @cached_property
    def is_by_access(self) -> bool:
        """Whether any asks when something was last accessed, be it enabled or not."""
        return any(each.is_by_access for each in self.rules)

    @cached_property
    def of_objects(self) -> tuple[Rule, ...]:
        """Those that act upon what keys name."""
        return tuple(each for each in self.enabled if each.expiration or each.transitions)

    @cached_property
    def of_formers(self) -> tuple[Rule, ...]:
        """Those that act upon former versions and delete markers."""
        return tuple(
            each
            for each in self.enabled
            if each.noncurrent_expiration or each.noncurrent_transitions or each.removes_markers
        )

    @cached_property
    def of_uploads(self) -> tuple[Rule, ...]:
        """Those that act upon uploads."""
        return tuple(each for each in self.enabled if each.abort)


def prefixes_of(rules: tuple[Rule, ...]) -> tuple[str, ...]:
    """The prefixes of *rules* in order, without those that begin with another one."""
    found: list[str] = []
    for prefix in sorted({each.prefix for each in rules}):
        if not found or not prefix.startswith(found[-1]):
            found.append(prefix)
    return tuple(found)
