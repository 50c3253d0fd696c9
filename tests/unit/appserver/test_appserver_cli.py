import json
import socket
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ossia.appserver.cli import appserver, build_config
from ossia.appserver.config import write_samples

KEYS = {
    "OSSIA_APP_ACCESS_KEY_ID": "LTAI",
    "OSSIA_APP_ACCESS_KEY_SECRET": "secret",
    "OSSIA_APP_ROLE_ARN": "acs:ram::1:role/app",
}


def run(*arguments: str, **environ: str) -> Result:
    return CliRunner().invoke(appserver, arguments, env=KEYS | environ)


def test_mistake_is_one_line(tmp_path: Path) -> None:
    result = run("--listen", "127.0.0.1:0", "--config", str(tmp_path / "config.json"))
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("ossia appserver: ")
    assert "--init DIR" in result.stderr


def test_taken_port_is_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = run("--listen", f"127.0.0.1:{taken.getsockname()[1]}")
    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1
    assert "Address already in use; stop the other program" in result.stderr


def test_flags_have_environment_variables(tmp_path: Path) -> None:
    config = write_samples(tmp_path / "app")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        result = run(OSSIA_APP_CONFIG=str(config), OSSIA_APP_LISTEN=address)
    assert address in result.stderr


def test_samples_are_written(tmp_path: Path) -> None:
    result = run("--init", str(tmp_path / "app"))
    assert result.exit_code == 0
    config = json.loads((tmp_path / "app" / "config.json").read_text())
    assert config["PolicyFile"] == "policy/all_policy.txt"
    assert (tmp_path / "app" / config["PolicyFile"]).exists()


def test_defaults_are_derived(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    context = appserver.make_context("ossia appserver", ["--bucket", "photos"])
    flags = {**context.params, "config": write_samples(tmp_path / "app")}
    config = build_config(flags, "127.0.0.1", 7080)
    assert config.sts_endpoint == "http://127.0.0.1:9000"
    assert config.upload_host == "http://127.0.0.1:9000/photos"
    assert config.callback_url == "http://127.0.0.1:7080/callback"
    assert config.directory == "user-dir/"
    assert config.callback_variables == ("x:name",)
    assert config.max_size == 1048576000
    assert config.trusted_key_urls == ("http://127.0.0.1:9000/-/callback/",)
