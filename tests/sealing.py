"""The data keys of objects in tests: everything lies under one master key."""

from ossia.domain.encryption.kms_keys import KmsKeys
from ossia.domain.identity.store import IdentityStore
from ossia.domain.objects.encryption import ObjectKeys
from ossia.ports import Clock, Database
from ossia.protocol.seal import KEY_BYTES, Seal

MASTER = Seal(bytes(KEY_BYTES))


def kms_of(database: Database, clock: Clock) -> KmsKeys:
    """The key store of account 1234 in *database*."""
    return KmsKeys(IdentityStore(database, clock), clock, MASTER, "1234")


def keys_of(database: Database, clock: Clock) -> ObjectKeys:
    """The data keys of the objects in *database*."""
    return ObjectKeys(kms_of(database, clock))
