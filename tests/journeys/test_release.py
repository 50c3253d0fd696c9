"""What is released: built twice it is the same, and it runs where there is nothing but Python."""

import hashlib
import json
import os
import subprocess
import venv
import zipfile
from pathlib import Path

import pytest
from test_upload_page import Page, picture

import release
from browsing import needs_browser, running_browser
from ossia import __version__
from running import running_demo

pytestmark = pytest.mark.slow
WHEEL = f"ossia-{__version__}-py3-none-any.whl"
SDIST = f"ossia-{__version__}.tar.gz"


def built(folder: Path) -> Path:
    """A release of the last commit, from a copy of its own."""
    release.copy_source(folder / "source")
    release.build(folder / "source", folder / "dist")
    return folder / "dist"


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("release"))


@pytest.fixture(scope="module")
def installed(dist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment that was empty before the wheel came."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, with_pip=True)
    pip = [folder / "bin" / "python", "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "install", dist / WHEEL], check=True)
    return folder / "bin"


def digests(folder: Path) -> dict[str, str]:
    return {each.name: hashlib.sha256(each.read_bytes()).hexdigest() for each in folder.iterdir()}


def test_two_builds_of_a_commit_are_equal(
    dist: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Shanghai")
    before = os.umask(0o077)
    try:
        again = built(tmp_path)
    finally:
        os.umask(before)
    assert set(digests(dist)) == {WHEEL, SDIST}
    assert digests(again) == digests(dist)


def test_a_wheel_without_pages_is_no_release(dist: Path, tmp_path: Path) -> None:
    bare = tmp_path / WHEEL
    with zipfile.ZipFile(dist / WHEEL) as whole, zipfile.ZipFile(bare, "w") as less:
        for name in whole.namelist():
            if "gateway/static" not in name:
                less.writestr(name, whole.read(name))
    with pytest.raises(SystemExit, match="gateway/static"):
        release.check_pages(bare)


def test_what_it_brings_along_is_listed(dist: Path, tmp_path: Path) -> None:
    listed = json.loads(release.list_parts(dist / WHEEL, tmp_path).read_text())
    assert listed["bomFormat"] == "CycloneDX"
    named = {each["name"]: each["version"] for each in listed["components"]}
    assert named.keys() >= {"aiohttp", "apsw", "asyncpg", "cryptography", "obstore", "uvloop"}
    assert not named.keys() & {"pytest", "oss2", "ruff"}


def test_every_command_is_there(installed: Path, tmp_path: Path) -> None:
    def ossia(*arguments: str) -> str:
        # Nothing else is to be found: no Node, no git, no make.
        return subprocess.run(
            [installed / "ossia", *arguments], check=True, capture_output=True, text=True,
            cwd=tmp_path, env={"PATH": str(installed)},
        ).stdout  # fmt: skip

    assert __version__ in ossia("version")
    for line in ossia("--help").partition("Commands:")[2].splitlines():
        if line.strip():
            assert "Usage:" in ossia(line.split()[0], "--help")


@needs_browser
def test_the_main_job_in_a_browser(installed: Path, tmp_path: Path) -> None:
    """README, "Try it": choose a file, see what the application answered."""
    photo = tmp_path / "sea.png"
    picture(48, 32).save(photo)
    nothing_else = {"PATH": str(installed), "HOME": str(tmp_path), "PYTHONPATH": ""}
    with (
        running_demo(
            tmp_path / "up", environment=nothing_else, python=str(installed / "python")
        ) as demo,
        running_browser(tmp_path / "chromium", 1000, 1100) as browser,
    ):
        page = Page(browser)
        page.open(demo.page)
        page.choose(photo)
        assert page.answer()["Status"] == "OK"
        page.browser.get(demo.server.console_url)
        page.until(lambda: "Ossia" in page.browser.title)
