"""Build what is released: an sdist and a wheel with the pages inside, and a list of what they need.

usage: python deploy/release.py [--to FOLDER] [--uncommitted]

What is built is what is committed, and the pages as `make web` made them.  Two builds of a commit
are equal to the byte.  The list (SBOM, CycloneDX) is made of an environment into which the wheel
was installed just now: it names the versions that somebody gets who installs it today.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import venv
import zipfile
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("src/ossia/appserver/static", "src/ossia/gateway/static")


def git(*arguments: str) -> bytes:
    """What git says about the repository."""
    return subprocess.run(["git", "-C", ROOT, *arguments], check=True, capture_output=True).stdout


def copy_source(to: Path, commit: str = "HEAD") -> None:
    """What is in *commit*, and the pages."""
    with tarfile.open(fileobj=BytesIO(git("archive", "--format=tar", commit))) as archive:
        archive.extractall(to, filter="data")
    for each in PAGES:
        if not (ROOT / each / "index.html").exists():
            raise SystemExit(f"release: {each} is missing: make web")
        shutil.copytree(ROOT / each, to / each)


def build(source: Path, to: Path) -> list[Path]:
    """The sdist of *source*, and the wheel that is made of it."""
    written_at = git("log", "-1", "--format=%ct").decode().strip()
    subprocess.run(
        [sys.executable, "-m", "build", "--outdir", to, source],
        check=True, env={**os.environ, "SOURCE_DATE_EPOCH": written_at}, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    built = [*to.glob("ossia-*.tar.gz"), *to.glob("ossia-*.whl")]
    for each in built:
        check_pages(each)
    return built


def check_pages(built: Path) -> None:
    """Refuse what came out without its pages."""
    if built.suffix == ".whl":
        with zipfile.ZipFile(built) as wheel:
            names = wheel.namelist()
    else:
        with tarfile.open(built) as sdist:
            names = sdist.getnames()
    for page in PAGES:
        wanted = f"{page.removeprefix('src/')}/index.html"
        if not any(name.endswith(wanted) for name in names):
            raise SystemExit(f"release: {built.name} has no {wanted}")


def list_parts(wheel: Path, to: Path) -> Path:
    """Everything that comes with *wheel* when it is installed now, as CycloneDX tells it."""
    parts = to / f"{wheel.name.partition('-py3')[0]}.cdx.json"
    with tempfile.TemporaryDirectory() as name:
        venv.create(name, with_pip=True)
        python = Path(name) / "bin" / "python"
        pip: list[str | Path] = [python, "-m", "pip", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "install", wheel], check=True)
        # It is no part of what runs.
        subprocess.run([*pip, "uninstall", "--yes", "setuptools"], check=True, capture_output=True)
        subprocess.run(
            [sys.executable, "-m", "cyclonedx_py", "environment", "--output-reproducible",
             "--pyproject", ROOT / "pyproject.toml", "--mc-type", "application",
             "--output-file", parts, python],
            check=True,
        )  # fmt: skip
    return parts


def wheel_of(built: Iterable[Path]) -> Path:
    """The wheel among what was built."""
    return next(each for each in built if each.suffix == ".whl")


def version_of(wheel: Path) -> str:
    """As its name says."""
    return wheel.name.split("-")[1]


def options(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """What whoever builds something asks for; the folder is there, and everything committed."""
    parser.add_argument("--to", type=Path, default=ROOT / "dist", metavar="FOLDER")
    parser.add_argument(
        "--uncommitted", action="store_true", help="go on though not all that is here is committed"
    )
    chosen = parser.parse_args()
    if git("status", "--porcelain") and not chosen.uncommitted:
        raise SystemExit("release: not everything is committed (--uncommitted: build without it)")
    chosen.to.mkdir(parents=True, exist_ok=True)
    return chosen


def tell(built: Iterable[Path], folder: Path) -> None:
    """Print the digest of each."""
    for each in built:
        digest = hashlib.sha256(each.read_bytes()).hexdigest()
        print(f"{digest}  {each.relative_to(folder)}")  # noqa: T201 - what it is run for


def main() -> None:
    """Build into a folder, and tell the digests."""
    chosen = options(argparse.ArgumentParser(description=__doc__))
    with tempfile.TemporaryDirectory() as name:
        copy_source(Path(name))
        built = build(Path(name), chosen.to)
    tell((*built, list_parts(wheel_of(built), chosen.to)), chosen.to)


if __name__ == "__main__":
    main()
