"""The C parts of the engine under the address and undefined-behaviour sanitisers."""

import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
NATIVE = ROOT / "media" / "native"
STRICT = ["-std=gnu11", "-g", "-O1", "-Wall", "-Wextra", "-Werror"]
SANITISERS = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]


def test_c_parts_keep_their_promises_under_the_sanitisers(tmp_path: Path) -> None:
    program = tmp_path / "checks"
    sources = [
        NATIVE / f"{name}.c" for name in ("digits", "g711", "jitter", "recorder", "rtcp", "wire")
    ]
    subprocess.run(
        [
            *("gcc", *STRICT, *SANITISERS, "-I", str(NATIVE)),
            *map(str, sources),
            str(ROOT / "tests" / "media" / "native" / "checks.c"),
            *("-o", str(program), "-lm", "-lpthread"),
        ],
        check=True,
    )
    done = subprocess.run([str(program)], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
