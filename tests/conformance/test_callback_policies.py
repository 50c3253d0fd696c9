"""Bucket callback policies, and callbacks about objects that exist (callback.md, 9 and 10)."""

# mypy: disable-error-code="import-untyped"

import base64
import hashlib
import io
from collections.abc import Iterator

import oss2
import pytest
from asking import Ask
from callback_asking import Uploader, config, encoded, is_signed
from oss2.models import CallbackPolicyInfo
from PIL import Image

from ossia.client.signing_client import SigningClient
from ossia.testing.inbox import Inbox

POLICY = [("policy", ""), ("comp", "callback")]


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with Inbox() as opened:
        yield opened


@pytest.fixture
def uploader(client: SigningClient, bucket: str) -> Uploader:
    return Uploader(client, bucket)


def document(*policies: tuple[str, str, str]) -> bytes:
    items = "".join(
        f"<PolicyItem><PolicyName>{name}</PolicyName><Callback>{callback}</Callback>"
        f"<CallbackVar>{variables}</CallbackVar></PolicyItem>"
        for name, callback, variables in policies
    )
    return f"<BucketCallbackPolicy>{items}</BucketCallbackPolicy>".encode()


# --- put, get, delete ---


@pytest.mark.covers(
    "PutBucketCallbackPolicy", "GetBucketCallbackPolicy", "DeleteBucketCallbackPolicy"
)
@pytest.mark.parametrize("version", [1, 4])
def test_the_flow_of_oss2s_own_test(
    client: SigningClient, bucket: str, inbox: Inbox, version: int
) -> None:
    """oss2, tests/test_bucket_callback_policy.py: two policies, an upload with the second."""
    auth = (
        oss2.Auth(client.access_key_id, client.secret)
        if version == 1
        else oss2.AuthV4(client.access_key_id, client.secret)
    )
    session = oss2.Bucket(auth, client.endpoint, bucket, region=client.region, is_path_style=True)
    first = config("www.abc.com/callback", "${etag}").encode()
    second = config(inbox.url, '{"mimeType":${mimeType},"a":${x:var1}}').encode()
    variables = encoded({"x:var1": "value1", "x:var2": "value2"}).encode()
    put = session.put_bucket_callback_policy(
        [
            CallbackPolicyInfo("test_1", first),
            CallbackPolicyInfo("test_2", second, variables),
        ]
    )
    assert put.status == 200
    found = session.get_bucket_callback_policy().callback_policies
    assert [each.policy_name for each in found] == ["test_1", "test_2"]
    assert [each.callback for each in found] == [first.decode(), second.decode()]
    assert found[1].callback_var == variables.decode()
    session.put_object(
        "key", b"aaa", headers={"x-oss-callback": encoded({"callbackPolicy": "test_2"})}
    )
    (received,) = inbox.wait(1)
    assert received.body == b'{"mimeType":application%2Foctet-stream,"a":value1}'
    assert session.delete_bucket_callback_policy().status == 204
    with pytest.raises(oss2.exceptions.ServerError) as absent:
        session.get_bucket_callback_policy()
    assert (absent.value.status, absent.value.code) == (404, "BucketCallbackPolicyNotExist")
    # Nothing is no error: the same file.
    assert session.put_bucket_callback_policy(None).status == 200
    assert session.put_bucket_callback_policy([None, None]).status == 200
    assert session.get_bucket_callback_policy().callback_policies == []


@pytest.mark.covers("PutBucketCallbackPolicy")
def test_a_second_put_replaces_all(ask: Ask) -> None:
    callback = config("http://a.example/")
    assert ask("PUT", query=POLICY, body=document(("a", callback, ""))).status == 200
    assert ask("PUT", query=POLICY, body=document(("b", callback, ""))).status == 200
    found = ask("GET", query=POLICY)
    assert found.headers["content-type"] == "application/xml"
    assert found.body.endswith(document(("b", callback, "")))


GOOD = config("http://a.example/")
TOO_LONG = base64.b64encode(b"x" * 4000).decode()


@pytest.mark.covers("PutBucketCallbackPolicy")
@pytest.mark.parametrize(
    ("body", "code", "ec"),
    [
        pytest.param(b"", "MalformedXML", "", id="no-body"),
        pytest.param(b"<CallbackPolicy/>", "MalformedXML", "", id="other-root"),
        pytest.param(document(("", GOOD, "")), "InvalidArgument", "", id="no-name"),
        pytest.param(document(("n" * 129, GOOD, "")), "InvalidArgument", "", id="long-name"),
        pytest.param(
            document(("a", GOOD, ""), ("b", GOOD, ""), ("a", GOOD, "")),
            "InvalidArgument",
            "",
            id="same-name-twice",
        ),
        pytest.param(
            document(*((str(number), GOOD, "") for number in range(101))),
            "MalformedXML",
            "",
            id="more-than-100",
        ),
        pytest.param(document(("a", "", "")), "InvalidArgument", "0007-00000003", id="no-callback"),
        pytest.param(document(("a", "%", "")), "InvalidArgument", "0007-00000002", id="not-base64"),
        pytest.param(
            document(("a", TOO_LONG, "")), "InvalidArgument", "0007-00000001", id="longer-than-5-kb"
        ),
        pytest.param(
            document(("a", config("my"), "")), "InvalidArgument", "0007-00000004", id="bad-url"
        ),
        pytest.param(
            document(("a", config("http://10.0.0.1/"), "")),
            "InvalidArgument",
            "0007-00000008",
            id="private-address",
        ),
        pytest.param(
            document(("a", config("a.b", "$x"), "")),
            "InvalidArgument",
            "0007-00000105",
            id="bad-template",
        ),
        pytest.param(
            document(("a", GOOD, encoded(["x:y", "z"]))),
            "InvalidArgument",
            "0007-00000104",
            id="bad-variables",
        ),
        pytest.param(
            document(("a", encoded({"callbackPolicy": "a"}), "")),
            "InvalidArgument",
            "",
            id="policy-of-a-policy",
        ),
    ],
)
def test_a_policy_that_no_upload_could_carry_is_refused(
    ask: Ask, body: bytes, code: str, ec: str
) -> None:
    before = document(("kept", GOOD, ""))
    assert ask("PUT", query=POLICY, body=before).status == 200
    reply = ask("PUT", query=POLICY, body=body)
    assert (reply.status, reply.code, reply.element("EC")) == (400, code, ec)
    assert ask("GET", query=POLICY).body.endswith(before)


@pytest.mark.covers("GetBucketCallbackPolicy")
def test_strangers_neither_read_nor_write_policies(anonymous: SigningClient, bucket: str) -> None:
    for method in ("GET", "PUT", "DELETE"):
        reply = anonymous.request(method, bucket, query=POLICY, body=document())
        assert (reply.status, reply.code) == (403, "AccessDenied")


# --- use ---


@pytest.fixture
def named(uploader: Uploader, inbox: Inbox) -> Uploader:
    """A bucket with a policy ``told`` whose variables are a and b."""
    callback = config(inbox.url, "${operation} ${x:a} ${x:b} ${x:c}", callbackHost="told.example")
    body = document(("told", callback, encoded({"x:a": "policy", "x:b": "policy"})))
    client = uploader.client
    assert client.request("PUT", uploader.bucket, query=POLICY, body=body).status == 200
    return uploader


@pytest.mark.covers("PutObject", "PostObject", "CompleteMultipartUpload", "ProcessObject")
@pytest.mark.parametrize("operation", ["put", "query", "complete", "post", "trigger"])
def test_a_request_names_a_policy_and_adds_variables(
    named: Uploader, inbox: Inbox, operation: str
) -> None:
    """The request's variables win over the policy's (decision record)."""
    callback = encoded({"callbackPolicy": "told"})
    variables = encoded({"x:b": "request", "x:c": "request"})
    headers = {"x-oss-callback": callback, "x-oss-callback-var": variables}
    match operation:
        case "put":
            reply = named.put(headers)
        case "query":
            reply = named.put(query=[("callback", callback), ("callback-var", variables)])
        case "complete":
            reply = named.complete(headers)
        case "post":
            reply = named.post({"callback": callback, "x:b": "request", "x:c": "request"})
        case _:
            named.put()
            reply = named.trigger(f"trigger/callback,callback_{callback},callback-var_{variables}")
    assert (reply.status, reply.body) == (200, b'{"Status":"OK"}')
    (received,) = inbox.wait(1)
    assert received.body.partition(b" ")[2] == b"policy request request"
    assert received.headers["host"] == "told.example"


@pytest.mark.covers("PutObject")
@pytest.mark.parametrize("value", [{"callbackPolicy": "other"}, {"callbackPolicy": 1}])
def test_an_unknown_policy_is_400_and_nothing_is_stored(
    named: Uploader, inbox: Inbox, value: dict[str, object]
) -> None:
    reply = named.put({"x-oss-callback": encoded(value)})
    assert (reply.status, reply.code, reply.element("EC")) == (400, "InvalidArgument", "")
    assert reply.element("ArgumentName") == "callback"
    assert named.stored() is None
    assert inbox.received == []


def test_a_policy_goes_when_it_is_deleted(named: Uploader) -> None:
    callback = {"x-oss-callback": encoded({"callbackPolicy": "told"})}
    assert named.put(callback).status == 200
    named.client.request("DELETE", named.bucket, query=POLICY)
    assert named.put(callback).status == 400


# --- trigger ---


def trigger_of(callback: str, variables: str = "") -> str:
    """As the SDKs for Android and iOS write it: both parameters, even if one is empty."""
    return f"trigger/callback,callback_{callback},callback-var_{variables}"


def png() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (31, 17)).save(out, "PNG")
    return out.getvalue()


@pytest.mark.covers("ProcessObject")
def test_a_trigger_tells_of_the_stored_object(
    client: SigningClient, bucket: str, inbox: Inbox
) -> None:
    uploader = Uploader(client, bucket, "dir/i.png", png(), "image/png")
    stored = uploader.put()
    names = [
        "bucket",
        "object",
        "etag",
        "size",
        "mimeType",
        "crc64",
        "contentMd5",
        "vpcId",
        "clientIp",
        "operation",
        "imageInfo.width",
        "imageInfo.height",
        "imageInfo.format",
        "x:who",
    ]
    template = "{" + ",".join(f'"{name}":${{{name}}}' for name in names) + "}"
    asked = config(inbox.url, template, callbackBodyType="application/json")
    body = f"x-oss-process={trigger_of(asked, encoded({'x:who': 'me'}))}".encode()
    digest = base64.b64encode(hashlib.md5(body).digest()).decode()
    inbox.answer(b"<done/>", content_type="application/xml")
    reply = uploader.trigger(body, headers={"Content-MD5": digest})
    assert (reply.status, reply.body) == (200, b"<done/>")
    assert reply.headers["content-type"] == "application/xml"
    (received,) = inbox.wait(1)
    assert received.values() == {
        "bucket": bucket,
        "object": "dir/i.png",
        "etag": stored.headers["etag"].strip('"'),
        "size": len(uploader.content),
        "mimeType": "image/png",
        "crc64": int(stored.headers["x-oss-hash-crc64ecma"]),
        "contentMd5": stored.headers["content-md5"],
        "vpcId": None,
        "clientIp": "127.0.0.1",
        "operation": "ProcessObject",
        "imageInfo.width": 31,
        "imageInfo.height": 17,
        "imageInfo.format": "png",
        "x:who": "me",
    }
    assert received.headers["x-oss-request-id"] == reply.headers["x-oss-request-id"]
    assert is_signed(received)


@pytest.mark.covers("ProcessObject")
def test_a_trigger_that_fails_is_203(uploader: Uploader, inbox: Inbox) -> None:
    uploader.put()
    inbox.answer(b"{}", status=500)
    reply = uploader.trigger(trigger_of(config(inbox.url)))
    assert (reply.status, reply.code) == (203, "CallbackFailed")
    assert reply.element("Message") == "Error status : 500."
    assert uploader.stored() == uploader.content


@pytest.mark.covers("ProcessObject")
@pytest.mark.parametrize(
    ("body", "status", "code", "ec"),
    [
        pytest.param("trigger/callback", 400, "InvalidArgument", "0007-00000003", id="no-callback"),
        pytest.param(trigger_of(""), 400, "InvalidArgument", "0007-00000003", id="empty-callback"),
        pytest.param(trigger_of("%%%"), 400, "InvalidArgument", "0007-00000002", id="not-base64"),
        pytest.param(trigger_of(GOOD, "%"), 400, "InvalidArgument", "0007-00000102", id="bad-var"),
        pytest.param("", 501, "NotImplemented", "", id="no-action"),
        pytest.param("image/resize,w_1", 501, "NotImplemented", "", id="another-action"),
        pytest.param("style/a|sys/saveas,o_Yg", 501, "NotImplemented", "", id="saveas"),
        pytest.param(b"", 400, "InvalidArgument", "", id="no-body"),
        pytest.param(b"\xff=1", 400, "InvalidArgument", "", id="nonsense"),
        pytest.param(b"x-oss-process=" + b"x" * 20_000, 400, "InvalidArgument", "", id="long"),
    ],
)
def test_bad_processes(
    uploader: Uploader, inbox: Inbox, body: bytes | str, status: int, code: str, ec: str
) -> None:
    uploader.put()
    reply = uploader.trigger(body)
    assert (reply.status, reply.code, reply.element("EC")) == (status, code, ec)
    if status == 501:
        assert reply.element("Operation") == "ProcessObject"
        assert reply.element("Process") == str(body).partition(",")[0]
    assert inbox.received == []


@pytest.mark.covers("ProcessObject")
def test_a_trigger_needs_an_object_and_a_true_digest(uploader: Uploader, inbox: Inbox) -> None:
    asked = trigger_of(config(inbox.url))
    assert uploader.trigger(asked).code == "NoSuchKey"
    uploader.put()
    wrong = {"Content-MD5": base64.b64encode(hashlib.md5(b"other").digest()).decode()}
    assert uploader.trigger(asked, headers=wrong).code == "InvalidDigest"
    assert inbox.received == []


@pytest.mark.covers("ProcessObject")
def test_reading_is_not_enough_to_trigger(
    uploader: Uploader, anonymous: SigningClient, inbox: Inbox
) -> None:
    """Otherwise every reader of a public object could have the server sign what it likes."""
    uploader.put({"x-oss-object-acl": "public-read-write"})
    assert Uploader(anonymous, uploader.bucket).stored() == uploader.content
    reply = Uploader(anonymous, uploader.bucket).trigger(trigger_of(config(inbox.url)))
    assert (reply.status, reply.code) == (403, "AccessDenied")
    assert reply.element("AuthAction") == "oss:PostProcessTask"
    assert inbox.received == []
