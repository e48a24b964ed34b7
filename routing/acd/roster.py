"""The agents of one tenant: how each moves, whom each queue could have now, and wrap-up timers."""

from collections.abc import Iterable, Iterator
from heapq import heappop, heappush

from routing.acd.effects import Moment
from routing.acd.facts import Facts
from routing.acd.lines import Line, Work
from routing.agents import REQUESTABLE, Agent, AgentProfile
from routing.errors import DispositionMissing, InvalidAgentState, UnknownAgent
from routing.events import AgentId, AgentState, AgentStateChanged, WorkId
from routing.queues import QueueSettings


class Roster:
    """Moves return the facts they are; the lines that an agent serves know of each move."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._agents: dict[AgentId, Agent] = {}
        self._reachable: set[AgentId] = set()
        """Also of agents who are not configured, or not yet: phones register when they like."""
        self._served: dict[AgentId, tuple[Line, ...]] = {}
        self._wrap_ups: list[tuple[float, int, AgentId]] = []
        """A heap of when wrap-ups end and owed dispositions lapse; entries that came to nothing
        stay until they are in front."""
        self._timers = 0

    def __iter__(self) -> Iterator[Agent]:
        return iter(self._agents.values())

    def agent(self, agent_id: AgentId) -> Agent:
        try:
            return self._agents[agent_id]
        except KeyError:
            raise UnknownAgent(str(agent_id)) from None

    def find(self, agent_id: AgentId) -> Agent | None:
        return self._agents.get(agent_id)

    def lines_of(self, agent: Agent) -> tuple[Line, ...]:
        return self._served.get(agent.profile.id, ())

    def configure(
        self, profiles: Iterable[AgentProfile], lines: Iterable[Line], moment: Moment
    ) -> list[AgentStateChanged]:
        """Who is gone from the profiles leaves; who is at work does so when it is done."""
        facts: list[AgentStateChanged] = []
        wanted = {profile.id: profile for profile in profiles}
        for agent in list(self):
            if agent.profile.id not in wanted:
                facts += self._dismiss(agent, moment)
        for agent_id, profile in wanted.items():
            known = self._agents.get(agent_id)
            if known is None:
                self._agents[agent_id] = Agent(
                    profile, moment.at, moment.now, reachable=agent_id in self._reachable
                )
            else:
                known.profile, known.leaving = profile, False
        self._staff(tuple(lines), moment)
        return facts

    # --- moves

    def choose(
        self, agent: Agent, state: AgentState, reason: str, moment: Moment
    ) -> list[AgentStateChanged]:
        """What a person asks for; during a call it is kept until the call is over.

        Raises InvalidAgentState, DispositionMissing, and UnknownAgent for one who only finishes a
        last call. An offer to the agent has been taken back before.
        """
        if agent.leaving:
            raise UnknownAgent(str(agent.profile.id))
        if state not in REQUESTABLE:
            raise InvalidAgentState(f"{state.value} cannot be asked for")
        if state is AgentState.AVAILABLE:
            reason = ""
            self.check_disposition(agent)
        if agent.state is AgentState.ENGAGED:
            agent.pending = None if state is AgentState.AVAILABLE else state
            agent.pending_reason = reason
            return []
        if agent.state is state and (agent.reason == reason or state is not AgentState.AWAY):
            return []
        return self._rest(agent, state, reason, moment)

    def offer(self, agent: Agent, moment: Moment) -> list[AgentStateChanged]:
        return self._move(agent, AgentState.OFFERED, moment)

    def engage(self, agent: Agent, moment: Moment) -> list[AgentStateChanged]:
        agent.offer_id = None
        return self._move(agent, AgentState.ENGAGED, moment)

    def blame(self, agent: Agent, reason: str, moment: Moment) -> list[AgentStateChanged]:
        """The agent did not take an offer and gets no other one until somebody says so."""
        if agent.leaving:
            return self.release(agent, moment)
        return self._move(agent, AgentState.NOT_RESPONDING, moment, reason=reason)

    def give_back(self, agent: Agent, moment: Moment) -> list[AgentStateChanged]:
        """An offer came to nothing through nobody's fault: the agent has been idle all along."""
        return self.release(agent, moment, keep_idle=True)

    def finish(self, agent: Agent, work: Work, moment: Moment) -> list[AgentStateChanged]:
        """The conversation is over."""
        wrap_up, patience = work.wrap_up_seconds, work.disposition_patience
        if agent.leaving or (wrap_up <= 0 and patience is None):
            return self.release(agent, moment)
        facts = self._move(agent, AgentState.WRAP_UP, moment)
        agent.wrap_up_until = moment.now + wrap_up
        if patience is not None:
            agent.owes, agent.owes_until = work.item.id, moment.now + max(patience, wrap_up)
        self._arm(agent)
        return facts

    def check_disposition(self, agent: Agent) -> None:
        """Raises DispositionMissing while the agent has to give one."""
        if agent.owes is not None:
            raise DispositionMissing("Please say what became of the last call first.")

    def owing(self, work_id: WorkId) -> list[Agent]:
        return [agent for agent in self if agent.owes == work_id]

    def settle(self, agent: Agent, moment: Moment) -> list[AgentStateChanged]:
        """The agent owes no disposition any more: what is left of the wrap-up time goes on."""
        agent.owes = None
        if agent.state is not AgentState.WRAP_UP:
            return []
        if agent.wrap_up_until is not None and agent.wrap_up_until > moment.now:
            self._arm(agent)
            return []
        return self.release(agent, moment)

    def lapse(self, agent: Agent, moment: Moment) -> list[AgentStateChanged]:
        """The agent's time is over: a wrap-up ends, a disposition is waited for no longer.

        Who has not given one is away rather than available: such an agent may have left the desk.
        """
        if agent.owes is None:
            return self.release(agent, moment)
        agent.owes = None
        if agent.state is not AgentState.WRAP_UP:
            return []
        if agent.pending is None:
            agent.pending, agent.pending_reason = AgentState.AWAY, "no_disposition"
        return self.release(agent, moment)

    def release(
        self, agent: Agent, moment: Moment, *, keep_idle: bool = False
    ) -> list[AgentStateChanged]:
        """After a call or a wrap-up: what was asked for meanwhile, else available."""
        state, reason = agent.pending or AgentState.AVAILABLE, agent.pending_reason
        agent.pending, agent.pending_reason = None, ""
        if agent.leaving:
            return self._remove(agent, moment)
        return self._rest(agent, state, reason, moment, keep_idle=keep_idle)

    def occupy(self, agent: Agent, moment: Moment) -> list[AgentStateChanged]:
        agent.other_calls += 1
        if agent.state is AgentState.AVAILABLE:
            return self._move(agent, AgentState.ENGAGED, moment, reason="direct_call")
        return []

    def vacate(self, agent: Agent, moment: Moment) -> list[AgentStateChanged]:
        """Such a call is over; it does not cost the agent the place among the idle."""
        agent.other_calls = max(0, agent.other_calls - 1)
        if agent.other_calls or agent.state is not AgentState.ENGAGED or agent.work_id:
            return []
        return self.release(agent, moment, keep_idle=True)

    def set_reachable(self, agent_id: AgentId, reachable: bool, moment: Moment) -> None:
        if reachable:
            self._reachable.add(agent_id)
        else:
            self._reachable.discard(agent_id)
        if (agent := self._agents.get(agent_id)) is not None:
            agent.reachable = reachable
            self._note(agent, moment)

    # --- time

    def next_timeout(self) -> float | None:
        while self._wrap_ups and not self._is_running(self._wrap_ups[0]):
            heappop(self._wrap_ups)
        return self._wrap_ups[0][0] if self._wrap_ups else None

    def due(self, now: float) -> list[Agent]:
        """Whose time is over, the one of whom it was first in front; nobody twice."""
        agents: dict[AgentId, Agent] = {}
        while (until := self.next_timeout()) is not None and until <= now:
            agent_id = heappop(self._wrap_ups)[2]
            agents[agent_id] = self._agents[agent_id]
        return list(agents.values())

    def _arm(self, agent: Agent) -> None:
        if agent.due is not None:
            self._timers += 1
            heappush(self._wrap_ups, (agent.due, self._timers, agent.profile.id))

    def _is_running(self, timer: tuple[float, int, AgentId]) -> bool:
        agent = self._agents.get(timer[2])
        return agent is not None and agent.due == timer[0]

    # --- inside

    def _rest(
        self,
        agent: Agent,
        state: AgentState,
        reason: str,
        moment: Moment,
        *,
        keep_idle: bool = False,
    ) -> list[AgentStateChanged]:
        """Nothing of a queue's keeps the agent busy any more; a call of the own still may."""
        idle_since = agent.idle_since if keep_idle else moment.now
        facts = self._move(agent, state, moment, reason=reason, idle_since=idle_since)
        if state is AgentState.AVAILABLE and agent.other_calls:
            facts += self._move(agent, AgentState.ENGAGED, moment, reason="direct_call")
        return facts

    def _move(
        self,
        agent: Agent,
        state: AgentState,
        moment: Moment,
        *,
        reason: str = "",
        idle_since: float | None = None,
    ) -> list[AgentStateChanged]:
        previous, lasted = agent.state, moment.now - agent.entered
        agent.enter(state, reason=reason)
        agent.entered, agent.since = moment.now, moment.at
        if idle_since is not None:
            agent.idle_since = idle_since
        self._note(agent, moment)
        return [self._facts.state_changed(agent, previous, lasted, moment)]

    def _dismiss(self, agent: Agent, moment: Moment) -> list[AgentStateChanged]:
        """The agent is no longer configured; one who is at work finishes it."""
        agent.leaving = True
        if agent.state in (AgentState.ENGAGED, AgentState.OFFERED):
            return []
        return self._remove(agent, moment)

    def _remove(self, agent: Agent, moment: Moment) -> list[AgentStateChanged]:
        facts: list[AgentStateChanged] = []
        if agent.state is not AgentState.OFFLINE:
            facts = self._move(agent, AgentState.OFFLINE, moment, reason="removed")
        del self._agents[agent.profile.id]
        self._served.pop(agent.profile.id, None)
        return facts

    def _note(self, agent: Agent, moment: Moment) -> None:
        for line in self.lines_of(agent):
            line.note(agent, moment.now)

    def _staff(self, lines: tuple[Line, ...], moment: Moment) -> None:
        self._served = {
            agent.profile.id: tuple(line for line in lines if _serves(agent, line.queue))
            for agent in self
        }
        for line in lines:
            line.restaff([agent for agent in self if _serves(agent, line.queue)], moment.now)


def _serves(agent: Agent, queue: QueueSettings) -> bool:
    return agent.profile.skills.get(queue.skill, 0) >= queue.minimum_level
