"""Callbacks that are to be signed at about the same time are signed together.

Uploads end in groups, because their records reach the disk in groups; so do their callbacks begin.
What one turn of the event loop wants signed is signed in the next, up to a batch a turn, so that
others have theirs in between.  While there are few, the first of a turn does not wait for others.
"""

import asyncio
import base64
import logging
from collections.abc import Sequence

from ossia.ports import BatchSigner
from ossia.protocol.callback_signature import CallbackKey

log = logging.getLogger("ossia.signatures")

_Waiting = tuple[bytes, "asyncio.Future[str]"]


class SignatureBatch:
    """Signs with one key; *signer* makes several signatures at once."""

    def __init__(self, key: CallbackKey, signer: BatchSigner) -> None:
        self._key = key
        self._signer = signer
        self._waiting: list[_Waiting] = []
        self._is_turn_ahead = False
        self._are_many = False
        self._is_reliable = True

    def sign(self, message: bytes) -> "asyncio.Future[str]":
        """The value of the ``authorization`` header, now or soon."""
        future: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        is_first = not self._is_turn_ahead
        self._look_ahead()
        if is_first and not self._are_many:
            future.set_result(self._key.sign(message))
        else:
            self._waiting.append((message, future))
        return future

    def _look_ahead(self) -> None:
        if not self._is_turn_ahead:
            self._is_turn_ahead = True
            asyncio.get_running_loop().call_soon(self._take_turn)

    def _take_turn(self) -> None:
        most = self._signer.most
        some, self._waiting = self._waiting[:most], self._waiting[most:]
        self._is_turn_ahead = False
        self._are_many = len(some) >= self._signer.worth_from
        if self._waiting:
            self._look_ahead()
        still = [each for each in some if not each[1].done()]
        try:
            signed = self._signed([message for message, _ in still])
        except Exception as error:  # noqa: BLE001 - whatever it is, those who wait must hear of it
            for _, future in still:
                future.set_exception(error)
        else:
            for (_, future), signature in zip(still, signed, strict=True):
                future.set_result(signature)

    def _signed(self, messages: Sequence[bytes]) -> list[str]:
        if self._is_reliable and len(messages) >= self._signer.worth_from:
            try:
                return [base64.b64encode(each).decode() for each in self._signer.sign(messages)]
            except ArithmeticError as error:
                # Whatever is broken does not mend itself.
                self._is_reliable = False
                log.error("signatures_wrong reason=%s", error)  # noqa: TRY400 - no fault of ours
        return [self._key.sign(message) for message in messages]
