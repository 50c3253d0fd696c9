"""Calls to an S3-speaking engine: put, get a range, delete, list; each ends within its deadline.

Rules:

1. A call is tried until its deadline, with a back-off that grows; what cannot get better (a wrong
   key, a bucket that is not there) ends it at once.
2. No try has all the time: what hangs may be one host of many, or a connection to a host that is
   no more.
3. What the engine did not say is not known: every call may be made again.  Names are written once,
   with the same bytes.
4. Only this module knows the client library.
"""

import asyncio
import random
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

import obstore
from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError
from obstore.store import S3Store

from ossia.ports import Missing, Unavailable
from ossia.protocol.engine_address import EngineAddress

if TYPE_CHECKING:
    from obstore.store import ClientConfig, S3Credential

_TRIES: Final = 3
"""At least so many where each hangs."""
_PROBE_S: Final = 3.0
"""Who asks whether an engine answers has no use for a late answer."""
_BACKOFF_S: Final = 0.05
_LONGEST_BACKOFF_S: Final = 2.0
_CONNECT_S: Final = "3s"
_PAGE: Final = 1000
_STATUS: Final = re.compile(r"status code: (\d{3})")
_CODE: Final = re.compile(r"<Code>(\w+)</Code>")
_NO_RANGE: Final = 416
_WORTH_ANOTHER_TRY: Final = frozenset({408, 409, 425, 429})
_SERVER_ERRORS: Final = 500

T = TypeVar("T")


class Name(NamedTuple):
    """A name in the engine's bucket."""

    text: str
    modified_at: int
    """Milliseconds, by the engine's clock."""


Note = Callable[[str, str, float, int], None]
"""Hears of each call: ``put``, ``get``, ``delete`` or ``list``; ``done``, ``missing``,
``unavailable`` or ``cancelled``; how many seconds it took, and how many tries."""


def _nobody(_call: str, _outcome: str, _seconds: float, _tries: int) -> None:
    """Nobody wants to hear of it."""


class Engine:
    """One bucket of an engine."""

    def __init__(
        self,
        address: EngineAddress,
        *,
        access_key_id: str,
        access_key_secret: str,
        region: str,
        root_certificate: bytes | None = None,
        deadline_s: float = 30,
        note: Note | None = None,
    ) -> None:
        options: ClientConfig = {
            "allow_http": address.is_plain,
            "connect_timeout": _CONNECT_S,
            # Ours alone: the library's would count the time that a slow reader takes as well.
            "timeout": "1h",
            # Each keeps a buffer of what came last.
            "pool_max_idle_per_host": "16",
        }
        if root_certificate is not None:
            options["root_certificate"] = root_certificate

        def credential() -> "S3Credential":
            return {
                "access_key_id": access_key_id,
                "secret_access_key": access_key_secret,
                "token": None,
                "expires_at": None,
            }

        self._store = S3Store(
            address.bucket,
            # What the library would find in the environment (AWS_…) is somebody else's.
            credential_provider=credential,
            skip_signature=False,
            endpoint=address.endpoint or f"https://s3.{region}.amazonaws.com",
            region=region,
            virtual_hosted_style_request=False,
            # A signed payload would be digested once more, for more than all the rest costs.
            unsigned_payload=True,
            client_options=options,
            retry_config={"max_retries": 0},
        )
        self._deadline_s = deadline_s
        self._note = note or _nobody

    async def put(self, name: str, content: memoryview) -> bool:
        """Write *content*, durably.  Raises `Unavailable`.

        It must not change meanwhile; only after True, which says that the first try has done it,
        may it change ever again: of a try that was given up, nobody knows when it ends.
        """
        tries = 0

        async def put() -> None:
            nonlocal tries
            tries += 1
            try:
                await obstore.put_async(self._store, name, content, use_multipart=False)
            except FileNotFoundError as error:
                raise Unavailable(_reason(error)) from error

        await self._call("put", put)
        return tries == 1

    async def get(self, name: str, start: int, length: int) -> memoryview:
        """At most *length* bytes from *start*, fewer only at the end.

        Raises `Missing` where there are none, `Unavailable`.
        """

        async def get() -> memoryview:
            try:
                found = await obstore.get_range_async(self._store, name, start=start, length=length)
            except FileNotFoundError as error:
                raise _absent(error) from error
            return memoryview(found)

        return await self._call("get", get)

    async def delete(self, names: Sequence[str]) -> None:
        """Remove names; one that is not there is no error.  Raises `Unavailable`."""

        async def delete() -> None:
            # In one request for a thousand of them (DeleteObjects).
            await obstore.delete_async(self._store, names)

        if names:
            await self._call("delete", delete)

    async def names(self, prefix: str) -> AsyncIterator[Name]:
        """Every name that begins with *prefix*, which ends with a slash.  Raises `Unavailable`."""
        after: str | None = None
        while page := await self._call("list", partial(self._page, prefix, after)):
            for name in page:
                yield name
            if len(page) < _PAGE:
                return
            after = page[-1].text

    async def folders(self, prefix: str) -> list[str]:
        """What stands between *prefix* and the next slash, in order.  Raises `Unavailable`."""

        async def folders() -> list[str]:
            found = await obstore.list_with_delimiter_async(self._store, prefix)
            return [f"{each}/" for each in found["common_prefixes"]]

        return await self._call("list", folders)

    async def probe(self, prefix: str) -> None:
        """Ask once whether the bucket answers.  Raises `Unavailable`."""
        patience_s = min(_PROBE_S, self._deadline_s)
        await self._try(partial(self._page, prefix, None), patience_s)

    async def _page(self, prefix: str, after: str | None) -> list[Name]:
        listing = obstore.list(self._store, prefix, offset=after, chunk_size=_PAGE)
        async for page in listing:
            return [
                Name(each["path"], int(each["last_modified"].timestamp() * 1000)) for each in page
            ]
        return []

    async def _call(self, name: str, call: Callable[[], Awaitable[T]]) -> T:
        """What *call* brings, tried until the deadline; `Note` hears of it under *name*."""
        now_s = asyncio.get_running_loop().time
        begun_s = now_s()
        tries = 0

        async def counted() -> T:
            nonlocal tries
            tries += 1
            return await call()

        outcome = "cancelled"
        try:
            brought = await self._try_on(counted)
        except Missing:
            outcome = "missing"
            raise
        except Unavailable:
            outcome = "unavailable"
            raise
        else:
            outcome = "done"
            return brought
        finally:
            self._note(name, outcome, now_s() - begun_s, tries)

    async def _try_on(self, call: Callable[[], Awaitable[T]]) -> T:
        now_s = asyncio.get_running_loop().time
        end_s = now_s() + self._deadline_s
        backoff_s = _BACKOFF_S
        while True:
            left_s = end_s - now_s()
            try:
                return await self._try(
                    call, min(left_s, max(left_s / 2, self._deadline_s / _TRIES))
                )
            except _TryAgain as error:
                # Not all at the same moment.
                pause_s = backoff_s * random.uniform(0.5, 1)  # noqa: S311 - no secret
                if now_s() + pause_s >= end_s:
                    raise Unavailable(str(error)) from error
            await asyncio.sleep(pause_s)
            backoff_s = min(_LONGEST_BACKOFF_S, 2 * backoff_s)

    async def _try(self, call: Callable[[], Awaitable[T]], patience_s: float) -> T:
        future = asyncio.ensure_future(call())
        try:
            # `asyncio.timeout` wants a current task, which who only just began has not (`eager`).
            done, _ = await asyncio.wait((future,), timeout=patience_s)
        finally:
            future.cancel()
        if not done:
            raise _TryAgain(f"the engine has not answered for {patience_s:.0f} s")
        try:
            return future.result()
        except (PermissionDeniedError, UnauthenticatedError) as error:
            raise Unavailable(_reason(error)) from error
        except (BaseError, OSError) as error:
            raise _meaning(error) from error


class _TryAgain(Unavailable):
    """Something that may be better the next time."""


def _absent(error: FileNotFoundError) -> Missing | Unavailable:
    """404 says that a name is missing, or that everything is."""
    code = _CODE.search(str(error))
    if code is not None and code[1] == "NoSuchBucket":
        return Unavailable(_reason(error))
    return Missing(_reason(error))


def _meaning(error: Exception) -> Missing | Unavailable:
    found = _STATUS.search(str(error))
    status = 0 if found is None else int(found[1])
    if status == _NO_RANGE:
        return Missing(_reason(error))
    if isinstance(error, FileNotFoundError):
        return Unavailable(_reason(error))
    if 0 < status < _SERVER_ERRORS and status not in _WORTH_ANOTHER_TRY:
        return Unavailable(_reason(error))
    return _TryAgain(_reason(error))


def _reason(error: Exception) -> str:
    """The first line of the library's story, and the engine's own code."""
    line = str(error).partition("\n")[0].partition(" - Server returned")
    status, code = _STATUS.search(str(error)), _CODE.search(str(error))
    more = [found[1] for found in (status, code) if found is not None]
    return " ".join([line[0][:300], *more])
