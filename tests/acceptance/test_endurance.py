"""What must hold when things go wrong: load, a dead database, a killed server."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from tests.acceptance.conftest import PhoneMaker
from tests.support.audio import read_channels, seconds_of_tone
from tests.support.free_ports import free_port_block
from tests.support.running_server import PASSWORD, RunningServer
from tests.support.sipp import run_sipp

pytestmark = pytest.mark.acceptance


def open_files(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in listed.split()]


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


async def until_quiet(server: RunningServer, *, seconds: float = 45) -> dict[str, float]:
    """Wait until no call, leg or transaction is left; returns the metrics then."""
    async with asyncio.timeout(seconds):
        while True:
            metrics = await server.metrics()
            names = ("murima_calls", "murima_media_legs", "murima_sip_dialogs")
            if not any(metrics[name] for name in names):
                return metrics
            await asyncio.sleep(0.2)


async def test_500_calls_with_random_hang_ups_leave_nothing_behind(
    server: RunningServer, tmp_path: Path
) -> None:
    port = free_port_block(1)
    register = await run_sipp(
        tmp_path / "register",
        "register.xml",
        server.sip,
        *("-s", "1002", "-p", str(port), "-au", "1002", "-ap", PASSWORD),
    )
    assert register.successful == 1, register.unexpected
    agent = asyncio.get_running_loop().create_task(
        run_sipp(
            tmp_path / "agent",
            "agent_phone.xml",
            server.sip,
            *("-p", str(port), "-aa"),
            calls=100_000,
            seconds=80,
        )
    )
    await server.set_agent("1002", "available")
    await server.request("GET", "/calls/live")
    before = open_files(server.pid)
    try:
        callers = await run_sipp(
            tmp_path / "callers", "random_caller.xml", server.sip, "-s", "5000", calls=500, rate=20
        )
    finally:
        agent.cancel()
        await asyncio.gather(agent, return_exceptions=True)
    assert (callers.successful, callers.failed) == (500, 0), callers.unexpected
    metrics = await until_quiet(server)
    assert metrics['murima_calls_started_total{direction="inbound"}'] == 500
    ended = {k: v for k, v in metrics.items() if k.startswith("murima_calls_ended_total")}
    assert sum(ended.values()) == 500
    assert ended.get('murima_calls_ended_total{cause="refused"}', 0) < 250
    assert await server.get("/calls/live") == []
    assert all(queue["waiting"] == 0 for queue in await server.get("/queues"))
    ben = await server.agent("1002")
    assert ben["state"] in {"available", "wrap_up", "not_responding"}
    async with asyncio.timeout(15):
        while open_files(server.pid) > before + 3:
            await asyncio.sleep(0.2)
    status, body = await server.request("GET", "/calls?limit=1")
    assert (status, body["pagination"]["total"]) == (200, 500)
    assert "Traceback" not in server.log


async def test_call_goes_on_while_the_database_is_restarted(
    server: RunningServer, phone: PhoneMaker
) -> None:
    agent = await phone("1002", "answermode=auto", tone=880)
    caller = await phone("outside", tone=440, registered=False)
    await server.set_agent("1002", "available")
    await caller.dial(server.uri("5000"))
    await caller.wait_for("CALL_ESTABLISHED")
    await asyncio.sleep(0.5)
    [postgres] = children(server.pid)
    os.kill(postgres, signal.SIGKILL)
    await caller.press("2")
    await agent.wait_for("CALL_ESTABLISHED")
    await asyncio.sleep(3)
    await caller.hang_up()
    await agent.wait_for("CALL_CLOSED")
    record = await server.until_record("5000", seconds=30)
    assert [v["result"] for v in record["queue_visits"]] == ["answered"]
    await caller.stop()
    [heard], rate = read_channels(caller.heard[0])
    assert seconds_of_tone(heard, rate, 880) >= 2


async def test_killed_server_keeps_records_and_closes_what_was_open(
    server: RunningServer, phone: PhoneMaker
) -> None:
    caller = await phone("outside", tone=440, registered=False)
    await caller.dial(server.uri("5001"))
    await caller.wait_for("CALL_ESTABLISHED")
    await caller.hang_up()
    finished = await server.until_record("5001")
    await caller.dial(server.uri("5002"))
    await caller.wait_for("CALL_ESTABLISHED", count=2)
    anna = await phone("1001", "regint=3600", tone=880)
    await server.set_agent("1001", "away", "lunch")
    await server.set_agent("1002", "available")
    await asyncio.sleep(1.5)
    await server.kill()
    await server.start()
    kept = await server.agent("1001")
    assert (kept["state"], kept["reason"], kept["reachable"]) == ("away", "lunch", True)
    kept = await server.agent("1002")
    assert (kept["state"], kept["reachable"]) == ("available", False)
    assert anna.count("REGISTER_OK") <= 1, "it did not have to register again"
    assert (await server.get(f"/calls/{finished['id']}"))["cause"] == finished["cause"]
    interrupted = await server.until_record("5002")
    assert interrupted["cause"] == "interrupted"


async def test_sigterm_ends_calls_and_leaves_no_process(
    server: RunningServer, phone: PhoneMaker
) -> None:
    caller = await phone("outside", tone=440, registered=False)
    await caller.dial(server.uri("5001"))
    await caller.wait_for("CALL_ESTABLISHED")
    family = [server.pid, *children(server.pid)]
    assert len(family) >= 2
    assert await server.stop() == 0
    await caller.wait_for("CALL_CLOSED")
    assert not any(is_running(pid) for pid in family)
