"""What the parts of a lifecycle rule, and the rules of a bucket, owe each other.

1. Two rules overlap if the prefix of one begins with that of the other and nothing else keeps them
   apart: they have the same tags, and neither excludes the other's prefix.
2. Rules that overlap may not do the same, unless that is asked for; uploads are aborted by one rule
   in any case (witnessed: "InvalidRequest: Overlap for same action type AbortMultipartUpload").
3. The colder a class, the later; deleting comes last.  Days are compared with days that count from
   the same.  Dates are not: what is older goes further (ali-oss's tests archive what was changed
   before one day, and delete what was changed before an earlier one).
"""

from collections.abc import Iterable, Sequence
from itertools import combinations

from ossia.errors import InvalidArgument, InvalidRequest, MalformedXML
from ossia.protocol.lifecycle_rules import Rule, Transition
from ossia.protocol.storage_class import COLDNESS


def check_rules(rules: Sequence[Rule], *, allow_overlap: bool) -> None:
    """Raise `InvalidArgument` or `InvalidRequest` unless *rules* go together."""
    ids = [each.id for each in rules]
    if len(set(ids)) < len(ids):
        repeated = next(each for each in ids if ids.count(each) > 1)
        raise InvalidArgument(
            "Rule ID must be unique. Found same ID for more than one rule",
            ec="0014-00000020",
            ArgumentName="ID",
            ArgumentValue=repeated,
        )
    for rule in rules:
        _check_rule(rule)
    # Where overlap is allowed, aborting is all that is left to compare.
    compared = [each for each in rules if each.abort is not None] if allow_overlap else rules
    for one, other in _overlapping(compared):
        _check_pair(one, other, allow_overlap=allow_overlap)


def _overlapping(rules: Sequence[Rule]) -> Iterable[tuple[Rule, Rule]]:
    """Pairs that overlap.

    Rules with other tags, and those whose prefixes have nothing to do with each other, are not
    compared: in the order of prefixes, those that begin with one follow it at once.
    """
    by_tags: dict[frozenset[tuple[str, str]], list[Rule]] = {}
    for rule in sorted(rules, key=lambda each: each.prefix):
        tags = frozenset(rule.tags)
        around = [e for e in by_tags.get(tags, ()) if rule.prefix.startswith(e.prefix)]
        for each in around:
            if not _is_kept_apart(each, rule):
                yield each, rule
        by_tags[tags] = [*around, rule]


def _is_kept_apart(outer: Rule, inner: Rule) -> bool:
    """Whether one excludes all that the other is about."""
    return any(
        other.prefix.startswith(each.prefix) and each.tag is None
        for one, other in ((outer, inner), (inner, outer))
        for each in one.excluded
    )


# --- one rule ---


def _check_rule(rule: Rule) -> None:
    if not _actions(rule):
        # An ExpiredObjectDeleteMarker that is false needs a time, and has been refused without one.
        raise MalformedXML(ec="0014-00000026", ErrorDetail="Action is missing")
    for other, ec, is_there in (
        ("Tag", "0014-00000027", bool(rule.tags)),
        ("Filter/Not", "0014-00000034", bool(rule.excluded)),
        ("a lower and an upper size", "0014-00000041", _has_both_sizes(rule)),
    ):
        if is_there and (rule.abort is not None or rule.removes_markers):
            name = "ExpiredObjectDeleteMarker" if rule.abort is None else "AbortMultipartUpload"
            raise InvalidRequest(f"{name} cannot be used with {other}.", ec=ec)
    _check_exclusions(rule)
    _check_small(rule)
    _check_bases(rule, rule)
    _check_order(rule, rule)


def _has_both_sizes(rule: Rule) -> bool:
    return rule.larger_than is not None and rule.smaller_than is not None


def _check_exclusions(rule: Rule) -> None:
    for each in rule.excluded:
        if not each.prefix.startswith(rule.prefix):
            raise InvalidArgument(
                "The Prefix of Not must begin with that of the rule.",
                ec="0014-00000035",
                ArgumentName="Prefix",
                ArgumentValue=each.prefix,
            )
        if each.tag is None and each.prefix == rule.prefix:
            raise InvalidArgument(
                "A Not without a Tag must have another Prefix than the rule.",
                ec="0014-00000035",
                ArgumentName="Prefix",
                ArgumentValue=each.prefix,
            )
        if each.tag is not None and each.tag[0] in dict(rule.tags):
            raise InvalidArgument(
                "The Tag of Not must have another key than those of the rule.",
                ec="0014-00000036",
                ArgumentName="Key",
                ArgumentValue=each.tag[0],
            )


def _check_small(rule: Rule) -> None:
    has_size = rule.larger_than is not None or rule.smaller_than is not None
    if has_size and any(each.takes_small is not None for each in rule.all_transitions):
        raise InvalidRequest(
            "AllowSmallFile cannot be used with ObjectSizeGreaterThan or ObjectSizeLessThan.",
            ec="0014-00000054",
        )


# --- two rules, or one with itself ---


def _actions(rule: Rule) -> set[str]:
    """What the rule does, in the words of OSS; a transition for each class."""
    found = {f"Transition for StorageClass {each.storage_class}" for each in rule.transitions}
    found |= {
        f"NoncurrentVersionTransition for StorageClass {each.storage_class}"
        for each in rule.noncurrent_transitions
    }
    for is_there, name in (
        (rule.expiration or rule.removes_markers, "Expiration"),
        (rule.noncurrent_expiration, "NoncurrentVersionExpiration"),
        (rule.abort, "AbortMultipartUpload"),
    ):
        if is_there:
            found.add(name)
    return found


def _check_pair(one: Rule, other: Rule, *, allow_overlap: bool) -> None:
    same = _actions(one) & _actions(other)
    if allow_overlap:
        same &= {"AbortMultipartUpload"}
    if same:
        raise InvalidRequest(f"Overlap for same action type {min(same)}", ec="0014-00000084")
    if allow_overlap:
        return
    if one.prefix == other.prefix:
        raise InvalidRequest(
            f"Found same prefix for more than one rule: {one.prefix!r}", ec="0014-00000085"
        )
    for first, second in ((one, other), (other, one)):
        _check_bases(first, second)
        _check_order(first, second, ec="0014-00000082")


def _check_bases(one: Rule, other: Rule) -> None:
    """Days and dates of what objects go through one after the other are not mixed."""
    steps = [(f"Transition for StorageClass {e.storage_class}", e.when) for e in one.transitions]
    later = [(f"Transition for StorageClass {e.storage_class}", e.when) for e in other.transitions]
    if other.expiration is not None:
        later.insert(0, ("Expiration", other.expiration))
    for name, when in steps:
        for other_name, other_when in later:
            if (when.days is None) != (other_when.days is None):
                # Terraform's and others' reports quote this one.
                raise InvalidRequest(
                    f"Found mixed CreatedBeforeDate and Days based {other_name} and {name} actions",
                    ec="0014-00000080",
                )


def _check_order(one: Rule, other: Rule, *, ec: str = "0014-00000081") -> None:
    for earlier, later in combinations(_by_class((*one.transitions, *other.transitions)), 2):
        _check_later("Transition", earlier, later, ec)
    both = (*one.noncurrent_transitions, *other.noncurrent_transitions)
    for earlier, later in combinations(_by_class(both), 2):
        _check_later("NoncurrentVersionTransition", earlier, later, ec)
    expiration = other.expiration
    ends = (
        (
            "Expiration",
            "Transition",
            one.transitions,
            None if expiration is None else expiration.days,
        ),
        (
            "NoncurrentVersionExpiration",
            "NoncurrentVersionTransition",
            one.noncurrent_transitions,
            other.noncurrent_expiration,
        ),
    )
    for name, before, transitions, days in ends:
        for each in transitions:
            if days is None or each.by_access or each.when.days is None or days > each.when.days:
                continue
            raise InvalidArgument(
                f"Days in the {name} action must be more than the {before} action for "
                f"StorageClass {each.storage_class}",
                ec=ec,
            )


def _by_class(transitions: Iterable[Transition]) -> list[Transition]:
    return sorted(transitions, key=lambda each: COLDNESS[each.storage_class])


def _check_later(name: str, earlier: Transition, later: Transition, ec: str) -> None:
    days, more = earlier.when.days, later.when.days
    if earlier.storage_class == later.storage_class or days is None or more is None:
        return
    if bool(earlier.by_access) == bool(later.by_access) and more <= days:
        raise InvalidArgument(
            f"Days in the {name} action for StorageClass {later.storage_class} must be more than "
            f"the {name} action for StorageClass {earlier.storage_class}",
            ec=ec,
        )
