"""Random days in a contact centre; after every step the promises of the matcher hold."""

from collections import Counter
from collections.abc import Callable, Iterable

from hypothesis import settings, strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from routing.acd.effects import Effect, Offer
from routing.agents import ALLOWED, AgentProfile
from routing.errors import DispositionMissing, NoAgents, QueueFull
from routing.events import (
    AgentId,
    AgentState,
    AgentStateChanged,
    OfferFailed,
    Outcome,
    QueueId,
    WorkAbandoned,
    WorkAssigned,
    WorkFlowedOut,
    WorkId,
    WorkOffered,
    WorkQueued,
)
from routing.queues import QueueSettings
from tests.support.centre import AVAILABLE, AWAY, OFFLINE, Centre, agent, queue

QUEUES = (
    queue(1, "sales", wrap_up_seconds=5, max_waiting=4),
    queue(2, "sales", minimum_level=4, priority=3, wrap_up_seconds=0),
    queue(3, "support", wrap_up_seconds=20, disposition_seconds=30),
)
AGENTS = (
    agent(1, sales=5),
    agent(2, sales=3, support=2),
    agent(3, sales=4, support=5),
    agent(4, support=1),
)

pick = st.integers(0, 1_000)


class Replica:
    """What somebody knows who began with an empty centre and only reads the facts."""

    def __init__(self) -> None:
        self.waiting: dict[QueueId, list[tuple[int, int, WorkId]]] = {}
        self.states: dict[AgentId, tuple[AgentState, str, WorkId | None]] = {}
        self.since: dict[AgentId, object] = {}
        self.counts: Counter[tuple[str, QueueId]] = Counter()
        self.offers: dict[object, WorkOffered] = {}
        self.arrivals = 0

    def read(self, effects: Iterable[Effect]) -> None:
        for fact in effects:
            match fact:
                case WorkQueued():
                    self.arrivals += 1
                    line = self.waiting.setdefault(fact.queue_id, [])
                    line.append((-fact.priority, self.arrivals, fact.work_id))
                    line.sort()
                    assert line[fact.position - 1][2] == fact.work_id
                    self.counts["offered", fact.queue_id] += 1
                case WorkOffered():
                    assert fact.work_id not in {o.work_id for o in self.offers.values()}
                    assert fact.agent_id not in {o.agent_id for o in self.offers.values()}
                    self.offers[fact.offer_id] = fact
                case OfferFailed():
                    del self.offers[fact.offer_id]
                case WorkAssigned():
                    del self.offers[fact.offer_id]
                    self._left("answered", fact.queue_id, fact.work_id)
                case WorkAbandoned():
                    self._left("abandoned", fact.queue_id, fact.work_id)
                case WorkFlowedOut():
                    self._left("flowed_out", fact.queue_id, fact.work_id)
                case AgentStateChanged():
                    self._moved(fact)
                case _:
                    pass

    def _left(self, how: str, queue_id: QueueId, work_id: WorkId) -> None:
        line = self.waiting[queue_id]
        [entry] = [e for e in line if e[2] == work_id]
        line.remove(entry)
        self.counts[how, queue_id] += 1

    def _moved(self, fact: AgentStateChanged) -> None:
        known, _, _ = self.states.get(fact.agent_id, (OFFLINE, "", None))
        assert fact.previous is known
        assert fact.state in ALLOWED[known]
        assert fact.previous_ms >= 0
        self.states[fact.agent_id] = (fact.state, fact.reason, fact.work_id)
        self.since[fact.agent_id] = fact.at


class RandomDay(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.centre = Centre(*QUEUES, agents=AGENTS)
        self.replica = Replica()
        self.replica.read(self.centre.effects)
        self.centre.effects.clear()
        self.offers: dict[WorkId, Offer] = {}
        self.known: set[WorkId] = set()
        self.configured_queues: tuple[QueueSettings, ...] = QUEUES
        self.configured_agents: tuple[AgentProfile, ...] = AGENTS
        self.calls = 0

    def do(self, step: Callable[[], object]) -> None:
        try:
            step()
        finally:
            effects = list(self.centre.effects)
            self.centre.effects.clear()
            for effect in effects:
                if isinstance(effect, Offer):
                    self.offers[effect.work_id] = effect
                elif isinstance(effect, OfferFailed | WorkAssigned):
                    del self.offers[effect.work_id]
            for effect in effects:
                if isinstance(effect, WorkOffered):
                    self.check_order(effect)
                self.replica.read([effect])
            for agent_id in self.replica.states.keys() - {
                a.id for a in self.centre.matcher.agents()
            }:
                del self.replica.states[agent_id], self.replica.since[agent_id]

    def check_order(self, offered: WorkOffered) -> None:
        """Of all whom the agent could serve, it is the most urgent, and then the first to come."""
        skills = next(a.skills for a in self.configured_agents if a.id == offered.agent_id)
        rung = {o.work_id for o in self.replica.offers.values()}
        could_be_served = [
            (urgency, -q.priority, arrival, work)
            for q in self.configured_queues
            if skills.get(q.skill, 0) >= q.minimum_level
            for urgency, arrival, work in self.replica.waiting.get(q.id, [])
            if work not in rung
        ]
        assert min(could_be_served)[3] == offered.work_id

    def some_agent(self, number: int) -> AgentProfile | None:
        present = {a.id for a in self.centre.matcher.agents()}
        there = [a for a in self.configured_agents if a.id in present]
        return there[number % len(there)] if there else None

    def some_work(self, number: int) -> WorkId | None:
        known = sorted(self.known)
        return known[number % len(known)] if known else None

    # --- what can happen

    @initialize()
    def everybody_comes_to_work(self) -> None:
        self.do(self.centre.ready)

    @rule(number=pick, priority=st.integers(0, 2), needs_agents=st.booleans(), again=st.booleans())
    @precondition(lambda self: self.configured_queues)
    def call(self, number: int, priority: int, needs_agents: bool, again: bool) -> None:
        line = self.configured_queues[number % len(self.configured_queues)]
        gone = sorted(w for w in self.known if self.is_gone(w))
        if again and gone:  # a caller may come to another queue after the first one
            name = gone[number % len(gone)].int - 0x1000
        else:
            self.calls += 1
            name = self.calls
        try:
            self.do(
                lambda: self.known.add(
                    self.centre.call(name, line, priority=priority, needs_agents=needs_agents)
                )
            )
        except QueueFull:
            assert self.centre.queue(line).waiting >= line.max_waiting
        except NoAgents:
            assert needs_agents
            assert self.centre.queue(line).agents_logged_in == 0

    def is_gone(self, work: WorkId) -> bool:
        talking = {a.work_id for a in self.centre.matcher.agents() if a.state != "wrap_up"}
        return self.centre.matcher.position(work) is None and work not in talking

    @rule(number=pick, outcome=st.sampled_from([Outcome.ACCEPTED, *Outcome]))
    @precondition(lambda self: self.offers)
    def decide(self, number: int, outcome: Outcome) -> None:
        offer = self.offers[sorted(self.offers)[number % len(self.offers)]]
        self.do(
            lambda: self.centre.did(
                self.centre.matcher.receive_outcome(offer.id, outcome, self.centre.moment)
            )
        )

    @rule(number=pick, reason=st.sampled_from([None, "timeout"]))
    def withdraw(self, number: int, reason: str | None) -> None:
        work = self.some_work(number)
        if work is not None:
            self.do(lambda: self.centre.withdraw(work, reason))

    @rule(number=pick)
    def finish(self, number: int) -> None:
        work = self.some_work(number)
        if work is not None:
            self.do(lambda: self.centre.finish(work))

    @rule(
        number=pick,
        state=st.sampled_from([AVAILABLE, AVAILABLE, AWAY, OFFLINE]),
        reason=st.sampled_from(["", "lunch"]),
        excused=st.booleans(),
    )
    def choose(self, number: int, state: AgentState, reason: str, excused: bool) -> None:
        who = self.some_agent(number)
        if who is not None:
            owes = self.centre.agent(who).disposition_due
            try:
                self.do(lambda: self.centre.choose(who, state, reason, excused=excused))
            except DispositionMissing:
                assert owes is not None
                assert (state, excused) == (AVAILABLE, False)

    @rule(number=pick, occupied=st.booleans())
    def other_call(self, number: int, occupied: bool) -> None:
        who = AGENTS[number % len(AGENTS)]
        act = self.centre.matcher.occupy if occupied else self.centre.matcher.vacate
        self.do(lambda: self.centre.did(act(who.id, self.centre.moment)))

    @rule(number=pick, reachable=st.booleans())
    def register(self, number: int, reachable: bool) -> None:
        who = AGENTS[number % len(AGENTS)]
        self.do(
            lambda: self.centre.did(
                self.centre.matcher.set_reachable(who.id, reachable, self.centre.moment)
            )
        )

    @rule(number=pick)
    def end_wrap_up(self, number: int) -> None:
        who = self.some_agent(number)
        if who is not None:
            owes = self.centre.agent(who).disposition_due
            try:
                self.do(lambda: self.centre.end_wrap_up(who))
            except DispositionMissing:
                assert owes

    @rule(number=pick)
    def say_what_became(self, number: int) -> None:
        work = self.some_work(number)
        if work is not None:
            self.do(lambda: self.centre.say_what_became(work))

    @rule(seconds=st.sampled_from([0.5, 5.0, 31.0]))
    def time_passes(self, seconds: float) -> None:
        self.do(lambda: self.centre.at(self.centre.now + seconds))

    @rule(
        queues=st.sets(st.sampled_from(range(len(QUEUES))), min_size=1),
        agents=st.sets(st.sampled_from(range(len(AGENTS)))),
        support_for_all=st.booleans(),
    )
    def configure(self, queues: set[int], agents: set[int], support_for_all: bool) -> None:
        self.configured_queues = tuple(QUEUES[n] for n in sorted(queues))
        self.configured_agents = tuple(
            agent(n + 1, support=3) if support_for_all else AGENTS[n] for n in sorted(agents)
        )
        self.do(lambda: self.centre.configure(self.configured_queues, self.configured_agents))
        # A queue that is new begins to count anew.
        for gone in {q.id for q in QUEUES} - {q.id for q in self.configured_queues}:
            for how in ("offered", "answered", "abandoned", "flowed_out"):
                self.replica.counts[how, gone] = 0

    # --- what must be true after each of them

    @invariant()
    def snapshot_is_what_the_facts_say(self) -> None:
        for seen in self.centre.matcher.queues(self.centre.moment):
            line = self.replica.waiting.get(seen.id, [])
            assert seen.work_ids == tuple(work for _, _, work in line)
            for how in ("offered", "answered", "abandoned", "flowed_out"):
                assert getattr(seen, how) == self.replica.counts[how, seen.id]
        for who in self.centre.matcher.agents():
            known = self.replica.states.get(who.id, (OFFLINE, "", None))
            assert (who.state, who.reason, who.work_id) == known
            if who.id in self.replica.since:
                assert who.since == self.replica.since[who.id]

    @invariant()
    def nobody_is_lost_or_counted_twice(self) -> None:
        for q in self.centre.matcher.queues(self.centre.moment):
            assert q.offered == q.answered + q.abandoned + q.flowed_out + q.waiting
            assert q.answered_in_time <= q.answered
            assert q.abandoned_short <= q.abandoned
            assert q.service_level is None or 0 <= q.service_level <= 100
            assert q.waiting == len(q.work_ids) == len(set(q.work_ids))
            assert [self.centre.matcher.position(w) for w in q.work_ids] == [
                n + 1 for n in range(q.waiting)
            ]

    @invariant()
    def offers_and_agents_agree(self) -> None:
        offered = {o.agent_id: o.work_id for o in self.offers.values()}
        assert len(offered) == len(self.offers)
        agents = self.centre.matcher.agents()
        rung = {a.id: a.work_id for a in agents if a.state is AgentState.OFFERED}
        assert rung == offered
        talking = [a.work_id for a in agents if a.state is AgentState.ENGAGED and a.work_id]
        assert len(talking) == len(set(talking))
        assert not set(talking) & set(offered.values())

    @invariant()
    def nobody_idles_while_somebody_could_be_served(self) -> None:
        for q in self.configured_queues:
            seen = self.centre.queue(q)
            unrung = [w for w in seen.work_ids if w not in self.offers]
            assert not unrung or not self.idle_for(q), "an idle agent, and somebody waits"
            assert seen.agents_available == len(self.idle_for(q))

    @invariant()
    def nobody_works_who_owes_a_disposition(self) -> None:
        for who in self.centre.matcher.agents():
            if who.disposition_due is not None:
                assert who.state in (AgentState.WRAP_UP, AWAY, OFFLINE)
                assert who.state is not AgentState.WRAP_UP or who.wrap_up_until is not None

    def idle_for(self, q: QueueSettings) -> list[AgentId]:
        skills = {a.id: a.skills for a in self.configured_agents}
        return [
            a.id
            for a in self.centre.matcher.agents()
            if a.state is AVAILABLE
            and a.reachable
            and skills[a.id].get(q.skill, 0) >= q.minimum_level
        ]


RandomDay.TestCase.settings = settings(
    max_examples=150, stateful_step_count=50, deadline=None, derandomize=True
)
TestRandomDay = RandomDay.TestCase
