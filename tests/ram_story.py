"""The story of every operation of RAM: what it answers, and each refusal it documents.

The table is one story; rows build on each other.  ``{x}`` in a value is a name of this run.
"""

import json
import uuid
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from ossia.api.ram import IMS_VERSION
from ossia.client.ram import RamClient, RamRefused

ALLOW = json.dumps(
    {"Version": "1", "Statement": [{"Effect": "Allow", "Action": "oss:*", "Resource": "*"}]}
)
TRUST = json.dumps(
    {
        "Version": "1",
        "Statement": [
            {
                "Effect": "Allow",
                "Action": "sts:AssumeRole",
                "Principal": {"RAM": ["acs:ram::{account}:root"]},
            }
        ],
    }
)
LONG = "x" * 129


class Row(NamedTuple):
    """A call; *answer* is part of what it answers, or the code of the refusal."""

    action: str
    parameters: dict[str, Any]
    answer: dict[str, Any] | str
    status: int = 400


def row(
    action: str, answer: dict[str, Any] | str | None = None, status: int = 400, **parameters: Any
) -> Row:
    return Row(action, parameters, answer or {}, status)


def entries(plural: str, singular: str, *found: dict[str, Any]) -> dict[str, Any]:
    return {plural: {singular: list(found)}}


U, G, R, P = "u-{x}", "g-{x}", "r-{x}", "p-{x}"
CUSTOM: dict[str, Any] = {"PolicyType": "Custom", "PolicyName": P}
OSS: dict[str, Any] = {"PolicyType": "System", "PolicyName": "AliyunOSSFullAccess"}
DATE = ...
"""Any text that is not empty."""

USERS = (
    row("CreateUser", "MissingUserName"),
    row("CreateUser", "InvalidParameter.UserName.InvalidChars", UserName="a b"),
    row("CreateUser", "InvalidParameter.UserName.Length", UserName="a" * 65),
    row("CreateUser", "InvalidParameter.DisplayName.Length", UserName=U, DisplayName=LONG),
    row("CreateUser", "InvalidParameter.Comments.Length", UserName=U, Comments=LONG),
    row("CreateUser", "InvalidParameter.Email.Format", UserName=U, Email="nobody"),
    row("CreateUser", "InvalidParameter.MobilePhone.Format", UserName=U, MobilePhone="none"),
    row(
        "CreateUser",
        {
            "User": {
                "UserName": U,
                "UserId": DATE,
                "DisplayName": "Ü",
                "Email": "a@b.cd",
                "MobilePhone": "86-18600008888",
                "Comments": "c",
                "CreateDate": DATE,
            }
        },
        UserName=U,
        DisplayName="Ü",
        Email="a@b.cd",
        MobilePhone="86-18600008888",
        Comments="c",
    ),
    row("CreateUser", "EntityAlreadyExists.User", 409, UserName=U),
    row("GetUser", {"User": {"UserName": U, "UpdateDate": DATE}}, UserName=U),
    row("GetUser", "EntityNotExist.User", 404, UserName="u2-{x}"),
    row("GetUser", "MissingUserName"),
    row("UpdateUser", "EntityNotExist.User", 404, UserName="u2-{x}", NewComments="x"),
    row("UpdateUser", "InvalidParameter.NewComments.Length", UserName=U, NewComments=LONG),
    row("UpdateUser", "InvalidParameter.NewUserName.InvalidChars", UserName=U, NewUserName="/"),
    row("UpdateUser", {"User": {"Comments": "d", "DisplayName": "Ü"}}, UserName=U, NewComments="d"),
    row("CreateUser", UserName="u2-{x}"),
    row("UpdateUser", "EntityAlreadyExists.User", 409, UserName=U, NewUserName="u2-{x}"),
    row("ListUsers", "InvalidParameter.MaxItems", MaxItems=0),
    row("ListUsers", "InvalidParameter.MaxItems", MaxItems=1001),
    row("ListUsers", {"IsTruncated": True, "Marker": U}, Marker="u-", MaxItems=1),
    row(
        "ListUsers",
        {"IsTruncated": False, **entries("Users", "User", {"UserName": "u2-{x}"})},
        Marker=U + "~",
    ),
)
KEYS = (
    row("CreateAccessKey", "MissingUserName"),
    row("CreateAccessKey", "EntityNotExist.User", 404, UserName="nobody"),
    row(
        "CreateAccessKey",
        {"AccessKey": {"AccessKeyId": "$key", "AccessKeySecret": DATE, "Status": "Active"}},
        UserName=U,
    ),
    row("ListAccessKeys", "EntityNotExist.User", 404, UserName="nobody"),
    row("UpdateAccessKey", "MissingUserAccessKeyId", UserName=U, Status="Active"),
    row(
        "UpdateAccessKey",
        "InvalidParameter.Status",
        UserName=U,
        UserAccessKeyId="$key",
        Status="Off",
    ),
    row(
        "UpdateAccessKey",
        "EntityNotExist.User.AccessKey",
        404,
        UserName="u2-{x}",
        UserAccessKeyId="$key",
        Status="Inactive",
    ),
    row("UpdateAccessKey", UserName=U, UserAccessKeyId="$key", Status="Inactive"),
    row(
        "ListAccessKeys",
        entries("AccessKeys", "AccessKey", {"AccessKeyId": "$key", "Status": "Inactive"}),
        UserName=U,
    ),
    row("CreateAccessKey", UserName=U),
    row("CreateAccessKey", "LimitExceeded.User.AccessKey", 409, UserName=U),
    row(
        "GetAccessKeyLastUsed",
        {"AccessKeyLastUsed": {"LastUsedDate": ""}},
        UserName=U,
        UserAccessKeyId="$key",
    ),
    row(
        "GetAccessKeyLastUsed",
        "EntityNotExist.User.AccessKey",
        404,
        UserName=U,
        UserAccessKeyId="LTAIx",
    ),
    row("DeleteUser", "DeleteConflict.User.AccessKey", 409, UserName=U),
    row(
        "DeleteAccessKey",
        "EntityNotExist.User.AccessKey",
        404,
        UserName="u2-{x}",
        UserAccessKeyId="$key",
    ),
    row("DeleteAccessKey", UserName=U, UserAccessKeyId="$key"),
    row(
        "DeleteAccessKey", "EntityNotExist.User.AccessKey", 404, UserName=U, UserAccessKeyId="$key"
    ),
)
GROUPS = (
    row("CreateGroup", "InvalidParameter.GroupName.InvalidChars", GroupName="a@b"),
    row("CreateGroup", {"Group": {"GroupName": G, "Comments": "c"}}, GroupName=G, Comments="c"),
    row("CreateGroup", "EntityAlreadyExists.Group", 409, GroupName=G),
    row("GetGroup", {"Group": {"GroupName": G, "GroupId": DATE}}, GroupName=G),
    row("GetGroup", "EntityNotExist.Group", 404, GroupName="nothing"),
    row("AddUserToGroup", UserName=U, GroupName=G),
    row("AddUserToGroup", "EntityAlreadyExists.User.Group", 409, UserName=U, GroupName=G),
    row("AddUserToGroup", "EntityNotExist.User", 404, UserName="nobody", GroupName=G),
    row("AddUserToGroup", "EntityNotExist.Group", 404, UserName=U, GroupName="nothing"),
    row("AddUserToGroup", UserName="u2-{x}", GroupName=G),
    row(
        "ListGroupsForUser",
        entries("Groups", "Group", {"GroupName": G, "JoinDate": DATE}),
        UserName=U,
    ),
    row("ListGroupsForUser", "EntityNotExist.User", 404, UserName="nobody"),
    row("ListUsersForGroup", "EntityNotExist.Group", 404, GroupName="nothing"),
    row(
        "ListUsersForGroup",
        {
            "IsTruncated": True,
            "Marker": U,
            **entries("Users", "User", {"UserName": U, "JoinDate": DATE}),
        },
        GroupName=G,
        MaxItems=1,
    ),
    row(
        "ListUsersForGroup",
        {"IsTruncated": False, **entries("Users", "User", {"UserName": "u2-{x}"})},
        GroupName=G,
        Marker=U,
    ),
    row("DeleteUser", "DeleteConflict.User.Group", 409, UserName="u2-{x}"),
    row("DeleteGroup", "DeleteConflict.Group.User", 409, GroupName=G),
    row("RemoveUserFromGroup", UserName="u2-{x}", GroupName=G),
    row("RemoveUserFromGroup", "EntityNotExist.User.Group", 404, UserName="u2-{x}", GroupName=G),
    row("RemoveUserFromGroup", "EntityNotExist.User", 404, UserName="nobody", GroupName=G),
    row("RemoveUserFromGroup", "EntityNotExist.Group", 404, UserName=U, GroupName="nothing"),
    row("UpdateGroup", "EntityNotExist.Group", 404, GroupName="nothing", NewComments="x"),
    row("CreateGroup", GroupName="g2-{x}"),
    row("UpdateGroup", "EntityAlreadyExists.Group", 409, GroupName=G, NewGroupName="g2-{x}"),
    row(
        "UpdateGroup",
        {"Group": {"GroupName": "g3-{x}", "Comments": "c"}},
        GroupName=G,
        NewGroupName="g3-{x}",
    ),
    # Who belonged to it still does.
    row("ListGroupsForUser", entries("Groups", "Group", {"GroupName": "g3-{x}"}), UserName=U),
    row("UpdateGroup", GroupName="g3-{x}", NewGroupName=G, NewComments="d"),
    row("ListGroups", {"IsTruncated": True, "Marker": G}, Marker="g-", MaxItems=1),
    row("ListGroups", "InvalidParameter.MaxItems", MaxItems=101),
)
POLICIES = (
    row("CreatePolicy", "InvalidParameter.PolicyName.InvalidChars", PolicyName="a_b"),
    row("CreatePolicy", "MissingPolicyDocument", PolicyName=P),
    row("CreatePolicy", "MalformedPolicyDocument", PolicyName=P, PolicyDocument="{}"),
    row(
        "CreatePolicy",
        "InvalidParameter.PolicyDocument.Length",
        PolicyName=P,
        PolicyDocument=" " * 6145,
    ),
    row(
        "CreatePolicy",
        "InvalidParameter.Description.Length",
        PolicyName=P,
        PolicyDocument=ALLOW,
        Description="x" * 1025,
    ),
    row(
        "CreatePolicy",
        {"Policy": {"PolicyName": P, "PolicyType": "Custom", "DefaultVersion": "v1"}},
        PolicyName=P,
        PolicyDocument=ALLOW,
        Description="d",
    ),
    row("CreatePolicy", "EntityAlreadyExists.Policy", 409, PolicyName=P, PolicyDocument=ALLOW),
    row(
        "CreatePolicy",
        "EntityAlreadyExists.Policy",
        409,
        PolicyName="AliyunOSSFullAccess",
        PolicyDocument=ALLOW,
    ),
    row(
        "GetPolicy",
        {
            "Policy": {"Description": "d", "AttachmentCount": 0},
            "DefaultPolicyVersion": {"VersionId": "v1", "IsDefaultVersion": True},
        },
        **CUSTOM,
    ),
    row("GetPolicy", {"Policy": {"PolicyType": "System"}}, **OSS),
    row("GetPolicy", "EntityNotExist.Policy", 404, PolicyType="System", PolicyName=P),
    row("GetPolicy", "InvalidParameter.PolicyType", PolicyType="Own", PolicyName=P),
    row(
        "UpdatePolicyDescription",
        {"Policy": {"Description": "e"}},
        PolicyName=P,
        NewDescription="e",
    ),
    row(
        "UpdatePolicyDescription",
        "EntityNotExist.Policy",
        404,
        PolicyName="AliyunOSSFullAccess",
        NewDescription="e",
    ),
    row(
        "CreatePolicyVersion",
        {"PolicyVersion": {"VersionId": "v2", "IsDefaultVersion": False, "PolicyDocument": ALLOW}},
        PolicyName=P,
        PolicyDocument=ALLOW,
    ),
    row("CreatePolicyVersion", "MalformedPolicyDocument", PolicyName=P, PolicyDocument="x"),
    row(
        "CreatePolicyVersion",
        "EntityNotExist.Policy",
        404,
        PolicyName="nothing",
        PolicyDocument=ALLOW,
    ),
    *(
        row("CreatePolicyVersion", PolicyName=P, PolicyDocument=ALLOW, SetAsDefault="true")
        for _ in range(3)
    ),
    row(
        "CreatePolicyVersion",
        "LimitExceeded.Policy.Version",
        409,
        PolicyName=P,
        PolicyDocument=ALLOW,
    ),
    row(
        "CreatePolicyVersion",
        "InvalidParameter.SetAsDefault",
        PolicyName=P,
        PolicyDocument=ALLOW,
        SetAsDefault="x",
    ),
    row(
        "CreatePolicyVersion",
        {"PolicyVersion": {"VersionId": "v6"}},
        PolicyName=P,
        PolicyDocument=ALLOW,
        RotateStrategy="DeleteOldestNonDefaultVersionWhenLimitExceeded",
    ),
    row(
        "ListPolicyVersions",
        entries(
            "PolicyVersions",
            "PolicyVersion",
            *(
                {"VersionId": f"v{number}", "IsDefaultVersion": number == 5}
                for number in range(2, 7)
            ),
        ),
        **CUSTOM,
    ),
    row("ListPolicyVersions", "EntityNotExist.Policy", 404, PolicyType="Custom", PolicyName="no"),
    row("GetPolicyVersion", {"PolicyVersion": {"VersionId": "v6"}}, VersionId="v6", **CUSTOM),
    row("GetPolicyVersion", "EntityNotExist.Policy.Version", 404, VersionId="v1", **CUSTOM),
    row("GetPolicyVersion", "InvalidParameter.VersionId.Format", VersionId="six", **CUSTOM),
    row("SetDefaultPolicyVersion", PolicyName=P, VersionId="v6"),
    row(
        "SetDefaultPolicyVersion",
        "EntityNotExist.Policy.Version",
        404,
        PolicyName=P,
        VersionId="v1",
    ),
    row("SetDefaultPolicyVersion", "EntityNotExist.Policy", 404, PolicyName="no", VersionId="v1"),
    row(
        "DeletePolicyVersion",
        "DeleteConflict.Policy.Version.Default",
        409,
        PolicyName=P,
        VersionId="v6",
    ),
    row("DeletePolicyVersion", PolicyName=P, VersionId="v5"),
    row("DeletePolicyVersion", "EntityNotExist.Policy.Version", 404, PolicyName=P, VersionId="v5"),
    row("DeletePolicy", "DeleteConflict.Policy.Version", 409, PolicyName=P),
    row("ListPolicies", "InvalidParameter.PolicyType", PolicyType="x"),
    row(
        "ListPolicies",
        {"IsTruncated": True, "Marker": "AdministratorAccess"},
        PolicyType="System",
        MaxItems=1,
    ),
    row(
        "ListPolicies",
        {"IsTruncated": False, **entries("Policies", "Policy", {"PolicyName": P})},
        Marker="p-",
        PolicyType="Custom",
    ),
)
ROLES = (
    row("CreateRole", "MissingAssumeRolePolicyDocument", RoleName=R),
    row("CreateRole", "MalformedPolicyDocument", RoleName=R, AssumeRolePolicyDocument=ALLOW),
    row(
        "CreateRole",
        "InvalidParameter.RoleName.InvalidChars",
        RoleName="a/b",
        AssumeRolePolicyDocument=TRUST,
    ),
    row(
        "CreateRole",
        "InvalidParameter.MaxSessionDuration",
        RoleName=R,
        AssumeRolePolicyDocument=TRUST,
        MaxSessionDuration=3599,
    ),
    row(
        "CreateRole",
        {
            "Role": {
                "RoleName": R,
                "Arn": "acs:ram::{account}:role/" + R,
                "MaxSessionDuration": 7200,
                "AssumeRolePolicyDocument": TRUST,
            }
        },
        RoleName=R,
        AssumeRolePolicyDocument=TRUST,
        MaxSessionDuration=7200,
    ),
    row("CreateRole", "EntityAlreadyExists.Role", 409, RoleName=R, AssumeRolePolicyDocument=TRUST),
    row("GetRole", {"Role": {"RoleId": DATE, "AssumeRolePolicyDocument": TRUST}}, RoleName=R),
    row("GetRole", "EntityNotExist.Role", 404, RoleName="nothing"),
    row("UpdateRole", "EntityNotExist.Role", 404, RoleName="nothing"),
    row("UpdateRole", "MalformedPolicyDocument", RoleName=R, NewAssumeRolePolicyDocument="[]"),
    row(
        "UpdateRole",
        "InvalidParameter.NewMaxSessionDuration",
        RoleName=R,
        NewMaxSessionDuration=43201,
    ),
    row(
        "UpdateRole",
        {"Role": {"Description": "d", "MaxSessionDuration": 43200}},
        RoleName=R,
        NewDescription="d",
        NewMaxSessionDuration=43200,
    ),
    row("CreateRole", RoleName="r2-{x}", AssumeRolePolicyDocument=TRUST),
    row("ListRoles", {"Marker": R, "IsTruncated": True}, Marker="r-", MaxItems=1),
    row("ListRoles", "InvalidParameter.MaxItems", MaxItems="many"),
)


def attachments(kind: str, name: str) -> Iterator[Row]:
    holder: dict[str, Any] = {f"{kind}Name": name}
    nobody: dict[str, Any] = {f"{kind}Name": "nothing"}
    attach, detach = f"AttachPolicyTo{kind}", f"DetachPolicyFrom{kind}"
    listing = f"ListPoliciesFor{kind}"
    yield row(detach, f"EntityNotExist.{kind}.Policy", 404, **holder, **CUSTOM)
    yield row(attach, "EntityNotExist.Policy", 404, PolicyType="Custom", PolicyName="no", **holder)
    yield row(attach, f"EntityNotExist.{kind}", 404, **nobody, **CUSTOM)
    yield row(attach, "InvalidParameter.PolicyType", PolicyType="x", PolicyName=P, **holder)
    yield row(attach, "EntityNotExist.Policy", 404, **holder, **{**OSS, "PolicyType": "Custom"})
    yield row(attach, **holder, **CUSTOM)
    yield row(attach, f"EntityAlreadyExists.{kind}.Policy", 409, **holder, **CUSTOM)
    yield row(attach, **holder, **OSS)
    yield row(
        listing,
        entries(
            "Policies",
            "Policy",
            {"PolicyName": P, "PolicyType": "Custom", "AttachDate": DATE},
            {"PolicyName": "AliyunOSSFullAccess", "PolicyType": "System"},
        ),
        **holder,
    )
    yield row(listing, f"EntityNotExist.{kind}", 404, **nobody)
    yield row(
        "ListEntitiesForPolicy", entries(f"{kind}s", kind, {**holder, "AttachDate": DATE}), **CUSTOM
    )
    yield row(
        "DeletePolicy",
        f"DeleteConflict.Policy.{kind}",
        409,
        PolicyName=P,
        CascadingDelete="true",
    )
    yield row(detach, **holder, **OSS)
    yield row(f"Delete{kind}", f"DeleteConflict.{kind}.Policy", 409, **holder)
    yield row(detach, **holder, **CUSTOM)
    yield row(detach, f"EntityNotExist.{kind}", 404, **nobody, **CUSTOM)


PROVIDER: dict[str, Any] = {"OIDCProviderName": "i-{x}"}
PROVIDERS = (
    row("CreateOIDCProvider", "MissingIssuerUrl", **PROVIDER),
    row("CreateOIDCProvider", "InvalidParameter.IssuerUrl", IssuerUrl="ftp://a", **PROVIDER),
    row(
        "CreateOIDCProvider",
        "InvalidParameter.OIDCProviderName.Format",
        OIDCProviderName="-a",
        IssuerUrl="https://a.b",
    ),
    row(
        "CreateOIDCProvider",
        {
            "OIDCProvider": {
                "Arn": "acs:ram::{account}:oidc-provider/i-{x}",
                "ClientIds": "a,b",
                "Fingerprints": "0BBF",
                "IssuanceLimitTime": 12,
            }
        },
        IssuerUrl="https://{x}.example.com/",
        ClientIds="a,b,a",
        Fingerprints="0BBF",
        **PROVIDER,
    ),
    row(
        "CreateOIDCProvider",
        "EntityAlreadyExists.OIDCProvider",
        409,
        IssuerUrl="https://{x}.example.org/",
        **PROVIDER,
    ),
    row("GetOIDCProvider", {"OIDCProvider": {"IssuerUrl": "https://{x}.example.com/"}}, **PROVIDER),
    row("GetOIDCProvider", "EntityNotExist.OIDCProvider", 404, OIDCProviderName="none"),
    row(
        "ListOIDCProviders",
        {"OIDCProviders": {"OIDCProvider": DATE}},
        Marker="i-",
        MaxItems=1,
    ),
    row("ListOIDCProviders", "InvalidParameter.MaxItems", MaxItems=101),
    row(
        "UpdateOIDCProvider",
        {"OIDCProvider": {"ClientIds": "c", "Description": "d", "IssuanceLimitTime": 168}},
        ClientIds="c",
        NewDescription="d",
        IssuanceLimitTime=168,
        **PROVIDER,
    ),
    row(
        "UpdateOIDCProvider",
        "InvalidParameter.IssuanceLimitTime",
        IssuanceLimitTime=169,
        **PROVIDER,
    ),
    row("UpdateOIDCProvider", "EntityNotExist.OIDCProvider", 404, OIDCProviderName="none"),
    row(
        "AddClientIdToOIDCProvider",
        {"OIDCProvider": {"ClientIds": "c,d"}},
        ClientId="d",
        **PROVIDER,
    ),
    row(
        "AddClientIdToOIDCProvider",
        "EntityAlreadyExists.OIDCProvider.ClientId",
        409,
        ClientId="d",
        **PROVIDER,
    ),
    row(
        "UpdateOIDCProvider",
        "LimitExceeded.OIDCProvider.ClientId",
        409,
        ClientIds=",".join(f"c{number}" for number in range(51)),
        **PROVIDER,
    ),
    row(
        "RemoveClientIdFromOIDCProvider",
        {"OIDCProvider": {"ClientIds": "d"}},
        ClientId="c",
        **PROVIDER,
    ),
    row(
        "RemoveClientIdFromOIDCProvider",
        "EntityNotExist.OIDCProvider.ClientId",
        404,
        ClientId="c",
        **PROVIDER,
    ),
    row("DeleteOIDCProvider", **PROVIDER),
    row("DeleteOIDCProvider", "EntityNotExist.OIDCProvider", 404, **PROVIDER),
)
STORY = (
    *USERS,
    *KEYS,
    *GROUPS,
    *POLICIES,
    *ROLES,
    row("RemoveUserFromGroup", UserName=U, GroupName=G),
    *attachments("Group", G),
    *attachments("Role", R),
    row("DeletePolicy", "EntityNotExist.Policy", 404, PolicyName="nothing"),
    row("ListEntitiesForPolicy", "EntityNotExist.Policy", 404, PolicyType="Custom", PolicyName="n"),
    row("DeleteRole", RoleName=R),
    row("DeleteRole", "EntityNotExist.Role", 404, RoleName=R),
    row("DeleteRole", RoleName="r2-{x}"),
    row("DeleteGroup", GroupName=G),
    row("DeleteGroup", "EntityNotExist.Group", 404, GroupName=G),
    row("DeleteGroup", GroupName="g2-{x}"),
    row("ListAccessKeys", entries("AccessKeys", "AccessKey", {"AccessKeyId": "$last"}), UserName=U),
    row("DeleteAccessKey", UserName=U, UserAccessKeyId="$last"),
    *attachments("User", U),
    row("DeletePolicy", PolicyName=P, CascadingDelete="true"),
    row("DeleteUser", UserName=U),
    row("DeleteUser", "EntityNotExist.User", 404, UserName=U),
    row("DeleteUser", UserName="u2-{x}"),
    *PROVIDERS,
)


class Teller:
    """Tells the story; remembers what ``$name`` stands for."""

    def __init__(self, client: RamClient, account_id: str) -> None:
        self.client = client
        self.known = {"{x}": uuid.uuid4().hex[:12], "{account}": account_id}

    def fill(self, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        for name, known in self.known.items():
            value = value.replace(name, known)
        return value

    def compare(self, found: Any, wanted: Any, place: str) -> None:
        if wanted is DATE:
            assert found, place
        elif isinstance(wanted, dict):
            for name, value in wanted.items():
                self.compare(found[name], value, f"{place}.{name}")
        elif isinstance(wanted, list):
            assert len(found) == len(wanted), (place, found)
            for number, (one, other) in enumerate(zip(found, wanted, strict=True)):
                self.compare(one, other, f"{place}[{number}]")
        elif isinstance(wanted, str) and wanted.startswith("$") and wanted not in self.known:
            self.known[wanted] = found
        else:
            assert found == self.fill(wanted), place

    def tell(self, told: Row) -> None:
        parameters = {name: self.fill(value) for name, value in told.parameters.items()}
        if "OIDC" in told.action:
            parameters["Version"] = IMS_VERSION
        if isinstance(told.answer, str):
            with pytest.raises(RamRefused) as caught:
                self.client.call(told.action, **parameters)
            refused = caught.value
            assert (refused.code, refused.status) == (told.answer, told.status), told
            assert refused.message
        else:
            answer = self.client.call(told.action, **parameters)
            self.compare(answer, told.answer, told.action)
