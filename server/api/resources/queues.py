"""Queues as they are at this moment."""

from uuid import UUID

from casecore.permissions import Permission
from server.api.models import OutModel
from server.api.operation import Operation
from server.auth.principal import Principal
from server.live import Live


class QueueOut(OutModel):
    id: UUID
    name: str
    skill: str
    waiting: int
    longest_wait_ms: int
    agents_available: int
    agents_logged_in: int
    offered: int
    """Since the server started, as the three below."""
    answered: int
    abandoned: int
    flowed_out: int


class Queues:
    def __init__(self, live: Live) -> None:
        self._live = live

    def operations(self) -> list[Operation]:
        return [
            Operation(
                method="GET",
                path="/queues",
                handler=self.list_queues,
                summary="Every queue with its callers and agents now.",
                tag="queues",
                may=Permission.SEE_QUEUES,
                returns=list[QueueOut],
            )
        ]

    async def list_queues(self, who: Principal) -> list[QueueOut]:
        return self.seen_by(who)

    def seen_by(self, who: Principal) -> list[QueueOut]:
        return [QueueOut.model_validate(queue) for queue in self._live.queues(who.tenant_id)]
