"""Figures of one leg and of the whole engine, for people and for metrics."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LegStatistics:
    packets_received: int
    packets_sent: int
    packets_lost: int
    packets_late: int
    packets_refused: int
    frames_concealed: int
    jitter_ms: float
    round_trip_ms: float | None
    buffer_ms: float
    remote_loss_percent: float
    """What the party reports of our stream."""
    mos: float
    latched: bool


@dataclass(frozen=True, slots=True)
class EngineStatistics:
    legs: int
    bridges: int
    recordings: int
    shards: int
    ticks: int
    overruns: int
    """Ticks that began after the next one was due already."""
    skipped: int
    """Ticks given up because the thread was too far behind."""
    tick_us_p99: int
    late_us_p99: int
