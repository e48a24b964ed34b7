"""The C parts of the engine under the sanitisers: one program of checks per part."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NATIVE = ROOT / "media" / "native"
CHECKS = Path(__file__).parent / "native"
STRICT = ["-std=gnu11", "-g", "-O1", "-Wall", "-Wextra", "-Werror"]
ADDRESS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
# Copies that the compiler would write out in place are not seen by the thread sanitiser.
THREAD = ["-fsanitize=thread", "-fno-builtin"]

WHOLE = [
    *("codec", "codec_opus", "digits", "engine", "g711", "jitter", "leg", "leg_reports"),
    *("leg_send", "orders", "pace", "packets", "recorder", "resample", "rtcp", "secure"),
    *("shard", "srtp", "wide", "wire"),
]
PARTS = {
    "codec": ["codec", "codec_opus", "g711"],
    "digits": ["digits"],
    "g711": ["g711"],
    "jitter": ["jitter", "pace"],
    "leg": WHOLE,
    "packets": ["codec", "codec_opus", "g711", "pace", "packets"],
    "recorder": ["recorder"],
    "resample": ["resample"],
    "ring": [],
    "rtcp": ["rtcp"],
    "secure": WHOLE,
    "srtp": ["wire"],
    "wire": ["wire"],
}
"""Part -> the sources its checks need."""


@pytest.mark.parametrize("part", PARTS)
def test_part_keeps_its_promises_and_its_bounds(part: str, tmp_path: Path) -> None:
    run_checks(part, PARTS[part], ADDRESS, tmp_path)


def test_rings_are_safe_between_two_threads(tmp_path: Path) -> None:
    run_checks("ring", PARTS["ring"], THREAD, tmp_path)


@pytest.mark.parametrize("sanitiser", [ADDRESS, THREAD], ids=["address", "thread"])
def test_whole_engine_runs_a_call_on_two_threads(sanitiser: list[str], tmp_path: Path) -> None:
    run_checks("engine", WHOLE, sanitiser, tmp_path, str(tmp_path))


def run_checks(
    name: str, sources: list[str], sanitiser: list[str], directory: Path, *arguments: str
) -> None:
    program = directory / name
    subprocess.run(
        [
            *("gcc", *STRICT, *sanitiser, "-I", str(NATIVE)),
            *(str(NATIVE / f"{source}.c") for source in sources),
            str(CHECKS / f"{name}_checks.c"),
            *("-o", str(program), "-lm", "-lpthread", "-lcrypto", "-lopus"),
        ],
        check=True,
    )
    done = subprocess.run(
        [str(program), *arguments], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARNING: ThreadSanitizer" not in done.stderr, done.stderr
