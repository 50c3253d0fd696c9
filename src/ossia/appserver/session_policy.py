"""Session policies: what a lent token may do, at most.

STS gives the intersection of the role's policies and this one.

1. Without a hook it is the operator's policy file, as in the official samples.
2. With a hook, the file is filled in for the user's prefix, and three denials go with it, so that
   no file can give a user more than his prefix: not ``all_policy.txt``, not one with a mistake.
3. The session that signs a V4 form may put objects below the prefix (or the one key), and do
   nothing else; its secret never leaves this server.
"""

import json
from typing import Any, Final

from ossia.appserver.config import AppConfig, ConfigError
from ossia.appserver.grant import Bounds, GrantError

PREFIX_MARK: Final = "$OBJECT_PREFIX"
MAX_CHARACTERS: Final = 2048
"""STS documentation, "Policy"."""

_LIST: Final = "oss:ListObjects"


def of_token(config: AppConfig, bounds: Bounds, *, per_user: bool) -> str:
    """For a token.  Raises `GrantError` if it becomes longer than STS takes."""
    text = filled(config.keys.session_policy, bounds.prefix)
    if not per_user:
        return text
    policy = json.loads(text)
    own = policy["Statement"]
    policy["Statement"] = [*(own if isinstance(own, list) else [own]), *_denials(config, bounds)]
    return _checked(policy)


def of_form(config: AppConfig, bounds: Bounds) -> str:
    """For the session that signs a form."""
    names = f"{config.bucket}/{bounds.prefix}*" if bounds.key is None else None
    resource = names or f"{config.bucket}/{bounds.key}"
    statements: list[dict[str, Any]] = [
        {"Effect": "Allow", "Action": ["oss:PutObject"], "Resource": [_arn(resource)]}
    ]
    if "x-oss-object-acl" not in bounds.fields:
        # The header of that name counts where the form has no such field, and no form policy
        # reaches headers.
        statements.append(
            {
                "Effect": "Deny",
                "Action": ["oss:PutObject"],
                "Resource": [_arn(resource)],
                "Condition": {"StringLike": {"oss:x-oss-object-acl": ["public-*"]}},
            }
        )
    return _checked({"Version": "1", "Statement": statements})


def filled(template: str, prefix: str) -> str:
    """A policy file with the prefix in it."""
    return template.replace(PREFIX_MARK, json.dumps(prefix)[1:-1])


def require_bucket(config: AppConfig) -> None:
    """A user's prefix lies in some bucket.  Raises `ConfigError`."""
    if not config.bucket:
        raise ConfigError("--hook grants prefixes of one bucket: name it with --bucket.")


def _denials(config: AppConfig, bounds: Bounds) -> list[dict[str, Any]]:
    bucket, below = _arn(config.bucket), _arn(f"{config.bucket}/{bounds.prefix}*")
    return [
        {"Effect": "Deny", "Action": ["oss:*"], "NotResource": [bucket, below]},
        {"Effect": "Deny", "NotAction": [_LIST], "Resource": [bucket]},
        {
            "Effect": "Deny",
            "Action": [_LIST],
            "Resource": [bucket],
            "Condition": {"StringNotLike": {"oss:Prefix": [f"{bounds.prefix}*"]}},
        },
    ]


def _arn(resource: str) -> str:
    return f"acs:oss:*:*:{resource}"


def _checked(policy: dict[str, Any]) -> str:
    text = json.dumps(policy, separators=(",", ":"))
    if len(text) > MAX_CHARACTERS:
        raise GrantError(
            f"the session policy has {len(text)} characters and STS takes {MAX_CHARACTERS}: "
            "shorten the policy file or the prefix"
        )
    return text
