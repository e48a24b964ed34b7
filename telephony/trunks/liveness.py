"""Whether a trunk answers: judged by OPTIONS that it is sent now and then. Sans-IO."""

from telephony.trunk_status import TrunkState

_MISSES = 2
"""So many in a row make a trunk one that is down: a single packet may be lost."""
_IN_DOUBT_SECONDS = 5.0
_UNSERVED = (408, 503)
"""Said by a proxy whose own trunk is gone, or by one that takes no calls."""


class Liveness:
    def __init__(self, *, every: float, at_most: float) -> None:
        """Seconds between pings: `every` while all is well, up to `at_most` while it is down."""
        self._every = every
        self._at_most = max(every, at_most)
        self._misses = 0
        self.state = TrunkState.UNKNOWN
        self.detail = ""
        self.ever_answered = False
        """Some never do, by their makers' or their firewall's will: silence then says nothing."""

    def receive(self, status: int | None) -> float:
        """The final answer to a ping, None for silence; returns the seconds until the next one."""
        self.ever_answered = self.ever_answered or status is not None
        if status is not None and status not in _UNSERVED:
            self.state, self.detail, self._misses = TrunkState.UP, "", 0
            return self._every
        self._misses += 1
        if self._misses < _MISSES:
            return min(self._every, _IN_DOUBT_SECONDS)
        self.state = TrunkState.DOWN
        self.detail = "it does not answer" if status is None else f"it answers {status}"
        doubled = self._every * 2.0 ** min(self._misses - _MISSES, 10)
        return min(doubled, self._at_most)
