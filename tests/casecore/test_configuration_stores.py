"""Agents, users, queues, flows, numbers, phones and trunks: what is kept, and what is refused."""

from dataclasses import replace
from ipaddress import IPv4Network, IPv6Network
from uuid import uuid4

import pytest

from casecore.db.database import Database
from casecore.errors import (
    AlreadyExists,
    NotFound,
    NotStorable,
    StillInUse,
    UnknownReference,
)
from casecore.paging import BadSort, Page
from casecore.permissions import Role
from casecore.store import (
    agents,
    calendars,
    flows,
    numbers,
    phones,
    queues,
    refresh_tokens,
    snapshots,
    sounds,
    tenants,
    trunks,
    users,
)
from casecore.store.agents import AgentValues
from casecore.store.queues import QueueValues
from casecore.store.refresh_tokens import TokenUse
from casecore.store.sounds import SoundKind
from casecore.store.trunks import TrunkValues
from casecore.store.users import UserValues
from config.tenancy import TenantId
from tests.support.records import CALENDAR, SECRETS, at, make_world, sound_values


async def test_tenants_are_found_by_id_slug_and_default(database: Database) -> None:
    async with database.system_tx() as db:
        made = await tenants.insert_tenant(
            db, "Demo organisation", "demo", sip_domain="Demo.Example", is_default=True
        )
        assert made.sip_domain == "demo.example"
        assert await tenants.fetch_tenant(db, made.id) == made
        assert await tenants.fetch_tenant_by_slug(db, "demo") == made
        assert await tenants.fetch_default_tenant(db) == made
        assert await tenants.list_tenants(db) == [made]
        with pytest.raises(NotFound):
            await tenants.fetch_tenant_by_slug(db, "other")


async def test_there_is_one_default_tenant(database: Database, tenant: TenantId) -> None:
    with pytest.raises(AlreadyExists):
        async with database.system_tx() as db:
            await tenants.insert_tenant(db, "Second", "second", is_default=True)


async def test_slug_is_plain(database: Database) -> None:
    with pytest.raises(NotStorable):
        async with database.system_tx() as db:
            await tenants.insert_tenant(db, "Name", "Not a slug")


async def test_agent_is_kept_with_skills(database: Database, tenant: TenantId) -> None:
    async with database.tenant_tx(tenant) as db:
        made = await agents.insert_agent(
            db, tenant, AgentValues(name="Ben", extension="1002", skills={"support": 5, "sales": 2})
        )
        assert made.skills == {"support": 5, "sales": 2}
        assert await agents.fetch_agent_by_extension(db, tenant, "1002") == made
        changed = await agents.update_agent(
            db, tenant, made.id, AgentValues(name="Ben B", extension="1003", skills={"sales": 3})
        )
        assert (changed.name, changed.extension, changed.skills) == ("Ben B", "1003", {"sales": 3})


@pytest.mark.parametrize("level", [0, 6, 100_000])
async def test_skill_level_is_one_to_five(database: Database, tenant: TenantId, level: int) -> None:
    values = AgentValues(name="Ben", extension="1002", skills={"sales": level})
    with pytest.raises(NotStorable):
        async with database.tenant_tx(tenant) as db:
            await agents.insert_agent(db, tenant, values)


async def test_deleted_agent_frees_extension_phone_and_user(
    database: Database, tenant: TenantId
) -> None:
    async with database.tenant_tx(tenant) as db:
        world = await make_world(db, tenant)
        await agents.delete_agent(db, tenant, world.agent.id)
        with pytest.raises(NotFound):
            await agents.fetch_agent(db, tenant, world.agent.id)
        assert (await phones.fetch_phone(db, tenant, world.phone)).agent_id is None
        assert (await users.fetch_user(db, tenant, world.user.id)).agent_id is None
        again = await agents.insert_agent(db, tenant, AgentValues(name="Eve", extension="1001"))
        assert again.id != world.agent.id
        with pytest.raises(NotFound):
            await agents.delete_agent(db, tenant, world.agent.id)
        with pytest.raises(NotFound):
            await agents.update_agent(
                db, tenant, world.agent.id, AgentValues(name="x", extension="77")
            )


async def test_login_ignores_case_and_is_unique(database: Database, tenant: TenantId) -> None:
    values = UserValues(login="Ánna", display="Anna", role=Role.SUPERVISOR)
    async with database.tenant_tx(tenant) as db:
        made = await users.insert_user(db, tenant, values, "hash")
        assert made.role is Role.SUPERVISOR
        assert "hash" not in repr(made)
        assert await users.find_user_by_login(db, tenant, "áNNA") == made
        assert await users.find_user_by_login(db, tenant, "ann") is None
        await users.update_password(db, tenant, made.id, "new hash")
        assert (await users.fetch_user(db, tenant, made.id)).password_hash == "new hash"
    other = UserValues(login="ánna", display="Other", role=Role.VIEWER)
    with pytest.raises(AlreadyExists):
        async with database.tenant_tx(tenant) as db:
            await users.insert_user(db, tenant, other, "hash")


async def test_user_of_an_unknown_agent_is_refused(database: Database, tenant: TenantId) -> None:
    values = UserValues(login="x", display="x", role=Role.AGENT, agent_id=uuid4())
    with pytest.raises(UnknownReference):
        async with database.tenant_tx(tenant) as db:
            await users.insert_user(db, tenant, values, "hash")


async def test_deleted_user_loses_tokens(database: Database, tenant: TenantId) -> None:
    async with database.tenant_tx(tenant) as db:
        world = await make_world(db, tenant)
        await users.delete_user(db, tenant, world.user.id)
        used = await refresh_tokens.use_refresh_token(db, tenant, world.token_hash, now=at(1))
        assert used.use is TokenUse.REFUSED
        assert used.user_id is None


async def test_refresh_token_is_used_once_and_reuse_revokes_its_family(
    database: Database, tenant: TenantId
) -> None:
    async with database.tenant_tx(tenant) as db:
        world = await make_world(db, tenant)
        first = await refresh_tokens.use_refresh_token(db, tenant, world.token_hash, now=at(1))
        assert first == refresh_tokens.UsedToken(TokenUse.ACCEPTED, world.user.id, world.family_id)
        await refresh_tokens.insert_refresh_token(
            db,
            tenant,
            b"n" * 32,
            family_id=world.family_id,
            user_id=world.user.id,
            issued_at=at(1),
            expires_at=at(100),
        )
    async with database.tenant_tx(tenant) as db:
        stolen = await refresh_tokens.use_refresh_token(db, tenant, world.token_hash, now=at(2))
        assert stolen.use is TokenUse.REUSED
    async with database.tenant_tx(tenant) as db:
        successor = await refresh_tokens.use_refresh_token(db, tenant, b"n" * 32, now=at(3))
        assert successor.use is TokenUse.REFUSED


async def test_expired_and_revoked_tokens_are_refused(database: Database, tenant: TenantId) -> None:
    async with database.tenant_tx(tenant) as db:
        world = await make_world(db, tenant)
        late = await refresh_tokens.use_refresh_token(db, tenant, world.token_hash, now=at(3_600))
        assert late.use is TokenUse.REFUSED
        await refresh_tokens.revoke_tokens_of_user(db, tenant, world.user.id, now=at(1))
        revoked = await refresh_tokens.use_refresh_token(db, tenant, world.token_hash, now=at(2))
        assert revoked.use is TokenUse.REFUSED
        await refresh_tokens.delete_expired_tokens(db, tenant, before=at(4_000))
        gone = await refresh_tokens.use_refresh_token(db, tenant, world.token_hash, now=at(2))
        assert gone.family_id is None


async def test_queue_is_kept_changed_and_deleted(database: Database, tenant: TenantId) -> None:
    values = QueueValues(
        name="Sales",
        skill="sales",
        minimum_level=2,
        priority=5,
        ring_seconds=12.5,
        max_waiting=7,
        max_wait_seconds=90.0,
        music=(jazz := sound_values()).id,
    )
    async with database.tenant_tx(tenant) as db:
        await sounds.insert_sound(db, tenant, jazz)
        made = await queues.insert_queue(db, tenant, values)
        assert made == await queues.fetch_queue(db, tenant, made.id)
        assert (made.ring_seconds, made.max_wait_seconds, made.music) == (12.5, 90.0, jazz.id)
        changed = await queues.update_queue(
            db, tenant, made.id, QueueValues(name="sales", skill="s")
        )
        assert (changed.ring_seconds, changed.max_wait_seconds, changed.music) == (20, None, None)
        await queues.update_queue(db, tenant, made.id, values)
        await queues.delete_queue(db, tenant, made.id)
        assert await queues.list_all_queues(db, tenant) == []
        await sounds.delete_sound(db, tenant, jazz.id)
        values = replace(values, music=None)
        await queues.insert_queue(db, tenant, values)
    with pytest.raises(AlreadyExists):
        async with database.tenant_tx(tenant) as db:
            await queues.insert_queue(db, tenant, QueueValues(name="SALES", skill="x"))


async def test_b08_sound_that_a_queue_plays_stays(database: Database, tenant: TenantId) -> None:
    async with database.tenant_tx(tenant) as db:
        jazz = await sounds.insert_sound(db, tenant, sound_values(name="Jazz"))
        assert await sounds.fetch_sound(db, tenant, jazz.id) == jazz
        values = QueueValues(name="Sales", skill="sales", music=jazz.id)
        await queues.insert_queue(db, tenant, values)
    with pytest.raises(StillInUse):
        async with database.tenant_tx(tenant) as db:
            await sounds.delete_sound(db, tenant, jazz.id)
    with pytest.raises(UnknownReference):
        async with database.tenant_tx(tenant) as db:
            await queues.insert_queue(db, tenant, replace(values, name="x", music=uuid4()))
    with pytest.raises(AlreadyExists):
        async with database.tenant_tx(tenant) as db:
            await sounds.insert_sound(db, tenant, sound_values(name="JAZZ"))


async def test_sounds_are_listed_by_kind(database: Database, tenant: TenantId) -> None:
    async with database.tenant_tx(tenant) as db:
        for name, kind in (("b", SoundKind.MUSIC), ("a", SoundKind.ANNOUNCEMENT)):
            await sounds.insert_sound(db, tenant, sound_values(name=name, kind=kind))
        page = Page(order="asc")
        assert [s.name for s in (await sounds.list_sounds(db, tenant, page)).items] == ["a", "b"]
        music = await sounds.list_sounds(db, tenant, page, SoundKind.MUSIC)
        assert ([s.name for s in music.items], music.total) == (["b"], 1)


async def test_calendar_is_kept_and_changed(database: Database, tenant: TenantId) -> None:
    async with database.tenant_tx(tenant) as db:
        made = await calendars.insert_calendar(db, tenant, CALENDAR)
        assert made == await calendars.fetch_calendar(db, tenant, made.id)
        assert (made.weekly, made.holidays) == (CALENDAR.weekly, CALENDAR.holidays)
        values = calendars.CalendarValues(name="Office", zone="UTC")
        changed = await calendars.update_calendar(db, tenant, made.id, values)
        assert (changed.name, changed.zone, changed.weekly) == ("Office", "UTC", ())
    with pytest.raises(AlreadyExists):
        async with database.tenant_tx(tenant) as db:
            await calendars.insert_calendar(db, tenant, CALENDAR)


async def test_flow_versions_count_up_and_one_is_published(
    database: Database, tenant: TenantId
) -> None:
    async with database.tenant_tx(tenant) as db:
        flow = await flows.insert_flow(db, tenant, "main")
        assert (flow.latest_version, flow.published_version) == (0, None)
        assert await flows.list_published_flows(db, tenant) == []
        author = uuid4()
        for number in (1, 2):
            document = {"start": f"node {number}\x00", "nodes": {}}
            assert number == await flows.insert_flow_version(
                db, tenant, flow.id, document, created_by=author
            )
        flow = await flows.publish_flow_version(db, tenant, flow.id, 1)
        assert (flow.latest_version, flow.published_version) == (2, 1)
        [published] = await flows.list_published_flows(db, tenant)
        assert published.document == {"start": "node 1\N{REPLACEMENT CHARACTER}", "nodes": {}}
        assert (published.version, published.name, published.created_by) == (1, "main", author)
        versions = await flows.list_flow_versions(db, tenant, flow.id)
        assert [(v.version, v.published) for v in versions] == [(2, False), (1, True)]
        with pytest.raises(NotFound):
            await flows.publish_flow_version(db, tenant, flow.id, 3)
        with pytest.raises(NotFound):
            await flows.insert_flow_version(db, tenant, uuid4(), {})


async def test_flow_that_a_number_leads_to_cannot_be_deleted(
    database: Database, tenant: TenantId
) -> None:
    async with database.tenant_tx(tenant) as db:
        world = await make_world(db, tenant)
        with pytest.raises(StillInUse):
            await flows.delete_flow(db, tenant, world.flow.id)
        await numbers.delete_number(db, tenant, world.number)
        await flows.delete_flow(db, tenant, world.flow.id)
        with pytest.raises(NotFound):
            await numbers.insert_number(db, tenant, "5001", world.flow.id)


async def test_number_leads_to_a_flow_and_is_unique(database: Database, tenant: TenantId) -> None:
    async with database.tenant_tx(tenant) as db:
        world = await make_world(db, tenant)
        other = await flows.insert_flow(db, tenant, "echo")
        moved = await numbers.update_number(db, tenant, "5000", other.id)
        assert (moved.flow_id, moved.flow_name) == (other.id, "echo")
        with pytest.raises(NotFound):
            await numbers.update_number(db, tenant, "5999", other.id)
    with pytest.raises(AlreadyExists):
        async with database.tenant_tx(tenant) as db:
            await numbers.insert_number(db, tenant, "5000", world.flow.id)


async def test_phone_secrets_are_kept_and_not_shown(database: Database, tenant: TenantId) -> None:
    async with database.tenant_tx(tenant) as db:
        phone = await phones.insert_phone(db, tenant, "1900", SECRETS, display="Supervisor")
        assert phone.ha1_md5 == SECRETS.md5
        assert SECRETS.md5 not in repr(phone)
        assert SECRETS.sha256 not in repr(SECRETS)
        await phones.update_phone_secrets(db, tenant, "1900", phones.PhoneSecrets("a", "b"))
        assert (await phones.fetch_phone(db, tenant, "1900")).ha1_sha256 == "b"
        await phones.delete_phone(db, tenant, "1900")
        with pytest.raises(NotFound):
            await phones.delete_phone(db, tenant, "1900")


async def test_trunk_keeps_networks_of_both_families(database: Database, tenant: TenantId) -> None:
    networks = (IPv4Network("192.0.2.0/24"), IPv6Network("2001:db8::/32"))
    async with database.tenant_tx(tenant) as db:
        made = await trunks.insert_trunk(
            db, tenant, TrunkValues(name="pbx", networks=networks, password="secret")
        )
        assert made.networks == networks
        assert made.password == "secret"
        assert "secret" not in repr(made)
        changed = await trunks.update_trunk(
            db, tenant, made.id, TrunkValues(name="pbx", enabled=False)
        )
        assert (changed.networks, changed.enabled, changed.password) == ((), False, None)


async def test_snapshot_holds_everything_of_one_tenant(
    database: Database, tenant: TenantId, other_tenant: TenantId
) -> None:
    for each in (tenant, other_tenant):
        async with database.tenant_tx(each) as db:
            world = await make_world(db, each)
    async with database.tenant_tx(tenant) as db:
        snapshot = await snapshots.load_tenant(db, tenant)
    assert snapshot.tenant.id == tenant
    assert [q.name for q in snapshot.queues] == ["sales"]
    assert [(a.extension, a.skills) for a in snapshot.agents] == [("1001", {"sales": 5})]
    assert [(f.name, f.document) for f in snapshot.flows] == [("main", {"start": "greeting"})]
    assert [(n.number, n.flow_id) for n in snapshot.numbers] == [
        ("5000", snapshot.flows[0].flow_id)
    ]
    assert [p.user for p in snapshot.phones] == ["1001"]
    assert [t.networks for t in snapshot.trunks] == [(IPv4Network("127.0.0.1/32"),)]
    assert snapshot.agents[0].id != world.agent.id


async def test_pages_are_sorted_and_counted(database: Database, tenant: TenantId) -> None:
    async with database.tenant_tx(tenant) as db:
        for extension in ("1003", "1001", "1002"):
            await agents.insert_agent(db, tenant, AgentValues(name="Same", extension=extension))
        page = await agents.list_agents(db, tenant, Page(2, 0, "extension", "asc"))
        assert ([a.extension for a in page.items], page.total) == (["1001", "1002"], 3)
        page = await agents.list_agents(db, tenant, Page(2, 2, "extension", "asc"))
        assert ([a.extension for a in page.items], page.total) == (["1003"], 3)
        page = await agents.list_agents(db, tenant, Page(2, 10))
        assert (page.items, page.total) == ((), 3)
        seen = [
            (await agents.list_agents(db, tenant, Page(1, n, "name"))).items[0].id for n in range(3)
        ]
        assert len(set(seen)) == 3, "rows that sort alike still come once each"
        with pytest.raises(BadSort, match="created_at, extension, name"):
            await agents.list_agents(db, tenant, Page(sort="name; drop table agents"))
