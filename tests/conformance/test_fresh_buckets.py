"""What a bucket says of itself and what is said of none: settings that were never made, ACLs that create, tags, CORS (witnessed.md)."""

import json
import uuid
import xml.etree.ElementTree as ET
from collections.abc import Iterator

import alibabacloud_oss_v2 as oss_v2
import oss2
import pytest
from asking import Ask

from ossia.client.signing_client import SigningClient
from running import Server, running_server


def fresh() -> str:
    return f"b-{uuid.uuid4().hex[:20]}"


@pytest.fixture
def store(server: Server, bucket: str) -> oss2.Bucket:
    auth = oss2.Auth(server.access_key_id, server.access_key_secret)
    return oss2.Bucket(auth, server.endpoint, bucket)


@pytest.fixture
def sdk(server: Server) -> oss_v2.Client:
    config = oss_v2.config.load_default()
    config.credentials_provider = oss_v2.credentials.StaticCredentialsProvider(
        server.access_key_id, server.access_key_secret
    )
    config.region, config.endpoint = server.region, server.endpoint
    return oss_v2.Client(config)


# --- W35: settings that were never made ---


@pytest.mark.covers("GetBucketLogging")
@pytest.mark.covers("GetBucketReferer")
@pytest.mark.covers("GetBucketRequestPayment")
@pytest.mark.covers("GetBucketAccessMonitor")
@pytest.mark.parametrize(
    ("query", "document"),
    [
        ("logging", "<BucketLoggingStatus></BucketLoggingStatus>"),
        (
            "referer",
            (
                "<RefererConfiguration><AllowEmptyReferer>true</AllowEmptyReferer>"
                "<RefererList></RefererList></RefererConfiguration>"
            ),
        ),
        (
            "requestPayment",
            "<RequestPaymentConfiguration><Payer>BucketOwner</Payer></RequestPaymentConfiguration>",
        ),
        (
            "accessmonitor",
            "<AccessMonitorConfiguration><Status>Disabled</Status></AccessMonitorConfiguration>",
        ),
    ],
)
def test_w35_settings_that_have_a_default(ask: Ask, query: str, document: str) -> None:
    reply = ask("GET", query=[(query, "")])
    assert (reply.status, reply.headers["content-type"]) == (200, "application/xml")
    assert reply.body.decode().partition("\n")[2] == document


@pytest.mark.covers("GetBucketLifecycle")
@pytest.mark.covers("GetBucketWebsite")
@pytest.mark.covers("GetBucketTransferAcceleration")
@pytest.mark.covers("GetBucketWorm")
@pytest.mark.covers("GetBucketReplication")
@pytest.mark.parametrize(
    ("query", "code", "text"),
    [
        ("lifecycle", "NoSuchLifecycle", "No Row found in Lifecycle Table."),
        (
            "website",
            "NoSuchWebsiteConfiguration",
            "The specified bucket does not have a website configuration.",
        ),
        ("transferAcceleration", "NoSuchTransferAccelerationConfiguration", ""),
        ("worm", "NoSuchWORMConfiguration", ""),
        ("replication", "NoSuchReplicationConfiguration", ""),
    ],
)
def test_w35_settings_that_are_missing(
    ask: Ask, bucket: str, query: str, code: str, text: str
) -> None:
    reply = ask("GET", query=[(query, "")])
    assert (reply.status, reply.code, reply.element("BucketName")) == (404, code, bucket)
    assert text in reply.element("Message")
    # Making most of them is not offered: by name.  Nothing seems to have been made in any case.
    assert ask("PUT", query=[(query, "")], body=b"<x/>").status in (400, 405, 501)
    assert ask("GET", query=[(query, "")]).code == code


@pytest.mark.covers("DeleteBucketLogging")
@pytest.mark.covers("DeleteBucketLifecycle")
@pytest.mark.covers("DeleteBucketWebsite")
@pytest.mark.parametrize("query", ["logging", "lifecycle", "website"])
def test_w35_removing_what_was_never_made(ask: Ask, client: SigningClient, query: str) -> None:
    """The Go SDK v1's suite removes a website and rules "without set"."""
    before = ask("GET", query=[(query, "")])
    assert ask("DELETE", query=[(query, "")]).status == 204
    after = ask("GET", query=[(query, "")])
    assert (after.status, after.code) == (before.status, before.code)
    assert client.request("DELETE", fresh(), query=[(query, "")]).code == "NoSuchBucket"


@pytest.mark.covers("GetBucketStat")
def test_a_fresh_bucket_was_modified_when_it_was_made(ask: Ask) -> None:
    """Asserted by the Go SDK v2's TestGetBucketStat."""
    assert int(ask("GET", query=[("stat", "")]).element("LastModifiedTime")) > 1_700_000_000


def test_w35_oss2_reads_what_terraform_reads(store: oss2.Bucket) -> None:
    assert store.get_bucket_logging().target_bucket == ""
    referer = store.get_bucket_referer()
    assert (referer.allow_empty_referer, referer.referers) == (True, [])
    assert store.get_bucket_request_payment().payer == "BucketOwner"
    for read, refusal in (
        (store.get_bucket_lifecycle, oss2.exceptions.NoSuchLifecycle),
        (store.get_bucket_website, oss2.exceptions.NoSuchWebsite),
        (store.get_bucket_encryption, oss2.exceptions.NoSuchServerSideEncryptionRule),
        (store.get_bucket_worm, oss2.exceptions.NoSuchWORMConfiguration),
        (
            store.get_bucket_transfer_acceleration,
            oss2.exceptions.NoSuchTransferAccelerationConfiguration,
        ),
    ):
        with pytest.raises(refusal):
            read()


@pytest.mark.parametrize("query", ["logging", "referer", "lifecycle", "website", "encryption"])
def test_w35_of_a_bucket_that_is_not_there(client: SigningClient, query: str) -> None:
    assert client.request("GET", fresh(), query=[(query, "")]).code == "NoSuchBucket"


# --- W24: PutBucketAcl ---


@pytest.mark.covers("PutBucketAcl")
def test_w24_put_bucket_acl_without_an_acl_changes_nothing(ask: Ask, bucket: str) -> None:
    acl = {"x-oss-acl": "public-read"}
    assert ask("PUT", query=[("acl", "")], headers=acl).status == 200
    for headers in ({}, {"x-oss-acl": ""}):
        reply = ask("PUT", query=[("acl", "")], headers=headers)
        assert (reply.status, reply.headers["location"]) == (200, f"/{bucket}")
    assert ask("GET", query=[("acl", "")]).element("Grant") == "public-read"


@pytest.mark.covers("PutBucketAcl")
@pytest.mark.parametrize(
    ("headers", "acl"), [({}, "private"), ({"x-oss-acl": "public-read"}, "public-read")]
)
def test_w24_put_bucket_acl_creates_a_bucket(
    client: SigningClient, headers: dict[str, str], acl: str
) -> None:
    name = fresh()
    reply = client.request("PUT", name, query=[("acl", "")], headers=headers)
    assert (reply.status, reply.headers["location"]) == (200, f"/{name}")
    info = client.request("GET", name, query=[("bucketInfo", "")])
    assert (info.element("Grant"), info.element("StorageClass")) == (acl, "Standard")


@pytest.mark.covers("PutBucketAcl")
def test_w24_put_bucket_acl_creates_no_bucket_for_strangers(
    client: SigningClient, anonymous: SigningClient
) -> None:
    name = fresh()
    headers = {"x-oss-acl": "private"}
    assert anonymous.request("PUT", name, query=[("acl", "")], headers=headers).status == 403
    assert client.request("GET", name).code == "NoSuchBucket"
    assert (
        client.request("PUT", "Upper", query=[("acl", "")], headers=headers).code
        == "InvalidBucketName"
    )
    odd = {"x-oss-acl": "odd"}
    assert client.request("PUT", name, query=[("acl", "")], headers=odd).code == "InvalidArgument"
    assert client.request("GET", name).code == "NoSuchBucket"


# --- W26, W51: what describes buckets ---


@pytest.mark.covers("GetBucketInfo")
@pytest.mark.covers("GetBucketResourceGroup")
@pytest.mark.covers("ListBuckets")
@pytest.mark.covers("HeadBucket")
def test_w26_every_bucket_names_its_resource_group(
    ask: Ask, client: SigningClient, bucket: str, sdk: oss_v2.Client
) -> None:
    group = ask("GET", query=[("bucketInfo", "")]).element("ResourceGroupId")
    assert group.startswith("rg-")
    assert len(group) == 18
    assert ask("GET", query=[("resourceGroup", "")]).element("ResourceGroupId") == group
    assert (
        sdk.get_bucket_info(
            oss_v2.GetBucketInfoRequest(bucket=bucket)
        ).bucket_info.resource_group_id
        == group
    )
    for asked, found in ((group, [bucket]), ("rg-other", [])):
        listed = client.request(
            "GET", query=[("prefix", bucket)], headers={"x-oss-resource-group-id": asked}
        )
        assert names(listed.body) == found
    assert ask("HEAD").headers["x-oss-bucket-region"] == f"oss-{client.region}"


def names(body: bytes) -> list[str | None]:
    return [each.text for each in ET.fromstring(body).findall("Buckets/Bucket/Name")]  # noqa: S314 - our own answer


TAGS = (
    b"<Tagging><TagSet><Tag><Key>team</Key><Value>a,b</Value></Tag>"
    b"<Tag><Key>x</Key><Value>1</Value></Tag></TagSet></Tagging>"
)


@pytest.mark.covers("ListBuckets")
@pytest.mark.parametrize(
    ("tagging", "is_found"),
    [
        ('"team":"a,b"', True),
        ('"team":"a,b","x":"1"', True),
        ("x:1", True),
        ("x:2", False),
        ("x:1,y:2", False),
        ("", True),
        ('"x":"1"', True),
    ],
)
def test_w26_w51_tags_in_lists_of_buckets(
    ask: Ask, client: SigningClient, bucket: str, tagging: str, is_found: bool
) -> None:
    assert ask("PUT", query=[("tagging", "")], body=TAGS).status == 200
    reply = client.request("GET", query=[("prefix", bucket), ("tagging", tagging)])
    assert (reply.status, names(reply.body)) == (200, [bucket] if is_found else [])
    told = {
        each.findtext("Key"): each.findtext("Value")
        for each in ET.fromstring(reply.body).findall("Buckets/Bucket/Tagging/TagSet/Tag")  # noqa: S314 - our own answer
    }
    assert told == ({"team": "a,b", "x": "1"} if is_found else {})
    assert b"<Tagging>" not in client.request("GET", query=[("prefix", bucket)]).body


@pytest.mark.covers("ListBuckets")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("prefix", "Upper"),
        ("prefix", "a_b"),
        ("prefix", "a.b"),
        ("prefix", "中"),
        ("prefix", "a" * 64),
        ("tagging", "novalue"),
        ("tagging", '"a":b'),
        ("tagging", "a:b:c"),
    ],
)
def test_w51_what_no_bucket_can_have_is_refused(
    client: SigningClient, name: str, value: str
) -> None:
    reply = client.request("GET", query=[(name, value)])
    assert (reply.status, reply.code, reply.element("ArgumentName")) == (
        400,
        "InvalidArgument",
        name,
    )


@pytest.mark.covers("PutBucket")
@pytest.mark.parametrize(
    ("header", "value", "status", "code"),
    [
        ("x-oss-server-side-encryption", "odd", 400, "InvalidEncryptionAlgorithmError"),
        ("x-oss-hns-status", "enabled", 501, "NotImplemented"),
        ("x-oss-bucket-tagging", "a=b", 501, "NotImplemented"),
        ("x-oss-resource-group-id", "rg-other", 400, "ResourceGroupIdPreCheckError"),
        ("x-oss-server-side-encryption", "", 200, ""),
        ("x-oss-hns-status", "disabled", 200, ""),
    ],
)
def test_w40_what_a_bucket_cannot_be_made_with_is_not_ignored(
    client: SigningClient, header: str, value: str, status: int, code: str
) -> None:
    name = fresh()
    reply = client.request("PUT", name, headers={header: value})
    assert (reply.status, reply.code) == (status, code)
    if status == 501:
        assert reply.element("Header") == header
    assert client.request("HEAD", name).status == (200 if status == 200 else 404)


# --- W27, W45: CORS ---


def _cors(inside: str) -> bytes:
    rule = f"<AllowedOrigin>*</AllowedOrigin><AllowedMethod>GET</AllowedMethod>{inside}"
    return f"<CORSConfiguration><CORSRule>{rule}</CORSRule></CORSConfiguration>".encode()


@pytest.mark.covers("PutBucketCors")
@pytest.mark.covers("GetBucketCors")
def test_w27_w45_cors_rules_come_back(ask: Ask) -> None:
    inside = (
        "<AllowedOrigin>http://a b.example.com</AllowedOrigin><AllowedOrigin>www.Example.com/x</AllowedOrigin>"
        "<AllowedHeader>X-OSS-Meta-*</AllowedHeader><AllowedHeader>Authorization</AllowedHeader>"
        "<ExposeHeader>ETag</ExposeHeader>"
    )
    assert ask("PUT", query=[("cors", "")], body=_cors(inside)).status == 200
    rule = ET.fromstring(ask("GET", query=[("cors", "")]).body)[0]  # noqa: S314 - our own answer
    assert [each.text for each in rule.findall("AllowedOrigin")] == [
        "*",
        "http://a b.example.com",
        "www.Example.com/x",
    ]
    assert [each.text for each in rule.findall("AllowedHeader")] == [
        "x-oss-meta-*",
        "authorization",
    ]
    assert rule.findtext("ExposeHeader") == "ETag"


@pytest.mark.covers("PutBucketCors")
def test_w27_names_of_headers_come_back_in_lower_case(ask: Ask) -> None:
    inside = "<AllowedHeader>X-OSS-Meta-*</AllowedHeader><AllowedHeader>*</AllowedHeader>"
    assert ask("PUT", query=[("cors", "")], body=_cors(inside)).status == 200
    rule = ET.fromstring(ask("GET", query=[("cors", "")]).body)[0]  # noqa: S314 - our own answer
    assert [each.text for each in rule.findall("AllowedHeader")] == ["x-oss-meta-*", "*"]


@pytest.mark.covers("PutBucketCors")
@pytest.mark.parametrize("age", ["-1", "-100", " -1 "])
def test_w27_a_negative_age_is_an_invalid_argument(ask: Ask, age: str) -> None:
    reply = ask("PUT", query=[("cors", "")], body=_cors(f"<MaxAgeSeconds>{age}</MaxAgeSeconds>"))
    assert (reply.status, reply.code, reply.element("ArgumentName")) == (
        400,
        "InvalidArgument",
        "MaxAgeSeconds",
    )
    assert ask("GET", query=[("cors", "")]).code == "NoSuchCORSConfiguration"


# --- W25, W54: bucket policies ---


@pytest.mark.covers("PutBucketPolicy")
@pytest.mark.covers("GetBucketPolicy")
@pytest.mark.parametrize("effect", ["Allow", "Deny"])
def test_w25_a_policy_without_principal_is_kept_and_speaks_of_nobody(
    ask: Ask, anonymous: SigningClient, bucket: str, effect: str
) -> None:
    statement = {
        "Action": ["oss:PutObject", "oss:GetObject"],
        "Resource": "acs:oss:*:*:*",
        "Effect": effect,
    }
    text = json.dumps({"Version": "1", "Statement": [statement]}, separators=(",", ":"))
    ask("PUT", "k", body=b"x")
    assert ask("PUT", query=[("policy", "")], body=text.encode()).status == 200
    assert ask("GET", query=[("policy", "")]).body == text.encode()
    assert ask("GET", query=[("policyStatus", "")]).element("IsPublic") == "false"
    assert anonymous.request("GET", bucket, "k").status == 403
    assert ask("GET", "k").status == 200
    public = {"x-oss-object-acl": "public-read"}
    assert ask("PUT", "k", query=[("acl", "")], headers=public).status == 200
    assert anonymous.request("GET", bucket, "k").status == 200


@pytest.mark.covers("PutBucketPolicy")
@pytest.mark.parametrize(
    ("text", "unknown"),
    [("policy", "p"), ("invalid", "i"), ('{"Version": x}', "x"), ("  <xml/>", "<"), ("中", "中")],
)
def test_w54_a_policy_that_is_no_json(ask: Ask, text: str, unknown: str) -> None:
    reply = ask("PUT", query=[("policy", "")], body=text.encode())
    assert (reply.status, reply.code) == (400, "InvalidPolicyDocument")
    assert reply.element("Message").replace("&lt;", "<") == f"unknown char {unknown}"
    assert reply.element("Reason").startswith("The bucket policy is not valid: not JSON")
    assert ask("GET", query=[("policy", "")]).code == "NoSuchBucketPolicy"


# --- W34: deleting ---


@pytest.mark.covers("DeleteBucket")
def test_w34_what_is_left_in_a_bucket_is_named(
    ask: Ask, client: SigningClient, bucket: str
) -> None:
    upload = ask("POST", "k", query=[("uploads", "")]).element("UploadId")
    reply = client.request("DELETE", bucket)
    assert (reply.status, reply.code) == (409, "BucketNotEmpty")
    assert reply.element("Message").startswith("The bucket has Multipart Uploads.")
    ask("PUT", "k", body=b"x")
    reply = client.request("DELETE", bucket)
    assert reply.element("Message").startswith("The bucket has objects.")
    ask("DELETE", "k")
    ask("DELETE", "k", query=[("uploadId", upload)])
    assert client.request("DELETE", bucket).status == 204


# --- W41: public access to new buckets ---


@pytest.fixture(scope="module")
def blocking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SigningClient]:
    with running_server(
        tmp_path_factory.mktemp("blocking"), "--block-public-access", "new-buckets"
    ) as server:
        yield SigningClient(
            server.endpoint, server.access_key_id, server.access_key_secret, server.region
        )


@pytest.mark.covers("PutBucket")
@pytest.mark.parametrize("query", [[], [("acl", "")]], ids=["PutBucket", "PutBucketAcl"])
def test_w41_new_buckets_may_block_public_access(
    blocking: SigningClient, query: list[tuple[str, str]]
) -> None:
    name = fresh()
    public = {"x-oss-acl": "public-read"}
    assert blocking.request("PUT", name, query=query, headers=public).code == "AccessDenied"
    assert blocking.request("GET", name).code == "NoSuchBucket"
    assert blocking.request("PUT", name, query=query).status == 200
    info = blocking.request("GET", name, query=[("bucketInfo", "")])
    assert info.element("BlockPublicAccess") == "true"
    acl = [("acl", "")]
    assert blocking.request("PUT", name, query=acl, headers=public).code == "AccessDenied"
    assert blocking.request("DELETE", name, query=[("publicAccessBlock", "")]).status == 204
    assert blocking.request("PUT", name, query=acl, headers=public).status == 200
    # Repeating the creation does not block it again.
    assert blocking.request("PUT", name, query=query).status == 200
    info = blocking.request("GET", name, query=[("bucketInfo", "")])
    assert info.element("BlockPublicAccess") == "false"


def test_w41_by_default_they_do_not(ask: Ask) -> None:
    assert ask("GET", query=[("bucketInfo", "")]).element("BlockPublicAccess") == "false"


# --- W38, W55: what is not offered, by name ---


@pytest.mark.parametrize(
    ("method", "key", "query", "headers", "name"),
    [
        ("POST", "k", [("x-oss-process", "csv/select")], {}, "SelectObject"),
        ("POST", "k", [("x-oss-process", "json/select")], {}, "SelectObject"),
        ("POST", "k", [("x-oss-process", "csv/meta")], {}, "CreateSelectObjectMeta"),
        ("POST", "k", [("x-oss-process", "json/meta")], {}, "CreateSelectObjectMeta"),
        ("POST", "", [("metaQuery", ""), ("action", "CreateDataset")], {}, "DoMetaQueryAction"),
        ("POST", "", [("metaQuery", ""), ("comp", "query")], {}, "DoMetaQuery"),
        ("GET", "", [("accessPoint", "")], {"x-oss-access-point-name": "a"}, "GetAccessPoint"),
        (
            "GET",
            "",
            [("accessPointForObjectProcess", "")],
            {},
            "ListAccessPointsForObjectProcess",
        ),
    ],
)
def test_w38_w55_what_is_not_offered_is_refused_by_its_name(
    ask: Ask,
    method: str,
    key: str,
    query: list[tuple[str, str]],
    headers: dict[str, str],
    name: str,
) -> None:
    ask("PUT", "k", body=b"a,b")
    reply = ask(
        method, key, query=query, headers=headers, body=b"<x/>" if method == "POST" else b""
    )
    assert (reply.status, reply.code, reply.element("Operation")) == (501, "NotImplemented", name)


@pytest.mark.parametrize("query", [[("dataPipeline", "")], [("accessPoint", "")]], ids=str)
def test_w38_the_same_of_the_service(client: SigningClient, query: list[tuple[str, str]]) -> None:
    names_ = {
        "dataPipeline": ("POST", "DoDataPipeLineAction"),
        "accessPoint": ("GET", "ListAccessPoints"),
    }
    method, name = names_[query[0][0]]
    reply = client.request(method, query=query)
    assert (reply.status, reply.element("Operation")) == (501, name)


@pytest.mark.covers("ListAccessPoints")
def test_w55_a_bucket_has_no_access_points(ask: Ask, bucket: str, sdk: oss_v2.Client) -> None:
    reply = ask("GET", query=[("accessPoint", "")])
    assert (reply.status, reply.element("IsTruncated")) == (200, "false")
    listed = sdk.list_access_points(oss_v2.ListAccessPointsRequest(bucket=bucket))
    assert not listed.access_points or not listed.access_points.access_points


@pytest.mark.covers("ListAccessPoints")
@pytest.mark.parametrize(("asked", "told"), [({}, 100), ({"max_keys": 7}, 7)], ids=str)
def test_access_points_are_told_as_oss2_reads_them(
    store: oss2.Bucket, asked: dict[str, int], told: int
) -> None:
    """oss2, xml_utils.parse_list_access_point_result: an answer without MaxKeys is an error."""
    listed = store.list_bucket_access_points(**asked)
    assert (listed.max_keys, listed.is_truncated, listed.access_points) == (told, False, [])
