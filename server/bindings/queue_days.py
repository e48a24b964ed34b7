"""Takes up, after a restart, what was counted in each queue since its day began."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from casecore.store.queue_visits import QueueDay
from routing.acd.tallies import Tally
from routing.calendars import start_of_day, zone_of
from routing.dispatcher import Dispatcher
from routing.events import QueueId
from routing.queues import QueueSettings


def days_began(queues: Iterable[QueueSettings], now: datetime) -> dict[UUID, datetime]:
    """When the present day began, for each queue in its own time zone."""
    return {queue.id: start_of_day(now, zone_of(queue.time_zone)) for queue in queues}


def resume_days(
    dispatcher: Dispatcher,
    queues: Iterable[QueueSettings],
    rows: Iterable[QueueDay],
    now: datetime,
) -> None:
    zones = {UUID(str(queue.id)): queue.time_zone for queue in queues}
    for row in rows:
        tally = Tally(
            now.astimezone(zone_of(zones[row.queue_id])).date(),
            offered=row.offered,
            flowed_out=row.flowed_out,
            answered_ms=list(row.answered_ms),
            abandoned_ms=list(row.abandoned_ms),
        )
        dispatcher.resume_day(QueueId(row.queue_id), tally)
