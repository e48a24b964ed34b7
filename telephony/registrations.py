"""Registers phones, forgets those that fall silent, and tells the world and the dispatchers."""

import secrets
from typing import TYPE_CHECKING

from config.tenancy import TenantId
from telephony.directory import PhoneUser
from telephony.events import PhoneRegistered, PhoneUnregistered
from telephony.registrar import Change, Registered

if TYPE_CHECKING:
    import asyncio

    from telephony.calls.context import CallContext
    from telephony.sip.message import Request, Response
    from telephony.transport.flow import Flow


class Registrations:
    """The registrar with its clock and its consequences."""

    def __init__(self, context: "CallContext") -> None:
        self._context = context
        self._expiry: asyncio.TimerHandle | None = None

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

    def close(self) -> None:
        if self._expiry is not None:
            self._expiry.cancel()

    def _arm(self) -> None:
        due = self._context.registrar.next_timeout()
        self.close()
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
                reachable = bool(context.registrar.bindings(tenant_id, phone.user))
                dispatcher.set_reachable(phone.agent_id, reachable)
