"""``make bench``: what a request costs, in CPU-seconds of the server, side by side with nginx.

One server process is pinned to core 0, the load to core 1.  Figures are CPU-seconds of the server's
process tree, not wall-clock time: a busy machine changes them little, a ratio within one run less.
On a shared host the same work costs up to twice as much from one second to the next: every
measurement is repeated in short rounds, and both the best (least disturbed) and the median are
told, beside a fixed piece of work measured all along.  Every peer that is installed is measured in
the same run.  The result goes to ``docs/benchmarks.md`` (``--write``).

``--against FOLDER`` measures small requests only, in turns with another checkout that has its own
``.venv``: whether a change made them dearer.
"""

import argparse
import json
import os
import platform
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import callbacks
from callbacks import path_of

from ossia.client.signing_client import SigningClient
from ossia.protocol.callback_signature import CallbackKey

ROOT = Path(__file__).parents[1]
TICKS = os.sysconf("SC_CLK_TCK")
KIB4 = b"x" * 4096
CONNECTIONS = 64
ROUND_S = 2
BUCKET = "bench-bucket"
MEMORY = Path("/dev/shm")
GIB = 1024**3
GB = 10**9

PUT_SCRIPT = """
local paths = {%s}
local number = 0
local body = string.rep("x", 4096)
request = function()
  number = number + 1
  return wrk.format("PUT", paths[(number %% #paths) + 1], nil, body)
end
"""
GET_SCRIPT = """
local paths = {%s}
local number = 0
request = function()
  number = number + 1
  return wrk.format("GET", paths[(number %% #paths) + 1])
end
"""


@dataclass(frozen=True)
class Figure:
    """One measurement in rounds: (units, CPU-seconds) each."""

    name: str
    rounds: list[tuple[float, float]]
    per_second: bool = True

    @property
    def texts(self) -> tuple[str, str]:
        """Best and median as the table prints them; a figure without rounds is told in words."""
        if not self.rounds:
            return "", ""
        rates = sorted((count / cpu_s for count, cpu_s in self.rounds), reverse=True)
        best, median = rates[0], statistics.median(rates)
        if self.per_second:
            return f"{best:,.0f} per CPU-s", f"{median:,.0f} per CPU-s"
        return f"{1 / best:.2f} CPU-s/GB", f"{1 / median:.2f} CPU-s/GB"


def tree(pid: int) -> list[int]:
    """The process and its descendants."""
    found = [pid]
    for each in found:
        with suppress(OSError):
            children = Path(f"/proc/{each}/task/{each}/children").read_text().split()
            found += [int(child) for child in children]
    return found


def cpu_seconds(pid: int) -> float:
    """User and system time of the process tree, those of it that have ended included."""
    total = 0
    for each in tree(pid):
        with suppress(OSError):
            fields = Path(f"/proc/{each}/stat").read_text().rpartition(")")[2].split()
            total += sum(map(int, fields[11:15]))
    return total / TICKS


def memory_mib(pid: int) -> list[float]:
    """Resident memory of every process of the tree."""
    sizes = []
    for each in tree(pid):
        with suppress(OSError, IndexError):
            status = Path(f"/proc/{each}/status").read_text()
            sizes.append(int(status.partition("VmRSS:")[2].split()[0]) / 1024)
    return sizes


@contextmanager
def ossia(
    folder: Path,
    *more: str,
    python: str = sys.executable,
    program: Sequence[str] = ("-m", "ossia"),
) -> Iterator[tuple[int, SigningClient]]:
    """A server of one process on core 0."""
    command = [
        "taskset", "-c", "0", python, *program, "serve", "--data", str(folder / "data"),
        "--listen", "127.0.0.1:0", "--workers", "1", "--json",
        "--root-access-key-id", "benchkey", "--root-access-key-secret", "benchsecret", *more,
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        event = json.loads(process.stdout.readline())
        client = SigningClient(event["endpoint"], "benchkey", "benchsecret", version=1)
        yield process.pid, client
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


@contextmanager
def nginx(folder: Path) -> Iterator[tuple[int, str] | None]:
    """Static files by nginx on core 0, if it is installed."""
    if shutil.which("nginx") is None:
        yield None
        return
    root = folder / "nginx"
    root.mkdir()
    (root / "get4k").write_bytes(KIB4)
    os.link(folder / "big", root / "big")
    config = f"""
    daemon off; worker_processes 1; pid {root}/pid; error_log /dev/null; user root;
    events {{ worker_connections 1024; }}
    http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000;
      server {{ listen 127.0.0.1:9471; root {root}; }} }}
    """
    (root / "nginx.conf").write_text(config)
    process = subprocess.Popen(["taskset", "-c", "0", "nginx", "-c", str(root / "nginx.conf")])
    time.sleep(0.5)
    try:
        yield process.pid, "http://127.0.0.1:9471"
    finally:
        process.terminate()
        process.wait(10)


def wrk(pid: int, endpoint: str, script: str, paths: list[str], seconds: int) -> tuple[int, float]:
    """Requests answered with 2xx, and the server's CPU-seconds for them."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script % ",".join(json.dumps(path) for path in paths))
        file.flush()
        command = ["taskset", "-c", "1", "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s"]
        before = cpu_seconds(pid)
        output = subprocess.run(
            [*command, "-s", file.name, endpoint], check=True, capture_output=True, text=True
        ).stdout
        used = cpu_seconds(pid) - before
    if "Non-2xx" in output:
        raise SystemExit(f"wrk saw errors:\n{output}")
    answered = int(output.partition(" requests in")[0].split()[-1])
    return answered, used


def curl(pid: int, *arguments: str) -> float:
    """The server's CPU-seconds for one curl."""
    before = cpu_seconds(pid)
    subprocess.run(
        [
            "taskset",
            "-c",
            "1",
            "curl",
            "-sS",
            "--fail",
            "-o",
            "/dev/null",
            "-H",
            "Expect:",
            *arguments,
        ],
        check=True,
    )
    return cpu_seconds(pid) - before


def small_requests(client: SigningClient) -> list[tuple[str, str, list[str]]]:
    """Names, scripts and paths of what is measured of small objects, which are made first."""
    assert client.request("PUT", BUCKET).status == 200
    assert client.request("PUT", BUCKET, "get4k", body=KIB4).status == 200
    v4 = SigningClient(client.endpoint, client.access_key_id, client.secret, version=4)
    puts = [path_of(client.url("PUT", BUCKET, f"k/{n:06d}")) for n in range(2000)]
    return [
        ("4 KiB PUT, durable, V1 URL", PUT_SCRIPT, puts),
        ("4 KiB GET, V1 URL", GET_SCRIPT, [path_of(client.url("GET", BUCKET, "get4k"))]),
        ("4 KiB GET, V4 URL", GET_SCRIPT, [path_of(v4.url("GET", BUCKET, "get4k"))]),
    ]


def measure_against(folder: Path, other: Path, rounds: int) -> Iterator[Figure]:
    """Small requests here and at another checkout, in turns."""
    python = str((other / ".venv/bin/python").absolute())
    for each in ("here", "there"):
        (folder / each).mkdir()
    with ossia(folder / "here") as here, ossia(folder / "there", python=python) as there:
        sides = [(*here, small_requests(here[1])), (*there, small_requests(there[1]))]
        for number, (name, script, _) in enumerate(sides[0][2]):
            found: list[list[tuple[int, float]]] = [[], []]
            for turn in range(rounds):
                # Who begins changes: what disturbs the first disturbs both alike.
                for side in (0, 1) if turn % 2 else (1, 0):
                    pid, client, requests = sides[side]
                    paths = requests[number][2]
                    found[side].append(wrk(pid, client.endpoint, script, paths, ROUND_S))
            pairs = zip(*found, strict=True)
            ratio = statistics.median((a / b) / (c / d) for (a, b), (c, d) in pairs)
            yield Figure(f"{name}, at {other.name}", found[1])
            yield Figure(f"{name}, here: {ratio - 1:+.1%} (median of pairs)", found[0])


def measure_ossia(folder: Path, rounds: int) -> Iterator[Figure]:
    """Small and large PUT and GET."""
    with ossia(folder) as (pid, client):
        for name, script, paths in small_requests(client):
            yield Figure(
                name, [wrk(pid, client.endpoint, script, paths, ROUND_S) for _ in range(rounds)]
            )
        big = str(folder / "big")
        size = (folder / "big").stat().st_size / GB
        put, get = client.url("PUT", BUCKET, "big"), client.url("GET", BUCKET, "big")
        few = range(max(1, rounds // 2))
        uploads = [(size, curl(pid, "-T", big, put)) for _ in few]
        yield Figure("1 GiB PUT, durable", uploads, per_second=False)
        yield Figure("1 GiB GET", [(size, curl(pid, get)) for _ in few], per_second=False)


def measure_callbacks(folder: Path, rounds: int) -> Iterator[Figure]:
    """Uploads with a callback to a receiver that answers at once.

    Two servers in turns: one signs callbacks together, where that is possible here, one does not.
    """
    (folder / "singly").mkdir()
    with (
        callbacks.receiver(folder) as url,
        ossia(folder) as (pid, client),
        ossia(folder / "singly", "--callback-sign-singly") as (other_pid, other),
    ):
        if url is None:
            return
        for each in (client, other):
            assert each.request("PUT", BUCKET).status in (200, 409)
        plain = [path_of(client.url("PUT", BUCKET, f"k/{n:06d}")) for n in range(500)]
        told = callbacks.targets(client, BUCKET, url, 500)
        told_by_other = callbacks.targets(other, BUCKET, url, 500)
        signer = callbacks.signer_of_eight(CallbackKey.generate())
        together, singly = [], []
        for _ in range(rounds):
            if signer is not None:
                together.append(wrk(pid, client.endpoint, PUT_SCRIPT, told, ROUND_S))
            singly.append(wrk(other_pid, other.endpoint, PUT_SCRIPT, told_by_other, ROUND_S))
        if signer is None:
            print(f"{callbacks.NOT_TOGETHER}: not measured", file=sys.stderr)
        else:
            yield Figure("4 KiB PUT with callback, RSA-2048, signed together", together)
        yield Figure("4 KiB PUT with callback, RSA-2048, signed one by one", singly)
        key = CallbackKey.generate()
        yield Figure(
            "an RSA-2048 signature alone", [callbacks.signatures(key) for _ in range(rounds)]
        )
        if signer is not None:
            made = [callbacks.signatures_together(signer) for _ in range(rounds)]
            yield Figure("an RSA-2048 signature, eight at once", made)
        without, with_callback, own = callbacks.latencies(client.endpoint, plain, told, url)
        yield Figure(
            f"a callback adds: p50 {with_callback.p50 - without.p50 - own.p50:.2f} ms, "
            f"p99 {with_callback.p99 - without.p99 - own.p99:.2f} ms over the receiver's own "
            f"{own.p50:.2f} and {own.p99:.2f} ms (one upload at a time)",
            [],
        )


@contextmanager
def uploading(folder: Path, *more: str) -> Iterator[tuple[int, SigningClient, str]]:
    """A server with a bucket, and a script of plain uploads to it."""
    folder.mkdir()
    with (
        ossia(folder, *more) as (pid, client),
        tempfile.NamedTemporaryFile("w", suffix=".lua") as file,
    ):
        assert client.request("PUT", BUCKET).status in (200, 409)
        paths = [path_of(client.url("PUT", BUCKET, f"k/{n:06d}")) for n in range(500)]
        file.write(PUT_SCRIPT % ",".join(json.dumps(path) for path in paths))
        file.flush()
        yield pid, client, file.name


def measure_stall(rounds: int) -> Iterator[Figure]:
    """Plain uploads beside thousands of callbacks that nobody answers.

    In memory where there is such a folder: what a disk does in the meantime is larger than what is
    to be seen.
    """
    # One process may not have enough files for both ends.
    options = ("--callback-timeout", "300", "--workers", "2")
    with (
        tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else ROOT) as name,
        uploading(Path(name) / "one", *options) as (pid, *one),
        uploading(Path(name) / "other", *options) as (_, *other),
    ):
        found = callbacks.stall([one, other], BUCKET, lambda: sum(memory_mib(pid)), rounds)
        first, second = found.moved
        yield Figure(
            f"beside {found.stalled:,} stalled receivers: p99 of PUT moves by {found.mean:+.1f} % "
            f"(medians of {len(found.halves[0])} pairs of rounds, {first:+.1f} % in one server and "
            f"{second:+.1f} % in another; calm {found.calm:.2f} ms), memory by {found.grown_mib:.0f} MiB",
            [],
        )


def measure_nginx(folder: Path, rounds: int) -> Iterator[Figure]:
    """The yardstick: static files."""
    with nginx(folder) as running:
        if running is None:
            print("nginx is not installed: skipped", file=sys.stderr)
            return
        pid, endpoint = running
        with urllib.request.urlopen(f"{endpoint}/get4k") as answer:
            assert answer.read() == KIB4
        small = [wrk(pid, endpoint, GET_SCRIPT, ["/get4k"], ROUND_S) for _ in range(rounds)]
        yield Figure("4 KiB GET (nginx, static)", small)
        size = (folder / "big").stat().st_size / GB
        large = [(size, curl(pid, f"{endpoint}/big")) for _ in range(max(1, rounds // 2))]
        yield Figure("1 GiB GET (nginx, static)", large, per_second=False)


def fixed_work() -> float:
    """CPU-milliseconds of a fixed piece of Python: how disturbed the machine is."""
    begun = time.process_time()
    total = 0
    for number in range(200_000):
        total += number
    return (time.process_time() - begun) * 1000


def machine() -> str:
    """What this was measured on."""
    info = Path("/proc/cpuinfo").read_text()
    model = info.partition("model name")[2].partition(":")[2].partition("\n")[0].strip()
    return (
        f"{model}, {os.cpu_count()} cores, CPython {platform.python_version()}, {platform.system()}"
    )


def main() -> None:
    """Measure everything once and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=8, help="rounds of each measurement")
    parser.add_argument("--folder", type=Path, help="where data goes (a real disk)")
    parser.add_argument("--against", type=Path, help="another checkout to compare with")
    parser.add_argument("--write", action="store_true", help="write docs/benchmarks.md")
    options = parser.parse_args()
    for tool in ("wrk", "curl", "taskset"):
        if shutil.which(tool) is None:
            raise SystemExit(f"make bench needs {tool}: apt-get install {tool}")
    with tempfile.TemporaryDirectory(dir=options.folder or ROOT) as name:
        disturbance = [fixed_work() for _ in range(50)]
        if options.against:
            figures = list(measure_against(Path(name), options.against, options.rounds))
        else:
            figures = measure_all(Path(name), options.rounds)
        disturbance += [fixed_work() for _ in range(50)]
    lines = ["| what | best round | median |", "|---|--:|--:|"]
    lines += [f"| {each.name} | {each.texts[0]} | {each.texts[1]} |" for each in figures]
    lines.append(
        f"| a fixed piece of Python, before and after | {min(disturbance):.1f} ms "
        f"| {statistics.median(disturbance):.1f} ms (worst {max(disturbance):.1f}) |"
    )
    table = "\n".join(lines)
    print(machine())
    print(table)
    if options.write:
        write_page(table)


def measure_all(folder: Path, rounds: int) -> list[Figure]:
    """Everything, beside every peer that is installed."""
    with (folder / "big").open("wb") as file:
        for _ in range(64):
            file.write(os.urandom(GIB // 64))
    return [
        *measure_ossia(folder, rounds),
        *measure_callbacks(folder, rounds),
        *measure_stall(5 * rounds),
        *measure_nginx(folder, rounds),
    ]


def write_page(table: str, name: str = "") -> None:
    """Put the table into the page, between its markers; *name* is in those of another one."""
    page = ROOT / "docs" / "benchmarks.md"
    text = page.read_text()
    begin, end = f"<!-- begin{name} -->", f"<!-- end{name} -->"
    head, _, rest = text.partition(begin)
    _, _, tail = rest.partition(end)
    made = f"{begin}\n{machine()}, {time.strftime('%Y-%m-%d')}\n\n{table}\n{end}"
    page.write_text(f"{head}{made}{tail}")


if __name__ == "__main__":
    main()
