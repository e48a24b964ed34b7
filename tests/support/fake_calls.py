"""A switchboard whose phones, media and prompts are made up, on a clock that only jumps.

Real are the switchboard and all it runs: flows, offers, dispatcher and registrar.
"""

import asyncio
import contextlib
import math
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any, TypeVar, cast
from uuid import UUID

import numpy as np

from media.audio import Audio
from media.engine import LegStatistics, StreamParameters
from media.errors import MediaError, OverCapacity
from media.events import DtmfReceived, LegMediaEvent, MediaTimedOut
from media.recording import RecordingResult
from media.sound_files import SoundFiles
from routing.agents import AgentProfile
from routing.dispatcher import Dispatcher
from routing.events import AgentState, RoutingEvent
from routing.ivr.document import parse_flow
from routing.queues import QueueSettings
from telephony.access import FromPhone, FromTrunk
from telephony.calls.context import CallContext
from telephony.calls.party import Party
from telephony.directory import Directory, FlowVersion, Number, TenantSettings
from telephony.events import (
    CallEnded,
    CallStarted,
    LegEnded,
    LegStarted,
    RecordingStarted,
    RecordingStored,
    TelephonyEvent,
)
from telephony.offers import AgentOffers
from telephony.registrar import KeptBinding, Registrar
from telephony.sip.message import Request, Response
from telephony.sip.uri import NameAddress, SipUri
from telephony.switchboard import Switchboard
from telephony.transport.flow import Flow
from telephony.ua.leg_handler import LegHandler
from tests.support.centre import NOON, agent, queue
from tests.support.registrations import TENANT, flow_of, phone, register, request, trunk

E = TypeVar("E")

ANNA, BEN = agent(1), agent(2)
"""Their phones are 1001 and 1002."""
PROMPT_SECONDS = 1.0
_NATIVE_DELAY = 0.005
_MUSIC = 1


def sdp(
    direction: str = "sendrecv", *, codec: int = 0, port: int = 40_000, events: bool = True
) -> bytes:
    """What a phone offers or answers; without `events` it takes no telephone-events."""
    taken = "a=rtpmap:101 telephone-event/8000\r\n" if events else ""
    return (
        f"v=0\r\no=- 1 1 IN IP4 192.0.2.7\r\ns=-\r\nc=IN IP4 192.0.2.7\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP {codec}{' 101' if events else ''}\r\n{taken}a={direction}\r\n"
    ).encode()


# --- media


class FakePlayback:
    def __init__(self, audio: Audio) -> None:
        self.audio = audio
        self.done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()

    def end(self, *, complete: bool) -> None:
        if not self.done.done():
            self.done.set_result(complete)

    async def finished(self) -> bool:
        return await asyncio.shield(self.done)


class FakeMediaLeg:
    def __init__(self, engine: "FakeEngine", on_event: Callable[[LegMediaEvent], None]) -> None:
        self.engine = engine
        self.on_event = on_event
        self.address = ("192.0.2.1", next(engine.ports))
        self.stream: StreamParameters | None = None
        self.playing: FakePlayback | None = None
        self.heard: list[tuple[float, str]] = []
        """When what began to play."""
        self.digits_sent: list[str] = []
        self.is_open = True
        self.figures = LegStatistics(50, 50, 0, 0, 0, 0, 0.0, None, 0.0, 0.0, 4.4, True)
        self.loudness = 1_000
        """How loud the party speaks, as the mean magnitude of its samples."""

    @property
    def hears(self) -> str:
        """What plays now."""
        return self.engine.prompts.name_of(self.playing.audio) if self.playing else ""

    @property
    def prompts(self) -> list[str]:
        return [name for _, name in self.heard]

    @property
    def bridge(self) -> "FakeBridge | None":
        return next((b for b in self.engine.bridges if b.is_open and self in b.legs), None)

    def set_stream(self, parameters: StreamParameters) -> None:
        self.stream = parameters

    def play(self, audio: Audio, *, loop: bool = False) -> FakePlayback:
        self.stop_playing()
        playback = FakePlayback(audio)
        if not self.is_open:
            playback.end(complete=False)
            return playback
        now = asyncio.get_running_loop()
        self.heard.append((round(now.time(), 3), self.engine.prompts.name_of(audio)))
        self.playing = playback
        if not loop:
            now.call_later(len(audio) / 8_000, self._played, playback)
        return playback

    def stop_playing(self) -> None:
        if self.playing is not None:
            playing, self.playing = self.playing, None
            playing.end(complete=False)

    def send_digits(self, digits: str, *, tone_ms: int = 100, gap_ms: int = 60) -> None:
        self.digits_sent.append(digits)

    def statistics(self) -> LegStatistics:
        return self.figures

    async def close(self) -> LegStatistics:
        if self.is_open:
            self.is_open = False
            self.stop_playing()
            for bridge in self.engine.bridges:
                bridge.legs.discard(self)
        await asyncio.sleep(_NATIVE_DELAY)
        return self.figures

    def _played(self, playback: FakePlayback) -> None:
        if self.playing is playback:
            self.playing = None
        playback.end(complete=True)


class FakeTap:
    """What the party says: as loud as `loudness` tells."""

    def __init__(self, leg: FakeMediaLeg) -> None:
        self._leg = leg
        self._read_at = asyncio.get_running_loop().time()

    def read(self) -> list[Audio]:
        now = asyncio.get_running_loop().time()
        samples, self._read_at = round((now - self._read_at) * 8_000), now
        return [np.full(samples, self._leg.loudness, np.int16)]

    def close(self) -> None: ...


class FakeBridge:
    def __init__(self) -> None:
        self.legs: set[FakeMediaLeg] = set()
        self.gains: dict[tuple[FakeMediaLeg, FakeMediaLeg], float] = {}
        self.is_open = True

    def add(self, leg: FakeMediaLeg, *, silent: bool = False) -> None:
        assert leg.is_open
        self.gains |= {(leg, o): -math.inf if silent else 0.0 for o in self.legs}
        self.gains |= {(o, leg): -math.inf if silent else 0.0 for o in self.legs}
        self.legs.add(leg)

    def remove(self, leg: FakeMediaLeg) -> None:
        self.legs.discard(leg)

    def hears(self, listener: FakeMediaLeg) -> set[FakeMediaLeg]:
        """Whom a leg hears as loud as they are."""
        return {o for o in self.legs if self.gains.get((o, listener)) == 0.0}

    def set_gain(self, source: FakeMediaLeg, listener: FakeMediaLeg, gain_db: float) -> None:
        self.gains[source, listener] = gain_db

    async def close(self) -> None:
        self.is_open = False
        await asyncio.sleep(_NATIVE_DELAY)


class FakeRecording:
    def __init__(self, path: Path, left: FakeMediaLeg, right: FakeMediaLeg | None) -> None:
        self.path, self.left, self.right = path, left, right
        self.others = set() if right is None else {right}
        """Who is heard on the right side now."""
        self.since = asyncio.get_running_loop().time()
        self.is_open = True

    def add(self, leg: FakeMediaLeg) -> None:
        self.others.add(leg)

    def remove(self, leg: FakeMediaLeg) -> None:
        self.others.discard(leg)

    async def stop(self) -> RecordingResult:
        assert self.is_open, "stopped twice"
        self.is_open = False
        lasted = asyncio.get_running_loop().time() - self.since
        await asyncio.sleep(_NATIVE_DELAY)
        channels = 1 if self.right is None else 2
        return RecordingResult(self.path, round(lasted * 1_000), 44, "0" * 64, channels, True, "")


class FakePrompts:
    """Every prompt takes a second, and can be told by its samples."""

    def __init__(self) -> None:
        self._names = {_MUSIC: "music"}

    async def say(self, text: str) -> Audio:
        await asyncio.sleep(0.01)
        number = next((n for n, name in self._names.items() if name == text), 0)
        if not number:
            number = len(self._names) + 1
            self._names[number] = text
        return np.full(round(8_000 * PROMPT_SECONDS), number, np.int16)

    async def file(self, name: str) -> Audio:
        raise MediaError(f"no file {name}")

    async def music(self, folder: Path | None) -> Audio:
        await asyncio.sleep(0.01)
        return np.full(8_000, _MUSIC, np.int16)

    def name_of(self, audio: Audio) -> str:
        """The texts in it, joined by a bar."""
        second = round(8_000 * PROMPT_SECONDS)
        parts = [int(value) for value in audio[1::second]]
        return " | ".join(self._names.get(part, "beep") for part in parts)


class FakeEngine:
    def __init__(self, prompts: FakePrompts) -> None:
        self.prompts = prompts
        self.ports = count(10_000, 2)
        self.legs: list[FakeMediaLeg] = []
        self.bridges: list[FakeBridge] = []
        self.recordings: list[FakeRecording] = []
        self.most_legs = 1_000

    def open_leg(
        self, on_event: Callable[[LegMediaEvent], None], *, near: FakeMediaLeg | None = None
    ) -> FakeMediaLeg:
        if sum(leg.is_open for leg in self.legs) >= self.most_legs:
            raise OverCapacity("full")
        self.legs.append(FakeMediaLeg(self, on_event))
        return self.legs[-1]

    def open_bridge(self, near: FakeMediaLeg) -> FakeBridge:
        self.bridges.append(FakeBridge())
        return self.bridges[-1]

    def tap(self, leg: FakeMediaLeg) -> FakeTap:
        return FakeTap(leg)

    def record(
        self, path: Path, *, left: FakeMediaLeg, right: FakeMediaLeg | None = None
    ) -> FakeRecording:
        self.recordings.append(FakeRecording(path, left, right))
        return self.recordings[-1]


# --- SIP legs


class FakeLeg:
    """What the application orders of a leg, and what the peer does with it."""

    def __init__(self, call_id: str) -> None:
        self.sip_call_id = call_id
        self.handler: LegHandler | None = None
        self.is_answered = False
        self.is_over = False
        self.did: list[str] = []
        """What we sent: `180`, `200`, `486`, `CANCEL`, `BYE`."""
        self.reason: str | None = None
        """The Reason we gave for hanging up."""
        self.infos: list[tuple[str, bytes]] = []

    @property
    def party(self) -> Party:
        assert isinstance(self.handler, Party)
        return self.handler

    @property
    def media(self) -> FakeMediaLeg:
        return cast("FakeMediaLeg", self.party.media)

    def hang_up(self, *, reason: str | None = None) -> None:
        if not self.is_over:
            self.is_over = True
            self.reason = reason
            self.did.append("BYE" if self.is_answered else self._early_end)

    def send_info(self, content_type: str, body: bytes) -> None:
        self.infos.append((content_type, body))

    _early_end = "CANCEL"

    # the peer

    def bye(self) -> None:
        if self.is_over or not self.is_answered:
            return
        self.is_over = True
        assert self.handler is not None
        self.handler.leg_ended("remote_hung_up")

    def offer(self, direction: str) -> None:
        if self.is_over:
            return
        assert self.handler is not None
        assert isinstance(self.handler.leg_offered(sdp(direction)), bytes)

    def press(self, digits: str) -> None:
        for digit in digits:
            self.media.on_event(DtmfReceived(digit, 120))

    def fall_silent(self) -> None:
        self.media.on_event(MediaTimedOut(30_000))


class FakeCaller(FakeLeg):
    """The leg of a party that called us."""

    _early_end = "480"

    def __init__(self, message: Request, offered: bytes | None, call_id: str) -> None:
        super().__init__(call_id)
        self.request = message
        self.remote_sdp = offered
        self.flow = flow_of("192.0.2.7")
        self.our_sdp = b""
        self.headers: tuple[tuple[str, str], ...] = ()

    def ring(self, body: bytes | None = None, status: int = 180) -> None:
        self.did.append(str(status))

    def answer(self, body: bytes) -> None:
        if not self.is_over and not self.is_answered:
            self.is_answered = True
            self.our_sdp = body
            self.did.append("200")

    def refuse(
        self, status: int, reason: str | None = None, headers: tuple[tuple[str, str], ...] = ()
    ) -> None:
        if not self.is_over and not self.is_answered:
            self.is_over = True
            self.headers = headers
            self.did.append(str(status))

    def cancel(self) -> None:
        if self.is_over or self.is_answered:
            return
        self.is_over = True
        self.did.append("487")
        if self.handler is not None:
            self.handler.leg_cancelled()

    def go(self) -> None:
        """Hang up, whatever the state."""
        self.bye() if self.is_answered else self.cancel()


class FakeCallee(FakeLeg):
    """The leg of a party that we called."""

    def __init__(
        self,
        target: SipUri,
        handler: LegHandler,
        offered: bytes | None,
        from_: NameAddress,
        flow: Flow | None,
        call_id: str,
    ) -> None:
        super().__init__(call_id)
        self.target, self.handler, self.from_, self.flow = target, handler, from_, flow
        self.offered = offered
        self.credentials: object = None
        self.headers: dict[str, str] = {}

    def ring(self, status: int = 180, body: bytes | None = None) -> None:
        if not self.is_over:
            assert self.handler is not None
            self.handler.leg_ringing(status, body)

    def answer(self, body: bytes | None = None, *, bare: bool = False) -> None:
        """`bare` answers without a session description."""
        if self.is_over or self.is_answered:
            return
        self.is_answered = True
        assert self.handler is not None
        self.handler.leg_answered(None if bare else body or sdp(port=41_000))

    def fail(self, status: int) -> None:
        if not self.is_over and not self.is_answered:
            self.is_over = True
            assert self.handler is not None
            self.handler.leg_failed(status, "no")

    def go(self) -> None:
        """Hang up, whatever the state."""
        self.bye() if self.is_answered else self.fail(603)


Behaviour = Callable[[FakeCallee], None]


def rings(leg: FakeCallee) -> None:
    leg.ring()


def answers_after(seconds: float) -> Behaviour:
    def behave(leg: FakeCallee) -> None:
        leg.ring()
        asyncio.get_running_loop().call_later(seconds, leg.answer)

    return behave


def refuses(status: int, *, after: float = 0.5) -> Behaviour:
    def behave(leg: FakeCallee) -> None:
        asyncio.get_running_loop().call_later(after, leg.fail, status)

    return behave


class FakeEndpoint:
    """Phones behave as `behaviour` says for the user that is called; the rest only ring."""

    def __init__(self) -> None:
        self.bound = {"udp": ("192.0.2.1", 5060)}
        self.behaviour: dict[str, Behaviour] = {}
        self.legs: list[FakeCallee] = []
        self.answers: dict[str, Response | None] = {}

    def invite(
        self,
        target: SipUri,
        *,
        handler: LegHandler,
        offer: bytes | None,
        from_: NameAddress,
        to: NameAddress,
        flow: Flow | None = None,
        headers: tuple[tuple[str, str], ...] = (),
        credentials: object = None,
    ) -> FakeCallee:
        leg = FakeCallee(target, handler, offer, from_, flow, f"out{len(self.legs)}")
        leg.credentials = credentials
        leg.headers = dict(headers)
        self.legs.append(leg)
        behave = self.behaviour.get(target.user or "", rings)
        asyncio.get_running_loop().call_later(0.01, behave, leg)
        return leg

    async def ping(self, target: SipUri, flow: Flow, timeout: float) -> Response | None:
        """Phones whose user is in `answers` say that; the others are silent."""
        if (answer := self.answers.get(target.user or "")) is None:
            await asyncio.sleep(timeout)
        return answer

    def to(self, user: str) -> FakeCallee:
        """The last leg to a user."""
        return [leg for leg in self.legs if leg.target.user == user][-1]


class MemoryStore:
    """Keeps bindings as long as the test lasts."""

    def __init__(self) -> None:
        self.kept: list[KeptBinding] = []
        self.writes = 0

    async def read(self) -> list[KeptBinding]:
        return self.kept

    async def write(self, bindings: list[KeptBinding]) -> None:
        self.kept = bindings
        self.writes += 1


# --- the whole


@dataclass
class Exchange:
    switchboard: Switchboard
    context: CallContext
    dispatcher: Dispatcher
    endpoint: FakeEndpoint
    engine: FakeEngine
    offers: AgentOffers
    events: list[TelephonyEvent | RoutingEvent] = field(default_factory=list)
    callers: list[FakeCaller] = field(default_factory=list)
    down: set[str] = field(default_factory=set)
    """Names of trunks that are."""

    # what callers and agents do

    def call(
        self,
        number: str,
        *,
        user: str = "",
        caller: str = "0301234",
        offer: bytes | None = None,
        delayed: bool = False,
    ) -> FakeCaller:
        """A call from the trunk, or from the phone of `user`; `delayed` leaves the offer to us."""
        call_id = f"in{len(self.callers)}"
        message = request(
            "INVITE", f"sip:{number}@pbx.example", user=user or caller, call_id=call_id
        )
        offered = None if delayed else sdp() if offer is None else offer
        leg = FakeCaller(message, offered, call_id)
        self.callers.append(leg)
        directory = self.context.directory
        principal: object
        if user:
            found = directory.phone(TENANT, user)
            assert found is not None
            principal = FromPhone(found)
        else:
            provider = directory.find_trunk("10.0.0.1")
            assert provider is not None
            principal = FromTrunk(provider)
        self.switchboard.receive_invite(cast("Any", leg), principal)
        return leg

    def register(self, *users: str) -> None:
        for user in users:
            found = self.context.directory.phone(TENANT, user)
            assert found is not None
            message = register(f"<sip:{user}@192.0.2.7:{5000 + int(user)}>", call_id=user)
            flow = flow_of("192.0.2.7", 5_000 + int(user))
            self.switchboard.receive_register(message, flow, FromPhone(found))

    def register_again(self, user: str) -> None:
        """A second phone of the same user."""
        found = self.context.directory.phone(TENANT, user)
        assert found is not None
        message = register(f"<sip:{user}@192.0.2.8:5060>", call_id=f"{user}-again")
        self.switchboard.receive_register(message, flow_of("192.0.2.8"), FromPhone(found))

    def register_browser(self, user: str, *, connection: int = 1) -> Flow:
        """A tab signs in; each has a connection of its own."""
        found = self.context.directory.phone(TENANT, user)
        assert found is not None
        contact = f"<sip:{user}@tab{connection}.invalid;transport=ws>"
        flow = Flow("ws", ("192.0.2.9", 5_000 + connection), ("192.0.2.1", 5066), connection)
        message = register(contact, call_id=f"{user}-tab{connection}")
        self.switchboard.receive_register(message, flow, FromPhone(found))
        return flow

    def available(self, *agents: AgentProfile) -> None:
        for profile in agents:
            self.dispatcher.set_agent_state(profile.id, AgentState.AVAILABLE)

    # what came of it

    def state(self, profile: AgentProfile) -> str:
        return self.dispatcher.agent(profile.id).state.value

    def told(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    @property
    def causes(self) -> list[str]:
        return [event.cause for event in self.told(CallEnded)]

    def assert_clean(self) -> None:
        """No call is left, and everything that began has ended once."""
        assert len(self.switchboard) == 0
        assert self.offers._waiting == {}
        assert [leg.address for leg in self.engine.legs if leg.is_open] == []
        assert [leg for leg in self.engine.legs if leg.playing] == []
        assert [bridge for bridge in self.engine.bridges if bridge.is_open] == []
        assert [r.path for r in self.engine.recordings if r.is_open] == []
        legs: list[FakeLeg] = [*self.callers, *self.endpoint.legs]
        assert [leg.sip_call_id for leg in legs if not leg.is_over] == []
        started = Counter(e.call_id for e in self.told(CallStarted))
        assert started == Counter(e.call_id for e in self.told(CallEnded))
        assert set(started.values()) <= {1}
        begun = Counter(e.leg_id for e in self.told(LegStarted))
        assert begun == Counter(e.leg_id for e in self.told(LegEnded))
        assert set(begun.values()) <= {1}
        recorded = Counter(e.recording_id for e in self.told(RecordingStarted))
        assert recorded == Counter(e.recording_id for e in self.told(RecordingStored))
        for seen in self.dispatcher.queues():
            assert (seen.waiting, seen.work_ids) == (0, ())
            assert seen.offered == seen.answered + seen.abandoned + seen.flowed_out
        for person in self.dispatcher.agents():
            assert person.state not in (AgentState.OFFERED, AgentState.ENGAGED), person
            assert person.work_id is None or person.state is AgentState.WRAP_UP


def sales_queue(**changes: Any) -> QueueSettings:
    made = queue(name="sales", wrap_up_seconds=10)
    fields = {name: getattr(made, name) for name in made.__dataclass_fields__}
    return QueueSettings(**{**fields, **changes})


@contextlib.asynccontextmanager
async def exchange(
    flows: dict[str, dict[str, Any]] | None = None,
    *,
    queues: tuple[QueueSettings, ...] = (),
    max_calls: int = 100,
    provider: str | None = "sip:provider.example",
    second: str | None = None,
) -> AsyncIterator[Exchange]:
    """A centre with the agents Anna and Ben, the phone 1003, a trunk, and `flows` by number.

    Leaving it checks that nothing is left of any call.
    """
    loop = asyncio.get_running_loop()
    ids = count(1)
    down: set[str] = set()
    found: list[TelephonyEvent | RoutingEvent] = []
    documents = list(enumerate((flows or {}).items()))
    directory = Directory(
        tenants=[TenantSettings(TENANT, None, is_default=True)],
        phones=[
            phone("1001", agent_id=ANNA.id),
            phone("1002", agent_id=BEN.id),
            phone("1003"),
            phone("1004"),
        ],
        trunks=[
            trunk("provider", "10.0.0.0/8", target=provider),
            trunk("second", "172.16.0.0/12", target=second),
        ],
        numbers=[Number(TENANT, number, UUID(int=500 + at)) for at, (number, _) in documents],
        flows=[
            FlowVersion(TENANT, UUID(int=500 + at), number, 1, parse_flow(document))
            for at, (number, document) in documents
        ],
    )
    offers, prompts, endpoint = AgentOffers(), FakePrompts(), FakeEndpoint()
    engine = FakeEngine(prompts)
    dispatcher = Dispatcher(
        TENANT,
        offers,
        found.append,
        clock=loop.time,
        utcnow=lambda: NOON + timedelta(seconds=loop.time()),
        new_id=lambda: UUID(int=next(ids)),
    )
    dispatcher.configure(queues or (sales_queue(),), [ANNA, BEN])
    with tempfile.TemporaryDirectory() as folder:
        async with asyncio.TaskGroup() as tasks:
            switchboard = Switchboard(tasks, cast("Any", None), offers, max_calls=max_calls)
            context = CallContext(
                endpoint=cast("Any", endpoint),
                engine=cast("Any", engine),
                prompts=cast("Any", prompts),
                registrar=Registrar(least_seconds=60, most_seconds=36_000, most_contacts=5),
                dispatchers=lambda _: dispatcher,
                publish=found.append,
                recordings=Path(folder),
                sound_path=SoundFiles(Path(folder) / "sounds").path,
                music=None,
                trunk_is_down=lambda trunk: trunk.name in down,
                utcnow=lambda: NOON + timedelta(seconds=loop.time()),
                new_id=lambda: UUID(int=next(ids)),
                directory=directory,
                bindings=MemoryStore(),
            )
            switchboard.connect(context)
            run = tasks.create_task(dispatcher.run())
            await asyncio.sleep(0)
            centre = Exchange(
                switchboard, context, dispatcher, endpoint, engine, offers, events=found, down=down
            )
            yield centre
            await asyncio.sleep(0.5)
            centre.assert_clean()
            run.cancel()
