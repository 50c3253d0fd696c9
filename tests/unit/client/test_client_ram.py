"""Calls of RAM: what is sent, what is made of the answers."""

import json
from typing import Any
from urllib.error import URLError
from urllib.parse import parse_qs

import pytest

from ossia.client.ram import RamClient, RamRefused, RamUnreachable


class Says:
    """Answers with what is left to say, and keeps what it heard."""

    def __init__(self, *answers: tuple[int, Any]) -> None:
        self.answers = list(answers)
        self.heard: list[dict[str, str]] = []

    def __call__(self, url: str, body: bytes) -> tuple[int, bytes]:
        assert url == "http://ram/"
        self.heard.append({name: values[0] for name, values in parse_qs(body.decode()).items()})
        status, answer = self.answers.pop(0)
        return status, answer if isinstance(answer, bytes) else json.dumps(answer).encode()


def client(says: Any, token: str | None = None) -> RamClient:
    return RamClient("http://ram", "AK", "secret", token, says)


def test_a_call_is_signed_and_says_what_is_given() -> None:
    says = Says((200, {"RequestId": "1", "User": {"UserName": "a"}}), (200, {"RequestId": "2"}))
    ram = client(says, "token")
    assert ram.call("GetUser", UserName="a", Comments=None) == {
        "RequestId": "1",
        "User": {"UserName": "a"},
    }
    ram.call("CreateOIDCProvider", Version="2019-08-15", IssuanceLimitTime=3, Flag=True)
    first, second = says.heard
    assert (
        first.items()
        >= {
            "Action": "GetUser",
            "Version": "2015-05-01",
            "UserName": "a",
            "AccessKeyId": "AK",
            "SecurityToken": "token",
        }.items()
    )
    assert first["Signature"]
    assert "Comments" not in first
    assert second.items() >= {"Version": "2019-08-15", "IssuanceLimitTime": "3"}.items()
    assert second["Flag"] == "true"
    assert first["SignatureNonce"] != second["SignatureNonce"]


def test_lists_are_read_to_their_end() -> None:
    pages = (
        (
            200,
            {
                "RequestId": "1",
                "IsTruncated": True,
                "Marker": "a",
                "Users": {"User": [{"UserName": "a"}]},
            },
        ),
        (200, {"RequestId": "1", "IsTruncated": False, "Users": {"User": [{"UserName": "b"}]}}),
    )
    says = Says(*pages)
    found = client(says).each("ListUsers", "Users", "User")
    assert [each["UserName"] for each in found] == ["a", "b"]
    assert [heard.get("Marker") for heard in says.heard] == [None, "a"]


def test_a_refusal_is_raised() -> None:
    says = Says((404, {"Code": "EntityNotExist.User", "Message": "no"}))
    with pytest.raises(RamRefused) as caught:
        client(says).call("GetUser", UserName="x")
    refused = caught.value
    assert (refused.code, refused.message, refused.status) == ("EntityNotExist.User", "no", 404)


@pytest.mark.parametrize("answer", [(200, b"<html>"), (200, {}), (500, {}), (502, b"[]")])
def test_what_ram_would_not_say_is_told_apart(answer: tuple[int, Any]) -> None:
    with pytest.raises(RamUnreachable, match="not as RAM"):
        client(Says(answer)).call("ListUsers")


def test_an_endpoint_that_is_not_there() -> None:
    def refuse(_url: str, _body: bytes) -> tuple[int, bytes]:
        raise URLError(ConnectionRefusedError("refused"))

    with pytest.raises(RamUnreachable, match="cannot be reached"):
        client(refuse).call("ListUsers")
