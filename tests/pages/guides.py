"""What the guides take for granted: a person in front of a browser."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from following import Reader
from PIL import Image
from reading import ROOT
from showing import shows

from browsing import Viewer, has_browser, running_browser


@contextmanager
def a_browser(reader: Reader) -> Iterator[None]:
    """Somebody who uploads a photo where the page says so, and reads what is written below *Upload*."""
    if not has_browser():
        pytest.skip(f"{reader.page.name} IS NOT FOLLOWED: there is no chromium here")
    reader.read(until="Upload")
    photo = reader.folder.with_name("sea.jpg")
    Image.new("RGB", (40, 30), "teal").save(photo)
    (shown,) = (fence.text for fence in reader.page.fences if fence.heading == "Upload")
    with running_browser(reader.folder.with_name("chromium"), 900, 700) as browser:
        viewer = Viewer(browser)
        browser.get(reader.here("http://127.0.0.1:8000/"))
        viewer.one("#photo").send_keys(str(photo))
        viewer.one("#upload").click()
        answer = reader.there(viewer.until(lambda: viewer.text("#answer")))
        assert shows(shown.replace("…", str(photo.stat().st_size)), answer), answer
        assert [each for each in viewer.errors() if "favicon.ico" not in each] == []
    yield


@contextmanager
def node(reader: Reader) -> Iterator[None]:
    """The same, with Node; what npm fetches is kept for the next time."""
    if shutil.which("npm") is None:
        pytest.skip(f"{reader.page.name} IS NOT FOLLOWED: there is no npm here")
    reader.type(f"export npm_config_cache={ROOT}/.cache/npm npm_config_prefer_offline=true")
    with a_browser(reader):
        yield


@contextmanager
def maven(reader: Reader) -> Iterator[None]:
    """The same, with Java.  Maven keeps what it fetches in the folder of whoever runs the tests."""
    if shutil.which("mvn") is None or shutil.which("javac") is None:
        pytest.skip(f"{reader.page.name} IS NOT FOLLOWED: there is no Maven or no JDK here")
    with a_browser(reader):
        yield


@contextmanager
def go(reader: Reader) -> Iterator[None]:
    """Nothing but Go, with what it has fetched before."""
    found = shutil.which("go")
    if found is None:
        pytest.skip(f"{reader.page.name} IS NOT FOLLOWED: there is no Go here")
    for name in ("GOMODCACHE", "GOCACHE"):
        kept = subprocess.run([found, "env", name], capture_output=True, text=True, check=True)
        reader.type(f"export {name}={kept.stdout.strip()}")
    yield


@contextmanager
def terraform(reader: Reader) -> Iterator[None]:
    """As it is without anything of this machine's."""
    if shutil.which("terraform") is None:
        pytest.skip(f"{reader.page.name} IS NOT FOLLOWED: there is no terraform here")
    reader.type("unset TF_CLI_CONFIG_FILE")
    yield
