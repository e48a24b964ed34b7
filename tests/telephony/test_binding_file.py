"""Registrations outlive the process."""

import asyncio
import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from telephony.binding_file import BindingFile
from telephony.registrar import Change, KeptBinding, Registered, Registrar
from tests.support.fake_calls import ANNA, MemoryStore, exchange
from tests.support.registrations import OTHER_TENANT, TENANT, flow_of, phone, register
from tests.support.virtual_time import run_virtual

WALL = 1_800_000_000.0


def make_registrar() -> Registrar:
    return Registrar(least_seconds=60, most_seconds=3_600, most_contacts=2)


def filled() -> Registrar:
    registrar = make_registrar()
    for user, seconds, connection in (("101", 600, 0), ("102", 120, 0), ("103", 600, 7)):
        message = register(f"<sip:{user}@10.0.0.1;ob>;expires={seconds}", call_id=user)
        flow = flow_of("10.0.0.1", 5_000 + int(user), connection=connection)
        registrar.receive_register(message, flow, phone(user), now=50.0, to_tag="t")
    return registrar


def restored(kept: list[KeptBinding], *, after: float) -> tuple[Registrar, list[Change]]:
    registrar = make_registrar()
    return registrar, registrar.restore(kept, now=3.0, utc=WALL + after)


def test_bindings_come_back_with_the_time_they_have_left() -> None:
    kept = filled().keep(now=50.0, utc=WALL)
    assert {each.user for each in kept} == {"101", "102"}, "a connection does not come back"
    registrar, changes = restored(kept, after=200)
    assert [type(c) for c in changes] == [Registered]
    [binding] = registrar.bindings(TENANT, "101")
    assert str(binding.contact) == "sip:101@10.0.0.1;ob"
    assert binding.flow == flow_of("10.0.0.1", 5_101)
    assert registrar.next_timeout() == 3.0 + 400
    assert registrar.bindings(TENANT, "102") == ()
    assert registrar.user_of_flow(flow_of("10.0.0.1", 5_101)) == (TENANT, "101")


def test_a_clock_that_was_set_back_keeps_nothing_for_ever() -> None:
    registrar, _ = restored(filled().keep(now=50.0, utc=WALL), after=-1_000_000)
    assert registrar.next_timeout() == 3.0 + 3_600


def test_a_phone_that_registered_meanwhile_knows_better() -> None:
    kept = filled().keep(now=50.0, utc=WALL)
    registrar = make_registrar()
    message = register("<sip:101@10.0.0.1;ob>;expires=100", call_id="new")
    registrar.receive_register(message, flow_of("10.0.0.1", 9), phone("101"), now=1, to_tag="t")
    registrar.restore(kept, now=3.0, utc=WALL)
    [binding] = registrar.bindings(TENANT, "101")
    assert binding.flow == flow_of("10.0.0.1", 9)


def test_the_file_gives_back_what_was_written(tmp_path: Path) -> None:
    file = BindingFile(tmp_path / "kept.json")
    kept = filled().keep(now=50.0, utc=WALL)
    asyncio.run(file.write(kept))
    assert asyncio.run(file.read()) == kept
    assert stat.S_IMODE((tmp_path / "kept.json").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["kept.json"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff",
        b"[]",
        b'{"version": 2, "bindings": []}',
        b'{"version": 1, "bindings": [{}]}',
        b'{"version": 1, "bindings": [7]}',
    ],
)
def test_a_damaged_file_costs_registrations_and_nothing_else(
    tmp_path: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "kept.json"
    path.write_bytes(content)
    assert asyncio.run(BindingFile(path).read()) == []
    assert "phones have to register again" in caplog.text


@pytest.mark.parametrize("field", ["tenant", "contact", "remote", "expires", "cseq"])
def test_a_damaged_entry_is_noticed(tmp_path: Path, field: str) -> None:
    path = tmp_path / "kept.json"
    file = BindingFile(path)
    asyncio.run(file.write(filled().keep(now=50.0, utc=WALL)))
    document = json.loads(path.read_text())
    document["bindings"][0][field] = "x"
    path.write_text(json.dumps(document))
    assert asyncio.run(file.read()) == []


def test_no_file_is_no_fault(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert asyncio.run(BindingFile(tmp_path / "kept.json").read()) == []
    assert caplog.text == ""


def test_phones_are_reachable_at_once_after_a_restart() -> None:
    async def call() -> None:
        async with exchange() as centre:
            centre.register("1001", "1002")
            await asyncio.sleep(2)
            store = centre.context.bindings
            assert isinstance(store, MemoryStore)
            assert store.writes == 1, "both in one"
            kept = store.kept
        async with exchange() as again:
            store = again.context.bindings
            assert isinstance(store, MemoryStore)
            nobody = replace(kept[0], user="gone")
            foreign = replace(kept[0], tenant_id=OTHER_TENANT)
            store.kept = [*kept, nobody, foreign]
            await again.switchboard.registrations.restore()
            assert again.dispatcher.agent(ANNA.id).reachable
            phones = again.switchboard.registrations.phones(TENANT)
            assert [user for user, contacts in phones.items() if contacts] == ["1001", "1002"]
            await asyncio.sleep(36_001)
            assert not again.dispatcher.agent(ANNA.id).reachable

    run_virtual(call())
