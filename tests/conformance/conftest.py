"""What operation tests share: a signed client and a bucket of their own."""

import uuid

import pytest
from asking import Ask

from ossia.client.signing_client import Reply, SigningClient
from running import Server


@pytest.fixture(scope="session")
def client(server: Server) -> SigningClient:
    """Signs as the root key."""
    return SigningClient(
        server.endpoint, server.access_key_id, server.access_key_secret, server.region
    )


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
        return client.request(method, bucket, key, **more)  # type: ignore[arg-type] - passed through

    return send
