"""Upload policies: what a browser needs to post a form straight to the bucket.

1. The policy binds bucket, key prefix, size, status and the callback.  OSS lets a form carry any
   field that no condition names, so without the last a client could drop the callback, or have its
   own application called in place of ours.
2. V1 is signed with the application's own key, as the samples of 2016 do; V4 with the key of a
   session, whose token is bound too (app-server.md, 2.3).
"""

import base64
import json
from collections.abc import Sequence
from typing import Any, Final

from ossia.appserver.config import AppConfig, AppKeys
from ossia.client import Credentials
from ossia.protocol.dates import format_basic, parse_iso
from ossia.protocol.post_policy import Condition, build
from ossia.protocol.signature_v1 import sign_policy as sign_v1
from ossia.protocol.signature_v4 import ALGORITHM, credential_for, credential_text
from ossia.protocol.signature_v4 import sign_policy as sign_v4

SUCCESS_STATUS: Final = "200"

_VERSION: Final = ALGORITHM.decode()
_TEMPLATE: Final = (
    "bucket=${bucket}&object=${object}&size=${size}&mimeType=${mimeType}"
    "&width=${imageInfo.width}&height=${imageInfo.height}&reqId=${reqId}"
)


def callback_field(url: str, variables: Sequence[str]) -> str:
    """The form field ``callback``; *variables* are names such as ``x:name``."""
    own = "".join(f"&{name}=${{{name}}}" for name in variables)
    callback = {
        "callbackUrl": url,
        "callbackBody": _TEMPLATE + own,
        "callbackBodyType": "application/x-www-form-urlencoded",
    }
    return base64.b64encode(json.dumps(callback, separators=(",", ":")).encode()).decode()


def v1_form(config: AppConfig, now_ms: int) -> dict[str, Any]:
    """The answer of the samples' ``get.php``."""
    keys: AppKeys = config.keys
    expire = _expire(config, now_ms)
    callback = callback_field(config.callback_url, config.callback_variables)
    policy = build(expires_at_ms=expire * 1000, conditions=_conditions(config, callback))
    return {
        "accessid": keys.access_key_id,
        "host": config.upload_host,
        "policy": policy,
        "signature": sign_v1(policy, keys.access_key_secret),
        "expire": expire,
        "callback": callback,
        "dir": config.directory,
    }


def v4_form(config: AppConfig, lent: Credentials, now_ms: int) -> dict[str, Any]:
    """The answer of the samples since 2024; *lent* signs."""
    # A form must not outlive its token.
    expire = min(_expire(config, now_ms), parse_iso(lent.expiration) // 1000)
    callback = callback_field(config.callback_url, config.callback_variables)
    credential = credential_for(lent.access_key_id, now_ms=now_ms, region=config.region)
    bound: dict[str, str] = {
        "x-oss-signature-version": _VERSION,
        "x-oss-credential": credential_text(credential),
        "x-oss-date": format_basic(now_ms),
        "x-oss-security-token": lent.security_token,
    }
    conditions: list[Condition] = [{name: value} for name, value in bound.items()]
    policy = build(
        expires_at_ms=expire * 1000, conditions=[*conditions, *_conditions(config, callback)]
    )
    return {
        "version": _VERSION,
        "x_oss_signature_version": _VERSION,
        "x_oss_credential": bound["x-oss-credential"],
        "x_oss_date": bound["x-oss-date"],
        "security_token": lent.security_token,
        "policy": policy,
        "signature": sign_v4(policy, lent.access_key_secret, credential),
        "expire": expire,
        "callback": callback,
        "host": config.upload_host,
        "dir": config.directory,
    }


def _expire(config: AppConfig, now_ms: int) -> int:
    return now_ms // 1000 + config.form_lifetime_s


def _conditions(config: AppConfig, callback: str) -> list[Condition]:
    return [
        {"bucket": config.bucket},
        ["starts-with", "$key", config.directory],
        ["content-length-range", 0, config.max_size],
        ["eq", "$success_action_status", SUCCESS_STATUS],
        ["eq", "$callback", callback],
    ]
