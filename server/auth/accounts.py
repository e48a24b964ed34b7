"""Who may come in now: what lets an access token be refused before it expires.

A token carries role and agent, so that no request asks the database. What it says is compared with
this copy of the users, which is read again whenever the database tells that one was changed.
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from casecore.db.database import Database
from casecore.store import tenants, users
from config.tenancy import TenantId
from server.auth.principal import Principal

if TYPE_CHECKING:
    from uuid import UUID

    from casecore.permissions import Role


class Accounts:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._enabled: dict[TenantId, dict[UUID, tuple[Role, UUID | None]]] = {}
        self._phones: dict[TenantId, dict[UUID, str | None]] = {}
        # One reading at a time: a slow one must not put back what a later one has replaced.
        self._reading = asyncio.Lock()
        self._followers: list[Callable[[], None]] = []

    def admits(self, who: Principal) -> bool:
        """Whether the person is enabled and still has the role and the agent of the token."""
        known = self._enabled.get(who.tenant_id, {}).get(who.user_id)
        return known == (who.role, who.agent_id)

    def phone_of(self, who: Principal) -> str | None:
        """The phone at which the person is rung."""
        return self._phones.get(who.tenant_id, {}).get(who.user_id)

    def follow(self, told: Callable[[], None]) -> None:
        """Have `told` called after every reading."""
        self._followers.append(told)

    async def refresh(self, tenant_id: TenantId) -> None:
        """Read the tenant's users again; raises DatabaseError."""
        async with self._reading:
            async with self._database.tenant_tx(tenant_id) as db:
                rows = await users.list_enabled_users(db, tenant_id)
            self._enabled[tenant_id] = {row.id: (row.role, row.agent_id) for row in rows}
            self._phones[tenant_id] = {row.id: row.phone for row in rows}
        for told in self._followers:
            told()

    async def refresh_all(self) -> None:
        """Read every tenant's users again; raises DatabaseError."""
        async with self._database.system_tx() as db:
            every = await tenants.list_tenants(db)
        for tenant in every:
            await self.refresh(tenant.id)
