"""One run of SIPp for `scripts/bench calls`: how many calls to make, and what became of them."""

import csv
import math
import socket
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from measuring import BenchError, pin

SCENARIO = Path(__file__).resolve().parent / "answer_hangup.xml"
DRAIN_SECONDS = 5
"""How long calls may take to end after the last one was begun; after that they have failed."""


@dataclass(frozen=True, slots=True)
class Outcome:
    rate: int
    offered: int
    """Calls that should have been begun."""
    created: int
    successful: int
    retransmissions: int
    setup_ms: tuple[int, ...]
    """From INVITE to 200 of each call answered, sorted."""

    @property
    def failed_pct(self) -> float:
        """Of the calls that should have been made; what the generator did not manage counts."""
        return 100 * (1 - self.successful / self.offered)

    @property
    def retransmitted_pct(self) -> float:
        return 100 * self.retransmissions / self.offered

    def setup_percentile(self, share: float) -> int | None:
        if not self.setup_ms:
            return None
        return self.setup_ms[max(math.ceil(share * len(self.setup_ms)) - 1, 0)]


def run_calls(
    server: tuple[str, int], number: str, rate: int, seconds: int, core: int | None
) -> Outcome:
    with tempfile.TemporaryDirectory(prefix="murima-sipp-") as folder, _sink() as sink:
        command = _command(server, number, rate, seconds, audio_port=sink.getsockname()[1])
        try:
            process = subprocess.Popen(
                command,
                cwd=folder,  # SIPp names some of its files itself
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        except OSError as error:
            raise BenchError(f"sipp cannot be run ({error}); install sip-tester") from error
        try:
            pin(process, core)
            process.wait(timeout=seconds + DRAIN_SECONDS + 2)
        except subprocess.TimeoutExpired:
            pass  # its last statistics tell
        finally:
            process.kill()
            process.wait()
        return _read_outcome(Path(folder), rate, rate * seconds)


def _command(
    server: tuple[str, int], number: str, rate: int, seconds: int, audio_port: int
) -> list[str]:
    host, port = server
    return [
        *("sipp", f"{host}:{port}", "-sf", str(SCENARIO), "-s", number),
        *("-i", host, "-p", str(free_udp_port(host)), "-key", "audio_port", str(audio_port)),
        *("-r", str(rate), "-m", str(rate * seconds), "-l", str(rate * (seconds + DRAIN_SECONDS))),
        *("-timeout", f"{seconds + DRAIN_SECONDS}s", "-timer_resol", "1", "-nostdin"),
        *("-trace_stat", "-stf", "statistics.csv", "-fd", "1"),
        *("-trace_rtt", "-rtt_freq", "1"),
    ]


def _sink() -> socket.socket:
    """Takes the audio of every call and drops it, so that it is not refused by the kernel."""
    sink = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sink.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    sink.bind(("127.0.0.1", 0))
    return sink


def free_udp_port(host: str) -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def _read_outcome(folder: Path, rate: int, offered: int) -> Outcome:
    try:
        with (folder / "statistics.csv").open(newline="") as file:
            last = list(csv.DictReader(file, delimiter=";"))[-1]
    except (OSError, IndexError) as error:
        raise BenchError("sipp left no statistics") from error
    answered = [
        int(float(row["response_time_ms"]))
        for path in folder.glob("*_rtt.csv")
        for row in csv.DictReader(path.read_text().splitlines(), delimiter=";")
    ]
    return Outcome(
        rate=rate,
        offered=offered,
        created=int(last["TotalCallCreated"]),
        successful=int(last["SuccessfulCall(C)"]),
        retransmissions=int(last["Retransmissions(C)"]),
        setup_ms=tuple(sorted(answered)),
    )
