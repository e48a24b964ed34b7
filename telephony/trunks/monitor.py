"""Watches the trunks: pings them, keeps our registrations with them, and tells what changed."""

import asyncio
import logging
import secrets
from collections.abc import Callable, Coroutine, Iterable
from datetime import datetime, timedelta
from itertools import count
from typing import Any, Protocol
from uuid import UUID

from config.settings import TrunkSettings
from config.tenancy import TenantId
from telephony.directory import Trunk
from telephony.sip.uri import SipUri
from telephony.trunk_status import (
    OFF,
    RegistrationState,
    TrunkState,
    TrunkStateChanged,
    TrunkStatus,
)
from telephony.trunks.liveness import Liveness
from telephony.trunks.registration import RegisterAnswer, Registration
from telephony.ua.leg_handler import Credentials
from telephony.ua.outside import Registering, RegisterResult

log = logging.getLogger(__name__)

_PING_SECONDS = 5.0
"""How long a ping may stay unanswered."""
_GOODBYE_SECONDS = 2.0
_AFTER_A_FAULT_SECONDS = 30.0


class Peers(Protocol):
    """What is needed of the SIP endpoint."""

    async def options(self, target: SipUri, *, timeout: float) -> int | None: ...
    async def register(self, registering: Registering) -> RegisterResult: ...


class Trunks:
    """Configure it at any time; it begins to ask the trunks when it is started."""

    def __init__(
        self,
        peers: Peers,
        tasks: asyncio.TaskGroup,
        settings: TrunkSettings,
        *,
        line_of: Callable[[Trunk], str],
        publish: Callable[[TrunkStateChanged], None],
        utcnow: Callable[[], datetime],
    ) -> None:
        """`line_of` names our contact at a trunk: nobody else may guess it."""
        self._peers = peers
        self._tasks = tasks
        self._settings = settings
        self._line_of = line_of
        self._publish = publish
        self._utcnow = utcnow
        self._watched: dict[UUID, _Watched] = {}
        self._lines: dict[str, Trunk] = {}
        self._started = False

    def configure(self, trunks: Iterable[Trunk]) -> None:
        """These are all that are enabled; those that stay as they were are left alone."""
        wanted = {trunk.id: trunk for trunk in trunks}
        left = [w for w in self._watched.values() if wanted.get(w.trunk.id) != w.trunk]
        for watched in left:
            del self._watched[watched.trunk.id]
        for id, trunk in wanted.items():
            if id not in self._watched:
                self._watched[id] = self._watch(trunk)
        self._lines = {w.line: w.trunk for w in self._watched.values() if w.trunk.register}
        for watched in left:
            # A line that goes on is registered anew, and a goodbye could be the later one.
            leaving = watched.stop(goodbye=watched.line not in self._lines)
            self._tasks.create_task(leaving, name="leave trunk")

    def start(self) -> None:
        """Comes once the endpoint listens."""
        self._started = True
        for watched in self._watched.values():
            watched.start()

    async def close(self) -> None:
        """Take back our registrations, all at once and not for long."""
        watched, self._watched, self._started = list(self._watched.values()), {}, False
        await asyncio.gather(*(each.stop() for each in watched))

    def all(self) -> list[tuple[Trunk, TrunkStatus]]:
        return [(watched.trunk, watched.status) for watched in self._watched.values()]

    def status(self, tenant_id: TenantId, trunk_id: UUID) -> TrunkStatus:
        watched = self._watched.get(trunk_id)
        known = watched is not None and watched.trunk.tenant_id == tenant_id
        return watched.status if watched is not None and known else OFF

    def is_down(self, trunk: Trunk) -> bool:
        return self.status(trunk.tenant_id, trunk.id).state is TrunkState.DOWN

    def trunk_of_line(self, line: str) -> Trunk | None:
        """The trunk that brings calls for that contact of ours."""
        return self._lines.get(line)

    def _watch(self, trunk: Trunk) -> "_Watched":
        watched = _Watched(
            trunk,
            self._line_of(trunk),
            self._peers,
            self._tasks,
            self._settings,
            utcnow=self._utcnow,
            changed=self._changed,
        )
        if self._started:
            watched.start()
        return watched

    def _changed(self, trunk: Trunk, before: TrunkState, now: TrunkStatus) -> None:
        log.log(
            logging.WARNING if now.state is TrunkState.DOWN else logging.INFO,
            "trunk changed",
            extra={"trunk": trunk.name, "state": now.state.value, "reason": now.detail},
        )
        self._publish(
            TrunkStateChanged(
                tenant_id=trunk.tenant_id,
                at=self._utcnow(),
                trunk_id=trunk.id,
                name=trunk.name,
                state=now.state,
                previous=before,
                registration=now.registration,
                detail=now.detail,
            )
        )


class _Watched:
    """One trunk, as long as its configuration stays the same."""

    def __init__(
        self,
        trunk: Trunk,
        line: str,
        peers: Peers,
        tasks: asyncio.TaskGroup,
        settings: TrunkSettings,
        *,
        utcnow: Callable[[], datetime],
        changed: Callable[[Trunk, TrunkState, TrunkStatus], None],
    ) -> None:
        self.trunk = trunk
        self.line = line
        self._peers = peers
        self._tasks = tasks
        self._utcnow = utcnow
        self._changed = changed
        most = settings.retry_most_seconds
        self._liveness = Liveness(every=settings.ping_seconds, at_most=most)
        self._registration: Registration | None = None
        if trunk.register and trunk.target and trunk.username and trunk.password:
            seconds = settings.registration_seconds
            self._registration = Registration(seconds=seconds, longest_retry=most)
        self._call_id, self._tag = secrets.token_hex(10), secrets.token_hex(10)
        self._cseqs = count(1)
        self._running: list[asyncio.Task[None]] = []
        self.status = TrunkStatus(
            TrunkState.UNKNOWN,
            registration=self._registration_state(),
        )

    def start(self) -> None:
        target, registration = self.trunk.target, self._registration
        if target is not None:
            self._run(lambda: self._ping(target), "ping trunk")
        if registration is not None:
            self._run(lambda: self._register(registration), "register with trunk")

    async def stop(self, *, goodbye: bool = True) -> None:
        for task in self._running:
            task.cancel()
        registration = self._registration
        if goodbye and registration is not None and registration.expires_at is not None:
            try:
                async with asyncio.timeout(_GOODBYE_SECONDS):
                    await self._peers.register(self._registering(0))
            except TimeoutError:
                pass
            except Exception:
                # Nobody waits for it but the server as a whole, which it must not end.
                log.exception("trunk could not be left", extra={"trunk": self.trunk.name})

    def _run(self, work: Callable[[], Coroutine[Any, Any, None]], name: str) -> None:
        async def whole() -> None:
            while True:
                try:
                    await work()
                except Exception:
                    # A fault of ours about one trunk must not end the calls over all others.
                    log.exception("trunk is not watched", extra={"trunk": self.trunk.name})
                await asyncio.sleep(_AFTER_A_FAULT_SECONDS)

        self._running.append(self._tasks.create_task(whole(), name=name))

    async def _ping(self, target: SipUri) -> None:
        while True:
            status = await self._peers.options(target, timeout=_PING_SECONDS)
            wait = self._liveness.receive(status)
            self._settle()
            await asyncio.sleep(wait)

    async def _register(self, registration: Registration) -> None:
        loop = asyncio.get_running_loop()
        while True:
            if registration.is_due(now=loop.time()):
                result = await self._peers.register(self._registering(registration.asks))
                answer = RegisterAnswer(
                    result.status, result.granted, result.min_expires, result.retry_after
                )
                registration.receive(answer, now=loop.time())
            self._settle()
            await asyncio.sleep(max(0.0, registration.next_timeout() - loop.time()))

    def _registering(self, expires: int) -> Registering:
        trunk = self.trunk
        assert trunk.target is not None
        assert trunk.username is not None
        assert trunk.password is not None
        return Registering(
            trunk.target,
            trunk.username,
            self.line,
            Credentials(trunk.username, trunk.password),
            self._call_id,
            self._tag,
            self._cseqs.__next__,
            expires,
        )

    def _settle(self) -> None:
        """Tell what has changed, if anything has."""
        before, (state, detail) = self.status, self._judged()
        is_news = state is not before.state
        self.status = TrunkStatus(
            state,
            self._utcnow() if is_news or before.since is None else before.since,
            detail,
            self._registration_state(),
            self._registered_until(),
        )
        if is_news or self.status.registration is not before.registration:
            self._changed(self.trunk, before.state, self.status)

    def _judged(self) -> tuple[TrunkState, str]:
        liveness, registration = self._liveness, self._registration
        is_registered = (
            registration is not None and registration.state is RegistrationState.REGISTERED
        )
        if liveness.state is TrunkState.DOWN and (liveness.ever_answered or not is_registered):
            return TrunkState.DOWN, liveness.detail
        if registration is None:
            return liveness.state, liveness.detail
        if registration.state is RegistrationState.FAILED:
            return TrunkState.DOWN, f"not registered: {registration.detail}"
        if registration.state is RegistrationState.REGISTERED:
            return TrunkState.UP, registration.detail and f"not renewed: {registration.detail}"
        return TrunkState.UNKNOWN, ""

    def _registration_state(self) -> RegistrationState:
        return RegistrationState.OFF if self._registration is None else self._registration.state

    def _registered_until(self) -> datetime | None:
        expires_at = self._registration.expires_at if self._registration is not None else None
        if expires_at is None:
            return None
        left = expires_at - asyncio.get_running_loop().time()
        return self._utcnow() + timedelta(seconds=left)
