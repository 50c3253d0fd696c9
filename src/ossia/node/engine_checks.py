"""What ``ossia doctor`` asks of the engine of ``--blobs s3://…``: all that blobs need of it."""

import asyncio
import os
import ssl
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final
from urllib.error import HTTPError
from urllib.request import urlopen
from uuid import uuid4

from ossia.node.engine import BlobEngine, blob_engine
from ossia.node.finding import Finding
from ossia.ports import Missing, StorageFact
from ossia.settings import Settings, SettingsError

if TYPE_CHECKING:
    from ossia.adapters.s3 import Engine

SLOW_MS: Final = 30
APART_S: Final = 60
_SMALL: Final = 4096
_LARGE: Final = 8 * 1024 * 1024
_ROUNDS: Final = 5
_CALL: Final = "blobs"

REMEDIES: Final = (
    ("NoSuchBucket", "make the bucket, or name another with --blobs"),
    ("RequestTimeTooSkewed", "synchronise the clocks of both (NTP)"),
    ("InvalidAccessKeyId", "correct --blobs-access-key-id"),
    ("SignatureDoesNotMatch", "correct the secret (OSSIA_BLOBS_ACCESS_KEY_SECRET) or the region"),
    ("AccessDenied", "let this key put, get, list and delete objects of the bucket"),
)
_UNREACHED: Final = "start the engine, or correct the endpoint in --blobs"


def engine_findings(settings: Settings) -> Iterator[Finding]:
    """What is seen of the engine; nothing where blobs live elsewhere."""
    try:
        found = blob_engine(settings)
    except SettingsError as error:
        yield Finding(_CALL, ok=False, seen=str(error), remedy="correct it")
        return
    if found is not None:
        yield from asyncio.run(_examine(found))
        yield _clock(found)


async def _examine(found: BlobEngine) -> list[Finding]:
    engine, where = found.engine(), str(found.address)
    root = f"{found.address.prefix}/" if found.address.prefix else ""
    folder = f"{root}probe-{uuid4().hex}/"
    try:
        wrong = await _use(engine, folder)
        speed = await _measure(engine, folder)
    except StorageFact as error:
        return [Finding(_CALL, ok=False, seen=f"{where}: {error}", remedy=_remedy(str(error)))]
    finally:
        await _tidy_up(engine, folder)
    if wrong:
        return [
            Finding(
                _CALL,
                ok=False,
                seen=f"{where} {wrong}",
                remedy="use an engine that keeps what it acknowledges (Ceph is proven)",
            )
        ]
    plain = ", unencrypted" if found.address.is_plain else ""
    seen = f"{where}{plain}: what is written is read, in ranges too, listed and deleted"
    return [Finding(_CALL, ok=True, seen=seen), speed]


async def _use(engine: "Engine", folder: str) -> str:
    """Do once what blobs do; what is wrong with it, if anything."""
    name, content = f"{folder}00000", os.urandom(_LARGE)
    await engine.put(name, memoryview(content))
    if await engine.get(name, 0, _LARGE) != content:
        return "does not give back what was written just now"
    if await engine.get(name, 1000, 5000) != content[1000:6000]:
        return "gives back another range than it was asked for"
    if [each.text async for each in engine.names(folder)] != [name]:
        return "does not list what was written just now"
    await engine.delete([name, f"{folder}00001"])
    try:
        await engine.get(name, 0, 1)
    except Missing:
        return ""
    return "still has what was deleted"


async def _measure(engine: "Engine", folder: str) -> Finding:
    name, small, large = f"{folder}small", memoryview(bytes(_SMALL)), memoryview(bytes(_LARGE))
    put_ms = statistics.median([await _took_ms(engine.put, name, small) for _ in range(_ROUNDS)])
    get_ms = statistics.median([await _took_ms(engine.get, name, 0, 1) for _ in range(_ROUNDS)])
    megabytes_s = _LARGE / 1000 / await _took_ms(engine.put, f"{folder}large", large)
    seen = f"4 KiB are written in {put_ms:.1f} ms and read in {get_ms:.1f} ms, "
    seen += f"a chunk of 8 MiB is written at {megabytes_s:.0f} MB/s"
    if max(put_ms, get_ms) > SLOW_MS:
        # radosgw waits 40 ms for an acknowledgement of each small answer unless it is told not to.
        remedy = "use an engine that is nearer (of Ceph: rgw frontends = beast … tcp_nodelay=1)"
        return Finding("blobs speed", ok=False, seen=seen, remedy=remedy)
    return Finding("blobs speed", ok=True, seen=seen)


async def _took_ms(call: Callable[..., Awaitable[object]], *arguments: object) -> float:
    begun = time.perf_counter()
    await call(*arguments)
    return (time.perf_counter() - begun) * 1000


async def _tidy_up(engine: "Engine", folder: str) -> None:
    try:
        await engine.delete([f"{folder}{name}" for name in ("00000", "small", "large")])
    except StorageFact:
        # It was told already that the engine does not do what it is asked to.
        return


def _remedy(reason: str) -> str:
    return next((remedy for code, remedy in REMEDIES if code in reason), _UNREACHED)


def _clock(found: BlobEngine) -> Finding:
    """By the engine's clock, blobs have an age, and signatures end."""
    endpoint = found.address.endpoint or f"https://s3.{found.settings.blobs_region}.amazonaws.com"
    context = ssl.create_default_context()
    if found.root_certificate is not None:
        context.load_verify_locations(cadata=found.root_certificate.decode())
    try:
        date = _date(endpoint, context)
        apart_s = abs((parsedate_to_datetime(date) - datetime.now(UTC)).total_seconds())
    except (OSError, ValueError, TypeError):
        return Finding("blobs clock", ok=False, seen=f"{endpoint} does not tell", remedy=_UNREACHED)
    seen = f"the engine's clock is {apart_s:.0f} s from ours"
    if apart_s > APART_S:
        return Finding(
            "blobs clock", ok=False, seen=seen, remedy="synchronise the clocks of both (NTP)"
        )
    return Finding("blobs clock", ok=True, seen=seen)


def _date(endpoint: str, context: ssl.SSLContext) -> str:
    try:
        with urlopen(endpoint, timeout=5, context=context) as answer:  # noqa: S310 - http or https
            return str(answer.headers.get("Date", ""))
    except HTTPError as refusal:
        # Whatever it says to somebody without a key, it says when.
        return str(refusal.headers.get("Date", ""))
