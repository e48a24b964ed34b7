"""The whole server in the test's own process, on free ports and a database of the test."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from config.settings import Settings
from server.app import serve

PASSWORD = "correct-horse-battery"


def settings_for(folder: Path, url: str, **sections: dict[str, Any]) -> Settings:
    """Every port is free; `sections` overlays what is given here."""
    tree: dict[str, dict[str, Any]] = {
        "sip": {"udp_port": 0, "tcp_port": 0, "ws_port": 0},
        "media": {"shards": 1, "max_legs": 4},
        "http": {"port": 0},
        "database": {"url": url, "pool_size": 4},
        "demo": {"password": PASSWORD},
    }
    for name, section in sections.items():
        tree[name] = {**tree.get(name, {}), **section}
    return Settings.model_validate(
        {"data_dir": folder / "data", "shutdown_grace_seconds": 0.0, **tree}
    )


@dataclass(frozen=True, slots=True)
class InProcess:
    said: str
    http: aiohttp.ClientSession

    async def sign_in(self, login: str, *, tenant: str | None = None) -> dict[str, str]:
        """Headers of a session."""
        body = {"login": login, "password": PASSWORD, **({"tenant": tenant} if tenant else {})}
        async with self.http.post("/api/v1/auth/login", json=body) as response:
            answer = await response.json()
            assert response.status == 200, answer
        return {"Authorization": f"Bearer {answer['data']['access_token']}"}

    async def get(self, path: str, headers: dict[str, str]) -> tuple[int, Any]:
        async with self.http.get("/api/v1" + path, headers=headers) as response:
            return response.status, await response.json()


@asynccontextmanager
async def in_process(settings: Settings) -> AsyncIterator[InProcess]:
    """Raises what `serve` raises when it does not start, as it is."""
    stop = asyncio.Event()
    said: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    task = asyncio.get_running_loop().create_task(serve(settings, stop, said.set_result))
    await asyncio.wait((task, said), return_when=asyncio.FIRST_COMPLETED)
    if not said.done():
        said.cancel()
        await task
    address = re.search(r"http://[\d.:]+", said.result())
    assert address is not None
    try:
        async with aiohttp.ClientSession(address[0]) as http:
            yield InProcess(said.result(), http)
    finally:
        stop.set()
        await task
