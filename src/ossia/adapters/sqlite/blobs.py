# ruff: noqa: S608 - what is put into statements are constants of this file
"""Statements about blobs; their life is described in `ossia.adapters.blob_life`."""

from collections.abc import Sequence

import apsw

from ossia.adapters.blob_life import CLAIM, BlobState
from ossia.adapters.sqlite.transaction import Transaction, rows
from ossia.ports import Exists, Fenced

_KNOWN_AT_ONCE = 500


def intend(transaction: Transaction, blob_id: str, lease_until: int) -> None:
    """See `ossia.ports.MetadataStore.intend_blob`."""
    if transaction.blob_state(blob_id) is not None:
        raise Exists(blob_id)
    transaction.execute(
        "insert into blob (id, state, refs, lease_until) values (?, ?, 0, ?)",
        (blob_id, BlobState.INTENT.value, lease_until),
    )


def renew(transaction: Transaction, blob_id: str, lease_until: int) -> None:
    """See `ossia.ports.MetadataStore.renew_blob`."""
    transaction.execute(
        "update blob set lease_until = ? where id = ? and state = ?",
        (lease_until, blob_id, BlobState.INTENT.value),
    )
    if not transaction.changed():
        raise Fenced(blob_id)


def collect(transaction: Transaction, now: int, limit: int) -> list[str]:
    """See `ossia.ports.MetadataStore.collect`."""
    due = rows(
        transaction.cursor,
        f"select id, state from blob where state <> {BlobState.LIVE} and lease_until <= ?"
        " order by lease_until, id limit ?",
        (now, max(limit, 0)),
    )
    claimed_until = now + transaction.terms.claim_ms
    for blob_id, state in due:
        transaction.execute(
            "update blob set state = ?, lease_until = ? where id = ?",
            (CLAIM[BlobState(state)].value, claimed_until, blob_id),
        )
    return [blob_id for blob_id, _ in due]


def forget(transaction: Transaction, blob_ids: Sequence[str]) -> None:
    """See `ossia.ports.MetadataStore.forget_blobs`."""
    tombstone_until = transaction.now + transaction.terms.tombstone_ms
    for blob_id in blob_ids:
        state = transaction.blob_state(blob_id)
        if state is BlobState.CLAIMED:
            transaction.execute(
                "update blob set state = ?, lease_until = ? where id = ?",
                (BlobState.TOMBSTONE.value, tombstone_until, blob_id),
            )
        elif state is BlobState.RECLAIMED:
            transaction.execute("delete from blob where id = ?", (blob_id,))


def known(cursor: apsw.Cursor, blob_ids: Sequence[str]) -> set[str]:
    """See `ossia.ports.MetadataStore.known_blobs`."""
    found: set[str] = set()
    for start in range(0, len(blob_ids), _KNOWN_AT_ONCE):
        asked = tuple(blob_ids[start : start + _KNOWN_AT_ONCE])
        marks = ",".join("?" * len(asked))
        of_these = f"select id from blob where id in ({marks})"
        found.update(blob_id for (blob_id,) in rows(cursor, of_these, asked))
    return found
