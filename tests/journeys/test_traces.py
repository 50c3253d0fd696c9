"""Traces of a real server, as a collector and an application receive them."""

import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from otlp_collector import Collector, Span, collecting
from uploading import callback

from ossia.testing.inbox import Inbox
from running import running_server, signer

pytestmark = pytest.mark.slow

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"
BUCKET = "traced"
BIG = b"x" * 100_000


def sampled(flag: str = "01") -> dict[str, str]:
    return {"traceparent": f"00-{TRACE_ID}-{PARENT}-{flag}"}


def tracing(collector: Collector, *more: str) -> list[str]:
    return ["--trace-endpoint", collector.endpoint, "--workers", "2", *more]


def named(spans: list[Span], name: str, trace_id: str = TRACE_ID) -> list[Span]:
    return [each for each in spans if (each.name, each.trace_id) == (name, trace_id)]


def test_one_trace_from_the_put_to_the_application(tmp_path: Path) -> None:
    with collecting() as collector, Inbox() as inbox:
        with running_server(tmp_path, *tracing(collector)) as server:
            assert signer(server).request("PUT", BUCKET).status == 200
            told = {"x-oss-callback": callback(inbox.url + "?token=s3cr3t")}
            answer = signer(server).request(
                "PUT", BUCKET, "k", body=BIG, headers={**told, **sampled()}
            )
            assert answer.status == 200
            (received,) = inbox.wait()
        # The server has sent what was left before it ended.
        spans = collector.spans
    assert set(collector.paths) == {"/v1/traces"}
    (put,) = named(spans, "PutObject")
    (sent,) = named(spans, "POST")
    assert put.parent == PARENT
    assert put.kind == 2
    assert put.resource["service.name"] == "ossia"
    assert put.attributes["ossia.request_id"] == answer.headers["x-oss-request-id"]
    assert put.attributes["ossia.bucket"] == BUCKET
    assert put.attributes["http.request.method"] == "PUT"
    assert put.attributes["http.response.status_code"] == 200
    assert put.attributes["http.request.body.size"] == len(BIG)
    for name in ("ossia.stage", "ossia.publish", "ossia.commit", "POST"):
        assert named(spans, name), name
        for each in named(spans, name):
            assert each.parent == put.span_id
    (stage,) = named(spans, "ossia.stage")
    (publish,) = named(spans, "ossia.publish")
    assert put.begun_ns <= stage.begun_ns <= stage.ended_ns <= publish.begun_ns < put.ended_ns
    assert sent.kind == 3
    assert sent.attributes["http.response.status_code"] == 200
    assert received.headers["traceparent"] == f"00-{TRACE_ID}-{sent.span_id}-01"
    assert not any("s3cr3t" in str(each.attributes) for each in spans)


def test_a_callback_that_is_sent_again_stays_in_its_trace(tmp_path: Path) -> None:
    with collecting() as collector, Inbox() as inbox:
        inbox.answer(status=500)
        with running_server(tmp_path, *tracing(collector, "--callback-mode", "outbox")) as server:
            assert signer(server).request("PUT", BUCKET).status == 200
            headers = {"x-oss-callback": callback(inbox.url), **sampled()}
            assert (
                signer(server).request("PUT", BUCKET, "k", body=b"x", headers=headers).status == 203
            )
            first = inbox.wait()[0]
            inbox.answer()
            second = inbox.wait(2)[1]
        first_id, second_id = (each.headers["traceparent"].split("-") for each in (first, second))
        spans = collector.spans
    assert first_id[1] == second_id[1] == TRACE_ID
    assert first_id[2] != second_id[2]
    (put,) = named(spans, "PutObject")
    assert [each.parent for each in named(spans, "POST")] == [put.span_id] * 2
    assert [each.is_error for each in named(spans, "POST")] == [True, False]


def test_who_is_not_to_be_traced_is_not_and_others_by_the_ratio(tmp_path: Path) -> None:
    with collecting() as collector, Inbox() as inbox:
        with running_server(tmp_path, *tracing(collector, "--trace-ratio", "0")) as server:
            assert signer(server).request("PUT", BUCKET).status == 200
            for key, headers in (("no", sampled("00")), ("none", {}), ("yes", sampled("01"))):
                told = {"x-oss-callback": callback(inbox.url), **headers}
                assert (
                    signer(server).request("PUT", BUCKET, key, body=b"x", headers=told).status
                    == 200
                )
            ids = [each.headers["traceparent"].split("-") for each in inbox.wait(3)]
        keys = [
            each.attributes["ossia.key"] for each in collector.spans if each.name == "PutObject"
        ]
    assert keys == ["yes"]
    # Whoever goes on with the trace knows what was decided.
    decided = [(each[1] == TRACE_ID, int(each[3], 16) & 1) for each in ids]
    assert decided == [(True, 0), (False, 0), (True, 1)]


def test_a_collector_that_is_away_costs_no_request(tmp_path: Path) -> None:
    endpoint = "http://127.0.0.1:9"
    with running_server(tmp_path, "--trace-endpoint", endpoint, "--workers", "1") as server:
        assert signer(server).request("PUT", BUCKET).status == 200
        for number in range(50):
            assert signer(server).request("PUT", BUCKET, f"k{number}", body=b"x").status == 200


def test_a_collector_that_hangs_holds_up_neither_requests_nor_the_end(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        endpoint = f"http://127.0.0.1:{deaf.getsockname()[1]}"
        with running_server(tmp_path, "--trace-endpoint", endpoint, "--workers", "1") as server:
            assert signer(server).request("PUT", BUCKET).status == 200
            began = time.monotonic()
            server.process.terminate()
            assert server.process.wait(20) == 0
            assert time.monotonic() - began < 9


def test_without_the_extra_it_is_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "opentelemetry").mkdir()
    (tmp_path / "opentelemetry" / "__init__.py").write_text("")
    command = [sys.executable, "-m", "ossia", "serve", "--data", str(tmp_path / "data")]
    answer = subprocess.run(
        [*command, "--trace-endpoint", "http://127.0.0.1:4318"],
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert answer.returncode == 2
    assert answer.stderr == (
        "ossia: --trace-endpoint needs the extra 'traces': pip install 'ossia[traces]'.\n"
    )
    assert not (tmp_path / "data").exists()


def test_nothing_of_it_is_loaded_where_no_traces_are_made() -> None:
    code = "import sys, ossia.cli, ossia.node.supervisor; sys.exit('opentelemetry' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
