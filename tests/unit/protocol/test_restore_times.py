"""The setting of how long restoring takes."""

import pytest

from ossia.protocol.restore_times import parse_restore_times

ALL = {
    ("Archive", "Standard"),
    ("ColdArchive", "Expedited"),
    ("ColdArchive", "Standard"),
    ("ColdArchive", "Bulk"),
    ("DeepColdArchive", "Expedited"),
    ("DeepColdArchive", "Standard"),
}
HOUR = 3_600_000


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        pytest.param([], {}, id="nothing-is-at-once"),
        pytest.param(["0"], {}, id="zero"),
        pytest.param(["1.5"], dict.fromkeys(ALL, 1500), id="all"),
        pytest.param(["Archive=2"], {("Archive", "Standard"): 2000}, id="class"),
        pytest.param(
            ["ColdArchive/Bulk=7", "ColdArchive=2"],
            {
                ("ColdArchive", "Expedited"): 2000,
                ("ColdArchive", "Standard"): 2000,
                ("ColdArchive", "Bulk"): 7000,
            },
            id="tier-counts-in-whatever-order",
        ),
        pytest.param(
            ["DeepColdArchive=0", "3"],
            {place: 3000 for place in ALL if place[0] != "DeepColdArchive"},
            id="class-counts-in-whatever-order",
        ),
        pytest.param(
            ["Archive=5", "as-oss"],
            {
                ("Archive", "Standard"): 5000,
                ("ColdArchive", "Expedited"): HOUR,
                ("ColdArchive", "Standard"): 5 * HOUR,
                ("ColdArchive", "Bulk"): 12 * HOUR,
                ("DeepColdArchive", "Expedited"): 12 * HOUR,
                ("DeepColdArchive", "Standard"): 48 * HOUR,
            },
            id="as-oss-but-for-archive",
        ),
    ],
)
def test_times(texts: list[str], expected: dict[tuple[str, str], int]) -> None:
    assert parse_restore_times(texts) == {**dict.fromkeys(ALL, 0), **expected}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "-1",
        "nan",
        "inf",
        "1e12",
        "IA=1",
        "Archive",
        "Archive=",
        "Archive/Bulk=1",
        "DeepColdArchive/Bulk=1",
        "/Bulk=1",
        "as-OSS",
    ],
)
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match="--restore-times"):
        parse_restore_times([text])
