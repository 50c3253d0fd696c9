"""The parameter ``callback`` as clients write it."""

import base64
import json

from ossia.protocol.callback import CallbackConfig, decode_callback

GOOD = {"callbackUrl": "http://app.example.com/cb", "callbackBody": "a=${object}"}


def b64(value: object) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.b64encode(raw).decode()


def decode(**changes: object) -> CallbackConfig:
    merged = GOOD | changes
    return decode_callback(b64({name: it for name, it in merged.items() if it is not None}))
