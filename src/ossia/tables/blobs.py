"""Blobs' rows; their life is described in `blob_life`."""

from collections.abc import Iterable, Mapping, Sequence

from ossia.ports import Exists, Fenced, Rows, Transaction
from ossia.tables import holds
from ossia.tables.blob_life import CLAIM, RECORDABLE, BlobState
from ossia.tables.columns import marks

_AT_ONCE = 500

_STATES = "select id, state from blob where id in ({}) order by id"
# What is left of a blob without references, once its readers had time to end.
_REFER = (
    "update blob set refs = refs + $1,"
    f" state = case when refs + $1 > 0 then {BlobState.LIVE} else {BlobState.DOOMED} end,"
    " lease_until = case when refs + $1 > 0 then 0 else cast($2 as bigint) end where id = $3"
)


async def state_of(tx: Transaction, blob_id: str) -> BlobState | None:
    """The state of a blob's row, if there is one; it stays until the change is made."""
    found = await tx.hold("select state from blob where id = $1", blob_id)
    return BlobState(found[0][0]) if found else None


async def states_of(tx: Transaction, blob_ids: Iterable[str]) -> dict[str, BlobState]:
    """The same of many blobs; those that have no row are left out."""
    asked = sorted(blob_ids)
    states: dict[str, BlobState] = {}
    for start in range(0, len(asked), _AT_ONCE):
        some = asked[start : start + _AT_ONCE]
        found = await tx.hold(_STATES.format(marks(len(some))), *some)
        states.update((blob_id, BlobState(state)) for blob_id, state in found)
    return states


async def check_recordable(tx: Transaction, blob_ids: Iterable[str]) -> None:
    """Raise `Fenced` unless each blob is an intent or live."""
    asked = set(blob_ids)
    states = await states_of(tx, asked)
    for blob_id in asked:
        if states.get(blob_id) not in RECORDABLE:
            raise Fenced(blob_id)


async def refer(tx: Transaction, change: Mapping[str, int]) -> None:
    """Change reference counts; `check_recordable` was asked about those that grow.

    A blob of which a reference is left is live; one without is doomed.
    """
    until = tx.now + tx.terms.reader_grace_ms
    await tx.run_each(
        _REFER, [(count, until, blob_id) for blob_id, count in sorted(change.items())]
    )


async def intend(tx: Transaction, blob_id: str, lease_until: int) -> None:
    """Record that *blob_id* will be written.

    Raises `Exists`: ids are never used twice.
    """
    if await state_of(tx, blob_id) is not None:
        raise Exists(blob_id)
    await tx.run(
        f"insert into blob (id, state, refs, lease_until) values ($1, {BlobState.INTENT}, 0, $2)",
        blob_id,
        lease_until,
    )


async def renew(tx: Transaction, blob_id: str, lease_until: int) -> None:
    """Extend the lease of an intent.  Raises `Fenced` if it is no longer one."""
    renewed = await tx.run(
        f"update blob set lease_until = $1 where id = $2 and state = {BlobState.INTENT}",
        lease_until,
        blob_id,
    )
    if not renewed:
        raise Fenced(blob_id)


async def collect(tx: Transaction, now: int, limit: int) -> list[str]:
    """Claim garbage: intents past their lease and doomed blobs past their grace.

    What is returned can no longer be recorded.  Two passes: after the first, the caller
    deletes the bytes and the row stays as a tombstone for longer than the longest write
    deadline; then it is returned once more, and after that forgotten with `forget`.
    A claim that `forget` does not answer within some minutes is returned again.
    While there is a hold (`holds`), only what was due when it began.
    """
    asked, now = now, await holds.standing_at(tx, now)
    due = await tx.hold(
        f"select id, state from blob where state <> {BlobState.LIVE} and lease_until <= $1"
        " order by lease_until, id limit $2",
        now,
        max(limit, 0),
    )
    claimed_until = asked + tx.terms.claim_ms
    await tx.run_each(
        "update blob set state = $1, lease_until = $2 where id = $3",
        [(CLAIM[BlobState(state)].value, claimed_until, blob_id) for blob_id, state in due],
    )
    return [blob_id for blob_id, _ in due]


async def forget(tx: Transaction, blob_ids: Sequence[str]) -> None:
    """Tell that the bytes of collected blobs were deleted (moves each to its next pass).

    Ids that are not claimed are ignored.
    """
    states = await states_of(tx, blob_ids)
    until = tx.now + tx.terms.tombstone_ms
    await tx.run_each(
        f"update blob set state = {BlobState.TOMBSTONE}, lease_until = $1 where id = $2",
        [(until, each) for each, state in states.items() if state is BlobState.CLAIMED],
    )
    await tx.run_each(
        "delete from blob where id = $1",
        [(each,) for each, state in states.items() if state is BlobState.RECLAIMED],
    )


async def known(rows: Rows, blob_ids: Sequence[str]) -> set[str]:
    """Which of these ids have a row in any state (for sifting)."""
    found: set[str] = set()
    for start in range(0, len(blob_ids), _AT_ONCE):
        some = blob_ids[start : start + _AT_ONCE]
        of_these = await rows.all(f"select id from blob where id in ({marks(len(some))})", *some)
        found.update(blob_id for (blob_id,) in of_these)
    return found
