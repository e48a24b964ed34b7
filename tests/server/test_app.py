"""Starting and stopping the whole server: what goes wrong is told, and nothing is left behind."""

import socket
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from casecore.db.errors import DatabaseUnavailable
from server.addresses import AddressUnusable
from server.auth.secrets_file import SecretUnusable
from server.data_dir import DataDir, DataDirInUse
from telephony.errors import AddressInUse
from tests.support.database import FreshDatabase
from tests.support.in_process import in_process, settings_for


def only(error: BaseException) -> BaseException:
    """The one error inside of the task groups."""
    while isinstance(error, BaseExceptionGroup):
        [error] = error.exceptions
    return error


async def failure_of(folder: Path, url: str, **sections: dict[str, Any]) -> BaseException:
    try:
        async with in_process(settings_for(folder, url, **sections)):
            pytest.fail("it started")
    except (Exception, BaseExceptionGroup) as error:  # noqa: BLE001 - it is what is looked at
        return only(error)


@pytest.fixture
def taken() -> Any:
    """A port of which both kinds are somebody else's."""
    with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        tcp.bind(("127.0.0.1", 0))
        tcp.listen()
        with suppress(OSError):  # else another program has it, which will do as well
            udp.bind(tcp.getsockname())
        yield tcp.getsockname()[1]


@pytest.mark.parametrize(
    ("section", "key", "expected"),
    [
        ("http", "port", AddressUnusable),
        ("sip", "udp_port", AddressInUse),
        ("sip", "tcp_port", AddressInUse),
    ],
)
async def test_port_of_somebody_else_is_named_and_the_next_start_succeeds(
    fresh_database: FreshDatabase,
    tmp_path: Path,
    taken: int,
    section: str,
    key: str,
    expected: type[Exception],
) -> None:
    url = fresh_database.admin_dsn
    error = await failure_of(tmp_path, url, **{section: {key: taken}})
    assert type(error) is expected
    assert str(taken) in str(error)
    async with in_process(settings_for(tmp_path, url)) as running:
        assert (await running.get("/agents", await running.sign_in("admin")))[0] == 200


@pytest.mark.parametrize("section", ["http", "sip"])
async def test_address_of_another_machine_is_named(
    fresh_database: FreshDatabase, tmp_path: Path, section: str
) -> None:
    url = fresh_database.admin_dsn
    error = await failure_of(tmp_path, url, **{section: {"host": "192.0.2.1"}})
    assert str(error) == f"{section}.host: 192.0.2.1 is not an address of this machine"


async def test_second_server_on_a_data_directory_is_refused_and_the_first_goes_on(
    fresh_database: FreshDatabase, tmp_path: Path
) -> None:
    url = fresh_database.admin_dsn
    async with in_process(settings_for(tmp_path, url)) as running:
        assert isinstance(await failure_of(tmp_path, url), DataDirInUse)
        assert (await running.get("/queues", await running.sign_in("admin")))[0] == 200


async def test_database_that_is_not_there_lets_the_directory_go(tmp_path: Path) -> None:
    url = "postgresql://nobody:s3cret@127.0.0.1:1/none"
    error = await failure_of(tmp_path, url)
    assert isinstance(error, DatabaseUnavailable)
    assert "s3cret" not in str(error)
    with DataDir(tmp_path / "data").locked():
        pass


async def test_damaged_secret_is_named_and_not_replaced(
    fresh_database: FreshDatabase, tmp_path: Path
) -> None:
    path = DataDir(tmp_path / "data").token_key
    path.parent.mkdir(parents=True)
    path.write_text("")
    error = await failure_of(tmp_path, fresh_database.admin_dsn)
    assert isinstance(error, SecretUnusable)
    assert "token-key is damaged" in str(error)
    assert path.read_text() == ""


async def test_ready_names_nothing_missing_and_greeting_shows_random_passwords_once(
    fresh_database: FreshDatabase, tmp_path: Path
) -> None:
    settings = settings_for(tmp_path, fresh_database.admin_dsn, demo={"password": None})
    said = []
    for _ in range(2):
        async with in_process(settings) as running:
            said.append(running.said)
            async with running.http.get("/readyz") as response:
                assert (response.status, (await response.json())["missing"]) == (200, [])
    kept = DataDir(tmp_path / "data").demo_passwords
    password = dict(line.split() for line in kept.read_text().splitlines())["admin"]
    assert password in said[0]
    assert password not in said[1]
