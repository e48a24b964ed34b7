"""Takes every call that comes in, decides what becomes of it, and keeps those that are alive."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING
from uuid import UUID

from config.tenancy import TenantId
from media.errors import MediaError
from telephony.access import Access, FromPhone, FromTrunk
from telephony.calls.call import Body, Call, CallSnapshot
from telephony.calls.party import Party
from telephony.direct import connect_both, connect_through
from telephony.directory import FlowVersion, PhoneUser
from telephony.errors import UnknownPhone
from telephony.events import CallId, Direction, LegRole
from telephony.features import CODES, TOGGLE_AVAILABLE, run_feature
from telephony.flows import FlowRunner, QueueDesk
from telephony.numbers import caller_of, cleaned, user_of
from telephony.onward import go_on
from telephony.registrations import Registrations
from telephony.sip.offer_answer import BadSdp, NoCommonCodec
from telephony.ua.handlers import Verdict

if TYPE_CHECKING:
    from telephony.calls.context import CallContext
    from telephony.sip.message import Request, Response
    from telephony.transport.flow import Flow
    from telephony.ua.incoming_leg import IncomingLeg

log = logging.getLogger(__name__)

_RETRY_AFTER = (("Retry-After", "5"),)


class Switchboard:
    """Implements `EndpointHandler`. Its calls live in `tasks`, which the owner keeps open."""

    def __init__(
        self, tasks: asyncio.TaskGroup, access: Access, desk: QueueDesk, *, max_calls: int
    ) -> None:
        self._tasks = tasks
        self._access = access
        self._desk = desk
        self._max_calls = max_calls
        self._calls: dict[CallId, Call] = {}
        self._context: CallContext | None = None
        self._registrations: Registrations | None = None
        self._quiet = asyncio.Event()

    def connect(self, context: "CallContext") -> None:
        """Give it its surroundings; comes before the endpoint starts."""
        self._context = context
        self._registrations = Registrations(context, self._tasks)

    @property
    def context(self) -> "CallContext":
        assert self._context is not None, "connect() comes first"
        return self._context

    @property
    def registrations(self) -> Registrations:
        assert self._registrations is not None, "connect() comes first"
        return self._registrations

    # --- EndpointHandler

    def authorise(self, request: "Request", flow: "Flow") -> Verdict:
        return self._access.authorise(request, flow)

    def over_capacity(self) -> bool:
        return len(self._calls) >= self._max_calls

    def receive_register(self, request: "Request", flow: "Flow", principal: object) -> "Response":
        assert isinstance(principal, FromPhone)
        phone = principal.phone
        before = self._pages(phone)
        response = self.registrations.receive_register(request, flow, phone)
        # A page that registers again says nothing about another one, whose connection may be back
        # in a second.
        if self._pages(phone) - before:
            self._notice_new_page(phone)
        return response

    def receive_invite(self, leg: "IncomingLeg", principal: object) -> None:
        called = user_of(leg.request.uri)
        if isinstance(principal, FromTrunk):
            trunk = principal.trunk
            if principal.by_line:
                # Some name in To what was dialled, others our contact once more.
                dialled = user_of(leg.request.to.uri)
                called = (trunk.username or "") if dialled == called else dialled
            call = self._new_call(
                trunk.tenant_id,
                Direction.INBOUND,
                caller=caller_of(leg.request),
                called=called,
                trunk_id=trunk.id,
            )
            version = self._flow_of(trunk.tenant_id, called)
            if version is None:
                self._refuse(call, leg, 404)
            else:
                self._begin_flow(call, leg, version)
            return
        assert isinstance(principal, FromPhone)
        self._from_phone(leg, principal.phone, called)

    # --- for REST and the composition root

    def calls(self, tenant_id: TenantId | None = None) -> tuple[CallSnapshot, ...]:
        """The live calls, oldest first; of one tenant, or all."""
        return tuple(
            call.snapshot()
            for call in self._calls.values()
            if tenant_id is None or call.tenant_id == tenant_id
        )

    def running(self) -> Iterable[Call]:
        """Every call that is alive, of all tenants."""
        return self._calls.values()

    def __len__(self) -> int:
        return len(self._calls)

    def hang_up(self, tenant_id: TenantId, call_id: UUID, cause: str = "supervisor") -> bool:
        """End a call of the tenant; False when there is none of that id."""
        call = self.find(tenant_id, call_id)
        if call is None:
            return False
        call.end(cause)
        return True

    def find(self, tenant_id: TenantId, call_id: UUID) -> Call | None:
        """A live call of the tenant."""
        call = self._calls.get(CallId(call_id))
        return call if call is not None and call.tenant_id == tenant_id else None

    def originate(self, tenant_id: TenantId, from_user: str, to: str) -> CallId:
        """Ring a phone of ours; when it answers, call `to` and join both.

        Raises UnknownPhone.
        """
        phone = self.context.directory.phone(tenant_id, from_user)
        if phone is None:
            raise UnknownPhone(from_user)
        call = self._new_call(tenant_id, Direction.OUTBOUND, caller=from_user, called=cleaned(to))
        call.announce()
        version = self._flow_of(tenant_id, call.called)

        async def flow(party: Party) -> str:
            assert version is not None
            return await FlowRunner(call, party, version, self._desk).run()

        async def body(call: Call) -> str:
            return await connect_both(call, phone, None if version is None else flow)

        self._start(call, body, agent_of=phone)
        return call.id

    async def drain(self, seconds: float) -> None:
        """Let calls finish for a while, then end those that are left."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._until_quiet()
        for call in list(self._calls.values()):
            call.end("shutdown")
        await self._until_quiet()
        await self.registrations.close()

    # --- what becomes of a call

    def _notice_new_page(self, phone: PhoneUser) -> None:
        """A browser that registered under another name has another page: what was in the old one
        is gone, though nobody hung up."""
        pages = self._pages(phone)
        for call in list(self._calls.values()):
            if call.tenant_id != phone.tenant_id:
                continue
            for party in list(call.parties):
                page = party.page
                if party.name == phone.user and page is not None and page not in pages:
                    party.note_page_gone()

    def _pages(self, phone: PhoneUser) -> set[str | None]:
        """What the phone's browsers call themselves."""
        bindings = self.context.registrar.bindings(phone.tenant_id, phone.user)
        return {binding.contact.user for binding in bindings if binding.flow.is_browser}

    def _from_phone(self, leg: "IncomingLeg", phone: PhoneUser, called: str) -> None:
        tenant_id = phone.tenant_id
        version = self._flow_of(tenant_id, called)
        known = version is not None or called in CODES
        outside = not known and self.context.directory.phone(tenant_id, called) is None
        direction = Direction.OUTBOUND if outside else Direction.INTERNAL
        call = self._new_call(tenant_id, direction, caller=phone.user, called=called)
        if called in CODES:
            self._answer_and_run(call, leg, phone, lambda c, party: run_feature(c, party, phone))
        elif version is not None:
            self._begin_flow(call, leg, version, phone)
        else:
            self._connect_through(call, leg, phone)

    def _begin_flow(
        self,
        call: Call,
        leg: "IncomingLeg",
        version: FlowVersion,
        phone: PhoneUser | None = None,
    ) -> None:
        async def run(call: Call, party: Party) -> str:
            return await FlowRunner(call, party, version, self._desk).run()

        self._answer_and_run(call, leg, phone, run)

    def _answer_and_run(
        self,
        call: Call,
        leg: "IncomingLeg",
        phone: PhoneUser | None,
        run: Callable[[Call, Party], Awaitable[str]],
    ) -> None:
        """Answer at once, then let `run` talk to the caller."""
        party = self._admit(call, leg, phone)
        if party is None:
            return
        sdp = self._answer_to(call, leg, party)
        if sdp is None:
            return
        leg.answer(sdp)
        party.note_answered()
        call.note_answered()

        async def body(call: Call) -> str:
            # A caller whose offer was late hears nothing before the ACK has brought the answer.
            await party.agreed
            return await run(call, party)

        self._start(call, body, agent_of=None if call.called == TOGGLE_AVAILABLE else phone)

    def _connect_through(self, call: Call, leg: "IncomingLeg", phone: PhoneUser) -> None:
        """A phone calls another phone or the outside: it is answered when the other end is."""
        party = self._admit(call, leg, phone)
        if party is None:
            return
        sdp = self._answer_to(call, leg, party)
        if sdp is None:
            return
        leg.ring()

        async def body(call: Call) -> str:
            return await connect_through(call, party, leg, sdp)

        self._start(call, body, agent_of=phone)

    # --- how a call begins and ends

    def _new_call(
        self,
        tenant_id: TenantId,
        direction: Direction,
        *,
        caller: str,
        called: str,
        trunk_id: UUID | None = None,
    ) -> Call:
        return Call(
            self.context, tenant_id, direction, caller=caller, called=called, trunk_id=trunk_id
        )

    def _admit(self, call: Call, leg: "IncomingLeg", phone: PhoneUser | None) -> Party | None:
        """The caller's party, or None after refusing the call."""
        agent_id = phone.agent_id if phone is not None else None
        try:
            party = call.add_party(
                LegRole.CALLER,
                call.caller,
                agent_id=agent_id,
                in_browser=leg.flow.is_browser,
                is_phone=phone is not None,
            )
        except MediaError as error:
            log.warning("call refused for want of media", extra={"reason": error.code})
            self._refuse(call, leg, 503, headers=_RETRY_AFTER)
            return None
        leg.handler = party
        party.hooks.ended = lambda cause: call.caller_gone(_caller_cause(cause))
        call.announce()
        party.attach(leg)
        return party

    def _answer_to(self, call: Call, leg: "IncomingLeg", party: Party) -> bytes | None:
        """Our session description, or None after refusing the call."""
        try:
            return party.accept_offer(leg.remote_sdp)
        except NoCommonCodec:
            call.sip_status = 488
        except BadSdp as error:
            log.info("session description refused", extra={"reason": str(error)})
            call.sip_status = 400
        leg.refuse(call.sip_status)
        call.end("refused")
        self._start(call, _nothing, agent_of=None)
        return None

    def _refuse(
        self,
        call: Call,
        leg: "IncomingLeg",
        status: int,
        *,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        """A call that never had a party: refused, and on record."""
        leg.refuse(status, headers=headers)
        call.announce()
        call.sip_status = status
        call.end("refused")
        self._start(call, _nothing, agent_of=None)

    def _start(self, call: Call, body: Body, *, agent_of: PhoneUser | None) -> None:
        self._calls[call.id] = call
        self._tasks.create_task(self._live(call, body, agent_of), name=f"call {call.id}")

    async def _live(self, call: Call, body: Body, phone: PhoneUser | None) -> None:
        agent_id = phone.agent_id if phone is not None else None
        dispatcher = self.context.dispatchers(call.tenant_id)
        if agent_id is not None:
            dispatcher.occupy(agent_id)

        async def whole(call: Call) -> str:
            cause = await body(call)
            while (onward := call.take_onward()) is not None:
                cause = await go_on(call, onward, self._desk)
            return cause

        try:
            await call.run(whole)
        finally:
            if agent_id is not None:
                dispatcher.vacate(agent_id)
            del self._calls[call.id]
            self._quiet.set()

    async def _until_quiet(self) -> None:
        while self._calls:
            self._quiet.clear()
            await self._quiet.wait()

    def _flow_of(self, tenant_id: TenantId, number: str) -> FlowVersion | None:
        return self.context.directory.flow_of_number(tenant_id, number)


def _caller_cause(cause: str) -> str:
    return "caller_hung_up" if cause == "remote_hung_up" else cause


async def _nothing(_: Call) -> str:
    return "refused"
