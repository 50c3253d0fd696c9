"""What reads have to do with lifecycle rules: what they note, and what they tell.

Only buckets that have such documents pay for it.
"""

import msgspec

from ossia.api.call import Call
from ossia.domain.objects.access_times import DOCUMENT as ACCESS_MONITOR
from ossia.domain.objects.symlinks import is_link, target_of
from ossia.protocol.dates import format_http
from ossia.protocol.lifecycle_rules import DOCUMENT as LIFECYCLE
from ossia.records import StoredObject


async def note_access(call: Call, stored: StoredObject) -> None:
    """*stored* is read, and what is read through it if it is a link."""
    if ACCESS_MONITOR not in call.bucket.documents:
        return
    call.services.access_times.note(stored)
    if is_link(stored):
        target = await call.services.objects.peek(call.bucket, target_of(stored))
        if target is not None:
            call.services.access_times.note(target)


def with_expiration(
    call: Call, told: StoredObject, stored: StoredObject, version_id: str | None
) -> StoredObject:
    """*told*, with the header that tells when *stored* will be deleted, and by which rule.

    A request that names a version is not told: that may be a former one, which other rules end.
    """
    if LIFECYCLE not in call.bucket.documents or version_id is not None:
        return told
    end = call.services.lifecycles.end_of(call.bucket, stored)
    if end is None:
        return told
    # Documentation of lifecycle rules, "Rules".
    text = f'expiry-date="{format_http(end.due)}", rule-id="{end.rule}"'
    return msgspec.structs.replace(told, headers={**told.headers, "x-oss-expiration": text})
