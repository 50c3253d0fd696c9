"""What the Python SDK v1 (oss2) shows of callbacks that fail; see test_sdk_faults.py."""

# mypy: disable-error-code="import-untyped"

from functools import cache
from typing import Any

import oss2
from fault_cases import FaultCase, show
from harness import KEY_ID, KEY_SECRET, REGION, SIGNATURE
from oss2.exceptions import ServerError
from oss2.models import PartInfo


@cache
def _bucket(endpoint: str, name: str) -> oss2.Bucket:
    return oss2.Bucket(oss2.make_auth(KEY_ID, KEY_SECRET, SIGNATURE), endpoint, name, region=REGION)


def _upload(case: FaultCase) -> Any:
    bucket = _bucket(case.endpoint, case.bucket)
    headers = {"x-oss-callback": case.callback}
    if case.operation == "put":
        return bucket.put_object(case.key, case.content, headers=headers)
    upload = bucket.init_multipart_upload(case.key).upload_id
    part = bucket.upload_part(case.key, upload, 1, case.content)
    parts = [PartInfo(1, part.etag, size=len(case.content), part_crc=part.crc)]
    return bucket.complete_multipart_upload(case.key, upload, parts, headers=headers)


def _run(case: FaultCase) -> dict[str, Any]:
    try:
        result = _upload(case)
    except ServerError as error:
        return {
            "how": "raised",
            "type": type(error).__name__,
            "status": error.status,
            "code": error.code,
            "message": error.message,
            "ec": error.ec,
            "request_id": error.request_id,
        }
    return {
        "how": "returned",
        "type": type(result).__name__,
        "status": result.status,
        "etag": result.etag,
        "crc": str(result.crc),
        "request_id": result.request_id,
        "body": result.resp.read().decode().strip(),
    }


show(_run)
