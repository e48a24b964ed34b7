"""Opening hours that flows may name."""

import json
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from casecore.db.connection import Connection, Row
from casecore.errors import NotFound
from casecore.paging import Page, Rows, orderings
from casecore.store.rows import changed, listing_of, plain_json, refusals
from config.tenancy import TenantId

SORT_COLUMNS = {"name": "lower(name)", "created_at": "created_at"}

_VALUES = "name, zone, weekly, holidays"
_COLUMNS = f"id, {_VALUES}, created_at"
_SELECT = f"select {_COLUMNS} from calendars where tenant_id = $1"

_INSERT = f"""
    insert into calendars (tenant_id, {_VALUES})
    values ($1, $2, $3, $4::jsonb, $5::jsonb)
    returning {_COLUMNS}
"""
_FETCH = _SELECT + " and id = $2"
_LIST = _SELECT + " order by lower(name), id"
_PAGES = orderings(_SELECT, SORT_COLUMNS, unique="id", page="limit $2 offset $3")
_COUNT = "select count(*) from calendars where tenant_id = $1"
_UPDATE = f"""
    update calendars
       set ({_VALUES}) = ($3, $4, $5::jsonb, $6::jsonb)
     where tenant_id = $1
       and id = $2
    returning {_COLUMNS}
"""
_DELETE = "delete from calendars where tenant_id = $1 and id = $2"

Times = dict[str, str]
"""`opens` and `closes`, such as 09:00; a weekly span has its `day` as well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Holiday:
    date: str
    """Such as 2026-12-25."""
    name: str
    spans: tuple[Times, ...] = ()
    """Open at these times only; closed when there are none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarValues:
    name: str
    zone: str
    weekly: tuple[Times, ...] = ()
    holidays: tuple[Holiday, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar(CalendarValues):
    id: UUID
    created_at: datetime


async def insert_calendar(db: Connection, tenant_id: TenantId, values: CalendarValues) -> Calendar:
    """Raises AlreadyExists for a taken name."""
    with refusals(f"calendar {values.name}"):
        row = await db.fetchrow(_INSERT, tenant_id, *_arguments(values))
    return _calendar(row, values.name)


async def fetch_calendar(db: Connection, tenant_id: TenantId, calendar_id: UUID) -> Calendar:
    row = await db.fetchrow(_FETCH, tenant_id, calendar_id)
    return _calendar(row, f"calendar {calendar_id}")


async def update_calendar(
    db: Connection, tenant_id: TenantId, calendar_id: UUID, values: CalendarValues
) -> Calendar:
    with refusals(f"calendar {values.name}"):
        row = await db.fetchrow(_UPDATE, tenant_id, calendar_id, *_arguments(values))
    return _calendar(row, f"calendar {calendar_id}")


async def delete_calendar(db: Connection, tenant_id: TenantId, calendar_id: UUID) -> None:
    changed(await db.execute(_DELETE, tenant_id, calendar_id), f"calendar {calendar_id}")


async def list_calendars(db: Connection, tenant_id: TenantId, page: Page) -> Rows[Calendar]:
    count, listing = listing_of(_PAGES, page, _COUNT, default="name")
    total = await db.fetchval(count, tenant_id)
    rows = await db.fetch(listing, tenant_id, page.limit, page.offset) if total else []
    return Rows(tuple(_calendar(row, "") for row in rows), total)


async def list_all_calendars(db: Connection, tenant_id: TenantId) -> list[Calendar]:
    return [_calendar(row, "") for row in await db.fetch(_LIST, tenant_id)]


def _arguments(values: CalendarValues) -> tuple[object, ...]:
    holidays = [
        {"date": each.date, "name": each.name, "spans": list(each.spans)}
        for each in values.holidays
    ]
    weekly = plain_json(json.dumps(list(values.weekly)))
    return (values.name, values.zone, weekly, plain_json(json.dumps(holidays)))


def _calendar(row: Row | None, what: str) -> Calendar:
    if row is None:
        raise NotFound(what)
    holidays = tuple(
        Holiday(date=each["date"], name=each["name"], spans=tuple(each["spans"]))
        for each in json.loads(row["holidays"])
    )
    weekly = tuple(json.loads(row["weekly"]))
    return Calendar(**{**row, "weekly": weekly, "holidays": holidays})
