"""Queues: what they ask of agents, and what is seen of them from outside."""

from dataclasses import dataclass
from uuid import UUID

from config.tenancy import TenantId
from routing.events import QueueId, WorkId


@dataclass(frozen=True, slots=True)
class QueueSettings:
    id: QueueId
    tenant_id: TenantId
    name: str
    skill: str
    minimum_level: int = 1
    """An agent needs the skill at this level (1 to 5) or above."""
    priority: int = 0
    """Among callers of equal priority, the queue with the higher one is served first."""
    ring_seconds: float = 20.0
    wrap_up_seconds: float = 10.0
    announce_every_seconds: float = 30.0
    """How often a caller is told the place in the queue; 0 is never."""
    max_waiting: int = 100
    max_wait_seconds: float | None = None
    """Longest wait; a flow's own limit counts where it is shorter."""
    music: UUID | None = None
    """The sound that waiting callers hear; the installation's music when None."""
    service_level_seconds: float = 20.0
    """Who is answered within it is served in time."""
    service_level_target: float = 80.0
    """Percent of the calls that ought to be served in time."""
    short_abandon_seconds: float = 5.0
    """Who hangs up within it is not counted."""
    time_zone: str = "UTC"
    """Where it is midnight when a new day is counted."""
    auto_answer: bool = False
    """Agents' phones take its calls by themselves, after a tone."""
    disposition_required: bool = False
    """Who took a call gets the next one only after saying what became of it."""
    disposition_seconds: float = 900.0
    """How long that is waited for after a call; then the agent is away."""

    @property
    def disposition_patience(self) -> float | None:
        """`disposition_seconds`, or None where no disposition is required."""
        return self.disposition_seconds if self.disposition_required else None


@dataclass(frozen=True, slots=True)
class QueueSnapshot:
    id: QueueId
    name: str
    skill: str
    waiting: int
    """Callers not answered yet; those for whom an agent is being rung are among them."""
    longest_wait_ms: int
    agents_available: int
    """Who could be offered a caller of this queue now."""
    agents_logged_in: int
    work_ids: tuple[WorkId, ...]
    """Those who wait, next to be served first."""
    offered: int
    """How many came today: always answered + abandoned + flowed_out + waiting."""
    answered: int
    abandoned: int
    flowed_out: int
    answered_in_time: int
    """Of those answered, within `service_level_seconds`."""
    abandoned_short: int
    """Of those abandoned, within `short_abandon_seconds`."""
    service_level: float | None
    """Percent; see `Tally.service_level`."""
    service_level_seconds: float
    service_level_target: float
    short_abandon_seconds: float
