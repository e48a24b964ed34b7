"""Keeps what the server holds in memory in step with the database, whoever changed it."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from uuid import UUID

from casecore.db.database import Database
from casecore.db.errors import DatabaseError
from config.tenancy import TenantId
from server.auth.accounts import Accounts

log = logging.getLogger(__name__)

_CHANNEL = "murima_changes"
"""Of the migration that tells."""
_RETRY_SECONDS = 1.0


class Changes:
    """Reads again what the database says was changed."""

    def __init__(
        self, database: Database, accounts: Accounts, reload: Callable[[], Awaitable[None]]
    ) -> None:
        self._database = database
        self._accounts = accounts
        self._reload = reload

    async def run(self) -> None:
        """Listen until cancelled; after every gap everything is read again."""
        listens = True
        while True:
            try:
                async with self._database.listening(_CHANNEL) as told:
                    await self._accounts.refresh_all()
                    await self._reload()
                    listens = True
                    while True:
                        await self._apply(await told.heard())
            except DatabaseError as error:
                if listens:
                    log.warning("changes are not heard of", extra={"error": str(error)})
                listens = False
            except Exception:
                log.exception("a change could not be taken over")
            await asyncio.sleep(_RETRY_SECONDS)

    async def _apply(self, messages: set[str]) -> None:
        parts = [message.partition(" ") for message in messages]
        for kind, _, tenant_id in sorted(parts):
            if kind == "users":
                await self._accounts.refresh(TenantId(UUID(tenant_id)))
        if any(kind == "configuration" for kind, _, _ in parts):
            await self._reload()
