"""A whole gateway over memory adapters; requests are signed and handed to it without a socket."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from federating import federation_of
from ossia.access.authenticate import Authenticator
from ossia.adapters.memory import MemoryBlobStore
from ossia.api.oss import oss
from ossia.api.route import Router
from ossia.api.services import Services
from ossia.client.signing_client import SigningClient, path_of
from ossia.domain.buckets.buckets import Buckets
from ossia.domain.buckets.public_access import PublicAccess
from ossia.domain.buckets.worm import Worms
from ossia.domain.callbacks.callbacks import Callbacks
from ossia.domain.callbacks.delivery_log import DeliveryLog
from ossia.domain.callbacks.keys import CallbackKeys, OneKey
from ossia.domain.callbacks.outbox import Outbox
from ossia.domain.callbacks.upload_callback import CallbackTerms
from ossia.domain.encryption.kms_keys import KmsKeys
from ossia.domain.identity.identities import Identities
from ossia.domain.identity.sessions import Sessions
from ossia.domain.lifecycle.lifecycles import Lifecycles
from ossia.domain.objects.access_times import AccessTimes
from ossia.domain.objects.buffers import Buffers
from ossia.domain.objects.copying import Copies
from ossia.domain.objects.encryption import ObjectKeys
from ossia.domain.objects.ingest import Ingest
from ossia.domain.objects.multipart import Multipart
from ossia.domain.objects.objects import Objects
from ossia.domain.objects.restores import Restores
from ossia.domain.objects.retentions import Retentions
from ossia.domain.objects.seals import Seals
from ossia.domain.objects.symlinks import Symlinks
from ossia.gateway.access_lines import ACCESS_LINES
from ossia.gateway.internal import Internal
from ossia.gateway.pipeline import Gateway
from ossia.gateway.readiness import TRUSTED_S, Probe, Readiness
from ossia.gateway.rpc import RpcSide
from ossia.http.body import Body, FixedBody
from ossia.http.message import Request, Response
from ossia.ports import CallbackAnswer, CallbackAttempt, CallbackFailure
from ossia.protocol.address import Addressing
from ossia.protocol.address_policy import AddressPolicy
from ossia.protocol.callback_signature import CallbackKey
from ossia.protocol.restore_times import parse_restore_times
from sealing import MASTER
from stored import in_memory

KEY = CallbackKey.generate()
KEYS = CallbackKeys(OneKey(KEY), own_url="http://oss.test")
Pairs = Sequence[tuple[str, str]]


class SetClock:
    at = 1_700_000_000_000

    def now_ms(self) -> int:
        return self.at


@dataclass
class SaidSender:
    """Answers callbacks as it is told."""

    says: CallbackAnswer | CallbackFailure = field(
        default_factory=lambda: CallbackAnswer(
            status=200,
            headers={"content-type": "application/json", "content-length": "13"},
            body=b'{"Status":1} ',
        )
    )
    attempts: list[CallbackAttempt] = field(default_factory=list)

    async def send(self, attempt: CallbackAttempt) -> CallbackAnswer | CallbackFailure:
        self.attempts.append(attempt)
        return self.says


class World:
    """One gateway.  ``root`` and others are made by `signer`."""

    def __init__(self) -> None:
        self.clock = SetClock()
        self.metadata = in_memory(self.clock)
        blobs = MemoryBlobStore(self.clock)
        self.identities = Identities(
            self.metadata,
            self.clock,
            account_id="1234",
            root_access_key_id="ROOT",
            root_access_key_secret="root",
        )
        self.sessions = Sessions(self.identities.store, self.clock)
        self.ingest = Ingest(self.metadata, blobs, self.clock, Buffers(), threads=2)
        self.kms = KmsKeys(self.identities.store, self.clock, MASTER, "1234")
        object_keys = ObjectKeys(self.kms)
        objects = Objects(self.metadata, blobs, self.ingest, self.clock, object_keys)
        self.sender = SaidSender()
        policy = AddressPolicy.default(loopback=True)
        callbacks = Callbacks(self.sender, KEYS, self.clock)
        addressing = Addressing(["oss.test"])
        buckets = Buckets(self.metadata, self.clock, "cn-test")
        services = Services(
            buckets=buckets,
            worms=Worms(buckets, self.clock),
            objects=objects,
            retentions=Retentions(self.metadata, objects, self.clock),
            copies=Copies(self.metadata, objects, self.ingest, self.clock, object_keys),
            symlinks=Symlinks(objects, self.clock),
            multipart=Multipart(self.metadata, objects, self.ingest, self.clock),
            ingest=self.ingest,
            restores=Restores(self.metadata, objects, self.clock, parse_restore_times(["60"])),
            seals=Seals(self.metadata, objects, self.clock),
            lifecycles=Lifecycles(self.metadata, buckets, self.clock),
            access_times=AccessTimes(self.metadata, self.clock),
            public_access=PublicAccess(self.metadata, self.clock),
            callbacks=callbacks,
            outbox=Outbox(self.metadata, callbacks, self.clock),
            delivery_log=DeliveryLog(self.metadata, self.clock),
            callback_terms=CallbackTerms(),
            callback_targets=policy,
            region="cn-test",
            account_id="1234",
            endpoint="oss.test",
            public_url="http://oss.test",
        )
        self.faults: dict[str, Exception] = {}
        self.monotonic = 0.0
        self.access_lines: list[str] = []
        probes = {each: self._probe(each) for each in ("metadata", "blobs")}
        self.readiness = Readiness(probes, monotonic=lambda: self.monotonic)
        internal = Internal(KEYS, "whpk_x", "0.0", self.readiness)
        rpc = RpcSide(
            self.identities,
            self.sessions,
            federation_of(self.identities),
            self.metadata,
            self.clock,
        )
        self.gateway = Gateway(
            Router(oss),
            services,
            Authenticator(self.identities, self.sessions, region="cn-test"),
            addressing,
            self.clock,
            sides=(internal.answer, rpc.answer),
            tell=lambda told: self.access_lines.extend(ACCESS_LINES["text"]([told])),
        )
        self.root = self.signer("ROOT", "root")
        self.anonymous = self.signer("", "", version=0)

    def trusts_no_longer(self) -> None:
        """Let so much time pass that the engines are asked again."""
        self.monotonic += TRUSTED_S

    def _probe(self, engine: str) -> Probe:
        """Fails as `faults` says."""

        async def probe() -> None:
            if engine in self.faults:
                raise self.faults[engine]

        return probe

    def signer(
        self, key: str, secret: str, *, version: int = 4, token: str | None = None
    ) -> SigningClient:
        return SigningClient("http://oss.test", key, secret, "cn-test", version, token)

    async def ask(
        self,
        method: str,
        bucket: str = "",
        key: str = "",
        query: Pairs = (),
        headers: Mapping[str, str] | None = None,
        body: bytes | Body = b"",
        *,
        by: SigningClient | None = None,
    ) -> Response:
        """Sign as the root (or *by* somebody else) and hand the request over."""
        given = {name.lower(): value for name, value in (headers or {}).items()}
        signed = (by or self.root)._signature(method, bucket, key, query, given, self.clock.at)
        return await self.hand(method, path_of(bucket, key, query), {**given, **signed}, body)

    async def hand(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes | Body = b""
    ) -> Response:
        """Hand a request over as it stands."""
        raw = {name.lower().encode(): value.strip().encode() for name, value in headers.items()}
        raw.setdefault(b"host", b"oss.test")
        if isinstance(body, bytes):
            raw.setdefault(b"content-length", b"%d" % len(body))
            body = FixedBody(body)
        request = Request(
            method.encode(), target.encode("latin-1"), raw, body, "192.0.2.1", secure=False
        )
        return await self.gateway.handle(request)


def element(response: Response, name: str) -> str:
    """The text of the first element of that name."""
    return response.body.decode().partition(f"<{name}>")[2].partition(f"</{name}>")[0]


def code(response: Response) -> str:
    """Of an error document."""
    return element(response, "Code")


def header(response: Response, name: str) -> str | None:
    """The last header of that name."""
    return {key.lower(): value for key, value in response.headers}.get(name.lower())


def content(response: Response) -> bytes:
    """Body and spans."""
    parts = [response.body]
    for span in response.spans:
        file = span.fileno()
        assert file is not None
        parts.append(os.pread(file, span.length, span.offset))
        span.close()
    return b"".join(parts)
