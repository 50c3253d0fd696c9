"""Upload policies: what a browser needs to post a form straight to the bucket.

1. The policy binds bucket, key prefix (or the one key), size, types, status and the callback.  OSS
   lets a form carry any field that no condition names, so without the last a client could drop the
   callback, or have its own application called in place of ours.
2. A grant stands there, too, by which this server knows its own callbacks (`callback_grant`).
3. What the application must be able to trust (who uploads) stands in the body of that callback as
   text, not as a variable: a form has no say in it, and a client need not send it.
4. A form may not make its object public, unless the grant says so.
5. V1 is signed with the application's own key, as the samples of 2016 do; V4 with the key of a
   session, whose token is bound too (app-server.md, 2.3).
"""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote

from ossia.appserver.callback_grant import FIELD, grant_of, write_grant
from ossia.appserver.config import AppConfig, AppKeys
from ossia.appserver.grant import Bounds
from ossia.client import Credentials
from ossia.protocol.dates import format_basic, parse_iso
from ossia.protocol.post_policy import Condition, build
from ossia.protocol.signature_v1 import sign_policy as sign_v1
from ossia.protocol.signature_v4 import ALGORITHM, credential_for, credential_text
from ossia.protocol.signature_v4 import sign_policy as sign_v4

SUCCESS_STATUS: Final = "200"

_VERSION: Final = ALGORITHM.decode()
_PUBLIC: Final = ("public-read", "public-read-write")
_TEMPLATE: Final = (
    "bucket=${bucket}&object=${object}&etag=${etag}&size=${size}&mimeType=${mimeType}"
    "&width=${imageInfo.width}&height=${imageInfo.height}&reqId=${reqId}"
)


def callback_field(url: str, variables: Sequence[str], fixed: Mapping[str, str], grant: str) -> str:
    """The form field ``callback``.

    *variables* are names such as ``x:name``, whose values the form gives; the values of *fixed* it
    cannot change; *grant* is what the callback is believed for (`callback_grant`).
    """
    # Escaped, so that no value of somebody's choosing is read as a placeholder.
    told = "".join(f"&{name}={quote(value, safe='')}" for name, value in fixed.items())
    own = "".join(f"&{name}=${{{name}}}" for name in variables if name not in fixed)
    callback = {
        "callbackUrl": url,
        "callbackBody": f"{_TEMPLATE}&{FIELD}={grant}{told}{own}",
        "callbackBodyType": "application/x-www-form-urlencoded",
    }
    return base64.b64encode(json.dumps(callback, separators=(",", ":")).encode()).decode()


def v1_form(config: AppConfig, bounds: Bounds, now_ms: int) -> dict[str, Any]:
    """The answer of the samples' ``get.php``."""
    keys: AppKeys = config.keys
    expire = now_ms // 1000 + bounds.form_lifetime_s
    callback = _callback(config, bounds, expire)
    policy = build(expires_at_ms=expire * 1000, conditions=_conditions(config, bounds, callback))
    return {
        "accessid": keys.access_key_id,
        "host": config.upload_host,
        "policy": policy,
        "signature": sign_v1(policy, keys.access_key_secret),
        "expire": expire,
        "callback": callback,
        "dir": bounds.prefix,
        **_demands(bounds),
    }


def v4_form(config: AppConfig, bounds: Bounds, lent: Credentials, now_ms: int) -> dict[str, Any]:
    """The answer of the samples since 2024; *lent* signs."""
    # A form must not outlive its token.
    expire = min(now_ms // 1000 + bounds.form_lifetime_s, parse_iso(lent.expiration) // 1000)
    callback = _callback(config, bounds, expire)
    credential = credential_for(lent.access_key_id, now_ms=now_ms, region=config.region)
    bound: dict[str, str] = {
        "x-oss-signature-version": _VERSION,
        "x-oss-credential": credential_text(credential),
        "x-oss-date": format_basic(now_ms),
        "x-oss-security-token": lent.security_token,
    }
    conditions: list[Condition] = [{name: value} for name, value in bound.items()]
    policy = build(
        expires_at_ms=expire * 1000,
        conditions=[*conditions, *_conditions(config, bounds, callback)],
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
        "dir": bounds.prefix,
        **_demands(bounds),
    }


def _callback(config: AppConfig, bounds: Bounds, expire: int) -> str:
    return callback_field(
        bounds.callback_url,
        config.callback_variables,
        bounds.callback_variables,
        write_grant(config, grant_of(bounds, expire)),
    )


def _demands(bounds: Bounds) -> dict[str, Any]:
    """What the samples' answers have no place for; only where a grant asks for it."""
    demands: dict[str, Any] = {}
    if bounds.key is not None:
        demands["key"] = bounds.key
    if bounds.fields:
        demands["fields"] = dict(bounds.fields)
    return demands


def _conditions(config: AppConfig, bounds: Bounds, callback: str) -> list[Condition]:
    key = (
        ["starts-with", "$key", bounds.prefix] if bounds.key is None else ["eq", "$key", bounds.key]
    )
    conditions: list[Condition] = [
        {"bucket": config.bucket},
        key,
        ["content-length-range", bounds.min_size, bounds.max_size],
        ["eq", "$success_action_status", SUCCESS_STATUS],
        ["eq", "$callback", callback],
    ]
    if "x-oss-object-acl" not in bounds.fields:
        conditions.append(["not-in", "$x-oss-object-acl", list(_PUBLIC)])
    if bounds.content_types:
        conditions.append(_type_condition(bounds.content_types))
    conditions.extend(["eq", f"${name}", value] for name, value in bounds.fields.items())
    return conditions


def _type_condition(types: tuple[str, ...]) -> Condition:
    if types[0].endswith("/*"):
        return ["starts-with", "$content-type", types[0].removesuffix("*")]
    return ["in", "$content-type", list(types)]
