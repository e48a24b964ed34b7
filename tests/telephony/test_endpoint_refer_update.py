"""REFER and UPDATE inside a dialog: what browsers' and desk phones' transfer buttons send."""

import pytest

from telephony.sip.message import Request, Response
from telephony.ua.leg import LegState
from tests.support.sip_wire import (
    ANSWER,
    OFFER,
    LegLog,
    World,
    from_callee,
    in_dialog,
    invite,
    reply,
    seen,
    state,
)


def refer(ok: Response, target: str, *, cseq: int = 2) -> str:
    return in_dialog("REFER", ok, cseq=cseq, headers=(f"Refer-To: {target}",))


def test_a_referral_is_accepted_and_told_to_have_been_decided() -> None:
    world = World()
    leg, ok = world.established_in()
    world.receive(refer(ok, "<sip:1002@pbx.example>"))
    accepted, notify = world.take()
    assert isinstance(accepted, Response)
    assert isinstance(notify, Request)
    assert accepted.status == 202
    assert (notify.method, notify.headers.get("Event")) == ("NOTIFY", "refer;id=2")
    assert notify.headers.get("Subscription-State") == "terminated;reason=noresource"
    assert (notify.content_type, notify.body) == ("message/sipfrag", b"SIP/2.0 200 OK\r\n")
    assert seen(leg) == [("referred", "sip:1002@pbx.example", None)]
    world.receive(reply(notify, 481))
    world.run(100)
    assert state(leg) is LegState.ESTABLISHED, "some phones forget what they asked for"


def test_a_refused_referral_is_only_refused() -> None:
    world = World()
    leg, ok = world.established_in()
    assert isinstance(leg.handler, LegLog)
    leg.handler.refer_status = 603
    world.receive(refer(ok, "sip:1002@pbx.example"))
    assert world.statuses() == [603]


@pytest.mark.parametrize(
    "target",
    ["", "<mailto:a@b>", "<sip:", "<sip:b@c?Replaces=x>", "<sip:b@c?Replaces=x%3Bto-tag%3D1>"],
)
def test_a_referral_that_cannot_be_read_is_400(target: str) -> None:
    world = World()
    leg, ok = world.established_in()
    world.receive(refer(ok, target))
    assert world.statuses() == [400]
    assert seen(leg) == []


def test_an_attended_transfer_names_another_leg_of_ours() -> None:
    world = World()
    leg, ok = world.established_in()
    second = world.call_in(invite(call_id="call-2", from_tag="tag2", branch="z9hG4bKsecond"))
    second.answer(ANSWER)
    other = [m for m in world.take() if isinstance(m, Response)][-1]
    world.receive(in_dialog("ACK", other, cseq=1))
    ours, theirs = other.to.tag, other.from_.tag
    replaces = f"call-2%3Bto-tag%3D{ours}%3Bfrom-tag%3D{theirs}"
    world.receive(refer(ok, f"<sip:1002@pbx.example?Replaces={replaces}>"))
    assert world.statuses() == [202, "NOTIFY"]
    assert seen(leg) == [("referred", "sip:1002@pbx.example", second)]
    world.receive(refer(ok, "<sip:1002@x?Replaces=gone%3Bto-tag%3Da%3Bfrom-tag%3Db>", cseq=3))
    assert world.statuses() == [481]


def test_a_referral_before_the_call_stands_is_refused() -> None:
    world = World()
    _, ok = world.answered_in()
    world.receive(refer(ok, "<sip:1002@pbx.example>"))
    assert world.statuses() == [481]


def test_an_update_is_a_sign_of_life_or_an_offer() -> None:
    world = World()
    leg, ok = world.established_in()
    world.receive(in_dialog("UPDATE", ok))
    assert world.statuses() == [200]
    assert seen(leg) == []
    world.receive(in_dialog("UPDATE", ok, cseq=3, body=OFFER))
    answer = world.take_response()
    assert (answer.status, answer.body) == (200, ANSWER)
    assert seen(leg) == [("offered", OFFER)]
    world.run(100)
    assert world.statuses() == [], "nobody acknowledges an UPDATE"
    assert isinstance(leg.handler, LegLog)
    leg.handler.reoffer = 488
    world.receive(in_dialog("UPDATE", ok, cseq=4, body=OFFER))
    assert world.statuses() == [488]


def test_an_update_moves_the_peer() -> None:
    world = World()
    leg, ok = world.established_in()
    world.receive(in_dialog("UPDATE", ok, contact="<sip:peer@192.0.2.9:5090>"))
    world.take()
    leg.hang_up()
    assert str(world.take_request().uri) == "sip:peer@192.0.2.9:5090"


def test_an_update_crossing_a_reinvite_of_ours_gets_491() -> None:
    world = World()
    leg, ok = world.established_in()
    leg.reinvite(OFFER)
    world.take()
    world.receive(in_dialog("UPDATE", ok, body=OFFER))
    assert world.statuses() == [491]


def test_an_update_before_the_answer() -> None:
    world, log = World(), LegLog()
    world.call_out(log)
    sent = world.take_request()
    world.receive(reply(sent, 180))
    world.receive(from_callee("UPDATE", sent))
    world.receive(from_callee("UPDATE", sent, cseq=2, body=OFFER))
    assert world.statuses() == [200, 491]
