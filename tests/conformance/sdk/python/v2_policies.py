"""alibabacloud-oss-v2: who may, by a bucket's policy or whether it is public; callbacks by policy; forms."""

# mypy: disable-error-code="import-untyped"

import hashlib
import hmac
import json
import time
from typing import Any
from xml.etree import ElementTree as ET

import alibabacloud_oss_v2 as oss
from harness import (
    BUCKET,
    ECHO,
    KEY_ID,
    KEY_SECRET,
    PROCESSED,
    REGION,
    SIGNATURE,
    callback,
    callback_by,
    callback_variables,
    case,
    equal,
    equal_echo,
    form_policy,
    open_policy,
    shows_post_object,
    strangers_read,
    trigger,
)
from v2_clients import client, get, head, put, refused


def _put_policy(document: Any) -> None:
    client.put_bucket_policy(oss.PutBucketPolicyRequest(BUCKET, body=json.dumps(document)))


def _delete_policy() -> None:
    client.delete_bucket_policy(oss.DeleteBucketPolicyRequest(BUCKET))


@case
def bucket_policy() -> None:
    for key in ("open/k", "closed/k"):
        put(key, b"x")
    ask = oss.GetBucketPolicyRequest(BUCKET)
    refused(404, "NoSuchBucketPolicy", client.get_bucket_policy, ask)
    refused(400, "InvalidPolicyDocument", _put_policy, {"Version": "1"})
    _put_policy(open_policy())
    equal("policy", json.loads(client.get_bucket_policy(ask).body), open_policy())
    equal("what strangers get", strangers_read("open/k", "closed/k"), [200, 403])
    _delete_policy()
    refused(404, "NoSuchBucketPolicy", client.get_bucket_policy, ask)
    equal("what strangers get", strangers_read("open/k", "closed/k"), [403, 403])


@case
def policy_status() -> None:
    def is_public() -> Any:
        ask = oss.GetBucketPolicyStatusRequest(BUCKET)
        return client.get_bucket_policy_status(ask).policy_status.is_public

    equal("without a policy", is_public(), want=False)
    _put_policy(open_policy())
    equal("for anybody", is_public(), want=True)
    _put_policy(open_policy("Deny"))
    equal("for nobody", is_public(), want=False)
    _delete_policy()


def _blocked(*, yes: bool) -> oss.PublicAccessBlockConfiguration:
    return oss.PublicAccessBlockConfiguration(block_public_access=yes)


def _put_acl(acl: str) -> None:
    client.put_bucket_acl(oss.PutBucketAclRequest(BUCKET, acl=acl))


@case
def public_access_block() -> None:
    def is_blocked() -> Any:
        ask = oss.GetBucketPublicAccessBlockRequest(BUCKET)
        found = client.get_bucket_public_access_block(ask).public_access_block_configuration
        return found.block_public_access

    def block(*, yes: bool) -> None:
        client.put_bucket_public_access_block(
            oss.PutBucketPublicAccessBlockRequest(
                BUCKET, public_access_block_configuration=_blocked(yes=yes)
            )
        )

    equal("at first", is_blocked(), want=False)
    block(yes=True)
    equal("blocked", is_blocked(), want=True)
    refused(403, "AccessDenied", _put_acl, "public-read")
    refused(403, "AccessDenied", _put_policy, open_policy())
    block(yes=False)
    equal("no longer", is_blocked(), want=False)
    block(yes=True)
    client.delete_bucket_public_access_block(oss.DeleteBucketPublicAccessBlockRequest(BUCKET))
    equal("at last", is_blocked(), want=False)
    _put_acl("public-read")
    _put_acl("private")


@case
def account_access_block() -> None:
    def is_blocked() -> Any:
        found = client.get_public_access_block(oss.GetPublicAccessBlockRequest())
        return found.public_access_block_configuration.block_public_access

    equal("at first", is_blocked(), want=False)
    # The account is everybody's: the next suite finds it as this one did.
    try:
        ask = oss.PutPublicAccessBlockRequest(_blocked(yes=True))
        client.put_public_access_block(ask)
        equal("blocked", is_blocked(), want=True)
        refused(403, "AccessDenied", _put_acl, "public-read")
    finally:
        client.delete_public_access_block(oss.DeletePublicAccessBlockRequest())
    equal("at last", is_blocked(), want=False)
    _put_acl("public-read")
    _put_acl("private")


def _callback_policies(method: str, *policies: tuple[str, str, str]) -> Any:
    """What the SDK has no method for, by the one that it has for any request."""
    root = ET.Element("BucketCallbackPolicy")
    for policy in policies:
        item = ET.SubElement(root, "PolicyItem")
        for name, value in zip(("PolicyName", "Callback", "CallbackVar"), policy, strict=True):
            ET.SubElement(item, name).text = value
    asked = oss.OperationInput(
        op_name=f"{method.title()}BucketCallbackPolicy",
        method=method,
        bucket=BUCKET,
        headers={"Content-Type": "application/xml"},
        parameters={"policy": "", "comp": "callback"},
        body=ET.tostring(root) if policies else None,
        op_metadata={"sub-resource": ["policy", "comp"]},
    )
    return client.invoke_operation(asked)


@case
def callback_policies() -> None:
    key, told = "callback/by policy.txt", ("told", callback(ECHO), callback_variables())

    def upload(policy: str) -> Any:
        more = {"callback": callback_by(policy), "content_type": "text/plain"}
        return put(key, b"hello", **more)

    refused(404, "BucketCallbackPolicyNotExist", _callback_policies, "GET")
    _callback_policies("PUT", told)
    answer = _callback_policies("GET").http_response.content
    [found] = ET.fromstring(answer)  # noqa: S314 - of a server of ours
    equal("policies", tuple(each.text for each in found), told)
    equal_echo(upload("told").callback_result, BUCKET, key, head(key).headers)
    refused(400, "InvalidArgument", upload, "other")
    _callback_policies("DELETE")
    refused(404, "BucketCallbackPolicyNotExist", _callback_policies, "GET")


@case
def overwrite_config() -> None:
    ask, forbid = oss.GetBucketOverwriteConfigRequest(BUCKET), {"action": "forbid"}

    def write(*rules: oss.OverwriteRule) -> None:
        configuration = oss.OverwriteConfiguration(rules=[*rules])
        client.put_bucket_overwrite_config(
            oss.PutBucketOverwriteConfigRequest(BUCKET, overwrite_configuration=configuration)
        )

    refused(404, "NoSuchBucketOverwriteConfig", client.get_bucket_overwrite_config, ask)
    refused(400, "MalformedXML", write, oss.OverwriteRule(action="allow"))
    somebody = oss.OverwritePrincipals(principals=["1234567890123456"])
    write(
        oss.OverwriteRule(id="all", prefix="protected/", suffix=".键", **forbid),
        oss.OverwriteRule(id="some", principals=somebody, **forbid),
    )
    first, other = client.get_bucket_overwrite_config(ask).overwrite_configuration.rules
    told = (first.id, first.action, first.prefix, first.suffix, first.principals)
    equal("first rule", told, ("all", "forbid", "protected/", ".键", None))
    equal("other rule", (other.id, other.principals.principals), ("some", ["1234567890123456"]))
    put("protected/a.键", b"x")
    refused(409, "FileAlreadyExists", put, "protected/a.键", b"y")
    # The other rule is about somebody else.
    for content in (b"x", b"y"):
        put("protected/a.txt", content)
    client.delete_bucket_overwrite_config(oss.DeleteBucketOverwriteConfigRequest(BUCKET))
    refused(404, "NoSuchBucketOverwriteConfig", client.get_bucket_overwrite_config, ask)
    put("protected/a.键", b"y")


@case
def trigger_callback() -> None:
    key = "trigger/键.txt"
    put(key, b"hello")

    def process(key: str, how: str) -> Any:
        return client.process_object(oss.ProcessObjectRequest(BUCKET, key, process=how))

    if SIGNATURE == "v1":
        # Its V1 leaves x-oss-process out of what it signs, which is forgiven only where it reads.
        refused(403, "SignatureDoesNotMatch", process, key, trigger("/processed"))
        return
    found = process(key, trigger("/processed"))
    told = (found.bucket, found.key, found.file_size, found.process_status)
    equal("what the application says", told, (BUCKET, key, len(b"hello"), PROCESSED))
    refused(404, "NoSuchKey", process, "trigger/missing", trigger("/processed"))
    refused(501, "NotImplemented", process, key, "image/resize,w_100")


@case
def post_object() -> None:
    """As sample/post_object.py of the SDK does, which signs no forms itself."""
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
    scope = (stamp[:8], REGION, "oss", "aliyun_v4_request")
    fields = {
        "x-oss-signature-version": "OSS4-HMAC-SHA256",
        "x-oss-credential": "/".join((KEY_ID, *scope)),
        "x-oss-date": stamp,
    }
    policy = form_policy(*({name: value} for name, value in fields.items()))
    digest = f"aliyun_v4{KEY_SECRET}".encode()
    for step in (*scope, policy):
        digest = hmac.new(digest, step.encode(), hashlib.sha256).digest()
    signed = {**fields, "policy": policy, "x-oss-signature": digest.hex()}

    def read(key: str) -> tuple[bytes, Any]:
        return get(key), head(key).headers

    shows_post_object(signed, "x-oss-signature", read)
