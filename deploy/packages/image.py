"""Build an OCI image without a registry and without Docker: Ossia on the Python of this Debian.

usage: make image, or PYTHONPATH=deploy python -m packages.image [--to FOLDER] [--uncommitted]

Two layers: the system's Python with the libraries that anything in the image loads, and Ossia.
There is no shell and no package manager inside.  What comes out is an archive with an OCI image
layout: podman load, docker load (25 or newer), skopeo copy oci-archive:….  What is built is what is
committed; two builds on one machine are equal to the byte.
"""

import gzip
import hashlib
import json
import platform
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import release
from packages import asked, installed, system

USER = 65532
MOST_BYTES = 120_000_000
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
_COMMAND = "#!/usr/lib/ossia/bin/python3 -I\nfrom ossia.cli import main\n\nmain()\n"
_TYPE = "application/vnd.oci.image"
_LEVEL = 6
"""9 takes four times as long, and saves one byte in a hundred."""


@dataclass(frozen=True, slots=True)
class Blob:
    """Something that the image consists of, and is named by its digest."""

    media_type: str
    content: bytes

    @property
    def digest(self) -> str:
        """As the specification writes it."""
        return f"sha256:{hashlib.sha256(self.content).hexdigest()}"

    @property
    def descriptor(self) -> dict[str, Any]:
        """What refers to it."""
        return {"mediaType": self.media_type, "digest": self.digest, "size": len(self.content)}


def document(kind: str, content: dict[str, Any]) -> Blob:
    """A blob of JSON."""
    return Blob(f"{_TYPE}.{kind}.v1+json", json.dumps(content, sort_keys=True).encode())


def add_ossia(root: Path, wheel: Path) -> None:
    """What the second layer has: the program, and where it may write."""
    installed.install(wheel, root)
    # There is no shell that the script of other packages could run in.
    (root / installed.PLACE / "bin" / "ossia").write_text(_COMMAND)
    (root / "usr" / "bin").mkdir()
    (root / "usr" / "bin" / "ossia").symlink_to("../lib/ossia/bin/ossia")
    (root / "data").mkdir()
    installed.set_modes(root)


def entries(root: Path) -> Iterator[tuple[Path, tarfile.TarInfo]]:
    """What is below *root*, the same whoever has made it and when."""
    for path in sorted(root.rglob("*")):
        entry = tarfile.TarInfo(str(path.relative_to(root)))
        entry.mtime = installed.committed_at()
        entry.mode = path.lstat().st_mode & 0o7777
        if path.is_symlink():
            entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, str(path.readlink()), 0o777
        elif path.is_dir():
            entry.type = tarfile.DIRTYPE
        else:
            entry.size = path.stat().st_size
        if entry.name == "data":
            entry.uid = entry.gid = USER
            entry.mode = 0o700
        yield path, entry


def archive(root: Path) -> bytes:
    """What is below *root*, as a layer is archived."""
    buffer = BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for path, entry in entries(root):
            if entry.isreg():
                with path.open("rb") as content:
                    tar.addfile(entry, content)
            else:
                tar.addfile(entry)
    return buffer.getvalue()


def configuration(version: str, layers: list[bytes]) -> dict[str, Any]:
    """How it is run."""
    commit = release.git("rev-parse", "HEAD").decode().strip()
    created = datetime.fromtimestamp(installed.committed_at(), UTC).isoformat()
    return {
        "created": created,
        "architecture": _ARCHITECTURES[platform.machine()],
        "os": "linux",
        "config": {
            "User": f"{USER}:{USER}",
            "ExposedPorts": {"9000/tcp": {}},
            "Env": ["PATH=/usr/bin", "OSSIA_DATA=/data", "OSSIA_LISTEN=0.0.0.0:9000"],
            "Entrypoint": ["/usr/bin/ossia"],
            "Cmd": ["serve"],
            "Volumes": {"/data": {}},
            "WorkingDir": "/data",
            "StopSignal": "SIGTERM",
            "Labels": {
                "org.opencontainers.image.title": "ossia",
                "org.opencontainers.image.description": "Object storage that speaks OSS",
                "org.opencontainers.image.licenses": "Apache-2.0",
                "org.opencontainers.image.version": version,
                "org.opencontainers.image.revision": commit,
                "org.opencontainers.image.created": created,
            },
        },
        "rootfs": {
            "type": "layers",
            "diff_ids": [f"sha256:{hashlib.sha256(each).hexdigest()}" for each in layers],
        },
        "history": [
            {"created": created, "created_by": "the Python of Debian"},
            {"created": created, "created_by": f"ossia {version}"},
        ],
    }


def pack(version: str, layers: list[bytes], to: Path) -> None:
    """Write the layout as an archive."""
    zipped = [
        Blob(f"{_TYPE}.layer.v1.tar+gzip", gzip.compress(each, _LEVEL, mtime=0)) for each in layers
    ]
    config = document("config", configuration(version, layers))
    manifest = document("manifest", {
        "schemaVersion": 2,
        "mediaType": f"{_TYPE}.manifest.v1+json",
        "config": config.descriptor,
        "layers": [each.descriptor for each in zipped],
    })  # fmt: skip
    named = {"org.opencontainers.image.ref.name": f"ossia:{version}"}
    index = {
        "schemaVersion": 2,
        "mediaType": f"{_TYPE}.index.v1+json",
        "manifests": [{**manifest.descriptor, "annotations": named}],
    }
    files = {
        "oci-layout": b'{"imageLayoutVersion": "1.0.0"}',
        "index.json": json.dumps(index).encode(),
    }
    for blob in (config, manifest, *zipped):
        files[f"blobs/sha256/{blob.digest.partition(':')[2]}"] = blob.content
    with tarfile.open(to, "w", format=tarfile.PAX_FORMAT) as tar:
        for name, content in sorted(files.items()):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime = len(content), installed.committed_at()
            tar.addfile(entry, BytesIO(content))
    if to.stat().st_size > MOST_BYTES:
        raise SystemExit(f"image: {to} has {to.stat().st_size} bytes, more than {MOST_BYTES}")


def build(wheel: Path, to: Path) -> Path:
    """The image, in folder *to*."""
    version = release.version_of(wheel)
    image = to / f"ossia-{version}-oci-{_ARCHITECTURES[platform.machine()]}.tar"
    with tempfile.TemporaryDirectory() as name:
        base, ossia = Path(name) / "base", Path(name) / "ossia"
        base.mkdir()
        ossia.mkdir()
        add_ossia(ossia, wheel)
        system.fill(base, loaded_by=ossia)
        pack(version, [archive(base), archive(ossia)], image)
    return image


if __name__ == "__main__":
    asked.build(__doc__, build)
