"""Bridged G.711 legs on one core: loss, added delay and CPU, with and without stereo recording."""

import argparse
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import Any

from measuring import (
    ROOT,
    BenchError,
    Cores,
    choose_cores,
    compile_c,
    pin,
    print_report,
    raise_file_limit,
    show_progress,
)

log = logging.getLogger(__name__)
LOAD = Path(__file__).resolve().parent / "load"
LOSS_LIMIT_PCT = 0.1
KNEE_STEP_LEGS, KNEE_STEPS = 500, 6
RECORDED_BYTES_PER_SECOND = 32_000  # of one call: two channels of 16 bit


@dataclass(frozen=True, slots=True)
class Scenario:
    legs: int
    record: bool
    spin: bool
    warm_s: int
    window_s: int

    @property
    def name(self) -> str:
        return ("recorded" if self.record else "bridged") + ("_spinning" if self.spin else "")


class Worker:
    """A process of ours that is spoken to by lines and never outlives its time."""

    def __init__(self, name: str, command: list[str], core: int | None, seconds: float) -> None:
        self._name = name
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        pin(self._process, core)
        self._timer = Timer(seconds, self._process.kill)
        self._timer.start()

    def say(self, line: str) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise BenchError(f"the {self._name} ended too soon; see above") from None

    def hear(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise BenchError(f"the {self._name} ended too soon; see above")
        return line.strip()

    def expect(self, word: str) -> None:
        line = self.hear()
        if line != word:
            raise BenchError(f"the {self._name} said {line!r} instead of {word!r}")

    def end(self) -> None:
        self._timer.cancel()
        self._process.kill()
        self._process.communicate()


def run_scenario(scenario: Scenario, cores: Cores) -> dict[str, Any]:
    log.info("%s: %d legs, %d s measured", scenario.name, scenario.legs, scenario.window_s)
    generator_command = [
        *(str(compile_c(LOAD / "rtp_load.c")), "--legs", str(scenario.legs)),
        *("--warm", str(scenario.warm_s), "--seconds", str(scenario.window_s)),
    ]
    engine_command = [sys.executable, str(LOAD / "media_engine.py")]
    seconds = scenario.warm_s + scenario.window_s + 60.0
    workers: list[Worker] = []
    with recording_folder(scenario) as folder:
        try:
            workers.append(generator := Worker("generator", generator_command, cores.load, seconds))
            workers.append(engine := Worker("engine", engine_command, cores.measured, seconds))
            return measure(scenario, generator, engine, folder)
        finally:
            for worker in workers:
                worker.end()


def measure(
    scenario: Scenario, generator: Worker, engine: Worker, folder: Path | None
) -> dict[str, Any]:
    own_ports = [int(port) for port in generator.hear().split()[1:]]
    order = {
        "legs": scenario.legs,
        "answer_ports": own_ports,
        "record_in": str(folder) if folder else None,
        "spin": scenario.spin,
    }
    engine.say(json.dumps(order))
    generator.say(" ".join(str(port) for port in json.loads(engine.hear())["ports"]))
    generator.expect("measuring")
    before = usage(engine)
    generator.expect("measured")
    after = usage(engine)
    heard = json.loads(generator.hear())
    engine.say("stop")
    told = json.loads(engine.hear())
    cpu_seconds = after["cpu_seconds"] - before["cpu_seconds"]
    cpu_pct = 100 * cpu_seconds / (after["at"] - before["at"])
    return result(scenario, cpu_pct, heard, told)


def usage(engine: Worker) -> dict[str, float]:
    engine.say("usage")
    answer: dict[str, float] = json.loads(engine.hear())
    return answer


def result(
    scenario: Scenario, cpu_pct: float, heard: dict[str, Any], told: dict[str, Any]
) -> dict[str, Any]:
    if heard["generator_overflow"]:
        log.warning("the generator itself lost %d packets", heard["generator_overflow"])
    if heard["misdirected"]:
        log.error("%d packets came out of a call they did not belong to", heard["misdirected"])
    if told["recordings_complete"] != told["recordings"]:
        log.warning("only %(recordings_complete)d of %(recordings)d recordings are whole", told)
    measured = {
        "legs": scenario.legs,
        "calls": scenario.legs // 2,
        "cpu_pct": round(cpu_pct, 1),
        "cpu_pct_per_100_legs": round(cpu_pct / scenario.legs * 100, 3),
        **heard,
        **told,
    }
    log.info(
        "  loss %(loss_pct)s %%, delay p50 %(delay_ms_p50)s ms, p99 %(delay_ms_p99)s ms, "
        "CPU %(cpu_pct)s %% (%(cpu_pct_per_100_legs)s %% per 100 legs)",
        measured,
    )
    return measured


@contextmanager
def recording_folder(scenario: Scenario) -> Iterator[Path | None]:
    """A folder in memory where there is room, so that no disk is measured; removed afterwards."""
    if not scenario.record:
        yield None
        return
    seconds = scenario.warm_s + scenario.window_s + 15
    needed = scenario.legs // 2 * RECORDED_BYTES_PER_SECOND * seconds + 300 * 1024**2
    for place in (Path("/dev/shm"), Path(tempfile.gettempdir())):
        if place.is_dir() and shutil.disk_usage(place).free > needed:
            folder = Path(tempfile.mkdtemp(prefix="murima-bench-", dir=place))
            break
    else:
        raise BenchError(f"recording needs {needed // 1024**2} MB in /dev/shm or the temp folder")
    log.info("  recording to %s", folder.parent)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def find_knee(first: Scenario, cores: Cores) -> dict[str, Any]:
    """More and more legs until the loss is no longer below the limit."""
    steps = []
    knee = None
    for number in range(KNEE_STEPS):
        legs = first.legs + number * KNEE_STEP_LEGS
        step = Scenario(legs, first.record, first.spin, warm_s=2, window_s=5)
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
            scenario = Scenario(arguments.legs, record, arguments.spin, 2, arguments.seconds)
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
