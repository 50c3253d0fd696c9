"""What clients do to one object through different gateways is linearizable, whatever breaks meanwhile.

``OSSIA_CLUSTER_HISTORIES`` says how many histories there are, all faults together (1000).  The
table at the end counts those that lasted while something was broken, or had not come together again.
"""

import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Final

import pytest
from faults import HOW, VICTIMS, held_s, injure, skip_impossible, victim_of
from histories import OPERATIONS, Teams, Worked

from cluster.place import CHECKOUT
from cluster.whole import Cluster
from history import OK, History, Verdict, judge, lacks_judge

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        lacks_judge() is not None, reason=f"HISTORIES ARE NOT RECORDED: {lacks_judge()}"
    ),
]

HISTORIES: Final = int(os.environ.get("OSSIA_CLUSTER_HISTORIES", "1000"))
MOST_ROUNDS: Final = 8
_FAULTS_ON_LOOPBACK: Final = len(VICTIMS) * (len(HOW) - 1)
_ENOUGH: Final = -(-HISTORIES // _FAULTS_ON_LOOPBACK)
"""Of each fault, also where nobody can be cut off."""
_KEPT: Final = CHECKOUT / ".cache" / "histories"
"""Pictures and records of what is not linearizable."""


@dataclass
class Row:
    """The histories of one kind of fault."""

    fault: str
    rounds: int
    histories: int
    meanwhile: int
    operations: int
    unknown: int
    slowest_s: float


@pytest.fixture(scope="module")
def table() -> Iterator[list[Row]]:
    """The rows, printed when all faults have been."""
    rows: list[Row] = []
    yield rows
    columns = ("rounds", "histories", "meanwhile", "operations", "unknown")
    print(f"\n\n| fault | {' | '.join(columns)} | slowest verdict |\n|---|{'--:|' * 6}")
    for each in rows:
        counts = " | ".join(str(getattr(each, name)) for name in columns)
        print(f"| {each.fault} | {counts} | {each.slowest_s * 1000:.1f} ms |")
    sums = " | ".join(str(sum(getattr(each, name) for each in rows)) for name in columns)
    print(f"| all | {sums} | |")


class Breaking:
    """When something was broken, until all was well again."""

    def __init__(self, whole: Cluster, name: str, how: str) -> None:
        self._whole, self._name, self._how = whole, name, how
        self.spans: list[tuple[float, float]] = []

    def once(self) -> None:
        begun = time.monotonic()
        undo = injure(self._whole, self._how, victim_of(self._whole, self._name))
        time.sleep(held_s(self._name, self._how))
        undo()
        self._whole.mend()
        self.spans.append((begun, time.monotonic()))

    def meanwhile(self, done: list[Worked]) -> list[Worked]:
        """Those of some length that were worked on at such a time."""
        return [
            each
            for each in done
            if len(each.history.operations) >= OPERATIONS[0]
            and any(begun < each.ended and each.began < over for begun, over in self.spans)
        ]


@pytest.mark.parametrize("how", HOW)
@pytest.mark.parametrize("name", VICTIMS)
def test_histories_are_linearizable(
    whole: Cluster, teams: Teams, table: list[Row], name: str, how: str
) -> None:
    skip_impossible(whole, name, how)
    breaking = Breaking(whole, name, how)
    with teams.running():
        while len(breaking.meanwhile(teams.done)) < _ENOUGH:
            assert len(breaking.spans) < MOST_ROUNDS, "hardly anybody is served"
            time.sleep(1)
            breaking.once()
    teams.look_again()
    histories = [each.history for each in teams.done]
    verdicts = judge(histories, _KEPT)
    operations = [operation for each in histories for operation in each.operations]
    table.append(
        Row(
            fault=f"{how} {name}",
            rounds=len(breaking.spans),
            histories=len(histories),
            meanwhile=len(breaking.meanwhile(teams.done)),
            operations=len(operations),
            unknown=sum(each.answered is None for each in operations),
            slowest_s=max(each.seconds for each in verdicts),
        )
    )
    print(f"{how} {name}: {dict(teams.failures)}")
    assert teams.wrong == []
    assert refused(histories, verdicts) == []
    assert any(each.told.outcome == OK for each in operations)


def refused(histories: list[History], verdicts: list[Verdict]) -> list[str]:
    """Which are not linearizable, or could not be judged; each is kept."""
    found = []
    for history, verdict in zip(histories, verdicts, strict=True):
        if verdict.result != "Ok":
            kept = _KEPT / f"{history.name}.json"
            kept.write_text(json.dumps(asdict(history), indent=1))
            found.append(f"{verdict.result}: {kept}")
    return found
