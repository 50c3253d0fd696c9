"""Refusals that token clients understand.

The old documentation says ``status``, Android and iOS demand ``StatusCode``.  What STS refuses is
answered with HTTP status 200, because that is where those clients look for ``ErrorCode``; what the
operator's hook refuses has the status that the hook chose.
"""

from typing import Any

from ossia.appserver.grant import Refused
from ossia.client import StsUnreachable
from ossia.errors import RpcError


def error_answer(refused: RpcError | StsUnreachable) -> dict[str, Any]:
    """``StatusCode``, ``ErrorCode`` and ``ErrorMessage``."""
    code = refused.code if isinstance(refused, RpcError) else "StsUnreachable"
    return {"StatusCode": 500, "ErrorCode": code, "ErrorMessage": str(refused)}


def refusal_answer(refused: Refused) -> dict[str, Any]:
    """What a hook said no to."""
    return {
        "StatusCode": refused.status,
        "ErrorCode": "Refused",
        "ErrorMessage": refused.reason,
    }
