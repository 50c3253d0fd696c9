"""What the Python suites share: settings, checks, plain requests, reporting."""

# mypy: disable-error-code="import-untyped"

import base64
import hashlib
import http.client
import json
import os
import random
import socket
import time
import traceback
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import fastcrc
from alibabacloud_sts20150401.client import Client
from alibabacloud_sts20150401.models import AssumeRoleRequest, AssumeRoleResponseBodyCredentials
from alibabacloud_tea_openapi.exceptions import ClientException
from alibabacloud_tea_openapi.models import Config

PART: Final = 100 * 1024
JSON: Final = "application/json"
FORM: Final = "application/x-www-form-urlencoded"
ECHO: Final = "/echo?from=sdk"
TREE: Final = ("a.txt", "b/1.txt", "b/2.txt", "c/d/3.txt", "e.txt")


def _get(name: str) -> str:
    return os.environ[f"OSSIA_TEST_{name}"]


ENDPOINT: Final = _get("ENDPOINT")
IS_VIRTUAL: Final = _get("STYLE") == "virtual"
SIGNATURE: Final = _get("SIGNATURE")
REGION: Final = _get("REGION")
KEY_ID: Final = _get("ACCESS_KEY_ID")
KEY_SECRET: Final = _get("ACCESS_KEY_SECRET")
BUCKET: Final = _get("PREFIX")
ROLE_BUCKET: Final = _get("ROLE_BUCKET")
SCRATCH: Final = Path(_get("SCRATCH"))
SHARED: Final = json.loads(Path(_get("SHARED")).read_text())
AWKWARD_KEYS: Final[list[str]] = SHARED["awkward_keys"]

_resolve = socket.getaddrinfo


def _resolve_to_loopback(host: Any, *more: Any, **options: Any) -> Any:
    return _resolve("127.0.0.1", *more, **options)


# Every name is loopback, as a resolver that knows *.localhost would say.
socket.getaddrinfo = _resolve_to_loopback


def host_of(bucket: str) -> str:
    """Where requests for *bucket* go: its own host, or the endpoint."""
    host = urlsplit(ENDPOINT).netloc
    return f"{bucket}.{host}" if IS_VIRTUAL else host


def bare_url(bucket: str, key: str) -> str:
    """The URL of *key* for a client that signs nothing."""
    return f"http://{host_of(bucket)}/{key}" if IS_VIRTUAL else f"{ENDPOINT}/{bucket}/{key}"


def fetch(
    method: str, url: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
) -> tuple[int, str]:
    """Status and text; the path is sent to the letter."""
    where = urlsplit(url)
    line = http.client.HTTPConnection(where.netloc, timeout=30)
    line.request(method, url[url.index(where.netloc) + len(where.netloc) :], body, headers or {})
    answer = line.getresponse()
    text = answer.read().decode()
    line.close()
    return answer.status, text


def some_bytes(size: int) -> bytes:
    """*size* reproducible bytes."""
    return random.Random(size).randbytes(size)


def file(name: str, content: bytes) -> str:
    """Write *content* into the scratch folder; the path."""
    path = SCRATCH / name
    path.write_bytes(content)
    return str(path)


def etag_of(content: bytes) -> str:
    """The quoted ETag of an object that was put in one request."""
    return f'"{hashlib.md5(content).hexdigest().upper()}"'


def crc_of(content: bytes) -> int:
    """The CRC-64 of OSS."""
    found: int = fastcrc.crc64.xz(content)
    return found


def is_now(moment: datetime | float) -> bool:
    """Whether *moment* is within ten seconds of now."""
    seconds = moment.timestamp() if isinstance(moment, datetime) else moment
    return abs(seconds - time.time()) < 10


def equal(what: str, got: object, want: object) -> None:
    """Demand that two values are the same."""
    assert got == want, f"{what}: got {got!r:.1500}, want {want!r:.1500}"


def callback_fields(path: str, content_type: str = JSON) -> dict[str, str]:
    """A callback to *path* of the inbox and its variables, names prefixed with ``x:``, as JSON."""
    template = SHARED["callback"]["json" if content_type == JSON else "form"]
    url = _get("INBOX") + path
    variables = {f"x:{name}": value for name, value in SHARED["callback"]["variables"].items()}
    told = {"callbackUrl": url, "callbackBody": template, "callbackBodyType": content_type}
    return {"callback": json.dumps(told), "variables": json.dumps(variables)}


def callback(path: str, content_type: str = JSON) -> str:
    """The header value of a callback to *path* of the inbox."""
    return _encoded(callback_fields(path, content_type)["callback"])


def callback_variables() -> str:
    """The header value of the variables."""
    return _encoded(callback_fields("")["variables"])


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def callback_by(policy: str) -> str:
    """The header value of the callback of a callback policy."""
    return _encoded(json.dumps({"callbackPolicy": policy}))


def trigger(path: str) -> str:
    """The process that tells *path* of the inbox about an object."""
    return f"trigger/callback,callback_{callback(path)},callback-var_{callback_variables()}"


PROCESSED: Final = f"ProcessObject: {SHARED['callback']['variables']['note']}"
"""The status that the inbox answers with on ``/processed``."""


def open_policy(effect: str = "Allow") -> dict[str, Any]:
    """A bucket policy about what anybody may read: what lies below ``open/``."""
    resources = [f"acs:oss:*:*:{BUCKET}/open/*"]
    who = {"Effect": effect, "Principal": ["*"], "Action": ["oss:GetObject"]}
    return {"Version": "1", "Statement": [{**who, "Resource": resources}]}


def strangers_read(*keys: str) -> list[int]:
    """The statuses that they get."""
    return [fetch("GET", bare_url(BUCKET, key))[0] for key in keys]


def post_form(
    signed: Mapping[str, str], key: str, content: bytes, path: str = ECHO
) -> tuple[int, str]:
    """Send *content* by a form, as a browser would; *path* of the inbox is told."""
    fields = {"key": key, **signed, "x-oss-content-type": "text/plain", "callback": callback(path)}
    fields |= {f"x:{name}": value for name, value in SHARED["callback"]["variables"].items()}
    head = '--9431149156168\r\nContent-Disposition: form-data; name="'
    parts = [f'{head}{name}"\r\n\r\n{value}\r\n' for name, value in fields.items()]
    before = "".join(parts) + f'{head}file"; filename="file.txt"\r\n\r\n'
    body = before.encode() + content + b"\r\n--9431149156168--\r\n"
    headers = {"Content-Type": "multipart/form-data; boundary=9431149156168"}
    return fetch("POST", bare_url(BUCKET, ""), headers, body)


def form_policy(*more: Any) -> str:
    """The policy of a form to the bucket of up to 1024 bytes; *more* are further conditions."""
    until = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(time.time() + 3600))
    conditions = [{"bucket": BUCKET}, *more, ["content-length-range", 1, 1024]]
    return _encoded(json.dumps({"expiration": until, "conditions": conditions}))


def shows_post_object(
    signed: Mapping[str, str], signature: str, read: Callable[[str], tuple[bytes, Any]]
) -> None:
    """Demand that forms are taken as they are signed; *read* is content and headers of a key."""
    key = "post/键 ${x}.txt"
    status, text = post_form(signed, key, b"hello")
    equal(f"status of {text}", status, 200)
    content, headers = read(key)
    equal("content", content, b"hello")
    equal("type", headers["content-type"], "text/plain")
    equal_echo(text, BUCKET, key, headers, operation="PostObject")
    for what, sent, code in (
        ("too large", (signed, key, bytes(1025)), (400, "EntityTooLarge")),
        ("not signed so", ({**signed, signature: "x"}, key, b"x"), (403, "SignatureDoesNotMatch")),
    ):
        status, text = post_form(*sent)
        equal(what, (status, code[1] in text), (code[0], True))


def equal_echo(
    text: str | bytes,
    bucket: str,
    key: str,
    stored: Mapping[str, str],
    content_type: str = JSON,
    operation: str | None = None,
) -> None:
    """Compare the application server's answer with what it should have received.

    *stored* are the headers of the object as HEAD gives them.
    """
    parts = stored["x-oss-object-type"] == "Multipart"
    values = {
        "bucket": bucket,
        "object": key,
        "etag": stored["etag"].strip('"'),
        "size": stored["content-length"],
        "crc64": stored["x-oss-hash-crc64ecma"],
        "mimeType": "text/plain",
        "operation": operation or ("CompleteMultipartUpload" if parts else "PutObject"),
        **SHARED["callback"]["variables"],
    }
    want = {"Status": "OK", "target": ECHO, "type": content_type, "values": values}
    equal("the application's answer", json.loads(text), want)


def policy_only(prefix: str) -> str:
    """A session policy: write and read below *prefix* of the role's bucket."""
    statement = {
        "Effect": "Allow",
        "Action": ["oss:PutObject", "oss:GetObject"],
        "Resource": [f"acs:oss:*:*:{ROLE_BUCKET}/{prefix}*"],
    }
    return json.dumps({"Version": "1", "Statement": [statement]})


def assume_role(
    policy: str | None = None, secret: str | None = None
) -> AssumeRoleResponseBodyCredentials:
    """Temporary credentials by the official STS client."""
    client = Client(
        Config(
            access_key_id=_get("STS_ACCESS_KEY_ID"),
            access_key_secret=secret or _get("STS_ACCESS_KEY_SECRET"),
            endpoint=_get("STS_ENDPOINT"),
            protocol="http",
        )
    )
    request = AssumeRoleRequest(
        role_arn=_get("ROLE_ARN"), role_session_name="python", policy=policy, duration_seconds=900
    )
    return client.assume_role(request).body.credentials


def sts_refuses_a_wrong_secret() -> None:
    """Demand that STS does."""
    try:
        assume_role(secret="wrong")
    except ClientException as error:
        equal("code", error.code, "SignatureDoesNotMatch")
    else:
        raise AssertionError("STS takes a wrong secret")


_CASES: dict[str, Callable[[], None]] = {}


def case(run: Callable[[], None]) -> Callable[[], None]:
    """Make a function a line of the report."""
    _CASES[run.__name__] = run
    return run


def report() -> None:
    """Run every case and print a line for each."""
    for name, run in _CASES.items():
        detail = ""
        try:
            run()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a line
            here = [
                each
                for each in traceback.extract_tb(error.__traceback__)
                if each.filename.startswith(str(Path(__file__).parent))
            ]
            places = "".join(f"\n  at {Path(each.filename).name}:{each.lineno}" for each in here)
            detail = f"{type(error).__name__}: {error}{places}"
        print(json.dumps({"case": name, "ok": not detail, "detail": detail}), flush=True)
