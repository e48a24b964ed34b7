"""What agents and supervisors do with a call by REST, heard by real phones.

The names in brackets are rows of the feature list: C04 hold and transfer, C05 consultation,
F03 listen, whisper and barge.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import PhoneMaker
from tests.support.audio import Samples, read_channels, share_of_tone
from tests.support.baresip import Baresip
from tests.support.running_server import RunningServer

pytestmark = pytest.mark.acceptance

CALLER, AGENT, THIRD = 440, 880, 1_320


@dataclass(frozen=True)
class Heard:
    """What a phone should have heard between two moments."""

    phone: Baresip
    begin: float
    end: float
    tones: frozenset[int]
    when: str


class Floor:
    """A caller who talks with agent 1001, and a third phone; each says a tone of its own."""

    def __init__(self, server: RunningServer) -> None:
        self.server = server
        self.call_id = ""
        self._heard: list[Heard] = []

    async def begin(self, phone: PhoneMaker, third: str) -> None:
        self.caller = await phone("outside", tone=CALLER, registered=False)
        self.agent = await phone("1001", "answermode=auto", tone=AGENT)
        self.third = await phone(third, "answermode=auto", tone=THIRD)
        await self.server.set_agent("1001", "available")
        await self.caller.dial(self.server.uri("5000"))
        await self.caller.wait_for("CALL_ESTABLISHED")
        await self.caller.press("1")
        await self.until(lambda live: live["state"] == "talking")
        self.call_id = (await self.live())["id"]

    async def live(self) -> dict[str, Any]:
        [live] = await self.server.get("/calls/live")
        return dict(live)

    async def until(self, condition: Callable[[dict[str, Any]], bool]) -> None:
        async with asyncio.timeout(15):
            while not condition(await self.live()):
                await asyncio.sleep(0.05)

    async def until_modes(self, *modes: str) -> None:
        """Of those who have answered, in the order in which they came."""
        await self.until(
            lambda live: [leg["mode"] for leg in live["legs"] if leg["is_answered"]] == [*modes]
        )

    async def order(
        self, method: str, what: str, body: object = None, *, user: str = "agent1"
    ) -> None:
        path = f"/calls/live/{self.call_id}/{what}"
        status, answer = await self.server.request(method, path, user=user, json=body)
        assert status == 200, answer

    async def hear(
        self,
        when: str,
        *,
        caller: set[int],
        agent: set[int] | None = None,
        third: set[int] | None = None,
    ) -> None:
        """Let a while pass in which each of them should hear just these tones."""
        await asyncio.sleep(0.6)
        begin = time.monotonic()
        await asyncio.sleep(1.2)
        wanted = ((self.caller, caller), (self.agent, agent), (self.third, third))
        self._heard += [
            Heard(phone, begin, time.monotonic(), frozenset(tones), when)
            for phone, tones in wanted
            if tones is not None
        ]

    async def end(self, *, then: Baresip | None = None) -> None:
        """The caller hangs up, and `then` one of two who still talk; listen to what each heard."""
        await self.caller.hang_up()
        ended = {self.caller: time.monotonic()}
        over = ended[self.caller]
        if then is not None:
            await then.hang_up()
            over = time.monotonic()
        phones = {heard.phone for heard in self._heard}
        for phone in phones - {self.caller}:
            count = phone.count("CALL_ESTABLISHED")
            await phone.wait_for("CALL_CLOSED", count=count)
            ended[phone] = over
        for phone in phones:
            await phone.stop()
        for heard in self._heard:
            [samples], rate = read_channels(heard.phone.heard[-1])
            from_end = [round((ended[heard.phone] - at) * rate) for at in (heard.begin, heard.end)]
            piece = samples[len(samples) - from_end[0] : len(samples) - from_end[1]]
            found = {tone for tone in (CALLER, AGENT, THIRD) if has(piece, rate, tone)}
            assert found == heard.tones, (heard.when, heard.phone.folder.name)

    async def recordings(self) -> list[dict[str, Any]]:
        record = await self.server.until_record("5000")
        return list(record["recordings"])


def has(samples: Samples, rate: int, tone: int) -> bool:
    return share_of_tone(samples, rate, tone) > 0.15


async def test_hold_and_consultation_and_conference(
    server: RunningServer, phone: PhoneMaker
) -> None:
    """[C04, C05] The caller hears music while the agent asks; then all three talk."""
    floor = Floor(server)
    await floor.begin(phone, "1002")
    await floor.hear("talk", caller={AGENT}, agent={CALLER})
    await floor.order("POST", "hold", {"held": True})
    assert [leg["is_held"] for leg in (await floor.live())["legs"]] == [False, True]
    await floor.order("POST", "hold", {"held": False})
    await floor.order("POST", "consult", {"to": "1002"})
    await floor.until_modes("talk", "aside", "aside")
    await floor.hear("consultation", caller=set(), agent={THIRD}, third={AGENT})
    await floor.order("PUT", "consult", {"action": "conference"})
    await floor.hear(
        "conference", caller={AGENT, THIRD}, agent={CALLER, THIRD}, third={CALLER, AGENT}
    )
    await floor.end(then=floor.agent)


async def test_consultation_completed_is_a_transfer(
    server: RunningServer, phone: PhoneMaker
) -> None:
    """[C05] The agent is free again while the two go on."""
    floor = Floor(server)
    await floor.begin(phone, "1002")
    await floor.order("POST", "consult", {"to": "1002"})
    await floor.until_modes("talk", "aside", "aside")
    await floor.order("PUT", "consult", {"action": "complete"})
    await floor.agent.wait_for("CALL_CLOSED")
    await floor.hear("after the transfer", caller={THIRD}, third={CALLER})
    await server.until_agent("1001", "available", seconds=15)
    await floor.end()
    assert len(await floor.recordings()) == 2


async def test_supervisor_listens_whispers_and_barges_in(
    server: RunningServer, phone: PhoneMaker, tmp_path: Path
) -> None:
    """[F03] The caller never hears a whisper, nor does the recording; a barge both do."""
    floor = Floor(server)
    await floor.begin(phone, "1900")
    await floor.order("PUT", "supervision", {"mode": "listen"}, user="supervisor")
    await floor.until_modes("talk", "talk", "listen")
    await floor.hear("listen", caller={AGENT}, agent={CALLER}, third={CALLER, AGENT})
    await floor.order("PUT", "supervision", {"mode": "whisper"}, user="supervisor")
    await floor.hear("whisper", caller={AGENT}, agent={CALLER, THIRD}, third={CALLER, AGENT})
    await floor.order("PUT", "supervision", {"mode": "barge"}, user="supervisor")
    await floor.hear("barge", caller={AGENT, THIRD}, agent={CALLER, THIRD}, third={CALLER, AGENT})
    await floor.end()
    [recording] = await floor.recordings()
    status, sound = await server.request("GET", f"/recordings/{recording['id']}/audio")
    assert status == 200
    file = tmp_path / "call.wav"
    file.write_bytes(sound)
    (_, right), rate = read_channels(file)
    assert has(right[-rate:], rate, THIRD), "barge"
    assert not has(right[: -3 * rate], rate, THIRD), "listen and whisper"
    assert has(right[: -3 * rate], rate, AGENT)
    timeline = await server.get(f"/calls/{floor.call_id}/timeline")
    modes = [e["data"]["mode"] for e in timeline if e["type"] == "SupervisionChanged"]
    assert modes == ["listen", "whisper", "barge"]


async def test_supervisor_takes_over(server: RunningServer, phone: PhoneMaker) -> None:
    """[F03] The agent leaves, the caller goes on with the supervisor."""
    floor = Floor(server)
    await floor.begin(phone, "1900")
    await floor.order("PUT", "supervision", {"mode": "whisper"}, user="supervisor")
    await floor.until_modes("talk", "talk", "whisper")
    await floor.order("PUT", "supervision", {"mode": "take_over"}, user="supervisor")
    await floor.agent.wait_for("CALL_CLOSED")
    await floor.hear("after it", caller={THIRD}, third={CALLER})
    await floor.end()


async def test_agents_may_not_supervise_nor_touch_the_calls_of_others(
    server: RunningServer, phone: PhoneMaker
) -> None:
    floor = Floor(server)
    await floor.begin(phone, "1002")
    for method, what, body, user, expected in (
        ("PUT", "supervision", {"mode": "listen"}, "agent2", 403),
        ("POST", "hold", {"held": True}, "agent2", 404),
        ("POST", "transfer", {"to": "99nowhere"}, "agent1", 422),
        ("POST", "transfer", {"to": "4711"}, "agent1", 422),
        ("PUT", "consult", {"action": "complete"}, "agent1", 409),
        ("PUT", "supervision", {"mode": "take_over"}, "supervisor", 409),
    ):
        status, answer = await server.request(
            method, f"/calls/live/{floor.call_id}/{what}", user=user, json=body
        )
        assert status == expected, (what, user, answer)
    await floor.hear("as before", caller={AGENT}, agent={CALLER})
    await floor.end()
