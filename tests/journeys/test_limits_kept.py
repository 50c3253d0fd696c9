"""Limits of a running server, whose workers count together."""

import socket
from collections import Counter
from pathlib import Path

import pytest

from running import Server, running_server, signer
from scraping import scrape

pytestmark = pytest.mark.slow

BUCKETS = ("limited-one", "limited-two")


def statuses(server: Server, bucket: str, count: int) -> Counter[str]:
    """What comes of so many requests, each on a connection of its own, and so at any worker."""
    found: Counter[str] = Counter()
    for number in range(count):
        reply = signer(server).request("PUT", bucket, f"k{number}", body=b"x")
        found[f"{reply.status} {reply.code}" if reply.status != 200 else "200"] += 1
        if reply.status == 503:
            assert int(reply.headers["retry-after"]) >= 1
            assert reply.headers["x-oss-ec"] == "0004-00000302"
    return found


def test_a_bucket_has_its_requests_over_all_workers(tmp_path: Path) -> None:
    # Next to nothing comes back while this runs: what there is, is the burst.
    terms = ("--limit-bucket", "requests=0.01/12", "--metrics-listen", "127.0.0.1:0")
    with running_server(tmp_path, "--workers", "3", *terms) as server:
        for bucket in BUCKETS:
            assert signer(server).request("PUT", bucket).status == 200
        one = statuses(server, BUCKETS[0], 30)
        # The bucket's own creation is one; two workers that count at a time may lose one.
        assert one.keys() == {"200", "503 TotalQpsLimitExceeded"}
        assert 11 <= one["200"] <= 12
        assert statuses(server, BUCKETS[1], 5) == {"200": 5}
        # A stranger, who may do nothing there, uses nothing up.
        assert signer(server).request("GET", "-", "health").status == 200
        refused = scrape(server.event["metrics_url"])
        assert refused.total("ossia_requests_refused_total", reason="bucket") == 30 - one["200"]


def test_strangers_use_up_nothing_of_a_bucket(tmp_path: Path) -> None:
    with running_server(tmp_path, "--limit-bucket", "requests=0.01/5") as server:
        assert signer(server).request("PUT", BUCKETS[0]).status == 200
        for _ in range(10):
            assert b" 403 " in anonymous(server, f"/{BUCKETS[0]}/key")
        assert statuses(server, BUCKETS[0], 4) == {"200": 4}


def test_a_peer_is_refused_before_he_is_known_and_sees_health(tmp_path: Path) -> None:
    with running_server(tmp_path, "--limit-peer", "requests=0.01/3", "--workers", "2") as server:
        answers = [anonymous(server, f"/{BUCKETS[0]}/key") for _ in range(6)]
        assert [b" 503 " in each for each in answers] == [False] * 3 + [True] * 3
        assert b"<Code>TotalQpsLimitExceeded</Code>" in answers[-1]
        assert b"<Limit>peer</Limit>" in answers[-1]
        for _ in range(5):
            assert b" 200 " in anonymous(server, "/-/health")


def test_who_waits_with_his_body_hears_it_at_once(tmp_path: Path) -> None:
    with running_server(tmp_path, "--limit-key", "requests=0.01/1") as server:
        assert signer(server).request("PUT", BUCKETS[0]).status == 200
        path = signer(server, 1).url("PUT", BUCKETS[0], "key").removeprefix(server.endpoint)
        answer = anonymous(
            server, path, "PUT", "Expect: 100-continue\r\nContent-Length: 9999999\r\n"
        )
        assert answer.startswith(b"HTTP/1.1 503 ")


def anonymous(server: Server, path: str, method: str = "GET", headers: str = "") -> bytes:
    host, _, port = server.address.rpartition(":")
    with socket.create_connection((host, int(port)), 10) as client:
        head = f"{method} {path} HTTP/1.1\r\nHost: {server.address}\r\n{headers}\r\n"
        client.sendall(head.encode())
        return client.recv(65536)


def test_a_limit_that_is_none_is_refused_in_one_line(tmp_path: Path) -> None:
    with (
        pytest.raises(AssertionError, match=r"--limit-key 'requests=many' is not a limit: write"),
        running_server(tmp_path, "--limit-key", "requests=many"),
    ):
        pass
