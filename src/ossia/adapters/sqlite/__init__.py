"""Every visible state in one SQLite file, shared by the worker processes of one machine."""

from ossia.adapters.sqlite.database import MemoryDatabase, SqliteDatabase
from ossia.adapters.sqlite.schema import SchemaTooNewError

__all__ = ["MemoryDatabase", "SchemaTooNewError", "SqliteDatabase"]
