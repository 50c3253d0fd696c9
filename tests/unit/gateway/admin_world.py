"""A gateway with the admin API over memory adapters, and a delivery log to look at."""

import json
from collections.abc import Mapping
from typing import Any

from gateway_world import KEYS, World

from ossia.access.authenticate import Authenticator
from ossia.api.admin.services import AdminServices
from ossia.api.oss import oss
from ossia.api.route import Router
from ossia.client.signing_client import SigningClient
from ossia.domain.callbacks.callbacks import Callbacks
from ossia.domain.callbacks.delivery_log import DeliveryLog
from ossia.domain.callbacks.outbox import Outbox
from ossia.domain.callbacks.recovery import Recovery
from ossia.domain.encryption.master_key import Rotated
from ossia.gateway.admin import AdminSide
from ossia.gateway.console import console_answer
from ossia.gateway.pipeline import Gateway
from ossia.http.message import Response
from ossia.ports import CallbackAnswer, CallbackFailure, CallbackFault
from ossia.protocol.address import Addressing
from ossia.records import CallbackMessage, Delivery

ACCEPTS = CallbackAnswer(
    status=200, headers={"content-length": "2", "content-type": "application/json"}, body=b"{}"
)
REFUSES = CallbackFailure(
    fault=CallbackFault.NOT_CONNECTED, detail="[Errno 111] refused", address="127.0.0.1:8000"
)


class AdminWorld(World):
    """Policies are attached to the user ``looker``, whose key `looker` signs with."""

    def __init__(self) -> None:
        super().__init__()
        self.log = DeliveryLog(self.metadata, self.clock)
        self.callbacks = Callbacks(self.sender, KEYS, self.clock, note=self.log.note)
        self.outbox = Outbox(self.metadata, self.callbacks, self.clock)
        self.gone: set[str] = set()
        self.closing = False
        side = AdminSide(
            AdminServices(
                identities=self.identities,
                buckets=self.gateway._services.buckets,
                objects=self.gateway._services.objects,
                public_access=self.gateway._services.public_access,
                callback_terms=self.gateway._services.callback_terms,
                delivery_log=self.log,
                recovery=Recovery(self.log, self.callbacks, self.outbox, self._is_stored),
                outbox=self.outbox,
                kms=self.kms,
                rotate_master_key=self._rotate_master_key,
                lifecycles=self.gateway._services.lifecycles,
                clock=self.clock,
                region="cn-test",
                is_closing=lambda: self.closing,
            ),
            Authenticator(self.identities, self.sessions, region=""),
            self.clock,
            region="cn-test",
            account_id="1234",
        )
        self.gateway = Gateway(
            Router(oss),
            self.gateway._services,
            Authenticator(self.identities, self.sessions, region="cn-test"),
            Addressing(["oss.test"]),
            self.clock,
            sides=(side.answer, console_answer),
        )

    async def _rotate_master_key(self) -> Rotated:
        keys, lost = await self.kms.reseal()
        return Rotated(keys, lost, "master.key", "Nothing.")

    async def _is_stored(self, bucket: str, key: str) -> bool:
        del bucket
        return key not in self.gone

    async def deliver(
        self,
        key: str = "a.txt",
        *,
        bucket: str = "mine",
        says: CallbackAnswer | CallbackFailure = REFUSES,
        urls: tuple[str, ...] = ("http://127.0.0.1:8000/cb",),
        body: bytes = b"bucket=mine",
        message: CallbackMessage | None = None,
    ) -> Delivery:
        """One attempt as an upload makes it; time goes on by a second."""
        self.clock.at += 1000
        self.sender.says = says
        message = message or CallbackMessage(
            id=f"msg_{key}",
            request_id=f"REQ{key}",
            bucket=bucket,
            key=key,
            operation="PutObject",
            requester="1234",
            urls=urls,
            body=body,
            body_type="application/x-www-form-urlencoded",
        )
        row = Delivery(
            id="", at=0, message=message, url=message.urls[0], headers={}, accepted=False
        )
        return await self.callbacks.replay(row)

    async def looker(self, *statements: Mapping[str, Any]) -> SigningClient:
        """A user with these statements as policy."""
        document = json.dumps({"Version": "1", "Statement": list(statements)})
        await self.identities.create_user("looker")
        await self.identities.create_policy("looking", document)
        await self.identities.attach_to_user("looking", "looker")
        key = await self.identities.create_access_key("looker")
        return self.signer(key.id, key.secret)

    async def get(
        self, path: str, by: SigningClient | None = None, method: str = "GET", /, **query: str
    ) -> Response:
        """Ask for a path below ``/-/api/``."""
        return await self.ask(method, "-", f"api/{path}", list(query.items()), by=by)

    async def post(self, path: str, by: SigningClient | None = None, /, **fields: Any) -> Response:
        """Send a JSON object to a path below ``/-/api/``."""
        return await self.send("POST", path, by, **fields)

    async def send(
        self, method: str, path: str, by: SigningClient | None = None, /, **fields: Any
    ) -> Response:
        """Send a JSON object by POST or PUT."""
        body = json.dumps(fields).encode()
        return await self.ask(method, "-", f"api/{path}", body=body, by=by)


def allow(action: str, *resources: str, effect: str = "Allow") -> dict[str, Any]:
    """One statement of a policy; a resource is what stands behind ``callbacks/``."""
    named = [f"acs:ossia:*:*:callbacks/{each}" for each in resources]
    return {"Effect": effect, "Action": action, "Resource": named or ["*"]}


def read(response: Response) -> Any:
    """The JSON of a good answer."""
    assert response.status == 200, response.body
    return json.loads(response.body)


def refusal(response: Response) -> tuple[int, str]:
    """Status and code of a refusal."""
    error = json.loads(response.body)["error"]
    headers = dict(response.headers)
    assert error["request_id"] == headers["x-oss-request-id"]
    assert error["message"]
    return response.status, error["code"]
