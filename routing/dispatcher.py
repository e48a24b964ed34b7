"""Carries out what the matcher decides: rings agents, keeps its time, publishes its facts."""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from config.tenancy import TenantId
from routing.acd.effects import Effect, Moment, Offer, StopRinging, WorkItem, WorkRemoved
from routing.acd.matcher import Matcher
from routing.acd.tallies import Tally
from routing.agents import AgentProfile, AgentSnapshot
from routing.errors import NoAgents, QueueFull
from routing.events import (
    AgentId,
    AgentState,
    OfferId,
    Outcome,
    QueueId,
    RoutingEvent,
    WorkAbandoned,
    WorkAssigned,
    WorkId,
)
from routing.queues import QueueSettings, QueueSnapshot

log = logging.getLogger(__name__)

__all__ = ["Dispatcher", "Offer", "OfferPort", "Outcome", "WorkItem"]

Removed = Callable[[str], None]
"""Told why work left its queue although nobody withdrew it: `closed`, `no_agents`, `shutdown`."""


class OfferPort(Protocol):
    """Rings an agent; implemented by telephony and channels."""

    async def offer(self, offer: Offer) -> Outcome:
        """Ring until the agent decides. Cancelling stops the ringing.

        ACCEPTED means that agent and caller are joined already; WITHDRAWN, that the caller is
        gone. An answer that comes after the offer was withdrawn is the port's own to hang up.
        """


class Dispatcher:
    """The queues and agents of one tenant.

    Its methods are called on the event loop's thread and take effect at once; ringing begins when
    `run()` runs.
    """

    def __init__(
        self,
        tenant_id: TenantId,
        port: OfferPort,
        publish: Callable[[RoutingEvent], None],
        *,
        clock: Callable[[], float],
        utcnow: Callable[[], datetime],
        new_id: Callable[[], UUID],
    ) -> None:
        self._matcher = Matcher(tenant_id, new_id)
        self._port = port
        self._publish = publish
        self._clock = clock
        self._utcnow = utcnow
        self._to_ring: list[Offer] = []
        self._ringing: dict[OfferId, asyncio.Task[None]] = {}
        self._queues: dict[str, QueueSettings] = {}
        self._removed: dict[WorkId, Removed] = {}
        self._effects: deque[Effect] = deque()
        self._carrying_out = False
        self._changed = asyncio.Event()

    async def run(self) -> None:
        """Ring and keep time until cancelled, which withdraws every open offer.

        Nobody is offered anything afterwards; the other methods stay harmless.
        """
        async with asyncio.TaskGroup() as offers:
            try:
                while True:
                    self._start_ringing(offers)
                    await self._until_due()
                    self._do(self._matcher.handle_timeout(self._moment()))
            finally:
                self._do(self._matcher.close(self._moment()))

    def configure(self, queues: Iterable[QueueSettings], agents: Iterable[AgentProfile]) -> None:
        self._queues = {queue.name: queue for queue in queues}
        self._do(self._matcher.configure(self._queues.values(), agents, self._moment()))

    def resume_day(self, queue_id: QueueId, tally: Tally) -> None:
        """Take up what was counted today before a restart."""
        self._matcher.resume_day(queue_id, tally, self._moment())

    def enqueue(self, item: WorkItem, *, removed: Removed | None = None) -> None:
        """Let work wait. `removed` is told if the queue gives it up by itself.

        Raises UnknownQueue, QueueFull or, for work that needs agents, NoAgents.
        """
        moment = self._moment()
        try:
            effects = self._matcher.enqueue(item, moment)
        except (QueueFull, NoAgents) as refusal:
            reason = "full" if isinstance(refusal, QueueFull) else "no_agents"
            self._do(self._matcher.turn_away(item, reason, moment))
            raise
        if removed is not None:
            self._removed[item.id] = removed
        self._do(effects)

    def withdraw(self, work_id: WorkId, *, abandoned: bool, reason: str = "") -> None:
        """The work waits no longer; finishes what an agent took meanwhile. Never fails."""
        self._removed.pop(work_id, None)
        effects = self._matcher.withdraw(
            work_id, self._moment(), abandoned=abandoned, reason=reason
        )
        self._do(effects)

    def finish(self, work_id: WorkId) -> None:
        """The conversation is over; nothing happens for work that is not known any more."""
        self._removed.pop(work_id, None)
        self._do(self._matcher.finish(work_id, self._moment()))

    def set_agent_state(
        self, agent_id: AgentId, state: AgentState, reason: str = "", *, excused: bool = False
    ) -> AgentState:
        """Ask for a state; returns the one the agent is in now, during a call the old one.

        `excused` lets the agent be available without a disposition that is due. Raises
        UnknownAgent, InvalidAgentState or DispositionMissing.
        """
        moment = self._moment()
        self._do(self._matcher.set_agent_state(agent_id, state, reason, moment, excused=excused))
        return self.agent(agent_id).state

    def end_wrap_up(self, agent_id: AgentId, *, excused: bool = False) -> None:
        """Raises UnknownAgent or, unless `excused`, DispositionMissing."""
        self._do(self._matcher.end_wrap_up(agent_id, self._moment(), excused=excused))

    def take_disposition(self, work_id: WorkId) -> None:
        """Somebody said what became of it; nothing happens for work that is not known."""
        self._do(self._matcher.take_disposition(work_id, self._moment()))

    def set_reachable(self, agent_id: AgentId, reachable: bool) -> None:
        self._do(self._matcher.set_reachable(agent_id, reachable, self._moment()))

    def occupy(self, agent_id: AgentId) -> None:
        self._do(self._matcher.occupy(agent_id, self._moment()))

    def vacate(self, agent_id: AgentId) -> None:
        self._do(self._matcher.vacate(agent_id, self._moment()))

    def position(self, work_id: WorkId) -> int | None:
        return self._matcher.position(work_id)

    def find_queue(self, name: str) -> QueueSettings | None:
        return self._queues.get(name)

    def agent(self, agent_id: AgentId) -> AgentSnapshot:
        """Raises UnknownAgent."""
        return self._matcher.agent(agent_id)

    def agents(self) -> tuple[AgentSnapshot, ...]:
        return self._matcher.agents()

    def queues(self) -> tuple[QueueSnapshot, ...]:
        return self._matcher.queues(self._moment())

    def _start_ringing(self, offers: asyncio.TaskGroup) -> None:
        self._changed.clear()
        for offer in self._to_ring:
            task = offers.create_task(self._ring(offer), name=f"offer {offer.id}")
            self._ringing[offer.id] = task
        self._to_ring.clear()

    async def _until_due(self) -> None:
        """Wait until something has to be done: a new offer, or the next timeout."""
        due = self._matcher.next_timeout()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(None if due is None else max(0.0, due - self._clock())):
                await self._changed.wait()

    async def _ring(self, offer: Offer) -> None:
        # What a port comes to that ends without a word; when the offer is void, nothing counts.
        outcome = Outcome.FAILED
        try:
            outcome = await self._outcome(offer)
        finally:
            self._ringing.pop(offer.id, None)
            self._do(self._matcher.receive_outcome(offer.id, outcome, self._moment()))

    async def _outcome(self, offer: Offer) -> Outcome:
        try:
            async with asyncio.timeout(offer.ring_seconds) as ring:
                return await self._port.offer(offer)
        except Exception:
            if ring.expired():
                return Outcome.NO_ANSWER
            # One broken leg must not end the offers of everybody else.
            log.exception("offer failed", extra={"work_id": str(offer.work_id)})
            return Outcome.FAILED

    def _do(self, effects: Sequence[Effect]) -> None:
        """Carry out in order, also when a listener's reaction brings further effects."""
        self._effects.extend(effects)
        if self._carrying_out:
            return
        self._carrying_out = True
        while self._effects:
            try:
                self._carry_out(self._effects.popleft())
            except Exception:
                # A listener that fails must not cost others the calls they wait for.
                log.exception("listener of the dispatcher failed")
        self._carrying_out = False
        self._changed.set()

    def _carry_out(self, effect: Effect) -> None:
        if isinstance(effect, Offer):
            self._to_ring.append(effect)
        elif isinstance(effect, StopRinging):
            self._stop_ringing(effect.offer_id)
        elif isinstance(effect, WorkRemoved):
            if (removed := self._removed.pop(effect.work_id, None)) is not None:
                removed(effect.reason)
        else:
            if isinstance(effect, WorkAssigned | WorkAbandoned):
                self._removed.pop(effect.work_id, None)
            self._publish(effect)

    def _stop_ringing(self, offer_id: OfferId) -> None:
        self._to_ring = [offer for offer in self._to_ring if offer.id != offer_id]
        task = self._ringing.pop(offer_id, None)
        # A port that itself withdraws the work must not be cancelled by its own doing.
        if task is not None and task is not asyncio.current_task():
            task.cancel()

    def _moment(self) -> Moment:
        return Moment(self._clock(), self._utcnow())
