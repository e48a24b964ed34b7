"""Offer and answer for a leg to a browser: one audio stream over ICE and DTLS (RFC 8829's subset).

Sans-IO. The same interface as a plain leg's; beside what is agreed on sound, `local` and `remote`
say what the session needs to know of the transport.
"""

import re
from collections.abc import Callable
from dataclasses import replace

from telephony.sip.offer_answer import NARROW, BadSdp, Negotiated, NoCommonCodec, OfferAnswer
from telephony.sip.sdp import Format, Media, SessionDescription, parse_sdp
from telephony.webrtc.parameters import (
    Fingerprint,
    IceCredentials,
    LocalTransport,
    RemoteTransport,
)

_PROTOCOLS = ("UDP/TLS/RTP/SAVPF", "UDP/TLS/RTP/SAVP")
_HOST_PRIORITY = 2_130_706_431
"""Of the first candidate (RFC 8445 section 5.1.2)."""
_UFRAG = re.compile(r"[A-Za-z0-9+/]{4,256}")
_PASSWORD = re.compile(r"[A-Za-z0-9+/]{22,256}")
_MID = re.compile(r"[!#$%&'*+\-.0-9A-Z^_`a-z{|}~]{1,64}")
_PAIRS = re.compile(r"[0-9A-F]{2}(:[0-9A-F]{2}){19,63}")
_MOST_FINGERPRINTS = 8
_HASHES = ("sha-256", "sha-384", "sha-512")
Attributes = tuple[tuple[str, str], ...]


class WebRtcOfferAnswer(OfferAnswer):
    _protocol = _PROTOCOLS[0]

    def __init__(
        self,
        local: LocalTransport,
        *,
        session_id: int,
        new_credentials: Callable[[], IceCredentials],
        codecs: tuple[str, ...] = NARROW,
    ) -> None:
        """`local` is the session's; `new_credentials` are for an ICE restart."""
        super().__init__(*local.address, session_id=session_id, codecs=codecs)
        self._new_credentials = new_credentials
        self._setup = "actpass"
        self._mid = "0"
        self._is_bundled = True
        self._others: list[tuple[int, Media]] = []
        """The refused media of the session, which keep their places in every description."""
        self.local = local
        """What we say of our transport; its credentials change with an ICE restart."""
        self.remote: RemoteTransport | None = None
        """What the browser last said of its own."""

    def make_offer(self, *, direction: str = "sendrecv") -> bytes:
        self._setup = "actpass"
        return super().make_offer(direction=direction)

    def receive_offer(self, data: bytes) -> tuple[bytes, Negotiated]:
        offer = parse_sdp(data)
        at = self._choose(offer)
        media = offer.media[at]
        remote = self._remote_of(offer, media)
        before = self.local, self._setup, self._mid, self._is_bundled, self._others
        if self.remote is not None and remote.credentials != self.remote.credentials:
            self.local = replace(self.local, credentials=self._new_credentials())
        self._setup = "passive"
        self._mid = _mid_of(media)
        self._is_bundled = self._mid in _bundle_of(offer)
        self._others = [(n, m) for n, m in enumerate(offer.media) if n != at]
        try:
            answer, agreed = super().receive_offer(data)
        except (BadSdp, NoCommonCodec):
            self.local, self._setup, self._mid, self._is_bundled, self._others = before
            raise
        self.remote = remote
        self._keep_types(agreed)
        return answer, agreed

    def receive_answer(self, data: bytes) -> Negotiated:
        answer = parse_sdp(data)
        remote = self._remote_of(answer, self._answered(answer))
        if remote.setup != "active":
            raise BadSdp("the browser must take the active part of DTLS")
        agreed = super().receive_answer(data)
        self.remote = remote
        return agreed

    # --- what differs from plain RTP

    def _is_usable(self, media: Media) -> bool:
        # A port of 0 is no refusal where the media are to be bundled with earlier ones.
        is_there = media.port != 0 or _value(media.attributes, "bundle-only") is not None
        return media.kind == "audio" and media.protocol in _PROTOCOLS and is_there

    def _direction_of(self, media: Media) -> str:
        return media.direction  # an address of nothing is what browsers write before ICE

    def _address_of(self, media: Media) -> None:
        """ICE finds it out."""

    def _arranged(self, audio: list[str]) -> list[list[str]]:
        blocks = [audio]
        for at, media in self._others:
            blocks.insert(at, self._refused_lines(media))
        return blocks

    def _refused_lines(self, media: Media) -> list[str]:
        mid = _value(media.attributes, "mid")
        named = [f"a=mid:{mid}"] if mid is not None and _MID.fullmatch(mid) else []
        return [*super()._refused_lines(media), *named, "a=inactive"]

    def _answered(self, answer: SessionDescription) -> Media:
        taken = {n for n, _ in self._others}
        at = next(n for n in range(len(taken) + 1) if n not in taken)
        if len(answer.media) <= at or not self._is_usable(answer.media[at]):
            raise NoCommonCodec("the offered audio was refused")
        return answer.media[at]

    def _session_lines(self) -> list[str]:
        group = [f"a=group:BUNDLE {self._mid}"] if self._is_bundled else []
        return [*group, "a=ice-lite", "a=msid-semantic:WMS *"]

    def _media_lines(self, formats: list[Format], direction: str, ptime: int) -> list[str]:
        local = self.local
        return [
            *super()._media_lines(formats, direction, ptime),
            f"a=mid:{self._mid}",
            "a=rtcp-mux",
            "a=msid:murima audio",
            f"a=ice-ufrag:{local.credentials.ufrag}",
            f"a=ice-pwd:{local.credentials.password}",
            f"a=fingerprint:{local.fingerprint.algorithm} {local.fingerprint.value}",
            f"a=setup:{self._setup}",
            *self._candidates(),
            "a=end-of-candidates",
        ]

    def _candidates(self) -> list[str]:
        """Our own address first; a browser that cannot reach it finds the other one."""
        host, port = self.local.address
        hosts = [host, *([self.local.public_host] if self.local.public_host else [])]
        return [
            f"a=candidate:{n + 1} 1 udp {_HOST_PRIORITY - (n << 8)} {each} {port} typ host"
            for n, each in enumerate(hosts)
        ]

    def _remote_of(self, description: SessionDescription, media: Media) -> RemoteTransport:
        remote = remote_transport(description, media)
        if self.remote is not None and set(remote.fingerprints) != set(self.remote.fingerprints):
            raise BadSdp("the certificate cannot change while the session lasts")
        return remote


def remote_transport(description: SessionDescription, media: Media) -> RemoteTransport:
    """Raises BadSdp for what is not enough for a secure connection, or is not well-formed."""
    levels = _levels(description, media)
    lines = tuple(line for level in levels for line in level)
    ufrag, password = _value(lines, "ice-ufrag"), _value(lines, "ice-pwd")
    if ufrag is None or password is None:
        raise BadSdp("no ICE credentials: this is not a WebRTC description")
    if not _UFRAG.fullmatch(ufrag) or not _PASSWORD.fullmatch(password):
        raise BadSdp("the ICE credentials are damaged")
    setup = _value(lines, "setup") or "active"
    if setup not in ("active", "actpass"):
        raise BadSdp("the browser must take the active part of DTLS")
    if _value(lines, "rtcp-mux") is None:
        raise BadSdp("no rtcp-mux: RTCP has no port of its own here")
    return RemoteTransport(IceCredentials(ufrag, password), _fingerprints(levels), setup)


def _levels(description: SessionDescription, media: Media) -> list[Attributes]:
    """Where attributes of the transport may stand; what is said first counts."""
    levels = [media.attributes, description.attributes]
    bundle = _bundle_of(description)
    if _value(media.attributes, "mid") in bundle:
        # The first of a bundle may speak for all of it (RFC 8843 section 7.1.3).
        first = (m for m in description.media if _value(m.attributes, "mid") == bundle[0])
        levels += [m.attributes for m in first]
    return levels


def _fingerprints(levels: list[Attributes]) -> tuple[Fingerprint, ...]:
    every = ([value for name, value in level if name == "fingerprint"] for level in levels)
    found = []
    for value in next((values for values in every if values), []):
        algorithm, _, pairs = value.partition(" ")
        pairs = pairs.strip().upper()
        if not _PAIRS.fullmatch(pairs):
            raise BadSdp("the fingerprint is damaged")
        if algorithm.lower() in _HASHES:
            found.append(Fingerprint(algorithm.lower(), pairs))
    if not found:
        raise BadSdp("no fingerprint of a certificate that can be trusted")
    if len(found) > _MOST_FINGERPRINTS:
        raise BadSdp("too many fingerprints")
    return tuple(found)


def _value(lines: Attributes, name: str) -> str | None:
    return next((value for found, value in lines if found == name), None)


def _mid_of(media: Media) -> str:
    mid = _value(media.attributes, "mid")
    if mid is None or not _MID.fullmatch(mid):
        raise BadSdp("the audio has no mid")
    return mid


def _bundle_of(offer: SessionDescription) -> list[str]:
    """The mids of the first BUNDLE group."""
    groups = (value.split() for name, value in offer.attributes if name == "group")
    return next((words[1:] for words in groups if words[:1] == ["BUNDLE"]), [])
