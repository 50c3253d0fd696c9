"""What no client can ask for, made in the store itself before a server of `running` starts on it."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from ossia.adapters.data_folder import DataFolder
from ossia.node.bootstrap import Node
from ossia.node.keys import NodeKeys, load_keys
from ossia.node.serve import _shared_keys
from ossia.settings import Settings, load
from running import ROOT_KEY, engines


@asynccontextmanager
async def node_inside(data: Path) -> Any:
    """The node and its keys, of servers whose folder is *data*."""
    settings = _settings(data)
    with ExitStack() as held:
        folder = held.enter_context(DataFolder.open(settings.data)).path
        keys = await asyncio.to_thread(_keys, settings, folder)
        node = Node(settings, keys, folder)
        try:
            yield node, keys
        finally:
            await node.close()


def _keys(settings: Settings, folder: Path) -> NodeKeys:
    return _shared_keys(settings) if settings.is_shared else load_keys(settings, folder)


def _settings(data: Path) -> Settings:
    """As the flags of `engines` say."""
    flags = dict(_named(engines.flags(data)))
    if engines.are_shared:
        flags |= dict(zip(("root_access_key_id", "root_access_key_secret"), ROOT_KEY, strict=True))
    return load({**flags, "data": data / "data"}, {})


def _named(flags: list[str]) -> Iterator[tuple[str, str]]:
    for flag, value in zip(flags[::2], flags[1::2], strict=True):
        yield flag.removeprefix("--").replace("-", "_"), value
