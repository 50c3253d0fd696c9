"""Posts forms as a hand-written client does: fields in order, the file last."""

import http.client
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen
from xml.etree import ElementTree as ET

Fields = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)

    def error(self, name: str) -> str:
        """The text of an element of an error."""
        return ET.fromstring(self.body).findtext(name) or ""  # noqa: S314 - our own server


def get_json(url: str) -> Any:
    with urlopen(url, timeout=10) as response:
        return json.load(response)


def multipart(
    fields: Fields, file_name: str, content: bytes, content_type: str
) -> tuple[str, bytes]:
    """Content-Type and body."""
    boundary = uuid.uuid4().hex
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields
    ]
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{file_name}"\r\n'
        f"Content-Type: {content_type}\r\n\r\n"
    )
    body = b"".join((*parts, head.encode(), content, f"\r\n--{boundary}--\r\n".encode()))
    return f"multipart/form-data; boundary={boundary}", body


def post_form(
    host: str,
    fields: Fields,
    content: bytes,
    *,
    file_name: str = "a.txt",
    content_type: str = "text/plain",
) -> Answer:
    """Post to *host*, which is the ``host`` of a policy."""
    media_type, body = multipart(fields, file_name, content, content_type)
    url = urlsplit(host)
    connection = http.client.HTTPConnection(url.netloc, timeout=10)
    try:
        headers = {"Content-Type": media_type, "Origin": "http://page.example"}
        connection.request("POST", url.path or "/", body, headers)
        response = connection.getresponse()
        names = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, names, response.read())
    finally:
        connection.close()


def v1_fields(policy: dict[str, Any], key: str, **own: str) -> list[tuple[str, str]]:
    """What plupload sends."""
    return [
        ("name", "a.txt"),
        ("key", key),
        ("policy", policy["policy"]),
        ("OSSAccessKeyId", policy["accessid"]),
        ("success_action_status", "200"),
        ("callback", policy["callback"]),
        ("signature", policy["signature"]),
        *((f"x:{name}", value) for name, value in own.items()),
    ]


def v4_fields(policy: dict[str, Any], key: str, **own: str) -> list[tuple[str, str]]:
    """What the web demonstration of 2024 sends."""
    return [
        ("success_action_status", "200"),
        ("policy", policy["policy"]),
        ("x-oss-signature", policy["signature"]),
        ("x-oss-signature-version", policy["x_oss_signature_version"]),
        ("x-oss-credential", policy["x_oss_credential"]),
        ("x-oss-date", policy["x_oss_date"]),
        ("key", key),
        ("x-oss-security-token", policy["security_token"]),
        ("callback", policy["callback"]),
        *((f"x:{name}", value) for name, value in own.items()),
    ]


def replaced(fields: Fields, name: str, value: str | None) -> list[tuple[str, str]]:
    """*fields* with another value of *name*, or without it."""
    kept = [(each, old if each != name else value) for each, old in fields]
    return [(each, text) for each, text in kept if text is not None]
