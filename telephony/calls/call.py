"""A call: everything from a caller's arrival to the last hang-up, and the one task that runs it."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from config.tenancy import TenantId
from media.errors import MediaError
from telephony.calls.audibility import ASIDE
from telephony.calls.context import CallContext
from telephony.calls.conversation import Conversation, Left, PassedOn
from telephony.calls.party import Party
from telephony.events import (
    CallAnswered,
    CallEnded,
    CallId,
    CallStarted,
    Direction,
    LegId,
    LegRole,
)
from telephony.sound_quality import SoundQuality
from telephony.tasks import TaskScope

log = logging.getLogger(__name__)

_CHOICES_KEPT = 20
"""A caller who goes round in a menu must not make the call's record grow."""


@dataclass(frozen=True, slots=True)
class LegSnapshot:
    id: UUID
    role: LegRole
    party: str
    agent_id: UUID | None
    is_answered: bool
    is_held: bool
    """The party put the others on hold."""
    is_muted: bool = False
    mode: str = "talk"
    """How it takes part in the talk: `talk`, `aside` in a consultation, or as a supervisor
    `listen`, `whisper` or `barge`."""
    quality: SoundQuality | None = None
    """How it sounded at the last look; None while too little is heard of it."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What the caller chose, or failed to, in a menu of a flow."""

    menu: str
    key: str
    """What was pressed, or `timeout` or `invalid`."""
    led_to: str


@dataclass(frozen=True, slots=True)
class HelpRequest:
    leg_id: LegId
    agent_id: UUID | None
    reason: str
    text: str
    since: datetime
    taken_by: str | None = None
    """Who said to come, by name."""


@dataclass(frozen=True, slots=True)
class CallSnapshot:
    """A live call as seen from outside."""

    id: CallId
    tenant_id: TenantId
    direction: Direction
    caller: str
    called: str
    started_at: datetime
    answered_at: datetime | None
    state: str
    """`ringing`, `flow`, `queued`, `talking` or `ending`."""
    node: str
    """The flow's node it is in; empty outside of flows."""
    queue: str
    agent_id: UUID | None
    legs: tuple[LegSnapshot, ...]
    queued_at: datetime | None = None
    """Since when the caller waits, or waited last, for an agent."""
    choices: tuple[Choice, ...] = ()
    """The way through the menus, oldest first."""
    help: HelpRequest | None = None
    """What an agent asks for in it."""


Body = Callable[["Call"], Awaitable[str]]
"""What happens in a call; returns the cause of its end."""


class Call:
    """Ends once, whoever ends it: its body by returning, or anybody by `end()`."""

    def __init__(
        self,
        context: CallContext,
        tenant_id: TenantId,
        direction: Direction,
        *,
        caller: str,
        called: str,
        trunk_id: UUID | None,
    ) -> None:
        self.id = CallId(context.new_id())
        self.context = context
        self.tenant_id = tenant_id
        self.direction = direction
        self.caller, self.called, self.trunk_id = caller, called, trunk_id
        self.started_at = context.utcnow()
        self.answered_at: datetime | None = None
        self.state = "ringing"
        self.node = self.queue = ""
        self.queued_at: datetime | None = None
        self.choices: deque[Choice] = deque(maxlen=_CHOICES_KEPT)
        self.music: UUID | None = None
        """The sound of the queue that it waits in, or came from; our own music when None."""
        self.agent_id: UUID | None = None
        self.parties: list[Party] = []
        self.sip_status: int | None = None
        """What an unanswered caller was told."""
        self.conversation: Conversation | None = None
        """While two talk: what can be done to it."""
        self.onward: PassedOn | None = None
        """Where the one who stays on the line goes next."""
        self.consulting: asyncio.Task[None] | None = None
        """Rings somebody who is asked for advice."""
        self.help: HelpRequest | None = None
        self.is_recorded = False
        """Whether a talk of it was recorded; then the next one is too."""
        self.side_tasks = TaskScope()
        """What is done beside the body, such as ringing somebody who is asked for advice."""
        self._cause: str | None = None
        self._body: asyncio.Task[None] | None = None

    def announce(self) -> None:
        """Tell the world that it has begun."""
        self.context.publish(
            CallStarted(
                tenant_id=self.tenant_id,
                at=self.started_at,
                call_id=self.id,
                direction=self.direction,
                caller=self.caller,
                called=self.called,
                trunk_id=self.trunk_id,
            )
        )

    def note_answered(self) -> None:
        if self.answered_at is None:
            self.answered_at = self.context.utcnow()
            self.context.publish(
                CallAnswered(tenant_id=self.tenant_id, at=self.answered_at, call_id=self.id)
            )

    def add_party(
        self,
        role: LegRole,
        name: str,
        *,
        agent_id: UUID | None = None,
        in_browser: bool = False,
        is_phone: bool = False,
    ) -> Party:
        """A party whose media can meet those who are there already. Raises MediaError.

        `is_phone` says that it is one of the tenant's own phones, and not somebody outside.
        """
        near = self.parties[0].media if self.parties else None
        party = Party(
            self,
            role,
            name,
            agent_id=agent_id,
            near=near,
            in_browser=in_browser,
            wide=in_browser and self._may_be_wide(),
        )
        party.is_phone = is_phone
        self.parties.append(party)
        return party

    def _may_be_wide(self) -> bool:
        """Whether one more browser may meet another one: Opus is of use between them only.

        With a phone on the line, G.711 goes through untouched. Before anybody is there, the number
        tells; whom a flow leads to, nobody knows before.
        """
        if self.parties:
            return any(party.session.may_be_wide for party in self.parties)
        directory = self.context.directory
        if directory.flow_of_number(self.tenant_id, self.called) is not None:
            return True
        bindings = self.context.registrar.bindings(self.tenant_id, self.called)
        return any(binding.flow.is_browser for binding in bindings)

    async def drop_party(self, party: Party, cause: str, *, reason: str | None = None) -> None:
        """Let one who is not the caller go; `reason` is the value of a Reason header."""
        await party.close(cause, reason=reason)
        if party in self.parties[1:]:
            self.parties.remove(party)

    def caller_gone(self, cause: str) -> None:
        """The caller hung up: the call is over, unless two others go on talking."""
        conversation = self.conversation
        if conversation is None or not conversation.outlives(self.parties[0]):
            self.end(cause)

    def succeed(self, stays: Party) -> None:
        """From now on it is the call of whoever stays on the line."""
        self.parties.remove(stays)
        self.parties.insert(0, stays)
        stays.hooks.ended = self.caller_gone

    async def pass_on(self, ending: PassedOn) -> None:
        """Whoever stays goes on by it, be it the caller or not; whoever passed them on leaves."""
        self.onward = ending
        if ending.stays is not self.parties[0]:
            self.succeed(ending.stays)
        await self.drop_party(ending.by, "transferred")

    def adopt(self, party: Party) -> None:
        """Take over somebody who is on the line in another call."""
        party.call, party.hooks.ended = self, None
        self.parties.append(party)

    def release(self, party: Party) -> None:
        """Leave somebody to another call; what is left of this one ends."""
        conversation = self.conversation
        assert conversation is not None
        stays = conversation.other_than(party)
        conversation.leave(party)
        self.parties.remove(party)
        conversation.end(Left(stays))

    def let_go(self, party: Party, cause: str = "not_needed") -> None:
        """Drop somebody without waiting for it."""
        self.side_tasks.start(self.drop_party(party, cause), name=f"drop {party.id}")

    def converse(self, conversation: Conversation) -> Callable[[], None]:
        """Two talk from now on; call what is returned when they do no more."""
        self.conversation = conversation

        def over() -> None:
            self.conversation = None
            if self.consulting is not None:
                self.consulting.cancel()

        return over

    def take_onward(self) -> PassedOn | None:
        onward, self.onward = self.onward, None
        return onward

    def end(self, cause: str) -> None:
        """Let it end, from anywhere; the first cause given counts."""
        if self._cause is None:
            self._cause = cause
            self.state = "ending"
            if self._body is not None:
                self._body.cancel()

    async def run(self, body: Body) -> None:
        """Be the call's task: run `body`, then leave nothing behind, however often cancelled."""
        loop = asyncio.get_running_loop()
        if self._cause is None:
            self._body = running = loop.create_task(self._run_body(body))
            while not running.done():
                try:
                    await asyncio.wait({running})
                except asyncio.CancelledError:
                    # The server stops. Like everybody it may end the call only once: a second
                    # cancellation would keep the body from finishing a recording.
                    self.end("shutdown")
        self.state = "ending"
        closing = loop.create_task(self._close(self._cause or "failed"))
        while not closing.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait({closing})
        closing.result()

    async def _run_body(self, body: Body) -> None:
        try:
            self._conclude(await body(self))
        except MediaError as error:
            log.error("call ended", extra={"call_id": str(self.id), "error": str(error)})
            self._conclude("failed")
        except Exception:
            log.exception("call failed", extra={"call_id": str(self.id)})
            self._conclude("failed")

    def _conclude(self, cause: str) -> None:
        if self._cause is None:
            self._cause = cause

    async def _close(self, cause: str) -> None:
        await self.side_tasks.close()
        for party in reversed(self.parties):
            is_caller = party is self.parties[0]
            await party.close(cause, status=self.sip_status if is_caller else None)
        self.context.publish(
            CallEnded(
                tenant_id=self.tenant_id,
                at=self.context.utcnow(),
                call_id=self.id,
                cause=cause,
                sip_status=self.sip_status,
            )
        )

    def snapshot(self) -> CallSnapshot:
        return CallSnapshot(
            id=self.id,
            tenant_id=self.tenant_id,
            direction=self.direction,
            caller=self.caller,
            called=self.called,
            started_at=self.started_at,
            answered_at=self.answered_at,
            state=self.state,
            node=self.node,
            queue=self.queue,
            agent_id=self.agent_id,
            legs=tuple(self._leg_snapshot(party) for party in self.parties),
            queued_at=self.queued_at,
            choices=tuple(self.choices),
            help=self.help,
        )

    def _leg_snapshot(self, party: Party) -> LegSnapshot:
        talk = self.conversation
        member = talk.member(party) if talk is not None and party in talk else None
        mode = "talk" if member is None else member.mode.value
        return LegSnapshot(
            id=party.id,
            role=party.role,
            party=party.name,
            agent_id=party.agent_id,
            is_answered=party.answered.done() and not party.answered.cancelled(),
            is_held=party.is_held if member is None else member.is_away,
            is_muted=member is not None and member.muted,
            mode="aside" if member is not None and member.room == ASIDE else mode,
            quality=party.meter.quality,
        )
