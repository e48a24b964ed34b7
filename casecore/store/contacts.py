"""Earlier contacts: what there was with a number before."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from casecore.db.connection import Connection
from casecore.store.rows import all_of
from config.tenancy import TenantId

# Each half of the union has an index that gives the newest first.
_LIST = """
    select c.id, c.direction, c.started_at, c.answered_at, c.ended_at, c.cause,
           a.name as agent_name, coalesce(d.label, c.disposition) as disposition, c.note,
           (select q.name
              from queue_visits v
              join queues q on q.tenant_id = v.tenant_id and q.id = v.queue_id
             where v.tenant_id = c.tenant_id
               and v.work_id = c.id
             order by v.entered_at desc
             limit 1) as queue
      from ((select * from calls
              where tenant_id = $1
                and caller = $2
                and id <> $3
              order by started_at desc
              limit $4)
            union
            (select * from calls
              where tenant_id = $1
                and called = $2
                and id <> $3
              order by started_at desc
              limit $4)) c
      left join agents a on a.tenant_id = c.tenant_id and a.id = c.agent_id
      left join dispositions d on d.tenant_id = c.tenant_id and d.code = c.disposition
     order by c.started_at desc, c.id
     limit $4
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    id: UUID
    """Of the call."""
    direction: str
    started_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None
    cause: str | None
    queue: str | None
    """The last one it waited in."""
    agent_name: str | None
    """Who served it last."""
    disposition: str | None
    """In words; the code where it was given up since."""
    note: str


async def list_contacts(
    db: Connection, tenant_id: TenantId, number: str, *, apart_from: UUID, limit: int
) -> list[Contact]:
    """The newest calls from or to a number, but for one of them; none for a withheld number."""
    if not number:
        return []
    return all_of(Contact, await db.fetch(_LIST, tenant_id, number, apart_from, limit))
