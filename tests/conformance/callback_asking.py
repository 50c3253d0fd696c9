"""What the callback tests share: parameters, forms, servers, and a receiver's own check."""

import base64
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes, urlsplit
from urllib.request import urlopen

from ossia.client.signing_client import Reply, SigningClient
from ossia.protocol import signature_v1
from ossia.protocol.callback_signature import verify
from ossia.protocol.post_policy import Condition, build
from ossia.testing.inbox import Received

BOUNDARY = "callback-boundary"


def encoded(value: object) -> str:
    """Base64 of JSON, or of bytes as they stand."""
    raw = value if isinstance(value, bytes) else json.dumps(value, ensure_ascii=False).encode()
    return base64.b64encode(raw).decode()


def config(url: str, body: str = "o=${object}", **more: object) -> str:
    """The text of ``callback``."""
    return encoded({"callbackUrl": url, "callbackBody": body, **more})


@dataclass(frozen=True)
class Uploader:
    """Uploads in every way that carries a callback."""

    client: SigningClient
    bucket: str
    key: str = "dir/a b.txt"
    content: bytes = b"hello callback"
    content_type: str = "text/plain"
    parts: dict[str, str] = field(default_factory=dict)

    def put(
        self,
        headers: dict[str, str] | None = None,
        query: list[tuple[str, str]] | None = None,
        *,
        by: SigningClient | None = None,
    ) -> Reply:
        return (by or self.client).request(
            "PUT",
            self.bucket,
            self.key,
            query=query or [],
            headers={"Content-Type": self.content_type, **(headers or {})},
            body=self.content,
        )

    def put_url(
        self,
        version: int,
        query: list[tuple[str, str]],
        signed: dict[str, str],
        sent: dict[str, str] | None = None,
    ) -> Reply:
        """By a presigned URL that is signed together with *signed*; *sent* are other headers."""
        signer = SigningClient(
            self.client.endpoint,
            self.client.access_key_id,
            self.client.secret,
            self.client.region,
            version,
        )
        url = urlsplit(signer.url("PUT", self.bucket, self.key, query=query, headers=signed))
        headers = signed if sent is None else sent
        return signer.send("PUT", f"{url.path}?{url.query}", headers, self.content)

    def complete(
        self, headers: dict[str, str] | None = None, query: list[tuple[str, str]] | None = None
    ) -> Reply:
        """Upload one part and complete."""
        place = (self.bucket, self.key)
        begun = self.client.request(
            "POST", *place, query=[("uploads", "")], headers={"Content-Type": self.content_type}
        )
        upload = ("uploadId", begun.element("UploadId"))
        part = self.client.request(
            "PUT", *place, query=[("partNumber", "1"), upload], body=self.content
        )
        body = (
            "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber>"
            f"<ETag>{part.headers['etag']}</ETag></Part></CompleteMultipartUpload>"
        ).encode()
        return self.client.request(
            "POST", *place, query=[upload, *(query or [])], headers=headers, body=body
        )

    def post(
        self,
        fields: dict[str, str],
        query: str = "",
        headers: dict[str, str] | None = None,
        conditions: Sequence[Condition] = (),
    ) -> Reply:
        """By a form with *fields*, signed in V1, whose policy has further *conditions*."""
        expires = time.time_ns() // 1_000_000 + 600_000
        policy = build(expires_at_ms=expires, conditions=[{"bucket": self.bucket}, *conditions])
        named = {
            "key": self.key,
            "policy": policy,
            "OSSAccessKeyId": self.client.access_key_id,
            "signature": signature_v1.sign_policy(policy, self.client.secret),
            **fields,
        }
        parts = [
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n'
            for name, text in named.items()
        ]
        head = (
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n'
            f"Content-Type: {self.content_type}\r\n\r\n"
        )
        body = (
            f"{''.join(parts)}{head}".encode() + self.content + f"\r\n--{BOUNDARY}--\r\n".encode()
        )
        kind = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", **(headers or {})}
        return self.client.send("POST", f"/{self.bucket}/{query}", kind, body)

    def trigger(self, body: bytes | str, headers: dict[str, str] | None = None) -> Reply:
        raw = body if isinstance(body, bytes) else f"x-oss-process={body}".encode()
        return self.client.request(
            "POST",
            self.bucket,
            self.key,
            query=[("x-oss-process", "")],
            headers=headers,
            body=raw,
        )

    def stored(self) -> bytes | None:
        """The object's bytes; None if there is none."""
        reply = self.client.request("GET", self.bucket, self.key)
        return reply.body if reply.status == 200 else None


def pub_key_url(received: Received) -> str:
    """Where the callback says that its key is."""
    return base64.b64decode(received.headers["x-oss-pub-key-url"]).decode()


def is_signed(received: Received, pem: bytes | None = None) -> bool:
    """The check of a receiver, which knows nothing of the code under test but `verify`."""
    if pem is None:
        with urlopen(pub_key_url(received), timeout=10) as answer:
            pem = answer.read()
    signed = unquote_to_bytes(received.path) + received.query.encode() + b"\n" + received.body
    return verify(pem, received.headers["authorization"], signed)
