"""What strangers and broken peers send gets a plain answer or none, and never a traceback."""

import asyncio
import random

import pytest

from tests.acceptance.conftest import PeerMaker
from tests.support.running_server import PASSWORD, RunningServer
from tests.support.sip_socket import offer

pytestmark = pytest.mark.acceptance


async def test_number_nobody_has_is_not_found(server: RunningServer, peer_at: PeerMaker) -> None:
    peer = await peer_at()
    peer.send(peer.request("INVITE", server.uri("7777"), body=offer("127.0.0.1", 40_000)))
    assert await peer.final_status() == 404


async def test_call_without_a_codec_in_common_is_not_acceptable(
    server: RunningServer, peer_at: PeerMaker
) -> None:
    peer = await peer_at()
    body = offer("127.0.0.1", 40_000, formats="3 18")
    peer.send(peer.request("INVITE", server.uri("5000"), body=body))
    assert await peer.final_status() == 488


async def test_stranger_learns_nothing_about_who_exists(
    server: RunningServer, peer_at: PeerMaker
) -> None:
    """127.0.0.2 is no trunk: a known and an unknown user get the same challenge."""
    answers = []
    for number, user in enumerate(("1001", "nobody")):
        peer = await peer_at("127.0.0.2")
        target = f"sip:127.0.0.1:{server.sip_port}"
        peer.send(peer.request("REGISTER", target, user=user, call_id=f"same{number}"))
        answer = await peer.answer()
        assert answer is not None
        lines = answer.decode().splitlines()
        assert lines[0].split()[1] == "401"
        answers.append([line.split(":")[0] for line in lines[1:]])
    assert answers[0] == answers[1]


async def test_malformed_messages_get_400_or_silence(
    server: RunningServer, peer_at: PeerMaker
) -> None:
    peer = await peer_at()
    whole = peer.request("OPTIONS", server.uri("5000"), call_id="m")
    broken = {
        "no CSeq": whole.replace("CSeq: 1 OPTIONS\r\n", ""),
        "no Via": "\r\n".join(x for x in whole.split("\r\n") if not x.startswith("Via")),
        "method differs from CSeq": whole.replace("CSeq: 1 OPTIONS", "CSeq: 1 INVITE"),
        "other script's digits": whole.replace("CSeq: 1", "CSeq: \N{FULLWIDTH DIGIT ONE}"),
        "length beyond the datagram": whole.replace("Content-Length: 0", "Content-Length: 9999"),
        "no number for a length": whole.replace("Content-Length: 0", "Content-Length: -1"),
        "unclosed quote": whole.replace("From: <", 'From: "x <'),
        "no SIP at all": "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "a NUL": whole.replace("Max-Forwards: 70", "Max-Forwards: 7\x000"),
        "other version": whole.replace("SIP/2.0\r\nVia", "SIP/7.0\r\nVia", 1),
    }
    for name, message in broken.items():
        peer.send(message)
        status = await peer.final_status(seconds=0.3)
        assert status is None or 400 <= status < 500 or status == 505, (name, status)
    peer.send(peer.request("OPTIONS", server.uri("5000"), call_id="alive"))
    assert await peer.final_status() == 200
    assert "Traceback" not in server.log


async def test_noise_of_all_sorts_leaves_the_server_well(
    server: RunningServer, peer_at: PeerMaker
) -> None:
    peer = await peer_at()
    dice = random.Random(7)
    whole = peer.request("INVITE", server.uri("5000"), body=offer("127.0.0.1", 40_000)).encode()
    for _ in range(300):
        damaged = bytearray(whole)
        for _ in range(dice.randint(1, 12)):
            damaged[dice.randrange(len(damaged))] = dice.randrange(256)
        peer.send(bytes(damaged[: dice.randint(1, len(damaged))]))
        await asyncio.sleep(0)
    await asyncio.sleep(0.5)
    while not peer.received.empty():
        peer.received.get_nowait()
    peer.send(peer.request("OPTIONS", server.uri("5000"), call_id="alive", tag="alive"))
    for _ in range(50):
        answer = await peer.answer(seconds=2)
        assert answer is not None
        if b"Call-ID: alive" in answer:
            break
    assert "Traceback" not in server.log


async def test_login_tells_little_and_slows_guessing(server: RunningServer) -> None:
    status, body = await server.request(
        "POST", "/auth/login", user=None, json={"login": "admin", "password": "wrong-password"}
    )
    unknown = await server.request(
        "POST", "/auth/login", user=None, json={"login": "nobody", "password": "wrong-password"}
    )
    assert (status, body["error"]["code"]) == (401, "UNAUTHENTICATED")
    assert unknown == (status, body)
    statuses = []
    for _ in range(6):
        status, _ = await server.request(
            "POST", "/auth/login", user=None, json={"login": "admin", "password": "wrong-password"}
        )
        statuses.append(status)
    assert statuses[-1] == 429
    assert "wrong-password" not in server.log
    assert PASSWORD not in server.log.split("ready")[-1]
