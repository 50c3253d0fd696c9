"""How users, keys, groups, roles, policies and providers look in answers."""

from collections.abc import Iterable
from typing import Any

from ossia.api.ram.operation import Fields
from ossia.domain.identity.identities import role_arn
from ossia.protocol.dates import format_iso_seconds
from ossia.records import AccessKey, Group, OidcProvider, Policy, PolicyVersion, Role, User


def listed(plural: str, singular: str, entries: Iterable[Fields]) -> dict[str, Any]:
    """A list, as RPC writes one: ``{"Users": {"User": […]}}``."""
    return {plural: {singular: list(entries)}}


def paged(page: dict[str, Any], last_name: str, *, has_more: bool) -> Fields:
    """A page of a list: the marker is the last name on it."""
    return {
        "IsTruncated": has_more,
        **({"Marker": last_name} if has_more else {}),
        **page,
    }


def user_fields(user: User) -> dict[str, Any]:
    """A user."""
    return {
        "UserId": user.id,
        "UserName": user.name,
        "DisplayName": user.display_name,
        "MobilePhone": user.mobile_phone,
        "Email": user.email,
        "Comments": user.comments,
        **dates(user),
    }


def key_fields(key: AccessKey) -> dict[str, Any]:
    """A key without its secret."""
    return {
        "AccessKeyId": key.id,
        "Status": "Active" if key.active else "Inactive",
        "CreateDate": format_iso_seconds(key.created_at),
    }


def group_fields(group: Group) -> dict[str, Any]:
    """A group."""
    return {
        "GroupId": group.id,
        "GroupName": group.name,
        "Comments": group.comments,
        **dates(group),
    }


def role_fields(role: Role, account_id: str) -> dict[str, Any]:
    """A role without its trust policy, as lists show it."""
    return {
        "RoleId": role.id,
        "RoleName": role.name,
        "Arn": role_arn(account_id, role.name),
        "Description": role.description,
        "MaxSessionDuration": role.max_session_s,
        **dates(role),
    }


def whole_role_fields(role: Role, account_id: str) -> dict[str, Any]:
    """A role with its trust policy."""
    return {**role_fields(role, account_id), "AssumeRolePolicyDocument": role.trust}


def _short_policy_fields(policy: Policy) -> dict[str, Any]:
    return {
        "PolicyName": policy.name,
        "PolicyType": policy.type,
        "Description": policy.description,
        "DefaultVersion": policy.default_version,
    }


def policy_fields(policy: Policy) -> dict[str, Any]:
    """A policy without its document."""
    return {**_short_policy_fields(policy), **dates(policy)}


def attached_fields(policy: Policy, attached_at: int) -> dict[str, Any]:
    """A policy as one of those that somebody has."""
    return {**_short_policy_fields(policy), "AttachDate": format_iso_seconds(attached_at)}


def version_fields(policy: Policy, version: PolicyVersion) -> dict[str, Any]:
    """One version of a policy."""
    return {
        "VersionId": version.id,
        "IsDefaultVersion": version.id == policy.default_version,
        "PolicyDocument": version.document,
        "CreateDate": format_iso_seconds(version.created_at),
    }


def provider_fields(provider: OidcProvider, account_id: str) -> dict[str, Any]:
    """An OIDC provider."""
    return {
        "OIDCProviderName": provider.name,
        "Arn": f"acs:ram::{account_id}:oidc-provider/{provider.name}",
        "IssuerUrl": provider.issuer_url,
        "ClientIds": ",".join(provider.client_ids),
        "Fingerprints": ",".join(provider.fingerprints),
        "Description": provider.description,
        "IssuanceLimitTime": provider.issuance_limit_h,
        "GmtCreate": str(provider.created_at),
        "GmtModified": str(provider.updated_at),
        **dates(provider),
    }


def dates(record: User | Group | Role | Policy | OidcProvider) -> dict[str, Any]:
    """When it was made and last changed."""
    return {
        "CreateDate": format_iso_seconds(record.created_at),
        "UpdateDate": format_iso_seconds(record.updated_at or record.created_at),
    }
