"""Stopping, restarting, and what keeps a server from starting."""

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest

from ossia.client.signing_client import SigningClient
from running import Server, _next_event, _running, running_server, signer, workers_of

MIB = 1024 * 1024
BUCKET = "restart-bucket"


def content_of(name: str, size: int) -> bytes:
    seed = hashlib.sha256(name.encode()).digest()
    return (seed * (size // len(seed) + 1))[:size]


@dataclass
class Upload:
    """A PUT of which only a part has been sent."""

    key: str
    content: bytes
    connection: socket.socket
    sent: int

    @classmethod
    def begin(cls, client: SigningClient, key: str, content: bytes, part: int) -> "Upload":
        place = urlsplit(client.url("PUT", BUCKET, key))
        assert place.hostname is not None
        connection = socket.create_connection((place.hostname, place.port or 80), 20)
        head = f"PUT {place.path}?{place.query} HTTP/1.1\r\nHost: x\r\n"
        connection.sendall(f"{head}Content-Length: {len(content)}\r\n\r\n".encode())
        connection.sendall(content[:part])
        return cls(key, content, connection, part)

    def finish(self) -> bytes:
        """The whole answer; it ends because the server closes."""
        with self.connection:
            self.connection.sendall(self.content[self.sent :])
            received = b""
            while piece := self.connection.recv(65536):
                received += piece
            return received


def refuses(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), 1).close()
    except OSError:
        return True
    return False


@pytest.mark.slow
def test_stopping_finishes_what_is_in_flight(tmp_path: Path) -> None:
    sizes = [70_000, 300_000, 3 * MIB]
    with running_server(tmp_path, "--workers", "2") as server:
        client = signer(server)
        assert client.request("PUT", BUCKET).status == 200
        uploads = [
            Upload.begin(client, f"{size}-{part}", content_of(f"{size}-{part}", size), part)
            for size in sizes
            for part in (1, size // 2, size - 1)
        ]
        idle = socket.create_connection(uploads[0].connection.getpeername(), 10)
        time.sleep(0.3)
        server.process.send_signal(signal.SIGTERM)
        # A connection without a request in flight is ended at once.
        assert idle.recv(1) == b""
        idle.close()
        until = time.monotonic() + 5
        while not refuses(server.address) and time.monotonic() < until:
            time.sleep(0.02)
        assert refuses(server.address)
        for upload in uploads:
            answer = upload.finish()
            assert answer.startswith(b"HTTP/1.1 200"), answer
            assert b"Connection: close" in answer
        assert server.process.wait(10) == 0
    with running_server(tmp_path, "--workers", "1") as server:
        for upload in uploads:
            assert signer(server).request("GET", BUCKET, upload.key).body == upload.content


def readiness_of(server: Server) -> int:
    """What a balancer sees, on a connection of its own."""
    try:
        with urlopen(f"{server.endpoint}/-/ready", timeout=5) as answer:
            status: int = answer.status
            return status
    except HTTPError as refusal:
        with refusal:
            return refusal.code


@pytest.mark.slow
def test_a_server_that_leaves_says_so_and_serves_on(tmp_path: Path) -> None:
    with running_server(tmp_path, "--workers", "2", "--drain-seconds", "2") as server:
        client = signer(server)
        assert client.request("PUT", BUCKET).status == 200
        assert {readiness_of(server) for _ in range(10)} == {200}
        begun = time.monotonic()
        server.process.send_signal(signal.SIGTERM)
        # Every worker has heard of it when none says otherwise.
        while {readiness_of(server) for _ in range(10)} != {503} and time.monotonic() < begun + 1:
            time.sleep(0.01)
        served = 0
        while time.monotonic() < begun + 1.5:
            assert readiness_of(server) == 503
            key = f"while-leaving-{served}"
            assert client.request("PUT", BUCKET, key, body=key.encode()).status == 200
            served += 1
        assert served > 10
        assert server.process.wait(10) == 0
        assert time.monotonic() - begun >= 2
    with running_server(tmp_path, "--workers", "1") as server:
        for number in range(served):
            key = f"while-leaving-{number}"
            assert signer(server).request("GET", BUCKET, key).body == key.encode()


@pytest.mark.slow
@pytest.mark.parametrize(
    "signals",
    [
        pytest.param([signal.SIGINT], id="a-person-does-not-wait"),
        pytest.param([signal.SIGTERM, signal.SIGINT], id="nor-when-he-loses-patience"),
        pytest.param([signal.SIGTERM, signal.SIGTERM], id="twice-is-once-and-for-all"),
    ],
)
def test_what_ends_leaving(tmp_path: Path, signals: list[signal.Signals]) -> None:
    with running_server(tmp_path, "--workers", "2", "--drain-seconds", "600") as server:
        for number in signals:
            server.process.send_signal(number)
            time.sleep(0.3)
        assert server.process.wait(10) == 0


@pytest.mark.slow
def test_workers_do_not_drain_for_a_supervisor_that_is_dead(tmp_path: Path) -> None:
    with running_server(tmp_path, "--workers", "2", "--drain-seconds", "600") as server:
        server.process.kill()
        until = time.monotonic() + 10
        while not refuses(server.address) and time.monotonic() < until:
            time.sleep(0.02)
        assert refuses(server.address)


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_data_survives_a_restart(tmp_path: Path, how: signal.Signals) -> None:
    contents = {f"k{size}": content_of(str(size), size) for size in (0, 100, 20_000, 2 * MIB)}
    with running_server(tmp_path, "--workers", "1") as server:
        client = signer(server)
        before = server.event
        headers = {"x-oss-acl": "public-read"}
        assert client.request("PUT", BUCKET, headers=headers).status == 200
        for key, content in contents.items():
            meta = {"x-oss-meta-name": key}
            assert client.request("PUT", BUCKET, key, headers=meta, body=content).status == 200
        client.request("DELETE", BUCKET, "k100")
        upload = client.request("POST", BUCKET, "up", query=[("uploads", "")]).element("UploadId")
        part = [("uploadId", upload), ("partNumber", "1")]
        assert client.request("PUT", BUCKET, "up", query=part, body=b"part").status == 200
        server.process.send_signal(how)
        server.process.wait(10)
    del contents["k100"]
    with running_server(tmp_path, "--workers", "1") as server:
        client = signer(server)
        for fact in ("access_key_id", "account_id", "region"):
            assert server.event[fact] == before[fact]
        assert (
            client.secret
            == json.loads(Path(before["secret_file"]).read_text())["root_access_key_secret"]
        )
        for key, content in contents.items():
            got = client.request("GET", BUCKET, key)
            assert (got.body, got.headers["x-oss-meta-name"]) == (content, key)
        assert client.request("HEAD", BUCKET, "k100").status == 404
        acl = client.request("GET", BUCKET, query=[("acl", "")])
        assert acl.element("Grant") == "public-read"
        done = client.request(
            "POST",
            BUCKET,
            "up",
            query=[("uploadId", upload)],
            headers={"x-oss-complete-all": "yes"},
        )
        assert done.status == 200
        assert client.request("GET", BUCKET, "up").body == b"part"


def serve(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "ossia", "serve", *arguments],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )


@pytest.mark.slow
def test_what_keeps_a_server_from_starting(tmp_path: Path) -> None:
    with running_server(tmp_path, "--workers", "1") as server:
        folder = str(tmp_path / "data")
        for refused, named in (
            (serve("--data", folder, "--listen", "127.0.0.1:0"), folder),
            (serve("--data", str(tmp_path / "other"), "--listen", server.address), server.address),
        ):
            assert refused.returncode == 2
            assert len(refused.stderr.strip().splitlines()) == 1, refused.stderr
            assert named in refused.stderr
            assert "Traceback" not in refused.stderr
            assert refused.stdout == ""
        # Neither attempt harms the server that runs.
        assert signer(server).request("GET").status == 200


@pytest.mark.slow
def test_a_folder_is_free_again_after_a_stop(tmp_path: Path) -> None:
    for _ in range(3):
        with running_server(tmp_path, "--workers", "1") as server:
            assert signer(server).request("GET").status == 200


@pytest.mark.slow
def test_a_killed_worker_is_replaced(tmp_path: Path) -> None:
    with running_server(tmp_path, "--workers", "2") as server:
        client = signer(server)
        assert client.request("PUT", BUCKET).status == 200
        acknowledged: dict[str, bytes] = {}
        for turn in range(3):
            before = workers_of(server)
            assert len(before) == 2
            os.kill(before[turn % 2], signal.SIGKILL)
            for number in range(20):
                key = f"{turn}-{number}"
                content = content_of(key, 20_000)
                # Whoever was connected to the dead worker hears nothing.
                with suppress(OSError):
                    if client.request("PUT", BUCKET, key, body=content).status == 200:
                        acknowledged[key] = content
            until = time.monotonic() + 10
            while len(workers_of(server)) < 2 and time.monotonic() < until:
                time.sleep(0.02)
            assert before[turn % 2] not in workers_of(server)
            assert before[1 - turn % 2] in workers_of(server)
        assert len(acknowledged) > 30
        for _ in range(3):
            for key, content in acknowledged.items():
                assert client.request("GET", BUCKET, key).body == content
        assert server.process.poll() is None
        server.process.terminate()
        assert server.process.wait(10) == 0


@pytest.mark.slow
def test_everything_in_memory(tmp_path: Path) -> None:
    listen = ["serve", "--listen", "127.0.0.1:0", "--metadata", "memory", "--blobs", "memory"]
    keys = ["--root-access-key-id", "memory-key", "--root-access-key-secret", "memory-secret"]
    content = content_of("memory", 2 * MIB)
    with _running([*listen, *keys], tmp_path) as process:
        event = _next_event(process, tmp_path, "ready")
        assert event["secret_file"] == ""
        client = SigningClient(event["endpoint"], "memory-key", "memory-secret", event["region"])
        assert client.request("PUT", BUCKET).status == 200
        for size in (0, 100, 20_000, len(content)):
            assert client.request("PUT", BUCKET, "k", body=content[:size]).status == 200
            assert client.request("GET", BUCKET, "k").body == content[:size]
        ranged = client.request("GET", BUCKET, "k", headers={"Range": "bytes=5-70000"})
        assert (ranged.status, ranged.body) == (206, content[5:70_001])
        process.terminate()
        assert process.wait(10) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["stderr.log"]
    with _running([*listen, *keys], tmp_path) as process:
        event = _next_event(process, tmp_path, "ready")
        client = SigningClient(event["endpoint"], "memory-key", "memory-secret", event["region"])
        assert client.request("HEAD", BUCKET).status == 404


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A certificate for 127.0.0.1 that this process trusts, as flags of a server."""
    files = [tmp_path / "cert.pem", tmp_path / "key.pem"]
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1",
         "-subj", "/CN=ossia", "-addext", "subjectAltName=IP:127.0.0.1",
         "-out", str(files[0]), "-keyout", str(files[1])],
        check=True,
        capture_output=True,
    )  # fmt: skip
    monkeypatch.setenv("SSL_CERT_FILE", str(files[0]))
    return ["--tls-certificate", str(files[0]), "--tls-key", str(files[1])]


@pytest.mark.slow
def test_tls(tmp_path: Path, certificate: list[str]) -> None:
    content = content_of("tls", 20 * MIB + 7)
    with running_server(tmp_path, "--workers", "1", *certificate) as server:
        assert server.endpoint.startswith("https://")
        client = signer(server)
        assert client.request("PUT", BUCKET).status == 200
        for size in (0, 100, 20_000, 70_000, len(content)):
            assert client.request("PUT", BUCKET, "k", body=content[:size]).status == 200
            assert client.request("GET", BUCKET, "k").body == content[:size]
        ranged = client.request("GET", BUCKET, "k", headers={"Range": f"bytes=7-{10 * MIB}"})
        assert ranged.body == content[7 : 10 * MIB + 1]
        # Whoever speaks without TLS hears nothing, and harms nobody.
        host, _, port = server.address.rpartition(":")
        with socket.create_connection((host, int(port)), 10) as plain:
            plain.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            with suppress(ConnectionResetError):
                assert not plain.recv(100).startswith(b"HTTP")
        assert client.request("HEAD", BUCKET, "k").headers["content-length"] == str(len(content))


@pytest.mark.slow
def test_a_certificate_that_cannot_be_used(tmp_path: Path, certificate: list[str]) -> None:
    data = ["--data", str(tmp_path / "data"), "--listen", "127.0.0.1:0"]
    swapped = [certificate[0], certificate[3], certificate[2], certificate[1]]
    for flags in (swapped, [certificate[0], str(tmp_path / "none.pem"), *certificate[2:]]):
        refused = serve(*data, *flags)
        assert refused.returncode == 2
        assert len(refused.stderr.strip().splitlines()) == 1, refused.stderr
    assert not (tmp_path / "data").exists()
