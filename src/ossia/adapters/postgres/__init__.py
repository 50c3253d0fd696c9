"""Every visible state in PostgreSQL, shared by any number of gateways."""

from ossia.adapters.postgres.database import PostgresDatabase
from ossia.adapters.postgres.primary import Place

__all__ = ["Place", "PostgresDatabase"]
