"""The INVITE server transaction, move by move (RFC 3261 17.2.1, RFC 6026 7.1)."""

import pytest

from telephony.sip.effects import (
    AckNotReceived,
    AckReceived,
    Effect,
    InvalidTransition,
    SendMessage,
    TransportFailed,
)
from telephony.sip.invite_server import InviteServerTransaction, State
from telephony.sip.timers import T1


def transaction(*, reliable: bool = False) -> InviteServerTransaction:
    return InviteServerTransaction(reliable=reliable)


def rejected(*, now: float = 0.0, reliable: bool = False) -> InviteServerTransaction:
    tx = transaction(reliable=reliable)
    assert tx.send_response(486, b"busy", now=now) == [SendMessage(b"busy")]
    return tx


def accepted(*, now: float = 0.0) -> InviteServerTransaction:
    tx = transaction()
    assert tx.send_response(200, b"ok", now=now) == [SendMessage(b"ok")]
    return tx


def run_until(tx: InviteServerTransaction, end: float) -> list[tuple[float, Effect]]:
    """Fire every timer due before `end`; return what happened and when."""
    seen: list[tuple[float, Effect]] = []
    while (due := tx.next_timeout()) is not None and due <= end:
        seen += [(due, effect) for effect in tx.handle_timeout(now=due)]
    return seen


def test_before_any_response_a_repeat_is_absorbed() -> None:
    tx = transaction()
    assert tx.receive_invite() == []
    assert tx.next_timeout() is None
    assert tx.handle_timeout(now=99) == []
    assert not tx.answered
    assert not tx.settled


def test_a_repeat_gets_the_last_provisional_response() -> None:
    tx = transaction()
    tx.send_response(100, b"trying", now=0)
    tx.send_response(180, b"ringing", now=1)
    assert tx.receive_invite() == [SendMessage(b"ringing")]
    assert tx.state is State.PROCEEDING


def test_final_response_is_repeated_at_doubling_intervals_up_to_t2() -> None:
    times = [t for t, _ in run_until(rejected(), end=31.9)]
    assert times == [0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]


def test_final_response_is_not_repeated_over_a_stream() -> None:
    assert run_until(rejected(reliable=True), end=31.9) == []


def test_a_timer_that_fires_early_does_nothing() -> None:
    assert rejected().handle_timeout(now=0.4) == []


def test_a_repeat_of_the_invite_gets_the_final_response() -> None:
    tx = rejected()
    assert tx.receive_invite() == [SendMessage(b"busy")]


def test_ack_stops_the_repeats() -> None:
    tx = rejected()
    assert tx.receive_ack(now=0.3) == []
    assert tx.state is State.CONFIRMED
    assert tx.settled
    assert tx.receive_ack(now=0.4) == []
    assert tx.receive_invite() == []
    assert tx.next_timeout() == 5.3
    assert run_until(tx, end=32.0) == []
    assert tx.terminated


def test_over_a_stream_the_transaction_ends_with_the_ack() -> None:
    tx = rejected(reliable=True)
    tx.receive_ack(now=0.3)
    assert tx.next_timeout() == 0.3
    tx.handle_timeout(now=0.3)
    assert tx.terminated


@pytest.mark.parametrize("reliable", [True, False])
def test_missing_ack_is_reported_after_timer_h(reliable: bool) -> None:
    tx = rejected(reliable=reliable)
    assert run_until(tx, end=100.0)[-1] == (64 * T1, AckNotReceived())
    assert tx.terminated
    assert tx.next_timeout() is None


def test_an_accepted_invite_is_absorbed_until_timer_l() -> None:
    tx = accepted()
    assert tx.receive_invite() == []
    assert tx.next_timeout() == 32.0
    assert run_until(tx, end=100.0) == []
    assert tx.terminated


def test_an_accepted_transaction_passes_its_ack_up_and_lets_the_2xx_repeat() -> None:
    tx = accepted()
    assert tx.answered
    assert tx.receive_ack(now=1) == [AckReceived()]
    assert tx.send_response(200, b"ok", now=1) == [SendMessage(b"ok")]
    assert tx.state is State.ACCEPTED


def test_a_transport_failure_is_reported_and_changes_no_state() -> None:
    tx = rejected()
    assert tx.transport_failed() == [TransportFailed()]
    assert tx.state is State.COMPLETED
    run_until(tx, end=100)
    assert tx.transport_failed() == []


@pytest.mark.parametrize("status", [180, 200, 486])
def test_a_response_after_the_final_one_is_our_bug(status: int) -> None:
    with pytest.raises(InvalidTransition):
        rejected().send_response(status, b"x", now=0)


def test_a_refusal_after_2xx_is_our_bug() -> None:
    with pytest.raises(InvalidTransition):
        accepted().send_response(486, b"x", now=0)
