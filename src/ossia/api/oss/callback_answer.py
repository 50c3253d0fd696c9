"""Results that the application server's answer may replace."""

from dataclasses import dataclass

from ossia.api.operation import Answer, Call, headers_of
from ossia.domain.callbacks import CallbackReply, UploadFacts
from ossia.errors import CallbackFailed
from ossia.protocol.callback import CallbackConfig
from ossia.records import StoredObject


@dataclass(slots=True, kw_only=True)
class TellingAnswer(Answer):
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


async def tell(
    call: Call,
    answer: TellingAnswer,
    config: CallbackConfig,
    stored: StoredObject,
    operation: str,
) -> None:
    """Call the application server and put its answer into *answer*.

    Raises `CallbackFailed`, which carries the headers of the success: the object is stored either
    way (callback.md, section 7).
    """
    facts = UploadFacts(
        bucket=call.bucket.name,
        stored=stored,
        operation=operation,
        request_id=call.request_id,
        client_ip=call.http.peer,
        requester=call.caller.id,
        read=lambda offset, length: call.services.objects.read(stored, offset, length),
    )
    try:
        answer.reply = await call.services.callbacks.notify(config, facts)
    except CallbackFailed as failed:
        failed.headers = dict(headers_of(answer))
        raise
