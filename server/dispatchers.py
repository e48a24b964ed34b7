"""One dispatcher per tenant, made when the tenant is first configured, run until the end."""

import asyncio
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from uuid import uuid4

from config.tenancy import TenantId
from routing.dispatcher import Dispatcher, OfferPort
from routing.events import RoutingEvent

log = logging.getLogger(__name__)


class UnknownTenant(LookupError):
    """No dispatcher was ever configured for that tenant."""


class Dispatchers:
    def __init__(
        self, tasks: asyncio.TaskGroup, port: OfferPort, publish: Callable[[RoutingEvent], None]
    ) -> None:
        self._tasks = tasks
        self._port = port
        self._publish = publish
        self._running: dict[TenantId, tuple[Dispatcher, asyncio.Task[None]]] = {}

    def of(self, tenant_id: TenantId) -> Dispatcher:
        """The tenant's dispatcher; raises UnknownTenant."""
        dispatcher = self.find(tenant_id)
        if dispatcher is None:
            raise UnknownTenant(str(tenant_id))
        return dispatcher

    def find(self, tenant_id: TenantId) -> Dispatcher | None:
        """The tenant's dispatcher, if its configuration was read already."""
        running = self._running.get(tenant_id)
        return running[0] if running is not None else None

    def open(self, tenant_id: TenantId) -> Dispatcher:
        """The tenant's dispatcher, started now if it is new."""
        if tenant_id not in self._running:
            dispatcher = Dispatcher(
                tenant_id,
                self._port,
                self._publish,
                clock=asyncio.get_running_loop().time,
                utcnow=lambda: datetime.now(UTC),
                new_id=uuid4,
            )
            task = self._tasks.create_task(dispatcher.run(), name=f"dispatcher {tenant_id}")
            self._running[tenant_id] = (dispatcher, task)
        return self._running[tenant_id][0]

    def tenants(self) -> tuple[TenantId, ...]:
        return tuple(self._running)

    def stop(self) -> None:
        """End all of them; open offers are withdrawn."""
        for _, task in self._running.values():
            task.cancel()
