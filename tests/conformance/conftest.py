"""What operation tests share: a signed client and a bucket of their own."""

import uuid
from collections.abc import Iterator

import pytest
from asking import Ask
from fault_world import FaultWorld, fault_world

from ossia.client.signing_client import Reply, SigningClient
from running import Server, signer


@pytest.fixture(scope="session")
def client(server: Server) -> SigningClient:
    """Signs as the root key."""
    return signer(server)


@pytest.fixture(scope="session")
def anonymous(server: Server) -> SigningClient:
    """Signs nothing."""
    return SigningClient(server.endpoint, version=0)


@pytest.fixture
def bucket(client: SigningClient) -> str:
    """A fresh bucket."""
    name = f"b-{uuid.uuid4().hex[:20]}"
    assert client.request("PUT", name).status == 200
    return name


@pytest.fixture
def ask(client: SigningClient, bucket: str) -> Ask:
    """``ask(method, key, …)`` in the fresh bucket."""

    def send(method: str, key: str = "", **more: object) -> Reply:
        return client.request(method, bucket, key, **more)  # type: ignore[arg-type]  # passed through

    return send


@pytest.fixture(scope="session")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultWorld]:
    """Servers whose application servers fail in every way."""
    with fault_world(tmp_path_factory.mktemp("faults")) as world:
        yield world
