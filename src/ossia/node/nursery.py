"""Servers for tests: a process that has loaded everything once, and forks one whenever it is asked.

``python -m ossia.node.nursery FD`` is started by `ossia.testing.nursery`, which holds the other end
of FD.  Each packet on it is a request, and each is answered by one packet:

- ``{"start": SETTINGS}`` with descriptors for standard output and error, and perhaps the file that
  moves the server's clock: ``{"pid": N}``.  The ready line, or why there is none, is written there.
- ``{"stop": N}``: ``{"code": N}``.

1. When the other end closes, or the process that started this one is gone, every server ends.
2. When this process is killed, the system ends every server (`die_with_parent`).
3. Nothing here starts a thread or an event loop: a fork must find neither.
"""

import gc
import json
import os
import select
import signal
import socket
import sys
import time
import traceback
from collections.abc import Iterable
from contextlib import suppress
from typing import Any, Final, NoReturn

from ossia.logs.outlet import log_to_standard_error
from ossia.node.serve import serve
from ossia.node.supervisor import die_with_parent
from ossia.protocol.callback_signature import CallbackKey
from ossia.settings import SettingsError, load, rows

MAX_REQUEST_BYTES: Final = 64 * 1024
STOPS_WITHIN_S: Final = 3.0
_DESCRIPTORS: Final = 3
_LOOKS_EVERY_S: Final = 1.0
_POLL_S: Final = 0.002


class Nursery:
    """The servers of one test process, whose requests come through *line*."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._owner = os.getppid()
        self._servers: set[int] = set()
        # Making one takes longer than all the rest of a start.
        self._key = CallbackKey.generate()

    def run(self) -> None:
        """Answer requests until nobody is there to ask."""
        # What is there already is looked through by no collection in a server, which would copy it.
        gc.collect()
        gc.freeze()
        try:
            while os.getppid() == self._owner:
                # A copy of the other end, in another child of the owner, may keep it open.
                if not select.select([self._line], [], [], _LOOKS_EVERY_S)[0]:
                    continue
                packet, descriptors, _, _ = socket.recv_fds(
                    self._line, MAX_REQUEST_BYTES, _DESCRIPTORS
                )
                if not packet:
                    return
                self._line.send(json.dumps(self._answer(json.loads(packet), descriptors)).encode())
        finally:
            self._end(self._servers)

    def _answer(self, request: dict[str, Any], descriptors: list[int]) -> dict[str, int]:
        if "stop" in request:
            return {"code": self._end([request["stop"]])}
        pid = os.fork()
        if pid == 0:
            self._be_a_server(request["start"], descriptors)
        for each in descriptors:
            os.close(each)
        self._servers.add(pid)
        return {"pid": pid}

    def _be_a_server(self, given: dict[str, Any], descriptors: list[int]) -> NoReturn:
        code = 1
        try:
            # A group of its own: whatever does not end in time is ended with all its workers.
            os.setsid()
            with suppress(OSError):
                die_with_parent()
            self._line.close()
            _take(*descriptors)
            code = serve(_settings(given), as_json=True, spare=self._key)
        except SettingsError as error:
            print(f"ossia: {error}", file=sys.stderr)  # noqa: T201 - what the owner is told
            code = 2
        except BaseException:  # noqa: BLE001 - nothing may return into the nursery
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _end(self, servers: Iterable[int]) -> int:
        """End *servers*, by force if need be; the exit code of the last."""
        code = 0
        ending = set(servers) & self._servers
        for pid in ending:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGINT)
        until = time.monotonic() + STOPS_WITHIN_S
        for pid in ending:
            found, status = os.waitpid(pid, os.WNOHANG)
            while not found and time.monotonic() < until:
                time.sleep(_POLL_S)
                found, status = os.waitpid(pid, os.WNOHANG)
            with suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)
            if not found:
                _, status = os.waitpid(pid, 0)
            code = os.waitstatus_to_exitcode(status)
        self._servers -= ending
        return code


def _take(output: int, error: int, clock: int | None = None) -> None:
    """Write to *output* and *error*, and go by the time that *clock* says."""
    os.dup2(output, 1)
    os.dup2(error, 2)
    os.close(output)
    os.close(error)
    os.environ.pop("OSSIA_TEST_CLOCK_FILE", None)
    if clock is not None:
        # The file has no name any more: it is gone when both of us are.
        os.environ["OSSIA_TEST_CLOCK_FILE"] = f"/proc/self/fd/{clock}"


def _settings(given: dict[str, Any]) -> Any:
    """What was asked for, and nothing from the environment.  Raises `SettingsError`."""
    unknown = sorted(set(given) - {row.name for row in rows()})
    if unknown:
        raise SettingsError(f"There is no setting {unknown[0]!r}: docs/settings.md lists them.")
    return load(given, {})


def main() -> None:
    """Serve whoever holds the other end of the socket whose number is the only argument."""
    log_to_standard_error()
    # The owner ends this, when its tests have ended theirs.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Nursery(socket.socket(fileno=int(sys.argv[1]))).run()


if __name__ == "__main__":
    main()
