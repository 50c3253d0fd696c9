import pytest

from ossia.errors import NotModified, PreconditionFailed
from ossia.protocol.preconditions import Preconditions

ETAG = "5D41402ABC4B2A76B9719D911017C592"
AT = 1_735_787_045_678
SAME = "Thu, 02 Jan 2025 03:04:05 GMT"
BEFORE = "Thu, 02 Jan 2025 03:04:04 GMT"
AFTER = "Thu, 02 Jan 2025 03:04:06 GMT"


@pytest.mark.parametrize(
    "conditions",
    [
        Preconditions(),
        Preconditions(match=f'"{ETAG}"'),
        Preconditions(match=f'"x", "{ETAG.lower()}"'),
        Preconditions(match="*"),
        Preconditions(none_match="x"),
        Preconditions(modified_since=BEFORE),
        Preconditions(modified_since="not a date"),
        Preconditions(unmodified_since=SAME),
        Preconditions(unmodified_since=AFTER),
        Preconditions(unmodified_since="not a date"),
    ],
)
def test_what_holds(conditions: Preconditions) -> None:
    conditions.check(ETAG, AT)


@pytest.mark.parametrize(
    ("conditions", "header"),
    [
        (Preconditions(match='"x"'), "If-Match"),
        (Preconditions(unmodified_since=BEFORE), "If-Unmodified-Since"),
        (Preconditions(match='"x"', none_match=ETAG), "If-Match"),
    ],
)
def test_what_fails(conditions: Preconditions, header: str) -> None:
    with pytest.raises(PreconditionFailed) as refused:
        conditions.check(ETAG, AT)
    assert refused.value.details["Condition"] == header


@pytest.mark.parametrize(
    "conditions",
    [
        Preconditions(none_match=ETAG),
        Preconditions(none_match="*"),
        Preconditions(modified_since=SAME),
        Preconditions(modified_since=AFTER),
    ],
)
def test_what_is_not_modified(conditions: Preconditions) -> None:
    with pytest.raises(NotModified):
        conditions.check(ETAG, AT)
