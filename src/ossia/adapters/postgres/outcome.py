"""What became of a COMMIT whose answer nobody heard.

Every line has a row of its own, into which each change made on it writes its mark.  When a line is
lost during COMMIT, the row is written to through another one, which waits for the end of the change
if that is still under way at the server, and tells what stands there.  Nobody else writes the row
of a lost line, so that is the answer, after a failover as well.
"""

from ossia.adapters.postgres.lines import Line

_DAY_MS = 24 * 3600 * 1000
_MARK = (
    "insert into outcome (line, mark, at) values ($1, $2, $3)"
    " on conflict (line) do update set mark = excluded.mark, at = excluded.at"
)
_LOOK = (
    "insert into outcome (line, mark, at) values ($1, '', 0)"
    " on conflict (line) do update set at = outcome.at returning mark"
)


async def write_mark(line: Line, mark: str, now: int) -> None:
    """Write *mark* with the change under way on *line*."""
    await line.connection.execute(_MARK, line.name, mark, now)


async def was_made(through: Line, lost: str, mark: str) -> bool:
    """Whether the change with *mark* was made on the line *lost*; asked through another one."""
    # A look at a row would not wait for the change that inserts it, if that is under way.
    found = await through.connection.fetchrow(_LOOK, lost)
    return bool(found[0] == mark)


async def forget_old(through: Line, now: int) -> None:
    """Remove rows of lines that have long been lost."""
    await through.connection.execute("delete from outcome where at < $1", now - _DAY_MS)
