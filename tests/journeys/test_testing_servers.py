"""Servers for tests: fresh, quick, and gone whatever becomes of whoever started them."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from ossia.receiver.verify import CallbackNotVerified
from ossia.testing import nursery
from ossia.testing.bucket import TestBucket
from ossia.testing.inbox import Inbox
from ossia.testing.nursery import ServerNotStartedError
from ossia.testing.server import TestServer, running
from processes import children_of, is_alive
from waiting import until

pytestmark = pytest.mark.slow

READY_WITHIN_S = 1.0
"""A tenth of it is what a quiet machine needs; here others work too."""
GONE_WITHIN_S = 10.0


@pytest.fixture
def server() -> Iterator[TestServer]:
    with TestServer() as started:
        yield started


def answers(server: TestServer) -> bool:
    try:
        return server.request("GET").status == 200
    except OSError:
        return False


def test_every_server_is_fresh_and_the_next_is_ready_at_once(server: TestServer) -> None:
    first = server.bucket()
    first.put("a.txt", b"hello")
    begun_s = time.perf_counter()
    with TestServer() as other:
        took_s = time.perf_counter() - begun_s
        assert took_s < READY_WITHIN_S
        assert other.endpoint != server.endpoint
        assert other.access_key_id != server.access_key_id
        assert other.account_id != server.account_id
        assert "<Bucket>" not in other.request("GET").body.decode()
        assert running()[-2:] == [server, other]
    first.assert_object("a.txt", b"hello")


def test_servers_answer_until_they_are_closed() -> None:
    server = TestServer()
    workers = children_of(server.pid)
    assert answers(server)
    assert workers
    server.close()
    server.close()
    assert not answers(server)
    assert not any(map(is_alive, [server.pid, *workers]))
    assert server not in running()


def test_settings_are_those_of_the_server() -> None:
    with TestServer(region="cn-test", callback_allow=["private"]) as server:
        assert server.region == "cn-test"
        assert server.bucket().put("a.txt", b"").status == 200
        with Inbox() as inbox:
            refused = server.bucket().put("b.txt", b"", inbox.callback())
    assert (refused.status, refused.code) == (400, "InvalidArgument")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        pytest.param({"colour": "red"}, r"^There is no setting 'colour': docs/set", id="unknown"),
        pytest.param({"workers": -1}, r"^--workers must be 0 \(one per core\) or more", id="wrong"),
        pytest.param({"listen": "203.0.113.1:0"}, r"^Cannot listen on 203\.0\.113\.1", id="bind"),
    ],
)
def test_a_server_that_cannot_start_says_why(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ServerNotStartedError, match=words) as told:
        TestServer(movable_clock=True, **settings)
    assert "\n" not in str(told.value)
    with TestServer() as another:
        assert answers(another)


def parent(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_a_nursery_that_was_killed_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    # The servers of other tests are not to go with it.
    monkeypatch.setattr(nursery, "_known", {})
    server = TestServer()
    os.kill(parent(server.pid), signal.SIGKILL)
    until(lambda: not is_alive(server.pid), within_s=GONE_WITHIN_S)
    with TestServer() as other:
        assert answers(other)
        assert not answers(server)
    server.close()
    nursery.close()


def test_what_is_in_a_folder_is_found_again(tmp_path: Path) -> None:
    with TestServer(tmp_path / "data", workers=2) as server:
        server.bucket("kept-bucket").put("a.txt", b"hello")
        account = server.account_id
    with TestServer(tmp_path / "data") as server:
        assert server.account_id == account
        answer = server.request("GET", "kept-bucket", "a.txt")
    assert (answer.status, answer.body) == (200, b"hello")


def test_a_bucket_that_is_there_already_is_not_a_fresh_one(server: TestServer) -> None:
    with TestServer(account_id="1" * 16) as other:
        other.bucket("same-name")
        server.bucket("same-name")
    with pytest.raises(
        ValueError, match="The bucket 'Not_Valid' cannot be made: InvalidBucketName"
    ):
        server.bucket("Not_Valid")


def test_closing_a_bucket_removes_it(server: TestServer) -> None:
    bucket = server.bucket()
    keys = ["a&b.txt", "dir/ü +%.txt", *(f"many/{number:04}" for number in range(1003))]
    for key in keys:
        bucket.put(key)
    assert sorted(bucket.keys()) == sorted(keys)
    assert bucket.keys("dir/") == ["dir/ü +%.txt"]
    bucket.close()
    assert server.request("GET", bucket.name).code == "NoSuchBucket"


def test_only_callbacks_of_the_server_are_verified(server: TestServer) -> None:
    with Inbox() as inbox, TestServer() as other:
        body = '{"who":${x:who}}'
        server.bucket().put("a.txt", b"", inbox.callback(body, who="ann"))
        received = inbox.one()
        assert server.verify(received).values() == {"who": "ann"}
        with pytest.raises(CallbackNotVerified):
            other.verify(received)


def test_lent_keys_may_do_what_the_policy_allows(server: TestServer) -> None:
    bucket = server.bucket()
    allowed = {"Effect": "Allow", "Action": "oss:PutObject"}
    statement = {**allowed, "Resource": f"acs:oss:*:*:{bucket.name}/mine/*"}
    for _ in range(2):
        lent = server.lend({"Version": "1", "Statement": [statement]})
        client = server.client()
        client.access_key_id, client.secret = lent.access_key_id, lent.access_key_secret
        client.security_token = lent.security_token
        assert client.request("PUT", bucket.name, "mine/a.txt").status == 200
        assert client.request("PUT", bucket.name, "yours/a.txt").code == "AccessDenied"
        assert client.request("GET", bucket.name, "mine/a.txt").code == "AccessDenied"


def test_requests_of_the_fixture_go_by_the_time_of_the_server() -> None:
    with TestServer(movable_clock=True) as server:
        bucket = server.bucket()
        server.clock.advance(3 * 24 * 3600)
        assert bucket.put("a.txt", b"hello").status == 200
        bucket.assert_object("a.txt", b"hello")
        late = server.client().request("GET", bucket.name, "a.txt")
        assert (late.status, late.code) == (403, "RequestTimeTooSkewed")


def test_the_clock_of_a_shared_server_stays(server: TestServer) -> None:
    with pytest.raises(AttributeError, match="fresh_ossia_server"):
        server.clock.advance(1)


def test_servers_outlive_the_thread_that_started_them() -> None:
    started: list[TestServer] = []
    thread = threading.Thread(target=lambda: started.append(TestServer()))
    thread.start()
    thread.join()
    time.sleep(0.1)
    with started[0] as server:
        assert answers(server)


STARTER = """
import os, sys, time
from ossia.testing.server import TestServer
server = TestServer()
{then}
"""


def started(
    then: str, folder: Path, environment: Mapping[str, str] | None = None
) -> "tuple[subprocess.Popen[str], list[int]]":
    """A test process that has a server, and the processes that it told of."""
    process = subprocess.Popen(
        [sys.executable, "-c", STARTER.format(then=then)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(folder), **(environment or {})},
        cwd=folder,
    )
    assert process.stdout is not None
    return process, [int(pid) for pid in process.stdout.readline().split()]


@pytest.mark.parametrize(
    ("then", "number"),
    [
        pytest.param("print(server.pid, flush=True); time.sleep(60)", 9, id="killed"),
        pytest.param("print(server.pid, flush=True); time.sleep(60)", 15, id="terminated"),
        pytest.param("print(server.pid, flush=True)", 0, id="forgets-to-close"),
        pytest.param("print(server.pid, flush=True); os._exit(0)", 0, id="leaves-at-once"),
        # A child of the test process has a copy of what leads to the nursery.
        pytest.param(
            "child = os.fork()\nif not child: time.sleep(60)\n"
            "print(server.pid, child, flush=True); time.sleep(60)",
            9,
            id="killed-with-a-child-left",
        ),
    ],
)
def test_nothing_outlives_the_test_process(tmp_path: Path, then: str, number: int) -> None:
    process, pids = started(then, tmp_path)
    with process:
        server, *others = pids
        family = [server, *children_of(server)]
        assert len(family) == 2
        family.append(parent(server))
        process.send_signal(number)
        process.wait(GONE_WITHIN_S)
        until(lambda: not any(map(is_alive, family)), within_s=GONE_WITHIN_S)
        for other in others:
            os.kill(other, signal.SIGKILL)
    assert list(tmp_path.iterdir()) == []


def test_a_forked_test_process_has_servers_of_its_own(tmp_path: Path) -> None:
    then = (
        "sys.stdout.flush()\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    own = TestServer()\n"
        "    print(own.pid, own.request('GET').status, flush=True)\n"
        "    time.sleep(0.5)\n"
        "    own.close()\n"
        "    sys.exit()\n"
        "os.waitpid(child, 0)\n"
        "print(server.request('GET').status, server.pid, flush=True)\n"
        "time.sleep(0.5)\n"
    )
    process, (own, status) = started(then, tmp_path)
    with process:
        of_the_child = parent(own)
        assert status == 200
        assert process.stdout is not None
        mine, pid = (int(each) for each in process.stdout.readline().split())
        assert mine == 200
        assert parent(pid) != of_the_child
        assert process.wait(GONE_WITHIN_S) == 0
        until(lambda: not is_alive(pid), within_s=GONE_WITHIN_S)


def test_nothing_is_left_on_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with TestServer(movable_clock=True) as server:
        TestBucket(server.access).put("a.txt", bytes(1024 * 1024))
        assert list(tmp_path.iterdir()) == []


def test_what_the_environment_says_is_for_other_servers(tmp_path: Path) -> None:
    elsewhere = {
        "OSSIA_METADATA": "postgresql://127.0.0.1:1/none",
        "OSSIA_REGION": "cn-elsewhere",
        "OSSIA_TEST_CLOCK_FILE": str(tmp_path / "clock"),
    }
    (tmp_path / "clock").write_text("86400")
    then = "print(server.request('GET').status, int(server.region == 'cn-hangzhou'), flush=True)"
    process, found = started(then, tmp_path, elsewhere)
    with process:
        assert found == [200, 1]
