"""Terms of a bucket, through a real server: the second signature, the trace, the promise."""

import base64
import json
import subprocess
import sys
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ossia.client.signing_client import Reply, SigningClient
from ossia.testing.inbox import Inbox
from running import Server, running_server

BUCKET = "terms-bucket"
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("terms")) as running:
        yield running


@pytest.fixture
def client(server: Server) -> SigningClient:
    made = SigningClient(server.endpoint, server.access_key_id, server.access_key_secret)
    assert made.request("PUT", BUCKET).status == 200
    return made


def terms(server: Server, *arguments: str) -> dict[str, object]:
    """What ``ossia callbacks terms`` says."""
    command = [sys.executable, "-m", "ossia", "callbacks", "terms", BUCKET, "--json", *arguments]
    command += ["--endpoint", server.endpoint, "--access-key-id", server.access_key_id]
    command += ["--access-key-secret", server.access_key_secret]
    shown = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found: dict[str, object] = json.loads(shown)
    return found


def put(client: SigningClient, key: str, inbox: Inbox) -> Reply:
    fields = {"callbackUrl": inbox.url, "callbackBody": "o=${object}"}
    header = base64.b64encode(json.dumps(fields).encode()).decode()
    headers = {"x-oss-callback": header, "traceparent": TRACE}
    return client.request("PUT", BUCKET, key, body=b"x", headers=headers)


def test_a_plain_callback_has_nothing_added(client: SigningClient) -> None:
    with Inbox() as inbox:
        assert put(client, "plain", inbox).status == 200
        (received,) = inbox.wait(1)
    assert not {"webhook-id", "webhook-signature", "traceparent"} & received.headers.keys()


def test_the_second_signature_and_the_trace(server: Server, client: SigningClient) -> None:
    own = terms(server, "--webhooks", "--traceparent")
    assert own == {"mode": "oss", "webhooks": True, "traceparent": True, "own": True}
    with Inbox() as inbox:
        assert put(client, "signed", inbox).status == 200
        (received,) = inbox.wait(1)
    public = client.request("GET", "-", "callback/webhook_key.txt").body.decode()
    key = Ed25519PublicKey.from_public_bytes(base64.b64decode(public.removeprefix("whpk_")))
    headers = received.headers
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + received.body
    version, _, signature = headers["webhook-signature"].partition(",")
    assert version == "v1a"
    key.verify(base64.b64decode(signature), signed)
    assert headers["traceparent"] == TRACE
    assert terms(server, "--server-default")["own"] is False


def test_nothing_is_stored_without_the_applications_yes(
    server: Server, client: SigningClient
) -> None:
    terms(server, "--mode", "commit-on-200")
    with Inbox() as inbox:
        inbox.answer(b'{"no":1}', status=403)
        refused = put(client, "asked", inbox)
        assert (refused.status, refused.element("Code")) == (203, "CallbackNotAccepted")
        assert "etag" not in refused.headers
        assert client.request("GET", BUCKET, "asked").status == 404
        inbox.answer(b'{"yes":1}')
        assert put(client, "asked", inbox).body == b'{"yes":1}'
    assert client.request("GET", BUCKET, "asked").body == b"x"
    ids = [each.headers["webhook-id"] for each in inbox.received]
    assert len(set(ids)) == 2
    terms(server, "--server-default")


def test_a_multipart_upload_waits_for_the_yes_too(server: Server, client: SigningClient) -> None:
    terms(server, "--mode", "commit-on-200")
    upload = client.request("POST", BUCKET, "parts", query=[("uploads", "")]).element("UploadId")
    query = [("partNumber", "1"), ("uploadId", upload)]
    etag = client.request("PUT", BUCKET, "parts", query=query, body=b"part").headers["etag"]
    part = f"<Part><PartNumber>1</PartNumber><ETag>{etag}</ETag></Part>"
    body = f"<CompleteMultipartUpload>{part}</CompleteMultipartUpload>".encode()
    with Inbox() as inbox:
        fields = {"callbackUrl": inbox.url, "callbackBody": "size=${size}"}
        header = {"x-oss-callback": base64.b64encode(json.dumps(fields).encode()).decode()}
        for status, expected in ((500, (203, 404)), (200, (200, 200))):
            inbox.answer(b"{}", status=status)
            reply = client.request(
                "POST", BUCKET, "parts", query=[("uploadId", upload)], body=body, headers=header
            )
            found = client.request("GET", BUCKET, "parts")
            assert (reply.status, found.status) == expected
        assert [each.body for each in inbox.received] == [b"size=4"] * 2
    terms(server, "--server-default")
