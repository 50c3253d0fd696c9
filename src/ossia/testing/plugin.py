"""Fixtures for pytest: a server that speaks OSS, a bucket, an inbox for callbacks, a clock, faults.

pytest finds this by itself where Ossia is installed.  Suites that use none of it pay for nothing:
everything else is imported by the fixture that needs it.
"""

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ossia.testing.bucket import TestBucket
    from ossia.testing.clock import MovableClock
    from ossia.testing.faulty_receiver import FaultyReceiver
    from ossia.testing.inbox import Inbox
    from ossia.testing.server import TestServer

_TIMEOUT_S = 5.0
"""How long the server waits for an application, unless `ossia_settings` says something else."""


@pytest.fixture(scope="session")
def ossia_settings() -> dict[str, Any]:
    """Settings of every server of the suite, by their names; a fixture of yours replaces them."""
    return {}


@pytest.fixture(scope="session")
def ossia_server(ossia_settings: dict[str, Any]) -> "Iterator[TestServer]":
    """One server for the whole run; each test takes a bucket of its own."""
    from ossia.testing.server import TestServer  # noqa: PLC0415 - only for who uses it

    with TestServer(**ossia_settings) as server:
        yield server


@pytest.fixture
def fresh_ossia_server(ossia_settings: dict[str, Any]) -> "Iterator[TestServer]":
    """A server for one test, with nothing in it, whose clock can be moved."""
    from ossia.testing.server import TestServer  # noqa: PLC0415 - as above

    with TestServer(movable_clock=True, **ossia_settings) as server:
        yield server


@pytest.fixture
def ossia_clock(fresh_ossia_server: "TestServer") -> "MovableClock":
    """Moves the time of `fresh_ossia_server`."""
    return fresh_ossia_server.clock


@pytest.fixture
def ossia_bucket(ossia_server: "TestServer") -> "Iterator[TestBucket]":
    """A bucket for one test, at `ossia_server`."""
    bucket = ossia_server.bucket()
    yield bucket
    bucket.close()


@pytest.fixture
def ossia_inbox() -> "Iterator[Inbox]":
    """An application server for one test: it takes callbacks and answers as it is told."""
    from ossia.testing.inbox import Inbox  # noqa: PLC0415 - as above
    from ossia.testing.watch import Watch  # noqa: PLC0415 - as above

    with Inbox(explain=Watch().explain) as inbox:
        yield inbox


@pytest.fixture
def ossia_faults(ossia_settings: dict[str, Any]) -> "Iterator[FaultyReceiver]":
    """An application server for one test that fails on purpose, in the way that its URL names."""
    from ossia.testing.faulty_receiver import FaultyReceiver  # noqa: PLC0415 - as above

    limit_s = float(ossia_settings.get("callback_timeout", _TIMEOUT_S))
    with FaultyReceiver(limit_s=limit_s) as faults:
        yield faults
