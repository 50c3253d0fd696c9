"""Which point is meant, and which stay."""

import pytest

from ossia.node.backup.forget import Rules
from ossia.node.backup.points import choose, new_name, time_of
from ossia.settings import SettingsError

NAMES = [
    "20261030T120000Z-00000001",
    "20261126T080000Z-00000002",
    "20261126T200000Z-00000003",
    "20261127T080000Z-00000004",
    "20261128T080000Z-00000005",
    "20261128T080000Z-00000006",
]


@pytest.mark.parametrize(
    ("wanted", "at"),
    [
        pytest.param("latest", -1, id="latest"),
        pytest.param(NAMES[2], 2, id="name"),
        pytest.param("20261127", 3, id="beginning"),
        pytest.param("2026-11-26T20:00", 2, id="time-of-a-point"),
        pytest.param("2026-11-26T19:59", 1, id="time-before"),
        pytest.param("2026-11-27T09:00+02:00", 2, id="time-with-a-zone"),
        pytest.param("2027-01-01", -1, id="day"),
    ],
)
def test_the_point_that_is_meant(wanted: str, at: int) -> None:
    assert choose(NAMES, wanted) == NAMES[at]


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        pytest.param("20261128T", "Several points", id="several"),
        pytest.param("nothing", "No point begins", id="none"),
        pytest.param("2026-10-01", "No point is as old", id="too-old"),
    ],
)
def test_what_means_no_point_is_told(wanted: str, text: str) -> None:
    with pytest.raises(SettingsError, match=text):
        choose(NAMES, wanted)


def test_no_points_at_all() -> None:
    with pytest.raises(SettingsError, match="no point yet"):
        choose([], "latest")


@pytest.mark.parametrize(
    ("rules", "kept"),
    [
        pytest.param(Rules(), [], id="none"),
        pytest.param(Rules(last=2), [4, 5], id="last"),
        pytest.param(Rules(last=9), [0, 1, 2, 3, 4, 5], id="more-than-there-are"),
        pytest.param(Rules(daily=3), [2, 3, 5], id="newest-of-each-day"),
        pytest.param(Rules(daily=4), [0, 2, 3, 5], id="days-without-count-for-nothing"),
        pytest.param(Rules(weekly=2), [0, 5], id="weeks"),
        pytest.param(Rules(monthly=1), [5], id="months"),
        pytest.param(Rules(last=1, daily=2), [3, 5], id="together"),
    ],
)
def test_what_rules_keep(rules: Rules, kept: list[int]) -> None:
    assert rules.kept(NAMES) == {NAMES[at] for at in kept}


def test_a_name_tells_its_time() -> None:
    assert time_of(new_name(1_795_912_419_509)).isoformat() == "2026-11-29T00:33:39+00:00"
