"""Puts the concrete classes together: one node's storage, domain, gateway and server.

The only module besides the CLI that knows adapters.
"""

import json
import logging
import os
import secrets
import signal
import ssl
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from ossia import __version__
from ossia.access.authenticate import Authenticator
from ossia.adapters.callback_sender import CallbackClient
from ossia.adapters.filesystem import FileBlobStore
from ossia.adapters.memory import MemoryBlobStore, MemoryMetadataStore
from ossia.adapters.sqlite.store import SqliteMetadataStore
from ossia.adapters.system import SystemClock
from ossia.api.oss import oss
from ossia.api.route import Router
from ossia.api.services import Services
from ossia.callback_key_files import KeyFiles, KeyFilesError
from ossia.domain.buckets import Buckets
from ossia.domain.buffers import Buffers
from ossia.domain.callback_keys import CallbackKeys, OneKey
from ossia.domain.callbacks import Callbacks
from ossia.domain.collector import Collector
from ossia.domain.identities import Identities
from ossia.domain.ingest import Ingest
from ossia.domain.multipart import Multipart
from ossia.domain.objects import Objects
from ossia.domain.sessions import Sessions
from ossia.gateway.internal import Internal
from ossia.gateway.pipeline import Gateway
from ossia.gateway.rpc import RpcSide
from ossia.http.server import HttpServer
from ossia.ports import BlobStore, Clock, MetadataStore
from ossia.protocol.address import Addressing
from ossia.protocol.address_policy import AddressPolicy
from ossia.settings import Settings, SettingsError

log = logging.getLogger("ossia")

KEYS_FILE = "keys.json"


@dataclass(frozen=True, slots=True)
class NodeKeys:
    """What a node is identified by and signs with.  ``created`` tells of a first start."""

    account_id: str
    access_key_id: str
    access_key_secret: str
    callback_keys: CallbackKeys
    created: bool


def load_keys(settings: Settings, folder: Path | None) -> NodeKeys:
    """The node's keys: from settings, from the data folder, or generated and kept there.

    *folder* is None for a node that stores nothing.
    """
    kept: dict[str, str] = {}
    path = None if folder is None else folder / KEYS_FILE
    if path is not None and path.exists():
        kept = json.loads(path.read_text())
    created = not kept
    merged = {
        "account_id": settings.account_id or kept.get("account_id") or _account_id(),
        "root_access_key_id": settings.root_access_key_id
        or kept.get("root_access_key_id")
        or f"LTAI5t{secrets.token_hex(9)}",
        "root_access_key_secret": str(settings.root_access_key_secret)
        or kept.get("root_access_key_secret")
        or secrets.token_urlsafe(30).replace("-", "x").replace("_", "y")[:30],
    }
    if path is not None and created:
        write_private(path, json.dumps(merged, indent=2).encode())
    return NodeKeys(
        merged["account_id"],
        merged["root_access_key_id"],
        merged["root_access_key_secret"],
        _callback_keys(settings, folder),
        created,
    )


def _account_id() -> str:
    return str(10**15 + secrets.randbelow(9 * 10**15))


def _callback_keys(settings: Settings, folder: Path | None) -> CallbackKeys:
    urls = {"own_url": settings.url, "original_url": settings.callback_key_url}
    if folder is None:
        return CallbackKeys(OneKey(), **urls)
    files = KeyFiles(folder)
    try:
        files.open()
    except (KeyFilesError, OSError) as error:
        raise SettingsError(str(error)) from error
    return CallbackKeys(files, **urls)


def write_private(path: Path, content: bytes) -> None:
    """Write a secret atomically, readable by its owner only."""
    temporary = path.with_suffix(".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)


def callback_targets(settings: Settings) -> AddressPolicy:
    """What callbacks may reach (product.md, ``--callback-allow``)."""
    if settings.callback_allow:
        try:
            return AddressPolicy.parse(settings.callback_allow)
        except ValueError as error:
            raise SettingsError(str(error)) from error
    return AddressPolicy.default(loopback=listens_on_loopback(settings))


def listens_on_loopback(settings: Settings) -> bool:
    """Whether only this machine can reach the server."""
    host, _ = settings.host_and_port()
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def tls_context(settings: Settings) -> ssl.SSLContext | None:
    """The server's TLS context, if a certificate is set.  Raises `SettingsError`."""
    if not settings.tls_certificate:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(settings.tls_certificate, settings.tls_key)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(
            f"The TLS certificate {settings.tls_certificate} and key {settings.tls_key} cannot be "
            f"used: {error}."
        ) from error
    return context


def open_stores(
    settings: Settings, folder: Path | None, clock: Clock
) -> tuple[MetadataStore, BlobStore]:
    """The storage adapters that the settings name."""
    metadata: MetadataStore
    blobs: BlobStore
    if settings.metadata == "memory":
        metadata = MemoryMetadataStore(clock)
    else:
        assert folder is not None
        # The supervisor starts another worker in place of one that cannot write any more.
        metadata = SqliteMetadataStore(
            folder, clock, on_broken=lambda: os.kill(os.getpid(), signal.SIGTERM)
        )
    if settings.blobs == "memory":
        blobs = MemoryBlobStore(clock)
    else:
        assert folder is not None
        blobs = FileBlobStore(folder)
    return metadata, blobs


class Node:
    """Everything that one worker process runs."""

    def __init__(
        self,
        settings: Settings,
        keys: NodeKeys,
        folder: Path | None,
        *,
        clock: Clock | None = None,
    ) -> None:
        self.settings = settings
        self.clock = clock or SystemClock()
        self.metadata, self.blobs = open_stores(settings, folder, self.clock)
        self.identities = Identities(
            self.metadata,
            self.clock,
            account_id=keys.account_id,
            root_access_key_id=keys.access_key_id,
            root_access_key_secret=keys.access_key_secret,
        )
        self.sessions = Sessions(self.metadata)
        self.ingest = Ingest(self.metadata, self.blobs, self.clock, Buffers())
        self.objects = Objects(self.metadata, self.blobs, self.ingest, self.clock)
        self.buckets = Buckets(self.metadata, self.clock, settings.region)
        targets = callback_targets(settings)
        self.sender = CallbackClient(targets, timeout_s=settings.callback_timeout)
        current = keys.callback_keys.current()
        self.callbacks = Callbacks(self.sender, current, self.clock, key_url=current.url)
        self.collector = Collector(self.metadata, self.blobs, self.clock)
        services = Services(
            buckets=self.buckets,
            objects=self.objects,
            multipart=Multipart(self.metadata, self.objects, self.ingest, self.clock),
            ingest=self.ingest,
            callbacks=self.callbacks,
            callback_targets=targets,
            region=settings.region,
            account_id=keys.account_id,
            endpoint=settings.url.partition("://")[2],
            public_url=settings.url,
        )
        internal = Internal(keys.callback_keys, __version__)
        rpc = RpcSide(self.identities, self.sessions, self.clock)
        self.gateway = Gateway(
            Router(oss),
            services,
            Authenticator(self.identities, self.sessions, region=settings.region),
            Addressing(settings.domains),
            self.clock,
            sides=(internal.answer, rpc.answer),
            access_log=settings.access_log,
        )
        self.server = HttpServer(self.gateway.handle, self.gateway.refuse)

    async def close(self, deadline_s: float = 30) -> None:
        """Finish what is in flight, then release everything."""
        await self.server.close(deadline_s)
        await self.sender.close()
        self.ingest.close()
        await self.metadata.close()
