"""What runs at this moment, for the API and the feed: agents, queues, calls, phones."""

from collections.abc import Awaitable, Callable
from uuid import UUID

from config.tenancy import TenantId
from routing.agents import AgentSnapshot
from routing.events import AgentId, AgentState, WorkId
from routing.queues import QueueSnapshot
from server.dispatchers import Dispatchers
from telephony.calls.call import Call, CallSnapshot
from telephony.directory import PhoneUser
from telephony.events import CallId
from telephony.switchboard import Switchboard
from telephony.trunk_status import TrunkStatus
from telephony.trunks.monitor import Trunks


class Live:
    """One door to switchboard and dispatchers; every answer is one tenant's.

    A tenant so new that its configuration has not been read yet has no agents, queues or calls.
    """

    def __init__(
        self,
        switchboard: Switchboard,
        dispatchers: Dispatchers,
        trunks: Trunks,
        reload: Callable[[TenantId], Awaitable[None]],
    ) -> None:
        self._switchboard = switchboard
        self._dispatchers = dispatchers
        self._trunks = trunks
        self._reload = reload

    def agents(self, tenant_id: TenantId) -> tuple[AgentSnapshot, ...]:
        dispatcher = self._dispatchers.find(tenant_id)
        return dispatcher.agents() if dispatcher is not None else ()

    def queues(self, tenant_id: TenantId) -> tuple[QueueSnapshot, ...]:
        dispatcher = self._dispatchers.find(tenant_id)
        return dispatcher.queues() if dispatcher is not None else ()

    def set_agent_state(
        self,
        tenant_id: TenantId,
        agent_id: UUID,
        state: AgentState,
        reason: str,
        *,
        excused: bool = False,
    ) -> AgentState:
        """Raises UnknownAgent, InvalidAgentState or, unless `excused`, DispositionMissing."""
        dispatcher = self._dispatchers.of(tenant_id)
        return dispatcher.set_agent_state(AgentId(agent_id), state, reason, excused=excused)

    def end_wrap_up(self, tenant_id: TenantId, agent_id: UUID, *, excused: bool = False) -> None:
        """Raises UnknownAgent or, unless `excused`, DispositionMissing."""
        self._dispatchers.of(tenant_id).end_wrap_up(AgentId(agent_id), excused=excused)

    def take_disposition(self, tenant_id: TenantId, call_id: UUID) -> None:
        """Somebody said what became of a call."""
        if (dispatcher := self._dispatchers.find(tenant_id)) is not None:
            dispatcher.take_disposition(WorkId(call_id))

    def calls(self, tenant_id: TenantId) -> tuple[CallSnapshot, ...]:
        return self._switchboard.calls(tenant_id)

    def originate(self, tenant_id: TenantId, from_user: str, to: str) -> CallId:
        """Raises UnknownPhone."""
        return self._switchboard.originate(tenant_id, from_user, to)

    def hang_up(self, tenant_id: TenantId, call_id: UUID) -> bool:
        return self._switchboard.hang_up(tenant_id, call_id)

    def find_call(self, tenant_id: TenantId, call_id: UUID) -> Call | None:
        return self._switchboard.find(tenant_id, call_id)

    def find_phone(self, tenant_id: TenantId, user: str) -> PhoneUser | None:
        return self._switchboard.context.directory.phone(tenant_id, user)

    def phones(self, tenant_id: TenantId) -> dict[str, tuple[str, ...]]:
        """Contacts of every phone by its user; empty for one that is not registered."""
        return self._switchboard.registrations.phones(tenant_id)

    def trunk(self, tenant_id: TenantId, trunk_id: UUID) -> TrunkStatus:
        """How it stands with a trunk; `off` for one that is disabled, or not there."""
        return self._trunks.status(tenant_id, trunk_id)

    def voice(self) -> str:
        """Whose voice speaks where none is named."""
        return self._switchboard.context.prompts.voice

    async def reload(self, tenant_id: TenantId) -> None:
        """The tenant's configuration was changed."""
        await self._reload(tenant_id)
