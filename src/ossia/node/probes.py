"""What ``/-/ready`` asks of the engines: one tiny read of each, that answers if anything does."""

from collections.abc import Mapping

from ossia.gateway.readiness import Probe
from ossia.ports import BlobStore, MetadataStore


def probes(metadata: MetadataStore, blobs: BlobStore) -> Mapping[str, Probe]:
    """The probes by the names of the settings."""

    async def ask_metadata() -> None:
        # A store opens with the schema that it knows only; one that has lost it has no such row.
        await metadata.identity_epoch()

    return {"metadata": ask_metadata, "blobs": blobs.probe}
