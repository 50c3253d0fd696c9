"""Callback policies, triggers and callback keys through a gateway without sockets."""

import base64
import json

import pytest
from gateway_world import KEY, World, code, element, header

from ossia.ports import CallbackAnswer
from ossia.protocol.checksums import md5_hex

POLICY = [("policy", ""), ("comp", "callback")]
PROCESS = [("x-oss-process", "")]


def encoded(value: object) -> str:
    return base64.b64encode(json.dumps(value).encode()).decode()


CALLBACK = encoded(
    {"callbackUrl": "http://127.0.0.1:8000/", "callbackBody": "${operation} ${x:a} ${x:b}"}
)


def document(name: str, callback: str, variables: str = "") -> bytes:
    return (
        f"<BucketCallbackPolicy><PolicyItem><PolicyName>{name}</PolicyName>"
        f"<Callback>{callback}</Callback><CallbackVar>{variables}</CallbackVar>"
        "</PolicyItem></BucketCallbackPolicy>"
    ).encode()


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
async def bucket(world: World) -> str:
    assert (await world.ask("PUT", "bucket")).status == 200
    return "bucket"


async def test_policies(world: World, bucket: str) -> None:
    absent = await world.ask("GET", bucket, query=POLICY)
    assert (absent.status, code(absent)) == (404, "BucketCallbackPolicyNotExist")
    content = document("p", CALLBACK, encoded({"x:a": "1", "x:b": "1"}))
    assert (await world.ask("PUT", bucket, query=POLICY, body=content)).status == 200
    assert (await world.ask("GET", bucket, query=POLICY)).body.endswith(content)
    told = {
        "x-oss-callback": encoded({"callbackPolicy": "p"}),
        "x-oss-callback-var": encoded({"x:b": "2"}),
    }
    assert (await world.ask("PUT", bucket, "k", headers=told, body=b"x")).status == 200
    assert world.sender.attempts[-1].body == b"PutObject 1 2"
    bad = await world.ask("PUT", bucket, query=POLICY, body=document("p", "%"))
    assert (bad.status, element(bad, "EC")) == (400, "0007-00000002")
    assert (await world.ask("DELETE", bucket, query=POLICY)).status == 204
    unknown = await world.ask("PUT", bucket, "n", headers=told, body=b"x")
    assert (unknown.status, code(unknown)) == (400, "InvalidArgument")
    assert (await world.ask("GET", bucket, "n")).status == 404


async def test_triggers(world: World, bucket: str) -> None:
    body = f"x-oss-process=trigger/callback,callback_{CALLBACK},callback-var_".encode()
    assert code(await world.ask("POST", bucket, "k", PROCESS, body=body)) == "NoSuchKey"
    await world.ask("PUT", bucket, "k", body=b"x")
    digest = base64.b64encode(bytes.fromhex(md5_hex(body))).decode()
    done = await world.ask("POST", bucket, "k", PROCESS, {"Content-MD5": digest}, body)
    assert (done.status, done.body) == (200, b'{"Status":1} ')
    assert header(done, "Content-Type") == "application/json"
    assert world.sender.attempts[-1].body == b"ProcessObject  "
    wrong = {"Content-MD5": base64.b64encode(bytes(16)).decode()}
    assert code(await world.ask("POST", bucket, "k", PROCESS, wrong, body)) == "InvalidDigest"
    world.sender.says = CallbackAnswer(status=404, headers={}, body=b"")
    failed = await world.ask("POST", bucket, "k", PROCESS, body=body)
    assert (failed.status, code(failed)) == (203, "CallbackFailed")


@pytest.mark.parametrize(
    ("actions", "denied"),
    [
        (["oss:GetObject"], "oss:PostProcessTask"),
        (["oss:PostProcessTask"], "oss:GetObject"),
        (["oss:PostProcessTask", "oss:GetObject"], ""),
    ],
)
async def test_a_trigger_needs_two_permissions(
    world: World, bucket: str, actions: list[str], denied: str
) -> None:
    await world.ask("PUT", bucket, "k", body=b"x")
    statement = {"Effect": "Allow", "Action": actions, "Resource": "acs:oss:*:*:bucket/*"}
    await world.identities.create_user("u")
    policy = json.dumps({"Version": "1", "Statement": [statement]})
    await world.identities.create_policy("p", policy)
    await world.identities.attach_to_user("p", "u")
    key = await world.identities.create_access_key("u")
    body = f"x-oss-process=trigger/callback,callback_{CALLBACK}".encode()
    by = world.signer(key.id, key.secret)
    reply = await world.ask("POST", bucket, "k", PROCESS, body=body, by=by)
    assert reply.status == (403 if denied else 200)
    assert element(reply, "AuthAction") == denied
    assert len(world.sender.attempts) == (not denied)


@pytest.mark.parametrize(
    ("body", "refusal"),
    [
        (b"", "InvalidArgument"),
        (b"x-oss-process=trigger/callback", "InvalidArgument"),
        (b"x-oss-process=image/info", "NotImplemented"),
    ],
)
async def test_bad_processes(world: World, bucket: str, body: bytes, refusal: str) -> None:
    await world.ask("PUT", bucket, "k", body=b"x")
    assert code(await world.ask("POST", bucket, "k", PROCESS, body=body)) == refusal
    assert world.sender.attempts == []


async def test_one_way_per_request(world: World, bucket: str) -> None:
    told = {"x-oss-callback": CALLBACK}
    for query in ([("callback", CALLBACK)], [("callback-var", "e30=")]):
        refused = await world.ask("PUT", bucket, "k", query, told, b"x")
        assert (refused.status, element(refused, "EC")) == (400, "0007-00000027")


@pytest.mark.parametrize(
    ("method", "path", "host", "status"),
    [
        ("GET", "/callback_pub_key_v1.pem", "gosspublic.alicdn.com", 200),
        ("HEAD", "/callback_pub_key_v1.pem", "gosspublic.alicdn.com:8080", 200),
        ("GET", "/-/callback/public_key.pem", "oss.test", 200),
        ("GET", "/-/callback/public_key.pem", "gosspublic.alicdn.com", 200),
        ("POST", "/callback_pub_key_v1.pem", "gosspublic.alicdn.com", 405),
        ("GET", "/callback_pub_key_v2.pem", "gosspublic.alicdn.com", 404),
        ("GET", "/callback_pub_key_v1.pem", "gosspublic.alicdn.com.evil", 404),
        ("GET", "/callback_pub_key_v1.pem", "oss.test", 404),
        ("GET", "/-/callback/public_key_2.pem", "oss.test", 404),
    ],
)
async def test_keys(world: World, method: str, path: str, host: str, status: int) -> None:
    found = await world.hand(method, path, {"host": host})
    assert found.status == status
    assert (found.body == KEY.public_pem()) == (status == 200)
