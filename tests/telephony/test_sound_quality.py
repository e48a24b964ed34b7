"""How legs sound while they are heard, and what people are told of it."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

import pytest

from media.engine import LegStatistics
from telephony.calls.quality_watch import LOOK_SECONDS, QualityWatch
from telephony.sound_quality import CallQualityMeasured, Meter, Verdict, verdict_of
from telephony.tasks import TaskScope
from tests.support.talks import Talk, at, talking

CLEAN = LegStatistics(250, 250, 0, 0, 0, 0, 2.0, 20.0, 40.0, 0.0, 4.4, True)


def after(
    before: LegStatistics,
    *,
    lost: int = 0,
    late: int = 0,
    jitter_ms: float = 2.0,
    remote_loss_percent: float = 0.0,
) -> LegStatistics:
    """Five seconds later."""
    return replace(
        before,
        packets_received=before.packets_received + 250 - lost,
        packets_lost=before.packets_lost + lost,
        packets_late=before.packets_late + late,
        jitter_ms=jitter_ms,
        remote_loss_percent=remote_loss_percent,
    )


def looked(*statistics: LegStatistics) -> Meter:
    meter = Meter()
    for each in statistics:
        meter.look(each)
    return meter


@pytest.mark.parametrize(
    ("loss", "jitter", "trip", "verdict"),
    [
        (0, 5, None, "good"),
        (1.1, 5, 20, "fair"),
        (0, 31, 20, "fair"),
        (0, 5, 250, "fair"),
        (5.1, 5, 20, "poor"),
        (0, 61, 20, "poor"),
        (0, 5, 401, "poor"),
    ],
)
def test_worst_figure_decides(loss: float, jitter: float, trip: float | None, verdict: str) -> None:
    assert verdict_of(loss, jitter, trip) == verdict


def test_only_what_happened_since_the_last_look_counts() -> None:
    bad = after(CLEAN, lost=25)
    seen = looked(CLEAN, bad).quality
    assert seen is not None
    assert (seen.verdict, seen.loss_percent) == ("poor", 10.0)
    assert seen.mos < 3.5
    recovered = looked(CLEAN, bad, after(bad)).quality
    assert recovered is not None
    assert (recovered.verdict, recovered.loss_percent, recovered.jitter_ms) == ("good", 0, 2)
    assert recovered.mos > 4.2


def test_packets_that_come_too_late_are_lost_and_found_ones_are_not_negative() -> None:
    late = looked(CLEAN, after(CLEAN, late=5)).quality
    assert late is not None
    assert late.loss_percent == 2
    before = after(CLEAN, lost=10)
    found = looked(before, replace(after(before), packets_lost=0)).quality
    assert found is not None
    assert found.loss_percent == 0


def test_what_the_party_misses_of_us_counts_too() -> None:
    seen = looked(CLEAN, after(CLEAN, remote_loss_percent=8.0)).quality
    assert seen is not None
    assert (seen.verdict, seen.loss_percent) == ("poor", 8)


def test_silent_leg_is_not_judged() -> None:
    assert Meter().quality is None
    assert looked(replace(CLEAN, packets_received=5)).quality is None
    assert looked(CLEAN, CLEAN).quality is None, "on hold"


def watched(
    then: Callable[[Talk, "Watched"], Awaitable[None]],
) -> None:
    async def with_watch(talk: Talk) -> None:
        told: list[CallQualityMeasured] = []
        watch = QualityWatch(
            talk.centre.switchboard.running, told.append, talk.centre.context.utcnow
        )
        tasks = TaskScope()
        tasks.start(watch.run(), name="watch")
        await at(1)  # the looks are to come in the middle of what the tests do
        try:
            await then(talk, Watched(talk, told))
        finally:
            await tasks.close()

    talking(with_watch)


class Watched:
    def __init__(self, talk: Talk, told: list[CallQualityMeasured]) -> None:
        self._caller, self._anna = talk.caller.media, talk.anna.media
        self.told = told
        self._caller.figures = self._anna.figures = replace(CLEAN, packets_received=0)

    async def look(self, *, caller_loses: int = 0, anna_loses: int = 0, jitter: float = 2) -> None:
        """Five seconds of sound, then the next look."""
        self._caller.figures = after(self._caller.figures, lost=caller_loses)
        self._anna.figures = after(self._anna.figures, lost=anna_loses, jitter_ms=jitter)
        await at(LOOK_SECONDS)

    def verdicts(self) -> list[str | None]:
        found = [None if e.quality is None else e.quality.verdict.value for e in self.told]
        self.told.clear()
        return found


def test_c09_live_legs_say_how_they_sound() -> None:
    async def then(talk: Talk, watch: Watched) -> None:
        assert [leg.quality for leg in talk.call.snapshot().legs] == [None, None]
        await watch.look()
        await watch.look(anna_loses=25)
        caller, anna = (leg.quality for leg in talk.call.snapshot().legs)
        assert caller is not None
        assert anna is not None
        assert (caller.verdict, caller.round_trip_ms) == (Verdict.GOOD, 20)
        assert (anna.verdict, anna.loss_percent) == (Verdict.POOR, 10)
        last = watch.told[-1]
        assert (last.call_id, last.leg_id, last.quality) == (talk.call.id, talk.by.id, anna)

    watched(then)


def test_c09_feed_is_told_of_changes_and_while_it_is_poor() -> None:
    async def then(talk: Talk, watch: Watched) -> None:
        for _ in range(3):
            await watch.look()
        assert watch.verdicts() == ["good"]
        for _ in range(2):
            await watch.look(caller_loses=25)
        assert watch.verdicts() == ["poor", "poor"]
        for _ in range(3):
            await watch.look(jitter=40)
        assert watch.verdicts() == ["fair"]
        talk.caller.bye()
        await at(2 * LOOK_SECONDS)
        assert watch.verdicts() == []

    watched(then)


def test_call_that_is_heard_no_more_is_told_once() -> None:
    async def then(talk: Talk, watch: Watched) -> None:
        await watch.look(caller_loses=25)
        await at(3 * LOOK_SECONDS)
        assert watch.verdicts() == ["poor", None]

    watched(then)
