"""Which objects can be read: those of the colder classes only while they are restored.

Rules:

1. An object is restored from when its restoring ends until what was asked for is over; the clock
   decides, nothing is moved.
2. A bucket may have its Archive objects read without (direct read); the colder ones never are.
3. Describing, listing, overwriting and deleting need no reading.
"""

from ossia.errors import InvalidObjectState
from ossia.protocol.dates import format_http
from ossia.protocol.storage_class import ARCHIVE, FROZEN
from ossia.records import Bucket, Restoration, StoredObject

DIRECT_READ = "archive-direct-read"
"""The name of the document that says whether Archive objects are read without restoring."""
ENABLED = b"true"
DISABLED = b"false"


def check_readable(bucket: Bucket, stored: StoredObject, now: int) -> None:
    """Raise `InvalidObjectState` if *stored*, of *bucket*, would have to be restored first."""
    if stored.storage_class not in FROZEN:
        return
    restoration = restoration_at(stored, now)
    if restoration is not None and restoration.ready_at <= now:
        return
    if stored.storage_class == ARCHIVE and bucket.documents.get(DIRECT_READ) == ENABLED:
        return
    raise InvalidObjectState(ObjectName=stored.key)


def restoration_at(stored: StoredObject, now: int) -> Restoration | None:
    """The restoration that is under way or holds, if one does."""
    restoration = stored.restoration
    if restoration is None or stored.storage_class not in FROZEN or restoration.until <= now:
        return None
    return restoration


def restoration_text(stored: StoredObject, now: int) -> str | None:
    """What ``x-oss-restore`` and listings tell of it, if there is anything to tell."""
    restoration = restoration_at(stored, now)
    if restoration is None:
        return None
    if now < restoration.ready_at:
        return 'ongoing-request="true"'
    return f'ongoing-request="false", expiry-date="{format_http(restoration.until)}"'
