"""Our own PostgreSQL: started anywhere, by anybody, ends with us, and never loses a kept row."""

import asyncio
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import asyncpg
import pytest

from casecore.db import embedded, postgres_home
from casecore.db.database import Database
from casecore.db.embedded import EmbeddedOptions, EmbeddedPostgres
from casecore.db.errors import DatabaseUnavailable, EmbeddedPostgresFailed
from casecore.db.postgres_home import Account
from casecore.store.journal import fetch_position, update_position

ROOT = Path(__file__).parent.parent.parent
IS_ROOT = os.geteuid() == 0
only_as_root = pytest.mark.skipif(not IS_ROOT, reason="only root runs it as somebody else")


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path; as root, PostgreSQL's user may pass through it."""
    with TemporaryDirectory(prefix="murima-test-", dir="/tmp") as name:
        Path(name).chmod(0o711)
        yield Path(name)


@pytest.fixture
def options(folder: Path) -> EmbeddedOptions:
    return EmbeddedOptions(system_dir=folder / "system", durable=False)


@pytest.fixture
def postgres(folder: Path, options: EmbeddedOptions) -> EmbeddedPostgres:
    return EmbeddedPostgres(folder / "data" / "postgres", options)


@asynccontextmanager
async def running(postgres: EmbeddedPostgres) -> AsyncIterator[EmbeddedPostgres]:
    await postgres.start()
    try:
        yield postgres
    finally:
        await postgres.stop()


@asynccontextmanager
async def supervised(postgres: EmbeddedPostgres) -> AsyncIterator[EmbeddedPostgres]:
    async with running(postgres), asyncio.TaskGroup() as tasks:
        watch = tasks.create_task(postgres.supervise())
        yield postgres
        watch.cancel()


async def becomes_true(condition: Callable[[], bool], *, seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


async def made(postgres: EmbeddedPostgres) -> Path:
    """The cluster's directory, after a first start and stop."""
    async with running(postgres):
        pass
    return postgres._cluster


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def answers(postgres: EmbeddedPostgres) -> bool:
    connection = await asyncpg.connect(postgres.dsn())
    try:
        return bool(await connection.fetchval("select 1") == 1)
    finally:
        await connection.close()


async def test_rows_are_there_after_stop_and_start(postgres: EmbeddedPostgres) -> None:
    for number in range(3):
        async with running(postgres):
            database = await Database.open(postgres)
            async with database.system_tx() as db:
                assert (await fetch_position(db, "n")).segment == number
                await update_position(db, "n", number + 1, 0)
            await database.close()
        assert postgres.pid is None


async def test_kept_rows_survive_kill_9_of_postgres_under_writes(
    folder: Path, options: EmbeddedOptions
) -> None:
    postgres = EmbeddedPostgres(folder / "postgres", replace(options, durable=True))
    async with supervised(postgres):
        database = await Database.open(postgres)
        kept = 0
        for _ in range(2):
            killed, outages = postgres.pid, 0
            assert killed is not None
            async with asyncio.timeout(60):
                while postgres.pid == killed or outages == 0:
                    try:
                        async with database.system_tx() as db:
                            await update_position(db, "n", kept + 1, 0)
                        kept += 1
                    except DatabaseUnavailable:
                        outages += 1
                        await asyncio.sleep(0.01)
                    if kept % 50 == 10 and postgres.pid == killed:
                        with suppress(ProcessLookupError):
                            os.kill(killed, signal.SIGKILL)
                        kept_before = kept
            async with asyncio.timeout(20):
                while True:
                    with suppress(DatabaseUnavailable):
                        async with database.system_tx() as db:
                            found = (await fetch_position(db, "n")).segment
                        break
                    await asyncio.sleep(0.01)
            # One more may have been kept than acknowledged, never one less.
            assert kept_before <= kept <= found <= kept + 1
            kept = found
        await database.close()


async def test_postgres_ends_when_its_server_is_killed_and_the_next_one_goes_on(
    folder: Path, options: EmbeddedOptions
) -> None:
    script = (
        "import asyncio, sys; from pathlib import Path\n"
        "from casecore.db.embedded import EmbeddedOptions, EmbeddedPostgres\n"
        "async def main():\n"
        "    data, system = map(Path, sys.argv[1:])\n"
        "    postgres = EmbeddedPostgres(data, EmbeddedOptions(system_dir=system))\n"
        "    await postgres.start()\n"
        "    print(postgres.pid, flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())\n"
    )
    server = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", script, str(folder / "postgres"), str(options.system_dir)),
        stdout=asyncio.subprocess.PIPE,
        cwd=ROOT,
    )
    assert server.stdout is not None
    pid = int(await server.stdout.readline())
    assert is_alive(pid)
    server.kill()
    await server.wait()
    # Started at once: it has to wait for the predecessor by itself.
    async with running(EmbeddedPostgres(folder / "postgres", options)) as successor:
        assert not is_alive(pid)
        assert await answers(successor)


async def test_killed_postgres_is_started_again_and_a_stopped_one_is_not(
    postgres: EmbeddedPostgres,
) -> None:
    async with supervised(postgres):
        first = postgres.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await becomes_true(lambda: postgres.pid not in (None, first))
        async with asyncio.timeout(20):
            while True:
                with suppress(OSError, asyncpg.CannotConnectNowError):
                    assert await answers(postgres)
                    break
                await asyncio.sleep(0.02)
        await postgres.stop()
        await asyncio.sleep(3 * embedded._WATCH_SECONDS)
        assert postgres.pid is None
        await postgres.start()
        assert await answers(postgres)


async def test_only_its_user_reaches_the_socket_and_only_we_read_the_passwords(
    postgres: EmbeddedPostgres,
) -> None:
    async with running(postgres):
        sockets = postgres._socket_dir.stat()
        assert stat.S_IMODE(sockets.st_mode) == 0o700
        assert (sockets.st_uid != 0) or not IS_ROOT
        passwords = postgres._data_dir / "passwords.json"
        assert stat.S_IMODE(passwords.stat().st_mode) == 0o600
        assert passwords.stat().st_uid == os.geteuid()
        for wrong in ("", "wrong"):
            with pytest.raises(asyncpg.InvalidPasswordError):
                await asyncpg.connect(postgres.dsn(), password=wrong)
        assert not list(postgres._home.rglob("password"))


async def test_long_path_gets_a_short_socket_directory_that_is_removed(
    folder: Path, options: EmbeddedOptions
) -> None:
    long = folder / ("x" * 60) / ("y" * 60)
    postgres = EmbeddedPostgres(long, replace(options, system_dir=folder / ("z" * 90)))
    async with running(postgres):
        address, sockets = postgres.dsn(), postgres._socket_dir
        assert len(str(sockets)) < 40
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
        assert await answers(postgres)
    assert not sockets.exists()
    async with running(postgres):
        assert postgres.dsn() == address, "a pool that is open goes on using it"
    assert not sockets.exists()


@pytest.fixture
def innocent() -> Iterator[int]:
    """The number of a process that has nothing to do with us, of PostgreSQL's user."""
    user = postgres_home.choose_account().uid if IS_ROOT else None
    with subprocess.Popen(["sleep", "60"], user=user, cwd="/") as process:
        yield process.pid
        process.kill()


@pytest.mark.parametrize("reused", [True, False], ids=["reused number", "unused number"])
async def test_lock_file_of_a_killed_predecessor_does_no_harm(
    postgres: EmbeddedPostgres, innocent: int, reused: bool
) -> None:
    cluster = await made(postgres)
    lock = cluster / "postmaster.pid"
    lock.write_text(f"{innocent if reused else 999_999_999}\n{cluster}\n1\n5432\n/nowhere\n\n\n")
    os.chown(lock, postgres._account.uid, postgres._account.gid)
    async with running(postgres):
        assert await answers(postgres)
    assert is_alive(innocent)


async def test_second_server_on_the_same_data_is_refused(
    postgres: EmbeddedPostgres, options: EmbeddedOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "_LEAVING_SECONDS", 0.05)
    async with running(postgres):
        second = EmbeddedPostgres(postgres._data_dir, options)
        with pytest.raises(EmbeddedPostgresFailed, match=f"process {postgres.pid}"):
            await second.start()
        await second.stop()
        assert await answers(postgres)


async def test_data_of_another_major_version_are_refused(postgres: EmbeddedPostgres) -> None:
    cluster = await made(postgres)
    (cluster / "PG_VERSION").write_text("14\n")
    with pytest.raises(EmbeddedPostgresFailed, match="made by PostgreSQL 14 and this is 18"):
        await postgres.start()


async def test_refusal_to_start_is_told_in_its_own_words(postgres: EmbeddedPostgres) -> None:
    cluster = await made(postgres)
    with (cluster / "postgresql.conf").open("a") as file:
        file.write("nonsense = 1\n")
    with pytest.raises(EmbeddedPostgresFailed, match=r"did not start: .*FATAL.*errors"):
        await postgres.start()
    assert postgres.pid is None


async def test_start_that_takes_too_long_is_given_up(
    folder: Path, options: EmbeddedOptions
) -> None:
    postgres = EmbeddedPostgres(folder / "postgres", replace(options, start_seconds=-1))
    with pytest.raises(EmbeddedPostgresFailed, match="was not ready after"):
        await postgres.start()
    assert postgres.pid is None


async def test_lost_passwords_and_lost_data_are_said_plainly(
    postgres: EmbeddedPostgres, options: EmbeddedOptions
) -> None:
    await made(postgres)
    passwords = postgres._data_dir / "passwords.json"
    kept = passwords.read_text()
    passwords.unlink()
    again = EmbeddedPostgres(postgres._data_dir, options)
    with pytest.raises(EmbeddedPostgresFailed, match=r"passwords\.json is missing"):
        await again.start()
    passwords.write_text(json.dumps({**json.loads(kept), "postgres": "wrong"}))
    again = EmbeddedPostgres(postgres._data_dir, options)
    with pytest.raises(EmbeddedPostgresFailed, match="password authentication failed"):
        await again.start()
    assert again.pid is None


async def test_half_made_cluster_is_thrown_away(postgres: EmbeddedPostgres) -> None:
    home = await asyncio.to_thread(lambda: (postgres._prepare(), postgres._home)[1])
    shutil.rmtree(home / "data")
    (home / "new-0123" / "data").mkdir(parents=True)
    async with running(postgres):
        assert await answers(postgres)
    assert not list(home.glob("new-*"))


async def test_log_keeps_its_end_when_it_grows_too_long(
    postgres: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embedded, "_LOG_BYTES", 10_000)
    await made(postgres)
    with postgres.log_file.open("a") as file:
        file.write("x" * 20_000 + "\nthe end\n")
    async with running(postgres):
        said = postgres.log_file.read_text()
    assert len(said) < 10_000
    assert "the end" in said
    assert "ready to accept connections" in said


async def test_program_that_cannot_run_is_said_plainly(
    folder: Path, options: EmbeddedOptions
) -> None:
    empty = folder / "bin"
    empty.mkdir()
    postgres = EmbeddedPostgres(folder / "postgres", replace(options, binaries=empty))
    with pytest.raises(EmbeddedPostgresFailed, match="cannot start PostgreSQL"):
        await postgres.start()


@only_as_root
async def test_as_root_neither_checkout_nor_data_need_be_reachable(
    folder: Path, options: EmbeddedOptions
) -> None:
    secret = folder / "root-only"
    secret.mkdir(mode=0o700)
    package = postgres_home.find_binaries().parent.parent
    for name in (package.name + ".libs", f"{package.name}/pginstall18"):
        shutil.copytree(package.parent / name, secret / name, symlinks=True)
    hidden = replace(options, binaries=secret / package.name / "pginstall18" / "bin")
    postgres = EmbeddedPostgres(secret / "data" / "postgres", hidden)
    async with running(postgres):
        assert await answers(postgres)
        assert os.stat(f"/proc/{postgres.pid}").st_uid != 0
        program = os.readlink(f"/proc/{postgres.pid}/exe")
        assert program.startswith(str(options.system_dir)), "it runs from a copy"
    assert stat.S_IMODE(secret.stat().st_mode) == 0o700
    home = Path((secret / "data" / "postgres" / "location").read_text().strip())
    assert home.is_relative_to(options.system_dir)
    assert (home / "belongs-to").read_text() == f"{secret}/data/postgres\n"
    before = set(options.system_dir.iterdir())
    async with running(EmbeddedPostgres(secret / "data" / "postgres", hidden)) as again:
        assert await answers(again)
    assert set(options.system_dir.iterdir()) == before, "neither is made twice"
    shutil.rmtree(home)
    with pytest.raises(EmbeddedPostgresFailed, match="which is not there"):
        await postgres.start()


@only_as_root
async def test_as_root_reachable_data_stay_where_they_are(
    folder: Path, options: EmbeddedOptions
) -> None:
    data = folder / "postgres"
    data.mkdir()
    data.chmod(0o711)
    async with running(EmbeddedPostgres(data, options)) as postgres:
        assert postgres._cluster == data / "data"
        assert await answers(postgres)


def test_account_is_let_through_by_the_bits_of_its_own_class(folder: Path) -> None:
    inner = folder / "a" / "b"
    inner.mkdir(parents=True)
    (folder / "a").chmod(0o701)
    mine = (folder / "a").stat()
    stranger = Account(mine.st_uid + 1, mine.st_gid + 1)
    comrade = Account(mine.st_uid + 1, mine.st_gid)
    assert stranger.can_enter(inner)
    assert not comrade.can_enter(inner), "the group's bits count for its members, even if fewer"
    (folder / "a").chmod(0o710)
    assert comrade.can_enter(inner)
    assert not stranger.can_enter(inner)


def test_binaries_of_the_system_are_the_second_choice(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_home, "_WHEEL", "no_such_package_anywhere")
    monkeypatch.setattr(postgres_home, "_DEBIAN", folder)
    for version in ("9", "14"):
        (folder / version / "bin").mkdir(parents=True)
        for program in ("postgres", "initdb"):
            (folder / version / "bin" / program).touch()
    with pytest.raises(EmbeddedPostgresFailed, match="no PostgreSQL 15 or newer"):
        postgres_home.find_binaries()
    for version in ("15", "17"):
        (folder / version / "bin").mkdir(parents=True)
        (folder / version / "bin" / "postgres").touch()
    (folder / "15" / "bin" / "initdb").touch()
    assert postgres_home.find_binaries() == folder / "15" / "bin"
