"""Whether the server can do all of its work now, and what is missing when it cannot."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from casecore.db.errors import DatabaseError

_PING_SECONDS = 2.0
_GOOD_FOR_SECONDS = 1.0
"""How long an answer of the database counts: anybody may ask, however often."""


class Readiness:
    """Asked by `/readyz`; each part says for itself whether it works."""

    def __init__(
        self,
        parts: Mapping[str, Callable[[], bool]],
        ping: Callable[[], Awaitable[None]],
        *,
        clock: Callable[[], float],
    ) -> None:
        self._parts = parts
        self._ping = ping
        self._clock = clock
        self._asking = asyncio.Lock()
        self._asked_at: float | None = None
        self._answers = False

    async def missing(self) -> list[str]:
        """Names of what does not work now; empty when the server is ready."""
        database = [] if await self._database_answers() else ["database"]
        return database + [name for name, works in self._parts.items() if not works()]

    async def _database_answers(self) -> bool:
        async with self._asking:
            now = self._clock()
            if self._asked_at is None or now - self._asked_at >= _GOOD_FOR_SECONDS:
                self._answers = await self._asked()
                self._asked_at = self._clock()
            return self._answers

    async def _asked(self) -> bool:
        try:
            async with asyncio.timeout(_PING_SECONDS):
                await self._ping()
        except (DatabaseError, TimeoutError):
            return False
        return True
