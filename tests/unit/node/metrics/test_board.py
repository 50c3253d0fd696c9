import os

from ossia.node.metrics.board import Board, Family, Kind

SEEN = Family(name="seen_total", text="Seen.", labels=(("what", ("a", "b")), ("who", ("x", "y"))))
HERE = Family(name="here", text="Here.", kind=Kind.GAUGE, by_worker=True)
TOOK = Family(name="took_seconds", text="Took.", kind=Kind.HISTOGRAM, bounds=(1.0, 2.0))


def board(workers: int = 2) -> Board:
    return Board((SEEN, HERE, TOOK), workers)


def test_what_workers_count_is_summed_up() -> None:
    both = board()
    both.rows[0].number(SEEN, "a", "y").add()
    both.rows[1].number(SEEN, "a", "y").add(4)
    both.rows[1].number(SEEN, "b", "x").add(2)
    assert both.of_all(SEEN) == [0, 5, 2, 0]
    assert list(SEEN.series()) == [("a", "x"), ("a", "y"), ("b", "x"), ("b", "y")]


def test_every_worker_has_its_own_place() -> None:
    both = board()
    both.rows[0].number(HERE).set(3)
    both.rows[1].number(HERE).set(4)
    assert both.of_each(HERE) == [[3], [4]]


def test_a_histogram_counts_up_to_its_bounds() -> None:
    one = board(1)
    histogram = one.rows[0].histogram(TOOK)
    for value in (0.5, 1.0, 1.5, 2.0, 7.0):
        histogram.observe(value)
    assert one.of_all(TOOK) == [2, 2, 1, 12.0]


def test_a_worker_that_takes_over_counts_on_and_is_itself() -> None:
    one = board(1)
    row = one.rows[0]
    row.number(SEEN, "a", "x").add(7)
    row.number(HERE).set(3)
    row.histogram(TOOK).observe(1)
    row.forget_gauges()
    assert one.of_all(SEEN) == [7, 0, 0, 0]
    assert one.of_each(HERE) == [[0]]
    assert one.of_all(TOOK) == [1, 0, 0, 1]


def test_what_a_process_counted_outlives_it() -> None:
    both = board()
    if not (child := os.fork()):
        both.rows[1].number(SEEN, "b", "y").add(11)
        os._exit(0)
    os.waitpid(child, 0)
    assert both.of_all(SEEN) == [0, 0, 0, 11]
