"""One party of a call: its SIP leg, its media leg, and what they agreed on.

Knows nothing of flows or queues; whoever runs the call waits on its futures and digits.
"""

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from media.codecs import Codec
from media.engine import LegStatistics, MediaFlow, MediaLeg, StreamParameters
from media.errors import MediaError
from media.events import DtmfReceived, LegMediaEvent, MediaTimedOut
from telephony.calls.context import CallRef
from telephony.calls.info_digits import read_digit
from telephony.calls.line import BrowserLine, Line, PlainLine
from telephony.events import (
    LegAnswered,
    LegEnded,
    LegHeld,
    LegId,
    LegQuality,
    LegResumed,
    LegRinging,
    LegRole,
    LegStarted,
)
from telephony.numbers import user_of
from telephony.sip.offer_answer import BadSdp, Negotiated, NoCommonCodec
from telephony.sip.uri import SipUri
from telephony.sound_quality import Meter
from telephony.ua.leg import SipLeg

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)

_DIGITS_KEPT = 64
_DTMF_RELAY = "application/dtmf-relay"
_SHORTEST_TONE_MS = 60
_FAREWELL_SECONDS = 1.0
"""How long a browser's sound may be gone before it counts as lost."""
_LONGEST_TONE_MS = 2_000


class Refused(Exception):
    """The other end did not take the leg."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"{status} {reason}")
        self.status = status


@dataclass(slots=True)
class Hooks:
    """Who is told what happens to a party, as long as somebody cares."""

    digit: "Callable[[str, int], None] | None" = None
    """Takes each digit and its length in ms, instead of the queue."""
    held: "Callable[[bool], None] | None" = None
    ended: "Callable[[str], None] | None" = None
    early_sound: "Callable[[], None] | None" = None
    """Told when the other end may be heard before it has answered."""
    refer: "Callable[[str, Party | None], int] | None" = None
    """Takes whom the other one shall talk with, by number or as the far end of another call of
    the same phone; returns a SIP status, 202 for yes."""


class Party:
    """A `LegHandler` for its SIP leg."""

    def __init__(
        self,
        call: CallRef,
        role: LegRole,
        name: str,
        *,
        agent_id: UUID | None = None,
        near: MediaLeg | None = None,
        in_browser: bool = False,
        wide: bool = False,
    ) -> None:
        """`near` is a leg it may meet; `wide`: it may speak Opus. Raises MediaError."""
        self.call = call
        self.role = role
        self.name = name
        self.agent_id = agent_id
        self.in_browser = in_browser
        self.is_phone = False
        """Whether it is one of the tenant's own phones, and not somebody outside."""
        self.user_id: UUID | None = None
        """Who a supervisor is, beyond the phone."""
        self.id = LegId(call.context.new_id())
        self._loop = loop = asyncio.get_running_loop()
        self._line = self._make_line(near, in_browser=in_browser, wide=wide)
        self.media, self.session = self._line.media, self._line.session
        self.sip: SipLeg | None = None
        self.answered: asyncio.Future[None] = loop.create_future()
        """Done when the party is on the line; raises Refused when it will not be."""
        self.agreed: asyncio.Future[None] = loop.create_future()
        """Done once both sides know what they send each other."""
        self.ended: asyncio.Future[str] = loop.create_future()
        """The cause, once the other end is gone."""
        self.digits: asyncio.Queue[str] = asyncio.Queue(_DIGITS_KEPT)
        self.hooks = Hooks()
        self.stops_prompts = False
        """Whether a key cuts what plays."""
        self.meter = Meter()
        self.is_held = self._closed = self._rang = self._started = False
        self._all_done: asyncio.Future[None] = loop.create_future()

    # --- what the application does with it

    def attach(self, sip: SipLeg) -> None:
        """Its SIP leg is there: from now on it is part of the call's record."""
        self.sip = sip
        self._started = True
        self.call.context.publish(
            LegStarted(
                **self._stamp(),
                role=self.role,
                party=self.name,
                agent_id=self.agent_id,
                sip_call_id=sip.sip_call_id,
            )
        )

    def accept_offer(self, sdp: bytes | None) -> bytes:
        """Our answer to the party's offer, or our own offer where it made none.

        Raises BadSdp or NoCommonCodec.
        """
        if sdp is None:
            return self.session.make_offer()
        answer, agreed = self.session.receive_offer(sdp)
        self._apply(agreed)
        return answer

    def note_answered(self) -> None:
        """We answered the party's call."""
        if not self.answered.done():
            self.answered.set_result(None)
        codec = self.session.negotiated.codec_name if self.session.negotiated else ""
        self.call.context.publish(LegAnswered(**self._stamp(), codec=codec))

    @property
    def page(self) -> str | None:
        """What a browser's page calls itself in its Contact; None for other phones."""
        if not self.in_browser or self.sip is None or self.sip.dialog is None:
            return None
        return self.sip.dialog.remote_target.user

    def note_page_gone(self) -> None:
        """The browser's page was closed or loaded again: nobody will hang up."""
        if self.in_browser and self.answered.done():
            self._gone("media_lost")

    async def next_digit(self, seconds: float) -> str | None:
        """The next key, None when none came in time."""
        try:
            async with asyncio.timeout(seconds):
                return await self.digits.get()
        except TimeoutError:
            return None

    def send_digit(self, digit: str, duration_ms: int) -> None:
        """Pass a key on, by INFO where the other end takes no telephone-events."""
        tone_ms = max(_SHORTEST_TONE_MS, min(duration_ms, _LONGEST_TONE_MS))
        agreed = self.session.negotiated
        if agreed is None or agreed.dtmf_send_payload_type is not None:
            self.media.send_digits(digit, tone_ms=tone_ms)
        elif self.sip is not None:
            body = f"Signal={digit}\r\nDuration={tone_ms}\r\n"
            self.sip.send_info(_DTMF_RELAY, body.encode())

    async def close(
        self, cause: str, *, status: int | None = None, reason: str | None = None
    ) -> None:
        """Hang up if need be and give everything back, also when cancelled meanwhile.

        `reason` is the value of a Reason header for the other end. A second time it only waits.
        """
        if self._closed:
            await asyncio.shield(self._all_done)
            return
        self._closed = True
        if self.sip is not None:
            self.sip.hang_up(reason=reason)
        if not self.answered.done():
            self.answered.cancel()
        if not self.ended.done():
            self.ended.set_result(cause)
        await asyncio.shield(self._finish(status))

    # --- what the SIP leg reports

    def leg_ringing(self, status: int, sdp: bytes | None) -> None:
        if self._closed:
            return
        if status == 180 and not self._rang:
            self._rang = True
            self.call.context.publish(LegRinging(**self._stamp()))
        if sdp is not None:
            self._take_early_answer(sdp)

    def leg_answered(self, sdp: bytes | None) -> bytes | None:
        try:
            if sdp is not None:
                self._apply(self.session.receive_answer(sdp))
            elif self.session.negotiated is None:
                raise NoCommonCodec("the answer describes no session")
        except (BadSdp, NoCommonCodec) as error:
            self._refused(488, str(error))
            assert self.sip is not None
            self.sip.hang_up()
            return None
        self.note_answered()
        return None

    def leg_acknowledged(self, sdp: bytes | None) -> None:
        if sdp is None:
            return
        try:
            self._apply(self.session.receive_answer(sdp))
        except (BadSdp, NoCommonCodec):
            self._gone("no_common_codec")

    def leg_failed(self, status: int, reason: str) -> None:
        self._refused(status, reason)
        self._gone("refused")

    def leg_cancelled(self) -> None:
        self._gone("cancelled")

    def leg_offered(self, sdp: bytes | None) -> bytes | int:
        try:
            return self.accept_offer(sdp)
        except NoCommonCodec:
            return 488
        except BadSdp:
            return 400

    def leg_reoffer_answered(self, sdp: bytes | None, status: int) -> None:
        if sdp is not None and status < 300:
            self.leg_acknowledged(sdp)

    def leg_info(self, content_type: str, body: bytes) -> int:
        """DTMF by INFO: the two forms that phones send."""
        if not body:
            return 200
        if content_type not in (_DTMF_RELAY, "application/dtmf"):
            return 415
        digit, duration = read_digit(body)
        if digit is not None:
            self._take_digit(digit, duration)
        return 200

    def leg_referred(self, target: SipUri, replaced: object) -> int:
        if self.hooks.refer is None:
            return 603  # there is nobody to pass on
        other = replaced.handler if isinstance(replaced, SipLeg) else None
        return self.hooks.refer(user_of(target), other if isinstance(other, Party) else None)

    def leg_ended(self, cause: str) -> None:
        self._gone(cause)

    # --- inside

    def _make_line(self, near: MediaLeg | None, *, in_browser: bool, wide: bool) -> Line:
        engine, session = self.call.context.engine, self.id.int >> 96
        if not in_browser:
            return PlainLine(engine, self._on_media, near, session)

        def lost(reason: str) -> None:
            log.info("browser's media lost", extra={"leg_id": str(self.id), "reason": reason})
            # Who hangs up closes the sound too, and the BYE may be the later of the two.
            self._loop.call_later(_FAREWELL_SECONDS, self._gone, "media_lost")

        return BrowserLine(engine, self._on_media, near, session, wide=wide, lost=lost)

    def _take_early_answer(self, sdp: bytes) -> None:
        """Sound before the answer; one that cannot be used is left to what the 2xx says."""
        try:
            self._apply(self.session.receive_answer(sdp))
        except (BadSdp, NoCommonCodec) as error:
            log.info("early media cannot be used", extra={"reason": str(error)})
            return
        if self.hooks.early_sound is not None:
            self.hooks.early_sound()

    async def _finish(self, status: int | None) -> None:
        try:
            statistics = await self._line.close()
            if self._started:
                self._tell_end(statistics, status)
        finally:
            self._all_done.set_result(None)

    def _tell_end(self, statistics: LegStatistics, status: int | None) -> None:
        quality = None
        if statistics.packets_received or statistics.packets_sent:
            quality = LegQuality(
                packets_received=statistics.packets_received,
                packets_sent=statistics.packets_sent,
                packets_lost=statistics.packets_lost,
                packets_late=statistics.packets_late,
                packets_refused=statistics.packets_refused,
                jitter_ms=round(statistics.jitter_ms, 2),
                round_trip_ms=statistics.round_trip_ms,
                mos=statistics.mos,
            )
        self.call.context.publish(
            LegEnded(**self._stamp(), cause=self.ended.result(), sip_status=status, quality=quality)
        )

    def _stamp(self) -> dict[str, Any]:
        return {
            "tenant_id": self.call.tenant_id,
            "at": self.call.context.utcnow(),
            "call_id": self.call.id,
            "leg_id": self.id,
        }

    def _apply(self, agreed: Negotiated) -> None:
        """Make the media leg do what was agreed, and notice hold and resume."""
        try:
            self.media.set_stream(
                StreamParameters(
                    remote=agreed.remote_address,
                    codec=Codec(agreed.codec_name),
                    send_payload_type=agreed.send_payload_type,
                    receive_payload_types={
                        number: Codec(name) for number, name in agreed.receive_payload_types.items()
                    },
                    dtmf_send_payload_type=agreed.dtmf_send_payload_type,
                    dtmf_receive_payload_type=agreed.dtmf_receive_payload_type,
                    dtmf_clock_rate=agreed.dtmf_clock_rate,
                    ptime_ms=agreed.ptime_ms,
                    flow=MediaFlow(agreed.direction),
                )
            )
        except (OSError, ValueError) as error:
            # A host name, or what only looks like an address: nothing can be sent there.
            raise BadSdp("the address cannot be used") from error
        self._line.agreed()
        if not self.agreed.done():
            self.agreed.set_result(None)
        if agreed.remote_held is not self.is_held:
            self.is_held = agreed.remote_held
            if self.answered.done():
                event = LegHeld if self.is_held else LegResumed
                self.call.context.publish(event(**self._stamp()))
            if self.hooks.held is not None:
                self.hooks.held(self.is_held)

    def _refused(self, status: int, reason: str) -> None:
        if not self.answered.done():
            self.answered.set_exception(Refused(status, reason))
            self.answered.exception()  # whoever is interested awaits it; nobody needs to

    def _gone(self, cause: str) -> None:
        if self.ended.done():
            return
        self.ended.set_result(cause)
        self._refused(487, cause)
        if self.hooks.ended is not None:
            self.hooks.ended(cause)

    def _on_media(self, event: LegMediaEvent) -> None:
        if isinstance(event, DtmfReceived):
            self._take_digit(event.digit, event.duration_ms)
        elif isinstance(event, MediaTimedOut) and not self.is_held and self.answered.done():
            self._gone("media_timeout")

    def _take_digit(self, digit: str, duration_ms: int) -> None:
        if self.hooks.digit is not None:
            self.hooks.digit(digit, duration_ms)
            return
        if not self.digits.full():
            self.digits.put_nowait(digit)
        if self.stops_prompts:
            self.media.stop_playing()


__all__ = ["MediaError", "Party", "Refused"]
