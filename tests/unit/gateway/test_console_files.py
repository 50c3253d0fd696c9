"""The console's files: which paths are answered, and with which headers."""

from pathlib import Path

import pytest
from admin_world import AdminWorld
from gateway_world import code, header

from ossia.gateway import console


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "assets").mkdir()
    (tmp_path / "index.html").write_text("<!doctype html>page")
    (tmp_path / "assets" / "index-1.js").write_text("script")
    (tmp_path / "secret.txt").write_text("not for the web")
    found = console.files.__wrapped__(tmp_path)
    monkeypatch.setattr(console, "files", lambda: found)


@pytest.mark.usefixtures("built")
async def test_page_and_assets() -> None:
    world = AdminWorld()
    page = await world.hand("GET", "/-/console/callbacks", {})
    assert (page.status, page.body) == (200, b"<!doctype html>page")
    assert "script-src 'self'" in str(header(page, "Content-Security-Policy"))
    assert header(page, "Cache-Control") == "no-cache"
    script = await world.hand("GET", "/-/console/assets/index-1.js", {})
    assert (script.status, script.body) == (200, b"script")
    assert "javascript" in str(header(script, "Content-Type"))
    assert "immutable" in str(header(script, "Cache-Control"))
    head = await world.hand("HEAD", "/-/console/callbacks", {})
    assert (head.body, head.content_length()) == (b"", len(page.body))


@pytest.mark.usefixtures("built")
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/-/console", 302),
        ("GET", "/-/console/", 302),
        ("GET", "/-/console/secret.txt", 404),
        ("GET", "/-/console/assets/../secret.txt", 404),
        ("GET", "/-/console/assets/%2e%2e/secret.txt", 404),
        ("GET", "/-/console/index.html", 404),
        ("POST", "/-/console/callbacks", 405),
        ("GET", "/-/consoles/", 405),
    ],
)
async def test_nothing_else(method: str, path: str, status: int) -> None:
    answer = await AdminWorld().hand(method, path, {})
    # What is not ours goes to OSS, where "-" is no bucket.
    expected = {403, 404, 400} if path == "/-/consoles/" else {status}
    assert answer.status in expected, (answer.status, code(answer))
    if status == 302:
        assert header(answer, "Location") == "/-/console/callbacks"


async def test_a_page_that_is_not_built_says_how(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "files", dict)
    answer = await AdminWorld().hand("GET", "/-/console/callbacks", {})
    assert answer.status == 503
    assert b"make web" in answer.body
