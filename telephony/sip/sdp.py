"""Session descriptions (RFC 8866): parsed as far as calls need them, written as RFC 3264 wants."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from telephony.sip.headers import parse_number

MAX_BYTES: Final = 16 * 1024
MAX_MEDIA: Final = 16
MAX_FORMATS: Final = 64

DIRECTIONS = ("sendrecv", "sendonly", "recvonly", "inactive")
_STATIC = {0: ("PCMU", 8_000), 8: ("PCMA", 8_000), 9: ("G722", 8_000), 13: ("CN", 8_000)}
"""Payload types that need no rtpmap (RFC 3551)."""


class BadSdp(ValueError):
    """Not a session description that can be answered."""


@dataclass(frozen=True, slots=True)
class Format:
    payload_type: int
    name: str
    """Upper case; empty for a dynamic payload type that nobody explained."""
    clock_rate: int
    parameters: str = ""
    """The fmtp line's value."""


@dataclass(frozen=True, slots=True)
class Media:
    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    """As they stand in the m= line: payload types, for RTP."""
    mapped: tuple[Format, ...] = ()
    """The RTP formats in the order of the m= line."""
    host: str | None = None
    """Where media go: of the c= line of the media, else of the session."""
    direction: str = "sendrecv"
    ptime_ms: int | None = None
    max_ptime_ms: int | None = None
    attributes: tuple[tuple[str, str], ...] = ()
    """All a= lines of this media, for those who need more of them."""

    @property
    def is_rtp_audio(self) -> bool:
        return self.kind == "audio" and self.protocol == "RTP/AVP"


@dataclass(frozen=True, slots=True)
class SessionDescription:
    version: int
    """The sess-version of the o= line; a change announces a changed session."""
    media: tuple[Media, ...]
    attributes: tuple[tuple[str, str], ...] = ()
    """The a= lines of the session."""


@dataclass(slots=True)
class _Reading:
    """What is known of one media description while its lines go by."""

    kind: str
    port: int
    protocol: str
    formats: tuple[str, ...]
    host: str | None = None
    attributes: list[tuple[str, str]] = field(default_factory=list)


def parse_sdp(data: bytes) -> SessionDescription:
    """Raises BadSdp. Lines that calls do not need are passed over."""
    if len(data) > MAX_BYTES:
        raise BadSdp("too long")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise BadSdp("not UTF-8") from error
    session = _Reading("", 0, "", ())
    version: int | None = None
    media: list[_Reading] = []
    for kind, value in _lines(text):
        current = media[-1] if media else session
        if kind == "o":
            version = _origin_version(value)
        elif kind == "m":
            if len(media) == MAX_MEDIA:
                raise BadSdp("too many media")
            media.append(_media_line(value))
        elif kind == "c":
            current.host = _connection(value)
        elif kind == "a":
            name, _, rest = value.partition(":")
            current.attributes.append((name.strip().lower(), rest.strip()))
    if version is None:
        raise BadSdp("no o= line")
    finished = tuple(_finished(m, session) for m in media)
    return SessionDescription(version, finished, tuple(session.attributes))


def _lines(text: str) -> Iterable[tuple[str, str]]:
    lines = text.replace("\r\n", "\n").split("\n")
    if lines[0].strip() != "v=0":
        raise BadSdp("no v=0 line")
    for line in lines[1:]:
        if not line.strip():
            continue
        kind, equals, value = line.partition("=")
        if not equals or len(kind) != 1:
            raise BadSdp("a line is damaged")
        yield kind, value.strip()


def _origin_version(value: str) -> int:
    words = value.split()
    if len(words) != 6:
        raise BadSdp("the o= line is damaged")
    version = words[2]
    if not (version.isascii() and version.isdigit() and len(version) <= 20):
        raise BadSdp("the o= line is damaged")
    return int(version)


def _media_line(value: str) -> _Reading:
    words = value.split()
    if len(words) < 4 or len(words) > 3 + MAX_FORMATS:
        raise BadSdp("an m= line is damaged")
    try:
        port = parse_number(words[1].partition("/")[0], most=65_535)
    except ValueError as error:
        raise BadSdp("an m= line is damaged") from error
    return _Reading(words[0].lower(), port, words[2].upper(), tuple(words[3:]))


def _connection(value: str) -> str:
    words = value.split()
    if len(words) != 3 or words[0].upper() != "IN" or words[1].upper() not in ("IP4", "IP6"):
        raise BadSdp("a c= line is damaged")
    host = words[2].partition("/")[0]
    if len(host) > 255 or not host.isascii():
        raise BadSdp("a c= line is damaged")
    return host


def _finished(media: _Reading, session: _Reading) -> Media:
    attributes = [*session.attributes, *media.attributes]
    direction = next((n for n, _ in reversed(attributes) if n in DIRECTIONS), "sendrecv")
    values = dict(attributes)
    return Media(
        kind=media.kind,
        port=media.port,
        protocol=media.protocol,
        formats=media.formats,
        mapped=_mapped(media) if "RTP/" in media.protocol else (),
        host=media.host or session.host,
        direction=direction,
        ptime_ms=_milliseconds(values.get("ptime")),
        max_ptime_ms=_milliseconds(values.get("maxptime")),
        attributes=tuple(media.attributes),
    )


def _mapped(media: _Reading) -> tuple[Format, ...]:
    maps: dict[int, tuple[str, int]] = dict(_STATIC)
    parameters: dict[int, str] = {}
    for name, value in media.attributes:
        if name not in ("rtpmap", "fmtp"):
            continue
        number, _, rest = value.partition(" ")
        try:
            payload_type = parse_number(number, most=127)
            if name == "fmtp":
                parameters[payload_type] = rest.strip()
                continue
            encoding, _, rate = rest.strip().partition("/")
            clock_rate = parse_number(rate.partition("/")[0], most=384_000)
        except ValueError:
            continue  # what cannot be read is not used
        maps[payload_type] = (encoding.upper(), clock_rate)
    found = []
    for text in media.formats:
        try:
            payload_type = parse_number(text, most=127)
        except ValueError as error:
            raise BadSdp("a payload type is no number") from error
        encoding, clock_rate = maps.get(payload_type, ("", 0))
        found.append(Format(payload_type, encoding, clock_rate, parameters.get(payload_type, "")))
    return tuple(found)


def _milliseconds(text: str | None) -> int | None:
    """Some peers write fractions; what is not a plain duration is not used."""
    if text is None:
        return None
    try:
        return parse_number(text.partition(".")[0], most=1_000) or None
    except ValueError:
        return None
