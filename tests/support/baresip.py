"""A real SIP phone without a head: baresip, driven over its control port."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.support.audio import write_tone
from tests.support.free_ports import free_port_block

_CONFIG = """\
poll_method epoll
sip_listen 127.0.0.1:{sip_port}
call_local_timeout 120
call_max_calls 4
audio_source {source}
audio_player aufile,{folder}/play.wav
audio_alert aufile,{folder}/alert.wav
ausrc_srate 8000
auplay_srate 8000
ausrc_channels 1
auplay_channels 1
rtp_ports {rtp_first}-{rtp_last}
rtp_stats yes
jitter_buffer_delay 5-10
module_path /usr/lib/baresip/modules
module g711.so
module aufile.so
module sndfile.so
module ctrl_tcp.so
module_app account.so
module_app menu.so
ctrl_tcp_listen 127.0.0.1:{control_port}
snd_path {folder}
"""


class PhoneFailed(Exception):
    """The phone did not do what it was told, or not in time."""


class Baresip:
    """One phone with one account. Everything it hears is kept as a WAV file.

    `tone` in Hz is what it says into its microphone all the time it is in a call.
    """

    def __init__(self, folder: Path, account: str, *, tone: int) -> None:
        self.folder = folder
        self._account = account
        self._tone = tone
        self._process: asyncio.subprocess.Process | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None
        self._answers: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._changed = asyncio.Condition()
        self.events: list[dict[str, Any]] = []
        self.sip_port = 0

    async def start(self) -> None:
        ports = free_port_block(40)
        # baresip takes the port after its SIP port for TLS.
        self.sip_port = ports
        self.folder.mkdir(parents=True)
        config = _CONFIG.format(
            sip_port=ports,
            control_port=ports + 2,
            rtp_first=ports + 10,
            rtp_last=ports + 38,
            source=f"aufile,{self.folder}/voice.wav",
            folder=self.folder,
        )
        (self.folder / "config").write_text(config)
        write_tone(self.folder / "voice.wav", self._tone)
        (self.folder / "accounts").write_text(self._account + "\n")
        (self.folder / "contacts").write_text("")
        with (self.folder / "log").open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                "baresip",
                *("-f", str(self.folder), "-t", "240"),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        reader, self._writer = await self._connect(ports + 2)
        self._reading = asyncio.get_running_loop().create_task(self._read(reader))

    async def stop(self) -> None:
        if self._writer is not None:
            with suppress(PhoneFailed, ConnectionError):
                await self.command("quit")
            self._writer.close()
        if self._reading is not None:
            self._reading.cancel()
            with suppress(asyncio.CancelledError):
                await self._reading
        if self._process is not None:
            try:
                async with asyncio.timeout(3):
                    await self._process.wait()
            except TimeoutError:
                self._process.kill()
                await self._process.wait()

    async def command(self, name: str, parameters: str | None = None) -> str:
        """Run one command of baresip's menu; raises PhoneFailed when it refuses."""
        assert self._writer is not None
        message = {"command": name, "token": name}
        if parameters is not None:
            message["params"] = parameters
        text = json.dumps(message).encode()
        self._writer.write(b"%d:%s," % (len(text), text))
        try:
            async with asyncio.timeout(5):
                answer = await self._answers.get()
        except TimeoutError as error:
            raise PhoneFailed(f"{name}: no answer") from error
        if not answer.get("ok"):
            raise PhoneFailed(f"{name}: {answer.get('data')}")
        return str(answer.get("data", ""))

    async def dial(self, uri: str) -> None:
        await self.command("dial", uri)

    async def hang_up(self) -> None:
        await self.command("hangup")

    async def press(self, digit: str) -> None:
        await self.command("sndcode", digit)

    async def wait_for(self, event: str, *, seconds: float = 10, count: int = 1) -> dict[str, Any]:
        """The `count`-th event of that type since the start, waiting for it if need be."""
        try:
            async with asyncio.timeout(seconds), self._changed:
                while len(found := [e for e in self.events if e["type"] == event]) < count:
                    await self._changed.wait()
                return found[count - 1]
        except TimeoutError as error:
            seen = [e["type"] for e in self.events]
            raise PhoneFailed(f"no {event} within {seconds} s; seen: {seen}") from error

    def count(self, event: str) -> int:
        return sum(e["type"] == event for e in self.events)

    @property
    def heard(self) -> list[Path]:
        """What the far ends said, one WAV file a call, oldest first."""
        return sorted(self.folder.glob("dump-*-dec.wav"))

    async def _connect(self, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        for _ in range(100):
            with suppress(ConnectionError):
                return await asyncio.open_connection("127.0.0.1", port)
            await asyncio.sleep(0.05)
        raise PhoneFailed((self.folder / "log").read_text(errors="replace")[-500:])

    async def _read(self, reader: asyncio.StreamReader) -> None:
        buffer = b""
        while data := await reader.read(65_536):
            buffer += data
            messages = list(_netstrings(buffer))
            buffer = buffer[sum(consumed for _, consumed in messages) :]
            for text, _ in messages:
                await self._take(json.loads(text))

    async def _take(self, message: dict[str, Any]) -> None:
        if message.get("response"):
            self._answers.put_nowait(message)
            return
        async with self._changed:
            self.events.append(message)
            self._changed.notify_all()


def _netstrings(buffer: bytes) -> Iterator[tuple[bytes, int]]:
    """The whole netstrings at the start of `buffer`, each with the bytes it took."""
    while True:
        length, colon, rest = buffer.partition(b":")
        if not colon or len(rest) < int(length) + 1:
            return
        consumed = len(length) + 1 + int(length) + 1
        yield rest[: int(length)], consumed
        buffer = buffer[consumed:]
