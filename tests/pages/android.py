"""The Android part of docs/guides/mobile.md: its class, compiled as in an app, uploads from the JVM."""

import json
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from following import Reader
from reading import ROOT

sys.path.append(str(ROOT / "tests" / "conformance" / "sdk"))
from android_sdk import android_sdk
from sdk_toolchains import Missing

_APP: Final = """
public final class App {
    public static void main(String[] given) throws Exception {
        System.out.println(new Uploads(new android.content.Context()).upload(given[0]));
        System.exit(0);
    }
}
"""


@contextmanager
def an_android_app(reader: Reader) -> Iterator[None]:
    """Whatever stands on the page first; then the app, if there is a JDK."""
    reader.names |= {
        "ossia-demo.oss.example.com": "ossia-demo.localhost",
        "app.example.com": "localhost",
    }
    yield
    try:
        sdk = android_sdk()
    except Missing as missing:
        # All the rest has been followed.
        pytest.skip(f"THE APP OF {reader.page.name} IS NOT TRIED: {missing}")
    folder = reader.folder.with_name("app")
    folder.mkdir()
    sdk.compile_app([reader.folder / "Uploads.java"], folder)
    (folder / "App.java").write_text(_APP)
    hosts = folder / "hosts"
    hosts.write_text("127.0.0.1 ossia-demo.localhost localhost\n")
    movie = str(reader.folder / "movie.mp4")
    command = sdk.run(str(folder / "App.java"), movie, hosts=hosts, classes=folder)
    answer = json.loads(reader.type(shlex.join(command)).splitlines()[-1])
    assert (answer["Status"], answer["object"]) == ("OK", "user-dir/movie.mp4"), answer
    assert answer["size"] == Path(movie).stat().st_size
    assert answer["vars"]["photo"] == "holiday", answer
