"""Tokens for apps: credentials of the role, in the one answer that every known client reads.

The old documentation says ``status``, Android and iOS demand ``StatusCode``; both are there
(app-server.md, 1.4).  A refusal has HTTP status 200 too, because that is where those clients look
for ``ErrorCode``.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final

from ossia.appserver.config import AppConfig
from ossia.client import Credentials, StsUnreachable, assume_role
from ossia.errors import RpcError

SESSION_NAME: Final = "ossia-appserver"

Lend = Callable[[], Credentials]
"""Gets fresh credentials; blocks.  Raises `RpcError` or `StsUnreachable`."""


def lender(config: AppConfig) -> Lend:
    """Lends what *config* allows."""

    def lend() -> Credentials:
        return assume_role(
            config.sts_endpoint,
            access_key_id=config.keys.access_key_id,
            secret=config.keys.access_key_secret,
            role_arn=config.keys.role_arn,
            session_name=SESSION_NAME,
            duration_s=config.keys.token_lifetime_s,
            policy=config.keys.session_policy,
        )

    return lend


async def token_answer(lend: Lend) -> dict[str, Any]:
    """The union answer, or the error that clients understand."""
    try:
        credentials = await asyncio.to_thread(lend)
    except (RpcError, StsUnreachable) as refused:
        return error_answer(refused)
    return {
        "StatusCode": 200,
        "status": 200,
        "AccessKeyId": credentials.access_key_id,
        "AccessKeySecret": credentials.access_key_secret,
        "SecurityToken": credentials.security_token,
        "Expiration": credentials.expiration,
    }


def error_answer(refused: RpcError | StsUnreachable) -> dict[str, Any]:
    """``StatusCode``, ``ErrorCode`` and ``ErrorMessage``."""
    code = refused.code if isinstance(refused, RpcError) else "StsUnreachable"
    return {"StatusCode": 500, "ErrorCode": code, "ErrorMessage": str(refused)}
