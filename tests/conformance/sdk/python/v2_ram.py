"""RAM, STS and OSS by their official Python packages; see test_sdk_ram.py."""

# mypy: disable-error-code="import-untyped"

import json
import os
from pathlib import Path
from typing import Any, Final

import alibabacloud_oss_v2 as oss
from alibabacloud_ram20150501 import models as ram
from alibabacloud_ram20150501.client import Client as RamClient
from alibabacloud_sts20150401.client import Client as StsClient
from alibabacloud_sts20150401.models import AssumeRoleRequest
from alibabacloud_tea_openapi.exceptions import ClientException
from alibabacloud_tea_openapi.models import Config
from darabonba.exceptions import DaraException
from harness import BUCKET, ENDPOINT, KEY_ID, KEY_SECRET, REGION, case, equal, report

USER: Final = f"{BUCKET}-user"
ROLE: Final = f"{BUCKET}-role"
POLICY: Final = f"{BUCKET}-policy"
WITHIN: Final = "within/key.txt"
CLOCK: Final = Path(os.environ["OSSIA_TEST_CLOCK"])
EXPECTED: Final[dict[str, Any]] = {}


def config(key_id: str, secret: str, token: str | None = None) -> Config:
    return Config(
        access_key_id=key_id,
        access_key_secret=secret,
        security_token=token,
        endpoint=os.environ["OSSIA_TEST_STS_ENDPOINT"],
        protocol="http",
    )


root = RamClient(config(KEY_ID, KEY_SECRET))


def oss_client(key_id: str, secret: str, token: str | None = None) -> Any:
    found = oss.config.load_default()
    found.credentials_provider = oss.credentials.StaticCredentialsProvider(key_id, secret, token)
    found.region, found.endpoint, found.retry_max_attempts = REGION, ENDPOINT, 1
    return oss.Client(found)


def refused(code: str, call: Any, *arguments: Any) -> None:
    try:
        call(*arguments)
    except (ClientException, DaraException) as error:
        equal("code", error.code, code)
    except oss.exceptions.OperationError as error:
        equal("code", error.unwrap().code, code)
    else:
        raise AssertionError(f"not refused; wanted {code}")


def put(session: Any, key: str) -> Any:
    return session.put_object(oss.PutObjectRequest(BUCKET, key, body=b"x"))


@case
def user_and_key() -> None:
    made = root.create_user(ram.CreateUserRequest(user_name=USER, comments="c")).body.user
    equal("name", made.user_name, USER)
    request = ram.CreateAccessKeyRequest(user_name=USER)
    key = root.create_access_key(request).body.access_key
    EXPECTED["key"] = (key.access_key_id, key.access_key_secret)
    second = root.create_access_key(request).body.access_key.access_key_id
    refused("LimitExceeded.User.AccessKey", root.create_access_key, request)
    root.delete_access_key(ram.DeleteAccessKeyRequest(user_name=USER, user_access_key_id=second))
    listed = root.list_access_keys(ram.ListAccessKeysRequest(user_name=USER)).body
    found = [(each.access_key_id, each.status) for each in listed.access_keys.access_key]
    equal("keys", found, [(key.access_key_id, "Active")])
    refused("EntityAlreadyExists.User", root.create_user, ram.CreateUserRequest(user_name=USER))


@case
def policy() -> None:
    statement = {
        "Effect": "Allow",
        "Action": ["oss:PutObject", "oss:GetObject"],
        "Resource": [f"acs:oss:*:*:{BUCKET}/within/*"],
    }
    document = json.dumps({"Version": "1", "Statement": [statement]})
    refused(
        "MalformedPolicyDocument",
        root.create_policy,
        ram.CreatePolicyRequest(policy_name=POLICY, policy_document="{}"),
    )
    root.create_policy(ram.CreatePolicyRequest(policy_name=POLICY, policy_document=document))
    found = root.get_policy(ram.GetPolicyRequest(policy_name=POLICY, policy_type="Custom")).body
    equal("document", found.default_policy_version.policy_document, document)
    root.attach_policy_to_user(
        ram.AttachPolicyToUserRequest(
            user_name=USER, policy_name="AliyunSTSAssumeRoleAccess", policy_type="System"
        )
    )


@case
def role() -> None:
    account = os.environ["OSSIA_TEST_ACCOUNT_ID"]
    trust = {
        "Effect": "Allow",
        "Action": "sts:AssumeRole",
        "Principal": {"RAM": [f"acs:ram::{account}:user/{USER}"]},
    }
    made = root.create_role(
        ram.CreateRoleRequest(
            role_name=ROLE,
            assume_role_policy_document=json.dumps({"Version": "1", "Statement": [trust]}),
        )
    ).body.role
    EXPECTED["arn"] = made.arn
    equal("longest session", made.max_session_duration, 3600)
    root.attach_policy_to_role(
        ram.AttachPolicyToRoleRequest(role_name=ROLE, policy_name=POLICY, policy_type="Custom")
    )
    listed = root.list_policies_for_role(ram.ListPoliciesForRoleRequest(role_name=ROLE)).body
    equal("policies", [each.policy_name for each in listed.policies.policy], [POLICY])


@case
def assume_and_use() -> None:
    # As far back as a signature may be off; later as far ahead: together more than a session.
    CLOCK.write_text("-600")
    request = AssumeRoleRequest(
        role_arn=EXPECTED["arn"], role_session_name="python", duration_seconds=900
    )
    given = StsClient(config(*EXPECTED["key"])).assume_role(request).body.credentials
    session = (given.access_key_id, given.access_key_secret, given.security_token)
    who = StsClient(config(*session)).get_caller_identity().body
    equal("kind", who.identity_type, "AssumedRoleUser")
    EXPECTED["session"] = oss_client(*session)
    put(EXPECTED["session"], WITHIN)


@case
def denied_outside() -> None:
    refused("AccessDenied", put, EXPECTED["session"], "outside.txt")
    refused("AccessDenied", put, oss_client(*EXPECTED["key"]), WITHIN)
    user = RamClient(config(*EXPECTED["key"]))
    refused("NoPermission", user.list_users, ram.ListUsersRequest())


@case
def expired() -> None:
    put(EXPECTED["session"], WITHIN)
    CLOCK.write_text("600")
    refused("SecurityTokenExpired", put, EXPECTED["session"], WITHIN)
    CLOCK.write_text("0")


@case
def clean_up() -> None:
    refused("DeleteConflict.Role.Policy", root.delete_role, ram.DeleteRoleRequest(role_name=ROLE))
    delete_policy = ram.DeletePolicyRequest(policy_name=POLICY)
    refused("DeleteConflict.Policy.Role", root.delete_policy, delete_policy)
    root.detach_policy_from_role(
        ram.DetachPolicyFromRoleRequest(role_name=ROLE, policy_name=POLICY, policy_type="Custom")
    )
    root.delete_role(ram.DeleteRoleRequest(role_name=ROLE))
    root.delete_policy(delete_policy)
    root.detach_policy_from_user(
        ram.DetachPolicyFromUserRequest(
            user_name=USER, policy_name="AliyunSTSAssumeRoleAccess", policy_type="System"
        )
    )
    delete_user = ram.DeleteUserRequest(user_name=USER)
    refused("DeleteConflict.User.AccessKey", root.delete_user, delete_user)
    root.delete_access_key(
        ram.DeleteAccessKeyRequest(user_name=USER, user_access_key_id=EXPECTED["key"][0])
    )
    root.delete_user(delete_user)
    refused("EntityNotExist.User", root.get_user, ram.GetUserRequest(user_name=USER))
    refused("InvalidAccessKeyId", put, oss_client(*EXPECTED["key"]), WITHIN)


oss_client(KEY_ID, KEY_SECRET).put_bucket(oss.PutBucketRequest(BUCKET))
report()
