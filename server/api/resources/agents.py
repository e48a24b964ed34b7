"""Agents and the state they are in; changing it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from casecore.permissions import Permission
from routing.agents import AgentSnapshot
from routing.errors import DispositionMissing
from routing.events import AgentState
from server.api.errors import Conflict, FieldError, Forbidden, NotFound
from server.api.models import ApiModel, OutModel, Paged, SearchQuery, Text
from server.api.operation import Operation
from server.auth.principal import Principal
from server.live import Live


class AgentOut(OutModel):
    id: UUID
    name: str
    extension: str
    skills: dict[str, int]
    state: AgentState
    reason: str
    pending: AgentState | None
    """Entered after the present call."""
    since: datetime
    call_id: UUID | None
    reachable: bool
    """Whether the agent's phone is registered."""
    wrap_up_until: datetime | None
    """When a wrap-up ends by itself."""
    disposition_due: UUID | None
    """The call that needs a disposition before the agent can be available again."""
    auto_answer: bool
    """Whether the phone takes calls from queues by itself."""


class StateIn(ApiModel):
    state: Literal["available", "away", "offline"]
    reason: Text = Field(default="", max_length=80)


class Agents:
    def __init__(self, live: Live) -> None:
        self._live = live

    def operations(self) -> list[Operation]:
        see: dict[str, Any] = {"tag": "agents", "may": Permission.SEE_AGENTS}
        change: dict[str, Any] = {
            "tag": "agents",
            "may": Permission.SET_OWN_STATE,
            "parameters": {"id": UUID},
            "returns": AgentOut,
        }
        return [
            Operation(
                method="GET", path="/agents", handler=self.list_agents, query=SearchQuery,
                returns=AgentOut, many=True,
                summary="Every agent with the present state, by extension.", **see,
            ),
            Operation(
                method="GET", path="/agents/{id}", handler=self.fetch_agent,
                parameters={"id": UUID}, returns=AgentOut, summary="One agent.", **see,
            ),
            Operation(
                method="PUT", path="/agents/{id}/state", handler=self.set_state, body=StateIn,
                summary="Ask for a state; during a call it is entered afterwards. Who owes a "
                "disposition may go away or offline, but be available only if a supervisor "
                "asks for it.",
                errors=(Conflict,), **change,
            ),
            Operation(
                method="POST", path="/agents/{id}/wrap-up/end", handler=self.end_wrap_up,
                summary="End the wrap-up time early. While a disposition is due a supervisor may, "
                "which waives it.",
                errors=(Conflict,), **change,
            ),
        ]  # fmt: skip

    async def list_agents(self, who: Principal, query: SearchQuery) -> Paged[AgentOut]:
        sought = query.q.strip().casefold()
        agents = [
            agent
            for agent in self.seen_by(who)
            if sought in agent.name.casefold() or sought in agent.extension.casefold()
        ]
        if query.order == "desc" and "order" in query.model_fields_set:
            agents.reverse()
        return Paged(agents[query.offset : query.offset + query.limit], len(agents))

    async def fetch_agent(self, who: Principal, id: UUID) -> AgentOut:
        return _shown(self._find(who, id))

    async def set_state(self, who: Principal, id: UUID, body: StateIn) -> AgentOut:
        self._admit(who, id)
        state, excused = AgentState(body.state), who.may(Permission.SET_ANY_STATE)
        with _disposition_first():
            self._live.set_agent_state(who.tenant_id, id, state, body.reason, excused=excused)
        return _shown(self._find(who, id))

    async def end_wrap_up(self, who: Principal, id: UUID) -> AgentOut:
        self._admit(who, id)
        with _disposition_first():
            excused = who.may(Permission.SET_ANY_STATE)
            self._live.end_wrap_up(who.tenant_id, id, excused=excused)
        return _shown(self._find(who, id))

    def seen_by(self, who: Principal) -> list[AgentOut]:
        return [_shown(agent) for agent in self._live.agents(who.tenant_id)]

    def _find(self, who: Principal, id: UUID) -> AgentSnapshot:
        for agent in self._live.agents(who.tenant_id):
            if agent.id == id:
                return agent
        raise NotFound()

    def _admit(self, who: Principal, id: UUID) -> None:
        self._find(who, id)
        if who.agent_id != id and not who.may(Permission.SET_ANY_STATE):
            raise Forbidden("You may change your own state only.")


def _shown(agent: AgentSnapshot) -> AgentOut:
    return AgentOut(
        id=agent.id,
        name=agent.name,
        extension=agent.extension,
        skills=dict(agent.skills),
        state=agent.state,
        reason=agent.reason,
        pending=agent.pending,
        since=agent.since,
        call_id=agent.work_id,
        reachable=agent.reachable,
        wrap_up_until=agent.wrap_up_until,
        auto_answer=agent.auto_answer,
        disposition_due=agent.disposition_due,
    )


@contextmanager
def _disposition_first() -> Iterator[None]:
    try:
        yield
    except DispositionMissing as error:
        detail = FieldError("body.state", str(error), error.code)
        raise Conflict(str(error), details=[detail]) from None
