"""Dialogs: routes, targets, tags and sequence numbers (RFC 3261 section 12)."""

from telephony.sip.dialog import Dialog
from telephony.sip.message import Request, Response, make_response
from telephony.sip.parser import parse_message
from tests.support.sip_wire import invite

ROUTES = (
    "Record-Route: <sip:p1.example;lr>, <sip:p2.example;lr>",
    "Record-Route: <sip:p3.example>",
)


def incoming(*headers: str, contact: str | None = "<sip:peer@192.0.2.7:5070>") -> Request:
    message = parse_message(invite(headers=headers, contact=contact).encode())
    assert isinstance(message, Request)
    return message


def answer(*routes: str, contact: str | None = "<sip:bob@192.0.2.20>") -> Response:
    headers = [("Record-Route", route) for route in routes]
    if contact is not None:
        headers.append(("Contact", contact))
    return make_response(incoming(), 200, to_tag="theirs", headers=headers)


def test_the_called_side_keeps_the_recorded_route_in_order() -> None:
    dialog = Dialog.of_invite(incoming(*ROUTES), "ours")
    assert dialog.id == ("call-1", "ours", "peer")
    assert dialog.next_hop.host == "p1.example"
    request = dialog.make_request("BYE")
    assert (request.method, str(request.uri)) == ("BYE", "sip:peer@192.0.2.7:5070")
    assert request.headers.get_all("Route") == [
        "<sip:p1.example;lr>",
        "<sip:p2.example;lr>",
        "<sip:p3.example>",
    ]
    assert (request.from_.tag, request.to.tag) == ("ours", "peer")


def test_the_calling_side_reverses_the_recorded_route() -> None:
    dialog = Dialog.of_response(incoming(), answer("<sip:p1;lr>", "<sip:p2;lr>"))
    assert dialog.id == ("call-1", "peer", "theirs")
    assert dialog.make_request("BYE").headers.get_all("Route") == ["<sip:p2;lr>", "<sip:p1;lr>"]


def test_a_strict_router_gets_itself_in_the_request_line_and_the_target_last() -> None:
    dialog = Dialog.of_response(incoming(), answer("<sip:p1;lr>", "<sip:strict@p2>"))
    request = dialog.make_request("BYE")
    assert str(request.uri) == "sip:strict@p2"
    assert request.headers.get_all("Route") == ["<sip:p1;lr>", "<sip:bob@192.0.2.20>"]
    assert dialog.next_hop.host == "p2"


def test_without_contact_the_peers_address_serves() -> None:
    assert str(Dialog.of_invite(incoming(contact=None), "ours").next_hop) == "sip:peer@192.0.2.7"
    dialog = Dialog.of_response(incoming(), answer(contact=None))
    assert str(dialog.next_hop) == "sip:5000@192.0.2.1"


def test_our_numbers_rise_by_one_and_an_ack_has_that_of_its_invite() -> None:
    dialog = Dialog.of_response(incoming(), answer())
    assert dialog.make_request("INFO").cseq.number == 2
    assert dialog.make_request("BYE").cseq.number == 3
    assert str(dialog.make_ack(1).cseq) == "1 ACK"
    assert dialog.local_cseq == 3


def numbered(number: int) -> Request:
    request = incoming()
    request.headers.set("CSeq", f"{number} INVITE")
    return Request("INVITE", request.uri, request.headers)


def test_their_numbers_may_leap_but_not_fall_or_stay() -> None:
    dialog = Dialog.of_invite(incoming(), "ours")
    assert [dialog.receive_request(numbered(n)) for n in (1, 5, 4, 5, 6)] == [
        *(False, True, False, False, True)
    ]


def test_the_first_number_of_the_called_side_may_be_any() -> None:
    dialog = Dialog.of_response(incoming(), answer())
    assert dialog.receive_request(numbered(0))


def test_the_target_moves_with_a_contact_and_only_then() -> None:
    dialog = Dialog.of_invite(incoming(), "ours")
    dialog.refresh_target(incoming(contact=None))
    assert dialog.remote_target.host == "192.0.2.7"
    dialog.refresh_target(answer())
    assert str(dialog.make_request("BYE").uri) == "sip:bob@192.0.2.20"
