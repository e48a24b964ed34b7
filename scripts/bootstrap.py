"""Prepares a checkout to run: system packages, virtual environment, native engine.

Standard library only. Each step leaves a stamp of what it was made from, so that a second run only
compares stamps. Exit code 2 means that the person at the keyboard must do what the last line says.
"""

import argparse
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMPS = VENV / "murima-stamps"

RUN_PACKAGES = {
    # Debian package: a file that shows it is there, however it came
    "gcc": "/usr/bin/gcc",
    "libc6-dev": "/usr/include/stdio.h",
    "espeak-ng": "/usr/bin/espeak-ng",
}
TEST_PACKAGES = {
    "sip-tester": "/usr/bin/sipp",
    "baresip-core": "/usr/bin/baresip",
    "sox": "/usr/bin/sox",
}
MINIMUM = (3, 11)


class Stop(Exception):
    """Only the person can go on from here; the message is one line that says how."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--test", action="store_true", help="also what the tests need")
    options = parser.parse_args()
    try:
        if sys.version_info < MINIMUM:
            raise Stop("Python 3.11 or newer is needed; this is " + sys.version.split()[0])
        with one_at_a_time():
            prepare(test=options.test)
    except Stop as reason:
        print(f"murima: {reason}", file=sys.stderr)
        return 2
    except subprocess.CalledProcessError as error:
        command = " ".join(map(str, error.cmd))
        print(f"murima: set-up failed: {command} ended with {error.returncode}", file=sys.stderr)
        return 1
    return 0


def prepare(*, test: bool) -> None:
    system_packages({**RUN_PACKAGES, **(TEST_PACKAGES if test else {})})
    virtual_environment()
    python_packages(test=test)
    native_engine()


# --- system packages -----------------------------------------------------------------------------


def system_packages(wanted: dict[str, str]) -> None:
    missing = [name for name, proof in wanted.items() if not Path(proof).exists()]
    if not has_python_headers():
        missing.append(f"python{sys.version_info[0]}-dev")
    if not VENV.exists() and not has_venv_module():
        missing.append("python3-venv")
    if missing:
        install(missing)


def has_python_headers() -> bool:
    import sysconfig

    return (Path(sysconfig.get_path("include")) / "Python.h").exists()


def has_venv_module() -> bool:
    try:
        import ensurepip
        import venv
    except ImportError:
        return False
    return bool(venv and ensurepip)


def install(packages: list[str]) -> None:
    """Install Debian packages, or raise Stop with the command that would."""
    command = ["apt-get", "install", "--yes", "--no-install-recommends", *packages]
    privilege = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if shutil.which("apt-get") is None:
        raise Stop("install these first, by their Debian names: " + " ".join(packages))
    if privilege and not may_sudo():
        raise Stop("run this first: sudo " + " ".join(command))
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with step("installing " + ", ".join(packages)):
        if run_quietly([*privilege, *command], environment) != 0:
            run([*privilege, "apt-get", "update", "--quiet"], environment)
            run([*privilege, *command], environment)


def may_sudo() -> bool:
    return shutil.which("sudo") is not None and run_quietly(["sudo", "-n", "true"], None) == 0


# --- Python --------------------------------------------------------------------------------------


def virtual_environment() -> None:
    lock = ROOT / "scripts" / "bootstrap.lock"
    stamp = Stamp("venv", [lock], sys.version, str(Path(sys.executable).resolve()))
    if stamp.is_current() and PYTHON.exists():
        return
    with step("making the virtual environment"):
        # A changed interpreter needs a new environment; nothing in it is worth keeping.
        run([sys.executable, "-m", "venv", "--clear", str(VENV)])
        run([str(PYTHON), "-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(lock)])
    stamp.set()


def python_packages(*, test: bool) -> None:
    """Make the environment hold exactly what the lock says; the test lock contains the other."""
    stamp_test = Stamp("packages-test", [ROOT / "requirements-dev.lock"])
    stamp_run = Stamp("packages-run", [ROOT / "requirements.lock"])
    if stamp_test.is_current() or (not test and stamp_run.is_current()):
        return
    lock = "requirements-dev.lock" if test else "requirements.lock"
    environment = {
        **os.environ,
        "UV_PYTHON_DOWNLOADS": "never",
        "VIRTUAL_ENV": str(VENV),
        # As apt, git and curl do: an organisation may have a certificate authority of its own.
        "UV_SYSTEM_CERTS": "1",
    }
    with step("installing Python packages of " + lock):
        # sync removes what the lock does not name, except pip and uv themselves.
        run(
            [str(PYTHON), "-m", "uv", "pip", "sync", "--quiet", "--require-hashes", lock],
            environment,
        )
    STAMPS.joinpath("packages-run" if test else "packages-test").unlink(missing_ok=True)
    (stamp_test if test else stamp_run).set()


def native_engine() -> None:
    folder = ROOT / "media" / "native"
    sources = [p for p in folder.rglob("*") if p.suffix in {".c", ".h", ".pyx", ".pxd"}]
    sources = [p for p in sources if p.name != "_engine.c"]
    stamp = Stamp("engine", [ROOT / "setup.py", *sorted(sources)], sys.version)
    if stamp.is_current() and any(folder.glob("_engine.*.so")):
        return
    with step("compiling the media engine"):
        run([str(PYTHON), "setup.py", "--quiet", "build_ext", "--inplace"])
    stamp.set()


# --- small tools ---------------------------------------------------------------------------------


class Stamp:
    """Remembers by content what a step was made from."""

    def __init__(self, name: str, files: Iterable[Path], *facts: str) -> None:
        digest = hashlib.sha256()
        for path in files:
            digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes() + b"\0")
        for fact in facts:
            digest.update(fact.encode() + b"\0")
        self._path = STAMPS / name
        self._value = digest.hexdigest()

    def is_current(self) -> bool:
        try:
            return self._path.read_text() == self._value
        except OSError:
            return False

    def set(self) -> None:
        STAMPS.mkdir(parents=True, exist_ok=True)
        self._path.write_text(self._value)


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Two set-ups of one checkout would step on each other's environment."""
    try:
        lock = os.open(ROOT, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise Stop(f"{ROOT} cannot be read: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


@contextmanager
def step(what: str) -> Iterator[None]:
    started = time.monotonic()
    print(f"murima: {what} ...", file=sys.stderr, flush=True)
    yield
    print(f"murima: {what}: {time.monotonic() - started:.1f} s", file=sys.stderr, flush=True)


def run(command: list[str], environment: dict[str, str] | None = None) -> None:
    subprocess.run(
        command, check=True, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=sys.stderr
    )


def run_quietly(command: list[str], environment: dict[str, str] | None) -> int:
    done = subprocess.run(
        command,
        check=False,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
