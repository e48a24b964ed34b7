"""So many times in a while, and no more: for what costs the machine something."""

from collections import OrderedDict, deque
from collections.abc import Hashable

from server.api.errors import TooManyRequests

_MOST_ASKERS = 10_000


class Allowance:
    """Sans-IO: times are monotonic seconds given by the caller."""

    def __init__(self, times: int, seconds: float) -> None:
        self._times = times
        self._seconds = seconds
        self._used: OrderedDict[Hashable, deque[float]] = OrderedDict()

    def use(self, asker: Hashable, *, now: float) -> None:
        """Raises TooManyRequests."""
        used = self._used.setdefault(asker, deque())
        self._used.move_to_end(asker)
        while len(self._used) > _MOST_ASKERS:
            self._used.popitem(last=False)
        while used and used[0] <= now - self._seconds:
            used.popleft()
        if len(used) >= self._times:
            wait = used[0] + self._seconds - now
            raise TooManyRequests(
                f"That is a lot at a time: try again in {max(1, round(wait))} s.", retry_after=wait
            )
        used.append(now)
