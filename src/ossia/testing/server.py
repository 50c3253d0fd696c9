"""A server for tests, ready in a few hundredths of a second.

::

    with TestServer() as server:
        bucket = server.bucket()
        ...any SDK, with server.endpoint, server.access_key_id and server.access_key_secret...
        bucket.assert_object("a.txt", content=b"hello")

Everything is in memory unless a folder is given, and ends with the test process at the latest.
"""

import json
import secrets
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from urllib.error import HTTPError
from urllib.request import urlopen

from ossia.client.ram import RamClient
from ossia.client.signing_client import SigningClient
from ossia.client.sts import Credentials, assume_role
from ossia.logs.lines import read_lines
from ossia.receiver.verify import VerifiedCallback, verify
from ossia.testing import nursery
from ossia.testing.access import Access
from ossia.testing.bucket import TestBucket
from ossia.testing.clock import MovableClock
from ossia.testing.closing import Closing
from ossia.testing.inbox import Received

_OK: Final = 200
_LENDER: Final = "testing-lender"
_LINES_WITHIN_S: Final = 5.0
_LOOK_EVERY_S: Final = 0.02


@dataclass(frozen=True, slots=True)
class Heard:
    """A request that the server has answered."""

    method: str
    path: str
    status: int
    request_id: str
    operation: str


class TestServer(Closing):
    """A server of its own, from construction to `close`.

    *settings* are those of docs/settings.md by their names: ``callback_timeout=0.5``.  With *data*
    it stores in that folder, and another server finds there what it stored.  Raises
    `ServerNotStartedError`.
    """

    __test__ = False  # pytest: no class of tests

    def __init__(
        self, data: Path | None = None, *, movable_clock: bool = False, **settings: object
    ) -> None:
        key_id, secret = f"LTAI5t{secrets.token_hex(9)}", secrets.token_hex(15)
        wanted = {
            "listen": "127.0.0.1:0",
            "workers": 1,
            "access_log": True,
            "log_format": "json",
            "root_access_key_id": key_id,
            "root_access_key_secret": secret,
            **_stored_in(data),
            **settings,
        }
        clock = MovableClock() if movable_clock else None
        self._nursery = nursery.of_this_process()
        try:
            self._born = self._nursery.start(wanted, None if clock is None else clock.file)
        except BaseException:
            if clock is not None:
                clock.close()
            raise
        ready = self._born.ready
        self.access = Access(
            endpoint=ready["endpoint"],
            region=ready["region"],
            account_id=ready["account_id"],
            access_key_id=str(wanted["root_access_key_id"]),
            access_key_secret=str(wanted["root_access_key_secret"]),
            clock=clock,
        )
        self.endpoint = self.access.endpoint
        self.region = self.access.region
        self.account_id = self.access.account_id
        self.access_key_id = self.access.access_key_id
        self.access_key_secret = self.access.access_key_secret
        self.public_key_url: str = ready["public_key_url"]
        self.request = self.access.request
        self._lender: RamClient | None = None
        self._is_open = True
        _running.append(self)

    @property
    def pid(self) -> int:
        """The process."""
        return self._born.pid

    @property
    def environment(self) -> dict[str, str]:
        """What SDKs and tools read from the environment."""
        return self.access.environment

    @property
    def clock(self) -> MovableClock:
        """What moves the server's time."""
        if self.access.clock is None:
            raise AttributeError(
                "The time of this server cannot be moved: take the fixtures fresh_ossia_server and "
                "ossia_clock, or TestServer(movable_clock=True)."
            )
        return self.access.clock

    def client(self) -> SigningClient:
        """Signs with the root key, and shows what comes back as it is."""
        return self.access.client()

    def bucket(self, name: str = "") -> TestBucket:
        """A bucket that was not there before, under a name of its own if none is given."""
        return TestBucket(self.access, name)

    def ram(self) -> RamClient:
        """Asks RAM with the root key: users, roles, policies."""
        return RamClient(self.endpoint, self.access_key_id, self.access_key_secret)

    def lend(self, policy: dict[str, Any], *, duration_s: int | None = None) -> Credentials:
        """Temporary keys, as STS gives them, that may do what *policy* allows and nothing else."""
        lender = self._lender = self._lender or self._make_lender()
        return assume_role(
            self.endpoint,
            access_key_id=lender.access_key_id,
            secret=lender.secret,
            role_arn=f"acs:ram::{self.account_id}:role/{_LENDER}",
            session_name="test",
            duration_s=duration_s,
            policy=json.dumps(policy),
        )

    def verify(self, received: Received) -> VerifiedCallback:
        """What a callback says, if this server signed it.  Raises `CallbackNotVerified`."""
        return verify(
            path=received.path,
            query=received.query,
            headers=received.headers,
            body=received.body,
            trusted_key_urls=[self.public_key_url],
        )

    def deliveries(self, **filters: str) -> list[dict[str, Any]]:
        """The newest attempts to deliver a callback, with cause and remedy of those that failed.

        *filters* are those of ``GET /-/api/callbacks``: ``bucket``, ``key``, ``request_id``, ….
        """
        answer = self._admin("callbacks", **filters)
        found: list[dict[str, Any]] = answer["callbacks"]
        return found

    def delivery(self, delivery_id: str) -> dict[str, Any]:
        """Everything about one attempt."""
        found: dict[str, Any] = self._admin(f"callbacks/{delivery_id}")
        return found

    def log(self) -> str:
        """What the server has written to its log: JSON, one line for each event."""
        return nursery.text_of(self._born.log)

    def heard(self, since: float = 0) -> list[Heard]:
        """The requests that were answered in a later millisecond, in seconds since 1970."""
        begin = datetime.fromtimestamp(since, UTC).isoformat(timespec="milliseconds")
        return [
            Heard(
                each["method"], each["path"], each["status"], each["request_id"], each["operation"]
            )
            for each in self._access_lines()
            if each["time"] > begin.replace("+00:00", "Z")
        ]

    def _access_lines(self) -> list[dict[str, Any]]:
        """All of them: lines come behind their requests; one more tells when all have."""
        mark = f"/-/{secrets.token_hex(8)}"
        with suppress(HTTPError):
            urlopen(f"{self.endpoint}{mark}", timeout=_LINES_WITHIN_S)  # noqa: S310 - our own server
        until = time.monotonic() + _LINES_WITHIN_S
        while mark not in (text := self.log()) and time.monotonic() < until:
            time.sleep(_LOOK_EVERY_S)
        events = read_lines(text.encode().splitlines())
        return [each for each in events if each["event"] == "access" and each["path"] != mark]

    def close(self) -> None:
        """End the server."""
        if not self._is_open:
            return
        self._is_open = False
        _running.remove(self)
        self._nursery.stop(self._born)
        if self.access.clock is not None:
            self.access.clock.close()

    def _admin(self, path: str, **query: str) -> Any:
        answer = self.request("GET", "-", f"api/{path}", query=list(query.items()))
        if answer.status != _OK:
            raise ValueError(f"/-/api/{path} answers {answer.status}: {answer.body.decode()}")
        return json.loads(answer.body)

    def _make_lender(self) -> RamClient:
        """A user who may assume a role that may do everything; sessions are narrowed."""
        ram = self.ram()
        trust = {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"RAM": [f"acs:ram::{self.account_id}:root"]},
        }
        document = json.dumps({"Version": "1", "Statement": [trust]})
        ram.call("CreateRole", RoleName=_LENDER, AssumeRolePolicyDocument=document)
        ram.call("CreateUser", UserName=_LENDER)
        for action, name, policy in (
            ("AttachPolicyToRole", "RoleName", "AliyunOSSFullAccess"),
            ("AttachPolicyToUser", "UserName", "AliyunSTSAssumeRoleAccess"),
        ):
            ram.call(action, PolicyType="System", PolicyName=policy, **{name: _LENDER})
        key = ram.call("CreateAccessKey", UserName=_LENDER)["AccessKey"]
        return RamClient(self.endpoint, key["AccessKeyId"], key["AccessKeySecret"])


_running: list[TestServer] = []


def running() -> list[TestServer]:
    """The servers of this process that have not ended."""
    return list(_running)


def _stored_in(data: Path | None) -> dict[str, object]:
    if data is None:
        return {"metadata": "memory", "blobs": "memory"}
    return {"data": str(data)}
