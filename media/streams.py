"""What was agreed with a party about its sound, and which way it goes."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from media.codecs import Codec


class MediaFlow(StrEnum):
    """Which way audio goes, as we see it."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"

    @property
    def bits(self) -> int:
        return {"sendrecv": 3, "sendonly": 1, "recvonly": 2, "inactive": 0}[self.value]


@dataclass(frozen=True, slots=True)
class StreamParameters:
    """What was agreed for one leg."""

    remote: tuple[str, int] | None
    """Where the party wants its audio; nothing is sent or taken while it is None."""
    codec: Codec
    send_payload_type: int
    receive_payload_types: Mapping[int, Codec]
    dtmf_send_payload_type: int | None = None
    dtmf_receive_payload_type: int | None = None
    dtmf_clock_rate: int = 8_000
    """8000 or 48000: in which units a second telephone-events say how long they last."""
    ptime_ms: int = 20
    """Length of the packets of G.711 we send, 10 to 60; those of Opus have 20."""
    flow: MediaFlow = MediaFlow.SENDRECV
