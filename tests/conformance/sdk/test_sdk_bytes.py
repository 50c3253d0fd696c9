"""What the clients of the SDKs in no registry send, to the byte.

Each has beside its source what the SDK sends at an address, signed by V1: `put.http` and
`delete_many.http`.  They say what the other cases stand for: the framing, the order and the case of
headers, the encoding of keys, the XML.
"""

import os
import re
import socket
import subprocess
from pathlib import Path
from typing import Final

import pytest
from sdk_clients import REPLAYED
from sdk_toolchains import HERE, Missing, command_of

QUESTIONS: Final[dict[str, list[tuple[str, str]]]] = {
    "put": [
        ("key", "a b+/ä.txt"),
        ("header", "x-oss-meta-note: two words"),
        ("callback", '{"callbackUrl":"http://a.example/b","callbackBody":"x"}'),
        ("body", "hello"),
    ],
    "delete_many": [("name", "a b/ä.txt"), ("name", "plain")],
}

# What is another in each run, or on each machine.
_CHANGING: Final = (
    (rb"127\.0\.0\.1:\d+", b"HOST"),
    (rb"\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT", b"DATE"),
    (rb"OSS id:[\w+/=]{28}", b"OSS id:SIGNATURE"),
    (rb"(?i)(user-agent: \S+/)[^\r]*", rb"\1VERSION"),
)


def asked_of(client: list[str], question: str) -> bytes:
    """The request that *client* sends to a server that only listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        settings = {
            "ENDPOINT": f"http://127.0.0.1:{port}",
            "STYLE": "path",
            "SIGNATURE": "v1",
            "ACCESS_KEY_ID": "id",
            "ACCESS_KEY_SECRET": "secret",
        }
        ours = {f"OSSIA_TEST_{name}": value for name, value in settings.items()}
        fields = [("op", question), ("bucket", "examplebucket"), *QUESTIONS[question]]
        words = " ".join(f"{name}={value.encode().hex()}" for name, value in fields)
        pipe = subprocess.PIPE
        with subprocess.Popen(
            client, env={**os.environ, **ours}, stdin=pipe, stdout=pipe, text=True
        ) as process:
            assert process.stdin is not None
            process.stdin.write(words + "\n")
            process.stdin.close()
            listening.settimeout(20)
            line, _ = listening.accept()
            with line:
                sent = _request(line)
                line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    return sent


def _request(line: socket.socket) -> bytes:
    line.settimeout(20)
    sent, is_invited = b"", False
    while not _is_whole(sent):
        more = line.recv(65536)
        assert more, sent
        sent += more
        if b"100-continue" in sent and b"\r\n\r\n" in sent and not is_invited:
            is_invited = True
            line.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
    return sent


def _is_whole(sent: bytes) -> bool:
    head, ends, body = sent.partition(b"\r\n\r\n")
    if b"transfer-encoding: chunked" in head.lower():
        return body.endswith(b"0\r\n\r\n")
    length = re.search(rb"(?i)content-length: (\d+)", head)
    return bool(ends) and len(body) >= (int(length[1]) if length else 0)


@pytest.mark.slow
@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("suite", REPLAYED)
def test_sent(suite: str, question: str, tmp_path: Path) -> None:
    try:
        client = command_of(suite, tmp_path / "hosts")[3:]
    except Missing as missing:
        pytest.skip(str(missing))
    sent = asked_of(client, question)
    for changing, name in _CHANGING:
        sent = re.sub(changing, name, sent)
    wanted = (HERE / suite / f"{question}.http").read_bytes()
    assert sent.replace(b"\r\n", b"\n").decode() == wanted.decode()
