"""oss2: refusals, callbacks, temporary credentials."""

# mypy: disable-error-code="import-untyped"

import base64
import io
from typing import Any

import oss2
from harness import (
    BUCKET,
    ECHO,
    FORM,
    JSON,
    PART,
    ROLE_BUCKET,
    SCRATCH,
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
from oss2_clients import auth_of, bucket, bucket_of, refused, text_of
from oss2_transfers import upload_parts


@case
def error_no_such_key() -> None:
    error = refused(404, "NoSuchKey", bucket.get_object, "no/such key")
    assert isinstance(error, oss2.exceptions.NoSuchKey)
    assert error.ec


@case
def error_no_such_bucket() -> None:
    missing = bucket_of(f"{BUCKET}-missing")
    refused(404, "NoSuchBucket", missing.list_objects)
    refused(404, "NoSuchBucket", missing.put_object, "k", b"x")


@case
def error_wrong_secret() -> None:
    stranger = bucket_of(auth=auth_of(secret="wrong"))
    refused(403, "SignatureDoesNotMatch", stranger.get_object, "k")


@case
def error_unknown_access_key() -> None:
    stranger = bucket_of(auth=auth_of("LTAIunknown"))
    refused(403, "InvalidAccessKeyId", stranger.list_objects_v2)


@case
def error_bucket_not_empty() -> None:
    bucket.put_object("something", b"x")
    error = refused(409, "BucketNotEmpty", bucket.delete_bucket)
    assert isinstance(error, oss2.exceptions.BucketNotEmpty)


@case
def error_of_head() -> None:
    refused(404, "NoSuchKey", bucket.head_object, "no-such-key")


@case
def error_malformed_callback() -> None:
    for malformed in ("{not base64}", base64.b64encode(b"not JSON").decode()):
        headers = {"x-oss-callback": malformed}
        put = bucket.put_object
        refused(400, "InvalidArgument", put, "callback/refused", b"x", headers=headers)
    assert not bucket.object_exists("callback/refused")


def _callback_headers(path: str, content_type: str = JSON) -> dict[str, str]:
    return {
        "x-oss-callback": callback(path, content_type),
        "x-oss-callback-var": callback_variables(),
    }


def _put_with_callback(key: str, path: str, content_type: str = JSON, to: Any = bucket) -> Any:
    headers = {"Content-Type": "text/plain", **_callback_headers(path, content_type)}
    return to.put_object(key, b"hello", headers=headers)


def _callback_put(content_type: str) -> None:
    key = "callback/键 &=+.txt"
    stored = _put_with_callback(key, ECHO, content_type)
    about = bucket.head_object(key).headers
    equal_echo(stored.resp.read(), BUCKET, key, about, content_type)


@case
def callback_put_json() -> None:
    _callback_put(JSON)


@case
def callback_put_form() -> None:
    _callback_put(FORM)


@case
def callback_complete() -> None:
    key, content = "callback/complete 键.bin", some_bytes(PART + 3)
    upload, parts = upload_parts(key, content)
    headers = _callback_headers(ECHO)
    completed = bucket.complete_multipart_upload(key, upload, parts, headers=headers)
    equal_echo(completed.resp.read(), BUCKET, key, bucket.head_object(key).headers)


@case
def callback_presigned() -> None:
    key = "callback/presigned 键.txt"
    headers = {"Content-Type": "text/plain"}
    parameters = {"callback": callback(ECHO), "callback-var": callback_variables()}
    url = bucket.sign_url("PUT", key, 60, headers=headers, params=parameters)
    status, text = fetch("PUT", url, headers, b"hello")
    equal(f"status of {text}", status, 200)
    equal_echo(text, BUCKET, key, bucket.head_object(key).headers)
    # The other way: signed headers, which the sender must repeat.
    headers |= _callback_headers(ECHO)
    url = bucket.sign_url("PUT", key, 60, headers=headers)
    answer = bucket.put_object_with_url(url, b"hello", headers=headers)
    equal_echo(answer.resp.read(), BUCKET, key, bucket.head_object(key).headers)


def _is_failure(result: Any, message: str) -> None:
    """203 is no error to this SDK: status and body tell."""
    equal("status", result.status, 203)
    text = result.resp.read().decode()
    assert "<Code>CallbackFailed</Code>" in text, text
    assert f"<Message>{message}</Message>" in text, text
    assert "<EC>0007-" in text, text


@case
def callback_fails() -> None:
    _is_failure(_put_with_callback("callback/failed", "/fail"), "Error status : 500.")
    equal("what is stored", text_of("callback/failed"), "hello")
    _is_failure(
        _put_with_callback("callback/failed", "/text"), "Response body is not valid json format."
    )


@case
def callback_complete_fails() -> None:
    key, content = "callback/complete-failed", some_bytes(PART + 3)
    upload, parts = upload_parts(key, content)
    headers = _callback_headers("/fail")
    _is_failure(
        bucket.complete_multipart_upload(key, upload, parts, headers=headers),
        "Error status : 500.",
    )
    assert bucket.get_object(key).read() == content


def _session(policy: str | None = None, name: str = ROLE_BUCKET) -> oss2.Bucket:
    given = assume_role(policy)
    auth = auth_of(given.access_key_id, given.access_key_secret, given.security_token)
    return bucket_of(name, auth)


@case
def sts_upload() -> None:
    session = _session()
    root = bucket_of(ROLE_BUCKET)
    session.put_object("sts/oss2 键.txt", b"hello")
    equal("content", root.get_object("sts/oss2 键.txt").read(), b"hello")
    content = some_bytes(2 * PART + 1)
    path = file("sts.bin", content)
    oss2.resumable_upload(
        session,
        "sts/oss2.bin",
        path,
        store=oss2.ResumableStore(root=str(SCRATCH)),
        multipart_threshold=PART,
        part_size=PART,
    )
    assert root.get_object("sts/oss2.bin").read() == content


@case
def sts_callback() -> None:
    key = "sts/oss2-callback.txt"
    stored = _put_with_callback(key, ECHO, to=_session())
    about = bucket_of(ROLE_BUCKET).head_object(key).headers
    equal_echo(stored.resp.read(), ROLE_BUCKET, key, about)


@case
def sts_presigned() -> None:
    url = _session().sign_url("PUT", "sts/oss2-presigned.txt", 60)
    equal("answer", fetch("PUT", url, body=b"hello"), (200, ""))


@case
def sts_denied() -> None:
    refused(403, "AccessDenied", _session().get_object, "k")
    refused(403, "AccessDenied", _session(name=BUCKET).put_object, "k", b"x")
    sts_refuses_a_wrong_secret()


@case
def sts_session_policy() -> None:
    session = _session(policy_only("only/"))
    session.put_object("only/here", io.BytesIO(b"x"))
    refused(403, "AccessDenied", session.put_object, "elsewhere", b"x")
    refused(403, "AccessDenied", session.get_object, "only/here")
