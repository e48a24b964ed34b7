"""No store function reads or changes what belongs to another tenant.

Each is tried twice from inside tenant `there`, with ids of tenant `here`: honestly, and lying
about the tenant. Afterwards `here` must look exactly as before.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

import casecore.store
from casecore.db.connection import Connection
from casecore.db.database import Database
from casecore.errors import RecordError
from casecore.paging import Page
from casecore.permissions import Role
from casecore.store import (
    agent_states,
    agents,
    audit,
    calendars,
    calls,
    contacts,
    device_tests,
    dispositions,
    flows,
    legs,
    numbers,
    phones,
    queue_visits,
    queues,
    recordings,
    refresh_tokens,
    snapshots,
    sounds,
    timeline,
    trunks,
    users,
)
from config.tenancy import TenantId
from tests.support.records import (
    SECRETS,
    World,
    at,
    away,
    device_test,
    make_world,
    new_leg,
    sound_values,
)

Attempt = Callable[[Connection, TenantId, World], Awaitable[Any]]

_ROWS = "select t::text from {} t where tenant_id = $1 order by 1"

PAGE = Page()
OUTSIDE_OF_TENANTS = {"tenants", "journal", "rows"}

HOURS = calendars.CalendarValues(name="eve", zone="UTC")
AGENT = agents.AgentValues(name="Eve", extension="6666")
END = queue_visits.VisitEnd(result=queue_visits.VisitResult.ABANDONED, waited_ms=1)
STORED = recordings.StoredFile(
    at=at(9), file="x.wav", duration_ms=1, size_bytes=1, sha256="", channels=1, complete=True
)


def user_of(world: World) -> users.UserValues:
    return users.UserValues(login="eve", display="Eve", role=Role.AGENT, agent_id=world.agent.id)


async def days_of(db: Connection, tenant_id: TenantId, world: World) -> Any:
    """Only visits that are over are counted."""
    await queue_visits.close_visit(db, tenant_id, world.call.id, world.queue.id, at(9), END)
    return await queue_visits.list_days(db, tenant_id, {world.queue.id: at(0)})


READS: dict[str, Attempt] = {
    "users.fetch_user": lambda db, t, w: users.fetch_user(db, t, w.user.id),
    "users.find_user_by_login": lambda db, t, w: users.find_user_by_login(db, t, "anna"),
    "users.list_enabled_users": lambda db, t, w: users.list_enabled_users(db, t),
    "users.list_users": lambda db, t, w: users.list_users(db, t, PAGE),
    "users.lock_enabled_of_role": lambda db, t, w: users.lock_enabled_of_role(db, t, Role.AGENT),
    "users.list_logins_at": lambda db, t, w: users.list_logins_at(db, t, w.phone),
    "agents.fetch_agent": lambda db, t, w: agents.fetch_agent(db, t, w.agent.id),
    "agents.fetch_agent_by_extension": lambda db, t, w: agents.fetch_agent_by_extension(
        db, t, "1001"
    ),
    "agents.list_agents": lambda db, t, w: agents.list_agents(db, t, PAGE),
    "agents.lock_agent": lambda db, t, w: agents.lock_agent(db, t, w.agent.id),
    "agents.list_all_agents": lambda db, t, w: agents.list_all_agents(db, t),
    "queues.fetch_queue": lambda db, t, w: queues.fetch_queue(db, t, w.queue.id),
    "queues.list_queues": lambda db, t, w: queues.list_queues(db, t, PAGE),
    "queues.list_all_queues": lambda db, t, w: queues.list_all_queues(db, t),
    "calendars.fetch_calendar": lambda db, t, w: calendars.fetch_calendar(db, t, w.calendar.id),
    "calendars.list_calendars": lambda db, t, w: calendars.list_calendars(db, t, PAGE),
    "calendars.list_all_calendars": lambda db, t, w: calendars.list_all_calendars(db, t),
    "sounds.fetch_sound": lambda db, t, w: sounds.fetch_sound(db, t, w.music.id),
    "sounds.count_sounds": lambda db, t, w: sounds.count_sounds(db, t),
    "sounds.list_sounds": lambda db, t, w: sounds.list_sounds(db, t, PAGE),
    "sounds.list_all_sounds": lambda db, t, w: sounds.list_all_sounds(db, t),
    "dispositions.list_dispositions": lambda db, t, w: dispositions.list_dispositions(db, t),
    "flows.fetch_flow": lambda db, t, w: flows.fetch_flow(db, t, w.flow.id),
    "flows.fetch_flow_by_name": lambda db, t, w: flows.fetch_flow_by_name(db, t, "main"),
    "flows.fetch_flow_version": lambda db, t, w: flows.fetch_flow_version(db, t, w.flow.id, 1),
    "flows.list_flow_versions": lambda db, t, w: flows.list_flow_versions(db, t, w.flow.id),
    "flows.list_published_flows": lambda db, t, w: flows.list_published_flows(db, t),
    "flows.list_flows": lambda db, t, w: flows.list_flows(db, t, PAGE),
    "numbers.fetch_number": lambda db, t, w: numbers.fetch_number(db, t, w.number),
    "numbers.list_numbers": lambda db, t, w: numbers.list_numbers(db, t, PAGE),
    "numbers.list_all_numbers": lambda db, t, w: numbers.list_all_numbers(db, t),
    "phones.fetch_phone": lambda db, t, w: phones.fetch_phone(db, t, w.phone),
    "phones.list_phones": lambda db, t, w: phones.list_phones(db, t, PAGE),
    "phones.list_all_phones": lambda db, t, w: phones.list_all_phones(db, t),
    "trunks.fetch_trunk": lambda db, t, w: trunks.fetch_trunk(db, t, w.trunk.id),
    "trunks.list_trunks": lambda db, t, w: trunks.list_trunks(db, t, PAGE),
    "trunks.list_all_trunks": lambda db, t, w: trunks.list_all_trunks(db, t),
    "calls.fetch_call": lambda db, t, w: calls.fetch_call(db, t, w.call.id),
    "calls.list_calls": lambda db, t, w: calls.list_calls(db, t, PAGE, calls.CallFilter()),
    "calls.call_involves_agent": lambda db, t, w: calls.call_involves_agent(
        db, t, w.call.id, w.agent.id
    ),
    "contacts.list_contacts": lambda db, t, w: contacts.list_contacts(
        db, t, w.call.caller, apart_from=uuid4(), limit=5
    ),
    "device_tests.list_device_tests": lambda db, t, w: device_tests.list_device_tests(db, t),
    "legs.list_legs_of_calls": lambda db, t, w: legs.list_legs_of_calls(db, t, [w.call.id]),
    "legs.fetch_party": lambda db, t, w: legs.fetch_party(db, t, w.leg.id),
    "queue_visits.list_visits_of_calls": lambda db, t, w: queue_visits.list_visits_of_calls(
        db, t, [w.call.id]
    ),
    "queue_visits.list_days": lambda db, t, w: days_of(db, t, w),
    "queue_visits.list_visits": lambda db, t, w: queue_visits.list_visits(
        db, t, PAGE, queue_visits.VisitFilter()
    ),
    "agent_states.list_last_states": lambda db, t, w: agent_states.list_last_states(db, t),
    "agent_states.list_agent_states": lambda db, t, w: agent_states.list_agent_states(
        db, t, PAGE, agent_states.AgentStateFilter()
    ),
    "recordings.fetch_recording": lambda db, t, w: recordings.fetch_recording(
        db, t, w.recording_id
    ),
    "recordings.list_recordings": lambda db, t, w: recordings.list_recordings(
        db, t, PAGE, recordings.RecordingFilter()
    ),
    "timeline.list_timeline": lambda db, t, w: timeline.list_timeline(db, t, w.call.id),
    "audit.list_audit": lambda db, t, w: audit.list_audit(db, t, PAGE),
    "audit.find_first_broken": lambda db, t, w: audit.find_first_broken(db, t),
    "snapshots.load_tenant": lambda db, t, w: snapshots.load_tenant(db, t),
}

WRITES: dict[str, Attempt] = {
    "users.insert_user": lambda db, t, w: users.insert_user(db, t, user_of(w), "hash"),
    "users.update_user": lambda db, t, w: users.update_user(db, t, w.user.id, user_of(w)),
    "users.update_password": lambda db, t, w: users.update_password(db, t, w.user.id, "hash"),
    "users.delete_user": lambda db, t, w: users.delete_user(db, t, w.user.id),
    "refresh_tokens.insert_refresh_token": lambda db, t, w: refresh_tokens.insert_refresh_token(
        db,
        t,
        b"u" * 32,
        family_id=w.family_id,
        user_id=w.user.id,
        issued_at=at(0),
        expires_at=at(9),
    ),
    "refresh_tokens.use_refresh_token": lambda db, t, w: refresh_tokens.use_refresh_token(
        db, t, w.token_hash, now=at(1)
    ),
    "refresh_tokens.revoke_family": lambda db, t, w: refresh_tokens.revoke_family(
        db, t, w.family_id, now=at(1)
    ),
    "refresh_tokens.revoke_tokens_of_user": lambda db, t, w: refresh_tokens.revoke_tokens_of_user(
        db, t, w.user.id, now=at(1)
    ),
    "refresh_tokens.delete_expired_tokens": lambda db, t, w: refresh_tokens.delete_expired_tokens(
        db, t, before=at(9_999)
    ),
    "agents.insert_agent": lambda db, t, w: agents.insert_agent(db, t, AGENT),
    "agents.update_agent": lambda db, t, w: agents.update_agent(db, t, w.agent.id, AGENT),
    "agents.delete_agent": lambda db, t, w: agents.delete_agent(db, t, w.agent.id),
    "queues.insert_queue": lambda db, t, w: queues.insert_queue(
        db, t, queues.QueueValues(name="eve", skill="x")
    ),
    "queues.update_queue": lambda db, t, w: queues.update_queue(
        db, t, w.queue.id, queues.QueueValues(name="eve", skill="x")
    ),
    "queues.delete_queue": lambda db, t, w: queues.delete_queue(db, t, w.queue.id),
    "calendars.insert_calendar": lambda db, t, w: calendars.insert_calendar(db, t, HOURS),
    "calendars.update_calendar": lambda db, t, w: calendars.update_calendar(
        db, t, w.calendar.id, HOURS
    ),
    "calendars.delete_calendar": lambda db, t, w: calendars.delete_calendar(db, t, w.calendar.id),
    "sounds.insert_sound": lambda db, t, w: sounds.insert_sound(db, t, sound_values(name="eve")),
    "sounds.rename_sound": lambda db, t, w: sounds.rename_sound(db, t, w.music.id, "eve"),
    "sounds.delete_sound": lambda db, t, w: sounds.delete_sound(db, t, w.music.id),
    "dispositions.insert_disposition": lambda db, t, w: dispositions.insert_disposition(
        db, t, dispositions.Disposition(code="eve", label="Eve")
    ),
    "dispositions.update_disposition": lambda db, t, w: dispositions.update_disposition(
        db, t, dispositions.Disposition(code="resolved", label="Eve")
    ),
    "dispositions.delete_disposition": lambda db, t, w: dispositions.delete_disposition(
        db, t, "resolved"
    ),
    "flows.insert_flow": lambda db, t, w: flows.insert_flow(db, t, "eve"),
    "flows.update_flow_name": lambda db, t, w: flows.update_flow_name(db, t, w.flow.id, "eve"),
    "flows.insert_flow_version": lambda db, t, w: flows.insert_flow_version(db, t, w.flow.id, {}),
    "flows.publish_flow_version": lambda db, t, w: flows.publish_flow_version(db, t, w.flow.id, 1),
    "flows.delete_flow": lambda db, t, w: flows.delete_flow(db, t, w.flow.id),
    "numbers.insert_number": lambda db, t, w: numbers.insert_number(db, t, "6666", w.flow.id),
    "numbers.update_number": lambda db, t, w: numbers.update_number(db, t, w.number, w.flow.id),
    "numbers.delete_number": lambda db, t, w: numbers.delete_number(db, t, w.number),
    "phones.insert_phone": lambda db, t, w: phones.insert_phone(
        db, t, "6666", SECRETS, agent_id=w.agent.id
    ),
    "phones.update_phone": lambda db, t, w: phones.update_phone(
        db, t, w.phone, display="eve", agent_id=w.agent.id
    ),
    "phones.update_phone_secrets": lambda db, t, w: phones.update_phone_secrets(
        db, t, w.phone, SECRETS
    ),
    "phones.delete_phone": lambda db, t, w: phones.delete_phone(db, t, w.phone),
    "trunks.insert_trunk": lambda db, t, w: trunks.insert_trunk(
        db, t, trunks.TrunkValues(name="eve")
    ),
    "trunks.update_trunk": lambda db, t, w: trunks.update_trunk(
        db, t, w.trunk.id, trunks.TrunkValues(name="eve")
    ),
    "trunks.delete_trunk": lambda db, t, w: trunks.delete_trunk(db, t, w.trunk.id),
    "calls.insert_call": lambda db, t, w: calls.insert_call(db, t, w.call),
    "calls.update_answered": lambda db, t, w: calls.update_answered(db, t, w.call.id, at(1)),
    "calls.update_flow": lambda db, t, w: calls.update_flow(db, t, w.call.id, w.flow.id, 1),
    "calls.update_agent": lambda db, t, w: calls.update_agent(db, t, w.call.id, w.agent.id),
    "calls.update_wrap_up": lambda db, t, w: calls.update_wrap_up(
        db, t, w.call.id, "resolved", "eve"
    ),
    "calls.close_call": lambda db, t, w: calls.close_call(
        db, t, w.call.id, at(9), cause="eve", sip_status=None
    ),
    "calls.close_interrupted": lambda db, t, w: calls.close_interrupted(db, t, at(9_999)),
    "device_tests.put_device_test": lambda db, t, w: device_tests.put_device_test(
        db, t, device_test(w.agent.id, verdict="poor")
    ),
    "legs.insert_leg": lambda db, t, w: legs.insert_leg(db, t, new_leg(w.call.id)),
    "legs.update_ringing": lambda db, t, w: legs.update_ringing(db, t, w.leg.id, at(1)),
    "legs.update_answered": lambda db, t, w: legs.update_answered(db, t, w.leg.id, at(1), "PCMA"),
    "legs.close_leg": lambda db, t, w: legs.close_leg(
        db, t, w.leg.id, at(9), cause="eve", sip_status=None, quality=None
    ),
    "queue_visits.insert_visit": lambda db, t, w: queue_visits.insert_visit(
        db, t, w.call.id, w.queue.id, at(7), priority=0, position=1
    ),
    "queue_visits.count_offer": lambda db, t, w: queue_visits.count_offer(
        db, t, w.call.id, w.queue.id, at(8)
    ),
    "queue_visits.close_visit": lambda db, t, w: queue_visits.close_visit(
        db, t, w.call.id, w.queue.id, at(9), END
    ),
    "agent_states.insert_agent_state": lambda db, t, w: agent_states.insert_agent_state(
        db, t, away(w.agent.id, seconds=5)
    ),
    "recordings.insert_recording": lambda db, t, w: recordings.insert_recording(
        db, t, uuid4(), call_id=w.call.id, kind="call", started_at=at(1)
    ),
    "recordings.update_stored": lambda db, t, w: recordings.update_stored(
        db, t, w.recording_id, STORED
    ),
    "recordings.update_failed": lambda db, t, w: recordings.update_failed(
        db, t, w.recording_id, "eve"
    ),
    "timeline.insert_events": lambda db, t, w: timeline.insert_events(
        db, t, [timeline.NewTimelineEvent(w.call.id, at(1), "Eve", "{}")]
    ),
    "audit.insert_audit": lambda db, t, w: audit.insert_audit(
        db, t, audit.Actor(None, "eve"), action="x", subject="x", data={}
    ),
}


def test_no_store_function_is_left_out() -> None:
    public = set()
    for found in pkgutil.iter_modules(casecore.store.__path__):
        module = importlib.import_module(f"casecore.store.{found.name}")
        public |= {
            f"{found.name}.{name}"
            for name, value in vars(module).items()
            if inspect.iscoroutinefunction(value)
            and value.__module__ == module.__name__
            and not name.startswith("_")
            and found.name not in OUTSIDE_OF_TENANTS
        }
    assert public == READS.keys() | WRITES.keys()


async def contents(owner: asyncpg.Connection, tenant_id: TenantId) -> dict[str, list[str]]:
    """Every row of a tenant in every table, as text."""
    tables = await owner.fetch("""
        select attrelid::regclass::text as name from pg_attribute
          join pg_class on pg_class.oid = attrelid
         where attname = 'tenant_id' and relkind = 'r'
    """)
    async with owner.transaction():
        await owner.execute("select set_config('app.tenant_id', $1, true)", str(tenant_id))
        return {
            table["name"]: [
                row[0] for row in await owner.fetch(_ROWS.format(table["name"]), tenant_id)
            ]
            for table in tables
        }


def is_nothing(result: Any) -> bool:
    if isinstance(result, snapshots.TenantSnapshot):
        return not (result.queues or result.agents or result.flows or result.numbers)
    return not getattr(result, "items", result)


@pytest.mark.parametrize("lie", [False, True], ids=["own tenant", "their tenant"])
async def test_nothing_of_another_tenant_can_be_read(
    database: Database, tenant: TenantId, other_tenant: TenantId, lie: bool
) -> None:
    async with database.tenant_tx(tenant) as db:
        world = await make_world(db, tenant)
        for attempt in READS.values():
            # What is looked for is there, or the attempts below would prove nothing.
            found = await attempt(db, tenant, world)
            assert attempt in (
                READS["audit.find_first_broken"],
                READS["calls.call_involves_agent"],
            ) or not is_nothing(found)
    for name, attempt in READS.items():
        async with database.tenant_tx(other_tenant) as db:
            try:
                found = await attempt(db, tenant if lie else other_tenant, world)
            except RecordError:
                continue
            assert is_nothing(found), name


@pytest.mark.parametrize("lie", [False, True], ids=["own tenant", "their tenant"])
async def test_nothing_of_another_tenant_can_be_changed(
    database: Database,
    owner: asyncpg.Connection,
    tenant: TenantId,
    other_tenant: TenantId,
    lie: bool,
) -> None:
    async with database.tenant_tx(tenant) as db:
        world = await make_world(db, tenant)
    before = await contents(owner, tenant)
    assert all(before.values()), "every table has a row to lose"
    for name, attempt in WRITES.items():
        try:
            async with database.tenant_tx(other_tenant) as db:
                await attempt(db, tenant if lie else other_tenant, world)
        except (RecordError, asyncpg.InsufficientPrivilegeError, asyncpg.ForeignKeyViolationError):
            pass
        assert await contents(owner, tenant) == before, name
    leaked = [
        row
        for table, rows in (await contents(owner, other_tenant)).items()
        for row in rows
        if str(world.agent.id) in row
        and table not in ("agent_states", "calls", "queue_visits")  # they keep ids as facts
    ]
    assert leaked == []
