"""Carries out what an IVR flow orders, on one call."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Protocol

import numpy as np

from media.audio import Audio
from media.errors import MediaError
from media.tones import beep
from routing.ivr.document import Prompt
from routing.ivr.interpreter import Interpreter, NodeVisit, Step
from routing.ivr.orders import (
    Digits,
    Done,
    Echo,
    Gather,
    HangUp,
    JoinQueue,
    NoInput,
    NotServed,
    Play,
    Played,
    Result,
    Served,
    Transfer,
    TransferFailed,
    Transferred,
    Voicemail,
)
from telephony.calls.call import Call, Choice
from telephony.calls.conversation import PassedOn
from telephony.calls.dialling import DialFailed, caller_address, find_targets, ring
from telephony.calls.party import Party
from telephony.calls.silence import Silence
from telephony.calls.sound import from_file, from_sound, music, spoken
from telephony.calls.talk import CallRecorder, talk
from telephony.directory import FlowVersion
from telephony.events import (
    CallTransferred,
    FlowNodeEntered,
    FlowStarted,
    LegRole,
    RecordingKind,
)

log = logging.getLogger(__name__)

_LISTEN_SECONDS = 0.5
"""How often a message is listened to for its end."""
_LONGEST_NAME = 60
"""Characters of a node's name as an agent is shown it."""


class QueueDesk(Protocol):
    """Lets a caller wait for an agent and talk to the one who comes."""

    async def serve(self, call: Call, caller: Party, order: JoinQueue) -> Served | NotServed: ...


class FlowRunner:
    """One call in one version of one flow."""

    def __init__(self, call: Call, caller: Party, version: FlowVersion, desk: QueueDesk) -> None:
        self._call = call
        self._caller = caller
        self._version = version
        self._desk = desk
        variables = {"caller": call.caller, "called": call.called}
        calendars = call.context.directory.calendars(call.tenant_id)
        self._interpreter = Interpreter(version.flow, variables, calendars)
        self._before: NodeVisit | None = None

    async def run(self) -> str:
        """Walk through the flow; returns the cause of the call's end."""
        call = self._call
        call.context.publish(
            FlowStarted(
                tenant_id=call.tenant_id,
                at=call.context.utcnow(),
                call_id=call.id,
                flow_id=self._version.flow_id,
                flow_name=self._version.name,
                flow_version=self._version.version,
            )
        )
        step = self._interpreter.start(call.context.utcnow())
        while True:
            self._note(step)
            if isinstance(step.order, HangUp):
                await self._play(step.order.prompts, barge_in=False)
                return step.order.cause
            result = await self._carry_out(step.order)
            if call.onward is not None:
                return "transferred"
            step = self._interpreter.receive(result, call.context.utcnow())

    def _note(self, step: Step) -> None:
        call = self._call
        call.state = "flow"
        for visit in step.trail:
            call.node = visit.node
            call.context.publish(
                FlowNodeEntered(
                    tenant_id=call.tenant_id,
                    at=call.context.utcnow(),
                    call_id=call.id,
                    node=visit.node,
                    kind=visit.kind,
                    exit_taken=visit.exit_taken,
                )
            )
            if self._before is not None and self._before.kind == "menu":
                choice = Choice(self._name(self._before), visit.exit_taken, self._name(visit))
                call.choices.append(choice)
            self._before = visit

    def _name(self, visit: NodeVisit) -> str:
        """What people call a node: its author's note, or else its name in words."""
        note = self._version.flow.nodes[visit.node].note.strip()
        return note[:_LONGEST_NAME] or visit.node.replace("_", " ").replace("-", " ")

    async def _carry_out(
        self, order: Play | Gather | JoinQueue | Transfer | Voicemail | Echo
    ) -> Result:
        match order:
            case Play():
                await self._play(order.prompts, barge_in=order.barge_in)
                return Played()
            case Gather():
                return await self._gather(order)
            case JoinQueue():
                return await self._desk.serve(self._call, self._caller, order)
            case Transfer():
                return await self._transfer(order)
            case Voicemail():
                await self._voicemail(order)
            case Echo():
                await self._echo(order)
        return Done()

    async def _play(self, prompts: Sequence[Prompt], *, barge_in: bool) -> None:
        """Play one after the other; with barge-in, keys end it and are kept for whoever asks."""
        if barge_in and not self._caller.digits.empty():
            return
        audio = await self._audio(prompts)
        if audio is None:
            return
        self._caller.stops_prompts = barge_in
        try:
            await self._caller.media.play(audio).finished()
        finally:
            self._caller.stops_prompts = False

    async def _gather(self, order: Gather) -> Digits | NoInput:
        if not order.barge_in:
            await self._play(order.prompts, barge_in=False)
            while not self._caller.digits.empty():
                self._caller.digits.get_nowait()
        else:
            await self._play(order.prompts, barge_in=True)
        digits = ""
        seconds = order.first_digit_seconds
        while len(digits) < order.max_digits:
            digit = await self._caller.next_digit(seconds)
            if digit is None or digit == order.terminator:
                break
            digits += digit
            seconds = order.inter_digit_seconds
        if not digits and digit is None:
            return NoInput()
        return Digits(digits)

    async def _transfer(self, order: Transfer) -> Transferred | TransferFailed:
        call = self._call
        self._caller.media.play(await music(call), loop=True)
        try:
            targets = find_targets(call, order.target)
            async with asyncio.timeout(order.ring_seconds):
                party = await ring(call, targets, LegRole.TARGET, from_=caller_address(call))
        except DialFailed as failure:
            return TransferFailed(str(failure.status))
        except TimeoutError:
            return TransferFailed("no_answer")
        finally:
            self._caller.media.stop_playing()
        call.context.publish(
            CallTransferred(
                tenant_id=call.tenant_id,
                at=call.context.utcnow(),
                call_id=call.id,
                target=order.target,
            )
        )
        try:
            ending = await talk(call, self._caller, party, recorded=False)
        except MediaError as error:
            log.error("transfer cannot be joined", extra={"error": str(error)})
            await call.drop_party(party, "failed")
            return TransferFailed("media")
        if isinstance(ending, PassedOn):
            await call.pass_on(ending)
        return Transferred()

    async def _voicemail(self, order: Voicemail) -> None:
        await self._play(order.prompts, barge_in=True)
        while not self._caller.digits.empty():
            self._caller.digits.get_nowait()
        await self._caller.media.play(beep()).finished()
        recorder = CallRecorder(self._call, RecordingKind.VOICEMAIL)
        recorder.start(self._caller.media)
        try:
            async with Silence(self._call.context.engine, self._caller.media) as silence:
                await self._until_said(order, silence)
        finally:
            # Hanging up is how most people end a message.
            await asyncio.shield(recorder.stop())

    async def _until_said(self, order: Voicemail, silence: Silence) -> None:
        """Until the caller presses #, falls silent, or has said enough."""
        loop = asyncio.get_running_loop()
        ends = loop.time() + order.max_seconds
        while (left := ends - loop.time()) > 0:
            if await self._caller.next_digit(min(left, _LISTEN_SECONDS)) == "#":
                return
            if silence.seconds() >= order.silence_seconds:
                return

    async def _echo(self, order: Echo) -> None:
        await self._play(order.prompts, barge_in=True)
        leg = self._caller.media
        bridge = self._call.context.engine.open_bridge(leg)
        try:
            bridge.add(leg)
            bridge.set_gain(leg, leg, 0.0)
            await self._caller.next_digit(order.max_seconds)
        finally:
            await asyncio.shield(bridge.close())

    async def _audio(self, prompts: Sequence[Prompt]) -> Audio | None:
        """The prompts in one piece; what cannot be made is logged and left out."""
        parts: list[Audio] = []
        for prompt in prompts:
            audio = None
            if prompt.say is not None:
                audio = await spoken(self._call, prompt.say)
            elif prompt.sound is not None:
                audio = await from_sound(self._call, prompt.sound)
            elif prompt.file is not None:
                audio = await from_file(self._call, prompt.file)
            if audio is not None:
                parts.append(audio)
        return np.concatenate(parts) if parts else None
