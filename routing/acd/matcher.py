"""Decides which agent is rung for which caller, from state alone.

Sans-IO and deterministic. All work of one queue asks for the same, so while anybody waits there no
agent for it is idle: new work only looks at the idle agents of its queue, and an agent who becomes
idle only at the head of each line.
"""

from collections.abc import Callable, Iterable, Iterator
from uuid import UUID

from config.tenancy import TenantId
from routing.acd.effects import Effect, Moment, Offer, StopRinging, WorkItem, WorkRemoved
from routing.acd.lines import Line, Place, Work
from routing.agents import REQUESTABLE, Agent, AgentProfile, AgentSnapshot
from routing.errors import InvalidAgentState, QueueFull, UnknownAgent, UnknownQueue
from routing.events import (
    AgentId,
    AgentState,
    AgentStateChanged,
    OfferFailed,
    OfferId,
    Outcome,
    QueueId,
    WorkAbandoned,
    WorkAssigned,
    WorkFlowedOut,
    WorkId,
    WorkOffered,
    WorkQueued,
)
from routing.queues import QueueSettings, QueueSnapshot

_FAULTS = {
    Outcome.NO_ANSWER: "no_answer",
    Outcome.REFUSED: "declined",
    Outcome.FAILED: "device",
}
"""Outcomes that take the agent out of the rotation, and the reason shown for it."""


class Matcher:
    """All queues, agents and work of one tenant. Every input returns its effects, in order."""

    def __init__(self, tenant_id: TenantId, new_id: Callable[[], UUID]) -> None:
        self._tenant_id = tenant_id
        self._new_id = new_id
        self._lines: dict[QueueId, Line] = {}
        self._agents: dict[AgentId, Agent] = {}
        self._work: dict[WorkId, Work] = {}
        self._offers: dict[OfferId, Offer] = {}
        self._arrivals = 0

    # --- configuration

    def configure(
        self,
        queues: Iterable[QueueSettings],
        agents: Iterable[AgentProfile],
        moment: Moment,
    ) -> list[Effect]:
        """Replace queues and agents; calls and agents at work are not disturbed."""
        effects: list[Effect] = []
        wanted_queues = {queue.id: queue for queue in queues}
        for queue_id in [q for q in self._lines if q not in wanted_queues]:
            effects += self._close_line(queue_id, moment)
        for queue_id, queue in wanted_queues.items():
            if queue_id in self._lines:
                self._lines[queue_id].queue = queue
            else:
                self._lines[queue_id] = Line(queue)
        wanted_agents = {profile.id: profile for profile in agents}
        for agent_id, agent in list(self._agents.items()):
            if agent_id not in wanted_agents:
                effects += self._dismiss(agent, moment)
        for agent_id, profile in wanted_agents.items():
            known = self._agents.get(agent_id)
            if known is None:
                self._agents[agent_id] = Agent(profile, moment.at, moment.now)
            else:
                known.profile, known.leaving = profile, False
        for agent in self._agents.values():
            self._note_idleness(agent)
        return effects + self._serve_waiting(moment)

    # --- work

    def enqueue(self, item: WorkItem, moment: Moment) -> list[Effect]:
        """Raises UnknownQueue or QueueFull."""
        line = self._lines.get(item.queue_id)
        if line is None:
            raise UnknownQueue(str(item.queue_id))
        if len(line) >= line.queue.max_waiting:
            raise QueueFull(line.queue.name)
        assert item.id not in self._work, "the same work twice"
        self._arrivals += 1
        work = Work(item, (-item.priority, moment.now, self._arrivals), moment.now)
        self._work[item.id] = work
        line.add(work)
        line.offered += 1
        queued = WorkQueued(
            tenant_id=self._tenant_id,
            at=moment.at,
            work_id=item.id,
            queue_id=item.queue_id,
            priority=item.priority,
            position=line.position(work),
        )
        return [queued, *self._serve_waiting(moment, line)]

    def withdraw(
        self, work_id: WorkId, moment: Moment, *, abandoned: bool, reason: str = ""
    ) -> list[Effect]:
        """The work no longer waits; nothing happens for work that is not waiting or offered."""
        work = self._work.get(work_id)
        if work is None or work.assigned:
            return []
        line = self._lines[work.item.queue_id]
        position = 1 if work.offer_id else line.position(work)
        effects: list[Effect] = []
        agent = None
        if work.offer_id is None:
            line.remove(work)
        else:
            agent = self._agents[self._offers[work.offer_id].agent_id]
            effects += self._void_offer(work, moment)
        del self._work[work_id]
        effects.append(self._left(line, work, moment, abandoned, reason, position))
        if agent is not None:
            effects += self._give_back(agent, moment)
        return effects

    def finish(self, work_id: WorkId, moment: Moment) -> list[Effect]:
        """The conversation is over: the agent wraps up, or is free at once."""
        work = self._work.get(work_id)
        if work is None or not work.assigned or work.agent_id is None:
            return []
        del self._work[work_id]
        agent = self._agents[work.agent_id]
        line = self._lines.get(work.item.queue_id)
        seconds = line.queue.wrap_up_seconds if line else 0.0
        if seconds <= 0 or agent.leaving:
            return self._release(agent, moment)
        effects = self._move(agent, AgentState.WRAP_UP, moment)
        agent.wrap_up_until = moment.now + seconds
        return effects

    def receive_outcome(self, offer_id: OfferId, outcome: Outcome, moment: Moment) -> list[Effect]:
        """How an offer ended. For an offer that was made void meanwhile nothing happens."""
        offer = self._offers.pop(offer_id, None)
        if offer is None:
            return []
        work, agent = self._work[offer.work_id], self._agents[offer.agent_id]
        work.offer_id = None
        if outcome is Outcome.ACCEPTED:
            return self._assign(offer, work, agent, moment)
        line = self._lines[offer.queue_id]
        line.add(work)
        effects: list[Effect] = [self._failed(offer, outcome, moment)]
        if outcome in _FAULTS and not agent.leaving:
            effects += self._move(agent, AgentState.NOT_RESPONDING, moment, reason=_FAULTS[outcome])
            effects += self._serve_waiting(moment, line)
            return effects
        # The caller went away by itself: the port tells so before the call says it.
        line.remove(work)
        del self._work[offer.work_id]
        effects.append(self._left(line, work, moment, True, "", 1))
        return effects + self._give_back(agent, moment)

    # --- agents

    def set_agent_state(
        self, agent_id: AgentId, state: AgentState, reason: str, moment: Moment
    ) -> list[Effect]:
        """What a person asks for; during a call it is kept until the call is over.

        Raises UnknownAgent or InvalidAgentState.
        """
        agent = self._agent(agent_id)
        if state not in REQUESTABLE:
            raise InvalidAgentState(f"{state.value} cannot be asked for")
        if agent.state is AgentState.ENGAGED:
            agent.pending = None if state is AgentState.AVAILABLE else state
            agent.pending_reason = reason
            return []
        if agent.state is AgentState.OFFERED:
            if state is AgentState.AVAILABLE:
                return []
            return self._take_offer_back(agent, state, reason, moment)
        if agent.state is state and agent.reason == reason:
            return []
        if agent.state is state and state is not AgentState.AWAY:
            return []
        effects = self._move(agent, state, moment, reason=reason)
        return effects + self._offer_to(agent, moment)

    def end_wrap_up(self, agent_id: AgentId, moment: Moment) -> list[Effect]:
        """Raises UnknownAgent; nothing happens to an agent in another state."""
        agent = self._agent(agent_id)
        if agent.state is not AgentState.WRAP_UP:
            return []
        return self._release(agent, moment)

    def set_reachable(self, agent_id: AgentId, reachable: bool, moment: Moment) -> list[Effect]:
        """Whether the agent's phone is registered; unknown agents are passed over."""
        agent = self._agents.get(agent_id)
        if agent is None or agent.reachable is reachable:
            return []
        agent.reachable = reachable
        return self._offer_to(agent, moment)

    def occupy(self, agent_id: AgentId, moment: Moment) -> list[Effect]:
        """The agent's phone is in a call that came from no queue."""
        agent = self._agents.get(agent_id)
        if agent is None:
            return []
        agent.other_calls += 1
        if agent.state is AgentState.AVAILABLE:
            return self._move(agent, AgentState.ENGAGED, moment, reason="direct_call")
        return []

    def vacate(self, agent_id: AgentId, moment: Moment) -> list[Effect]:
        """Such a call is over."""
        agent = self._agents.get(agent_id)
        if agent is None or not agent.other_calls:
            return []
        agent.other_calls -= 1
        if agent.other_calls or agent.state is not AgentState.ENGAGED or agent.work_id:
            return self._offer_to(agent, moment)
        return self._release(agent, moment)

    # --- time

    def next_timeout(self) -> float | None:
        """When `handle_timeout` is due next, in monotonic seconds."""
        ends = [a.wrap_up_until for a in self._agents.values() if a.wrap_up_until is not None]
        return min(ends, default=None)

    def handle_timeout(self, moment: Moment) -> list[Effect]:
        effects: list[Effect] = []
        for agent in list(self._agents.values()):
            if agent.wrap_up_until is not None and agent.wrap_up_until <= moment.now:
                effects += self._release(agent, moment)
        return effects

    # --- questions

    def position(self, work_id: WorkId) -> int | None:
        """Place in the line, 1 being next; None for work that does not wait."""
        work = self._work.get(work_id)
        if work is None or work.assigned:
            return None
        return 1 if work.offer_id else self._lines[work.item.queue_id].position(work)

    def may_expect_agent(self, queue_id: QueueId) -> bool:
        """Whether anybody who serves the queue is logged in."""
        line = self._lines.get(queue_id)
        return line is not None and any(
            agent.state is not AgentState.OFFLINE for agent in self._serving(line.queue)
        )

    def find_queue(self, name: str) -> QueueSettings | None:
        return next((x.queue for x in self._lines.values() if x.queue.name == name), None)

    def agent(self, agent_id: AgentId) -> AgentSnapshot:
        """Raises UnknownAgent."""
        return self._agent(agent_id).snapshot()

    def agents(self) -> tuple[AgentSnapshot, ...]:
        ordered = sorted(self._agents.values(), key=lambda a: (a.profile.extension, a.profile.id))
        return tuple(agent.snapshot() for agent in ordered)

    def queues(self, moment: Moment) -> tuple[QueueSnapshot, ...]:
        lines = sorted(self._lines.values(), key=lambda line: (line.queue.name, line.queue.id))
        return tuple(self._queue_snapshot(line, moment) for line in lines)

    # --- how a match is made

    def _serve_waiting(self, moment: Moment, *only: Line) -> list[Effect]:
        """Offer while anybody waits for whom somebody is idle."""
        effects: list[Effect] = []
        for line in only or tuple(self._lines.values()):
            while line.idle and len(line):
                agent_id = min(line.idle, key=lambda a: self._preference(a, line.queue))
                effects += self._offer_to(self._agents[agent_id], moment)
        return effects

    def _preference(self, agent_id: AgentId, queue: QueueSettings) -> tuple[float, int, str, str]:
        """Longest idle first, then the better one; the rest only makes it unambiguous."""
        agent = self._agents[agent_id]
        level = agent.profile.skills[queue.skill]
        return agent.idle_since, -level, agent.profile.extension, str(agent_id)

    def _offer_to(self, agent: Agent, moment: Moment) -> list[Effect]:
        """Offer an agent who may be idle the best work there is for him."""
        self._note_idleness(agent)
        if not agent.is_idle:
            return []
        heads: list[tuple[int, int, Place, WorkId]] = []
        for line in self._lines_of(agent):
            first = line.first()
            if first is not None:
                place, work_id = first
                heads.append((place[0], -line.queue.priority, place, work_id))
        if not heads:
            return []
        work = self._work[min(heads)[3]]
        line = self._lines[work.item.queue_id]
        line.remove(work)
        offer = Offer(
            id=OfferId(self._new_id()),
            tenant_id=self._tenant_id,
            work_id=work.item.id,
            queue_id=work.item.queue_id,
            agent_id=agent.profile.id,
            ring_seconds=line.queue.ring_seconds,
        )
        self._offers[offer.id] = offer
        work.offer_id = offer.id
        idle_since = agent.idle_since
        agent.work_id, agent.offer_id = work.item.id, offer.id
        effects = self._move(agent, AgentState.OFFERED, moment)
        agent.idle_since = idle_since
        offered = WorkOffered(
            tenant_id=self._tenant_id,
            at=moment.at,
            work_id=offer.work_id,
            queue_id=offer.queue_id,
            agent_id=offer.agent_id,
            offer_id=offer.id,
        )
        return [*effects, offered, offer]

    def _assign(self, offer: Offer, work: Work, agent: Agent, moment: Moment) -> list[Effect]:
        work.assigned, work.agent_id = True, agent.profile.id
        self._lines[offer.queue_id].answered += 1
        agent.offer_id = None
        assigned = WorkAssigned(
            tenant_id=self._tenant_id,
            at=moment.at,
            work_id=offer.work_id,
            queue_id=offer.queue_id,
            agent_id=offer.agent_id,
            offer_id=offer.id,
            waited_ms=_ms(moment.now - work.entered),
        )
        return [assigned, *self._move(agent, AgentState.ENGAGED, moment)]

    def _void_offer(self, work: Work, moment: Moment) -> list[Effect]:
        """Nobody needs the ringing any more; the agent's state is left to the caller."""
        assert work.offer_id is not None
        offer = self._offers.pop(work.offer_id)
        work.offer_id = None
        return [StopRinging(offer.id), self._failed(offer, Outcome.WITHDRAWN, moment)]

    def _take_offer_back(
        self, agent: Agent, state: AgentState, reason: str, moment: Moment
    ) -> list[Effect]:
        """The agent leaves while the phone rings: the caller returns to the same place."""
        assert agent.work_id is not None
        work = self._work[agent.work_id]
        effects = self._void_offer(work, moment)
        line = self._lines[work.item.queue_id]
        line.add(work)
        effects += self._move(agent, state, moment, reason=reason)
        return effects + self._serve_waiting(moment, line)

    def _failed(self, offer: Offer, outcome: Outcome, moment: Moment) -> OfferFailed:
        return OfferFailed(
            tenant_id=self._tenant_id,
            at=moment.at,
            work_id=offer.work_id,
            queue_id=offer.queue_id,
            agent_id=offer.agent_id,
            offer_id=offer.id,
            outcome=outcome,
        )

    def _left(
        self, line: Line, work: Work, moment: Moment, abandoned: bool, reason: str, position: int
    ) -> WorkAbandoned | WorkFlowedOut:
        waited = _ms(moment.now - work.entered)
        if abandoned:
            line.abandoned += 1
            return WorkAbandoned(
                tenant_id=self._tenant_id,
                at=moment.at,
                work_id=work.item.id,
                queue_id=work.item.queue_id,
                waited_ms=waited,
                position=position,
            )
        line.flowed_out += 1
        return WorkFlowedOut(
            tenant_id=self._tenant_id,
            at=moment.at,
            work_id=work.item.id,
            queue_id=work.item.queue_id,
            waited_ms=waited,
            reason=reason,
        )

    # --- how an agent moves

    def _move(
        self, agent: Agent, state: AgentState, moment: Moment, *, reason: str = ""
    ) -> list[Effect]:
        previous, lasted = agent.state, moment.now - agent.entered
        agent.enter(state, reason=reason)
        agent.entered, agent.since = moment.now, moment.at
        if state is AgentState.AVAILABLE:
            agent.idle_since = moment.now
        self._note_idleness(agent)
        return [
            AgentStateChanged(
                tenant_id=self._tenant_id,
                at=moment.at,
                agent_id=agent.profile.id,
                state=state,
                previous=previous,
                reason=reason,
                work_id=agent.work_id,
                previous_ms=_ms(lasted),
            )
        ]

    def _release(self, agent: Agent, moment: Moment) -> list[Effect]:
        """After a call or a wrap-up: what was asked for meanwhile, else available."""
        state, reason = agent.pending or AgentState.AVAILABLE, agent.pending_reason
        agent.pending, agent.pending_reason = None, ""
        if agent.leaving:
            state, reason = AgentState.OFFLINE, "removed"
        if state is AgentState.AVAILABLE:
            reason = ""
        effects = self._move(agent, state, moment, reason=reason)
        if agent.leaving:
            del self._agents[agent.profile.id]
            return effects
        if state is AgentState.AVAILABLE and agent.other_calls:
            effects += self._move(agent, AgentState.ENGAGED, moment, reason="direct_call")
        return effects + self._offer_to(agent, moment)

    def _give_back(self, agent: Agent, moment: Moment) -> list[Effect]:
        """An offer came to nothing through nobody's fault: the agent has been idle all along."""
        idle_since = agent.idle_since
        if agent.leaving:
            return self._release(agent, moment)
        effects = self._move(agent, AgentState.AVAILABLE, moment)
        agent.idle_since = idle_since
        return effects + self._offer_to(agent, moment)

    def _dismiss(self, agent: Agent, moment: Moment) -> list[Effect]:
        """The agent is no longer configured; one who is at work finishes it."""
        agent.leaving = True
        if agent.state in (AgentState.ENGAGED, AgentState.OFFERED):
            self._note_idleness(agent)
            return []
        effects: list[Effect] = []
        if agent.state is not AgentState.OFFLINE:
            effects = self._move(agent, AgentState.OFFLINE, moment, reason="removed")
        self._note_idleness(agent)
        del self._agents[agent.profile.id]
        return effects

    def _close_line(self, queue_id: QueueId, moment: Moment) -> list[Effect]:
        """The queue is no longer configured: whoever waits in it leaves it."""
        effects: list[Effect] = []
        waiting = [
            work_id
            for work_id, work in self._work.items()
            if work.item.queue_id == queue_id and not work.assigned
        ]
        for work_id in waiting:
            effects += self.withdraw(work_id, moment, abandoned=False, reason="closed")
            effects.append(WorkRemoved(work_id, "closed"))
        del self._lines[queue_id]
        return effects

    def _note_idleness(self, agent: Agent) -> None:
        for line in self._lines.values():
            if agent.is_idle and _serves(agent, line.queue):
                line.idle.add(agent.profile.id)
            else:
                line.idle.discard(agent.profile.id)

    # --- small questions

    def _agent(self, agent_id: AgentId) -> Agent:
        try:
            return self._agents[agent_id]
        except KeyError:
            raise UnknownAgent(str(agent_id)) from None

    def _lines_of(self, agent: Agent) -> Iterator[Line]:
        return (line for line in self._lines.values() if _serves(agent, line.queue))

    def _serving(self, queue: QueueSettings) -> Iterator[Agent]:
        return (agent for agent in self._agents.values() if _serves(agent, queue))

    def _queue_snapshot(self, line: Line, moment: Moment) -> QueueSnapshot:
        work_ids = line.work_ids()
        oldest = min((self._work[w].entered for w in work_ids), default=moment.now)
        return QueueSnapshot(
            id=line.queue.id,
            name=line.queue.name,
            skill=line.queue.skill,
            waiting=len(line),
            longest_wait_ms=_ms(moment.now - oldest),
            agents_available=len(line.idle),
            agents_logged_in=sum(
                agent.state is not AgentState.OFFLINE for agent in self._serving(line.queue)
            ),
            work_ids=work_ids,
            offered=line.offered,
            answered=line.answered,
            abandoned=line.abandoned,
            flowed_out=line.flowed_out,
        )


def _serves(agent: Agent, queue: QueueSettings) -> bool:
    return agent.profile.skills.get(queue.skill, 0) >= queue.minimum_level


def _ms(seconds: float) -> int:
    return round(seconds * 1_000)
