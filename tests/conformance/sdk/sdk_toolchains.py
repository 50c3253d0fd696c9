"""How each suite is built and started.  What is built or downloaded stays in ``.cache/sdk``.

A build happens again when a file of the suite changes.  `Missing` means that the machine lacks the
language, `BuildFailed` that it has it and could not build.
"""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
CACHE: Final = HERE.parents[2] / ".cache" / "sdk"
BUILD_TIMEOUT_S: Final = 420
_STAMP: Final = "built"


class Missing(Exception):  # noqa: N818 - a fact, not a fault
    """The toolchain is not on this machine."""


class BuildFailed(Exception):  # noqa: N818 - says it already
    """The suite does not build."""


Command = list[str]


def command_of(suite: str, hosts_file: Path, entry: str = "suite") -> Command:
    """Build *suite* where needed; the command that runs it.

    *hosts_file* maps names to loopback, for what has no other way to resolve them.  *entry* is
    ``suite``, or ``faults`` for the cases of test_sdk_faults.py.
    """
    return _SUITES[suite](suite, hosts_file, entry)


def _go(suite: str, hosts_file: Path, entry: str) -> Command:
    del hosts_file
    go = _tool("go", suite)
    binary = CACHE / suite / "suite"

    def build() -> None:
        _run([go, "build", "-o", str(binary), "."], HERE / suite)

    _build_once(suite, [HERE / suite, HERE / "go_harness"], build)
    return [str(binary), entry]


def _node(suite: str, hosts_file: Path, entry: str) -> Command:
    del hosts_file
    node, npm = _tool("node", suite), _tool("npm", suite)
    home = CACHE / suite

    def build() -> None:
        shutil.copytree(HERE / suite, home, dirs_exist_ok=True)
        _run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], home)

    _build_once(suite, [HERE / suite], build)
    return [node, str(home / f"{entry}.mjs")]


def _java(suite: str, hosts_file: Path, entry: str) -> Command:
    java, maven = _tool("java", suite), _tool("mvn", suite)
    _tool("javac", suite)
    home = CACHE / suite

    def build() -> None:
        shutil.copytree(HERE / suite, home, dirs_exist_ok=True)
        goals = ["-q", "-B", "compiler:compile", "dependency:copy-dependencies"]
        try:
            _run([maven, "-o", *goals], home)
        except BuildFailed:
            _run([maven, *goals], home)

    _build_once(suite, [HERE / suite], build)
    classpath = f"{home / 'target' / 'classes'}:{home / 'target' / 'dependency'}/*"
    resolver = f"-Djdk.net.hosts.file={hosts_file}"
    return [
        java,
        resolver,
        "-XX:+UseSerialGC",
        "-XX:TieredStopAtLevel=1",
        "-cp",
        classpath,
        entry.capitalize(),
    ]


def _python(suite: str, hosts_file: Path, entry: str) -> Command:
    del hosts_file
    return [sys.executable, str(HERE / "python" / f"{suite.removeprefix('python_')}_{entry}.py")]


_SUITES: Final[dict[str, Callable[[str, Path, str], Command]]] = {
    "go_v1": _go,
    "go_v2": _go,
    "java": _java,
    "node": _node,
    "python_oss2": _python,
    "python_v2": _python,
}


def _tool(name: str, suite: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise Missing(
            f"THE {suite.upper()} SDK IS NOT TESTED: there is no {name!r} on this machine"
        )
    return found


def _build_once(suite: str, sources: Sequence[Path], build: Callable[[], None]) -> None:
    stamp = CACHE / suite / _STAMP
    digest = _digest(sources)
    if stamp.exists() and stamp.read_text() == digest:
        return
    stamp.parent.mkdir(parents=True, exist_ok=True)
    stamp.unlink(missing_ok=True)
    build()
    stamp.write_text(digest)


def _digest(folders: Sequence[Path]) -> str:
    digest = hashlib.sha256()
    for folder in folders:
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            digest.update(str(file.relative_to(HERE)).encode())
            digest.update(file.read_bytes())
    return digest.hexdigest()


def _run(command: Sequence[str], folder: Path) -> None:
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=BUILD_TIMEOUT_S,
        )
    except subprocess.TimeoutExpired as error:
        raise BuildFailed(f"{' '.join(command)} took more than {BUILD_TIMEOUT_S} s") from error
    if done.returncode:
        said = (done.stdout + done.stderr)[-3000:]
        raise BuildFailed(f"{' '.join(command)} in {folder} ended with {done.returncode}:\n{said}")
