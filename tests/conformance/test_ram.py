"""Every operation of RAM against a real server, in JSON; a few in XML."""

import json
from urllib.error import HTTPError
from urllib.request import urlopen
from xml.etree import ElementTree as ET

import pytest

from ossia.api.ram import ram
from ossia.client.ram import RamClient, RamRefused
from ossia.client.sts import post
from ram_story import STORY, Teller
from running import Server


def test_the_story(server: Server) -> None:
    client = RamClient(server.endpoint, server.access_key_id, server.access_key_secret)
    teller = Teller(client, server.account_id)
    for told in STORY:
        teller.tell(told)


def test_every_operation_is_told_of() -> None:
    """With what it answers and with a refusal."""
    done = {told.action for told in STORY if isinstance(told.answer, dict)}
    refused = {told.action for told in STORY if isinstance(told.answer, str)}
    offered = {name for _, name in ram.operations}
    assert offered - done == set()
    assert offered - refused == set()


def test_xml(server: Server) -> None:
    bodies: list[bytes] = []

    def keep(url: str, body: bytes) -> tuple[int, bytes]:
        status, answer = post(url, body)
        bodies.append(answer)
        return status, b'{"RequestId":"1","Code":"","Message":""}'

    client = RamClient(server.endpoint, server.access_key_id, server.access_key_secret, None, keep)
    client.call("ListPolicies", Format="XML", PolicyType="System", MaxItems=2)
    with pytest.raises(RamRefused):
        client.call("GetUser", Format="XML", UserName="no<body")
    root, error = (ET.fromstring(body) for body in bodies)  # noqa: S314 - our own answers
    assert root.tag == "ListPoliciesResponse"
    assert root.findtext("IsTruncated") == "true"
    assert [each.findtext("PolicyName") for each in root.findall("Policies/Policy")] == [
        "AdministratorAccess",
        "AliyunOSSFullAccess",
    ]
    assert (error.tag, error.findtext("Code")) == (
        "Error",
        "InvalidParameter.UserName.InvalidChars",
    )


@pytest.mark.parametrize(
    "query", ["Action=ListUsers&Version=2015-05-01", "Action=GetCallerIdentity&Version=2015-04-01"]
)
def test_header_and_body_have_one_request_id(server: Server, query: str) -> None:
    with pytest.raises(HTTPError) as caught:
        urlopen(f"{server.endpoint}/?{query}")
    with caught.value as refused:
        body = json.loads(refused.read())
        assert refused.headers["x-acs-request-id"] == body["RequestId"] != ""


@pytest.mark.parametrize("action", ["GetAccountAlias", "GetPasswordPolicy", "CreateLoginProfile"])
def test_what_is_not_offered(server: Server, action: str) -> None:
    client = RamClient(server.endpoint, server.access_key_id, server.access_key_secret)
    with pytest.raises(RamRefused) as caught:
        client.call(action)
    assert (caught.value.code, caught.value.status) == ("InvalidApi.NotFound", 404)
