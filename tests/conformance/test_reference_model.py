"""The server does with objects what the reference model does, whatever is asked in whatever order.

``OSSIA_MODEL_STEPS`` says how many steps; without it some hundreds, the same ones each time (``make
test-long``).  ``OSSIA_MODEL_SERVERS`` says how many servers share them, each beside a model of its
own: where a gateway waits for what others know of its buckets, many wait at the same time.
"""

import multiprocessing
import os
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    initialize,
    invariant,
    run_state_machine_as_test,
)
from model_machine import KINDS
from model_reading import Reading
from model_world import ModelWorld, check
from reference_model import ReferenceModel

from running import running_server

LONG = int(os.environ.get("OSSIA_MODEL_STEPS", "0"))
SERVERS = int(os.environ.get("OSSIA_MODEL_SERVERS", "1"))
_STEPS = 60
_EXAMPLES = 12
_LOOKS_EVERY = 10
"""A look at everything costs more than the step before it."""


class BesideTheServer(Reading):
    """Begins in some state, and looks at everything now and then."""

    @initialize(kind=KINDS)
    def begin(self, kind: str) -> None:
        self.world.fresh()
        self.model = ReferenceModel(self.world.now)
        self.steps = 0
        if kind == "suspended":
            # Null versions lie behind others, and behind a marker.
            for key in ("a", "a/b", "l"):
                self.put(key, b"null", None, {}, {}, forbid=False)
        if kind in {"versions", "retained versions", "suspended"}:
            self.switch("Enabled")
        if kind == "suspended":
            self.delete("a", None, bypass=False)
            self.put("a/b", b"later", None, {}, {}, forbid=False)
            self.switch("Suspended")
        if kind == "retained versions":
            self.retain_versions(0)
        if kind == "worm":
            self.begin_worm(2)
        if kind == "protected":
            self.protect(("", ""))

    @invariant()
    def everything_is_the_same(self) -> None:
        self.steps += 1
        if self.steps % _LOOKS_EVERY == 0:
            self._look()

    def _look(self) -> None:
        reply = self.ask("GET", query=[("versions", ""), ("max-keys", "1000")])
        listed = []
        for each in ET.fromstring(reply.body):  # noqa: S314 - the server is ours
            if each.tag in {"Version", "DeleteMarker"}:
                restored = (each.findtext("RestoreInfo") or "").partition(",")[0] or None
                listed.append((
                    each.findtext("Key"), each.findtext("VersionId"), each.findtext("IsLatest"),
                    each.findtext("Type"), each.findtext("Size"), each.findtext("ETag"),
                    each.findtext("StorageClass"), restored,
                ))  # fmt: skip
        expected = []
        for key, each, is_latest in self.model.every():
            about: tuple[str | None, ...] = (None,) * 5
            if not each.is_marker:
                about = (each.kind, str(len(each.body)), f'"{each.etag}"', each.storage_class,
                         self.model.restoring(each))  # fmt: skip
            expected.append((key, each.id, "true" if is_latest else "false", *about))
        assert listed == expected
        stat = self.ask("GET", query=[("stat", "")])
        counted = self.model.stat()
        assert {name: int(stat.element(name)) for name in counted} == counted

    def teardown(self) -> None:
        if hasattr(self, "model"):
            self._look()
            # The worker is not to go through it for ever.
            self.ask("DELETE", query=[("lifecycle", "")])
            self.model.rules = []
            for key, each, _ in self.model.every():
                version = each.id if self.model.versioning else None
                check(self.ask("GET", key, version), self.model.read(key, version, "GET"))


@pytest.fixture
def worlds(tmp_path: Path) -> Iterator[list[ModelWorld]]:
    with ExitStack() as stack:
        yield [stack.enter_context(model_world(tmp_path / str(n))) for n in range(SERVERS)]


@contextmanager
def model_world(folder: Path) -> Iterator[ModelWorld]:
    """A server whose clock is moved."""
    folder.mkdir()
    clock = folder / "clock"
    clock.write_text("0")
    environment = {"OSSIA_TEST_CLOCK_FILE": str(clock)}
    flags = ("--restore-times", "3600", "--workers", "1", "--lifecycle-interval", "0.01")
    with running_server(folder / "server", *flags, environment=environment) as server:
        yield ModelWorld(server, clock)


def go_beside(world: ModelWorld) -> None:
    """Go its share of the steps."""

    class Machine(BesideTheServer):
        pass

    Machine.world = world
    run_state_machine_as_test(
        Machine,
        settings=settings(
            derandomize=not LONG,
            database=None,
            deadline=None,
            max_examples=-(-LONG // _STEPS // SERVERS) or _EXAMPLES,
            stateful_step_count=_STEPS,
            suppress_health_check=list(HealthCheck),
        ),
    )
    world.close()


@pytest.mark.slow
def test_the_server_does_what_the_reference_model_does(worlds: list[ModelWorld]) -> None:
    if len(worlds) == 1:
        go_beside(worlds[0])
        return
    # Processes that begin anew: what is chosen at random is something else in each.
    with ProcessPoolExecutor(len(worlds), multiprocessing.get_context("spawn")) as pool:
        assert list(pool.map(go_beside, worlds)) == [None] * len(worlds)
