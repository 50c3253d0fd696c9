"""What README.md shows in Node, Java and Go, with the SDKs that tests/conformance/sdk has of them."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from reading import ROOT, read_page

from running import Server, signer

SDK = ROOT / "tests" / "conformance" / "sdk"
sys.path.append(str(SDK))

from sdk_toolchains import CACHE, Missing, command_of  # noqa: E402 - found there only

pytestmark = pytest.mark.slow
SHOWN = {fence.language: fence.text for fence in read_page("README.md").fences}
GO = """\
package main

import (
	"context"
	"strings"

	"github.com/aliyun/alibabacloud-oss-go-sdk-v2/oss"
	"github.com/aliyun/alibabacloud-oss-go-sdk-v2/oss/credentials"
)

func main() {
"""
JAVA = """\
import com.aliyun.oss.*;
import java.io.ByteArrayInputStream;
import java.nio.charset.StandardCharsets;

class Shown {
    public static void main(String[] arguments) {
"""


def node(text: str, folder: Path) -> list[str]:
    command_of("node", folder / "hosts")
    program = folder / "shown.cjs"
    program.write_text(f"(async () => {{\n{text}\n}})();\n")
    return ["env", f"NODE_PATH={CACHE / 'node' / 'node_modules'}", "node", str(program)]


def go(text: str, folder: Path) -> list[str]:
    command_of("go_v2", folder / "hosts")
    program = folder / "shown.go"
    program.write_text(f"{GO}{text}}}\n")
    return ["env", "-C", str(SDK / "go_v2"), "go", "run", str(program)]


def java(text: str, folder: Path) -> list[str]:
    command_of("java", folder / "hosts")
    program = folder / "Shown.java"
    program.write_text(f"{JAVA}{text}    }}\n}}\n")
    classpath = f"{CACHE / 'java' / 'target' / 'dependency'}/*"
    return ["java", "-XX:TieredStopAtLevel=1", "-cp", classpath, str(program)]


@pytest.mark.parametrize(("language", "program"), [("js", node), ("go", go), ("java", java)])
def test_what_the_readme_shows_stores_a_text(
    language: str,
    program: Callable[[str, Path], list[str]],
    server: Server,
    tmp_path: Path,
) -> None:
    client = signer(server)
    bucket = f"readme-{language}"
    shown = (
        SHOWN[language]
        .replace("http://127.0.0.1:9000", server.endpoint)
        .replace("ACCESS_KEY_ID", server.access_key_id)
        .replace("ACCESS_KEY_SECRET", server.access_key_secret)
        .replace("my-bucket", bucket)
    )
    try:
        command = program(shown, tmp_path)
    except Missing as missing:
        pytest.skip(str(missing))
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "GOFLAGS": "-mod=mod"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert client.request("GET", bucket, "hello.txt").body == b"hello"
