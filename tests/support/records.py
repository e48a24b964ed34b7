"""Rows for tests of the stores: one of everything in one tenant."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Network
from uuid import UUID, uuid4

from casecore.db.connection import Connection
from casecore.permissions import Role
from casecore.store.agent_states import NewAgentState, insert_agent_state
from casecore.store.agents import Agent, AgentValues, insert_agent
from casecore.store.audit import Actor, insert_audit
from casecore.store.calendars import Calendar, CalendarValues, Holiday, insert_calendar
from casecore.store.calls import NewCall, insert_call
from casecore.store.device_tests import DeviceTest, put_device_test
from casecore.store.dispositions import Disposition, insert_disposition
from casecore.store.flows import Flow, insert_flow, insert_flow_version, publish_flow_version
from casecore.store.legs import NewLeg, insert_leg
from casecore.store.numbers import insert_number
from casecore.store.phones import PhoneSecrets, insert_phone
from casecore.store.queue_visits import insert_visit
from casecore.store.queues import Queue, QueueValues, insert_queue
from casecore.store.recordings import insert_recording
from casecore.store.refresh_tokens import insert_refresh_token
from casecore.store.sounds import Sound, SoundKind, SoundValues, insert_sound
from casecore.store.timeline import NewTimelineEvent, insert_events
from casecore.store.trunks import Trunk, TrunkValues, insert_trunk
from casecore.store.users import User, UserValues, insert_user
from config.tenancy import TenantId

START = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def new_call(
    *, seconds: float = 0, caller: str = "+4930123", called: str = "5000", trunk: UUID | None = None
) -> NewCall:
    return NewCall(
        id=uuid4(),
        direction="inbound",
        caller=caller,
        called=called,
        trunk_id=trunk,
        started_at=at(seconds),
    )


def new_leg(call_id: UUID, *, role: str = "caller", agent_id: UUID | None = None) -> NewLeg:
    return NewLeg(
        id=uuid4(),
        call_id=call_id,
        role=role,
        party="+4930123",
        agent_id=agent_id,
        sip_call_id="f81d4fae@example",
        started_at=at(0),
    )


def away(agent_id: UUID, *, seconds: float = 0, state: str = "away") -> NewAgentState:
    return NewAgentState(
        agent_id=agent_id,
        at=at(seconds),
        state=state,
        previous="available",
        previous_ms=1_000,
        reason="lunch",
        work_id=None,
    )


def device_test(agent_id: UUID, *, verdict: str = "good") -> DeviceTest:
    return DeviceTest(
        agent_id=agent_id,
        at=at(0),
        verdict=verdict,
        microphone="there",
        level=0.5,
        speaker=True,
        round_trip_ms=20.0,
        loss_percent=0.0,
        jitter_ms=2.0,
        mos=4.3,
    )


SECRETS = PhoneSecrets("0" * 32, "1" * 64)


@dataclass(frozen=True, slots=True)
class World:
    """One row of everything."""

    tenant_id: TenantId
    agent: Agent
    user: User
    family_id: UUID
    token_hash: bytes
    queue: Queue
    flow: Flow
    number: str
    phone: str
    trunk: Trunk
    call: NewCall
    leg: NewLeg
    recording_id: UUID
    calendar: Calendar
    music: Sound


CALENDAR = CalendarValues(
    name="office",
    zone="Europe/Berlin",
    weekly=({"day": "monday", "opens": "09:00", "closes": "17:30"},),
    holidays=(Holiday(date="2026-12-25", name="Christmas"),),
)


def sound_values(
    *, name: str = "waltz", kind: SoundKind = SoundKind.MUSIC, id: UUID | None = None
) -> SoundValues:
    return SoundValues(
        id=id or uuid4(),
        name=name,
        kind=kind,
        duration_ms=1_000,
        size_bytes=16_044,
        sha256="a" * 64,
    )


async def make_world(db: Connection, tenant_id: TenantId) -> World:
    agent = await insert_agent(
        db, tenant_id, AgentValues(name="Anna", extension="1001", skills={"sales": 5})
    )
    user = await insert_user(
        db,
        tenant_id,
        UserValues(login="anna", display="Anna", role=Role.AGENT, agent_id=agent.id),
        "argon2-hash",
    )
    family_id = uuid4()
    await insert_refresh_token(
        db,
        tenant_id,
        b"t" * 32,
        family_id=family_id,
        user_id=user.id,
        issued_at=at(0),
        expires_at=at(3_600),
    )
    queue = await insert_queue(db, tenant_id, QueueValues(name="sales", skill="sales"))
    flow = await insert_flow(db, tenant_id, "main")
    version = await insert_flow_version(db, tenant_id, flow.id, {"start": "greeting"})
    flow = await publish_flow_version(db, tenant_id, flow.id, version)
    await insert_number(db, tenant_id, "5000", flow.id)
    await insert_phone(db, tenant_id, "1001", SECRETS, display="Anna", agent_id=agent.id)
    trunk = await insert_trunk(
        db, tenant_id, TrunkValues(name="pbx", networks=(IPv4Network("127.0.0.1/32"),))
    )
    call = new_call(trunk=trunk.id)
    await insert_call(db, tenant_id, call)
    leg = new_leg(call.id, role="agent", agent_id=agent.id)
    await insert_leg(db, tenant_id, leg)
    await insert_visit(db, tenant_id, call.id, queue.id, at(5), priority=0, position=1)
    await insert_agent_state(db, tenant_id, away(agent.id))
    await put_device_test(db, tenant_id, device_test(agent.id))
    await insert_disposition(db, tenant_id, Disposition(code="resolved", label="Resolved"))
    calendar = await insert_calendar(db, tenant_id, CALENDAR)
    music = await insert_sound(db, tenant_id, sound_values())
    recording_id = uuid4()
    await insert_recording(
        db, tenant_id, recording_id, call_id=call.id, kind="call", started_at=at(5)
    )
    await insert_events(db, tenant_id, [NewTimelineEvent(call.id, at(0), "CallStarted", b"{}")])
    await insert_audit(db, tenant_id, Actor(None, "server"), action="made", subject="x", data={})
    return World(
        tenant_id=tenant_id,
        agent=agent,
        user=user,
        family_id=family_id,
        token_hash=b"t" * 32,
        queue=queue,
        flow=flow,
        number="5000",
        phone="1001",
        trunk=trunk,
        call=call,
        leg=leg,
        recording_id=recording_id,
        calendar=calendar,
        music=music,
    )
