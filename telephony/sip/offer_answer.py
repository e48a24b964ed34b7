"""Offer and answer for one leg (RFC 3264): one audio stream, and digits as telephone-events.

Sans-IO. The object remembers what was offered and agreed, so that a refused change leaves the
session as it was and the o= version moves only when the description does.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from telephony.sip.sdp import BadSdp, Format, Media, SessionDescription, parse_sdp

CODECS: Mapping[str, int] = {"PCMU": 0, "PCMA": 8, "OPUS": 111}
"""What we speak, and the payload types under which we offer it."""
NARROW = ("PCMU", "PCMA")
WIDE = ("OPUS", *NARROW)
_OPUS = "OPUS"
_CLOCKS = {_OPUS: 48_000}
_CLOCK = 8_000
"""Of every other codec."""
_OPUS_LINES = "useinbandfec=1;stereo=0"
"""RFC 7587: what gets lost may be said again in the packet after it; one channel is enough."""
_EVENT_TYPES = {8_000: 101, 48_000: 110}
"""By their clock, which should be that of the sound (RFC 4733 section 2.1)."""
_DYNAMIC = range(96, 128)
_EVENTS = "TELEPHONE-EVENT"
_DEFAULT_PTIME = 20
_PTIMES = (10, 20, 30, 40, 50, 60)
_REVERSED = {
    "sendrecv": "sendrecv",
    "sendonly": "recvonly",
    "recvonly": "sendonly",
    "inactive": "inactive",
}
_NOWHERE = ("0.0.0.0", "::")
"""The old way to say hold (RFC 3264 section 8.4); media are never sent there."""


class NoCommonCodec(Exception):
    """Nothing that we speak was offered, or answered: 488."""


@dataclass(frozen=True, slots=True)
class Negotiated:
    """What both sides agreed on, from our point of view."""

    remote_address: tuple[str, int] | None
    """Where we send; None while the peer gave no usable address."""
    codec_name: str
    send_payload_type: int
    receive_payload_types: Mapping[int, str]
    """Payload type -> codec name of what may arrive."""
    dtmf_send_payload_type: int | None
    dtmf_receive_payload_type: int | None
    ptime_ms: int
    direction: str
    """`sendrecv`, `sendonly`, `recvonly` or `inactive`."""
    remote_held: bool
    """The peer put us on hold: it does not want to hear us talk, or anything at all."""
    dtmf_clock_rate: int = _CLOCK


class OfferAnswer:
    _protocol = "RTP/AVP"

    def __init__(
        self,
        host: str,
        port: int,
        *,
        session_id: int,
        codecs: tuple[str, ...] = NARROW,
    ) -> None:
        """`host` and `port` are where we receive; `codecs` are in the order we like them."""
        self._host = host
        self._port = port
        self._session_id = session_id
        self._codecs = codecs
        self._version = 0
        self._last_lines: list[str] | None = None
        self._wanted = "sendrecv"
        self._types = dict(CODECS)
        self._event_types = dict(_EVENT_TYPES)
        self.negotiated: Negotiated | None = None

    def make_offer(self, *, direction: str = "sendrecv") -> bytes:
        """A full offer of everything we speak; `direction` other than sendrecv holds the peer."""
        self._wanted = direction
        self._part_types()
        formats = [Format(self._types[name], name, _clock_of(name)) for name in self._codecs]
        formats += [Format(self._event_types[rate], _EVENTS, rate) for rate in self._clocks()]
        ptime = self.negotiated.ptime_ms if self.negotiated else _DEFAULT_PTIME
        return self._described(self._arranged(self._media_lines(formats, direction, ptime)))

    def receive_offer(self, data: bytes) -> tuple[bytes, Negotiated]:
        """Our answer, and what it agrees on; nothing changes when it raises.

        Raises BadSdp or NoCommonCodec.
        """
        offer = parse_sdp(data)
        chosen = self._choose(offer)
        media = offer.media[chosen]
        codecs = self._common_codecs(media)
        events = _events_of(media, codecs[0].clock_rate)
        direction = _REVERSED[self._direction_of(media)]
        if self._wanted in ("sendonly", "inactive"):
            direction = "sendonly" if direction in ("sendrecv", "sendonly") else "inactive"
        ptime = _ptime(media)
        agreed = self._agreed(media, codecs, events, direction, ptime)
        formats = [*codecs, *([events] if events else [])]
        blocks = [
            self._media_lines(formats, direction, ptime)
            if at == chosen
            else self._refused_lines(other)
            for at, other in enumerate(offer.media)
        ]
        answer = self._described(blocks)
        self.negotiated = agreed
        return answer, agreed

    def receive_answer(self, data: bytes) -> Negotiated:
        """What the peer's answer to our offer agrees on. Raises BadSdp or NoCommonCodec."""
        answer = parse_sdp(data)
        media = self._answered(answer)
        codecs = self._common_codecs(media)
        direction = _REVERSED[self._direction_of(media)]
        if self._wanted == "inactive":
            direction = "inactive"
        elif self._wanted == "sendonly":
            direction = "sendonly" if direction in ("sendrecv", "sendonly") else "inactive"
        self.negotiated = self._agreed(
            media,
            codecs,
            _events_of(media, codecs[0].clock_rate),
            direction,
            _ptime(media),
            ours=True,
        )
        return self.negotiated

    @property
    def may_be_wide(self) -> bool:
        """Whether Opus is agreed, or nothing is and it may be yet."""
        if self.negotiated is not None:
            return self.negotiated.codec_name == _OPUS
        return _OPUS in self._codecs

    # --- what is different for other transports

    def _is_usable(self, media: Media) -> bool:
        return media.is_rtp_audio and media.port != 0

    def _direction_of(self, media: Media) -> str:
        return _effective_direction(media)

    def _address_of(self, media: Media) -> tuple[str, int] | None:
        if media.host and media.host not in _NOWHERE and media.port:
            return (media.host, media.port)
        return None

    def _arranged(self, audio: list[str]) -> list[list[str]]:
        """The media of an offer of ours."""
        return [audio]

    def _refused_lines(self, media: Media) -> list[str]:
        return [f"m={media.kind} 0 {media.protocol} {' '.join(media.formats)}"]

    def _answered(self, answer: SessionDescription) -> Media:
        """What the answer says to the audio that we offered."""
        if not answer.media or not self._is_usable(answer.media[0]):
            raise NoCommonCodec("the offered audio was refused")
        return answer.media[0]

    def _session_lines(self) -> list[str]:
        return []

    # --- what is the same for all

    def _choose(self, offer: SessionDescription) -> int:
        for at, media in enumerate(offer.media):
            if self._is_usable(media):
                return at
        raise NoCommonCodec("no audio is offered")

    def _common_codecs(self, media: Media) -> list[Format]:
        """What both speak and is timed like the first of them, in the order of the other side."""
        common = [
            f for f in media.mapped if f.name in self._codecs and f.clock_rate == _clock_of(f.name)
        ]
        if not common:
            raise NoCommonCodec("no codec in common")
        return [f for f in common if f.clock_rate == common[0].clock_rate]

    def _clocks(self) -> list[int]:
        return list(dict.fromkeys(_clock_of(name) for name in self._codecs))

    def _part_types(self) -> None:
        """No payload type twice, whatever types of the other side's were taken over."""
        taken: set[int] = set()

        def parted(wanted: int) -> int:
            number = wanted
            if wanted in taken:
                number = next(n for n in reversed(_DYNAMIC) if n not in taken)
            taken.add(number)
            return number

        self._types |= {name: parted(self._types[name]) for name in self._codecs}
        self._event_types |= {rate: parted(self._event_types[rate]) for rate in self._clocks()}

    def _keep_types(self, agreed: Negotiated) -> None:
        """A payload type keeps its meaning: what the other side calls so, our offers do too."""
        self._types |= {name: number for number, name in agreed.receive_payload_types.items()}
        if agreed.dtmf_receive_payload_type is not None:
            self._event_types[agreed.dtmf_clock_rate] = agreed.dtmf_receive_payload_type

    def _agreed(
        self,
        media: Media,
        codecs: list[Format],
        events: Format | None,
        direction: str,
        ptime: int,
        *,
        ours: bool = False,
    ) -> Negotiated:
        """`ours`: the peer answered our offer, so it sends by the payload types we gave."""
        received = {f.payload_type: f.name for f in codecs}
        if ours:
            received |= {self._types[name]: name for name in self._codecs}
        event_clock = events.clock_rate if events else _CLOCK
        event_type = events.payload_type if events else 0
        if ours:
            event_type = self._event_types[event_clock]
        return Negotiated(
            remote_address=self._address_of(media),
            codec_name=codecs[0].name,
            send_payload_type=codecs[0].payload_type,
            receive_payload_types=received,
            dtmf_send_payload_type=events.payload_type if events else None,
            dtmf_receive_payload_type=event_type if events else None,
            dtmf_clock_rate=event_clock,
            ptime_ms=ptime,
            direction=direction,
            remote_held=self._direction_of(media) in ("sendonly", "inactive"),
        )

    def _media_lines(self, formats: list[Format], direction: str, ptime: int) -> list[str]:
        types = " ".join(str(f.payload_type) for f in formats)
        lines = [f"m=audio {self._port} {self._protocol} {types}"]
        for each in formats:
            name, parameters = _DESCRIBED.get(each.name, (f"{each.name}/{each.clock_rate}", ""))
            lines.append(f"a=rtpmap:{each.payload_type} {name.format(each.clock_rate)}")
            if parameters:
                lines.append(f"a=fmtp:{each.payload_type} {parameters}")
        return [*lines, f"a=ptime:{ptime}", f"a={direction}"]

    def _described(self, media: list[list[str]]) -> bytes:
        family = "IP6" if ":" in self._host else "IP4"
        lines = [
            "s=-",
            f"c=IN {family} {self._host}",
            "t=0 0",
            *self._session_lines(),
            *(line for block in media for line in block),
        ]
        if lines != self._last_lines:
            # RFC 3264 section 8: the version moves by one when, and only when, something changed.
            self._version += 1
            self._last_lines = lines
        origin = f"o=- {self._session_id} {self._version} IN {family} {self._host}"
        return "\r\n".join(["v=0", origin, *lines, ""]).encode()


_DESCRIBED = {_OPUS: ("opus/48000/2", _OPUS_LINES), _EVENTS: ("telephone-event/{}", "0-15")}
"""Those that are not simply named as we name them, and their parameters."""


def _clock_of(codec: str) -> int:
    return _CLOCKS.get(codec, _CLOCK)


def _events_of(media: Media, clock_rate: int) -> Format | None:
    """Those of the sound's clock, else of the one that everybody has."""
    events = [f for f in media.mapped if f.name == _EVENTS]
    usable = (f for rate in (clock_rate, _CLOCK) for f in events if f.clock_rate == rate)
    return next(usable, None)


def _effective_direction(media: Media) -> str:
    """With the old form of hold: an address of nothing means that nothing should be sent there."""
    if media.host in _NOWHERE:
        return "inactive" if media.direction in ("inactive", "recvonly") else "sendonly"
    return media.direction


def _ptime(media: Media) -> int:
    wanted = media.ptime_ms or _DEFAULT_PTIME
    if media.max_ptime_ms is not None:
        wanted = min(wanted, media.max_ptime_ms)
    return max((p for p in _PTIMES if p <= wanted), default=_PTIMES[0])


__all__ = ["BadSdp", "CODECS", "NARROW", "Negotiated", "NoCommonCodec", "OfferAnswer", "WIDE"]
