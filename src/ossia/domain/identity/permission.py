"""What the policies of a caller permit in STS and RAM, where no ACL has a say.

The account's root key may everything.  Otherwise a session policy must allow, some policy of the
user or role must allow, and none may deny (sts-ram.md, section 5.1).
"""

from collections.abc import Sequence

from ossia.domain.identity.identities import Caller, CallerKind
from ossia.protocol.conditions import Context
from ossia.protocol.policy_document import PolicyDocument, Verdict


def permits(caller: Caller, action: str, resource: str, context: Context) -> bool:
    """Whether *caller* may do *action* to *resource*."""
    if caller.kind is CallerKind.ROOT:
        return True
    context = {**caller.facts, **context}
    session_policy = caller.session_policy
    if session_policy is not None and not _allow((session_policy,), action, resource, context):
        return False
    return _allow(caller.policies, action, resource, context)


def _allow(
    policies: Sequence[PolicyDocument], action: str, resource: str, context: Context
) -> bool:
    verdicts = {policy.decide(action, resource, context).verdict for policy in policies}
    return Verdict.DENY not in verdicts and Verdict.ALLOW in verdicts
