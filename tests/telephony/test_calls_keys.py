"""What the keys of a desk phone do in a talk."""

import asyncio

import pytest

from telephony.calls import handling
from telephony.calls.audibility import Mode
from telephony.events import ConsultEnded, ConsultSwapped, SupervisionChanged
from tests.support.fake_calls import ANNA, answers_after, exchange
from tests.support.talks import FLOWS, Talk, supervised, talking
from tests.support.virtual_time import run_virtual

at = asyncio.sleep


async def asked_by_keys(talk: Talk) -> None:
    talk.anna.press("*2")
    await at(0.1)
    assert talk.heard() == set()
    assert talk.caller.media.hears == "music"
    assert talk.anna.media.hears == "Please dial the number."
    talk.anna.press("1003#")
    await at(1.5)


@pytest.mark.parametrize(
    ("key", "heard", "outcomes"),
    [
        ("*1", {"ac", "ca"}, ["resumed"]),
        ("*3", {"ac", "ca", "at", "ta", "ct", "tc"}, ["conference"]),
        ("*2", {"ct", "tc"}, ["transferred"]),
    ],
)
def test_f04_keys_ask_somebody_and_decide_what_comes_of_it(
    key: str, heard: set[str], outcomes: list[str]
) -> None:
    async def then(talk: Talk) -> None:
        await asked_by_keys(talk)
        asked = talk.centre.endpoint.to("1003")
        assert talk.heard(t=asked) == {"at", "ta"}
        talk.anna.press(key)
        await at(0.5)
        assert talk.heard(t=asked) == heard
        assert [e.outcome for e in talk.centre.told(ConsultEnded)] == outcomes
        assert talk.caller.media.digits_sent == asked.media.digits_sent == []

    talking(then)


def test_f04_keys_go_from_one_to_the_other_and_back() -> None:
    async def then(talk: Talk) -> None:
        await asked_by_keys(talk)
        asked = talk.centre.endpoint.to("1003")
        talk.anna.press("*4")
        await at(0.1)
        assert talk.heard(t=asked) == {"ac", "ca"}
        assert asked.media.hears == "music"
        assert talk.caller.media.hears == ""
        talk.anna.press("*4")
        await at(0.1)
        assert talk.heard(t=asked) == {"at", "ta"}
        assert talk.caller.media.hears == "music"
        assert [e.aside for e in talk.centre.told(ConsultSwapped)] == [False, True]

    talking(then)


def test_f04_who_waits_aside_hangs_up() -> None:
    async def then(talk: Talk) -> None:
        await asked_by_keys(talk)
        asked = talk.centre.endpoint.to("1003")
        handling.swap(talk.call, talk.by)
        asked.bye()
        await at(0.2)
        assert talk.heard() == {"ac", "ca"}
        assert [e.outcome for e in talk.centre.told(ConsultEnded)] == ["resumed"]

    talking(then)


def test_f04_keys_pass_the_caller_on() -> None:
    async def then(talk: Talk) -> None:
        talk.anna.press("*11004")
        await at(6)  # nothing says that the number is complete
        assert talk.anna.is_over
        assert talk.heard(t=talk.centre.endpoint.to("1004")) == {"ct", "tc"}
        assert talk.centre.state(ANNA) == "wrap_up"

    talking(then)


@pytest.mark.parametrize(("number", "said"), [("7#", True), ("#", False), ("", False)])
def test_f04_number_that_leads_nowhere_gives_the_caller_back(number: str, *, said: bool) -> None:
    async def then(talk: Talk) -> None:
        talk.anna.press("*2" + number)
        await at(12)
        assert ("That number cannot be reached." in talk.anna.media.prompts) is said
        assert talk.heard() == {"ac", "ca"}
        assert talk.caller.media.hears == ""

    talking(then)


def test_other_keys_are_for_the_other_one() -> None:
    async def then(talk: Talk) -> None:
        talk.anna.press("12")
        talk.anna.press("*")
        await at(2)
        talk.anna.press("*7")
        await at(0.1)
        assert "".join(talk.caller.media.digits_sent) == "12**7"
        talk.caller.press("*21003#")
        await at(0.1)
        assert "".join(talk.anna.media.digits_sent) == "*21003#"
        assert talk.heard() == {"ac", "ca"}

    talking(then)


def test_g05_supervisors_keys_change_how_they_take_part() -> None:
    async def then(talk: Talk) -> None:
        sue = await supervised(talk, Mode.LISTEN)
        for key, heard in (
            ("5", {"ca", "ac", "sa", "sc", "as"}),
            ("6", {"ca", "ac", "sa", "sc", "as", "cs"}),
            ("4", {"ca", "ac", "sa", "sc"}),
            ("1", {"ca", "ac", "sa", "sc"}),
        ):
            sue.press(key)
            assert talk.heard(s=sue) == heard
        modes = [e.mode for e in talk.centre.told(SupervisionChanged)]
        assert modes == ["listen", "whisper", "barge", "listen"]
        assert talk.caller.media.digits_sent == talk.anna.media.digits_sent == []

    talking(then)


def test_f04_number_that_is_half_dialled_does_nothing_in_the_next_talk() -> None:
    async def main() -> None:
        async with exchange(FLOWS) as centre:
            for user in ("1002", "1003", "1004"):
                centre.endpoint.behaviour[user] = answers_after(1)
            centre.register("1001", "1002", "1003", "1004")
            caller = centre.call("1002", user="1001")
            await at(1.5)
            ben = centre.endpoint.to("1002")
            [call] = centre.switchboard._calls.values()
            ben.press("*11004")
            await at(0.2)
            handling.pass_on(call, caller.party, to="1003")
            await at(0.5)
            assert ben.media.hears == "music"
            await at(6)
            other = centre.endpoint.to("1003")
            assert ben.media.bridge is not None
            assert ben.media.bridge.hears(ben.media) == {other.media}
            assert [leg for leg in centre.endpoint.legs if leg.target.user == "1004"] == []
            ben.bye()
            await at(0.5)

    run_virtual(main())


def test_g05_supervisors_key_that_comes_too_late_is_no_fault() -> None:
    async def then(talk: Talk) -> None:
        sue = await supervised(talk, Mode.LISTEN)
        handling.pass_on(talk.call, talk.by, to="1004")
        sue.press("5")
        await at(2)
        assert talk.heard(t=talk.centre.endpoint.to("1004")) == {"ct", "tc"}

    talking(then)
