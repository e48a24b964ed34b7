"""What all benches share: cores to pin to, the machine they ran on, and the line they end with."""

import hashlib
import json
import logging
import os
import platform
import resource
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

log = logging.getLogger(__name__)
ROOT = Path(__file__).resolve().parent.parent
NICENESS = -15


class BenchError(Exception):
    """The bench cannot run or its figures would mean nothing; one line for whoever started it."""


@dataclass(frozen=True, slots=True)
class Cores:
    """One core for what is measured and one for its load; None where there is only one."""

    measured: int | None
    load: int | None

    @property
    def pinned(self) -> bool:
        return self.measured is not None


def show_progress(*, quiet: bool) -> None:
    """Progress goes to stderr, so that stdout holds the report alone; warnings are always shown."""
    logging.basicConfig(level=logging.WARNING if quiet else logging.INFO, format="%(message)s")


def choose_cores() -> Cores:
    usable = sorted(os.sched_getaffinity(0))
    if len(usable) < 2:
        log.warning("only one core: nothing is pinned, and the load disturbs what is measured")
        return Cores(None, None)
    return Cores(usable[0], usable[1])


def pin(process: "subprocess.Popen[str]", core: int | None) -> None:
    """Confine a process just started; what it starts later stays on the same core."""
    if core is not None:
        os.sched_setaffinity(process.pid, {core})


def put_first(process: "subprocess.Popen[str]") -> None:
    """Before the other work of the machine, where that is allowed; for a process with a session of
    its own. Linux weighs sessions against each other first (autogroups), and only within one of
    them does the priority count that the media thread asks for."""
    with suppress(OSError):
        Path(f"/proc/{process.pid}/autogroup").write_text(str(NICENESS))


def raise_file_limit(needed: int) -> None:
    """Every leg has two sockets: let this process and its children open as many as are allowed."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise BenchError(f"{needed} open files are needed, this session may have {hard}")


def compile_c(source: Path, *parts: Path, libraries: Sequence[str] = ()) -> Path:
    """The program of a C file and of its parts, headers among them, compiled when one of them has
    changed since the last time."""
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    files = (source, *parts)
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:16]
    program = home / "murima" / f"{source.stem}-{digest}"
    if not program.exists():
        log.info("compiling %s", source.name)
        program.parent.mkdir(parents=True, exist_ok=True)
        unfinished = program.with_suffix(f".{os.getpid()}")
        command = [
            *("gcc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-o", str(unfinished)),
            *(f"-I{folder}" for folder in sorted({path.parent for path in parts})),
            *(str(path) for path in files if path.suffix == ".c"),
            *(f"-l{library}" for library in libraries),
        ]
        try:
            subprocess.run(command, check=True, stdout=sys.stderr)
        except (OSError, subprocess.CalledProcessError) as error:
            raise BenchError(f"{source.name} could not be compiled: {error}") from error
        unfinished.replace(program)
    return program


def print_report(bench: str, metrics: Mapping[str, object], cores: Cores) -> None:
    """The one line of JSON on stdout that every bench ends with."""
    report = {
        "bench": bench,
        "metrics": metrics,
        "machine": {**_machine(), "pinned": cores.pinned},
        "commit": _commit(),
    }
    print(json.dumps(report), flush=True)


def _machine() -> dict[str, object]:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "memory_gb": round(memory / 1024**3, 1),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def _commit() -> str:
    """The commit checked out, with `-dirty` when files differ from it; empty outside a clone."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
