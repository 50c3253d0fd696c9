"""Uploads with a callback, as an application's client makes them."""

import base64
import json
from typing import Any

from ossia.client.signing_client import Reply
from running import Server, signer

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
BODY = '{"bucket":${bucket},"object":${object},"size":${size}}'


def callback(url: str, body: str = BODY, body_type: str = JSON, **more: Any) -> str:
    """The parameter."""
    given = {"callbackUrl": url, "callbackBody": body, "callbackBodyType": body_type, **more}
    return base64.b64encode(json.dumps(given).encode()).decode()


def upload(server: Server, bucket: str, key: str, parameter: str) -> Reply:
    """PutObject with that callback; the bucket is made where it is missing."""
    client = signer(server)
    assert client.request("PUT", bucket).status == 200
    return client.request("PUT", bucket, key, headers={"x-oss-callback": parameter}, body=b"hello")
