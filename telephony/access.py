"""Who is it that sends us a request, and how long does a guesser of passwords have to wait?

Phones prove themselves by digest, trunks are known by their address. Known and unknown users are
answered alike, in words and in work.
"""

import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import TypeAlias

from telephony.directory import Directory, PhoneUser, Trunk
from telephony.registrar import Registrar
from telephony.sip.digest import DigestChallenger, Outcome, Verdict, uri_matches
from telephony.sip.message import Request
from telephony.transport.flow import Flow
from telephony.ua.handlers import Accept, Refuse

log = logging.getLogger(__name__)

FREE_FAILURES = 5
"""So many wrong passwords within a minute cost nothing but an answer."""
_WINDOW_SECONDS = 60.0
_FIRST_PAUSE = 5.0
_LONGEST_PAUSE = 900.0
_MOST_SOURCES = 10_000

Principal: TypeAlias = PhoneUser | Trunk


@dataclass(slots=True)
class _Guesses:
    failures: int
    since: float
    paused_until: float = 0.0
    pause: float = 0.0


class Throttle:
    """Slows a source down that gives wrong passwords; other sources notice nothing.

    The source waits and not the user, or anybody could lock a user out.
    """

    def __init__(self, *, most_sources: int = _MOST_SOURCES) -> None:
        self._most = most_sources
        self._sources: OrderedDict[str, _Guesses] = OrderedDict()

    def __len__(self) -> int:
        return len(self._sources)

    def is_paused(self, host: str, *, now: float) -> bool:
        guesses = self._sources.get(_network(host))
        return guesses is not None and now < guesses.paused_until

    def receive_failure(self, host: str, *, now: float) -> None:
        source = _network(host)
        guesses = self._sources.pop(source, None)
        if guesses is None or now - max(guesses.since, guesses.paused_until) > _WINDOW_SECONDS:
            guesses = _Guesses(0, now)
        guesses.failures += 1
        if guesses.failures >= FREE_FAILURES:
            guesses.pause = min(guesses.pause * 2 or _FIRST_PAUSE, _LONGEST_PAUSE)
            guesses.paused_until = now + guesses.pause
        self._sources[source] = guesses
        while len(self._sources) > self._most:
            self._sources.popitem(last=False)


class Access:
    def __init__(
        self,
        challenger: DigestChallenger,
        throttle: Throttle,
        registrar: Registrar,
        *,
        random: Callable[[int], bytes],
    ) -> None:
        self._challenger = challenger
        self._throttle = throttle
        self._registrar = registrar
        self._random = random

    def authorise(
        self, request: Request, flow: Flow, directory: Directory, *, now: float
    ) -> Accept | Refuse:
        credentials = request.headers.get_all("Authorization")
        is_phone = self._registrar.is_known_flow(flow)
        if is_phone and request.method == "OPTIONS":
            return Accept(None)  # a phone that keeps its way through a NAT open
        if not (credentials or is_phone or request.method == "REGISTER"):
            trunk = directory.find_trunk(flow.remote[0])
            if trunk is not None:
                return Accept(trunk)
        return self._digest(request, flow, directory, credentials, now)

    def _digest(
        self,
        request: Request,
        flow: Flow,
        directory: Directory,
        credentials: list[str],
        now: float,
    ) -> Accept | Refuse:
        source = flow.remote[0]
        # Who is registered over this very flow is not made to wait for a guesser next door.
        if self._throttle.is_paused(source, now=now) and not self._registrar.is_known_flow(flow):
            if credentials:
                log.warning("source is slowed down", extra={"source": source})
            return self._challenge(source, now)
        domain = (request.to if request.method == "REGISTER" else request.from_).uri.host

        def ha1_of(user: str, algorithm: str) -> str | None:
            phone = directory.find_phone(user, domain)
            return phone.ha1.get(algorithm) if phone is not None else None

        verdict = Verdict(Outcome.MISSING)
        for each in credentials:
            verdict = self._challenger.verify(each, request.method, ha1_of, now=now, source=source)
            if verdict.outcome is Outcome.OK and not uri_matches(each, request.uri):
                verdict = Verdict(Outcome.WRONG, verdict.user)
            if verdict.outcome is not Outcome.MISSING:
                break
        phone = directory.find_phone(verdict.user, domain)
        if verdict.outcome is Outcome.OK and phone is not None:
            return Accept(phone)
        if verdict.outcome is Outcome.WRONG:
            self._throttle.receive_failure(source, now=now)
            log.warning("wrong password", extra={"source": source, "pii_user": verdict.user})
            return Refuse(403)
        return self._challenge(source, now, stale=verdict.outcome is Outcome.STALE)

    def _challenge(self, source: str, now: float, *, stale: bool = False) -> Refuse:
        values = self._challenger.challenge(
            now=now, random=self._random(8), source=source, stale=stale
        )
        return Refuse(401, tuple(("WWW-Authenticate", value) for value in values))


def _network(host: str) -> str:
    """Who sends over IPv6 has 2^64 addresses at least, and counts as one."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return str(int(address) >> 64)
    return host
