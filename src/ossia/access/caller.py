"""Who calls: the result of authentication."""

from dataclasses import dataclass
from enum import Enum

from ossia.protocol.policy_document import PolicyDocument


class CallerKind(Enum):
    """What kind of identity a caller is."""

    ANONYMOUS = "Anonymous"
    ROOT = "Account"
    USER = "RAMUser"
    SESSION = "AssumedRoleUser"


@dataclass(frozen=True, slots=True)
class Caller:
    """An authenticated (or anonymous) caller.

    ``policies`` are those of the user or role; ``session_policy`` intersects them.  ``id`` is what
    callbacks report as the requester: the account, user or role id, empty for anonymous.
    """

    kind: CallerKind
    account_id: str = ""
    id: str = ""
    arn: str = ""
    access_key_id: str = ""
    policies: tuple[PolicyDocument, ...] = ()
    session_policy: PolicyDocument | None = None


ANONYMOUS = Caller(CallerKind.ANONYMOUS)
