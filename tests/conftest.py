"""Fixtures that every kind of test shares.  How servers are started is in `running`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from postgres_server import PostgresServer, programs, running_postgres
from running import Demo, Server, engines, running_demo, running_server
from s3_engine import S3Engine, lacks_engine, running_ceph
from side_by_side import FilesSideBySide


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--shared-engines",
        action="store_true",
        help="Servers store in a real PostgreSQL and, where there is Ceph, in a real S3 engine: "
        "each in a database and a bucket of its own.",
    )
    parser.addoption(
        "--gateways",
        type=int,
        default=1,
        help="With --shared-engines: so many servers together behind HAProxy.",
    )


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> FilesSideBySide:
    """Who runs what, where several processes run tests (``-n``)."""
    return FilesSideBySide(config, log)


@pytest.fixture(scope="session", autouse=True)
def chosen_engines(request: pytest.FixtureRequest) -> None:
    """What ``--shared-engines`` asks for."""
    if request.config.getoption("--shared-engines"):
        postgres: PostgresServer = request.getfixturevalue("postgres")
        keys = request.getfixturevalue("tmp_path_factory").mktemp("master-keys")
        s3: S3Engine | None = None if lacks_engine() else request.getfixturevalue("s3_engine")
        stored: dict[Path, list[str]] = {}

        def flags(data: Path) -> list[str]:
            # A server that is started again finds what it has stored.
            if data not in stored:
                url = postgres.fresh()
                key = keys / url.rpartition("/")[2]
                stored[data] = ["--metadata", url, "--master-key-file", str(key)]
                stored[data] += [] if s3 is None else s3.new_flags()
            return stored[data]

        engines.flags, engines.are_shared = flags, True
        engines.gateways = request.config.getoption("--gateways")


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One ``ossia serve`` for the whole run; tests use buckets of their own."""
    with running_server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """One PostgreSQL for the whole run; tests use databases of their own."""
    if programs() is None:
        pytest.skip("PostgreSQL is not installed: make databases")
    with running_postgres() as running:
        yield running


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """One ``ossia up`` for the whole run; tests use keys of their own."""
    with running_demo(tmp_path_factory.mktemp("demo")) as running:
        yield running


@pytest.fixture(scope="session")
def s3_engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Engine]:
    """One real engine for the whole run; tests use buckets of their own (mark: `needs_engine`)."""
    with running_ceph(tmp_path_factory.mktemp("engine")) as running:
        yield running
