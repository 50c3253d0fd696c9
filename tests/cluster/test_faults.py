"""Any one part is killed, frozen or cut off under load, and nothing acknowledged is lost.

``OSSIA_CLUSTER_ROUNDS`` says how often (1; ``make test-cluster ROUNDS=20``).  The table at the end has the longest stall of each.
"""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import pytest
from faults import HOW, VICTIMS, held_s, injure, skip_impossible, victim_of
from load import Load

from cluster import gateways
from cluster.processes import wait_until
from cluster.whole import Cluster

pytestmark = pytest.mark.slow

ROUNDS = int(os.environ.get("OSSIA_CLUSTER_ROUNDS", "1"))
HELD_FULL_S = 10.0


@dataclass
class Row:
    """What one kind of fault did in all its rounds."""

    fault: str
    rounds: int = 0
    stall_s: float = 0.0
    slowest_s: float = 0.0
    acknowledged: int = 0
    failures: dict[str, int] = field(default_factory=dict)

    def add(self, load: Load) -> None:
        self.rounds += 1
        self.stall_s = max(self.stall_s, load.longest.gap_s)
        self.slowest_s = max(self.slowest_s, load.slowest_s)
        self.acknowledged += load.longest.count
        for name, count in load.failures.items():
            self.failures[name] = self.failures.get(name, 0) + count
        # Twenty rounds of everything take hours: who looks on sees how far they are.
        print(self, flush=True)

    def __str__(self) -> str:
        failures = ", ".join(f"{count} {name}" for name, count in sorted(self.failures.items()))
        return (
            f"| {self.fault} | {self.rounds} | {self.acknowledged} | {self.stall_s:.1f} s "
            f"| {self.slowest_s:.1f} s | {failures or 'none'} |"
        )


@pytest.fixture(scope="module")
def table() -> Iterator[list[Row]]:
    """The rows, printed when all faults have been."""
    rows: list[Row] = []
    yield rows
    print("\n\n| fault | rounds | acknowledged | longest stall | slowest request | unanswered |")
    print("|---|--:|--:|--:|--:|---|")
    for each in rows:
        print(each)


def mend(whole: Cluster, load: Load) -> None:
    """Let all be well again, and writes go on."""
    whole.mend()
    before = load.longest.count
    wait_until(lambda: load.longest.count > before + 20, 60, "no write goes on")


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("name", VICTIMS)
def test_nothing_acknowledged_is_lost(
    whole: Cluster, load: Load, table: list[Row], name: str, how: str
) -> None:
    skip_impossible(whole, name, how)
    row = Row(f"{how} {name}")
    table.append(row)
    with load.running():
        for _ in range(ROUNDS):
            time.sleep(1)
            load.begin_round()
            victim = victim_of(whole, name)
            undo = injure(whole, how, victim)
            time.sleep(held_s(name, how))
            undo()
            mend(whole, load)
            row.add(load)
    assert load.verify() == []


KEPT = {"kept/small": b"s" * 700, "kept/large": b"l" * 300_000}
"""One in its row, one in the engine."""


def still_served(load: Load, *, writes_small: bool) -> None:
    """What needs no room goes on; *writes_small*: what lies in rows can be written, too."""
    for key, content in KEPT.items():
        assert load.client.request("GET", load.bucket, key).body == content
    if writes_small:
        reply = load.client.request("PUT", load.bucket, "kept/new", body=KEPT["kept/small"])
        assert reply.status == 200


@pytest.mark.parametrize("name", ["primary", "osd1"])
def test_a_full_disk_loses_nothing(whole: Cluster, load: Load, table: list[Row], name: str) -> None:
    if name == "primary" and not whole.place.has_disks:
        pytest.skip("only root can give PostgreSQL a disk that runs full")
    # Longer than a gateway waits for its engines before it says that they do not answer.
    load.client = replace(load.client, timeout_s=60)
    row = Row(f"full disk of {name}")
    table.append(row)
    for key, content in KEPT.items():
        assert load.client.request("PUT", load.bucket, key, body=content).status == 200
    with load.running():
        for _ in range(ROUNDS):
            time.sleep(1)
            load.begin_round()
            whole.fill(name)
            wait_until(lambda: bool(load.failures), 90, "nobody was told")
            time.sleep(HELD_FULL_S)
            still_served(load, writes_small=name != "primary")
            mend(whole, load)
            row.add(load)
    assert load.verify() == []
    assert set(row.failures) == {"503 ServiceUnavailable"}


@pytest.mark.parametrize("seconds", [600, -600], ids=["ahead", "behind"])
def test_a_clock_that_jumps_changes_nothing(
    whole: Cluster, load: Load, table: list[Row], seconds: int
) -> None:
    row = Row(f"clock of a gateway {seconds:+d} s")
    table.append(row)
    with load.running():
        for _ in range(ROUNDS):
            time.sleep(1)
            load.begin_round()
            gateways.move_clock(whole.place, "gateway2", seconds)
            time.sleep(4)
            gateways.move_clock(whole.place, "gateway2", 0)
            time.sleep(1)
            row.add(load)
    assert load.verify() == []
