"""The media engine alone in a process, for `scripts/bench media` and `webrtc` to load and measure.

One line of JSON on stdin says what to build, the answer says on which ports, and under which keys;
after that the line `usage` asks for processor time used so far, and `stop` for the end.
"""

import asyncio
import json
import os
import resource
import secrets
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path

import uvloop

from config.settings import MediaSettings
from media.codecs import Codec
from media.engine import MediaEngine, MediaLeg, Recording, SecureMediaLeg, StreamParameters
from media.errors import OverCapacity

SPIN_SECONDS = 0.2
ADMISSION_SECONDS = 30.0
"""How long to try for all legs on a machine that is busy with other work."""


class Spinner(threading.Thread):
    """Holds the interpreter for 200 ms out of every 400, as a careless Python function would."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.cpu_seconds = 0.0
        self._rounds = 1_000_000

    def run(self) -> None:
        while True:
            began = time.monotonic()
            sum(range(self._rounds))  # one call in C, which never lets go of the interpreter
            took = time.monotonic() - began
            self._rounds = max(int(self._rounds * SPIN_SECONDS / max(took, 0.001)), 100_000)
            self.cpu_seconds = time.thread_time()
            time.sleep(SPIN_SECONDS)


def thread_seconds(thread: int) -> float:
    """Processor time of one thread of this process, by the clock Linux keeps for it."""
    return time.clock_gettime(~thread << 3 | 6)


class Load:
    """Bridged pairs of legs in an engine with one shard."""

    def __init__(
        self,
        legs: int,
        answer_ports: list[int],
        suite: dict[str, int] | None = None,
        codec: Codec = Codec.PCMU,
    ) -> None:
        self._count = legs
        self._answer_ports = answer_ports
        self._suite = suite
        self._codec = codec
        settings = MediaSettings(
            shards=1, max_legs=max(legs + 100, 2), rtp_port_min=12_000, rtp_port_max=64_999
        )
        self.alarms: list[str] = []
        self.engine = MediaEngine(settings, alarm=self.alarms.append)
        self.legs: list[MediaLeg] = []
        self.masters: list[tuple[str, ...]] = []
        """Of each secure leg in hexadecimal: what it hears, and what it says."""
        self.threads: set[int] = set()
        self._recordings: list[Recording] = []
        self._give_up_at = 0.0

    async def start(self, folder: Path | None) -> None:
        before = self._threads_now()
        await self.engine.start()
        self.threads = self._threads_now() - before
        self._give_up_at = time.monotonic() + ADMISSION_SECONDS
        for pair in range(self._count // 2):
            near = await self._open_leg(None)
            far = await self._open_leg(near)
            bridge = self.engine.open_bridge(near)
            bridge.add(near)
            bridge.add(far)
            if folder is not None:
                path = folder / f"{pair}.wav"
                self._recordings.append(self.engine.record(path, left=near, right=far))
            if pair % 20 == 0:
                await asyncio.sleep(0.001)  # as calls arrive: not all in one tick of the engine

    @staticmethod
    def _threads_now() -> set[int]:
        return {int(name) for name in os.listdir("/proc/self/task")}

    async def _open_leg(self, near: MediaLeg | None) -> MediaLeg:
        remote = ("127.0.0.1", self._answer_ports[len(self.legs) % len(self._answer_ports)])
        leg = await self._admitted(near)
        if self._suite is not None:
            assert isinstance(leg, SecureMediaLeg)
            self._agree(leg, remote, **self._suite)
        leg.set_stream(
            StreamParameters(
                remote=remote,
                codec=self._codec,
                send_payload_type=self._codec.payload_type,
                receive_payload_types={self._codec.payload_type: self._codec},
                dtmf_send_payload_type=None,
                dtmf_receive_payload_type=None,
            )
        )
        self.legs.append(leg)
        return leg

    async def _admitted(self, near: MediaLeg | None) -> MediaLeg:
        """The engine goes by the last second: what held its thread up then may be over by now."""
        open_leg = self.engine.open_leg if self._suite is None else self.engine.open_secure_leg
        while True:
            try:
                return open_leg(lambda _event: None, near=near)
            except OverCapacity:
                if time.monotonic() > self._give_up_at:
                    raise
            await asyncio.sleep(0.05)

    def _agree(
        self, leg: SecureMediaLeg, peer: tuple[str, int], *, profile: int, master_bytes: int
    ) -> None:
        """What DTLS and ICE would have brought."""
        theirs, ours = (secrets.token_bytes(master_bytes) for _ in range(2))
        leg.set_keys(profile=profile, ours=ours, theirs=theirs)
        leg.set_peer(peer)
        self.masters.append((theirs.hex(), ours.hex()))

    def described(self) -> list[tuple[object, ...]]:
        """Of each leg its port, and its keys if it has any."""
        masters = self.masters or [()] * len(self.legs)
        return [(leg.address[1], *keys) for leg, keys in zip(self.legs, masters, strict=True)]

    async def stop(self) -> dict[str, object]:
        statistics = asdict(self.engine.statistics())
        results = await asyncio.gather(*(recording.stop() for recording in self._recordings))
        await asyncio.gather(*(leg.close() for leg in self.legs))
        await self.engine.stop()
        return {
            "alarms": self.alarms[:10],
            "engine": statistics,
            "recordings": len(results),
            "recordings_complete": sum(result.complete for result in results),
            "shortest_recording_ms": min((result.duration_ms for result in results), default=None),
        }


async def read_line(reader: asyncio.StreamReader) -> str:
    return (await reader.readline()).decode().strip()


def answer(content: dict[str, object]) -> None:
    print(json.dumps(content, default=str), flush=True)


async def main() -> None:
    reader = asyncio.StreamReader(limit=1 << 20)
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    order = json.loads(await read_line(reader))
    load = Load(order["legs"], order["answer_ports"], order["suite"], Codec(order["codec"]))
    try:
        await load.start(Path(order["record_in"]) if order["record_in"] else None)
    except OverCapacity as error:
        sys.exit(f"the engine took {len(load.legs)} of {order['legs']} legs: {error}")
    spinner = Spinner()
    if order["spin"]:
        spinner.start()
    answer({"legs": load.described()})
    while await read_line(reader) == "usage":
        used = resource.getrusage(resource.RUSAGE_SELF)
        answer(
            {
                "at": time.monotonic(),
                "cpu_seconds": used.ru_utime + used.ru_stime - spinner.cpu_seconds,
                "thread_seconds": {str(n): thread_seconds(n) for n in load.threads},
            }
        )
    answer(await load.stop())


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
