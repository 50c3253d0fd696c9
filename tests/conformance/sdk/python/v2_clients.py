"""What the cases of alibabacloud-oss-v2 share: clients, short requests, what is demanded of an error."""

# mypy: disable-error-code="import-untyped"

from typing import Any

import alibabacloud_oss_v2 as oss
from harness import AWKWARD_KEYS as EVERY_AWKWARD_KEY
from harness import BUCKET, ENDPOINT, KEY_ID, KEY_SECRET, REGION, SIGNATURE, equal

# urllib3 resolves dot segments before it sends: such keys are out of this SDK's reach.
AWKWARD_KEYS = [key for key in EVERY_AWKWARD_KEY if "/." not in key]


def configuration(key_id: str, secret: str, token: str | None = None) -> oss.config.Config:
    found = oss.config.load_default()
    found.credentials_provider = oss.credentials.StaticCredentialsProvider(key_id, secret, token)
    found.region, found.endpoint = REGION, ENDPOINT
    found.signature_version = SIGNATURE
    found.retry_max_attempts = 1
    return found


def client_of(key_id: str = KEY_ID, secret: str = KEY_SECRET, token: str | None = None) -> Any:
    return oss.Client(configuration(key_id, secret, token))


client = client_of()


def refused(status: int, code: str | None, call: Any, *arguments: Any) -> Any:
    try:
        call(*arguments)
    except oss.exceptions.OperationError as error:
        found = error.unwrap()
        equal(f"status and code of {error}", (found.status_code, found.code), (status, code))
        equal("length of the request id", len(found.request_id), 24)
        return found
    raise AssertionError(f"not refused; wanted {status} {code}")


def put(key: str, content: Any, **more: Any) -> Any:
    return client.put_object(oss.PutObjectRequest(BUCKET, key, body=content, **more))


def get(key: str, bucket: str = BUCKET, by: Any = client, **more: Any) -> Any:
    content: bytes = by.get_object(oss.GetObjectRequest(bucket, key, **more)).body.content
    return content


def head(key: str, bucket: str = BUCKET) -> Any:
    return client.head_object(oss.HeadObjectRequest(bucket, key))
