"""The headers with which an upload asks for a callback."""

import base64
import json
from typing import Final

USUAL_BODY: Final = (
    '{"bucket":${bucket},"object":${object},"size":${size},"etag":${etag},"mimeType":${mimeType}}'
)
_JSON: Final = "application/json"
_FORM: Final = "application/x-www-form-urlencoded"


def callback_headers(
    url: str, body: str = USUAL_BODY, variables: dict[str, str] | None = None
) -> dict[str, str]:
    """Headers of an upload whose callback goes to *url*.

    *variables* are what ``${x:name}`` in *body* stands for, by their names without ``x:``.
    """
    kind = _JSON if body.lstrip().startswith("{") else _FORM
    headers = {
        "x-oss-callback": _encoded(
            {"callbackUrl": url, "callbackBody": body, "callbackBodyType": kind}
        )
    }
    if variables:
        named = {f"x:{name}": value for name, value in variables.items()}
        headers["x-oss-callback-var"] = _encoded(named)
    return headers


def _encoded(fields: dict[str, str]) -> str:
    return base64.b64encode(json.dumps(fields).encode()).decode("ascii")
