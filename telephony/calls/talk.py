"""Lets two parties talk, with what belongs to it: hold music, keys passed on, a recording."""

import logging
from collections.abc import Iterator
from contextlib import AsyncExitStack, contextmanager
from functools import partial
from pathlib import Path

from media.engine import MediaLeg, Recording
from media.errors import MediaError
from media.tones import ringback
from routing.events import AgentId
from telephony.calls.call import Call
from telephony.calls.conversation import Conversation, Ending, PassedOn, Sounds
from telephony.calls.handling import end_supervisions, refer, somebody_gone
from telephony.calls.keys import PhoneKeys
from telephony.calls.party import Party
from telephony.calls.returning import wait_for
from telephony.calls.sound import music
from telephony.events import (
    LegRole,
    LegsBridged,
    RecordingFailed,
    RecordingId,
    RecordingKind,
    RecordingStarted,
    RecordingStored,
)

log = logging.getLogger(__name__)


async def talk(call: Call, caller: Party, other: Party, *, recorded: bool) -> Ending:
    """Let both hear each other until one of them is gone or passed on by the other.

    Whoever joined them meanwhile is let go, but for the one they are passed on to. Raises
    MediaError when the two cannot be joined.
    """
    sounds = Sounds(await music(call), ringback())
    bridge = call.context.engine.open_bridge(caller.media)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(bridge.close)
        if other.role is LegRole.TARGET:
            stack.enter_context(occupied(call, other))
        conversation = Conversation(
            bridge,
            sounds,
            (caller, other),
            on_gone=partial(somebody_gone, call),
            on_lost=partial(wait_for, call),
        )
        conversation.takes_key = PhoneKeys(call, conversation).press
        stack.callback(conversation.close)
        stack.callback(end_supervisions, call, conversation)
        stack.callback(call.converse(conversation))
        # Nobody outside may have us call a number at our expense.
        for party in (each for each in (caller, other) if each.is_phone):
            party.hooks.refer = partial(refer, call, party)
            stack.callback(setattr, party.hooks, "refer", None)
        if recorded:
            call.is_recorded = True
            recorder = CallRecorder(call, RecordingKind.CALL)
            conversation.record(recorder.start(caller.media, other.media))
            stack.push_async_callback(recorder.stop)
        previous, call.state = call.state, "talking"
        stack.callback(lambda: _set_state(call, previous))
        _tell_bridged(call, caller, other)
        ending = await conversation.ending
        _let_others_go(call, conversation, {caller, other}, ending)
    return ending


def _let_others_go(
    call: Call, conversation: Conversation, kept: set[Party | str], ending: Ending
) -> None:
    if isinstance(ending, PassedOn):
        # A phone may hang up as soon as it has passed the other one on, which ends no call.
        ending.by.hooks.ended = None
        # Somebody who came back may stand for one of the two.
        kept |= {ending.by, ending.stays, ending.to}
    for member in (each for each in conversation if each.key not in kept):
        call.let_go(member.key)


def _tell_bridged(call: Call, caller: Party, other: Party) -> None:
    call.context.publish(
        LegsBridged(
            tenant_id=call.tenant_id,
            at=call.context.utcnow(),
            call_id=call.id,
            leg_ids=(caller.id, other.id),
        )
    )


@contextmanager
def occupied(call: Call, party: Party) -> Iterator[None]:
    """An agent whom a call reached past the queues is offered no other meanwhile."""
    if party.agent_id is None:
        yield
        return
    dispatcher, agent_id = call.context.dispatchers(call.tenant_id), AgentId(party.agent_id)
    dispatcher.occupy(agent_id)
    try:
        yield
    finally:
        dispatcher.vacate(agent_id)


def _set_state(call: Call, state: str) -> None:
    if call.state == "talking":
        call.state = state


class CallRecorder:
    """One recording of a call, and what is published about it."""

    def __init__(self, call: Call, kind: RecordingKind) -> None:
        self._call = call
        self._kind = kind
        self._id = RecordingId(call.context.new_id())
        self._recording: Recording | None = None

    def start(self, left: MediaLeg, right: MediaLeg | None = None) -> Recording | None:
        """Begin; a call that cannot be recorded goes on all the same, and that is said."""
        path = self._call.context.recordings / self._file
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._recording = self._call.context.engine.record(path, left=left, right=right)
        except (OSError, MediaError) as error:
            log.error("call cannot be recorded", extra={"path": str(path), "error": str(error)})
            self._failed("cannot_write")
            return None
        self._call.context.publish(
            RecordingStarted(
                tenant_id=self._call.tenant_id,
                at=self._call.context.utcnow(),
                call_id=self._call.id,
                recording_id=self._id,
                kind=self._kind,
            )
        )
        return self._recording

    async def stop(self) -> None:
        if self._recording is None:
            return
        try:
            result = await self._recording.stop()
        except (OSError, MediaError) as error:
            log.error("recording was lost", extra={"error": str(error)})
            self._failed("lost")
            return
        self._call.context.publish(
            RecordingStored(
                tenant_id=self._call.tenant_id,
                at=self._call.context.utcnow(),
                call_id=self._call.id,
                recording_id=self._id,
                kind=self._kind,
                file=str(self._file),
                duration_ms=result.duration_ms,
                size_bytes=result.size_bytes,
                sha256=result.sha256,
                channels=result.channels,
                complete=result.complete,
            )
        )

    @property
    def _file(self) -> Path:
        """Made of ids and a date only: nothing a peer sends becomes part of a path."""
        day = self._call.started_at
        folder = Path(str(self._call.tenant_id)) / f"{day:%Y}" / f"{day:%m}" / f"{day:%d}"
        return folder / f"{self._id}.wav"

    def _failed(self, reason: str) -> None:
        self._call.context.publish(
            RecordingFailed(
                tenant_id=self._call.tenant_id,
                at=self._call.context.utcnow(),
                call_id=self._call.id,
                recording_id=self._id,
                reason=reason,
            )
        )
