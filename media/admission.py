"""Refuses legs while there is still time for those who are there."""

from collections.abc import Sequence

from media.errors import OverCapacity

_TICK_US = 5_000
_FULL = 0.85
"""Share of the tick that may be in use, by all but one tick in a hundred."""


def admit(*, legs: int, most: int, tick_us: Sequence[int]) -> None:
    """Raises OverCapacity when a shard has its legs, or has little time left.

    `tick_us` are what its last ticks took of a processor, in microseconds.
    """
    if legs >= most:
        raise OverCapacity(f"{legs} legs are all this media thread may carry")
    busy = percentile(tick_us, 0.99) / _TICK_US
    if len(tick_us) >= 100 and busy > _FULL:
        raise OverCapacity(f"the media thread is busy {busy:.0%} of the time")


def percentile(values: Sequence[int], share: float) -> int:
    if not values:
        return 0
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]
