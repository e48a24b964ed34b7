"""Calls that come to us, on a turned clock and without sockets."""

import logging

import pytest

from telephony.sip.message import Request, Response
from telephony.transport.flow import Flow
from telephony.ua.handlers import Refuse
from telephony.ua.incoming_leg import IncomingLeg
from telephony.ua.leg import LegState
from tests.support.sip_wire import (
    ANSWER,
    OFFER,
    OURS,
    TCP,
    UDP,
    LegLog,
    World,
    in_dialog,
    invite,
    request,
    seen,
    state,
)


def test_a_call_is_tried_rung_answered_acknowledged_and_ended_by_the_caller() -> None:
    world = World()
    leg = world.call_in()
    assert world.switch.principals == ["somebody"]
    leg.ring()
    leg.answer(ANSWER)
    trying, ringing, ok = world.take()
    assert isinstance(trying, Response)
    assert isinstance(ringing, Response)
    assert isinstance(ok, Response)
    assert [m.status for m in (trying, ringing, ok)] == [100, 180, 200]
    assert trying.to.tag is None
    assert ringing.to.tag == ok.to.tag == leg.dialog.local_tag if leg.dialog else None
    assert str(ok.contact) == "<sip:192.0.2.1:5060>"
    assert ok.body == ANSWER
    world.receive(in_dialog("ACK", ok, cseq=1))
    assert state(leg) is LegState.ESTABLISHED
    world.receive(in_dialog("BYE", ok))
    assert world.statuses() == [200]
    assert state(leg) is LegState.ENDED
    assert seen(leg) == [("acknowledged", None), ("ended", "remote_hung_up")]
    world.run(100)
    statistics = world.agent.statistics
    assert (statistics.transactions, statistics.dialogs, statistics.legs) == (0, 0, 0)
    assert world.statuses() == []


def test_a_repeated_invite_replays_the_last_response_and_makes_no_second_call() -> None:
    world = World()
    world.call_in()
    world.receive(invite())
    assert world.statuses() == [100, 100]
    world.leg.ring()
    world.receive(invite())
    assert world.statuses() == [180, 180]
    world.leg.answer(ANSWER)
    world.receive(invite())
    assert world.statuses() == [200]
    assert len(world.switch.legs) == 1
    assert world.agent.statistics.retransmissions_received == 3


def test_our_answer_repeats_until_acknowledged() -> None:
    world = World()
    _, ok = world.answered_in()
    world.run(4.0)
    assert world.take_times("SIP/2.0 200") == [0.5, 1.5, 3.5]
    world.receive(in_dialog("ACK", ok, cseq=1))
    world.run(60)
    assert world.statuses() == []


def test_an_answer_nobody_acknowledges_ends_in_bye_after_32_seconds() -> None:
    world = World()
    leg, _ = world.answered_in()
    world.run(32)
    sent = world.wire.sent
    assert [at for at, _, data in sent if data.startswith(b"SIP/2.0 200")] == [
        *(0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5)
    ]
    assert [at for at, _, data in sent if data.startswith(b"BYE ")] == [32.0]
    assert seen(leg) == [("ended", "no_ack")]


def test_the_answer_repeats_over_tcp_too() -> None:
    world = World()
    leg = world.call_in(flow=TCP)
    world.take()
    leg.answer(ANSWER)
    world.run(2.0)
    assert world.take_times("SIP/2.0 200") == [0, 0.5, 1.5]


def test_a_repeated_ack_is_not_told_twice() -> None:
    world = World()
    leg, ok = world.answered_in()
    world.receive(in_dialog("ACK", ok, cseq=1))
    world.receive(in_dialog("ACK", ok, cseq=1))
    assert seen(leg) == [("acknowledged", None)]


def test_an_ack_that_wrongly_bears_the_branch_of_its_invite_is_understood() -> None:
    world = World()
    leg, ok = world.answered_in()
    world.receive(in_dialog("ACK", ok, cseq=1, branch="z9hG4bKpeer1"))
    assert state(leg) is LegState.ESTABLISHED


def test_a_refusal_repeats_until_its_ack() -> None:
    world = World()
    leg = world.call_in()
    world.take()
    leg.refuse(486, "Busy", headers=(("Retry-After", "9"),))
    busy = world.take_response()
    assert (busy.status, busy.reason, busy.headers.get("Retry-After")) == (486, "Busy", "9")
    world.run(1.0)
    assert world.take_times("SIP/2.0 486") == [0.5]
    world.receive(request("ACK", to=str(busy.to)))
    world.run(60)
    assert world.statuses() == []
    assert seen(leg) == []


def test_a_refusal_nobody_acknowledges_is_given_up() -> None:
    world = World()
    world.call_in().refuse(404)
    world.run(40)
    assert world.agent.statistics.transactions == 0
    assert world.agent.statistics.legs == 0


def test_cancel_ends_a_ringing_call_with_487() -> None:
    world = World()
    leg = world.call_in()
    leg.ring()
    world.take()
    world.receive(request("CANCEL"))
    ok, terminated = world.take()
    assert isinstance(ok, Response)
    assert isinstance(terminated, Response)
    assert (ok.status, str(ok.cseq)) == (200, "1 CANCEL")
    assert (terminated.status, str(terminated.cseq)) == (487, "1 INVITE")
    assert ok.to.tag == terminated.to.tag
    assert seen(leg) == [("cancelled",)]
    world.receive(request("CANCEL"))
    assert world.statuses() == [200]
    leg.ring()
    leg.answer(ANSWER)
    leg.refuse(500)
    leg.hang_up()
    assert world.statuses() == []


def test_cancel_after_our_answer_changes_nothing() -> None:
    world = World()
    leg, ok = world.answered_in()
    world.receive(request("CANCEL"))
    assert world.statuses() == [200]
    assert state(leg) is LegState.ANSWERED
    world.receive(in_dialog("ACK", ok, cseq=1))
    assert seen(leg) == [("acknowledged", None)]


@pytest.mark.parametrize(
    "forged",
    [
        {"branch": "z9hG4bKother"},
        {"call_id": "other"},
        {"from_tag": "other"},
        {"via": "SIP/2.0/UDP 192.0.2.7:6000"},
    ],
)
def test_cancel_of_something_else_gets_481(forged: dict[str, str]) -> None:
    world = World()
    leg = world.call_in()
    world.take()
    world.receive(request("CANCEL", **forged))  # type: ignore[arg-type]
    assert world.statuses() == [481]
    assert state(leg) is LegState.INVITED


def test_cancel_of_a_call_that_was_refused_or_is_over_is_too_late() -> None:
    world = World()
    world.call_in().refuse(486)
    world.take()
    world.receive(request("CANCEL"))
    assert world.statuses() == [200]


def test_bye_before_answer_gets_200_and_the_invite_487() -> None:
    world = World()
    leg = world.call_in()
    leg.ring()
    ringing = world.take()[-1]
    assert isinstance(ringing, Response)
    world.receive(in_dialog("BYE", ringing))
    assert world.statuses() == [200, 487]
    assert seen(leg) == [("cancelled",)]


def test_hanging_up_before_answer_refuses() -> None:
    world = World()
    leg = world.call_in()
    world.take()
    leg.hang_up(reason="Q.850;cause=16")
    refused = world.take_response()
    assert refused.status == 480
    assert refused.headers.get("Reason") == "Q.850;cause=16"
    leg.hang_up()
    assert world.statuses() == []
    assert seen(leg) == []


def test_hanging_up_an_answered_call_waits_for_its_ack() -> None:
    world = World()
    leg, ok = world.answered_in()
    leg.hang_up()
    assert world.statuses() == []
    world.receive(in_dialog("ACK", ok, cseq=1))
    assert world.statuses() == ["BYE"]
    assert seen(leg) == []


def test_hanging_up_an_answer_that_is_never_acknowledged_sends_bye_in_the_end() -> None:
    world = World()
    leg, _ = world.answered_in()
    leg.hang_up()
    world.run(32)
    assert world.take_times("BYE") == [32.0]
    assert seen(leg) == []


def test_our_bye_repeats_and_its_answer_frees_the_dialog() -> None:
    world = World()
    leg, _ = world.established_in()
    leg.hang_up(reason="Q.850;cause=16")
    bye = world.take_request()
    assert (bye.method, str(bye.uri)) == ("BYE", "sip:peer@192.0.2.7:5070")
    assert bye.headers.get("Reason") == "Q.850;cause=16"
    world.run(4)
    assert world.take_times("BYE") == [0.5, 1.5, 3.5]
    world.receive(Response(200, headers=bye.headers))
    world.run(40)
    assert world.statuses() == []
    assert world.agent.statistics.dialogs == 0
    assert seen(leg) == []


def test_crossing_byes_are_both_answered() -> None:
    world = World()
    leg, ok = world.established_in()
    leg.hang_up()
    world.take()
    world.receive(in_dialog("BYE", ok))
    assert world.statuses() == [200]
    world.receive(in_dialog("INFO", ok, cseq=3))
    assert world.statuses() == [481]
    world.run(40)
    assert world.agent.statistics.dialogs == 0


def test_late_offer_is_answered_in_the_ack() -> None:
    world = World()
    leg, ok = world.answered_in(offer=b"")
    assert leg.remote_sdp is None
    world.receive(in_dialog("ACK", ok, cseq=1, body=OFFER))
    assert seen(leg) == [("acknowledged", OFFER)]
    assert leg.remote_sdp == OFFER


def test_an_ack_that_owes_us_the_answer_ends_the_call() -> None:
    world = World()
    leg, ok = world.answered_in(offer=b"")
    world.receive(in_dialog("ACK", ok, cseq=1))
    assert world.statuses() == ["BYE"]
    assert seen(leg) == [("ended", "no_answer_in_ack")]


def test_early_media_is_sent_with_183() -> None:
    world = World()
    leg = world.call_in()
    world.take()
    leg.ring(ANSWER, status=183)
    progress = world.take_response()
    assert (progress.status, progress.body) == (183, ANSWER)
    leg.ring()
    assert world.statuses() == [180]


# inside the dialog


def test_requests_of_unknown_dialogs_get_481_and_stray_acks_nothing() -> None:
    world = World()
    for method in ("BYE", "INVITE", "INFO", "OPTIONS", "UPDATE", "NOTIFY"):
        world.receive(request(method, to="<sip:x@y>;tag=unknown", branch=f"z9hG4bK{method}"))
        assert world.statuses() == [481]
    world.receive(request("ACK", to="<sip:x@y>;tag=unknown"))
    assert world.statuses() == []
    assert world.agent.statistics.transactions == 0


def test_a_lower_cseq_gets_500_and_a_gap_is_accepted() -> None:
    world = World()
    _, ok = world.established_in()
    world.receive(in_dialog("OPTIONS", ok, cseq=10))
    world.receive(in_dialog("OPTIONS", ok, cseq=9))
    world.receive(in_dialog("OPTIONS", ok, cseq=10))
    assert world.statuses() == [200, 500, 500]


def test_options_and_info_are_served_in_dialog_and_others_are_refused() -> None:
    world = World()
    leg, ok = world.established_in()
    kind = ("Content-Type: Application/DTMF-Relay; x=1",)
    world.receive(in_dialog("INFO", ok, headers=kind, body=b"Signal=5"))
    world.receive(in_dialog("INFO", ok, cseq=3))
    world.receive(in_dialog("OPTIONS", ok, cseq=4))
    world.receive(in_dialog("SUBSCRIBE", ok, cseq=5))
    world.receive(in_dialog("NONSENSE", ok, cseq=6))
    assert world.statuses() == [200, 200, 200, 405, 501]
    assert seen(leg) == [("info", "application/dtmf-relay", b"Signal=5")]
    assert isinstance(leg.handler, LegLog)
    leg.handler.info_status = 415
    world.receive(in_dialog("INFO", ok, cseq=7, headers=kind, body=b"x"))
    assert world.statuses() == [415]


def test_required_extensions_are_refused_in_dialog() -> None:
    world = World()
    leg, ok = world.established_in()
    world.receive(in_dialog("INVITE", ok, headers=("Require: 100rel, x",), body=OFFER))
    refused = world.take_response()
    assert (refused.status, refused.headers.get("Unsupported")) == (420, "100rel, x")
    assert seen(leg) == []


def test_our_info_carries_its_body_and_481_to_it_ends_the_call() -> None:
    world = World()
    leg, _ = world.established_in()
    leg.send_info("application/dtmf-relay", b"Signal=1")
    info = world.take_request()
    assert (info.method, info.body) == ("INFO", b"Signal=1")
    world.receive(Response(415, headers=info.headers))
    assert state(leg) is LegState.ESTABLISHED
    leg.send_info("application/dtmf-relay", b"Signal=2")
    world.receive(Response(481, headers=world.take_request().headers))
    assert world.statuses() == []
    assert seen(leg) == [("ended", "dialog_lost")]
    leg.send_info("application/dtmf-relay", b"Signal=3")
    assert world.statuses() == []


def test_silence_after_a_request_of_ours_ends_the_call_with_bye() -> None:
    world = World()
    leg, _ = world.established_in()
    leg.send_info("text/plain", b"x")
    world.run(32)
    assert world.take_times("BYE") == [32.0]
    assert seen(leg) == [("ended", "dialog_lost")]


# where things are sent


def test_requests_follow_the_recorded_route() -> None:
    world = World()
    routes = ("Record-Route: <sip:192.0.2.8;lr>, <sip:192.0.2.9;lr>",)
    leg = world.call_in(invite(headers=routes))
    world.take()
    leg.answer(ANSWER)
    ok = world.take_response()
    assert ok.headers.get_list("Record-Route") == ["<sip:192.0.2.8;lr>", "<sip:192.0.2.9;lr>"]
    world.receive(in_dialog("ACK", ok, cseq=1))
    leg.hang_up()
    [(_, flow, _)] = world.wire.sent
    bye = world.take_request()
    assert flow.remote == ("192.0.2.8", 5060)
    assert str(bye.uri) == "sip:peer@192.0.2.7:5070"
    assert bye.headers.get_all("Route") == ["<sip:192.0.2.8;lr>", "<sip:192.0.2.9;lr>"]


def test_a_phone_behind_a_nat_is_reached_where_its_packets_come_from() -> None:
    world = World()
    home = "SIP/2.0/UDP 10.0.0.5:5060;rport"
    leg = world.call_in(invite(via=home, contact="<sip:peer@10.0.0.5:5060>"))
    assert {flow for _, flow, _ in world.wire.sent} == {UDP}
    trying = world.take_response()
    assert (trying.via.parameter("received"), trying.via.parameter("rport")) == (
        "192.0.2.7",
        "5070",
    )
    leg.answer(ANSWER)
    world.receive(in_dialog("ACK", world.take_response(), cseq=1))
    leg.hang_up()
    [(_, flow, data)] = world.wire.sent
    assert flow == UDP
    assert data.startswith(b"BYE sip:peer@10.0.0.5:5060 ")


def test_without_rport_responses_go_to_the_port_of_the_via_at_the_source_address() -> None:
    world = World()
    world.receive(invite(via="SIP/2.0/UDP victim.example:5099"))
    [(_, flow, _)] = world.wire.sent
    assert flow.remote == ("192.0.2.7", 5099)
    assert world.take_response().via.parameter("received") == "192.0.2.7"


def test_over_tcp_the_same_connection_is_used_while_it_lasts() -> None:
    world = World()
    contact = "<sip:peer@192.0.2.7:5070;transport=tcp>"
    leg = world.call_in(invite(contact=contact, via="SIP/2.0/TCP 192.0.2.7:5070"), flow=TCP)
    world.take()
    leg.answer(ANSWER)
    ok = world.take_response()
    assert str(ok.contact) == "<sip:192.0.2.1:5060;transport=tcp>"
    world.receive(in_dialog("ACK", ok, cseq=1), TCP)
    leg.send_info("text/plain", b"x")
    assert world.wire.sent[-1][1] == TCP
    world.wire.closed.add(TCP)
    world.agent.flow_failed(TCP)
    assert seen(leg)[-1] == ("ended", "dialog_lost")


def test_a_call_survives_the_loss_of_its_connection_and_opens_a_new_one() -> None:
    world = World()
    contact = "<sip:peer@192.0.2.7:5070;transport=tcp>"
    leg = world.call_in(invite(contact=contact, via="SIP/2.0/TCP 192.0.2.7:5070"), flow=TCP)
    leg.answer(ANSWER)
    ok = world.take()[-1]
    assert isinstance(ok, Response)
    world.receive(in_dialog("ACK", ok, cseq=1), TCP)
    world.wire.closed.add(TCP)
    world.agent.flow_failed(TCP)
    leg.hang_up()
    assert [flow.connection for _, flow, _ in world.wire.sent] == [99]
    assert seen(leg) == [("acknowledged", None)]


def test_a_caller_whose_connection_breaks_before_answer_has_given_up() -> None:
    world = World()
    leg = world.call_in(flow=TCP)
    world.wire.closed.add(TCP)
    world.agent.flow_failed(TCP)
    assert seen(leg) == [("cancelled",)]
    assert world.agent.statistics.legs == 0


def test_a_peer_that_lost_its_connection_is_reached_over_its_new_one() -> None:
    world = World()
    contact = "<sip:peer@192.0.2.7:5070;transport=tcp>"
    leg = world.call_in(invite(contact=contact, via="SIP/2.0/TCP 192.0.2.7:5070"), flow=TCP)
    leg.answer(ANSWER)
    ok = world.take()[-1]
    assert isinstance(ok, Response)
    world.receive(in_dialog("ACK", ok, cseq=1), TCP)
    world.wire.closed.add(TCP)
    another = Flow("tcp", ("192.0.2.7", 50123), OURS, 2)
    world.receive(in_dialog("OPTIONS", ok), another)
    leg.hang_up()
    assert {flow for _, flow, _ in world.wire.sent} == {another}


# faults above us


def failing(leg: IncomingLeg, name: str) -> None:
    def fail() -> None:
        raise RuntimeError("a fault in the application")

    assert isinstance(leg.handler, LegLog)
    leg.handler.on[name] = fail


def test_a_fault_in_receive_invite_refuses_that_call_only(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World()

    def fail(leg: IncomingLeg) -> None:
        raise RuntimeError("a fault in the application")

    world.switch.on_invite = fail
    world.receive(invite())
    assert world.statuses() == [100, 500]
    assert [record.message for record in caplog.records] == ["endpoint handler failed"]


def test_a_fault_after_answer_is_logged_once_and_ends_the_leg(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World()
    leg, ok = world.answered_in()
    failing(leg, "acknowledged")
    failing(leg, "ended")
    world.receive(in_dialog("ACK", ok, cseq=1))
    world.run(0)
    assert world.statuses() == ["BYE"]
    assert seen(leg) == [("acknowledged", None), ("ended", "error")]
    errors = [r.message for r in caplog.records if r.levelno == logging.ERROR]
    assert errors == ["leg handler failed"]


def test_a_fault_about_an_offer_gets_500_and_ends_the_leg() -> None:
    world = World()
    leg, ok = world.established_in()
    failing(leg, "offered")
    world.receive(in_dialog("INVITE", ok, body=OFFER))
    world.run(0)
    assert world.statuses() == [500, "BYE"]
    assert seen(leg)[-1] == ("ended", "error")


def test_a_leg_that_ends_on_its_own_after_a_fault_stays_ended() -> None:
    world = World()
    leg, ok = world.established_in()
    failing(leg, "info")
    world.receive(in_dialog("INFO", ok, headers=("Content-Type: a/b",)))
    world.receive(in_dialog("BYE", ok, cseq=3))
    world.run(1)
    assert world.statuses() == [500, 200]
    assert seen(leg)[-1] == ("ended", "remote_hung_up")


def test_a_fault_before_answer_refuses_the_call() -> None:
    world = World()
    leg = world.call_in()
    leg.ring()
    ringing = world.take()[-1]
    assert isinstance(ringing, Response)
    failing(leg, "info")
    world.receive(in_dialog("INFO", ringing, headers=("Content-Type: a/b",)))
    world.run(0)
    [for_info, for_invite] = world.take()
    assert isinstance(for_info, Response)
    assert isinstance(for_invite, Response)
    assert (for_info.status, for_info.cseq.method) == (500, "INFO")
    assert (for_invite.status, for_invite.cseq.method) == (500, "INVITE")
    assert seen(leg)[-1] == ("ended", "error")


def test_hanging_up_over_an_offer_refuses_it() -> None:
    world = World()
    leg, ok = world.established_in()
    assert isinstance(leg.handler, LegLog)
    leg.handler.on["offered"] = leg.hang_up
    world.receive(in_dialog("INVITE", ok, body=OFFER))
    assert world.statuses() == ["BYE", 487]


def test_an_ack_for_something_else_than_an_invite_is_dropped() -> None:
    world = World()
    world.receive(request("REGISTER"))
    world.take()
    world.receive(request("ACK", headers=()))
    assert world.statuses() == []


def test_a_leg_without_handler_refuses_offers_and_ends_quietly() -> None:
    world = World()
    leg, ok = world.established_in()
    leg.handler = None
    world.receive(in_dialog("INVITE", ok, body=OFFER))
    world.receive(in_dialog("BYE", ok, cseq=3))
    assert world.statuses() == [500, 200]
    assert state(leg) is LegState.ENDED


# admission


def test_strangers_are_refused_without_keeping_anything() -> None:
    world = World()
    world.switch.verdict = Refuse(401, (("WWW-Authenticate", "Digest x"),))
    world.receive(invite())
    world.receive(invite())
    first, second = world.take()
    assert isinstance(first, Response)
    assert first.to_bytes() == second.to_bytes()
    assert first.status == 401
    assert first.headers.get("WWW-Authenticate") == "Digest x"
    world.receive(request("ACK", to=str(first.to)))
    assert world.statuses() == []
    assert world.agent.statistics.transactions == 0
    assert world.agent.statistics.refused == 2
    assert world.switch.legs == []


def test_options_is_answered_whatever_the_load() -> None:
    world = World(max_transactions=1)
    world.switch.full = True
    world.agent.draining = True
    world.receive(request("OPTIONS"))
    ok = world.take_response()
    assert ok.status == 200
    assert "INVITE" in (ok.headers.get("Allow") or "")
    assert "SUBSCRIBE" not in (ok.headers.get("Allow") or "")
    assert world.agent.statistics.transactions == 0


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (request("SUBSCRIBE"), 405),
        (request("UPDATE"), 481),
        (request("REFER"), 481),
        (request("NONSENSE"), 501),
        (request("BYE"), 481),
        (request("INFO"), 481),
        (invite(uri="mailto:a@b"), 416),
        (invite(headers=("Max-Forwards: 0",)), 483),
        (invite(headers=("Require: 100rel",)), 420),
        (request("REGISTER", headers=("Require: outbound",)), 420),
        (invite(contact=None), 400),
        (invite(headers=("Content-Type: text/plain",)), 415),
    ],
)
def test_requests_we_cannot_serve_get_the_status_that_says_why(text: str, status: int) -> None:
    world = World()
    world.receive(text)
    assert world.statuses() == [status]
    assert world.switch.legs == []
    assert world.agent.statistics.transactions == 0


def test_a_merged_request_gets_482() -> None:
    world = World()
    world.receive(invite())
    world.receive(invite(branch="z9hG4bKother-way"))
    assert world.statuses() == [100, 482]
    assert len(world.switch.legs) == 1


@pytest.mark.parametrize("cause", ["full", "draining", "transactions"])
def test_new_calls_get_503_with_retry_after_when_there_is_no_room(cause: str) -> None:
    world = World(max_transactions=1)
    if cause == "transactions":
        world.receive(invite(call_id="first", branch="z9hG4bKfirst"))
        world.take()
    world.switch.full = cause == "full"
    world.agent.draining = cause == "draining"
    world.receive(invite())
    refused = world.take_response()
    assert refused.status == 503
    assert refused.headers.get("Retry-After") is not None


def test_registrations_reach_the_registrar_once() -> None:
    world = World()
    world.receive(request("REGISTER"))
    world.receive(request("REGISTER"))
    assert world.statuses() == [200, 200]
    assert world.switch.registered == [UDP]


def test_faults_of_the_handler_are_our_500(caplog: pytest.LogCaptureFixture) -> None:
    world = World()
    world.switch.fault = RuntimeError("a fault in the application")
    world.receive(invite())
    assert world.statuses() == [500]
    world = World()
    world.switch.receive_register = None  # type: ignore[method-assign, assignment]
    world.receive(request("REGISTER"))
    assert world.statuses() == [500]
    assert len(caplog.records) == 2


def test_an_invite_of_rfc_2543_is_told_from_its_successor_by_its_cseq() -> None:
    world = World()
    world.receive(invite(branch="same"))
    world.receive(invite(branch="same"))
    world.receive(invite(branch="same", call_id="another"))
    assert len(world.switch.legs) == 2


# re-INVITE by the peer


def test_a_reinvite_is_answered_and_its_answer_repeats_until_ack() -> None:
    world = World()
    leg, ok = world.established_in()
    text = in_dialog("INVITE", ok, body=OFFER, contact="<sip:peer@192.0.2.7:5999>")
    world.receive(text)
    answer = world.take_response()
    assert (answer.status, answer.body) == (200, ANSWER)
    assert seen(leg) == [("offered", OFFER)]
    world.run(1.0)
    assert world.take_times("SIP/2.0 200") == [0.5]
    world.receive(in_dialog("ACK", ok))
    assert seen(leg) == [("offered", OFFER)]
    leg.hang_up()
    assert str(world.take_request().uri) == "sip:peer@192.0.2.7:5999"


def test_a_reinvite_without_offer_gets_ours_and_its_ack_brings_the_answer() -> None:
    world = World()
    leg, ok = world.established_in()
    world.receive(in_dialog("INVITE", ok))
    assert world.take_response().body == ANSWER
    world.receive(in_dialog("ACK", ok, body=OFFER))
    assert seen(leg) == [("offered", None), ("acknowledged", OFFER)]


def test_a_refused_reinvite_leaves_the_call_as_it_was() -> None:
    world = World()
    leg, ok = world.established_in()
    assert isinstance(leg.handler, LegLog)
    leg.handler.reoffer = 488
    world.receive(in_dialog("INVITE", ok, body=OFFER, contact="<sip:peer@192.0.2.7:1>"))
    assert world.statuses() == [488]
    world.receive(in_dialog("INVITE", ok, cseq=3, headers=("Content-Type: a/b",), body=b"x"))
    assert world.statuses() == [415]
    leg.hang_up()
    assert str(world.take_request().uri) == "sip:peer@192.0.2.7:5070"


def test_a_second_invite_before_our_answer_gets_500_with_retry_after() -> None:
    world = World()
    leg = world.call_in()
    leg.ring()
    ringing = world.take()[-1]
    assert isinstance(ringing, Response)
    world.receive(in_dialog("INVITE", ringing, body=OFFER))
    refused = world.take_response()
    assert refused.status == 500
    assert refused.headers.get("Retry-After") == "5"


def test_a_reinvite_while_our_answer_is_unacknowledged_gets_491() -> None:
    world = World()
    _, ok = world.established_in()
    world.receive(in_dialog("INVITE", ok, body=OFFER))
    world.take()
    world.receive(in_dialog("INVITE", ok, cseq=3, body=OFFER))
    assert world.statuses() == [491]


def test_an_unacknowledged_reinvite_ends_the_call() -> None:
    world = World()
    leg, ok = world.established_in()
    world.receive(in_dialog("INVITE", ok, body=OFFER))
    world.run(32)
    assert world.take_times("BYE") == [32.0]
    assert seen(leg)[-1] == ("ended", "no_ack")


# re-INVITE of ours


def test_our_reinvite_waits_for_the_ack_of_our_answer() -> None:
    world = World()
    leg, ok = world.answered_in()
    leg.reinvite(b"one")
    leg.reinvite(b"two")
    assert world.statuses() == []
    world.receive(in_dialog("ACK", ok, cseq=1))
    assert world.take_request().body == b"two"


def test_our_reinvite_is_acknowledged_and_reported() -> None:
    world = World()
    leg, _ = world.established_in()
    leg.reinvite(ANSWER)
    sent = world.take_request()
    assert (sent.method, sent.body, sent.cseq.number) == ("INVITE", ANSWER, 1)
    answer = ok_to(sent, contact="<sip:peer@192.0.2.7:5999>")
    world.receive(answer)
    ack = world.take_request()
    assert (ack.method, ack.cseq.number, str(ack.uri)) == ("ACK", 1, "sip:peer@192.0.2.7:5999")
    world.receive(answer)
    again = world.take_request()
    assert again.to_bytes() == ack.to_bytes()
    assert seen(leg) == [("reoffer", OFFER, 200)]
    assert leg.remote_sdp == OFFER


def ok_to(sent: Request, *, status: int = 200, contact: str | None = None) -> Response:
    answer = Response(status, headers=sent.headers.copy(), body=OFFER if status == 200 else b"")
    if contact is not None:
        answer.headers.set("Contact", contact)
    if not answer.body:
        answer.headers.remove("Content-Type")
    return answer


@pytest.mark.parametrize(
    ("status", "told", "bye"),
    [
        (488, ("reoffer", None, 488), []),
        (408, ("ended", "dialog_lost"), ["BYE"]),
        (481, ("ended", "dialog_lost"), []),
    ],
)
def test_a_refused_reinvite_of_ours_ends_the_call_only_where_the_dialog_is_gone(
    status: int, told: tuple[object, ...], bye: list[str]
) -> None:
    world = World()
    leg, _ = world.established_in()
    leg.reinvite(ANSWER)
    sent = world.take_request()
    world.receive(ok_to(sent, status=100))
    world.receive(ok_to(sent, status=status))
    assert world.statuses()[1:] == bye
    assert seen(leg) == [told]


def test_a_reinvite_nobody_answers_ends_the_call_with_bye() -> None:
    world = World()
    leg, _ = world.established_in()
    leg.reinvite(ANSWER)
    world.run(32)
    assert world.take_times("BYE") == [32.0]
    assert seen(leg) == [("ended", "dialog_lost")]


def test_glare_refuses_theirs_and_retries_ours_after_a_random_delay() -> None:
    world = World(chance=0.5)
    leg, ok = world.established_in()
    leg.reinvite(ANSWER)
    sent = world.take_request()
    world.receive(in_dialog("INVITE", ok, body=OFFER))
    assert world.statuses() == [491]
    world.receive(ok_to(sent, status=491))
    assert world.statuses() == ["ACK"]
    world.run(5)
    # The caller owns the Call-ID, so our delay is between 0 and 2 seconds.
    assert world.take_times("INVITE")[0] == 1.0
    assert seen(leg) == []


def test_an_offer_of_theirs_during_the_glare_delay_makes_ours_void() -> None:
    world = World()
    leg, ok = world.established_in()
    leg.reinvite(ANSWER)
    world.receive(ok_to(world.take_request(), status=491))
    world.receive(in_dialog("INVITE", ok, body=OFFER))
    world.take()
    world.receive(in_dialog("ACK", ok))
    world.run(10)
    assert world.statuses() == []
    assert seen(leg) == [("offered", OFFER), ("reoffer", None, 491)]


def test_a_newer_offer_replaces_the_one_that_waits_for_its_retry() -> None:
    world = World()
    leg, _ = world.established_in()
    leg.reinvite(b"old")
    world.receive(ok_to(world.take_request(), status=491))
    world.take()
    leg.reinvite(b"new")
    world.run(1.0)
    assert world.take_request().body == b"new"


def test_an_answer_to_our_reinvite_after_we_hung_up_is_still_acknowledged() -> None:
    world = World()
    leg, _ = world.established_in()
    leg.reinvite(ANSWER)
    sent = world.take_request()
    leg.hang_up()
    world.take()
    world.receive(ok_to(sent))
    assert world.statuses() == ["ACK"]
    world.run(1)
    assert seen(leg) == []


def test_hanging_up_during_the_glare_delay_stops_the_retry() -> None:
    world = World()
    leg, _ = world.established_in()
    leg.reinvite(ANSWER)
    world.receive(ok_to(world.take_request(), status=491))
    leg.hang_up()
    world.run(40)
    assert world.take_times("INVITE") == []
    leg.reinvite(ANSWER)
    assert world.statuses() == []


def test_a_request_of_a_tag_we_never_had_is_not_the_callers() -> None:
    world = World()
    _, ok = world.established_in()
    world.receive(in_dialog("BYE", ok, from_tag="stranger"))
    assert world.statuses() == [481]


def test_our_contact_names_the_address_of_the_flow() -> None:
    world = World()
    world.call_in().ring()
    assert str(world.take()[-1].contact) == f"<sip:{OURS[0]}:{OURS[1]}>"


def test_a_browser_that_connected_anew_is_reached_there() -> None:
    world = World()
    browser, again = (
        Flow("ws", ("192.0.2.7", 5070), OURS, 1),
        Flow("ws", ("192.0.2.7", 5071), OURS, 2),
    )
    leg = world.call_in(
        invite(via="SIP/2.0/WS x.invalid", contact="<sip:peer@x.invalid>"), flow=browser
    )
    leg.answer(ANSWER)
    ok = [m for m in world.take() if isinstance(m, Response)][-1]
    world.receive(in_dialog("ACK", ok, cseq=1, via="SIP/2.0/WS x.invalid"), browser)
    world.wire.closed.add(browser)
    world.newer[browser] = again
    leg.hang_up()
    [(_, flow, data)] = world.wire.sent
    assert flow == again
    assert data.startswith(b"BYE sip:peer@x.invalid ")
