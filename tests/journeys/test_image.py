"""The OCI image: what the specification asks of it, and a server in it that writes to /data alone."""

import gzip
import hashlib
import io
import json
import os
import platform
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ossia import __version__
from ossia.settings import rows
from packages import image, installed
from packed import committed_wheel, goes_through_the_main_job, own_folder, running

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("dpkg") is None or not installed.PYTHON.exists(), reason="this is no Debian"
    ),
]
# Inside: the root read-only, /data a volume, /proc and /dev as runtimes have them; nothing else.
_INSIDE = """\
set -e
root=$1 data=$2 user=$3; shift 3
mount --bind "$root" "$root"
mount -t tmpfs tmpfs "$root/tmp"
mount --rbind /proc "$root/proc"
mount --rbind /dev "$root/dev"
mount --bind "$data" "$root/data"
mount -o remount,bind,ro "$root"
cd "$root"
exec chroot --userspec="$user" "$root" "$@"
"""


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("image")
    return image.build(committed_wheel(folder), folder)


@pytest.fixture(scope="module")
def layout(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as tar:
        return {each.name: tar.extractfile(each).read() for each in tar if each.isfile()}  # type: ignore[union-attr]  # it is a file


def content(layout: dict[str, bytes], descriptor: dict[str, Any]) -> bytes:
    """What a descriptor refers to, which is what it says."""
    blob = layout[f"blobs/{descriptor['digest'].replace(':', '/')}"]
    assert len(blob) == descriptor["size"]
    assert f"sha256:{hashlib.sha256(blob).hexdigest()}" == descriptor["digest"]
    return blob


@pytest.fixture(scope="module")
def manifest(layout: dict[str, bytes]) -> dict[str, Any]:
    assert json.loads(layout["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    index = json.loads(layout["index.json"])
    assert index["schemaVersion"] == 2
    (only,) = index["manifests"]
    assert only["mediaType"] == "application/vnd.oci.image.manifest.v1+json"
    assert only["annotations"]["org.opencontainers.image.ref.name"] == f"ossia:{__version__}"
    read: dict[str, Any] = json.loads(content(layout, only))
    assert (read["schemaVersion"], read["mediaType"]) == (2, only["mediaType"])
    return read


@pytest.fixture(scope="module")
def config(layout: dict[str, bytes], manifest: dict[str, Any]) -> dict[str, Any]:
    assert manifest["config"]["mediaType"] == "application/vnd.oci.image.config.v1+json"
    read: dict[str, Any] = json.loads(content(layout, manifest["config"]))
    return read


@pytest.fixture(scope="module")
def root(layout: dict[str, bytes], manifest: dict[str, Any]) -> Iterator[Path]:
    """The layers over each other, where anybody may look."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        folder = Path(name) / "root"
        for each in manifest["layers"]:
            assert each["mediaType"] == "application/vnd.oci.image.layer.v1.tar+gzip"
            with tarfile.open(fileobj=io.BytesIO(content(layout, each))) as tar:
                tar.extractall(folder, filter="tar")
        folder.chmod(0o755)
        for mounted in ("proc", "dev"):
            (folder / mounted).mkdir()
        yield folder


def test_every_digest_is_true(
    layout: dict[str, bytes], manifest: dict[str, Any], config: dict[str, Any]
) -> None:
    layers = [gzip.decompress(content(layout, each)) for each in manifest["layers"]]
    assert config["rootfs"]["diff_ids"] == [
        f"sha256:{hashlib.sha256(each).hexdigest()}" for each in layers
    ]
    assert len(layout) == 2 + 2 + len(layers), "a blob that nobody refers to"
    assert len(config["history"]) == len(layers)


def test_it_is_small(archive: Path) -> None:
    assert archive.stat().st_size < 120_000_000


def test_it_runs_as_nobody_special(config: dict[str, Any]) -> None:
    assert (config["os"], config["architecture"]) in {("linux", "amd64"), ("linux", "arm64")}
    assert platform.machine() in {"x86_64", "aarch64"}
    told = config["config"]
    assert told["User"] == "65532:65532"
    assert told["Volumes"] == {"/data": {}}
    assert told["ExposedPorts"] == {"9000/tcp": {}}
    known = {row.variable for row in rows()} | {"PATH"}
    assert {each.partition("=")[0] for each in told["Env"]} <= known


def test_nobody_owns_anything_but_root(layout: dict[str, bytes], manifest: dict[str, Any]) -> None:
    for each in manifest["layers"]:
        with tarfile.open(fileobj=io.BytesIO(content(layout, each))) as tar:
            for entry in tar:
                if entry.name == "data":
                    assert (entry.uid, entry.gid, entry.mode) == (65532, 65532, 0o700)
                else:
                    assert (entry.uid, entry.gid) == (0, 0)
                    assert entry.name == "tmp" or entry.issym() or not entry.mode & 0o6022


def test_there_is_no_shell(root: Path) -> None:
    assert {each.name for each in (root / "usr/bin").iterdir()} == {
        "ossia",
        installed.interpreter().name,
    }


def test_scanners_find_what_is_inside(root: Path) -> None:
    noted = {each.name for each in (root / "var/lib/dpkg/status.d").iterdir()}
    assert noted >= {"libc6", "libssl3", "zlib1g"}
    for each in noted:
        assert (root / "usr/share/doc" / each / "copyright").exists()


@pytest.mark.skipif(shutil.which("skopeo") is None, reason="no skopeo: make package-tools")
def test_another_tool_reads_it(archive: Path, tmp_path: Path) -> None:
    """It compares every digest while it copies."""
    subprocess.run(
        ["skopeo", "--insecure-policy", "copy", "--quiet", f"oci-archive:{archive}",
         f"dir:{tmp_path / 'copied'}"],
        check=True,
    )  # fmt: skip
    assert (tmp_path / "copied" / "manifest.json").exists()


def test_it_serves_with_a_root_that_is_read_only(root: Path, config: dict[str, Any]) -> None:
    told = config["config"]
    isolated = ["unshare", "--mount", "--propagation", "private"]
    user = told["User"]
    if os.getuid():
        isolated, user = [*isolated, "--map-root-user"], "0:0"
    permitted = subprocess.run([*isolated, "true"], capture_output=True, check=False)
    if permitted.returncode:
        pytest.skip(f"no mount namespaces here: {permitted.stderr.decode()}")
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        data = own_folder(Path(name) / "data")
        command = [*isolated, "sh", "-c", _INSIDE, "sh", str(root), str(data), user]
        environment = dict(each.split("=", 1) for each in told["Env"])
        assert environment["OSSIA_LISTEN"] == "0.0.0.0:9000"
        environment |= {"OSSIA_LISTEN": "127.0.0.1:0", "PATH": "/usr/bin:/bin:/usr/sbin:/sbin"}
        probe = "open('/usr/lib/ossia/written', 'w')"
        refused = subprocess.run(
            [*command, "/usr/lib/ossia/bin/python3", "-c", probe],
            capture_output=True, text=True, check=False, env=environment,
        )  # fmt: skip
        assert "Read-only file system" in refused.stderr
        with running([*command, *told["Entrypoint"], *told["Cmd"]], environment, data) as client:
            goes_through_the_main_job(client)


def test_two_layers_of_the_same_are_equal(root: Path, tmp_path: Path) -> None:
    """Whatever the times and the order in which files were made."""
    for name, umask in (("one", 0o022), ("other", 0o077)):
        before = os.umask(umask)
        try:
            shutil.copytree(
                root / "usr/lib/ossia", tmp_path / name, symlinks=True, copy_function=shutil.copy
            )
            installed.set_modes(tmp_path / name)
        finally:
            os.umask(before)
    assert image.archive(tmp_path / "one") == image.archive(tmp_path / "other")
