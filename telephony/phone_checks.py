"""Asks every agent's browser, again and again, whether it could take a call now.

A tab that sleeps keeps its connection and says nothing; a caller must not wait for it to ring.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from routing.errors import RoutingError
from routing.events import AgentId, AgentState
from telephony.calls.context import CallContext
from telephony.directory import PhoneUser
from telephony.registrar import Binding

if TYPE_CHECKING:
    from telephony.transport.flow import Flow

log = logging.getLogger(__name__)

CHECK_SECONDS = 4.0
FRESH_SECONDS = 10.0
"""How old the last answer may be before the browser is offered nothing more."""
GONE_SECONDS = 10.0
"""How long a browser's connection may be away: one that loads its page again is back sooner."""
MICROPHONE = "X-Murima-Microphone"
"""In a browser's answer: `there`, or why not."""
_PING_SECONDS = 3.0
_SPREAD_SECONDS = 1.0
_ON_DUTY = frozenset(AgentState) - {AgentState.OFFLINE, AgentState.AWAY}


class PhoneChecks:
    """Agents whose phone is a browser that cannot take a call become away, with that reason."""

    def __init__(self, context: CallContext, refresh: Callable[[], None]) -> None:
        """`refresh` is called when a browser fell silent, or speaks again."""
        self._context = context
        self._refresh = refresh
        self._answered: dict[Flow, float] = {}
        """When each browser answered last; one that is new counts as having done so."""
        self._deaf: set[Flow] = set()
        """Browsers that have no microphone."""
        self._watched: dict[AgentId, float | None] = {}
        """Agents with a browser, and since when it is away."""

    async def run(self) -> None:
        loop = self._context.loop
        due = loop.time()
        while True:
            due = max(due + CHECK_SECONDS, loop.time())
            await asyncio.sleep(due - loop.time())
            try:
                await self.check()
            except Exception:
                log.exception("phones could not be checked")

    async def check(self) -> None:
        """Ask all of them once, then draw the conclusions."""
        phones = [p for p in self._context.directory.all_phones() if p.agent_id is not None]
        browsers = [
            binding
            for phone in phones
            for binding in self._bindings(phone)
            if binding.flow.is_browser
        ]
        now = self._context.loop.time()
        known = {binding.flow for binding in browsers}
        self._answered = {flow: self._answered.get(flow, now) for flow in known}
        self._deaf &= known
        async with asyncio.TaskGroup() as asking:
            for number, binding in enumerate(browsers):
                wait = _SPREAD_SECONDS * number / len(browsers)
                asking.create_task(self._ask(binding, wait))
        self._conclude(phones)

    async def _ask(self, binding: Binding, wait: float) -> None:
        # Not a thousand in the same millisecond.
        await asyncio.sleep(wait)
        answer = await self._context.endpoint.ping(binding.contact, binding.flow, _PING_SECONDS)
        if answer is None:
            return
        self._answered[binding.flow] = self._context.loop.time()
        microphone = answer.headers.get(MICROPHONE)
        if microphone is None or microphone.strip() == "there":
            self._deaf.discard(binding.flow)
        else:
            self._deaf.add(binding.flow)

    def _conclude(self, phones: Sequence[PhoneUser]) -> None:
        now = self._context.loop.time()
        silent = {f for f, at in self._answered.items() if now - at >= FRESH_SECONDS}
        for phone in phones:
            flows = {binding.flow for binding in self._bindings(phone)} - silent
            if deaf := flows & self._deaf:
                if flows - deaf:
                    # There is a better place; at this one the caller would hear nobody.
                    silent |= deaf
                else:
                    self._send_away(phone, "microphone_lost")
        if silent != self._context.silent_flows:
            self._context.silent_flows.clear()
            self._context.silent_flows.update(silent)
            self._refresh()
        for phone in phones:
            self._judge(phone, now)

    def _judge(self, phone: PhoneUser, now: float) -> None:
        assert phone.agent_id is not None
        bindings = self._bindings(phone)
        if any(b.flow not in self._context.silent_flows for b in bindings):
            if any(b.flow.is_browser for b in bindings):
                self._watched[phone.agent_id] = None
            else:
                self._watched.pop(phone.agent_id, None)
            return
        if phone.agent_id not in self._watched:
            return
        since = self._watched[phone.agent_id] or now
        self._watched[phone.agent_id] = since
        if bindings or now - since >= GONE_SECONDS:
            del self._watched[phone.agent_id]
            self._send_away(phone, "phone_asleep" if bindings else "phone_offline")

    def _send_away(self, phone: PhoneUser, reason: str) -> None:
        assert phone.agent_id is not None
        dispatcher = self._context.dispatchers(phone.tenant_id)
        try:
            agent = dispatcher.agent(phone.agent_id)
            if agent.state in _ON_DUTY and agent.pending is None:
                log.info("agent's phone is not fit for calls", extra={"reason": reason})
                dispatcher.set_agent_state(phone.agent_id, AgentState.AWAY, reason)
        except RoutingError as error:
            log.warning("agent could not be sent away", extra={"error": str(error)})

    def _bindings(self, phone: PhoneUser) -> tuple[Binding, ...]:
        return tuple(self._context.registrar.bindings(phone.tenant_id, phone.user))
