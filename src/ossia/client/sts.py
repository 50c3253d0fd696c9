"""Assume a role over RPC 1.0, with the standard library only.

Blocks: an event loop calls it in a thread.
"""

import http.client
import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from ossia.errors import RpcError
from ossia.protocol.signature_rpc import sign_parameters

VERSION: Final = "2015-04-01"
TIMEOUT_S: Final = 10.0

_MAX_ANSWER_BYTES: Final = 256 * 1024

Send = Callable[[str, bytes], tuple[int, bytes]]
"""Posts a form to a URL; status and body of the answer.  May raise `OSError`."""


class StsUnreachable(Exception):  # noqa: N818 - a fact, not a class of errors
    """No answer of STS arrived, or none that STS gives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What a role lends.  ``expiration`` is as STS writes it: ``2015-04-09T11:52:19Z``."""

    access_key_id: str
    access_key_secret: str = field(repr=False)
    security_token: str = field(repr=False)
    expiration: str


def post(url: str, body: bytes) -> tuple[int, bytes]:
    """Post a form; what is refused is an answer too."""
    request = Request(url, data=body)  # noqa: S310 - the operator's own endpoint
    try:
        with urlopen(request, timeout=TIMEOUT_S) as response:  # noqa: S310 - same
            return response.status, response.read(_MAX_ANSWER_BYTES)
    except HTTPError as refused:
        with refused:
            return refused.code, refused.read(_MAX_ANSWER_BYTES)


def assume_role(
    endpoint: str,
    *,
    access_key_id: str,
    secret: str,
    role_arn: str,
    session_name: str,
    duration_s: int | None = None,
    policy: str | None = None,
    send: Send = post,
) -> Credentials:
    """Temporary credentials for a role, or `RpcError` with the refusal of STS.

    *policy* narrows what the role may do; *duration_s* is left to the service if not given.
    Raises `StsUnreachable` where *endpoint* does not answer as STS does.
    """
    parameters = {
        "Action": "AssumeRole",
        "Version": VERSION,
        "Format": "JSON",
        "RoleArn": role_arn,
        "RoleSessionName": session_name,
    }
    if duration_s is not None:
        parameters["DurationSeconds"] = str(duration_s)
    if policy is not None:
        parameters["Policy"] = policy
    signed = sign_parameters(
        "POST",
        parameters,
        access_key_id=access_key_id,
        secret=secret,
        now_ms=time.time_ns() // 1_000_000,
        nonce=str(uuid.uuid4()),
    )
    try:
        status, body = send(endpoint.rstrip("/") + "/", urlencode(signed).encode())
    except (OSError, http.client.HTTPException) as exc:
        reason = getattr(exc, "reason", exc)
        raise StsUnreachable(f"STS cannot be reached at {endpoint}: {reason}") from exc
    return _read(endpoint, status, body)


def _read(endpoint: str, status: int, body: bytes) -> Credentials:
    try:
        answer: dict[str, Any] = json.loads(body)
        if status == http.client.OK:
            given = answer["Credentials"]
            return Credentials(
                access_key_id=given["AccessKeyId"],
                access_key_secret=given["AccessKeySecret"],
                security_token=given["SecurityToken"],
                expiration=given["Expiration"],
            )
        refused = RpcError(status, answer["Code"], answer["Message"])
    except (ValueError, KeyError, TypeError) as exc:
        raise StsUnreachable(f"{endpoint} answered {status}, but not as STS does.") from exc
    raise refused
