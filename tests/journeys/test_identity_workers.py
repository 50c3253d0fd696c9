"""Two workers of one server: what one is told counts at the other at once."""

import time
import uuid
from collections import Counter
from collections.abc import Iterator
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import urlopen

import pytest

from ossia.client.ram import RamClient
from ossia.client.signing_client import SigningClient
from ossia.protocol.signature_rpc import sign_parameters
from running import Server, running_server

CONNECTIONS = 8
"""Each request has a connection of its own; the system spreads them over the workers."""


@pytest.fixture(scope="module")
def two_workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("workers"), "--workers", "2") as running:
        yield running


@pytest.fixture
def root(two_workers: Server) -> RamClient:
    return RamClient(two_workers.endpoint, two_workers.access_key_id, two_workers.access_key_secret)


@pytest.mark.slow
def test_a_key_is_off_or_on_everywhere(two_workers: Server, root: RamClient) -> None:
    user = {"UserName": f"u-{uuid.uuid4().hex[:8]}"}
    root.call("CreateUser", **user)
    key = root.call("CreateAccessKey", **user)["AccessKey"]
    root.call("AttachPolicyToUser", PolicyType="System", PolicyName="AliyunOSSFullAccess", **user)
    client = SigningClient(
        two_workers.endpoint, key["AccessKeyId"], key["AccessKeySecret"], two_workers.region
    )
    for _ in range(10):
        for status, answer in (("Inactive", 403), ("Active", 200)):
            root.call("UpdateAccessKey", UserAccessKeyId=key["AccessKeyId"], Status=status, **user)
            for _ in range(CONNECTIONS):
                assert client.request("GET", "").status == answer


@pytest.mark.slow
def test_a_request_counts_once_whoever_hears_it(two_workers: Server) -> None:
    for _ in range(5):
        signed = sign_parameters(
            "POST",
            {"Action": "GetCallerIdentity", "Version": "2015-04-01"},
            access_key_id=two_workers.access_key_id,
            secret=two_workers.access_key_secret,
            now_ms=time.time_ns() // 1_000_000,
            nonce=str(uuid.uuid4()),
        )
        body = urlencode(signed).encode()
        found = Counter(_status(two_workers.endpoint, body) for _ in range(CONNECTIONS))
        assert found == {200: 1, 400: CONNECTIONS - 1}


def _status(endpoint: str, body: bytes) -> int:
    try:
        with urlopen(endpoint + "/", body, timeout=5) as answer:
            return int(answer.status)
    except HTTPError as error:
        with error:
            said = error.read()
        status = error.code
    assert b"SignatureNonceUsed" in said
    return status
