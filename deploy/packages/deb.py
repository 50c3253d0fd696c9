"""Build a Debian package: Ossia with everything it needs but Python, a systemd unit, its settings.

usage: make deb, or PYTHONPATH=deploy python -m packages.deb [--to FOLDER] [--uncommitted]

What is built is what is committed.  It runs on the Debian (or Ubuntu) that it was built on: its
Python is the system's.
"""

import gzip
import hashlib
import os
import shutil
import subprocess
import tempfile
from email.utils import formatdate
from pathlib import Path

import release
from packages import asked, installed

DEBIAN = release.ROOT / "deploy" / "debian"
SYSTEMD = release.ROOT / "deploy" / "systemd"
# From where to where, and who may read it.  ossia.env is read by systemd alone.
FILES = (
    (SYSTEMD / "ossia.service", "usr/lib/systemd/system/ossia.service", 0o644),
    (SYSTEMD / "ossia.sysusers", "usr/lib/sysusers.d/ossia.conf", 0o644),
    (SYSTEMD / "ossia.toml", "etc/ossia/ossia.toml", 0o644),
    (SYSTEMD / "ossia.env", "etc/ossia/ossia.env", 0o600),
    (DEBIAN / "copyright", "usr/share/doc/ossia/copyright", 0o644),
    (DEBIAN / "lintian-overrides", "usr/share/lintian/overrides/ossia", 0o644),
)
SCRIPTS = ("postinst", "prerm", "postrm")
_MAINTAINER = "Ossia <ossia@ossia.invalid>"
_LIBRARIES = "libc6 (>= 2.28), libgcc-s1, libstdc++6"
_USERS = "systemd | systemd-standalone-sysusers"
_CONTROL = """\
Package: ossia
Version: {version}
Architecture: {architecture}
Maintainer: {maintainer}
Installed-Size: {size}
Depends: {depends}
Recommends: ca-certificates
Section: net
Priority: optional
Description: object storage that speaks Alibaba Cloud OSS
 Unmodified OSS SDKs, browsers and phones upload straight to it; it calls the
 application server back (upload callback) and hands that server's answer to
 the uploading client. With it come STS and RAM: users, roles, policies and
 temporary credentials.
"""
_CHANGELOG = """\
ossia ({version}) stable; urgency=medium

  * What has changed is in CHANGELOG.md of commit
    {commit}.

 -- {maintainer}  {date}
"""


def maintainer() -> str:
    """Who builds it, as Debian's tools are told."""
    name, address = os.environ.get("DEBFULLNAME"), os.environ.get("DEBEMAIL")
    return f"{name} <{address}>" if name and address else _MAINTAINER


def fill(root: Path, wheel: Path) -> None:
    """Everything that the package puts into a file system."""
    installed.install(wheel, root)
    (root / "usr" / "bin").mkdir()
    (root / "usr" / "bin" / "ossia").symlink_to("../lib/ossia/bin/ossia")
    for source, to, _ in FILES:
        (root / to).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, root / to)
    changelog = _CHANGELOG.format(
        version=release.version_of(wheel),
        commit=release.git("rev-parse", "HEAD").decode().strip(),
        maintainer=maintainer(),
        date=formatdate(installed.committed_at()),
    )
    (root / "usr/share/doc/ossia/changelog.gz").write_bytes(
        gzip.compress(changelog.encode(), mtime=0)
    )
    installed.set_modes(root)
    for _, to, mode in FILES:
        (root / to).chmod(mode)


def describe(root: Path, wheel: Path) -> None:
    """What dpkg is told, below DEBIAN/."""
    files = sorted(each for each in root.rglob("*") if each.is_file() and not each.is_symlink())
    told = root / "DEBIAN"
    told.mkdir()
    (told / "control").write_text(
        _CONTROL.format(
            version=release.version_of(wheel),
            architecture=architecture(),
            maintainer=maintainer(),
            size=sum(-(-each.stat().st_size // 1024) for each in files),
            depends=f"{installed.interpreter().name}, {_LIBRARIES}, {_USERS}",
        )
    )
    settings = [f"/{to}\n" for _, to, _ in FILES if to.startswith("etc/")]
    (told / "conffiles").write_text("".join(settings))
    digests = (f"{_md5(each)}  {each.relative_to(root)}\n" for each in files)
    (told / "md5sums").write_text("".join(digests))
    for each in SCRIPTS:
        shutil.copyfile(DEBIAN / each, told / each)
    installed.set_modes(told)
    for each in SCRIPTS:
        (told / each).chmod(0o755)


def _md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes()).hexdigest()


def architecture() -> str:
    """As Debian calls this machine's."""
    told = subprocess.run(
        ["dpkg", "--print-architecture"], check=True, capture_output=True, text=True
    )
    return told.stdout.strip()


def build(wheel: Path, to: Path) -> Path:
    """The package, in folder *to*."""
    package = to / f"ossia_{release.version_of(wheel)}_{architecture()}.deb"
    with tempfile.TemporaryDirectory() as name:
        root = Path(name) / "root"
        root.mkdir()
        fill(root, wheel)
        describe(root, wheel)
        subprocess.run(
            ["dpkg-deb", "--root-owner-group", "-Zxz", "--build", root, package],
            check=True, stdout=subprocess.DEVNULL,
            env={**os.environ, "SOURCE_DATE_EPOCH": str(installed.committed_at())},
        )  # fmt: skip
    return package


if __name__ == "__main__":
    asked.build(__doc__, build)
