"""Runs SIPp, the traffic generator of the trade, on scenarios of ours."""

import asyncio
import csv
from dataclasses import dataclass
from pathlib import Path

SCENARIOS = Path(__file__).parent.parent / "acceptance" / "sipp"


@dataclass(frozen=True, slots=True)
class SippResult:
    exit_code: int
    successful: int
    failed: int
    retransmissions: int
    unexpected: str
    """SIPp's own words about messages it did not expect; empty when all went well."""


async def run_sipp(
    folder: Path,
    scenario: str,
    target: tuple[str, int],
    *arguments: str,
    calls: int = 1,
    rate: float = 10,
    transport: str = "u1",
    seconds: float = 60,
) -> SippResult:
    """Play `scenario` (a file of tests/acceptance/sipp) `calls` times at `rate` a second."""
    _make_folder(folder)
    statistics = folder / "statistics.csv"
    errors = folder / "errors.log"
    command = [
        *("sipp", "-sf", str(SCENARIOS / scenario), "-i", "127.0.0.1", "-t", transport),
        *("-m", str(calls), "-r", str(rate), "-l", "2000", "-nostdin"),
        *("-trace_stat", "-stf", str(statistics), "-fd", "1"),
        *("-trace_err", "-error_file", str(errors)),
        *("-timeout", str(int(seconds)), "-timeout_error"),
        *arguments,
        f"{target[0]}:{target[1]}",
    ]
    with (folder / "screen.log").open("wb") as screen:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stdout=screen, stderr=screen, cwd=folder
        )
        try:
            async with asyncio.timeout(seconds + 10):
                code = await process.wait()
        except BaseException:
            process.kill()
            await process.wait()
            raise
    last = _last_row(statistics)
    return SippResult(
        exit_code=code,
        successful=int(last.get("SuccessfulCall(C)") or 0),
        failed=int(last.get("FailedCall(C)") or 0),
        retransmissions=int(last.get("Retransmissions(C)") or 0),
        unexpected=errors.read_text(errors="replace")[:2_000] if errors.exists() else "",
    )


def _make_folder(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)


def _last_row(path: Path) -> dict[str, str]:
    if not path.exists():
        return {}
    with path.open(newline="", errors="replace") as file:
        rows = list(csv.DictReader(file, delimiter=";"))
    return rows[-1] if rows else {}
