"""How a leg sounds now: its figures since the last look, and what they amount to for people."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from config.tenancy import TenantId
from media.engine import LegStatistics
from media.quality import mos, rating

_FRAME_MS = 20.0
_FEWEST_PACKETS = 20
"""Of fewer nothing can be said: one that is lost would be several percent."""


class Verdict(StrEnum):
    GOOD = "good"
    FAIR = "fair"
    POOR = "poor"


@dataclass(frozen=True, slots=True)
class SoundQuality:
    verdict: Verdict
    loss_percent: float
    """In the worse of both directions; what came too late is lost."""
    jitter_ms: float
    round_trip_ms: float | None
    """None before the party has reported."""
    mos: float
    """E-model estimate, 1.0 to 4.5 (ITU-T G.107)."""

    @property
    def badness(self) -> tuple[int, float]:
        """The worse it sounds, the greater."""
        return (list(Verdict).index(self.verdict), -self.mos)


@dataclass(frozen=True, slots=True, kw_only=True)
class CallQualityMeasured:
    """What the live feed tells of a call's sound: when the verdict is another one, and again and
    again while it is poor. It is not kept on record: what a leg came to is in LegEnded."""

    tenant_id: TenantId
    at: datetime
    call_id: UUID
    leg_id: UUID | None
    """The leg that sounds worst; None while nobody is heard."""
    quality: SoundQuality | None


class Meter:
    """One leg's figures between two looks: those of the whole call would hide a bad minute."""

    def __init__(self) -> None:
        self._before: LegStatistics | None = None
        self.quality: SoundQuality | None = None
        """None while too little is heard of the party: before the first look, or on hold."""

    def look(self, after: LegStatistics) -> None:
        before, self._before = self._before, after
        received, gone = after.packets_received, after.packets_lost
        late = after.packets_late
        if before is not None:
            # The engine's count of lost packets goes down when some of them come after all.
            received -= before.packets_received
            gone = max(0, gone - before.packets_lost)
            late -= before.packets_late
        expected = received + gone
        if expected < _FEWEST_PACKETS:
            self.quality = None
            return
        heard = min(100.0, 100.0 * (gone + late) / expected)
        self.quality = _quality(after, max(heard, after.remote_loss_percent))


def verdict_of(loss_percent: float, jitter_ms: float, round_trip_ms: float | None) -> Verdict:
    """The worst figure decides; the desk judges an agent's own leg by the same limits."""
    trip = round_trip_ms or 0.0
    if loss_percent > 5 or jitter_ms > 60 or trip > 400:
        return Verdict.POOR
    if loss_percent > 1 or jitter_ms > 30 or trip > 200:
        return Verdict.FAIR
    return Verdict.GOOD


def _quality(now: LegStatistics, loss_percent: float) -> SoundQuality:
    delay = (now.round_trip_ms or 0.0) / 2 + now.buffer_ms + _FRAME_MS
    trip = None if now.round_trip_ms is None else round(now.round_trip_ms, 1)
    return SoundQuality(
        verdict=verdict_of(loss_percent, now.jitter_ms, now.round_trip_ms),
        loss_percent=round(loss_percent, 1),
        jitter_ms=round(now.jitter_ms, 1),
        round_trip_ms=trip,
        mos=round(mos(rating(loss_percent=loss_percent, one_way_delay_ms=delay)), 2),
    )
