"""The gateway step by step, without a socket."""

import base64
import json

import pytest
from gateway_world import World, code, content, element, header

from ossia.domain.buckets.remembered import RememberedBuckets
from ossia.errors import InternalError
from ossia.http.body import Body, ClientGone
from ossia.ports import CallbackFailure, CallbackFault, Unavailable
from ossia.protocol import signature_v1
from ossia.protocol.checksums import etag_to_content_md5, md5_hex
from ossia.protocol.post_policy import build

BIG = bytes(range(256)) * 100
CORS = (
    b"<CORSConfiguration><CORSRule><AllowedOrigin>https://page</AllowedOrigin>"
    b"<AllowedMethod>GET</AllowedMethod><AllowedMethod>PUT</AllowedMethod>"
    b"<AllowedHeader>x-*</AllowedHeader><ExposeHeader>ETag</ExposeHeader>"
    b"<MaxAgeSeconds>60</MaxAgeSeconds></CORSRule><ResponseVary>true</ResponseVary>"
    b"</CORSConfiguration>"
)
ORIGIN = {"Origin": "https://page"}


# --- whatever goes wrong ---


async def test_storage_that_cannot_answer(
    world: World, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unavailable(*_: object) -> None:
        raise Unavailable("locked")

    monkeypatch.setattr(RememberedBuckets, "find", unavailable)
    for headers in ({}, ORIGIN):
        answer = await world.ask("GET", bucket, headers=headers)
        assert (answer.status, code(answer)) == (503, "ServiceUnavailable")
        assert header(answer, "Retry-After") == "1"
    # A refusal that stands before the bucket is read must not fail for want of CORS headers.
    answer = await world.ask("GET", bucket, headers=ORIGIN, by=world.signer("NONE", "x"))
    assert code(answer) == "InvalidAccessKeyId"


async def test_a_programming_error_is_an_internal_error(world: World, bucket: str) -> None:
    async def broken(*_: object) -> None:
        raise ZeroDivisionError("secret detail")

    world.metadata.database.one = broken  # type: ignore[method-assign]
    answer = await world.ask("GET", bucket, "k")
    assert (answer.status, code(answer)) == (500, "InternalError")
    assert b"secret" not in answer.body
    assert element(answer, "RequestId") == header(answer, "x-oss-request-id")


async def test_a_client_that_is_gone_gets_no_answer(world: World, bucket: str) -> None:
    body = Body(100_000)
    body.fail(ClientGone())
    with pytest.raises(ClientGone):
        await world.ask("PUT", bucket, "k", headers={"Content-Length": "100000"}, body=body)


def test_what_is_not_a_request_is_refused_too(world: World) -> None:
    answer = world.gateway.refuse(InternalError())
    assert (answer.status, code(answer)) == (500, "InternalError")
    assert element(answer, "RequestId") == header(answer, "x-oss-request-id")


@pytest.mark.parametrize(
    ("method", "target", "expected"),
    [
        ("GET", "ftp://x/", "InvalidArgument"),
        ("GET", "http://other/bucket", "AccessDenied"),
        ("GET", "*", "InvalidArgument"),
        ("GET", "/bucket?%ff", "InvalidArgument"),
        ("GET", "/bucket?acl=%ff", "InvalidArgument"),
        ("GET", "/bucket/%ff", "InvalidArgument"),  # W32
        ("GET", "/bucket/%zz", "InvalidArgument"),
        ("GET", "/bucket/%f", "InvalidArgument"),
        ("GET", "/bucket/a%", "InvalidArgument"),
        ("GET", "//bucket", "InvalidBucketName"),
        ("GET", "/missing", "NoSuchBucket"),
        ("PUT", "/B", "InvalidBucketName"),
        ("PATCH", "/bucket", "MethodNotAllowed"),
        ("DELETE", "/bucket?location", "MethodNotAllowed"),
        ("GET", "/bucket?acl&cors", "InvalidArgument"),
        ("GET", "/bucket?style", "NotImplemented"),
        ("PUT", "/bucket/k?link", "NotImplemented"),
        ("GET", "/-/nothing", "NoSuchKey"),
        ("PUT", "/-/health", "MethodNotAllowed"),
        ("OPTIONS", "/", "NoSuchBucket"),
        ("OPTIONS", "/missing", "NoSuchBucket"),
        ("GET", "/", "AccessDenied"),
    ],
)
async def test_refusals(world: World, bucket: str, method: str, target: str, expected: str) -> None:
    answer = await world.hand(method, target, {})
    assert code(answer) == expected
    assert 400 <= answer.status <= 501


async def test_head_hides_its_error_in_a_header(world: World, bucket: str) -> None:
    answer = await world.ask("HEAD", bucket, "missing")
    assert (answer.status, answer.body) == (404, b"")
    assert b"<Code>NoSuchKey</Code>" in base64.b64decode(header(answer, "x-oss-err") or "")


async def test_the_servers_own_resources(world: World) -> None:
    assert json.loads((await world.hand("GET", "/-/health", {})).body)["status"] == "ok"
    key = await world.hand("GET", "/-/callback/public_key.pem", {})
    assert key.body.startswith(b"-----BEGIN PUBLIC KEY-----")


async def test_ready_is_who_has_all_engines_and_does_not_leave(world: World) -> None:
    answer = await world.hand("GET", "/-/ready", {})
    assert (answer.status, json.loads(answer.body)["status"]) == (200, "ready")
    world.faults["blobs"] = OSError("postgresql://user:secret@host is gone")
    world.trusts_no_longer()
    answer = await world.hand("GET", "/-/ready", {})
    state = json.loads(answer.body)
    assert (answer.status, state["status"], list(state["missing"])) == (
        503,
        "unavailable",
        ["blobs"],
    )
    assert b"secret" not in answer.body
    assert (await world.hand("GET", "/-/health", {})).status == 200
    world.faults.clear()
    world.trusts_no_longer()
    assert (await world.hand("GET", "/-/ready", {})).status == 200
    world.readiness.drain()
    answer = await world.hand("GET", "/-/ready", {})
    assert (answer.status, json.loads(answer.body)["status"]) == (503, "draining")
    assert (await world.ask("GET")).status == 200


async def test_sts_at_the_same_door(world: World) -> None:
    answer = await world.hand("POST", "/?Action=AssumeRole&Version=2015-04-01", {})
    assert answer.status == 400
    assert b"RequestId" in answer.body
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await world.hand("POST", "/", form, b"x" * 300_000)
    assert code(answer) == "EntityTooLarge"


async def test_a_bucket_in_the_host(world: World, bucket: str) -> None:
    await world.ask("PUT", bucket, "k", headers={"x-oss-object-acl": "public-read"}, body=b"x")
    answer = await world.hand("GET", "/k", {"Host": "bucket.oss.test"})
    assert content(answer) == b"x"
    # ali-oss with sldEnable names the bucket twice; the signature says which reading is meant.
    signed = world.root._signature("GET", bucket, "k", (), {}, world.clock.at)
    answer = await world.hand("GET", "/bucket/k", {"Host": "bucket.oss.test", **signed})
    assert content(answer) == b"x"
    wrong = world.signer("ROOT", "wrong")._signature("GET", bucket, "k", (), {}, world.clock.at)
    for path in ("/bucket/k", "/k"):
        answer = await world.hand("GET", path, {"Host": "bucket.oss.test", **wrong})
        assert code(answer) == "SignatureDoesNotMatch"


async def test_a_body_needs_a_length(world: World, bucket: str) -> None:
    signed = world.root._signature("PUT", bucket, "k", (), {}, world.clock.at)
    answer = await world.hand("PUT", "/bucket/k", signed, Body(0))
    assert (answer.status, code(answer)) == (411, "MissingContentLength")
    answer = await world.hand("POST", "/bucket", {"Content-Type": "multipart/form-data"}, Body(0))
    assert (answer.status, code(answer)) == (411, "MissingContentLength")


async def test_a_document_that_is_too_large(world: World, bucket: str) -> None:
    answer = await world.ask("PUT", bucket, query=[("cors", "")], body=b"x" * 70_000)
    assert code(answer) == "InvalidArgument"


# --- cross-origin ---


async def test_preflight_and_cors_headers(world: World, bucket: str) -> None:
    asked = {**ORIGIN, "Access-Control-Request-Method": "PUT"}
    assert code(await world.hand("OPTIONS", "/bucket/k", asked)) == "AccessForbidden"
    assert code(await world.hand("OPTIONS", "/bucket/k", {})) == "InvalidArgument"
    assert code(await world.hand("OPTIONS", "/bucket/k", ORIGIN)) == "InvalidArgument"
    await world.ask("PUT", bucket, query=[("cors", "")], body=CORS)
    named = {**asked, "Access-Control-Request-Headers": "x-a, x-b"}
    answer = await world.hand("OPTIONS", "/bucket/k", named)
    assert header(answer, "Access-Control-Allow-Headers") == "x-a, x-b"
    assert header(answer, "Access-Control-Max-Age") == "60"
    assert header(answer, "Vary") == "Origin"
    for other in ({"Origin": "https://else"}, {"Access-Control-Request-Method": "DELETE"}):
        refused = await world.hand("OPTIONS", "/bucket/k", {**asked, **other})
        assert code(refused) == "AccessForbidden"
    for by, status in ((world.root, 404), (world.anonymous, 403)):
        answer = await world.ask("GET", bucket, "k", headers=ORIGIN, by=by)
        assert answer.status == status
        assert header(answer, "Access-Control-Allow-Origin") == "https://page"
        assert header(answer, "Access-Control-Expose-Headers") == "ETag"
    answer = await world.ask("GET", bucket, "k", headers={"Origin": "https://else"})
    assert header(answer, "Access-Control-Allow-Origin") is None
    assert header(answer, "Vary") == "Origin"
    anyone = CORS.replace(b"https://page", b"*").replace(b"true", b"false")
    await world.ask("PUT", bucket, query=[("cors", "")], body=anyone.replace(b"60", b"0"))
    answer = await world.ask("GET", bucket, "k", headers={"Origin": "https://else"})
    assert header(answer, "Access-Control-Allow-Origin") == "*"
    assert header(answer, "Vary") is None
    assert (await world.ask("GET", bucket, query=[("cors", "")])).body.count(b"<CORSRule>") == 1
    assert (await world.ask("DELETE", bucket, query=[("cors", "")])).status == 204
    assert code(await world.ask("GET", bucket, query=[("cors", "")])) == "NoSuchCORSConfiguration"
    answer = await world.ask("GET", bucket, "k", headers=ORIGIN)
    assert header(answer, "Access-Control-Allow-Origin") is None


# --- operations ---


async def test_an_objects_life(world: World, bucket: str) -> None:
    for body in (b"small", BIG):
        put = await world.ask(
            "PUT",
            bucket,
            "k",
            headers={"Content-Type": "text/中", "x-oss-meta-a": "é", "x-oss-tagging": "a=1"},
            body=body,
        )
        assert header(put, "ETag") == f'"{md5_hex(body)}"'
        got = await world.ask("GET", bucket, "k")
        assert content(got) == body
        assert (header(got, "Content-Type") or "").encode("latin-1").decode() == "text/中"
        assert (header(got, "x-oss-meta-a") or "").encode("latin-1").decode() == "é"
        ranged = await world.ask("GET", bucket, "k", headers={"Range": "bytes=1-3"})
        assert (ranged.status, content(ranged)) == (206, body[1:4])
        head = await world.ask("HEAD", bucket, "k")
        assert (head.content_length(), head.body) == (len(body), b"")
        meta = await world.ask("HEAD", bucket, "k", [("objectMeta", "")])
        assert meta.content_length() == len(body)
        overridden = [("response-content-type", "a/b"), ("response-expires", "never")]
        got = await world.ask("GET", bucket, "k", overridden)
        assert (header(got, "Content-Type"), header(got, "Expires")) == ("a/b", "never")
        fresh = await world.ask("GET", bucket, "k", headers={"If-None-Match": put.headers[0][1]})
        assert (fresh.status, fresh.body) == (304, b"")
    copied = {"x-oss-copy-source": "/bucket/k"}
    assert (await world.ask("PUT", bucket, "c", headers=copied)).status == 200
    assert (
        await world.ask("PUT", bucket, "c", [("acl", "")], {"x-oss-object-acl": "private"})
    ).status == 200
    assert element(await world.ask("GET", bucket, "c", [("acl", "")]), "Grant") == "private"
    keys = b"<Delete><Object><Key>k</Key></Object></Delete>"
    headers = {"Content-MD5": etag_to_content_md5(md5_hex(keys))}
    deleted = await world.ask("POST", bucket, "", [("delete", "")], headers, keys)
    assert element(deleted, "Key") == "k"
    quiet = keys.replace(b"<Delete>", b"<Delete><Quiet>true</Quiet>")
    headers = {"Content-MD5": etag_to_content_md5(md5_hex(quiet))}
    assert (await world.ask("POST", bucket, "", [("delete", "")], headers, quiet)).body == b""
    assert (await world.ask("DELETE", bucket, "c")).status == 204
    assert (await world.ask("DELETE", bucket)).status == 204


@pytest.mark.parametrize(
    ("method", "key", "query", "headers", "expected"),
    [
        ("GET", "k", [("versionId", "1")], {}, "InvalidArgument"),
        ("GET", "k", [("response-expires", "a\r\nb")], {}, "InvalidArgument"),
        ("GET", "k", [], {"x-oss-range-behavior": "odd"}, "InvalidArgument"),
        ("GET", "k", [], {"Range": "bytes=9-", "x-oss-range-behavior": "standard"}, "InvalidRange"),
        ("GET", "k", [("x-oss-traffic-limit", "1")], {}, "InvalidArgument"),
        ("PUT", "n", [], {"x-oss-traffic-limit": "1"}, "InvalidArgument"),
        ("PUT", "n", [], {"x-oss-storage-class": "Gold"}, "InvalidArgument"),
        ("PUT", "n", [], {"x-oss-object-acl": "odd"}, "InvalidArgument"),
        ("PUT", "n", [], {"x-oss-server-side-encryption": "KMS"}, ""),
        ("PUT", "n", [], {"x-oss-server-side-encryption": "X"}, "InvalidEncryptionAlgorithmError"),
        ("PUT", "n", [], {"x-oss-meta-a": "x" * 9000}, "InvalidArgument"),
        ("PUT", "n", [], {"x-oss-meta-": "x"}, "InvalidArgument"),
        ("PUT", "n", [], {"x-oss-tagging": "a=1&a=2"}, "InvalidArgument"),  # W46
        ("PUT", "n", [], {"x-oss-tagging": "=1"}, "InvalidTag"),
        ("PUT", "n", [], {"x-oss-tagging": "&".join(f"{n}=" for n in range(11))}, "BadRequest"),
        ("PUT", "n", [], {"x-oss-tagging": "a=%26"}, "InvalidTag"),
        ("PUT", "n", [], {"if-match": "x"}, "NotImplemented"),  # W13
        ("PUT", "k", [("acl", "")], {"x-oss-object-acl": ""}, "MissingArgument"),  # W21, W48
        ("PUT", "n", [], {"x-oss-forbid-overwrite": "odd"}, "InvalidArgument"),
        ("PUT", "n", [], {"x-oss-callback-var": "e30="}, ""),
        ("PUT", "k", [], {"x-oss-forbid-overwrite": "TRUE"}, "FileAlreadyExists"),
        ("PUT", "k", [("acl", "")], {}, "MissingArgument"),
        ("PUT", "", [("acl", "")], {}, ""),  # W24
        ("PUT", "n", [], {"x-oss-copy-source": "k"}, "InvalidArgument"),
        ("PUT", "n", [], {"x-oss-copy-source": "/bucket/k?x=1"}, "InvalidArgument"),
        ("PUT", "n", [], {"x-oss-copy-source": "/nowhere/k"}, "NoSuchBucket"),
        ("POST", "n", [("append", "")], {}, "MissingArgument"),
        ("POST", "n", [("append", ""), ("position", "x")], {}, "MissingArgument"),
        ("POST", "k", [("append", ""), ("position", "0")], {}, "ObjectNotAppendable"),
        ("POST", "", [("delete", "")], {}, "MissingArgument"),
        ("POST", "", [("delete", "")], {"Content-MD5": "AAAA"}, "InvalidDigest"),
        ("POST", "", [("delete", "")], {"Content-MD5": "1B2M2Y8AsgTpgAmY7PhCfg=="}, "MalformedXML"),
        ("PUT", "n", [("uploadId", "x")], {}, "InvalidArgument"),
        ("PUT", "n", [("uploadId", "x"), ("partNumber", "0")], {}, "InvalidArgument"),
        ("PUT", "n", [("uploadId", "x"), ("partNumber", "1")], {}, "NoSuchUpload"),
        ("POST", "n", [("uploadId", "x")], {}, "NoSuchUpload"),  # W14
        ("GET", "n", [("uploadId", "x")], {}, "NoSuchUpload"),
        ("GET", "", [("list-type", "2"), ("continuation-token", "%")], {}, "InvalidArgument"),
        ("GET", "", [("list-type", "2"), ("fetch-owner", "odd")], {}, "InvalidArgument"),
        ("GET", "", [("versions", ""), ("version-id-marker", "x")], {}, "InvalidArgument"),
        ("GET", "", [("encoding-type", "odd")], {}, "InvalidArgument"),
    ],
)
async def test_refusals_of_operations(
    world: World,
    bucket: str,
    method: str,
    key: str,
    query: list[tuple[str, str]],
    headers: dict[str, str],
    expected: str,
) -> None:
    await world.ask("PUT", bucket, "k", body=b"content")
    assert code(await world.ask(method, bucket, key, query, headers)) == expected


@pytest.mark.parametrize(
    "body",
    [
        "<Delete/>",
        "<Delete><Object/></Delete>",
        f"<Delete>{'<Object><Key>k</Key></Object>' * 1001}</Delete>",
        "<Delete><Object><Key>k</Key><VersionId>1</VersionId></Object></Delete>",
    ],
)
async def test_lists_of_keys_that_are_refused(world: World, bucket: str, body: str) -> None:
    query = [("delete", "")]
    digest = {"Content-MD5": etag_to_content_md5(md5_hex(body.encode()))}
    assert code(await world.ask("POST", bucket, "", query, digest, body.encode())) in {
        "MalformedXML",
        "InvalidArgument",
    }
    good = b"<Delete><Object><Key>k</Key></Object></Delete>"
    assert code(await world.ask("POST", bucket, "", query, {}, good)) == "MissingArgument"
    wrong = {"Content-MD5": etag_to_content_md5(md5_hex(b""))}
    assert code(await world.ask("POST", bucket, "", query, wrong, good)) == "InvalidDigest"


async def test_what_a_bucket_says(world: World, bucket: str) -> None:
    await world.ask("PUT", bucket, "a/1", body=b"1")
    await world.ask("PUT", bucket, "b", body=b"2")
    for query, inside in (
        ([], b"<Key>a/1</Key>"),
        ([("max-keys", "1")], b"<NextMarker>a/1</NextMarker>"),
        ([("list-type", "2"), ("max-keys", "1"), ("fetch-owner", "true")], b"<Owner>"),
        ([("list-type", "2"), ("start-after", "a/1")], b"<KeyCount>1</KeyCount>"),
        ([("list-type", "2"), ("delimiter", "/")], b"<Prefix>a/</Prefix>"),
        ([("versions", ""), ("max-keys", "1")], b"<NextKeyMarker>a/1</NextKeyMarker>"),
        ([("encoding-type", "url")], b"<EncodingType>url</EncodingType>"),
        ([("bucketInfo", "")], b"<Name>bucket</Name>"),
        ([("location", "")], b"oss-cn-test"),
        ([("stat", "")], b"<ObjectCount>2</ObjectCount>"),
        ([("acl", "")], b"<Grant>private</Grant>"),
        ([("versioning", "")], b"<VersioningConfiguration></VersioningConfiguration>"),
        ([("live", "")], b"<IsTruncated>false</IsTruncated>"),
    ):
        answer = await world.ask("GET", bucket, "", query)
        assert inside in answer.body, answer.body
    token = element(
        await world.ask("GET", bucket, "", [("list-type", "2"), ("max-keys", "1")]),
        "NextContinuationToken",
    )
    page = [("list-type", "2"), ("continuation-token", token)]
    assert element(await world.ask("GET", bucket, "", page), "Key") == "b"
    assert header(await world.ask("HEAD", bucket), "x-oss-bucket-region") == "oss-cn-test"
    assert b"<NextMarker>" not in (await world.ask("GET")).body
    assert (
        await world.ask("PUT", bucket, "", [("acl", "")], {"x-oss-acl": "public-read"})
    ).status == 200
    assert code(await world.ask("DELETE", bucket)) == "BucketNotEmpty"


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        ("<StorageClass>IA</StorageClass>", ""),
        ("<StorageClass>Gold</StorageClass>", "InvalidArgument"),
        ("<DataRedundancyType>X</DataRedundancyType>", "InvalidArgument"),
        ("<LocationConstraint>elsewhere</LocationConstraint>", "InvalidLocationConstraint"),
        ("<LocationConstraint>oss-cn-test</LocationConstraint>", ""),
    ],
)
async def test_bucket_configurations(world: World, inside: str, expected: str) -> None:
    body = f"<CreateBucketConfiguration>{inside}</CreateBucketConfiguration>".encode()
    assert code(await world.ask("PUT", "fresh", body=body)) == expected
    if expected == "":
        assert (await world.ask("GET", "fresh", "", [("stat", "")])).status == 200


async def test_multipart(world: World, bucket: str) -> None:
    begun = await world.ask("POST", bucket, "up", [("uploads", ""), ("sequential", "")])
    upload = element(begun, "UploadId")
    one, two = ([("uploadId", upload), ("partNumber", str(n))] for n in (1, 2))
    await world.ask("PUT", bucket, "source", body=BIG)
    first = await world.ask("PUT", bucket, "up", one, {}, BIG * 5)
    copied = {"x-oss-copy-source": "/bucket/source", "x-oss-copy-source-range": "bytes=0-9"}
    second = await world.ask("PUT", bucket, "up", two, copied)
    assert header(second, "Content-Range") == f"bytes 0-9/{len(BIG)}"
    whole = await world.ask("PUT", bucket, "up", two, {"x-oss-copy-source": "/bucket/source"})
    assert header(whole, "Content-Range") is None
    listed = await world.ask("GET", bucket, "up", [("uploadId", upload), ("max-parts", "1")])
    assert element(listed, "IsTruncated") == "true"
    assert element(await world.ask("GET", bucket, "", [("uploads", "")]), "Key") == "up"
    query = [("uploadId", upload)]
    etags = [header(each, "ETag") for each in (first, whole)]
    parts = "".join(
        f"<Part><PartNumber>{n}</PartNumber><ETag>{etag}</ETag></Part>"
        for n, etag in enumerate(etags, 1)
    )
    body = f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()
    every = {"x-oss-complete-all": "yes"}
    assert code(await world.ask("POST", bucket, "up", query, every, body)) == "InvalidArgument"
    wrong = {"Content-MD5": etag_to_content_md5(md5_hex(b"x"))}
    assert code(await world.ask("POST", bucket, "up", query, wrong, body)) == "InvalidDigest"
    for bad in (body.replace(b"<PartNumber>1<", b"<PartNumber>x<"), b""):
        assert code(await world.ask("POST", bucket, "up", query, {}, bad)) == "MalformedXML"
    callback = {"x-oss-callback": _callback("bucket=${bucket}&size=${size}")}
    done = await world.ask("POST", bucket, "up", query, callback, body)
    assert (done.status, done.body) == (200, b'{"Status":1} ')
    assert b"size=%d" % (len(BIG) * 6) in world.sender.attempts[0].body
    assert content(await world.ask("GET", bucket, "up")) == BIG * 6
    upload = element(await world.ask("POST", bucket, "up", [("uploads", "")]), "UploadId")
    assert (await world.ask("DELETE", bucket, "up", [("uploadId", upload)])).status == 204


def _callback(body: str) -> str:
    return base64.b64encode(
        json.dumps({"callbackUrl": "http://127.0.0.1:8000/", "callbackBody": body}).encode()
    ).decode()


async def test_callbacks(world: World, bucket: str) -> None:
    config = _callback("object=${object}&mime=${mimeType}&h=${imageInfo.height}&v=${x:v}")
    variables = base64.b64encode(b'{"x:v":"1"}').decode()
    headers = {"x-oss-callback": config, "x-oss-callback-var": variables}
    answer = await world.ask("PUT", bucket, "k", headers=headers, body=BIG)
    assert (answer.status, answer.body) == (200, b'{"Status":1} ')
    assert header(answer, "ETag") == f'"{md5_hex(BIG)}"'
    query = [("callback", config), ("callback-var", variables)]
    assert (await world.ask("PUT", bucket, "k", query, body=b"x")).body == b'{"Status":1} '
    world.sender.says = CallbackFailure(fault=CallbackFault.NOT_CONNECTED, detail="refused")
    failed = await world.ask("PUT", bucket, "after", headers=headers, body=b"x")
    assert (failed.status, code(failed)) == (203, "CallbackFailed")
    assert header(failed, "ETag") == f'"{md5_hex(b"x")}"'
    assert content(await world.ask("GET", bucket, "after")) == b"x"


async def test_appending(world: World, bucket: str) -> None:
    for position, body in ((0, b"ab"), (2, b"c")):
        query = [("append", ""), ("position", str(position))]
        answer = await world.ask("POST", bucket, "log", query, body=body)
        assert header(answer, "x-oss-next-append-position") == str(position + len(body))
    got = await world.ask("GET", bucket, "log")
    assert (content(got), header(got, "x-oss-next-append-position")) == (b"abc", "3")


# --- forms ---


def form(fields: dict[str, str], file: bytes | None = b"content") -> bytes:
    parts = [
        f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    if file is not None:
        parts.append(
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="C:\\a\\f.txt"\r\n'
            b"Content-Type: text/x\r\n\r\n" + file + b"\r\n"
        )
    return b"".join(parts) + b"--b--\r\n"


def signed(world: World, *conditions: object, expires_in_s: int = 60) -> dict[str, str]:
    text = build(
        expires_at_ms=world.clock.at + expires_in_s * 1000,
        conditions=[{"bucket": "bucket"}, *conditions],  # type: ignore[list-item]
    )
    signature = signature_v1.sign_policy(text, "root")
    return {"OSSAccessKeyId": "ROOT", "policy": text, "Signature": signature}


FORM = {"Content-Type": "multipart/form-data; boundary=b"}


async def test_post_forms(world: World, bucket: str) -> None:
    target, given = "/bucket/", {"key": "d/${filename}", **signed(world)}
    assert (await world.hand("POST", target, FORM, form(given))).status == 204
    got = await world.ask("GET", bucket, "d/f.txt")
    assert (content(got), header(got, "Content-Type")) == (b"content", "text/x")
    created = await world.hand(
        "POST", target, FORM, form({**given, "success_action_status": "201"})
    )
    assert (created.status, element(created, "Key")) == (201, "d/f.txt")
    to = {"success_action_redirect": "http://page/?a=1"}
    moved = await world.hand("POST", target, FORM, form({**given, **to}))
    assert moved.status == 303
    assert (header(moved, "Location") or "").startswith("http://page/?a=1&bucket=bucket&key=d")
    told = {"callback": _callback("k=${object}&v=${x:v}"), "x:v": "1"}
    assert (
        await world.hand("POST", target, FORM, form({**given, **told}))
    ).body == b'{"Status":1} '
    large = await world.hand("POST", target, FORM, form(given, BIG))
    assert large.status == 204
    assert content(await world.ask("GET", bucket, "d/f.txt")) == BIG


@pytest.mark.parametrize(
    ("fields", "conditions", "file", "expected"),
    [
        ({}, [], None, "IncorrectNumberOfFilesInPOSTRequest"),
        ({"key": ""}, [], b"x", "InvalidArgument"),
        ({"x-oss-forbid-overwrite": "true", "key": "there"}, [], b"x", "FileAlreadyExists"),
        ({}, [["content-length-range", 5, 9]], b"x", "EntityTooSmall"),
        ({}, [["content-length-range", 1, 2]], b"xyz", "EntityTooLarge"),
        ({}, [["eq", "$key", "else"]], b"x", "AccessDenied"),
        ({"policy": ""}, [], b"x", "SignatureDoesNotMatch"),
        ({"cache-control": "a\r\nb"}, [], b"x", "InvalidArgument"),
        ({"callback": "%"}, [], b"x", "InvalidArgument"),
    ],
)
async def test_post_forms_that_are_refused(
    world: World,
    bucket: str,
    fields: dict[str, str],
    conditions: list[object],
    file: bytes | None,
    expected: str,
) -> None:
    await world.ask("PUT", bucket, "there", body=b"there")
    body = form({"key": "k", **signed(world, *conditions), **fields}, file)
    assert code(await world.hand("POST", "/bucket/", FORM, body)) == expected
    assert code(await world.ask("GET", bucket, "k")) == "NoSuchKey"
    key_only = {"key": "k"}
    assert code(await world.hand("POST", "/bucket/", FORM, form(key_only))) == "AccessDenied"


async def test_a_form_with_an_empty_policy_is_no_permission(world: World, bucket: str) -> None:
    empty = {"OSSAccessKeyId": "ROOT", "policy": ""}
    fields = {"key": "k", **empty, "Signature": signature_v1.sign_policy("", "root")}
    answer = await world.hand("POST", "/bucket/", FORM, form(fields))
    assert code(answer) == "InvalidPolicyDocument"


async def test_a_form_by_anybody_into_an_open_bucket(world: World, bucket: str) -> None:
    await world.ask("PUT", bucket, "", [("acl", "")], {"x-oss-acl": "public-read-write"})
    headers = {**FORM, "x-oss-object-acl": "public-read"}
    assert (await world.hand("POST", "/bucket/", headers, form({"key": "k"}))).status == 204
    assert element(await world.ask("GET", bucket, "k", [("acl", "")]), "Grant") == "public-read"
    asked = [("response-expires", "x")]
    assert code(await world.ask("GET", bucket, "k", asked, by=world.anonymous)) == "InvalidRequest"


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("<AllowedOrigin>*</AllowedOrigin>", "MalformedXML"),
        ("<AllowedOrigin>**</AllowedOrigin>", "InvalidArgument"),
        ("<ExposeHeader>*</ExposeHeader>", "InvalidArgument"),
        ("<AllowedMethod>PATCH</AllowedMethod>", "InvalidArgument"),
        ("<MaxAgeSeconds>²</MaxAgeSeconds>", "MalformedXML"),
        ("<!--" + "x" * 17_000 + "-->", "MalformedXML"),
    ],
)
async def test_cors_rules_that_are_refused(
    world: World, bucket: str, rule: str, expected: str
) -> None:
    body = f"<CORSConfiguration><CORSRule>{rule}</CORSRule></CORSConfiguration>".encode()
    assert code(await world.ask("PUT", bucket, query=[("cors", "")], body=body)) == expected
    none = b"<CORSConfiguration/>"
    assert code(await world.ask("PUT", bucket, query=[("cors", "")], body=none)) == "MalformedXML"


@pytest.mark.parametrize(
    ("header_", "plain", "standard"),
    [
        ("bytes=0-0", (206, b"0"), (206, b"0")),
        ("bytes=7-", (206, b"789"), (206, b"789")),
        ("bytes=-3", (206, b"789"), (206, b"789")),
        ("bytes=-99", (200, b"0123456789"), (200, b"0123456789")),
        ("bytes=7-99", (200, b"0123456789"), (206, b"789")),
        ("bytes=5-4", (200, b"0123456789"), (200, b"0123456789")),
        ("bytes=-0", (416, b""), (416, b"")),  # W18
        ("bytes=10-", (200, b"0123456789"), (416, b"")),
        ("bytes=-", (200, b"0123456789"), (200, b"0123456789")),
    ],
)
async def test_ranges(
    world: World,
    bucket: str,
    header_: str,
    plain: tuple[int, bytes],
    standard: tuple[int, bytes],
) -> None:
    await world.ask("PUT", bucket, "k", body=b"0123456789")
    for more, expected in (({}, plain), ({"x-oss-range-behavior": "standard"}, standard)):
        got = await world.ask("GET", bucket, "k", headers={"Range": header_, **more})
        assert got.status == expected[0]
        if got.status == 416:
            assert header(got, "Content-Range") == "bytes */10"
        else:
            assert content(got) == expected[1]
