"""The engine of ``--blobs s3://…``, as the settings describe it."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ossia.ports import DEFAULT_TERMS, BlobTerms
from ossia.protocol.engine_address import EngineAddress, parse_engine_address
from ossia.settings import Settings, SettingsError

if TYPE_CHECKING:
    from ossia.adapters.s3 import Engine, S3BlobStore
    from ossia.adapters.s3.engine import Note


@dataclass(frozen=True, slots=True)
class BlobEngine:
    """An engine that can be used."""

    address: EngineAddress
    settings: Settings
    root_certificate: bytes | None

    def engine(self, note: "Note | None" = None) -> "Engine":
        """Calls to it, of which *note* hears."""
        # Its client library is large, and starts threads: who stores files needs neither.
        from ossia.adapters.s3 import Engine  # noqa: PLC0415 - see above

        return Engine(
            self.address,
            access_key_id=self.settings.blobs_access_key_id,
            access_key_secret=str(self.settings.blobs_access_key_secret),
            region=self.settings.blobs_region,
            root_certificate=self.root_certificate,
            deadline_s=self.settings.blobs_timeout,
            note=note,
        )

    def store(self, folder: Path | None, note: "Note | None" = None) -> "S3BlobStore":
        """The blob store on it, for one of the workers; *note* hears of calls."""
        from ossia.adapters.s3 import S3BlobStore  # noqa: PLC0415 - as above

        return S3BlobStore(
            self.engine(note), self.address.prefix, folder, workers=self.settings.worker_count
        )


def blob_terms(settings: Settings) -> BlobTerms:
    """How long the stages of a blob's end last where the settings keep it."""
    if not settings.blobs.startswith("s3:"):
        return DEFAULT_TERMS
    # An open file outlives its name; of an engine, a download that lasts longer is cut off if its
    # object is replaced meanwhile.
    return BlobTerms(reader_grace_ms=round(settings.blobs_grace * 1000))


def blob_engine(settings: Settings) -> BlobEngine | None:
    """The engine of the settings; None where blobs live elsewhere.  Raises `SettingsError`."""
    if not settings.blobs.startswith("s3:"):
        return None
    try:
        address = parse_engine_address(settings.blobs)
    except ValueError as error:
        raise SettingsError(f"--blobs cannot be used: {error}.") from error
    return BlobEngine(address, settings, _certificate(settings))


def _certificate(settings: Settings) -> bytes | None:
    if not settings.blobs_ca:
        return None
    try:
        return Path(settings.blobs_ca).read_bytes()
    except OSError as error:
        raise SettingsError(f"--blobs-ca {settings.blobs_ca}: {error.strerror}.") from error
