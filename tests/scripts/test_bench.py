"""`scripts/bench` says what it can run, and nothing else is a bench."""

import subprocess
from pathlib import Path

import pytest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"


@pytest.mark.parametrize("arguments", [[], ["nothing"], ["--help"], ["../bench"]])
def test_without_a_known_name_the_benches_are_listed(arguments: list[str]) -> None:
    done = subprocess.run(
        [SCRIPTS / "bench", *arguments], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 2
    assert done.stdout == ""
    listed = {line.split()[0] for line in done.stderr.splitlines() if line.startswith("  ")}
    assert listed == {path.stem.removeprefix("bench_") for path in SCRIPTS.glob("bench_*.py")}
    assert {"media", "webrtc", "calls"} <= listed


@pytest.mark.parametrize(
    "arguments",
    [
        ["media", "--legs", "3"],
        ["media", "--legs", "0"],
        ["webrtc", "--legs", "3"],
        ["webrtc", "--suite", "none"],
        ["webrtc", "--handshakes", "-1"],
        ["calls", "--rate", "0"],
    ],
)
def test_a_wrong_option_is_refused_before_anything_is_started(arguments: list[str]) -> None:
    done = subprocess.run(
        [SCRIPTS / "bench", *arguments], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 2
    assert "error: --" in done.stderr.replace("error: argument ", "error: ")
