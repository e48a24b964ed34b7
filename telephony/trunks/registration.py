"""Our registration with a trunk: when to ask for it, and what each answer means. Sans-IO.

RFC 3261 section 10.2, from the client's side. `now` is monotonic seconds.
"""

from dataclasses import dataclass

from telephony.trunk_status import RegistrationState

_FIRST_RETRY = 10.0
_LONGEST_SECONDS = 86_400
"""Nobody makes us register for longer, nor wait for longer."""
_MOST_RAISES = 3
"""How often in a row the other side may name another least time."""
_SHORTEST = 1.0


@dataclass(frozen=True, slots=True)
class RegisterAnswer:
    """What came of one REGISTER, after any challenge was answered."""

    status: int | None
    """None when nobody answered."""
    granted: int | None = None
    """Seconds for our own contact."""
    least: int | None = None
    """Min-Expires."""
    retry_after: int | None = None


class Registration:
    def __init__(self, *, seconds: int, longest_retry: float) -> None:
        """`seconds` is what to ask for; a failed try is repeated after `longest_retry` at most."""
        self.state = RegistrationState.TRYING
        self.detail = ""
        self.asks = seconds
        self._longest_retry = longest_retry
        self._due = 0.0
        self._expires_at: float | None = None
        self._failures = 0
        self._raises = 0

    @property
    def expires_at(self) -> float | None:
        """Until when calls come to us, unless it is refreshed."""
        return self._expires_at

    def next_timeout(self) -> float:
        """When to look at it again: to send a REGISTER, or because the registration is over."""
        if self._expires_at is None:
            return self._due
        return min(self._due, self._expires_at)

    def is_due(self, *, now: float) -> bool:
        """Whether a REGISTER is to be sent now; one that lapsed counts as failed from now on."""
        if self._expires_at is not None and now >= self._expires_at:
            self._expires_at = None
            self.state = RegistrationState.FAILED
            self.detail = self.detail or "it was not renewed in time"
        return now >= self._due

    def receive(self, answer: RegisterAnswer, *, now: float) -> None:
        status = answer.status
        if status is not None and 200 <= status < 300:
            self._registered(answer, now)
        elif status == 423 and self._may_raise(answer.least):
            self._raises += 1
            self.asks = answer.least or self.asks
            self._due = now
        else:
            self._failed(_why(status), answer.retry_after, now)

    def _may_raise(self, least: int | None) -> bool:
        wanted = least is not None and self.asks < least <= _LONGEST_SECONDS
        return wanted and self._raises < _MOST_RAISES

    def _registered(self, answer: RegisterAnswer, now: float) -> None:
        granted = self.asks if answer.granted is None else min(answer.granted, _LONGEST_SECONDS)
        if granted <= 0:
            self._failed("it does not keep our registration", answer.retry_after, now)
            return
        self.state, self.detail = RegistrationState.REGISTERED, ""
        self._failures = self._raises = 0
        self._expires_at = now + granted
        self._due = now + max(_SHORTEST, granted - min(60.0, granted / 5))

    def _failed(self, why: str, retry_after: int | None, now: float) -> None:
        self.detail = why
        self._raises = 0
        if self._expires_at is None or now >= self._expires_at:
            self._expires_at = None
            self.state = RegistrationState.FAILED
        wait = min(_FIRST_RETRY * 2.0 ** min(self._failures, 10), self._longest_retry)
        self._failures += 1
        # Whoever says when to come back may say later than we would, not sooner.
        self._due = now + max(wait, min(retry_after or 0, _LONGEST_SECONDS))


def _why(status: int | None) -> str:
    if status is None or status == 408:
        return "it does not answer"
    if status in (401, 403, 407):
        return f"it refuses username or password ({status})"
    if status == 404:
        return "it does not know the username (404)"
    if status == 423:
        return "it names no time for which it would register us (423)"
    return f"it answers {status}"
