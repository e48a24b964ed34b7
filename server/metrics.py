"""What Prometheus can read at `/metrics`."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from prometheus_client import (
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from routing.events import (
    AgentStateChanged,
    OfferFailed,
    WorkAbandoned,
    WorkAssigned,
    WorkFlowedOut,
    WorkQueued,
)
from server.bus import EventBus
from telephony.directory import Trunk
from telephony.events import CallEnded, CallStarted, LegEnded, RecordingFailed, RecordingStored
from telephony.trunk_status import TrunkState, TrunkStatus

_WAITS = (1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0)
_MOS = (1.5, 2.0, 2.5, 3.0, 3.5, 3.8, 4.0, 4.2, 4.4)
_LAG = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


@dataclass(frozen=True, slots=True)
class Gauge:
    """One figure that is read at the moment it is asked for."""

    name: str
    help: str
    value: Callable[[], float]


class Metrics:
    """Counts events, reads gauges. Labels never hold numbers, names or ids of people."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)
        self._calls = Counter(
            "murima_calls_started", "Calls begun", ["direction"], registry=registry
        )
        self._ended = Counter("murima_calls_ended", "Calls ended", ["cause"], registry=registry)
        self._queued = Counter("murima_work_queued", "Callers who began to wait", registry=registry)
        self._left = Counter(
            "murima_work_left", "Callers who stopped waiting", ["result"], registry=registry
        )
        self._offers = Counter(
            "murima_offers_failed", "Offers no agent took", ["outcome"], registry=registry
        )
        self._states = Counter(
            "murima_agent_state_changes", "Agent state changes", ["state"], registry=registry
        )
        self._recordings = Counter(
            "murima_recordings", "Recordings ended", ["result"], registry=registry
        )
        self._waited = Histogram(
            "murima_answer_wait_seconds",
            "Waiting time of answered callers",
            buckets=_WAITS,
            registry=registry,
        )
        self._mos = Histogram(
            "murima_leg_mos",
            "Listening quality estimate of ended legs",
            buckets=_MOS,
            registry=registry,
        )
        self.loop_lag = Histogram(
            "murima_loop_lag_seconds",
            "How late the event loop runs its timers",
            buckets=_LAG,
            registry=registry,
        )

    def follow(self, bus: EventBus) -> None:
        bus.subscribe(CallStarted, lambda e: self._calls.labels(e.direction.value).inc())
        bus.subscribe(CallEnded, lambda e: self._ended.labels(e.cause).inc())
        bus.subscribe(WorkQueued, lambda _: self._queued.inc())
        bus.subscribe(WorkAssigned, self._assigned)
        bus.subscribe(WorkAbandoned, lambda _: self._left.labels("abandoned").inc())
        bus.subscribe(WorkFlowedOut, lambda _: self._left.labels("flowed_out").inc())
        bus.subscribe(OfferFailed, lambda e: self._offers.labels(e.outcome.value).inc())
        bus.subscribe(AgentStateChanged, lambda e: self._states.labels(e.state.value).inc())
        bus.subscribe(LegEnded, self._leg_ended)
        bus.subscribe(RecordingStored, lambda _: self._recordings.labels("stored").inc())
        bus.subscribe(RecordingFailed, lambda _: self._recordings.labels("failed").inc())

    def read_at_scrape(self, gauges: Iterable[Gauge]) -> None:
        self.registry.register(_Gauges(tuple(gauges)))

    def read_trunks(self, trunks: Callable[[], Iterable[tuple[Trunk, TrunkStatus]]]) -> None:
        self.registry.register(_TrunkStates(trunks))

    def render(self) -> bytes:
        return generate_latest(self.registry)

    def _assigned(self, event: WorkAssigned) -> None:
        self._left.labels("answered").inc()
        self._waited.observe(event.waited_ms / 1_000)

    def _leg_ended(self, event: LegEnded) -> None:
        if event.quality is not None and event.quality.packets_received:
            self._mos.observe(event.quality.mos)


class _TrunkStates(Collector):
    def __init__(self, trunks: Callable[[], Iterable[tuple[Trunk, TrunkStatus]]]) -> None:
        self._trunks = trunks

    def collect(self) -> Iterable[Metric]:
        """One that only brings calls is neither up nor down."""
        text = "1 while a trunk answers, and has registered us where it should"
        up = GaugeMetricFamily("murima_trunk_up", text, labels=["tenant", "trunk"])
        for trunk, status in self._trunks():
            if trunk.target is not None:
                up.add_metric([str(trunk.tenant_id), trunk.name], status.state is TrunkState.UP)
        yield up


class _Gauges(Collector):
    def __init__(self, gauges: tuple[Gauge, ...]) -> None:
        self._gauges = gauges

    def collect(self) -> Iterable[Metric]:
        for gauge in self._gauges:
            yield GaugeMetricFamily(gauge.name, gauge.help, value=gauge.value())
