"""One browser's connection: ICE and DTLS over the socket of a secure media leg.

The few datagrams of both pass through here; as soon as there are keys and a path, the engine does
the rest. Everything that comes is from anybody, until a check or a handshake has proved otherwise.
"""

import asyncio
import logging
import secrets
from collections.abc import Callable
from enum import Enum
from typing import Protocol, TypeAlias

from telephony.tasks import TaskScope
from telephony.webrtc.dtls import DtlsFailed, DtlsServer
from telephony.webrtc.ice import Effect, IceLite, Send
from telephony.webrtc.parameters import Address, IceCredentials, LocalTransport, RemoteTransport

log = logging.getLogger(__name__)

CONNECT_SECONDS = 30.0
OnDatagram: TypeAlias = Callable[[bytes, Address], None]


class SecureLeg(Protocol):
    """What a session needs of the engine's leg."""

    address: Address
    on_datagram: OnDatagram | None

    def set_keys(self, *, profile: int, ours: bytes, theirs: bytes) -> None: ...

    def set_peer(self, address: Address) -> None: ...

    def send_datagram(self, data: bytes, address: Address) -> None: ...


class SessionState(Enum):
    NEW = "new"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    ENDED = "ended"


_MOVES = {
    SessionState.NEW: {SessionState.CONNECTING, SessionState.ENDED},
    SessionState.CONNECTING: {SessionState.CONNECTED, SessionState.ENDED},
    SessionState.CONNECTED: {SessionState.ENDED},
    SessionState.ENDED: set[SessionState](),
}


class WebRtcSession:
    """Tells `on_connected` once sound can pass; later `on_lost`; or `on_failed` and nothing more.

    The leg stays its owner's, who closes this first: a goodbye goes over the leg's socket.
    """

    def __init__(
        self,
        leg: SecureLeg,
        *,
        on_connected: Callable[[], None],
        on_failed: Callable[[str], None],
        on_lost: Callable[[str], None],
        public_host: str | None = None,
    ) -> None:
        """`public_host` is where browsers outside find us, beside the leg's own address."""
        self._leg = leg
        self._on_connected = on_connected
        self._on_failed = on_failed
        self._on_lost = on_lost
        self._state = SessionState.NEW
        self._dtls = DtlsServer(self._send_dtls)
        credentials = IceCredentials.made(secrets.token_hex)
        self._ice = IceLite(credentials)
        self._dtls_peer: Address | None = None
        self._nominated = asyncio.Event()
        self._tasks = TaskScope()
        self.local = LocalTransport(credentials, self._dtls.fingerprint, leg.address, public_host)
        leg.on_datagram = self._take

    @property
    def state(self) -> SessionState:
        return self._state

    def start(self, remote: RemoteTransport) -> None:
        """Go on as soon as the browser's side is known; once."""
        self._enter(SessionState.CONNECTING)
        self._obey(self._ice.set_remote(remote.credentials.ufrag, now=self._now()))
        self._tasks.start(self._live(remote), name="webrtc session")

    def update(self, local: LocalTransport, remote: RemoteTransport) -> None:
        """Follow a change of the session: an ICE restart brings new credentials of both sides."""
        if local.credentials != self.local.credentials:
            self._ice.restart(local.credentials)
            self.local = local
        self._obey(self._ice.set_remote(remote.credentials.ufrag, now=self._now()))

    async def close(self) -> None:
        """Say goodbye and listen no more; nothing is told after this."""
        if self._state is not SessionState.ENDED:
            self._enter(SessionState.ENDED)
        await self._tasks.close()
        await self._dtls.close()

    # --- datagrams

    def _take(self, data: bytes, source: Address) -> None:
        if data[0] < 4:
            self._obey(self._ice.receive(data, source, now=self._now()))
        elif self._ice.has_checked(source):
            # Of an address that showed our password: a stranger's could end the handshake.
            self._dtls_peer = source
            self._dtls.receive(data)

    def _obey(self, effects: list[Effect]) -> None:
        for effect in effects:
            if isinstance(effect, Send):
                self._leg.send_datagram(effect.data, effect.to)
            else:
                self._leg.set_peer(effect.address)
                self._nominated.set()

    def _send_dtls(self, data: bytes) -> None:
        to = self._ice.nominated or self._dtls_peer
        if to is not None:
            self._leg.send_datagram(data, to)

    # --- its life

    async def _live(self, remote: RemoteTransport) -> None:
        try:
            reason = await self._connect(remote)
        except Exception:
            log.exception("webrtc session failed")
            reason = "an error of ours"
        if reason is not None:
            self._enter(SessionState.ENDED)
            self._on_failed(reason)
            return
        self._enter(SessionState.CONNECTED)
        self._on_connected()
        reason = await self._watch()
        self._enter(SessionState.ENDED)
        self._on_lost(reason)

    async def _connect(self, remote: RemoteTransport) -> str | None:
        """Why there is no connection; None when there is one."""
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                keys = await self._dtls.handshake(remote.fingerprints)
                self._leg.set_keys(profile=keys.profile, ours=keys.ours, theirs=keys.theirs)
                await self._nominated.wait()
        except DtlsFailed as failure:
            return str(failure)
        except TimeoutError:
            if self._nominated.is_set():
                return "the browser did not finish the DTLS handshake"
            return "no packet of the browser found a way to this server"
        return None

    async def _watch(self) -> str:
        """Until the browser has gone; returns how."""
        while True:
            until = self._ice.consent_until
            assert until is not None
            if until <= self._now():
                return "nothing was heard of the browser for 30 seconds"
            try:
                async with asyncio.timeout_at(until):
                    await self._dtls.ended()
            except TimeoutError:
                continue
            return "the browser closed the connection"

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _enter(self, state: SessionState) -> None:
        if state not in _MOVES[self._state]:
            raise RuntimeError(f"webrtc session: {self._state.value} -> {state.value}")
        self._state = state
        if state is SessionState.ENDED:
            self._leg.on_datagram = None
