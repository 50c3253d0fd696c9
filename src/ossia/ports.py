"""What storage and the outside owe the domain.

Each port has the fewest verbs that the domain needs.  The docstrings are the
contract: `tests/contracts` is written from them, and every adapter passes the same
suite.  Adapters raise the storage facts below and never an OSS error; only the
domain knows whether a missing row is ``NoSuchKey`` or ``NoSuchUpload``.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

import msgspec

from ossia.records import Timings


class StorageFact(Exception):  # noqa: N818 - facts, not errors: the domain decides what they mean
    """Base of what adapters raise."""


class Missing(StorageFact):
    """What was named does not exist."""


class Exists(StorageFact):
    """What was to be created exists already."""


class NotEmpty(StorageFact):
    """A bucket that still holds objects or uploads."""


class Retained(StorageFact):
    """What would be replaced or removed must stay."""


class Conflict(StorageFact):
    """The state on which the change relies is not the state that is stored."""


class Fenced(StorageFact):
    """A blob to be recorded is no longer an intent: its lease ran out and it was collected."""


class Unavailable(StorageFact):
    """The engine cannot answer now; nothing is known to have changed."""


class Clock(Protocol):
    """The time.  Tests move it."""

    def now_ms(self) -> int:
        """Milliseconds since 1970 UTC."""


class StagedBlob(Protocol):
    """Bytes on their way in: ``write``, then ``flow``, in turns."""

    id: str

    def write(self, piece: memoryview) -> None:
        """Append *piece*, in any thread.

        Blocks as long as a disk does; the buffer may be reused as soon as this returns.
        """

    async def flow(self) -> None:
        """Return when more may be written: an engine that is slow holds its writers back here.

        Raises `Unavailable`.
        """


class BlobReader(Protocol):
    """A run of bytes of one blob: ``length`` bytes from ``offset``, for somebody who reads on.

    Nothing is opened before it is used.  An engine may read ahead, within bounds, and no further
    than the run.  A reader that was used may go on after ``delete`` of its blob, or not: what
    readers rely on is the grace before blobs that nobody refers to are collected.
    """

    offset: int
    length: int

    async def begin(self) -> None:
        """See that an engine behind a network answers, before the bytes are promised to anybody.

        Raises `Missing`, `Unavailable`.
        """

    def fileno(self) -> int | None:
        """The file that the bytes lie in, for sendfile, or None.  Blocking but short.

        Raises `Missing`.
        """

    async def read(self, offset: int, most: int) -> bytes | memoryview:
        """At least one byte and at most *most* of the blob at *offset*; none where it has ended.

        Raises `Missing` (also where an engine cannot tell the end from what was lost),
        `Unavailable`.
        """

    def release(self) -> None:
        """Let go of files, connections and bytes until the next use."""

    def close(self) -> None:
        """The same for good."""


class BlobStore(Protocol):
    """Bytes under opaque ids.  Knows nothing of buckets, keys or permissions.

    Ids are made by ``stage`` (32 lower-case hex digits), are never reused and never come from
    a client.
    """

    def new_id(self) -> str:
        """A fresh id, for which the caller records an intent before it stages bytes."""

    def stage(self, blob_id: str, size_hint: int | None) -> StagedBlob:
        """Begin to store bytes.  Blocking but short: it may create a file.

        *size_hint* is the expected size in bytes, or None where unknown.
        """

    async def publish(self, staged: StagedBlob) -> None:
        """Make a staged blob readable.

        - The blob is durable when this returns: a crash afterwards loses nothing.
        - A staged blob that is never published is invisible and may be discarded at any time.
        - Publishing the same staged blob twice is a programming error.
        - If it was deleted meanwhile (its lease ran out and it was collected): raises `Missing`,
          or what it brings is deleted again by the second pass of the collector.
        """

    async def discard(self, staged: StagedBlob) -> None:
        """Forget a staged blob that was not published.  Idempotent."""

    def open(self, blob_id: str, offset: int, length: int) -> BlobReader:
        """A reader of *length* bytes from *offset* of a published blob.

        A blob that is not there is `Missing` at the first use.
        """

    async def delete(self, blob_ids: Sequence[str]) -> None:
        """Remove blobs, published or only staged.  Unknown ids are ignored."""

    def ids(self, *, unchanged_since: int) -> AsyncIterator[str]:
        """Every blob that occupies space, staged ones included, for who sifts them.

        Blobs written to at *unchanged_since* (milliseconds) or later are left out.
        """

    async def probe(self) -> None:
        """Return if the store answers.  A tiny read; raises `Unavailable` if it fails."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobTerms:
    """How long the stages of a blob's end last."""

    reader_grace_ms: int = 10 * 60_000
    """A blob nobody refers to stays readable for whoever looked it up before."""

    tombstone_ms: int = 24 * 3_600_000
    """Longer than the longest write: bytes that arrive after the first pass go in the second."""

    claim_ms: int = 5 * 60_000
    """A collector that died is replaced after this."""


DEFAULT_TERMS = BlobTerms()


Value = str | int | bytes | None
Row = tuple[Any, ...]
_P = ParamSpec("_P")
_T = TypeVar("_T")


class Rows(Protocol):
    """Questions to what is stored.

    Statements are in the dialect that every engine has (`ossia.tables`): ``$1``, ``$2``, … in the
    order of their first appearance, ``on conflict``, ``returning``, ``case``, no function of one
    engine alone but `position`.  Names compare by the bytes of their UTF-8 form.
    """

    @property
    def position(self) -> str:
        """What the engine calls the function that tells where in a text another one begins.

        It counts characters from 1; 0: nowhere.
        """

    async def one(self, sql: str, *values: Value) -> Row | None:
        """The first row, if there is one."""

    async def all(self, sql: str, *values: Value) -> list[Row]:
        """Every row, in the order asked for."""

    async def together(
        self,
        question: "Callable[Concatenate[Rows, _P], Awaitable[_T]]",
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T:
        """What *question* returns; its statements all see the same commit."""


class Transaction(Rows, Protocol):
    """One change of state while it is made.

    A change that raises a storage fact must not have changed anything: it looks first and writes
    afterwards.  It may be begun again, so it does nothing but ask and write.  A row that a change
    inserts because it found none may have been inserted meanwhile: the change is begun again.
    """

    now: int
    """The time of the change, in milliseconds."""
    slots: int
    """In how many rows the usage of a bucket is counted."""
    terms: BlobTerms
    """How long the stages of a blob's end last."""

    async def hold(self, sql: str, *values: Value) -> list[Row]:
        """The rows of one table, which nobody else changes until this change is made."""

    async def run(self, sql: str, *values: Value) -> int:
        """Insert, update or delete; how many rows."""

    async def run_each(self, sql: str, values: Iterable[Sequence[Value]]) -> None:
        """Run a statement once for each of *values*."""

    async def enter(self, bucket_id: int, *, alone: bool = False) -> bool:
        """Whether there is that bucket; then it stays until this change is made.

        *alone*: and until then nobody else is in it.
        """

    def count(
        self,
        bucket_id: int,
        *,
        storage_bytes: int = 0,
        objects: int = 0,
        uploads: int = 0,
        parts: int = 0,
    ) -> None:
        """Add to the usage of a bucket that was entered."""

    def count_class(
        self,
        bucket_id: int,
        storage_class: str,
        *,
        storage_bytes: int,
        billed_bytes: int,
        objects: int,
    ) -> None:
        """Add to how much of that is in a storage class (`tables.class_usage`)."""

    def renew(self, topic: str) -> None:
        """Once the change is made, the stamp of *topic* is another one."""


Pace = Callable[[int], Awaitable[None]]
"""Waited for after so many bytes were read: whoever asked keeps others from being disturbed."""


class Database(Rows, Protocol):
    """Every visible state.  What is asked and changed, by topic, is in `ossia.tables`.

    - A change is durable when `change` returns.
    - It is made entirely or, when it raises, not at all.
    - Everything that can go wrong with the engine is `Unavailable`.
    """

    async def change(
        self,
        change: Callable[Concatenate[Transaction, _P], Awaitable[_T]],
        *args: _P.args,
        **kwargs: _P.kwargs,
    ) -> _T:
        """Make *change*; what it returned."""

    async def stamp(self, topic: str) -> bytes:
        """Differs, in every process, once a change has returned that renewed *topic*.

        It costs next to nothing; what was read under a stamp is true as long as it stays.  A
        process that is killed on its way may leave it unchanged.
        """

    def flaws(self, pace: Pace) -> AsyncIterator[str]:
        """What is damaged of what the engine keeps checksums of itself, in words.

        It may read everything, little by little: *pace* is awaited each time.
        """

    async def continue_ids(self) -> None:
        """Let no id be given again that rows were inserted with (`ossia.tables.every`)."""

    async def close(self) -> None:
        """Finish what is under way, then release everything."""


class CallbackAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """One request to one URL, exactly as it is to be sent.

    ``target`` is path and query as they stand in the request line; ``headers`` contains Host;
    without ``sni`` TLS does not tell the name that is asked for.  What is scarce is shared among
    buckets, so that one of them cannot keep the others' callbacks waiting.
    """

    scheme: str
    host: str
    port: int
    target: str
    headers: dict[str, str]
    body: bytes
    sni: bool = True
    bucket: str = ""


class CallbackAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What the application answered; header names are in lower case.

    ``body`` stops one byte behind the sender's limit; of an answer other than 200 it holds what
    arrived in time.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    address: str = ""
    timings: Timings = Timings()


class CallbackFault(StrEnum):
    """Why there is no answer."""

    FORBIDDEN = "forbidden"
    NAME_NOT_FOUND = "name not found"
    NOT_CONNECTED = "not connected"
    CONNECT_TIMEOUT = "connect timeout"
    REPLY_TIMEOUT = "reply timeout"
    BROKEN = "broken answer"


class CallbackFailure(msgspec.Struct, frozen=True, kw_only=True):
    """There is no answer: the fault, and what a person needs to know about it."""

    fault: CallbackFault
    detail: str
    address: str = ""
    timings: Timings = Timings()


class CallbackSender(Protocol):
    """Sends one callback request and tells what came back.

    - Follows no redirect, uses no proxy, keeps no cookie and no connection.
    - Every address it connects to has been judged by the deployment's address policy.
    - The whole exchange, name resolution included, ends within the sender's time limit.
    """

    async def send(self, attempt: CallbackAttempt) -> CallbackAnswer | CallbackFailure:
        """Make one attempt.  Raises nothing but cancellation."""


class BatchSigner(Protocol):
    """Makes several signatures with one key for less than they cost one by one."""

    @property
    def most(self) -> int:
        """How many at a time."""

    @property
    def worth_from(self) -> int:
        """As few as this are dearer one by one."""

    def sign(self, messages: Sequence[bytes]) -> list[bytes]:
        """MD5 with PKCS#1 v1.5, one for each message, in their order.

        Raises `ArithmeticError` if any cannot be relied on.
        """


class DocumentFetcher(Protocol):
    """Gets a public document, such as the keys of an OIDC issuer.

    - Every address it connects to has been judged by the deployment's address policy.
    - Follows no redirect, uses no proxy, sends no cookie; verifies certificates.
    - The whole exchange ends within the fetcher's time limit; a document over its size limit is
      none.
    """

    async def fetch(self, url: str) -> bytes:
        """The body of a successful answer.  Raises `Unavailable` with the reason."""
