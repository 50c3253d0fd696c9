"""Processes of a cluster (deploy/cluster) are found again, and do what they are told."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster.errors import ClusterError
from cluster.processes import Daemon, wait_until
from processes import children_of

FAMILY = "sleep 60 & sleep 60 & wait"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for each in ("run", "log"):
        (tmp_path / each).mkdir()
    return tmp_path


@pytest.fixture
def daemon(folder: Path) -> Iterator[Daemon]:
    made = Daemon("family", ["sh", "-c", FAMILY], folder, ["env", "A=1"])
    yield made
    made.kill()


def family_of(daemon: Daemon) -> list[int]:
    pid = daemon.pid()
    assert pid is not None
    return [pid, *children_of(pid)]


def state_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "gone"


@pytest.mark.slow
def test_what_is_started_is_found_by_whoever_knows_its_name(daemon: Daemon, folder: Path) -> None:
    assert not daemon.is_running()
    daemon.start()
    found = Daemon("family", [], folder)
    assert found.pid() == daemon.pid()
    assert found.is_running()
    before = daemon.pid()
    daemon.start()
    assert daemon.pid() == before
    assert state_of(before or 0) != "gone"


@pytest.mark.slow
def test_a_number_that_was_given_out_again_is_not_ours(daemon: Daemon, folder: Path) -> None:
    daemon.start()
    daemon.kill()
    (folder / "run" / "family.pid").write_text(f"{os.getpid()}\n")
    assert not daemon.is_running()
    daemon.kill()
    daemon.freeze()
    daemon.stop()


@pytest.mark.slow
def test_children_share_its_fate(daemon: Daemon) -> None:
    daemon.start()
    wait_until(lambda: len(family_of(daemon)) == 3, 5, "no children")
    family = family_of(daemon)
    daemon.freeze()
    wait_until(lambda: {state_of(each) for each in family} == {"T"}, 5, "not frozen")
    assert daemon.is_frozen()
    daemon.thaw()
    wait_until(lambda: {state_of(each) for each in family} == {"S"}, 5, "not thawed")
    daemon.freeze()
    daemon.kill()
    wait_until(lambda: {state_of(each) for each in family} <= {"gone", "Z"}, 5, "not killed")
    assert not daemon.is_running()


@pytest.mark.slow
def test_one_that_stands_still_is_stopped_too(daemon: Daemon) -> None:
    daemon.start()
    daemon.freeze()
    begun = time.monotonic()
    daemon.stop(30)
    assert not daemon.is_running()
    assert time.monotonic() - begun < 5


@pytest.mark.slow
def test_one_that_does_not_listen_is_killed(folder: Path) -> None:
    deaf = Daemon(
        "deaf", ["sh", "-c", "trap '' TERM; echo deaf; while :; do sleep 0.05; done"], folder
    )
    deaf.start()
    wait_until(lambda: "deaf" in deaf.log.read_text(), 5, "did not begin")
    deaf.send(signal.SIGTERM)
    assert not deaf.ends_within(0.2)
    deaf.stop(0.2)
    assert not deaf.is_running()


@pytest.mark.slow
def test_what_does_not_come_up_says_why(folder: Path) -> None:
    broken = Daemon("broken", ["sh", "-c", "echo no disk >&2; exit 1"], folder)
    broken.start()
    with pytest.raises(ClusterError, match="broken has ended, and said: no disk"):
        broken.wait_until(lambda: False, 10, "is not ready")
    absent = Daemon("absent", ["missing-program"], folder)
    absent.start()
    with pytest.raises(ClusterError, match="missing-program"):
        absent.wait_until(lambda: True, 10, "is not ready")
