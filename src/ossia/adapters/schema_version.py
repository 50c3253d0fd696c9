"""Tables that this version of Ossia cannot stand beside."""


class SchemaTooNewError(Exception):
    """A newer version of Ossia made the tables in *where*."""

    def __init__(self, where: str, found: int, known: int) -> None:
        super().__init__(
            f"the metadata {where} has schema version {found}, this Ossia knows {known}: "
            "start the newer Ossia that wrote it, or restore a backup made before the upgrade"
        )


class SchemaTooOldError(Exception):
    """The tables are of a version that a server brings up to date when it starts."""


class NoSchemaError(Exception):
    """There are no tables of Ossia."""
