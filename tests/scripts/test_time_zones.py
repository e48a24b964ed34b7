"""Opening hours need time zones, also where the system brings none."""

import subprocess
import sys


def test_time_zones_are_known_where_the_system_has_none() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import zoneinfo; print(zoneinfo.ZoneInfo('Europe/Berlin'))"],
        env={"PYTHONTZPATH": ""},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("Europe/Berlin\n", "")
