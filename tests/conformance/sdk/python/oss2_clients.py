"""What the cases of oss2 share: clients, and what is demanded of an error."""

# mypy: disable-error-code="import-untyped"

from typing import Any

import oss2
from harness import BUCKET, ENDPOINT, KEY_ID, KEY_SECRET, REGION, SIGNATURE, equal
from oss2.exceptions import ServerError


def auth_of(key_id: str = KEY_ID, secret: str = KEY_SECRET, token: str | None = None) -> Any:
    if token is None:
        return oss2.make_auth(key_id, secret, SIGNATURE)
    return oss2.StsAuth(key_id, secret, token, SIGNATURE)


def bucket_of(name: str = BUCKET, auth: Any = None) -> oss2.Bucket:
    return oss2.Bucket(auth or auth_of(), ENDPOINT, name, region=REGION)


bucket = bucket_of()
SERVICE = oss2.Service(auth_of(), ENDPOINT, region=REGION)


def refused(status: int, code: str, call: Any, *arguments: Any, **options: Any) -> ServerError:
    try:
        call(*arguments, **options)
    except ServerError as error:
        equal(f"status and code of {error}", (error.status, error.code), (status, code))
        equal("length of the request id", len(error.request_id), 24)
        return error
    raise AssertionError(f"not refused; wanted {status} {code}")


def text_of(key: str) -> str:
    content: bytes = bucket.get_object(key).read()
    return content.decode()
