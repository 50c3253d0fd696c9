"""Bucket operations on the wire; each test names what it covers."""

import re
import uuid

import pytest
from asking import Ask

from ossia.client.signing_client import SigningClient
from running import Server

ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z\Z")


def fresh() -> str:
    return f"b-{uuid.uuid4().hex[:20]}"


@pytest.mark.covers("PutBucket")
def test_put_bucket_answers_its_location(client: SigningClient) -> None:
    """ali-oss takes the bucket's name from it (clients.md)."""
    name = fresh()
    reply = client.request("PUT", name)
    assert (reply.status, reply.headers["location"], reply.body) == (200, f"/{name}", b"")
    assert re.fullmatch(r"[0-9A-F]{24}", reply.headers["x-oss-request-id"])


@pytest.mark.covers("PutBucket")
def test_repeating_put_bucket_is_no_error_and_sets_the_acl(client: SigningClient) -> None:
    name = fresh()
    assert client.request("PUT", name).status == 200
    assert client.request("PUT", name, headers={"x-oss-acl": "public-read"}).status == 200
    assert client.request("GET", name, query=[("acl", "")]).element("Grant") == "public-read"


@pytest.mark.covers("PutBucket")
@pytest.mark.parametrize(
    ("name", "headers", "body", "status", "code"),
    [
        pytest.param("ab", {}, b"", 400, "InvalidBucketName", id="short"),
        pytest.param("Upper", {}, b"", 400, "InvalidBucketName", id="upper-case"),
        pytest.param("-dash", {}, b"", 400, "InvalidBucketName", id="dash-first"),
        pytest.param("a" * 64, {}, b"", 400, "InvalidBucketName", id="long"),
        pytest.param("", {"x-oss-acl": "nobody"}, b"", 400, "InvalidArgument", id="acl"),
        pytest.param("", {}, b"<x", 400, "MalformedXML", id="not-xml"),
        pytest.param("", {}, b"<Other/>", 400, "MalformedXML", id="other-root"),
        pytest.param(
            "",
            {},
            b"<CreateBucketConfiguration><LocationConstraint>oss-mars</LocationConstraint></CreateBucketConfiguration>",
            400,
            "InvalidLocationConstraint",
            id="region",
        ),
        pytest.param(
            "",
            {},
            b"<CreateBucketConfiguration><StorageClass>Gold</StorageClass></CreateBucketConfiguration>",
            400,
            "InvalidArgument",
            id="class",
        ),
        pytest.param(
            "",
            {},
            b'<!DOCTYPE x [<!ENTITY a "b">]><CreateBucketConfiguration/>',
            400,
            "MalformedXML",
            id="doctype",
        ),
    ],
)
def test_bad_put_bucket(
    client: SigningClient, name: str, headers: dict[str, str], body: bytes, status: int, code: str
) -> None:
    reply = client.request("PUT", name or fresh(), headers=headers, body=body)
    assert (reply.status, reply.code) == (status, code)


@pytest.mark.covers("PutBucket")
def test_put_bucket_with_another_class_is_refused(client: SigningClient) -> None:
    name = fresh()
    body = b"<CreateBucketConfiguration><StorageClass>IA</StorageClass></CreateBucketConfiguration>"
    assert client.request("PUT", name, body=body).status == 200
    reply = client.request("PUT", name)
    assert (reply.status, reply.code) == (409, "BucketAlreadyExists")
    assert reply.element("Message") == "Cannot modify existing bucket's storage class."


@pytest.mark.covers("ListBuckets")
def test_list_buckets(client: SigningClient, server: Server) -> None:
    prefix = fresh()
    names = [f"{prefix}{number}" for number in range(3)]
    for name in names:
        client.request("PUT", name)
    page = client.request("GET", query=[("prefix", prefix), ("max-keys", "2")])
    assert re.findall(r"<Name>(.*?)</Name>", page.body.decode()) == names[:2]
    assert page.element("IsTruncated") == "true"
    assert page.element("NextMarker") == names[1]
    assert page.element("ExtranetEndpoint") == server.address
    assert page.element("Location") == f"oss-{server.region}"
    assert ISO.match(page.element("CreationDate"))
    rest = client.request("GET", query=[("prefix", prefix), ("marker", names[1])])
    assert re.findall(r"<Name>(.*?)</Name>", rest.body.decode()) == names[2:]
    assert rest.element("IsTruncated") == "false"


@pytest.mark.covers("ListBuckets")
def test_list_buckets_is_not_for_everybody(anonymous: SigningClient) -> None:
    reply = anonymous.request("GET")
    assert (reply.status, reply.code) == (403, "AccessDenied")


@pytest.mark.covers("ListBuckets")
@pytest.mark.parametrize("value", ["0", "1001", "-1", "x", "\uff19"])
def test_bad_max_keys(client: SigningClient, value: str) -> None:
    reply = client.request("GET", query=[("max-keys", value)])
    assert (reply.status, reply.code, reply.element("ArgumentName")) == (
        400,
        "InvalidArgument",
        "max-keys",
    )


@pytest.mark.covers("DeleteBucket")
def test_delete_bucket(client: SigningClient, bucket: str, ask: Ask) -> None:
    ask("PUT", "k", body=b"x")
    reply = ask("DELETE")
    assert (reply.status, reply.code, reply.element("BucketName")) == (
        409,
        "BucketNotEmpty",
        bucket,
    )
    ask("DELETE", "k")
    upload = ask("POST", "k", query=[("uploads", "")]).element("UploadId")
    assert ask("DELETE").code == "BucketNotEmpty"
    ask("DELETE", "k", query=[("uploadId", upload)])
    assert ask("DELETE").status == 204
    assert ask("DELETE").code == "NoSuchBucket"


@pytest.mark.covers("HeadBucket")
def test_head_bucket(client: SigningClient, ask: Ask) -> None:
    assert ask("HEAD").status == 200
    missing = client.request("HEAD", fresh())
    assert (missing.status, missing.body) == (404, b"")
    assert missing.headers["x-oss-ec"] == "0015-00000101"
    assert missing.headers["x-oss-err"]


@pytest.mark.covers("GetBucketInfo")
def test_get_bucket_info(ask: Ask, bucket: str, server: Server) -> None:
    reply = ask("GET", query=[("bucketInfo", "")])
    assert reply.element("Name") == bucket
    assert reply.element("ExtranetEndpoint") == server.address
    assert reply.element("Grant") == "private"
    assert reply.element("SSEAlgorithm") == "None"
    assert reply.element("ID") == server.account_id
    assert b"xmlns" not in reply.body


@pytest.mark.covers("GetBucketLocation")
def test_get_bucket_location(ask: Ask, server: Server) -> None:
    assert ask("GET", query=[("location", "")]).element("LocationConstraint") == (
        f"oss-{server.region}"
    )


@pytest.mark.covers("GetBucketStat")
def test_get_bucket_stat_counts_what_is_there(ask: Ask) -> None:
    ask("PUT", "a", body=b"12345")
    ask("PUT", "b", body=b"x" * 100_000)
    ask("PUT", "b", body=b"x" * 50_000)
    upload = ask("POST", "c", query=[("uploads", "")]).element("UploadId")
    ask("PUT", "c", query=[("partNumber", "1"), ("uploadId", upload)], body=b"part")
    reply = ask("GET", query=[("stat", "")])
    assert reply.element("ObjectCount") == "2"
    # Parts occupy storage, too.
    assert reply.element("Storage") == "50009"
    assert reply.element("MultipartUploadCount") == "1"
    assert reply.element("MultipartPartCount") == "1"


@pytest.mark.covers("PutBucketAcl")
@pytest.mark.covers("GetBucketAcl")
def test_bucket_acl(ask: Ask) -> None:
    assert ask("GET", query=[("acl", "")]).element("Grant") == "private"
    for acl in ("public-read-write", "public-read", "private"):
        assert ask("PUT", query=[("acl", "")], headers={"x-oss-acl": acl}).status == 200
        assert ask("GET", query=[("acl", "")]).element("Grant") == acl
    assert ask("PUT", query=[("acl", "")], headers={"x-oss-acl": "x"}).code == "InvalidArgument"


CORS = (
    b"<CORSConfiguration><CORSRule><AllowedOrigin>http://*.example.com</AllowedOrigin>"
    b"<AllowedMethod>PUT</AllowedMethod><AllowedMethod>GET</AllowedMethod>"
    b"<AllowedHeader>x-oss-*</AllowedHeader><AllowedHeader>Content-Type</AllowedHeader>"
    b"<ExposeHeader>ETag</ExposeHeader><MaxAgeSeconds>100</MaxAgeSeconds></CORSRule>"
    b"<CORSRule><AllowedOrigin>*</AllowedOrigin><AllowedMethod>HEAD</AllowedMethod></CORSRule>"
    b"</CORSConfiguration>"
)


@pytest.mark.covers("PutBucketCors")
@pytest.mark.covers("GetBucketCors")
@pytest.mark.covers("DeleteBucketCors")
def test_bucket_cors(ask: Ask) -> None:
    assert ask("GET", query=[("cors", "")]).code == "NoSuchCORSConfiguration"
    assert ask("PUT", query=[("cors", "")], body=CORS).status == 200
    got = ask("GET", query=[("cors", "")])
    assert got.element("AllowedOrigin") == "http://*.example.com"
    assert got.element("MaxAgeSeconds") == "100"
    assert ask("DELETE", query=[("cors", "")]).status == 204
    assert ask("GET", query=[("cors", "")]).code == "NoSuchCORSConfiguration"


@pytest.mark.covers("PutBucketCors")
@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "MalformedXML"),
        (b"<CORSConfiguration/>", "MalformedXML"),
        (b"<CORSConfiguration><CORSRule/></CORSConfiguration>", "MalformedXML"),
        (CORS.replace(b"http://*.example.com", b"http://*.*.com"), "InvalidArgument"),
        (CORS.replace(b">PUT<", b">PATCH<"), "InvalidArgument"),
        (CORS.replace(b">ETag<", b">*<"), "InvalidArgument"),
        (CORS.replace(b">100<", b">soon<"), "MalformedXML"),
        (CORS + b" " * 20_000, "MalformedXML"),
    ],
)
def test_bad_cors(ask: Ask, body: bytes, code: str) -> None:
    assert ask("PUT", query=[("cors", "")], body=body).code == code


@pytest.mark.covers("PutBucketCors")
def test_preflight(ask: Ask, anonymous: SigningClient, bucket: str) -> None:
    asked = {
        "Origin": "http://a.example.com",
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "content-type, X-Oss-Meta-A",
    }
    assert anonymous.request("OPTIONS", bucket, "k", headers=asked).code == "AccessForbidden"
    ask("PUT", query=[("cors", "")], body=CORS)
    reply = anonymous.request("OPTIONS", bucket, "k", headers=asked)
    assert (reply.status, reply.body) == (200, b"")
    assert reply.headers["access-control-allow-origin"] == "http://a.example.com"
    assert reply.headers["access-control-allow-methods"] == "PUT, GET"
    assert reply.headers["access-control-allow-headers"] == "content-type, X-Oss-Meta-A"
    assert reply.headers["access-control-max-age"] == "100"
    assert reply.headers["vary"] == "Origin"
    for name, value in (
        ("Origin", "http://example.org"),
        ("Access-Control-Request-Method", "DELETE"),
        ("Access-Control-Request-Headers", "x-other"),
    ):
        refused = anonymous.request("OPTIONS", bucket, "k", headers={**asked, name: value})
        assert (refused.status, refused.code) == (403, "AccessForbidden")
    assert anonymous.request("OPTIONS", bucket, "k").code == "InvalidArgument"
    assert anonymous.request("OPTIONS", fresh(), "k", headers=asked).code == "NoSuchBucket"


@pytest.mark.covers("PutBucketCors")
def test_cross_origin_answers_and_errors_carry_the_headers(ask: Ask) -> None:
    ask("PUT", query=[("cors", "")], body=CORS)
    origin = {"Origin": "http://a.example.com"}
    missing = ask("GET", "missing", headers=origin)
    assert missing.status == 404
    assert missing.headers["access-control-allow-origin"] == "http://a.example.com"
    assert missing.headers["access-control-expose-headers"] == "ETag"
    assert "access-control-allow-origin" not in ask("DELETE", "k", headers=origin).headers
    assert ask("HEAD", "k", headers=origin).headers["access-control-allow-origin"] == "*"


@pytest.mark.covers("GetBucketVersioning")
def test_versioning_was_never_enabled(ask: Ask) -> None:
    reply = ask("GET", query=[("versioning", "")])
    assert reply.body.endswith(b"<VersioningConfiguration></VersioningConfiguration>")


def tagging(*tags: tuple[str, str]) -> bytes:
    each = (f"<Tag><Key>{key}</Key><Value>{value}</Value></Tag>" for key, value in tags)
    return f"<Tagging><TagSet>{''.join(each)}</TagSet></Tagging>".encode()


@pytest.mark.covers("PutBucketTags", "GetBucketTags", "DeleteBucketTags")
def test_bucket_tags(ask: Ask) -> None:
    query = [("tagging", "")]
    assert ask("GET", query=query).body.endswith(b"<Tagging><TagSet></TagSet></Tagging>")
    assert ask("DELETE", query=query).status == 204
    assert (
        ask("PUT", query=query, body=tagging(("a", "1"), ("b", ""), ("c", "&amp;"))).status == 200
    )
    found = ask("GET", query=query)
    assert (found.status, found.headers["content-type"]) == (200, "application/xml")
    assert found.body.endswith(tagging(("a", "1"), ("b", ""), ("c", "&amp;")))
    # What is put takes the place of all that were there.
    assert ask("PUT", query=query, body=tagging(("b", "2"), ("d", "3"))).status == 200
    assert ask("DELETE", query=[("tagging", "a,d,x")]).status == 204
    assert ask("GET", query=query).body.endswith(tagging(("b", "2")))
    assert ask("DELETE", query=[("tagging", "b")]).status == 204
    assert ask("GET", query=query).body.endswith(b"<TagSet></TagSet></Tagging>")
    assert ask("PUT", query=query, body=tagging(("a", "1"))).status == 200
    assert ask("PUT", query=query, body=tagging()).status == 200
    assert ask("GET", query=query).body.endswith(b"<TagSet></TagSet></Tagging>")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "MalformedXML"),
        (b"<Tagging/>", "MalformedXML"),
        (b"<Other/>", "MalformedXML"),
        (tagging(("", "x")), "InvalidTag"),
        (tagging(("k" * 65, "x")), "InvalidTag"),
        (tagging(("\u00e4" * 33, "x")), "InvalidTag"),
        (tagging(("k", "v" * 129)), "InvalidTag"),
        (tagging(("aliyunX", "v")), "InvalidTag"),
        (tagging(("HTTP://x", "v")), "InvalidTag"),
        (tagging(("a", "1"), ("a", "2")), "InvalidTag"),
        (tagging(*((f"k{number}", "v") for number in range(21))), "InvalidTag"),
    ],
)
def test_bad_bucket_tags_change_nothing(ask: Ask, body: bytes, code: str) -> None:
    query = [("tagging", "")]
    most = [(f"k{number}", "v" * 128) for number in range(19)]
    stays = tagging(*most, ("k" * 64, ""))
    assert ask("PUT", query=query, body=stays).status == 200
    reply = ask("PUT", query=query, body=body)
    assert (reply.status, reply.code) == (400, code)
    assert ask("GET", query=query).body.endswith(stays)


def test_buckets_are_listed_by_their_tags(client: SigningClient) -> None:
    team = fresh()
    for number, tags in enumerate(((("team", team),), (("team", team), ("x", "1")), (("x", "1"),))):
        name = f"{team}-{number}"
        assert client.request("PUT", name).status == 200
        assert (
            client.request("PUT", name, query=[("tagging", "")], body=tagging(*tags)).status == 200
        )

    def listed(*query: tuple[str, str]) -> tuple[list[str], str | None]:
        reply = client.request("GET", query=[("prefix", team), *query])
        assert reply.status == 200, reply.body
        names = re.findall(rb"<Name>[^<]*-(\d)</Name>", reply.body)
        return [each.decode() for each in names], reply.element("IsTruncated")

    assert listed() == (["0", "1", "2"], "false")
    assert listed(("tag-key", "team")) == (["0", "1"], "false")
    assert listed(("tag-key", "team"), ("tag-value", team)) == (["0", "1"], "false")
    assert listed(("tag-key", "team"), ("tag-value", "other")) == ([], "false")
    assert listed(("tagging", f'"team":"{team}","x":"1"')) == (["1"], "false")
    assert listed(("tagging", '"x":"1"'), ("max-keys", "1")) == (["1"], "true")
    assert listed(("tagging", '"x":"1"'), ("marker", f"{team}-1")) == (["2"], "false")
    assert listed(("tagging", "")) == (["0", "1", "2"], "false")
    for wrong in (
        [("tag-value", "x")],
        [("tagging", "x=1")],
        [("tagging", '"x":"1"'), ("tag-key", "x")],
    ):
        reply = client.request("GET", query=wrong)
        assert (reply.status, reply.code) == (400, "InvalidArgument")
    for number in range(3):
        assert client.request("DELETE", f"{team}-{number}").status == 204


@pytest.mark.covers("ListLiveChannel")
def test_there_are_no_live_channels(ask: Ask) -> None:
    reply = ask("GET", query=[("live", "")])
    assert (reply.status, reply.element("IsTruncated")) == (200, "false")


@pytest.mark.parametrize(
    ("method", "key", "query", "name"),
    [
        ("PUT", "k", [("link", "")], "CreateObjectLink"),
        ("GET", "k", [("x-oss-process", "image/info")], "GetProcessedObject"),
        ("PUT", "", [("httpsConfig", "")], "PutBucketHttpsConfig"),
        (
            "GET",
            "",
            [("replicationProgress", ""), ("rule-id", "x")],
            "GetBucketReplicationProgress",
        ),
    ],
)
def test_declined_operations_are_501_with_their_name(
    ask: Ask, method: str, key: str, query: list[tuple[str, str]], name: str
) -> None:
    ask("PUT", "k", body=b"stays")
    reply = ask(method, key, query=query, body=b"<Tagging/>" if method == "PUT" else b"")
    assert (reply.status, reply.code, reply.element("Operation")) == (501, "NotImplemented", name)
    assert ask("GET", "k").body == b"stays"


def test_a_sub_resource_never_falls_through(ask: Ask) -> None:
    ask("PUT", "k", body=b"stays")
    assert ask("PUT", "k", query=[("cors", "")], body=b"other").status in (400, 405)
    assert ask("PUT", "k", query=[("acl", ""), ("tagging", "")], body=b"other").status == 400
    assert ask("PATCH", "k").status == 405
    assert ask("GET", "k").body == b"stays"
