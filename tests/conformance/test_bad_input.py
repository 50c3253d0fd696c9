"""Whatever comes in, the answer is the protocol's error and never a 500, and the server serves on."""

import base64
import json
import socket
import time
import uuid
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from urllib.parse import quote, urlencode

import pytest
from asking import Ask
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ossia.client.signing_client import Reply, SigningClient, path_of
from ossia.protocol.signature_rpc import sign_parameters
from running import Server, signer

HUGE = "9" * 5000
LONG_WAY = "0" * 20 + "9" * 30
"""Digits that a look at the first twenty takes for zero."""


def check(reply: Reply, *, head: bool = False, label: object = "") -> Reply:
    """The answer is not a 500, and an error is a document with Code and RequestId."""
    assert reply.status != 500, (label, reply.body)
    if reply.status < 300 or reply.status == 304:
        return reply
    if head and reply.headers["connection"] == "close":
        # Not even a request: the body that says why cannot be read by a client that asked for none.
        return reply
    content = base64.b64decode(reply.headers.get("x-oss-err", "")) if head else reply.body
    error = ET.fromstring(content)  # noqa: S314 - our own answer
    assert error.tag == "Error", (label, content)
    assert error.findtext("Code"), (label, content)
    assert error.findtext("RequestId") == reply.headers.get("x-oss-request-id"), (label, content)
    return reply


def refused(reply: Reply, label: object = "") -> Reply:
    """It is an error of the client's."""
    assert 400 <= reply.status < 500 or reply.status == 501, (label, reply.status, reply.body)
    return check(reply, label=label)


def raw(server: Server, sent: bytes, *, timeout_s: float = 10) -> bytes:
    """Everything that the server answers to bytes on a connection that then says no more."""
    host, _, port = server.address.rpartition(":")
    with socket.create_connection((host, int(port)), timeout_s) as client:
        try:
            client.sendall(sent)
            client.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        received = b""
        try:
            while piece := client.recv(65536):
                received += piece
        except ConnectionResetError:
            pass
        return received


def status_of(answer: bytes) -> int:
    return int(answer[9:12]) if answer.startswith(b"HTTP/1.1 ") else 0


def check_raw(answer: bytes, label: object = "") -> None:
    """No answer at all, or one that is no 500."""
    assert answer == b"" or answer.startswith(b"HTTP/1.1 "), (label, answer[:200])
    assert b"HTTP/1.1 500" not in answer, (label, answer)
    if status_of(answer) >= 400:
        code = (b"<Code>", b'"Code"', b"x-oss-err")
        # STS answers HEAD with a status alone.
        is_bare = answer.endswith(b"\r\n\r\n")
        assert is_bare or any(each in answer for each in code), (label, answer[:500])
        assert b"x-oss-request-id: " in answer, (label, answer[:500])


@pytest.fixture(scope="session")
def server(server: Server) -> Server:
    """A gateway itself: to what is malformed a balancer answers in its own words."""
    return replace(server, endpoint=f"http://{server.behind}") if server.behind else server


@pytest.fixture(scope="session")
def client(server: Server) -> SigningClient:
    """Signs as the root key, and asks that gateway."""
    return signer(server)


@pytest.fixture(autouse=True)
def _serves_afterwards(server: Server, client: SigningClient) -> Iterator[None]:
    yield
    impatient = SigningClient(
        server.endpoint, client.access_key_id, client.secret, client.region, timeout_s=5
    )
    assert impatient.request("GET").status == 200


# --- documents ---

CORS = "<CORSConfiguration><CORSRule>{}</CORSRule></CORSConfiguration>"
_RULE = "<AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod>"
_DEEP = "<a>" * 2000 + "</a>" * 2000
_BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><Delete>&b;</Delete>'
_OUTSIDE = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><Delete>&a;</Delete>'

MALFORMED: list[bytes] = [
    b"<",
    b"\0",
    b"not xml",
    b"<a>",
    b"<a></b>",
    b"<Wrong/>",
    b"<Delete/><Delete/>",
    b"\xff\xfe<\0D\0",
    b'<?xml version="1.0" encoding="utf-7"?><Delete/>',
    b'<?xml version="1.0" encoding="klingon"?><Delete/>',
    b'<?xml version="1.0" encoding="utf-16"?><Delete/>',
    b"<Delete>\xff</Delete>",
    b"<Delete>&#0;</Delete>",
    b"<Delete>&nothing;</Delete>",
    _DEEP.encode(),
    _BOMB.encode(),
    _OUTSIDE.encode(),
    b"<Delete" + b" a='b'" * 5000 + b"/>",
]


def _complete(number: str, etag: str = "x") -> str:
    part = f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>"
    return f"<CompleteMultipartUpload>{part}</CompleteMultipartUpload>"


@pytest.mark.parametrize(
    ("method", "key", "query"),
    [
        pytest.param("PUT", "", [("cors", "")], id="PutBucketCors"),
        pytest.param("PUT", "", [("tagging", "")], id="PutBucketTags"),
        pytest.param("POST", "", [("delete", "")], id="DeleteMultipleObjects"),
        pytest.param("POST", "k", [("uploadId", "UPLOAD")], id="CompleteMultipartUpload"),
    ],
)
@pytest.mark.parametrize("content", MALFORMED, ids=lambda content: repr(content[:24]))
def test_malformed_documents(
    ask: Ask, method: str, key: str, query: list[tuple[str, str]], content: bytes
) -> None:
    if key:
        # W14: of an unknown upload the body is not even looked at.
        query = [("uploadId", ask("POST", key, query=[("uploads", "")]).element("UploadId"))]
    reply = refused(ask(method, key, query=query, body=content, headers=_md5(content)))
    assert reply.code in {"MalformedXML", "InvalidArgument"}


def _md5(content: bytes) -> dict[str, str]:
    from ossia.protocol.checksums import etag_to_content_md5, md5_hex  # noqa: PLC0415 - one use

    return {"Content-MD5": etag_to_content_md5(md5_hex(content))}


@pytest.mark.parametrize("content", MALFORMED, ids=lambda content: repr(content[:24]))
def test_malformed_bucket_configuration(client: SigningClient, content: bytes) -> None:
    name = f"b-{uuid.uuid4().hex[:20]}"
    refused(client.request("PUT", name, body=content))
    assert client.request("HEAD", name).status == 404


@pytest.mark.parametrize(
    "rule",
    [
        "",
        "<AllowedOrigin>*</AllowedOrigin>",
        "<AllowedMethod>GET</AllowedMethod>",
        _RULE + "<MaxAgeSeconds>-1</MaxAgeSeconds>",
        _RULE + "<MaxAgeSeconds>²</MaxAgeSeconds>",
        _RULE + "<MaxAgeSeconds></MaxAgeSeconds>",
        _RULE + f"<MaxAgeSeconds>{HUGE}</MaxAgeSeconds>",
        _RULE + "<AllowedHeader>**</AllowedHeader>",
        _RULE + "<ExposeHeader>a&#13;&#10;Set-Cookie: x</ExposeHeader>",
        _RULE + "<AllowedOrigin>a&#10;b</AllowedOrigin>",
        _RULE + "<AllowedMethod>PATCH</AllowedMethod>",
        _RULE + "<AllowedOrigin>中</AllowedOrigin>",
    ],
)
def test_bad_cors_rules(ask: Ask, rule: str) -> None:
    refused(ask("PUT", query=[("cors", "")], body=CORS.format(rule).encode()))
    assert ask("GET", query=[("cors", "")]).code == "NoSuchCORSConfiguration"


@pytest.mark.parametrize("number", ["0", "-1", "²", "", "x", HUGE, LONG_WAY, "1.0", "10001", "٣"])
def test_bad_part_numbers_in_a_completion(ask: Ask, number: str) -> None:
    upload = ask("POST", "k", query=[("uploads", "")]).element("UploadId")
    etag = ask("PUT", "k", query=[("uploadId", upload), ("partNumber", "1")], body=b"x").headers[
        "etag"
    ]
    body = _complete(number, etag).encode()
    refused(ask("POST", "k", query=[("uploadId", upload)], body=body))
    assert ask("HEAD", "k").status == 404


def test_a_long_part_number_is_not_cut_off(ask: Ask) -> None:
    upload = ask("POST", "k", query=[("uploads", "")]).element("UploadId")
    etag = ask("PUT", "k", query=[("uploadId", upload), ("partNumber", "1")], body=b"x").headers[
        "etag"
    ]
    body = _complete("0000000012", etag).encode()
    assert ask("POST", "k", query=[("uploadId", upload)], body=body).code == "MalformedXML"


@pytest.mark.parametrize("number", ["", "0", "-1", "²", HUGE, LONG_WAY, "0000000010001", "1 ", "٣"])
def test_bad_part_numbers(ask: Ask, number: str) -> None:
    upload = ask("POST", "k", query=[("uploads", "")]).element("UploadId")
    query = [("uploadId", upload), ("partNumber", number)]
    assert refused(ask("PUT", "k", query=query, body=b"x")).code == "InvalidArgument"
    assert ask("GET", "k", query=[("uploadId", upload)]).body.count(b"<Part>") == 0


NUMBERS = [
    ("GET", "", [("max-keys", None)]),
    ("GET", "", [("list-type", "2"), ("max-keys", None)]),
    ("GET", "", [("versions", ""), ("max-keys", None)]),
    ("GET", "", [("uploads", ""), ("max-uploads", None)]),
    ("GET", "", [("live", ""), ("max-keys", None)]),
    ("POST", "k", [("append", ""), ("position", None)]),
]


@pytest.mark.parametrize("value", ["", "-1", "²", HUGE, LONG_WAY, "1e3", "+1", " 1", "0x10", "٣"])
@pytest.mark.parametrize(("method", "key", "query"), NUMBERS)
def test_bad_numbers(
    ask: Ask, method: str, key: str, query: Sequence[tuple[str, str | None]], value: str
) -> None:
    filled = [(name, value if given is None else given) for name, given in query]
    refused(ask(method, key, query=filled, body=b"x" if method == "POST" else b""))


@pytest.mark.parametrize("name", ["max-parts", "part-number-marker"])
@pytest.mark.parametrize("value", ["-1", "²", HUGE, LONG_WAY, "+1", "2147483649"])
def test_bad_numbers_of_list_parts(ask: Ask, name: str, value: str) -> None:
    upload = ask("POST", "k", query=[("uploads", "")]).element("UploadId")
    refused(ask("GET", "k", query=[("uploadId", upload), (name, value)]))


# --- callbacks ---


def _encoded(value: object) -> str:
    content = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.b64encode(content).decode()


_URL = "http://127.0.0.1:1/"
CALLBACKS = {
    "not-base64": "%%%",
    "base64-of-nothing": "",
    "not-json": _encoded(b"{"),
    "not-utf-8": _encoded(b"\xff\xfe"),
    "nul": _encoded(b"\0"),
    "list": _encoded([]),
    "number": _encoded(1),
    "null": _encoded(None),
    "empty": _encoded({}),
    "no-body": _encoded({"callbackUrl": _URL}),
    "url-number": _encoded({"callbackUrl": 1, "callbackBody": "x"}),
    "url-list": _encoded({"callbackUrl": [_URL], "callbackBody": "x"}),
    "url-nothing": _encoded({"callbackUrl": "", "callbackBody": "x"}),
    "url-scheme": _encoded({"callbackUrl": "file:///etc/passwd", "callbackBody": "x"}),
    "url-port": _encoded({"callbackUrl": "http://127.0.0.1:99999/", "callbackBody": "x"}),
    "url-port-text": _encoded({"callbackUrl": "http://127.0.0.1:x/", "callbackBody": "x"}),
    "url-bracket": _encoded({"callbackUrl": "http://[::1", "callbackBody": "x"}),
    "url-newline": _encoded({"callbackUrl": _URL + "\r\nX: y", "callbackBody": "x"}),
    "url-surrogate": _encoded({"callbackUrl": _URL + "\ud800", "callbackBody": "x"}),
    "host-newline": _encoded({"callbackUrl": _URL, "callbackBody": "x", "callbackHost": "a\r\nb"}),
    "body-surrogate": _encoded({"callbackUrl": _URL, "callbackBody": "\ud800"}),
    "type": _encoded({"callbackUrl": _URL, "callbackBody": "x", "callbackBodyType": "text/plain"}),
    "deep": base64.b64encode(b"[" * 10_000).decode(),
    "many-digits": base64.b64encode(b'{"callbackUrl":' + b"9" * 6000 + b"}").decode(),
}


@pytest.mark.parametrize("value", CALLBACKS.values(), ids=CALLBACKS)
@pytest.mark.parametrize("where", ["header", "query"])
def test_bad_callbacks_store_nothing(ask: Ask, value: str, where: str) -> None:
    if where == "header":
        reply = ask("PUT", "k", body=b"x", headers={"x-oss-callback": value})
    else:
        reply = ask("PUT", "k", body=b"x", query=[("callback", value)])
    assert refused(reply).code in {"InvalidArgument", "InvalidCallback", "MissingArgument"}
    assert ask("HEAD", "k").status == 404


@pytest.mark.parametrize(
    "value",
    [
        "%%%",
        _encoded(b"\xff"),
        _encoded([]),
        _encoded({"x:a": 1}),
        _encoded({"x:a": None}),
        _encoded({"x:a": {"b": "c"}}),
        _encoded({"a": "no prefix"}),
        _encoded({"x:a": "\ud800"}),
        _encoded({"x:\ud800": "a"}),
        base64.b64encode(b"[" * 10_000).decode(),
    ],
)
def test_bad_callback_variables(ask: Ask, value: str) -> None:
    config = _encoded({"callbackUrl": _URL, "callbackBody": "${x:a}"})
    headers = {"x-oss-callback": config, "x-oss-callback-var": value}
    check(ask("PUT", "k", body=b"x", headers=headers))


# --- headers ---

VALUES = [
    "",
    " ",
    "\x01",
    "\x7f",
    "中文",
    "a" * 9000,
    HUGE,
    "-1",
    LONG_WAY,
    "bytes=",
    "bytes=-",
    "bytes=5-1",
    f"bytes={HUGE}-",
    f"bytes=-{HUGE}",
    "bytes=٣-٤",
    "bytes=0-0,1-1",
    "%",
    "%00",
    "%ff%fe",
    "/",
    "//",
    "/a",
    "/a/",
    "/%00/%00",
    "/b/k?versionId=1",
    "/b/k?x",
    "=",
    "&",
    "a=1&a=1",
    "a=%ff",
    "x" * 129 + "=1",
    "Mon, 99 Foo 20260 99:99:99 GMT",
    "Thu, 01 Jan 0000 00:00:00 GMT",
    "Fri, 31 Dec 9999 23:59:59 GMT",
    "0",
    '"',
    '""',
    "*",
    "W/*",
    ",",
    "true, true",
    "[[[[",
    "{}",
    "OSS",
    "OSS4-HMAC-SHA256 ",
    "OSS4-HMAC-SHA256 Credential=/////,Signature=",
    "multipart/form-data",
    "multipart/form-data; boundary=",
    "application/x-www-form-urlencoded",
]
PARSED = [
    "accept-encoding",
    "access-control-request-headers",
    "access-control-request-method",
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-md5",
    "content-type",
    "date",
    "expires",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-unmodified-since",
    "origin",
    "range",
    "user-agent",
    "x-oss-acl",
    "x-oss-callback",
    "x-oss-callback-var",
    "x-oss-complete-all",
    "x-oss-content-sha256",
    "x-oss-copy-source",
    "x-oss-copy-source-if-match",
    "x-oss-copy-source-if-modified-since",
    "x-oss-copy-source-if-unmodified-since",
    "x-oss-copy-source-range",
    "x-oss-date",
    "x-oss-forbid-overwrite",
    "x-oss-meta-",
    "x-oss-meta-a",
    "x-oss-metadata-directive",
    "x-oss-object-acl",
    "x-oss-persistent-headers",
    "x-oss-range-behavior",
    "x-oss-security-token",
    "x-oss-server-side-encryption",
    "x-oss-storage-class",
    "x-oss-tagging",
    "x-oss-tagging-directive",
    "x-oss-traffic-limit",
]


@pytest.mark.parametrize("name", PARSED)
def test_hostile_header_values(client: SigningClient, bucket: str, name: str) -> None:
    client.request("PUT", bucket, "k", body=b"content")
    upload = client.request("POST", bucket, "up", query=[("uploads", "")]).element("UploadId")
    part = [("uploadId", upload), ("partNumber", "1")]
    requests: list[tuple[str, str, list[tuple[str, str]], bytes]] = [
        ("GET", "k", [], b""),
        ("HEAD", "k", [], b""),
        ("PUT", "new", [], b"x"),
        ("PUT", "", [], b""),
        ("PUT", "up", part, b"x"),
        ("POST", "", [("delete", "")], b"<Delete><Object><Key>z</Key></Object></Delete>"),
    ]
    for value in VALUES:
        for method, key, query, body in requests:
            head = _signed(client, method, bucket, key, query, {name: value})
            reply = client.send(method, path_of(bucket, key, query), head, body)
            check(reply, head=method == "HEAD", label=(method, key, name, value))


def _signed(
    client: SigningClient,
    method: str,
    bucket: str,
    key: str,
    query: Sequence[tuple[str, str]],
    headers: Mapping[str, str],
) -> dict[str, str]:
    """Headers with a signature that holds where it can; hostile values replace its parts."""
    return {**client._signature(method, bucket, key, query, headers, None), **headers}


@pytest.mark.parametrize("value", ["text/中", "a; b=é"])
def test_a_content_type_that_is_not_ascii_comes_back(ask: Ask, value: str) -> None:
    assert ask("PUT", "k", body=b"x", headers={"Content-Type": value}).status == 200
    assert ask("GET", "k").headers["content-type"].encode("latin-1").decode() == value
    asked = ask("GET", "k", query=[("response-content-type", value)])
    assert asked.headers["content-type"].encode("latin-1").decode() == value


@pytest.mark.parametrize("version", [1, 4])
def test_hostile_authorization(server: Server, version: int) -> None:
    client = signer(server, version)
    good = client._signature("GET", "", "", (), {}, None)
    name = next(key for key in good if key.lower() == "authorization")
    value = good[name]
    for cut in range(0, len(value), 3):
        refused(client.send("GET", "/", {**good, name: value[:cut] or "OSS"}, b""), cut)
    for hostile in [
        value.replace("=", "=="),
        value + ",",
        value * 2,
        value.upper(),
        "OSS :",
        *VALUES,
    ]:
        check(client.send("GET", "/", {**good, name: hostile}, b""), label=hostile)


# --- targets ---

TARGETS = [
    "/%",
    "/%zz",
    "/%00",
    "/%00/%00",
    "/b%2fk",
    "/%ff%fe/%ff",
    "/bucket/%c0%af",
    "/bucket/%ed%a0%80",
    "/bucket/" + "%41" * 1024,
    "/bucket/%2f",
    "/bucket//",
    "/bucket/%5c",
    "/..",
    "/../../etc/passwd",
    "/?%ff",
    "/?%ff=%ff",
    "/?prefix=%00",
    "/?prefix=%",
    "/?&&&",
    "/?=",
    "/?acl=%ff",
    "/?" + "a&" * 5000,
    "/?Expires=" + HUGE + "&OSSAccessKeyId=x&Signature=x",
    "/?Expires=-1&OSSAccessKeyId=x&Signature=x",
    "/?Expires=%C2%B2&OSSAccessKeyId=x&Signature=x",
    "/?x-oss-signature-version=OSS4-HMAC-SHA256&x-oss-expires=" + HUGE,
    "/?x-oss-signature-version=OSS9",
    "/?Action=%ff&Version=2015-04-01",
    "/-/",
    "/-/%00",
    "/-/health/..",
    "//",
    "///",
    "*",
    "http://",
    "http:///",
    "http://other.example",
    "http://other.example/bucket/key?x=%ff",
    "HTTPS://other.example/%ff",
    "ftp://other.example/",
    "other.example:80",
    "?",
    "a",
    "/a#b",
    "/a b",
    "/\xe4\xb8\xad",
]
METHODS = [b"GET", b"PUT", b"POST", b"DELETE", b"HEAD", b"OPTIONS", b"PATCH"]


@pytest.mark.parametrize("method", METHODS, ids=bytes.decode)
def test_hostile_targets(server: Server, method: bytes) -> None:
    for target in TARGETS:
        head = b"%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        answer = raw(server, head % (method, target.encode("latin-1")))
        check_raw(answer, target)
        assert status_of(answer) >= 200, (target, answer)


def test_undecodable_keys_and_parameters_of_signed_requests(
    client: SigningClient, bucket: str
) -> None:
    for path in ("%ff", "%00", "a%00b", "%ed%a0%80", "%c0%af"):
        url = client.url("PUT", bucket, "k").partition(client.endpoint)[2]
        refused(client.send("PUT", url.replace("/k?", f"/{path}?"), {}, b"x"), path)
    for pairs in ([("prefix", "\0")], [("marker", "\0\0")], [("delimiter", "\0")]):
        assert check(client.request("GET", bucket, query=pairs)).status == 200


def test_repeated_parameters(client: SigningClient, bucket: str) -> None:
    twice = [("max-keys", "1"), ("max-keys", "x")]
    assert client.request("GET", bucket, query=twice).status == 200
    refused(client.request("GET", bucket, query=list(reversed(twice))))
    check(client.request("PUT", bucket, "k", query=[("acl", ""), ("acl", "x")], body=b"x"))


@pytest.mark.parametrize(
    "method",
    [b"TRACE", b"CONNECT", b"PROPFIND", b"BREW", b"get", b"G\0T", b"", b"GET" * 2000, b"M-SEARCH"],
    ids=lambda method: repr(method[:9]),
)
def test_unknown_methods(server: Server, method: bytes) -> None:
    for target in (b"/", b"/bucket", b"/bucket/key", b"/-/health"):
        answer = raw(server, b"%s %s HTTP/1.1\r\nHost: x\r\n\r\n" % (method, target))
        check_raw(answer)
        assert status_of(answer) in {400, 403, 404, 405, 431}, answer


@pytest.mark.parametrize(
    "host",
    [
        b"",
        b":",
        b"[",
        b"[::1",
        b"]",
        b"\xff",
        b"a" * 5000,
        b".",
        b"..aliyuncs.com",
        b"x.localhost",
        b"\xff.oss.aliyuncs.com",
        b"UNDEFINED.oss.aliyuncs.com",
        b"a,b",
        b"x:99999999",
        b"x:x",
    ],
    ids=lambda host: repr(host[:12]),
)
def test_hostile_hosts(server: Server, host: bytes) -> None:
    for target in (b"/", b"/bucket/key", b"/%ff"):
        answer = raw(server, b"GET %s HTTP/1.1\r\nHost: %s\r\n\r\n" % (target, host))
        check_raw(answer)
        assert status_of(answer) >= 200, answer


# --- framing ---

_PUT = b"PUT /bucket/key HTTP/1.1\r\nHost: x\r\n"
_CHUNKED = _PUT + b"Transfer-Encoding: chunked\r\n\r\n"
FRAMES = {
    "size-not-hex": _CHUNKED + b"zz\r\nab\r\n0\r\n\r\n",
    "size-negative": _CHUNKED + b"-1\r\nab\r\n0\r\n\r\n",
    "size-nothing": _CHUNKED + b"\r\nab\r\n0\r\n\r\n",
    "size-huge": _CHUNKED + b"f" * 40 + b"\r\nab\r\n0\r\n\r\n",
    "size-64-bit": _CHUNKED + b"ffffffffffffffff\r\nab\r\n0\r\n\r\n",
    "size-with-0x": _CHUNKED + b"0x2\r\nab\r\n0\r\n\r\n",
    "size-too-small": _CHUNKED + b"1\r\nab\r\n0\r\n\r\n",
    "extension": _CHUNKED + b'2;a="b"\r\nab\r\n0\r\n\r\n',
    "extension-long": _CHUNKED + b"2;" + b"a" * 100_000 + b"\r\nab\r\n0\r\n\r\n",
    "extension-control": _CHUNKED + b"2;\0\r\nab\r\n0\r\n\r\n",
    "trailer": _CHUNKED + b"2\r\nab\r\n0\r\nx-oss-meta-a: b\r\n\r\n",
    "trailer-framing": _CHUNKED + b"2\r\nab\r\n0\r\nContent-Length: 5\r\n\r\n",
    "trailer-twice": _CHUNKED + b"2\r\nab\r\n0\r\nHost: y\r\nAuthorization: z\r\n\r\n",
    "trailers-many": _CHUNKED + b"2\r\nab\r\n0\r\n" + b"a: b\r\n" * 10_000 + b"\r\n",
    "trailer-long": _CHUNKED + b"2\r\nab\r\n0\r\na: " + b"b" * 100_000 + b"\r\n\r\n",
    "bare-lf": _CHUNKED + b"2\nab\n0\n\n",
    "cut-in-size": _CHUNKED + b"2",
    "cut-in-chunk": _CHUNKED + b"5\r\nab",
    "cut-before-end": _CHUNKED + b"2\r\nab\r\n0\r\n",
    "many-chunks": _CHUNKED + b"1\r\na\r\n" * 20_000 + b"0\r\n\r\n",
    "gzip": _PUT + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "identity": _PUT + b"Transfer-Encoding: identity\r\n\r\n",
    "chunked-twice": _PUT + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
    "both": _PUT + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n",
    "length-twice": _PUT + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\nab",
    "length-list": _PUT + b"Content-Length: 2, 2\r\n\r\nab",
    "length-negative": _PUT + b"Content-Length: -1\r\n\r\nab",
    "length-plus": _PUT + b"Content-Length: +2\r\n\r\nab",
    "length-hex": _PUT + b"Content-Length: 0x2\r\n\r\nab",
    "length-huge": _PUT + b"Content-Length: " + b"9" * 40 + b"\r\n\r\nab",
    "length-18": _PUT + b"Content-Length: " + b"9" * 18 + b"\r\n\r\nab",
    "length-zeros": _PUT + b"Content-Length: " + b"0" * 5000 + b"2\r\n\r\nab",
    "length-too-long": _PUT + b"Content-Length: 100\r\n\r\nab",
    "length-too-short": _PUT + b"Content-Length: 1\r\n\r\nabcdef",
    "expect-other": _PUT + b"Expect: miracles\r\nContent-Length: 2\r\n\r\nab",
    "upgrade": b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    "http-2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "http-0.9": b"GET /\r\n",
    "http-3.7": b"GET / HTTP/3.7\r\nHost: x\r\n\r\n",
    "no-version": b"GET / \r\nHost: x\r\n\r\n",
    "folded": b"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n",
    "space-before-colon": b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
    "no-colon": b"GET / HTTP/1.1\r\nHost\r\n\r\n",
    "no-name": b"GET / HTTP/1.1\r\n: x\r\n\r\n",
    "nul-in-name": b"GET / HTTP/1.1\r\nH\0st: x\r\n\r\n",
    "nul-in-value": b"GET / HTTP/1.1\r\nHost: \0\r\n\r\n",
    "cr-in-value": b"GET / HTTP/1.1\r\nHost: x\ry\r\n\r\n",
    "huge-header": b"GET / HTTP/1.1\r\nA: " + b"b" * 200_000 + b"\r\n\r\n",
    "many-headers": b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 20_000 + b"\r\n",
    "tls-hello": bytes.fromhex("16030100c8010000c40303") + b"\x5a" * 180,
    "nothing": b"",
    "newlines": b"\r\n" * 10_000,
    "nuls": b"\0" * 10_000,
    "pipeline": b"GET /-/health HTTP/1.1\r\nHost: x\r\n\r\n" * 500,
    "smuggled": _PUT + b"Content-Length: 0\r\n\r\n" + b"GARBAGE\r\n\r\n",
}


@pytest.mark.parametrize("sent", FRAMES.values(), ids=FRAMES)
def test_bad_framing(server: Server, sent: bytes) -> None:
    begun = time.monotonic()
    check_raw(raw(server, sent))
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize("frame", ["trailer", "extension"])
def test_trailers_are_not_headers(client: SigningClient, bucket: str, frame: str) -> None:
    url = client.url("PUT", bucket, "k").partition(client.endpoint)[2]
    head = f"PUT {url} HTTP/1.1\r\nHost: x\r\n".encode()
    host, _, port = client.endpoint.partition("://")[2].rpartition(":")
    with socket.create_connection((host, int(port)), 10) as connection:
        connection.sendall(head + FRAMES[frame].removeprefix(_PUT))
        assert connection.recv(65536).startswith(b"HTTP/1.1 200")
    got = client.request("GET", bucket, "k")
    assert got.body == b"ab"
    assert "x-oss-meta-a" not in got.headers


@settings(max_examples=150, derandomize=True, deadline=None)
@given(st.binary(max_size=300), st.sampled_from([b"", b"GET / HTTP/1.1\r\n", _PUT, _CHUNKED]))
def test_bytes_from_nowhere(server: Server, noise: bytes, before: bytes) -> None:
    check_raw(raw(server, before + noise))


# --- forms ---

BOUNDARY = b"b0undary"


def _part(name: str, value: bytes, more: str = "") -> bytes:
    head = f'Content-Disposition: form-data; name="{name}"{more}\r\n\r\n'.encode()
    return b"--" + BOUNDARY + b"\r\n" + head + value + b"\r\n"


END = b"--" + BOUNDARY + b"--\r\n"
FILE = _part("file", b"content", '; filename="f"')
FORM = _part("key", b"k") + _part("x:a", b"b") + FILE + END


@pytest.fixture
def open_bucket(client: SigningClient) -> str:
    """A bucket that anybody may write to, so that the form alone decides."""
    name = f"b-{uuid.uuid4().hex[:20]}"
    headers = {"x-oss-acl": "public-read-write"}
    assert client.request("PUT", name, headers=headers).status == 200
    return name


def _post(client: SigningClient, bucket: str, body: bytes, boundary: bytes = BOUNDARY) -> Reply:
    kind = "multipart/form-data; boundary=" + boundary.decode("latin-1")
    return client.send("POST", f"/{bucket}/", {"Content-Type": kind}, body)


def test_a_form_cut_off_anywhere_stores_nothing(client: SigningClient, open_bucket: str) -> None:
    assert _post(client, open_bucket, FORM).status == 204
    client.request("DELETE", open_bucket, "k")
    for cut in range(len(FORM) - 4):
        refused(_post(client, open_bucket, FORM[:cut]), FORM[:cut])
    assert client.request("HEAD", open_bucket, "k").status == 404


BAD_FORMS = {
    "nothing": b"",
    "only-end": END,
    "no-file": _part("key", b"k") + END,
    "two-files": _part("key", b"k") + FILE + FILE + END,
    "no-key": FILE + END,
    "empty-key": _part("key", b"") + FILE + END,
    "key-after-file": FILE + _part("key", b"k") + END,
    "key-nul": _part("key", b"\0") + FILE + END,
    "key-not-utf-8": _part("key", b"\xff") + FILE + END,
    "key-slash": _part("key", b"/k") + FILE + END,
    "key-long": _part("key", b"k" * 1024) + FILE + END,
    "key-twice": _part("key", b"k") + _part("key", b"l") + FILE + END,
    "name-missing": b"--" + BOUNDARY + b"\r\nContent-Disposition: form-data\r\n\r\nv\r\n" + END,
    "no-disposition": b"--" + BOUNDARY + b"\r\nA: b\r\n\r\nv\r\n" + END,
    "disposition-kind": b"--"
    + BOUNDARY
    + b"\r\nContent-Disposition: attachment\r\n\r\nv\r\n"
    + END,
    "huge-header": b"--" + BOUNDARY + b"\r\nA: " + b"b" * 100_000 + b"\r\n\r\nv\r\n" + END,
    "many-headers": b"--" + BOUNDARY + b"\r\n" + b"A: b\r\n" * 1000 + b"\r\nv\r\n" + END,
    "huge-field": _part("key", b"k") + _part("x", b"v" * (2 * 1024 * 1024 + 1)) + FILE + END,
    "huge-name": _part("n" * 9000, b"v") + _part("key", b"k") + FILE + END,
    "many-fields": b"".join(_part(f"f{n}", b"v" * 400) for n in range(10_000)) + FILE + END,
    "other-boundary": FORM.replace(BOUNDARY, b"other"),
    "nul-in-header": FORM.replace(b"form-data;", b"form-data\0;"),
    "filename*": _part("key", b"k") + _part("file", b"c", "; filename*=klingon''x") + END,
    "line-break-in-header": _part("key", b"k")
    + _part("content-disposition", b"a\r\nb")
    + FILE
    + END,
    "acl": _part("key", b"k") + _part("x-oss-object-acl", b"everybody") + FILE + END,
    "storage-class": _part("key", b"k") + _part("x-oss-storage-class", b"Gold") + FILE + END,
    "callback": _part("key", b"k") + _part("callback", b"%%%") + FILE + END,
    "callback-surrogate": _part("key", b"k")
    + _part("callback", _encoded({"callbackUrl": "\ud800", "callbackBody": "x"}).encode())
    + FILE
    + END,
    "meta": _part("key", b"k") + _part("x-oss-meta-ü", b"x") + FILE + END,
    "signature-alone": _part("key", b"k") + _part("Signature", b"x") + FILE + END,
    "v4-credential": _part("key", b"k")
    + _part("x-oss-signature-version", b"OSS4-HMAC-SHA256")
    + _part("x-oss-credential", b"////")
    + FILE
    + END,
}


@pytest.mark.parametrize("body", BAD_FORMS.values(), ids=BAD_FORMS)
def test_bad_forms_store_nothing(client: SigningClient, open_bucket: str, body: bytes) -> None:
    refused(_post(client, open_bucket, body))
    assert b"<Key>" not in client.request("GET", open_bucket).body


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(
            b"".join(_part(f"f{n}", b"v") for n in range(10_000)) + FORM, id="10000-fields"
        ),
        pytest.param(
            _part("key", b"k") + _part("file", b"\0" * 100 + b"--" + BOUNDARY[:-1]) + END,
            id="nearly-a-boundary",
        ),
        pytest.param(b"preamble\r\n" + FORM, id="preamble"),
        pytest.param(FORM + b"epilogue" * 1000, id="epilogue"),
        pytest.param(
            _part("key", b"k")
            + _part("file", b"--inner\r\nContent-Disposition: form-data\r\n\r\nx\r\n--inner--")
            + END,
            id="nested",
        ),
    ],
)
def test_odd_forms_get_an_answer(client: SigningClient, open_bucket: str, body: bytes) -> None:
    check(_post(client, open_bucket, body))


@pytest.mark.parametrize("boundary", [b"", b"\xff", b'"', b"a" * 500, b'"a b', b"\x01", b";", b"="])
def test_bad_boundaries(client: SigningClient, open_bucket: str, boundary: bytes) -> None:
    refused(_post(client, open_bucket, FORM, boundary))


_POLICIES: list[object] = [
    b"",
    b"{",
    b"\xff",
    [],
    {},
    {"expiration": 1, "conditions": []},
    {"expiration": "x", "conditions": []},
    {"expiration": "9999-99-99T99:99:99Z", "conditions": []},
    {"expiration": "2099-01-01T00:00:00Z"},
    {"expiration": "2099-01-01T00:00:00Z", "conditions": {}},
    {"expiration": "2099-01-01T00:00:00Z", "conditions": [1]},
    {"expiration": "2099-01-01T00:00:00Z", "conditions": [[]]},
    {"expiration": "2099-01-01T00:00:00Z", "conditions": [["eq"]]},
    {"expiration": "2099-01-01T00:00:00Z", "conditions": [["eq", "$key", 1]]},
    {"expiration": "2099-01-01T00:00:00Z", "conditions": [["eq", "$key", "\ud800"]]},
    {"expiration": "2099-01-01T00:00:00Z", "conditions": [["\ud800", "$key", "x"]]},
    {"expiration": "2099-01-01T00:00:00Z", "conditions": [{"\ud800": "x"}]},
    {"expiration": "\ud800", "conditions": []},
    {"expiration": "2099-01-01T00:00:00Z", "conditions": [["content-length-range", -1, 5]]},
    {"expiration": "2099-01-01T00:00:00Z", "conditions": [["content-length-range", 5, 1]]},
    {"expiration": "2099-01-01T00:00:00Z", "conditions": [["content-length-range", 0.5, None]]},
    b'{"expiration":"2099-01-01T00:00:00Z","conditions":[["content-length-range",0,' + b"9" * 5000,
    b"[" * 40_000,
]


@pytest.mark.parametrize("policy", _POLICIES, ids=lambda policy: repr(policy)[:60])
def test_bad_policies(client: SigningClient, open_bucket: str, policy: object) -> None:
    from ossia.protocol import signature_v1  # noqa: PLC0415 - one use

    text = _encoded(policy)
    fields = {
        "key": "k",
        "policy": text,
        "OSSAccessKeyId": client.access_key_id,
        "Signature": signature_v1.sign_policy(text, client.secret),
    }
    body = b"".join(_part(name, value.encode()) for name, value in fields.items())
    refused(_post(client, open_bucket, body + FILE + END))


# --- STS ---


def _rpc(server: Server, parameters: Mapping[str, str]) -> tuple[int, bytes]:
    body = urlencode(parameters).encode()
    head = (
        f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\nConnection: close\r\n\r\n"
    ).encode()
    answer = raw(server, head + body)
    return status_of(answer), answer


_RPC = {"Action": "AssumeRole", "Version": "2015-04-01", "Format": "JSON"}


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"Action": ""},
        {"Action": "\0", "Version": "\0"},
        {"Action": "AssumeRole"},
        {"Action": "AssumeRole", "Version": "1999"},
        {"Action": "Nothing", "Version": "2015-04-01"},
        {"Action": "CreateUser", "Version": "2015-05-01"},
        {**_RPC, "Format": "YAML"},
        {**_RPC, "Timestamp": "yesterday"},
        {**_RPC, "SignatureMethod": "ROT13", "Signature": "x"},
        {**_RPC, "AccessKeyId": "\0", "Signature": "\0"},
        {**_RPC, "SecurityToken": "x" * 20_000},
    ],
)
def test_garbage_for_sts(server: Server, parameters: dict[str, str]) -> None:
    status, answer = _rpc(server, parameters)
    assert 400 <= status < 500, answer
    assert b"RequestId" in answer


@pytest.mark.parametrize(
    "given_",
    [
        {"RoleArn": ""},
        {"RoleArn": "\0"},
        {"RoleArn": "acs:ram::x"},
        {"RoleArn": "acs:ram::1:role/" + "r" * 5000},
        {"RoleSessionName": "\ud7ff中"},
        {"DurationSeconds": "-1"},
        {"DurationSeconds": "²"},
        {"DurationSeconds": HUGE},
        {"DurationSeconds": LONG_WAY},
        {"Policy": "{"},
        {"Policy": "[" * 5000},
        {"Policy": json.dumps({"Version": "1", "Statement": [{"Effect": "\ud800"}]})},
        {"Policy": json.dumps({"Version": "1", "Statement": [{"Action": "\ud800"}]})},
        {"Policy": "\0" * 10_000},
        {"Policy": '{"Version":' + "9" * 5000 + "}"},
    ],
    ids=lambda value: repr(value)[:50],
)
def test_signed_garbage_for_sts(server: Server, given_: dict[str, str]) -> None:
    parameters = sign_parameters(
        "POST",
        {
            **_RPC,
            "RoleArn": f"acs:ram::{server.account_id}:role/none",
            "RoleSessionName": "name",
            **given_,
        },
        access_key_id=server.access_key_id,
        secret=server.access_key_secret,
        now_ms=time.time_ns() // 1_000_000,
        nonce=str(uuid.uuid4()),
    )
    status, answer = _rpc(server, parameters)
    assert 400 <= status < 500, answer
    assert b'"Code"' in answer
    assert b'"RequestId"' in answer


@pytest.mark.parametrize(
    "head",
    [
        b"GET /?Action=AssumeRole&Version=%ff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /?Action=%ff&Version=2015-04-01 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"PUT /?Action=AssumeRole&Version=2015-04-01 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nx-acs-action: \xff\r\nAuthorization: ACS3-HMAC-SHA256\r\n\r\n",
        (
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
            b"Content-Length: 5\r\n\r\n%ff=%"
        ),
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        b"Content-Length: 300000\r\n\r\n" + b"a" * 300_000,
        (
            b"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
            b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"
        ),
    ],
)
def test_raw_garbage_for_sts(server: Server, head: bytes) -> None:
    answer = raw(server, head)
    assert 400 <= status_of(answer) < 500, answer[:500]
    assert b"HTTP/1.1 500" not in answer


# --- anything ---

NAMES = [
    "acl", "append", "bucketInfo", "callback", "callback-var", "comp", "continuation-token", "cors",
    "delete", "delimiter", "encoding-type", "fetch-owner", "key-marker", "lifecycle", "list-type",
    "live", "location", "marker", "max-keys", "max-parts", "max-uploads", "objectMeta", "partNumber",
    "part-number-marker", "policy", "position", "prefix", "response-content-type",
    "response-content-disposition", "response-expires", "sequential", "start-after", "stat",
    "tagging", "upload-id-marker", "uploadId", "uploads", "version-id-marker", "versionId",
    "versioning", "versions", "x-oss-process", "x-oss-traffic-limit", "Action", "Expires",
    "OSSAccessKeyId", "Signature", "security-token", "x-oss-signature-version",
]  # fmt: skip
TEXT = st.text(st.characters(codec="utf-8"), max_size=12)
ODD = st.one_of(
    st.sampled_from(["", "1", "0", "2", "url", "true", "null", HUGE[:40], LONG_WAY, "\0", "%"]),
    TEXT,
)
HEADER_TEXT = st.text(
    st.characters(codec="utf-8", exclude_characters="\0\r\n", exclude_categories=["Cs"]),
    max_size=20,
).map(str.strip)


@settings(
    max_examples=400,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    method=st.sampled_from(["GET", "PUT", "POST", "DELETE", "HEAD", "PATCH"]),
    scope=st.sampled_from(["service", "bucket", "missing", "key", "key", "key"]),
    key=st.one_of(st.just("k"), TEXT),
    query=st.lists(st.tuples(st.sampled_from(NAMES), ODD), max_size=3),
    headers=st.dictionaries(st.sampled_from(PARSED), st.one_of(ODD, HEADER_TEXT), max_size=3),
    body=st.one_of(st.just(b""), st.binary(max_size=60), st.sampled_from(MALFORMED)),
    version=st.sampled_from([1, 4]),
)
def test_signed_nonsense(
    server: Server,
    property_bucket: str,
    method: str,
    scope: str,
    key: str,
    query: list[tuple[str, str]],
    headers: dict[str, str],
    body: bytes,
    version: int,
) -> None:
    signing = signer(server, version)
    headers = {
        name: "".join(each for each in value if each >= " ").strip()
        for name, value in headers.items()
        if name not in {"x-oss-date", "date", "x-oss-security-token", "x-oss-content-sha256"}
    }
    bucket = {"service": "", "missing": "no-such-bucket"}.get(scope, property_bucket)
    key = key if scope == "key" else ""
    if method == "DELETE" and scope == "bucket" and not query:
        return
    signed = {**headers, **signing._signature(method, bucket, key, query, headers, None)}
    target = path_of(bucket, key, query)
    if any(name == "Action" for name, _ in query) and scope == "service":
        assert signing.send(method, target, signed, body).status != 500
        return
    reply = signing.send(method, target, signed, body)
    check(reply, head=method == "HEAD", label=(method, target, headers, body))
    assert reply.code != "SignatureDoesNotMatch", (target, headers, reply.body)


@pytest.fixture(scope="module")
def property_bucket(client: SigningClient) -> str:
    name = f"b-{uuid.uuid4().hex[:20]}"
    assert client.request("PUT", name).status == 200
    assert client.request("PUT", name, "k", body=b"content").status == 200
    return name


@settings(max_examples=150, derandomize=True, deadline=None)
@given(st.binary(max_size=40), st.binary(max_size=40))
def test_any_bytes_in_path_and_query(server: Server, path: bytes, query: bytes) -> None:
    target = f"/{quote(path)}?{quote(query, safe='=&')}".encode()
    answer = raw(server, b"GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n" % target)
    check_raw(answer, target)
    assert status_of(answer) >= 200
