"""``ossia callbacks`` as a person and as a script use it."""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from uploading import callback, upload

from ossia.testing.inbox import Inbox
from ports import free_port
from running import Server, running_server

pytestmark = pytest.mark.slow

STARTS_WITHIN_S = 20


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with running_server(tmp_path_factory.mktemp("cli")) as running:
        yield running


def environment(server: Server, **more: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("OSSIA_")}
    named = {"OSSIA_ENDPOINT": server.endpoint, "OSSIA_DATA": str(server.data / "data")}
    return {**clean, **named, **more}


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "ossia", "callbacks", *arguments]


def run(
    server: Server, *arguments: str, code: int = 0, given: str | None = None, **more: str
) -> "subprocess.CompletedProcess[str]":
    answer = subprocess.run(
        command(*arguments),
        capture_output=True,
        text=True,
        input=given,
        env=environment(server, **more),
        timeout=60,
        check=False,
    )
    assert answer.returncode == code, answer
    assert "Traceback" not in answer.stderr
    return answer


def rows(server: Server, *arguments: str) -> list[Any]:
    return [json.loads(line) for line in run(server, *arguments, "--json").stdout.splitlines()]


@contextmanager
def following(server: Server, *arguments: str) -> "Iterator[subprocess.Popen[bytes]]":
    process = subprocess.Popen(
        command(*arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        # Unbuffered: what select() says about the pipe is true of the file object too.
        bufsize=0,
        env=environment(server),
    )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)


def next_line(process: "subprocess.Popen[bytes]") -> str:
    assert process.stdout is not None
    assert select.select([process.stdout], [], [], STARTS_WITHIN_S)[0], "nothing was printed"
    return process.stdout.readline().decode()


def await_tail(process: "subprocess.Popen[bytes]") -> None:
    """Return when it tells of what happens from then on."""
    assert process.stderr is not None
    assert process.stderr.readline().startswith(b"Waiting for callbacks at http://")


def nobody() -> str:
    """A URL that nobody answers."""
    return f"http://127.0.0.1:{free_port()}/callback"


def failed(server: Server, bucket: str, key: str = "a.txt", url: str = "") -> Any:
    """An upload whose callback failed, as ``list`` shows it."""
    assert upload(server, bucket, key, callback(url or nobody())).status == 203
    (row,) = rows(server, "list", "--bucket", bucket, "--key", key)
    return row


# --- looking


def test_list_and_its_filters(server: Server) -> None:
    with Inbox() as inbox:
        assert upload(server, "listed", "good.txt", callback(inbox.url)).status == 200
    row = failed(server, "listed", "bad.txt")
    assert [each["key"] for each in rows(server, "list", "--bucket", "listed")] == [
        "bad.txt",
        "good.txt",
    ]
    assert rows(server, "list", "--bucket", "listed", "--failed") == [row]
    assert rows(server, "list", "--request-id", row["request_id"], "--since", "1h") == [row]
    assert rows(server, "list", "--bucket", "listed", "--since", "2100-01-01T00:00") == []
    table = run(server, "list", "--bucket", "listed").stdout.splitlines()
    assert table[0].split() == ["ID", "WHEN", "UPLOAD", "TO", "RESULT"]
    assert "listed/bad.txt" in table[1]
    assert "failed not connected" in table[1]
    assert "accepted 200 in " in table[2]
    assert "\x1b" not in table[1]


def test_show_finds_by_id_request_id_and_newest(server: Server) -> None:
    row = failed(server, "shown")
    by_id, by_request, newest = (
        run(server, "show", *which).stdout for which in ([row["id"]], [row["request_id"]], [])
    )
    assert by_id == by_request == newest
    for line in row["explanation"]:
        assert f"  {line}\n" in by_id
    assert '{"bucket":"shown","object":"a.txt","size":5}' in by_id
    assert "x-oss-tag: CALLBACK" in by_id
    assert "String to sign" not in by_id
    assert "String to sign" in run(server, "show", row["id"], "--signature").stdout
    raw = run(server, "show", row["id"], "--string-to-sign").stdout
    assert raw == '/callback\n{"bucket":"shown","object":"a.txt","size":5}'


def test_command_that_show_prints_verifies(server: Server, tmp_path: Path) -> None:
    with Inbox("/a%20path?x=1") as inbox:
        inbox.answer(b"no", status=401)
        row = failed(server, "proven", "it's 中.txt", inbox.url)
    text = run(server, "show", row["id"]).stdout
    (line,) = [line.strip() for line in text.splitlines() if "openssl dgst" in line]
    ran = subprocess.run(
        ["sh", "-c", line], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ran.stdout == "Verified OK\n", ran
    assert "key URL not trusted" in text
    assert "possible  path or query taken apart" in text


def test_what_a_receiver_says_cannot_move_the_cursor(server: Server) -> None:
    with Inbox() as inbox:
        inbox.answer(b"\x1b[2Jgone\x07", headers={"X-Evil": "\x9b31m"})
        failed(server, "hostile", "\x1b[31mred", inbox.url)
    for which in ("list", "show"):
        text = run(server, which).stdout
        assert "\x1b" not in text
        assert "\x9b" not in text
    assert "\\x1b[2Jgone" in run(server, "show").stdout


def test_tail_follows(server: Server) -> None:
    failed(server, "tailed", "before.txt")
    with following(server, "tail", "--bucket", "tailed") as process:
        await_tail(process)
        url = nobody()
        upload(server, "other", "x.txt", callback(url))
        upload(server, "tailed", "after.txt", callback(url))
        head = next_line(process)
        assert "tailed/after.txt" in head
        assert "failed not connected" in head
        assert next_line(process).startswith("    Nothing listens on")
    assert process.returncode == 0


def test_tail_outlives_a_restart(tmp_path: Path) -> None:
    listen = ("--listen", f"127.0.0.1:{free_port()}")
    with ExitStack() as held:
        with running_server(tmp_path, *listen) as first:
            failed(first, "restarted", "before.txt")
            process = held.enter_context(following(first, "tail", "--json"))
            await_tail(process)
        with running_server(tmp_path, *listen) as again:
            upload(again, "restarted", "after.txt", callback(nobody()))
            assert json.loads(next_line(process))["key"] == "after.txt"
    assert process.returncode == 0


def test_tail_as_json(server: Server) -> None:
    with (
        following(server, "tail", "--json", "--failed", "--bucket", "tailed-too") as process,
        Inbox() as inbox,
    ):
        await_tail(process)
        upload(server, "tailed-too", "fine.txt", callback(inbox.url))
        upload(server, "tailed-too", "bad.txt", callback(nobody()))
        assert json.loads(next_line(process))["key"] == "bad.txt"


# --- sending again


def test_replay(server: Server) -> None:
    row = failed(server, "replayed")
    assert "failed not connected" in run(server, "replay", row["id"], code=1).stdout
    with Inbox() as inbox:
        answer = run(server, "replay", row["id"], "--url", inbox.url, "--json")
        made = json.loads(answer.stdout)
        assert (made["kind"], made["accepted"], made["url"]) == ("replay", True, inbox.url)
        run(server, "replay", row["request_id"], "--url", inbox.url, "--body", "-", given="new")
        first, second = inbox.wait(2)
    assert first.values() == {"bucket": "replayed", "object": "a.txt", "size": 5}
    assert second.body == b"new"
    assert first.headers["x-oss-request-id"] == row["request_id"]


def test_replay_edited(server: Server, tmp_path: Path) -> None:
    row = failed(server, "edited")
    editor = tmp_path / "editor"
    editor.write_text('#!/bin/sh\nsed -i s/a.txt/b.txt/ "$1"\nsed -i -e \'$a\\\' "$1"\n')
    editor.chmod(0o755)
    with Inbox() as inbox:
        arguments = ("replay", row["id"], "--url", inbox.url, "--edit")
        run(server, *arguments, EDITOR=str(editor), VISUAL="")
        (received,) = inbox.wait()
        assert received.body == b'{"bucket":"edited","object":"b.txt","size":5}'
        unchanged = run(server, *arguments, EDITOR="true", VISUAL="", code=2)
        assert "nothing was sent" in unchanged.stderr
        assert len(inbox.received) == 1


def test_recover_after_an_outage(server: Server) -> None:
    url = nobody()
    port = int(url.rpartition(":")[2].partition("/")[0])
    keys = [f"{number:02}.txt" for number in range(25)]
    for key in keys:
        assert upload(server, "outage", key, callback(url)).status == 203
    still_down = run(server, "recover", "--since", "1h", "--bucket", "outage", code=1)
    assert still_down.stderr.splitlines()[-1] == "25 missed, 0 accepted now."
    with following(server, "receive", "--json", "--port", str(port), "--count", "25") as receiver:
        assert json.loads(next_line(receiver))["event"] == "ready"
        answer = run(server, "recover", "--since", "1h", "--bucket", "outage")
        arrived = [json.loads(next_line(receiver)) for _ in keys]
    assert answer.stderr.splitlines()[-1] == "25 missed, 25 accepted now."
    assert sorted(each["values"]["object"] for each in arrived) == keys
    assert all(each["verified"] for each in arrived)
    again = run(server, "recover", "--since", "1h", "--bucket", "outage")
    assert again.stderr == "0 missed, 0 accepted now.\n"


# --- what is owed


def test_pending(server: Server, tmp_path: Path) -> None:
    # Given up after the first attempt: nobody but the operator tries again.
    modes = ("--callback-mode", "outbox", "--callback-retry-for", "0")
    with running_server(tmp_path, *modes) as owing, Inbox() as inbox:
        inbox.answer(b"later", status=503)
        assert upload(owing, "owed", "a.txt", callback(inbox.url)).status == 203
        assert upload(owing, "owed", "b.txt", callback(inbox.url)).status == 203
        found = {each["key"]: each["id"] for each in rows(owing, "pending", "--dead")}
        assert sorted(found) == ["a.txt", "b.txt"]
        assert "owed/a.txt" in run(owing, "pending", "--dead").stdout
        assert rows(owing, "pending", "--dead", "--bucket", "other") == []
        assert rows(owing, "pending") == []
        assert "Not accepted" in run(owing, "pending", "--retry", found["a.txt"], code=1).stdout
        run(owing, "pending", "--drop", found["b.txt"])
        inbox.answer()
        assert "Accepted" in run(owing, "pending", "--retry", found["a.txt"]).stdout
        assert rows(owing, "pending", "--dead") == []
        gone = run(owing, "pending", "--retry", found["b.txt"], code=2)
        assert "Nothing is owed under that id" in gone.stderr


def test_pending_lists_what_will_be_tried_again(tmp_path: Path) -> None:
    with running_server(tmp_path, "--callback-mode", "outbox") as owing, Inbox() as inbox:
        inbox.answer(b"later", status=503)
        upload(owing, "owed", "a.txt", callback(inbox.url))
        assert [each["key"] for each in rows(owing, "pending")] == ["a.txt"]
        assert rows(owing, "pending", "--dead") == []


# --- receiving


def test_receive_prints_verifies_and_answers(server: Server) -> None:
    with following(server, "receive", "--port", "0", "--json") as receiver:
        url = json.loads(next_line(receiver))["url"]
        reply = upload(server, "received", "a b.txt", callback(f"{url}%E4%B8%AD/cb?x=%20"))
        assert (reply.status, reply.body) == (200, b'{"Status": "OK"}')
        seen = json.loads(next_line(receiver))
    assert seen["verified"] is True
    assert seen["key_url"] == server.public_key_url
    assert seen["target"] == "/%E4%B8%AD/cb?x=%20"
    assert seen["values"] == {"bucket": "received", "object": "a b.txt", "size": 5}


def test_receive_for_people(server: Server) -> None:
    port = str(free_port())
    with following(server, "receive", "--port", port, "--count", "1") as receiver:
        assert receiver.stderr is not None
        assert f"Listening on http://127.0.0.1:{port}/" in receiver.stderr.readline().decode()
        upload(server, "received", "a.txt", callback(f"http://127.0.0.1:{port}/cb"))
        receiver.wait(20)
        assert receiver.stdout is not None
        text = receiver.stdout.read().decode()
    assert "POST /cb" in text
    assert "  object = a.txt" in text
    assert f"  verified with the key at {server.public_key_url}" in text


@pytest.mark.parametrize(
    ("flags", "status", "explained"),
    [
        (["--status", "500"], 203, "failed with 500"),
        (["--body", "OK"], 203, "begins `OK`"),
        (["--delay", "6"], 203, "gave no answer for"),
        (["--key-url", "http://gosspublic.alicdn.com/"], 203, "is not trusted"),
        (["--body", "<a/>", "--content-type", "application/xml"], 200, "accepted it"),
        (["--key-url", "http://nowhere.invalid/", "--status", "200"], 200, "accepted it"),
    ],
)
def test_receive_answers_as_told(
    server: Server, flags: list[str], status: int, explained: str
) -> None:
    with following(server, "receive", "--port", "0", "--json", *flags) as receiver:
        url = json.loads(next_line(receiver))["url"]
        reply = upload(server, "told", "a.txt", callback(url))
        assert reply.status == status
        seen = json.loads(next_line(receiver))
    assert seen["verified"] is ("--key-url" not in flags)
    (row,) = rows(server, "list", "--bucket", "told", "--limit", "1")
    assert explained in row["explanation"][0]


def test_receive_says_that_the_port_is_taken(server: Server) -> None:
    with Inbox() as inbox:
        answer = run(server, "receive", "--port", str(inbox.port), code=2)
    assert "Choose another --port" in answer.stderr
    assert len(answer.stderr.splitlines()) == 1


# --- what is wrong is said in one line


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["list", "--endpoint", "nonsense"], "is not a URL"),
        (["list", "--endpoint", "http://127.0.0.1:1"], "start it with `ossia serve`"),
        (["list", "--access-key-id", "x", "--access-key-secret", "y"], "does not exist"),
        (["list", "--data", "/nowhere"], "--access-key-id"),
        (["list", "--since", "tomorrow"], "a duration (30m"),
        (["show", "no-such-row"], "neither a row nor the request id"),
        (["replay", "no-such-row"], "neither a row nor the request id"),
        (["list", "--limit", "0"], "limit"),
    ],
)
def test_errors(server: Server, arguments: list[str], said: str) -> None:
    answer = run(server, *arguments, code=2)
    assert said in answer.stderr
    assert len(answer.stderr.splitlines()) == 1


def test_wrong_secret(server: Server) -> None:
    answer = run(
        server, "list", OSSIA_ACCESS_KEY_ID=server.access_key_id, OSSIA_ACCESS_KEY_SECRET="no",
        code=2,
    )  # fmt: skip
    assert "Check --access-key-id" in answer.stderr


def test_somebody_else_answers(server: Server) -> None:
    with Inbox() as inbox:
        answer = run(server, "list", "--endpoint", inbox.url.removesuffix("/callback"), code=2)
        inbox.answer(b"<html>", status=404)
        other = run(server, "list", "--endpoint", inbox.url.removesuffix("/callback"), code=2)
    for each in (answer, other):
        assert "check --endpoint" in each.stderr


def test_help_names_every_command(server: Server) -> None:
    overview = run(server, "--help").stdout
    for each in ("list", "show", "tail", "replay", "recover", "pending", "receive", "key"):
        assert f"\n  {each}" in overview
