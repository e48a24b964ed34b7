"""`scripts/bench webrtc`: the load speaks the engine's SRTP, and the figures are what they say.

No figure of speed is held to anything here: this machine may be as busy as it likes.
"""

import json
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "scripts"


@pytest.fixture
def engine_load(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(SCRIPTS)
    spec = spec_from_file_location("engine_load", SCRIPTS / "engine_load.py")
    assert spec is not None
    assert spec.loader is not None
    module: Any = module_from_spec(spec)
    # A data class looks its own module up.
    monkeypatch.setitem(sys.modules, "engine_load", module)
    spec.loader.exec_module(module)
    return module


def usage(at: float, cpu_seconds: float, **threads: float) -> dict[str, Any]:
    return {"at": at, "cpu_seconds": cpu_seconds, "thread_seconds": threads}


def test_the_legs_of_a_core_go_by_the_media_thread_alone(engine_load: Any) -> None:
    before = usage(100.0, 1.0, recorder=5.0, media=0.5)
    after = usage(110.0, 3.0, recorder=5.2, media=1.5)
    used = engine_load.processor_time(200, 200.0, before, after)
    assert used == {
        "cpu_pct": 20.0,
        "cpu_pct_per_100_legs": 10.0,
        "thread_cpu_pct": 10.0,
        "legs_per_core": 2_000,
    }


def test_legs_that_lose_audio_do_not_count_as_cheap_ones(engine_load: Any) -> None:
    before, after = usage(0.0, 0.0, media=0.0), usage(10.0, 1.0, media=1.0)
    assert engine_load.processor_time(200, 100.0, before, after)["legs_per_core"] == 1_000


@pytest.mark.parametrize("suite", ["gcm", "cm"])
def test_what_one_browser_says_the_other_one_hears(suite: str) -> None:
    done = subprocess.run(
        [
            *(SCRIPTS / "bench", "webrtc", "--suite", suite, "--legs", "4"),
            *("--seconds", "1", "--handshakes", "0", "--json"),
        ],
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["bench"] == "webrtc"
    metrics = report["metrics"]
    assert (metrics["suite"], metrics["legs"]) == (suite, 4)
    assert metrics["sent_measured"] == 4 * 50
    assert metrics["lost"] < metrics["sent_measured"]
    assert metrics["delay_ms_p50"] > 0
    assert (metrics["forged"], metrics["misdirected"]) == (0, 0)


def test_a_handshake_costs_the_server_a_part_of_what_it_costs_both() -> None:
    done = subprocess.run(
        [sys.executable, SCRIPTS / "load" / "dtls_handshakes.py", "2"],
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    measured = json.loads(done.stdout)
    assert measured["handshakes"] == 2
    assert 0 < measured["handshake_cpu_ms"] < measured["handshake_both_cpu_ms"]
