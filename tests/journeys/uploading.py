"""Uploads with a callback, as an application's client makes them."""

import base64
import json
from typing import Any

from ossia.client.signing_client import Reply, SigningClient
from running import Server

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
BODY = '{"bucket":${bucket},"object":${object},"size":${size}}'


def signer(server: Server) -> SigningClient:
    return SigningClient(
        server.endpoint, server.access_key_id, server.access_key_secret, server.region
    )


def callback(url: str, body: str = BODY, body_type: str = JSON, **more: Any) -> str:
    """The parameter."""
    given = {"callbackUrl": url, "callbackBody": body, "callbackBodyType": body_type, **more}
    return base64.b64encode(json.dumps(given).encode()).decode()


def upload(server: Server, bucket: str, key: str, parameter: str) -> Reply:
    """PutObject with that callback; the bucket is made where it is missing."""
    client = signer(server)
    assert client.request("PUT", bucket).status == 200
    return client.request("PUT", bucket, key, headers={"x-oss-callback": parameter}, body=b"hello")
