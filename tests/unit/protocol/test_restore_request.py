"""The body of RestoreObject."""

import pytest

from ossia.errors import MalformedXML
from ossia.protocol.restore_request import (
    RestoreRequest,
    days_of,
    parse_restore_request,
    tier_of,
)


def job(tier: str) -> bytes:
    return b"<JobParameters><Tier>%s</Tier></JobParameters>" % tier.encode()


def body(days: str = "<Days>2</Days>", more: bytes = b"") -> bytes:
    return b"<RestoreRequest>%s%s</RestoreRequest>" % (days.encode(), more)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        pytest.param(b"", RestoreRequest(), id="absent"),
        pytest.param(b" \n", RestoreRequest(), id="blank"),
        pytest.param(body(), RestoreRequest("2"), id="days"),
        pytest.param(body("<Days> 2\n</Days>"), RestoreRequest("2"), id="white-space"),
        pytest.param(body(more=b"<JobParameters/>"), RestoreRequest("2"), id="no-tier"),
        pytest.param(body(more=job("Bulk")), RestoreRequest("2", "Bulk"), id="tier"),
    ],
)
def test_parsed(content: bytes, expected: RestoreRequest) -> None:
    assert parse_restore_request(content) == expected


@pytest.mark.parametrize(
    ("content", "ec"),
    [
        pytest.param(b"<", None, id="no-xml"),
        pytest.param(b"<Restore/>", None, id="root"),
        pytest.param(b"<RestoreRequest/>", None, id="empty"),
        pytest.param(body("", job("Bulk")), None, id="days-are-missing"),
        pytest.param(body(more=b"<Unknown/>"), "0016-00000714", id="unknown"),
    ],
)
def test_malformed(content: bytes, ec: str | None) -> None:
    with pytest.raises(MalformedXML) as refused:
        parse_restore_request(content)
    assert refused.value.ec == ec


@pytest.mark.parametrize(
    ("days", "storage_class", "expected"),
    [
        (None, "Archive", 1),
        (None, "DeepColdArchive", 1),
        ("1", "Archive", 1),
        ("7", "Archive", 7),
        ("8", "Archive", "0016-00000708"),
        ("a", "Archive", "0016-00000708"),
        ("", "Archive", "0016-00000708"),
        ("365", "ColdArchive", 365),
        ("365", "DeepColdArchive", 365),
        ("366", "ColdArchive", "0016-00000704"),
        ("0", "ColdArchive", "0016-00000704"),
        ("-1", "ColdArchive", "0016-00000704"),
        ("1.5", "DeepColdArchive", "0016-00000704"),
        ("9" * 5000, "DeepColdArchive", "0016-00000704"),
    ],
)
def test_days(days: str | None, storage_class: str, expected: int | str) -> None:
    request = RestoreRequest(days)
    if isinstance(expected, int):
        assert days_of(request, storage_class) == expected
    else:
        with pytest.raises(MalformedXML) as refused:
            days_of(request, storage_class)
        assert refused.value.ec == expected


@pytest.mark.parametrize(
    ("tier", "storage_class", "expected"),
    [
        (None, "Archive", "Standard"),
        (None, "ColdArchive", "Standard"),
        ("Expedited", "ColdArchive", "Expedited"),
        ("Bulk", "ColdArchive", "Bulk"),
        ("Expedited", "DeepColdArchive", "Expedited"),
        ("Standard", "Archive", "0016-00000714"),
        ("Test", "ColdArchive", "0016-00000703"),
        ("bulk", "ColdArchive", "0016-00000703"),
        ("", "ColdArchive", "0016-00000703"),
        ("Bulk", "DeepColdArchive", "0016-00000703"),
    ],
)
def test_tier(tier: str | None, storage_class: str, expected: str) -> None:
    request = RestoreRequest("1", tier)
    if expected.startswith("0016"):
        with pytest.raises(MalformedXML) as refused:
            tier_of(request, storage_class)
        assert refused.value.ec == expected
    else:
        assert tier_of(request, storage_class) == expected
