"""The Android SDK itself, its classes run by the JVM, through the whole mobile flow.

The AAR of the SDK holds plain Java over okhttp; the few classes of Android that it touches are
stubs beside the suite, and JSON and XML parsers are those that Android has.
"""

import json
import shutil
from subprocess import run
from typing import Any, Final
from zipfile import ZipFile

import pytest
from sdk_toolchains import CACHE, HERE, BuildFailed, Missing, _build_once, _run, _tool

from running import Demo

SUITE: Final = "android"
CASES: Final = (
    "put_with_callback",
    "put_whose_application_is_not_there",
    "multipart_with_callback",
    "multipart_without_callback",
    "resumed_upload",
    "token_is_kept_and_refreshed",
    "refused_token_is_told",
)


def command() -> list[str]:
    java, javac, maven = (_tool(name, SUITE) for name in ("java", "javac", "mvn"))
    home = CACHE / SUITE
    libraries = home / "libraries"
    classpath = f"{home / 'classes'}:{libraries}/*"

    def build() -> None:
        shutil.copytree(HERE / SUITE, home, dirs_exist_ok=True)
        goal = ["dependency:copy-dependencies", f"-DoutputDirectory={libraries}"]
        try:
            _run([maven, "-q", "-B", "-o", *goal, "-DincludeScope=compile"], home)
        except BuildFailed:
            _run([maven, "-q", "-B", *goal, "-DincludeScope=compile"], home)
        (archive,) = libraries.glob("*.aar")
        with ZipFile(archive) as opened:
            opened.extract("classes.jar", libraries)
        sources = sorted(str(path) for path in (HERE / SUITE).rglob("*.java"))
        options = ["--release", "17", "-nowarn", "-d", str(home / "classes"), "-cp", classpath]
        _run([javac, *options, *sources], home)

    _build_once(SUITE, [HERE / SUITE], build)
    return [java, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", classpath, "Suite"]


@pytest.fixture(scope="module")
def results(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    try:
        started = command()
    except Missing as missing:
        pytest.skip(str(missing))
    folder = tmp_path_factory.mktemp("android")
    host = f"{demo.bucket}.localhost"
    hosts = folder / "hosts"
    hosts.write_text(f"127.0.0.1 {host} localhost\n")
    started.insert(1, f"-Djdk.net.hosts.file={hosts}")
    endpoint = demo.endpoint.replace("127.0.0.1", host)
    places = [endpoint, demo.bucket, demo.page + "sts/getsts", demo.page + "callback"]
    done = run(
        [*started, *places, str(folder)], capture_output=True, text=True, timeout=120, check=False
    )
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    assert lines, done.stderr
    return {line["case"]: line for line in lines}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_android_sdk(results: dict[str, Any], case: str) -> None:
    assert results[case]["ok"], results[case]["detail"]


@pytest.mark.slow
def test_everything_reported_is_asserted(results: dict[str, Any]) -> None:
    assert set(results) == set(CASES)
