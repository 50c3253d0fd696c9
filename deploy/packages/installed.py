"""What packages have inside: the wheel, installed for the Python of this machine's system.

It is a virtual environment that works wherever it is put.  What comes out depends on the wheel, on
what it brings along and on that Python, not on the folder or the moment.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path, PurePath

import release

PYTHON = Path("/usr/bin/python3")
PLACE = Path("usr/lib/ossia")
"""Below the root of the file system."""

_FOR_COMPILERS = (".c", ".h", ".pyx", ".pxd")
# What pip notes about an installation of its own: where it came from, and what it may remove.
_OF_PIP = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json")
_COMMAND = """\
#!/bin/sh
here=$(dirname "$(readlink -f "$0")")
exec "$here/python3" -I -m ossia "$@"
"""


@dataclass(frozen=True, slots=True)
class Interpreter:
    """The system's Python."""

    program: Path
    version: str
    library: Path

    @property
    def name(self) -> str:
        """As its program and its Debian package are called."""
        return f"python{self.version}"


def interpreter() -> Interpreter:
    """The one that packages are made for.  Ends the program where there is none that will do."""
    asked = "import sys, os; print('%d.%d' % sys.version_info[:2], os.path.dirname(os.__file__))"
    if not PYTHON.exists():
        raise SystemExit(f"packages: there is no {PYTHON}: apt-get install python3")
    version, library = subprocess.run(
        [PYTHON, "-I", "-c", asked], check=True, capture_output=True, text=True
    ).stdout.split()
    if tuple(map(int, version.split("."))) < (3, 11):
        raise SystemExit(f"packages: {PYTHON} is {version}; Ossia needs 3.11 or newer")
    return Interpreter(PYTHON.resolve(), version, Path(library))


def install(wheel: Path, root: Path) -> None:
    """Put *wheel*, and what it needs, into the place of packages below *root*."""
    found = interpreter()
    place = root / PLACE
    subprocess.run(
        [found.program, "-I", "-m", "venv", "--without-pip", "--symlinks", place], check=True
    )
    subprocess.run(
        [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check",
         "--python", place / "bin" / "python3", "install", "--no-compile", wheel],
        check=True,
    )  # fmt: skip
    _make_portable(place, found)
    _prune(place)
    compile_all(root, place / "lib")


def _make_portable(place: Path, found: Interpreter) -> None:
    """Leave nothing that names the folder it was made in."""
    (place / "pyvenv.cfg").write_text(
        f"home = {found.program.parent}\n"
        "include-system-site-packages = false\n"
        f"version = {found.version}\n"
    )
    shutil.rmtree(place / "bin")
    shutil.rmtree(place / "include", ignore_errors=True)
    (place / "lib64").unlink(missing_ok=True)
    (place / "bin").mkdir()
    # Relative: it is the Python of whatever root the package lies in.
    beside = PurePath("..", "..", "..", *found.program.parts[2:])
    (place / "bin" / "python3").symlink_to(beside)
    command = place / "bin" / "ossia"
    command.write_text(_COMMAND)
    command.chmod(0o755)


def _prune(place: Path) -> None:
    # Programs and extensions of SQLite that come with apsw, and nothing loads.
    for each in place.glob("lib/python*/site-packages/apsw/sqlite_extra_binaries"):
        shutil.rmtree(each)
    for each in place.rglob("*"):
        is_of_pip = each.parent.suffix == ".dist-info" and each.name in _OF_PIP
        if each.is_file() and (is_of_pip or each.suffix in _FOR_COMPILERS):
            each.unlink()


def compile_all(root: Path, folder: Path) -> None:
    """Compile what is in *folder*, to lie below / some day: nobody who runs it may write there."""
    subprocess.run(
        [interpreter().program, "-I", "-m", "compileall", "-q", "-s", root, "-p", "/",
         "--invalidation-mode", "unchecked-hash", folder],
        check=True, env={**os.environ, "PYTHONHASHSEED": "0"},
    )  # fmt: skip


def set_modes(root: Path) -> None:
    """Everybody reads, root alone writes, whatever the umask is."""
    for each in (root, *root.rglob("*")):
        if not each.is_symlink():
            each.chmod(0o755 if each.is_dir() or each.stat().st_mode & 0o100 else 0o644)


def committed_at() -> int:
    """The moment that everything in a package says it is from, in seconds."""
    return int(release.git("log", "-1", "--format=%ct"))
