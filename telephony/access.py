"""Who may send us requests: phones by digest, trunks by address, nobody else.

Sans-IO. The answer to a stranger is the same whether or not the user exists.
"""

import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from config.tenancy import TenantId
from telephony.directory import Directory, PhoneUser, Trunk
from telephony.registrar import Registrar
from telephony.sip.digest import DigestChallenger, Outcome, parse_challenge, uri_matches
from telephony.sip.message import Request
from telephony.transport.flow import Flow
from telephony.ua.handlers import Accept, Refuse, Verdict

log = logging.getLogger(__name__)

_FREE_FAILURES = 5
_FIRST_WAIT = 2.0
_LONGEST_WAIT = 300.0
_MOST_SOURCES = 10_000
_FORBIDDEN = Refuse(403)
"""For a wrong password, an unknown user and a source that must wait alike."""


PhoneKey = tuple[TenantId, str]
"""Tenant and user of a phone."""


@dataclass(frozen=True, slots=True)
class FromPhone:
    phone: PhoneUser


@dataclass(frozen=True, slots=True)
class FromTrunk:
    trunk: Trunk
    by_line: bool = False
    """It calls the contact that we registered with it; To says who is called."""


class Access:
    def __init__(
        self,
        directory: Callable[[], Directory],
        registrar: Registrar,
        challenger: DigestChallenger,
        *,
        clock: Callable[[], float],
        random: Callable[[int], bytes],
        phone_of_ticket: Callable[[str], PhoneKey | None] = lambda _: None,
        trunk_of_line: Callable[[str], Trunk | None] = lambda _: None,
    ) -> None:
        """`phone_of_ticket` says whose phone the bearer of a ticket may be, `trunk_of_line` which
        trunk knows a contact of ours."""
        self._directory = directory
        self._registrar = registrar
        self._challenger = challenger
        self._clock = clock
        self._random = random
        self._guessers = _Guessers()
        self._phone_of_ticket = phone_of_ticket
        self._trunk_of_line = trunk_of_line
        self._signed_in: dict[Flow, PhoneKey] = {}
        """Connections that showed a ticket: nobody has to prove again who it is."""

    def admit(self, flow: Flow, ticket: str | None) -> bool:
        """Judge a new connection; without a ticket, its requests are asked for a password."""
        if ticket is None:
            return True
        key = self._phone_of_ticket(ticket)
        if key is None or self._directory().phone(*key) is None:
            log.info("ticket refused", extra={"source": flow.remote[0]})
            return False
        self._signed_in[flow] = key
        return True

    def drop_flow(self, flow: Flow) -> None:
        """A connection was closed."""
        self._signed_in.pop(flow, None)

    def authorise(self, request: Request, flow: Flow) -> Verdict:
        """Accept with FromPhone or FromTrunk, or refuse with a challenge."""
        if (key := self._signed_in.get(flow)) is not None:
            return self._check_signed_in(request, key)
        credentials = request.headers.get("authorization")
        if request.method != "REGISTER" and credentials is None and not flow.is_browser:
            # Whoever we registered with need not call from where it registers us.
            registered = self._trunk_of_line(request.uri.user or "")
            if registered is not None:
                return Accept(FromTrunk(registered, by_line=True))
            trunk = self._directory().find_trunk(flow.remote[0])
            # A phone that registered from a trunk's address is a phone all the same.
            if trunk is not None and self._registrar.user_of_flow(flow) is None:
                return Accept(FromTrunk(trunk))
        if credentials is None:
            return self._challenge(flow)
        return self._check(request, flow, credentials)

    def _check_signed_in(self, request: Request, key: PhoneKey) -> Verdict:
        phone = self._directory().phone(*key)
        claimed = request.to if request.method == "REGISTER" else request.from_
        if phone is None or claimed.uri.user != phone.user:
            return _FORBIDDEN
        return Accept(FromPhone(phone))

    def _check(self, request: Request, flow: Flow, credentials: str) -> Verdict:
        now, source = self._clock(), flow.remote[0]
        waits = self._guessers.must_wait(source, now=now)
        if waits and not self._is_registered(credentials, flow):
            return _FORBIDDEN
        directory, domain = self._directory(), request.from_.uri.host

        def ha1_of(user: str, algorithm: str) -> str | None:
            phone = directory.find_phone(user, domain)
            return None if phone is None else phone.ha1.get(algorithm)

        verdict = self._challenger.verify(
            credentials, request.method, ha1_of, now=now, source=source
        )
        if verdict.outcome is Outcome.STALE:
            return self._challenge(flow, stale=True)
        if verdict.outcome is Outcome.MISSING:
            return self._challenge(flow)
        phone = directory.find_phone(verdict.user, domain)
        claimed = request.to if request.method == "REGISTER" else request.from_
        if (
            verdict.outcome is not Outcome.OK
            or phone is None
            or not uri_matches(credentials, request.uri)
            or (request.method == "REGISTER" and claimed.uri.user != phone.user)
        ):
            self._guessers.failed(source, now=now)
            log.warning(
                "wrong SIP credentials",
                extra={"source": source, "user": verdict.user[:64], "method": request.method},
            )
            return _FORBIDDEN
        self._guessers.succeeded(source)
        return Accept(FromPhone(phone))

    def _is_registered(self, credentials: str, flow: Flow) -> bool:
        """A phone that is ours already need not suffer for another one behind the same address."""
        known = self._registrar.user_of_flow(flow)
        claimed = parse_challenge(credentials)
        return known is not None and claimed is not None and claimed.get("username") == known[1]

    def _challenge(self, flow: Flow, *, stale: bool = False) -> Refuse:
        values = self._challenger.challenge(
            now=self._clock(), random=self._random(8), source=flow.remote[0], stale=stale
        )
        return Refuse(401, tuple(("WWW-Authenticate", value) for value in values))


@dataclass(slots=True)
class _Guesser:
    failures: int
    blocked_until: float


class _Guessers:
    """Sources that got passwords wrong: their credentials are not looked at for a while.

    The source waits, not the user, so that a stranger cannot lock somebody's phone out.
    """

    def __init__(self) -> None:
        self._sources: OrderedDict[str, _Guesser] = OrderedDict()

    def must_wait(self, source: str, *, now: float) -> bool:
        guesser = self._sources.get(source)
        return guesser is not None and now < guesser.blocked_until

    def failed(self, source: str, *, now: float) -> None:
        guesser = self._sources.pop(source, None) or _Guesser(0, 0.0)
        guesser.failures += 1
        beyond = guesser.failures - _FREE_FAILURES
        if beyond >= 0:
            guesser.blocked_until = now + min(_FIRST_WAIT * 2.0**beyond, _LONGEST_WAIT)
        self._sources[source] = guesser
        while len(self._sources) > _MOST_SOURCES:
            self._sources.popitem(last=False)

    def succeeded(self, source: str) -> None:
        self._sources.pop(source, None)
