"""C07: a browser that cannot take a call is noticed before somebody is offered to it."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from routing.events import AgentState
from telephony.phone_checks import CHECK_SECONDS, FRESH_SECONDS, GONE_SECONDS, PhoneChecks
from telephony.sip.message import Headers, Response
from telephony.sip.uri import SipUri
from telephony.transport.flow import Flow
from tests.support.fake_calls import ANNA, BEN, Exchange, answers_after, exchange
from tests.support.talks import FLOWS
from tests.support.virtual_time import run_virtual

LONG = 2 * CHECK_SECONDS + FRESH_SECONDS


def answer(microphone: str | None = None) -> Response:
    headers = Headers()
    if microphone is not None:
        headers.add("X-Murima-Microphone", microphone)
    return Response(200, headers=headers)


def watched(then: Callable[[Exchange], Coroutine[Any, Any, None]]) -> None:
    """Anna has a browser, Ben a desk phone; both are available."""

    async def main() -> None:
        async with exchange(FLOWS) as centre:
            registrations = centre.switchboard.registrations
            checks = PhoneChecks(centre.context, registrations.refresh_reachability)
            centre.endpoint.answers["1001"] = answer()
            centre.register_browser("1001")
            centre.register("1002")
            centre.available(ANNA, BEN)
            running = asyncio.create_task(checks.run())
            await asyncio.sleep(CHECK_SECONDS + 2)
            assert centre.state(ANNA) == "available"
            await then(centre)
            running.cancel()

    run_virtual(main())


def reason(centre: Exchange) -> str:
    seen = centre.dispatcher.agent(ANNA.id)
    return f"{seen.state.value} {seen.reason}".strip()


def test_c07_browser_that_answers_stays_on_duty() -> None:
    async def then(centre: Exchange) -> None:
        for microphone in (None, "there"):
            centre.endpoint.answers["1001"] = answer(microphone)
            await asyncio.sleep(10 * FRESH_SECONDS)
            assert reason(centre) == "available"
        assert centre.state(BEN) == "available", "a desk phone is not asked"

    watched(then)


def test_c07_sleeping_tab_makes_its_agent_away_with_that_reason() -> None:
    async def then(centre: Exchange) -> None:
        centre.endpoint.answers["1001"] = None
        await asyncio.sleep(LONG)
        assert reason(centre) == "away phone_asleep"
        assert not centre.dispatcher.agent(ANNA.id).reachable
        centre.endpoint.answers["1001"] = answer()
        await asyncio.sleep(LONG)
        assert centre.dispatcher.agent(ANNA.id).reachable
        assert reason(centre) == "away phone_asleep", "only a person says that all is well"
        centre.available(ANNA)
        await asyncio.sleep(LONG)
        assert reason(centre) == "available"

    watched(then)


def test_c07_nobody_is_rung_in_a_sleeping_tab() -> None:
    async def then(centre: Exchange) -> None:
        centre.endpoint.answers["1001"] = None
        centre.endpoint.behaviour["1002"] = answers_after(1)
        await asyncio.sleep(LONG)
        centre.dispatcher.set_agent_state(ANNA.id, AgentState.AVAILABLE)
        caller = centre.call("5001")
        await asyncio.sleep(2)
        assert {leg.target.user for leg in centre.endpoint.legs} <= {"1002"}
        caller.bye()
        await asyncio.sleep(1)

    watched(then)


@pytest.mark.parametrize("state", ["missing", "denied"])
def test_c07_lost_microphone_is_told_in_the_answer(state: str) -> None:
    async def then(centre: Exchange) -> None:
        centre.endpoint.answers["1001"] = answer(state)
        await asyncio.sleep(CHECK_SECONDS + 2)
        assert reason(centre) == "away microphone_lost"

    watched(then)


def test_c07_browser_without_a_microphone_does_not_count_while_another_place_is_fit() -> None:
    async def then(centre: Exchange) -> None:
        async def ping(target: SipUri, flow: Flow, timeout: float) -> Response | None:
            del flow, timeout
            return answer("missing" if target.host == "tab2.invalid" else "there")

        centre.endpoint.ping = ping  # type: ignore[method-assign]
        deaf = centre.register_browser("1001", connection=2)
        await asyncio.sleep(LONG)
        assert reason(centre) == "available", "at home, the tablet is on as well"
        assert centre.context.silent_flows == {deaf}, "it would take the call and say nothing"
        first = centre.context.registrar.bindings(*key(centre))[0].flow
        assert first != deaf
        centre.switchboard.registrations.drop_flow(first)
        await asyncio.sleep(CHECK_SECONDS + 2)
        assert reason(centre) == "away microphone_lost"

    watched(then)


def test_c07_tab_that_is_gone_makes_its_agent_away_but_a_reload_does_not() -> None:
    async def then(centre: Exchange) -> None:
        drop = centre.switchboard.registrations.drop_flow
        drop(centre.context.registrar.bindings(*key(centre))[0].flow)
        await asyncio.sleep(GONE_SECONDS / 2)
        flow = centre.register_browser("1001", connection=2)
        await asyncio.sleep(LONG)
        assert reason(centre) == "available"
        drop(flow)
        await asyncio.sleep(GONE_SECONDS + 3 * CHECK_SECONDS)
        assert reason(centre) == "away phone_offline"

    watched(then)


def test_c07_who_is_away_already_keeps_the_reason() -> None:
    async def then(centre: Exchange) -> None:
        centre.dispatcher.set_agent_state(ANNA.id, AgentState.AWAY, "lunch")
        centre.endpoint.answers["1001"] = answer("missing")
        await asyncio.sleep(LONG)
        assert reason(centre) == "away lunch"

    watched(then)


def key(centre: Exchange) -> tuple[Any, str]:
    phone = centre.context.directory.phone_of_agent(ANNA.tenant_id, ANNA.id)
    assert phone is not None
    return phone.tenant_id, phone.user
