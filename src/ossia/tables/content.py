"""Inline bytes lie beside the rows they belong to: rows stay small."""

from ossia.ports import Transaction


async def keep_content(tx: Transaction, content_id: int | None, inline: bytes | None) -> int | None:
    """Store *inline* in the place *content_id*, or a new one; without bytes, free it."""
    if inline is None:
        if content_id is not None:
            await tx.run("delete from content where id = $1", content_id)
        return None
    if content_id is not None:
        await tx.run("update content set bytes = $1 where id = $2", inline, content_id)
        return content_id
    row = await tx.one("insert into content (bytes) values ($1) returning id", inline)
    assert row is not None
    return int(row[0])
