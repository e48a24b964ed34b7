"""What the events of a call leave in the database, and which of its refusals are passing."""

from typing import Any, NoReturn
from uuid import uuid4

import pytest

from casecore.db.database import Database
from casecore.db.errors import DatabaseError, DatabaseUnavailable, DatabaseUnfit
from casecore.paging import Page
from casecore.store import calls, legs, queue_visits, recordings, timeline
from config.tenancy import TenantId
from routing.events import (
    AgentId,
    AgentState,
    AgentStateChanged,
    OfferId,
    QueueId,
    WorkAbandoned,
    WorkAssigned,
    WorkFlowedOut,
    WorkId,
    WorkOffered,
    WorkQueued,
)
from server.bindings.records import TABLE, Records
from server.event_codec import Event
from server.journal.journal import SinkUnavailable
from server.journal.segments import Position
from telephony.events import (
    CallAnswered,
    CallEnded,
    CallId,
    CallStarted,
    Direction,
    FlowNodeEntered,
    FlowStarted,
    LegAnswered,
    LegEnded,
    LegId,
    LegQuality,
    LegRinging,
    LegRole,
    LegStarted,
    RecordingFailed,
    RecordingId,
    RecordingKind,
    RecordingStarted,
    RecordingStored,
)
from tests.support.events import call_started
from tests.support.records import World, at, make_world

END = Position(3, 500)
QUALITY = LegQuality(
    packets_received=500,
    packets_sent=499,
    packets_lost=1,
    packets_late=0,
    packets_refused=0,
    jitter_ms=1.5,
    round_trip_ms=None,
    mos=4.3,
)


def story(world: World, id: CallId) -> list[Event]:
    """One call through flow, queue and agent, with two recordings: every kind of record."""
    me: dict[str, Any] = {"tenant_id": world.tenant_id}
    call = {**me, "call_id": id}
    leg = {**call, "leg_id": LegId(uuid4())}
    queue = {**me, "work_id": WorkId(id), "queue_id": QueueId(world.queue.id)}
    agent: dict[str, Any] = {"agent_id": AgentId(world.agent.id), "offer_id": OfferId(uuid4())}
    kept = {**call, "recording_id": RecordingId(uuid4())}
    lost = {**call, "recording_id": RecordingId(uuid4())}
    return [
        CallStarted(
            **call, at=at(0), direction=Direction.INBOUND, caller="030", called="5000",
            trunk_id=world.trunk.id,
        ),
        CallAnswered(**call, at=at(1)),
        FlowStarted(
            **call, at=at(1), flow_id=world.flow.id, flow_name="main", flow_version=1
        ),
        FlowNodeEntered(**call, at=at(2), node="menu", kind="menu", exit_taken=""),
        WorkQueued(**queue, at=at(3), priority=2, position=4),
        WorkOffered(**queue, **agent, at=at(4)),
        LegStarted(
            **leg, at=at(4), role=LegRole.AGENT, party="1001", agent_id=world.agent.id,
            sip_call_id="x@y",
        ),
        LegRinging(**leg, at=at(5)),
        LegAnswered(**leg, at=at(6), codec="PCMA"),
        WorkAssigned(**queue, **agent, at=at(6), waited_ms=3_000),
        AgentStateChanged(
            **me, at=at(6), agent_id=AgentId(world.agent.id), state=AgentState.ENGAGED,
            previous=AgentState.OFFERED, reason="", work_id=WorkId(id), previous_ms=2_000,
        ),
        RecordingStarted(**kept, at=at(6), kind=RecordingKind.CALL),
        RecordingStarted(**lost, at=at(6), kind=RecordingKind.VOICEMAIL),
        RecordingStored(
            **kept, at=at(20), kind=RecordingKind.CALL, file="a.wav", duration_ms=14_000,
            size_bytes=9, sha256="ab", channels=2, complete=True,
        ),
        RecordingFailed(**lost, at=at(20), reason="disk full"),
        LegEnded(**leg, at=at(20), cause="hung_up", sip_status=None, quality=QUALITY),
        CallEnded(**call, at=at(21), cause="caller_hung_up", sip_status=None),
    ]  # fmt: skip


async def world_of(database: Database, tenant_id: TenantId) -> World:
    async with database.tenant_tx(tenant_id) as db:
        return await make_world(db, tenant_id)


async def check_story(database: Database, world: World, id: CallId) -> None:
    tenant_id = world.tenant_id
    async with database.tenant_tx(tenant_id) as db:
        call = await calls.fetch_call(db, tenant_id, id)
        [leg] = await legs.list_legs_of_calls(db, tenant_id, [id])
        [visit] = await queue_visits.list_visits_of_calls(db, tenant_id, [id])
        wanted = recordings.RecordingFilter(call_id=id)
        rows = (await recordings.list_recordings(db, tenant_id, Page(), wanted)).items
        told = await timeline.list_timeline(db, tenant_id, id)
    assert (call.answered_at, call.ended_at, call.cause) == (at(1), at(21), "caller_hung_up")
    assert (call.flow_id, call.flow_version) == (world.flow.id, 1)
    assert (call.agent_id, call.trunk_id) == (world.agent.id, world.trunk.id)
    assert (leg.ringing_at, leg.answered_at, leg.ended_at) == (at(5), at(6), at(20))
    assert (leg.codec, leg.agent_id) == ("PCMA", world.agent.id)
    assert leg.quality is not None
    assert leg.quality.packets_lost == 1
    assert (visit.position, visit.offers, visit.waited_ms) == (4, 1, 3_000)
    assert (visit.result, visit.agent_id) == ("answered", world.agent.id)
    kept = {row.kind: (row.file, row.failed_reason) for row in rows}
    assert kept == {"call": ("a.wav", None), "voicemail": (None, "disk full")}
    names = [each.type for each in told]
    expected = [type(each).__name__ for each in story(world, id)]
    assert sorted(names) == sorted(expected)
    assert (names[0], names[-1]) == ("CallStarted", "CallEnded")


async def test_every_event_of_a_call_makes_its_record(
    database: Database, tenant: TenantId, other_tenant: TenantId
) -> None:
    here, there = await world_of(database, tenant), await world_of(database, other_tenant)
    ids = CallId(uuid4()), CallId(uuid4())
    stories = story(here, ids[0]), story(there, ids[1])
    told = {type(event) for event in stories[0]} | {WorkAbandoned, WorkFlowedOut}
    assert told == TABLE.keys() | {FlowNodeEntered}
    mixed = [event for pair in zip(*stories, strict=True) for event in pair]
    records = Records(database, node="main")
    await records.apply(mixed, END)
    assert await records.position() == END
    for world, id in zip((here, there), ids, strict=True):
        await check_story(database, world, id)


@pytest.mark.parametrize("kind", [WorkAbandoned, WorkFlowedOut])
async def test_caller_who_was_not_answered_leaves_the_queue_on_record(
    database: Database, tenant: TenantId, kind: type
) -> None:
    world = await world_of(database, tenant)
    id = CallId(uuid4())
    left = {"position": 1} if kind is WorkAbandoned else {"reason": "no_agents"}
    queue: dict[str, Any] = {
        "tenant_id": tenant, "work_id": WorkId(id), "queue_id": QueueId(world.queue.id),
    }  # fmt: skip
    events = [
        call_started(id, tenant_id=tenant),
        WorkQueued(**queue, at=at(1), priority=0, position=1),
        kind(**queue, at=at(9), waited_ms=8_000, **left),
    ]
    await Records(database, node="main").apply(events, END)
    async with database.tenant_tx(tenant) as db:
        [visit] = await queue_visits.list_visits_of_calls(db, tenant, [id])
    result = "abandoned" if kind is WorkAbandoned else "flowed_out"
    assert (visit.result, visit.waited_ms, visit.left_at) == (result, 8_000, at(9))
    assert visit.reason == left.get("reason", "")


async def test_batch_with_an_event_that_cannot_be_stored_leaves_nothing(
    database: Database, tenant: TenantId, other_tenant: TenantId
) -> None:
    world = await world_of(database, tenant)
    del other_tenant
    id = CallId(uuid4())
    stranger = call_started(tenant_id=TenantId(uuid4()))
    records = Records(database, node="main")
    before = await records.position()
    for events in ([*story(world, id), stranger], [stranger, *story(world, id)]):
        with pytest.raises(Exception, match="violates"):
            await records.apply(events, END)
    assert await records.position() == before
    async with database.tenant_tx(tenant) as db:
        assert await timeline.list_timeline(db, tenant, id) == []
        with pytest.raises(LookupError):
            await calls.fetch_call(db, tenant, id)


class Refusing:
    """A database that lends no connection."""

    def __init__(self, error: DatabaseError) -> None:
        self.error = error

    def system_tx(self) -> NoReturn:
        raise self.error


@pytest.mark.parametrize("error", [DatabaseUnavailable("away"), DatabaseUnfit("no such role")])
async def test_database_that_does_not_serve_makes_records_wait(error: DatabaseError) -> None:
    database: Any = Refusing(error)
    records = Records(database, node="main")
    with pytest.raises(SinkUnavailable):
        await records.position()
    with pytest.raises(SinkUnavailable):
        await records.apply([call_started()], Position(0, 1))


async def test_other_fault_of_the_database_is_the_events_own() -> None:
    database: Any = Refusing(DatabaseError("a statement had failed"))
    with pytest.raises(DatabaseError):
        await Records(database, node="main").apply([call_started()], Position(0, 1))
