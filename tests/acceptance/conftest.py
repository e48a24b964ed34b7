"""Fixtures of the acceptance tests: the real server, and phones around it."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path

import pytest_asyncio

from tests.support.baresip import Baresip
from tests.support.running_server import RunningServer
from tests.support.sip_socket import SipSocket

PhoneMaker = Callable[..., Awaitable[Baresip]]
PeerMaker = Callable[..., Awaitable[SipSocket]]


@pytest_asyncio.fixture
async def server(tmp_path: Path) -> AsyncIterator[RunningServer]:
    async with RunningServer(tmp_path / "server") as running:
        yield running


@pytest_asyncio.fixture
async def phone(server: RunningServer, tmp_path: Path) -> AsyncIterator[PhoneMaker]:
    """Makes started phones: `await phone("1001", "answermode=auto", tone=880)`."""
    async with AsyncExitStack() as stack:

        async def make(user: str, *parameters: str, tone: int, registered: bool = True) -> Baresip:
            if not registered:
                parameters = (*parameters, "regint=0")
            account = server.account(user, *parameters)
            if not registered:
                account = account.replace(";regint=60", "")
            made = Baresip(tmp_path / f"phone-{user}", account, tone=tone)
            stack.push_async_callback(made.stop)
            await made.start()
            if registered:
                await server.until_registered(user)
            return made

        yield make


@pytest_asyncio.fixture
async def peer_at(server: RunningServer) -> AsyncIterator[PeerMaker]:
    """Makes bare sockets that speak to the server: `await peer_at()`, or with a `source`."""
    with ExitStack() as stack:

        async def make(source: str = "127.0.0.1") -> SipSocket:
            made = await SipSocket.open(server.sip, source=source)
            stack.callback(made.close)
            return made

        yield make
