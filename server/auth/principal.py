"""The signed-in person on whose behalf a request or a feed runs."""

from dataclasses import dataclass
from uuid import UUID

from casecore.permissions import Permission, Role, may
from config.tenancy import TenantId
from routing.events import AgentId


@dataclass(frozen=True, slots=True)
class Principal:
    user_id: UUID
    tenant_id: TenantId
    login: str
    role: Role
    agent_id: AgentId | None
    """The agent this person is, if any."""

    def may(self, permission: Permission) -> bool:
        return may(self.role, permission)
