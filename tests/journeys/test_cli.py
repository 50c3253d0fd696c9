"""The command line as a person uses it: help, version, doctor, and errors in one line."""

import json
import os
import pkgutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click import Command, Group
from click.testing import CliRunner

from ossia import __version__
from ossia.cli import cli
from ossia.settings import rows
from ports import free_port
from running import Demo, Server, running_demo


def ossia(
    *arguments: str, cwd: Path | None = None, **environ: str
) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "ossia", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, **environ},
        timeout=30,
        check=False,
    )


COMMANDS = ("up", "serve", "appserver", "callbacks", "doctor", "version")


def test_version() -> None:
    assert ossia("version").stdout == f"ossia {__version__}\n"
    assert json.loads(ossia("version", "--json").stdout) == {"version": __version__}


def test_who_loaded_obstore_ends_without_taking_the_interpreter_down() -> None:
    """Its threads could end the process by SIGABRT meanwhile, once in a few hundred times."""
    program = "import atexit{}; atexit.register(print, 'down'); import ossia.__main__"

    def ended(also: str, *arguments: str) -> tuple[int, list[str]]:
        answer = subprocess.run(
            [sys.executable, "-c", program.format(also), *arguments],
            capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
        return answer.returncode, (answer.stdout + answer.stderr).splitlines()

    version = f"ossia {__version__}"
    assert ended("", "version") == (0, [version, "down"])
    assert ended(", obstore", "version") == (0, [version])
    code, said = ended(", obstore", "version", "--no-such-option")
    assert code == 2
    assert "No such option" in said[-1]
    # So does who ends with an error of his own, such as that the engine does not answer.
    code, said = ended(", obstore", "upgrade", "--metadata", "memory", "--blobs", "memory")
    assert code == 2
    assert len(said) == 1
    assert "nothing to upgrade" in said[0]


def test_help_names_every_command_and_setting() -> None:
    overview = ossia("--help").stdout
    for command in (*COMMANDS, "user", "key", "group", "role", "policy", "token"):
        assert f"\n  {command}" in overview
    text = ossia("serve", "--help").stdout
    for row in rows():
        assert row.flag in text
    assert "--endpoint" in ossia("appserver", "--help").stdout


def every_command(command: Command, *path: str) -> Iterator[tuple[Command, tuple[str, ...]]]:
    """Those of other modules, too, which ``ossia`` itself imports only to run them."""
    if place := getattr(command, "_place", ""):
        command = pkgutil.resolve_name(place)
    yield command, path
    if isinstance(command, Group):
        for name, each in command.commands.items():
            yield from every_command(each, *path, name)


COMMAND_LINES = {" ".join(path): command for command, path in every_command(cli) if path}


def test_there_are_many_commands() -> None:
    assert len(COMMAND_LINES) > 50


@pytest.mark.parametrize("name", COMMAND_LINES)
def test_the_help_of_every_command_is_text(name: str) -> None:
    answer = CliRunner().invoke(COMMAND_LINES[name], ["--help"])
    assert answer.exit_code == 0
    assert answer.output.startswith("Usage: ")
    # Marks for the layout, such as \b before examples, are not for people.
    assert "\\" not in answer.output
    examples = [line for line in answer.output.splitlines() if line.startswith("  ossia ")]
    assert all(line.count("ossia ") == 1 for line in examples)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["serve", "--listen", "nonsense"], "HOST:PORT"),
        (["serve", "--workers", "many"], "--workers"),
        (["serve", "--callback-allow", "300.1.1.1/8"], "--callback-allow"),
        (["serve", "--restore-times", "Archive/Bulk=3"], "--restore-times"),
        (["serve", "--tls-certificate", "no.pem", "--tls-key", "no.pem"], "no.pem"),
        (["serve", "--data", "/proc/none"], "/proc/none"),
        (["serve", "--config", "missing.toml"], "missing.toml"),
        (["serve", "--metadata", "mysql"], "--metadata"),
        (["up", "--bucket", "X"], "--bucket"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(tmp_path: Path, arguments: list[str], said: str) -> None:
    answer = ossia(*arguments, cwd=tmp_path)
    assert answer.returncode == 2
    assert said in answer.stderr
    assert "Traceback" not in answer.stderr
    assert len(answer.stderr.strip().splitlines()) == 1


def test_a_variable_is_named_where_it_is_wrong(tmp_path: Path) -> None:
    answer = ossia("serve", cwd=tmp_path, OSSIA_WORKERS="several")
    assert answer.returncode == 2
    assert "OSSIA_WORKERS" in answer.stderr


def test_doctor_finds_a_healthy_machine_healthy(tmp_path: Path) -> None:
    listen = f"127.0.0.1:{free_port()}"
    answer = ossia("doctor", "--data", str(tmp_path / "d"), "--listen", listen, "--json")
    findings = json.loads(answer.stdout)
    assert answer.returncode == 0
    checks = {each["check"] for each in findings}
    assert checks >= {"folder", "port", "clock", "file system", "batch signing"}
    assert not (tmp_path / "d").exists()


def test_doctor_tells_how_callbacks_are_signed(tmp_path: Path) -> None:
    told = ossia("doctor", "--data", str(tmp_path / "d"), "--callback-sign-singly").stdout
    assert "batch signing switched off by --callback-sign-singly" in told


def test_doctor_says_what_to_do(tmp_path: Path, server: Server) -> None:
    unreachable = f"http://127.0.0.1:{free_port()}/cb"
    answer = ossia(
        "doctor",
        "--data",
        "/proc/none",
        "--listen",
        "192.0.2.1:9000",
        "--callback-url",
        unreachable,
    )
    assert answer.returncode == 1
    assert answer.stdout.count("->") >= 3
    assert "--callback-allow" in answer.stdout
    running = ossia("doctor", "--data", str(server.data / "data"), "--listen", server.address)
    assert running.returncode == 0
    assert "in use by a running server" in running.stdout


def test_doctor_reaches_a_receiver(demo: Demo, tmp_path: Path) -> None:
    answer = ossia(
        "doctor", "--data", str(tmp_path), "--listen", f"127.0.0.1:{free_port()}",
        "--callback-url", f"{demo.page}callback",
    )  # fmt: skip
    assert answer.returncode == 0
    assert "answers 400" in answer.stdout


def test_up_is_ready_soon(tmp_path: Path) -> None:
    """The bar is 1.5 s on a quiet machine; here it only must not be far from that."""
    begun = time.monotonic()
    with running_demo(tmp_path):
        took = time.monotonic() - begun
    print(f"ossia up: ready after {took:.2f} s")
    assert took < 10


def test_the_secret_is_shown_once(tmp_path: Path) -> None:
    data = tmp_path / "data"
    shown = []
    for _ in range(2):
        process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "ossia",
                "serve",
                "--data",
                str(data),
                "--listen",
                "127.0.0.1:0",
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        text = ""
        while "Stop with Ctrl-C" not in text:
            text += process.stdout.readline()
        process.terminate()
        assert process.wait(10) == 0
        process.stdout.close()
        shown.append(text)
    secret = json.loads((data / "keys.json").read_text())["root_access_key_secret"]
    assert secret in shown[0]
    assert secret not in shown[1]
    assert str(data / "keys.json") in shown[1]
    assert (data / "keys.json").stat().st_mode & 0o077 == 0
