"""The Android SDK itself through the whole mobile flow; how it runs is in `android_sdk`."""

import json
from subprocess import run
from typing import Any, Final

import pytest
from android_sdk import android_sdk
from sdk_toolchains import Missing

from running import Demo

CASES: Final = (
    "put_with_callback",
    "put_whose_application_is_not_there",
    "multipart_with_callback",
    "multipart_without_callback",
    "resumed_upload",
    "token_is_kept_and_refreshed",
    "refused_token_is_told",
)


@pytest.fixture(scope="module")
def results(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    try:
        sdk = android_sdk()
    except Missing as missing:
        pytest.skip(str(missing))
    folder = tmp_path_factory.mktemp("android")
    host = f"{demo.bucket}.localhost"
    hosts = folder / "hosts"
    hosts.write_text(f"127.0.0.1 {host} localhost\n")
    endpoint = demo.endpoint.replace("127.0.0.1", host)
    places = [endpoint, demo.bucket, demo.page + "sts/getsts", demo.page + "callback"]
    done = run(
        sdk.run("Suite", *places, str(folder), hosts=hosts),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
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
