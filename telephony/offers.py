"""Brings callers who wait in a queue together with the agents they are offered to."""

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from math import inf

from media.errors import MediaError
from media.tones import zip_tone
from routing.dispatcher import Offer, WorkItem
from routing.errors import NoAgents, QueueFull, RoutingError, UnknownQueue
from routing.events import AgentId, AgentState, Outcome, WorkId
from routing.ivr.orders import JoinQueue, NotServed, Served
from routing.queues import QueueSettings
from telephony.calls.call import Call
from telephony.calls.conversation import PassedOn, is_lost
from telephony.calls.dialling import (
    AUTO_ANSWER,
    BUSY,
    DialFailed,
    caller_address,
    phone_targets,
    ring,
)
from telephony.calls.party import Party
from telephony.calls.sound import music, spoken
from telephony.calls.talk import talk
from telephony.events import LegRole

log = logging.getLogger(__name__)

_TONE_SECONDS = 1.0
"""A phone that cannot be heard must not keep the caller from the agent."""


@dataclass(eq=False, slots=True)
class _Waiting:
    """One caller in one queue."""

    call: Call
    queue: str
    agent: asyncio.Future[Party]
    """The agent who answered; cancelled when the caller waits no longer."""
    best_position: float = inf
    """The best place in the queue that the caller was told."""


class _LeftQueue(Exception):
    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class AgentOffers:
    """Implements `OfferPort` for the dispatcher and `QueueDesk` for flows."""

    def __init__(self) -> None:
        self._waiting: dict[WorkId, _Waiting] = {}

    async def serve(self, call: Call, caller: Party, order: JoinQueue) -> Served | NotServed:
        """Wait with music until an agent answers, then let both talk."""
        dispatcher = call.context.dispatchers(call.tenant_id)
        queue = dispatcher.find_queue(order.queue)
        if queue is None:
            log.error("flow names an unknown queue", extra={"queue": order.queue})
            return NotServed("closed")
        work_id = WorkId(call.id)
        waiting = _Waiting(call, queue.name, asyncio.get_running_loop().create_future())
        self._waiting[work_id] = waiting
        call.state, call.queue, call.queued_at = "queued", queue.name, call.context.utcnow()
        before, call.music = call.music, queue.music
        item = WorkItem(work_id, queue.id, order.priority, call.caller, order.needs_agents)
        abandoned, reason = True, ""
        try:
            dispatcher.enqueue(item, removed=lambda why: _give_up(waiting, why))
            agent = await self._wait(call, caller, waiting, order, queue)
            abandoned = False
            call.agent_id = agent.agent_id
            if await _talk(call, caller, agent):
                _put_back(call, caller, agent, queue)
            return Served()
        except (QueueFull, NoAgents, UnknownQueue) as refusal:
            abandoned, reason = False, refusal.code
            return NotServed({"queue_full": "full"}.get(reason, reason))
        except _LeftQueue as left:
            abandoned, reason = False, left.reason
            return NotServed(reason)
        finally:
            self._waiting.pop(work_id, None)
            waiting.agent.cancel()
            if abandoned or reason:
                call.music = before
                dispatcher.withdraw(work_id, abandoned=abandoned, reason=reason)
            else:
                dispatcher.finish(work_id)
            call.queue = ""

    async def offer(self, offer: Offer) -> Outcome:
        """Ring the agent's phone wherever it is registered."""
        waiting = self._waiting.get(offer.work_id)
        if waiting is None:
            return Outcome.WITHDRAWN
        call = waiting.call
        phone = call.context.directory.phone_of_agent(offer.tenant_id, AgentId(offer.agent_id))
        targets = phone_targets(call, phone) if phone is not None else ()
        try:
            if not targets:
                return Outcome.FAILED
            from_ = caller_address(call, f"{waiting.queue}: {call.caller or 'withheld number'}")
            headers = AUTO_ANSWER if offer.auto_answer else ()
            agent = await ring(call, targets, LegRole.AGENT, from_=from_, headers=headers)
        except DialFailed as failure:
            return Outcome.REFUSED if failure.status in BUSY else Outcome.FAILED
        if waiting.agent.done():
            # The caller hung up in the moment in which the agent answered.
            await call.drop_party(agent, "caller_hung_up")
            return Outcome.WITHDRAWN
        if offer.auto_answer:
            try:
                await _warn(agent)
            except asyncio.CancelledError:
                # The time for answering is over in the middle of the tone.
                call.let_go(agent, "not_answered")
                raise
        if waiting.agent.done():
            await call.drop_party(agent, "caller_hung_up")
            return Outcome.WITHDRAWN
        waiting.agent.set_result(agent)
        return Outcome.ACCEPTED

    async def _wait(
        self,
        call: Call,
        caller: Party,
        waiting: _Waiting,
        order: JoinQueue,
        queue: QueueSettings,
    ) -> Party:
        limits = (order.max_wait_seconds, queue.max_wait_seconds)
        longest = min((limit for limit in limits if limit is not None), default=None)
        waiting_music = await music(call)
        try:
            async with asyncio.timeout(longest):
                while True:
                    caller.media.play(waiting_music, loop=True)
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(queue.announce_every_seconds or None):
                            return await asyncio.shield(waiting.agent)
                    await self._announce(call, caller, waiting)
        except TimeoutError:
            if waiting.agent.done():
                # The agent answered in the very moment, and must not be left in silence.
                return waiting.agent.result()
            raise _LeftQueue("timeout") from None
        finally:
            caller.media.stop_playing()

    async def _announce(self, call: Call, caller: Party, waiting: _Waiting) -> None:
        """Say the place in the queue, unless an agent comes: that cuts it short."""
        dispatcher = call.context.dispatchers(call.tenant_id)
        position = dispatcher.position(WorkId(call.id))
        if position is None:
            return
        if position > waiting.best_position:
            # More urgent callers came in front. To hear a higher number only makes people angry.
            text = "Thank you for waiting. We will be with you as soon as we can."
        elif position == 1:
            text = "You are next."
        else:
            text = f"You are number {position} in the queue."
        waiting.best_position = min(position, waiting.best_position)
        audio = await spoken(call, text)
        if audio is None:
            return
        playback = caller.media.play(audio)
        if waiting.agent.done():
            return
        waiting.agent.add_done_callback(lambda _: caller.media.stop_playing())
        await playback.finished()


async def _warn(agent: Party) -> None:
    """A short tone before somebody is heard who was not asked in; the caller has music still."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_TONE_SECONDS):
            await agent.media.play(zip_tone()).finished()


def _put_back(call: Call, caller: Party, agent: Party, queue: QueueSettings) -> None:
    """The agent was lost and did not come back: the caller is next, and no call goes there."""
    assert agent.agent_id is not None
    dispatcher = call.context.dispatchers(call.tenant_id)
    with contextlib.suppress(RoutingError):
        dispatcher.set_agent_state(AgentId(agent.agent_id), AgentState.AWAY, "media_lost")
    call.onward = PassedOn(agent, caller, "", queue.name, first=True)


async def _talk(call: Call, caller: Party, agent: Party) -> bool:
    """Let both talk; whether the agent was lost and the caller is still there."""
    try:
        ending = await talk(call, caller, agent, recorded=True)
    except MediaError as error:
        # The caller must not pay for it: the flow says what comes instead of an agent.
        log.error("agent cannot be joined", extra={"error": str(error)})
        await call.drop_party(agent, "failed")
        raise _LeftQueue("failed") from error
    if isinstance(ending, PassedOn):
        await call.pass_on(ending)
        return False
    await call.drop_party(agent, "caller_hung_up")
    return ending.party is not caller and is_lost(ending.party)


def _give_up(waiting: _Waiting, reason: str) -> None:
    if not waiting.agent.done():
        waiting.agent.set_exception(_LeftQueue(reason))
        waiting.agent.exception()
