"""The live event feed `GET /ws/v1/events`: a snapshot, then every later event, numbered.

Sequence numbers count per tenant and process. A client that is too slow, or that finds a gap in
the numbers, connects again and gets a new snapshot.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from aiohttp import WSCloseCode, WSMsgType, web

from casecore.permissions import Permission
from routing.events import AgentStateChanged, WorkOffered
from server.auth.principal import Principal
from server.auth.tokens import AccessToken, AccessTokens, InvalidToken
from server.event_codec import Event, call_of, encode
from telephony.events import (
    CallEnded,
    LegStarted,
    PhoneRegistered,
    PhoneUnregistered,
)
from telephony.trunk_status import TrunkStateChanged

if TYPE_CHECKING:
    from config.tenancy import TenantId

log = logging.getLogger(__name__)

_QUEUE_EVENTS = 1_000
"""Events a client may lag behind before it is cut off."""
_SIGN_IN_SECONDS = 5.0
_SIGN_IN_BYTES = 8_192
_HEARTBEAT_SECONDS = 20.0
_MAX_SUBSCRIBERS = 1_000

UNAUTHENTICATED = 4401
"""Close code: no valid token came in time, or the one given has expired or become worthless."""

Snapshot = Callable[[Principal], Mapping[str, Any]]
"""The present state of what the person may see, as JSON-ready data."""


@dataclass(eq=False, slots=True)
class _Subscriber:
    who: Principal
    queue: asyncio.Queue[bytes | None] = field(
        default_factory=lambda: asyncio.Queue(_QUEUE_EVENTS + 1)
    )
    lagging: bool = False
    refused: bool = False
    """The person may not listen any more."""

    def offer(self, message: bytes) -> None:
        if self.lagging:
            return
        if self.queue.qsize() >= _QUEUE_EVENTS:
            self.lagging = True
            self.queue.put_nowait(None)
            return
        self.queue.put_nowait(message)

    def refuse(self) -> None:
        """End it now; what was waiting to be sent is not."""
        self.lagging = self.refused = True
        while not self.queue.empty():
            self.queue.get_nowait()
        self.queue.put_nowait(None)


class EventFeed:
    """Fans events out to the WebSockets of those who may see them."""

    def __init__(self, tokens: AccessTokens, snapshot: Snapshot) -> None:
        self._tokens = tokens
        self._snapshot = snapshot
        self._subscribers: dict[TenantId, set[_Subscriber]] = {}
        self._sequence: dict[TenantId, int] = {}
        self._agents_of_call: dict[Any, set[Any]] = {}
        self.subscribers = 0

    def publish(self, event: Event) -> None:
        """Handler for every event of the bus."""
        self._follow(event)
        tenant = event.tenant_id
        self._sequence[tenant] = number = self._sequence.get(tenant, 0) + 1
        listeners = self._subscribers.get(tenant)
        if listeners:
            encoded = encode(event)
            message = b'{"sequence":%d,"type":"%b","data":%b}' % (
                number,
                encoded.name.encode(),
                encoded.data,
            )
            for subscriber in listeners:
                if self._may_see(subscriber.who, event):
                    subscriber.offer(message)
        if isinstance(event, CallEnded):
            self._agents_of_call.pop(event.call_id, None)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve one WebSocket until it closes, its token expires, or it lags behind."""
        if self.subscribers >= _MAX_SUBSCRIBERS:
            return web.Response(status=503, headers={"Retry-After": "5"})
        socket = web.WebSocketResponse(
            heartbeat=_HEARTBEAT_SECONDS, max_msg_size=_SIGN_IN_BYTES, protocols=("murima.events",)
        )
        await socket.prepare(request)
        self.subscribers += 1
        try:
            token = await self._sign_in(request, socket)
            if token is None:
                await socket.close(code=UNAUTHENTICATED, message=b"sign in first")
            else:
                await self._serve(socket, token)
        finally:
            self.subscribers -= 1
        return socket

    def refuse_strangers(self) -> None:
        """End the feeds of those whose token has just become worthless."""
        for listeners in self._subscribers.values():
            for subscriber in listeners:
                if not subscriber.refused and not self._tokens.admits(subscriber.who):
                    subscriber.refuse()

    def close(self) -> None:
        """Let every client go: the server stops."""
        for listeners in self._subscribers.values():
            for subscriber in listeners:
                subscriber.lagging = True
                with suppress(asyncio.QueueFull):
                    subscriber.queue.put_nowait(None)

    async def _sign_in(
        self, request: web.Request, socket: web.WebSocketResponse
    ) -> AccessToken | None:
        """The token of the Authorization header, or of a first message: browsers set no header."""
        scheme, _, value = request.headers.get("Authorization", "").partition(" ")
        try:
            if scheme.lower() == "bearer":
                return self._tokens.read(value.strip())
            async with asyncio.timeout(_SIGN_IN_SECONDS):
                message = await socket.receive()
            if message.type is not WSMsgType.TEXT:
                return None
            return self._tokens.read(str(json.loads(message.data)["token"]))
        except (InvalidToken, TimeoutError, ValueError, KeyError, TypeError):
            return None

    async def _serve(self, socket: web.WebSocketResponse, token: AccessToken) -> None:
        who = token.principal
        subscriber = _Subscriber(who)
        listeners = self._subscribers.setdefault(who.tenant_id, set())
        listeners.add(subscriber)
        # Between here and the first send nothing awaits: snapshot and events fit without a gap.
        first = {
            "sequence": self._sequence.get(who.tenant_id, 0),
            "type": "Snapshot",
            "data": self._snapshot(who),
        }
        try:
            async with asyncio.timeout(_seconds_until(token.expires_at)):
                await socket.send_str(json.dumps(first, default=str))
                async with asyncio.TaskGroup() as tasks:
                    sending = tasks.create_task(self._send(socket, subscriber))
                    receiving = tasks.create_task(self._receive(socket))
                    await asyncio.wait((sending, receiving), return_when=asyncio.FIRST_COMPLETED)
                    sending.cancel()
                    # Or it would take the answer to our closing, and end the connection too early.
                    receiving.cancel()
            if subscriber.refused:
                await socket.close(code=UNAUTHENTICATED, message=b"sign in again")
            else:
                await socket.close(code=WSCloseCode.TRY_AGAIN_LATER, message=b"connect again")
        except TimeoutError:
            await socket.close(code=UNAUTHENTICATED, message=b"the token has expired")
        finally:
            listeners.discard(subscriber)

    async def _send(self, socket: web.WebSocketResponse, subscriber: _Subscriber) -> None:
        with suppress(ConnectionError):
            while (message := await subscriber.queue.get()) is not None:
                await socket.send_str(message.decode())

    async def _receive(self, socket: web.WebSocketResponse) -> None:
        """Clients have nothing to say; reading notices that they went away."""
        async for _ in socket:
            pass

    def _follow(self, event: Event) -> None:
        """Remember which agents take part in which call: agents see only their own."""
        if isinstance(event, LegStarted) and event.agent_id is not None:
            self._agents_of_call.setdefault(event.call_id, set()).add(event.agent_id)
        elif isinstance(event, WorkOffered):
            self._agents_of_call.setdefault(event.work_id, set()).add(event.agent_id)

    def _may_see(self, who: Principal, event: Event) -> bool:
        if isinstance(event, AgentStateChanged):
            return who.may(Permission.SEE_AGENTS)
        if isinstance(event, PhoneRegistered | PhoneUnregistered | TrunkStateChanged):
            return who.may(Permission.SEE_CONFIGURATION)
        if who.may(Permission.SEE_ALL_CALLS):
            return True
        own = self._agents_of_call.get(call_of(event), ())
        return who.may(Permission.SEE_OWN_CALLS) and who.agent_id in own


def _seconds_until(moment: datetime) -> float:
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
