"""How much a bucket may be asked for: ``?qosInfo``."""

import time

import pytest
from asking import Ask

QOS = [("qosInfo", "")]


def qos(**values: int) -> bytes:
    inner = "".join(f"<{name}>{value}</{name}>" for name, value in values.items())
    return f"<QoSConfiguration>{inner}</QoSConfiguration>".encode()


@pytest.mark.covers("PutBucketQoSInfo")
@pytest.mark.covers("GetBucketQoSInfo")
@pytest.mark.covers("DeleteBucketQoSInfo")
def test_it_is_set_and_told_and_removed(ask: Ask) -> None:
    missing = ask("GET", query=QOS)
    assert (missing.status, missing.code) == (404, "NoSuchBucketQosInfo")
    assert ask("PUT", query=QOS, body=qos(TotalUploadBandwidth=10, TotalQps=500)).status == 200
    told = ask("GET", query=QOS)
    assert told.status == 200
    assert told.element("TotalUploadBandwidth") == "10"
    assert told.element("TotalQps") == "500"
    for name in ("IntranetUploadBandwidth", "TotalDownloadBandwidth", "ExtranetQps"):
        assert told.element(name) == "-1"
    assert ask("DELETE", query=QOS).status == 204
    assert ask("DELETE", query=QOS).status == 204
    assert ask("GET", query=QOS).status == 404


@pytest.mark.covers("PutBucketQoSInfo")
def test_what_is_refused_changes_nothing(ask: Ask) -> None:
    assert ask("PUT", query=QOS, body=qos(TotalQps=500)).status == 200
    for body, code in (
        (qos(TotalQps=5, IntranetQps=6), "InvalidArgument"),
        (qos(TotalUploadBandwidth=-2), "InvalidArgument"),
        (b"<QoSConfiguration><TotalQps>x</TotalQps></QoSConfiguration>", "MalformedXML"),
        (b"", "MalformedXML"),
    ):
        reply = ask("PUT", query=QOS, body=body)
        assert (reply.status, reply.code) == (400, code)
    assert ask("GET", query=QOS).element("TotalQps") == "500"


@pytest.mark.covers("PutBucketQoSInfo")
def test_so_many_requests_a_second_and_no_more(ask: Ask) -> None:
    assert ask("PUT", query=QOS, body=qos(TotalQps=1)).status == 200
    # It counts over all workers: two that count at once may lose one.
    replies = [ask("GET", "absent") for _ in range(12)]
    refused = [reply for reply in replies if reply.status == 503]
    assert {reply.code for reply in refused} == {"TotalQpsLimitExceeded"}
    assert {reply.element("Limit") for reply in refused} == {"bucket"}
    assert int(refused[0].headers["retry-after"]) >= 1
    # The limits themselves are told and taken back whatever they say.
    assert ask("PUT", query=QOS, body=qos(TotalQps=0)).status == 200
    assert ask("GET", "absent").code == "TotalQpsLimitExceeded"
    assert ask("DELETE", query=QOS).status == 204
    assert ask("GET", "absent").status == 404


@pytest.mark.covers("PutBucketQoSInfo")
def test_bytes_that_may_not_pass_do_not(ask: Ask, bucket: str) -> None:
    assert ask("PUT", "k", body=b"x" * 1000).status == 200
    zero = qos(TotalUploadBandwidth=0, TotalDownloadBandwidth=0)
    assert ask("PUT", query=QOS, body=zero).status == 200
    assert ask("PUT", "k", body=b"other").code == "UploadTrafficRateLimitExceeded"
    assert ask("GET", "k").code == "DownloadTrafficRateLimitExceeded"
    assert ask("HEAD", "k").status == 200
    # What a copy moves counts not at all.
    source = {"x-oss-copy-source": f"/{bucket}/k"}
    assert ask("PUT", "copy", headers=source).status == 200
    assert ask("PUT", query=QOS, body=qos(TotalUploadBandwidth=1)).status == 200
    assert ask("PUT", "k", body=b"other").status == 200
    assert ask("GET", "k").body == b"other"


@pytest.mark.slow
@pytest.mark.covers("PutBucketQoSInfo")
def test_bytes_take_their_time(ask: Ask) -> None:
    # 125 million bytes a second, and as many at once.
    content = bytes(100_000_000)
    assert ask("PUT", "k", body=content).status == 200
    assert ask("PUT", query=QOS, body=qos(TotalDownloadBandwidth=1)).status == 200
    begun = time.monotonic()
    for _ in range(3):
        assert len(ask("GET", "k").body) == len(content)
    assert time.monotonic() - begun >= (300 - 125) / 125 - 0.1
