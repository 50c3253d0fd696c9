"""Callers, policies and surroundings for tests of authorization."""

import json
from dataclasses import dataclass, field
from typing import Any

from ossia.access.authorize import Context
from ossia.domain.identity.identities import Caller, CallerKind
from ossia.protocol.policy_document import Grammar, PolicyDocument

ACCOUNT = "1234"
ROOT_ARN = f"acs:ram::{ACCOUNT}:root"
ROOT = Caller(CallerKind.ROOT, account_id=ACCOUNT, id=ACCOUNT, arn=ROOT_ARN)
USER = Caller(CallerKind.USER, account_id=ACCOUNT, id="22", arn=f"acs:ram::{ACCOUNT}:user/u")
SESSION = Caller(
    CallerKind.SESSION, account_id=ACCOUNT, id="33", arn=f"acs:ram::{ACCOUNT}:assumed-role/r/eric"
)
BUCKET = f"acs:oss:cn-test:{ACCOUNT}:b"


def text(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "1", "Statement": list(statements)})


def identity(*statements: dict[str, Any]) -> PolicyDocument:
    return PolicyDocument.parse(text(*statements))


def bucket(*statements: dict[str, Any]) -> PolicyDocument:
    return PolicyDocument.parse(text(*statements), Grammar.BUCKET)


def says(effect: str, action: str | list[str] = "oss:*", **more: Any) -> dict[str, Any]:
    return {"Effect": effect, "Action": action, "Resource": "*", **more}


@dataclass
class Around:
    """Surroundings that note what they are asked for."""

    bucket_policy: PolicyDocument | None = None
    acl_is: str = "private"
    is_blocked: bool = False
    facts: Context = field(default_factory=dict)
    asked: list[object] = field(default_factory=list)

    @property
    def closed_policy(self) -> PolicyDocument | None:
        return None if self.bucket_policy is None else self.bucket_policy.without_public()

    async def context(self, keys: frozenset[str]) -> Context:
        self.asked.append(set(keys))
        return self.facts

    async def acl(self) -> str:
        self.asked.append("acl")
        return self.acl_is

    async def blocks_public(self) -> bool:
        self.asked.append("block")
        return self.is_blocked
