"""The keys that sign callbacks: which one signs, and under which URLs receivers find each.

1. Keys are numbered from 1, the highest number signs, and every key is served while it is kept.
2. Each key has URLs of its own, so a receiver that keeps what it fetched is never wrong.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from ossia.domain.callbacks.signature_batch import SignatureBatch
from ossia.ports import BatchSigner
from ossia.protocol.callback_signature import CallbackKey


class KeyRing(Protocol):
    """Where the keys are kept."""

    def keys(self, *, fresh: bool = False) -> Mapping[int, CallbackKey]:
        """Every key by its number, at least one; another mapping whenever anything changed.

        What others add is seen within a second, with *fresh* at once.
        """


class OneKey:
    """The ring of a node that keeps nothing: one key, made anew at every start."""

    def __init__(self, key: CallbackKey | None = None) -> None:
        self._keys = {1: key or CallbackKey.generate()}

    def keys(self, *, fresh: bool = False) -> Mapping[int, CallbackKey]:
        """The key."""
        del fresh
        return self._keys


@dataclass(frozen=True, slots=True)
class SigningKey:
    """The key that signs, and the URL under which its public half is found."""

    key: CallbackKey
    url: str
    batch: SignatureBatch | None = None

    async def sign(self, message: bytes) -> str:
        """The value of the ``authorization`` header."""
        if self.batch is not None:
            return await self.batch.sign(message)
        # A third of a millisecond on the loop: the library holds the interpreter's lock while it
        # signs, so a thread would only add its hand-over.
        return self.key.sign(message)


class CallbackKeys:
    """The keys of one deployment.

    *own_url* is the public URL of the server, without a slash at its end.  *original_url* is a
    place such as ``http://gosspublic.alicdn.com/``, which is named instead of it where given.
    *batching* finds what signs several callbacks at once with a key, if anything does.
    """

    def __init__(
        self,
        ring: KeyRing,
        *,
        own_url: str,
        original_url: str = "",
        batching: Callable[[CallbackKey], BatchSigner | None] | None = None,
    ) -> None:
        self.ring = ring
        self._batching = batching
        self._own_url = own_url
        self._original_url = original_url.removesuffix("/")
        self._known: Mapping[int, CallbackKey] = {}
        self._current: SigningKey | None = None

    def current(self) -> SigningKey:
        """The key to sign with."""
        keys = self.ring.keys()
        if self._current is None or keys is not self._known:
            self._known, self._current = keys, self._newest_of(keys)
        return self._current

    def _newest_of(self, keys: Mapping[int, CallbackKey]) -> SigningKey:
        number = max(keys)
        key = keys[number]
        signer = None if self._batching is None else self._batching(key)
        batch = None if signer is None else SignatureBatch(key, signer)
        if self._original_url:
            return SigningKey(key, self._original_url + original_path(number), batch)
        return SigningKey(key, self._own_url + own_path(number), batch)

    def public_pem(self, path: str) -> bytes | None:
        """The public key that is found under *path*, ours or the original one; None if none is."""
        found = _PATH.fullmatch(path)
        if found is None:
            return None
        number = int(found["number"] or found["version"] or 1)
        key = self.ring.keys().get(number)
        if key is None:
            # Another worker may sign with a key that this one has not seen.
            key = self.ring.keys(fresh=True).get(number)
        return None if key is None else key.public_pem()


_PATH: Final = re.compile(
    r"/-/callback/public_key(?:_(?P<number>[2-9]|[1-9][0-9]{1,8}))?\.pem"
    r"|/callback_pub_key_v(?P<version>[1-9][0-9]{0,8})\.pem"
)


def own_path(number: int) -> str:
    """Where this server answers the public key of that number."""
    return f"/-/callback/public_key{'' if number == 1 else f'_{number}'}.pem"


def original_path(number: int) -> str:
    """Where receivers that know OSS only look for it, at gosspublic.alicdn.com."""
    return f"/callback_pub_key_v{number}.pem"
