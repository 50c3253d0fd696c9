import random
import re

import pytest
from prometheus_client.parser import text_string_to_metric_families

from ossia import errors
from ossia.node.metrics.board import Board, Family, Kind
from ossia.node.metrics.exposition import expose
from ossia.node.metrics.families import (
    CALLERS,
    FAMILIES,
    OPERATIONS,
    REQUEST_SECONDS,
    STATUSES,
)
from ossia.node.metrics.request_count import RequestCount
from ossia.node.metrics.state import State
from ossia.node.metrics.worker import WorkerMetrics
from ossia.ports import CallbackFault
from ossia.records import CallbackMessage, Delivery, Timings

UNITS = ("seconds", "bytes", "total", "changes", "connections", "under_way")


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_names_are_those_of_prometheus(family: Family) -> None:
    assert re.fullmatch(r"ossia(_[a-z]+)+", family.name)
    assert family.name.endswith(UNITS), family.name
    assert family.name.endswith("_total") == (family.kind is Kind.COUNTER)
    assert family.text.endswith(".")
    assert family.bounds == tuple(sorted(family.bounds))
    for _, values in family.labels:
        assert len(set(values)) == len(values)


def test_every_refusal_has_its_status() -> None:
    refusals = [
        each for each in vars(errors).values() if isinstance(getattr(each, "status", 0), int)
    ]
    assert {str(each.status) for each in refusals if hasattr(each, "status")} <= set(STATUSES)


def counted(*requests: tuple[str, int, str, float, int, int]) -> dict[tuple[str, ...], float]:
    """Series that are not zero, after these requests."""
    board = Board(FAMILIES)
    requested = RequestCount(board.rows[0])
    for each in requests:
        requested.note(each)
    requested.write()
    return samples(board, "ossia_re")


def samples(board: Board, prefix: str) -> dict[tuple[str, ...], float]:
    _, document = expose(board, State(), "")
    return {
        (
            sample.name,
            *(f"{name}={value}" for name, value in sorted(sample.labels.items())),
        ): sample.value
        for family in text_string_to_metric_families(document.decode())
        for sample in family.samples
        if sample.name.startswith(prefix) and sample.value
    }


def test_a_request_is_counted_by_operation_status_and_caller() -> None:
    found = counted(
        ("GetObject", 200, "USER", 0.003, 0, 4096), ("GetObject", 404, "ROOT", 40, 0, 7)
    )
    get = "operation=GetObject"
    requests = "ossia_requests_total"
    assert found[requests, "caller=user", get, "status=200"] == 1
    assert found[requests, "caller=root", get, "status=404"] == 1
    assert found["ossia_response_bytes_total", get] == 4103
    assert ("ossia_request_bytes_total", get) not in found
    bucket = "ossia_request_duration_seconds_bucket"
    assert (bucket, "le=0.0025", get) not in found
    assert found[bucket, "le=0.005", get] == found[bucket, "le=30.0", get] == 1
    assert found[bucket, "le=+Inf", get] == 2
    assert found["ossia_request_duration_seconds_sum", get] == 40.003


def test_what_nobody_knows_makes_no_series() -> None:
    found = counted(("Made/Up", 599, "martian", 0, 3, 0), ("", 200, "", 0, 0, 0))
    assert (
        found["ossia_requests_total", "caller=anonymous", "operation=unknown", "status=other"] == 1
    )
    assert found["ossia_requests_total", "caller=anonymous", "operation=unknown", "status=200"] == 1
    assert found["ossia_request_bytes_total", "operation=unknown"] == 3
    assert not any("Made" in part for series in found for part in series)


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("status", [each for each in STATUSES if each.isdigit()])
def test_every_status_and_caller_has_a_place(caller: str, status: str) -> None:
    for operation in (OPERATIONS[0], OPERATIONS[-1]):
        found = counted((operation, int(status), caller.upper(), 0, 0, 0))
        place = (f"caller={caller}", f"operation={operation}", f"status={status}")
        assert found["ossia_requests_total", *place] == 1


BOUNDS = REQUEST_SECONDS.bounds


def test_those_noted_together_count_as_each_alone() -> None:
    choice = random.Random(1).choice
    noted = [
        (
            choice(["GetObject", "PutObject", "made up"]),
            choice([200, 404, 599]),
            choice(["ROOT", "USER", "martian"]),
            choice([*BOUNDS, 0.0, 0.0007, 100.0]),
            choice([0, 5, 10**6]),
            choice([0, 4096]),
        )
        for _ in range(500)
    ]
    together, alone = Board(FAMILIES), Board(FAMILIES)
    for board, batches in ((together, [noted]), (alone, [[each] for each in noted])):
        requested = RequestCount(board.rows[0])
        for batch in batches:
            for each in batch:
                requested.note(each)
            requested.write()
    found = samples(together, "ossia_re")
    assert found == pytest.approx(samples(alone, "ossia_re"))
    assert sum(value for name, value in found.items() if name[0] == "ossia_requests_total") == 500


@pytest.mark.parametrize("bound", BOUNDS)
def test_a_duration_that_is_a_bound_is_within_it(bound: float) -> None:
    row = Board(FAMILIES).rows[0]
    requested = RequestCount(row)
    for seconds in (bound, bound * 1.0001, bound):
        requested.note(("GetObject", 200, "ROOT", seconds, 0, 0))
    requested.write()
    place = row.place(REQUEST_SECONDS, "GetObject") + BOUNDS.index(bound)
    assert list(row.numbers[place : place + 2]) == [2, 1]


def test_a_worker_that_takes_over_counts_on() -> None:
    board = Board(FAMILIES)
    for _ in range(3):
        requested = RequestCount(board.rows[0])
        requested.note(("PutObject", 200, "ROOT", 0.5, 10, 0))
        requested.write()
        requested.write()
        # What is not written is lost with the process.
        requested.note(("PutObject", 200, "ROOT", 0.5, 10, 0))
    found = samples(board, "ossia_re")
    put = "operation=PutObject"
    assert found["ossia_requests_total", "caller=root", put, "status=200"] == 3
    assert found["ossia_request_bytes_total", put] == 30
    assert found["ossia_request_duration_seconds_sum", put] == 1.5
    assert found["ossia_request_duration_seconds_count", put] == 3


def test_a_request_that_took_no_time_is_written() -> None:
    found = counted(("PutObject", 200, "ROOT", 0.0, 0, 0))
    assert found["ossia_request_duration_seconds_count", "operation=PutObject"] == 1


def delivery(**changes: object) -> Delivery:
    message = CallbackMessage(
        id="m", request_id="r", bucket="b", key="k", operation="PutObject", requester="1",
        urls=("http://a/",), body=b"", body_type="x",
    )  # fmt: skip
    about = {"id": "d", "at": 1, "message": message, "url": "http://a/", "headers": {}}
    return Delivery(**{**about, "accepted": False, **changes})


@pytest.mark.parametrize(
    ("made", "outcome"),
    [
        (delivery(accepted=True, status=200), "accepted"),
        (delivery(status=500), "rejected"),
        (delivery(), "unsent"),
        *((delivery(fault=each.value), each.value.replace(" ", "_")) for each in CallbackFault),
    ],
)
def test_an_attempt_is_counted_by_what_became_of_it(made: Delivery, outcome: str) -> None:
    board = Board(FAMILIES)
    WorkerMetrics(board.rows[0]).delivered(made)
    found = samples(board, "ossia_callback_attempts")
    assert found == {("ossia_callback_attempts_total", "kind=upload", f"outcome={outcome}"): 1}


def test_phases_that_an_attempt_did_not_reach_are_not_counted() -> None:
    board = Board(FAMILIES)
    took = Timings(connect_us=20_000, total_us=2_000_000)
    WorkerMetrics(board.rows[0]).delivered(delivery(timings=took))
    found = samples(board, "ossia_callback_phase_seconds_sum")
    name = "ossia_callback_phase_seconds_sum"
    assert found == {(name, "phase=connect"): 0.02, (name, "phase=total"): 2}


def test_work_that_fails_is_counted_and_not_done() -> None:
    board = Board(FAMILIES)
    metrics = WorkerMetrics(board.rows[0])
    with pytest.raises(OSError, match="disk"), metrics.duty("sweep"):
        raise OSError("disk")
    assert samples(board, "ossia_duty") == {("ossia_duty_failures_total", "duty=sweep"): 1}
    with metrics.duty("sweep"):
        pass
    assert ("ossia_duty_done_time_seconds", "duty=sweep") in samples(board, "ossia_duty")


def test_clients_can_ask_for_openmetrics() -> None:
    content_type, document = expose(
        Board(FAMILIES), State(), "application/openmetrics-text;version=1.0.0"
    )
    assert content_type.startswith("application/openmetrics-text")
    assert document.endswith(b"# EOF\n")
