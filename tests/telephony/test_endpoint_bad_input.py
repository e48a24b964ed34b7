"""What malformed messages, odd bodies and odd addresses come to."""

import logging

import pytest

from telephony.sip.dialog import Dialog
from telephony.sip.message import Request
from telephony.sip.parser import BadMessage, parse_message
from telephony.transport.flow import Flow
from telephony.ua.body import UnsupportedBody, readable_sdp, sdp_of
from telephony.ua.core import BAD_MESSAGES_PER_SECOND
from telephony.ua.deadlines import Alarm, Deadlines
from telephony.ua.next_hop import flow_for, may_follow
from telephony.ua.trace import masked, trace
from tests.support.sip_wire import OURS, UDP, FakeWire, World, invite, request


def bad(text: str) -> BadMessage:
    with pytest.raises(BadMessage) as caught:
        parse_message(text.encode())
    return caught.value


UNREADABLE = invite().replace("CSeq: 1 INVITE", "CSeq: nonsense")
WRONG = invite().replace("CSeq: 1 INVITE", "CSeq: 1 BYE")


def test_a_malformed_request_gets_one_answer_and_one_log_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    world = World()
    world.agent.receive_bad(bad(WRONG), UDP)
    refused = world.take_response()
    assert refused.status == 400
    assert refused.to.tag is not None
    assert [(r.message, r.levelname) for r in caplog.records] == [("malformed message", "INFO")]
    assert world.agent.statistics.malformed == 1
    assert world.agent.statistics.transactions == 0


def test_what_cannot_be_answered_is_dropped_in_silence() -> None:
    world = World()
    world.agent.receive_bad(bad(UNREADABLE), UDP)
    world.agent.receive_bad(bad("nonsense\r\n\r\n"), UDP)
    assert world.statuses() == []
    assert world.agent.statistics.malformed == 2


def test_a_flood_of_malformed_messages_is_neither_answered_nor_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    world = World()
    for _ in range(5 * BAD_MESSAGES_PER_SECOND):
        world.agent.receive_bad(bad(WRONG), UDP)
    assert len(world.take()) == BAD_MESSAGES_PER_SECOND
    assert len(caplog.records) == BAD_MESSAGES_PER_SECOND
    world.run(0.5)
    for _ in range(5 * BAD_MESSAGES_PER_SECOND):
        world.agent.receive_bad(bad(WRONG), UDP)
    assert len(world.take()) == BAD_MESSAGES_PER_SECOND // 2


# bodies


def with_body(body: bytes, *headers: str) -> Request:
    message = parse_message(request("INVITE", headers=headers, body=body).encode())
    assert isinstance(message, Request)
    return message


MULTIPART = (
    b"--b1\r\nContent-Type: application/isup\r\n\r\nxx\r\n"
    b"--b1\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n\r\n--b1--\r\n"
)


@pytest.mark.parametrize(
    ("message", "sdp"),
    [
        (with_body(b""), None),
        (with_body(b"v=0\r\n"), b"v=0\r\n"),
        (with_body(b"v=0\r\n", "Content-Type: APPLICATION/SDP; x=y"), b"v=0\r\n"),
        (with_body(MULTIPART, 'Content-Type: multipart/mixed; x; boundary="b1"'), b"v=0\r\n"),
        (
            with_body(b"x", "Content-Type: a/b", "Content-Disposition: x; handling = optional"),
            None,
        ),
    ],
)
def test_the_session_description_is_found(message: Request, sdp: bytes | None) -> None:
    assert sdp_of(message) == sdp
    assert readable_sdp(message) == sdp


@pytest.mark.parametrize(
    "message",
    [
        with_body(b"x", "Content-Type: text/plain"),
        with_body(b"x", "Content-Type: application/sdp", "Content-Encoding: gzip"),
        with_body(b"--b\r\n\r\nx", "Content-Type: multipart/mixed; boundary=b"),
        with_body(MULTIPART, "Content-Type: multipart/mixed"),
        with_body(MULTIPART, "Content-Type: multipart/mixed; boundary="),
    ],
)
def test_bodies_we_cannot_use_are_told_apart_from_none(message: Request) -> None:
    with pytest.raises(UnsupportedBody):
        sdp_of(message)
    assert readable_sdp(message) is None


# ways


@pytest.mark.parametrize(
    ("host", "source", "plausible"),
    [
        ("8.8.8.8", "9.9.9.9", True),
        ("10.0.0.1", "192.168.0.1", True),
        ("10.0.0.1", "8.8.8.8", False),
        ("127.0.0.1", "8.8.8.8", False),
        ("127.0.0.1", "10.0.0.1", False),
        ("127.0.0.2", "127.0.0.1", True),
        ("224.0.0.1", "224.0.0.1", False),
        ("0.0.0.0", "10.0.0.1", False),
        ("169.254.1.1", "10.0.0.1", False),
        ("[2001:4860::1]", "8.8.8.8", True),
        ("phone.invalid", "8.8.8.8", False),
    ],
)
def test_a_contact_is_followed_only_where_its_sender_could_mean_it(
    host: str, source: str, plausible: bool
) -> None:
    assert may_follow(host, source) is plausible


def dialog(contact: str) -> Dialog:
    message = parse_message(invite(contact=contact).encode())
    assert isinstance(message, Request)
    return Dialog.of_invite(message, "ours")


def test_the_way_of_a_request_inside_a_dialog() -> None:
    wire = FakeWire(lambda: 0.0)
    elsewhere = dialog("<sip:peer@192.0.2.9:5999>")
    assert flow_for(elsewhere, UDP, wire, pinned=False) == Flow("udp", ("192.0.2.9", 5999), OURS)
    assert flow_for(elsewhere, UDP, wire, pinned=True) == UDP
    assert flow_for(dialog("<sip:phone.invalid>"), UDP, wire, pinned=False) == UDP
    tcp = flow_for(dialog("<sip:peer@192.0.2.9;transport=TCP>"), UDP, wire, pinned=False)
    assert (tcp.transport, tcp.remote) == ("tcp", ("192.0.2.9", 5060))
    wire.unreachable = True
    assert flow_for(elsewhere, UDP, wire, pinned=False) == UDP


# the trace


def test_the_trace_shows_messages_without_secrets(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "telephony.trace")
    text = request(
        "REGISTER",
        headers=(
            'Authorization: Digest username="1001", nonce="abc", response="def",\r\n'
            ' cnonce="ghi", uri="sip:x", nc=00000001',
            "X-Other: response=kept",
        ),
    )
    trace("in", UDP, text.encode())
    [record] = caplog.records
    assert record.message == "sip message"
    shown = masked(text.encode())
    assert record.__dict__["sip"] == shown
    for secret in ('"abc"', '"def"', '"ghi"'):
        assert secret not in shown
    assert 'username="1001"' in shown
    assert "response=kept" in shown
    assert "nc=00000001" in shown


def test_the_trace_masks_our_challenges() -> None:
    line = b'SIP/2.0 401 Unauthorized\r\nWWW-Authenticate: Digest realm="r", nonce="abc"\r\n\r\n'
    assert '"abc"' not in masked(line)
    assert 'realm="r"' in masked(line)
    bare = masked(b"Proxy-Authorization: Digest response=def,nonce=x\r\n")
    assert "def" not in bare


# deadlines


def test_alarms_ring_once_in_their_order_unless_cancelled() -> None:
    rung: list[str] = []
    nearer: list[float] = []
    deadlines = Deadlines(nearer.append)
    assert deadlines.next_timeout() is None
    alarms = {
        name: Alarm(at, lambda name=name: rung.append(name))  # type: ignore[misc]
        for name, at in (("late", 3.0), ("soon", 1.0), ("never", 2.0))
    }
    for alarm in alarms.values():
        deadlines.watch(alarm)
        deadlines.watch(alarm)
    assert nearer == [3.0, 1.0]
    assert len(deadlines) == 3
    alarms["never"].cancel()
    deadlines.handle_timeout(now=2.5)
    assert rung == ["soon"]
    deadlines.handle_timeout(now=3.0)
    assert rung == ["soon", "late"]
    alarms["late"].handle_timeout(now=9.0)
    assert rung == ["soon", "late"]
    assert len(deadlines) == 0


class Moving:
    """Wants to be woken at a time that changes."""

    def __init__(self, at: float) -> None:
        self.at = at
        self.scheduled: float | None = None
        self.woken: list[float] = []

    def next_timeout(self) -> float | None:
        return self.at

    def handle_timeout(self, *, now: float) -> None:
        self.woken.append(now)
        self.at = now + 10


def test_a_deadline_may_move_both_ways() -> None:
    deadlines = Deadlines(lambda due: None)
    moving = Moving(5.0)
    deadlines.watch(moving)
    moving.at = 7.0
    deadlines.watch(moving)
    deadlines.handle_timeout(now=5.0)
    assert moving.woken == []
    moving.at = 6.0
    deadlines.watch(moving)
    deadlines.handle_timeout(now=7.0)
    assert moving.woken == [7.0]
    assert deadlines.next_timeout() == 17.0


def test_leftovers_of_moved_deadlines_wake_nobody() -> None:
    deadlines = Deadlines(lambda due: None)
    moving = Moving(5.0)
    deadlines.watch(moving)
    moving.at = 1.0
    deadlines.watch(moving)
    deadlines.handle_timeout(now=1.0)
    assert moving.woken == [1.0]
    deadlines.handle_timeout(now=5.0)
    assert moving.woken == [1.0]
