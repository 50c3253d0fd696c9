"""Fixtures for the suites of the SDKs."""

from collections.abc import Iterator

import pytest
from fault_world import FaultWorld
from sdk_faults import FaultRuns
from sdk_matrix import DOMAIN, LOCALHOST
from sdk_world import EchoApp, Runs, World

from running import running_demo


@pytest.fixture(scope="session")
def sdk_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    scratch = tmp_path_factory.mktemp("sdk")
    domains = ("--domain", LOCALHOST, "--domain", DOMAIN)
    with (
        running_demo(scratch / "demo", "--access-log", *domains) as demo,
        EchoApp(demo.server.public_key_url) as app,
    ):
        yield World(demo, app, scratch)


@pytest.fixture(scope="session")
def sdk_runs(sdk_world: World) -> Runs:
    return Runs(sdk_world)


@pytest.fixture(scope="session")
def fault_runs(faulty: FaultWorld, tmp_path_factory: pytest.TempPathFactory) -> FaultRuns:
    return FaultRuns(faulty, tmp_path_factory.mktemp("sdk-faults"))
