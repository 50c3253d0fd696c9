"""Real servers for tests: ``ossia serve`` and ``ossia up`` in processes of their own.

Ports are chosen by the system, data lives in a folder of the test.  What the commands print with
``--json`` is all that is known about them, as for any other script.
"""

import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from cluster import haproxy
from cluster.gateways import answers_ok
from ossia.client.signing_client import SigningClient
from ports import free_port
from processes import children_of

STARTS_WITHIN_S = 20
STOPS_WITHIN_S = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running ``ossia serve``.  ``event`` is its ready line as it was printed."""

    endpoint: str
    region: str
    account_id: str
    access_key_id: str
    access_key_secret: str
    public_key_url: str
    console_url: str
    data: Path
    process: "subprocess.Popen[bytes]"
    event: dict[str, Any]
    behind: str = ""
    """``host:port`` of one of the servers, where the endpoint is that of a balancer."""

    @property
    def address(self) -> str:
        """``host:port`` of the endpoint."""
        return self.endpoint.partition("://")[2]


def workers_of(server: Server) -> list[int]:
    """The processes that serve."""
    return children_of(server.process.pid)


def signer(server: Server, version: int = 4) -> SigningClient:
    """Signs as the root key."""
    return SigningClient(
        server.endpoint, server.access_key_id, server.access_key_secret, server.region, version
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """A running ``ossia up``: the server, and the application server's page beside it."""

    server: Server
    page: str
    bucket: str

    @property
    def endpoint(self) -> str:
        """The server's endpoint."""
        return self.server.endpoint


ROOT_KEY = ("LTAItestsroot", "rootsecretoftests")
"""Of servers that share engines: what they make themselves is not to be read in a file."""


@dataclass
class Engines:
    """What servers store in: flags for each that is started; none for its own data folder."""

    flags: Callable[[Path], list[str]] = lambda _: []
    are_shared: bool = False
    gateways: int = 1
    """How many serve together behind a balancer, where they share what they store in."""


engines = Engines()
_BALANCER = "127.0.0.3"
"""Not the address that tests connect from: who comes from it is believed."""
_ALONE = {
    "--metadata",
    "--listen",
    "--public-url",
    "--proxies",
    "--console-listen",
    "--metrics-listen",
    "--tls-certificate",
}
"""Who is given one of these is asked about it itself."""


@contextmanager
def running_server(
    data: Path, *arguments: str, environment: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """``ossia serve`` on a free port with *data* as its folder; more flags in *arguments*."""
    command = ["serve", "--data", str(data / "data"), "--listen", "127.0.0.1:0", *arguments]
    if "--metadata" not in arguments:
        command += engines.flags(data)
    if engines.are_shared and "--root-access-key-id" not in arguments:
        key_id, secret = ROOT_KEY
        command += ["--root-access-key-id", key_id, "--root-access-key-secret", secret]
    if engines.gateways > 1 and not set(arguments) & _ALONE:
        with _balanced(command, data, environment) as server:
            yield server
        return
    with _running(command, data, environment) as process:
        yield _server(process, data, _next_event(process, data, "ready"))


@contextmanager
def _balanced(
    command: list[str], data: Path, environment: Mapping[str, str] | None
) -> Iterator[Server]:
    """As many servers of one kind as `engines` says, behind HAProxy; it is what is told of them."""
    public = f"127.0.0.1:{free_port()}"
    command = [*command, "--workers", "1", "--public-url", f"http://{public}"]
    command += ["--proxies", _BALANCER]
    addresses: dict[str, str] = {}
    servers: list[Server] = []
    with ExitStack() as running:
        for number in range(engines.gateways):
            # What is given last counts.
            address = f"127.0.0.1:{free_port()}"
            own = ["--data", str(data / f"data{number or ''}"), "--listen", address]
            process = running.enter_context(_running([*command, *own], data, environment))
            # The first has made what they share before the others begin.
            servers.append(_server(process, data, _next_event(process, data, "ready")))
            addresses[f"gateway{number}"] = address
        config = data / "haproxy.cfg"
        config.write_text(haproxy.configuration(public, addresses, _BALANCER))
        # Debian keeps it where only root looks.
        program = shutil.which("haproxy") or "/usr/sbin/haproxy"
        assert Path(program).exists(), "install HAProxy: make cluster-packages"
        balancer = subprocess.Popen([*_bound_to_us(), program, "-db", "-f", str(config)])
        running.callback(balancer.wait)
        running.callback(balancer.kill)
        until = time.monotonic() + STARTS_WITHIN_S
        while not answers_ok(f"http://{public}/-/ready"):
            assert time.monotonic() < until, "the balancer does not answer"
            time.sleep(0.02)
        yield replace(servers[0], behind=addresses["gateway0"])


@contextmanager
def running_demo(
    data: Path,
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    python: str = sys.executable,
) -> Iterator[Demo]:
    """``ossia up`` on free ports with *data* as its folder; more flags in *arguments*."""
    app = f"127.0.0.1:{free_port()}"
    folder = str(data / "data")
    command = ["up", "--data", folder, "--listen", "127.0.0.1:0", "--appserver", app, *arguments]
    with _running(command, data, environment, python) as process:
        server = _server(process, data, _next_event(process, data, "ready"))
        page = _next_event(process, data, "page")
        yield Demo(server=server, page=page["url"], bucket=page["bucket"])


@contextmanager
def _running(
    arguments: list[str],
    data: Path,
    environment: Mapping[str, str] | None = None,
    python: str = sys.executable,
) -> "Iterator[subprocess.Popen[bytes]]":
    data.mkdir(parents=True, exist_ok=True)
    with log_of(data).open("a") as log:
        process = subprocess.Popen(
            [*_bound_to_us(), python, "-m", "ossia", *arguments, "--json"],
            stdout=subprocess.PIPE,
            stderr=log,
            # Unbuffered: what select() says about the pipe is true of the file object too.
            bufsize=0,
            # A group of its own, so that a test can kill the server with all its workers.
            start_new_session=True,
            cwd=data,
            env={**os.environ, **(environment or {})},
        )
    try:
        yield process
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOPS_WITHIN_S)
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def _bound_to_us() -> list[str]:
    """Where the system can: stop the server when a test run is killed and cannot do it."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "TERM", "--"] if setpriv else []


def log_of(data: Path) -> Path:
    """Where standard error of the servers that were started with *data* goes."""
    return data / "stderr.log"


def _next_event(process: "subprocess.Popen[bytes]", data: Path, name: str) -> dict[str, Any]:
    assert process.stdout is not None
    until = time.monotonic() + STARTS_WITHIN_S
    while time.monotonic() < until:
        if not select.select([process.stdout], [], [], 0.2)[0]:
            continue
        line = process.stdout.readline()
        if not line:
            break
        event: dict[str, Any] = json.loads(line)
        if event["event"] == name:
            return event
    raise AssertionError(f"No {name!r} event.  Standard error:\n{log_of(data).read_text()}")


def _server(process: "subprocess.Popen[bytes]", data: Path, event: dict[str, Any]) -> Server:
    secret = ROOT_KEY[1]
    arguments = cast("list[str]", process.args)
    if (flag := "--root-access-key-secret") in arguments:
        secret = arguments[arguments.index(flag) + 1]
    elif event["secret_file"]:
        secret = json.loads(Path(event["secret_file"]).read_text())["root_access_key_secret"]
    return Server(
        endpoint=event["endpoint"],
        region=event["region"],
        account_id=event["account_id"],
        access_key_id=event["access_key_id"],
        access_key_secret=secret,
        public_key_url=event["public_key_url"],
        console_url=event["console_url"],
        data=data,
        process=process,
        event=event,
    )
