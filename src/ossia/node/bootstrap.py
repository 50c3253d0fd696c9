"""Puts the concrete classes together: one node's storage, domain, gateway and server.

It and `stores` choose adapters; nothing that they put together knows which.
"""

import asyncio
import logging
import ssl
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from ossia import __version__
from ossia.access.authenticate import Authenticator
from ossia.adapters.callback_sender import CallbackClient
from ossia.adapters.document_client import DocumentClient
from ossia.api.admin.services import AdminServices
from ossia.api.oss import oss
from ossia.api.route import Router
from ossia.api.services import Services
from ossia.domain.buckets.buckets import Buckets
from ossia.domain.buckets.public_access import PublicAccess
from ossia.domain.buckets.worm import Worms
from ossia.domain.callbacks.callbacks import Callbacks
from ossia.domain.callbacks.delivery_log import DeliveryLog
from ossia.domain.callbacks.outbox import Outbox
from ossia.domain.callbacks.recovery import Recovery
from ossia.domain.callbacks.upload_callback import CallbackTerms, Mode
from ossia.domain.encryption.kms_keys import KmsKeys
from ossia.domain.identity.federation import Federation
from ossia.domain.identity.identities import Identities
from ossia.domain.identity.sessions import Sessions
from ossia.domain.identity.store import IdentityStore
from ossia.domain.lifecycle.deeds import Deeds
from ossia.domain.lifecycle.lifecycles import Lifecycles
from ossia.domain.lifecycle.worker import LifecycleWorker
from ossia.domain.objects.access_times import AccessTimes
from ossia.domain.objects.buffers import Buffers
from ossia.domain.objects.collector import Collector
from ossia.domain.objects.copying import Copies
from ossia.domain.objects.encryption import ObjectKeys
from ossia.domain.objects.ingest import Ingest
from ossia.domain.objects.multipart import Multipart
from ossia.domain.objects.objects import Objects
from ossia.domain.objects.restores import Restores
from ossia.domain.objects.retentions import Retentions
from ossia.domain.objects.scrub import Scrub
from ossia.domain.objects.seals import Seals
from ossia.domain.objects.symlinks import Symlinks
from ossia.gateway.admin import AdminSide
from ossia.gateway.bucket_qos import BucketQosLimits
from ossia.gateway.console import ConsoleGateway, console_answer
from ossia.gateway.exchange import Note, Tell
from ossia.gateway.internal import Internal
from ossia.gateway.limits import Limits
from ossia.gateway.metrics import Admission, MetricsGateway, MetricsSide
from ossia.gateway.pipeline import Gateway, Side
from ossia.gateway.readiness import Readiness
from ossia.gateway.rpc import RpcSide
from ossia.http.connection import Peers
from ossia.http.forwarded import Proxies
from ossia.http.server import HttpServer
from ossia.node.keys import NodeKeys
from ossia.node.limits import (
    LimitTables,
    bucket_qos_limits,
    callback_limits,
    limit_tables,
    limits_of,
    load_of,
    peer_connections,
)
from ossia.node.master_key_rotation import MasterKeyRotation
from ossia.node.metrics.access import scrape_key
from ossia.node.metrics.board import Board
from ossia.node.metrics.exposition import exposer
from ossia.node.metrics.families import FAMILIES
from ossia.node.metrics.state import StateWatch
from ossia.node.metrics.worker import WorkerMetrics
from ossia.node.probes import probes
from ossia.node.reach import callback_targets, is_named, oidc_issuers
from ossia.node.stores import open_stores, system_clock
from ossia.node.watching import NOBODY, Watching
from ossia.ports import Clock
from ossia.protocol.address import Addressing
from ossia.protocol.policy_place import place_of
from ossia.protocol.restore_times import RestoreTimes, parse_restore_times
from ossia.records import Delivery
from ossia.settings import Settings, SettingsError

log = logging.getLogger("ossia")


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


def restore_times(settings: Settings) -> RestoreTimes:
    """How long restoring takes (``--restore-times``)."""
    try:
        return parse_restore_times(settings.restore_times)
    except ValueError as error:
        raise SettingsError(str(error)) from error


def _federation(settings: Settings, store: IdentityStore, account_id: str) -> Federation:
    issuers = oidc_issuers(settings)
    return Federation(
        store,
        DocumentClient(issuers),
        account_id=account_id,
        allows_plain=lambda url: is_named(issuers, url),
    )


def _gateway(
    services: Services,
    authenticator: Authenticator,
    clock: Clock,
    note: Note,
    tell: Tell | None,
    limits: Limits,
    bucket_qos: BucketQosLimits,
    kind: type[Gateway],
    *sides: Side,
    domains: Sequence[str] = (),
) -> Gateway:
    """What answers at one of the addresses."""
    return kind(
        Router(oss),
        services,
        authenticator,
        Addressing(domains),
        clock,
        sides=sides,
        tell=tell,
        note=note,
        limits=limits,
        bucket_qos=bucket_qos,
    )


class Node:
    """Everything that one worker process runs."""

    def __init__(
        self,
        settings: Settings,
        keys: NodeKeys,
        folder: Path | None,
        *,
        clock: Clock | None = None,
        board: Board | None = None,
        worker: int = 0,
        watching: Watching = NOBODY,
        tables: LimitTables | None = None,
    ) -> None:
        """*board* has the numbers of all workers, *tables* what limits count; this is one."""
        self.settings = settings
        self.keys = keys
        self.clock = clock or system_clock()
        board, tables = board or Board(FAMILIES), tables or limit_tables(settings)
        self.metrics = WorkerMetrics(board.rows[worker])
        self.watching = watching
        self.database, self.blobs = watching.stores(
            *open_stores(settings, folder, self.clock, self.metrics)
        )
        self.identities = Identities(
            self.database,
            self.clock,
            account_id=keys.account_id,
            root_access_key_id=keys.access_key_id,
            root_access_key_secret=keys.access_key_secret,
            seal=keys.seal,
        )
        self.sessions = Sessions(self.identities.store, self.clock)
        self.ingest = Ingest(self.database, self.blobs, self.clock, Buffers())
        self.kms = KmsKeys(self.identities.store, self.clock, keys.master, keys.account_id)
        object_keys = ObjectKeys(self.kms)
        self.objects = Objects(self.database, self.blobs, self.ingest, self.clock, object_keys)
        blocks_new = settings.block_public_access == "new-buckets"
        self.buckets = Buckets(self.database, self.clock, settings.region, blocks_new=blocks_new)
        day_ms = round(settings.lifecycle_day * 1000)
        multipart = Multipart(self.database, self.objects, self.ingest, self.clock)
        lifecycles = Lifecycles(self.database, self.buckets, self.clock, day_ms=day_ms)
        self.access_times = AccessTimes(self.database, self.clock)
        self.lifecycle = LifecycleWorker(
            self.database,
            self.buckets,
            Deeds(self.database, self.objects.versions, multipart, note=self.metrics.lifecycle),
            self.clock,
            day_ms=day_ms,
        )
        self.public_access = PublicAccess(self.database, self.clock, blocks_new=blocks_new)
        targets = callback_targets(settings)
        self.sender = CallbackClient(
            targets,
            timeout_s=settings.callback_timeout,
            max_reply_bytes=settings.callback_max_reply,
        )
        self.delivery_log = DeliveryLog(
            self.database,
            self.clock,
            keep_days=settings.callback_log_days,
            keep=settings.callback_log_count,
        )
        self.callbacks = Callbacks(
            watching.sender(self.sender),
            keys.callback_keys,
            self.clock,
            max_reply_bytes=settings.callback_max_reply,
            limits=callback_limits(settings),
            webhooks=keys.webhook_key,
            sni_as_oss=settings.callback_sni == "as-oss",
            note=self._note_delivery,
        )
        self.outbox = Outbox(
            self.database,
            self.callbacks,
            self.clock,
            timeout_s=settings.callback_timeout,
            retry_for_s=settings.callback_retry_for,
        )
        self.collector = Collector(self.database, self.blobs, self.clock)
        self.scrub = Scrub(
            self.database,
            self.blobs,
            object_keys,
            self.clock,
            period_ms=round(settings.scrub_period_s * 1000),
            note=self.metrics.scrubbed,
        )
        terms = CallbackTerms(
            mode=Mode(settings.callback_mode),
            webhooks=settings.callback_webhooks,
            traceparent=settings.callback_traceparent,
        )
        services = Services(
            buckets=self.buckets,
            objects=self.objects,
            copies=Copies(self.database, self.objects, self.ingest, self.clock, object_keys),
            symlinks=Symlinks(self.objects, self.clock),
            multipart=multipart,
            ingest=self.ingest,
            restores=Restores(self.database, self.objects, self.clock, restore_times(settings)),
            seals=Seals(self.database, self.objects, self.clock),
            lifecycles=lifecycles,
            access_times=self.access_times,
            worms=Worms(self.buckets, self.clock),
            retentions=Retentions(self.database, self.objects, self.clock),
            public_access=self.public_access,
            callbacks=self.callbacks,
            outbox=self.outbox,
            delivery_log=self.delivery_log,
            callback_terms=terms,
            callback_targets=targets,
            region=settings.region,
            account_id=keys.account_id,
            endpoint=settings.url.partition("://")[2],
            public_url=settings.url,
        )
        self.readiness = Readiness(probes(self.database, self.blobs))
        internal = Internal(
            keys.callback_keys, keys.webhook_key.public(), __version__, self.readiness
        )
        # The keys are this server's own, whatever region a signature names.
        own_authenticator = Authenticator(
            self.identities, self.sessions, region="", versions=settings.signatures
        )
        admin = AdminSide(
            AdminServices(
                identities=self.identities,
                buckets=self.buckets,
                objects=self.objects,
                public_access=self.public_access,
                lifecycles=lifecycles,
                callback_terms=terms,
                delivery_log=self.delivery_log,
                recovery=Recovery(self.delivery_log, self.callbacks, self.outbox, self._is_stored),
                outbox=self.outbox,
                kms=self.kms,
                rotate_master_key=MasterKeyRotation(
                    keys.master, self.kms, self.database, is_shared=settings.is_shared
                ).rotate,
                clock=self.clock,
                region=settings.region,
                is_closing=lambda: self.server.closing,
            ),
            own_authenticator,
            self.clock,
            region=settings.region,
            account_id=keys.account_id,
        )
        rpc = RpcSide(
            self.identities,
            self.sessions,
            _federation(settings, self.identities.store, keys.account_id),
            self.database,
            self.clock,
        )
        authenticator = Authenticator(
            self.identities, self.sessions, region=settings.region, versions=settings.signatures
        )
        pages = () if settings.console_listen else (console_answer,)
        admission = Admission(
            key=scrape_key(settings),
            authenticator=own_authenticator,
            clock=self.clock,
            place=place_of(f"acs:ossia:{settings.region}:{keys.account_id}:metrics/*"),
        )
        metrics = partial(
            MetricsSide,
            exposer(
                board,
                self.metrics,
                StateWatch(settings, folder, self.database, self.readiness, self.clock),
            ),
        )
        self.load = load_of(settings, self.metrics.refused)
        gateway = partial(
            _gateway,
            services,
            authenticator,
            self.clock,
            self.metrics.request,
            watching.tell,
            limits_of(settings, tables, worker, self.metrics.refused, self.load.set_aside),
            bucket_qos_limits(tables, worker, self.metrics.refused),
        )
        self.gateway = gateway(
            Gateway,
            *(admin.answer, *pages, metrics(admission).answer, internal.answer, rpc.answer),
            domains=settings.domains,
        )
        gateways = [self.gateway]
        if settings.console_listen:
            gateways.append(gateway(ConsoleGateway, admin.answer, console_answer, internal.answer))
        if settings.metrics_listen:
            gateways.append(
                gateway(MetricsGateway, metrics(admission.at_own_address()).answer, internal.answer)
            )
        bound = peer_connections(settings, tables, worker, self.metrics.refused)
        # Who looks after the server at an address of its own is no client.
        self.servers = tuple(map(self._server, gateways, (bound, None, None)))

    def _server(self, gateway: Gateway, peers: Peers | None) -> HttpServer:
        return HttpServer(
            self.watching.handler(gateway.handle),
            gateway.refuse,
            refuse_again=gateway.hurried_refusal,
            load=self.load,
            proxies=Proxies(self.settings.proxy_networks()),
            peers=peers,
        )

    @property
    def server(self) -> HttpServer:
        """The one of the objects."""
        return self.servers[0]

    def beat(self) -> None:
        """Note what this process is like now."""
        self.metrics.beat(
            connections=sum(len(each.connections) for each in self.servers),
            in_work=self.load.in_work,
            under_way=self.callbacks.under_way,
            lines_lost=self.watching.lines_lost(),
        )

    def _note_delivery(self, delivery: Delivery) -> None:
        self.metrics.delivered(delivery)
        self.delivery_log.note(delivery)

    async def _is_stored(self, bucket: str, key: str) -> bool:
        found = await self.buckets.peek(bucket)
        return found is not None and await self.objects.peek(found, key) is not None

    async def close(self, deadline_s: float = 30) -> None:
        """Finish what is in flight, then release everything."""
        await asyncio.gather(*(each.close(deadline_s) for each in self.servers))
        await self.outbox.finish()
        await self.sender.close()
        await self.delivery_log.flush()
        await self.access_times.flush()
        await self.identities.close()
        self.ingest.close()
        await self.database.close()
        await self.watching.close()
