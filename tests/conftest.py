"""Fixtures that every kind of test shares.  How servers are started is in `running`."""

from collections.abc import Iterator

import pytest

from running import Demo, Server, running_demo, running_server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One ``ossia serve`` for the whole run; tests use buckets of their own."""
    with running_server(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """One ``ossia up`` for the whole run; tests use keys of their own."""
    with running_demo(tmp_path_factory.mktemp("demo")) as running:
        yield running
