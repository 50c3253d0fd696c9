"""Where the fault matrix is run: two servers, a faulty receiver for each, and certificates.

The *patient* server waits as long as OSS does, so that a busy machine turns no other fault into
slowness; the *hasty* one is asked for the faults that are slow on purpose.
"""

import socket
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest
from fault_matrix import ADDED, HASTY_S, HEARD, LIMIT_S, SECURED, SLOW, Heard, own_address

from certificates import Issuer
from ossia.client.signing_client import SigningClient
from ossia.testing.faulty_receiver import FaultyReceiver
from running import Server, running_server, signer

HOST: Final = "127.0.0.5"
"""The receivers' address, and the only one that callbacks may reach besides public ones."""


_ROOT: Final = (
    *("--root-access-key-id", "LTAIfaultmatrix"),
    *("--root-access-key-secret", "the-same-at-both-servers"),
)


@dataclass(frozen=True, slots=True)
class Place:
    """A server, the receiver that its callbacks meet, and a bucket."""

    server: Server
    receiver: FaultyReceiver
    bucket: str

    @property
    def client(self) -> SigningClient:
        """Signs as the root key."""
        return signer(self.server)


@dataclass(frozen=True, slots=True)
class FaultWorld:
    """Both places."""

    patient: Place
    hasty: Place

    def place_of(self, fault: str) -> Place:
        """Where *fault* is met."""
        return self.hasty if fault in SLOW else self.patient

    def url(self, fault: str) -> str:
        """The callbackUrl that meets *fault*."""
        receiver = self.place_of(fault).receiver
        if fault == "private-address":
            return "http://10.0.0.1/callback"
        if fault == "private-name":
            return f"http://{socket.gethostname()}/callback"
        if fault == "tls-asked-for-plain":
            return receiver.url("good-certificate").replace("https:", "http:")
        return receiver.url(fault)

    def heard(self, fault: str) -> Heard:
        """What the uploader must hear, with the addresses of this run."""
        heard = HEARD[fault]
        address, kind = own_address() or ("", "")
        port = urlsplit(self.url(fault)).port
        message = heard.message.format(host=HOST, port=port, address=address, kind=kind)
        return Heard(message, heard.ec, heard.status, heard.code)


def faults() -> list[str]:
    """Those that this machine can show."""
    return [fault for fault in HEARD if fault != "private-name" or own_address() is not None]


@contextmanager
def fault_world(folder: Path) -> Iterator[FaultWorld]:
    """Start everything."""
    with ExitStack() as stack:
        _write_certificates(folder)
        patches = stack.enter_context(pytest.MonkeyPatch.context())
        # What the servers trust, as if the operating system did.
        patches.setenv("SSL_CERT_FILE", str(folder / "authority.pem"))
        places = []
        for name, limit_s in (("patient", LIMIT_S), ("hasty", HASTY_S)):
            receiver = stack.enter_context(FaultyReceiver(host=HOST, limit_s=limit_s))
            for fault, what in ADDED.items():
                receiver.add(fault, what)
            for fault, (certificate, what) in SECURED.items():
                receiver.add(fault, what, certificate=folder / f"{certificate}.pem")
            flags = ("--callback-allow", HOST, "--callback-timeout", str(limit_s))
            server = stack.enter_context(
                running_server(folder / name, *flags, "--workers", "1", *_ROOT)
            )
            place = Place(server, receiver, f"faults-{uuid.uuid4().hex[:10]}")
            assert place.client.request("PUT", place.bucket).status == 200
            places.append(place)
        yield FaultWorld(*places)


def _write_certificates(folder: Path) -> None:
    """PEM files that SECURED names; ``authority.pem`` issues all but the self-signed one."""
    authority = Issuer("fault authority")
    (folder / "authority.pem").write_bytes(authority.pem)
    (folder / "good.pem").write_bytes(authority.issue(HOST))
    (folder / "wrong-name.pem").write_bytes(authority.issue("127.0.0.6"))
    (folder / "expired.pem").write_bytes(authority.issue(HOST, age_days=-1))
    (folder / "self-signed.pem").write_bytes(Issuer(HOST).issue(HOST))
