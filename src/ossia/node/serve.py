"""``ossia serve``: open the data folder, bind, fork, say what a person needs next."""

import asyncio
import json
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import click

from ossia import __version__
from ossia.adapters.data_folder import DataFolder, DataFolderError
from ossia.adapters.postgres import PostgresDatabase
from ossia.node.bootstrap import restore_times, tls_context
from ossia.node.engine import blob_engine
from ossia.node.keys import KEYS_FILE, NodeKeys, load_keys
from ossia.node.limits import limit_terms
from ossia.node.metrics.access import scrape_key
from ossia.node.reach import callback_targets
from ossia.node.server_log import open_server_log
from ossia.node.shared_database import with_shared
from ossia.node.shared_keys import load_shared_keys
from ossia.node.supervisor import Sockets, Supervisor, bind
from ossia.node.tracing.open import require_traces
from ossia.node.upgrade import prepare_folder
from ossia.protocol.callback_signature import CallbackKey
from ossia.settings import Settings, SettingsError

Prepare = Callable[[Settings, NodeKeys, Path | None], None]


def serve(
    settings: Settings,
    *,
    as_json: bool,
    prepare: Prepare | None = None,
    ready: Callable[[Settings, NodeKeys, Path | None], None] | None = None,
    spare: CallbackKey | None = None,
) -> int:
    """Run a server until it is stopped; the result is the exit code.

    *prepare* runs before the port answers, *ready* after it does.  *spare* is the callback key of
    a server that keeps none.  Raises `SettingsError`.
    """
    # Whatever is wrong with the settings is said before anything is created.
    tls_context(settings)
    callback_targets(settings)
    restore_times(settings)
    limit_terms(settings)
    blob_engine(settings)
    scrape_key(settings)
    require_traces(settings)
    outlet = open_server_log(settings)
    with ExitStack() as held:
        path = None
        if settings.needs_folder:
            try:
                folder = held.enter_context(DataFolder.open(settings.data))
            except DataFolderError as error:
                raise SettingsError(str(error)) from error
            path = folder.path
            for refused in folder.tighten():
                click.echo(f"ossia: others can read {refused}: chmod 600 {refused}", err=True)
        sockets = bind(settings, settings.worker_count)
        settings = _with_bound_ports(settings, sockets[0])
        if settings.metadata == "sqlite":
            assert path is not None
            prepare_folder(path)
        keys = _shared_keys(settings) if settings.is_shared else load_keys(settings, path, spare)
        if prepare is not None:
            prepare(settings, keys, path)

        def announce() -> None:
            _announce(settings, keys, path, as_json=as_json)
            if ready is not None:
                ready(settings, keys, path)

        return Supervisor(settings, keys, path, sockets, outlet).run(announce)


def _shared_keys(settings: Settings) -> NodeKeys:
    """Bring the shared database up to date, and read the keys that are in it."""

    async def read(database: PostgresDatabase) -> NodeKeys:
        await database.open()
        return await load_shared_keys(settings, database)

    return asyncio.run(with_shared(settings, read))


def _with_bound_ports(settings: Settings, sockets: Sockets) -> Settings:
    """*settings* with the ports that the system chose in place of 0."""
    bound = iter(sockets)

    def with_port(asked: str) -> str:
        if not asked:
            return ""
        host = asked.rpartition(":")[0] or "0.0.0.0"  # noqa: S104 - as asked
        return f"{host}:{next(bound).getsockname()[1]}"

    # In the order in which they were bound.
    return replace(
        settings,
        listen=with_port(settings.listen),
        console_listen=with_port(settings.console_listen),
        metrics_listen=with_port(settings.metrics_listen),
    )


def _announce(settings: Settings, keys: NodeKeys, folder: Path | None, *, as_json: bool) -> None:
    secret_file = "" if folder is None or settings.is_shared else str(folder / KEYS_FILE)
    if as_json:
        event = {
            "event": "ready",
            "endpoint": settings.url,
            "region": settings.region,
            "account_id": keys.account_id,
            "access_key_id": keys.access_key_id,
            "secret_file": secret_file,
            "public_key_url": keys.callback_keys.current().url,
            "console_url": settings.console_url,
            "metrics_url": settings.metrics_url,
        }
        print(json.dumps(event), flush=True)  # noqa: T201 - the CLI's output
        return
    click.echo(_greeting(settings, keys, secret_file))
    sys.stdout.flush()


def _greeting(settings: Settings, keys: NodeKeys, secret_file: str) -> str:
    # What somebody gave he knows, and he did not ask for it to be in every log.
    known = f"in {secret_file}" if secret_file else "as it was given"
    if settings.is_shared:
        known = "that of the first gateway"
    if settings.root_access_key_secret:
        known = "as it was given"
    secret = keys.access_key_secret if keys.is_generated else known
    once = ""
    if keys.is_generated and (secret_file or settings.is_shared):
        kept = "database, sealed" if settings.is_shared else "data folder"
        once = f"   (shown once; kept in the {kept})"
    shown = keys.access_key_secret if keys.is_generated else "SECRET"
    endpoint = settings.url
    return f"""
Ossia {__version__} is ready.

  endpoint      {endpoint}
  region        {settings.region}
  account       {keys.account_id}
  access key    {keys.access_key_id}
  secret        {secret}{once}
  callback key  {keys.callback_keys.current().url}
  console       {settings.console_url}

Python   auth = oss2.Auth('{keys.access_key_id}', '{shown}')
         oss2.Bucket(auth, '{endpoint}', 'my-bucket').create_bucket()

Node     const client = new OSS({{ endpoint: '{endpoint}', accessKeyId: '{keys.access_key_id}',
           accessKeySecret: '{shown}' }})
         await client.putBucket('my-bucket')

curl     curl {endpoint}/-/health

Stop with Ctrl-C.
"""
