"""Metrics as Prometheus reads them."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.utils import floatToGoString

from ossia import __version__
from ossia.gateway.metrics import Expose
from ossia.node.metrics import families
from ossia.node.metrics.board import Board, Family, Kind
from ossia.node.metrics.state import State, StateWatch
from ossia.node.metrics.worker import WorkerMetrics

_MANY: Final = 150
"""Of families that can have more series than this, those are left out that count nothing."""


def exposer(board: Board, own: WorkerMetrics, watch: StateWatch) -> Expose:
    """What tells the metrics of *board*, among them *own*, and what *watch* sees."""

    async def shown(accept: str) -> tuple[str, bytes]:
        state = await watch.look()
        own.write()
        # It takes some milliseconds, which nobody else has to wait for.
        return await asyncio.to_thread(expose, board, state, accept)

    return shown


def expose(board: Board, state: State, accept: str) -> tuple[str, bytes]:
    """Content type and document, in the form that *accept* asks for."""
    encode, content_type = choose_encoder(accept)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Seen(board, state))
    return content_type, encode(registry)


class _Seen:
    """What is seen now, as the client library wants it."""

    def __init__(self, board: Board, state: State) -> None:
        self._board = board
        self._state = state

    def collect(self) -> Iterator[Metric]:
        """Every family."""
        for family in self._board.families:
            yield _metric(self._board, family)
        yield from _of_state(self._state)


def _metric(board: Board, family: Family) -> Metric:
    names = [name for name, _ in family.labels]
    if family.by_worker:
        names = ["worker", *names]
    found = _found(board, family)
    if family.kind is Kind.HISTOGRAM:
        histogram = HistogramMetricFamily(family.name, family.text, labels=names)
        for labels, numbers in found:
            histogram.add_metric(labels, _buckets(family, numbers), numbers[-1])
        return histogram
    new = GaugeMetricFamily if family.kind is Kind.GAUGE else CounterMetricFamily
    metric = new(family.name, family.text, labels=names)
    for labels, (number,) in found:
        metric.add_metric(labels, number)
    return metric


def _found(board: Board, family: Family) -> Iterator[tuple[Sequence[str], list[float]]]:
    """The labels and the numbers of each series."""
    width, is_long = family.width, family.size > _MANY
    rows = board.of_each(family) if family.by_worker else [board.of_all(family)]
    for worker, row in enumerate(rows):
        before = [str(worker)] if family.by_worker else []
        for index, values in enumerate(family.series()):
            numbers = row[index * width : (index + 1) * width]
            if any(numbers) or not is_long:
                yield [*before, *values], numbers


def _buckets(family: Family, numbers: Sequence[float]) -> list[tuple[str, float]]:
    bounds = [*map(floatToGoString, family.bounds), "+Inf"]
    return list(zip(bounds, accumulate(numbers[:-1]), strict=True))


def _of_state(state: State) -> Iterator[Metric]:
    yield _gauge(families.VERSION, {__version__: 1})
    yield _gauge(families.ENGINE_UP, state.engines)
    yield _gauge(families.DRAINING, {"": state.is_draining})
    if state.owed is not None:
        owed = {"waiting": state.owed.waiting, "given_up": state.owed.given_up}
        yield _gauge(families.OUTBOX, owed)
        yield _gauge(families.OUTBOX_AGE, {"": state.oldest_owed_s or 0})
    yield _gauge(families.SCRUB_PERIOD, {"": state.scrub_period_s})
    if state.scrub is not None:
        yield _gauge(families.SCRUB_DAMAGED, {"": state.scrub.damaged})
        yield _gauge(families.SCRUB_DONE, {"": state.scrub.since / 1000})
    if state.backed_up_at is not None:
        yield _gauge(families.BACKED_UP, {"": state.backed_up_at / 1000})
    if state.disk_size is not None and state.disk_free is not None:
        yield _gauge(families.DISK_SIZE, {"": state.disk_size})
        yield _gauge(families.DISK_FREE, {"": state.disk_free})
    if state.certificates:
        yield _gauge(families.CERTIFICATE_EXPIRY, state.certificates)


def _gauge(family: Family, values: Mapping[str, float]) -> Metric:
    """A gauge with the values by those of its label; it has at most one."""
    names = [name for name, _ in family.labels]
    metric = GaugeMetricFamily(family.name, family.text, labels=names)
    for value, number in values.items():
        metric.add_metric([value] if names else [], number)
    return metric
