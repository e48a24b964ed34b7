"""A secure leg of the real engine with its session, and all that is told of them."""

import secrets

import numpy as np

from media.codecs import Codec
from media.engine import MediaEngine, MediaFlow, SecureMediaLeg, StreamParameters
from media.events import LegMediaEvent
from telephony.sip.offer_answer import Negotiated
from telephony.webrtc.offer_answer import WebRtcOfferAnswer
from telephony.webrtc.parameters import IceCredentials
from telephony.webrtc.session import SessionState, WebRtcSession
from tests.support.audio import Samples
from tests.support.rtp_peer import Changing


class Agent(Changing):
    """A secure leg with its session, and all that was told of them."""

    def __init__(self, engine: MediaEngine) -> None:
        super().__init__()
        self.events: list[LegMediaEvent] = []
        self.told: list[str] = []
        self.leg: SecureMediaLeg = engine.open_secure_leg(self._on_event)
        self.session = WebRtcSession(
            self.leg,
            on_connected=lambda: self._tell("connected"),
            on_failed=lambda reason: self._tell(f"failed: {reason}"),
            on_lost=lambda reason: self._tell(f"lost: {reason}"),
        )
        self.description = WebRtcOfferAnswer(
            self.session.local,
            session_id=7,
            new_credentials=lambda: IceCredentials.made(secrets.token_hex),
        )

    def _on_event(self, event: LegMediaEvent) -> None:
        self.events.append(event)
        self.changed()

    def _tell(self, what: str) -> None:
        self.told.append(what)
        self.changed()

    def set_stream(self, agreed: Negotiated) -> None:
        self.leg.set_stream(
            StreamParameters(
                remote=agreed.remote_address,
                codec=Codec[agreed.codec_name],
                send_payload_type=agreed.send_payload_type,
                receive_payload_types={
                    t: Codec[name] for t, name in agreed.receive_payload_types.items()
                },
                dtmf_send_payload_type=agreed.dtmf_send_payload_type,
                dtmf_receive_payload_type=agreed.dtmf_receive_payload_type,
                ptime_ms=agreed.ptime_ms,
                flow=MediaFlow(agreed.direction),
            )
        )

    def take_offer(self, offer: bytes) -> bytes:
        """Of a new call, or a change of it; our answer."""
        answer, agreed = self.description.receive_offer(offer)
        self._follow(agreed)
        return answer

    def take_answer(self, answer: bytes) -> None:
        self._follow(self.description.receive_answer(answer))

    def _follow(self, agreed: Negotiated) -> None:
        assert self.description.remote is not None
        self.set_stream(agreed)
        if self.session.state is SessionState.NEW:
            self.session.start(self.description.remote)
        else:
            self.session.update(self.description.local, self.description.remote)

    async def connected(self) -> None:
        await self.until(lambda: bool(self.told))
        assert self.told == ["connected"]


async def heard_by(engine: MediaEngine, leg: SecureMediaLeg, milliseconds: int) -> Samples:
    tap = engine.tap(leg)
    assert await leg.play(np.zeros(milliseconds * 8, np.int16)).finished()
    samples: Samples = np.concatenate(tap.read()) / 32_768
    tap.close()
    return samples
