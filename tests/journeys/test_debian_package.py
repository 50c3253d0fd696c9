"""The Debian package: what is in it, and that what it unpacks runs as the unit says."""

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ossia import __version__
from packages import deb, installed, system
from packed import committed_wheel, goes_through_the_main_job, own_folder, plain_user, running

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("dpkg-deb") is None or not installed.PYTHON.exists(),
        reason="this is no Debian",
    ),
]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("deb")
    with pytest.MonkeyPatch.context() as patched:
        # A released one is packed for a minute, and no other for it.
        patched.setenv("DPKG_DEB_COMPRESSOR_LEVEL", "1")
        return deb.build(committed_wheel(folder), folder)


@pytest.fixture(scope="module")
def root(package: Path) -> Iterator[Path]:
    """What it unpacks to, where anybody may look, with the system's Python in its place."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        subprocess.run(["dpkg-deb", "--extract", package, folder / "root"], check=True)
        python = installed.interpreter().program
        (folder / "root" / python.relative_to("/")).symlink_to(python)
        yield folder / "root"


def field(package: Path, name: str) -> str:
    return subprocess.run(
        ["dpkg-deb", "--field", package, name], check=True, capture_output=True, text=True
    ).stdout.strip()


def contents(package: Path) -> dict[str, list[str]]:
    """Mode and owner of each name."""
    listed = subprocess.run(
        ["dpkg-deb", "--contents", package], check=True, capture_output=True, text=True
    ).stdout
    return {line.split()[5]: line.split()[:2] for line in listed.splitlines()}


def test_it_says_what_it_is(package: Path) -> None:
    assert field(package, "Package") == "ossia"
    assert field(package, "Version") == __version__
    assert field(package, "Architecture") == deb.architecture()


def test_settings_survive_an_upgrade_and_secrets_are_root_s(package: Path) -> None:
    told = subprocess.run(
        ["dpkg-deb", "--info", package, "conffiles"], check=True, capture_output=True, text=True
    ).stdout
    assert told.split() == ["/etc/ossia/ossia.toml", "/etc/ossia/ossia.env"]
    listed = contents(package)
    assert listed["./etc/ossia/ossia.env"] == ["-rw-------", "root/root"]
    assert {owner for _, owner in listed.values()} == {"root/root"}
    assert not [name for name, (mode, _) in listed.items() if mode[0] != "l" and "w" in mode[4:]]


def test_it_depends_on_what_is_loaded(package: Path, root: Path) -> None:
    named = field(package, "Depends").replace("|", ",").split(",")
    depends = {each.split()[0] for each in named}
    assert system.packages_of(list(system.needed(root / installed.PLACE))) <= depends
    assert installed.interpreter().name in depends


def test_nothing_names_the_folder_it_was_made_in(root: Path) -> None:
    made_in = tempfile.gettempdir().encode()
    for each in (root / installed.PLACE / "bin", root / installed.PLACE / "pyvenv.cfg"):
        for file in [each] if each.is_file() else each.iterdir():
            assert made_in not in file.read_bytes()[:4096] or file.is_symlink()
    compiled = list((root / installed.PLACE).rglob("ossia/__pycache__/*.pyc"))
    assert compiled
    assert not [each for each in compiled if made_in in each.read_bytes()]


def test_scripts_are_shell(package: Path, tmp_path: Path) -> None:
    subprocess.run(["dpkg-deb", "--control", package, tmp_path / "control"], check=True)
    for each in deb.SCRIPTS:
        subprocess.run(["sh", "-n", tmp_path / "control" / each], check=True)


def test_purging_keeps_what_was_stored(tmp_path: Path) -> None:
    script = (deb.DEBIAN / "postrm").read_text()
    assert "/var/lib/ossia" in script
    stored = tmp_path / "stored"
    stored.mkdir()
    (stored / "object").write_text("object")
    told = subprocess.run(
        ["sh", "-c", script.replace("/var/lib/ossia", str(stored)), "postrm", "purge"],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    assert f"rm -r {stored}" in told
    assert (stored / "object").exists()


@pytest.mark.skipif(shutil.which("lintian") is None, reason="no lintian: make package-tools")
def test_lintian_has_nothing_to_say(package: Path) -> None:
    judged = subprocess.run(
        ["lintian", "--no-cfg", "--allow-root", "--fail-on", "error,warning", package],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (judged.returncode, judged.stdout) == (0, "")


def test_the_unit_s_command_serves_under_a_plain_user(root: Path, tmp_path: Path) -> None:
    unit = (root / "usr/lib/systemd/system/ossia.service").read_text()
    command = unit.partition("ExecStart=")[2].partition("\n")[0]
    # The root of the package in the place of the machine's.
    here = [f"{root}{word}" if word.startswith("/") else word for word in command.split()]
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        data = own_folder(Path(name) / "data")
        environment = {
            "PATH": "/usr/bin:/bin",
            "OSSIA_DATA": str(data),
            "OSSIA_LISTEN": "127.0.0.1:0",
        }
        version = subprocess.run(
            [*plain_user(), here[0], "version"], check=True, capture_output=True, text=True,
            cwd=data, env=environment,
        )  # fmt: skip
        assert version.stdout == f"ossia {__version__}\n"
        with running([*plain_user(), *here], environment, data) as client:
            goes_through_the_main_job(client)
