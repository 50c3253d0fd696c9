"""Which callbacks tell of an upload that this server may record.

A genuine signature proves that the object storage sent the callback, or that somebody had it send
one like it: every user of a storage may choose URL and body of a callback, and may keep what the
storage sent to a receiver of his own.  So nothing is recorded on the word of its author:

1. A form of this server has a grant in its callback (`callback_grant`).  What it does not cover is
   refused; under one grant each content of an object is recorded once.
2. With a token the app writes the callback itself.  The object storage is asked (HEAD): the object
   must be there, as large and with the ETag that the callback says; size and type are the
   storage's.  Each version of an object is recorded once, and none that was recorded with a grant
   (`uploads`).  The same goes for a grant that ended long ago.
3. Only of what was stored just before may a callback leave out the ETag, as that of the official
   tutorial for mobile apps does: it arrives while the app still waits for its upload, and whoever
   finds a key later must know the content, too.
4. The bucket is the configured one, in the body and in the header.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from ossia.appserver.answers import now_ms
from ossia.appserver.callback_grant import (
    FIELD,
    GRACE_S,
    CallbackGrant,
    GrantForgedError,
    read_grant,
)
from ossia.appserver.config import AppConfig
from ossia.appserver.stored import Look, Stored, looker
from ossia.appserver.uploads import GRANTED, TOLD, Upload, read_upload
from ossia.protocol.names import is_bucket_name
from ossia.receiver.verify import CallbackNotVerified, VerifiedCallback

_ETAG: Final = "etag"
_JUST_STORED_S: Final = 60
"""Several times what the object storage waits for an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """An upload to record.  ``mark`` is the same for whatever is to be recorded once."""

    upload: Upload
    mark: str
    user: str = ""
    """Whom the upload was granted to; empty for one by token."""


class Receipts:
    """Checks callbacks for one configuration; for any framework."""

    def __init__(
        self,
        config: AppConfig,
        *,
        look: Look | None = None,
        now_ms: Callable[[], int] = now_ms,
    ) -> None:
        self._config = config
        self._look = look or looker(config)
        self._now_ms = now_ms

    def accept(self, callback: VerifiedCallback) -> Receipt:
        """What *callback* tells, if it may be recorded.  Blocks.

        Raises `CallbackNotVerified` if not, `StorageSilentError` if that cannot be known now.
        """
        try:
            told = read_upload(callback, self._now_ms())
        except (ValueError, RecursionError) as error:
            raise CallbackNotVerified(f"the body cannot be read: {error}") from error
        self._check_bucket(told, callback.bucket)
        text = told.variables.get(FIELD, "")
        if not text:
            return self._looked_up(told)
        grant = self._granted(told, text)
        if self._now_ms() > (grant.ends_at + GRACE_S) * 1000:
            return self._looked_up(_without_grant(told))
        return Receipt(
            upload=_without_grant(told),
            mark=f"{GRANTED}{grant.nonce} {told.etag} {told.object}",
            user=grant.user,
        )

    def _check_bucket(self, told: Upload, header: str) -> None:
        wanted = self._config.bucket or told.bucket
        for named in (told.bucket, header or told.bucket):
            if named != wanted:
                raise CallbackNotVerified(f"the upload went to bucket {named!r}, not {wanted!r}")
        # It becomes part of a host name.
        if not is_bucket_name(wanted):
            raise CallbackNotVerified(f"{wanted!r} is not a bucket")

    def _granted(self, told: Upload, text: str) -> CallbackGrant:
        try:
            grant = read_grant(self._config, text)
        except GrantForgedError as error:
            raise CallbackNotVerified(str(error)) from error
        if not grant.covers(told.object):
            raise CallbackNotVerified(f"the grant is not for the object {told.object!r}")
        return grant

    def _looked_up(self, told: Upload) -> Receipt:
        found = self._look(told.bucket, told.object) if told.object else None
        if found is None:
            raise CallbackNotVerified(f"there is no object {told.object!r} in {told.bucket!r}")
        _compare(told, found)
        return Receipt(
            upload=replace(told, size=found.size, mime_type=found.mime_type, etag=found.etag),
            mark=f"{TOLD}{told.bucket} {found.etag} {found.modified} {told.object}",
        )


def _compare(told: Upload, found: Stored) -> None:
    if not told.etag and (found.age_s is None or found.age_s > _JUST_STORED_S):
        raise CallbackNotVerified(
            f"the object {told.object!r} was not stored just now, and the callback does not tell "
            "its ETag: have callbackBody say etag=${etag}"
        )
    if told.etag not in ("", found.etag) or told.size not in (None, found.size):
        raise CallbackNotVerified(f"the object {told.object!r} is not the one that was told of")


def _without_grant(told: Upload) -> Upload:
    """What the form's own variables were; the rest was between this server and itself."""
    own = {name: value for name, value in told.variables.items() if name not in (FIELD, _ETAG)}
    return replace(told, variables=own)
