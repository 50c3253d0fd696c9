"""What one worker counts: handed to whoever does it, as a function that hears of it."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress

from ossia.node.memory_watch import resident_bytes
from ossia.node.metrics import families
from ossia.node.metrics.board import Family, Histogram, Number, Row
from ossia.node.metrics.request_count import RequestCount
from ossia.records import Delivery

EngineNote = Callable[[str, str, float, int], None]
"""See `ossia.adapters.s3.engine.Note`, which only who has such an engine imports."""


class WorkerMetrics:
    """The numbers of one worker."""

    def __init__(self, row: Row) -> None:
        self._row = row
        self._requests = RequestCount(row)
        self.request = self._requests.note
        self.lines: Callable[[], tuple[int, int, int]] | None = None
        """How many connections to the shared database are used and free, and how many wait."""
        self._committed = row.histogram(families.COMMIT_CHANGES)
        self._ran = row.histogram(families.COMMIT_RUN_SECONDS)
        self._flushed = row.histogram(families.COMMIT_DISK_SECONDS)
        self._database = self._histograms(families.DATABASE_SECONDS)
        self._database_failures = self._numbers(families.DATABASE_FAILURES)
        self._lines = self._numbers(families.DATABASE_CONNECTIONS)
        self._blobs = self._histograms(families.BLOB_SECONDS)
        self._engine = self._histograms(families.ENGINE_SECONDS)
        self._engine_calls = self._numbers(families.ENGINE_CALLS_DONE)
        self._engine_tries = self._numbers(families.ENGINE_TRIES)
        self._callbacks = self._numbers(families.CALLBACKS)
        self._phases = self._histograms(families.CALLBACK_SECONDS)
        self._under_way = row.number(families.CALLBACKS_UNDER_WAY)
        self._duty_failures = self._numbers(families.DUTY_FAILURES)
        self._duties_done = self._numbers(families.DUTY_DONE_AT)
        self.collected = row.number(families.COLLECTED)
        self._scrubbed_rows = row.number(families.SCRUBBED_ROWS)
        self._scrubbed_bytes = row.number(families.SCRUBBED_BYTES)
        self._lifecycle = self._numbers(families.LIFECYCLE)
        self.loop_lag = row.histogram(families.LOOP_LAG)
        self._refused = self._numbers(families.REFUSED)
        self._in_work = row.number(families.IN_WORK)
        self._connections = row.number(families.CONNECTIONS)
        self._memory = row.number(families.MEMORY)
        self._cpu = row.number(families.CPU_SECONDS)
        self._seen = row.number(families.WORKER_SEEN_AT)
        self._log_lines_lost = row.number(families.LOG_LINES_LOST)
        self._lost_so_far = 0

    def _numbers(self, family: Family) -> dict[tuple[str, ...], Number]:
        return {each: self._row.number(family, *each) for each in family.series()}

    def _histograms(self, family: Family) -> dict[tuple[str, ...], Histogram]:
        return {each: self._row.histogram(family, *each) for each in family.series()}

    def begin(self) -> None:
        """Be the worker from now on."""
        self._row.forget_gauges()
        self._row.number(families.WORKER_STARTS).add()
        self._row.number(families.WORKER_STARTED_AT).set(time.time())
        self._seen.set(time.time())

    # --- storage ---

    def committed(self, changes: int, seconds: float) -> None:
        """See `adapters.sqlite.group_commit.Watch`."""
        self._committed.observe(changes)
        self._ran.observe(seconds)

    def flushed(self, seconds: float) -> None:
        """See `adapters.sqlite.group_commit.Watch`."""
        self._flushed.observe(seconds)

    def database_call(self, call: str, seconds: float, answered: bool) -> None:
        """A call of the shared database has ended (`timed.Note`)."""
        self._database[(call,)].observe(seconds)
        if not answered:
            self._database_failures[(call,)].add()

    def blob_call(self, call: str, seconds: float, _answered: bool) -> None:
        """A call of the blob store has ended (`timed.Note`)."""
        self._blobs[(call,)].observe(seconds)

    def engine_call(self, call: str, outcome: str, seconds: float, tries: int) -> None:
        """A call of the S3 engine has ended (`adapters.s3.engine.Note`)."""
        self._engine[(call,)].observe(seconds)
        self._engine_calls[(call, outcome)].add()
        self._engine_tries[(call,)].add(tries)

    # --- callbacks ---

    def delivered(self, delivery: Delivery) -> None:
        """An attempt to deliver a callback has ended."""
        self._callbacks[(delivery.kind, _outcome(delivery))].add()
        timings = delivery.timings
        for phase, took_us in (
            ("resolve", timings.resolve_us),
            ("connect", timings.connect_us),
            ("tls", timings.tls_us),
            ("first_byte", timings.first_byte_us),
            ("total", timings.total_us),
        ):
            if took_us:
                self._phases[(phase,)].observe(took_us / 1e6)

    # --- in the background ---

    @contextmanager
    def duty(self, name: str) -> Iterator[None]:
        """Work in the background, which is done when this ends without an error."""
        try:
            yield
        except Exception:
            self._duty_failures[(name,)].add()
            raise
        self._duties_done[(name,)].set(time.time())

    def lifecycle(self, counts: Mapping[str, int]) -> None:
        """Lifecycle rules have done so much of each (`domain.lifecycle.deeds`)."""
        for deed, count in counts.items():
            self._lifecycle[(deed,)].add(count)

    def scrubbed(self, rows: int, size: int) -> None:
        """The scrub has read so much (`domain.objects.scrub.Note`)."""
        self._scrubbed_rows.add(rows)
        self._scrubbed_bytes.add(size)

    # --- the process ---

    def write(self) -> None:
        """Let others see what was counted."""
        self._requests.write()

    def refused(self, reason: str) -> None:
        """A request or a connection was too much (`http.load.Reason`)."""
        self._refused[(reason,)].add()

    def beat(
        self, *, connections: int, under_way: int, in_work: int = 0, lines_lost: int = 0
    ) -> None:
        """The loop has turned; how many connections, requests and callbacks there are.

        *lines_lost* is how many log lines were lost since the process began.
        """
        self._log_lines_lost.add(lines_lost - self._lost_so_far)
        self._lost_so_far = lines_lost
        self._connections.set(connections)
        self._in_work.set(in_work)
        self._under_way.set(under_way)
        if self.lines is not None:
            for state, count in zip(families.LINE_STATES, self.lines(), strict=True):
                self._lines[(state,)].set(count)
        # What is seen of it while no file can be opened is what was seen last.
        with suppress(OSError):
            self._memory.set(resident_bytes())
        self._cpu.set(time.process_time())
        self._seen.set(time.time())
        self.write()


def _outcome(delivery: Delivery) -> str:
    if delivery.accepted:
        return "accepted"
    if delivery.fault:
        return delivery.fault.replace(" ", "_")
    return "unsent" if delivery.status is None else "rejected"
