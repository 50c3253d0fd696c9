"""``ossia appserver``: read flags and ``config.json``, bind, serve.

Starlette and uvicorn are imported when everything else is right: a mistake in the configuration is
told at once.
"""

import json
import os
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from ossia.appserver import config as settings
from ossia.appserver.config import AppConfig, ConfigError
from ossia.logs.lines import LINES
from ossia.logs.outlet import log_to_standard_error
from ossia.private_files import is_open_to_all

if TYPE_CHECKING:
    from ossia.appserver.grant import Hook

_Command = Callable[..., None]


def _option(flag: str, text: str, **keywords: Any) -> Callable[[_Command], _Command]:
    return click.option(flag, help=text, show_envvar=True, **keywords)


@click.command(
    context_settings={
        "auto_envvar_prefix": "OSSIA_APP",
        "help_option_names": ["-h", "--help"],
        "show_default": True,
    }
)
@_option("--listen", "Address to listen on, HOST:PORT.", default="127.0.0.1:7080")
@_option(
    "--config",
    "config.json with AccessKeyID, AccessKeySecret, RoleArn, TokenExpireTime and PolicyFile.",
    default="config.json",
    type=click.Path(path_type=Path),
)
@_option(
    "--endpoint",
    "The object storage, for this server and for STS.",
    default="http://127.0.0.1:9000",
)
@_option(
    "--public-endpoint",
    "The object storage as browsers reach it.",
    default="",
    show_default="the endpoint",
)
@_option(
    "--sts-endpoint",
    "Where roles are assumed.",
    default="",
    show_default="the endpoint; sts.REGION.aliyuncs.com for the real OSS",
)
@_option("--region", "Region name, as V4 signatures carry it.", default="cn-hangzhou")
@_option("--bucket", "Bucket of the uploads; without one there are tokens only.", default="")
@_option(
    "--addressing",
    "How browsers address the bucket; auto: by path at IP addresses and names without a dot.",
    default="auto",
    type=click.Choice(["auto", "path", "virtual"]),
)
@_option("--dir", "Prefix of the keys that forms may write.", default="user-dir/")
@_option(
    "--callback-url",
    "URL under which the object storage reaches this server.",
    default="",
    show_default="http://LISTEN/callback",
)
@_option(
    "--callback-var",
    "Form field that callbacks pass on, beginning with x: (repeatable).",
    default=["x:name"],
    multiple=True,
)
@_option("--max-size", "Largest file that forms may upload, such as 10M.", default="1000M")
@_option("--expire", "Seconds that a form is valid.", default=60, type=click.IntRange(1, 604_800))
@_option("--store", "SQLite file with what was uploaded.", default="uploads.sqlite3", type=Path)
@_option(
    "--hook",
    "Python function that knows who may upload what, MODULE:FUNCTION; without one, everybody may.",
    default="",
)
@_option(
    "--cors-origin",
    "Origin whose pages may read tokens and forms, cookies included (repeatable).",
    multiple=True,
    show_default="every origin, without cookies; none with --hook",
)
@_option(
    "--trusted-key-url",
    "Public key whose callbacks count (repeatable).",
    multiple=True,
    show_default="ENDPOINT/-/callback/; gosspublic.alicdn.com for the real OSS",
)
@_option("--log-format", "How log lines look.", default="text", type=click.Choice([*LINES]))
@click.option(
    "--init",
    metavar="DIR",
    allow_from_autoenv=False,
    help="Write a config.json and policy files to start from into DIR, then stop.",
)
@click.option(
    "--json", "as_json", is_flag=True, allow_from_autoenv=False, help="Print events as JSON lines."
)
@click.option(
    "--quiet", is_flag=True, allow_from_autoenv=False, help="Print nothing on standard output."
)
def appserver(*, init: str | None, as_json: bool, quiet: bool, **flags: Any) -> None:
    """Run the customer's side: token server, policy signer, callback receiver, upload page."""
    try:
        if init is not None:
            config = settings.write_samples(Path(init))
            click.echo(f"Fill in {config}, then: ossia appserver --config {config} --bucket NAME")
            return
        log_to_standard_error(flags["log_format"])
        _serve(flags, as_json=as_json, quiet=quiet)
    except ConfigError as error:
        click.echo(f"ossia appserver: {error}", err=True)
        sys.exit(2)


def _serve(flags: dict[str, Any], *, as_json: bool, quiet: bool) -> None:
    host, port = settings.parse_listen(flags["listen"])
    with _bind(host, port) as listening:
        _serve_at(listening, host, flags, as_json=as_json, quiet=quiet)


def _serve_at(
    listening: socket.socket, host: str, flags: dict[str, Any], *, as_json: bool, quiet: bool
) -> None:
    port = listening.getsockname()[1]
    config = build_config(flags, host, port)
    hook = _hook(flags["hook"], config)
    if is_open_to_all(flags["config"]):
        # It may be somebody else's to change, so it is said and not done.
        remedy = f"chmod 600 {flags['config']}"
        click.echo(f"ossia appserver: others can read {flags['config']}: {remedy}", err=True)
    _reach_directly(flags["endpoint"])

    import uvicorn  # noqa: PLC0415 - see the module's first lines

    from ossia.appserver.app import create_app  # noqa: PLC0415 - same
    from ossia.appserver.uploads import Uploads  # noqa: PLC0415 - same

    app = create_app(config, Uploads(flags["store"]), hook=hook)
    server = uvicorn.Server(
        uvicorn.Config(
            app, log_config=None, log_level="warning", access_log=False, server_header=False
        )
    )
    # From here on connections wait until they are served.
    listening.listen(128)
    if not quiet:
        url = f"http://{f'[{host}]' if ':' in host else host}:{port}/"
        click.echo(_greeting(config, url, as_json=as_json))
        sys.stdout.flush()
    with suppress(KeyboardInterrupt):
        server.run(sockets=[listening])


def build_config(flags: dict[str, Any], host: str, port: int) -> AppConfig:
    """The configuration of a server at *host* and *port*.  Raises `ConfigError`."""
    endpoint = settings.check_endpoint("--endpoint", flags["endpoint"])
    return settings.app_config(
        flags["config"],
        endpoint=endpoint,
        callback_url=flags["callback_url"] or settings.callback_url(host, port, endpoint),
        bucket=flags["bucket"],
        public_endpoint=flags["public_endpoint"],
        sts_endpoint=flags["sts_endpoint"],
        region=flags["region"],
        addressing=flags["addressing"],
        directory=flags["dir"],
        callback_variables=flags["callback_var"],
        max_size=flags["max_size"],
        form_lifetime_s=flags["expire"],
        trusted_key_urls=flags["trusted_key_url"],
        cors_origins=flags["cors_origin"],
        signed_in=bool(flags["hook"]),
    )


def _hook(name: str, config: AppConfig) -> "Hook | None":
    if not name:
        return None
    from ossia.appserver.grant import load_hook  # noqa: PLC0415 - see the module's first lines
    from ossia.appserver.session_policy import require_bucket  # noqa: PLC0415 - same

    require_bucket(config)
    return load_hook(name)


def _bind(host: str, port: int) -> socket.socket:
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, proto)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
        except OSError:
            listening.close()
            raise
    except OSError as error:
        raise ConfigError(
            f"Cannot listen on {host}:{port}: {error.strerror or error}; stop the other program or "
            "choose another address with --listen."
        ) from error
    return listening


def _reach_directly(endpoint: str) -> None:
    """Do not ask a proxy of the environment for a server of our own."""
    if settings.is_real_oss(endpoint):
        return
    known = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
    host = urlsplit(endpoint).hostname or ""
    os.environ["no_proxy"] = f"{known},{host}" if known else host


def _greeting(config: AppConfig, url: str, *, as_json: bool) -> str:
    if as_json:
        event = {
            "event": "ready",
            "url": url,
            "bucket": config.bucket,
            "callback_url": config.callback_url,
            "upload_host": config.upload_host,
        }
        return json.dumps(event)
    return f"""
The application server is ready.

  upload page   {url}
  token         {url}token
  policy        {url}policy
  uploads       {url}uploads
  callback      {config.callback_url}

Stop with Ctrl-C.
"""
