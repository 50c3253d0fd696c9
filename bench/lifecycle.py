"""A pass of lifecycle rules through a large bucket: how long it takes, its memory, and who notices.

usage: python bench/lifecycle.py [--keys N] [--folder F]

A bucket of N objects (10 000 000), of which one in a hundred is due, is filled as bench/listings.py
does.  One client stores and reads 4 KiB in another bucket, one request after the other, before the
rule is there, while the worker goes through the bucket, and afterwards; told are the medians of p50
and p99 of windows of five seconds.
"""

import argparse
import json
import statistics
import tempfile
import threading
import time
from http.client import HTTPConnection
from pathlib import Path

from listings import PLAIN, fill
from run import ROOT, cpu_seconds, machine, memory_mib, ossia

from ossia.client.signing_client import SigningClient

DAY_MS = 24 * 3600 * 1000
WINDOW_S = 5.0
_CALM_WINDOWS = 6
_RULE = (
    b"<LifecycleConfiguration><Rule><ID>old</ID><Prefix></Prefix><Status>Enabled</Status>"
    b"<Expiration><Days>30</Days></Expiration></Rule></LifecycleConfiguration>"
)


class Client(threading.Thread):
    """Stores and reads in turn until it is told to stop; `windows` has the times of each."""

    def __init__(self, client: SigningClient) -> None:
        super().__init__(daemon=True)
        self._client = client
        self.windows: list[list[float]] = []
        self.stops = False
        self.trouble: BaseException | None = None

    def run(self) -> None:
        """Ask on and on."""
        connection = HTTPConnection(self._client.endpoint.partition("://")[2])
        asked = [
            (method, self._client.url(method, "other", "k").removeprefix(self._client.endpoint))
            for method in ("PUT", "GET")
        ]
        try:
            while not self.stops:
                times: list[float] = []
                until = time.perf_counter() + WINDOW_S
                while (begun := time.perf_counter()) < until:
                    for method, path in asked:
                        connection.request(method, path, bytes(4096) if method == "PUT" else None)
                        answer = connection.getresponse()
                        answer.read()
                        assert answer.status == 200, answer.status
                    times.append((time.perf_counter() - begun) * 1000)
                self.windows.append(times)
        except BaseException as error:
            self.trouble = error
            raise


def told(windows: list[list[float]]) -> str:
    """The medians of p50 and p99 of windows; those at their ends belong to nobody."""
    inner = [sorted(each) for each in (windows[1:-1] or windows)]
    p50 = statistics.median(each[len(each) // 2] for each in inner)
    p99 = statistics.median(each[int(len(each) * 0.99)] for each in inner)
    return f"p50 {p50:.2f} ms, p99 {p99:.2f} ms ({len(inner)} windows)"


def progress(client: SigningClient) -> dict[str, object]:
    """How far the worker has come."""
    found: dict[str, object] = json.loads(
        client.request("GET", "-", f"api/buckets/{PLAIN}/lifecycle").body
    )
    return found


def main() -> None:
    """Fill, ask, let the worker work, ask."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=10_000_000)
    parser.add_argument("--folder", type=Path, help="where data goes (a real disk)")
    options = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory(dir=options.folder or ROOT) as name:
        place = Path(name)
        with ossia(place) as (_, client):
            assert client.request("PUT", PLAIN).status == 200
            assert client.request("PUT", "other").status == 200
        now = time.time_ns() // 1_000_000
        at = f"case i % 100 when 0 then {now - 60 * DAY_MS} else {now} end"
        fill(place / "data" / "metadata.sqlite3", 1, options.keys, at=at)
        with ossia(place, "--lifecycle-interval", "0.5") as (pid, client):
            asking = Client(client)
            asking.start()
            time.sleep(WINDOW_S * _CALM_WINDOWS)
            calm = len(asking.windows)
            memory = [sum(memory_mib(pid))]
            cpu, begun = cpu_seconds(pid), time.perf_counter()
            body = _RULE
            reply = client.request("PUT", PLAIN, query=[("lifecycle", "")], body=body)
            assert reply.status == 200, reply
            while (found := progress(client))["stage"] != "done":
                time.sleep(1)
                memory.append(sum(memory_mib(pid)))
                assert asking.trouble is None
            took, used = time.perf_counter() - begun, cpu_seconds(pid) - cpu
            working = len(asking.windows)
            time.sleep(WINDOW_S * _CALM_WINDOWS)
            asking.stops = True
            asking.join()
    print(
        f"{found['looked_at']:,} objects, {found['counts']}: {took:.0f} s, with the client's CPU {used:.0f} s"
    )
    print(f"memory before {memory[0]:.0f} MiB, while it worked at most {max(memory):.0f} MiB")
    print(f"a PUT and a GET, before:  {told(asking.windows[:calm])}")
    print(f"while it works:           {told(asking.windows[calm:working])}")
    print(f"afterwards:               {told(asking.windows[working:])}")


if __name__ == "__main__":
    main()
