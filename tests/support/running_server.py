"""The real server as a child process, with its own data directory and ports."""

import asyncio
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp

from tests.support.certificates import Authority
from tests.support.free_ports import free_port_block

ROOT = Path(__file__).parent.parent.parent
PASSWORD = "correct-horse-battery"

_CONFIG = """\
shutdown_grace_seconds = 2.0

[sip]
udp_port = {sip_port}
tcp_port = {sip_port}
ws_port = {ws_port}
{sip_extra}

[media]
rtp_port_min = {rtp_first}
rtp_port_max = {rtp_last}
{media_extra}

[http]
port = {http_port}

[demo]
password = "{password}"
"""


class ServerFailed(Exception):
    """The server did not start, or not answer, as it should."""


class RunningServer:
    """Start it with `async with`; it is stopped by SIGTERM and must leave nothing behind."""

    def __init__(
        self,
        folder: Path,
        *,
        sip_extra: str = "",
        media_extra: str = "",
        extra: str = "",
        authority: Authority | None = None,
        second: bool = False,
    ) -> None:
        """With an `authority` it serves https and wss, by the certificate in its files.

        `second` is for one that runs beside another in the same test.
        """
        self.folder = folder
        self.data_dir = folder / "data"
        ports = free_port_block(4)
        self.sip_port, self.http_port, self.ws_port = ports, ports + 2, ports + 3
        rtp_first = 40_000 + (os.getpid() * 97 + second) % 10 * 2_000
        self._config = _CONFIG.format(
            sip_port=self.sip_port,
            http_port=self.http_port,
            ws_port=self.ws_port,
            rtp_first=rtp_first,
            rtp_last=rtp_first + 1_999,
            password=PASSWORD,
            sip_extra=sip_extra,
            media_extra=media_extra,
        )
        self._config += extra
        self.url = f"http://127.0.0.1:{self.http_port}"
        self._authority = authority
        if authority is not None:
            self.url = self.url.replace("http", "https")
            files = f'certificate = "{authority.certificate}"\nkey = "{authority.key}"\n'
            self._config += f"\n[tls]\n{files}"
        self.process: asyncio.subprocess.Process | None = None
        self._http: aiohttp.ClientSession | None = None
        self._tokens: dict[str, str] = {}

    async def __aenter__(self) -> "RunningServer":
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    @property
    def sip(self) -> tuple[str, int]:
        return "127.0.0.1", self.sip_port

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def log(self) -> str:
        return (self.folder / "server.log").read_text(errors="replace")

    def uri(self, user: str) -> str:
        return f"sip:{user}@127.0.0.1:{self.sip_port}"

    def account(self, user: str, *parameters: str) -> str:
        """A line of baresip's accounts file for one of the demo phones."""
        extra = "".join(f";{p}" for p in parameters)
        return f"<{self.uri(user)}>;auth_pass={PASSWORD};regint=60;audio_codecs=pcmu/8000/1{extra}"

    async def start(self, *, seconds: float = 120) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        config = self.folder / "murima.toml"
        config.write_text(self._config)
        with (self.folder / "server.log").open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", "server", "--config", str(config), "--data-dir", str(self.data_dir)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(ROOT)},
            )
        trusting = self._authority.trusting if self._authority else True
        self._http = aiohttp.ClientSession(self.url, connector=aiohttp.TCPConnector(ssl=trusting))
        self._tokens.clear()
        await self._until_ready(seconds)

    async def stop(self) -> int:
        """SIGTERM, then wait; returns the exit code."""
        if self._http is not None:
            await self._http.close()
            self._http = None
        if self.process is None:
            return 0
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(20):
                return await self.process.wait()
        except TimeoutError:
            self.process.kill()
            await self.process.wait()
            raise ServerFailed("SIGTERM did not end it:\n" + self.log[-2_000:]) from None

    async def kill(self) -> None:
        """kill -9, as a power cut would."""
        assert self.process is not None
        self.process.kill()
        await self.process.wait()
        if self._http is not None:
            await self._http.close()
            self._http = None

    async def request(
        self,
        method: str,
        path: str,
        *,
        user: str | None = "admin",
        json: object = None,
        file: bytes | None = None,
    ) -> tuple[int, Any]:
        """One API request as a demo user; returns status and decoded body."""
        assert self._http is not None
        headers = {"Authorization": f"Bearer {await self._token(user)}"} if user else {}
        async with self._http.request(
            method, "/api/v1" + path, headers=headers, json=json, data=file
        ) as response:
            is_json = response.content_type == "application/json"
            return response.status, (await response.json() if is_json else await response.read())

    async def get(self, path: str, *, user: str = "admin") -> Any:
        """The `data` of a GET that must succeed."""
        status, body = await self.request("GET", path, user=user)
        if status != 200:
            raise ServerFailed(f"GET {path}: {status} {body}")
        return body["data"]

    async def metrics(self) -> dict[str, float]:
        """Every sample of `/metrics`, by name with labels."""
        assert self._http is not None
        async with self._http.get("/metrics") as response:
            text = await response.text()
        rows = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, value in rows}

    async def feed(self, *, user: str = "admin") -> aiohttp.ClientWebSocketResponse:
        assert self._http is not None
        headers = {"Authorization": f"Bearer {await self._token(user)}"}
        return await self._http.ws_connect("/ws/v1/events", headers=headers)

    async def set_agent(self, extension: str, state: str, reason: str = "") -> None:
        agent = await self.agent(extension)
        status, body = await self.request(
            "PUT", f"/agents/{agent['id']}/state", json={"state": state, "reason": reason}
        )
        if status != 200:
            raise ServerFailed(f"agent {extension} -> {state}: {status} {body}")

    async def agent(self, extension: str) -> dict[str, Any]:
        agents = await self.get("/agents?limit=100")
        return next(a for a in agents if a["extension"] == extension)

    async def until_agent(self, extension: str, state: str, *, seconds: float = 10) -> None:
        """Wait for a state that is about to come."""
        try:
            async with asyncio.timeout(seconds):
                while (await self.agent(extension))["state"] != state:
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise ServerFailed(f"agent {extension} is {await self.agent(extension)}") from None

    async def until_registered(self, user: str, *, seconds: float = 10) -> None:
        try:
            async with asyncio.timeout(seconds):
                while not any(
                    phone["registered"]
                    for phone in await self.get("/phones")
                    if phone["user"] == user
                ):
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise ServerFailed(f"phone {user} did not register\n{self.log[-2_000:]}") from None

    async def until_record(self, called: str, *, seconds: float = 10) -> dict[str, Any]:
        """The newest ended call to `called`, once its record is stored."""
        try:
            async with asyncio.timeout(seconds):
                while True:
                    calls = await self.get(f"/calls?called={called}&limit=1")
                    if calls and calls[0]["ended_at"] is not None:
                        return dict(await self.get(f"/calls/{calls[0]['id']}"))
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise ServerFailed(f"no record of a call to {called}\n{self.log[-2_000:]}") from None

    async def _token(self, user: str) -> str:
        if user not in self._tokens:
            assert self._http is not None
            async with self._http.post(
                "/api/v1/auth/login", json={"login": user, "password": PASSWORD}
            ) as response:
                body = await response.json()
                if response.status != 200:
                    raise ServerFailed(f"login of {user}: {response.status} {body}")
                self._tokens[user] = body["data"]["access_token"]
        return self._tokens[user]

    async def _until_ready(self, seconds: float) -> None:
        assert self._http is not None
        assert self.process is not None
        try:
            async with asyncio.timeout(seconds):
                while True:
                    with suppress(aiohttp.ClientError):
                        async with self._http.get("/readyz") as response:
                            if response.status == 200:
                                return
                    if self.process.returncode is not None:
                        raise ServerFailed(self.log[-2_000:])
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise ServerFailed("not ready in time:\n" + self.log[-2_000:]) from None
