"""Peers that do what baresip does not: announcements before the answer, late offers, guessing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from telephony.sip.message import Request, Response, make_response
from telephony.sip.parser import parse_message
from telephony.sip.sdp import parse_sdp
from tests.acceptance.conftest import PeerMaker, PhoneMaker
from tests.support.audio import read_channels, seconds_of_sound, seconds_of_tone
from tests.support.baresip import Baresip
from tests.support.rtp_peer import RtpPeer
from tests.support.running_server import PASSWORD, RunningServer
from tests.support.sip_socket import SipSocket, offer

pytestmark = pytest.mark.acceptance


@asynccontextmanager
async def provider(server: RunningServer, socket: SipSocket) -> AsyncIterator[None]:
    """The demo's trunk leads to `socket` meanwhile."""
    host, port = socket.local
    [trunk] = await server.get("/trunks")
    body = {"name": "local", "networks": ["127.0.0.1/32"], "target": f"sip:{host}:{port}"}
    status, answer = await server.request("PUT", f"/trunks/{trunk['id']}", json=body)
    assert status == 200, answer
    yield


async def next_request(socket: SipSocket, method: str) -> Request:
    while True:
        data = await socket.answer(seconds=5)
        assert data is not None, f"no {method} came"
        message = parse_message(data)
        if isinstance(message, Request) and message.method == method:
            return message


def reply(socket: SipSocket, request: Request, status: int, body: bytes = b"") -> None:
    host, port = socket.local
    contact = (("Contact", f"<sip:{host}:{port}>"),)
    response = make_response(request, status, to_tag="far", headers=contact, body=body)
    socket.send(response.to_bytes())


async def test_announcement_of_the_provider_is_heard_before_it_answers(
    server: RunningServer, phone: PhoneMaker, peer_at: PeerMaker
) -> None:
    anna = await phone("1001", tone=440)
    socket = await peer_at()
    async with provider(server, socket), await RtpPeer.open() as far:
        await anna.dial(server.uri("0401234"))
        invite = await next_request(socket, "INVITE")
        reply(socket, invite, 183, offer(*far.address).encode())
        far.target = _media_of(invite.body)
        far.say(660)
        await anna.wait_for("CALL_PROGRESS")
        await asyncio.sleep(2)
        far.fall_silent()
        # This provider thinks it has described its end well enough.
        reply(socket, invite, 200)
        await next_request(socket, "ACK")
        await anna.wait_for("CALL_ESTABLISHED")
        far.say(880)
        await asyncio.sleep(2)
        await anna.hang_up()
        reply(socket, await next_request(socket, "BYE"), 200)
    await anna.stop()
    [heard], rate = read_channels(anna.heard[0])
    assert seconds_of_tone(heard, rate, 660) >= 1.4, "before the answer"
    assert seconds_of_tone(heard, rate, 880) >= 1.4, "after it"
    assert (await server.until_record("0401234"))["cause"] == "caller_hung_up"


async def test_caller_with_a_late_offer_hears_the_greeting_from_its_beginning(
    server: RunningServer, peer_at: PeerMaker
) -> None:
    socket = await peer_at()
    async with await RtpPeer.open() as caller:
        socket.send(socket.request("INVITE", server.uri("5000")))
        answer = await _final(socket)
        assert answer.status == 200
        await asyncio.sleep(1.5)
        assert caller.packets == [], "nobody has said yet where to"
        assert answer.sdp is not None
        caller.target = _media_of(answer.sdp)
        contact = answer.contact
        assert contact is not None
        socket.send(_within(socket, answer, "ACK", 1, offer(*caller.address)))
        first = await caller.hear(2_000)
        assert seconds_of_sound(first, 8_000) >= 1
        assert seconds_of_sound(first[:8_000], 8_000) >= 0.2, "its beginning"
        [live] = await server.get("/calls/live")
        assert live["state"] == "flow"
        socket.send(_within(socket, answer, "BYE", 2))
        assert (await _final(socket)).status == 200


async def test_phone_with_a_wrong_password_is_forbidden_and_logged(
    server: RunningServer, tmp_path: Path
) -> None:
    account = server.account("1001").replace(PASSWORD, "guess").replace("regint=60", "regint=1")
    guesser = Baresip(tmp_path / "guesser", account, tone=440)
    await guesser.start()
    try:
        # The phone may have been refused before anybody could ask it for its events.
        async with asyncio.timeout(10):
            while "wrong SIP credentials" not in server.log:
                await asyncio.sleep(0.05)
            while "403" not in (guesser.folder / "log").read_text():
                await asyncio.sleep(0.05)
    finally:
        await guesser.stop()
    assert "guess" not in server.log
    [phone] = [p for p in await server.get("/phones") if p["user"] == "1001"]
    assert phone["registered"] is False


def _media_of(sdp: bytes) -> tuple[str, int]:
    media = parse_sdp(sdp).media[0]
    assert media.host is not None
    return media.host, media.port


async def _final(socket: SipSocket) -> Response:
    while True:
        data = await socket.answer(seconds=5)
        assert data is not None, "no final response came"
        message = parse_message(data)
        if isinstance(message, Response) and message.status >= 200:
            return message


def _within(socket: SipSocket, answer: Response, method: str, cseq: int, body: str = "") -> str:
    """A request inside the dialog that `answer` made."""
    host, port = socket.local
    contact = answer.contact
    assert contact is not None
    kind = "Content-Type: application/sdp\r\n" if body else ""
    return (
        f"{method} {contact.uri} SIP/2.0\r\n"
        f"Via: SIP/2.0/UDP {host}:{port};branch=z9hG4bKw{cseq};rport\r\n"
        "Max-Forwards: 70\r\n"
        f"From: {answer.headers.get('from')}\r\nTo: {answer.headers.get('to')}\r\n"
        f"Call-ID: {answer.call_id}\r\nCSeq: {cseq} {method}\r\n{kind}"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    )
