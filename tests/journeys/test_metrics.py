"""Metrics of real servers, as whoever scrapes them finds them."""

import json
import os
import signal
import subprocess
import sys
import time
from base64 import b64encode
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from ossia.client.signing_client import SigningClient
from ossia.testing.inbox import Inbox
from running import Server, running_server, signer, workers_of
from scraping import Samples, scrape
from waiting import until

BUCKET = "metered"
PAGES = ("--metrics-listen", "127.0.0.1:0")


def seen(server: Server) -> Samples:
    return scrape(server.event["metrics_url"])


def requests(server: Server) -> float:
    return seen(server).total("ossia_requests_total", operation="GetObject")


def bucket_with(client: SigningClient, content: bytes = b"x" * 4096) -> None:
    assert client.request("PUT", BUCKET).status == 200
    assert client.request("PUT", BUCKET, "key", body=content).status == 200


@pytest.mark.slow
def test_every_worker_counts_and_whoever_is_asked_tells_all(tmp_path: Path) -> None:
    with running_server(tmp_path, *PAGES, "--workers", "3") as server:
        client = signer(server)
        bucket_with(client)
        for _ in range(40):
            assert client.request("GET", BUCKET, "key").status == 200
        assert client.request("GET", BUCKET, "none").status == 404
        assert (
            SigningClient(server.endpoint, "", "", "", 0).request("GET", BUCKET, "key").status
            == 403
        )
        # Each of them tells what others counted a moment ago.
        until(lambda: requests(server) == 42, "not counted")
        for _ in range(8):
            found = seen(server)
            get = {"operation": "GetObject"}
            assert found.total("ossia_requests_total", **get, status="200", caller="root") == 40
            assert found.total("ossia_requests_total", **get, status="404", caller="root") == 1
            assert found.total("ossia_requests_total", **get, status="403", caller="anonymous") == 1
            assert found.total("ossia_request_duration_seconds_count", **get) == 42
            assert found.total("ossia_response_bytes_total", **get) >= 40 * 4096
            assert found.total("ossia_request_bytes_total", operation="PutObject") == 4096
        assert found.total("ossia_commit_batch_changes_sum") >= 2
        assert found.total("ossia_commit_disk_seconds_count") >= 2
        assert found.total("ossia_engine_up") == 2
        assert found.total("ossia_disk_free_bytes") > 0
        until(lambda: seen(server).total("ossia_loop_lag_seconds_count") > 3, "no loop turns")
        for worker in "012":
            assert seen(server).total("ossia_worker_resident_memory_bytes", worker=worker) > 10**7
            assert (
                time.time() - seen(server).total("ossia_worker_seen_time_seconds", worker=worker)
                < 3
            )


@pytest.mark.slow
def test_no_counter_goes_back_when_workers_die(tmp_path: Path) -> None:
    with running_server(tmp_path, *PAGES, "--workers", "2") as server:
        client = signer(server)
        bucket_with(client)
        for _ in range(20):
            client.request("GET", BUCKET, "key")
        # What a worker counts just before it is killed is lost.
        until(lambda: requests(server) == 20, "not counted")
        before = workers_of(server)
        for pid in before:
            os.kill(pid, signal.SIGKILL)
            until(lambda gone=pid: gone not in workers_of(server), "it lives")  # type: ignore[misc]  # bound at once
            until(lambda: len(workers_of(server)) == 2, "nobody takes over")

        def starts() -> float:
            try:
                return seen(server).total("ossia_worker_starts_total")
            except OSError:  # that of one that was just killed
                return 0

        until(lambda: starts() == 4, "starts are not counted")
        assert requests(server) == 20
        client.request("GET", BUCKET, "key")
        until(lambda: requests(server) == 21, "it does not count on")


@pytest.mark.slow
def test_a_client_that_leaves_is_counted_with_what_it_sent(tmp_path: Path) -> None:
    with running_server(tmp_path, *PAGES) as server:
        client = signer(server)
        bucket_with(client)
        url = client.url("PUT", BUCKET, "cut")
        script = (
            "import socket, sys\n"
            "host, port, target = sys.argv[1:]\n"
            "to = socket.create_connection((host, int(port)))\n"
            "to.sendall(f'PUT {target} HTTP/1.1\\r\\nHost: x\\r\\nContent-Length: 500000\\r\\n\\r\\n'.encode())\n"
            "to.sendall(b'x' * 200000)\n"
            "import time; time.sleep(0.5)\n"
            "to.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\\1\\0\\0\\0\\0\\0\\0\\0')\n"
        )
        host, _, port = server.address.partition(":")
        target = url.removeprefix(server.endpoint)
        subprocess.run([sys.executable, "-c", script, host, port, target], check=True)
        until(
            lambda: (
                seen(server).total("ossia_requests_total", operation="PutObject", status="499") == 1
            ),
            "not counted",
        )
        assert seen(server).total("ossia_request_bytes_total", operation="PutObject") == 204096


@pytest.mark.slow
def test_callbacks_are_counted_by_what_became_of_them(tmp_path: Path) -> None:
    with running_server(tmp_path, *PAGES) as server, Inbox() as inbox:
        client = signer(server)
        bucket_with(client)

        def put(url: str) -> int:
            terms = json.dumps({"callbackUrl": url, "callbackBody": "o=${object}"})
            headers = {"x-oss-callback": b64encode(terms.encode()).decode()}
            return client.request("PUT", BUCKET, "key", headers=headers, body=b"x").status

        assert put(inbox.url) == 200
        inbox.answer(b"no", status=500)
        assert put(inbox.url) == 203
        assert put("http://127.0.0.1:1/") == 203
        until(lambda: seen(server).total("ossia_callback_attempts_total") == 3, "not counted")
        found = seen(server)
        for outcome in ("accepted", "rejected", "not_connected"):
            attempts = found.total("ossia_callback_attempts_total", kind="upload", outcome=outcome)
            assert attempts == 1, outcome
        assert found.total("ossia_callback_phase_seconds_count", phase="first_byte") == 2


@pytest.mark.slow
def test_a_scrape_key_opens_both_places(tmp_path: Path) -> None:
    key = tmp_path / "scrape.key"
    key.write_text("a-scrape-key-of-tests\n")
    with running_server(
        tmp_path, "--metrics-listen", ":0", "--metrics-key-file", str(key)
    ) as server:
        port = server.event["metrics_url"].rpartition(":")[2].partition("/")[0]
        places = (f"http://127.0.0.1:{port}/-/metrics", f"{server.endpoint}/-/metrics")
        for place in places:
            with pytest.raises(HTTPError, match="403"):
                urlopen(place)
            asked = Request(place, headers={"Authorization": f"Bearer {key.read_text().strip()}"})
            with urlopen(asked) as answer:
                assert answer.headers["Content-Type"].startswith("text/plain")
                assert b"ossia_requests_total" in answer.read()
        assert signer(server).request("GET", "-", "metrics").status == 200


@pytest.mark.slow
def test_there_is_nothing_else_at_the_address_of_metrics(tmp_path: Path) -> None:
    with running_server(tmp_path, *PAGES) as server:
        place = server.event["metrics_url"].removesuffix("/-/metrics")
        bucket_with(signer(server))
        root = signer(server)
        there = SigningClient(place, root.access_key_id, root.secret, root.region)
        assert there.request("GET", BUCKET, "key").status == 404
        assert there.request("GET").status == 404
        assert there.request("GET", "-", "api/callbacks").status == 404
        with urlopen(f"{place}/-/health") as answer:
            assert answer.status == 200
