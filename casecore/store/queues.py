"""Queues and their settings."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from casecore.db.connection import Connection
from casecore.paging import Page, Rows, orderings
from casecore.store.rows import all_of, changed, found, listing_of, page_of, refusals
from config.tenancy import TenantId

SORT_COLUMNS = {"name": "lower(name)", "priority": "priority", "created_at": "created_at"}

_NAMES = (
    *("name", "skill", "minimum_level", "priority", "ring_seconds", "wrap_up_seconds"),
    *("announce_every_seconds", "max_waiting", "max_wait_seconds", "music"),
    *("service_level_seconds", "service_level_target", "short_abandon_seconds", "time_zone"),
    *("auto_answer", "disposition_required", "disposition_seconds"),
)
_VALUES = ", ".join(_NAMES)
_COLUMNS = f"id, {_VALUES}, created_at"
_SELECT = f"select {_COLUMNS} from queues where tenant_id = $1 and deleted_at is null"

_INSERT = f"""
    insert into queues (tenant_id, {_VALUES})
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17,
            $18)
    returning {_COLUMNS}
"""
_FETCH = _SELECT + " and id = $2"
_LIST = _SELECT + " order by lower(name), id"
_PAGES = orderings(_SELECT, SORT_COLUMNS, unique="id", page="limit $2 offset $3")
_COUNT = "select count(*) from queues where tenant_id = $1 and deleted_at is null"
_UPDATE = f"""
    update queues
       set ({_VALUES}) = ($3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14,
                        $15, $16, $17, $18, $19)
     where tenant_id = $1
       and id = $2
       and deleted_at is null
    returning {_COLUMNS}
"""
_DELETE = """
    update queues
       set deleted_at = now(), music = null
     where tenant_id = $1
       and id = $2
       and deleted_at is null
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueValues:
    name: str
    skill: str
    minimum_level: int = 1
    priority: int = 0
    ring_seconds: float = 20.0
    wrap_up_seconds: float = 10.0
    announce_every_seconds: float = 30.0
    max_waiting: int = 100
    max_wait_seconds: float | None = None
    music: UUID | None = None
    """The sound that waiting callers hear; the installation's music when None."""
    service_level_seconds: float = 20.0
    """Who is answered within it is served in time."""
    service_level_target: float = 80.0
    """Percent."""
    short_abandon_seconds: float = 5.0
    """Who hangs up within it is not counted."""
    time_zone: str = "UTC"
    """Where it is midnight when a new day is counted."""
    auto_answer: bool = False
    """Agents' phones take its calls by themselves."""
    disposition_required: bool = False
    """Who took a call gets the next one only after saying what became of it."""
    disposition_seconds: float = 900.0
    """How long that is waited for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue(QueueValues):
    id: UUID
    created_at: datetime


async def insert_queue(db: Connection, tenant_id: TenantId, values: QueueValues) -> Queue:
    """Raises AlreadyExists for a taken name, UnknownReference for unknown music."""
    with refusals(f"queue {values.name}"):
        row = await db.fetchrow(_INSERT, tenant_id, *_arguments(values))
    return found(Queue, row, values.name)


async def fetch_queue(db: Connection, tenant_id: TenantId, queue_id: UUID) -> Queue:
    return found(Queue, await db.fetchrow(_FETCH, tenant_id, queue_id), f"queue {queue_id}")


async def update_queue(
    db: Connection, tenant_id: TenantId, queue_id: UUID, values: QueueValues
) -> Queue:
    with refusals(f"queue {values.name}"):
        row = await db.fetchrow(_UPDATE, tenant_id, queue_id, *_arguments(values))
    return found(Queue, row, f"queue {queue_id}")


async def delete_queue(db: Connection, tenant_id: TenantId, queue_id: UUID) -> None:
    """Records go on naming it."""
    changed(await db.execute(_DELETE, tenant_id, queue_id), f"queue {queue_id}")


async def list_queues(db: Connection, tenant_id: TenantId, page: Page) -> Rows[Queue]:
    statements = listing_of(_PAGES, page, _COUNT, default="name")
    return await page_of(db, Queue, statements, tenant_id, page.limit, page.offset)


async def list_all_queues(db: Connection, tenant_id: TenantId) -> list[Queue]:
    return all_of(Queue, await db.fetch(_LIST, tenant_id))


def _arguments(values: QueueValues) -> tuple[object, ...]:
    return tuple(getattr(values, name) for name in _NAMES)
