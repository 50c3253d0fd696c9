"""Every visible state in PostgreSQL, shared by any number of gateways."""

from ossia.adapters.postgres.database import PostgresDatabase
from ossia.adapters.postgres.primary import Place
from ossia.adapters.postgres.schema import SchemaTooNewError

__all__ = ["Place", "PostgresDatabase", "SchemaTooNewError"]
