"""The callback of one upload, on its way through the moments of a write.

Three guarantees, chosen by the server or for a bucket:

``oss``
    As the real service: the object is visible first, then the application is told, once.  A
    failure is the client's 203 and nobody's duty.
``outbox``
    The same, and what could not be delivered is owed (`outbox`): the client gets its 203
    at once, the application gets the message later, however often either side crashes.
``commit-on-200``
    The application is asked first: the object becomes visible only if it accepts.  Otherwise
    nothing changes, and the client's 203 has a code of its own.
"""

from collections.abc import Callable
from enum import StrEnum

import msgspec

from ossia.domain.callbacks.callbacks import CallbackReply, Callbacks
from ossia.domain.callbacks.outbox import Outbox
from ossia.domain.callbacks.upload_facts import UploadFacts
from ossia.errors import CallbackFailed, CallbackNotAccepted
from ossia.logs.scope import behind
from ossia.protocol.callback import CallbackConfig
from ossia.records import Bucket, CallbackMessage, PendingCallback, StoredObject

DOCUMENT = "callback-terms"
"""The name under which a bucket keeps its own terms."""


class Mode(StrEnum):
    """What an upload's callback guarantees."""

    OSS = "oss"
    OUTBOX = "outbox"
    COMMIT = "commit-on-200"


class CallbackTerms(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How callbacks are made: for the server, or for one bucket.

    ``webhooks`` adds the headers of Standard Webhooks, ``traceparent`` passes the upload's trace
    on.
    """

    mode: Mode = Mode.OSS
    webhooks: bool = False
    traceparent: bool = False


_terms = msgspec.json.Decoder(CallbackTerms).decode


def terms_of(bucket: Bucket, default: CallbackTerms) -> CallbackTerms:
    """The bucket's own terms, or the server's."""
    document = bucket.documents.get(DOCUMENT)
    return default if document is None else _terms(document)


class UploadCallback:
    """One upload's callback: `before` it is recorded, `after` it is visible."""

    def __init__(
        self,
        callbacks: Callbacks,
        outbox: Outbox,
        config: CallbackConfig,
        terms: CallbackTerms,
        facts: Callable[[StoredObject], UploadFacts],
        *,
        kind: str = "upload",
    ) -> None:
        self._callbacks = callbacks
        self._outbox = outbox
        self._config = config
        self._terms = terms
        self._facts = facts
        self._kind = kind
        self._message: CallbackMessage | None = None
        self._owed: PendingCallback | None = None
        self._reply: CallbackReply | None = None
        self._failed: CallbackFailed | None = None

    async def before(self, new: StoredObject) -> PendingCallback | None:
        """What to record with *new*.  Raises `CallbackNotAccepted` if it must not be recorded.

        The message is filled here, while the bytes are at hand: whoever waits for an application
        holds none of them.
        """
        mode = self._terms.mode
        try:
            message = self._message = await self._fill(new)
            del self._facts
            if mode is Mode.COMMIT:
                self._reply = await self._callbacks.send(message)
        except CallbackFailed as failed:
            if mode is Mode.COMMIT:
                raise CallbackNotAccepted(
                    "The application server did not accept the object, so nothing was stored: "
                    f"{failed.text}",
                    ec=failed.ec,
                ) from failed
            # A broken image: the object is stored all the same, and no retry would mend it.
            self._failed = failed
            return None
        if mode is Mode.OUTBOX:
            self._owed = self._outbox.owed(message)
        return self._owed

    async def after(self) -> CallbackReply:
        """The application's answer.  Raises `CallbackFailed`; the object is stored either way."""
        if self._failed is not None:
            raise self._failed
        if self._reply is not None:
            return self._reply
        assert self._message is not None
        try:
            reply = await self._callbacks.send(self._message, kind=self._kind)
        except CallbackFailed as failed:
            if self._owed is not None:
                behind(self._outbox.put_off(self._owed, failed.text))
            raise
        if self._owed is not None:
            # Nobody waits: if this is lost, the message is sent once more, with the same id.
            behind(self._outbox.settle(self._owed))
        return reply

    async def _fill(self, stored: StoredObject) -> CallbackMessage:
        return await self._callbacks.message(
            self._config,
            self._facts(stored),
            decides=self._terms.mode is Mode.COMMIT,
            # Whatever may come twice has a name; a plain OSS callback looks as it always did.
            shows_id=self._terms.mode is not Mode.OSS,
            webhook=self._terms.webhooks,
        )
