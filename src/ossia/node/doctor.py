"""``ossia doctor``: look at everything a server depends on and say what to do where it is wrong."""

import asyncio
import contextlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import click

from ossia.adapters.callback_sender import CallbackClient
from ossia.adapters.crypto_mb import LANES, CryptoMb
from ossia.adapters.data_folder import BLOBS, DataFolder, DataFolderError, FolderInUseError
from ossia.adapters.filesystem import allows_direct
from ossia.node.callback_key_files import key_files
from ossia.node.database_checks import database_findings
from ossia.node.engine_checks import engine_findings
from ossia.node.finding import Finding
from ossia.node.master_key_check import folder_master_key_finding
from ossia.node.reach import callback_targets
from ossia.node.supervisor import bind
from ossia.ports import CallbackAnswer, CallbackAttempt
from ossia.private_files import is_open_to_all, is_open_to_others, open_to_others
from ossia.protocol.callback_signature import KEY_BITS, CallbackKey
from ossia.settings import Settings, SettingsError

LOW_SPACE = 1024**3
SLOW_SYNC_MS = 50
EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)
"""Older than this program: a clock before it is wrong."""


def examine(settings: Settings, *, callback_url: str | None, as_json: bool) -> int:
    """Run every check; 0 if all is well, 1 otherwise."""
    findings = list(_findings(settings, callback_url))
    if as_json:
        click.echo(json.dumps([asdict(each) for each in findings], indent=2))
    else:
        for each in findings:
            mark = click.style("ok  ", fg="green") if each.ok else click.style("bad ", fg="red")
            click.echo(f"{mark} {each.check:<13} {each.seen}")
            if each.remedy:
                click.echo(f"     {'':<13} -> {each.remedy}")
    return 0 if all(each.ok for each in findings) else 1


def _findings(settings: Settings, callback_url: str | None) -> Iterator[Finding]:
    for check in _checks(settings):
        yield check(settings)
    yield from database_findings(settings)
    yield from engine_findings(settings)
    if callback_url is not None:
        yield asyncio.run(_callback(settings, callback_url))


def _checks(settings: Settings) -> tuple[Callable[[Settings], Finding], ...]:
    """Those that matter where the settings keep things."""
    folder: tuple[Callable[[Settings], Finding], ...] = (_secrets, _folder, _space, _file_system)
    spool = (_spool,) if settings.blobs.startswith("s3:") else ()
    if not settings.needs_folder:
        folder = (_tls_key,) if settings.tls_key else ()
    keys = (_callback_key, folder_master_key_finding) if settings.metadata == "sqlite" else ()
    return (*folder, *spool, _port, _clock, *keys, _batch_signing)


def _folder(settings: Settings) -> Finding:
    existed = settings.data.exists()
    try:
        with DataFolder.open(settings.data):
            seen = f"{settings.data} can be used"
    except FolderInUseError:
        return Finding("folder", ok=True, seen=f"{settings.data} is in use by a running server")
    except DataFolderError as error:
        return Finding("folder", ok=False, seen=str(error), remedy="choose another with --data")
    finally:
        if not existed:
            shutil.rmtree(settings.data, ignore_errors=True)
    return Finding("folder", ok=True, seen=seen)


def _secrets(settings: Settings) -> Finding:
    """Files of the data folder, and the TLS key, that others can read."""
    found = list(open_to_others(settings.data, apart_from=BLOBS))
    if settings.tls_key and is_open_to_all(Path(settings.tls_key)):
        found.append(Path(settings.tls_key))
    return _private(found, f"nobody else can read files in {settings.data}")


def _tls_key(settings: Settings) -> Finding:
    """The same where there is no data folder."""
    path = Path(settings.tls_key)
    return _private([path] if is_open_to_all(path) else [], f"nobody else can read {path}")


def _private(found: list[Path], all_is_well: str) -> Finding:
    if found:
        more = f" and {len(found) - 1} more" if found[1:] else ""
        return Finding(
            "secrets",
            ok=False,
            seen=f"{found[0]}{more} can be read by others",
            remedy="chmod 600 " + " ".join(map(str, found)),
        )
    return Finding("secrets", ok=True, seen=all_is_well)


def _existing(path: Path) -> Path:
    """*path* or the nearest folder above it that exists."""
    path = path.absolute()
    while not path.exists():
        path = path.parent
    return path


def _space(settings: Settings) -> Finding:
    free = shutil.disk_usage(_existing(settings.data)).free
    seen = f"{free / 1024**3:.1f} GiB free"
    if free < LOW_SPACE:
        return Finding(
            "space", ok=False, seen=seen, remedy="make room, or use another disk (--data)"
        )
    return Finding("space", ok=True, seen=seen)


def _spool(settings: Settings) -> Finding:
    """Where uploads on their way to the engine are gathered when memory is used up."""
    folder = _existing(settings.data) if settings.needs_folder else Path(tempfile.gettempdir())
    free = shutil.disk_usage(folder).free
    seen = f"{free / 1024**3:.1f} GiB free in {folder} for uploads that find no memory"
    if free < LOW_SPACE:
        remedy = "make room" if settings.needs_folder else "make room, or set TMPDIR"
        return Finding("spool", ok=False, seen=seen, remedy=remedy)
    return Finding("spool", ok=True, seen=seen)


def _file_system(settings: Settings) -> Finding:
    """How long a small durable write takes, and whether O_DIRECT works."""
    folder = _existing(settings.data)
    try:
        with tempfile.NamedTemporaryFile(dir=folder) as file:
            begun = time.perf_counter()
            for _ in range(5):
                file.write(b"x" * 4096)
                file.flush()
                os.fdatasync(file.fileno())
            took_ms = (time.perf_counter() - begun) * 200
    except OSError as error:
        return Finding(
            "file system",
            ok=False,
            seen=f"cannot write to {folder}: {error.strerror}",
            remedy="choose a writable folder with --data",
        )
    direct = "with O_DIRECT" if allows_direct(str(folder)) else "without O_DIRECT (page cache)"
    seen = f"a durable 4 KiB write takes {took_ms:.1f} ms, {direct}"
    if took_ms > SLOW_SYNC_MS:
        return Finding("file system", ok=False, seen=seen, remedy="use a faster or local disk")
    return Finding("file system", ok=True, seen=seen)


def _port(settings: Settings) -> Finding:
    if _is_ours(settings):
        return Finding("port", ok=True, seen=f"{settings.listen} is served by Ossia already")
    try:
        for sockets in bind(settings, 1):
            for listening in sockets:
                listening.close()
    except SettingsError as error:
        return Finding("port", ok=False, seen=str(error), remedy="choose another with --listen")
    return Finding("port", ok=True, seen=f"{settings.listen} is free")


def _is_ours(settings: Settings) -> bool:
    with contextlib.suppress(OSError, ValueError):
        return _health(settings)[0] == 200  # noqa: PLR2004 - OK
    return False


def _health(settings: Settings) -> tuple[int, str]:
    request = Request(f"{settings.url}/-/health")  # noqa: S310 - our own URL, http or https
    with urlopen(request, timeout=2) as answer:  # noqa: S310 - as above
        return answer.status, answer.headers.get("Date", "")


def _clock(settings: Settings) -> Finding:
    """Signatures allow 15 minutes: a wrong clock refuses every client."""
    now = datetime.now(UTC)
    seen = f"{now:%Y-%m-%d %H:%M:%S} UTC"
    if now < EARLIEST:
        return Finding(
            "clock", ok=False, seen=seen, remedy="set the clock (timedatectl set-ntp true)"
        )
    with contextlib.suppress(OSError, ValueError):
        apart = abs((parsedate_to_datetime(_health(settings)[1]) - now).total_seconds())
        if apart > 60:  # noqa: PLR2004 - a minute
            return Finding(
                "clock",
                ok=False,
                seen=f"{seen}, but the server at {settings.url} is {apart:.0f} s off",
                remedy="synchronise both clocks (NTP)",
            )
    return Finding("clock", ok=True, seen=seen)


def _callback_key(settings: Settings) -> Finding:
    """The first key that is not in order, otherwise the one that signs."""
    paths = key_files(settings.data)
    if not paths:
        return Finding("callback key", ok=True, seen="will be made on first start")
    findings = [_examine_key(path) for path in paths.values()]
    return next((each for each in findings if not each.ok), findings[-1])


def _examine_key(path: Path) -> Finding:
    try:
        CallbackKey.load(path.read_bytes())
    except (OSError, ValueError) as error:
        return Finding(
            "callback key",
            ok=False,
            seen=f"{path} cannot be used: {error}",
            remedy="restore it from a backup, or remove it to have a new one made",
        )
    if is_open_to_others(path):
        return Finding(
            "callback key",
            ok=False,
            seen=f"{path} can be read by others",
            remedy=f"chmod 600 {path}",
        )
    return Finding("callback key", ok=True, seen=f"{path} is in order")


def _batch_signing(settings: Settings) -> Finding:
    """Whether callbacks that begin together are signed together; either is in order."""
    if settings.callback_sign_singly:
        seen = "switched off by --callback-sign-singly"
    elif (library := CryptoMb.find()) is None:
        how = ".venv/bin/pip install -e '.[batch-signing]'"
        seen = f"not installed, callbacks are signed one by one ({how})"
    elif not library.supports(KEY_BITS):
        seen = "this processor has no AVX-512 IFMA, callbacks are signed one by one"
    else:
        seen = f"crypto_mb signs up to {LANES} callbacks at once"
    return Finding("batch signing", ok=True, seen=seen)


async def _callback(settings: Settings, url: str) -> Finding:
    """Send what a callback would send, unsigned, and tell what came back."""
    place = urlsplit(url)
    if place.scheme not in {"http", "https"} or not place.hostname:
        return Finding(
            "callback", ok=False, seen=f"{url!r} is not a URL", remedy="write http://host:port/path"
        )
    sender = CallbackClient(callback_targets(settings), timeout_s=settings.callback_timeout)
    body = b"ossia-doctor=1"
    attempt = CallbackAttempt(
        scheme=place.scheme,
        host=place.hostname,
        port=place.port or (443 if place.scheme == "https" else 80),
        target=(place.path or "/") + (f"?{place.query}" if place.query else ""),
        headers={
            "Host": place.netloc,
            "Content-Length": str(len(body)),
            "Content-Type": "application/x-www-form-urlencoded",
            "User-Agent": "ossia-doctor",
            "Connection": "close",
        },
        body=body,
    )
    try:
        outcome = await sender.send(attempt)
    finally:
        await sender.close()
    if isinstance(outcome, CallbackAnswer):
        seen = f"{url} answers {outcome.status} in {outcome.timings.total_us // 1000} ms"
        if outcome.status >= 500:  # noqa: PLR2004 - server errors
            return Finding("callback", ok=False, seen=seen, remedy="look at the receiver's own log")
        # 400 is what a receiver should answer to an unsigned request.
        return Finding("callback", ok=True, seen=f"{seen} (the request was not signed)")
    return Finding(
        "callback",
        ok=False,
        seen=f"{url} is not reached: {outcome.detail}",
        remedy="start the receiver, or allow its address with --callback-allow",
    )
