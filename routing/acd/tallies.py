"""What a queue has done on the present day, and how well it served its callers."""

from bisect import bisect_right, insort
from dataclasses import dataclass, field
from datetime import date


@dataclass(slots=True)
class Tally:
    """The counts of one queue on one day of its time zone.

    Waits are kept rather than counts of them, so that a changed threshold counts for the whole day.
    Whoever waits at midnight belongs to the new day: offered is always answered + abandoned +
    flowed_out + those who wait.
    """

    day: date
    offered: int = 0
    flowed_out: int = 0
    answered_ms: list[int] = field(default_factory=list)
    """How long those waited who were answered, ascending."""
    abandoned_ms: list[int] = field(default_factory=list)

    def answer(self, waited_ms: int) -> None:
        insort(self.answered_ms, waited_ms)

    def abandon(self, waited_ms: int) -> None:
        insort(self.abandoned_ms, waited_ms)

    def answered_within(self, seconds: float) -> int:
        return bisect_right(self.answered_ms, seconds * 1_000)

    def abandoned_within(self, seconds: float) -> int:
        """How many gave up after no more than so long: too soon to have been served."""
        return bisect_right(self.abandoned_ms, seconds * 1_000)

    def service_level(self, within: float, short: float) -> float | None:
        """Percent answered within `within` seconds of those answered, or abandoned after `short`.

        None while there is nobody to count. Who flowed out to somewhere else is not counted.
        """
        abandoned = len(self.abandoned_ms) - self.abandoned_within(short)
        counted = len(self.answered_ms) + abandoned
        return 100 * self.answered_within(within) / counted if counted else None
