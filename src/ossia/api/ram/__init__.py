"""RAM: users, access keys, groups, roles, policies; of IMS, the OIDC providers."""

from ossia.api.ram import groups, oidc_providers, policies, roles, users
from ossia.api.ram.operation import IMS_VERSION, RAM_VERSION, Call, Fields, Operation, ram

__all__ = [
    "IMS_VERSION",
    "RAM_VERSION",
    "Call",
    "Fields",
    "Operation",
    "groups",
    "oidc_providers",
    "policies",
    "ram",
    "roles",
    "users",
]
