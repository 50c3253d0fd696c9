import json
from pathlib import Path

import pytest

from ossia.appserver import config as settings
from ossia.appserver.config import AppKeys, ConfigError
from ossia.appserver.session_policy import filled
from ossia.receiver.verify import OSS_KEY_URLS

SEED = {
    "AccessKeyID": "LTAI",
    "AccessKeySecret": "secret",
    "RoleArn": "acs:ram::1234567890123456:role/app",
    "TokenExpireTime": "900",
    "PolicyFile": "policy/all_policy.txt",
}
"""The config.json of the mobile tutorial, filled in."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    settings.write_samples(tmp_path / "app")
    return tmp_path / "app"


def load(folder: Path, bucket: str = "", environ: dict[str, str] | None = None) -> AppKeys:
    return settings.load_keys(folder / "config.json", environ or {}, bucket=bucket)


def write(folder: Path, **changes: object) -> None:
    kept = {name: value for name, value in {**SEED, **changes}.items() if value is not None}
    (folder / "config.json").write_text(json.dumps(kept))


def test_config_of_the_tutorial(folder: Path) -> None:
    write(folder)
    keys = load(folder)
    assert (keys.access_key_id, keys.access_key_secret) == ("LTAI", "secret")
    assert keys.role_arn == "acs:ram::1234567890123456:role/app"
    assert keys.token_lifetime_s == 900
    assert json.loads(keys.session_policy)["Statement"][0]["Action"] == ["oss:*"]
    assert "secret" not in repr(keys)


@pytest.mark.parametrize("lifetime", [3600, "3600"], ids=["number", "string"])
def test_lifetime_is_a_number_or_a_string(folder: Path, lifetime: object) -> None:
    write(folder, TokenExpireTime=lifetime)
    assert load(folder).token_lifetime_s == 3600


def test_lifetime_may_be_left_out(folder: Path) -> None:
    write(folder, TokenExpireTime=None)
    assert load(folder).token_lifetime_s == 900


@pytest.mark.parametrize(
    "name",
    [
        "bucket_read_policy.txt",
        "bucket_read_write_policy.txt",
        "bucket_write_policy.txt",
        "user_prefix_policy.txt",
    ],
)
def test_bucket_is_filled_into_policies(folder: Path, name: str) -> None:
    write(folder, PolicyFile=f"policy/{name}")
    policy = load(folder, "photos").session_policy
    assert "acs:oss:*:*:photos/" in policy
    assert "$BUCKET_NAME" not in policy


def test_prefix_is_filled_into_policies(folder: Path) -> None:
    write(folder, PolicyFile="policy/bucket_write_policy.txt")
    policy = json.loads(filled(load(folder, "photos").session_policy, 'a"b/'))
    assert policy["Statement"][0]["Resource"] == ['acs:oss:*:*:photos/a"b/*']


def test_policy_without_bucket_is_refused(folder: Path) -> None:
    write(folder, PolicyFile="policy/bucket_read_policy.txt")
    with pytest.raises(ConfigError, match=r"\$BUCKET_NAME: give --bucket"):
        load(folder)


def test_policy_is_ascii_without_white_space(folder: Path) -> None:
    (folder / "policy" / "own.txt").write_text(
        '{ "Version": "1",\n "Statement": [ { "Resource": "中" } ] }', encoding="utf-8"
    )
    write(folder, PolicyFile="policy/own.txt")
    assert load(folder).session_policy == '{"Version":"1","Statement":[{"Resource":"\\u4e2d"}]}'


def test_policy_of_the_working_directory(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "elsewhere").mkdir()
    (folder / "elsewhere" / "mine.txt").write_text('{"Statement":[]}')
    monkeypatch.chdir(folder / "elsewhere")
    write(folder, PolicyFile="mine.txt")
    assert load(folder).session_policy == '{"Statement":[]}'


def test_keys_of_the_environment(folder: Path) -> None:
    environ = {
        "OSSIA_APP_ACCESS_KEY_ID": "LTAI2",
        "OSSIA_APP_ACCESS_KEY_SECRET": "secret2",
        "OSSIA_APP_ROLE_ARN": "acs:ram::1:role/two",
    }
    keys = load(folder, environ=environ)
    assert (keys.access_key_id, keys.access_key_secret) == ("LTAI2", "secret2")
    assert keys.role_arn == "acs:ram::1:role/two"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param({"AccessKeyID": ""}, "AccessKeyID is empty; write it there or set", id="id"),
        pytest.param({"AccessKeySecret": 5}, "AccessKeySecret is empty", id="secret"),
        pytest.param({"RoleArn": None}, "RoleArn is empty", id="no-role"),
        pytest.param({"RoleArn": "role/app"}, "looks like acs:ram::", id="role"),
        pytest.param({"TokenExpireTime": "60"}, "between 900 and 43200", id="too-short"),
        pytest.param({"TokenExpireTime": "1 h"}, "between 900 and 43200", id="no-number"),
        pytest.param({"TokenExpireTime": 99999}, "between 900 and 43200", id="too-long"),
        pytest.param({"PolicyFile": None}, "PolicyFile is None; name a file", id="no-policy"),
        pytest.param({"PolicyFile": "gone.txt"}, "--init DIR", id="policy-is-missing"),
    ],
)
def test_mistake_is_told_with_its_remedy(
    folder: Path, changes: dict[str, object], said: str
) -> None:
    write(folder, **changes)
    with pytest.raises(ConfigError) as told:
        load(folder)
    assert said in str(told.value)
    assert "\n" not in str(told.value)
    assert "secret" not in str(told.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(b"{,}", "is not JSON: ", id="no-json"),
        pytest.param(b"[]", "is not a JSON object", id="no-object"),
        pytest.param(b"\xff", "is not UTF-8", id="no-text"),
    ],
)
def test_config_that_cannot_be_read(folder: Path, content: bytes, said: str) -> None:
    (folder / "config.json").write_bytes(content)
    with pytest.raises(ConfigError, match=said):
        load(folder)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param("{", "is not JSON: ", id="no-json"),
        pytest.param("[]", "has no Statement", id="no-object"),
        pytest.param("{}", "has no Statement", id="no-statement"),
    ],
)
def test_policy_that_cannot_be_read(folder: Path, content: str, said: str) -> None:
    (folder / "policy" / "all_policy.txt").write_text(content)
    write(folder)
    with pytest.raises(ConfigError, match=said):
        load(folder)


def test_config_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"No such file or directory; .*--init DIR"):
        load(tmp_path)


def test_samples_do_not_replace_a_config(folder: Path) -> None:
    with pytest.raises(ConfigError, match="exists already"):
        settings.write_samples(folder)
    assert (folder / "config.json").stat().st_mode & 0o777 == 0o600


def test_samples_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot be written: Not a directory"):
        settings.write_samples(tmp_path / "file" / "app")


@pytest.mark.parametrize(
    ("endpoint", "addressing", "expected"),
    [
        ("http://127.0.0.1:9000", "auto", "http://127.0.0.1:9000/b"),
        ("http://[::1]:9000", "auto", "http://[::1]:9000/b"),
        ("http://localhost:9000", "auto", "http://localhost:9000/b"),
        ("https://oss.example.com", "auto", "https://b.oss.example.com"),
        ("https://oss.example.com:8443", "path", "https://oss.example.com:8443/b"),
        ("http://localhost:9000", "virtual", "http://b.localhost:9000"),
    ],
)
def test_upload_host(endpoint: str, addressing: str, expected: str) -> None:
    assert settings.upload_host(endpoint, "b", addressing) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [("", ""), ("/", ""), ("a", "a/"), ("/a/b/", "a/b/")],
)
def test_directory(given: str, expected: str) -> None:
    assert settings.directory_of(given) == expected


@pytest.mark.parametrize(
    "text", ["127.0.0.1:9000", "ftp://a", "http://", "http://a/bucket", "http://a?x", "http://[::1"]
)
def test_endpoint_that_is_none(text: str) -> None:
    with pytest.raises(ConfigError, match=r"--endpoint .* is not an endpoint such as"):
        settings.check_endpoint("--endpoint", text)


def test_endpoint_loses_its_slash() -> None:
    assert settings.check_endpoint("--endpoint", "http://a:1/") == "http://a:1"


def test_bucket_name() -> None:
    assert settings.check_bucket("") == ""
    assert settings.check_bucket("photos") == "photos"
    with pytest.raises(ConfigError, match="--bucket 'Photos'"):
        settings.check_bucket("Photos")


def test_only_the_key_of_the_endpoint_is_trusted() -> None:
    assert settings.key_urls_of("http://127.0.0.1:9000", ()) == (
        "http://127.0.0.1:9000/-/callback/",
    )


def test_real_service_is_trusted_where_it_is_the_endpoint() -> None:
    endpoint = "https://oss-cn-hangzhou.aliyuncs.com"
    assert settings.key_urls_of(endpoint, ()) == OSS_KEY_URLS
    assert (
        settings.sts_endpoint_of(endpoint, "cn-hangzhou") == "https://sts.cn-hangzhou.aliyuncs.com"
    )
    assert settings.sts_endpoint_of("http://localhost:1", "cn-hangzhou") == "http://localhost:1"


def test_trusted_keys_are_those_given() -> None:
    assert settings.key_urls_of("http://a", ("http://k/p.pem",)) == ("http://k/p.pem",)
    with pytest.raises(ConfigError, match="--trusted-key-url"):
        settings.key_urls_of("http://a", ("p.pem",))


def test_callback_url_is_the_listen_address() -> None:
    assert settings.callback_url("10.0.0.2", 7080, "http://a") == "http://10.0.0.2:7080/callback"
    loopback = "http://127.0.0.1:7080/callback"
    assert settings.callback_url("0.0.0.0", 7080, "http://localhost:9000") == loopback
    assert settings.callback_url("::", 7080, "http://127.0.0.1:9000") == loopback


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "::1"])
def test_callback_url_must_be_given(host: str) -> None:
    with pytest.raises(ConfigError, match="give --callback-url"):
        settings.callback_url(host, 7080, "http://oss.example.com")


@pytest.mark.parametrize(
    ("text", "size"),
    [("1", 1), ("10M", 10485760), ("10 mb", 10485760), ("1GiB", 1 << 30), ("2k", 2048)],
)
def test_size(text: str, size: int) -> None:
    assert settings.parse_size(text) == size


@pytest.mark.parametrize("text", ["", "0", "-1", "1.5M", "10T", "٣"])
def test_size_that_is_none(text: str) -> None:
    with pytest.raises(ConfigError, match="--max-size"):
        settings.parse_size(text)


def test_listen() -> None:
    assert settings.parse_listen("127.0.0.1:0") == ("127.0.0.1", 0)
    assert settings.parse_listen("[::1]:7080") == ("::1", 7080)
    assert settings.parse_listen(":7080") == ("0.0.0.0", 7080)


@pytest.mark.parametrize("text", ["7080", "a:b", "a:70000", ""])
def test_listen_that_is_none(text: str) -> None:
    with pytest.raises(ConfigError, match="is not HOST:PORT"):
        settings.parse_listen(text)


def test_variables() -> None:
    assert settings.check_variables(["x:name"]) == ("x:name",)
    with pytest.raises(ConfigError, match="--callback-var 'name'"):
        settings.check_variables(["name"])


# --- origins


@pytest.mark.parametrize(
    ("given", "signed_in", "expected"),
    [
        ((), False, ("*",)),
        ((), True, ()),
        (("*",), False, ("*",)),
        (
            ("https://a.example", "http://b.example:8080"),
            True,
            ("https://a.example", "http://b.example:8080"),
        ),
    ],
)
def test_origins(given: tuple[str, ...], expected: tuple[str, ...], *, signed_in: bool) -> None:
    assert settings.check_origins(given, signed_in=signed_in) == expected


@pytest.mark.parametrize(
    ("given", "signed_in"),
    [
        (("https://a.example/",), False),
        (("a.example",), False),
        (("",), False),
        (("null",), False),
        (("*",), True),
        (("*", "https://a.example"), False),
    ],
)
def test_wrong_origins(given: tuple[str, ...], *, signed_in: bool) -> None:
    with pytest.raises(ConfigError, match="--cors-origin"):
        settings.check_origins(given, signed_in=signed_in)
