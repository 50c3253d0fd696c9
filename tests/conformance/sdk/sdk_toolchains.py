"""How each suite is built and started.  What is built or downloaded stays in ``.cache/sdk``.

A build happens again when a file of the suite changes.  `Missing` means that the machine lacks the
language, `BuildFailed` that it has it and could not build.
"""

import hashlib
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

HERE: Final = Path(__file__).parent
CACHE: Final = HERE.parents[2] / ".cache" / "sdk"
PROJECT: Final = HERE.parents[2] / "pyproject.toml"
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


def _ossutil(suite: str, hosts_file: Path, entry: str) -> Command:
    del hosts_file, entry
    go = _tool("go", suite)
    program = CACHE / suite / "ossutil"

    def build() -> None:
        _run([go, "build", "-o", str(program), "github.com/aliyun/ossutil"], HERE / suite)

    _build_once(suite, [HERE / suite], build)
    return [sys.executable, str(HERE / "python" / "ossutil_suite.py"), str(program)]


def _node(suite: str, hosts_file: Path, entry: str) -> Command:
    del hosts_file
    node, npm = _tool("node", suite), _tool("npm", suite)
    home = CACHE / "node"

    def build() -> None:
        shutil.copytree(HERE / "node", home, dirs_exist_ok=True)
        _run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], home)

    _build_once("node", [HERE / "node"], build)
    name = "multer" if suite == "node_multer" else entry
    return [node, str(home / f"{name}.mjs")]


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


def _replayed(suite: str, client: Command) -> Command:
    """The cases of python/replayed_suite.py, asked of the program that *client* starts."""
    return [sys.executable, str(HERE / "python" / "replayed_suite.py"), suite, *client]


def _c(suite: str, hosts_file: Path, entry: str) -> Command:
    del hosts_file, entry
    return _replayed(suite, [_compiled(suite, "gcc", "client.c", "-std=gnu11")])


def _cpp(suite: str, hosts_file: Path, entry: str) -> Command:
    del hosts_file, entry
    return _replayed(suite, [_compiled(suite, "g++", "client.cc", "-std=c++17")])


def _compiled(suite: str, compiler: str, source: str, standard: str) -> str:
    compiler = _tool(compiler, suite)
    _headers(compiler, suite, "curl/curl.h", "openssl/hmac.h")
    program = CACHE / suite / "client"
    options = [standard, "-O1", "-Wall", "-Wextra"]

    def build() -> None:
        command = [compiler, *options, source, "-o", str(program), "-lcurl", "-lcrypto"]
        _run(command, HERE / suite)

    _build_once(suite, [HERE / suite], build)
    return str(program)


def _headers(compiler: str, suite: str, *names: str) -> None:
    for name in names:
        asked = [compiler, "-E", "-include", name, "-x", "c", "/dev/null"]
        if subprocess.run(asked, capture_output=True, check=False).returncode:
            raise _missing(suite, f"header <{name}>")


def _csharp(suite: str, hosts_file: Path, entry: str) -> Command:
    del hosts_file, entry
    mono, compiler = _tool("mono", suite), _tool("mcs", suite)
    program = CACHE / suite / "client.exe"

    def build() -> None:
        references = ["-r:System.Xml.dll", "-warnaserror", f"-out:{program}"]
        _run([compiler, *references, "Client.cs"], HERE / suite)

    _build_once(suite, [HERE / suite], build)
    return _replayed(suite, [mono, str(program)])


def _php(suite: str, hosts_file: Path, entry: str) -> Command:
    del hosts_file, entry
    php = _tool("php", suite)
    has = "exit(function_exists('curl_init') && class_exists('SimpleXMLElement') ? 0 : 1);"
    if subprocess.run([php, "-r", has], check=False).returncode:
        raise _missing(suite, "extension curl or simplexml of php")
    return _replayed(suite, [php, str(HERE / suite / "client.php")])


def _ruby(suite: str, hosts_file: Path, entry: str) -> Command:
    del hosts_file, entry
    ruby = _ruby_with(suite, "rest-client", "nokogiri")
    return _replayed(suite, [ruby, str(HERE / suite / "client.rb")])


def _ruby_fog(suite: str, hosts_file: Path, entry: str) -> Command:
    del hosts_file, entry
    return [_ruby_with(suite, "fog/aliyun"), "-W0", str(HERE / suite / "suite.rb")]


def _ruby_with(suite: str, *libraries: str) -> str:
    ruby = _tool("ruby", suite)
    for library in libraries:
        asked = [ruby, "-W0", "-e", f"require '{library}'"]
        if subprocess.run(asked, capture_output=True, check=False).returncode:
            raise _missing(suite, f"{library!r} for ruby")
    return ruby


def _python_package(suite: str, hosts_file: Path, entry: str) -> Command:
    """A package that wants another oss2 than ours: such share an environment of their own."""
    del hosts_file, entry
    home = CACHE / "python_packages"
    python, wanted = home / "venv" / "bin" / "python", home / "wanted.txt"
    home.mkdir(parents=True, exist_ok=True)
    groups = tomllib.loads(PROJECT.read_text())["dependency-groups"]
    wanted.write_text("".join(f"{each}\n" for each in groups["sdk-packages"]))

    def build() -> None:
        _run([sys.executable, "-m", "venv", "--clear", str(home / "venv")], home)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        _run([*pip, "--requirement", str(wanted)], home)

    _build_once("python_packages", [wanted], build)
    name = suite.removeprefix("python_")
    return [str(python), str(HERE / "python" / f"{name}_suite.py")]


_SUITES: Final[dict[str, Callable[[str, Path, str], Command]]] = {
    "c": _c,
    "cpp": _cpp,
    "csharp": _csharp,
    "go_aliyungo": _go,
    "go_v1": _go,
    "go_v2": _go,
    "java": _java,
    "node": _node,
    "node_multer": _node,
    "ossutil": _ossutil,
    "php": _php,
    "ruby": _ruby,
    "ruby_fog": _ruby_fog,
    "python_aiooss2": _python_package,
    "python_django": _python_package,
    "python_opendal": _python_package,
    "python_oss2": _python,
    "python_ossfs": _python_package,
    "python_v2": _python,
}


def _tool(name: str, suite: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise _missing(suite, repr(name))
    return found


def _missing(suite: str, what: str) -> Missing:
    return Missing(f"THE {suite.upper()} CLIENT IS NOT TESTED: there is no {what} on this machine")


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
        files = [folder] if folder.is_file() else folder.rglob("*")
        for file in sorted(path for path in files if path.is_file()):
            digest.update(file.name.encode())
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
