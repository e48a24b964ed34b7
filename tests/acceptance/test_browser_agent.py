"""Agents in the browser: SIP over WebSocket, DTLS-SRTP, and what happens when a tab goes away.

The names in brackets are rows of the feature list: C01 softphone, C08 lost connections.
"""

import asyncio
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Origin, Subprotocol

from tests.acceptance.conftest import PhoneMaker
from tests.support.audio import read_channels, seconds_of_tone, share_of_tone
from tests.support.baresip import Baresip
from tests.support.running_server import RunningServer
from tests.support.softphone import Softphone

pytestmark = pytest.mark.acceptance


async def ticket(server: RunningServer, user: str) -> dict[str, Any]:
    status, body = await server.request("POST", "/softphone/tickets", user=user)
    assert status == 201, body
    return dict(body["data"])


async def ask_for_sales(server: RunningServer, caller: Baresip) -> None:
    await caller.dial(server.uri("5000"))
    await caller.wait_for("CALL_ESTABLISHED")
    await caller.press("1")


async def test_caller_and_browser_agent_hear_each_other(
    server: RunningServer, phone: PhoneMaker
) -> None:
    """[C01] No password, no plug-in: the ticket of who is signed in is enough."""
    caller = await phone("outside", tone=440, registered=False)
    async with Softphone(await ticket(server, "agent1"), tone=880) as agent:
        await server.until_registered("1001")
        await server.set_agent("1001", "available")
        await ask_for_sales(server, caller)
        invite = await agent.asked("INVITE")
        assert invite.from_.display.startswith("sales: ")
        await agent.asked("ACK")
        heard = await agent.browser.hear(2_000)
        assert share_of_tone(heard[8_000:], 8_000, 440) > 0.7
        await asyncio.sleep(1)
        [live] = await server.get("/calls/live")
        assert live["state"] == "talking"
        await agent.hang_up()
        await caller.wait_for("CALL_CLOSED")
    record = await server.until_record("5000")
    assert record["cause"] == "agent_hung_up"
    await caller.stop()
    [sound], rate = read_channels(caller.heard[0])
    assert seconds_of_tone(sound, rate, 880) >= 1.5


async def test_tab_that_dies_while_it_rings_loses_the_call_to_the_next_agent(
    server: RunningServer, phone: PhoneMaker
) -> None:
    """[C08] The socket tells at once; nobody waits for a ring that nobody hears."""
    caller = await phone("outside", tone=440, registered=False)
    second = await phone("1002", "answermode=auto", tone=880)
    async with Softphone(await ticket(server, "agent1"), tone=660, answers=False) as tab:
        await server.until_registered("1001")
        await server.set_agent("1001", "available")
        await server.set_agent("1002", "available")
        await ask_for_sales(server, caller)
        await tab.asked("INVITE")
        await tab.disconnect()
        await second.wait_for("CALL_ESTABLISHED")
        agent = await server.agent("1001")
        assert agent["reachable"] is False


async def test_call_goes_on_while_the_tab_connects_anew(
    server: RunningServer, phone: PhoneMaker
) -> None:
    """[C08] Sound needs no signalling; what comes later comes over the new connection."""
    caller = await phone("outside", tone=440, registered=False)
    async with Softphone(await ticket(server, "agent1"), tone=880) as agent:
        await server.until_registered("1001")
        await server.set_agent("1001", "available")
        await ask_for_sales(server, caller)
        await agent.asked("ACK")
        await agent.browser.hear(500)
        await agent.disconnect()
        heard = await agent.browser.hear(1_500)
        assert share_of_tone(heard[8_000:], 8_000, 440) > 0.7
        await agent.connect()
        await caller.hang_up()
        await agent.asked("BYE")
    assert (await server.until_record("5000"))["cause"] == "caller_hung_up"


async def test_who_has_no_ticket_or_a_bad_one_is_told_so(server: RunningServer) -> None:
    url = f"ws://127.0.0.1:{server.ws_port}/"
    sip = [Subprotocol("sip")]
    async with connect(url + "?ticket=forged", subprotocols=sip) as socket:
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 4401
    with pytest.raises(InvalidStatus) as refused:
        await connect(url, subprotocols=sip, origin=Origin("https://evil.example"))
    assert refused.value.response.status_code == 403
    status, body = await server.request("POST", "/softphone/tickets", user="admin")
    assert (status, body["error"]["code"]) == (409, "CONFLICT")


async def test_plain_sound_over_a_browsers_connection_is_refused(server: RunningServer) -> None:
    """An offer without ICE and DTLS would send voices in the clear."""
    async with Softphone(await ticket(server, "agent1"), tone=880) as tab:
        body = (
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            "m=audio 40000 RTP/AVP 0\r\n"
        )
        await tab._send(
            "INVITE sip:5001@127.0.0.1 SIP/2.0\r\n"
            "Via: SIP/2.0/WS x.invalid;branch=z9hG4bKplain\r\nMax-Forwards: 70\r\n"
            "From: <sip:1001@127.0.0.1>;tag=a\r\nTo: <sip:5001@127.0.0.1>\r\n"
            f"Call-ID: plain\r\nCSeq: 1 INVITE\r\nContact: {tab._contact}\r\n"
            f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n\r\n{body}"
        )
        async with asyncio.timeout(5):
            while (response := await tab._responses.get()).status < 200:
                pass
        assert response.status == 488
        assert await server.get("/calls/live") == []
