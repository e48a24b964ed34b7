"""Prepares a checkout to run: system packages, virtual environment, native engine, web pages.

Standard library only. Each step leaves a stamp of what it was made from, so that a second run only
compares stamps. Exit code 2 means that the person at the keyboard must do what the last line says.
"""

import argparse
import fcntl
import hashlib
import os
import pwd
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

MINIMUM = (3, 11)
if sys.version_info < MINIMUM:  # here, before a line that an older one stumbles over
    sys.stderr.write(f"murima: Python 3.11 is needed; python3 is {sys.version.split()[0]}\n")
    sys.exit(2)

from troubles import TROUBLES  # noqa: E402 - an old interpreter must come as far as the line above

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMPS = VENV / "murima-stamps"
INTERPRETER = Path(sys.executable).resolve()  # also when we are run by the environment's own

RUN_PACKAGES = {
    # Debian package: a file that shows it is there, however it came
    "gcc": "/usr/bin/gcc",
    "libc6-dev": "/usr/include/stdio.h",
    "libssl-dev": "/usr/include/openssl/evp.h",
    "libopus-dev": "/usr/include/opus/opus.h",
    "espeak-ng": "/usr/bin/espeak-ng",
}
TEST_PACKAGES = {
    "sip-tester": "/usr/bin/sipp",
    "baresip-core": "/usr/bin/baresip",
    "sox": "/usr/bin/sox",
}
if Path("/etc/debian_version").exists() and not Path("/etc/lsb-release").exists():
    TEST_PACKAGES["chromium"] = "/usr/bin/chromium"  # Ubuntu has none; its tests are left out there
APT_LISTS = Path("/var/lib/apt/lists")
AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")


class Stop(Exception):
    """Only the person can go on from here; the message is one line that says how."""


class Failed(Exception):
    """A program failed, and not for one of the reasons that we know."""

    def __init__(self, command: list[str], code: int, output: str) -> None:
        super().__init__(f"set-up failed: {' '.join(command)} ended with {code}")
        self.output_end = "\n".join(output.splitlines()[-20:])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--test", action="store_true", help="also what the tests need")
    parser.add_argument("--then", nargs="...", help="a module to become, and its arguments")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    try:
        with one_at_a_time():
            prepare(test=options.test)
        if options.then:
            become(options.then)
    except Stop as reason:
        return say(reason, 2)
    except Failed as failure:
        print(failure.output_end, file=sys.stderr)
        return say(failure, 1)
    except OSError as error:
        return say(f"set-up failed: {error}", 1)
    except KeyboardInterrupt:
        return say("interrupted; the next start goes on from here", 128 + signal.SIGINT)
    return 0


def say(line: object, code: int = 0) -> int:
    print(f"murima: {line}", file=sys.stderr, flush=True)
    return code


def prepare(*, test: bool) -> None:
    usable_folder()
    system_packages({**RUN_PACKAGES, **(TEST_PACKAGES if test else {})})
    virtual_environment()
    python_packages(test=test)
    native_engine()
    web_pages()


def become(module_and_arguments: list[str]) -> None:
    """In the same process, so that who started us can also end what we started."""
    variables = {**os.environ, "PYTHONPATH": str(ROOT)}
    os.execve(PYTHON, [str(PYTHON), "-m", *module_and_arguments], variables)


def usable_folder() -> None:
    if os.pathsep in str(ROOT) or not str(ROOT).isprintable():
        raise Stop(f"an odd character or a colon is in the path; move the checkout: {str(ROOT)!a}")
    if os.statvfs(ROOT).f_flag & os.ST_NOEXEC:
        raise Stop(f"{ROOT} is on a file system that is mounted noexec; move the checkout")


def system_packages(wanted: dict[str, str]) -> None:
    missing = missing_packages(wanted)
    if not missing:
        return
    install(missing)
    for name in missing_packages(wanted):
        raise Stop(f"{name} was installed and is still not found for {INTERPRETER}; use Debian's")


def missing_packages(wanted: dict[str, str]) -> list[str]:
    missing = [name for name, proof in wanted.items() if not Path(proof).exists()]
    python = "python{}.{}".format(*sys.version_info)  # python3 need not be Debian's python3
    if not has_python_headers():
        missing.append(f"{python}-dev")
    if not environment_is_current() and not has_venv_module():
        missing.append(f"{python}-venv")
    return missing


def has_python_headers() -> bool:
    import sysconfig

    return (Path(sysconfig.get_path("include")) / "Python.h").exists()


def has_venv_module() -> bool:
    # In a process of its own, for one that remembers nothing from before it was installed.
    return output_of([str(INTERPRETER), "-I", "-c", "import ensurepip, venv"])[0] == 0


def install(packages: list[str]) -> None:
    """Install Debian packages, or raise Stop with the command that would."""
    command = ["apt-get", "install", "--yes", "--no-install-recommends", *packages]
    if shutil.which("apt-get") is None:
        raise Stop("install these first, by their Debian names: " + " ".join(packages))
    if os.geteuid() != 0 and not may_sudo():
        raise Stop(by_hand(command))
    privileged = [
        *([] if os.geteuid() == 0 else ["sudo", "-n"]),
        *("env", "DEBIAN_FRONTEND=noninteractive"),  # sudo would drop ours, and the proxy's
        *(f"{k}={v}" for k, v in os.environ.items() if k.lower().endswith("_proxy")),
    ]
    # A machine that was just started is often busy with updates of its own.
    command[1:1] = ["-o", "DPkg::Lock::Timeout=300"]
    with step("installing " + ", ".join(packages)):
        if output_of([*privileged, *command])[0] != 0:
            # One source that is gone must not matter when all others know the packages.
            said = output_of([*privileged, "apt-get", "update"])[1]
            run([*privileged, *command], said_before=said)


def by_hand(command: list[str]) -> str:
    commands = [" ".join(command)]
    if not any(APT_LISTS.glob("*_Packages*")):
        commands.insert(0, "apt-get update")
    if shutil.which("sudo") is None:
        return "run this first, as root: " + " && ".join(commands)
    return "run this first: " + " && ".join(f"sudo {command}" for command in commands)


def may_sudo() -> bool:
    return shutil.which("sudo") is not None and output_of(["sudo", "-n", "true"])[0] == 0


def environment_stamp() -> "Stamp":
    lock = ROOT / "scripts" / "bootstrap.lock"
    # An environment has its own path in many of its files: it does not survive a move.
    return Stamp("venv", [lock], sys.version, str(INTERPRETER), str(VENV))


def environment_is_current() -> bool:
    return environment_stamp().is_current() and PYTHON.exists()


def virtual_environment() -> None:
    if environment_is_current():
        return
    must_be_writable(ROOT, VENV)
    with step("making the virtual environment"), environment_stamp().renewed():
        # A changed interpreter needs a new environment; nothing in it is worth keeping.
        run([str(INTERPRETER), "-m", "venv", "--clear", str(VENV)])
        lock = ROOT / "scripts" / "bootstrap.lock"
        run([str(PYTHON), "-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(lock)])


def python_packages(*, test: bool) -> None:
    """Make the environment hold exactly what the lock says; the test lock contains the other."""
    stamp_test = Stamp("packages-test", [ROOT / "requirements-dev.lock"])
    stamp_run = Stamp("packages-run", [ROOT / "requirements.lock"])
    if stamp_test.is_current() or (not test and stamp_run.is_current()):
        return
    lock = "requirements-dev.lock" if test else "requirements.lock"
    must_be_writable(VENV)
    (stamp_run if test else stamp_test).remove()
    stamp = stamp_test if test else stamp_run
    with step("installing Python packages of " + lock), stamp.renewed():
        # sync removes what the lock does not name, except pip and uv themselves.
        sync = ["uv", "pip", "sync", "--quiet", "--require-hashes", "--python", str(PYTHON)]
        run([str(PYTHON), "-m", *sync, lock])


def native_engine() -> None:
    folder, build = ROOT / "media" / "native", ROOT / "build"
    sources = {*folder.rglob("*.[ch]"), *folder.rglob("*.p[xy][dx]")} - {folder / "_engine.c"}
    stamp = Stamp("engine", [ROOT / "setup.py", *sorted(sources)], sys.version)
    if stamp.is_current() and any(folder.glob("_engine.*.so")):
        return
    must_be_writable(ROOT, VENV, build, folder)
    with step("compiling the media engine"), stamp.renewed():
        # From nothing: the compilers go by the time of a file, which says nothing about its content
        # in a copy, nor after an interruption.
        shutil.rmtree(build, ignore_errors=True)
        run([str(PYTHON), "setup.py", "--quiet", "build_ext", "--inplace", "--force"])


def web_pages() -> None:
    folder = ROOT / "frontend"
    made = {folder / "node_modules", folder / "dist"}
    tops = [path for path in folder.iterdir() if path not in made]
    files = [path for top in tops for path in (top, *top.rglob("*")) if path.is_file()]
    stamp = Stamp("pages", [ROOT / "scripts" / "build_pages.py", *sorted(files)])
    if stamp.is_current() and (folder / "dist" / "index.html").exists():
        return
    must_be_writable(ROOT, VENV, folder, folder / "dist")
    with step("building the web pages"), stamp.renewed():
        run([str(PYTHON), "scripts/build_pages.py"])


class Stamp:
    """Remembers by content what a step was made from."""

    def __init__(self, name: str, files: Iterable[Path], *facts: str) -> None:
        digest = hashlib.sha256()
        for path in files:
            digest.update(os.fsencode(path.relative_to(ROOT)) + b"\0" + path.read_bytes() + b"\0")
        for fact in facts:
            digest.update(os.fsencode(fact) + b"\0")
        self._path = STAMPS / name
        self._value = digest.hexdigest()

    def is_current(self) -> bool:
        try:
            return self._path.read_text() == self._value
        except OSError:
            return False

    @contextmanager
    def renewed(self) -> Iterator[None]:
        """Around the step: there is no stamp while it is half done, or when it fails."""
        self.remove()
        yield
        STAMPS.mkdir(parents=True, exist_ok=True)
        self._path.write_text(self._value)

    def remove(self) -> None:
        self._path.unlink(missing_ok=True)


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Two set-ups of one checkout would step on each other's environment."""
    try:
        lock = os.open(ROOT, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise Stop(f"{ROOT} cannot be read: {error.strerror}") from error
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("waiting for another set-up of this checkout ...")
            fcntl.flock(lock, fcntl.LOCK_EX)
        except OSError:
            pass  # some network file systems lock no directories
        yield
    finally:
        os.close(lock)


def must_be_writable(*tops: Path) -> None:
    """Stop before anything is half done; `ROOT` itself, of the others everything."""
    for top in tops:
        inside = [] if top == ROOT else os.walk(top)
        folders = [top, *(Path(base, name) for base, names, _ in inside for name in names)]
        for folder in folders:
            if os.path.exists(folder) and not os.access(folder, os.W_OK | os.X_OK):
                raise Stop(why_not_writable(folder))


def why_not_writable(folder: Path) -> str:
    if os.statvfs(folder).f_flag & os.ST_RDONLY:
        return f"{folder} is on a read-only file system; use a checkout that can be written"
    owner, we = user_name(folder.stat().st_uid), user_name(os.geteuid())
    way_out = f"run this as {owner}, or first: sudo chown -R {we} {shlex.quote(str(ROOT))}"
    return f"{folder} belongs to {owner} and must be written now; {way_out}"


def user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


@contextmanager
def step(what: str) -> Iterator[None]:
    started = time.monotonic()
    say(f"{what} ...")
    yield
    say(f"{what}: {time.monotonic() - started:.1f} s")


def run(command: list[str], *, said_before: str = "") -> None:
    """Quietly, unless it fails; raises Stop when we know what a person can do, else Failed."""
    code, output = output_of(command)
    if code == 0:
        return
    for pattern, advice in TROUBLES:
        if re.search(pattern, said_before + output):
            raise Stop(advice)
    raise Failed(command, code, output)


def output_of(command: list[str]) -> tuple[int, str]:
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    )
    try:
        output = process.communicate()[0]
    except BaseException:
        end(process)
        raise
    return process.returncode, output


def end(process: subprocess.Popen[str]) -> None:
    """With all that it started: nothing may go on in an environment that the next start makes."""
    with suppress(OSError):  # nobody is left, or it is root's and hears of it from sudo
        try:
            os.killpg(process.pid, signal.SIGINT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
            for _ in range(20):  # what it started tidies up, until nobody answers
                os.killpg(process.pid, 0)
                time.sleep(0.1)
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def environment() -> dict[str, str]:
    """Ours for the programs we run, without what would make them work on something else."""
    unwanted = {"PYTHONPATH", "UV_SYSTEM_PYTHON", "UV_PYTHON", "UV_TARGET", "PIP_TARGET"}
    ours = {name: value for name, value in os.environ.items() if name not in unwanted}
    ours |= {"LC_ALL": "C.UTF-8", "LANGUAGE": "C"}  # we read what they say
    ours |= {"PIP_USER": "0", "UV_PYTHON_DOWNLOADS": "never", "VIRTUAL_ENV": str(VENV)}
    # As apt, git and curl do: an organisation may have a certificate authority of its own.
    ours["UV_SYSTEM_CERTS"] = "1"
    if AUTHORITIES.exists():
        ours.setdefault("REQUESTS_CA_BUNDLE", ours.get("SSL_CERT_FILE", str(AUTHORITIES)))
    caches = Path(ours.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))
    for program, refuse in (("pip", "PIP_NO_CACHE_DIR"), ("uv", "UV_NO_CACHE")):
        if f"{program.upper()}_CACHE_DIR" not in ours and not is_ours(caches / program):
            ours[refuse] = "1"
    return ours


def is_ours(folder: Path) -> bool:
    """Whether we may make or use it; not, for root with a home of somebody else."""
    if not folder.is_absolute():
        return False  # the account has no home at all
    there = next(path for path in (folder, *folder.parents) if os.path.exists(path))
    return os.access(there, os.W_OK | os.X_OK) and there.stat().st_uid == os.geteuid()


if __name__ == "__main__":
    sys.exit(main())
