"""Every visible state in one SQLite file, shared by the worker processes of one machine."""

from ossia.adapters.sqlite.database import MemoryDatabase, SqliteDatabase, bring_up_to_date
from ossia.adapters.sqlite.page_checksums import add_checksums
from ossia.adapters.sqlite.unusable import FileUnusableError

__all__ = [
    "FileUnusableError",
    "MemoryDatabase",
    "SqliteDatabase",
    "add_checksums",
    "bring_up_to_date",
]
