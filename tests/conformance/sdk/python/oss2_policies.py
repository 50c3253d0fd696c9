"""oss2: who may, by a bucket's policy or whether it is public; callbacks by policy; forms."""

# mypy: disable-error-code="import-untyped"

import hashlib
import hmac
import json
from typing import Any

import oss2
from harness import (
    BUCKET,
    ECHO,
    KEY_ID,
    KEY_SECRET,
    PROCESSED,
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
from oss2.models import CallbackPolicyInfo
from oss2_clients import SERVICE, bucket, refused


@case
def bucket_policy() -> None:
    for key in ("open/k", "closed/k"):
        bucket.put_object(key, b"x")
    refused(404, "NoSuchBucketPolicy", bucket.get_bucket_policy)
    refused(400, "InvalidPolicyDocument", bucket.put_bucket_policy, '{"Version":"1"}')
    bucket.put_bucket_policy(json.dumps(open_policy()))
    equal("policy", json.loads(bucket.get_bucket_policy().policy), open_policy())
    equal("what strangers get", strangers_read("open/k", "closed/k"), [200, 403])
    bucket.delete_bucket_policy()
    refused(404, "NoSuchBucketPolicy", bucket.get_bucket_policy)
    equal("what strangers get", strangers_read("open/k", "closed/k"), [403, 403])


def _make_public() -> None:
    bucket.put_bucket_acl(oss2.BUCKET_ACL_PUBLIC_READ)


@case
def public_access_block() -> None:
    def is_blocked() -> Any:
        return bucket.get_bucket_public_access_block().block_public_access

    equal("at first", is_blocked(), want=False)
    bucket.put_bucket_public_access_block(block_public_access=True)
    equal("blocked", is_blocked(), want=True)
    refused(403, "AccessDenied", _make_public)
    refused(403, "AccessDenied", bucket.put_bucket_policy, json.dumps(open_policy()))
    bucket.put_bucket_public_access_block(block_public_access=False)
    equal("no longer", is_blocked(), want=False)
    bucket.put_bucket_public_access_block(block_public_access=True)
    bucket.delete_bucket_public_access_block()
    equal("at last", is_blocked(), want=False)
    _make_public()
    bucket.put_bucket_acl(oss2.BUCKET_ACL_PRIVATE)


@case
def account_access_block() -> None:
    def is_blocked() -> Any:
        return SERVICE.get_public_access_block().block_public_access

    equal("at first", is_blocked(), want=False)
    # The account is everybody's: the next suite finds it as this one did.
    try:
        SERVICE.put_public_access_block(block_public_access=True)
        equal("blocked", is_blocked(), want=True)
        refused(403, "AccessDenied", _make_public)
    finally:
        SERVICE.delete_public_access_block()
    equal("at last", is_blocked(), want=False)
    _make_public()
    bucket.put_bucket_acl(oss2.BUCKET_ACL_PRIVATE)


@case
def callback_policies() -> None:
    def put(policy: str) -> Any:
        headers = {"x-oss-callback": callback_by(policy), "Content-Type": "text/plain"}
        return bucket.put_object("callback/by policy.txt", b"hello", headers=headers)

    refused(404, "BucketCallbackPolicyNotExist", bucket.get_bucket_callback_policy)
    told = CallbackPolicyInfo("told", callback(ECHO), callback_variables())
    bucket.put_bucket_callback_policy([told, CallbackPolicyInfo("silent", callback("/none"))])
    found = bucket.get_bucket_callback_policy().callback_policies
    equal("names", [each.policy_name for each in found], ["told", "silent"])
    equal("callback", found[0].callback, told.callback)
    equal("variables", found[0].callback_var, told.callback_var)
    stored = put("told")
    about = bucket.head_object("callback/by policy.txt").headers
    equal_echo(stored.resp.read(), BUCKET, "callback/by policy.txt", about)
    refused(400, "InvalidArgument", put, "other")
    bucket.delete_bucket_callback_policy()
    refused(404, "BucketCallbackPolicyNotExist", bucket.get_bucket_callback_policy)


@case
def trigger_callback() -> None:
    key = "trigger/键.txt"
    bucket.put_object(key, b"hello")
    found = bucket.process_object(key, trigger("/processed"))
    told = (found.bucket, found.object, found.fileSize, found.process_status)
    equal("what the application says", told, (BUCKET, key, len(b"hello"), PROCESSED))
    missing = "trigger/missing"
    refused(404, "NoSuchKey", bucket.process_object, missing, trigger("/processed"))
    refused(501, "NotImplemented", bucket.process_object, key, "image/resize,w_100")


@case
def post_object() -> None:
    """As examples/object_post.py of the SDK does, which signs no forms itself."""
    policy = form_policy()
    digest = hmac.new(KEY_SECRET.encode(), policy.encode(), hashlib.sha1).digest()
    signature = oss2.utils.b64encode_as_string(digest)
    signed = {"OSSAccessKeyId": KEY_ID, "policy": policy, "Signature": signature}

    def read(key: str) -> tuple[bytes, Any]:
        return bucket.get_object(key).read(), bucket.head_object(key).headers

    shows_post_object(signed, "Signature", read)


@case
def bucket_qos() -> None:
    refused(404, "NoSuchBucketQosInfo", bucket.get_bucket_qos_info)
    wanted = oss2.models.BucketQosInfo(
        total_upload_bw=5, intranet_upload_bw=4, total_download_bw=3, total_qps=1000
    )
    equal("status", bucket.put_bucket_qos_info(wanted).status, 200)
    found = bucket.get_bucket_qos_info()
    equal("uploads", (found.total_upload_bw, found.intranet_upload_bw), (5, 4))
    equal("downloads", (found.total_download_bw, found.extranet_download_bw), (3, -1))
    equal("requests", (found.total_qps, found.intranet_qps), (1000, -1))
    wrong = oss2.models.BucketQosInfo(total_qps=5, extranet_qps=6)
    refused(400, "InvalidArgument", bucket.put_bucket_qos_info, wrong)
    bucket.put_object("qos", b"counted")
    equal("content", bucket.get_object("qos").read(), b"counted")
    bucket.put_bucket_qos_info(oss2.models.BucketQosInfo())
    equal("without limit", bucket.get_bucket_qos_info().total_upload_bw, -1)
    equal("status", bucket.delete_bucket_qos_info().status, 204)
    refused(404, "NoSuchBucketQosInfo", bucket.get_bucket_qos_info)
