"""Metadata in one SQLite file, shared by the worker processes of one machine."""

from ossia.adapters.sqlite.schema import SchemaTooNewError
from ossia.adapters.sqlite.store import SqliteMetadataStore

__all__ = ["SchemaTooNewError", "SqliteMetadataStore"]
