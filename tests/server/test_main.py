"""`python -m server`: what only the person can put right is one line and exit code 2."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def started(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("MURIMA_", "DATABASE_URL"))}
    return subprocess.run(
        [sys.executable, "-m", "server", *arguments],
        cwd=folder,
        env={**kept, "PYTHONPATH": str(ROOT), **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("text", "variables", "said"),
    [
        ("[sip]\nudp_port = 70000\n", {}, "sip.udp_port: must be from 0 to 65535"),
        ("[sip\n", {}, "murima.toml: is not valid TOML: "),
        ('"a\\n\\u001b[31m" = 1\n', {}, r'"a\n\u001b[31m": is not a setting'),
        ("", {"MURIMA_HTTP__PORT": ""}, "MURIMA_HTTP__PORT: is empty"),
        ("data_dir = '/proc/none'\n", {}, "data_dir: /proc/none cannot be used: No such file"),
        ("data_dir = 'murima.toml'\n", {}, "murima.toml cannot be used: File exists"),
        ("[tls]\nkey = 'k'\n", {}, "tls: certificate and key belong together: certificate is not"),
        ("[tls]\nkey = 'k'\ncertificate = 'c'\n", {}, "tls.certificate: c cannot be read: No such"),
        ("[database]\nurl = 'postgresql://u:s3cret@127.0.0.1:1/x'\n", {}, "database: cannot"),
        ("[database]\nurl = 'postgresql://u:s3cret@[::1/x'\n", {}, "database.url: is not a"),
        ("[database]\nurl = 'postgresql://u:s3cret@h:99999/x'\n", {}, "database"),
        ("[database]\nurl = 'postgresql://u:s3cret@none.invalid/x'\n", {}, "database: cannot"),
    ],
)
def test_mistake_is_one_line_and_no_traceback(
    tmp_path: Path, text: str, variables: dict[str, str], said: str
) -> None:
    (tmp_path / "murima.toml").write_text(text)
    done = started(tmp_path, **variables)
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    assert line.startswith("murima: ")
    assert said in line
    assert "s3cret" not in line


def test_file_named_on_the_command_line_must_be_there(tmp_path: Path) -> None:
    done = started(tmp_path, "--config", "no\nwhere.toml")
    assert (done.returncode, done.stderr) == (
        2,
        "murima: no\\nwhere.toml: cannot be read: No such file or directory\n",
    )
