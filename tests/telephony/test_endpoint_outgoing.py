"""Calls that we make, on a turned clock and without sockets."""

import pytest

from telephony.sip import digest
from telephony.sip.effects import InvalidTransition
from telephony.sip.message import Request, Response
from telephony.sip.uri import SipUri
from telephony.transport.flow import Flow
from telephony.ua.leg import LegState
from telephony.ua.leg_handler import Credentials
from telephony.ua.outgoing_leg import MAX_FORKS
from tests.support.sip_wire import (
    ANSWER,
    OFFER,
    OURS,
    PEER,
    TCP,
    LegLog,
    World,
    from_callee,
    reply,
    state,
)

PASSWORD = Credentials("trunk-user", "secret", "carrier")
CHALLENGE = (
    ("WWW-Authenticate", 'Digest realm="carrier", nonce="n1", qop="auth", algorithm=MD5'),
    ("Contact", "<sip:bob@192.0.2.7:5070>"),
)


def test_a_call_rings_is_answered_acknowledged_and_hung_up() -> None:
    world, log = World(), LegLog()
    leg = world.call_out(log, headers=(("X-Call", "7"),))
    sent = world.take_request()
    assert (sent.method, str(sent.uri), sent.body) == ("INVITE", "sip:bob@192.0.2.7:5070", OFFER)
    assert str(sent.contact) == "<sip:192.0.2.1:5060>"
    assert sent.headers.get("X-Call") == "7"
    assert sent.max_forwards == 70
    world.receive(reply(sent, 100, tag=None))
    world.receive(reply(sent, 180))
    world.receive(reply(sent, 183, body=ANSWER))
    assert state(leg) is LegState.RINGING
    world.receive(reply(sent, 200, body=ANSWER))
    ack = world.take_request()
    assert (ack.method, ack.cseq.number, ack.body) == ("ACK", 1, b"")
    assert ack.via.branch != sent.via.branch
    assert leg.remote_sdp == ANSWER
    assert log.seen == [
        ("ringing", 180, None),
        ("ringing", 183, ANSWER),
        ("answered", ANSWER),
    ]
    leg.hang_up()
    bye = world.take_request()
    assert (bye.method, bye.cseq.number, bye.to.tag) == ("BYE", 2, "peer")
    world.receive(reply(bye, 200))
    world.run(100)
    statistics = world.agent.statistics
    assert (statistics.transactions, statistics.dialogs, statistics.legs) == (0, 0, 0)


def test_an_unanswered_invite_repeats_and_fails_with_408_after_32_seconds() -> None:
    world, log = World(), LegLog()
    world.call_out(log)
    world.run(40)
    assert world.take_times("INVITE") == [0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert log.seen == [("failed", 408, "Request Timeout")]
    assert world.agent.statistics.legs == 0


def test_a_provisional_response_stops_the_repeats() -> None:
    world, log = World(), LegLog()
    world.call_out(log)
    world.receive(reply(world.take_request(), 100, tag=None))
    world.run(300)
    assert world.statuses() == []
    assert log.seen == []


@pytest.mark.parametrize("status", [302, 404, 486, 500, 603])
def test_a_refusal_is_acknowledged_and_reported(status: int) -> None:
    world, log = World(), LegLog()
    leg = world.call_out(log)
    sent = world.take_request()
    refusal = reply(sent, status)
    world.receive(refusal)
    ack = world.take_request()
    assert (ack.method, ack.via, ack.to.tag) == ("ACK", sent.via, "peer")
    world.receive(refusal)
    assert world.statuses() == ["ACK"]
    assert log.seen == [("failed", status, refusal.reason)]
    assert state(leg) is LegState.ENDED


def test_what_cannot_be_sent_fails_with_503_after_invite_has_returned() -> None:
    world, log = World(), LegLog()
    world.wire.down = True
    world.call_out(log)
    assert log.seen == []
    world.run(0)
    assert log.seen == [("failed", 503, "Service Unavailable")]


def test_an_unreachable_target_fails_with_503() -> None:
    world, log = World(), LegLog()
    world.wire.unreachable = True
    world.call_out(log)
    world.run(0)
    assert log.seen == [("failed", 503, "Service Unavailable")]


@pytest.mark.parametrize("target", ["tel:+431234", "sip:bob@10.0.0.1;transport=tls"])
def test_a_target_without_a_way_fails_with_503(target: str) -> None:
    world, log = World(), LegLog()
    world.call_out(log, target=target)
    world.run(0)
    assert log.seen == [("failed", 503, "Service Unavailable")]


def test_a_sips_target_is_never_sent_to_in_the_clear() -> None:
    world, log = World(), LegLog()
    world.call_out(log, target="sips:bob@192.0.2.7")
    world.run(0)
    assert world.statuses() == []
    assert log.seen == [("failed", 503, "Service Unavailable")]


def test_a_name_is_looked_up_first() -> None:
    world, log = World(), LegLog()
    leg = world.call_out(log, target="sip:bob@carrier.example;transport=tcp")
    assert world.statuses() == []
    [(host, found)] = world.waiting_names
    assert host == "carrier.example"
    found(("198.51.100.1", 5060))
    assert leg.flow == Flow("tcp", ("198.51.100.1", 5060), OURS, 99)
    sent = world.take_request()
    assert str(sent.contact) == "<sip:192.0.2.1:5060;transport=tcp>"
    assert sent.via.transport == "TCP"


def test_a_name_without_address_fails_with_503() -> None:
    world, log = World(), LegLog()
    world.call_out(log, target="sip:bob@nowhere.example")
    world.waiting_names[0][1](None)
    world.run(0)
    assert log.seen == [("failed", 503, "Service Unavailable")]


def test_hanging_up_on_an_unreachable_target_reports_nothing() -> None:
    world, log = World(), LegLog()
    world.wire.unreachable = True
    world.call_out(log).hang_up()
    world.run(0)
    assert log.seen == []
    assert world.agent.statistics.legs == 0


def test_a_cancelled_fork_that_wants_to_talk_gets_491() -> None:
    world, log = World(), LegLog()
    leg = world.call_out(log)
    sent = world.take_request()
    world.receive(reply(sent, 180))
    leg.hang_up()
    world.take()
    world.receive(from_callee("INVITE", sent, body=OFFER))
    assert world.statuses() == [491]


def test_a_leg_cannot_be_moved_where_its_state_forbids() -> None:
    world, log = World(), LegLog()
    leg, _, _ = world.established_out(log)
    with pytest.raises(InvalidTransition):
        leg.enter(LegState.RINGING)


def test_hanging_up_during_the_look_up_sends_nothing() -> None:
    world, log = World(), LegLog()
    leg = world.call_out(log, target="sip:bob@carrier.example")
    leg.hang_up()
    world.waiting_names[0][1](("198.51.100.1", 5060))
    assert world.statuses() == []
    assert state(leg) is LegState.ENDED


def test_a_registered_phone_is_called_over_its_flow_and_nowhere_else() -> None:
    world, log = World(), LegLog()
    flow = Flow("udp", ("203.0.113.5", 40000), OURS)
    leg = world.call_out(log, target="sip:bob@192.168.1.2", flow=flow)
    sent = world.take_request()
    contact = (("Contact", "<sip:bob@192.168.1.2>"),)
    world.receive(reply(sent, 200, headers=contact), flow)
    leg.hang_up()
    assert {used for _, used, _ in world.wire.sent} == {flow}


def test_the_connection_of_a_registered_phone_breaking_fails_its_call() -> None:
    world, log = World(), LegLog()
    world.call_out(log, flow=TCP)
    sent = world.take_request()
    world.receive(reply(sent, 180), TCP)
    world.wire.closed.add(TCP)
    world.agent.flow_failed(TCP)
    assert log.seen[-1] == ("failed", 503, "Service Unavailable")


# CANCEL


def test_cancel_is_held_until_a_provisional_response_came() -> None:
    world, log = World(), LegLog()
    leg = world.call_out(log)
    sent = world.take_request()
    leg.hang_up(reason="SIP;cause=200")
    leg.hang_up()
    assert world.statuses() == []
    world.receive(reply(sent, 100, tag=None))
    cancel = world.take_request()
    assert (cancel.method, cancel.cseq.number, cancel.via) == ("CANCEL", 1, sent.via)
    assert cancel.headers.get("Reason") == "SIP;cause=200"
    assert cancel.to.tag is None
    world.receive(reply(sent, 180))
    assert world.statuses() == []
    world.receive(reply(cancel, 200))
    world.receive(reply(sent, 487))
    assert world.statuses() == ["ACK"]
    assert log.seen == []
    assert state(leg) is LegState.ENDED


def test_a_cancelled_call_that_is_answered_all_the_same_is_acknowledged_and_ended() -> None:
    world, log = World(), LegLog()
    leg = world.call_out(log)
    sent = world.take_request()
    world.receive(reply(sent, 180))
    leg.hang_up()
    world.take()
    answer = reply(sent, 200, body=ANSWER)
    world.receive(answer)
    assert world.statuses() == ["ACK", "BYE"]
    world.receive(answer)
    assert world.statuses() == ["ACK"]
    assert state(leg) is LegState.ENDED
    assert log.seen == [("ringing", 180, None)]
    world.run(100)
    assert world.agent.statistics.dialogs == 0


def test_a_cancel_without_any_effect_ends_the_call_after_32_seconds() -> None:
    world, log = World(), LegLog()
    leg = world.call_out(log)
    world.receive(reply(world.take_request(), 180))
    world.run(10)
    leg.hang_up()
    world.run(41.9)
    assert state(leg) is LegState.CANCELLING
    world.run(42)
    assert state(leg) is LegState.ENDED


def test_cancelling_a_call_nobody_answers_ends_with_it() -> None:
    world, log = World(), LegLog()
    leg = world.call_out(log)
    leg.hang_up()
    world.run(32)
    assert state(leg) is LegState.ENDED
    assert log.seen == []


# forks


def test_several_forks_ring_and_the_first_to_answer_wins() -> None:
    world, log = World(), LegLog()
    leg = world.call_out(log)
    sent = world.take_request()
    for tag in ("a", "b", "b"):
        world.receive(reply(sent, 180, tag=tag))
    assert world.agent.statistics.dialogs == 2
    contact = (("Contact", "<sip:b@192.0.2.7:6002>"),)
    world.receive(reply(sent, 200, tag="b", headers=contact, body=ANSWER))
    ack = world.take_request()
    assert (ack.to.tag, str(ack.uri)) == ("b", "sip:b@192.0.2.7:6002")
    assert world.agent.statistics.dialogs == 1
    loser = reply(sent, 200, tag="a", body=ANSWER)
    world.receive(loser)
    lost_ack, lost_bye = world.take()
    assert isinstance(lost_ack, Request)
    assert isinstance(lost_bye, Request)
    assert (lost_ack.method, lost_ack.to.tag) == ("ACK", "a")
    assert (lost_bye.method, lost_bye.to.tag) == ("BYE", "a")
    world.receive(loser)
    assert world.statuses() == ["ACK"]
    assert state(leg) is LegState.ESTABLISHED
    assert [name for name, *_ in log.seen] == ["ringing", "ringing", "ringing", "answered"]


def test_a_repeated_answer_is_acknowledged_again_with_the_same_bytes() -> None:
    world, log = World(), LegLog()
    world.call_out(log)
    sent = world.take_request()
    answer = reply(sent, 200, body=ANSWER)
    for _ in range(3):
        world.receive(answer)
    assert len({data for _, _, data in world.wire.sent}) == 1
    assert world.statuses() == ["ACK"] * 3
    assert log.seen == [("answered", ANSWER)]


def test_a_flood_of_forks_is_bounded() -> None:
    world, log = World(), LegLog()
    world.call_out(log)
    sent = world.take_request()
    for number in range(3 * MAX_FORKS):
        world.receive(reply(sent, 180, tag=f"t{number}"))
    assert world.agent.statistics.dialogs == MAX_FORKS
    for number in range(3 * MAX_FORKS):
        world.receive(reply(sent, 200, tag=f"t{number}", body=ANSWER))
    assert world.statuses().count("ACK") == MAX_FORKS


def test_a_provisional_response_after_the_answer_is_nothing() -> None:
    world, log = World(), LegLog()
    _, sent, _ = world.established_out(log)
    world.receive(reply(sent, 180, tag="late"))
    assert log.seen == []


def test_requests_in_an_early_dialog_are_served() -> None:
    world, log = World(), LegLog()
    leg = world.call_out(log)
    sent = world.take_request()
    world.receive(reply(sent, 180))
    world.receive(from_callee("INVITE", sent, body=OFFER))
    world.receive(from_callee("BYE", sent, cseq=2))
    world.receive(from_callee("OPTIONS", sent, cseq=3))
    assert world.statuses() == [500, 200, 200]
    assert state(leg) is LegState.RINGING


# the answer


def test_a_late_offer_is_answered_in_our_ack() -> None:
    world, log = World(), LegLog(late_answer=ANSWER)
    world.call_out(log, offer=None)
    sent = world.take_request()
    assert sent.body == b""
    world.receive(reply(sent, 200, body=OFFER))
    ack = world.take_request()
    assert (ack.body, ack.content_type) == (ANSWER, "application/sdp")
    assert log.seen == [("answered", OFFER)]


def test_the_route_and_target_of_the_answer_hold() -> None:
    world, log = World(), LegLog()
    leg = world.call_out(log)
    sent = world.take_request()
    world.receive(reply(sent, 180, headers=(("Contact", "<sip:early@192.0.2.7>"),)))
    headers = (
        ("Record-Route", "<sip:192.0.2.9;lr>"),
        ("Record-Route", "<sip:192.0.2.8;lr>"),
        ("Contact", "<sip:bob@192.0.2.20>"),
    )
    world.receive(reply(sent, 200, headers=headers))
    [(_, flow, _)] = world.wire.sent
    assert flow.remote == ("192.0.2.8", 5060)
    ack = world.take_request()
    assert str(ack.uri) == "sip:bob@192.0.2.20"
    assert ack.headers.get_all("Route") == ["<sip:192.0.2.8;lr>", "<sip:192.0.2.9;lr>"]
    leg.hang_up()
    assert world.take_request().headers.get_all("Route") == ack.headers.get_all("Route")


def test_hanging_up_in_the_moment_of_the_answer_acknowledges_first() -> None:
    world, log = World(), LegLog()
    leg = world.call_out(log)
    log.on["answered"] = leg.hang_up
    world.receive(reply(world.take_request(), 200, body=ANSWER))
    assert world.statuses() == ["ACK", "BYE"]
    assert log.seen == [("answered", ANSWER)]


def test_a_reoffer_in_the_moment_of_the_answer_follows_the_ack() -> None:
    world, log = World(), LegLog()
    leg = world.call_out(log)
    log.on["answered"] = lambda: leg.reinvite(b"new")
    world.receive(reply(world.take_request(), 200, body=ANSWER))
    assert world.statuses() == ["ACK", "INVITE"]


def test_a_fault_about_the_answer_acknowledges_and_ends_the_call() -> None:
    world, log = World(), LegLog()
    world.call_out(log)

    def fail() -> None:
        raise RuntimeError("a fault in the application")

    log.on["answered"] = fail
    world.receive(reply(world.take_request(), 200, body=ANSWER))
    world.run(0)
    assert world.statuses() == ["ACK", "BYE"]
    assert log.seen[-1] == ("ended", "error")


def test_the_callee_hangs_up() -> None:
    world, log = World(), LegLog()
    leg, sent, _ = world.established_out(log)
    world.receive(from_callee("BYE", sent))
    assert world.statuses() == [200]
    assert log.seen == [("ended", "remote_hung_up")]
    assert state(leg) is LegState.ENDED


def test_the_callee_holds_and_resumes() -> None:
    world, log = World(), LegLog()
    _, sent, _ = world.established_out(log)
    for number in (1, 2):
        world.receive(from_callee("INVITE", sent, cseq=number, body=OFFER))
        world.receive(from_callee("ACK", sent, cseq=number))
    assert world.statuses() == [200, 200]
    assert log.seen == [("offered", OFFER)] * 2


def test_the_owner_of_the_call_id_waits_longer_after_glare() -> None:
    world, log = World(chance=0.5), LegLog()
    leg, _, _ = world.established_out(log)
    leg.reinvite(b"new")
    world.receive(reply(world.take_request(), 491))
    world.take()
    world.run(10)
    assert world.take_times("INVITE")[0] == pytest.approx(3.05)


def test_a_broken_connection_is_replaced_for_the_next_request() -> None:
    world, log = World(), LegLog()
    leg = world.call_out(log, target="sip:bob@192.0.2.7:5070;transport=tcp")
    contact = (("Contact", "<sip:bob@192.0.2.7:5070;transport=tcp>"),)
    world.receive(reply(world.take_request(), 200, headers=contact))
    world.take()
    world.wire.closed.add(leg.flow)
    world.agent.flow_failed(leg.flow)
    assert state(leg) is LegState.ESTABLISHED
    world.wire.closed.clear()
    leg.hang_up()
    assert world.statuses() == ["BYE"]


# challenges


def test_a_challenge_is_answered_once_with_the_configured_password() -> None:
    world, log = World(), LegLog()
    world.call_out(log, credentials=PASSWORD)
    first = world.take_request()
    world.receive(reply(first, 401, headers=CHALLENGE))
    ack, again = world.take()
    assert isinstance(ack, Request)
    assert isinstance(again, Request)
    assert (ack.method, ack.cseq.number) == ("ACK", 1)
    assert (again.method, again.cseq.number, again.call_id) == ("INVITE", 2, first.call_id)
    assert again.from_ == first.from_
    assert again.via.branch != first.via.branch
    assert len(again.headers.get_all("Via")) == 1
    value = again.headers.get("Authorization") or ""
    fields = digest.parse_challenge(value)
    assert fields is not None
    assert (fields["username"], fields["nonce"]) == ("trunk-user", "n1")
    world.receive(reply(again, 200, body=ANSWER))
    assert world.take_request().headers.get("Authorization") == value
    assert log.seen == [("answered", ANSWER)]


def test_a_second_challenge_is_a_failure() -> None:
    world, log = World(), LegLog()
    world.call_out(log, credentials=PASSWORD)
    world.receive(reply(world.take_request(), 401, headers=CHALLENGE))
    again = world.take()[-1]
    assert isinstance(again, Request)
    world.receive(reply(again, 401, headers=CHALLENGE))
    assert world.statuses() == ["ACK"]
    assert log.seen == [("failed", 401, "Unauthorized")]


@pytest.mark.parametrize(
    "credentials", [None, Credentials("trunk-user", "secret", "another realm")]
)
def test_nobody_but_the_configured_realm_gets_an_answer(credentials: Credentials | None) -> None:
    world, log = World(), LegLog()
    world.call_out(log, credentials=credentials)
    world.receive(reply(world.take_request(), 401, headers=CHALLENGE))
    assert world.statuses() == ["ACK"]
    assert log.seen == [("failed", 401, "Unauthorized")]


def test_a_challenge_to_a_cancelled_call_is_not_answered() -> None:
    world, log = World(), LegLog()
    leg = world.call_out(log, credentials=PASSWORD)
    sent = world.take_request()
    leg.hang_up()
    world.receive(reply(sent, 401, headers=CHALLENGE))
    assert world.statuses() == ["ACK"]


def test_challenged_bye_and_reinvite_are_sent_again() -> None:
    world, log = World(), LegLog()
    leg = world.call_out(log, credentials=PASSWORD)
    world.receive(reply(world.take_request(), 200))
    world.take()
    proxy = (("Proxy-Authenticate", CHALLENGE[0][1]), CHALLENGE[1])
    leg.reinvite(b"new")
    world.receive(reply(world.take_request(), 407, headers=proxy))
    ack, again = world.take()
    assert isinstance(again, Request)
    assert "Proxy-Authorization" in again.headers
    assert again.cseq.number == 3
    world.receive(reply(again, 200, body=ANSWER))
    ack = world.take_request()
    assert (ack.cseq.number, "Proxy-Authorization" in ack.headers) == (3, True)
    assert log.seen[-1] == ("reoffer", ANSWER, 200)
    leg.hang_up()
    world.receive(reply(world.take_request(), 401, headers=CHALLENGE))
    bye = world.take_request()
    assert (bye.method, bye.cseq.number) == ("BYE", 5)
    assert "Authorization" in bye.headers
    world.receive(reply(bye, 401, headers=CHALLENGE))
    assert world.statuses() == []
    assert world.agent.statistics.dialogs == 0


def test_a_challenged_bye_without_password_is_the_end_of_it() -> None:
    world, log = World(), LegLog()
    leg, _, _ = world.established_out(log)
    leg.hang_up()
    world.receive(reply(world.take_request(), 401, headers=CHALLENGE))
    assert world.statuses() == []
    assert world.agent.statistics.dialogs == 0


def test_a_challenged_reinvite_without_password_is_refused() -> None:
    world, log = World(), LegLog()
    leg, _, _ = world.established_out(log)
    leg.reinvite(b"new")
    world.receive(reply(world.take_request(), 401, headers=CHALLENGE))
    assert log.seen == [("reoffer", None, 401)]


def test_a_leg_ends_once_though_a_request_of_ours_is_still_out() -> None:
    world, log = World(), LegLog()
    leg, sent, _ = world.established_out(log)
    leg.send_info("text/plain", b"x")
    world.receive(from_callee("BYE", sent))
    world.run(40)
    assert log.seen == [("ended", "remote_hung_up")]


def test_an_answer_to_our_offer_may_leave_the_session_out() -> None:
    world, log = World(), LegLog()
    leg, _, _ = world.established_out(log)
    leg.reinvite(b"new")
    world.receive(reply(world.take_request(), 200))
    assert log.seen == [("reoffer", None, 200)]
    assert leg.remote_sdp == ANSWER


def test_a_refusal_of_our_offer_after_we_hung_up_is_nobodys_concern() -> None:
    world, log = World(), LegLog()
    leg, _, _ = world.established_out(log)
    leg.reinvite(b"new")
    sent = world.take_request()
    leg.hang_up()
    world.receive(reply(sent, 481))
    assert world.statuses() == ["BYE", "ACK"]
    assert log.seen == []


def test_a_reinvite_challenged_by_another_realm_is_refused() -> None:
    world, log = World(), LegLog()
    leg = world.call_out(log, credentials=Credentials("u", "p", "another realm"))
    world.receive(reply(world.take_request(), 200))
    world.take()
    leg.reinvite(b"new")
    world.receive(reply(world.take_request(), 401, headers=CHALLENGE))
    assert log.seen[-1] == ("reoffer", None, 401)


# OPTIONS of ours


def options(world: World, target: str, flow: Flow | None = None) -> list[int | None]:
    answers: list[int | None] = []
    world.agent.outside.options(
        SipUri.parse(target), flow, lambda answer: answers.append(answer.status if answer else None)
    )
    return answers


def test_a_ping_reports_any_status() -> None:
    world = World()
    answers = options(world, "sip:192.0.2.7:5070")
    sent = world.take_request()
    assert (sent.method, str(sent.cseq)) == ("OPTIONS", "1 OPTIONS")
    world.receive(reply(sent, 100))
    world.receive(reply(sent, 404))
    assert answers == [404]


def test_a_ping_nobody_answers_reports_none() -> None:
    world = World()
    answers = options(world, "sip:192.0.2.7", Flow("udp", PEER, OURS))
    world.run(32)
    assert answers == [None]


def test_a_ping_to_nowhere_reports_none() -> None:
    world = World()
    world.wire.unreachable = True
    assert options(world, "sip:192.0.2.7") == [None]
    answers = options(world, "sip:nowhere.example")
    world.waiting_names[-1][1](None)
    assert answers == [None]


def test_a_response_to_nothing_of_ours_is_dropped() -> None:
    world, log = World(), LegLog()
    world.call_out(log)
    sent = world.take_request()
    stray = reply(sent, 200)
    stray.headers.set("Via", "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKnever")
    world.receive(Response(200, headers=stray.headers))
    assert log.seen == []
    assert world.statuses() == []
