"""What storage and the outside owe the domain.

Each port has the fewest verbs that the domain needs.  The docstrings are the
contract: `tests/contracts` is written from them, and every adapter passes the same
suite.  Adapters raise the storage facts below and never an OSS error; only the
domain knows whether a missing row is ``NoSuchKey`` or ``NoSuchUpload``.
"""

from collections.abc import AsyncIterator, Sequence
from enum import StrEnum
from typing import Protocol

import msgspec

from ossia.records import (
    Bucket,
    BucketUsage,
    Delivery,
    Extent,
    Part,
    PendingCallback,
    Reticent,
    StoredObject,
    Timings,
    Upload,
)


class StorageFact(Exception):  # noqa: N818 - facts, not errors: the domain decides what they mean
    """Base of what adapters raise."""


class Missing(StorageFact):
    """What was named does not exist."""


class Exists(StorageFact):
    """What was to be created exists already."""


class NotEmpty(StorageFact):
    """A bucket that still holds objects or uploads."""


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
        """Every blob that occupies space, staged ones included, for the slow scrub.

        Blobs written to at *unchanged_since* (milliseconds) or later are left out.
        """

    async def probe(self) -> None:
        """Return if the store answers.  A tiny read; raises `Unavailable` if it fails."""


class Listing(msgspec.Struct, frozen=True, kw_only=True):
    """One page of a listing: objects and common prefixes, merged in byte order of their names.

    ``next_after`` is the last name on the page (a key or a common prefix) when there is more,
    otherwise None.
    """

    objects: list[StoredObject]
    prefixes: list[str]
    next_after: str | None


class UploadListing(msgspec.Struct, frozen=True, kw_only=True):
    """One page of uploads, ordered by key, then upload id."""

    uploads: list[Upload]
    prefixes: list[str]
    next_key: str | None
    next_upload_id: str | None


class DeliveryFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which rows of the delivery log; empty fields match everything."""

    bucket: str = ""
    key: str = ""
    request_id: str = ""
    message_id: str = ""
    accepted: bool | None = None
    since: int = 0


class IdentityChange(Reticent, frozen=True, kw_only=True):
    """One row of identities to be: its stored form, or None to remove it."""

    HIDDEN = frozenset({"record"})

    kind: str
    name: str
    record: bytes | None


class MetadataStore(Protocol):
    """Every visible state, decided by one transaction each.

    - A method that changes something returns only when the change is durable.
    - Changes are atomic: they happen entirely or, when a fact is raised, not at all.
    - Names compare by the bytes of their UTF-8 form.
    - Blob life cycle: `intend_blob` inserts ``intent`` with a lease; the method that records an
      object or part turns every blob of its extents from ``intent`` to ``live`` with one more
      reference (or adds a reference to one already live) and raises `Fenced` if one is neither;
      whatever an overwrite or removal lets go of loses a reference and is ``doomed`` at zero, with
      a reader grace before collection.
    """

    # buckets

    async def create_bucket(self, bucket: Bucket) -> Bucket:
        """Insert; the store assigns ``id``.  Raises `Exists` if the name is taken."""

    async def find_bucket(self, name: str) -> Bucket | None:
        """The bucket of that name."""

    async def update_bucket(self, bucket: Bucket) -> Bucket:
        """Replace the row with that id and epoch; the result has the next epoch.

        Raises `Conflict` if the stored epoch differs, `Missing` if the bucket is gone.
        """

    async def delete_bucket(self, bucket_id: int) -> None:
        """Remove an empty bucket.  Raises `Missing` or `NotEmpty` (objects or uploads)."""

    async def list_buckets(self, prefix: str, after: str, limit: int) -> list[Bucket]:
        """Buckets whose name starts with *prefix* and is greater than *after*, in order."""

    async def bucket_usage(self, bucket_id: int) -> BucketUsage:
        """Live numbers; bytes of parts count.  Cost does not grow with the number of objects.

        ``last_modified_at`` is the last change of objects, uploads or parts.  Raises `Missing`.
        """

    # objects

    async def find_object(self, bucket_id: int, key: str) -> StoredObject | None:
        """The latest version with its bytes' place (inline or extents)."""

    async def put_object(
        self,
        new: StoredObject,
        *,
        forbid_overwrite: bool = False,
        replaces: StoredObject | None = None,
        owed: PendingCallback | None = None,
    ) -> None:
        """Record *new* as the only version of its key, and *owed* with it.

        Raises `Exists` if *forbid_overwrite* and the key exists; `Conflict` if *replaces* is
        given and is not, in every field, what is stored; `Missing` if the bucket is gone; `Fenced`
        as above.  A metadata change that keeps the extents of the object
        it replaces leaves their reference counts as they are.
        """

    async def delete_objects(self, bucket_id: int, keys: Sequence[str]) -> None:
        """Remove keys.  Unknown keys are no error."""

    async def append_object(
        self,
        new: StoredObject,
        *,
        position: int,
        added: Extent | None,
        replaces: StoredObject | None = None,
    ) -> None:
        """Grow an appendable object to *new*.

        ``new.extents`` is empty: *added* (the bytes of this append, None for none) goes behind
        the extents stored so far; ``new.inline`` must be None.  At position 0 a missing or empty
        appendable object is created.  Raises `Conflict` unless the stored size equals *position*
        and the stored object is appendable, and if *replaces* is given and says anything else of
        the object (`records.said_of`) than what is stored; `Missing` if the bucket is gone;
        `Fenced`.
        """

    async def list_objects(
        self, bucket_id: int, *, prefix: str, delimiter: str, after: str, limit: int
    ) -> Listing:
        """One page of the latest versions, by skip-seek.

        A name is a key, or, with *delimiter*, the common prefix up to and including the first
        delimiter behind *prefix*.  Names greater than *after* are returned; a common prefix equal
        to *after*, or that *after* lies in, is skipped.  The cost of a page does not depend on how
        many keys a common prefix stands for.  Records carry neither inline bytes nor extents.
        """

    # multipart

    async def create_upload(self, upload: Upload) -> None:
        """Insert.  Raises `Missing` if the bucket is gone."""

    async def find_upload(self, bucket_id: int, key: str, upload_id: str) -> Upload | None:
        """The upload with that id, if it belongs to that key."""

    async def put_part(self, part: Part) -> None:
        """Insert or replace a part.  Raises `Missing` if the upload is gone; `Fenced`."""

    async def list_parts(self, upload_id: str, after: int, limit: int) -> list[Part]:
        """Parts with a number greater than *after*, in order, with the place of their bytes."""

    async def list_uploads(
        self,
        bucket_id: int,
        *,
        prefix: str,
        delimiter: str,
        after_key: str,
        after_upload_id: str,
        limit: int,
    ) -> UploadListing:
        """One page of uploads; delimiter and order as in `list_objects`.

        With an empty *after_upload_id*, keys greater than *after_key*; otherwise also uploads of
        *after_key* with a greater id.
        """

    async def complete_upload(
        self,
        upload_id: str,
        new: StoredObject,
        *,
        forbid_overwrite: bool = False,
        owed: PendingCallback | None = None,
    ) -> None:
        """Record *new* (its extents taken from parts of the upload), and *owed*; end the upload.

        Blobs of *new* keep their reference; those of parts that *new* does not use are let go; an
        intent (bytes that the completion wrote itself, of inline parts) is recorded.  Raises
        `Missing` if the upload is gone, `Exists` as `put_object`, `Conflict` if a blob of *new* is
        neither: the part was replaced meanwhile.
        """

    async def abort_upload(self, upload_id: str) -> None:
        """End the upload and let its parts go.  Raises `Missing`."""

    # blobs

    async def intend_blob(self, blob_id: str, lease_until: int) -> None:
        """Record that *blob_id* will be written.  Need not be durable before the commit.

        Raises `Exists`: ids are never used twice.
        """

    async def renew_blob(self, blob_id: str, lease_until: int) -> None:
        """Extend the lease of an intent.  Raises `Fenced` if it is no longer one."""

    async def collect(self, now: int, limit: int) -> list[str]:
        """Claim garbage: intents past their lease and doomed blobs past their grace.

        What is returned can no longer be recorded.  Two passes: after the first, the caller
        deletes the bytes and the row stays as a tombstone for longer than the longest write
        deadline; then it is returned once more, and after that forgotten with `forget_blobs`.
        A claim that `forget_blobs` does not answer within some minutes is returned again.
        """

    async def forget_blobs(self, blob_ids: Sequence[str]) -> None:
        """Tell that the bytes of collected blobs were deleted (moves each to its next pass).

        Ids that are not claimed are ignored.
        """

    async def known_blobs(self, blob_ids: Sequence[str]) -> set[str]:
        """Which of these ids have a row in any state (for the scrub)."""

    # callbacks

    async def add_deliveries(self, deliveries: Sequence[Delivery]) -> None:
        """Insert rows of the delivery log."""

    async def find_delivery(self, delivery_id: str) -> Delivery | None:
        """One row of the log."""

    async def list_deliveries(
        self, wanted: DeliveryFilter, *, before: str = "", after: str = "", limit: int
    ) -> list[Delivery]:
        """Rows that match, newest first; with ids less than *before* and greater than *after*.

        With *after* and without *before* the oldest *limit* of them, newest first.
        """

    async def prune_deliveries(self, *, older_than: int, keep: int) -> int:
        """Remove rows from before *older_than* and all but the newest *keep*; how many went.

        Removes a bounded number at a time.
        """

    async def find_pending(self, message_id: str) -> PendingCallback | None:
        """What is owed under that id."""

    async def list_pending(self, *, dead: bool, after: str, limit: int) -> list[PendingCallback]:
        """What is owed, or given up, with ids greater than *after*, in their order."""

    async def lease_pending(self, now: int, until: int, limit: int) -> list[PendingCallback]:
        """Take what is due: nobody else is given it before *until*.  The oldest come first."""

    async def settle_pending(self, message_id: str) -> None:
        """Nothing is owed any more.  Unknown ids are no error."""

    async def postpone_pending(self, pending: PendingCallback) -> None:
        """Replace what is owed under that id.  One that was settled meanwhile stays so."""

    # identities

    async def find_identity(self, kind: str, name: str) -> bytes | None:
        """The stored form of an identity (kinds: user, group, access_key, role, policy, …)."""

    async def put_identity(self, kind: str, name: str, record: bytes, *, create: bool) -> None:
        """Insert or replace a row that no other row depends on.

        With *create*, raises `Exists` if there is one.
        """

    async def delete_identity(self, kind: str, name: str) -> None:
        """Remove.  Raises `Missing`."""

    async def list_identities(self, kind: str, after: str, limit: int) -> list[tuple[str, bytes]]:
        """(name, stored form) of one kind with a name greater than *after*, in order."""

    async def identity_epoch(self) -> int:
        """How often `change_identities` has succeeded."""

    async def change_identities(self, changes: Sequence[IdentityChange], *, epoch: int) -> None:
        """Make every change, provided that none was made since *epoch* was read.

        What was read after the epoch is therefore still true when the changes are made.  Raises
        `Conflict`.  A row to be removed that does not exist is no error.
        """

    def identity_stamp(self) -> bytes:
        """Differs, in every process, once `change_identities` has returned anywhere.

        It costs next to nothing; what was read under a stamp is true as long as it stays.  A
        process that is killed on its way may leave it unchanged.
        """

    # nonces

    async def use_nonce(self, mark: bytes, *, now: int, until: int) -> None:
        """Remember *mark* until that time.  Raises `Exists` while it is remembered.

        It is remembered for all processes; a crash of the machine may forget it.
        """

    async def close(self) -> None:
        """Finish what is queued, then release everything."""


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
