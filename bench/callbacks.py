"""What callbacks cost, how much longer an upload takes, and what stalled receivers do to others."""

import base64
import http.client
import itertools
import json
import math
import multiprocessing
import resource
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from ossia.adapters.crypto_mb import LANES, CryptoMb, EightAtOnce
from ossia.client.signing_client import SigningClient
from ossia.protocol.callback_signature import CallbackKey

STALLED = 10_000
SEQUENTIAL = 1500
BODY = b"x" * 4096
NOT_TOGETHER = "without the extra batch-signing, or AVX-512 IFMA, callbacks are signed one by one"
TEMPLATE = (
    "bucket=${bucket}&object=${object}&etag=${etag}&size=${size}&mimeType=${mimeType}&u=${x:u}"
)


@contextmanager
def receiver(folder: Path) -> Iterator[str | None]:
    """An application server that answers at once (nginx on core 1); its URL."""
    if shutil.which("nginx") is None:
        print("nginx is not installed: callbacks are not measured", file=sys.stderr)
        yield None
        return
    config = folder / "receiver.conf"
    config.write_text(f"""
    daemon off; worker_processes 1; pid {folder}/receiver.pid; error_log /dev/null; user root;
    events {{ worker_connections 20000; }}
    http {{ access_log off; server {{ listen 127.0.0.1:9472 backlog=4096;
      location / {{ default_type application/json; return 200 '{{"Status":"OK"}}'; }} }} }}
    """)
    process = subprocess.Popen(["taskset", "-c", "1", "nginx", "-c", str(config)])
    time.sleep(0.5)
    try:
        yield "http://127.0.0.1:9472/cb"
    finally:
        process.terminate()
        process.wait(10)


def parameter(url: str) -> str:
    """The value of ``x-oss-callback`` for one URL."""
    fields = {"callbackUrl": url, "callbackBody": TEMPLATE}
    return base64.b64encode(json.dumps(fields).encode()).decode()


def path_of(url: str) -> str:
    """The request target of *url*."""
    return url.removeprefix("{0.scheme}://{0.netloc}".format(urlsplit(url)))


def targets(client: SigningClient, bucket: str, url: str, count: int) -> list[str]:
    """Request targets of presigned PUTs with a callback."""
    query = [("callback", parameter(url))]
    urls = (client.url("PUT", bucket, f"cb/{n:06d}", query=query) for n in range(count))
    return [path_of(each) for each in urls]


def signatures(key: CallbackKey) -> tuple[int, float]:
    """Signatures made, and the CPU-seconds for them."""
    begun = time.process_time()
    for _ in range(500):
        key.sign(BODY[:200])
    return 500, time.process_time() - begun


def signer_of_eight(key: CallbackKey) -> EightAtOnce | None:
    """What signs eight callbacks at once here, if anything does."""
    library = CryptoMb.find()
    return None if library is None else library.signer(key)


def signatures_together(signer: EightAtOnce) -> tuple[int, float]:
    """The same by eights."""
    messages = [BODY[:200]] * LANES
    begun = time.process_time()
    for _ in range(500 // LANES):
        signer.sign(messages)
    return 500 // LANES * LANES, time.process_time() - begun


@dataclass(frozen=True)
class Latency:
    """Milliseconds of sequential uploads on one connection."""

    p50: float
    p99: float


def latencies(endpoint: str, plain: list[str], told: list[str], url: str) -> list[Latency]:
    """Of an upload, of one with a callback, and of the receiver itself.

    One request of each kind after the other, because the disk has moods; each on one connection
    but those to the receiver, which get a new one as callbacks do.
    """
    at, receiver_at = urlsplit(endpoint), urlsplit(url)
    connection = http.client.HTTPConnection(at.hostname or "", at.port)
    turns = itertools.cycle(zip(plain, told, strict=True))

    def ask_upload(path: str) -> None:
        _ask(connection, "PUT", path, BODY)

    def ask_receiver() -> None:
        own = http.client.HTTPConnection(receiver_at.hostname or "", receiver_at.port)
        _ask(own, "POST", receiver_at.path, BODY[:200])
        own.close()

    took: list[list[float]] = [[], [], []]
    for _ in range(SEQUENTIAL):
        path, path_told = next(turns)
        took[0].append(_milliseconds(ask_upload, path))
        took[1].append(_milliseconds(ask_upload, path_told))
        took[2].append(_milliseconds(ask_receiver))
    connection.close()
    return [Latency(s[len(s) // 2], s[len(s) * 99 // 100]) for s in map(sorted, took)]


def _ask(connection: http.client.HTTPConnection, method: str, path: str, body: bytes) -> None:
    connection.request(method, path, body)
    answer = connection.getresponse()
    answer.read()
    assert answer.status == 200, answer.status


def _milliseconds(ask: Callable[..., None], *about: str) -> float:
    begun = time.perf_counter()
    ask(*about)
    return (time.perf_counter() - begun) * 1000


class StalledReceivers:
    """Accepts connections and says nothing, until it is closed.  In a process of its own."""

    def __init__(self) -> None:
        self._accepted = multiprocessing.Value("q", 0)
        self._port = multiprocessing.Value("i", 0)
        self._process = multiprocessing.Process(target=self._run, daemon=True)
        self._process.start()
        while not self._port.value:
            time.sleep(0.01)
        self.url = f"http://127.0.0.1:{self._port.value}/cb"

    @property
    def accepted(self) -> int:
        """How many connections came."""
        return self._accepted.value

    def _run(self) -> None:
        allow_many_files()
        with socket.create_server(("127.0.0.1", 0), backlog=4096) as listening:
            self._port.value = listening.getsockname()[1]
            held = []
            while True:
                held.append(listening.accept())
                self._accepted.value = len(held)

    def close(self) -> None:
        """Hang up on everybody."""
        self._process.kill()
        self._process.join()


class Uploaders:
    """Many uploads under way at a time, each on a connection of its own, in their own process."""

    def __init__(self, endpoint: str, paths: list[str]) -> None:
        self._process = multiprocessing.Process(
            target=self._run, args=(endpoint, paths), daemon=True
        )
        self._process.start()

    def _run(self, endpoint: str, paths: list[str]) -> None:
        allow_many_files()
        at = urlsplit(endpoint)
        held = []
        for path in paths:
            connection = socket.create_connection((at.hostname or "", at.port or 80))
            head = f"PUT {path} HTTP/1.1\r\nHost: {at.netloc}\r\nContent-Length: 4096\r\n\r\n"
            connection.sendall(head.encode() + BODY)
            held.append(connection)
        signal.pause()

    def close(self) -> None:
        """Hang up."""
        self._process.kill()
        self._process.join()


def allow_many_files() -> None:
    """Sockets of both ends of twenty thousand connections."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def p99_of(endpoint: str, script: str, seconds: int) -> float:
    """The p99 of plain uploads in milliseconds, one after the other, as wrk sees it."""
    command = ["taskset", "-c", "1", "wrk", "-t1", "-c1", f"-d{seconds}s", "--latency"]
    output = subprocess.run(
        [*command, "-s", script, endpoint], check=True, capture_output=True, text=True
    ).stdout
    shown = next(line.split()[1] for line in output.splitlines() if line.strip().startswith("99%"))
    for unit, factor in (("us", 0.001), ("ms", 1.0), ("s", 1000.0)):
        if shown.endswith(unit):
            return float(shown.removesuffix(unit)) * factor
    raise ValueError(shown)


@dataclass(frozen=True)
class Stall:
    """p99 of plain uploads in milliseconds, in pairs: without and with stalled receivers.

    In one half of the pairs one of two servers has them, in the other half the other: two servers
    are never equally fast, be it for where their memory lies.
    """

    halves: list[list[tuple[float, float]]]
    grown_mib: float
    stalled: int

    @property
    def calm(self) -> float:
        """The median p99 without stalled receivers."""
        return statistics.median(calm for half in self.halves for calm, _ in half)

    @property
    def moved(self) -> list[float]:
        """By how many percent the p99 is higher in the median pair of each half."""
        return [
            (statistics.median(busy / calm for calm, busy in half) - 1) * 100
            for half in self.halves
        ]

    @property
    def mean(self) -> float:
        """The geometric mean of both."""
        factors = [1 + percent / 100 for percent in self.moved]
        return (math.prod(factors) ** (1 / len(factors)) - 1) * 100


def fill(client: SigningClient, bucket: str) -> None:
    """Upload what the stalled uploads will overwrite: more rows cost more, callbacks or not."""
    at = urlsplit(client.endpoint)
    connection = http.client.HTTPConnection(at.hostname or "", at.port)
    for number in range(STALLED):
        path = path_of(client.url("PUT", bucket, f"cb/{number:06d}"))
        _ask(connection, "PUT", path, BODY)
    connection.close()


@contextmanager
def stalled(client: SigningClient, bucket: str) -> Iterator[int]:
    """Uploads whose receivers say nothing; how many of them there are."""
    receivers = StalledReceivers()
    uploaders = Uploaders(client.endpoint, targets(client, bucket, receivers.url, STALLED))
    end = time.monotonic() + 120
    while receivers.accepted < STALLED and time.monotonic() < end:
        time.sleep(0.2)
    try:
        yield receivers.accepted
    finally:
        uploaders.close()
        receivers.close()


def stall(
    servers: list[tuple[SigningClient, str]], bucket: str, memory: Callable[[], float], rounds: int
) -> Stall:
    """Plain uploads to two servers in turn, of which one waits for thousands of applications.

    Each comes with the wrk script of paths signed for it; *memory* is that of the first.
    Neighbouring rounds see the machine in the same mood.
    """
    halves, grown, count = [], 0.0, STALLED
    for client, _ in servers:
        fill(client, bucket)
    for busy, calm in (servers, servers[::-1]):
        p99_of(busy[0].endpoint, busy[1], 2)
        at_rest = memory()
        with stalled(busy[0], bucket) as reached:
            count = min(count, reached)
            grown = grown or memory() - at_rest
            halves.append([_pair(calm, busy, number) for number in range(rounds // 2)])
        time.sleep(10)
    print(f"p99 in ms, calm and stalled: {halves}", file=sys.stderr)
    return Stall(halves, grown, count)


def _pair(
    calm: tuple[SigningClient, str], busy: tuple[SigningClient, str], number: int
) -> tuple[float, float]:
    # Who goes first has no advantage.
    order = (calm, busy) if number % 2 else (busy, calm)
    took = [p99_of(client.endpoint, script, 2) for client, script in order]
    return (took[0], took[1]) if number % 2 else (took[1], took[0])
