"""What the application server runs with: ``config.json``, its policy file, and the flags.

``config.json`` is that of the official samples, key for key.  What is wrong with it is a
`ConfigError`: one line that says what to do.
"""

import json
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from ossia.protocol.names import is_bucket_name
from ossia.receiver.verify import OSS_KEY_URLS

KEY_PLACE: Final = "/-/callback/"
"""Where an Ossia server keeps the public keys of its callbacks, and nothing else."""

SAMPLES: Final = Path(__file__).parent / "samples"

_MIN_SECRET: Final = 16
_REAL_OSS: Final = ".aliyuncs.com"


class ConfigError(ValueError):
    """A setting that cannot be used; the message is one line with the remedy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppKeys:
    """The contents of ``config.json``.

    ``session_policy`` is the policy file, with ``$OBJECT_PREFIX`` still in it: that differs from
    user to user.
    """

    access_key_id: str
    access_key_secret: str = field(repr=False)
    role_arn: str
    token_lifetime_s: int
    session_policy: str
    grant_secret: str = field(default="", repr=False)
    """Signs what callbacks say of grants; empty for one that follows from the access key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppConfig:
    """Everything the routes need.  ``bucket`` is empty for a server of tokens only."""

    keys: AppKeys
    sts_endpoint: str
    region: str
    bucket: str
    upload_host: str
    directory: str
    callback_url: str
    callback_variables: tuple[str, ...]
    max_size: int
    form_lifetime_s: int
    trusted_key_urls: tuple[str, ...]
    cors_origins: tuple[str, ...] = ("*",)
    endpoint: str = "http://127.0.0.1:9000"
    addressing: str = "auto"


# --- config.json ----------------------------------------------------------------------------


def load_keys(path: Path, environ: Mapping[str, str], *, bucket: str) -> AppKeys:
    """Read ``config.json`` and its policy file.  Raises `ConfigError`.

    A key that the file leaves empty may stand in *environ* (``OSSIA_APP_ACCESS_KEY_SECRET``), so
    that a secret need not be in a file.
    """
    given = _read_object(path)

    def text(name: str, variable: str) -> str:
        value = given.get(name) or environ.get(variable, "")
        if not isinstance(value, str) or not value:
            raise ConfigError(
                f"{path}: {name} is empty; write it there or set the environment's {variable}."
            )
        return value

    access_key_id = text("AccessKeyID", "OSSIA_APP_ACCESS_KEY_ID")
    access_key_secret = text("AccessKeySecret", "OSSIA_APP_ACCESS_KEY_SECRET")
    role_arn = text("RoleArn", "OSSIA_APP_ROLE_ARN")
    if not re.fullmatch(r"acs:ram::\d+:role/\S+", role_arn):
        raise ConfigError(
            f"{path}: RoleArn is {role_arn!r}; it looks like acs:ram::1234567890123456:role/name."
        )
    return AppKeys(
        access_key_id=access_key_id,
        access_key_secret=access_key_secret,
        role_arn=role_arn,
        token_lifetime_s=_read_lifetime(path, given.get("TokenExpireTime", 900)),
        session_policy=_read_policy(path, given.get("PolicyFile"), bucket),
        grant_secret=_read_grant_secret(path, given, environ),
    )


def _read_grant_secret(path: Path, given: Mapping[str, Any], environ: Mapping[str, str]) -> str:
    secret = given.get("GrantSecret") or environ.get("OSSIA_APP_GRANT_SECRET", "")
    if not isinstance(secret, str) or 0 < len(secret) < _MIN_SECRET:
        raise ConfigError(
            f"{path}: GrantSecret must be a text of {_MIN_SECRET} characters or more, or be left "
            "out: then it follows from AccessKeySecret."
        )
    return secret


def _read_text(path: Path, remedy: str) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}; {remedy}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8: save it as such.") from error


_INIT_REMEDY: Final = "write the samples to start from with: ossia appserver --init DIR"


def _read_object(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(_read_text(path, _INIT_REMEDY))
    except json.JSONDecodeError as error:
        raise ConfigError(
            f"{path} is not JSON: {error.msg} in line {error.lineno}, column {error.colno}."
        ) from error
    if not isinstance(found, dict):
        raise ConfigError(f"{path} is not a JSON object; {_INIT_REMEDY}")
    return found


def _read_lifetime(path: Path, value: object) -> int:
    # The samples write a string, people write a number.
    text = str(value).strip()
    if not re.fullmatch(r"\d{1,5}", text, re.ASCII) or not 900 <= int(text) <= 43200:  # noqa: PLR2004 - STS documentation, "DurationSeconds"
        raise ConfigError(
            f"{path}: TokenExpireTime is {value!r}; it must be between 900 and 43200 seconds."
        )
    return int(text)


def _read_policy(config: Path, name: object, bucket: str) -> str:
    if not isinstance(name, str) or not name:
        raise ConfigError(
            f"{config}: PolicyFile is {name!r}; name a file such as policy/bucket_write_policy.txt."
        )
    beside = config.parent / name
    # The samples look in the working directory.
    path = beside if beside.exists() or not Path(name).exists() else Path(name)
    text = _with_bucket(path, _read_text(path, _INIT_REMEDY), bucket)
    try:
        policy = json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigError(
            f"{path} is not JSON: {error.msg} in line {error.lineno}, column {error.colno}."
        ) from error
    if not isinstance(policy, dict) or "Statement" not in policy:
        raise ConfigError(f"{path} is not a policy: it has no Statement.")
    # STS accepts 2048 characters, which white space should not use up.
    return json.dumps(policy, separators=(",", ":"))


def _with_bucket(path: Path, text: str, bucket: str) -> str:
    """Fill in what operators of the official samples edit by hand."""
    if "$BUCKET_NAME" in text and not bucket:
        raise ConfigError(
            f"{path} says $BUCKET_NAME: give --bucket, or write the bucket's name into the file."
        )
    return text.replace("$BUCKET_NAME", bucket)


def write_samples(folder: Path) -> Path:
    """Write ``config.json`` and the policy files into *folder*; the path of the former."""
    config = folder / "config.json"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if config.exists():
            raise ConfigError(f"{config} exists already: choose another folder, or move it away.")
        shutil.copytree(SAMPLES, folder, dirs_exist_ok=True)
        config.chmod(0o600)
    except OSError as error:
        raise ConfigError(f"{folder} cannot be written: {error.strerror}.") from error
    return config


# --- flags ----------------------------------------------------------------------------------


def app_config(
    config: Path,
    *,
    endpoint: str,
    callback_url: str,
    bucket: str = "",
    public_endpoint: str = "",
    sts_endpoint: str = "",
    region: str = "cn-hangzhou",
    addressing: str = "auto",
    directory: str = "user-dir/",
    callback_variables: Sequence[str] = ("x:name",),
    max_size: str = "1000M",
    form_lifetime_s: int = 60,
    trusted_key_urls: Sequence[str] = (),
    cors_origins: Sequence[str] = (),
    signed_in: bool = True,
    environ: Mapping[str, str] | None = None,
) -> AppConfig:
    """What ``ossia appserver`` makes of its flags, for programs.  Raises `ConfigError`.

    *signed_in* says that a hook decides who gets what.
    """
    endpoint = check_endpoint("--endpoint", endpoint)
    public = check_endpoint("--public-endpoint", public_endpoint or endpoint)
    bucket = check_bucket(bucket)
    sts = sts_endpoint or sts_endpoint_of(endpoint, region)
    return AppConfig(
        keys=load_keys(config, os.environ if environ is None else environ, bucket=bucket),
        sts_endpoint=check_endpoint("--sts-endpoint", sts),
        region=region,
        bucket=bucket,
        upload_host=upload_host(public, bucket, addressing),
        directory=directory_of(directory),
        callback_url=callback_url,
        callback_variables=check_variables(callback_variables),
        max_size=parse_size(max_size),
        form_lifetime_s=form_lifetime_s,
        trusted_key_urls=key_urls_of(endpoint, trusted_key_urls),
        cors_origins=check_origins(cors_origins, signed_in=signed_in),
        endpoint=endpoint,
        addressing=addressing,
    )


def check_bucket(name: str) -> str:
    """*name*, which may be empty.  Raises `ConfigError`."""
    if name and not is_bucket_name(name):
        raise ConfigError(
            f"--bucket {name!r} is not a bucket's name: 3 to 63 lower-case letters, digits and "
            "inner hyphens."
        )
    return name


def directory_of(text: str) -> str:
    """The key prefix of uploads: empty, or with a slash at its end."""
    name = text.strip("/")
    return f"{name}/" if name else ""


def check_endpoint(flag: str, text: str) -> str:
    """An endpoint without a trailing slash.  Raises `ConfigError`."""
    url = _split(text)
    if url.scheme not in ("http", "https") or not url.hostname or url.path.strip("/") or url.query:
        raise ConfigError(f"{flag} {text!r} is not an endpoint such as http://127.0.0.1:9000.")
    return f"{url.scheme}://{url.netloc}"


def _split(text: str) -> SplitResult:
    try:
        return urlsplit(text)
    except ValueError:
        return SplitResult("", "", "", "", "")


def is_real_oss(endpoint: str) -> bool:
    """Whether *endpoint* is one of Alibaba Cloud."""
    return (urlsplit(endpoint).hostname or "").endswith(_REAL_OSS)


def upload_host(endpoint: str, bucket: str, addressing: str) -> str:
    """Where browsers post forms: ``http://ENDPOINT/BUCKET`` or ``http://BUCKET.ENDPOINT``.

    With *addressing* ``auto``, IP addresses and names without a dot (``localhost``, a container)
    are path style: nothing resolves names below them.
    """
    url = urlsplit(endpoint)
    is_path_style = addressing == "path" or (
        addressing == "auto" and not _has_subdomains(url.hostname or "")
    )
    if is_path_style:
        return f"{url.scheme}://{url.netloc}/{bucket}"
    return f"{url.scheme}://{bucket}.{url.netloc}"


def _has_subdomains(host: str) -> bool:
    return "." in host and not _is_address(host)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def sts_endpoint_of(endpoint: str, region: str) -> str:
    """STS of the real service has a host of its own; here it is at the endpoint."""
    return f"https://sts.{region}.aliyuncs.com" if is_real_oss(endpoint) else endpoint


def key_urls_of(endpoint: str, given: Sequence[str]) -> tuple[str, ...]:
    """The keys whose callbacks count.

    Whoever has an account on a server may have it sign callbacks with any content, so the real
    service is trusted only where it is the endpoint.
    """
    if given:
        for url in given:
            if _split(url).scheme not in ("http", "https"):
                raise ConfigError(
                    f"--trusted-key-url {url!r} is not a URL: write http://HOST:PORT{KEY_PLACE}"
                )
        return tuple(given)
    return OSS_KEY_URLS if is_real_oss(endpoint) else (endpoint + KEY_PLACE,)


def callback_url(listen_host: str, port: int, endpoint: str) -> str:
    """Where the server reaches this one if nothing else is said.  Raises `ConfigError`."""
    remedy = "give --callback-url, the URL under which the object storage reaches this server."
    if listen_host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        if not _is_loopback(urlsplit(endpoint).hostname or ""):
            raise ConfigError(f"--listen {listen_host} is no address to call back: {remedy}")
        listen_host = "127.0.0.1"
    if ":" in listen_host:
        raise ConfigError(f"OSS does not call IPv6 literals such as {listen_host}: {remedy}")
    return f"http://{listen_host}:{port}/callback"


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (_is_address(host) and ip_address(host).is_loopback)


def check_origins(given: Sequence[str], *, signed_in: bool) -> tuple[str, ...]:
    """Whose pages may read the answers.  Raises `ConfigError`.

    Answers that are the same for everybody are for everybody; with *signed_in* users, only pages
    of this server's own origin read them unless others are named.
    """
    for origin in given:
        url = _split(origin)
        if origin not in ("*", f"{url.scheme}://{url.netloc}") or not origin.strip("/:"):
            raise ConfigError(f"--cors-origin {origin!r} is not an origin: https://app.example.com")
    if "*" in given and (signed_in or len(given) > 1):
        raise ConfigError("--cors-origin '*' goes with no other origin and with no --hook.")
    return tuple(given) or (() if signed_in else ("*",))


def check_variables(names: Sequence[str]) -> tuple[str, ...]:
    """Names of custom variables.  Raises `ConfigError`."""
    for name in names:
        if not re.fullmatch(r"x:[A-Za-z0-9_.-]+", name):
            raise ConfigError(f"--callback-var {name!r} does not look like x:name.")
    return tuple(names)


_UNITS: Final = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}


def parse_size(text: str) -> int:
    """Bytes of ``10485760``, ``10M`` or ``1g``.  Raises `ConfigError`."""
    found = re.fullmatch(r"(\d{1,15})\s*([kmg]?)i?b?", text.strip().lower(), re.ASCII)
    if found is None or int(found[1]) == 0:
        raise ConfigError(f"--max-size {text!r} is not a size such as 10M or 10485760.")
    return int(found[1]) * _UNITS[found[2]]


def parse_listen(text: str) -> tuple[str, int]:
    """Host and port.  IPv6 addresses stand in brackets.  Raises `ConfigError`."""
    host, colon, port = text.rpartition(":")
    if not colon or not re.fullmatch(r"\d{1,5}", port, re.ASCII) or int(port) > 65535:  # noqa: PLR2004 - ports
        raise ConfigError(f"--listen {text!r} is not HOST:PORT, for example 127.0.0.1:7080.")
    return host.strip("[]") or "0.0.0.0", int(port)  # noqa: S104 - ":7080" asks for every address
