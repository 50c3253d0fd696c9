"""Callbacks that are to be signed at about the same time are signed together.

Uploads end in groups, because their records reach the disk in groups; so do their callbacks begin.
What one turn of the event loop wants signed is signed in the next, up to a batch a turn, so that
others have theirs in between.
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

    def sign(self, message: bytes) -> "asyncio.Future[str]":
        """The value of the ``authorization`` header, soon."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._sign_some)
        future: asyncio.Future[str] = loop.create_future()
        self._waiting.append((message, future))
        return future

    def _sign_some(self) -> None:
        most = self._signer.most
        some, self._waiting = self._waiting[:most], self._waiting[most:]
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._sign_some)
        for (_, future), signature in zip(some, self._signed([m for m, _ in some]), strict=True):
            if not future.done():
                future.set_result(signature)

    def _signed(self, messages: Sequence[bytes]) -> list[str]:
        if len(messages) >= self._signer.worth_from:
            try:
                return [base64.b64encode(each).decode() for each in self._signer.sign(messages)]
            except ArithmeticError as error:
                log.error("signatures_wrong reason=%s", error)  # noqa: TRY400 - no fault of ours
        return [self._key.sign(message) for message in messages]
