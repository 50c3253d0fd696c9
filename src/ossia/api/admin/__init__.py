"""The admin API under ``/-/api/``: JSON, signed with the same keys as OSS requests."""

from ossia.api.admin import callbacks, kms, lifecycle, openapi, pending, policies, terms
from ossia.api.admin.route import admin

__all__ = ["admin", "callbacks", "kms", "lifecycle", "openapi", "pending", "policies", "terms"]
