"""The fault matrix over plain HTTP: whatever the application server does, the uploader hears why.

The same matrix through the SDKs is `sdk/test_sdk_faults.py`.
"""

import hashlib
import re
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import pytest
from callback_asking import Uploader, config
from fault_matrix import OK, SLOW, UNCOUNTED
from fault_world import FaultWorld, Place, faults

from ossia.client.signing_client import Reply
from ossia.protocol.checksums import crc64
from ossia.testing.faulty_receiver import ACCEPTED, FAULTS, Ends, Fault, reply

OPERATIONS = ("PutObject", "PostObject", "CompleteMultipartUpload")
CONTENT = bytes(range(256)) * 100
SENT_BACK = frozenset({"content-length", "content-type", "x-oss-ec"})
"""What a failure says in other words than a success."""
GUARDS = {"content-security-policy", "x-content-type-options"}


@dataclass(frozen=True)
class Told:
    """An upload's answer, and the object afterwards."""

    reply: Reply
    stored: bytes | None


def upload(place: Place, operation: str, key: str, url: str) -> Told:
    uploader = Uploader(place.client, place.bucket, key, CONTENT)
    callback = config(url, "bucket=${bucket}&object=${object}&size=${size}")
    answer = {
        "PutObject": lambda: uploader.put({"x-oss-callback": callback}),
        "PostObject": lambda: uploader.post({"callback": callback}),
        "CompleteMultipartUpload": lambda: uploader.complete({"x-oss-callback": callback}),
    }[operation]()
    return Told(answer, uploader.stored())


@pytest.fixture(scope="module")
def told(faulty: FaultWorld) -> Iterator[dict[tuple[str, str], Future[Told]]]:
    """Every upload of the matrix; those that wait do so together."""
    with ThreadPoolExecutor(8) as pool:
        yield {
            (operation, fault): pool.submit(
                upload, faulty.place_of(fault), operation, f"{operation}/{fault}", faulty.url(fault)
            )
            for fault in faults()
            for operation in OPERATIONS
        }


@pytest.mark.slow
@pytest.mark.covers("PutObject", "PostObject", "CompleteMultipartUpload")
@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("fault", faults())
def test_uploader_hears_why(
    faulty: FaultWorld, told: dict[tuple[str, str], Future[Told]], fault: str, operation: str
) -> None:
    heard = faulty.heard(fault)
    answer = told[operation, fault].result()
    got = answer.reply
    assert (got.status, got.code, got.element("Message")) == (
        heard.status,
        heard.code,
        heard.message,
    )
    assert answer.stored == (CONTENT if heard.is_stored else None)
    if heard.status == OK.status:
        assert got.body.strip() == ACCEPTED
        return
    place = faulty.place_of(fault)
    assert got.headers["content-type"] == "application/xml"
    assert got.element("RequestId") == got.headers["x-oss-request-id"] != ""
    assert got.element("HostId") == place.server.address
    assert got.element("EC") == got.headers["x-oss-ec"] == heard.ec
    doc = f"https://api.aliyun.com/troubleshoot?q={heard.ec}"
    assert got.element("RecommendDoc") == doc


@pytest.mark.slow
@pytest.mark.covers("PutObject", "PostObject", "CompleteMultipartUpload")
@pytest.mark.parametrize("operation", OPERATIONS)
def test_headers_of_a_failure_are_those_of_a_success(
    told: dict[tuple[str, str], Future[Told]], operation: str
) -> None:
    success = told[operation, "good-certificate"].result().reply.headers
    digest = hashlib.md5(CONTENT).hexdigest().upper()
    assert success["x-oss-hash-crc64ecma"] == str(crc64(CONTENT))
    if operation != "CompleteMultipartUpload":
        assert success["etag"] == f'"{digest}"'
    for fault in faults():
        got = told[operation, fault].result().reply
        if got.status == 203:
            # An application's answer is sandboxed, our own document is not.
            assert set(got.headers) - SENT_BACK == set(success) - SENT_BACK - GUARDS, fault
            for name in ("etag", "x-oss-hash-crc64ecma"):
                assert got.headers[name] == success[name], (fault, name)


@pytest.mark.slow
@pytest.mark.covers("PutObject")
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("self-signed", "self-signed certificate|unable to get local issuer"),
        ("expired", "certificate has expired"),
        ("wrong-name", "IP address mismatch"),
        ("plain-asked-for-tls", "(?i)wrong.version|record layer|unexpected"),
    ],
)
def test_operator_reads_why_tls_failed(faulty: FaultWorld, fault: str, reason: str) -> None:
    """The uploader hears the same of each; the server's log tells them apart."""
    url = faulty.url(fault).removesuffix("/callback")
    answer = upload(faulty.patient, "PutObject", f"logged/{fault}", f"{url}/callback").reply
    lines = (faulty.patient.server.data / "stderr.log").read_text().splitlines()
    (line,) = (line for line in lines if answer.headers["x-oss-request-id"] in line)
    assert f"url={url} " in line
    assert re.search(reason, line), line


@pytest.mark.slow
@pytest.mark.covers("PutObject")
def test_nothing_is_sent_twice(faulty: FaultWorld) -> None:
    """No second attempt, and no redirect followed: its target is the same port."""
    slow = (SLOW - {"late"}) | {"late-by-the-limit-of-oss", "tls-asked-for-plain"}
    for fault in sorted(set(faults()) - UNCOUNTED - slow):
        place = faulty.place_of(fault)
        before = place.receiver.connections(fault)
        upload(place, "PutObject", "once", faulty.url(fault))
        assert place.receiver.connections(fault) == before + 1, fault


ANSWER = reply()


@pytest.mark.slow
@pytest.mark.covers("PutObject")
@pytest.mark.parametrize("ends", [Ends.RESET, Ends.CLOSE])
def test_answer_that_breaks_off_at_any_byte(faulty: FaultWorld, ends: Ends) -> None:
    place = faulty.patient
    for count in range(len(ANSWER) + 1):
        name = f"{ends.name}-after-{count}"
        place.receiver.add(name, Fault((ANSWER[:count],), ends=ends))
        answer = upload(place, "PutObject", name, place.receiver.url(name))
        got = (answer.reply.status, answer.reply.element("Message"))
        want = (200, "") if count == len(ANSWER) else (203, "Error status : 502.")
        assert got == want, ANSWER[:count]
        assert answer.stored == CONTENT


def test_matrix_has_every_fault_of_the_receiver() -> None:
    assert set(FAULTS) <= {*faults(), "private-name"}
