"""Lifecycle documents: what comes back, and what is refused with which cause."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ossia.errors import OssError
from ossia.protocol.lifecycle_rules import (
    Exclusion,
    Lifecycle,
    Rule,
    Transition,
    When,
    prefixes_of,
)
from ossia.protocol.lifecycle_xml import parse_lifecycle, render_lifecycle, stored_lifecycle

DAY = 24 * 3600 * 1000
DAYS = st.integers(1, 999).map(lambda days: When(days=days))
DATES = st.integers(0, 20_000).map(lambda day: When(created_before=day * DAY))
OLD_DATES = st.integers(0, 20_000).map(lambda day: When(date=day * DAY))
MAYBE = st.sampled_from([None, True, False])
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=5)
NAMES = TEXTS.filter(bool)


def only(**parts: object) -> Rule:
    """A rule with its actions, whatever else."""
    return Rule(**{"id": "r", "prefix": "", "is_enabled": True, **parts})  # type: ignore[arg-type]  # passed through


def whole(content: str) -> bytes:
    return f"<LifecycleConfiguration>{content}</LifecycleConfiguration>".encode()


def rule(content: str, *, prefix: str = "a", status: str = "Enabled", name: str = "r") -> str:
    return (
        f"<Rule><ID>{name}</ID><Prefix>{prefix}</Prefix><Status>{status}</Status>{content}</Rule>"
    )


EXPIRE = "<Expiration><Days>9</Days></Expiration>"
ABORT = "<AbortMultipartUpload><Days>3</Days></AbortMultipartUpload>"
MARKERS = "<Expiration><ExpiredObjectDeleteMarker>true</ExpiredObjectDeleteMarker></Expiration>"
TAG = "<Tag><Key>k</Key><Value>v</Value></Tag>"
NOT = "<Filter><Not><Prefix>ab</Prefix></Not></Filter>"


def becomes(kind: str, days: int | str = 3, more: str = "") -> str:
    return f"<Transition><Days>{days}</Days><StorageClass>{kind}</StorageClass>{more}</Transition>"


def formers_become(kind: str, days: int) -> str:
    inner = f"<NoncurrentDays>{days}</NoncurrentDays><StorageClass>{kind}</StorageClass>"
    return f"<NoncurrentVersionTransition>{inner}</NoncurrentVersionTransition>"


@given(
    st.builds(
        only,
        id=NAMES,
        prefix=TEXTS,
        is_enabled=st.booleans(),
        tags=st.lists(st.tuples(NAMES, TEXTS), max_size=3, unique_by=lambda pair: pair[0]).map(
            tuple
        ),
        larger_than=st.none() | st.integers(1, 5 * 1024**4),
        expiration=DAYS | DATES | OLD_DATES,
        noncurrent_expiration=st.none() | st.integers(1, 999),
    )
)
def test_rules_come_back(put: Rule) -> None:
    lifecycle = Lifecycle((put,))
    assert parse_lifecycle(render_lifecycle(lifecycle), allow_overlap=False) == lifecycle
    assert stored_lifecycle(render_lifecycle(lifecycle)) == lifecycle


@pytest.mark.parametrize("when", [When(days=7), When(created_before=5 * DAY)])
@pytest.mark.parametrize("takes_small", [None, True, False])
@pytest.mark.parametrize("returns", [None, True, False])
def test_transitions_come_back_as_they_were_said(
    when: When, takes_small: bool | None, returns: bool | None
) -> None:
    by_access = takes_small is not None
    if by_access and when.days is None:
        return
    transition = Transition(
        storage_class="IA",
        when=when,
        by_access=by_access or None,
        returns=returns,
        takes_small=takes_small,
    )
    later = Transition(storage_class="ColdArchive", when=When(days=20), by_access=False)
    put = only(
        prefix="a",
        excluded=(Exclusion(prefix="ab", tag=("t", "")), Exclusion(prefix="ac")),
        smaller_than=None if by_access else 9,
        transitions=(transition,) if when.days is None else (later, transition),
        removes_markers=None,
        noncurrent_transitions=(
            Transition(storage_class="IA", when=When(days=2), by_access=by_access),
        ),
    )
    lifecycle = Lifecycle((put,))
    assert parse_lifecycle(render_lifecycle(lifecycle), allow_overlap=False) == lifecycle


@pytest.mark.parametrize("said", [True, False])
def test_delete_markers_come_back(said: bool) -> None:
    put = only(removes_markers=said, expiration=None if said else When(days=3))
    lifecycle = Lifecycle((put,))
    assert parse_lifecycle(render_lifecycle(lifecycle), allow_overlap=False) == lifecycle


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_refused(content: bytes) -> None:
    with pytest.raises(OssError):
        parse_lifecycle(content, allow_overlap=True)


def test_rules_without_an_id_get_one() -> None:
    content = whole(rule(EXPIRE, name="") + rule(EXPIRE, name="", prefix="b"))
    first, second = parse_lifecycle(content, allow_overlap=False).rules
    assert first.id != second.id
    assert len(first.id) == 36


def test_what_is_answered_can_be_put_again() -> None:
    """GetBucketLifecycle tells AtimeBase; whoever adds a rule sends it back."""
    access = becomes("IA", 30, "<IsAccessTime>true</IsAccessTime>")
    lifecycle = parse_lifecycle(
        whole(rule(access) + rule(EXPIRE, prefix="b", name="s")), allow_overlap=False
    )
    told = render_lifecycle(lifecycle, monitored_since=1_631_698_332_999)
    assert re.findall(rb"<AtimeBase>(\d+)</AtimeBase></Rule>", told) == [b"1631698332"]
    assert parse_lifecycle(told, allow_overlap=False) == lifecycle


def test_prefixes_that_begin_with_another_are_gone_through_once() -> None:
    rules = [only(prefix=prefix) for prefix in ("b", "a/b", "a", "a/", "ab", "c")]
    assert prefixes_of(tuple(rules)) == ("a", "b", "c")
    assert prefixes_of(()) == ()


MALFORMED, ARGUMENT, REQUEST = "MalformedXML", "InvalidArgument", "InvalidRequest"
TWICE_GONE = rule(EXPIRE) + rule("<Expiration><Days>3</Days></Expiration>", prefix="ab", name="s")


@pytest.mark.parametrize(
    ("content", "code", "ec"),
    [
        pytest.param(b"", MALFORMED, "11", id="no-document"),
        pytest.param(b"<Lifecycle/>", MALFORMED, "11", id="another-root"),
        pytest.param(whole(""), MALFORMED, "13", id="no-rule"),
        pytest.param(whole(1001 * rule(EXPIRE)), MALFORMED, "14", id="too-many-rules"),
        pytest.param(whole("<X/>"), MALFORMED, "15", id="not-a-rule"),
        pytest.param(whole(rule(EXPIRE + "<X/>")), MALFORMED, "17", id="unknown-part"),
        pytest.param(whole(rule(EXPIRE, name="i" * 256)), ARGUMENT, "19", id="long-id"),
        pytest.param(whole(rule(EXPIRE) + rule(EXPIRE, prefix="b")), ARGUMENT, "20", id="id-twice"),
        pytest.param(
            whole(f"<Rule><Status>Enabled</Status>{EXPIRE}</Rule>"), MALFORMED, "21", id="no-prefix"
        ),
        pytest.param(whole(rule(EXPIRE, prefix="p" * 1024)), ARGUMENT, "22", id="long-prefix"),
        pytest.param(whole(rule(EXPIRE, status="On")), MALFORMED, "24", id="status"),
        pytest.param(whole(rule("")), MALFORMED, "26", id="no-action"),
        pytest.param(whole(rule(TAG + ABORT)), REQUEST, "27", id="tag-and-abort"),
        pytest.param(whole(rule(TAG + MARKERS)), REQUEST, "27", id="tag-and-markers"),
        pytest.param(
            whole(rule(EXPIRE + "<Tag><Value>v</Value></Tag>")), MALFORMED, "28", id="tag-no-key"
        ),
        pytest.param(
            whole(rule(EXPIRE + "<Tag><Key/><Value>v</Value></Tag>")),
            MALFORMED,
            "30",
            id="tag-empty-key",
        ),
        pytest.param(whole(rule(NOT + ABORT)), REQUEST, "34", id="not-and-abort"),
        pytest.param(
            whole(rule(NOT.replace("ab", "x") + EXPIRE)), ARGUMENT, "35", id="not-elsewhere"
        ),
        pytest.param(
            whole(rule(NOT.replace("ab", "a") + EXPIRE)), ARGUMENT, "35", id="not-everything"
        ),
        pytest.param(
            whole(rule(NOT.replace("</Not>", TAG + "</Not>") + TAG + EXPIRE)),
            ARGUMENT,
            "36",
            id="not-same-tag",
        ),
        pytest.param(
            whole(
                rule("<Filter><ObjectSizeGreaterThan>x</ObjectSizeGreaterThan></Filter>" + EXPIRE)
            ),
            ARGUMENT,
            "39",
            id="size",
        ),
        pytest.param(
            whole(rule("<Filter><ObjectSizeLessThan>0</ObjectSizeLessThan></Filter>" + EXPIRE)),
            ARGUMENT,
            "40",
            id="size-0",
        ),
        pytest.param(
            whole(
                rule(
                    "<Filter><ObjectSizeGreaterThan>9</ObjectSizeGreaterThan>"
                    "<ObjectSizeLessThan>9</ObjectSizeLessThan></Filter>" + EXPIRE
                )
            ),
            ARGUMENT,
            "41",
            id="sizes",
        ),
        pytest.param(whole(rule(becomes("test"))), ARGUMENT, "44", id="class"),
        pytest.param(whole(rule(becomes("Standard"))), ARGUMENT, "44", id="class-standard"),
        pytest.param(
            whole(rule("<Transition><Days>3</Days></Transition>")), MALFORMED, "45", id="no-class"
        ),
        pytest.param(
            whole(rule("<Transition><Date>2021-12-30T00:00:00.000Z</Date></Transition>")),
            MALFORMED,
            "46",
            id="transition-date",
        ),
        pytest.param(
            whole(
                rule(
                    "<Transition><CreatedBeforeDate>2021-12-30T00:00:00.000Z</CreatedBeforeDate>"
                    "<StorageClass>IA</StorageClass><IsAccessTime>true</IsAccessTime></Transition>"
                )
            ),
            MALFORMED,
            "47",
            id="access-before-a-date",
        ),
        pytest.param(
            whole(rule("<Transition><StorageClass>IA</StorageClass></Transition>")),
            MALFORMED,
            "49",
            id="transition-never",
        ),
        pytest.param(
            whole(
                rule(
                    becomes(
                        "IA",
                        3,
                        "<CreatedBeforeDate>2021-12-30T00:00:00.000Z</CreatedBeforeDate>",
                    )
                )
            ),
            MALFORMED,
            "50",
            id="transition-twice",
        ),
        pytest.param(
            whole(
                rule(
                    "<Filter><ObjectSizeLessThan>9</ObjectSizeLessThan></Filter>"
                    + becomes(
                        "IA",
                        3,
                        "<IsAccessTime>true</IsAccessTime><AllowSmallFile>true</AllowSmallFile>",
                    )
                )
            ),
            REQUEST,
            "54",
            id="small-and-sizes",
        ),
        pytest.param(
            whole(rule(becomes("IA", 3, "<AllowSmallFile>true</AllowSmallFile>"))),
            REQUEST,
            "55",
            id="small-without-access",
        ),
        pytest.param(
            whole(rule("<Expiration><IsAccessTime>true</IsAccessTime><Days>2</Days></Expiration>")),
            MALFORMED,
            "57",
            id="expiration-by-access",
        ),
        pytest.param(
            whole(
                rule(
                    MARKERS.replace("</Exp", "<Days>2</Days></Exp", 1).replace(
                        "<Days>2</Days></ExpiredObjectDeleteMarker>",
                        "</ExpiredObjectDeleteMarker><Days>2</Days>",
                    )
                )
            ),
            MALFORMED,
            "59",
            id="markers-and-days",
        ),
        pytest.param(whole(rule("<Expiration/>")), MALFORMED, "60", id="expiration-never"),
        pytest.param(
            whole(rule(MARKERS.replace("true", "false"))), MALFORMED, "60", id="markers-false"
        ),
        pytest.param(
            whole(
                rule(
                    "<Expiration><Days>2</Days>"
                    "<CreatedBeforeDate>2021-12-30T00:00:00.000Z</CreatedBeforeDate></Expiration>"
                )
            ),
            MALFORMED,
            "61",
            id="expiration-twice",
        ),
        pytest.param(whole(rule(formers_become("test", 3))), ARGUMENT, "62", id="former-class"),
        pytest.param(
            whole(
                rule(
                    "<NoncurrentVersionTransition><NoncurrentDays>3</NoncurrentDays>"
                    "</NoncurrentVersionTransition>"
                )
            ),
            MALFORMED,
            "63",
            id="former-no-class",
        ),
        pytest.param(
            whole(
                rule(
                    "<NoncurrentVersionTransition><StorageClass>IA</StorageClass>"
                    "</NoncurrentVersionTransition>"
                )
            ),
            MALFORMED,
            "64",
            id="former-never",
        ),
        pytest.param(
            whole(
                rule(
                    "<NoncurrentVersionExpiration><NoncurrentDays>3</NoncurrentDays>"
                    "<IsAccessTime>true</IsAccessTime></NoncurrentVersionExpiration>"
                )
            ),
            MALFORMED,
            "68",
            id="formers-by-access",
        ),
        pytest.param(
            whole(rule("<NoncurrentVersionExpiration/>")), MALFORMED, "70", id="formers-never"
        ),
        pytest.param(
            whole(rule(ABORT.replace("<Days>", "<IsAccessTime>true</IsAccessTime><Days>"))),
            MALFORMED,
            "71",
            id="abort-by-access",
        ),
        pytest.param(whole(rule("<AbortMultipartUpload/>")), MALFORMED, "73", id="abort-never"),
        pytest.param(
            whole(
                rule(
                    ABORT.replace(
                        "<Days>",
                        "<CreatedBeforeDate>2021-12-30T00:00:00.000Z</CreatedBeforeDate><Days>",
                    )
                )
            ),
            MALFORMED,
            "74",
            id="abort-twice",
        ),
        pytest.param(
            whole(
                rule(
                    becomes("IA") + "<Expiration><CreatedBeforeDate>2021-12-30T00:00:00.000Z"
                    "</CreatedBeforeDate></Expiration>"
                )
            ),
            REQUEST,
            "80",
            id="mixed",
        ),
        pytest.param(
            whole(rule(becomes("IA", 20) + becomes("Archive", 12))), ARGUMENT, "81", id="order"
        ),
        pytest.param(
            whole(rule(formers_become("IA", 20) + formers_become("Archive", 12))),
            ARGUMENT,
            "81",
            id="order-of-formers",
        ),
        pytest.param(whole(rule(becomes("IA", 9) + EXPIRE)), ARGUMENT, "81", id="gone-before"),
        pytest.param(
            whole(
                rule(becomes("IA", 120), prefix="test", name="1")
                + rule(becomes("Archive", 60), prefix="test/log", name="2")
                + rule("<Expiration><Days>30</Days></Expiration>", prefix="test/log/c", name="3")
            ),
            ARGUMENT,
            "82",
            id="order-of-rules",
        ),
        pytest.param(whole(TWICE_GONE), REQUEST, "84", id="overlap"),
        pytest.param(
            whole(rule(EXPIRE) + rule(becomes("IA"), name="s")), REQUEST, "85", id="same-prefix"
        ),
        pytest.param(whole(rule(EXPIRE.replace("9", "-100"))), ARGUMENT, "86", id="days"),
        pytest.param(whole(rule(EXPIRE.replace("9", "0"))), ARGUMENT, "86", id="days-0"),
        *(
            pytest.param(
                whole(
                    rule(f"<Expiration><CreatedBeforeDate>{date}</CreatedBeforeDate></Expiration>")
                ),
                ARGUMENT,
                "87",
                id=f"date-{date}",
            )
            for date in (
                "2022-12-08",
                "2022-12-08T08:00:00.000Z",
                "2022-12-08T00:00:00.500Z",
                "9999-99-99T00:00:00.000Z",
                "1969-12-31T00:00:00.000Z",
            )
        ),
        pytest.param(
            whole(rule(f"<Filter><Not>{TAG}</Not></Filter>{EXPIRE}")),
            MALFORMED,
            "88",
            id="not-without-prefix",
        ),
        pytest.param(whole(rule(EXPIRE + EXPIRE)), MALFORMED, "89", id="twice"),
    ],
)
def test_what_is_refused(content: bytes, code: str, ec: str) -> None:
    with pytest.raises(OssError) as refused:
        parse_lifecycle(content, allow_overlap=False)
    assert (refused.value.code, refused.value.ec) == (code, f"0014-000000{ec}")


def test_texts_that_are_witnessed() -> None:
    for content, text in (
        (
            whole(rule(becomes("IA", 20) + becomes("Archive", 12))),
            (
                "Days in the Transition action for StorageClass Archive must be more than the "
                "Transition action for StorageClass IA"
            ),
        ),
        (whole(TWICE_GONE), "Overlap for same action type Expiration"),
        (
            whole(
                rule(
                    becomes("IA")
                    + EXPIRE.replace("<Days>9</Days>", "<Date>2021-12-30T00:00:00.000Z</Date>")
                )
            ),
            (
                "Found mixed CreatedBeforeDate and Days based Expiration and Transition for "
                "StorageClass IA actions"
            ),
        ),
    ):
        with pytest.raises(OssError) as refused:
            parse_lifecycle(content, allow_overlap=False)
        assert refused.value.text == text


def test_overlap_may_be_allowed_but_not_of_aborting() -> None:
    assert len(parse_lifecycle(whole(TWICE_GONE), allow_overlap=True).rules) == 2
    content = whole(rule(ABORT, prefix="") + rule(ABORT, prefix="dir1", name="s"))
    with pytest.raises(OssError) as refused:
        parse_lifecycle(content, allow_overlap=True)
    assert refused.value.text == "Overlap for same action type AbortMultipartUpload"


@pytest.mark.parametrize(
    "content",
    [
        # ali-oss, "should put the lifecycle with old api".
        pytest.param(rule("<Days>1</Days>" + EXPIRE), id="days-beside-the-expiration"),
        pytest.param(
            rule(
                "<AbortMultipartUpload><Date>2021-12-30T00:00:00.000Z</Date></AbortMultipartUpload>"
            ),
            id="old-date",
        ),
        pytest.param(
            rule(EXPIRE, prefix="dir/")
            + rule(
                "<Filter><Not><Prefix>dir/</Prefix></Not></Filter>" + EXPIRE, prefix="", name="s"
            ),
            id="NOT-example-1",
        ),
        pytest.param(rule(EXPIRE) + rule(TAG + EXPIRE, name="s"), id="other-tags"),
        pytest.param(rule(ABORT, prefix="a/") + rule(ABORT, prefix="b", name="s"), id="beside"),
        pytest.param(
            rule(EXPIRE, prefix="")
            + rule(
                "<NoncurrentVersionExpiration><NoncurrentDays>3</NoncurrentDays>"
                "</NoncurrentVersionExpiration>",
                name="s",
            ),
            id="another-action",
        ),
        pytest.param(
            # ali-oss, "should put the lifecycle with Transition".
            rule(
                "<Transition><CreatedBeforeDate>2020-02-18T00:00:00.000Z</CreatedBeforeDate>"
                "<StorageClass>Archive</StorageClass></Transition><Expiration>"
                "<CreatedBeforeDate>2020-02-17T00:00:00.000Z</CreatedBeforeDate></Expiration>" + TAG
            ),
            id="dates",
        ),
        pytest.param(
            # oss2, test_access_monitor_with_bucket_lifecycle.
            rule(
                becomes("Archive", 355, "<IsAccessTime>false</IsAccessTime>")
                + becomes(
                    "IA",
                    352,
                    "<IsAccessTime>true</IsAccessTime><AllowSmallFile>true</AllowSmallFile>",
                )
                + "<Expiration><Days>356</Days></Expiration>"
            ),
            id="access-and-change",
        ),
    ],
)
def test_what_goes_together(content: str) -> None:
    parse_lifecycle(whole(content), allow_overlap=False)
