"""How far each node's journal has been carried into the database."""

from dataclasses import dataclass

from casecore.db.connection import Connection

_FETCH = "select segment, byte_offset from journal_position where node = $1"
_UPDATE = """
    insert into journal_position (node, segment, byte_offset)
    values ($1, $2, $3)
    on conflict (node) do update
       set segment = excluded.segment, byte_offset = excluded.byte_offset, moved_at = now()
"""


@dataclass(frozen=True, slots=True)
class JournalPosition:
    segment: int
    byte_offset: int


async def fetch_position(db: Connection, node: str) -> JournalPosition:
    """The beginning, for a node that was never seen."""
    row = await db.fetchrow(_FETCH, node)
    if row is None:
        return JournalPosition(0, 0)
    return JournalPosition(row["segment"], row["byte_offset"])


async def update_position(db: Connection, node: str, segment: int, byte_offset: int) -> None:
    """In the transaction that stores what was read up to there."""
    await db.execute(_UPDATE, node, segment, byte_offset)
