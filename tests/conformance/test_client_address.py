"""Who the client is: in conditions of policies and in callbacks, behind a proxy and without one.

Every address of 127.0.0.0/8 is this machine, so a test chooses where it connects from.
"""

import http.client
import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from callback_asking import Uploader, config

from ossia.client.signing_client import SigningClient
from ossia.testing.inbox import Inbox
from running import Server, running_server

PROXY, SOMEBODY = "127.0.0.7", "127.0.0.8"
NETWORK, INSIDE, OUTSIDE = "203.0.113.0/24", "203.0.113.9", "198.51.100.1"
FROM_NETWORK = {"IpAddress": {"acs:SourceIp": [NETWORK]}}
BY_TLS = {"Bool": {"acs:SecureTransport": "true"}}


@pytest.fixture(scope="module")
def behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that believes `PROXY`."""
    with running_server(
        tmp_path_factory.mktemp("behind"), "--workers", "1", "--proxies", f"{PROXY}/32"
    ) as server:
        yield server


def root_of(server: Server, source: str) -> SigningClient:
    return SigningClient(
        server.endpoint,
        server.access_key_id,
        server.access_key_secret,
        server.region,
        source=source,
    )


def readable(server: Server, condition: dict[str, Any]) -> str:
    """A new bucket whose object ``k`` everybody may read under *condition*."""
    root, bucket = root_of(server, ""), f"b-{uuid.uuid4().hex[:20]}"
    assert root.request("PUT", bucket).status == 200
    assert root.request("PUT", bucket, "k", body=b"x").status == 200
    statement = {
        "Effect": "Allow",
        "Action": ["oss:GetObject"],
        "Principal": ["*"],
        "Resource": [f"acs:oss:*:*:{bucket}/*"],
        "Condition": condition,
    }
    text = json.dumps({"Version": "1", "Statement": [statement]}).encode()
    assert root.request("PUT", bucket, query=[("policy", "")], body=text).status == 200
    return bucket


def status_of(server: Server, bucket: str, source: str, **headers: str) -> int:
    """What somebody without a key hears who connects from *source*."""
    stranger = SigningClient(server.endpoint, version=0, source=source)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return stranger.request("GET", bucket, "k", headers=sent).status


@pytest.mark.covers("GetObject", "PutBucketPolicy")
@pytest.mark.parametrize(
    ("source", "forwarded", "status"),
    [
        pytest.param(PROXY, INSIDE, 200, id="a-client-of-the-proxy"),
        pytest.param(PROXY, f"{INSIDE}, {PROXY}", 200, id="two-proxies"),
        pytest.param(PROXY, f"{INSIDE}, {OUTSIDE}", 403, id="he-says-so-himself"),
        pytest.param(PROXY, OUTSIDE, 403, id="another-client"),
        pytest.param(PROXY, f"{INSIDE}, junk", 403, id="junk"),
        pytest.param(PROXY, "", 403, id="the-proxy-itself"),
        pytest.param(SOMEBODY, INSIDE, 403, id="nobody-believes-others"),
    ],
)
def test_source_ip(behind: Server, source: str, forwarded: str, status: int) -> None:
    bucket = readable(behind, FROM_NETWORK)
    assert status_of(behind, bucket, source, x_forwarded_for=forwarded) == status


@pytest.mark.parametrize(
    ("source", "scheme", "status"),
    [(PROXY, "https", 200), (PROXY, "http", 403), (SOMEBODY, "https", 403)],
)
def test_secure_transport(behind: Server, source: str, scheme: str, status: int) -> None:
    bucket = readable(behind, BY_TLS)
    assert status_of(behind, bucket, source, x_forwarded_proto=scheme) == status


def test_requests_of_one_connection_are_of_many_clients(behind: Server) -> None:
    bucket = readable(behind, FROM_NETWORK)
    connection = http.client.HTTPConnection(behind.address, source_address=(PROXY, 0))
    heard = []
    for address in (INSIDE, OUTSIDE, INSIDE):
        connection.request("GET", f"/{bucket}/k", headers={"X-Forwarded-For": address})
        answer = connection.getresponse()
        answer.read()
        heard.append(answer.status)
    connection.close()
    assert heard == [200, 403, 200]


def test_several_lines_are_one(behind: Server) -> None:
    bucket = readable(behind, FROM_NETWORK)
    connection = http.client.HTTPConnection(behind.address, source_address=(PROXY, 0))
    connection.putrequest("GET", f"/{bucket}/k")
    for address in (OUTSIDE, INSIDE, PROXY):
        connection.putheader("X-Forwarded-For", address)
    connection.endheaders()
    assert connection.getresponse().status == 200
    connection.close()


@pytest.mark.covers("PutObject")
@pytest.mark.parametrize(("source", "told"), [(PROXY, OUTSIDE), (SOMEBODY, SOMEBODY)])
def test_callbacks_tell_the_client(behind: Server, source: str, told: str) -> None:
    bucket = readable(behind, FROM_NETWORK)
    uploader = Uploader(root_of(behind, source), bucket)
    with Inbox() as inbox:
        callback = {"x-oss-callback": config(inbox.url, "${clientIp}")}
        reply = uploader.put({**callback, "x-forwarded-for": f"{INSIDE}, {OUTSIDE}"})
        assert reply.status == 200
        assert inbox.wait(1)[0].body == told.encode()


# --- whatever stands in front of the server that other tests use, too: nothing, or HAProxy ---


@pytest.mark.parametrize(("source", "status"), [(SOMEBODY, 200), (PROXY, 403)])
def test_what_a_client_says_of_itself_means_nothing(
    server: Server, source: str, status: int
) -> None:
    bucket = readable(server, {"IpAddress": {"acs:SourceIp": [SOMEBODY]}})
    said = OUTSIDE if source == SOMEBODY else SOMEBODY
    assert status_of(server, bucket, source, x_forwarded_for=said) == status


def test_nor_what_it_says_of_its_transport(server: Server) -> None:
    bucket = readable(server, BY_TLS)
    assert status_of(server, bucket, SOMEBODY, x_forwarded_proto="https") == 403


def test_callbacks_tell_where_an_upload_came_from(server: Server) -> None:
    bucket = readable(server, FROM_NETWORK)
    uploader = Uploader(root_of(server, SOMEBODY), bucket)
    with Inbox() as inbox:
        callback = {"x-oss-callback": config(inbox.url, "${clientIp}")}
        assert uploader.put({**callback, "x-forwarded-for": OUTSIDE}).status == 200
        assert inbox.wait(1)[0].body == SOMEBODY.encode()
