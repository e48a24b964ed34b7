"""Runs a PostgreSQL of our own as a child process, when the installation has none.

It listens on a Unix socket in a directory of its user only, asks for passwords, and ends with us.
"""

import asyncio
import json
import logging
import os
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from urllib.parse import quote

import asyncpg

from casecore.db import postgres_home, spawn_postgres
from casecore.db.errors import EmbeddedPostgresFailed
from casecore.db.postgres_home import Account

log = logging.getLogger(__name__)

SUPERUSER = "postgres"

_LONGEST_SOCKET_DIR = 80  # a socket's whole path may have 107 bytes
_LOG_BYTES = 5_000_000
_POLL_SECONDS = 0.02
_WATCH_SECONDS = 0.2
_RESTART_SECONDS = (0.0, 1.0, 2.0, 5.0, 10.0)
_FAST_STOP_SECONDS = 20.0
_LEAVING_SECONDS = 10.0
"""How long a predecessor that is ending, of a killed server, may take."""

_SETTINGS = {
    "listen_addresses": "",
    "shared_buffers": "64MB",
    "max_connections": "50",
    "jit": "off",
    "log_min_error_statement": "panic",  # statements hold what callers said
    "log_checkpoints": "off",
    "timezone": "UTC",
}
_CARELESS = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass(frozen=True, slots=True)
class EmbeddedOptions:
    binaries: Path | None = None
    """A `bin` directory; the one that comes with us when None."""
    system_dir: Path = postgres_home.SYSTEM_DIR
    """Where things go that the unprivileged user could not reach otherwise; root only."""
    durable: bool = True
    """False for tests: fast, and lost in a power cut."""
    start_seconds: float = 60.0
    """Recovery after a crash is part of it."""


class _PredecessorsMemory(EmbeddedPostgresFailed):
    """Processes of a killed predecessor still hold its shared memory; they end by themselves."""


class EmbeddedPostgres:
    """`start`, `stop` and `start` again as often as wanted; `supervise` keeps it running."""

    def __init__(self, data_dir: Path, options: EmbeddedOptions | None = None) -> None:
        self._data_dir = data_dir.absolute()
        self._options = options or EmbeddedOptions()
        self._account = Account.current()
        self._home = self._data_dir
        self._socket_dir = self._data_dir
        self._short_socket_dir: Path | None = None
        self._passwords: dict[str, str] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._wanted = False
        self._changing = asyncio.Lock()

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    @property
    def log_file(self) -> Path:
        return self._data_dir / "postgres.log"

    def password(self, role: str) -> str:
        """Random, made when first asked for, and kept in a file that only we can read."""
        if role not in self._passwords:
            self._passwords[role] = secrets.token_hex(24)
            _write_secret(self._data_dir / "passwords.json", json.dumps(self._passwords))
        return self._passwords[role]

    def dsn(self, role: str = SUPERUSER, database: str = "postgres") -> str:
        host = quote(str(self._socket_dir), safe="")
        return f"postgresql://{role}:{self.password(role)}@/{database}?host={host}"

    async def start(self) -> None:
        """Make the cluster if there is none, and return when it answers.

        Call it on the thread that lives as long as the server: PostgreSQL ends when the thread
        that started it does. Raises EmbeddedPostgresFailed.
        """
        async with self._changing:
            if self._process is not None:
                raise RuntimeError("it was started already")
            await self._start()
            self._wanted = True

    async def stop(self) -> None:
        """Fast shutdown: open transactions are rolled back. Does nothing when it is not running."""
        self._wanted = False
        async with self._changing:
            await self._stop()
            self._remove_short_socket_dir()

    async def _start(self) -> None:
        deadline = _now() + _LEAVING_SECONDS
        try:
            binaries = await asyncio.to_thread(self._prepare)
            while True:
                await self._await_predecessor()
                self._run(binaries)
                try:
                    return await self._until_ready()
                except BaseException as error:
                    await self._stop()
                    if not isinstance(error, _PredecessorsMemory) or _now() > deadline:
                        raise
                await asyncio.sleep(_WATCH_SECONDS)
        except (OSError, subprocess.SubprocessError) as error:
            raise EmbeddedPostgresFailed(f"database: cannot start PostgreSQL: {error}") from error

    async def _stop(self) -> None:
        process = self._process
        if process is None:
            return
        for number, seconds in ((signal.SIGINT, _FAST_STOP_SECONDS), (signal.SIGQUIT, 5.0)):
            if process.poll() is None:
                process.send_signal(number)
            if await _becomes_true(lambda: process.poll() is not None, seconds):
                break
        else:
            process.kill()
            process.wait()
        self._process = None

    async def supervise(self) -> None:
        """Start it again whenever it ends without having been told to; until cancelled."""
        failures = 0
        while True:
            await asyncio.sleep(_WATCH_SECONDS)
            self._bound_log()
            if not self._wanted:
                continue
            if self._process is not None and self._process.poll() is None:
                failures = 0
                continue
            log.error("PostgreSQL ended unexpectedly; starting it again")
            self._process = None
            await asyncio.sleep(_RESTART_SECONDS[min(failures, len(_RESTART_SECONDS) - 1)])
            failures += 1
            try:
                await self.start()
            except EmbeddedPostgresFailed as error:
                log.error("PostgreSQL does not start", extra={"error": str(error)})

    def _prepare(self) -> Path:
        """All blocking preparation; returns where the binaries are."""
        options = self._options
        self._data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._account = postgres_home.choose_account()
        self._home = postgres_home.cluster_home(self._data_dir, self._account, options.system_dir)
        if self._cluster.is_dir():
            # Its files belong to whoever ran it first, also if we would choose another now.
            status = self._cluster.stat()
            self._account = Account(status.st_uid, status.st_gid)
        if self._account.uid == 0:
            raise EmbeddedPostgresFailed(f"database: {self._cluster} must not belong to root")
        self._bound_log()
        found = options.binaries or postgres_home.find_binaries()
        binaries = postgres_home.reachable_binaries(found, self._account, options.system_dir)
        self._read_passwords()
        if (self._cluster / "PG_VERSION").exists():
            self._check_version(binaries)
        else:
            self._make_cluster(binaries)
        self._socket_dir = self._make_socket_dir()
        return binaries

    @property
    def _cluster(self) -> Path:
        return self._home / "data"

    def _read_passwords(self) -> None:
        path = self._data_dir / "passwords.json"
        if path.exists():
            self._passwords = json.loads(path.read_text())
        elif self._cluster.exists():
            raise EmbeddedPostgresFailed(
                f"database: {path} is missing, and with it the passwords of {self._cluster}"
            )

    def _check_version(self, binaries: Path) -> None:
        made_by = (self._cluster / "PG_VERSION").read_text().strip()
        ours = postgres_home.major_version(binaries)
        if made_by != str(ours):
            raise EmbeddedPostgresFailed(
                f"database: {self._cluster} was made by PostgreSQL {made_by} and this is {ours}; "
                "move it over with pg_dumpall and psql, or with pg_upgrade"
            )

    def _make_cluster(self, binaries: Path) -> None:
        """initdb beside its place, then rename: half a cluster is never taken for a whole one."""
        for abandoned in self._home.glob("new-*"):
            shutil.rmtree(abandoned)
        scratch = self._home / f"new-{secrets.token_hex(4)}"
        self._account.own(scratch)
        password_file = scratch / "password"
        _write_secret(password_file, self.password(SUPERUSER), self._account)
        major = postgres_home.major_version(binaries)
        # From 17 on collation can be PostgreSQL's own, which no update of the system changes.
        builtin = ("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C")
        arguments = (
            *("-D", str(scratch / "data"), "-U", SUPERUSER, "-A", "scram-sha-256"),
            *(f"--pwfile={password_file}", "-E", "UTF8"),
            *(builtin if major >= 17 else ("--locale=C.UTF-8",)),
            *(() if self._options.durable else ("--no-sync",)),
        )
        done = subprocess.run(
            self._command(binaries / "initdb", arguments, dies_with_us=False),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            env=_environment(binaries),
        )
        if done.returncode:
            last = (done.stderr or done.stdout).strip().splitlines()[-1:]
            raise EmbeddedPostgresFailed(f"database: initdb failed: {''.join(last)}")
        (scratch / "data").rename(self._cluster)
        password_file.unlink()
        scratch.rmdir()

    def _make_socket_dir(self) -> Path:
        wanted = self._home / "run"
        if len(os.fsencode(wanted)) <= _LONGEST_SOCKET_DIR:
            self._account.own(wanted)
            return wanted
        # The same one after every restart, because it is part of the address.
        if self._short_socket_dir is None:
            self._short_socket_dir = Path(mkdtemp(prefix="murima-", dir="/tmp"))
        elif not self._short_socket_dir.is_dir():
            self._short_socket_dir.mkdir(mode=0o700)
        self._account.own(self._short_socket_dir)
        return self._short_socket_dir

    async def _await_predecessor(self) -> None:
        """Wait until the PostgreSQL of a killed server is gone, and clear away its lock file."""
        lock = self._cluster / "postmaster.pid"
        if not await _becomes_true(lambda: _owner_of(lock) is None, _LEAVING_SECONDS):
            raise EmbeddedPostgresFailed(
                f"database: another PostgreSQL (process {_owner_of(lock)}) runs on {self._cluster}"
            )
        if _is_taken(lock):
            # Some other program has the number now, and PostgreSQL would take it for its
            # predecessor. In every other case its own check is better: it also knows of
            # processes which a killed predecessor left behind.
            lock.unlink()

    def _run(self, binaries: Path) -> None:
        settings = {**_SETTINGS, "unix_socket_directories": str(self._socket_dir)}
        if not self._options.durable:
            settings |= _CARELESS
        arguments = ["-D", str(self._cluster)]
        for name, value in settings.items():
            arguments += ["-c", f"{name}={value}"]
        with self.log_file.open("ab") as output:
            self._process = subprocess.Popen(
                self._command(binaries / "postgres", arguments, dies_with_us=True),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd="/",
                env=_environment(binaries),
                start_new_session=True,
            )

    def _command(self, program: Path, arguments: Sequence[str], *, dies_with_us: bool) -> list[str]:
        account = self._account if self._account.is_other else Account(0, 0)
        # SIGQUIT is PostgreSQL's immediate shutdown; the next start recovers.
        death_signal = signal.SIGQUIT if dies_with_us else 0
        numbers = (os.getpid(), account.uid, account.gid, int(death_signal))
        script = (sys.executable, "-I", "-S", spawn_postgres.__file__)
        return [*script, *map(str, numbers), str(program), *arguments]

    async def _until_ready(self) -> None:
        assert self._process is not None
        deadline = _now() + self._options.start_seconds
        while True:
            try:
                connection = await asyncpg.connect(self.dsn(), timeout=5)
            except (OSError, TimeoutError, asyncpg.CannotConnectNowError):
                pass
            except asyncpg.PostgresError as error:
                raise EmbeddedPostgresFailed(f"database: PostgreSQL says: {error}") from error
            else:
                await connection.close()
                return
            if self._process.poll() is not None:
                said = self._log_end()
                if any("shared memory block" in line for line in said[-3:]):
                    raise _PredecessorsMemory("database: an older PostgreSQL is still ending")
                raise EmbeddedPostgresFailed(f"database: PostgreSQL did not start: {said[-1]}")
            if _now() > deadline:
                raise EmbeddedPostgresFailed(
                    f"database: PostgreSQL was not ready after {self._options.start_seconds:.0f} s:"
                    f" {self._log_end()[-1]}"
                )
            await asyncio.sleep(_POLL_SECONDS)

    def _log_end(self) -> list[str]:
        with self.log_file.open("rb") as file:
            file.seek(max(0, self.log_file.stat().st_size - 4_096))
            return file.read().decode("utf-8", "replace").splitlines() or ["it wrote no log"]

    def _remove_short_socket_dir(self) -> None:
        if self._short_socket_dir is not None and self._short_socket_dir.is_dir():
            for left in self._short_socket_dir.iterdir():
                left.unlink()
            self._short_socket_dir.rmdir()

    def _bound_log(self) -> None:
        """Keep the end of a log that has grown too long; PostgreSQL goes on appending to it."""
        try:
            size = self.log_file.stat().st_size
        except FileNotFoundError:
            return
        if size > _LOG_BYTES:
            with self.log_file.open("rb+") as file:
                file.seek(size - _LOG_BYTES // 10)
                end = file.read()
                file.seek(0)
                file.write(end)
                file.truncate()


def _environment(binaries: Path) -> Mapping[str, str]:
    """Nothing of ours: variables such as PGDATA or LC_ALL must not reach it."""
    return {"PATH": f"{binaries}:/usr/bin:/bin"}


def _now() -> float:
    return asyncio.get_running_loop().time()


def _owner_of(lock: Path) -> int | None:
    """The live postmaster that holds the lock file; a number reused by others does not count."""
    try:
        pid = int(lock.read_text().split("\n", 1)[0])
        works_in = Path(f"/proc/{pid}/cwd").resolve(strict=True)
    except (OSError, ValueError):
        return None
    return pid if works_in == lock.parent.resolve() else None


def _is_taken(lock: Path) -> bool:
    try:
        return Path(f"/proc/{int(lock.read_text().split(maxsplit=1)[0])}").exists()
    except (OSError, ValueError, IndexError):
        return False


async def _becomes_true(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = _now() + seconds
    while not condition():
        if _now() > deadline:
            return False
        await asyncio.sleep(_POLL_SECONDS)
    return True


def _write_secret(path: Path, text: str, account: Account | None = None) -> None:
    """Write it whole or not at all, for one pair of eyes."""
    scratch = path.with_name(f"{path.name}.new")
    scratch.unlink(missing_ok=True)
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    if account is not None:
        os.chown(scratch, account.uid, account.gid)
    scratch.rename(path)
