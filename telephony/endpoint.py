"""The SIP endpoint of the server: the user agent bound to its UDP and TCP sockets."""

import asyncio
import logging
import random
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from math import ceil
from typing import TypeVar

from config.settings import SipSettings
from telephony.errors import AddressInUse
from telephony.sip.message import Message, Request, Response
from telephony.sip.parser import BadMessage, parse_message
from telephony.sip.uri import NameAddress, SipUri
from telephony.transport.flow import Address, Flow
from telephony.transport.tcp import Limits
from telephony.transport.transports import Transports
from telephony.transport.ws import BrowserDoor
from telephony.ua.core import Surroundings, UserAgent, UserAgentStatistics
from telephony.ua.handlers import Accept, EndpointHandler, Refuse, Verdict
from telephony.ua.incoming_leg import IncomingLeg
from telephony.ua.leg import LegState, SipLeg
from telephony.ua.leg_handler import Credentials, HeaderFields, LegHandler
from telephony.ua.outgoing_leg import Invitation, OutgoingLeg
from telephony.ua.outside import Registering, RegisterResult
from telephony.ua.trace import trace

T = TypeVar("T")

log = logging.getLogger(__name__)

_TICK = 0.005
"""Deadlines within one tick are served together."""


@dataclass(frozen=True, slots=True)
class EndpointStatistics:
    user_agent: UserAgentStatistics
    connections: int
    connections_refused: int


@dataclass(frozen=True, slots=True)
class Connections:
    """What becomes of stream connections."""

    lost: Callable[[Flow], None] = lambda _: None
    """Told of every one that was closed, by whichever side."""
    newer: Callable[[Flow, SipUri], Flow | None] = lambda _flow, _contact: None
    """How a peer is reached whose connection is gone, if it has opened another."""
    door: BrowserDoor = field(default_factory=BrowserDoor)
    """For browsers; the settings' pages may come as well."""


def _settle(answer: asyncio.Future[T], value: T) -> None:
    if not answer.done():
        answer.set_result(value)


def _token() -> str:
    return secrets.token_hex(10)


class SipEndpoint:
    """Start it before use; everything in it runs on the loop that started it."""

    def __init__(
        self,
        settings: SipSettings,
        handler: EndpointHandler,
        *,
        chance: Callable[[], float] = random.random,
        token: Callable[[], str] = _token,
        connections: Connections | None = None,
    ) -> None:
        connections = connections or Connections()
        self._settings = settings
        self._handler = handler
        self._chance = chance
        self._token = token
        self._connections = connections
        self._traced = trace if settings.trace else None
        self._transports = Transports(
            receive_datagram=self._receive_datagram,
            receive_item=self._receive_item,
            lost=self._lost,
            limits=Limits(settings.max_tcp_connections, settings.max_tcp_connections_per_source),
            door=replace(
                connections.door, origins=connections.door.origins | set(settings.ws_origins)
            ),
            traced=self._traced,
        )
        self._timer: asyncio.TimerHandle | None = None
        self._agent = self._make_agent(lambda: 0.0)
        self._loop: asyncio.AbstractEventLoop | None = None

    async def start(self) -> None:
        """Raises AddressInUse."""
        self._loop = asyncio.get_running_loop()
        self._agent = self._make_agent(self._loop.time)
        settings = self._settings
        await self._transports.start(
            str(settings.host),
            udp_port=settings.udp_port,
            tcp_port=settings.tcp_port,
            ws_port=settings.ws_port,
        )

    async def stop(self) -> None:
        """Close the sockets; calls that still stand are not told."""
        self._loop = None
        if self._timer is not None:
            self._timer.cancel()
        await self._transports.stop()

    @property
    def bound(self) -> dict[str, Address]:
        """Where it listens, by transport."""
        return self._transports.bound

    @property
    def drain(self) -> bool:
        """While true, new calls get 503; those that are there go on."""
        return self._agent.draining

    @drain.setter
    def drain(self, value: bool) -> None:
        self._agent.draining = value

    @property
    def statistics(self) -> EndpointStatistics:
        tcp, ws = self._transports.tcp, self._transports.ws
        return EndpointStatistics(
            self._agent.statistics, len(tcp) + len(ws), tcp.refused + ws.refused
        )

    def invite(  # noqa: PLR0913 - a call has that many sides, all but the first named
        self,
        target: SipUri,
        *,
        handler: LegHandler,
        offer: bytes | None,
        from_: NameAddress,
        to: NameAddress,
        flow: Flow | None = None,
        headers: HeaderFields = (),
        credentials: Credentials | None = None,
    ) -> OutgoingLeg:
        """Call somebody. Nothing is reported to `handler` before this has returned."""
        invitation = Invitation(target, from_, to, offer, flow, headers, credentials)
        return self._agent.invite(invitation, handler)

    async def options(
        self, target: SipUri, flow: Flow | None = None, timeout: float = 5.0
    ) -> int | None:
        """The status a peer answers OPTIONS with; None when it is silent or out of reach."""
        answer = await self.ping(target, flow, timeout)
        return None if answer is None else answer.status

    async def ping(
        self, target: SipUri, flow: Flow | None = None, timeout: float = 5.0
    ) -> Response | None:
        """What a peer answers OPTIONS with, whatever it is; None when it is silent."""
        answer: asyncio.Future[Response | None] = asyncio.get_running_loop().create_future()
        self._agent.outside.options(target, flow, partial(_settle, answer))
        try:
            async with asyncio.timeout(timeout):
                return await answer
        except TimeoutError:
            return None

    async def register(self, registering: Registering) -> RegisterResult:
        """What a registrar answers; its status is None when it is silent or out of reach."""
        answer: asyncio.Future[RegisterResult] = asyncio.get_running_loop().create_future()
        self._agent.outside.register(registering, partial(_settle, answer))
        return await answer

    # inside

    def _make_agent(self, clock: Callable[[], float]) -> UserAgent:
        return UserAgent(
            self._handler,
            self._transports,
            Surroundings(
                clock,
                self._chance,
                self._token,
                self._transports.resolve,
                self._connections.newer,
            ),
            max_transactions=self._settings.max_transactions,
            on_earlier=self._arm,
        )

    def _receive_datagram(self, data: bytes, flow: Flow) -> None:
        if self._traced is not None:
            self._traced("in", flow, data)
        try:
            item: Message | BadMessage = parse_message(data)
        except BadMessage as error:
            item = error
        self._deliver(item, flow)

    def _receive_item(self, item: Message | BadMessage, flow: Flow) -> None:
        if self._traced is not None and not isinstance(item, BadMessage):
            self._traced("in", flow, item.to_bytes())
        self._deliver(item, flow)

    def _deliver(self, item: Message | BadMessage, flow: Flow) -> None:
        try:
            if isinstance(item, Request):
                self._agent.receive_request(item, flow)
            elif isinstance(item, BadMessage):
                self._agent.receive_bad(item, flow)
            else:
                self._agent.receive_response(item)
        except Exception:
            # A fault of ours in one message must not close the socket of all calls.
            log.exception("message could not be handled", extra={"source": flow.remote[0]})

    def _lost(self, flow: Flow) -> None:
        self._agent.flow_failed(flow)
        self._connections.lost(flow)

    def _arm(self, due: float) -> None:
        """One timer for everything; deadlines are rounded up to ticks, so that they gather."""
        if self._loop is None:
            return
        when = ceil(due / _TICK) * _TICK
        if self._timer is not None:
            if not self._timer.cancelled() and self._timer.when() <= when:
                return
            self._timer.cancel()
        self._timer = self._loop.call_at(when, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        if self._loop is None:
            return
        deadlines = self._agent.deadlines
        try:
            deadlines.handle_timeout(now=self._loop.time())
        except Exception:
            log.exception("timer could not be handled")
        due = deadlines.next_timeout()
        if due is not None:
            self._arm(due)


__all__ = [
    "Accept",
    "AddressInUse",
    "Credentials",
    "EndpointHandler",
    "EndpointStatistics",
    "HeaderFields",
    "IncomingLeg",
    "LegHandler",
    "LegState",
    "OutgoingLeg",
    "Refuse",
    "RegisterResult",
    "Registering",
    "SipEndpoint",
    "SipLeg",
    "Verdict",
]
