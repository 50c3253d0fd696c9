"""``ossia up``: the server with a bucket, user and role to try, and the app server beside it.

What the demonstration makes is what an operator would make: a bucket with CORS, a RAM user that may
only assume a role, and a role that may only write to the bucket.
"""

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import click

from ossia.domain.buckets.buckets import CORS
from ossia.domain.identity.identities import role_arn
from ossia.errors import RpcError
from ossia.node.bootstrap import Node
from ossia.node.keys import NodeKeys
from ossia.node.serve import serve
from ossia.private_files import write_private
from ossia.protocol.cors import CorsConfiguration, CorsRule, render_cors
from ossia.protocol.names import is_bucket_name
from ossia.settings import Settings, SettingsError

USER = "ossia-demo-app"
ROLE = "ossia-demo-uploader"
POLICY = "ossia-demo-upload"
LOOK_POLICY = "ossia-demo-look"
CONFIG = "config.json"
POLICY_FILE = "policy/bucket_write_policy.txt"
PAGE_CORS = CorsConfiguration(
    (CorsRule(("*",), ("POST", "PUT", "GET", "HEAD"), ("*",), ("ETag", "x-oss-request-id"), 600),)
)
STARTS_WITHIN_S = 10


def up(settings: Settings, *, appserver: str, bucket: str, as_json: bool) -> int:
    """Run everything until it is stopped; the result is the exit code."""
    if not is_bucket_name(bucket):
        raise SettingsError(
            f"--bucket {bucket!r} may not be a bucket: use 3 to 63 lower-case letters, digits and "
            "inner hyphens."
        )
    _refuse_taken(appserver)
    app: list[subprocess.Popen[bytes]] = []

    def prepare(bound: Settings, keys: NodeKeys, folder: Path | None) -> None:
        if folder is None:
            raise SettingsError("ossia up needs a data folder: leave --metadata and --blobs alone.")
        config = asyncio.run(_prepare(bound, keys, folder, bucket))
        app.append(_start_app_server(bound, config, appserver, bucket))

    def ready(bound: Settings, keys: NodeKeys, folder: Path | None) -> None:
        del keys, folder
        _await_app_server(appserver, app[0])
        page = f"http://{appserver}/"
        if as_json:
            event = {"event": "page", "url": page, "endpoint": bound.url, "bucket": bucket}
            print(json.dumps(event), flush=True)  # noqa: T201 - the CLI's output
        else:
            click.echo(f"Open {page} and drop a photo on it.\n")
            sys.stdout.flush()

    try:
        return serve(settings, as_json=as_json, prepare=prepare, ready=ready)
    finally:
        for process in app:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(5)
            process.kill()


def _refuse_taken(address: str) -> None:
    host, _, port = address.rpartition(":")
    try:
        with socket.create_server((host, int(port))):
            pass
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"The application server cannot listen on {address}: {error}. Choose another address "
            "with --appserver."
        ) from error


async def _prepare(settings: Settings, keys: NodeKeys, folder: Path, bucket_name: str) -> Path:
    """Make bucket, user, role and policy where they are missing; the app server's config."""
    node = Node(settings, keys, folder)
    try:
        bucket = await node.buckets.create(
            bucket_name, keys.account_id, acl=None, storage_class="Standard", redundancy="LRS"
        )
        await node.buckets.set_document(bucket, CORS, render_cors(PAGE_CORS))
        home = folder / "appserver"
        config = home / CONFIG
        if not config.exists() or await node.identities.find_user(USER) is None:
            home.mkdir(mode=0o700, exist_ok=True)
            await _make_identities(node, keys.account_id, bucket_name)
            key = await node.identities.create_access_key(USER)
            written = app_config(key.id, key.secret, keys.account_id)
            (home / "policy").mkdir(mode=0o700, exist_ok=True)
            write_private(home / POLICY_FILE, write_policy(bucket_name).encode())
            write_private(config, json.dumps(written, indent=2).encode())
        await _let_app_look(node, bucket_name)
        return config
    finally:
        await node.close()


async def _make_identities(node: Node, account_id: str, bucket: str) -> None:
    identities = node.identities
    with suppress(RpcError):
        await identities.create_user(USER, comments="The demonstration's application server")
    with suppress(RpcError):
        await identities.create_policy(POLICY, write_policy(bucket))
    with suppress(RpcError):
        await identities.create_role(ROLE, trust_policy(account_id))
    for attached in (
        identities.attach_to_role(POLICY, ROLE),
        identities.attach_to_user("AliyunSTSAssumeRoleAccess", USER),
        # A V1 form is signed with the user's own key, so the user may do what the form does.
        identities.attach_to_user(POLICY, USER),
    ):
        with suppress(RpcError):
            await attached


async def _let_app_look(node: Node, bucket: str) -> None:
    """Let the user see what was uploaded by token; not the role, whose tokens are for uploads."""
    identities = node.identities
    with suppress(RpcError):
        await identities.create_policy(LOOK_POLICY, read_policy(bucket))
    with suppress(RpcError):
        await identities.attach_to_user(LOOK_POLICY, USER)


def app_config(access_key_id: str, secret: str, account_id: str) -> dict[str, str]:
    """The application server's ``config.json``."""
    return {
        "AccessKeyID": access_key_id,
        "AccessKeySecret": secret,
        "RoleArn": role_arn(account_id, ROLE),
        "TokenExpireTime": "900",
        "PolicyFile": POLICY_FILE,
    }


def trust_policy(account_id: str) -> str:
    """Lets users of the account assume the role."""
    statement = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"RAM": [f"acs:ram::{account_id}:root"]},
    }
    return json.dumps({"Version": "1", "Statement": [statement]})


def read_policy(bucket: str) -> str:
    """May fetch what the bucket holds, and nothing else."""
    statement = {
        "Effect": "Allow",
        "Action": ["oss:GetObject"],
        "Resource": [f"acs:oss:*:*:{bucket}/*"],
    }
    return json.dumps({"Version": "1", "Statement": [statement]}, indent=2)


def write_policy(bucket: str) -> str:
    """May upload into the bucket, and nothing else."""
    statement = {
        "Effect": "Allow",
        "Action": ["oss:PutObject", "oss:ListParts", "oss:AbortMultipartUpload"],
        "Resource": [f"acs:oss:*:*:{bucket}/*"],
    }
    return json.dumps({"Version": "1", "Statement": [statement]}, indent=2)


def _start_app_server(
    settings: Settings, config: Path, address: str, bucket: str
) -> "subprocess.Popen[bytes]":
    command = [
        sys.executable,
        "-m",
        "ossia",
        "appserver",
        "--listen",
        address,
        "--config",
        str(config),
        "--endpoint",
        settings.url,
        "--region",
        settings.region,
        "--bucket",
        bucket,
        "--store",
        str(config.parent / "uploads.sqlite3"),
        # Standard output is ours: with --json a script reads it.
        "--quiet",
        "--log-format",
        settings.log_format,
    ]
    return subprocess.Popen(command, env={**os.environ})  # noqa: S603 - our own program


def _await_app_server(address: str, process: "subprocess.Popen[bytes]") -> None:
    """Return when the application server accepts connections."""
    host, _, port = address.rpartition(":")
    until = time.monotonic() + STARTS_WITHIN_S
    while process.poll() is None and time.monotonic() < until:
        with suppress(OSError), socket.create_connection((host, int(port)), STARTS_WITHIN_S):
            return
        time.sleep(0.02)
    raise SettingsError(f"The application server did not start on {address}; see what it says.")
