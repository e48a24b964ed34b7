"""Makes the demo tenant of `config/demo` on the first start."""

import json
import os
from importlib import resources
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from casecore.db.connection import Connection
from casecore.db.database import Database, enter_tenant
from casecore.permissions import Role
from casecore.store import (
    agents,
    dispositions,
    flows,
    numbers,
    phones,
    queues,
    tenants,
    trunks,
    users,
)
from config.settings import Settings
from config.tenancy import TenantId
from server.auth.passwords import Passwords
from server.data_dir import DataDir
from server.phone_passwords import new_password, secrets_of

_FOLDER = resources.files("config") / "demo"


async def offer_demo(
    settings: Settings, data: DataDir, database: Database
) -> dict[str, str] | None:
    """As `make_demo_tenant`, unless the settings want none."""
    if not settings.demo.enabled:
        return None
    password = settings.demo.password
    return await make_demo_tenant(
        database,
        realm=settings.sip.realm,
        password=password.get_secret_value() if password else None,
        passwords_file=data.demo_passwords,
    )


async def make_demo_tenant(
    database: Database, *, realm: str, password: str | None, passwords_file: Path
) -> dict[str, str] | None:
    """Make it unless there is a tenant already; returns the passwords by login and phone.

    They are also written to `passwords_file` (mode 0600) before anything else happens, so that a
    start that fails half-way does not make them unknowable.
    """
    async with database.system_tx() as db:
        if await tenants.list_tenants(db):
            return None
    document = json.loads((_FOLDER / "tenant.json").read_text())
    names = [user["login"] for user in document["users"]]
    names += [phone["user"] for phone in document["phones"]]
    chosen = {name: password or new_password() for name in names}
    _write(passwords_file, chosen)
    hasher = Passwords()
    hashes = {u["login"]: await hasher.hash(chosen[u["login"]]) for u in document["users"]}
    async with database.system_tx() as db:
        tenant = await tenants.insert_tenant(
            db, document["tenant"]["name"], document["tenant"]["slug"], is_default=True
        )
        await enter_tenant(db, tenant.id)
        await _fill(db, tenant.id, document, realm, chosen, hashes)
    return chosen


async def _fill(
    db: Connection,
    tenant_id: TenantId,
    document: dict[str, Any],
    realm: str,
    chosen: dict[str, str],
    hashes: dict[str, str],
) -> None:
    for queue in document["queues"]:
        await queues.insert_queue(db, tenant_id, queues.QueueValues(**queue))
    agent_ids = {}
    for agent in document["agents"]:
        made = await agents.insert_agent(db, tenant_id, agents.AgentValues(**agent))
        agent_ids[agent["extension"]] = made.id
    for phone in document["phones"]:
        secret = secrets_of(phone["user"], realm, chosen[phone["user"]])
        await phones.insert_phone(
            db,
            tenant_id,
            phone["user"],
            secret,
            display=phone["display"],
            agent_id=agent_ids.get(phone["user"]),
        )
    for user in document["users"]:
        values = users.UserValues(
            login=user["login"],
            display=user["display"],
            role=Role(user["role"]),
            agent_id=agent_ids.get(user.get("agent", "")),
            phone=user.get("phone"),
        )
        await users.insert_user(db, tenant_id, values, hashes[user["login"]])
    for position, row in enumerate(document["dispositions"], 1):
        disposition = dispositions.Disposition(**row, position=position)
        await dispositions.insert_disposition(db, tenant_id, disposition)
    await _fill_routing(db, tenant_id, document)


async def _fill_routing(db: Connection, tenant_id: TenantId, document: dict[str, Any]) -> None:
    flow_ids = {}
    for name in document["flows"]:
        flow = await flows.insert_flow(db, tenant_id, name)
        content = json.loads((_FOLDER / "flows" / f"{name}.json").read_text())
        version = await flows.insert_flow_version(db, tenant_id, flow.id, content)
        await flows.publish_flow_version(db, tenant_id, flow.id, version)
        flow_ids[name] = flow.id
    for number, name in document["numbers"].items():
        await numbers.insert_number(db, tenant_id, number, flow_ids[name])
    for trunk in document["trunks"]:
        networks = tuple(ip_network(network) for network in trunk["networks"])
        values = trunks.TrunkValues(name=trunk["name"], networks=networks)
        await trunks.insert_trunk(db, tenant_id, values)


def _write(path: Path, chosen: dict[str, str]) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.writelines(f"{name} {password}\n" for name, password in chosen.items())
