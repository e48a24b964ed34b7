"""G09: a supervisor moves agents between queues with one request."""

import asyncio
from typing import Any
from uuid import uuid4

from casecore.permissions import Role
from casecore.store import agents, queues
from tests.support.api import Api


async def put(api: Api, queue_id: object, *, serves: bool, role: Role = Role.SUPERVISOR) -> Any:
    path = f"/agents/{api.here.agent.id}/queues/{queue_id}"
    return await api.ask("PUT", path, role=role, json={"serves": serves})


async def test_g09_agent_serves_a_queue_and_no_more(api: Api) -> None:
    tenant_id = api.here.tenant_id
    async with api.database.tenant_tx(tenant_id) as db:
        values = queues.QueueValues(name="night", skill="night", minimum_level=3)
        night = await queues.insert_queue(db, tenant_id, values)
    status, body = await put(api, night.id, serves=True)
    assert (status, body["data"]["skills"]) == (200, {"sales": 5, "night": 3})
    _, body = await put(api, api.here.queue.id, serves=True)
    assert body["data"]["skills"]["sales"] == 5, "a level that is high enough stays"
    _, body = await put(api, night.id, serves=False)
    assert body["data"]["skills"] == {"sales": 5}
    assert api.live.reloads == [tenant_id] * 3, "in force at the next offer"
    trail = await api.get("/audit?limit=100")
    assert [entry["action"] for entry in trail][:3] == [
        *("agent_serves_no_more", "agent_serves", "agent_serves"),
    ]


async def test_g09_queues_given_at_once_are_all_there(api: Api) -> None:
    names = [f"queue {number}" for number in range(6)]
    async with api.database.tenant_tx(api.here.tenant_id) as db:
        made = [
            await queues.insert_queue(
                db, api.here.tenant_id, queues.QueueValues(name=name, skill=name)
            )
            for name in names
        ]
    answers = await asyncio.gather(*(put(api, queue.id, serves=True) for queue in made))
    assert [status for status, _ in answers] == [200] * 6
    async with api.database.tenant_tx(api.here.tenant_id) as db:
        agent = await agents.fetch_agent(db, api.here.tenant_id, api.here.agent.id)
    assert agent.skills == {"sales": 5, **dict.fromkeys(names, 1)}


async def test_g09_agents_do_not_move_themselves(api: Api) -> None:
    assert (await put(api, api.here.queue.id, serves=False, role=Role.AGENT))[0] == 403
    assert (await put(api, uuid4(), serves=True))[0] == 404
