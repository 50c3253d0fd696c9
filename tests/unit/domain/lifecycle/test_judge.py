"""Which rule acts upon what, when.  Days are counted from a midnight: ``day(3.5)`` is noon."""

import pytest

from ossia.domain.lifecycle.judge import Ages, Deed, Judge, Judgement
from ossia.protocol.lifecycle_rules import Exclusion, Lifecycle, Rule, Transition, When
from ossia.records import StoredObject, Upload

DAY = 24 * 3600 * 1000
EPOCH = 20_000 * DAY
NOW = 100
UNKNOWN = Ages()
LARGE = 1_000_000


def day(number: float) -> int:
    return EPOCH + round(number * DAY)


def rule(prefix: str = "", **parts: object) -> Rule:
    about = {"id": prefix or "all", "prefix": prefix, "is_enabled": True, **parts}
    return Rule(**about)  # type: ignore[arg-type]  # passed through


def ends(days: int) -> When:
    return When(days=days)


def becomes(kind: str, days: int, **more: object) -> Transition:
    return Transition(storage_class=kind, when=When(days=days), **more)  # type: ignore[arg-type]  # passed through


def an_object(key: str = "a/b", **changes: object) -> StoredObject:
    about: dict[str, object] = {
        "bucket_id": 1,
        "key": key,
        "size": LARGE,
        "etag": "E",
        "crc64": 0,
        "modified_at": day(0.5),
        **changes,
    }
    return StoredObject(**about)  # type: ignore[arg-type]  # passed through


def judged(
    *rules: Rule, at: float = NOW, ages: Ages = UNKNOWN, **changes: object
) -> Judgement | None:
    return Judge(Lifecycle(rules)).of_object(an_object(**changes), day(at), ages)


def deed_of(found: Judgement | None) -> tuple[str, str] | None:
    return None if found is None else (found.storage_class or found.deed.value, found.rule)


# --- when ---


@pytest.mark.parametrize(
    ("written", "due"),
    [
        # Documentation of lifecycle rules, "Effective time": days=1, uploaded on 20 July before and
        # after 08:00 in Beijing, which is midnight UTC: deleted from 21 and 22 July on.
        pytest.param(-0.001, 1, id="before-midnight"),
        pytest.param(0, 1, id="at-midnight"),
        pytest.param(0.001, 2, id="behind-midnight"),
        pytest.param(0.999, 2, id="late"),
    ],
)
def test_days_end_at_midnight(written: float, due: float) -> None:
    rules = rule(expiration=ends(1))
    assert judged(rules, at=due - 0.0001, modified_at=day(written)) is None
    found = judged(rules, at=due, modified_at=day(written))
    assert found is not None
    assert (found.deed, found.due) == (Deed.DELETE, day(due))
    assert found.reason == "last modified 1 day before"


def test_a_day_may_be_shorter() -> None:
    judge = Judge(Lifecycle((rule(expiration=ends(3)),)), 1000)
    stored = an_object(modified_at=10_001)
    assert judge.of_object(stored, 13_999, Ages()) is None
    assert judge.of_object(stored, 14_000, Ages()) is not None


@pytest.mark.parametrize(
    ("when", "written", "at", "due"),
    [
        pytest.param(When(created_before=day(5)), 4.9, 9, 5, id="before"),
        pytest.param(When(created_before=day(5)), 5, 9, None, id="not-before"),
        # "Objects last modified before that date": one to come does not spare what is there.
        pytest.param(When(created_before=day(500)), 4.5, 9, 5, id="a-date-to-come"),
        pytest.param(When(created_before=day(500)), 4.5, 4.9, None, id="not-on-its-day"),
        pytest.param(When(date=day(5)), 4, 4.9, None, id="old-date-to-come"),
        pytest.param(When(date=day(5)), 7, 9, 5, id="old-date-that-has-come"),
    ],
)
def test_dates(when: When, written: float, at: float, due: float | None) -> None:
    found = judged(rule(expiration=when), at=at, modified_at=day(written))
    assert (None if found is None else found.due) == (None if due is None else day(due))


# --- which ---

IA_100 = becomes("IA", 1)


@pytest.mark.parametrize(
    ("rules", "changes", "expected"),
    [
        pytest.param([rule("a/", expiration=ends(1))], {}, ("delete", "a/"), id="prefix"),
        pytest.param([rule("b", expiration=ends(1))], {}, None, id="another-prefix"),
        pytest.param([rule(is_enabled=False, expiration=ends(1))], {}, None, id="disabled"),
        pytest.param(
            [rule(tags=(("k", "v"),), expiration=ends(1))],
            {"tags": {"k": "v", "more": ""}},
            ("delete", "all"),
            id="tag",
        ),
        pytest.param(
            [rule(tags=(("k", "v"), ("l", "")), expiration=ends(1))],
            {"tags": {"k": "v"}},
            None,
            id="all-tags-are-needed",
        ),
        pytest.param(
            [rule(tags=(("k", "v"),), expiration=ends(1))], {"tags": {"k": "w"}}, None, id="value"
        ),
        pytest.param([rule(larger_than=LARGE, expiration=ends(1))], {}, None, id="not-larger"),
        pytest.param(
            [rule(larger_than=LARGE - 1, smaller_than=LARGE + 1, expiration=ends(1))],
            {},
            ("delete", "all"),
            id="between",
        ),
        pytest.param([rule(smaller_than=LARGE, expiration=ends(1))], {}, None, id="not-smaller"),
        pytest.param(
            [rule(excluded=(Exclusion(prefix="a/"),), expiration=ends(1))], {}, None, id="not"
        ),
        pytest.param(
            [rule(excluded=(Exclusion(prefix="a/c"),), expiration=ends(1))],
            {},
            ("delete", "all"),
            id="not-another",
        ),
        pytest.param(
            [rule(excluded=(Exclusion(prefix="a/", tag=("k", "v")),), expiration=ends(1))],
            {"tags": {"k": "w"}},
            ("delete", "all"),
            id="not-with-a-tag",
        ),
        pytest.param(
            [rule(excluded=(Exclusion(prefix="a/", tag=("k", "v")),), expiration=ends(1))],
            {"tags": {"k": "v"}},
            None,
            id="not-with-its-tag",
        ),
        pytest.param(
            [rule("a", transitions=(IA_100,)), rule("a/", expiration=ends(1))],
            {},
            ("delete", "a/"),
            id="deleting-goes-first",
        ),
        pytest.param(
            [rule("a", expiration=ends(30)), rule("a/", expiration=ends(20))],
            {},
            ("delete", "a/"),
            id="the-earliest",
        ),
        pytest.param(
            [rule(transitions=(IA_100, becomes("Archive", 20))), rule("a", expiration=ends(500))],
            {},
            ("Archive", "all"),
            id="the-coldest-that-is-due",
        ),
        # Documentation, "overlapping prefixes and the same tag": rule4 does not take effect.
        pytest.param(
            [
                rule(transitions=(becomes("Archive", 20),)),
                rule("a", transitions=(becomes("IA", 30),)),
            ],
            {"storage_class": "Archive"},
            None,
            id="never-warmer",
        ),
        pytest.param(
            [rule(transitions=(becomes("IA", 1),))], {"storage_class": "IA"}, None, id="the-same"
        ),
        pytest.param(
            [rule(transitions=(IA_100,), expiration=ends(1))],
            {"type": "Symlink"},
            ("delete", "all"),
            id="links-are-deleted",
        ),
        pytest.param([rule(transitions=(IA_100,))], {"type": "Symlink"}, None, id="links-stay"),
        pytest.param(
            [rule(transitions=(becomes("Archive", 1), becomes("ColdArchive", 2)))],
            {"type": "Appendable"},
            ("Archive", "all"),
            id="appendable",
        ),
        pytest.param(
            [rule(transitions=(becomes("Archive", 1), becomes("ColdArchive", 2)))],
            {"type": "Appendable", "headers": {"x-oss-sealed-time": "then"}},
            ("ColdArchive", "all"),
            id="sealed",
        ),
        pytest.param([rule(abort=ends(1))], {}, None, id="other-things"),
    ],
)
def test_rules(
    rules: list[Rule], changes: dict[str, object], expected: tuple[str, str] | None
) -> None:
    assert deed_of(judged(*rules, **changes)) == expected


def test_documented_example_of_not_and_tags() -> None:
    """Documentation of lifecycle rules, "NOT", example 2."""
    rules = (
        rule(id="1", excluded=(Exclusion(prefix="", tag=("key1", "value1")),), expiration=ends(30)),
        rule(id="2", tags=(("key2", "value2"),), expiration=ends(50)),
    )
    one, two = {"key1": "value1"}, {"key2": "value2"}
    for tags, after in (({}, 30), (one, None), (two, 30), ({**one, **two}, 50)):
        found = Judge(Lifecycle(rules)).end_of(an_object(tags=tags))
        assert (None if found is None else found.due) == (None if after is None else day(1 + after))


# --- by the last access ---

BY_ACCESS = {"by_access": True}


@pytest.mark.parametrize(
    ("transition", "ages", "changes", "expected"),
    [
        pytest.param(becomes("IA", 30, **BY_ACCESS), 70, {}, "IA", id="long-ago"),
        pytest.param(becomes("IA", 30, **BY_ACCESS), 71.5, {}, None, id="not-so-long-ago"),
        pytest.param(becomes("IA", 30, **BY_ACCESS), None, {}, None, id="not-kept"),
        pytest.param(becomes("IA", 30, **BY_ACCESS), 1, {"size": 9}, "IA", id="small"),
        pytest.param(
            becomes("IA", 30, takes_small=False, **BY_ACCESS),
            1,
            {"size": 65_535},
            None,
            id="no-small",
        ),
        pytest.param(
            becomes("IA", 30, takes_small=False, **BY_ACCESS), 1, {"size": 65_536}, "IA", id="64-KB"
        ),
        pytest.param(
            becomes("IA", 30, returns=True, **BY_ACCESS),
            90.5,
            {"storage_class": "IA"},
            "Standard",
            id="returns",
        ),
        pytest.param(
            becomes("IA", 30, returns=True, **BY_ACCESS),
            90.5,
            {"storage_class": "Archive"},
            None,
            id="only-from-IA",
        ),
        pytest.param(
            becomes("IA", 30, returns=False, **BY_ACCESS),
            90.5,
            {"storage_class": "IA"},
            None,
            id="stays",
        ),
        pytest.param(
            becomes("IA", 30, returns=True, **BY_ACCESS),
            1,
            {"storage_class": "IA"},
            None,
            id="not-read-since",
        ),
    ],
)
def test_by_access(
    transition: Transition, ages: float | None, changes: dict[str, object], expected: str | None
) -> None:
    known = Ages(accessed=None if ages is None else day(ages), was_read=ages is not None)
    found = judged(rule(transitions=(transition,)), ages=known, **changes)
    assert (None if found is None else found.storage_class) == expected


def test_what_was_written_but_never_read_does_not_return() -> None:
    rules = rule(transitions=(becomes("IA", 30, returns=True, by_access=True),))
    ages = Ages(accessed=day(90), was_read=False)
    assert judged(rules, ages=ages, storage_class="IA") is None


def test_nothing_goes_to_and_fro() -> None:
    """Another rule makes it IA by its age: then reading it does not help."""
    returning = rule("a", transitions=(becomes("IA", 30, returns=True, by_access=True),))
    aging = rule(transitions=(becomes("IA", 10),))
    ages = Ages(accessed=day(99.5), was_read=True)
    assert judged(returning, aging, ages=ages, storage_class="IA") is None


# --- former versions, markers, uploads ---

FORMERS = rule(
    noncurrent_expiration=30, noncurrent_transitions=(becomes("IA", 10),), removes_markers=True
)


@pytest.mark.parametrize(
    ("since", "expected"),
    [(95, None), (90, ("IA", "all")), (70.001, ("IA", "all")), (70, ("delete", "all"))],
)
def test_former_versions_age_since_they_are_that(
    since: float, expected: tuple[str, str] | None
) -> None:
    judge = Judge(Lifecycle((FORMERS,)))
    found = judge.of_former(an_object(), day(NOW), Ages(since=day(since)))
    assert deed_of(found) == expected


def test_former_markers_go_and_never_change() -> None:
    judge = Judge(Lifecycle((FORMERS,)))
    marker = an_object(type="DeleteMarker", size=0)
    assert judge.of_former(marker, day(NOW), Ages(since=day(90))) is None
    assert deed_of(judge.of_former(marker, day(NOW), Ages(since=day(70)))) == ("delete", "all")


def test_the_last_marker() -> None:
    marker = an_object(type="DeleteMarker", size=0)
    assert deed_of(Judge(Lifecycle((FORMERS,))).of_last_marker(marker)) == ("remove marker", "all")
    others = (rule("b", removes_markers=True), rule(noncurrent_expiration=1))
    assert Judge(Lifecycle(others)).of_last_marker(marker) is None


@pytest.mark.parametrize(
    ("begun", "key", "expected"),
    [(97, "u/1", None), (96.999, "u/1", ("abort upload", "u")), (1, "v", None)],
)
def test_uploads(begun: float, key: str, expected: tuple[str, str] | None) -> None:
    judge = Judge(Lifecycle((rule("u", abort=ends(3)), rule(expiration=ends(1)))))
    upload = Upload(id="U", bucket_id=1, key=key, initiated_at=day(begun))
    at = day(NOW) - 1 if begun == 97 else day(NOW)
    assert deed_of(judge.of_upload(upload, at)) == expected


def test_when_something_will_end() -> None:
    judge = Judge(Lifecycle((rule("a", expiration=ends(900)), rule(expiration=ends(800)), FORMERS)))
    found = judge.end_of(an_object())
    assert found is not None
    assert (found.due, found.rule) == (day(801), "all")
    assert Judge(Lifecycle((FORMERS,))).end_of(an_object()) is None
