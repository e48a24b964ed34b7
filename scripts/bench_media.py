"""Bridged G.711 legs on one core: loss, added delay and CPU, with and without stereo recording."""

import argparse
import logging
import sys
from typing import Any

from engine_load import Scenario, run_scenario
from measuring import (
    BenchError,
    Cores,
    choose_cores,
    print_report,
    raise_file_limit,
    show_progress,
)

log = logging.getLogger(__name__)
LOSS_LIMIT_PCT = 0.1
KNEE_STEP_LEGS, KNEE_STEPS = 500, 6


def find_knee(first: Scenario, cores: Cores) -> dict[str, Any]:
    """More and more legs until the loss is no longer below the limit."""
    steps = []
    knee = None
    for number in range(KNEE_STEPS):
        legs = first.legs + number * KNEE_STEP_LEGS
        step = Scenario(legs, warm_s=2, window_s=5, record=first.record, spin=first.spin)
        measured = run_scenario(step, cores)
        steps.append(measured)
        if measured["loss_pct"] >= LOSS_LIMIT_PCT:
            break
        knee = legs
    return {"knee_legs": knee, "steps": steps}


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench media", description=__doc__)
    parser.add_argument("--legs", type=int, default=3_000, help="even number; two make a call")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--record", action="store_true", help="only the run with recording")
    which.add_argument("--no-record", action="store_true", help="only the run without")
    parser.add_argument("--spin", action="store_true", help="a Python thread holds the GIL by half")
    parser.add_argument("--find-knee", action="store_true", help="more legs until 0.1 %% are lost")
    parser.add_argument("--seconds", type=int, default=8, choices=range(1, 21), metavar="1-20")
    parser.add_argument("--json", action="store_true", help="only the report, no progress")
    arguments = parser.parse_args()
    if arguments.legs % 2 or not 2 <= arguments.legs <= 20_000:
        parser.error("--legs must be an even number of 2 to 20000")
    return arguments


def chosen_recordings(arguments: argparse.Namespace) -> list[bool]:
    if arguments.record or arguments.no_record:
        return [arguments.record]
    return [True] if arguments.find_knee else [False, True]  # both knees would take too long


def main() -> int:
    arguments = read_arguments()
    show_progress(quiet=arguments.json)
    try:
        cores = choose_cores()
        most = arguments.legs + (KNEE_STEPS - 1) * KNEE_STEP_LEGS * arguments.find_knee
        raise_file_limit(3 * most + 100)
        metrics: dict[str, Any] = {"legs": arguments.legs}
        for record in chosen_recordings(arguments):
            scenario = Scenario(arguments.legs, 2, arguments.seconds, record, arguments.spin)
            if arguments.find_knee:
                metrics[scenario.name] = find_knee(scenario, cores)
            else:
                metrics[scenario.name] = run_scenario(scenario, cores)
    except BenchError as error:
        log.error("bench media: %s", error)
        return 1
    print_report("media", metrics, cores)
    return 0


if __name__ == "__main__":
    sys.exit(main())
