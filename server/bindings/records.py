"""Event -> record: which row each event makes or changes. The sink of the journal."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any

from casecore.db.connection import Connection
from casecore.db.database import Database, enter_tenant
from casecore.db.errors import DatabaseUnavailable, DatabaseUnfit
from casecore.store import agent_states, calls, journal, legs, queue_visits, recordings, timeline
from casecore.store.queue_visits import VisitEnd, VisitResult
from config.tenancy import TenantId
from routing.events import (
    AgentStateChanged,
    WorkAbandoned,
    WorkAssigned,
    WorkFlowedOut,
    WorkOffered,
    WorkQueued,
)
from server.bindings.supervisions import note_supervisions
from server.event_codec import Event, call_of, encode
from server.journal.journal import SinkUnavailable
from server.journal.segments import Position
from telephony.events import (
    CallAnswered,
    CallEnded,
    CallStarted,
    FlowStarted,
    LegAnswered,
    LegEnded,
    LegRinging,
    LegStarted,
    RecordingFailed,
    RecordingStarted,
    RecordingStored,
)

Apply = Callable[[Connection, Any], Awaitable[None]]


async def _call_started(db: Connection, e: CallStarted) -> None:
    call = calls.NewCall(
        id=e.call_id,
        direction=e.direction.value,
        caller=e.caller,
        called=e.called,
        trunk_id=e.trunk_id,
        started_at=e.at,
    )
    await calls.insert_call(db, e.tenant_id, call)


async def _call_answered(db: Connection, e: CallAnswered) -> None:
    await calls.update_answered(db, e.tenant_id, e.call_id, e.at)


async def _call_ended(db: Connection, e: CallEnded) -> None:
    await calls.close_call(db, e.tenant_id, e.call_id, e.at, cause=e.cause, sip_status=e.sip_status)


async def _flow_started(db: Connection, e: FlowStarted) -> None:
    await calls.update_flow(db, e.tenant_id, e.call_id, e.flow_id, e.flow_version)


async def _leg_started(db: Connection, e: LegStarted) -> None:
    leg = legs.NewLeg(
        id=e.leg_id,
        call_id=e.call_id,
        role=e.role.value,
        party=e.party,
        agent_id=e.agent_id,
        sip_call_id=e.sip_call_id,
        started_at=e.at,
    )
    await legs.insert_leg(db, e.tenant_id, leg)


async def _leg_ringing(db: Connection, e: LegRinging) -> None:
    await legs.update_ringing(db, e.tenant_id, e.leg_id, e.at)


async def _leg_answered(db: Connection, e: LegAnswered) -> None:
    await legs.update_answered(db, e.tenant_id, e.leg_id, e.at, e.codec)


async def _leg_ended(db: Connection, e: LegEnded) -> None:
    quality = legs.Quality(**asdict(e.quality)) if e.quality is not None else None
    await legs.close_leg(
        db,
        e.tenant_id,
        e.leg_id,
        e.at,
        cause=e.cause,
        sip_status=e.sip_status,
        quality=quality,
    )


async def _queued(db: Connection, e: WorkQueued) -> None:
    await queue_visits.insert_visit(
        db, e.tenant_id, e.work_id, e.queue_id, e.at, priority=e.priority, position=e.position
    )


async def _offered(db: Connection, e: WorkOffered) -> None:
    await queue_visits.count_offer(db, e.tenant_id, e.work_id, e.queue_id, e.at)


async def _assigned(db: Connection, e: WorkAssigned) -> None:
    end = VisitEnd(result=VisitResult.ANSWERED, waited_ms=e.waited_ms, agent_id=e.agent_id)
    await queue_visits.close_visit(db, e.tenant_id, e.work_id, e.queue_id, e.at, end)
    await calls.update_agent(db, e.tenant_id, e.work_id, e.agent_id)


async def _abandoned(db: Connection, e: WorkAbandoned) -> None:
    end = VisitEnd(result=VisitResult.ABANDONED, waited_ms=e.waited_ms)
    await queue_visits.close_visit(db, e.tenant_id, e.work_id, e.queue_id, e.at, end)


async def _flowed_out(db: Connection, e: WorkFlowedOut) -> None:
    end = VisitEnd(result=VisitResult.FLOWED_OUT, waited_ms=e.waited_ms, reason=e.reason)
    await queue_visits.close_visit(db, e.tenant_id, e.work_id, e.queue_id, e.at, end)


async def _agent_state(db: Connection, e: AgentStateChanged) -> None:
    change = agent_states.NewAgentState(
        agent_id=e.agent_id,
        at=e.at,
        state=e.state.value,
        previous=e.previous.value,
        previous_ms=e.previous_ms,
        reason=e.reason,
        work_id=e.work_id,
    )
    await agent_states.insert_agent_state(db, e.tenant_id, change)


async def _recording_started(db: Connection, e: RecordingStarted) -> None:
    await recordings.insert_recording(
        db,
        e.tenant_id,
        e.recording_id,
        call_id=e.call_id,
        kind=e.kind.value,
        started_at=e.at,
    )


async def _recording_stored(db: Connection, e: RecordingStored) -> None:
    stored = recordings.StoredFile(
        at=e.at,
        file=e.file,
        duration_ms=e.duration_ms,
        size_bytes=e.size_bytes,
        sha256=e.sha256,
        channels=e.channels,
        complete=e.complete,
    )
    await recordings.update_stored(db, e.tenant_id, e.recording_id, stored)


async def _recording_failed(db: Connection, e: RecordingFailed) -> None:
    await recordings.update_failed(db, e.tenant_id, e.recording_id, e.reason)


TABLE: Mapping[type, Apply] = {
    CallStarted: _call_started,
    CallAnswered: _call_answered,
    CallEnded: _call_ended,
    FlowStarted: _flow_started,
    LegStarted: _leg_started,
    LegRinging: _leg_ringing,
    LegAnswered: _leg_answered,
    LegEnded: _leg_ended,
    WorkQueued: _queued,
    WorkOffered: _offered,
    WorkAssigned: _assigned,
    WorkAbandoned: _abandoned,
    WorkFlowedOut: _flowed_out,
    AgentStateChanged: _agent_state,
    RecordingStarted: _recording_started,
    RecordingStored: _recording_stored,
    RecordingFailed: _recording_failed,
}
"""Events that are not here are on the call's timeline only."""


_AWAY = (DatabaseUnavailable, DatabaseUnfit)
"""Neither is a fault of an event: it waits until the database is there and lets us in again."""


class Records:
    """Applies batches of the journal to the database, each in one transaction."""

    def __init__(self, database: Database, *, node: str) -> None:
        self._database = database
        self._node = node

    async def position(self) -> Position:
        try:
            async with self._database.system_tx() as db:
                stored = await journal.fetch_position(db, self._node)
        except _AWAY as error:
            raise SinkUnavailable from error
        return Position(stored.segment, stored.byte_offset)

    async def apply(self, events: Sequence[Event], end: Position) -> None:
        try:
            async with self._database.system_tx() as db:
                for tenant_id, group in groupby(_by_tenant(events), key=lambda e: e.tenant_id):
                    await enter_tenant(db, tenant_id)
                    await _apply_group(db, tenant_id, list(group))
                await journal.update_position(db, self._node, end.segment, end.offset)
        except _AWAY as error:
            raise SinkUnavailable from error


def _by_tenant(events: Sequence[Event]) -> list[Event]:
    """One run for each tenant; within a tenant the order stays."""
    return sorted(events, key=lambda event: event.tenant_id)


async def _apply_group(db: Connection, tenant_id: TenantId, events: Sequence[Event]) -> None:
    lines = []
    for event in events:
        apply = TABLE.get(type(event))
        if apply is not None:
            await apply(db, event)
        call_id = call_of(event)
        if call_id is not None:
            encoded = encode(event)
            lines.append(timeline.NewTimelineEvent(call_id, event.at, encoded.name, encoded.data))
    if lines:
        await timeline.insert_events(db, tenant_id, lines)
    await note_supervisions(db, tenant_id, events)
