"""Until a claim is verified it costs at most 128 KiB of memory and 5 ms on the loop (INVARIANTS.md).

The largest of everything, sent by somebody whom the server does not know.  Each row is a kind of
request; what is looked at is the memory while they are held, what remains of a thousand of them, the
processor time of each and the loop's longest pause.
"""

import asyncio
import base64
import hashlib
import json
import secrets
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from ossia.client.signing_client import SigningClient
from ossia.protocol.dates import format_basic, format_http, format_iso_seconds
from slowness import slowness

pytestmark = [pytest.mark.slow, pytest.mark.alone]

MIB = 1024 * 1024
TIMES = 1000
AT_A_TIME = 20
HELD = 200
MOST_EACH = 128 * 1024
MOST_LEFT = 10 * MIB
MOST_ON_LOOP_S = 0.005
LONGEST_PAUSE_S = 0.05
LONGEST_TURN_S = AT_A_TIME * MOST_ON_LOOP_S
"""All that are sent at once may be answered in one turn of the loop."""
BUCKET = "strangers"
KNOWN = "LTAIknown"
"""A key id that exists: such ids stand in every presigned URL."""
FOR_ONE = "strangers-with-policy"
"""Has a policy, which is about somebody else."""
POLICY = {
    "Version": "1",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": ["oss:*"],
            "Principal": ["123456789"],
            "Resource": [f"acs:oss:*:*:{FOR_ONE}/*"],
        }
    ],
}


@dataclass(frozen=True)
class Probed:
    """A running `probed_server`."""

    port: int
    client: SigningClient

    def probe(self, *, reset: bool = False) -> dict[str, float]:
        url = f"http://127.0.0.1:{self.port}/-/probe{'?reset' if reset else ''}"
        found: dict[str, float] = json.loads(urllib.request.urlopen(url, timeout=30).read())
        return found


@pytest.fixture(scope="module")
def probed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Probed]:
    folder = tmp_path_factory.mktemp("strangers")
    script = str(Path(__file__).with_name("probed_server.py"))
    command = [sys.executable, script, str(folder), KNOWN, "secret"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            said = json.loads(process.stdout.readline())
            client = SigningClient(f"http://127.0.0.1:{said['port']}", KNOWN, "secret")
            assert client.request("PUT", BUCKET).status == 200
            assert client.request("PUT", FOR_ONE).status == 200
            policy = json.dumps(POLICY).encode()
            reply = client.request("PUT", FOR_ONE, query=[("policy", "")], body=policy)
            assert reply.status == 200
            yield Probed(said["port"], client)
        finally:
            process.kill()


# --- what is sent ---------------------------------------------------------------


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def http(method: str, target: str, headers: dict[str, str], body: bytes = b"") -> bytes:
    lines = [f"{method} {target} HTTP/1.1", "Host: 127.0.0.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if body and "Content-Length" not in headers:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


BOUNDARY = "9431149156168"


def form(fields: dict[str, str], end: bytes = b"") -> bytes:
    parts = "".join(
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    ).encode()
    return http(
        "POST",
        f"/{BUCKET}",
        {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}", "Content-Length": "90000000"},
        parts + end,
    )


FILE = (
    f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\nx\r\n'
).encode()


def unknown() -> str:
    """Another key id each time: what is remembered of one must not stay."""
    return f"LTAI{secrets.token_hex(10)}"


def v4(key_id: str) -> dict[str, str]:
    date = format_basic(now_ms())
    credential = f"{key_id}/{date[:8]}/cn-hangzhou/oss/aliyun_v4_request"
    return {
        "Authorization": f"OSS4-HMAC-SHA256 Credential={credential},Signature=00",
        "x-oss-date": date,
    }


def v1(key_id: str) -> dict[str, str]:
    return {"Authorization": f"OSS {key_id}:AAAA", "Date": format_http(now_ms())}


def v2(key_id: str) -> dict[str, str]:
    authorization = f"OSS2 AccessKeyId:{key_id},Signature:AAAA"
    return {"Authorization": authorization, "Date": format_http(now_ms())}


def named(headers: dict[str, str], names: str) -> dict[str, str]:
    """*headers* whose signature says that it covers *names*."""
    authorization = headers["Authorization"]
    sign = "=" if authorization.startswith("OSS4") else ":"
    return {**headers, "Authorization": f"{authorization},AdditionalHeaders{sign}{names}"}


MANY = {f"x{n}": "x" * 120 for n in range(185)}
MANY_NAMES = ";".join(MANY)


def delete(body: bytes, headers: dict[str, str], bucket: str = BUCKET) -> bytes:
    digest = base64.b64encode(hashlib.md5(body).digest()).decode()
    return http("POST", f"/{bucket}?delete", {**headers, "Content-MD5": digest}, body)


KEYS = b"<Delete>" + b"<Object><Key>k</Key></Object>" * 70_000 + b"</Delete>"
DEEP = b"<Delete>" + b"<a>" * 600_000
WIDE = b"<Delete " + b" ".join(b'a%d=""' % n for n in range(150_000)) + b"/>"
ENTITIES = b"<Delete><Quiet>" + b"&amp;" * 400_000 + b"</Quiet></Delete>"
CONTROLS = b"<Delete><Object><Key>" + b"&#1;" * 500_000 + b"</Key></Object></Delete>"
CDATA = b"<Delete><Object><Key>" + b"<![CDATA[\x01]]>" * 140_000 + b"</Key></Object></Delete>"


def rpc(pairs: dict[str, str], more: bytes = b"") -> bytes:
    named = {
        "Action": "AssumeRole",
        "Version": "2015-04-01",
        "AccessKeyId": unknown(),
        "Signature": "x",
        "SignatureMethod": "HMAC-SHA1",
        "SignatureVersion": "1.0",
        "SignatureNonce": secrets.token_hex(8),
        "Timestamp": format_iso_seconds(now_ms()),
        **pairs,
    }
    body = "&".join(f"{name}={value}" for name, value in named.items()).encode() + more
    return http("POST", "/", {"Content-Type": "application/x-www-form-urlencoded"}, body)


def oidc(header: bytes) -> bytes:
    token = base64.urlsafe_b64encode(header).decode().rstrip("=") + ".e30.AA"
    return rpc(
        {
            "Action": "AssumeRoleWithOIDC",
            "OIDCToken": token,
            "RoleArn": "acs:ram::1234567890123456:role/a",
            "OIDCProviderArn": "acs:ram::1234567890123456:oidc-provider/b",
            "RoleSessionName": "cc",
        }
    )


def in_head(**headers: str) -> bytes:
    return http(
        "GET", f"/{BUCKET}/k", {name.replace("_", "-"): value for name, value in headers.items()}
    )


Make = Callable[[], bytes]

KINDS: dict[str, Make] = {
    # B1, B2
    "form-credential-of-2-mb": lambda: form(
        {
            "key": "k",
            "policy": "e30=",
            "x-oss-signature-version": "OSS4-HMAC-SHA256",
            "x-oss-credential": secrets.token_hex(8) + "x" * 2 * MIB,
        }
    ),
    "form-credential-as-long-as-may-be": lambda: form(
        {
            "key": "k",
            "policy": "e30=",
            "x-oss-signature-version": "OSS4-HMAC-SHA256",
            "x-oss-credential": secrets.token_hex(8) + "x" * 8000,
            "x-oss-date": format_basic(now_ms()),
            "x-oss-signature": "0",
        },
        FILE,
    ),
    "form-policy": lambda: form(
        {"key": "k", "OSSAccessKeyId": unknown(), "Signature": "x", "policy": "A" * 65_000}, FILE
    ),
    "form-policy-too-long": lambda: form({"key": "k", "policy": "A" * 2 * MIB}),
    "form-fields": lambda: form({f"f{n}": "x" * 8000 for n in range(11)} | {"key": "k"}, FILE),
    "form-many-fields": lambda: form({f"f{n}": "" for n in range(2000)} | {"key": "k"}, FILE),
    "form-that-is-none": lambda: form(
        {"key": "k"}, b"--" + BOUNDARY.encode() + b"\r\nnonsense\r\n\r\n"
    ),
    # B3, B7
    "delete-anonymous": lambda: delete(KEYS, {}),
    "delete-by-nobody": lambda: delete(KEYS, v4(unknown())),
    "delete-deep": lambda: delete(DEEP, v1(unknown())),
    "delete-wide": lambda: delete(WIDE, {}),
    "delete-entities": lambda: delete(ENTITIES, {}),
    "delete-controls": lambda: delete(CONTROLS, {}, FOR_ONE),
    "delete-cdata": lambda: delete(CDATA, {}, FOR_ONE),
    # B4
    "admin-open": lambda: http("GET", "/-/api/openapi.json", {}, b"{" * 16_000_000),
    "admin-json": lambda: http(
        "POST", "/-/api/callbacks/recover", {}, b'{"a":"' + b"x" * 4 * MIB + b'"}'
    ),
    "admin-nested": lambda: http("POST", "/-/api/callbacks/recover", {}, b'{"a":' * 500_000),
    "admin-by-nobody": lambda: http(
        "POST", "/-/api/callbacks/recover", v4(unknown()), b"[" * 4 * MIB
    ),
    # B5, B6
    "rpc-body": lambda: rpc({}, b"&a=" + b"/" * 60_000),
    "rpc-body-too-long": lambda: rpc({}, b"&a=" + b"/" * 200_000),
    "rpc-parameters": lambda: rpc({}, b"&a" * 30_000),
    "rpc-encoded": lambda: rpc({}, b"&a=" + b"%2F" * 20_000),
    "oidc-nested-header": lambda: oidc(b'{"a":' * 2900),
    "oidc-long-header": lambda: oidc(b'{"alg":"RS256","a":"' + b"x" * 14_000 + b'"}'),
    # heads
    "host": lambda: (
        b"GET / HTTP/1.1\r\nHost: %b.%b.localhost\r\n\r\n"
        % (secrets.token_hex(8).encode(), b"a" * 30_000)
    ),
    "bucket": lambda: http("GET", "/" + secrets.token_hex(8) + "b" * 30_000, {}),
    "key": lambda: http("GET", f"/{BUCKET}/" + "%2F" * 10_000, {}),
    "key-id": lambda: in_head(**v1(secrets.token_hex(8) + "A" * 30_000)),
    "credential": lambda: in_head(**v4(secrets.token_hex(8) + "A" * 30_000)),
    "signature": lambda: http("GET", f"/{BUCKET}", v1(unknown() + ":" + "A" * 30_000)),
    "query-of-known": lambda: http(
        "GET", f"/{BUCKET}?" + "&".join(f"%41{n}=" + "%2F" * 35 for n in range(250)), v4(KNOWN)
    ),
    "query-of-known-v1": lambda: http(
        "GET", f"/{BUCKET}?" + "&".join(f"%41{n}=" + "%2F" * 35 for n in range(250)), v1(KNOWN)
    ),
    "query-of-known-v2": lambda: http(
        "GET", f"/{BUCKET}?" + "&".join(f"%41{n}=" + "a%2F" * 25 for n in range(250)), v2(KNOWN)
    ),
    "names-of-v4": lambda: in_head(**named(v4(KNOWN), "host;" * 5000 + "host")),
    "names-of-v2": lambda: in_head(**named(v2(KNOWN), "a;" * 14_000 + "a")),
    "headers-of-v4": lambda: in_head(**named(v4(KNOWN), MANY_NAMES), **MANY),
    "headers-of-v2": lambda: in_head(**named(v2(KNOWN), MANY_NAMES), **MANY),
    "date": lambda: in_head(Authorization="OSS a:b", Date=secrets.token_hex(8) + "x" * 30_000),
    "lines": lambda: http(
        "GET", f"/{BUCKET}", {f"x-oss-{n}": "y" * 100 for n in range(190)} | v4(unknown())
    ),
    "token": lambda: in_head(
        **v1("STS.a"), **{"x-oss-security-token": "CAIS" + secrets.token_hex(8_000)}
    ),
    "range": lambda: in_head(Range="bytes=" + ",".join(["1-2"] * 7_000)),
    "conditions": lambda: in_head(**{"If-Modified-Since": secrets.token_hex(15_000)}),
    "query": lambda: http("GET", f"/{BUCKET}?" + "a&" * 15_000, v1(unknown())),
    "query-encoded": lambda: http("GET", f"/{BUCKET}?a=" + "%2F" * 10_000, v4(unknown())),
    "url": lambda: http(
        "GET",
        f"/{BUCKET}/k?OSSAccessKeyId={unknown()}&Expires=9999999999&Signature=" + "x" * 30_000,
        {},
    ),
    "url-of-v4": lambda: http(
        "GET",
        f"/{BUCKET}/k?x-oss-signature-version=OSS4-HMAC-SHA256&x-oss-credential="
        + secrets.token_hex(15_000),
        {},
    ),
}


# --- sending it -----------------------------------------------------------------


async def send(port: int, content: bytes) -> int:
    """Send until an answer comes; its status, or 0 where the server just ended the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        answer = asyncio.ensure_future(reader.read(12))
        with suppress(ConnectionError):
            for start in range(0, len(content), 256 * 1024):
                writer.write(content[start : start + 256 * 1024])
                drained = asyncio.ensure_future(_drained(writer))
                await asyncio.wait({drained, answer}, return_when="FIRST_COMPLETED")
                if answer.done():
                    drained.cancel()
                    break
        with suppress(ConnectionError):
            head = await asyncio.wait_for(answer, 30)
            return int(head[9:12] or 0)
        return 0
    finally:
        writer.transport.abort()


async def _drained(writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        await writer.drain()


async def send_all(port: int, make: Make, times: int) -> set[int]:
    turns = asyncio.Semaphore(AT_A_TIME)
    found = set()

    async def one() -> None:
        async with turns:
            found.add(await send(port, make()))

    await asyncio.gather(*(one() for _ in range(times)))
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_a_thousand_of_each_leave_nothing(probed: Probed, kind: str) -> None:
    make = KINDS[kind]
    # What the first of a kind loads for good is no leak.
    asyncio.run(send_all(probed.port, make, 30))
    slow = slowness()
    before = probed.probe(reset=True)
    statuses = asyncio.run(send_all(probed.port, make, TIMES))
    slow = max(slow, slowness())
    answered = {200} if kind == "admin-open" else set()
    assert statuses <= {0, 400, 401, 403, 404, 405, 413, 431, 501} | answered, statuses
    seen = probed.probe()
    assert seen["spent_s"] / TIMES < MOST_ON_LOOP_S * slow
    assert seen["longest_s"] < LONGEST_TURN_S * slow
    left = settled(probed, before["resident"])
    assert left < MOST_LEFT, f"{left / MIB:.1f} MiB remain"


# An open bucket: strangers are as good as anybody.
OPEN = "strangers-welcome"


@pytest.mark.parametrize(
    "document", [KEYS, ENTITIES, CONTROLS, CDATA], ids=["keys", "entities", "controls", "cdata"]
)
def test_a_long_document_of_somebody_who_may_does_not_stop_the_loop(
    probed: Probed, document: bytes
) -> None:
    """B3: it is read beside the loop."""
    client = probed.client
    assert client.request("PUT", OPEN, headers={"x-oss-acl": "public-read-write"}).status == 200
    probed.probe(reset=True)
    assert asyncio.run(send(probed.port, delete(document, {}, OPEN))) == 400
    assert probed.probe()["longest_s"] < LONGEST_PAUSE_S


def settled(probed: Probed, before: float) -> float:
    """What remains of memory once the server had a moment."""
    for _ in range(100):
        left = probed.probe()["resident"] - before
        if left < MOST_LEFT:
            break
        time.sleep(0.1)
    return left


ANNOUNCED = {
    # B7: what is announced takes no memory, what has come takes what it is.
    "delete": lambda: http(
        "POST",
        f"/{BUCKET}?delete",
        {"Content-Length": "2000000", "Content-MD5": "AAAAAAAAAAAAAAAAAAAAAA=="},
    ),
    "admin-open": lambda: http(
        "GET", "/-/api/openapi.json", {"Content-Length": "16000000"}, b"{" * 1_000_000
    ),
    "form-headers": lambda: (
        form({}, f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="a"'.encode())
        + b"".join(b"\r\nx%d: " % n + b"x" * 15_000 for n in range(14))
    ),
    "rpc-in-small-pieces": lambda: (
        http(
            "POST",
            "/",
            {"Content-Type": "application/x-www-form-urlencoded", "Transfer-Encoding": "chunked"},
        )
        + b"2\r\naa\r\n" * 8_000
    ),
    "admin": lambda: http("POST", "/-/api/callbacks/recover", {"Content-Length": "16000000"}),
    "rpc": lambda: http(
        "POST",
        "/",
        {"Content-Type": "application/x-www-form-urlencoded", "Content-Length": "65000"},
        b"Action=A&" + b"a" * 60_000,
    ),
    "put": lambda: http("PUT", f"/{BUCKET}/k", {"Content-Length": "60000"}, b"x" * 59_000),
    "form": lambda: form({f"f{n}": "x" * 8000 for n in range(11)}),
    "form-policy": lambda: form({"policy": "A" * 65_000, "key": "k"}),
    "form-part": lambda: form(
        {"policy": "A" * 65_000},
        b"--" + BOUNDARY.encode() + b'\r\nContent-Disposition: form-data; name="x',
    ),
    "head": lambda: b"GET / HTTP/1.1\r\nHost: x\r\nx-a: " + b"a" * 32_000,
    "nothing": lambda: b"",
}


async def hold(port: int, make: Make, probe: Callable[[], dict[str, float]]) -> float:
    """The memory that the server occupies while so many are held."""
    lines = [await asyncio.open_connection("127.0.0.1", port) for _ in range(HELD)]
    try:
        for _, writer in lines:
            writer.write(make())
            with suppress(ConnectionError):  # refused already
                await writer.drain()
        await asyncio.sleep(0.5)
        return (await asyncio.to_thread(probe))["resident"]
    finally:
        for _, writer in lines:
            writer.transport.abort()


@pytest.mark.parametrize("kind", ANNOUNCED)
def test_what_is_held_is_small(probed: Probed, kind: str) -> None:
    asyncio.run(send_all(probed.port, ANNOUNCED["nothing"], 0))
    before = probed.probe(reset=True)["resident"]
    resident = asyncio.run(hold(probed.port, ANNOUNCED[kind], probed.probe))
    assert (resident - before) / HELD < MOST_EACH, (
        f"{(resident - before) / HELD / 1024:.0f} KiB each"
    )
    assert settled(probed, before) < MOST_LEFT
