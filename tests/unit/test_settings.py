from pathlib import Path

import pytest

from ossia.protocol.signature import VERSIONS
from ossia.settings import Secret, Settings, SettingsError, load, rows

ENGINE = {
    "blobs": "s3://bucket/x?endpoint=http://127.0.0.1:1",
    "blobs_access_key_id": "k",
    "blobs_access_key_secret": "hidden",
}


def test_defaults_are_those_of_the_contract() -> None:
    """product.md, the table of settings."""
    settings = load({}, {})
    assert settings.listen == "127.0.0.1:9000"
    assert settings.data == Path("./ossia-data")
    assert settings.region == "cn-hangzhou"
    assert settings.domains == ("localhost",)
    assert settings.callback_timeout == 5.0
    assert settings.url == "http://127.0.0.1:9000"


@pytest.mark.parametrize(
    ("flag", "variable"),
    [
        ("--listen", "OSSIA_LISTEN"),
        ("--data", "OSSIA_DATA"),
        ("--region", "OSSIA_REGION"),
        ("--domain", "OSSIA_DOMAINS"),
        ("--root-access-key-id", "OSSIA_ROOT_ACCESS_KEY_ID"),
        ("--root-access-key-secret", "OSSIA_ROOT_ACCESS_KEY_SECRET"),
        ("--account-id", "OSSIA_ACCOUNT_ID"),
        ("--workers", "OSSIA_WORKERS"),
        ("--callback-allow", "OSSIA_CALLBACK_ALLOW"),
        ("--callback-timeout", "OSSIA_CALLBACK_TIMEOUT"),
        ("--callback-key-url", "OSSIA_CALLBACK_KEY_URL"),
        ("--public-url", "OSSIA_PUBLIC_URL"),
        ("--proxies", "OSSIA_PROXIES"),
        ("--metadata", "OSSIA_METADATA"),
        ("--blobs", "OSSIA_BLOBS"),
        ("--blobs-access-key-id", "OSSIA_BLOBS_ACCESS_KEY_ID"),
        ("--blobs-access-key-secret", "OSSIA_BLOBS_ACCESS_KEY_SECRET"),
    ],
)
def test_names_are_those_of_the_contract(flag: str, variable: str) -> None:
    assert (flag, variable) in [(row.flag, row.variable) for row in rows()]


def test_flag_wins_over_environment_over_file(tmp_path: Path) -> None:
    config = tmp_path / "ossia.toml"
    config.write_text('region = "file"\nlisten = "127.0.0.1:1"\nworkers = 3\n')
    settings = load({"region": "flag"}, {"OSSIA_REGION": "env", "OSSIA_LISTEN": ":2"}, config)
    assert (settings.region, settings.listen, settings.workers) == ("flag", ":2", 3)
    assert settings.host_and_port() == ("0.0.0.0", 2)


def test_lists_come_from_flags_variables_and_files(tmp_path: Path) -> None:
    assert load({"domains": ("a", "b")}, {}).domains == ("a", "b")
    assert load({}, {"OSSIA_DOMAINS": "a, b,"}).domains == ("a", "b")
    config = tmp_path / "ossia.toml"
    config.write_text('domains = ["a", "b"]\naccess_log = true\n')
    assert load({}, {}, config).domains == ("a", "b")
    assert load({}, {}, config).access_log


@pytest.mark.parametrize(
    "flags",
    [
        {"signatures": ("v3",)},
        {"signatures": ("v4", "V1")},
        {"listen": "nonsense"},
        {"listen": "a:99999"},
        {"console_listen": "9001"},
        {"metrics_listen": "9101"},
        {"metrics_listen": ":9101"},
        {"metrics_listen": "10.0.0.1:9101"},
        {"metrics_listen": "metrics.example:9101"},
        {"workers": "many"},
        {"workers": -1},
        {"callback_timeout": "0"},
        {"callback_key_url": "http://gosspublic.alicdn.com"},
        {"callback_key_url": "http://gosspublic.alicdn.com.evil/"},
        {"account_id": "12"},
        {"tls_key": "x"},
        {"root_access_key_id": "only"},
        {"metadata": "mysql"},
        {"metadata": "memory", "workers": 2},
        {"access_log": "perhaps"},
        {"blobs": "s3"},
        {"blobs": "https://key:hidden@engine/bucket"},
        {"blobs": "s3://bucket/x"},
        {"blobs": "s3://bucket/x", "blobs_access_key_id": "k"},
        {**ENGINE, "blobs_timeout": 0},
        {"proxies": ("10.0.0.0/8", "balancer")},
        {"proxies": ("10.0.0.1/8",)},
        {"proxies": ("10.0.0.0/33",)},
        {"proxies": ("0.0.0.0/0",)},
        {"proxies": ("::/0",)},
    ],
)
def test_what_cannot_be_used_is_said_in_one_line(flags: dict[str, object]) -> None:
    with pytest.raises(SettingsError) as refused:
        load(flags, {})
    assert "\n" not in str(refused.value)
    assert "hidden" not in str(refused.value)


@pytest.mark.parametrize(
    ("listen", "key_file"),
    [("127.0.0.1:9101", ""), ("[::1]:9101", ""), ("localhost:9101", ""), (":9101", "key")],
)
def test_metrics_are_on_loopback_or_have_a_key(listen: str, key_file: str) -> None:
    settings = load({"metrics_listen": listen, "metrics_key_file": key_file}, {})
    assert settings.metrics_url == f"http://{listen}/-/metrics"


def test_engines_have_a_key_that_is_not_shown() -> None:
    settings = load(ENGINE, {"OSSIA_BLOBS_ACCESS_KEY_SECRET": "hidden"})
    assert settings.blobs_access_key_secret == "hidden"
    assert "hidden" not in repr(settings)
    assert settings.worker_count >= 1
    assert load({**ENGINE, "metadata": "memory"}, {}).worker_count == 1


@pytest.mark.parametrize("content", ["nonsense", "unknown = 1\n", None])
def test_bad_files_are_said_in_one_line(tmp_path: Path, content: str | None) -> None:
    config = tmp_path / "ossia.toml"
    if content is not None:
        config.write_text(content)
    with pytest.raises(SettingsError):
        load({}, {}, config)


@pytest.mark.parametrize("word", ["1", "true", "YES", "on"])
def test_switches(word: str) -> None:
    assert load({}, {"OSSIA_ACCESS_LOG": word}).access_log
    assert not load({}, {"OSSIA_ACCESS_LOG": "off"}).access_log


def test_secrets_do_not_show_themselves() -> None:
    settings = Settings(root_access_key_secret=Secret("hidden"))
    assert "hidden" not in repr(settings)


def test_every_version_of_signatures_can_be_named() -> None:
    """The two lists are apart, so that reading settings loads no signatures."""
    assert load({}, {}).signatures == VERSIONS
