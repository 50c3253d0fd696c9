"""The part of this machine's Debian that an image needs: Python, libraries, certificates.

Which libraries are needed is not guessed: the loader is asked (`ldd`) about everything that lies
in the image.  Each file's package is noted where scanners look for it, with its licence.
"""

import re
import shutil
import subprocess
from pathlib import Path

from packages import installed

_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
# Of the standard library: what no server asks for.
_LEFT_OUT = (
    "__pycache__", "test", "tests", "idlelib", "tkinter", "turtledemo", "lib2to3", "ensurepip",
    "pydoc_data", "config-*", "distutils", "_tkinter.*", "EXTERNALLY-MANAGED",
)  # fmt: skip
_MERGED = ("bin", "lib", "lib64", "sbin")
_TEXTS = {
    "etc/passwd": "root:x:0:0:root:/:/nologin\nossia:x:65532:65532:Ossia:/data:/nologin\n",
    "etc/group": "root:x:0:\nossia:x:65532:\n",
    "etc/nsswitch.conf": "hosts: files dns\n",
}


def fill(root: Path, *, loaded_by: Path) -> None:
    """Everything but Ossia; the libraries that programs below *loaded_by* load too."""
    _make_folders(root)
    found = installed.interpreter()
    sources = [found.program, found.library, _CERTIFICATES]
    shutil.copy2(found.program, root / "usr" / "bin" / found.name)
    library = root / found.library.relative_to("/")
    # What links out of it (sitecustomize.py) is the machine's.
    shutil.copytree(
        found.library, library, ignore=shutil.ignore_patterns(*_LEFT_OUT, "sitecustomize.py")
    )
    installed.compile_all(root, library)
    for name, text in _TEXTS.items():
        (root / name).write_text(text)
    if not _CERTIFICATES.exists():
        raise SystemExit(f"image: there is no {_CERTIFICATES}: apt-get install ca-certificates")
    shutil.copyfile(_CERTIFICATES, root / _CERTIFICATES.relative_to("/"))
    libraries = needed(root) | needed(loaded_by)
    for each in sorted(libraries):
        to = root / "usr" / each.relative_to("/").as_posix().removeprefix("usr/")
        to.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(each.resolve(), to)
        sources.append(each.resolve())
    for package in sorted(packages_of(sources)):
        _note(package, root)
    installed.set_modes(root)
    (root / "tmp").chmod(0o1777)


def _make_folders(root: Path) -> None:
    for each in ("usr/bin", "etc/ssl/certs", "tmp", "usr/lib/ssl", "var/lib/dpkg/status.d"):
        (root / each).mkdir(parents=True)
    for each in _MERGED:
        (root / "usr" / each).mkdir(exist_ok=True)
        (root / each).symlink_to(f"usr/{each}")
    # Where OpenSSL looks.
    (root / "usr" / "lib" / "ssl" / "cert.pem").symlink_to(_CERTIFICATES)
    (root / "usr" / "lib" / "ssl" / "certs").symlink_to(_CERTIFICATES.parent)


def needed(folder: Path) -> set[Path]:
    """Libraries of the machine that programs and libraries below *folder* load."""
    found: set[Path] = set()
    for each in folder.rglob("*"):
        if each.is_file() and not each.is_symlink() and is_elf(each):
            told = subprocess.run(["ldd", each], capture_output=True, text=True, check=False).stdout
            if "not found" in told:
                raise SystemExit(f"image: {each.name} needs what is not here:\n{told}")
            names = re.findall(r"(?:=> |^\s)(/\S+) \(", told, re.MULTILINE)
            # Some bring theirs along, in a folder beside them.
            found |= {Path(name) for name in names if not name.startswith(str(folder))}
    return found


def is_elf(path: Path) -> bool:
    """Whether the loader reads it."""
    with path.open("rb") as content:
        return content.read(4) == b"\x7fELF"


def packages_of(files: list[Path]) -> set[str]:
    """The Debian packages that *files* are of."""
    told = subprocess.run(
        # Where / is merged with /usr, dpkg may know either name.
        ["dpkg", "-S", *{*map(str, files), *(str(each).removeprefix("/usr") for each in files)}],
        capture_output=True, text=True, check=False,
    ).stdout  # fmt: skip
    found = {line.rpartition(": ")[0] for line in told.splitlines()}
    return {name.strip().partition(":")[0] for names in found for name in names.split(",")}


def _note(package: str, root: Path) -> None:
    told = subprocess.run(
        ["dpkg-query", "--status", package], check=True, capture_output=True, text=True
    )
    (root / "var/lib/dpkg/status.d" / package).write_text(told.stdout)
    licence = Path("/usr/share/doc") / package / "copyright"
    if licence.exists():
        to = root / licence.relative_to("/")
        to.parent.mkdir(parents=True)
        shutil.copyfile(licence, to)
