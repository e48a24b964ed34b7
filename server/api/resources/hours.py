"""Opening hours that flows may name."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, date, datetime
from functools import cache
from typing import Annotated, Any, Literal
from uuid import UUID
from zoneinfo import available_timezones

from pydantic import AfterValidator, Field

from casecore.db.connection import Connection
from casecore.db.database import Database
from casecore.permissions import Permission
from casecore.store import calendars
from routing.calendars import WEEKDAYS, Span, clock_of, first_overlap, zone_of
from routing.ivr.document import name_key
from server.api.administration import by_name, note, op, taken
from server.api.errors import Conflict, FieldError, ValidationFailed
from server.api.models import ApiModel, Name, OutModel, Paged, PageQuery, Text
from server.api.operation import Operation
from server.api.references import calendars_in, uses_in_flows
from server.auth.principal import Principal
from server.bindings.calendars import calendar_of
from server.live import Live

Day = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
Clock = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$", examples=["09:00"])]


def _known_zone(name: str) -> str:
    zone_of(name)
    return name


class Times(ApiModel):
    """A span of one day; one that ends at midnight closes at 00:00."""

    opens: Clock
    closes: Clock


class WeeklySpan(Times):
    day: Day


class Holiday(ApiModel):
    """A day with other hours than its weekday has."""

    date: Annotated[date, Field(strict=False)]
    name: Annotated[Text, Field(max_length=80)] = ""
    spans: Annotated[tuple[Times, ...], Field(max_length=10, strict=False)] = ()
    """Open at these times; closed when there are none."""


class HoursIn(ApiModel):
    name: Name
    """What flows call it by."""
    zone: Annotated[Text, Field(min_length=1, max_length=60), AfterValidator(_known_zone)]
    """IANA name, such as Europe/Berlin."""
    weekly: Annotated[tuple[WeeklySpan, ...], Field(max_length=70, strict=False)] = ()
    holidays: Annotated[tuple[Holiday, ...], Field(max_length=500, strict=False)] = ()


class HoursOut(OutModel):
    id: UUID
    name: str
    zone: str
    weekly: list[WeeklySpan]
    holidays: list[Holiday]
    open_now: bool
    next_change_at: datetime | None
    """When it opens or closes next; null when it does not within a year."""
    created_at: datetime


class Hours:
    """Every change is on the audit trail and in force for the next caller."""

    def __init__(self, database: Database, live: Live) -> None:
        self._database = database
        self._live = live

    def operations(self) -> list[Operation]:
        see: dict[str, Any] = {"may": Permission.SEE_CONFIGURATION}
        change: dict[str, Any] = {
            "may": Permission.CHANGE_CONFIGURATION, "errors": (Conflict,),
        }  # fmt: skip
        by_id: dict[str, Any] = {"parameters": {"id": UUID}}
        return [
            op("GET", "/hours", self.list_hours, "Opening hours by name.", **see,
                query=PageQuery, returns=HoursOut, many=True),
            op("POST", "/hours", self.add_hours, "Add opening hours.", **change,
                body=HoursIn, returns=HoursOut, status=201),
            op("GET", "/hours/zones", self.list_zones, "Time zones that there are.", **see,
                returns=list[str]),
            op("GET", "/hours/{id}", self.fetch_hours, "Opening hours.", **see, **by_id,
                returns=HoursOut),
            op("PUT", "/hours/{id}", self.change_hours, "Change opening hours.", **change,
                **by_id, body=HoursIn, returns=HoursOut),
            op("DELETE", "/hours/{id}", self.remove_hours, "Remove opening hours.", **change,
                **by_id),
        ]  # fmt: skip

    async def list_hours(self, who: Principal, query: PageQuery) -> Paged[HoursOut]:
        async with self._database.tenant_tx(who.tenant_id) as db:
            rows = await calendars.list_calendars(db, who.tenant_id, by_name(query))
        now = datetime.now(UTC)
        return Paged([_shown(row, now) for row in rows.items], rows.total)

    async def list_zones(self, who: Principal) -> list[str]:
        del who  # the same for everybody
        return await asyncio.to_thread(_zones)

    async def fetch_hours(self, who: Principal, id: UUID) -> HoursOut:
        async with self._database.tenant_tx(who.tenant_id) as db:
            row = await calendars.fetch_calendar(db, who.tenant_id, id)
        return _shown(row, datetime.now(UTC))

    async def add_hours(self, who: Principal, body: HoursIn) -> HoursOut:
        values = _checked(body)
        async with self._database.tenant_tx(who.tenant_id) as db:
            with _taken_name(body):
                row = await calendars.insert_calendar(db, who.tenant_id, values)
            await note(db, who, "hours_added", row.id, **body.model_dump(mode="json"))
        await self._live.reload(who.tenant_id)
        return _shown(row, datetime.now(UTC))

    async def change_hours(self, who: Principal, id: UUID, body: HoursIn) -> HoursOut:
        values = _checked(body)
        async with self._database.tenant_tx(who.tenant_id) as db:
            before = await calendars.fetch_calendar(db, who.tenant_id, id)
            if name_key(before.name) != name_key(body.name):
                await _check_unused(db, who, before.name, "body.name")
            with _taken_name(body):
                row = await calendars.update_calendar(db, who.tenant_id, id, values)
            await note(db, who, "hours_changed", id, **body.model_dump(mode="json"))
        await self._live.reload(who.tenant_id)
        return _shown(row, datetime.now(UTC))

    async def remove_hours(self, who: Principal, id: UUID) -> None:
        async with self._database.tenant_tx(who.tenant_id) as db:
            before = await calendars.fetch_calendar(db, who.tenant_id, id)
            await _check_unused(db, who, before.name, "path.id")
            await calendars.delete_calendar(db, who.tenant_id, id)
            await note(db, who, "hours_removed", id, name=before.name)
        await self._live.reload(who.tenant_id)


@cache
def _zones() -> list[str]:
    return sorted(available_timezones())


def _shown(row: calendars.Calendar, now: datetime) -> HoursOut:
    hours = calendar_of(row)
    return HoursOut(
        id=row.id,
        name=row.name,
        zone=row.zone,
        weekly=[WeeklySpan.model_validate(times) for times in row.weekly],
        holidays=[
            Holiday(
                date=date.fromisoformat(each.date),
                name=each.name,
                spans=tuple(Times.model_validate(times) for times in each.spans),
            )
            for each in row.holidays
        ],
        open_now=hours.is_open(now),
        next_change_at=hours.next_change(now),
        created_at=row.created_at,
    )


def _checked(body: HoursIn) -> calendars.CalendarValues:
    """What is to be stored. Raises ValidationFailed for spans that cannot be."""
    details = [*_faults("body.weekly", body.weekly, [each.day for each in body.weekly])]
    days = [each.date for each in body.holidays]
    for at, holiday in enumerate(body.holidays):
        if days.index(holiday.date) != at:
            details.append(
                FieldError(f"body.holidays.{at}.date", "this day is there already", "day_twice")
            )
        weekday = WEEKDAYS[holiday.date.weekday()]
        place = f"body.holidays.{at}.spans"
        details += _faults(place, holiday.spans, [weekday] * len(holiday.spans))
    if details:
        raise ValidationFailed("The hours are not valid.", details=details[:50])
    return calendars.CalendarValues(
        name=body.name,
        zone=body.zone,
        weekly=tuple(each.model_dump() for each in body.weekly),
        holidays=tuple(
            calendars.Holiday(
                date=each.date.isoformat(),
                name=each.name,
                spans=tuple(span.model_dump() for span in each.spans),
            )
            for each in body.holidays
        ),
    )


def _faults(place: str, several: Sequence[Times], days: Sequence[str]) -> list[FieldError]:
    spans = []
    for at, (times, day) in enumerate(zip(several, days, strict=True)):
        try:
            weekday = WEEKDAYS.index(day)
            spans.append(Span(weekday, clock_of(times.opens), clock_of(times.closes)))
        except ValueError:
            message = "must be later than it opens; what goes on past midnight is two spans"
            return [FieldError(f"{place}.{at}.closes", message, "closes_too_early")]
    overlap = first_overlap(spans)
    if overlap is None:
        return []
    early, late = overlap
    message = f"overlaps with {spans[early]} of the same day"
    values = {"span": str(spans[early])}
    return [FieldError(f"{place}.{late}.opens", message, "overlaps", values)]


def _taken_name(body: HoursIn) -> Any:
    return taken("body.name", f"other hours are called {body.name} already", body.name)


async def _check_unused(db: Connection, who: Principal, name: str, field: str) -> None:
    """Refuse what would leave a published flow without its hours."""
    details = await uses_in_flows(db, who.tenant_id, calendars_in, name, field)
    if details:
        raise Conflict(f"The hours {name} are still in use.", details=details)
