"""On which event loops contracts hold."""

import asyncio
from collections.abc import Callable, Mapping

import pytest
import uvloop

_OF_SOCKETS = frozenset(("test_callback_sender.py",))
"""Servers run on uvloop, which tells of broken connections in a way of its own."""


def pytest_asyncio_loop_factories(
    item: pytest.Item,
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The usual loop, and that of servers where it matters."""
    if item.path.name in _OF_SOCKETS:
        return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}
    return {"asyncio": asyncio.new_event_loop}
