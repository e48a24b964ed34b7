"""The media engine alone, under our generator: what `bench media` and `webrtc` both measure."""

import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Timer
from typing import Any

from measuring import ROOT, BenchError, Cores, compile_c, pin, put_first

log = logging.getLogger(__name__)
LOAD = Path(__file__).resolve().parent / "load"
NATIVE = ROOT / "media" / "native"
LATE_MS = 20.0
"""A generator that is later than one packet loads the engine with bursts that no caller sends."""
RECORDED_BYTES_PER_SECOND = 32_000  # of one call: two channels of 16 bit


@dataclass(frozen=True, slots=True)
class Suite:
    """A profile of SRTP."""

    profile: int
    """Its number in DTLS-SRTP."""
    master_bytes: int
    """Of key and salt together."""


@dataclass(frozen=True, slots=True)
class Scenario:
    legs: int
    warm_s: int
    window_s: int
    record: bool = False
    spin: bool = False
    suite: Suite | None = None
    """Every leg is a browser's, under keys; None for plain RTP."""
    codec: str = "PCMU"

    @property
    def name(self) -> str:
        if self.suite is not None:
            return "secure"
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
            start_new_session=True,
        )
        put_first(self._process)
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
        *(str(generator_program()), "--legs", str(scenario.legs)),
        *("--warm", str(scenario.warm_s), "--seconds", str(scenario.window_s)),
        *(("--srtp", str(scenario.suite.profile)) if scenario.suite else ()),
        *(("--opus", "1") if scenario.codec == "OPUS" else ()),
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


def generator_program() -> Path:
    """The SRTP and the Opus it speaks are the engine's own."""
    units = ("codec", "codec_opus", "g711", "srtp")
    parts = [NATIVE / f"{unit}.{kind}" for unit in units for kind in "ch"]
    return compile_c(
        LOAD / "rtp_load.c", *parts, NATIVE / "wire.h", libraries=["crypto", "opus", "m"]
    )


def measure(
    scenario: Scenario, generator: Worker, engine: Worker, folder: Path | None
) -> dict[str, Any]:
    own_ports = [int(port) for port in generator.hear().split()[1:]]
    order = {
        "legs": scenario.legs,
        "answer_ports": own_ports,
        "record_in": str(folder) if folder else None,
        "spin": scenario.spin,
        "suite": asdict(scenario.suite) if scenario.suite else None,
        "codec": scenario.codec,
    }
    engine.say(json.dumps(order))
    legs = json.loads(engine.hear())["legs"]
    generator.say(" ".join(str(word) for leg in legs for word in leg))
    generator.expect("measuring")
    before = usage(engine)
    generator.expect("measured")
    after = usage(engine)
    heard = json.loads(generator.hear())
    engine.say("stop")
    told = json.loads(engine.hear())
    carried = scenario.legs * (1 - heard["loss_pct"] / 100)
    return result(scenario.legs, processor_time(scenario.legs, carried, before, after), heard, told)


def usage(engine: Worker) -> dict[str, Any]:
    engine.say("usage")
    answer: dict[str, Any] = json.loads(engine.hear())
    return answer


def processor_time(
    legs: int, carried: float, before: dict[str, Any], after: dict[str, Any]
) -> dict[str, Any]:
    """What the engine's process used between two answers to `usage`, and its media thread alone,
    which is the busiest of the threads that the engine has started.

    `carried` are the legs without the share of audio that was lost: it must not make legs cheaper.
    """
    seconds = after["at"] - before["at"]
    process_pct = 100 * (after["cpu_seconds"] - before["cpu_seconds"]) / seconds
    threads = {n: used - before["thread_seconds"][n] for n, used in after["thread_seconds"].items()}
    thread_pct = 100 * max(threads.values()) / seconds
    return {
        "cpu_pct": round(process_pct, 1),
        "cpu_pct_per_100_legs": round(process_pct / legs * 100, 3),
        "thread_cpu_pct": round(thread_pct, 2),
        "legs_per_core": int(carried * 100 / thread_pct),
    }


def result(
    legs: int, used: dict[str, Any], heard: dict[str, Any], told: dict[str, Any]
) -> dict[str, Any]:
    if heard["generator_overflow"]:
        log.warning("the generator itself lost %d packets", heard["generator_overflow"])
    if heard["generator_late_ms_max"] > LATE_MS:
        log.warning(
            "the generator was up to %d ms late: others held the machine up, and what was held up "
            "and then came in a burst counts as delayed, or as lost",
            heard["generator_late_ms_max"],
        )
    if heard["misdirected"]:
        log.error("%d packets came out of a call they did not belong to", heard["misdirected"])
    if heard["forged"]:
        log.error("%d packets were not what the keys say", heard["forged"])
    if told["recordings_complete"] != told["recordings"]:
        log.warning("only %(recordings_complete)d of %(recordings)d recordings are whole", told)
    measured = {"legs": legs, "calls": legs // 2, **used, **heard, **told}
    log.info(
        "  loss %(loss_pct)s %%, delay p50 %(delay_ms_p50)s ms, p99 %(delay_ms_p99)s ms, "
        "CPU %(cpu_pct)s %% (%(cpu_pct_per_100_legs)s %% per 100 legs), media thread "
        "%(thread_cpu_pct)s %%: %(legs_per_core)d legs per core",
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
