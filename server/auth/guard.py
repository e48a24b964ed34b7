"""Slows down whoever guesses passwords: per source address, never per account.

Locking an account would let a stranger lock a nurse out of her shift; the source waits instead.
"""

from collections import OrderedDict
from dataclasses import dataclass

_FREE_FAILURES = 5
_FIRST_WAIT = 2.0
_LONGEST_WAIT = 300.0
_FORGET_AFTER = 900.0
_MOST_SOURCES = 10_000


@dataclass(slots=True)
class _Record:
    failures: int
    last_at: float
    blocked_until: float


class LoginGuard:
    """Sans-IO: times are monotonic seconds given by the caller."""

    def __init__(self) -> None:
        self._records: OrderedDict[str, _Record] = OrderedDict()

    def wait_for(self, source: str, *, now: float) -> float:
        """Seconds the source must wait before its next attempt; 0 when it may try."""
        record = self._records.get(source)
        return max(0.0, record.blocked_until - now) if record else 0.0

    def failed(self, source: str, *, now: float) -> None:
        record = self._records.pop(source, None)
        if record is None or now - record.last_at > _FORGET_AFTER:
            record = _Record(0, now, now)
        record.failures += 1
        record.last_at = now
        beyond = record.failures - _FREE_FAILURES
        if beyond >= 0:
            record.blocked_until = now + min(_FIRST_WAIT * 2.0**beyond, _LONGEST_WAIT)
        self._records[source] = record
        while len(self._records) > _MOST_SOURCES:
            self._records.popitem(last=False)

    def succeeded(self, source: str) -> None:
        self._records.pop(source, None)
