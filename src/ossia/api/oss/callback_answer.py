"""Results that the application server's answer may replace."""

from dataclasses import dataclass

import msgspec

from ossia.api.call import Call
from ossia.api.operation import headers_of
from ossia.api.oss.encryption_headers import TellingEncryption
from ossia.domain.callbacks.callbacks import CallbackReply
from ossia.domain.callbacks.upload_callback import CallbackTerms, Mode, UploadCallback, terms_of
from ossia.domain.callbacks.upload_facts import UploadFacts
from ossia.domain.objects.versions import shown_version
from ossia.errors import CallbackFailed
from ossia.protocol.callback import CallbackConfig
from ossia.protocol.trace import trace_headers
from ossia.records import StoredObject


@dataclass(slots=True, kw_only=True)
class TellingAnswer(TellingEncryption):
    """An answer whose body is that of the application server, once it was told."""

    reply: CallbackReply | None = None

    def own_body(self, call: Call) -> bytes:
        """The body without a callback."""
        del call
        return b""

    def body(self, call: Call) -> bytes:
        """The application's body, byte for byte, or our own."""
        return self.own_body(call) if self.reply is None else self.reply.body

    def body_type(self) -> str:
        """The application's Content-Type, or our own."""
        return self.content_type if self.reply is None else self.reply.content_type

    def is_foreign(self) -> bool:
        """The application's is."""
        return self.reply is not None


def announce(
    call: Call, config: CallbackConfig | None, operation: str, *, kind: str = "upload"
) -> UploadCallback | None:
    """The callback of this request, if it asks for one.

    A *kind* other than ``upload`` is about an object that is there already: nothing can depend on
    its answer.
    """
    if config is None:
        return None
    services = call.services
    terms = terms_of(call.bucket, services.callback_terms)
    if kind != "upload":
        terms = msgspec.structs.replace(terms, mode=Mode.OSS)

    def facts(stored: StoredObject) -> UploadFacts:
        return UploadFacts(
            bucket=call.bucket.name,
            stored=stored,
            operation=operation,
            request_id=call.request_id,
            client_ip=call.http.peer,
            requester=call.caller.id,
            read=lambda offset, length: services.objects.read(stored, offset, length),
            version=shown_version(call.bucket, stored.version),
            trace=_trace(call, terms),
        )

    return UploadCallback(services.callbacks, services.outbox, config, terms, facts, kind=kind)


def _trace(call: Call, terms: CallbackTerms) -> dict[str, str]:
    """Where traces are made, that of this request; otherwise what the client sent, if wanted."""
    if call.http.trace:
        return dict(call.http.trace)
    return trace_headers(call.http.headers) if terms.traceparent else {}


async def tell(callback: UploadCallback, answer: TellingAnswer) -> None:
    """Put the application's answer into *answer*.

    Raises `CallbackFailed`, which carries the headers of the success: the object is stored either
    way (callback.md, section 7).
    """
    try:
        answer.reply = await callback.after()
    except CallbackFailed as failed:
        failed.headers = dict(headers_of(answer))
        raise
