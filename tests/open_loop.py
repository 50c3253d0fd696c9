"""Asks a server at a fixed rate whether answers come or not, from a process of its own.

Each request goes out when it is due, over a connection that is free then, or one that is opened for
it.  A time is from when a request left until its answer was whole: that the client itself was late
is told apart, because it says nothing of the server.
"""

import json
import selectors
import socket
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

HANGS_S = 10.0
"""What has no answer by then never gets one."""


@dataclass
class Found:
    """What came of one load."""

    asked: int = 0
    statuses: dict[str, int] = field(default_factory=dict)
    times: list[float] = field(default_factory=list)
    """Milliseconds, in order, of what was answered with 200."""
    refusals: list[float] = field(default_factory=list)
    """The same of 503."""
    unanswered: int = 0
    """Connections that broke, or ended, before the answer was whole."""
    hung: int = 0
    impolite: int = 0
    """503 without Retry-After."""
    connections: int = 0
    late: int = 0
    """Sent more than 10 ms behind their time."""
    seconds: float = 0.0

    def accepted(self, share: float) -> float:
        """The time that so many of the answered with 200 do not exceed."""
        return self.times[min(len(self.times) - 1, int(len(self.times) * share))]


class _Line:
    """One connection, with at most one request at a time."""

    __slots__ = ("data", "left_s", "need", "sock", "to_send")

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.left_s = 0.0
        self.to_send: bytes = b""
        self.data = b""
        self.need = 0


class _Client:
    def __init__(self, address: tuple[str, int], requests: Sequence[bytes], most: int) -> None:
        self._address = address
        self._requests = requests
        self._most = most
        self._free: list[_Line] = []
        self._open: set[_Line] = set()
        self._waiting: deque[float] = deque()
        self._select = selectors.EpollSelector()
        self._counts: Counter[str] = Counter()
        self._number = 0
        self.found = Found()

    def run(self, rate: float, seconds: float) -> Found:
        begun = time.perf_counter()
        sent, total = 0, int(rate * seconds)
        while sent < total:
            now = time.perf_counter()
            due = min(total, int((now - begun) * rate) + 1)
            while sent < due:
                at = begun + sent / rate
                self._ask(at)
                sent += 1
            ahead = begun + sent / rate - time.perf_counter()
            self._turn(max(0.0, ahead))
        self.found.seconds = time.perf_counter() - begun
        until = time.perf_counter() + HANGS_S
        while (self._waiting or len(self._free) < len(self._open)) and time.perf_counter() < until:
            self._turn(0.1)
        self.found.asked = total
        self.found.hung = len(self._waiting) + len(self._open) - len(self._free)
        self.found.statuses = dict(self._counts)
        self.found.times.sort()
        self.found.refusals.sort()
        return self.found

    def _ask(self, due: float) -> None:
        if self._free:
            self._send(self._free.pop(), due)
        elif len(self._open) < self._most:
            self._connect(due)
        else:
            self._waiting.append(due)

    def _connect(self, due: float) -> None:
        sock = socket.socket()
        sock.settimeout(0)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.connect_ex(self._address)
        line = _Line(sock)
        self._open.add(line)
        self.found.connections = max(self.found.connections, len(self._open))
        self._select.register(sock, selectors.EVENT_READ | selectors.EVENT_WRITE, line)
        line.to_send = self._next(line, due)

    def _next(self, line: _Line, due: float) -> bytes:
        line.left_s = time.perf_counter()
        self.found.late += line.left_s - due > 0.01
        line.data, line.need = b"", 0
        self._number += 1
        return self._requests[self._number % len(self._requests)]

    def _send(self, line: _Line, due: float) -> None:
        request = self._next(line, due)
        try:
            count = line.sock.send(request)
        except OSError:
            self._broken(line)
            return
        if count < len(request):
            line.to_send = request[count:]
            self._select.modify(line.sock, selectors.EVENT_READ | selectors.EVENT_WRITE, line)

    def _turn(self, wait: float) -> None:
        for key, mask in self._select.select(wait):
            line = key.data
            if mask & selectors.EVENT_WRITE and not self._flush(line):
                continue
            if mask & selectors.EVENT_READ:
                self._read(line)

    def _flush(self, line: _Line) -> bool:
        try:
            count = line.sock.send(line.to_send) if line.to_send else 0
        except BlockingIOError:
            return True
        except OSError:
            self._broken(line)
            return False
        line.to_send = line.to_send[count:]
        if not line.to_send:
            self._select.modify(line.sock, selectors.EVENT_READ, line)
        return True

    def _read(self, line: _Line) -> None:
        try:
            piece = line.sock.recv(262144)
        except BlockingIOError:
            return
        except OSError:
            self._broken(line)
            return
        if not piece:
            self._broken(line)
            return
        line.data += piece
        if not line.need:
            end = line.data.find(b"\r\n\r\n")
            if end < 0:
                return
            head = line.data[:end].lower()
            at = head.find(b"content-length:")
            length = int(head[at + 15 : at + 30].split(b"\r\n")[0]) if at >= 0 else 0
            line.need = end + 4 + length
        if len(line.data) >= line.need:
            self._answered(line)

    def _answered(self, line: _Line) -> None:
        took = (time.perf_counter() - line.left_s) * 1000
        status = line.data[9:12]
        self._counts[status.decode()] += 1
        if status == b"503":
            self.found.refusals.append(took)
            self.found.impolite += b"\r\nRetry-After: " not in line.data
        else:
            self.found.times.append(took)
        if b"\r\nConnection: close" in line.data:
            self._drop(line)
        elif self._waiting:
            self._send(line, self._waiting.popleft())
            return
        else:
            self._free.append(line)
        self._take_waiting()

    def _take_waiting(self) -> None:
        if self._waiting and len(self._open) < self._most:
            self._connect(self._waiting.popleft())

    def _broken(self, line: _Line) -> None:
        if line in self._free:
            # An idle connection that the server ended owes nothing.
            self._free.remove(line)
        else:
            self.found.unanswered += 1
        self._drop(line)
        self._take_waiting()

    def _drop(self, line: _Line) -> None:
        self._open.discard(line)
        self._select.unregister(line.sock)
        line.sock.close()


def drive(
    address: str,
    requests: Sequence[bytes],
    rate: float,
    seconds: float,
    *,
    connections: int = 2000,
    core: int | None = None,
) -> Found:
    """The same from a process of its own, on *core*."""
    host, _, port = address.rpartition(":")
    order = {
        "address": [host, int(port)],
        "requests": [each.decode("latin-1") for each in requests],
        "rate": rate,
        "seconds": seconds,
        "connections": connections,
    }
    pinned = [] if core is None else ["taskset", "-c", str(core)]
    done = subprocess.run(
        [*pinned, sys.executable, __file__],
        input=json.dumps(order),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=seconds * 3 + 2 * HANGS_S,
    )
    return Found(**json.loads(done.stdout))


def main() -> None:
    """Do what standard input says."""
    order = json.load(sys.stdin)
    requests = [each.encode("latin-1") for each in order["requests"]]
    client = _Client(tuple(order["address"]), requests, order["connections"])
    print(json.dumps(asdict(client.run(order["rate"], order["seconds"]))))


if __name__ == "__main__":
    main()
