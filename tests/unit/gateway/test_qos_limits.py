"""The limits of ``?qosInfo``, as the gateway counts them."""

from types import SimpleNamespace

import pytest

from ossia.domain.buckets.buckets import QOS
from ossia.errors import (
    DownloadTrafficRateLimitExceeded,
    TotalQpsLimitExceeded,
    UploadTrafficRateLimitExceeded,
)
from ossia.gateway import limits as gateway_limits
from ossia.gateway.bucket_qos import BucketQosLimits
from ossia.gateway.flow import Flow
from ossia.gateway.limits import Limit, Tables
from ossia.records import Bucket

NOTHING: frozenset[str] = frozenset()


def bucket(name: str = "b", **values: int) -> Bucket:
    inner = "".join(f"<{each}>{value}</{each}>" for each, value in values.items())
    content = f"<QoSConfiguration>{inner}</QoSConfiguration>".encode()
    documents = {QOS: content} if values else {}
    return Bucket(id=1, name=name, owner="1", created_at=0, region="r", documents=documents)


def limits(refused: list[str] | None = None) -> BucketQosLimits:
    return BucketQosLimits(Tables(), 0, (refused if refused is not None else []).append)


def flow_of(limit: Limit) -> Flow:
    uploads = [(limit.upload, "b")] if limit.upload else []
    return Flow(uploads, [(limit.download, "b")] if limit.download else [], str)


def test_a_bucket_that_has_none_is_not_counted() -> None:
    assert limits().enter(bucket(), NOTHING) is None
    assert limits().enter(None, NOTHING) is None


def test_so_many_requests_a_second_of_each_bucket() -> None:
    refused: list[str] = []
    found = limits(refused)
    for _ in range(2):
        found.enter(bucket(TotalQps=2), NOTHING)
    with pytest.raises(TotalQpsLimitExceeded) as caught:
        found.enter(bucket(TotalQps=2), NOTHING)
    assert caught.value.headers == {"Retry-After": "1"}
    assert refused == ["bucket"]
    found.enter(bucket("other", TotalQps=2), NOTHING)


def test_at_none_nobody_comes_in_but_who_asks_for_the_limits() -> None:
    found = limits()
    with pytest.raises(TotalQpsLimitExceeded):
        found.enter(bucket(TotalQps=0), NOTHING)
    assert found.enter(bucket(TotalQps=0), frozenset({"qosInfo"})) is None


def test_bytes_count_against_the_totals() -> None:
    limit = limits().enter(bucket(TotalUploadBandwidth=1, IntranetDownloadBandwidth=1), NOTHING)
    assert limit is not None
    assert limit.download is None
    assert limit.upload is not None
    assert limit.upload.speed.rate == 125_000_000


def test_none_may_pass_where_the_total_is_none() -> None:
    limit = limits().enter(bucket(TotalUploadBandwidth=0, TotalDownloadBandwidth=0), NOTHING)
    assert limit is not None
    with pytest.raises(UploadTrafficRateLimitExceeded) as caught:
        flow_of(limit).upload()
    assert caught.value.headers == {}
    with pytest.raises(DownloadTrafficRateLimitExceeded):
        flow_of(limit).download()


def test_what_is_set_anew_counts_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(gateway_limits, "time", SimpleNamespace(monotonic=lambda: now[0]))
    found = limits()
    found.enter(bucket(TotalQps=1), NOTHING)
    with pytest.raises(TotalQpsLimitExceeded):
        found.enter(bucket(TotalQps=1), NOTHING)
    now[0] += 0.1
    with pytest.raises(TotalQpsLimitExceeded):
        found.enter(bucket(TotalQps=1), NOTHING)
    found.enter(bucket(TotalQps=100), NOTHING)
