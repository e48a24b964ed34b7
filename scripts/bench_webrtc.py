"""Bridged browser legs (SRTP) on one core: loss, added delay and CPU; CPU of a DTLS handshake."""

import argparse
import json
import logging
import sys
from typing import Any

from engine_load import LOAD, Scenario, Suite, Worker, run_scenario
from measuring import (
    BenchError,
    Cores,
    choose_cores,
    print_report,
    raise_file_limit,
    show_progress,
)

log = logging.getLogger(__name__)
SUITES = {
    "gcm": Suite(profile=8, master_bytes=44),  # AEAD_AES_256_GCM
    "cm": Suite(profile=1, master_bytes=30),  # AES128_CM_SHA1_80
}
WARM_SECONDS = 2


def time_handshakes(count: int, cores: Cores) -> dict[str, Any]:
    log.info("%d DTLS handshakes, one after another", count)
    command = [sys.executable, str(LOAD / "dtls_handshakes.py"), str(count)]
    worker = Worker("handshakes", command, cores.measured, seconds=60)
    try:
        measured: dict[str, Any] = json.loads(worker.hear())
    finally:
        worker.end()
    log.info(
        "  CPU of a handshake: %(handshake_cpu_ms)s ms on the server's side, "
        "%(handshake_both_cpu_ms)s ms on both sides",
        measured,
    )
    return measured


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench webrtc", description=__doc__)
    parser.add_argument("--legs", type=int, default=200, help="even number; two make a call")
    parser.add_argument("--seconds", type=int, default=8, choices=range(1, 21), metavar="1-20")
    parser.add_argument(
        "--suite", choices=sorted(SUITES), default="gcm", help="AES-256-GCM, or AES-CM with SHA-1"
    )
    parser.add_argument("--codec", choices=["opus", "pcmu"], default="pcmu")
    parser.add_argument("--handshakes", type=int, default=200, help="0 to 2000")
    parser.add_argument("--json", action="store_true", help="only the report, no progress")
    arguments = parser.parse_args()
    if arguments.legs % 2 or not 2 <= arguments.legs <= 20_000:
        parser.error("--legs must be an even number of 2 to 20000")
    if not 0 <= arguments.handshakes <= 2_000:
        parser.error("--handshakes must be 0 to 2000")
    return arguments


def main() -> int:
    arguments = read_arguments()
    show_progress(quiet=arguments.json)
    try:
        cores = choose_cores()
        raise_file_limit(3 * arguments.legs + 100)
        suite = SUITES[arguments.suite]
        codec = arguments.codec.upper()
        scenario = Scenario(
            arguments.legs, WARM_SECONDS, arguments.seconds, suite=suite, codec=codec
        )
        metrics = {"suite": arguments.suite, "codec": codec, **run_scenario(scenario, cores)}
        if arguments.handshakes:
            metrics |= time_handshakes(arguments.handshakes, cores)
    except BenchError as error:
        log.error("bench webrtc: %s", error)
        return 1
    print_report("webrtc", metrics, cores)
    return 0


if __name__ == "__main__":
    sys.exit(main())
