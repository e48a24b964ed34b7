"""A browser's end of a WebRTC leg, by aiortc: says a tone, keeps what it hears."""

import asyncio
import contextlib
import fractions

import numpy as np
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, MediaStreamError, MediaStreamTrack
from av import AudioFrame

from tests.support.audio import Samples
from tests.support.rtp_peer import RATE, Changing, tone

_FRAME = 160


class Tone(AudioStreamTrack):
    def __init__(self, frequency: float) -> None:
        super().__init__()
        self._frequency = frequency
        self._at = 0
        self._began: float | None = None

    async def recv(self) -> AudioFrame:
        loop = asyncio.get_running_loop()
        if self._began is None:
            self._began = loop.time()
        await asyncio.sleep(max(0.0, self._began + self._at / RATE - loop.time()))
        samples = tone(self._frequency, self._at, _FRAME).reshape(1, -1)
        frame = AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        frame.sample_rate = RATE
        frame.pts = self._at
        frame.time_base = fractions.Fraction(1, RATE)
        self._at += _FRAME
        return frame


class Browser(Changing):
    def __init__(self, frequency: float) -> None:
        super().__init__()
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.connection.addTrack(Tone(frequency))
        self.connection.on("track", self._hear)
        self._heard: list[Samples] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def offer(self) -> bytes:
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return self.connection.localDescription.sdp.encode()

    async def take_answer(self, sdp: bytes) -> None:
        description = RTCSessionDescription(sdp=sdp.decode(), type="answer")
        await self.connection.setRemoteDescription(description)

    async def answer(self, sdp: bytes) -> bytes:
        description = RTCSessionDescription(sdp=sdp.decode(), type="offer")
        await self.connection.setRemoteDescription(description)
        await self.connection.setLocalDescription(await self.connection.createAnswer())
        return self.connection.localDescription.sdp.encode()

    async def hear(self, milliseconds: int) -> Samples:
        """The sound of the next so many milliseconds; a little of the start is passed over."""
        start, wanted = len(self._heard) + 5, milliseconds * 8
        await self.until(lambda: sum(map(len, self._heard[start:])) >= wanted)
        return np.concatenate(self._heard[start:])[:wanted]

    @property
    def has_heard_anything(self) -> bool:
        return any(part.any() for part in self._heard)

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.connection.close()

    def _hear(self, track: MediaStreamTrack) -> None:
        self._tasks.append(asyncio.get_running_loop().create_task(self._keep(track)))

    async def _keep(self, track: MediaStreamTrack) -> None:
        with contextlib.suppress(MediaStreamError):
            while True:
                frame = await track.recv()
                assert isinstance(frame, AudioFrame)
                self._heard.append(frame.to_ndarray().reshape(-1) / 32_768)
                self.changed()
