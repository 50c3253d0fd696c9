"""Settings: one row each, from which flag, environment variable, TOML key and docs are made.

Precedence: flag, environment variable, TOML file, default.  The result is one frozen value that is
built at start-up and handed to constructors; no other module reads the environment.
"""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit


class SettingsError(ValueError):
    """A setting that cannot be used; the message is one line with the remedy."""


class Secret(str):
    """Text that does not show itself."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "***"


_CALLBACK_KEY_URLS = ("", "http://gosspublic.alicdn.com/", "https://gosspublic.alicdn.com/")
_SIGNATURES = ("v1", "v2", "v4")
_CALLBACK_SNI = ("always", "as-oss")
_CALLBACK_MODES = ("oss", "outbox", "commit-on-200")
_CALLBACK_LEAST = {
    "callback_limit": 1,
    "callback_limit_per_bucket": 1,
    "callback_retry_for": 0,
    "callback_log_days": 0,
    "callback_log_count": 0,
}
_MAX_CALLBACK_REPLY = 3 * 1024 * 1024
_LONGEST_DRAIN_S = 3600
_SHORTEST_DAY_S = 1
_NO_SECRET = Secret("")
_DATA = Path("./ossia-data")


@dataclass(frozen=True, slots=True)
class Row:
    """Where a setting comes from and what it means."""

    name: str
    kind: type
    default: Any
    text: str
    flag: str
    variable: str
    shown_default: str
    many: bool


def _row(
    default: Any,
    text: str,
    *,
    kind: type = str,
    flag: str = "",
    variable: str = "",
    shown: str = "",
    many: bool = False,
) -> Any:
    metadata = {
        "kind": kind,
        "text": text,
        "flag": flag,
        "variable": variable,
        "shown": shown,
        "many": many,
    }
    return field(default=default, metadata=metadata)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of `ossia serve`."""

    listen: str = _row("127.0.0.1:9000", "Address to listen on, HOST:PORT.")
    data: Path = _row(_DATA, "Folder for everything that is stored.", kind=Path)
    region: str = _row("cn-hangzhou", "Region name, as V4 signatures carry it.")
    domains: tuple[str, ...] = _row(
        ("localhost",),
        "Domain whose sub-domains name buckets (BUCKET.DOMAIN).",
        flag="--domain",
        many=True,
    )
    signatures: tuple[str, ...] = _row(
        _SIGNATURES,
        "Version of signatures that is accepted. V4 alone is the safest; V1 is what many SDKs use "
        "unless they are told otherwise.",
        many=True,
    )
    root_access_key_id: str = _row(
        "", "Root key id.", shown="generated on first start, kept in the data folder"
    )
    root_access_key_secret: Secret = _row(
        _NO_SECRET,
        "Root key secret.",
        kind=Secret,
        shown="generated on first start, kept in the data folder",
    )
    account_id: str = _row("", "Account id, 16 digits.", shown="generated on first start")
    workers: int = _row(
        0, "Worker processes; 0 means one per core.", kind=int, shown="the number of cores"
    )
    drain_seconds: float = _row(
        0.0,
        "Seconds to serve on after SIGTERM while /-/ready says 503, so that a balancer sends "
        "requests elsewhere first: more than it takes to notice. SIGINT, or a second SIGTERM, ends "
        "them.",
        kind=float,
        shown="0: nothing asks a server that stands alone whether it is ready",
    )
    request_limit: int = _row(
        256,
        "Requests that each worker works on at a time; more are refused with 503 and Retry-After. "
        "Uploads under way, and requests that wait for an application, do not count.",
        kind=int,
    )
    connection_limit: int = _row(
        32_768,
        "Connections of clients of each worker; more are answered with 503 and closed. Fewer where "
        "the process may not open so many files (a third of them).",
        kind=int,
    )
    limit_peer: tuple[str, ...] = _row(
        (),
        "Limit of each peer (an IPv4 address, an IPv6 /64; behind --proxies the client's): "
        "requests=RATE a second, requests=RATE/BURST, concurrent=NUMBER or connections=NUMBER at a "
        "time: more are refused with 503 and Retry-After; upload=RATE or download=RATE, bytes of "
        "objects a second such as 10MiB, or RATE/BURST: they wait for their turn. All workers "
        "count together.",
        many=True,
        shown="none",
    )
    limit_key: tuple[str, ...] = _row(
        (),
        "The same of each access key, without connections; the sessions of a role are one.",
        many=True,
        shown="none",
    )
    limit_bucket: tuple[str, ...] = _row(
        (),
        "The same of each bucket, without connections, whoever asks.",
        many=True,
        shown="none",
    )
    callback_allow: tuple[str, ...] = _row(
        (),
        "What callbacks may reach besides public addresses: an origin (http://host:port), a CIDR, "
        "'loopback' or 'private'. Given, it replaces the default.",
        many=True,
        shown="loopback, where both the listen address and the public URL are on loopback",
    )
    callback_timeout: float = _row(
        5.0, "Seconds to wait for the application server's answer.", kind=float
    )
    callback_max_reply: int = _row(
        1024 * 1024, "Bytes that an application's answer may have; at most 3 MB.", kind=int
    )
    callback_limit: int = _row(
        20_000, "Callbacks under way at a time in each worker; more are refused.", kind=int
    )
    callback_limit_per_bucket: int = _row(
        12_000, "The same for one bucket, so that one slow application leaves room.", kind=int
    )
    callback_mode: str = _row(
        "oss",
        "What an upload's callback guarantees: 'oss' (one attempt), 'outbox' (kept and tried again "
        "until accepted) or 'commit-on-200' (the object is visible only if accepted). A bucket may "
        "have its own.",
    )
    callback_sni: str = _row(
        "always",
        "Whether callbacks over TLS tell the name that they ask for: 'always', or 'as-oss', which "
        "is only where callbackSNI is true.",
    )
    callback_webhooks: bool = _row(
        default=False,
        text="Sign callbacks a second time, with the headers of Standard Webhooks (ed25519).",
        kind=bool,
    )
    callback_traceparent: bool = _row(
        default=False,
        text="Pass the W3C trace context of uploads on to the application.",
        kind=bool,
    )
    callback_retry_for: float = _row(
        24 * 3600.0, "Seconds for which mode 'outbox' tries before it gives up.", kind=float
    )
    callback_log_days: float = _row(7.0, "Days for which the delivery log is kept.", kind=float)
    callback_log_count: int = _row(
        100_000, "Rows of the delivery log that are kept at most.", kind=int
    )
    callback_sign_singly: bool = _row(
        default=False,
        text="Sign callbacks one by one, even where the extra 'batch-signing' is installed and "
        "could sign several at once for less.",
        kind=bool,
    )
    callback_key_url: str = _row(
        "",
        "Where callbacks say that the public key is found: http://gosspublic.alicdn.com/ (or "
        "https) for receivers that accept no other place, which must then reach this server by "
        "that name.",
        shown="this server's own URL",
    )
    oidc_allow: tuple[str, ...] = _row(
        (),
        "Where the keys of OIDC issuers may be fetched from besides public addresses, written like "
        "--callback-allow. An http:// issuer must be named here, or be on loopback where that is "
        "allowed.",
        many=True,
        shown="loopback, where both the listen address and the public URL are on loopback",
    )
    public_url: str = _row(
        "",
        "URL under which clients and callback receivers reach this server.",
        shown="http:// and the listen address",
    )
    proxies: tuple[str, ...] = _row(
        (),
        "Network of the balancers or proxies in front, as a CIDR. What they say in X-Forwarded-For "
        "and X-Forwarded-Proto is taken for the client's address and scheme: name nothing from "
        "where a client could connect himself.",
        many=True,
        shown="none",
    )
    console_listen: str = _row(
        "",
        "Address of an origin of its own for the console and the admin API it asks, HOST:PORT.",
        shown="the console is served at --listen",
    )
    metrics_listen: str = _row(
        "",
        "Address of its own for metrics, HOST:PORT; their path is /-/metrics. On loopback it asks "
        "for nothing unless there is a --metrics-key-file; elsewhere there must be one.",
        shown="at --listen, for who has the key or a policy",
    )
    metrics_key_file: str = _row(
        "",
        "File with the key that scrapers of /-/metrics send as `Authorization: Bearer KEY` "
        "(Prometheus: credentials_file).",
        shown="none",
    )
    metadata: str = _row(
        "sqlite",
        "Where metadata lives: 'sqlite' (in the data folder), 'memory', or a PostgreSQL that "
        "gateways share: postgresql://USER@HOST:PORT,HOST:PORT/DATABASE. Give a password in the "
        "environment or in a file.",
    )
    read_only: bool = _row(
        default=False,
        text="Refuse every change with 503 ServiceUnavailable: for the last pass of "
        "`ossia migrate`.",
        kind=bool,
    )
    patroni: tuple[str, ...] = _row(
        (),
        "Address of the Patroni of a PostgreSQL, http://HOST:PORT: one for each host of "
        "--metadata, in their order. It says which of them is the primary.",
        many=True,
    )
    metadata_timeout: float = _row(
        10.0,
        "Seconds in which the shared database has to answer; behind it the client is told to try "
        "again later.",
        kind=float,
    )
    master_key_file: str = _row(
        "",
        "File with the master key of gateways that share a database, made at the first start. "
        "Their keys in the database are sealed under it, those of encrypted objects included.",
        shown="none",
    )
    blobs: str = _row(
        "files",
        "Where bytes live: 'files' (in the data folder), 'memory', or an S3-speaking engine: "
        "s3://BUCKET/PREFIX?endpoint=https://HOST:PORT (http:// where nobody else can listen).",
    )
    blobs_access_key_id: str = _row("", "Key id for the engine of --blobs s3://…", shown="none")
    blobs_access_key_secret: Secret = _row(
        _NO_SECRET,
        "The secret of that key. Give it in the environment or in a file: flags are seen by "
        "everybody on the machine.",
        kind=Secret,
        shown="none",
    )
    blobs_timeout: float = _row(
        30.0,
        "Seconds in which that engine must have answered, all tries together; after that clients "
        "hear 503 ServiceUnavailable.",
        kind=float,
    )
    blobs_grace: float = _row(
        3600.0,
        "Seconds for which that engine keeps bytes that nobody refers to any more: longer than any "
        "download, and than a backup copies its bucket. The same for every gateway.",
        kind=float,
    )
    blobs_region: str = _row("us-east-1", "Region that requests to that engine are signed for.")
    blobs_ca: str = _row(
        "",
        "PEM file with certificates that its endpoint may be certified by, besides those that the "
        "system trusts.",
        shown="none",
    )
    restore_times: tuple[str, ...] = _row(
        ("3",),
        "Seconds that restoring an object takes: for all of them, for a storage class "
        "(ColdArchive=60) or for its tier (ColdArchive/Bulk=600); what is more precise counts. "
        "0 is at once; 'as-oss' is as long as the service takes. Nothing is copied meanwhile.",
        many=True,
    )
    lifecycle_interval: float = _row(
        60.0,
        "Seconds between two looks for lifecycle rules that are due: a bucket is gone through once "
        "a day, after midnight UTC, and when its rules change. 0 is never: this server leaves it "
        "to the others.",
        kind=float,
    )
    lifecycle_day: float = _row(
        24 * 3600.0,
        "Seconds that a day of lifecycle rules lasts, midnights included. Less is for tests, which "
        "see in minutes what takes months.",
        kind=float,
    )
    scrub_days: float = _row(
        30.0,
        "Days within which everything that is stored is read once, so that damage is found while "
        "backups still have what it was (docs/checking.md). 0 is never: this server leaves it to "
        "the others.",
        kind=float,
    )
    block_public_access: str = _row(
        "off",
        "Which buckets block public access from the beginning: 'off' (none) or 'new-buckets', as "
        "OSS does since October 2025.",
    )
    tls_certificate: str = _row("", "PEM file with the certificate chain; makes the port HTTPS.")
    tls_key: str = _row("", "PEM file with the private key of --tls-certificate.")
    access_log: bool = _row(default=False, text="Log every request, in one line.", kind=bool)
    log_format: str = _row(
        "text", "How log lines look: 'text' (event field=value) or 'json' (an object a line)."
    )
    log_file: str = _row(
        "",
        "File that log lines are appended to. One that is moved away (logrotate) is made anew; no "
        "signal is needed.",
        shown="standard error",
    )
    trace_endpoint: str = _row(
        "",
        "URL that OpenTelemetry traces are sent to by OTLP over HTTP, such as "
        "http://127.0.0.1:4318. Needs the extra 'traces'.",
        shown="no traces are made",
    )
    trace_ratio: float = _row(
        1.0,
        "Share of requests that are traced, 0 to 1, where whoever asks has not decided it "
        "(traceparent).",
        kind=float,
    )

    def host_and_port(self) -> tuple[str, int]:
        """The listen address.  IPv6 addresses stand in brackets."""
        return _host_and_port("--listen", self.listen)

    def console_host_and_port(self) -> tuple[str, int] | None:
        """The console's address, if it has one of its own."""
        return (
            _host_and_port("--console-listen", self.console_listen) if self.console_listen else None
        )

    def metrics_host_and_port(self) -> tuple[str, int] | None:
        """The address of metrics, if they have one of their own."""
        return (
            _host_and_port("--metrics-listen", self.metrics_listen) if self.metrics_listen else None
        )

    def proxy_networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """Whose word about their clients is taken."""
        return tuple(map(_proxy_network, self.proxies))

    @property
    def scrub_period_s(self) -> float:
        """Seconds within which the scrub reads everything; 0: it never does."""
        return self.scrub_days * 24 * 3600

    @property
    def worker_count(self) -> int:
        """How many processes serve.  What is in the memory of one no other can see."""
        if "memory" in {self.metadata, self.blobs}:
            return 1
        return self.workers or os.cpu_count() or 1

    @property
    def is_shared(self) -> bool:
        """Whether the metadata is in a database that gateways share."""
        return self.metadata.startswith(("postgresql://", "postgres://"))

    @property
    def needs_folder(self) -> bool:
        """Whether anything is kept in the data folder."""
        return self.metadata == "sqlite" or self.blobs == "files"

    @property
    def url(self) -> str:
        """The public URL without a trailing slash."""
        if self.public_url:
            return self.public_url.rstrip("/")
        return f"{self._scheme}://{self.listen}"

    @property
    def console_url(self) -> str:
        """Where the console is."""
        home = f"{self._scheme}://{self.console_listen}" if self.console_listen else self.url
        return f"{home}/-/console/"

    @property
    def metrics_url(self) -> str:
        """Where metrics are."""
        home = f"{self._scheme}://{self.metrics_listen}" if self.metrics_listen else self.url
        return f"{home}/-/metrics"

    @property
    def _scheme(self) -> str:
        return "https" if self.tls_certificate else "http"


def is_loopback(host: str) -> bool:
    """Whether *host*, a name or an address, is this machine and nobody else's."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _host_and_port(flag: str, text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdigit() or int(port) > 65535:  # noqa: PLR2004 - ports
        raise SettingsError(f"{flag} {text!r} is not HOST:PORT, for example 127.0.0.1:9000.")
    return host.strip("[]") or "0.0.0.0", int(port)  # noqa: S104 - ":9000" asks for every address


def _proxy_network(text: str) -> IPv4Network | IPv6Network:
    try:
        network = ip_network(text)
    except ValueError as error:
        raise SettingsError(
            f"--proxies {text!r} is not a network, for example 10.0.0.0/24 or 10.0.0.7."
        ) from error
    if not network.prefixlen:
        raise SettingsError(
            f"--proxies {text!r} is everybody: any client could choose its own address. Name the "
            "network of the balancers alone."
        )
    return network


def rows() -> list[Row]:
    """Every setting in the order of the documentation."""
    found = []
    for each in fields(Settings):
        about = each.metadata
        dashed = each.name.replace("_", "-")
        default = each.default
        shown = about["shown"] or _show(default)
        found.append(
            Row(
                each.name,
                about["kind"],
                default,
                about["text"],
                about["flag"] or f"--{dashed}",
                about["variable"] or f"OSSIA_{each.name.upper()}",
                shown,
                about["many"],
            )
        )
    return found


def _show(default: Any) -> str:
    if isinstance(default, bool):
        return "on" if default else "off"
    if isinstance(default, tuple):
        return ", ".join(default)
    return str(default)


def load(
    flags: Mapping[str, Any], environ: Mapping[str, str], config: Path | None = None
) -> Settings:
    """Settings from flags (None: not given), environment and an optional TOML file.

    Raises `SettingsError`.
    """
    filed = {} if config is None else _read_config(config)
    values: dict[str, Any] = {}
    for row in rows():
        given = flags.get(row.name)
        if given is not None and given != ():
            values[row.name] = _convert(row, given, row.flag)
        elif row.variable in environ:
            values[row.name] = _convert(row, environ[row.variable], row.variable)
        elif row.name in filed:
            values[row.name] = _convert(row, filed[row.name], f"{config}: {row.name}")
    settings = Settings(**values)
    _check(settings)
    return settings


def _read_config(path: Path) -> dict[str, Any]:
    try:
        table = tomllib.loads(path.read_text())
    except OSError as error:
        raise SettingsError(
            f"The configuration file {path} cannot be read: {error.strerror}."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"The configuration file {path} is not TOML: {error}.") from error
    known = {row.name for row in rows()}
    unknown = sorted(set(table) - known)
    if unknown:
        raise SettingsError(
            f"The configuration file {path} has an unknown key {unknown[0]!r}; "
            f"known are {', '.join(sorted(known))}."
        )
    return table


def _convert(row: Row, given: Any, source: str) -> Any:
    if row.many:
        parts = given.split(",") if isinstance(given, str) else given
        return tuple(str(part).strip() for part in parts if str(part).strip())
    if row.kind is bool:
        if isinstance(given, bool):
            return given
        if str(given).lower() in {"1", "true", "yes", "on"}:
            return True
        if str(given).lower() in {"0", "false", "no", "off", ""}:
            return False
        raise SettingsError(f"{source} is {given!r}; write true or false.")
    try:
        return row.kind(given)
    except (TypeError, ValueError) as error:
        wanted = "a number" if row.kind in (int, float) else "text"
        raise SettingsError(f"{source} is {given!r}; it must be {wanted}.") from error


_CHOICES = {
    "block_public_access": ("off", "new-buckets"),
    "log_format": ("text", "json"),
}


def _check(settings: Settings) -> None:
    settings.host_and_port()
    settings.console_host_and_port()
    settings.proxy_networks()
    _check_metrics(settings)
    _check_callbacks(settings)
    if bool(settings.tls_certificate) != bool(settings.tls_key):
        raise SettingsError("--tls-certificate and --tls-key must be given together.")
    if bool(settings.root_access_key_id) != bool(settings.root_access_key_secret):
        raise SettingsError(
            "--root-access-key-id and --root-access-key-secret must be given together."
        )
    unknown = sorted(set(settings.signatures) - set(_SIGNATURES))
    if unknown or not settings.signatures:
        raise SettingsError(
            f"--signatures {', '.join(unknown)!r} is not offered; use one or more of "
            f"{', '.join(_SIGNATURES)}."
        )
    _check_load(settings)
    if not 0 <= settings.drain_seconds <= _LONGEST_DRAIN_S:
        raise SettingsError(f"--drain-seconds must be between 0 and {_LONGEST_DRAIN_S}.")
    if settings.account_id and not (
        settings.account_id.isdigit() and len(settings.account_id) == 16  # noqa: PLR2004 - documented
    ):
        raise SettingsError("--account-id must have 16 digits.")
    for name, allowed in _CHOICES.items():
        if getattr(settings, name) not in allowed:
            raise SettingsError(
                f"--{name.replace('_', '-')} {getattr(settings, name)!r} is not offered; use "
                f"{' or '.join(allowed)}."
            )
    _check_metadata(settings)
    _check_blobs(settings)
    _check_background(settings)
    _check_traces(settings)
    if settings.metadata == "memory" and settings.workers > 1:
        raise SettingsError("--metadata memory works with one worker only: use --workers 1.")


def _check_load(settings: Settings) -> None:
    if settings.workers < 0:
        raise SettingsError("--workers must be 0 (one per core) or more.")
    for name in ("request_limit", "connection_limit"):
        if getattr(settings, name) < 1:
            raise SettingsError(f"--{name.replace('_', '-')} must be 1 or more.")


def _check_metrics(settings: Settings) -> None:
    place = settings.metrics_host_and_port()
    if place is not None and not is_loopback(place[0]) and not settings.metrics_key_file:
        raise SettingsError(
            f"--metrics-listen {settings.metrics_listen} can be reached from other machines: give "
            "--metrics-key-file with a key for whoever scrapes, or listen on 127.0.0.1."
        )


def _check_traces(settings: Settings) -> None:
    if not 0 <= settings.trace_ratio <= 1:
        raise SettingsError("--trace-ratio must be between 0 and 1.")
    if settings.trace_endpoint:
        place = urlsplit(settings.trace_endpoint)
        if place.scheme not in {"http", "https"} or not place.hostname or place.username:
            # What it is may hold a secret: it is not repeated.
            raise SettingsError(
                "--trace-endpoint is not a URL such as http://127.0.0.1:4318; a collector's key "
                "is given in the environment as OTEL_EXPORTER_OTLP_HEADERS."
            )


def _check_background(settings: Settings) -> None:
    if settings.lifecycle_interval < 0:
        raise SettingsError("--lifecycle-interval must be 0 (never) or more seconds.")
    if settings.lifecycle_day < _SHORTEST_DAY_S:
        raise SettingsError(f"--lifecycle-day must be {_SHORTEST_DAY_S} second or more.")
    if settings.scrub_days < 0:
        raise SettingsError("--scrub-days must be 0 (never) or more days.")


def _check_metadata(settings: Settings) -> None:
    if not settings.is_shared:
        if settings.metadata not in {"sqlite", "memory"}:
            # What it is may hold a secret: it is not repeated.
            raise SettingsError(
                "--metadata is not offered like this; use sqlite, memory or "
                "postgresql://USER@HOST:PORT/DATABASE."
            )
        if settings.patroni or settings.master_key_file:
            raise SettingsError(
                "--patroni and --master-key-file belong to --metadata postgresql://…"
            )
        return
    if not settings.master_key_file:
        raise SettingsError(
            "--metadata postgresql://… needs --master-key-file: a file, which is made where it is "
            "missing, with the key under which the gateways' keys are sealed in the database."
        )
    if settings.metadata_timeout <= 0:
        raise SettingsError("--metadata-timeout must be more than 0 seconds.")


def _check_blobs(settings: Settings) -> None:
    if settings.blobs in {"files", "memory"}:
        return
    if not settings.blobs.startswith("s3://"):
        # What it is may hold a secret: it is not repeated.
        raise SettingsError(
            "--blobs is not offered like this; use files, memory or "
            "s3://BUCKET/PREFIX?endpoint=https://HOST:PORT."
        )
    if settings.blobs_timeout <= 0:
        raise SettingsError("--blobs-timeout must be more than 0 seconds.")
    if settings.blobs_grace <= 0:
        raise SettingsError("--blobs-grace must be more than 0 seconds.")
    if not (settings.blobs_access_key_id and settings.blobs_access_key_secret):
        raise SettingsError(
            "--blobs s3://… needs a key: --blobs-access-key-id and, best in the environment, "
            "OSSIA_BLOBS_ACCESS_KEY_SECRET."
        )


def _check_callbacks(settings: Settings) -> None:
    if settings.callback_timeout <= 0:
        raise SettingsError("--callback-timeout must be more than 0 seconds.")
    if settings.callback_mode not in _CALLBACK_MODES:
        raise SettingsError(
            f"--callback-mode {settings.callback_mode!r} is not offered; use "
            f"{', '.join(_CALLBACK_MODES)}."
        )
    if settings.callback_sni not in _CALLBACK_SNI:
        raise SettingsError(
            f"--callback-sni {settings.callback_sni!r} is not offered; use "
            f"{' or '.join(_CALLBACK_SNI)}."
        )
    if not 1 <= settings.callback_max_reply <= _MAX_CALLBACK_REPLY:
        raise SettingsError(f"--callback-max-reply must be between 1 and {_MAX_CALLBACK_REPLY}.")
    for name, least in _CALLBACK_LEAST.items():
        if getattr(settings, name) < least:
            raise SettingsError(f"--{name.replace('_', '-')} must be {least} or more.")
    if settings.callback_key_url not in _CALLBACK_KEY_URLS:
        raise SettingsError(
            f"--callback-key-url {settings.callback_key_url!r} is not offered; use "
            f"{_CALLBACK_KEY_URLS[1]} or {_CALLBACK_KEY_URLS[2]}, or leave it out."
        )
