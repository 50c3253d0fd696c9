"""Every visible state in one SQLite file, shared by the worker processes of one machine."""

from ossia.adapters.sqlite.database import MemoryDatabase, SqliteDatabase

__all__ = ["MemoryDatabase", "SqliteDatabase"]
