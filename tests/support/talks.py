"""A talk that has just begun, between fake legs on a virtual clock."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from telephony.calls import handling
from telephony.calls.audibility import Mode
from telephony.calls.call import Call
from telephony.directory import PhoneUser
from tests.support.fake_calls import ANNA, Exchange, FakeCaller, FakeLeg, answers_after, exchange
from tests.support.registrations import TENANT
from tests.support.virtual_time import run_virtual

at = asyncio.sleep
WAIT = {"kind": "queue", "queue": "sales", "timeout": "bye"}
BYE = {"kind": "hangup", "prompts": [{"say": "Goodbye."}]}
FLOWS = {
    "5001": {"name": "wait", "start": "wait", "nodes": {"wait": WAIT, "bye": BYE}},
    "5009": {
        "name": "hello",
        "start": "hello",
        "nodes": {
            "hello": {"kind": "play", "prompts": [{"say": "Hello."}], "next": "bye"},
            "bye": BYE,
        },
    },
}


def run(main: Coroutine[Any, Any, None]) -> None:
    run_virtual(main)


class Talk:
    """Anna talks with a caller from the queue; phones 1003 and 1004 are there as well."""

    def __init__(self, centre: Exchange, caller: FakeCaller) -> None:
        self.centre = centre
        self.caller = caller
        self.anna = centre.endpoint.to("1001")

    @property
    def call(self) -> Call:
        [call] = self.centre.switchboard._calls.values()
        return call

    @property
    def by(self) -> Any:
        return self.anna.party

    @property
    def supervisor(self) -> PhoneUser:
        phone = self.centre.context.directory.phone(TENANT, "1003")
        assert phone is not None
        return phone

    def heard(self, **legs: FakeLeg) -> set[str]:
        """`ca`: the leg named `c` hears the one named `a`."""
        named = {"c": self.caller, "a": self.anna, **legs}
        bridge = self.caller.media.bridge or self.anna.media.bridge
        assert bridge is not None
        return {
            ear + mouth
            for ear, one in named.items()
            for mouth, two in named.items()
            if two.media in bridge.hears(one.media) and one.media in bridge.legs
        }


def talking(then: Callable[[Talk], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        async with exchange(FLOWS) as centre:
            centre.endpoint.behaviour["1001"] = answers_after(0.5)
            for user in ("1003", "1004"):
                centre.endpoint.behaviour[user] = answers_after(1)
            centre.register("1001", "1003", "1004")
            centre.available(ANNA)
            caller = centre.call("5001")
            await at(1)
            talk = Talk(centre, caller)
            assert talk.heard() == {"ca", "ac"}
            await then(talk)
            for incoming in centre.callers:
                incoming.go()
            for outgoing in centre.endpoint.legs:
                outgoing.go()

    run(main())


async def asking(talk: Talk) -> FakeLeg:
    handling.consult(talk.call, talk.by, "1003")
    assert talk.caller.media.hears == "music"
    assert talk.heard() == set()
    await at(1.5)
    asked = talk.centre.endpoint.to("1003")
    assert talk.heard(t=asked) == {"at", "ta"}
    assert talk.caller.media.hears == "music"
    return asked


async def supervised(talk: Talk, mode: Mode) -> FakeLeg:
    handling.supervise(talk.call, talk.supervisor, mode, talk.by)
    assert talk.heard() == {"ca", "ac"}
    await at(1.5)
    return talk.centre.endpoint.to("1003")
