"""Calls a second on one core, each answered and hung up at once: SIPp against the whole server."""

import argparse
import logging
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent / "load"))

from measuring import (
    BenchError,
    Cores,
    choose_cores,
    print_report,
    raise_file_limit,
    show_progress,
)
from server_process import HOST, ServerProcess
from sipp_run import DRAIN_SECONDS, Outcome, run_calls

log = logging.getLogger(__name__)

ECHO_NUMBER = "5001"
LIMIT_PCT = 0.1
"""Of calls that failed, and of calls for which anything was retransmitted."""

FIRST_RATE, HIGHEST_RATE, FINEST_STEP = 100, 3_200, 25
BUDGET_SECONDS = 75.0
"""No step is begun that could end later than this after the first: the bench has two minutes."""
SETTLE_SECONDS = 2.0
"""After the calls, until what they left to be written has been written."""


class Bench:
    def __init__(self, server: ServerProcess, cores: Cores, seconds: int) -> None:
        self._server = server
        self._cores = cores
        self._seconds = seconds
        self.steps: list[dict[str, Any]] = []

    def warm_up(self) -> None:
        outcome = self._call(20, 2)
        if outcome.successful == 0:
            raise BenchError(f"not one call to {ECHO_NUMBER} was answered and hung up")

    def step(self, rate: int) -> dict[str, Any]:
        server_before, children_before = self._server.cpu_seconds()
        outcome = self._call(rate, self._seconds)
        time.sleep(SETTLE_SECONDS)
        server_after, children_after = self._server.cpu_seconds()
        calls = max(outcome.created, 1)
        measured = {
            "rate": rate,
            "calls": outcome.offered,
            "failed_pct": round(outcome.failed_pct, 3),
            "retransmissions": outcome.retransmissions,
            "setup_ms_p50": outcome.setup_percentile(0.5),
            "setup_ms_p99": outcome.setup_percentile(0.99),
            "cpu_ms_per_call": round(1000 * (server_after - server_before) / calls, 3),
            "database_cpu_ms_per_call": round(1000 * (children_after - children_before) / calls, 3),
            "sustained": max(outcome.failed_pct, outcome.retransmitted_pct) < LIMIT_PCT,
        }
        log.info(
            "%(rate)d/s: failed %(failed_pct)s %%, %(retransmissions)d retransmissions, set-up p99 "
            "%(setup_ms_p99)s ms, CPU %(cpu_ms_per_call)s ms a call, and the database "
            "%(database_cpu_ms_per_call)s ms",
            measured,
        )
        self.steps.append(measured)
        return measured

    def search(self) -> None:
        """Double the rate until it is too much, then halve the interval in between."""
        give_up = time.monotonic() + BUDGET_SECONDS
        longest = self._seconds + DRAIN_SECONDS + SETTLE_SECONDS
        rate, sustained, too_much = FIRST_RATE, 0, None
        while rate <= HIGHEST_RATE and time.monotonic() + longest < give_up:
            if self.step(rate)["sustained"]:
                sustained = rate
            else:
                too_much = rate
                self._recover()
            if too_much is None:
                rate *= 2
                continue
            rate = (sustained + too_much) // 2 // FINEST_STEP * FINEST_STEP
            if rate <= sustained:
                return

    def best(self) -> dict[str, Any] | None:
        """The step with the highest rate that was sustained."""
        sustained = [step for step in self.steps if step["sustained"]]
        return max(sustained, key=lambda step: int(step["rate"]), default=None)

    def _call(self, rate: int, seconds: int) -> Outcome:
        server = (HOST, self._server.sip_port)
        return run_calls(server, ECHO_NUMBER, rate, seconds, self._cores.load)

    def _recover(self) -> None:
        """Wait until calls work again: a step must not pay for the overload before it."""
        for _ in range(3):
            if self._call(5, 1).failed_pct == 0:
                return


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench calls", description=__doc__)
    parser.add_argument("--rate", type=int, help="calls a second; searched for when not given")
    parser.add_argument("--seconds", type=int, default=8, help="of each rate, 2 to 60")
    parser.add_argument("--json", action="store_true", help="only the report, no progress")
    arguments = parser.parse_args()
    if not 2 <= arguments.seconds <= 60:
        parser.error("--seconds must be 2 to 60")
    if arguments.rate is not None and not 1 <= arguments.rate <= 10_000:
        parser.error("--rate must be 1 to 10000")
    return arguments


def metrics_of(bench: Bench) -> dict[str, Any]:
    best = bench.best()
    shown = best or bench.steps[-1]
    names = ("cpu_ms_per_call", "database_cpu_ms_per_call", "failed_pct", "retransmissions")
    return {
        "calls_per_s": best["rate"] if best else 0,
        **{name: shown[name] for name in (*names, "setup_ms_p50", "setup_ms_p99")},
        "steps": bench.steps,
    }


def main() -> int:
    arguments = read_arguments()
    show_progress(quiet=arguments.json)
    try:
        cores = choose_cores()
        raise_file_limit(1_000)
        log.info("starting the server")
        with ServerProcess(cores.measured) as server:
            bench = Bench(server, cores, arguments.seconds)
            bench.warm_up()
            if arguments.rate is None:
                bench.search()
            else:
                bench.step(arguments.rate)
            metrics = metrics_of(bench)
    except BenchError as error:
        log.error("bench calls: %s", error)
        return 1
    print_report("calls", metrics, cores)
    return 0


if __name__ == "__main__":
    sys.exit(main())
