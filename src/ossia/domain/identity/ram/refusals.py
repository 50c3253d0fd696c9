"""The refusals of RAM: codes and messages of its error table, by what they are about.

Source: RAM documentation, "Error codes", and the pages of the operations.
"""

from typing import Final

from ossia.errors import RpcError
from ossia.records import AccessKey, Group, OidcProvider, Policy, Role, User

_ALREADY: Final[dict[type, tuple[str, str]]] = {
    User: ("EntityAlreadyExists.User", "The user does already EXIST."),
    Group: ("EntityAlreadyExists.Group", "The group does already EXIST."),
    Role: ("EntityAlreadyExists.Role", "The role does already EXIST."),
    # RAM's own table says "group" here, by mistake.
    Policy: ("EntityAlreadyExists.Policy", "The policy does already EXIST."),
    OidcProvider: ("EntityAlreadyExists.OIDCProvider", "The OIDC provider does already EXIST."),
}
_NOWHERE: Final[dict[type, tuple[str, str]]] = {
    User: ("EntityNotExist.User", "The user does not exist."),
    Group: ("EntityNotExist.Group", "The group does not exist."),
    AccessKey: ("EntityNotExist.User.AccessKey", "The user access key does not exist."),
    Role: ("EntityNotExist.Role", "The specified Role not exists."),
    Policy: ("EntityNotExist.Policy", "The policy does not exist."),
    OidcProvider: ("EntityNotExist.OIDCProvider", "The OIDC provider does not exist."),
}
_CONFLICTS: Final = {
    "User.Group": "The user CAN NOT be in any group while deleting the user.",
    "User.AccessKey": "The user CAN NOT has any access key while deleting the user.",
    "User.Policy": "The user CAN NOT has any attached policy while deleting the user.",
    "Group.User": "The group CAN NOT has any user member while deleting the group.",
    "Group.Policy": "The entity CAN NOT has any attached policy while deleting the group.",
    "Policy.User": "The policy CAN NOT been attached to any user while deleting the policy.",
    "Policy.Group": "The policy CAN NOT been attached to any group while deleting the policy.",
    "Policy.Role": "The policy CAN NOT been attached to any role while deleting the policy.",
    "Policy.Version": "The policy CAN NOT has any version except the default version.",
    "Policy.Version.Default": "The default policy version CAN NOT been deleted directly.",
    "Role.Policy": "The role CAN NOT has any attached policy while deleting the role.",
}
_LIMITS: Final = {
    "User": "The count of users beyond the current limits.",
    "User.AccessKey": "The access key count of the user access keys beyond the current limits.",
    "User.Group": "The count of groups the target user joined beyond the current limits.",
    "User.Policy": "The policy count of the user attached policies beyond the current limits.",
    "Group": "The count of groups beyond the current limits.",
    "Group.Policy": "The policy count of the group beyond the current limits.",
    "Policy": "The count of policy beyond the current limits.",
    "Policy.Version": "The count of policy version beyond the current limits.",
    "Role": "The count of roles beyond the current limits.",
    "Role.Policy": "The count of policies attached to the role beyond the current limits.",
    "OIDCProvider": "The count of OIDC providers beyond the current limits.",
}
_NOT_ATTACHED: Final = {
    "User": "The indicate policy of the user does not exist.",
    "Group": "The indicate policy attached to the group does not exist.",
    "Role": "The indicate policy of the role does not exist.",
}
NOT_PERMITTED: Final = "You are not authorized to do this action."


def no_such(record_type: type) -> RpcError:
    """What was named does not exist."""
    return RpcError(404, *_NOWHERE[record_type])


def already_there(record_type: type) -> RpcError:
    """The name is taken."""
    return RpcError(409, *_ALREADY[record_type])


def not_attached(kind: str) -> RpcError:
    """The user, group or role does not have the policy."""
    return RpcError(404, f"EntityNotExist.{kind}.Policy", _NOT_ATTACHED[kind])


def already_attached(kind: str) -> RpcError:
    """The user, group or role has the policy."""
    return RpcError(
        409,
        f"EntityAlreadyExists.{kind}.Policy",
        f"The {kind.lower()} has already been attached this policy.",
    )


def in_use(what: str) -> RpcError:
    """Something must go before what is to be deleted: ``User.AccessKey``, …"""
    return RpcError(409, f"DeleteConflict.{what}", _CONFLICTS[what])


def too_many(what: str) -> RpcError:
    """A limit of the account is reached."""
    return RpcError(409, f"LimitExceeded.{what}", _LIMITS[what])


def missing(name: str) -> RpcError:
    """A mandatory parameter is not there."""
    return RpcError(400, f"Missing{name}", f"{name} is mandatory for this action.")


def invalid_characters(name: str) -> RpcError:
    """A parameter has characters that it may not have."""
    return RpcError(
        400,
        f"InvalidParameter.{name}.InvalidChars",
        f'The parameter - "{name}" contains invalid chars.',
    )


def too_long(name: str) -> RpcError:
    """A parameter is longer than it may be."""
    return RpcError(
        400,
        f"InvalidParameter.{name}.Length",
        f'The parameter - "{name}" beyond the length limit.',
    )


def malformed(name: str) -> RpcError:
    """A parameter is not of the form it must have."""
    return RpcError(
        400,
        f"InvalidParameter.{name}.Format",
        f'The format of the parameter - "{name}" is incorrect.',
    )


def incorrect(name: str, remedy: str = "") -> RpcError:
    """A parameter has none of the values it may have."""
    text = f'The parameter - "{name}" is incorrect.'
    return RpcError(400, f"InvalidParameter.{name}", f"{text} {remedy}".rstrip())
