"""One connection that hears what PostgreSQL is told by `notify`, until it is lost."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import asyncpg

_SILENCE_SECONDS = 20.0
"""After so long without a word the connection is tried: the other side may have vanished."""


class Listening:
    """What was heard on one channel and not yet taken."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._connection = connection
        self._heard: set[str] = set()
        self._woken = asyncio.Event()

    async def heard(self) -> set[str]:
        """Every message since the last time, once each; waits for one. Raises asyncpg's errors."""
        while not self._heard:
            if self._connection.is_closed():
                raise ConnectionError("the listening connection was closed")
            try:
                async with asyncio.timeout(_SILENCE_SECONDS):
                    await self._woken.wait()
            except TimeoutError:
                await self._connection.execute("select 1")
            self._woken.clear()
        heard, self._heard = self._heard, set()
        return heard

    def hear(self, _connection: object, _pid: int, _channel: str, message: str) -> None:
        self._heard.add(message)
        self._woken.set()

    def wake(self, _connection: object) -> None:
        self._woken.set()


@asynccontextmanager
async def listening(connection: asyncpg.Connection, channel: str) -> AsyncIterator[Listening]:
    heard = Listening(connection)
    connection.add_termination_listener(heard.wake)
    await connection.add_listener(channel, heard.hear)
    try:
        yield heard
    finally:
        # A lost connection has forgotten its listeners already.
        with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            connection.remove_termination_listener(heard.wake)
            await connection.remove_listener(channel, heard.hear)
