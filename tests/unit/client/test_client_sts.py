import json
from urllib.parse import parse_qsl

import pytest

from ossia.client import Credentials, StsUnreachable, assume_role
from ossia.client.sts import Send
from ossia.errors import RpcError
from ossia.protocol.dates import parse_iso
from ossia.protocol.signature_rpc import RpcRequest, read_rpc_claim

ANSWER = {
    "RequestId": "6894B13B-6D71-4EF5-88FA-F32781734A7F",
    "AssumedRoleUser": {"Arn": "acs:ram::1:role/r/s", "AssumedRoleId": "3:s"},
    "Credentials": {
        "AccessKeyId": "STS.L4aBSCSJVMuKg5U1vFDw",
        "AccessKeySecret": "wyLTSmsyPGP1ohvvw8xYgB29dlGI8KMiH2pK",
        "SecurityToken": "CAISxyz+/=",
        "Expiration": "2015-04-09T11:52:19Z",
    },
}


class Wire:
    """Answers every request alike and keeps what was sent."""

    def __init__(self, status: int, body: bytes) -> None:
        self.answer = (status, body)
        self.url = ""
        self.body = b""

    def __call__(self, url: str, body: bytes) -> tuple[int, bytes]:
        self.url, self.body = url, body
        return self.answer

    @property
    def parameters(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


def assume(send: Send, *, policy: str | None = None) -> Credentials:
    return assume_role(
        "http://sts.example.com/",
        access_key_id="testid",
        secret="testsecret",
        role_arn="acs:ram::1234567890123456:role/oss-app",
        session_name="alice",
        duration_s=900,
        policy=policy,
        send=send,
    )


def test_credentials_are_read() -> None:
    assert assume(Wire(200, json.dumps(ANSWER).encode())) == Credentials(
        access_key_id="STS.L4aBSCSJVMuKg5U1vFDw",
        access_key_secret="wyLTSmsyPGP1ohvvw8xYgB29dlGI8KMiH2pK",
        security_token="CAISxyz+/=",
        expiration="2015-04-09T11:52:19Z",
    )


def test_request_is_signed() -> None:
    wire = Wire(200, json.dumps(ANSWER).encode())
    policy = '{"Version":"1","Statement":[{"Resource":"a b*~+"}]}'
    assume(wire, policy=policy)
    assert wire.url == "http://sts.example.com/"
    assert wire.parameters["Policy"] == policy
    assert wire.parameters["DurationSeconds"] == "900"
    headers = {b"content-type": b"application/x-www-form-urlencoded"}
    request = RpcRequest(b"POST", [], headers, wire.body)
    claim = read_rpc_claim(request, now_ms=parse_iso(wire.parameters["Timestamp"]))
    assert claim is not None
    claim.check("testsecret")


def test_no_policy_is_no_parameter() -> None:
    wire = Wire(200, json.dumps(ANSWER).encode())
    assume(wire)
    assert "Policy" not in wire.parameters


def test_secrets_are_not_shown() -> None:
    shown = repr(assume(Wire(200, json.dumps(ANSWER).encode())))
    assert "wyLTSmsy" not in shown
    assert "CAIS" not in shown


def test_refusal_of_sts() -> None:
    body = {"Code": "NoPermission", "Message": "You are not authorized.", "RequestId": "1"}
    with pytest.raises(RpcError, match="not authorized") as refused:
        assume(Wire(403, json.dumps(body).encode()))
    assert (refused.value.status, refused.value.code) == (403, "NoPermission")


@pytest.mark.parametrize(
    "wire",
    [
        pytest.param(Wire(200, b"<html>"), id="no-json"),
        pytest.param(Wire(200, b"{}"), id="no-credentials"),
        pytest.param(Wire(502, b'"Bad Gateway"'), id="not-an-object"),
        pytest.param(Wire(500, b"{}"), id="no-code"),
    ],
)
def test_answer_that_sts_does_not_give(wire: Wire) -> None:
    with pytest.raises(StsUnreachable, match="not as STS does"):
        assume(wire)


def test_nobody_there() -> None:
    def refuse(url: str, body: bytes) -> tuple[int, bytes]:
        raise ConnectionRefusedError(111, "Connection refused")

    with pytest.raises(StsUnreachable, match=r"cannot be reached at http://sts\.example\.com/"):
        assume(refuse)
