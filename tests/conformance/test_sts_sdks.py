"""The official SDKs obtain and use temporary credentials: ACS3 and RPC 1.0, over loopback."""

# mypy: disable-error-code="import-untyped"

import asyncio
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import time_ns
from typing import Any

import pytest
from alibabacloud_sts20150401.client import Client
from alibabacloud_sts20150401.models import AssumeRoleRequest
from alibabacloud_tea_openapi.models import Config
from aliyunsdkcore.acs_exception.exceptions import ServerException
from aliyunsdkcore.auth.credentials import AccessKeyCredential, StsTokenCredential
from aliyunsdkcore.client import AcsClient
from aliyunsdkcore.request import RpcRequest as CoreRequest
from darabonba.exceptions import DaraException

from federating import federation_of
from ossia.api.sts import RpcService, is_rpc
from ossia.domain.identity.identities import Identities
from ossia.domain.identity.sessions import Sessions
from ossia.protocol.address import parse_query
from ossia.protocol.signature_rpc import RpcRequest
from ossia.records import AccessKey
from stored import in_memory

TRUST = (
    '{"Version":"1","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",'
    '"Principal":{"RAM":["acs:ram::1234:root"]}}]}'
)
POLICY = '{"Version":"1","Statement":[{"Effect":"Allow","Action":["oss:PutObject"],"Resource":["acs:oss:*:*:b/user a/*"]}]}'
ROLE = "acs:ram::1234:role/app"


class WallClock:
    def now_ms(self) -> int:
        return time_ns() // 1_000_000


async def _prepare(identities: Identities) -> AccessKey:
    await identities.create_user("alice")
    await identities.attach_to_user("AliyunSTSAssumeRoleAccess", "alice")
    await identities.create_role("app", TRUST)
    return await identities.create_access_key("alice")


def _handler(service: RpcService) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            headers = {n.lower().encode(): v.encode("latin-1") for n, v in self.headers.items()}
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            query = parse_query(self.path.partition("?")[2].encode())
            assert is_rpc(headers, query)
            request = RpcRequest(self.command.encode(), query, headers, body)
            answer = asyncio.run(service.answer_rpc(request, host=self.headers["host"]))
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.content_type)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        do_GET = do_POST  # noqa: N815 - its name

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name
            pass

    return Handler


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[str, AccessKey]]:
    clock = WallClock()
    store = in_memory(clock)
    identities = Identities(
        store, clock, account_id="1234", root_access_key_id="ROOT", root_access_key_secret="root"
    )
    key = asyncio.run(_prepare(identities))
    sessions = Sessions(identities.store, clock)
    service = RpcService(identities, sessions, federation_of(identities), store, clock)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(service))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"127.0.0.1:{server.server_address[1]}", key
    server.shutdown()
    server.server_close()
    thread.join()


def _tea(endpoint: str, key_id: str, secret: str, token: str | None = None) -> Client:
    return Client(
        Config(
            access_key_id=key_id,
            access_key_secret=secret,
            security_token=token,
            endpoint=endpoint,
            protocol="http",
        )
    )


def _assume(name: str = "alice") -> AssumeRoleRequest:
    return AssumeRoleRequest(
        role_arn=ROLE, role_session_name=name, duration_seconds=900, policy=POLICY
    )


def test_alibabacloud_sts(served: tuple[str, AccessKey]) -> None:
    endpoint, key = served
    assumed = _tea(endpoint, key.id, key.secret).assume_role(_assume()).body
    assert assumed.assumed_role_user.arn == "acs:ram::1234:role/app/alice"
    given = assumed.credentials
    assert given.access_key_id.startswith("STS.")
    assert given.expiration.endswith("Z")
    session = _tea(endpoint, given.access_key_id, given.access_key_secret, given.security_token)
    who = session.get_caller_identity().body
    assert who.identity_type == "AssumedRoleUser"
    assert who.arn == "acs:ram::1234:assumed-role/app/alice"
    assert (who.account_id, who.principal_id) == ("1234", assumed.assumed_role_user.assumed_role_id)


def test_alibabacloud_sts_understands_refusals(served: tuple[str, AccessKey]) -> None:
    endpoint, key = served
    for client, code in (
        (_tea(endpoint, key.id, "wrong"), "SignatureDoesNotMatch"),
        (_tea(endpoint, "LTAIx", "wrong"), "InvalidAccessKeyId.NotFound"),
        (_tea(endpoint, "ROOT", "root"), "NoPermission"),
    ):
        with pytest.raises(DaraException) as caught:
            client.assume_role(_assume())
        assert caught.value.code == code


def _rpc(endpoint: str, action: str, method: str, **parameters: str) -> Any:
    request = CoreRequest("Sts", "2015-04-01", action)
    request.set_endpoint(endpoint)
    request.set_method(method)
    request.set_protocol_type("http")
    for name, value in parameters.items():
        if method == "POST":
            request.add_body_params(name, value)
        else:
            request.add_query_param(name, value)
    return request


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_aliyun_python_sdk_core(served: tuple[str, AccessKey], method: str) -> None:
    endpoint, key = served
    client = AcsClient(region_id="cn-hangzhou", credential=AccessKeyCredential(key.id, key.secret))
    request = _rpc(
        endpoint, "AssumeRole", method, RoleArn=ROLE, RoleSessionName="bob", Policy=POLICY
    )
    given = json.loads(client.do_action_with_exception(request))["Credentials"]
    session = AcsClient(
        region_id="cn-hangzhou",
        credential=StsTokenCredential(
            given["AccessKeyId"], given["AccessKeySecret"], given["SecurityToken"]
        ),
    )
    who = json.loads(session.do_action_with_exception(_rpc(endpoint, "GetCallerIdentity", method)))
    assert who["Arn"] == "acs:ram::1234:assumed-role/app/bob"


def test_aliyun_python_sdk_core_explains_a_wrong_secret(served: tuple[str, AccessKey]) -> None:
    endpoint, key = served
    client = AcsClient(region_id="cn-hangzhou", credential=AccessKeyCredential(key.id, "wrong"))
    with pytest.raises(ServerException) as caught:
        client.do_action_with_exception(_rpc(endpoint, "GetCallerIdentity", "GET"))
    # It compares the server's string to sign with its own, and finds them equal.
    assert "InvalidAccessKeySecret" in str(caught.value)
