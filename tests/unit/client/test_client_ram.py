import json
from urllib.parse import parse_qsl

import pytest

from ossia.client.ram import RamClient, RamRefused, RamUnreachable
from ossia.protocol.dates import parse_iso
from ossia.protocol.signature_rpc import RpcRequest, read_rpc_claim


class Wire:
    """Gives one answer after the other and keeps what was sent."""

    def __init__(self, *answers: tuple[int, object]) -> None:
        self.answers = list(answers)
        self.sent: list[tuple[str, bytes]] = []

    def send(self, url: str, body: bytes) -> tuple[int, bytes]:
        self.sent.append((url, body))
        status, answer = self.answers.pop(0)
        return status, answer if isinstance(answer, bytes) else json.dumps(answer).encode()

    def parameters(self) -> dict[str, str]:
        return dict(parse_qsl(self.sent[-1][1].decode(), keep_blank_values=True))


def client_of(wire: Wire, security_token: str | None = None) -> RamClient:
    return RamClient("http://ram.internal", "LTAI", "secret", security_token, send=wire.send)


def test_a_call_is_signed() -> None:
    wire = Wire((200, {"RequestId": "1", "User": {"UserName": "a"}}))
    answer = client_of(wire, "CAIS+/=").call("CreateUser", UserName="a", Comments=None, Flag=True)
    assert answer["User"] == {"UserName": "a"}
    url, body = wire.sent[0]
    assert url == "http://ram.internal/"
    sent = wire.parameters()
    assert (sent["Action"], sent["Version"], sent["Flag"]) == ("CreateUser", "2015-05-01", "true")
    assert "Comments" not in sent
    headers = {b"content-type": b"application/x-www-form-urlencoded"}
    claim = read_rpc_claim(
        RpcRequest(b"POST", (), headers, body), now_ms=parse_iso(sent["Timestamp"])
    )
    assert claim is not None
    claim.check("secret")
    assert claim.security_token == "CAIS+/="


def test_another_version_may_be_asked() -> None:
    wire = Wire((200, {"RequestId": "1"}))
    client_of(wire).call("GetCallerIdentity", Version="2015-04-01")
    assert wire.parameters()["Version"] == "2015-04-01"


def test_lists_are_read_to_their_end() -> None:
    wire = Wire(
        (
            200,
            {"RequestId": "1", "Users": {"User": [{"n": 1}]}, "IsTruncated": True, "Marker": "m"},
        ),
        (200, {"RequestId": "2", "Users": {"User": [{"n": 2}]}, "IsTruncated": False}),
    )
    assert list(client_of(wire).each("ListUsers", "Users", "User")) == [{"n": 1}, {"n": 2}]
    assert wire.parameters()["Marker"] == "m"


def test_refusal_is_told() -> None:
    wire = Wire((404, {"RequestId": "1", "Code": "EntityNotExist.User", "Message": "no such"}))
    with pytest.raises(RamRefused, match=r"EntityNotExist\.User: no such") as refused:
        client_of(wire).call("GetUser", UserName="a")
    assert (refused.value.code, refused.value.status) == ("EntityNotExist.User", 404)


@pytest.mark.parametrize(
    "answer", [(200, b"<html>"), (200, {}), (502, b"[]"), (500, {"Code": "x"})]
)
def test_another_server_is_told(answer: tuple[int, object]) -> None:
    with pytest.raises(RamUnreachable, match="not as RAM and STS do"):
        client_of(Wire(answer)).call("ListUsers")


def test_no_server_is_told() -> None:
    def refuse(url: str, body: bytes) -> tuple[int, bytes]:
        raise ConnectionRefusedError("refused")

    client = RamClient("http://ram.internal", "LTAI", "secret", send=refuse)
    with pytest.raises(RamUnreachable, match="cannot be reached: refused"):
        client.call("ListUsers")
