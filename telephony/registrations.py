"""Registers phones, forgets those that fall silent, and tells the world and the dispatchers."""

import asyncio
import logging
import secrets
from typing import TYPE_CHECKING

from config.tenancy import TenantId
from telephony.directory import PhoneUser
from telephony.events import PhoneRegistered, PhoneUnregistered
from telephony.registrar import Change, Registered

if TYPE_CHECKING:
    from telephony.calls.context import CallContext
    from telephony.sip.message import Request, Response
    from telephony.transport.flow import Flow


log = logging.getLogger(__name__)

_SAVE_SECONDS = 1.0


class Registrations:
    """The registrar with its clock and its consequences."""

    def __init__(self, context: "CallContext", tasks: asyncio.TaskGroup) -> None:
        self._context = context
        self._tasks = tasks
        self._expiry: asyncio.TimerHandle | None = None
        self._saving: asyncio.TimerHandle | None = None
        self._writing = asyncio.Lock()

    async def restore(self) -> None:
        """Take back what was kept at the last end; the endpoint must be listening."""
        context = self._context
        kept = await context.bindings.read()
        known = [
            binding
            for binding in kept
            if context.directory.phone(binding.tenant_id, binding.user) is not None
            and binding.flow.local[1] == context.endpoint.bound["udp"][1]
        ]
        now, utc = context.loop.time(), context.utcnow().timestamp()
        self._tell(context.registrar.restore(known, now=now, utc=utc))
        self._arm()

    def receive_register(self, request: "Request", flow: "Flow", phone: PhoneUser) -> "Response":
        response, changes = self._context.registrar.receive_register(
            request,
            flow,
            phone,
            now=self._context.loop.time(),
            to_tag=secrets.token_hex(8),
        )
        self._tell(changes)
        self._arm()
        self._save_soon()
        return response

    def drop_flow(self, flow: "Flow") -> None:
        """A connection was closed."""
        self._tell(self._context.registrar.drop_flow(flow))

    def phones(self, tenant_id: TenantId) -> dict[str, tuple[str, ...]]:
        """Every phone of the tenant, and where it is registered."""
        context = self._context
        return {
            phone.user: tuple(
                str(b.contact) for b in context.registrar.bindings(tenant_id, phone.user)
            )
            for phone in context.directory.phones(tenant_id)
        }

    def refresh_reachability(self) -> None:
        """Tell the dispatchers again which agents' phones are registered."""
        for tenant_id in {phone.tenant_id for phone in self._context.directory.all_phones()}:
            self._note_reachable(tenant_id)

    async def close(self) -> None:
        """Keep what there is for the next start."""
        for timer in (self._expiry, self._saving):
            if timer is not None:
                timer.cancel()
        self._saving = None
        await self._save()

    def _save_soon(self) -> None:
        """Not for each of a thousand phones that register in the same second."""
        if self._saving is None:
            self._saving = self._context.loop.call_later(_SAVE_SECONDS, self._begin_saving)

    def _begin_saving(self) -> None:
        self._saving = None
        self._tasks.create_task(self._save(), name="keep registrations")

    async def _save(self) -> None:
        context = self._context
        async with self._writing:
            now, utc = context.loop.time(), context.utcnow().timestamp()
            kept = context.registrar.keep(now=now, utc=utc)
            try:
                await context.bindings.write(kept)
            except OSError as error:
                log.error("registrations cannot be kept", extra={"error": str(error)})

    def _arm(self) -> None:
        due = self._context.registrar.next_timeout()
        if self._expiry is not None:
            self._expiry.cancel()
        self._expiry = None
        if due is not None:
            self._expiry = self._context.loop.call_at(due + 0.01, self._expire)

    def _expire(self) -> None:
        self._tell(self._context.registrar.expire(now=self._context.loop.time()))
        self._arm()

    def _tell(self, changes: list[Change]) -> None:
        for change in changes:
            self._context.publish(self._fact(change))
        for tenant_id in {change.tenant_id for change in changes}:
            self._note_reachable(tenant_id)

    def _fact(self, change: Change) -> PhoneRegistered | PhoneUnregistered:
        at = self._context.utcnow()
        if isinstance(change, Registered):
            return PhoneRegistered(
                tenant_id=change.tenant_id,
                at=at,
                user=change.user,
                contact=change.contact,
                expires_seconds=change.expires_seconds,
            )
        return PhoneUnregistered(
            tenant_id=change.tenant_id,
            at=at,
            user=change.user,
            contact=change.contact,
            reason=change.reason,
        )

    def _note_reachable(self, tenant_id: TenantId) -> None:
        context = self._context
        dispatcher = context.dispatchers(tenant_id)
        for phone in context.directory.phones(tenant_id):
            if phone.agent_id is not None:
                bindings = context.registrar.bindings(tenant_id, phone.user)
                reachable = any(b.flow not in context.silent_flows for b in bindings)
                dispatcher.set_reachable(phone.agent_id, reachable)
