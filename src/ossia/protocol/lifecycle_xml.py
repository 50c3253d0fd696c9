"""Reading and writing ``<LifecycleConfiguration>``, and what it must be.

Cause numbers are those of the pages "0014-…" of the OSS documentation, which say what is refused.
They do not say with which code; that is MalformedXML for what the document's form lacks
(ErrorDetail "Action is missing": aliyun-oss-android-sdk 254), and InvalidArgument for a value that
cannot be.  What rules owe each other is `lifecycle_checks`.
"""

import uuid
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from ossia.errors import InvalidArgument, InvalidRequest, MalformedXML
from ossia.protocol.dates import DAY_MS, format_iso, parse_iso
from ossia.protocol.decimals import is_decimal
from ossia.protocol.lifecycle_checks import check_rules
from ossia.protocol.lifecycle_rules import Exclusion, Lifecycle, Rule, Transition, When
from ossia.protocol.storage_class import STORAGE_CLASSES
from ossia.protocol.xml import Element, document, parse, tag

MAX_BYTES: Final = 2 * 1024 * 1024
"""1000 rules with long prefixes and ten tags each."""
_ROOT: Final = "LifecycleConfiguration"
_MAX_RULES: Final = 1000
_MAX_ID: Final = 255
_MAX_PREFIX: Final = 1023
_MAX_EXCLUSIONS: Final = 100
_MAX_DIGITS: Final = 9
_MAX_SIZE_DIGITS: Final = 13
_MAX_SIZE: Final = 5 * 1024**4
_TARGETS: Final = STORAGE_CLASSES[1:]
_IN_RULE: Final = frozenset(
    {
        "ID",
        "Prefix",
        "Status",
        "Tag",
        "Filter",
        "Expiration",
        "Transition",
        "AbortMultipartUpload",
        "NoncurrentVersionExpiration",
        "NoncurrentVersionTransition",
        # Answered by GetBucketLifecycle, so clients that add a rule send it back.
        "AtimeBase",
        # Left there by ali-oss's older interface, beside the Expiration that it makes of them; its
        # tests see the service take them.
        "Days",
        "Date",
    }
)
_REPEATED: Final = frozenset({"Tag", "Transition", "NoncurrentVersionTransition"})
_IN_TRANSITION: Final = frozenset(
    {"StorageClass", "IsAccessTime", "ReturnToStdWhenVisit", "AllowSmallFile"}
)


@lru_cache(maxsize=256)
def stored_lifecycle(content: bytes) -> Lifecycle:
    """The rules that `render_lifecycle` stored."""
    return parse_lifecycle(content, allow_overlap=True)


def parse_lifecycle(content: bytes, *, allow_overlap: bool) -> Lifecycle:
    """Read a document.  Raises `MalformedXML`, `InvalidArgument`, `InvalidRequest`.

    A rule without an id gets one.  *allow_overlap*: rules whose prefixes overlap may do the same.
    """
    try:
        root = parse(content, _ROOT)
    except MalformedXML as error:
        detail = error.details.get("ErrorDetail")
        raise MalformedXML(ec="0014-00000011", ErrorDetail=detail) from error
    for child in root.children:
        if child.name != "Rule":
            raise _malformed("0014-00000015", f"{_ROOT} has no {child.name}.")
    if not root.children:
        raise _malformed("0014-00000013", "There is no Rule.")
    if len(root.children) > _MAX_RULES:
        raise _malformed("0014-00000014", f"There may be {_MAX_RULES} rules.")
    rules = tuple(_rule(each) for each in root.children)
    check_rules(rules, allow_overlap=allow_overlap)
    return Lifecycle(rules)


def _malformed(ec: str, detail: str) -> MalformedXML:
    return MalformedXML(ec=ec, ErrorDetail=detail)


def _invalid(ec: str, text: str, name: str, value: str) -> InvalidArgument:
    return InvalidArgument(text, ec=ec, ArgumentName=name, ArgumentValue=value)


def _check_children(
    element: Element, allowed: frozenset[str], ec: str, repeated: frozenset[str] = frozenset()
) -> None:
    seen: set[str] = set()
    for child in element.children:
        if child.name not in allowed:
            raise _malformed(ec, f"{element.name} has no {child.name}.")
        if child.name in seen and child.name not in repeated:
            raise _malformed("0014-00000089", f"{element.name} has one {child.name}.")
        seen.add(child.name)


# --- a rule ---


def _rule(element: Element) -> Rule:
    _check_children(element, _IN_RULE, "0014-00000017", _REPEATED)
    status = element.get("Status").strip()
    if status not in {"Enabled", "Disabled"}:
        raise _malformed("0014-00000024", "Status must be Enabled or Disabled.")
    expiration, removes_markers = _expiration(element.find("Expiration"))
    abort = element.find("AbortMultipartUpload")
    noncurrent = element.find("NoncurrentVersionExpiration")
    filtered = element.find("Filter")
    excluded, larger_than, smaller_than = (
        ((), None, None) if filtered is None else _filter(filtered)
    )
    return Rule(
        id=_id(element.get("ID")),
        prefix=_prefix(element),
        is_enabled=status == "Enabled",
        tags=tuple(_tag(each) for each in element.all("Tag")),
        excluded=excluded,
        larger_than=larger_than,
        smaller_than=smaller_than,
        expiration=expiration,
        removes_markers=removes_markers,
        transitions=tuple(_transition(each) for each in element.all("Transition")),
        abort=None if abort is None else _abort(abort),
        noncurrent_expiration=None if noncurrent is None else _noncurrent_days(noncurrent),
        noncurrent_transitions=tuple(
            _noncurrent_transition(each) for each in element.all("NoncurrentVersionTransition")
        ),
    )


def _id(text: str) -> str:
    if len(text) > _MAX_ID:
        raise _invalid("0014-00000019", f"The ID has {_MAX_ID} characters at most.", "ID", text)
    # PutBucketLifecycle documentation: without one, or with an empty one, OSS makes one.
    return text or str(uuid.uuid4())


def _prefix(element: Element) -> str:
    found = element.find("Prefix")
    if found is None:
        raise _malformed("0014-00000021", "Prefix is missing.")
    if len(found.text) > _MAX_PREFIX:
        text = f"The prefix has {_MAX_PREFIX} characters at most."
        raise _invalid("0014-00000022", text, "Prefix", found.text)
    return found.text


def _tag(element: Element) -> tuple[str, str]:
    _check_children(element, frozenset({"Key", "Value"}), "0014-00000028")
    key, value = element.find("Key"), element.find("Value")
    if key is None or value is None:
        raise _malformed("0014-00000028", "A Tag has Key and Value.")
    if not key.text:
        raise _malformed("0014-00000030", "The Key of a Tag is not empty.")
    return key.text, value.text


def _filter(element: Element) -> tuple[tuple[Exclusion, ...], int | None, int | None]:
    sizes = ("ObjectSizeGreaterThan", "ObjectSizeLessThan")
    _check_children(element, frozenset({"Not", *sizes}), "0014-00000017", frozenset({"Not"}))
    larger, smaller = (
        None if (found := element.find(name)) is None else _size(name, found.text) for name in sizes
    )
    if larger is not None and smaller is not None and larger >= smaller:
        raise _invalid(
            "0014-00000041",
            "ObjectSizeGreaterThan must be less than ObjectSizeLessThan.",
            "ObjectSizeGreaterThan",
            str(larger),
        )
    # One was allowed at first, a hundred are now ("NOT" in the documentation of lifecycle rules).
    excluded = tuple(_exclusion(each) for each in element.all("Not"))
    if len(excluded) > _MAX_EXCLUSIONS:
        raise _malformed("0014-00000089", f"A rule has {_MAX_EXCLUSIONS} Not at most.")
    return excluded, larger, smaller


def _size(name: str, text: str) -> int:
    text = text.strip()
    if not is_decimal(text, _MAX_SIZE_DIGITS) or not 0 < int(text) <= _MAX_SIZE:
        ec = "0014-00000039" if name == "ObjectSizeGreaterThan" else "0014-00000040"
        raise _invalid(ec, f"{name} must be a positive number of bytes, 5 TB at most.", name, text)
    return int(text)


def _exclusion(element: Element) -> Exclusion:
    _check_children(element, frozenset({"Prefix", "Tag"}), "0014-00000017")
    prefix, tagged = element.find("Prefix"), element.find("Tag")
    if prefix is None or not prefix.text:
        raise _malformed("0014-00000088", "Not has a Prefix that is not empty.")
    return Exclusion(prefix=prefix.text, tag=None if tagged is None else _tag(tagged))


# --- what it does ---


def _expiration(element: Element | None) -> tuple[When | None, bool | None]:
    if element is None:
        return None, None
    allowed = frozenset({"Days", "CreatedBeforeDate", "Date", "ExpiredObjectDeleteMarker"})
    _check_children(element, allowed, "0014-00000057")
    found = element.find("ExpiredObjectDeleteMarker")
    removes = None if found is None else _boolean(found)
    has_time = any(element.find(name) for name in ("Days", "CreatedBeforeDate", "Date"))
    if removes:
        if has_time:
            text = "With ExpiredObjectDeleteMarker there is neither Days nor CreatedBeforeDate."
            raise _malformed("0014-00000059", text)
        return None, removes
    return _when(element, both="0014-00000061", neither="0014-00000060", takes_date=True), removes


def _when(element: Element, *, both: str, neither: str, takes_date: bool = False) -> When:
    # Date is older, and not recommended; the Java SDK sends it, and its tests read it back.
    names = ("Days", "CreatedBeforeDate", *(("Date",) if takes_date else ()))
    found = [each for each in map(element.find, names) if each is not None]
    if len(found) > 1:
        raise _malformed(both, f"{element.name} has either Days or CreatedBeforeDate.")
    if not found:
        raise _malformed(neither, f"{element.name} has Days or CreatedBeforeDate.")
    [given] = found
    if given.name == "Days":
        return When(days=_days(given))
    at = _midnight(given)
    return When(date=at) if given.name == "Date" else When(created_before=at)


def _days(element: Element) -> int:
    text = element.text.strip()
    if not is_decimal(text, _MAX_DIGITS) or int(text) < 1:
        reason = f"{element.name} must be a positive integer."
        raise _invalid("0014-00000086", reason, element.name, element.text)
    return int(text)


def _midnight(element: Element) -> int:
    text = element.text.strip()
    try:
        at = parse_iso(text)
    except (ValueError, OverflowError):
        at = -1
    if at < 0 or at % DAY_MS:
        raise _invalid(
            "0014-00000087",
            f"{element.name} must be midnight UTC, such as 2002-10-11T00:00:00.000Z.",
            element.name,
            element.text,
        )
    return at


def _boolean(element: Element) -> bool:
    text = element.text.strip().lower()
    if text not in {"true", "false"}:
        raise _malformed("0014-00000017", f"{element.name} must be true or false.")
    return text == "true"


def _optional(element: Element, name: str) -> bool | None:
    found = element.find(name)
    return None if found is None else _boolean(found)


def _transition(element: Element) -> Transition:
    _check_children(element, _IN_TRANSITION | {"Days", "CreatedBeforeDate"}, "0014-00000046")
    when = _when(element, both="0014-00000050", neither="0014-00000049")
    if when.days is None and _optional(element, "IsAccessTime"):
        raise _malformed("0014-00000047", "With IsAccessTime there is no CreatedBeforeDate.")
    kind = _storage_class(element, missing="0014-00000045", wrong="0014-00000044")
    return _kind_of_transition(element, kind, when)


def _noncurrent_transition(element: Element) -> Transition:
    _check_children(element, _IN_TRANSITION | {"NoncurrentDays"}, "0014-00000065")
    days = element.find("NoncurrentDays")
    if days is None:
        raise _malformed("0014-00000064", "NoncurrentDays is missing.")
    kind = _storage_class(element, missing="0014-00000063", wrong="0014-00000062")
    return _kind_of_transition(element, kind, When(days=_days(days)))


def _storage_class(element: Element, *, missing: str, wrong: str) -> str:
    found = element.find("StorageClass")
    if found is None:
        raise _malformed(missing, "StorageClass is missing.")
    if found.text.strip() not in _TARGETS:
        raise _invalid(wrong, "Invalid StorageClass", "StorageClass", found.text)
    return found.text.strip()


def _kind_of_transition(element: Element, storage_class: str, when: When) -> Transition:
    by_access = _optional(element, "IsAccessTime")
    takes_small = _optional(element, "AllowSmallFile")
    if takes_small is not None and not by_access:
        raise InvalidRequest(
            "AllowSmallFile is for rules that are based on the last access time.",
            ec="0014-00000055",
        )
    return Transition(
        storage_class=storage_class,
        when=when,
        by_access=by_access,
        returns=_optional(element, "ReturnToStdWhenVisit"),
        takes_small=takes_small,
    )


def _abort(element: Element) -> When:
    _check_children(element, frozenset({"Days", "CreatedBeforeDate", "Date"}), "0014-00000071")
    return _when(element, both="0014-00000074", neither="0014-00000073", takes_date=True)


def _noncurrent_days(element: Element) -> int:
    _check_children(element, frozenset({"NoncurrentDays"}), "0014-00000068")
    days = element.find("NoncurrentDays")
    if days is None:
        raise _malformed("0014-00000070", "NoncurrentDays is missing.")
    return _days(days)


# --- writing ---


def render_lifecycle(lifecycle: Lifecycle, *, monitored_since: int | None = None) -> bytes:
    """Write the document.

    *monitored_since* is told by each rule that is based on the last access time (AtimeBase).
    """
    return document(_ROOT, *(_rule_xml(each, monitored_since) for each in lifecycle.rules))


def _rule_xml(rule: Rule, monitored_since: int | None) -> str:
    parts = [
        tag("ID", rule.id),
        tag("Prefix", rule.prefix),
        tag("Status", "Enabled" if rule.is_enabled else "Disabled"),
        *(_tag_xml(each) for each in rule.tags),
        _filter_xml(rule),
        _expiration_xml(rule),
        *(_within("Transition", *_transition_xml(each, "Days")) for each in rule.transitions),
        "" if rule.abort is None else _within("AbortMultipartUpload", *_when_xml(rule.abort)),
    ]
    if rule.noncurrent_expiration is not None:
        days = tag("NoncurrentDays", rule.noncurrent_expiration)
        parts.append(_within("NoncurrentVersionExpiration", days))
    parts += [
        _within("NoncurrentVersionTransition", *_transition_xml(each, "NoncurrentDays"))
        for each in rule.noncurrent_transitions
    ]
    if rule.is_by_access and monitored_since is not None:
        parts.append(tag("AtimeBase", monitored_since // 1000))
    return _within("Rule", *parts)


def _within(name: str, *content: str) -> str:
    return f"<{name}>{''.join(content)}</{name}>"


def _tag_xml(pair: tuple[str, str]) -> str:
    return _within("Tag", tag("Key", pair[0]), tag("Value", pair[1]))


def _filter_xml(rule: Rule) -> str:
    parts = []
    if rule.larger_than is not None:
        parts.append(tag("ObjectSizeGreaterThan", rule.larger_than))
    if rule.smaller_than is not None:
        parts.append(tag("ObjectSizeLessThan", rule.smaller_than))
    for each in rule.excluded:
        tagged = "" if each.tag is None else _tag_xml(each.tag)
        parts.append(_within("Not", tag("Prefix", each.prefix), tagged))
    return _within("Filter", *parts) if parts else ""


def _expiration_xml(rule: Rule) -> str:
    parts = [] if rule.expiration is None else list(_when_xml(rule.expiration))
    if rule.removes_markers is not None:
        parts.append(tag("ExpiredObjectDeleteMarker", value=rule.removes_markers))
    return _within("Expiration", *parts) if parts else ""


def _when_xml(when: When, days: str = "Days") -> Iterable[str]:
    if when.days is not None:
        yield tag(days, when.days)
    if when.created_before is not None:
        yield tag("CreatedBeforeDate", format_iso(when.created_before))
    if when.date is not None:
        yield tag("Date", format_iso(when.date))


def _transition_xml(transition: Transition, days: str) -> Iterable[str]:
    yield from _when_xml(transition.when, days)
    yield tag("StorageClass", transition.storage_class)
    for name, value in (
        ("IsAccessTime", transition.by_access),
        ("ReturnToStdWhenVisit", transition.returns),
        ("AllowSmallFile", transition.takes_small),
    ):
        if value is not None:
            yield tag(name, value)
