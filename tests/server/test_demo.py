"""The demo tenant: made once, whole or not at all, and what its phones and people get in with."""

from pathlib import Path

import pytest

from casecore.db.database import Database
from casecore.permissions import Role
from casecore.store import dispositions, tenants, users
from casecore.store.snapshots import TenantSnapshot, load_tenant
from server import demo
from server.auth.passwords import Passwords
from server.bindings.snapshots import agents_of, directory_of, queues_of
from server.demo import make_demo_tenant
from telephony.sip.digest import ha1


async def made(
    database: Database, folder: Path, password: str | None = None
) -> dict[str, str] | None:
    return await make_demo_tenant(
        database, realm="here", password=password, passwords_file=folder / "passwords"
    )


async def loaded(database: Database) -> TenantSnapshot:
    async with database.system_tx() as db:
        tenant_id = (await tenants.fetch_default_tenant(db)).id
    async with database.tenant_tx(tenant_id) as db:
        return await load_tenant(db, tenant_id)


async def test_everybody_gets_in_with_the_password_that_was_written_down(
    database: Database, tmp_path: Path
) -> None:
    chosen = await made(database, tmp_path)
    assert chosen is not None
    assert len(set(chosen.values())) == len(chosen)
    written = dict(line.split() for line in (tmp_path / "passwords").read_text().splitlines())
    assert written == chosen
    assert (tmp_path / "passwords").stat().st_mode & 0o777 == 0o600
    snapshot = await loaded(database)
    for phone in snapshot.phones:
        assert phone.ha1_md5 == ha1(phone.user, "here", chosen[phone.user], "MD5")
        assert phone.ha1_sha256 == ha1(phone.user, "here", chosen[phone.user], "SHA-256")
    roles = set()
    async with database.tenant_tx(snapshot.tenant.id) as db:
        for login in chosen.keys() - {phone.user for phone in snapshot.phones}:
            user = await users.find_user_by_login(db, snapshot.tenant.id, login)
            assert user is not None
            roles.add(user.role)
            assert await Passwords().verify(user.password_hash, chosen[login])
            assert (user.agent_id is not None) == (user.role is Role.AGENT)
    assert roles == {Role.ADMINISTRATOR, Role.SUPERVISOR, Role.AGENT}


async def test_chosen_password_is_everybodys(database: Database, tmp_path: Path) -> None:
    chosen = await made(database, tmp_path, "correct-horse")
    assert chosen is not None
    assert set(chosen.values()) == {"correct-horse"}


async def test_everything_it_has_can_be_used(database: Database, tmp_path: Path) -> None:
    await made(database, tmp_path)
    snapshot = await loaded(database)
    tenant_id = snapshot.tenant.id
    directory = directory_of([snapshot])
    for row in snapshot.numbers:
        number = directory.find_number(tenant_id, row.number)
        assert number is not None
        # A flow that could not be read would be left out.
        assert directory.find_flow(tenant_id, number.flow_id) is not None, row.number
    queues, agents = queues_of(snapshot), agents_of(snapshot)
    phones = {phone.user: phone.agent_id for phone in snapshot.phones}
    for queue in queues:
        serving = [a for a in agents if a.skills.get(queue.skill, 0) >= queue.minimum_level]
        assert serving, queue.name
        assert all(phones[agent.extension] == agent.id for agent in serving)


async def test_what_becomes_of_a_call_can_be_chosen(database: Database, tmp_path: Path) -> None:
    await made(database, tmp_path)
    tenant_id = (await loaded(database)).tenant.id
    async with database.tenant_tx(tenant_id) as db:
        labels = [row.label for row in await dispositions.list_dispositions(db, tenant_id)]
    assert labels == ["Resolved", "Call back", "Passed on", "Wrong number", "Other"]


async def test_it_is_made_only_where_there_is_no_tenant_yet(
    database: Database, tmp_path: Path
) -> None:
    async with database.system_tx() as db:
        await tenants.insert_tenant(db, "Ours", "ours")
    assert await made(database, tmp_path) is None
    assert not (tmp_path / "passwords").exists()
    async with database.system_tx() as db:
        assert [tenant.slug for tenant in await tenants.list_tenants(db)] == ["ours"]


async def test_start_that_fails_half_way_is_made_good_by_the_next(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise RuntimeError("power cut")

    with monkeypatch.context() as broken:
        broken.setattr(demo, "_fill_routing", fail)
        with pytest.raises(RuntimeError, match="power cut"):
            await made(database, tmp_path)
    assert await made(database, tmp_path) is not None
    assert len((await loaded(database)).numbers) == 3
