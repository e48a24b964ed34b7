"""The INVITE client transaction, move by move (RFC 3261 17.1.1, RFC 6026 7.2)."""

import pytest

from telephony.sip.effects import (
    Effect,
    InvalidTransition,
    ResponseReceived,
    SendMessage,
    TimedOut,
    TransportFailed,
)
from telephony.sip.invite_client import InviteClientTransaction, State, make_cancel
from telephony.sip.message import Headers, Request, Response, make_response
from telephony.sip.parser import parse_message
from telephony.sip.uri import SipUri

INVITE = Request(
    "INVITE",
    SipUri.parse("sip:bob@192.0.2.7"),
    Headers(
        [
            ("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1"),
            ("Route", "<sip:192.0.2.9;lr>"),
            ("From", "<sip:alice@192.0.2.1>;tag=a"),
            ("To", "<sip:bob@192.0.2.7>"),
            ("Call-ID", "c"),
            ("CSeq", "7 INVITE"),
        ]
    ),
)


def response(status: int) -> Response:
    return make_response(INVITE, status, to_tag="b")


def calling(*, reliable: bool = False) -> InviteClientTransaction:
    tx = InviteClientTransaction(INVITE, reliable=reliable)
    assert tx.start(now=0) == [SendMessage(INVITE.to_bytes())]
    return tx


def after(status: int, *, reliable: bool = False) -> InviteClientTransaction:
    tx = calling(reliable=reliable)
    tx.receive_response(response(status), now=0)
    return tx


def run_until(tx: InviteClientTransaction, end: float) -> list[tuple[float, Effect]]:
    seen: list[tuple[float, Effect]] = []
    while (due := tx.next_timeout()) is not None and due <= end:
        seen += [(due, effect) for effect in tx.handle_timeout(now=due)]
    return seen


def test_the_invite_is_repeated_at_doubling_intervals_until_timer_b() -> None:
    tx = calling()
    *repeats, last = run_until(tx, end=100)
    assert [t for t, _ in repeats] == [0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert {effect for _, effect in repeats} == {SendMessage(INVITE.to_bytes())}
    assert last == (32.0, TimedOut())
    assert tx.terminated


def test_over_a_stream_it_is_not_repeated() -> None:
    assert run_until(calling(reliable=True), end=100) == [(32.0, TimedOut())]


def test_a_timer_that_fires_early_does_nothing() -> None:
    assert calling().handle_timeout(now=0.1) == []


def test_provisional_responses_stop_the_timers_and_are_passed_up() -> None:
    tx = calling()
    ringing = response(180)
    assert tx.receive_response(ringing, now=1) == [ResponseReceived(ringing)]
    assert tx.receive_response(ringing, now=2) == [ResponseReceived(ringing)]
    assert tx.state is State.PROCEEDING
    assert tx.next_timeout() is None
    assert not tx.settled


@pytest.mark.parametrize("first", [100, None])
def test_every_2xx_is_passed_up_until_timer_m(first: int | None) -> None:
    tx = after(first) if first else calling()
    ok = response(200)
    assert tx.receive_response(ok, now=0) == [ResponseReceived(ok)]
    assert tx.receive_response(ok, now=1) == [ResponseReceived(ok)]
    assert tx.receive_response(response(180), now=1) == []
    assert tx.receive_response(response(486), now=1) == []
    assert tx.settled
    assert tx.next_timeout() == 32.0
    assert run_until(tx, end=100) == []
    assert tx.terminated


@pytest.mark.parametrize("first", [180, None])
def test_a_refusal_is_acknowledged_each_time_and_passed_up_once(first: int | None) -> None:
    tx = after(first) if first else calling()
    busy = response(486)
    sent, told = tx.receive_response(busy, now=0)
    assert told == ResponseReceived(busy)
    assert isinstance(sent, SendMessage)
    ack = parse_message(sent.data)
    assert isinstance(ack, Request)
    assert (ack.method, str(ack.uri), str(ack.cseq)) == ("ACK", "sip:bob@192.0.2.7", "7 ACK")
    assert ack.via == INVITE.via
    assert ack.to.tag == "b"
    assert ack.headers.get_all("Route") == ["<sip:192.0.2.9;lr>"]
    assert tx.receive_response(busy, now=1) == [sent]
    assert tx.receive_response(response(180), now=1) == []
    assert tx.next_timeout() == 32.0
    assert run_until(tx, end=100) == []
    assert tx.terminated
    assert tx.receive_response(busy, now=100) == []


def test_over_a_stream_a_refused_invite_ends_at_once() -> None:
    assert after(486, reliable=True).next_timeout() == 0


@pytest.mark.parametrize("first", [180, None])
def test_a_transport_failure_before_the_final_response_is_reported(first: int | None) -> None:
    tx = after(first) if first else calling()
    assert tx.transport_failed() == [TransportFailed()]
    assert tx.terminated
    assert tx.transport_failed() == []
    assert tx.handle_timeout(now=99) == []


@pytest.mark.parametrize("final", [200, 486])
def test_a_transport_failure_after_the_final_response_is_nobodys_concern(final: int) -> None:
    tx = after(final)
    assert tx.transport_failed() == []
    assert tx.terminated


def test_a_cancelled_invite_is_given_up_64_t1_after_the_cancel() -> None:
    tx = after(180)
    tx.expire_after_cancel(now=10)
    assert run_until(tx, end=100) == [(42.0, TimedOut())]


def test_a_cancel_does_not_prolong_what_was_answered() -> None:
    tx = after(200)
    tx.expire_after_cancel(now=10)
    assert tx.next_timeout() == 32.0


def test_cancel_takes_the_way_of_its_invite() -> None:
    cancel = make_cancel(INVITE)
    assert (cancel.method, str(cancel.cseq), cancel.via) == ("CANCEL", "7 CANCEL", INVITE.via)
    assert (cancel.uri, cancel.from_, cancel.to) == (INVITE.uri, INVITE.from_, INVITE.to)
    assert cancel.headers.get("Route") == "<sip:192.0.2.9;lr>"


def test_a_move_the_table_lacks_is_our_bug() -> None:
    with pytest.raises(InvalidTransition):
        after(200)._enter(State.CALLING, expires_at=None)
