"""The file of a data folder, made anew of rows that were read from one."""

from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from ossia.adapters.sqlite import page_checksums, schema
from ossia.ports import Row
from ossia.private_files import keep_private
from ossia.tables.columns import marks
from ossia.tables.every import Table


def rebuild(
    folder: Path, version: int, tables: Iterable[tuple[Table, Iterable[list[Row]]]]
) -> None:
    """Put *tables* into a new file, as they were in that version of the tables.

    Whoever opens it brings it up to date, as any that is old.  Raises `SchemaTooNewError`.
    """
    file = folder / page_checksums.FILE
    keep_private(file)
    with closing(page_checksums.connect(file)) as connection:
        # It is made anew where it was not made to the end.
        connection.execute("pragma synchronous = off")
        schema.migrate(connection, version)
        with connection:
            for table, sheaves in tables:
                names, places = ", ".join(table.columns), marks(len(table.columns))
                insert = f"insert into {table.name} ({names}) values ({places})"  # noqa: S608 - names that Ossia wrote
                for sheaf in sheaves:
                    connection.executemany(insert, sheaf)
