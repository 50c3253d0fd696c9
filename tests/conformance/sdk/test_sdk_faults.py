"""The fault matrix through the SDKs: each shows the reason in its own way (callback.md, section 11).

The same matrix to the letter is `../test_callback_faults.py`.
"""

import hashlib
import json
from typing import Any, Final
from xml.etree import ElementTree as ET

import pytest
from fault_matrix import OK, Heard
from fault_world import FaultWorld, faults
from sdk_faults import OPERATIONS, SUITES, FaultRuns, case_id, content_of, key_of

from ossia.protocol.checksums import crc64, multipart_etag

# What each SDK raises when a callback failed; None where 203 is no error to it: the result has the
# status, and the XML as the application's answer.
RAISED: Final[dict[str, str | None]] = {
    "python_oss2": None,
    "python_v2": None,
    "node": "CallbackFailedError",
    "java": "OSSException",
    "go_v1": "ServiceError",
    "go_v2": "ServiceError",
}

# What each raises when the upload itself is refused.
REFUSED: Final[dict[str, str]] = {
    "python_oss2": "InvalidArgument",
    "python_v2": "ServiceError",
    "node": "InvalidArgumentError",
    "java": "OSSException",
    "go_v1": "ServiceError",
    "go_v2": "ServiceError",
}

TELL_NO_STATUS: Final = frozenset({"java"})
"""The exception has none."""

CASES: Final = [
    pytest.param(suite, operation, fault, id=f"{suite}-{operation}-{fault}")
    for suite in SUITES
    for fault in faults()
    for operation in OPERATIONS
    if (operation, fault) != ("complete", "late-by-the-limit-of-oss")
]


def raised(suite: str, kind: str, heard: Heard) -> dict[str, Any]:
    """What an SDK shows that raises."""
    told: dict[str, Any] = {"code": heard.code, "message": heard.message, "ec": heard.ec}
    if suite not in TELL_NO_STATUS:
        told["status"] = heard.status
    return {"how": "raised", "type": kind, **told}


def returned(heard: Heard, content: str, operation: str) -> dict[str, Any]:
    """What an SDK shows that returns."""
    etag = hashlib.md5(content.encode()).hexdigest().upper()
    if operation == "complete":
        etag = multipart_etag([etag])
    body = {"Status": "OK"}
    if heard.status == 203:
        body = {"Code": heard.code, "Message": heard.message, "EC": heard.ec}
    crc = str(crc64(content.encode()))
    return {"how": "returned", "status": heard.status, "etag": etag, "crc": crc, "body": body}


def body_of(shown: dict[str, Any]) -> Any:
    """The application's answer, or what the server says of it."""
    if shown["status"] == OK.status:
        return json.loads(shown["body"])
    error = ET.fromstring(shown["body"])  # noqa: S314 - our own server's
    assert error.findtext("RequestId") == shown["request_id"]
    return {name: error.findtext(name) for name in ("Code", "Message", "EC")}


@pytest.mark.slow
@pytest.mark.covers("PutObject", "CompleteMultipartUpload")
@pytest.mark.parametrize(("suite", "operation", "fault"), CASES)
def test_sdk_shows_why(
    faulty: FaultWorld, fault_runs: FaultRuns, suite: str, operation: str, fault: str
) -> None:
    run = fault_runs.of(suite)
    if run.missing:
        pytest.skip(run.missing)
    shown = run.shown.get(case_id(operation, fault))
    if shown is None:
        pytest.fail(f"{suite} did not report: {run.trouble}", pytrace=False)
    assert shown["how"] != "crashed", shown
    heard = faulty.heard(fault)
    content = content_of(suite, operation, fault)
    kind = REFUSED[suite] if heard.status == 400 else RAISED[suite]
    if heard.status == OK.status or kind is None:
        want = returned(heard, content, operation)
        shown = {**shown, "body": body_of(shown)}
    else:
        want = raised(suite, kind, heard)
    assert len(shown["request_id"]) == 24
    assert {name: shown.get(name) for name in want} == want
    place = faulty.place_of(fault)
    stored = place.client.request("GET", place.bucket, key_of(suite, operation, fault))
    got = (stored.status, stored.body) if heard.is_stored else stored.code
    assert got == ((200, content.encode()) if heard.is_stored else "NoSuchKey")
