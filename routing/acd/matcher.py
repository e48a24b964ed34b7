"""Decides which agent is rung for which caller, from state alone.

Sans-IO and deterministic. After every input nobody waits for whom somebody is idle: so new work
only has to look at the idle agents of its queue, and an agent who becomes idle only at the head of
each line.
"""

from collections.abc import Callable, Iterable
from uuid import UUID

from config.tenancy import TenantId
from routing.acd.effects import Effect, Moment, Offer, StopRinging, WorkItem, WorkRemoved
from routing.acd.facts import Facts, queue_snapshot
from routing.acd.lines import Line, Place, Work
from routing.acd.roster import Roster
from routing.acd.tallies import Tally
from routing.agents import Agent, AgentProfile, AgentSnapshot
from routing.errors import NoAgents, QueueFull, UnknownQueue
from routing.events import AgentId, AgentState, OfferId, Outcome, QueueId, WorkId
from routing.queues import QueueSettings, QueueSnapshot

NO_AGENTS_SECONDS = 30.0
"""How long nobody may be logged in before work that needs agents is given up: a browser that
loads its page again must not empty a queue."""

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
        self._facts = Facts(tenant_id)
        self._roster = Roster(self._facts)
        self._lines: dict[QueueId, Line] = {}
        self._work: dict[WorkId, Work] = {}
        self._offers: dict[OfferId, Offer] = {}
        self._arrivals = 0
        self._closed = False

    # --- configuration

    def configure(
        self,
        queues: Iterable[QueueSettings],
        agents: Iterable[AgentProfile],
        moment: Moment,
    ) -> list[Effect]:
        """Replace queues and agents; calls and agents at work are not disturbed."""
        wanted = {queue.id: queue for queue in queues}
        for queue_id, queue in wanted.items():
            if queue_id in self._lines:
                self._lines[queue_id].queue = queue
            else:
                tally = Tally(moment.at.date())
                self._lines[queue_id] = Line(queue, deserted_since=moment.now, tally=tally)
        # Agents before the queues that close: one who is configured again must not be taken for
        # one who is leaving when an offer to him ends here.
        staffed = [line for queue_id, line in self._lines.items() if queue_id in wanted]
        effects: list[Effect] = [*self._roster.configure(agents, staffed, moment)]
        for queue_id in [q for q in self._lines if q not in wanted]:
            effects += self._empty(self._lines[queue_id], "closed", moment)
            del self._lines[queue_id]
        return effects + self._serve(staffed, moment)

    def resume_day(self, queue_id: QueueId, tally: Tally, moment: Moment) -> None:
        """Take up what was counted today before a restart; nothing of a queue that is gone."""
        line = self._lines.get(queue_id)
        if line is not None and line.today(moment.at).day == tally.day:
            tally.offered += len(line)
            line.tally = tally

    def close(self, moment: Moment) -> list[Effect]:
        """Nobody is offered anything any more: what rings stops, and who waits is given back."""
        self._closed = True
        effects: list[Effect] = []
        for line in self._lines.values():
            effects += self._empty(line, "shutdown", moment)
        return effects

    # --- work

    def enqueue(self, item: WorkItem, moment: Moment) -> list[Effect]:
        """Raises UnknownQueue, QueueFull or NoAgents; see `turn_away` for the last two."""
        line = self._line(item.queue_id)
        if len(line) >= line.queue.max_waiting:
            raise QueueFull(line.queue.name)
        if item.needs_agents and not line.agents_logged_in:
            raise NoAgents(line.queue.name)
        assert item.id not in self._work, "the same work twice"
        work = self._arrived(item, line, moment)
        self._work[item.id] = work
        line.add(work)
        queued = self._facts.queued(work, line.position(work), moment)
        return [queued, *self._serve([line], moment)]

    def turn_away(self, item: WorkItem, reason: str, moment: Moment) -> list[Effect]:
        """Who could not even enter the queue is on record as one who came, and left at once."""
        line = self._line(item.queue_id)
        work = self._arrived(item, line, moment)
        queued = self._facts.queued(work, len(line) + 1, moment)
        line.today(moment.at).flowed_out += 1
        return [queued, self._facts.flowed_out(work, reason, moment)]

    def withdraw(
        self, work_id: WorkId, moment: Moment, *, abandoned: bool, reason: str = ""
    ) -> list[Effect]:
        """The work no longer waits. Work that an agent took meanwhile is finished instead."""
        work = self._work.get(work_id)
        if work is None:
            return []
        if work.agent_id is not None:
            return self.finish(work_id, moment)
        effects, agent = self._leave(work, None if abandoned else reason, moment)
        return effects + self._serve_agent(agent, moment)

    def finish(self, work_id: WorkId, moment: Moment) -> list[Effect]:
        """The conversation is over: the agent wraps up, or is free at once.

        Where it never began, because the caller was quicker than the word that the agent answered,
        the work is abandoned.
        """
        work = self._work.get(work_id)
        if work is None:
            return []
        if work.agent_id is None:
            return self.withdraw(work_id, moment, abandoned=True)
        del self._work[work_id]
        agent = self._roster.agent(work.agent_id)
        facts = self._roster.finish(agent, work, moment)
        return [*facts, *self._serve_agent(agent, moment)]

    def take_disposition(self, work_id: WorkId, moment: Moment) -> list[Effect]:
        """Somebody said what became of it, while it lasted or afterwards."""
        if (work := self._work.get(work_id)) is not None:
            work.disposition_patience = None
        effects: list[Effect] = []
        for agent in self._roster.owing(work_id):
            effects += self._roster.settle(agent, moment)
            effects += self._serve_agent(agent, moment)
        return effects

    def receive_outcome(self, offer_id: OfferId, outcome: Outcome, moment: Moment) -> list[Effect]:
        """How an offer ended. For an offer that was made void meanwhile nothing happens."""
        offer = self._offers.get(offer_id)
        if offer is None:
            return []
        work, agent = self._work[offer.work_id], self._roster.agent(offer.agent_id)
        line = self._lines[offer.queue_id]
        if outcome is Outcome.WITHDRAWN:
            # The caller went away: the port tells so before the call says it.
            return self.withdraw(offer.work_id, moment, abandoned=True)
        del self._offers[offer_id]
        work.offer_id = None
        if outcome is Outcome.ACCEPTED:
            return self._assign(offer, work, agent, moment)
        line.stop_ringing(work)
        return [
            self._facts.failed(offer, outcome, moment),
            *self._roster.blame(agent, _FAULTS[outcome], moment),
            *self._serve([line], moment),
        ]

    # --- agents

    def set_agent_state(
        self,
        agent_id: AgentId,
        state: AgentState,
        reason: str,
        moment: Moment,
        *,
        excused: bool = False,
    ) -> list[Effect]:
        """What a person asks for; during a call it is kept until the call is over.

        Raises UnknownAgent, InvalidAgentState or, for an agent who wants to be available without
        a disposition that is due and is not `excused` from it, DispositionMissing.
        """
        agent = self._roster.agent(agent_id)
        if excused and state is AgentState.AVAILABLE:
            agent.owes = None
        if agent.offer_id is None or agent.leaving:
            facts = self._roster.choose(agent, state, reason, moment)
            return [*facts, *self._serve_agent(agent, moment)]
        if state is AgentState.AVAILABLE:
            return []
        work = self._work[self._offers[agent.offer_id].work_id]
        line = self._lines[work.item.queue_id]
        # Choosing first: a state that cannot be asked for must leave the offer alone.
        facts = self._roster.choose(agent, state, reason, moment)
        effects = self._void_offer(work, line, moment)
        return [*effects, *facts, *self._serve([line], moment)]

    def end_wrap_up(
        self, agent_id: AgentId, moment: Moment, *, excused: bool = False
    ) -> list[Effect]:
        """Nothing happens to an agent in another state.

        Raises UnknownAgent, or DispositionMissing while one is due, unless `excused` from it.
        """
        agent = self._roster.agent(agent_id)
        if agent.state is not AgentState.WRAP_UP:
            return []
        if excused:
            agent.owes = None
        self._roster.check_disposition(agent)
        return [*self._roster.release(agent, moment), *self._serve_agent(agent, moment)]

    def set_reachable(self, agent_id: AgentId, reachable: bool, moment: Moment) -> list[Effect]:
        """Whether the agent's phone is registered; kept for agents who are configured later."""
        self._roster.set_reachable(agent_id, reachable, moment)
        return self._serve_agent(self._roster.find(agent_id), moment)

    def occupy(self, agent_id: AgentId, moment: Moment) -> list[Effect]:
        """The agent's phone is in a call that came from no queue."""
        agent = self._roster.find(agent_id)
        return [] if agent is None else [*self._roster.occupy(agent, moment)]

    def vacate(self, agent_id: AgentId, moment: Moment) -> list[Effect]:
        """Such a call is over."""
        agent = self._roster.find(agent_id)
        if agent is None:
            return []
        return [*self._roster.vacate(agent, moment), *self._serve_agent(agent, moment)]

    # --- time

    def next_timeout(self) -> float | None:
        """When `handle_timeout` is due next, in monotonic seconds."""
        due = [
            line.deserted_since + NO_AGENTS_SECONDS
            for line in self._lines.values()
            if line.dependent and line.deserted_since is not None
        ]
        if (wrap_up := self._roster.next_timeout()) is not None:
            due.append(wrap_up)
        return min(due, default=None)

    def handle_timeout(self, moment: Moment) -> list[Effect]:
        effects: list[Effect] = []
        for agent in self._roster.due(moment.now):
            effects += self._roster.lapse(agent, moment)
            effects += self._serve_agent(agent, moment)
        for line in self._lines.values():
            since = line.deserted_since
            if line.dependent and since is not None and moment.now >= since + NO_AGENTS_SECONDS:
                effects += self._empty(line, "no_agents", moment)
        return effects

    # --- questions

    def position(self, work_id: WorkId) -> int | None:
        """Place in the line, 1 being next; None for work that does not wait."""
        work = self._work.get(work_id)
        if work is None or work.agent_id is not None:
            return None
        return self._lines[work.item.queue_id].position(work)

    def agent(self, agent_id: AgentId) -> AgentSnapshot:
        """Raises UnknownAgent."""
        return self._roster.agent(agent_id).snapshot()

    def agents(self) -> tuple[AgentSnapshot, ...]:
        ordered = sorted(self._roster, key=lambda a: (a.profile.extension, a.profile.id))
        return tuple(agent.snapshot() for agent in ordered)

    def queues(self, moment: Moment) -> tuple[QueueSnapshot, ...]:
        lines = sorted(self._lines.values(), key=lambda line: (line.queue.name, line.queue.id))
        return tuple(queue_snapshot(line, self._work, moment) for line in lines)

    # --- how a match is made

    def _serve_agent(self, agent: Agent | None, moment: Moment) -> list[Effect]:
        """Give an agent who may have become idle the best work there is for him."""
        if agent is None or not agent.is_idle:
            return []
        return self._serve(self._roster.lines_of(agent), moment)

    def _serve(self, lines: Iterable[Line], moment: Moment) -> list[Effect]:
        """Offer, the most urgent first, while anybody waits for whom somebody is idle."""
        effects: list[Effect] = []
        lines = tuple(lines)
        while not self._closed:
            best: tuple[tuple[int, int, Place], Line, AgentId] | None = None
            for line in lines:
                rank, agent_id = line.rank(), line.longest_idle()
                if rank is not None and agent_id is not None and (best is None or rank < best[0]):
                    best = rank, line, agent_id
            if best is None:
                break
            _, line, agent_id = best
            effects += self._offer(line, self._roster.agent(agent_id), moment)
        return effects

    def _offer(self, line: Line, agent: Agent, moment: Moment) -> list[Effect]:
        work = self._work[line.first()]
        offer = Offer(
            id=OfferId(self._new_id()),
            tenant_id=self._tenant_id,
            work_id=work.item.id,
            queue_id=line.queue.id,
            agent_id=agent.profile.id,
            ring_seconds=line.queue.ring_seconds,
            auto_answer=line.queue.auto_answer or agent.profile.auto_answer,
        )
        self._offers[offer.id] = offer
        line.ring(work)
        work.offer_id = agent.offer_id = offer.id
        agent.work_id = work.item.id
        facts = self._roster.offer(agent, moment)
        return [*facts, self._facts.offered(offer, moment), offer]

    def _assign(self, offer: Offer, work: Work, agent: Agent, moment: Moment) -> list[Effect]:
        line = self._lines[offer.queue_id]
        work.agent_id, work.wrap_up_seconds = agent.profile.id, line.queue.wrap_up_seconds
        work.disposition_patience = line.queue.disposition_patience
        assigned = self._facts.assigned(offer, work, moment)
        line.today(moment.at).answer(assigned.waited_ms)
        line.answer(work)
        return [assigned, *self._roster.engage(agent, moment)]

    # --- how work arrives and leaves

    def _line(self, queue_id: QueueId) -> Line:
        try:
            return self._lines[queue_id]
        except KeyError:
            raise UnknownQueue(str(queue_id)) from None

    def _arrived(self, item: WorkItem, line: Line, moment: Moment) -> Work:
        self._arrivals += 1
        line.today(moment.at).offered += 1
        return Work(item, (-item.priority, moment.now, self._arrivals), moment.now)

    def _void_offer(self, work: Work, line: Line, moment: Moment) -> list[Effect]:
        """Nobody needs the ringing any more; the agent's state is left to the caller."""
        assert work.offer_id is not None
        offer = self._offers.pop(work.offer_id)
        work.offer_id = None
        line.stop_ringing(work)
        return [StopRinging(offer.id), self._facts.failed(offer, Outcome.WITHDRAWN, moment)]

    def _leave(
        self, work: Work, reason: str | None, moment: Moment
    ) -> tuple[list[Effect], Agent | None]:
        """The work goes unanswered; without a reason it is abandoned.

        Returns the agent who was rung for it, if any, who is to be served next.
        """
        line = self._lines[work.item.queue_id]
        position = line.position(work)
        effects: list[Effect] = []
        agent = None
        if work.offer_id is not None:
            agent = self._roster.agent(self._offers[work.offer_id].agent_id)
            effects += self._void_offer(work, line, moment)
        tally = line.today(moment.at)
        line.remove(work)
        del self._work[work.item.id]
        if reason is None:
            abandoned = self._facts.abandoned(work, position, moment)
            tally.abandon(abandoned.waited_ms)
            effects.append(abandoned)
        else:
            tally.flowed_out += 1
            effects.append(self._facts.flowed_out(work, reason, moment))
        if agent is not None:
            effects += self._roster.give_back(agent, moment)
        return effects, agent

    def _empty(self, line: Line, reason: str, moment: Moment) -> list[Effect]:
        """Give everybody back who waits; for want of agents only those who need them."""
        effects: list[Effect] = []
        agents: list[Agent] = []
        for work in [self._work[work_id] for work_id in line.work_ids()]:
            if reason == "no_agents" and not work.item.needs_agents:
                continue
            left, agent = self._leave(work, reason, moment)
            effects += [*left, WorkRemoved(work.item.id, reason)]
            agents += [agent] if agent is not None else []
        for agent in agents:
            effects += self._serve_agent(agent, moment)
        return effects
