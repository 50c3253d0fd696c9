"""Resources of the policy language: what covers what, and what a policy can say of one bucket.

The five parts are compared one by one, so that a ``*`` does not reach over a colon; only the fifth
may itself contain colons.  Source: RAM documentation, "Policy structure and syntax".
"""

from collections.abc import Callable

import msgspec

from ossia.protocol.conditions import one_of
from ossia.protocol.policy_text import (
    PolicyError,
    check_variables,
    compile_pattern,
    fixed_beginning,
    refuse_variables,
)

ARN_PARTS = 5
_REMEMBERED_HEADS = 64
Test = Callable[[str], bool]
Reach = Callable[[str, str, bool], Test | None]
"""For a head, a bucket, and whether something in the bucket is meant: a test for what stands behind
the head, None where nothing fits."""


class Place(msgspec.Struct, frozen=True, gc=False):
    """A resource: its first four parts, and the fifth."""

    head: str
    tail: str


def place_of(resource: str) -> Place:
    """Take a resource apart; ``oss-`` before the region means nothing."""
    parts = resource.split(":", ARN_PARTS - 1)
    if len(parts) < ARN_PARTS:
        parts += [""] * (ARN_PARTS - len(parts))
    service, kind, region, account, tail = parts
    return Place(f"{service}:{kind}:{region.removeprefix('oss-')}:{account}", tail)


def always(_subject: object) -> bool:
    """The test that everything passes: whoever has many need not call it."""
    return True


def compile_resources(patterns: list[str]) -> Callable[[Place], bool]:
    """A test for resources that one of *patterns* covers.  Raises `PolicyError`."""
    return one_of([compile_resource(pattern) for pattern in patterns])


def compile_resource(pattern: str) -> Callable[[Place], bool]:
    """A test for resources that *pattern* covers.  Raises `PolicyError`."""
    if pattern == "*":
        return always
    if pattern.count(":") < ARN_PARTS - 1:
        raise PolicyError(f"{pattern} is not a resource")
    check_variables(pattern)
    wanted = place_of(pattern)
    refuse_variables("the first four parts of a resource", wanted.head)
    covers_head = _compile_head(wanted.head)
    if wanted.tail == "*":
        return lambda place: covers_head(place.head)
    covers_tail = compile_pattern(wanted.tail)
    return lambda place: covers_tail(place.tail) and covers_head(place.head)


def reach_by(covers: Callable[[Place], bool]) -> Reach:
    """The reach of a test about which nothing more is known."""
    if covers is always:
        return lambda _head, _bucket, _is_inside: always
    return lambda head, _bucket, _is_inside: lambda tail: covers(Place(head, tail))


def compile_reach(patterns: list[str]) -> Reach:
    """The reach of patterns that are resources."""
    known: list[tuple[Test, Test, Test, bool]] = []
    for pattern in patterns:
        if pattern == "*":
            known.append((always, always, always, True))
            continue
        wanted = place_of(pattern)
        bucket = wanted.tail.partition("/")[0]
        # A wildcard or a variable before the slash may stand for the slash.
        fixed = fixed_beginning(bucket)
        known.append(
            (
                compile_pattern(bucket if fixed == bucket else f"{fixed}*"),
                _compile_head(wanted.head),
                always if wanted.tail == "*" else compile_pattern(wanted.tail),
                # By far the most frequent: all that is in one bucket.
                fixed == bucket and wanted.tail == f"{bucket}/*",
            )
        )

    def reach(head: str, bucket: str, is_inside: bool) -> Test | None:
        tests = [
            always if is_whole and is_inside else covers_tail
            for covers_bucket, covers_head, covers_tail, is_whole in known
            if covers_bucket(bucket) and covers_head(head)
        ]
        if not tests:
            return None
        return always if always in tests else one_of(tests)

    return reach


def _compile_head(pattern: str) -> Callable[[str], bool]:
    """A test for the first four parts.  A server sees few different ones: it remembers them."""
    tests = [compile_pattern(part) for part in pattern.split(":")]
    known: dict[str, bool] = {}

    def covers(head: str) -> bool:
        found = known.get(head)
        if found is None:
            if len(known) >= _REMEMBERED_HEADS:
                known.clear()
            parts = head.split(":")
            found = all(test(part) for test, part in zip(tests, parts, strict=True))
            known[head] = found
        return found

    return covers
