"""How a party's sound travels: plain RTP to a phone, or SRTP over ICE and DTLS to a browser."""

import secrets
from collections.abc import Callable
from typing import Protocol

from media.engine import LegStatistics, MediaEngine, MediaLeg
from media.events import LegMediaEvent
from telephony.sip.offer_answer import NARROW, WIDE, OfferAnswer
from telephony.webrtc.offer_answer import WebRtcOfferAnswer
from telephony.webrtc.parameters import IceCredentials
from telephony.webrtc.session import SessionState, WebRtcSession


class Line(Protocol):
    media: MediaLeg
    session: OfferAnswer

    def agreed(self) -> None:
        """Offer and answer are exchanged, for the first time or again."""

    async def close(self) -> LegStatistics: ...


class PlainLine:
    def __init__(
        self,
        engine: MediaEngine,
        on_event: Callable[[LegMediaEvent], None],
        near: MediaLeg | None,
        session_id: int,
    ) -> None:
        """Raises MediaError when there is no room for one more."""
        self.media = engine.open_leg(on_event, near=near)
        host, port = self.media.address
        self.session = OfferAnswer(host, port, session_id=session_id)

    def agreed(self) -> None: ...

    async def close(self) -> LegStatistics:
        return await self.media.close()


class BrowserLine:
    def __init__(
        self,
        engine: MediaEngine,
        on_event: Callable[[LegMediaEvent], None],
        near: MediaLeg | None,
        session_id: int,
        *,
        wide: bool,
        lost: Callable[[str], None],
    ) -> None:
        """`wide` lets the browser choose Opus; `lost` is told why no sound can pass, or can pass
        no more. Raises MediaError."""
        secure = engine.open_secure_leg(on_event, near=near)
        self.media: MediaLeg = secure
        self._webrtc = WebRtcSession(
            secure,
            on_connected=lambda: None,
            on_failed=lost,
            on_lost=lost,
            public_host=engine.public_host,
        )
        self.session: OfferAnswer = WebRtcOfferAnswer(
            self._webrtc.local,
            session_id=session_id,
            new_credentials=lambda: IceCredentials.made(secrets.token_hex),
            codecs=WIDE if wide else NARROW,
        )

    def agreed(self) -> None:
        session = self.session
        assert isinstance(session, WebRtcOfferAnswer)
        assert session.remote is not None, "the description was read"
        if self._webrtc.state is SessionState.NEW:
            self._webrtc.start(session.remote)
        else:
            self._webrtc.update(session.local, session.remote)

    async def close(self) -> LegStatistics:
        await self._webrtc.close()
        return await self.media.close()
