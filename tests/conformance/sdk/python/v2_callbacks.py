"""alibabacloud-oss-v2: refusals, callbacks, temporary credentials."""

# mypy: disable-error-code="import-untyped"

import base64
from typing import Any

import alibabacloud_oss_v2 as oss
from harness import (
    BUCKET,
    ECHO,
    FORM,
    JSON,
    PART,
    ROLE_BUCKET,
    assume_role,
    callback,
    callback_variables,
    case,
    equal,
    equal_echo,
    fetch,
    file,
    policy_only,
    some_bytes,
    sts_refuses_a_wrong_secret,
)
from v2_clients import client, client_of, get, head, put, refused
from v2_transfers import complete, presign, upload_parts


@case
def error_no_such_key() -> None:
    assert refused(404, "NoSuchKey", get, "no/such key").ec


@case
def error_no_such_bucket() -> None:
    missing = f"{BUCKET}-missing"
    refused(404, "NoSuchBucket", client.list_objects, oss.ListObjectsRequest(missing))
    refused(404, "NoSuchBucket", client.put_object, oss.PutObjectRequest(missing, "k", body=b"x"))


@case
def error_wrong_secret() -> None:
    refused(403, "SignatureDoesNotMatch", get, "k", BUCKET, client_of(secret="wrong"))


@case
def error_unknown_access_key() -> None:
    stranger = client_of("LTAIunknown")
    refused(403, "InvalidAccessKeyId", stranger.list_objects_v2, oss.ListObjectsV2Request(BUCKET))


@case
def error_bucket_not_empty() -> None:
    put("something", b"x")
    refused(409, "BucketNotEmpty", client.delete_bucket, oss.DeleteBucketRequest(BUCKET))


@case
def error_of_head() -> None:
    refused(404, "NoSuchKey", head, "no-such-key")


@case
def error_malformed_callback() -> None:
    for malformed in ("{not base64}", base64.b64encode(b"not JSON").decode()):
        ask = oss.PutObjectRequest(BUCKET, "callback/refused", body=b"x", callback=malformed)
        refused(400, "InvalidArgument", client.put_object, ask)
    assert not client.is_object_exist(BUCKET, "callback/refused")


def _callback(path: str, content_type: str = JSON) -> dict[str, str]:
    return {"callback": callback(path, content_type), "callback_var": callback_variables()}


def _hello(key: str, bucket: str = BUCKET, **more: Any) -> Any:
    return oss.PutObjectRequest(bucket, key, content_type="text/plain", **more)


def _callback_put(content_type: str) -> None:
    key = "callback/键 &=+.txt"
    stored = client.put_object(_hello(key, body=b"hello", **_callback(ECHO, content_type)))
    equal_echo(stored.callback_result, BUCKET, key, head(key).headers, content_type)


@case
def callback_put_json() -> None:
    _callback_put(JSON)


@case
def callback_put_form() -> None:
    _callback_put(FORM)


@case
def callback_complete() -> None:
    key, content = "callback/complete 键.bin", some_bytes(PART + 3)
    completed = complete(key, *upload_parts(key, content), **_callback(ECHO))
    equal_echo(completed.callback_result, BUCKET, key, head(key).headers)


@case
def callback_presigned() -> None:
    key = "callback/presigned 键.txt"
    in_query = _hello(key)
    in_query.parameters = {"callback": callback(ECHO), "callback-var": callback_variables()}
    for ask in (in_query, _hello(key, **_callback(ECHO))):
        signed = presign(ask)
        status, text = fetch("PUT", signed.url, signed.signed_headers, b"hello")
        equal(f"status of {text}", status, 200)
        equal_echo(text, BUCKET, key, head(key).headers)


def _is_failure(result: Any, message: str) -> None:
    """203 is no error to this SDK: the result's text is the XML."""
    equal("status", result.status_code, 203)
    text = result.callback_result
    assert "<Code>CallbackFailed</Code>" in text, text
    assert f"<Message>{message}</Message>" in text, text
    assert "<EC>0007-" in text, text


@case
def callback_fails() -> None:
    failed = client.put_object(_hello("callback/failed", body=b"hello", **_callback("/fail")))
    _is_failure(failed, "Error status : 500.")
    equal("what is stored", get("callback/failed"), b"hello")
    failed = client.put_object(_hello("callback/failed", body=b"hello", **_callback("/text")))
    _is_failure(failed, "Response body is not valid json format.")


@case
def callback_complete_fails() -> None:
    key, content = "callback/complete-failed", some_bytes(PART + 3)
    failed = complete(key, *upload_parts(key, content), **_callback("/fail"))
    _is_failure(failed, "Error status : 500.")
    equal("content", get(key), content)


def _session(policy: str | None = None) -> Any:
    given = assume_role(policy)
    return client_of(given.access_key_id, given.access_key_secret, given.security_token)


@case
def sts_upload() -> None:
    session = _session()
    session.put_object(oss.PutObjectRequest(ROLE_BUCKET, "sts/v2 键.txt", body=b"hello"))
    equal("content", get("sts/v2 键.txt", ROLE_BUCKET), b"hello")
    content = some_bytes(2 * PART + 1)
    ask = oss.PutObjectRequest(ROLE_BUCKET, "sts/v2.bin")
    session.uploader(part_size=PART).upload_file(ask, file("sts.bin", content))
    equal("content", get("sts/v2.bin", ROLE_BUCKET), content)


@case
def sts_callback() -> None:
    key = "sts/v2-callback.txt"
    ask = _hello(key, ROLE_BUCKET, body=b"hello", **_callback(ECHO))
    stored = _session().put_object(ask)
    equal_echo(stored.callback_result, ROLE_BUCKET, key, head(key, ROLE_BUCKET).headers)


@case
def sts_presigned() -> None:
    signed = presign(oss.PutObjectRequest(ROLE_BUCKET, "sts/v2-presigned.txt"), by=_session())
    equal("answer", fetch("PUT", signed.url, signed.signed_headers, b"hello"), (200, ""))


@case
def sts_denied() -> None:
    session = _session()
    refused(403, "AccessDenied", get, "k", ROLE_BUCKET, session)
    refused(403, "AccessDenied", session.put_object, oss.PutObjectRequest(BUCKET, "k", body=b"x"))
    sts_refuses_a_wrong_secret()


@case
def sts_session_policy() -> None:
    session = _session(policy_only("only/"))
    session.put_object(oss.PutObjectRequest(ROLE_BUCKET, "only/here", body=b"x"))
    elsewhere = oss.PutObjectRequest(ROLE_BUCKET, "elsewhere", body=b"x")
    refused(403, "AccessDenied", session.put_object, elsewhere)
    refused(403, "AccessDenied", get, "only/here", ROLE_BUCKET, session)
