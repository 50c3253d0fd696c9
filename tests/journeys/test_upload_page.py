"""The upload page in a real browser.

Needs chromium and chromedriver; where they are missing the tests are skipped with the reason.
"""

import base64
import json
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from browsing import Viewer, needs_browser, running_browser
from running import Demo, running_demo

pytestmark = [
    pytest.mark.slow,
    needs_browser,
]


class Page(Viewer):
    """The page as a person sees it."""

    def open(self, url: str) -> None:
        self.browser.get(url)
        self.until(lambda: self.text("#target").startswith("Straight to "))

    def choose(self, *files: Path) -> None:
        self.one("#files").send_keys("\n".join(str(file) for file in files))

    def drop(self, file: Path, media_type: str) -> None:
        """Drop a file as a person does, which WebDriver has no command for."""
        self.browser.execute_script(
            """
            const [name, type, base64] = arguments;
            const bytes = Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));
            const dataTransfer = new DataTransfer();
            dataTransfer.items.add(new File([bytes], name, { type }));
            const drop = document.getElementById("drop");
            for (const kind of ["dragover", "drop"]) {
              drop.dispatchEvent(
                new DragEvent(kind, { dataTransfer, bubbles: true, cancelable: true }),
              );
            }
            """,
            file.name,
            media_type,
            base64.b64encode(file.read_bytes()).decode(),
        )

    def open_settings(self) -> None:
        self.one(".settings summary").click()
        self.until(lambda: self.one("#folder").is_displayed())

    def pick(self, name: str, value: str) -> None:
        self.one(f'input[name="{name}"][value="{value}"]').click()

    def item(self, *states: str) -> WebElement:
        """The newest item, once it has one of *states*."""

        def newest() -> WebElement | None:
            found = self.all("#queue .item")
            return found[0] if found and found[0].get_attribute("data-state") in states else None

        found: WebElement = self.until(newest)
        return found

    def answer(self) -> Any:
        """The application server's answer that the newest item shows."""
        return json.loads(self.item("done").find_element(By.CSS_SELECTOR, ".answer").text)


def number(element: WebElement, name: str) -> float:
    return float(str(element.get_property(name) or 0))


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    with running_browser(tmp_path_factory.mktemp("chromium"), 1000, 1100) as running:
        yield running


@pytest.fixture
def page(browser: webdriver.Chrome, demo: Demo) -> Page:
    found = Page(browser)
    found.open(demo.page)
    found.errors()
    return found


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A photo that nobody else uploads."""
    path = tmp_path / "sea view.png"
    picture(480, 320).save(path)
    return path


def picture(width: int, height: int) -> Image.Image:
    gradient = Image.linear_gradient("L").resize((width, height))
    return Image.merge(
        "RGB", (gradient.rotate(180), gradient, Image.new("L", (width, height), 190))
    )


@pytest.mark.parametrize("version", ["v1", "v4"])
def test_photo_is_uploaded_and_the_answer_shown(
    page: Page, demo: Demo, photo: Path, version: str
) -> None:
    page.open_settings()
    page.pick("version", version)
    page.type("#folder", f"album/{version}")
    page.choose(photo)
    answer = page.answer()
    key = f"user-dir/album/{version}/sea view.png"
    assert answer["Status"] == "OK"
    assert (answer["bucket"], answer["object"]) == (demo.bucket, key)
    assert (answer["width"], answer["height"]) == (480, 320)
    assert answer["size"] == photo.stat().st_size
    assert answer["vars"] == {"x:name": "sea view.png"}
    item = page.item("done")
    assert item.find_element(By.CSS_SELECTOR, ".key").text == key
    thumbnail = item.find_element(By.CSS_SELECTOR, "img.thumb")
    assert page.until(lambda: number(thumbnail, "naturalWidth")) == 480
    assert page.one("#live").get_property("textContent") == "sea view.png is uploaded."
    page.until(lambda: page.all("#recent li") and key in page.text("#recent li"))
    assert page.errors() == []


def test_dropped_file_gets_a_random_name(page: Page, photo: Path) -> None:
    page.open_settings()
    page.pick("mode", "random_name")
    page.drop(photo, "image/png")
    name = page.answer()["object"]
    assert name.startswith("user-dir/")
    assert name.endswith(".png")
    stem = name.removeprefix("user-dir/").removesuffix(".png")
    assert len(stem) == 10
    assert set(stem) <= set("ABCDEFGHJKMNPQRSTWXYZabcdefhijkmnprstwxyz2345678")
    assert page.errors() == []


def test_several_files_at_once(page: Page, tmp_path: Path) -> None:
    files = [tmp_path / f"{number}.zip" for number in range(5)]
    for file in files:
        file.write_bytes(b"PK\5\6" + bytes(18))
    page.choose(*files)
    page.until(lambda: len(page.all('.item[data-state="done"]')) == 5)
    page.one("#clear").click()
    page.until(lambda: not page.all("#queue .item"))


def test_progress_is_shown_and_an_upload_can_be_cancelled_and_retried(
    page: Page, tmp_path: Path
) -> None:
    file = tmp_path / "large.zip"
    file.write_bytes(bytes(2_000_000))
    page.browser.set_network_conditions(
        latency=1, download_throughput=10_000_000, upload_throughput=400_000
    )
    try:
        page.choose(file)
        item = page.item("sending")
        bar = item.find_element(By.TAG_NAME, "progress")
        assert bar.get_attribute("aria-label") == "Progress of large.zip"
        page.until(lambda: 0 < number(bar, "value") < 1)
        assert "of 1.9 MB" in item.find_element(By.CSS_SELECTOR, ".status").text
        item.find_element(By.CSS_SELECTOR, '[aria-label="Cancel large.zip"]').click()
        assert page.item("cancelled").find_element(By.CSS_SELECTOR, ".status").text == "Cancelled"
    finally:
        page.browser.delete_network_conditions()
    item.find_element(By.CSS_SELECTOR, '[aria-label="Try large.zip again"]').click()
    assert page.answer()["size"] == 2_000_000


def test_filters(page: Page, tmp_path: Path, photo: Path) -> None:
    movie = tmp_path / "movie.mp4"
    movie.write_bytes(b"x")
    page.choose(movie)
    status = page.item("unacceptable").find_element(By.CSS_SELECTOR, ".status").text
    assert status.startswith("This type of file is not accepted: jpg, jpeg, gif, png")
    page.open_settings()
    assert page.text("#limit") == "The server allows 1000 MB."
    page.type("#max-size", "0.0001")
    page.choose(photo)
    status = page.item("unacceptable").find_element(By.CSS_SELECTOR, ".status").text
    assert status == "Larger than 104 B"
    page.type("#max-size", "10")
    page.type("#extensions", "MP4, .png")
    assert page.text("#accepted") == "mp4, png, up to 10 MB each"
    page.choose(movie)
    assert page.answer()["object"] == "user-dir/movie.mp4"
    page.choose(movie)
    status = page.item("unacceptable").find_element(By.CSS_SELECTOR, ".status").text
    assert status == "Already in the list"


def test_page_is_used_with_the_keyboard(page: Page) -> None:
    keys = webdriver.ActionChains(page.browser)
    seen = []
    for _ in range(4):
        keys.send_keys(Keys.TAB).perform()
        active = page.browser.switch_to.active_element
        seen.append(active.get_attribute("id") or active.tag_name)
    assert seen[:3] == ["files", "summary", "refresh"]
    names = [
        page.browser.execute_script("return arguments[0].labels.length", field)
        for field in page.all("input:not([type=radio])")
    ]
    assert all(names)


def test_page_speaks_chinese(page: Page, demo: Demo) -> None:
    page.browser.execute_cdp_cmd(
        "Emulation.setUserAgentOverride", {"userAgent": "test", "acceptLanguage": "zh-CN"}
    )
    try:
        page.browser.get(demo.page)
        page.until(lambda: page.text("h1") == "上传文件")
        assert page.one("html").get_attribute("lang") == "zh-CN"
    finally:
        page.browser.execute_cdp_cmd(
            "Emulation.setUserAgentOverride", {"userAgent": "test", "acceptLanguage": "en"}
        )


@pytest.fixture
def lonely(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Demo]:
    """A demonstration whose callbacks go where nobody listens."""
    monkeypatch.setenv("OSSIA_APP_CALLBACK_URL", "http://127.0.0.1:1/callback")
    with running_demo(tmp_path / "lonely") as running:
        yield running


def test_callback_that_fails_is_shown_as_what_it_is(
    browser: webdriver.Chrome, lonely: Demo, photo: Path
) -> None:
    page = Page(browser)
    page.open(lonely.page)
    page.choose(photo)
    item = page.item("untold")
    status = item.find_element(By.CSS_SELECTOR, ".status").text
    assert status.startswith("Stored, but the application server was not reached: Error status : ")
    assert item.find_element(By.CSS_SELECTOR, ".key").text == "user-dir/sea view.png"


def test_refusal_shows_code_and_message(page: Page, tmp_path: Path) -> None:
    # As if the application's page forbade to overwrite.
    page.browser.execute_script(
        """
        const append = FormData.prototype.append;
        FormData.prototype.append = function (name, ...rest) {
          if (name === "file") append.call(this, "x-oss-forbid-overwrite", "true");
          append.call(this, name, ...rest);
        };
        """
    )
    for number, folder in enumerate(("one", "two")):
        (tmp_path / folder).mkdir()
        file = tmp_path / folder / "once.zip"
        file.write_bytes(bytes(number))
        page.choose(file)
        item = page.item("done", "refused")
    assert item.find_element(By.CSS_SELECTOR, ".status").text == "Refused: FileAlreadyExists"
    shown = item.find_element(By.CSS_SELECTOR, ".answer").text
    assert shown.startswith("The object you specified already exists and can not be overwritten.")
    assert "Request " in shown


def test_page_fits_a_phone(page: Page, photo: Path) -> None:
    page.browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": 360, "height": 740, "deviceScaleFactor": 2, "mobile": True},
    )
    try:
        page.open_settings()
        page.choose(photo)
        page.item("done")
        width = page.browser.execute_script("return document.documentElement.scrollWidth")
        assert width == 360
        shot = Image.open(BytesIO(page.browser.get_screenshot_as_png()))
        assert shot.size[0] == 720
    finally:
        page.browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
