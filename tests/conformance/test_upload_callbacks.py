"""Upload callbacks to the letter: a table for each section of callback.md.

The column ``source`` names the section, and the row or the capture, that a case stands for.
"""

import base64
import hashlib
import io
import json
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl
from urllib.request import urlopen

import pytest
from asking import Ask
from callback_asking import Uploader, config, encoded, is_signed, pub_key_url
from PIL import Image

import running
from ossia.client.signing_client import Reply, SigningClient
from ossia.testing.inbox import Answer, Inbox
from ports import free_port
from running import Server, running_server

VECTORS = Path(__file__).parents[1] / "vectors" / "callback"


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with Inbox() as opened:
        yield opened


@pytest.fixture
def uploader(client: SigningClient, bucket: str) -> Uploader:
    return Uploader(client, bucket)


def header(callback: str, variables: str | None = None) -> dict[str, str]:
    more = {} if variables is None else {"x-oss-callback-var": variables}
    return {"x-oss-callback": callback, **more}


def of(client: SigningClient, version: int) -> SigningClient:
    """The same signer with another version of signatures."""
    return SigningClient(
        client.endpoint, client.access_key_id, client.secret, client.region, version
    )


def refusal(reply: Reply) -> tuple[int, str, str, str]:
    """Status, code, EC and the argument of an answer."""
    return (reply.status, reply.code, reply.element("EC"), reply.element("ArgumentName"))


# --- 1. Overview -----------------------------------------------------------------


@pytest.mark.covers("PutObject", "PostObject", "CompleteMultipartUpload")
@pytest.mark.parametrize(
    ("source", "operation"),
    [
        ("1, operations that accept a callback", "PutObject"),
        ("1, operations that accept a callback", "PostObject"),
        ("1, operations that accept a callback", "CompleteMultipartUpload"),
    ],
)
def test_three_operations_accept_a_callback(
    uploader: Uploader, inbox: Inbox, source: str, operation: str
) -> None:
    callback = config(inbox.url, "${operation} ${bucket} ${object} ${size}")
    reply = {
        "PutObject": lambda: uploader.put(header(callback)),
        "PostObject": lambda: uploader.post({"callback": callback}),
        "CompleteMultipartUpload": lambda: uploader.complete(header(callback)),
    }[operation]()
    assert (reply.status, reply.body) == (200, b'{"Status":"OK"}')
    (received,) = inbox.wait(1)
    assert received.body == f"{operation} {uploader.bucket} dir%2Fa%20b.txt 14".encode()
    assert uploader.stored() == uploader.content


@pytest.mark.covers("AppendObject", "CopyObject", "UploadPart", "InitiateMultipartUpload")
@pytest.mark.parametrize(
    ("source", "send"),
    [
        (
            "1, not Append",
            lambda ask, more: ask(
                "POST", "a", query=[("append", ""), ("position", "0")], body=b"x", headers=more
            ),
        ),
        (
            "1, not Copy",
            lambda ask, more: ask("PUT", "c", headers={"x-oss-copy-source": "/{b}/k", **more}),
        ),
        (
            "1, not InitiateMultipartUpload",
            lambda ask, more: ask("POST", "m", query=[("uploads", "")], headers=more),
        ),
    ],
)
def test_other_operations_do_not_call_back(
    ask: Ask,
    bucket: str,
    inbox: Inbox,
    source: str,
    send: Callable[[Ask, dict[str, str]], Reply],
) -> None:
    ask("PUT", "k", body=b"x")

    def asked(method: str, key: str, *, headers: dict[str, str], **more: Any) -> Reply:
        filled = {name: value.replace("{b}", bucket) for name, value in headers.items()}
        return ask(method, key, headers=filled, **more)

    assert send(asked, header(config(inbox.url))).status == 200
    assert inbox.received == []


@pytest.mark.covers("PutObject", "PostObject")
@pytest.mark.parametrize(
    ("source", "upload"),
    [
        ("1, no callback if the upload fails", "bad-digest"),
        ("1, no callback if the upload fails", "bad-signature"),
        ("1, no callback if the upload fails", "bad-form"),
    ],
)
def test_a_failed_upload_calls_nobody(
    uploader: Uploader, inbox: Inbox, source: str, upload: str
) -> None:
    callback = config(inbox.url)
    digest = base64.b64encode(hashlib.md5(b"other").digest()).decode()
    wrong = SigningClient(uploader.client.endpoint, uploader.client.access_key_id, "wrong")
    reply = {
        "bad-digest": lambda: uploader.put({**header(callback), "Content-MD5": digest}),
        "bad-signature": lambda: uploader.put(header(callback), by=wrong),
        "bad-form": lambda: uploader.post({"callback": callback, "signature": "bad"}),
    }[upload]()
    assert reply.status in (400, 403)
    assert inbox.received == []
    assert uploader.stored() is None


# --- 2. The parameter ------------------------------------------------------------

Seen = dict[str, Any]


def _fields(
    source: str, fields: Seen, seen: Seen, variables: object = None
) -> tuple[str, Seen, Seen, object]:
    return source, fields, seen, variables


@pytest.mark.covers("PutObject")
@pytest.mark.parametrize(
    ("source", "fields", "seen", "variables"),
    [
        _fields("2, callbackUrl: trailing ;", {"callbackUrl": "{url};"}, {"target": "/callback"}),
        _fields("2, callbackUrl: no scheme", {"callbackUrl": "{host}/a"}, {"target": "/a"}),
        _fields("2, callbackUrl: no path", {"callbackUrl": "http://{host}"}, {"target": "/"}),
        _fields(
            "2, callbackUrl: query allowed",
            {"callbackUrl": "{url}?id=1&index=2"},
            {"target": "/callback?id=1&index=2"},
        ),
        _fields(
            "6, a bare ? is kept (Ruby SDK)", {"callbackUrl": "{url}?"}, {"target": "/callback?"}
        ),
        _fields(
            "2, callbackUrl: percent-encoded by the user",
            {"callbackUrl": "http://{host}/%E4%B8%AD%E6%96%87.php?%E4%B8%AD=%E5%80%BC"},
            {"target": "/%E4%B8%AD%E6%96%87.php?%E4%B8%AD=%E5%80%BC"},
        ),
        _fields("2, callbackHost: default", {}, {"host": "{host}"}),
        _fields(
            "2, callbackHost: value of Host",
            {"callbackHost": "oss-cn-hangzhou.aliyuncs.com"},
            {"host": "oss-cn-hangzhou.aliyuncs.com"},
        ),
        _fields(
            "2, callbackBody: only text, not checked (capture 5)",
            {"callbackBody": '{"filename",1', "callbackBodyType": "application/json"},
            {"body": '{"filename",1'},
        ),
        _fields(
            "2, callbackBodyType: default",
            {},
            {"content-type": "application/x-www-form-urlencoded"},
        ),
        _fields(
            "2, callbackBodyType: form",
            {"callbackBodyType": "application/x-www-form-urlencoded"},
            {"content-type": "application/x-www-form-urlencoded"},
        ),
        _fields(
            "2, callbackBodyType: json",
            {"callbackBodyType": "application/json"},
            {"content-type": "application/json", "body": 'o="dir/a b.txt"'},
        ),
        _fields("2, callbackSNI", {"callbackSNI": True}, {}),
        _fields(
            "2, additionalHeaders",
            {"additionalHeaders": {"X-Mine": "a", "x-b": "c"}},
            {"x-mine": "a", "x-b": "c", "x-oss-additional-headers": "x-b;x-mine"},
        ),
        _fields("2, unknown fields are ignored", {"callbackFoo": [1], "more": None}, {}),
        _fields(
            "2, callback-var",
            {"callbackBody": "${x:my_var}"},
            {"body": "for-callback-test"},
            {"x:my_var": "for-callback-test"},
        ),
        _fields(
            "2, callback-var: x:键值1 (Java SDK)",
            {"callbackBody": "${x:键值1}", "callbackBodyType": "application/json"},
            {"body": '"值"'},
            {"x:键值1": "值"},
        ),
        _fields("2, limit of 5 KB: below", {"filler": "f" * 3500}, {}),
    ],
)
def test_fields_of_the_parameter(
    uploader: Uploader, inbox: Inbox, source: str, fields: Seen, seen: Seen, variables: object
) -> None:
    host = f"127.0.0.1:{inbox.port}"

    def filled(value: Any) -> Any:
        if not isinstance(value, str):
            return value
        return value.replace("{url}", inbox.url).replace("{host}", host)

    given = {"callbackUrl": inbox.url, "callbackBody": "o=${object}"} | {
        name: filled(value) for name, value in fields.items()
    }
    more = None if variables is None else encoded(variables)
    assert uploader.put(header(encoded(given), more)).status == 200
    (received,) = inbox.wait(1)
    expected = {"body": "o=dir%2Fa%20b.txt"} | {name: filled(it) for name, it in seen.items()}
    found = {**received.headers, "target": received.target, "body": received.body.decode()}
    assert {name: found.get(name) for name in expected} == expected
    assert received.method == "POST"
    assert is_signed(received)


@pytest.mark.covers("PutObject")
@pytest.mark.parametrize(
    ("source", "statuses", "called", "message"),
    [
        ("2, callbackUrl: the first success ends it", [200, 200], 1, None),
        ("2, callbackUrl: tried in order", [500, 200, 200], 2, None),
        ("2, callbackUrl: up to five", [500, 500, 500, 500, 200], 5, None),
        ("7, multi-URL: the last error is reported", [500, 404], 2, "Error status : 404."),
    ],
)
def test_several_urls(
    uploader: Uploader,
    inbox: Inbox,
    source: str,
    statuses: list[int],
    called: int,
    message: str | None,
) -> None:
    inbox.script(*(Answer(status=status) for status in statuses))
    urls = ";".join(f"{inbox.url}/{number}" for number in range(len(statuses)))
    reply = uploader.put(header(config(urls)))
    assert [received.target for received in inbox.received] == [
        f"/callback/{number}" for number in range(called)
    ]
    if message is None:
        assert (reply.status, reply.body) == (200, b'{"Status":"OK"}')
    else:
        assert (reply.status, reply.element("Message")) == (203, message)


# --- 3. Ways of passing ----------------------------------------------------------

V1, V4 = 1, 4
WAYS = {
    "3, request headers, V1": lambda up, c, v: up.put(header(c, v), by=of(up.client, V1)),
    "3, request headers, V4": lambda up, c, v: up.put(header(c, v), by=of(up.client, V4)),
    "3, request headers of Complete": lambda up, c, v: up.complete(header(c, v)),
    "3, query, V1 presigned": lambda up, c, v: up.put_url(
        V1, [("callback", c), ("callback-var", v)], {}
    ),
    "3, query, V4 presigned": lambda up, c, v: up.put_url(
        V4, [("callback", c), ("callback-var", v)], {}
    ),
    "3, query, V4 presigned, x-oss-callback": lambda up, c, v: up.put_url(
        V4, [("x-oss-callback", c), ("x-oss-callback-var", v)], {}
    ),
    "3, query of a signed request": lambda up, c, v: up.put(
        query=[("callback", c), ("callback-var", v)]
    ),
    "3, query of Complete": lambda up, c, v: up.complete(
        query=[("callback", c), ("callback-var", v)]
    ),
    "3, V4 presigned URL + headers": lambda up, c, v: up.put_url(V4, [], header(c, v)),
    "3, V1 presigned URL + headers": lambda up, c, v: up.put_url(V1, [], header(c, v)),
    "3, PostObject form": lambda up, c, v: up.post(
        {"callback": c, **json.loads(base64.b64decode(v))}
    ),
}


@pytest.mark.covers("PutObject", "PostObject", "CompleteMultipartUpload")
@pytest.mark.parametrize("source", WAYS)
def test_every_way_of_passing(uploader: Uploader, inbox: Inbox, source: str) -> None:
    callback = config(inbox.url, "${x:my_var}|${x:other}", callbackBodyType="application/json")
    variables = encoded({"x:my_var": "a+b/c=&?", "x:other": "值"})
    reply = WAYS[source](uploader, callback, variables)
    assert (reply.status, reply.body) == (200, b'{"Status":"OK"}')
    (received,) = inbox.wait(1)
    assert received.body.decode() == '"a+b/c=&?"|"值"'
    assert uploader.stored() == uploader.content


@pytest.mark.covers("PutObject")
@pytest.mark.parametrize("version", [V1, V4])
@pytest.mark.parametrize(
    ("source", "sent"),
    [
        ("3, byte-identical headers: none", {}),
        ("3, byte-identical headers: without variables", {"x-oss-callback": "same"}),
        ("3, byte-identical headers: another", {"x-oss-callback": "other"}),
    ],
)
def test_headers_that_the_url_was_signed_with_must_be_sent(
    uploader: Uploader, inbox: Inbox, version: int, source: str, sent: dict[str, str]
) -> None:
    callback, variables = config(inbox.url), encoded({"x:a": "b"})
    other = {"same": callback, "other": config(inbox.url, "changed")}
    headers = {name: other[value] for name, value in sent.items()}
    reply = uploader.put_url(version, [], header(callback, variables), headers)
    assert (reply.status, reply.code) == (403, "SignatureDoesNotMatch")
    assert inbox.received == []
    assert uploader.stored() is None


@pytest.mark.covers("PutObject")
@pytest.mark.parametrize("version", [V1, V4])
@pytest.mark.parametrize("name", ["callback", "x-oss-callback"])
def test_nobody_adds_a_callback_to_a_presigned_url(
    uploader: Uploader, inbox: Inbox, version: int, name: str
) -> None:
    """3, signing: a callback in the query is part of what is signed."""
    signer = of(uploader.client, version)
    url = signer.url("PUT", uploader.bucket, uploader.key).removeprefix(signer.endpoint)
    added = config(inbox.url).replace("+", "%2B").replace("/", "%2F").replace("=", "%3D")
    reply = signer.send("PUT", f"{url}&{name}={added}", {}, b"x")
    assert (reply.status, reply.code) == (403, "SignatureDoesNotMatch")
    assert inbox.received == []


_C, _V = "callback", "callback-var"


@pytest.mark.covers("PutObject", "PostObject", "CompleteMultipartUpload")
@pytest.mark.parametrize(
    ("source", "headers", "query"),
    [
        ("3, one way: EC 0007-00000027", ["x-oss-callback"], [_C]),
        ("3, one way: the other spelling", ["x-oss-callback"], ["x-oss-callback"]),
        ("3, one way: variables elsewhere", ["x-oss-callback"], [_V]),
        ("3, one way: variables elsewhere", ["x-oss-callback-var"], [_C]),
        ("3, one way: both spellings", [], [_C, "x-oss-callback"]),
        ("3, one way: both spellings", [], [_C, "x-oss-callback-var"]),
    ],
)
@pytest.mark.parametrize("operation", ["put", "complete"])
def test_one_way_per_request(
    uploader: Uploader,
    inbox: Inbox,
    operation: str,
    source: str,
    headers: list[str],
    query: list[str],
) -> None:
    callback, variables = config(inbox.url), encoded({"x:a": "b"})
    text = {name: variables if name.endswith("var") else callback for name in [*headers, *query]}
    send = uploader.put if operation == "put" else uploader.complete
    reply = send({name: text[name] for name in headers}, [(name, text[name]) for name in query])
    assert refusal(reply) == (400, "InvalidArgument", "0007-00000027", "callback")
    assert uploader.stored() is None
    assert inbox.received == []


@pytest.mark.covers("PostObject")
def test_a_form_is_one_way_too(uploader: Uploader, inbox: Inbox) -> None:
    callback = config(inbox.url)
    beside_header = uploader.post({"callback": callback}, headers=header(callback))
    beside_query = uploader.post({"callback": callback}, query=f"?callback={callback[:8]}")
    for reply in (beside_header, beside_query):
        assert refusal(reply) == (400, "InvalidArgument", "0007-00000027", "callback")
    assert uploader.stored() is None
    # 3: PostObject takes a field; nothing signs the headers of a form.
    assert uploader.post({}, headers=header(callback)).status == 204
    # 3: there is no callback-var field, x: fields only.
    told = config(inbox.url, "[${x:a}]")
    assert uploader.post({"callback": told, "callback-var": encoded({"x:a": "b"})}).status == 200
    assert [received.body for received in inbox.received] == [b"[]"]


# --- 4. Substitution -------------------------------------------------------------


def image(kind: str, size: tuple[int, int] = (810, 539)) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size).save(out, kind)
    return out.getvalue()


SYSTEM = [
    "bucket",
    "object",
    "etag",
    "size",
    "mimeType",
    "imageInfo.height",
    "imageInfo.width",
    "imageInfo.format",
    "crc64",
    "contentMd5",
    "vpcId",
    "clientIp",
    "reqId",
    "operation",
]


@pytest.mark.covers("PutObject", "PostObject", "CompleteMultipartUpload")
@pytest.mark.parametrize(
    ("source", "operation"),
    [
        ("4.1, all system variables", "PutObject"),
        ("4.1, all system variables", "PostObject"),
        ("4.1, contentMd5 is empty for Complete", "CompleteMultipartUpload"),
    ],
)
@pytest.mark.parametrize("kind", ["application/json", "application/x-www-form-urlencoded"])
def test_system_variables(
    client: SigningClient, bucket: str, inbox: Inbox, kind: str, source: str, operation: str
) -> None:
    up = Uploader(client, bucket, "目录/a b&c.jpg", image("JPEG"), "image/jpeg")
    if kind == "application/json":
        template = "{" + ",".join(f'"{name}":${{{name}}}' for name in SYSTEM) + "}"
    else:
        template = "&".join(f"{name}=${{{name}}}" for name in SYSTEM)
    callback = config(inbox.url, template, callbackBodyType=kind)
    reply = {
        "PutObject": lambda: up.put(header(callback)),
        "PostObject": lambda: up.post({"callback": callback}),
        "CompleteMultipartUpload": lambda: up.complete(header(callback)),
    }[operation]()
    assert reply.status == 200
    (received,) = inbox.wait(1)
    whole = operation != "CompleteMultipartUpload"
    expected: dict[str, Any] = {
        "bucket": bucket,
        "object": "目录/a b&c.jpg",
        "etag": reply.headers["etag"].strip('"'),
        "size": len(up.content),
        "mimeType": "image/jpeg",
        "imageInfo.height": 539,
        "imageInfo.width": 810,
        "imageInfo.format": "jpg",
        "crc64": int(reply.headers["x-oss-hash-crc64ecma"]),
        "contentMd5": base64.b64encode(hashlib.md5(up.content).digest()).decode()
        if whole
        else None,
        "vpcId": None,
        "clientIp": "127.0.0.1",
        "reqId": reply.headers["x-oss-request-id"],
        "operation": operation,
    }
    if kind == "application/json":
        assert received.values() == expected
    else:
        shown = {name: "" if it is None else str(it) for name, it in expected.items()}
        assert dict(parse_qsl(received.body.decode(), keep_blank_values=True)) == shown


@pytest.mark.covers("PutObject")
@pytest.mark.parametrize(
    ("source", "as_json", "template", "body"),
    [
        ("4.2, percent-encoded", False, "o=${object}", "o=dir%2Fa%20b.txt"),
        ("4.2, numbers bare", False, "${size}", "14"),
        ("4.2, missing is empty", False, "h=${imageInfo.height}&n=${x:none}&", "h=&n=&"),
        ("4.2, keys are literal", False, "x:var1=${x:v}", "x:var1=%22%24%7Bsize%7D%5C"),
        ("4.3, strings with quotes", True, "${object}", '"dir/a b.txt"'),
        ("4.3, size bare (captures 2, 4, 5, 7)", True, '{"size":${size}}', '{"size":14}'),
        ("4.3, numbers within quotes (capture 7)", True, '"${size},${size}"', '"14,14"'),
        ("4.3, unknown is null (capture 2)", True, "${imageInfo}", "null"),
        (
            "4.3, non-image: empty text, format null",
            True,
            '"h":${imageInfo.height},"w":${imageInfo.width},"f":${imageInfo.format}',
            '"h":,"w":,"f":null',
        ),
        ("4.3, / is not escaped", True, "${mimeType}", '"text/plain"'),
        ("4.3, quotes and backslashes", True, "${x:v}", '"\\"${size}\\\\"'),
        ("4, names are case-sensitive", True, "${Size}${OBJECT}", "nullnull"),
        ("4, text is copied unchanged", True, " a,\n b ", " a,\n b "),
        (
            "4.3, form-like template of type JSON (capture 4)",
            True,
            "filename=${object}&size=${size}",
            'filename="dir/a b.txt"&size=14',
        ),
        (
            "4.4, http_build_query: no $, no error",
            False,
            "bucket=%24%7Bbucket%7D",
            "bucket=%24%7Bbucket%7D",
        ),
    ],
)
def test_templates(
    uploader: Uploader, inbox: Inbox, source: str, as_json: bool, template: str, body: str
) -> None:
    kind = "application/json" if as_json else "application/x-www-form-urlencoded"
    callback = config(inbox.url, template, callbackBodyType=kind)
    assert uploader.put(header(callback, encoded({"x:v": '"${size}\\'}))).status == 200
    (received,) = inbox.wait(1)
    assert received.body.decode() == body


# --- 5 and 6. The request and its signature --------------------------------------


@pytest.mark.covers("PutObject")
def test_headers_of_the_request(
    uploader: Uploader, server: Server, client: SigningClient, inbox: Inbox
) -> None:
    """5, column of 2024-25 and the captures of 2018-19; 6, the URL of the key."""
    reply = uploader.put(header(config(inbox.url, "b=${bucket}")))
    (received,) = inbox.wait(1)
    body = received.body
    fixed = {
        "host": f"127.0.0.1:{inbox.port}",
        "connection": "close",
        "content-length": str(len(body)),
        "content-type": "application/x-www-form-urlencoded",
        "content-md5": base64.b64encode(hashlib.md5(body).digest()).decode(),
        "user-agent": "aliyun-oss-callback",
        "x-oss-request-id": reply.headers["x-oss-request-id"],
        "x-oss-bucket": uploader.bucket,
        "x-oss-requester": server.account_id,
        "x-oss-signature-version": "1.0",
        "x-oss-tag": "CALLBACK",
        "x-oss-additional-headers": "",
    }
    assert {name: received.headers.get(name) for name in fixed} == fixed
    assert set(received.headers) == {*fixed, "date", "authorization", "x-oss-pub-key-url"}
    assert received.headers["date"].endswith(" GMT")
    assert parsedate_to_datetime(received.headers["date"]).tzinfo is not None
    assert " " not in received.headers["authorization"]
    assert pub_key_url(received) == server.public_key_url


@pytest.mark.covers("PutObject")
def test_many_at_a_time_have_each_their_own_signature(
    client: SigningClient, bucket: str, inbox: Inbox
) -> None:
    """6.  Those that begin together may be signed together."""
    told = header(config(inbox.url, "${object} ${etag}"))

    def put(number: int) -> int:
        content = b"%d" % number
        return Uploader(client, bucket, f"many/{number}", content).put(told).status

    with ThreadPoolExecutor(32) as threads:
        assert set(threads.map(put, range(200))) == {200}
    received = inbox.wait(200)
    assert len({each.body for each in received}) == 200
    with urlopen(pub_key_url(received[0]), timeout=10) as answer:
        pem = answer.read()
    assert all(is_signed(each, pem) for each in received)
    assert len({each.headers["authorization"] for each in received}) == 200


@pytest.mark.covers("PutObject")
def test_the_requester_of_an_anonymous_upload_is_empty(
    uploader: Uploader, anonymous: SigningClient, inbox: Inbox
) -> None:
    """5, x-oss-requester."""
    client, bucket = uploader.client, uploader.bucket
    acl = {"x-oss-acl": "public-read-write"}
    assert client.request("PUT", bucket, query=[("acl", "")], headers=acl).status == 200
    assert uploader.put(header(config(inbox.url)), by=anonymous).status == 200
    (received,) = inbox.wait(1)
    assert received.headers["x-oss-requester"] == ""
    assert is_signed(received)


@pytest.mark.covers("PutObject")
@pytest.mark.parametrize(
    ("source", "path"),
    [
        ("6, the path is decoded once", "/a%2Fb%20c%252F"),
        ("6, the query is raw and has its ?", "/cb?x=%2F&y=a+b"),
        ("6, a bare ?", "/cb?"),
        ("6, an empty path is /", ""),
        ("6, an empty path with a query", "?id=1"),
        ("6, UTF-8 in the path", "/%E4%B8%AD%E6%96%87.php?key=value&%E4%B8%AD=%E5%80%BC"),
        ("6, a plus in the path", "/a+b"),
        ("6, dots are not resolved", "/a/../b/./c"),
        ("12.1, capture 1", "/index.php?id=1&index=2"),
        ("12.1, capture 2", "/3ecb4401-bd1f-4421-a385-46b57f0d6daa"),
        ("12.1, capture 6", "/api/File/15/upload_notify/"),
    ],
)
def test_what_is_signed_is_what_is_sent(
    uploader: Uploader, inbox: Inbox, source: str, path: str
) -> None:
    base = f"http://127.0.0.1:{inbox.port}"
    template = '{"o":${object},"v":${x:v}}'
    callback = config(base + path, template, callbackBodyType="application/json")
    assert uploader.put(header(callback, encoded({"x:v": "中\n\u0001é"}))).status == 200
    (received,) = inbox.wait(1)
    assert received.target == (path if path.startswith("/") else f"/{path}")
    assert is_signed(received)


# --- 7. The answer ---------------------------------------------------------------

_203 = "0007-00000203"
_205 = "0007-00000205"
_JSON = "Response body is not valid json format."
_LENGTH = "Error Status : 400.User server return too long content-length value"


@pytest.mark.covers("PutObject", "PostObject", "CompleteMultipartUpload")
@pytest.mark.parametrize(
    ("source", "answer"),
    [
        ("7, body: an object", Answer(body=b'{"Status":"Ok"}')),
        ("7, body: any JSON value", Answer(body=b"[1,2]")),
        ("7, body: any JSON value", Answer(body=b"null", content_type="text/plain")),
        ("7, body: UTF-8", Answer(body='{"名":"值"}'.encode())),
        ("7, body: verbatim", Answer(body=b' {\r\n"a" : 1 } \n', content_type="text/json;x=y")),
        (
            "7, body: XML as application/xml (2025-09)",
            Answer(body=b"<ok/>", content_type="application/xml"),
        ),
        ("7, size: 1 MB", Answer(body=b'"' + b"x" * (1024 * 1024 - 2) + b'"')),
    ],
)
@pytest.mark.parametrize("operation", ["put", "post", "complete"])
def test_accepted_answers(
    uploader: Uploader, inbox: Inbox, operation: str, source: str, answer: Answer
) -> None:
    """7, success: 200, the application's body and type, and the headers of the upload."""
    inbox.script(answer)
    callback = config(inbox.url)
    match operation:
        case "put":
            reply = uploader.put(header(callback))
        case "complete":
            reply = uploader.complete(header(callback))
        case _:
            # 7: success_action_status and _redirect have no say where a callback succeeds.
            more = {
                "success_action_status": "201",
                "success_action_redirect": "http://redirect.example/",
            }
            reply = uploader.post({"callback": callback, **more})
    assert (reply.status, reply.body) == (200, answer.body)
    assert reply.headers["content-type"] == answer.content_type
    assert "location" not in reply.headers
    assert "content-encoding" not in reply.headers
    headers = ["etag", "x-oss-hash-crc64ecma", "x-oss-request-id", "x-oss-server-time"]
    assert all(reply.headers[name] for name in headers)
    if operation != "complete":
        assert reply.headers["content-md5"]


@pytest.mark.covers("PutObject", "PostObject", "CompleteMultipartUpload")
@pytest.mark.parametrize(
    ("source", "answer", "message", "ec"),
    [
        *(
            (f"7, status: {status}", Answer(status=status), f"Error status : {status}.", _203)
            for status in (201, 204, 206, 301, 302, 400, 401, 403, 404, 405, 500, 502, 503)
        ),
        ("7, Content-Length required", Answer(has_length=False), _LENGTH, None),
        (
            "7, chunked answers",
            Answer(has_length=False, headers={"Transfer-Encoding": "chunked"}, body=b"2\r\n{}\r\n"),
            _LENGTH,
            None,
        ),
        ("7, size: more than 1 MB", Answer(body=b"1" * (1024 * 1024 + 1)), _LENGTH, None),
        ("7, body: a bare OK", Answer(body=b"OK"), _JSON, _205),
        ("7, body: empty", Answer(body=b""), _JSON, _205),
        ("7, body: BOM", Answer(body=b"\xef\xbb\xbf{}"), _JSON, _205),
        ("7, body: HTML", Answer(body=b"<html>", content_type="text/html"), _JSON, _205),
        ("7, body: XML as text/xml", Answer(body=b"<a/>", content_type="text/xml"), _JSON, _205),
        ("7, body: broken XML", Answer(body=b"<a>", content_type="application/xml"), _JSON, _205),
        ("7, body: not UTF-8", Answer(body=b'"\xff"'), _JSON, _205),
    ],
)
@pytest.mark.parametrize("operation", ["put", "post", "complete"])
def test_answers_that_fail(
    uploader: Uploader,
    inbox: Inbox,
    operation: str,
    source: str,
    answer: Answer,
    message: str,
    ec: str | None,
) -> None:
    """7, failure: 203 with the headers of the upload, and the object stays."""
    inbox.script(answer)
    callback = config(inbox.url)
    reply = {
        "put": lambda: uploader.put(header(callback)),
        "post": lambda: uploader.post({"callback": callback}),
        "complete": lambda: uploader.complete(header(callback)),
    }[operation]()
    assert (reply.status, reply.code, reply.element("Message")) == (203, "CallbackFailed", message)
    if ec is not None:
        assert reply.element("EC") == ec
        expected = f"https://api.aliyun.com/troubleshoot?q={ec}"
        assert reply.element("RecommendDoc") == expected
    assert reply.element("RequestId") == reply.headers["x-oss-request-id"]
    assert reply.element("HostId")
    assert reply.headers["content-type"] == "application/xml"
    assert reply.headers["etag"]
    assert reply.headers["x-oss-hash-crc64ecma"]
    assert uploader.stored() == uploader.content


@pytest.mark.covers("PutObject")
def test_a_redirect_is_not_followed(uploader: Uploader, inbox: Inbox) -> None:
    """5: the sender does not follow redirects."""
    with Inbox() as elsewhere:
        for status in (301, 302, 307, 308):
            inbox.script(Answer(status=status, headers={"Location": elsewhere.url}))
            reply = uploader.put(header(config(inbox.url)))
            assert reply.element("Message") == f"Error status : {status}."
        assert elsewhere.received == []


@pytest.mark.covers("PutObject")
@pytest.mark.parametrize(
    ("source", "url", "message", "ec"),
    [
        ("7, connection refused", "http://127.0.0.1:{closed}/", "Error status : 502.", _203),
        ("7, TLS failure", "https://127.0.0.1:{open}/", "Error status : 502.", _203),
        (
            "7, DNS failure",
            "http://no-such-host.invalid/",
            "Error status : -1.OSS can not connect to your callbackUrl, please check it.",
            _203,
        ),
    ],
)
def test_applications_that_are_not_reached(
    uploader: Uploader, inbox: Inbox, source: str, url: str, message: str, ec: str
) -> None:
    named = url.replace("{closed}", str(free_port())).replace("{open}", str(inbox.port))
    reply = uploader.put(header(config(named)))
    assert (reply.status, reply.code, reply.element("Message")) == (203, "CallbackFailed", message)
    assert reply.element("EC") == ec
    assert uploader.stored() == uploader.content


@pytest.mark.covers("PutObject")
def test_an_image_that_cannot_be_read_fails_the_callback(
    client: SigningClient, bucket: str, inbox: Inbox
) -> None:
    """7: Get image info failed."""
    broken = Uploader(client, bucket, "k.jpg", image("JPEG")[:20], "image/jpeg")
    reply = broken.put(header(config(inbox.url, "${imageInfo.width}")))
    assert (reply.status, reply.element("Message")) == (203, "Get image info failed.")
    assert reply.element("EC") == "0007-00000301"
    assert inbox.received == []
    assert broken.stored() == broken.content
    # Nobody looks at the image where the template does not ask for it.
    assert broken.put(header(config(inbox.url, "${size}"))).status == 200


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SigningClient]:
    """A server that waits for 0.3 seconds only."""
    with running_server(tmp_path_factory.mktemp("hasty"), "--callback-timeout", "0.3") as server:
        signer = SigningClient(
            server.endpoint, server.access_key_id, server.access_key_secret, server.region
        )
        assert signer.request("PUT", "hasty-bucket").status == 200
        yield signer


@pytest.mark.slow
@pytest.mark.covers("PutObject")
def test_an_application_that_is_too_slow(hasty: SigningClient, inbox: Inbox) -> None:
    """7: Cost too long time."""
    inbox.answer(delay_s=5)
    up = Uploader(hasty, "hasty-bucket")
    reply = up.put(header(config(inbox.url)))
    assert (reply.status, reply.element("Message")) == (203, "Cost too long time.")
    assert reply.element("EC") == "0007-00000202"
    assert up.stored() == up.content


# --- 8. Refused before anything is stored ----------------------------------------

GOOD = {"callbackUrl": "http://a.example/", "callbackBody": "x"}
_LONG = encoded({**GOOD, "filler": "f" * 5000})
_BASE64 = "The callback configuration is not base64 encoded."
_NOT_JSON = "The callback configuration is not json format."
_BRACE = "Left brace must be adjacent to dollar sign."
_PRIVATE = "Private address is forbidden to callback."

REFUSED: list[tuple[str, str, str, str, str]] = [
    # source, EC 0007-…, callback, ArgumentName, beginning of the message
    ("8, callback > 5 KB", "00000001", _LONG, "callback", ""),
    ("8, not Base64", "00000002", "%%%", "callback", _BASE64),
    ("8, not Base64: URL-safe", "00000002", "-_-_", "callback", _BASE64),
    ("8, not Base64: no padding", "00000002", encoded(GOOD).rstrip("=") + "A", "callback", _BASE64),
    ("8, not JSON", "00000003", encoded(b"{"), "callback", _NOT_JSON),
    ("8, not JSON: no object", "00000003", encoded([1]), "callback", _NOT_JSON),
    *(
        (f"8, callbackUrl: {url!r}", "00000004", encoded({**GOOD, "callbackUrl": url}), _C, "")
        for url in ("my.com:test", "my", "", ";", 5, None, "ftp://a.example/", "http://中.example/")
    ),
    ("2, IPv6 literals", "00000004", config("http://[2606:4700::1111]/"), "callback", ""),
    ("8, no callbackUrl", "00000004", encoded({"callbackBody": "x"}), "callback", ""),
    ("8, six URLs", "00000005", config(";".join(["a.example"] * 6)), "callback", ""),
    ("8, private address", "00000008", config("http://192.168.0.1/"), "callback", _PRIVATE),
    ("8, metadata service", "00000008", config("http://100.100.100.200/"), "callback", _PRIVATE),
    ("8, callbackBody no string", "00000010", encoded({**GOOD, "callbackBody": 1}), _C, ""),
    ("8, callbackBody empty", "00000011", config("a.example", ""), "callback", ""),
    ("8, callbackBody missing", "00000011", encoded({"callbackUrl": "a.example"}), _C, ""),
    ("8, type no string", "00000012", config("a.example", callbackBodyType=1), "callback", ""),
    ("8, type", "00000013", config("a.example", callbackBodyType="text/xml"), "callback", ""),
    ("8, additionalHeaders", "00000026", config("a.example", additionalHeaders=[]), _C, ""),
    (
        "8, additionalHeaders: x-oss-",
        "00000026",
        config("a.example", additionalHeaders={"x-oss-a": "b"}),
        "callback",
        "",
    ),
    (
        "4.4, $ not followed by {",
        "00000105",
        config("a.b", "$x:my_var}"),
        "ReplaceKeyPrefix",
        _BRACE,
    ),
    ("4.4, round brackets", "00000105", config("a.b", "$(object)"), "ReplaceKeyPrefix", _BRACE),
    ("4.4, unclosed", "00000105", config("a.b", "a=${object"), "ReplaceKeyPrefix", ""),
]


@pytest.mark.covers("PutObject", "PostObject", "CompleteMultipartUpload")
@pytest.mark.parametrize(("source", "ec", "callback", "argument", "message"), REFUSED)
@pytest.mark.parametrize("operation", ["put", "query", "post", "complete"])
def test_refused_configurations(
    uploader: Uploader,
    operation: str,
    source: str,
    ec: str,
    callback: str,
    argument: str,
    message: str,
) -> None:
    reply = {
        "put": lambda: uploader.put(header(callback)),
        "query": lambda: uploader.put(query=[("callback", callback)]),
        "post": lambda: uploader.post({"callback": callback}),
        "complete": lambda: uploader.complete(header(callback)),
    }[operation]()
    assert refusal(reply) == (400, "InvalidArgument", f"0007-{ec}", argument)
    assert reply.element("Message").startswith(message)
    assert reply.element("Message")
    assert reply.element("RequestId") == reply.headers["x-oss-request-id"]
    assert reply.element("HostId")
    if ec == "00000105":
        # Decoded, as captured: the whole callbackBody.
        body = json.loads(base64.b64decode(callback))["callbackBody"]
        assert reply.element("ArgumentValue") == body
    assert uploader.stored() is None


@pytest.mark.covers("PutObject", "CompleteMultipartUpload")
@pytest.mark.parametrize(
    ("source", "ec", "variables"),
    [
        ("8, callback-var > 5 KB", "00000101", encoded({"x:a": "f" * 5000})),
        ("8, not Base64", "00000102", "%%%"),
        ("8, not JSON", "00000103", encoded(b"{")),
        ("8, no object", "00000104", encoded([])),
        ("8, not string to string", "00000104", encoded({"x:a": 1})),
        ("8, not string to string", "00000104", encoded({"x:a": {"b": "c"}})),
    ],
)
@pytest.mark.parametrize("operation", ["put", "query", "complete"])
def test_refused_variables(
    uploader: Uploader, inbox: Inbox, operation: str, source: str, ec: str, variables: str
) -> None:
    callback = config(inbox.url)
    reply = {
        "put": lambda: uploader.put(header(callback, variables)),
        "query": lambda: uploader.put(query=[("callback", callback), ("callback-var", variables)]),
        "complete": lambda: uploader.complete(header(callback, variables)),
    }[operation]()
    assert refusal(reply) == (400, "InvalidArgument", f"0007-{ec}", "callback-var")
    assert uploader.stored() is None
    assert inbox.received == []


@pytest.mark.covers("PostObject")
def test_form_variables_may_be_longer_than_5_kb(uploader: Uploader, inbox: Inbox) -> None:
    """2: the limit on callback-var does not concern the x: fields of a form."""
    callback = config(inbox.url, "${x:long}")
    assert uploader.post({"callback": callback, "x:long": "v" * 8_000}).status == 200
    (received,) = inbox.wait(1)
    assert received.body == b"v" * 8_000


@pytest.mark.covers("PostObject")
@pytest.mark.parametrize("sent", ["x:uid", "X:UID", "x:Uid"])
def test_a_bound_variable_is_the_one_that_is_told(
    uploader: Uploader, inbox: Inbox, sent: str
) -> None:
    """C2: however the form spells it, and it cannot say another one beside."""
    callback = config(inbox.url, "a=${x:uid}&b=${X:UID}&c=${x:Uid}")
    bound = ["eq", "$x:uid", "7"]
    for other in ("x:uid", "X:UID", "x:UID"):
        fields = {"callback": callback, sent: "1", other: "7"}
        if other == sent:
            continue
        assert uploader.post(fields, conditions=[bound]).code == "InvalidArgument"
    assert (
        uploader.post({"callback": callback, sent: "1"}, conditions=[bound]).code == "AccessDenied"
    )
    assert uploader.post({"callback": callback, sent: "7"}, conditions=[bound]).status == 200
    (received,) = inbox.wait(1)
    assert received.values()["a"] == received.values()["c"] == "7"


# --- where callbacks must not go -------------------------------------------------

CORPUS = json.loads((VECTORS / "hostile_urls.json").read_text("utf-8"))
GUARDED = ("--callback-allow", "https://receiver.example:8443")


def cases(part: str) -> list[Any]:
    return [pytest.param(each, id=each["url"][:60]) for each in CORPUS[part]]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Uploader]:
    """A bucket of a server whose operator has opened one origin, and no loopback."""
    with running_server(tmp_path_factory.mktemp("guarded"), *GUARDED) as server:
        yield _uploader_at(server)


def _uploader_at(server: Server) -> Uploader:
    signer = SigningClient(
        server.endpoint, server.access_key_id, server.access_key_secret, server.region
    )
    assert signer.request("PUT", "guarded-bucket").status == 200
    return Uploader(signer, "guarded-bucket")


@pytest.mark.covers("PutObject")
@pytest.mark.parametrize("case", cases("spelt_out"))
def test_hostile_urls_are_400_and_name_the_setting(guarded: Uploader, case: dict[str, str]) -> None:
    reply = guarded.put(header(config(case["url"])))
    assert refusal(reply) == (400, "InvalidArgument", "0007-00000008", "callback")
    assert reply.element("Message") == _PRIVATE
    assert "--callback-allow" in reply.element("Reason")
    assert guarded.stored() is None


@pytest.mark.covers("PutObject")
@pytest.mark.parametrize("case", cases("malformed"))
def test_what_is_no_url_is_400(guarded: Uploader, case: dict[str, str]) -> None:
    reply = guarded.put(header(config(case["url"])))
    assert refusal(reply) == (400, "InvalidArgument", "0007-00000004", "callback")
    assert guarded.stored() is None


@contextmanager
def _with_hosts(folder: Path, hosts: str) -> Iterator[Server]:
    """A guarded server with a hosts file of its own.  Needs root."""
    file = folder / "hosts"
    file.write_text(f"127.0.0.1 localhost\n{hosts}")
    command = ["serve", "--data", str(folder / "data"), "--listen", "127.0.0.1:0", *GUARDED]
    with (folder / "stderr.log").open("wb") as log:
        process = subprocess.Popen(
            [
                *("unshare", "-m", "--propagation", "private", "sh", "-c"),
                *('mount --bind "$0" /etc/hosts && exec "$@"', str(file)),
                *(sys.executable, "-m", "ossia", *command, "--json"),
            ],
            stdout=subprocess.PIPE,
            stderr=log,
            bufsize=0,
            cwd=folder,
        )
    try:
        yield running._server(process, folder, running._next_event(process, folder, "ready"))
    finally:
        process.terminate()
        process.wait(10)
        assert process.stdout is not None
        process.stdout.close()


@pytest.mark.covers("PutObject")
def test_names_of_forbidden_addresses_are_203_and_name_the_setting(tmp_path: Path) -> None:
    """The upload stays; nothing connects, whatever the name says."""
    tried = subprocess.run(
        ["unshare", "-m", "mount", "--bind", "/etc/hosts", "/etc/hosts"],
        capture_output=True,
        check=False,
    )
    if tried.returncode:
        pytest.skip("NOT TESTED, names of forbidden addresses: no mount namespace without root")
    lines = [
        f"{address} {each['url'].partition('://')[2].partition('/')[0].partition(':')[0]}"
        for each in CORPUS["resolved"]
        for address in each["addresses"]
    ]
    with _with_hosts(tmp_path, "\n".join(lines) + "\n") as server:
        guarded = _uploader_at(server)
        for each in CORPUS["resolved"]:
            reply = guarded.put(header(config(each["url"])))
            assert (reply.status, reply.code) == (203, "CallbackFailed"), each
            message = reply.element("Message")
            if all(":" in address for address in each["addresses"]) and "-1.OSS" in message:
                # Hosts with IPv6 addresses only are not supported at all (2, callbackUrl).
                continue
            assert message == _PRIVATE, each
            assert "--callback-allow" in reply.element("Reason"), each
            assert reply.element("EC") == "0007-00000008"


@pytest.mark.covers("PutObject")
def test_nothing_connects_to_a_forbidden_address(guarded: Uploader, inbox: Inbox) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(0.2)
        port = listening.getsockname()[1]
        for host in ("127.0.0.1", "localhost", "0x7f.1", "[::ffff:127.0.0.1]"):
            assert guarded.put(header(config(f"http://{host}:{port}/"))).status == 400
        with pytest.raises(TimeoutError):
            listening.accept()
