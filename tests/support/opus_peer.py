"""An RTP phone that speaks Opus at 48000 samples a second, by FFmpeg's libopus."""

from typing import Literal

import av
import numpy as np
from av import AudioCodecContext, AudioFrame, Packet

from media.codecs import Codec
from tests.support.rtp_peer import Pcm, RtpPeer

RATE = 48_000


class OpusPeer(RtpPeer):
    def __init__(self, *, codec: Codec = Codec.OPUS, ptime_ms: int = 20) -> None:
        super().__init__(codec=codec, ptime_ms=ptime_ms)
        self._encoder = _context("w")
        self._encoder.bit_rate = 64_000
        self._decoder = _context("r")
        self._decoded: list[Pcm] = []
        """What each packet says; nothing for keys."""

    def encode(self, samples: Pcm) -> bytes:
        frame = AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = RATE
        [packet] = self._encoder.encode(frame)
        return bytes(packet)

    def heard_pcm(self, *, since: int = 0) -> Pcm:
        return np.concatenate([np.zeros(0, np.int16), *self._decoded[since:]])

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        super().datagram_received(data, addr)
        packet = self.packets[-1]
        is_sound = packet.payload_type == Codec.OPUS.payload_type
        frames = self._decoder.decode(Packet(packet.payload)) if is_sound else []
        self._decoded.append(
            np.concatenate([np.zeros(0, np.int16), *(frame.to_ndarray()[0] for frame in frames)])
        )


def _context(mode: Literal["r", "w"]) -> AudioCodecContext:
    context = av.CodecContext.create("libopus", mode)
    context.sample_rate, context.layout, context.format = RATE, "mono", "s16"
    return context
