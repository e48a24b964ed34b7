"""Which queues an agent serves, changed by a supervisor while the floor is at work."""

from uuid import UUID

from casecore.db.database import Database
from casecore.permissions import Permission
from casecore.store import agents, queues
from server.api.administration import note
from server.api.models import ApiModel, OutModel
from server.api.operation import Operation
from server.auth.principal import Principal
from server.live import Live


class ServesIn(ApiModel):
    serves: bool


class SkillsOut(OutModel):
    id: UUID
    skills: dict[str, int]


class Staffing:
    def __init__(self, database: Database, live: Live) -> None:
        self._database = database
        self._live = live

    def operations(self) -> list[Operation]:
        return [
            Operation(
                method="PUT",
                path="/agents/{id}/queues/{queue_id}",
                handler=self.put_queue,
                parameters={"id": UUID, "queue_id": UUID},
                body=ServesIn,
                returns=SkillsOut,
                may=Permission.SET_ANY_STATE,
                tag="agents",
                summary="Let an agent serve a queue from the next offer on, or no more: gives the "
                "queue's skill at the level it asks for, or takes it away.",
            )
        ]

    async def put_queue(
        self, who: Principal, id: UUID, queue_id: UUID, body: ServesIn
    ) -> SkillsOut:
        async with self._database.tenant_tx(who.tenant_id) as db:
            # Two queues clicked one after the other: the second must not undo the first.
            agent = await agents.lock_agent(db, who.tenant_id, id)
            queue = await queues.fetch_queue(db, who.tenant_id, queue_id)
            skills = dict(agent.skills)
            if body.serves:
                skills[queue.skill] = max(skills.get(queue.skill, 0), queue.minimum_level)
            else:
                skills.pop(queue.skill, None)
            values = agents.AgentValues(
                name=agent.name,
                extension=agent.extension,
                skills=skills,
                auto_answer=agent.auto_answer,
            )
            await agents.update_agent(db, who.tenant_id, id, values)
            action = "agent_serves" if body.serves else "agent_serves_no_more"
            await note(db, who, action, id, queue=queue.name, skill=queue.skill)
        await self._live.reload(who.tenant_id)
        return SkillsOut(id=id, skills=skills)
