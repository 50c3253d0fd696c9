"""What ``/-/ready`` asks of the engines: one tiny read of each, that answers if anything does."""

from collections.abc import Mapping

from ossia import tables
from ossia.gateway.readiness import Probe
from ossia.ports import BlobStore, Database


def probes(database: Database, blobs: BlobStore) -> Mapping[str, Probe]:
    """The probes by the names of the settings."""

    async def ask_metadata() -> None:
        # A store opens with the schema that it knows only; one that has lost it has no such row.
        await tables.identities.epoch(database)

    return {"metadata": ask_metadata, "blobs": blobs.probe}
