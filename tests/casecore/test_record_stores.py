"""Calls and what belongs to them: events applied once, twice, late, and of a killed server."""

from dataclasses import replace
from uuid import uuid4

from casecore.db.database import Database
from casecore.paging import Page
from casecore.store import (
    agent_states,
    agents,
    calls,
    journal,
    legs,
    queue_visits,
    queues,
    recordings,
    timeline,
)
from casecore.store.calls import CallFilter
from casecore.store.legs import Quality
from casecore.store.queue_visits import VisitEnd, VisitResult
from casecore.store.recordings import RecordingFilter, StoredFile
from casecore.store.timeline import NewTimelineEvent
from config.tenancy import TenantId
from tests.support.records import at, away, make_world, new_call, new_leg

QUALITY = Quality(
    packets_received=500,
    packets_sent=499,
    packets_lost=1,
    packets_late=2,
    packets_refused=3,
    jitter_ms=1.5,
    round_trip_ms=None,
    mos=4.3,
)
STORED = StoredFile(
    at=at(40),
    file="2026/11/20/x.wav",
    duration_ms=30_000,
    size_bytes=960_044,
    sha256="ab",
    channels=2,
    complete=True,
)


async def test_call_told_twice_is_one_call(database: Database, tenant: TenantId) -> None:
    async with database.tenant_tx(tenant) as db:
        world = await make_world(db, tenant)
        call = new_call(seconds=100)
        for _ in range(2):
            await calls.insert_call(db, tenant, call)
            await calls.update_answered(db, tenant, call.id, at(101))
            await calls.update_flow(db, tenant, call.id, world.flow.id, 1)
            await calls.update_agent(db, tenant, call.id, world.agent.id)
            await calls.close_call(
                db, tenant, call.id, at(120), cause="caller_hung_up", sip_status=None
            )
        # A repeated answer does not reopen or move anything.
        await calls.update_answered(db, tenant, call.id, at(130))
        await calls.close_call(db, tenant, call.id, at(140), cause="failed", sip_status=500)
        stored = await calls.fetch_call(db, tenant, call.id)
        page = await calls.list_calls(db, tenant, Page(), CallFilter())
    assert page.total == 2
    assert page.items[0] == stored
    assert (stored.started_at, stored.answered_at, stored.ended_at) == (at(100), at(101), at(120))
    assert (stored.cause, stored.sip_status) == ("caller_hung_up", None)
    assert (stored.flow_name, stored.flow_version) == ("main", 1)
    assert (stored.agent_name, stored.agent_extension) == ("Anna", "1001")


async def test_what_a_caller_sends_is_always_storable(database: Database, tenant: TenantId) -> None:
    nasty = new_call(caller="a\x00b\ud800" + "x" * 5_000, called="")
    async with database.tenant_tx(tenant) as db:
        await calls.insert_call(db, tenant, nasty)
        stored = await calls.fetch_call(db, tenant, nasty.id)
        data = '{"a": "\\u0000 \\\\u0000 \\\\\\u0000"}'
        await timeline.insert_events(db, tenant, [NewTimelineEvent(nasty.id, at(0), "X", data)])
        [event] = await timeline.list_timeline(db, tenant, nasty.id)
    assert stored.caller.startswith("a\N{REPLACEMENT CHARACTER}b?xxx")
    assert len(stored.caller) == 400
    assert event.data == {"a": "\ufffd \\u0000 \\\ufffd"}


async def test_calls_are_filtered(database: Database, tenant: TenantId) -> None:
    async with database.tenant_tx(tenant) as db:
        world = await make_world(db, tenant)
        mine, theirs = new_call(seconds=10, caller="0711"), new_call(seconds=20, called="5001")
        for call in (mine, theirs):
            await calls.insert_call(db, tenant, call)
        await calls.update_agent(db, tenant, mine.id, world.agent.id)
        await calls.close_call(db, tenant, theirs.id, at(30), cause="cancelled", sip_status=487)

        async def found(**wanted: object) -> list[object]:
            page = Page(sort="started_at", order="asc")
            filter_ = CallFilter(**wanted)  # type: ignore[arg-type]
            return [c.id for c in (await calls.list_calls(db, tenant, page, filter_)).items]

        assert await found() == [world.call.id, mine.id, theirs.id]
        assert await found(started_from=at(10)) == [mine.id, theirs.id]
        assert await found(started_before=at(10)) == [world.call.id]
        assert await found(direction="outbound") == []
        assert await found(caller="71") == [mine.id]
        assert await found(called="5001") == [theirs.id]
        assert await found(cause="cancelled") == [theirs.id]
        assert await found(open=True) == [world.call.id, mine.id]
        assert await found(open=False) == [theirs.id]
        assert await found(agent_id=world.agent.id) == [mine.id]
        # The agent's phone only rang for the first call; once it answered, the call is theirs too.
        assert not await calls.call_involves_agent(db, tenant, world.call.id, world.agent.id)
        await legs.update_answered(db, tenant, world.leg.id, at(3), "PCMA")
        assert await found(agent_id=world.agent.id) == [world.call.id, mine.id]
        assert await calls.call_involves_agent(db, tenant, world.call.id, world.agent.id)


async def test_calls_can_be_sorted_by_duration(database: Database, tenant: TenantId) -> None:
    async with database.tenant_tx(tenant) as db:
        unanswered, long, short = (new_call(seconds=n) for n in range(3))
        for call, end in ((unanswered, None), (long, 60), (short, 10)):
            await calls.insert_call(db, tenant, call)
            if end is not None:
                await calls.update_answered(db, tenant, call.id, at(5))
                await calls.close_call(db, tenant, call.id, at(end), cause="x", sip_status=None)
        page = await calls.list_calls(db, tenant, Page(sort="duration"), CallFilter())
    assert [c.id for c in page.items] == [long.id, short.id, unanswered.id]


async def test_leg_told_twice_is_one_leg_with_its_quality(
    database: Database, tenant: TenantId
) -> None:
    async with database.tenant_tx(tenant) as db:
        world = await make_world(db, tenant)
        leg = new_leg(world.call.id)
        for _ in range(2):
            await legs.insert_leg(db, tenant, leg)
            await legs.update_ringing(db, tenant, leg.id, at(1))
            await legs.update_answered(db, tenant, leg.id, at(2), "PCMU")
            await legs.close_leg(
                db, tenant, leg.id, at(9), cause="bye", sip_status=None, quality=QUALITY
            )
        stored = {x.id: x for x in await legs.list_legs_of_calls(db, tenant, [world.call.id])}
    assert stored.keys() == {leg.id, world.leg.id}
    assert stored[leg.id].quality == QUALITY
    assert (stored[leg.id].ringing_at, stored[leg.id].codec) == (at(1), "PCMU")
    assert stored[world.leg.id].quality is None
    assert stored[world.leg.id].agent_name == "Anna"


async def test_second_visit_of_one_queue_is_kept_apart_when_the_first_is_told_again(
    database: Database, tenant: TenantId
) -> None:
    async with database.tenant_tx(tenant) as db:
        world = await make_world(db, tenant)
        work, queue = world.call.id, world.queue.id
        first = VisitEnd(result=VisitResult.FLOWED_OUT, waited_ms=5_000, reason="timeout")
        second = VisitEnd(result=VisitResult.ANSWERED, waited_ms=3_000, agent_id=world.agent.id)
        for _ in range(2):
            await queue_visits.insert_visit(db, tenant, work, queue, at(5), priority=0, position=1)
            await queue_visits.count_offer(db, tenant, work, queue, at(6))
            await queue_visits.count_offer(db, tenant, work, queue, at(8))
            await queue_visits.close_visit(db, tenant, work, queue, at(10), first)
            await queue_visits.insert_visit(db, tenant, work, queue, at(20), priority=1, position=3)
            await queue_visits.count_offer(db, tenant, work, queue, at(21))
        await queue_visits.close_visit(db, tenant, work, queue, at(23), second)
        visits = await queue_visits.list_visits_of_calls(db, tenant, [work])
        answered = await queue_visits.list_visits(
            db, tenant, Page(), queue_visits.VisitFilter(result=VisitResult.ANSWERED)
        )
    assert [(v.result, v.reason, v.offers, v.left_at, v.waited_ms) for v in visits] == [
        ("flowed_out", "timeout", 2, at(10), 5_000),
        ("answered", "", 1, at(23), 3_000),
    ]
    assert (visits[1].queue, visits[1].agent_name, visits[1].position) == ("sales", "Anna", 3)
    assert list(answered.items) == [visits[1]]


async def test_records_survive_the_deletion_of_what_they_name(
    database: Database, tenant: TenantId
) -> None:
    async with database.tenant_tx(tenant) as db:
        world = await make_world(db, tenant)
        await agents.delete_agent(db, tenant, world.agent.id)
        await queues.delete_queue(db, tenant, world.queue.id)
        await queue_visits.insert_visit(
            db, tenant, world.call.id, world.queue.id, at(50), priority=0, position=1
        )
        await agent_states.insert_agent_state(db, tenant, away(uuid4(), seconds=1))
        visits = await queue_visits.list_visits_of_calls(db, tenant, [world.call.id])
        states = await agent_states.list_agent_states(
            db, tenant, Page(), agent_states.AgentStateFilter()
        )
    assert [v.queue for v in visits] == ["sales", "sales"]
    assert [s.agent_name for s in states.items] == [None, "Anna"]


async def test_agent_state_told_twice_is_one_change(database: Database, tenant: TenantId) -> None:
    async with database.tenant_tx(tenant) as db:
        world = await make_world(db, tenant)
        for _ in range(2):
            await agent_states.insert_agent_state(db, tenant, away(world.agent.id, seconds=60))
        states = await agent_states.list_agent_states(
            db,
            tenant,
            Page(),
            agent_states.AgentStateFilter(agent_id=world.agent.id, at_from=at(1)),
        )
    assert [(s.at, s.state, s.reason, s.agent_name) for s in states.items] == [
        (at(60), "away", "lunch", "Anna")
    ]


async def test_recording_is_stored_once(database: Database, tenant: TenantId) -> None:
    async with database.tenant_tx(tenant) as db:
        world = await make_world(db, tenant)
        for _ in range(2):
            await recordings.insert_recording(
                db, tenant, world.recording_id, call_id=world.call.id, kind="call", started_at=at(5)
            )
            await recordings.update_stored(db, tenant, world.recording_id, STORED)
        recording = await recordings.fetch_recording(db, tenant, world.recording_id)
        assert (recording.file, recording.complete, recording.stored_at) == (
            "2026/11/20/x.wav",
            True,
            at(40),
        )
        mine = RecordingFilter(agent_id=world.agent.id)
        assert (await recordings.list_recordings(db, tenant, Page(), mine)).total == 0
        await calls.update_agent(db, tenant, world.call.id, world.agent.id)
        [listed] = (await recordings.list_recordings(db, tenant, Page(), mine)).items
        assert listed == replace(recording, agent_name=world.agent.name)
        of_other_call = RecordingFilter(call_id=uuid4())
        assert (await recordings.list_recordings(db, tenant, Page(), of_other_call)).total == 0


async def test_timeline_keeps_order_and_tells_each_fact_once(
    database: Database, tenant: TenantId
) -> None:
    async with database.tenant_tx(tenant) as db:
        world = await make_world(db, tenant)
        call_id = world.call.id
        events = [
            NewTimelineEvent(call_id, at(9), "LegStarted", '{"leg": 1}'),
            NewTimelineEvent(call_id, at(9), "LegStarted", '{"leg": 2}'),
            NewTimelineEvent(call_id, at(2), "Late", b'{"text": "\xc3\xa9"}'),
            NewTimelineEvent(uuid4(), at(2), "OfUnknownCall", b"{}"),
        ]
        await timeline.insert_events(db, tenant, events)
        await timeline.insert_events(db, tenant, [*events, *events])
        await timeline.insert_events(db, tenant, [])
        told = await timeline.list_timeline(db, tenant, call_id)
        rest = await timeline.list_timeline(db, tenant, call_id, after=told[2].seq)
    assert [(e.type, e.data) for e in told] == [
        ("CallStarted", {}),
        ("LegStarted", {"leg": 1}),
        ("LegStarted", {"leg": 2}),
        ("Late", {"text": "é"}),
    ]
    assert rest == told[3:]


async def test_what_a_killed_server_left_open_is_closed_and_the_truth_still_wins(
    database: Database, tenant: TenantId
) -> None:
    async with database.tenant_tx(tenant) as db:
        world = await make_world(db, tenant)
        call_id = world.call.id
        late, done = new_call(seconds=1_000), new_call()
        for call in (late, done):
            await calls.insert_call(db, tenant, call)
        await calls.close_call(db, tenant, done.id, at(3), cause="refused", sip_status=486)
        await timeline.insert_events(db, tenant, [NewTimelineEvent(call_id, at(30), "Last", "{}")])

        assert await calls.close_interrupted(db, tenant, at(500)) == [call_id]
        assert await calls.close_interrupted(db, tenant, at(500)) == []

        stored = await calls.fetch_call(db, tenant, call_id)
        assert (stored.ended_at, stored.cause) == (at(30), calls.INTERRUPTED)
        [leg] = await legs.list_legs_of_calls(db, tenant, [call_id])
        assert (leg.ended_at, leg.cause) == (at(30), calls.INTERRUPTED)
        [visit] = await queue_visits.list_visits_of_calls(db, tenant, [call_id])
        assert (visit.result, visit.reason, visit.waited_ms) == (
            "flowed_out",
            "interrupted",
            25_000,
        )
        recording = await recordings.fetch_recording(db, tenant, world.recording_id)
        assert (recording.failed_reason, recording.complete) == (calls.INTERRUPTED, False)
        assert (await calls.fetch_call(db, tenant, late.id)).ended_at is None
        assert (await calls.fetch_call(db, tenant, done.id)).cause == "refused"

        await calls.close_call(db, tenant, call_id, at(33), cause="agent_hung_up", sip_status=None)
        await recordings.update_stored(db, tenant, world.recording_id, STORED)
        assert (await calls.fetch_call(db, tenant, call_id)).cause == "agent_hung_up"
        recording = await recordings.fetch_recording(db, tenant, world.recording_id)
        assert (recording.failed_reason, recording.complete) == (None, True)


async def test_failed_recording_says_why(database: Database, tenant: TenantId) -> None:
    async with database.tenant_tx(tenant) as db:
        world = await make_world(db, tenant)
        await recordings.update_failed(db, tenant, world.recording_id, "disk_full")
        await recordings.update_failed(db, tenant, world.recording_id, "later")
        recording = await recordings.fetch_recording(db, tenant, world.recording_id)
    assert recording.failed_reason == "disk_full"


async def test_journal_position_moves_with_the_records(database: Database) -> None:
    async with database.system_tx() as db:
        assert await journal.fetch_position(db, "node") == journal.JournalPosition(0, 0)
        await journal.update_position(db, "node", 1, 100)
        await journal.update_position(db, "node", 2, 5)
        assert await journal.fetch_position(db, "node") == journal.JournalPosition(2, 5)
        assert await journal.fetch_position(db, "other") == journal.JournalPosition(0, 0)


async def test_last_state_of_every_agent_who_is_still_there(
    database: Database, tenant: TenantId
) -> None:
    async with database.tenant_tx(tenant) as db:
        world = await make_world(db, tenant)
        for seconds in (600, 1_200, 900):
            change = replace(away(world.agent.id, seconds=seconds), reason=f"at {seconds}")
            await agent_states.insert_agent_state(db, tenant, change)
        [last] = await agent_states.list_last_states(db, tenant)
        assert (last.agent_id, last.state, last.reason) == (world.agent.id, "away", "at 1200")
        await agents.delete_agent(db, tenant, world.agent.id)
        assert await agent_states.list_last_states(db, tenant) == []
