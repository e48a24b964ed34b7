"""The non-INVITE server transaction, move by move (RFC 3261 17.2.2)."""

import pytest

from telephony.sip.effects import InvalidTransition, SendMessage, TransportFailed
from telephony.sip.non_invite_server import NonInviteServerTransaction, State


def completed(*, reliable: bool = False) -> NonInviteServerTransaction:
    tx = NonInviteServerTransaction(reliable=reliable)
    assert tx.send_response(200, b"ok", now=0) == [SendMessage(b"ok")]
    return tx


def test_before_any_response_a_repeat_is_discarded() -> None:
    tx = NonInviteServerTransaction(reliable=False)
    assert tx.receive_request() == []
    assert tx.next_timeout() is None
    assert tx.handle_timeout(now=99) == []
    assert not tx.settled


def test_a_repeat_gets_the_last_response() -> None:
    tx = NonInviteServerTransaction(reliable=False)
    tx.send_response(100, b"one", now=0)
    tx.send_response(100, b"two", now=0)
    assert tx.state is State.PROCEEDING
    assert tx.receive_request() == [SendMessage(b"two")]
    tx.send_response(200, b"ok", now=0)
    assert tx.receive_request() == [SendMessage(b"ok")]


def test_it_absorbs_repeats_for_timer_j() -> None:
    tx = completed()
    assert tx.settled
    assert tx.next_timeout() == 32.0
    assert tx.handle_timeout(now=31.9) == []
    assert tx.state is State.COMPLETED
    tx.handle_timeout(now=32.0)
    assert tx.terminated
    assert tx.receive_request() == []
    assert tx.next_timeout() is None


def test_over_a_stream_it_ends_at_once() -> None:
    assert completed(reliable=True).next_timeout() == 0


def test_a_transport_failure_ends_it() -> None:
    tx = completed()
    assert tx.transport_failed() == [TransportFailed()]
    assert tx.terminated
    assert tx.transport_failed() == []


def test_a_second_final_response_is_our_bug() -> None:
    with pytest.raises(InvalidTransition):
        completed().send_response(500, b"x", now=0)
