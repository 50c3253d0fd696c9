import gzip
import os
from pathlib import Path

from ossia.logs.files import events_about, siblings

ID = "6B0B7C05B6AC6000348E3BA1"
TEXT = (
    f"2026-11-28T10:00:00.000Z INFO access key=k request_id={ID}\n"
    "2026-11-28T10:00:00.001Z INFO access key=k request_id=OTHER\n"
    f"2026-11-28T10:00:00.002Z INFO access key={ID} request_id=OTHER\n"
    f"2026-11-28T10:00:00.003Z ERROR request_failed request_id={ID}\n"
    "    | Traceback\n"
    "    |   Error: x\n"
    "2026-11-28T10:00:00.004Z INFO draining seconds=1\n"
    "no line of ours " + ID + "\n"
)
JSON = (
    f'{{"time": "2026-11-28T10:00:01.000Z", "level": "INFO", "event": "access", "request_id": "{ID}"}}\n'
    f'{{"time": "2026-11-28T10:00:01.000Z", "level": "INFO", "event": "x", "key": "{ID}"}}\n'
    f'{{"time": "2026-11-28T10:00:02.000Z", "level": "INFO", "event": "access", "request_id": "A", '
    f'"rpc_request_id": "{ID}"}}\n'
)


def test_only_what_is_about_the_request_is_found_in_both_forms(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text(TEXT + JSON)
    found = list(events_about(ID, path))
    assert [each["event"] for each in found] == ["access", "request_failed", "access", "access"]
    assert found[1]["exception"] == "Traceback\n  Error: x"
    assert found[3]["request_id"] == "A"


def test_what_was_rotated_is_found_the_oldest_first(tmp_path: Path) -> None:
    names = ["a.log.2.gz", "a.log-20261127", "a.log.1", "a.log"]
    for age, name in enumerate(reversed(names)):
        path = tmp_path / name
        path.write_bytes(gzip.compress(TEXT.encode()) if name.endswith("gz") else TEXT.encode())
        os.utime(path, (1000 - age, 1000 - age))
    for other in ("a.logs", "b.log", "xa.log"):
        (tmp_path / other).write_text(TEXT)
    (tmp_path / "a.log.d").mkdir()
    found = siblings(tmp_path / "a.log")
    assert [each.name for each in found] == names
    assert len(list(events_about(ID, found[0]))) == 2


def test_a_name_with_stars_is_a_name(tmp_path: Path) -> None:
    (tmp_path / "a*.log").write_text("")
    (tmp_path / "ab.log").write_text("")
    assert [each.name for each in siblings(tmp_path / "a*.log")] == ["a*.log"]
