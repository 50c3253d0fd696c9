"""Answers of STS and RAM as JSON or XML.

Without the parameter ``Format`` the answer is JSON: the parameter table of STS says so, against
the older RPC documentation, every SDK sends the parameter, and who calls with curl is better
served by JSON.
"""

import uuid
from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from ossia.domain.identity.federation import FederatedToken
from ossia.domain.identity.sts import AssumedRole, CallerIdentity
from ossia.errors import RpcError
from ossia.protocol import xml
from ossia.protocol.dates import format_iso_seconds

Fields = Mapping[str, Any]
"""Texts, numbers, truth values, further fields, and lists of fields."""

_MEDIA_TYPES = {"JSON": "application/json;charset=utf-8", "XML": "text/xml;charset=utf-8"}


class RpcAnswer(NamedTuple):
    """One answer, ready to be sent."""

    status: int
    content_type: str
    body: bytes
    request_id: str

    def __repr__(self) -> str:
        # The body may lend a secret.
        return f"RpcAnswer(status={self.status}, request_id={self.request_id!r})"


def format_of(parameters: Mapping[str, str]) -> str:
    """``JSON`` or ``XML``, as the caller wishes.  Raises `RpcError` for anything else."""
    wished = (parameters.get("Format") or "JSON").upper()
    if wished not in _MEDIA_TYPES:
        raise RpcError(
            400, "InvalidParameter.Format", 'The specified parameter "Format" is not valid.'
        )
    return wished


def new_request_id() -> str:
    """An upper-case UUID."""
    return str(uuid.uuid4()).upper()


def render(form: str, action: str, fields: Fields, request_id: str) -> RpcAnswer:
    """A successful answer; in XML its root is ``<action>Response``."""
    return _render(200, form, f"{action}Response", {"RequestId": request_id, **fields})


def render_refusal(form: str, refused: RpcError, *, request_id: str, host: str) -> RpcAnswer:
    """An error; SDKs read ``Code``, ``Message`` and ``RequestId`` from it."""
    fields = {
        "RequestId": request_id,
        "HostId": host,
        "Code": refused.code,
        "Message": refused.text,
    }
    return _render(refused.status, form, "Error", fields)


def assumed_role_fields(role: AssumedRole) -> Fields:
    """The answer of AssumeRole."""
    return {
        "AssumedRoleUser": {"Arn": role.arn, "AssumedRoleId": role.assumed_role_id},
        "Credentials": {
            "AccessKeyId": role.access_key_id,
            "AccessKeySecret": role.access_key_secret,
            "SecurityToken": role.security_token,
            "Expiration": format_iso_seconds(role.expires_at),
        },
        **({"SourceIdentity": role.source_identity} if role.source_identity else {}),
        **({} if role.token is None else {"OIDCTokenInfo": _token_fields(role.token)}),
    }


def _token_fields(token: FederatedToken) -> Fields:
    return {
        "Subject": token.subject,
        "Issuer": token.issuer,
        "ClientIds": ",".join(token.audience),
        "ExpirationTime": format_iso_seconds(token.expires_at * 1000),
        "IssuanceTime": format_iso_seconds(token.issued_at * 1000),
        "VerificationInfo": "Success",
    }


def caller_identity_fields(identity: CallerIdentity) -> Fields:
    """The answer of GetCallerIdentity."""
    fields = {
        "AccountId": identity.account_id,
        "Arn": identity.arn,
        "IdentityType": identity.identity_type,
        "PrincipalId": identity.principal_id,
        "UserId": identity.user_id,
        "RoleId": identity.role_id,
    }
    return {name: value for name, value in fields.items() if value}


def _render(status: int, form: str, root: str, fields: Fields) -> RpcAnswer:
    body = msgspec.json.encode(fields) if form == "JSON" else xml.document(root, _elements(fields))
    return RpcAnswer(status, _MEDIA_TYPES[form], body, fields["RequestId"])


def _elements(fields: Fields) -> str:
    return "".join(_element(name, value) for name, value in fields.items())


def _element(name: str, value: Any) -> str:
    if isinstance(value, list):
        return "".join(_element(name, each) for each in value)
    if isinstance(value, Mapping):
        return f"<{name}>{_elements(value)}</{name}>"
    return xml.tag(name, str(value).lower() if isinstance(value, bool) else str(value))
