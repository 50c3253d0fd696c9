"""What the Python SDK v2 shows of callbacks that fail; see test_sdk_faults.py."""

# mypy: disable-error-code="import-untyped"

from functools import cache
from typing import Any

import alibabacloud_oss_v2 as oss
from fault_cases import FaultCase, show
from harness import KEY_ID, KEY_SECRET, REGION, SIGNATURE


@cache
def _client(endpoint: str) -> Any:
    found = oss.config.load_default()
    found.credentials_provider = oss.credentials.StaticCredentialsProvider(KEY_ID, KEY_SECRET)
    found.region, found.endpoint, found.signature_version = REGION, endpoint, SIGNATURE
    found.retry_max_attempts = 1
    return oss.Client(found)


def _upload(case: FaultCase) -> Any:
    client, place = _client(case.endpoint), (case.bucket, case.key)
    content = case.content.encode()
    if case.operation == "put":
        return client.put_object(oss.PutObjectRequest(*place, body=content, callback=case.callback))
    begun = client.initiate_multipart_upload(oss.InitiateMultipartUploadRequest(*place))
    part = client.upload_part(oss.UploadPartRequest(*place, 1, begun.upload_id, body=content))
    chosen = oss.CompleteMultipartUpload(parts=[oss.UploadPart(1, part.etag)])
    return client.complete_multipart_upload(
        oss.CompleteMultipartUploadRequest(
            *place, begun.upload_id, complete_multipart_upload=chosen, callback=case.callback
        )
    )


def _run(case: FaultCase) -> dict[str, Any]:
    try:
        result = _upload(case)
    except oss.exceptions.OperationError as error:
        found = error.unwrap()
        return {
            "how": "raised",
            "type": type(found).__name__,
            "status": found.status_code,
            "code": found.code,
            "message": found.message,
            "ec": found.ec,
            "request_id": found.request_id,
        }
    return {
        "how": "returned",
        "type": type(result).__name__,
        "status": result.status_code,
        "etag": result.headers["ETag"].strip('"'),
        "crc": result.hash_crc64,
        "request_id": result.request_id,
        "body": result.callback_result.strip(),
    }


show(_run)
