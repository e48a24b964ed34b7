"""The non-INVITE client transaction, move by move (RFC 3261 17.1.2)."""

import pytest

from telephony.sip.effects import (
    Effect,
    InvalidTransition,
    ResponseReceived,
    SendMessage,
    TimedOut,
    TransportFailed,
)
from telephony.sip.message import Response
from telephony.sip.non_invite_client import NonInviteClientTransaction, State


def trying(*, reliable: bool = False) -> NonInviteClientTransaction:
    tx = NonInviteClientTransaction(b"bye", reliable=reliable)
    assert tx.start(now=0) == [SendMessage(b"bye")]
    return tx


def run_until(tx: NonInviteClientTransaction, end: float) -> list[tuple[float, Effect]]:
    seen: list[tuple[float, Effect]] = []
    while (due := tx.next_timeout()) is not None and due <= end:
        seen += [(due, effect) for effect in tx.handle_timeout(now=due)]
    return seen


def test_it_repeats_at_doubling_intervals_up_to_t2_until_timer_f() -> None:
    tx = trying()
    *repeats, last = run_until(tx, end=100)
    assert [t for t, _ in repeats] == [*(0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5)]
    assert last == (32.0, TimedOut())
    assert tx.terminated


def test_over_a_stream_it_is_not_repeated() -> None:
    assert run_until(trying(reliable=True), end=100) == [(32.0, TimedOut())]


def test_a_provisional_response_slows_the_repeats_to_t2() -> None:
    tx = trying()
    response = Response(100)
    assert tx.receive_response(response, now=0.1) == [ResponseReceived(response)]
    assert tx.receive_response(response, now=0.2) == [ResponseReceived(response)]
    assert tx.state is State.PROCEEDING
    assert [t for t, _ in run_until(tx, end=12)] == [0.5, 4.5, 8.5]
    assert run_until(tx, end=100)[-1] == (32.0, TimedOut())


@pytest.mark.parametrize("provisional", [True, False])
def test_the_final_response_is_passed_up_once_and_repeats_are_absorbed(
    provisional: bool,
) -> None:
    tx = trying()
    if provisional:
        tx.receive_response(Response(100), now=1)
    ok = Response(200)
    assert tx.receive_response(ok, now=2) == [ResponseReceived(ok)]
    assert tx.receive_response(ok, now=3) == []
    assert tx.settled
    assert tx.next_timeout() == 7.0
    assert run_until(tx, end=100) == []
    assert tx.terminated
    assert tx.receive_response(ok, now=8) == []


def test_over_a_stream_it_ends_with_the_final_response() -> None:
    tx = trying(reliable=True)
    tx.receive_response(Response(200), now=2)
    assert tx.next_timeout() == 2


def test_a_timer_that_fires_early_does_nothing() -> None:
    assert trying().handle_timeout(now=0.1) == []


def test_a_transport_failure_is_reported_once() -> None:
    tx = trying()
    assert tx.transport_failed() == [TransportFailed()]
    assert tx.transport_failed() == []
    assert tx.next_timeout() is None


def test_a_transport_failure_after_the_answer_is_nobodys_concern() -> None:
    tx = trying()
    tx.receive_response(Response(200), now=0)
    assert tx.transport_failed() == []
    assert tx.terminated


def test_a_move_the_table_lacks_is_our_bug() -> None:
    with pytest.raises(InvalidTransition):
        trying()._enter(State.TRYING)
