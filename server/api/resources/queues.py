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
    """Today, as all below, by the queue's time zone: always answered + abandoned + flowed_out +
    waiting. Whoever waits at midnight counts for the new day."""
    answered: int
    abandoned: int
    flowed_out: int
    """Left unanswered for another reason than the caller's hang-up, such as the longest wait."""
    answered_in_time: int
    """Of those answered, within `service_level_seconds`."""
    abandoned_short: int
    """Of those abandoned, within `short_abandon_seconds`."""
    service_level: float | None
    """Percent: 100 * answered_in_time / (answered + abandoned - abandoned_short). Who flowed out
    is not counted; null while there is nobody to count."""
    service_level_seconds: float
    service_level_target: float
    """Percent that ought to be reached."""
    short_abandon_seconds: float


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
