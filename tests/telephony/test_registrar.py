"""Registrations as phones make, refresh, move and forget them."""

import pytest

from telephony.registrar import Change, Registered, Registrar, Unregistered
from telephony.sip.message import Request, Response
from telephony.sip.uri import SipUri
from telephony.transport.flow import Flow
from tests.support.registrations import OTHER_TENANT, TENANT, flow_of, phone, register

PHONE = phone("101")
DESK = flow_of("192.0.2.7")
MOBILE = flow_of("192.0.2.8")


def make_registrar(*, most_contacts: int = 3) -> Registrar:
    return Registrar(least_seconds=60, most_seconds=3_600, most_contacts=most_contacts)


def send(
    registrar: Registrar, message: Request, flow: Flow = DESK, *, now: float = 0.0
) -> tuple[Response, list[Change]]:
    return registrar.receive_register(message, flow, PHONE, now=now, to_tag="t")


def contacts(registrar: Registrar) -> list[str]:
    return [str(b.contact) for b in registrar.bindings(TENANT, "101")]


def test_a_phone_registers_and_is_told_for_how_long() -> None:
    registrar = make_registrar()
    response, changes = send(registrar, register("<sip:101@10.0.0.1:5060>;expires=120"))
    assert response.status == 200
    assert response.headers.get("contact") == "<sip:101@10.0.0.1:5060>;expires=120"
    assert changes == [Registered(TENANT, "101", "sip:101@10.0.0.1:5060", 120)]
    assert registrar.bindings(TENANT, "101")[0].flow == DESK
    assert registrar.bindings(OTHER_TENANT, "101") == ()


def test_several_phones_of_one_user() -> None:
    registrar = make_registrar()
    send(registrar, register("<sip:101@10.0.0.1>"))
    response, changes = send(registrar, register("<sip:101@10.0.0.2>", call_id="two"), MOBILE)
    assert len(response.headers.get_list("contact")) == 2
    assert [type(c) for c in changes] == [Registered]
    assert contacts(registrar) == ["sip:101@10.0.0.1", "sip:101@10.0.0.2"]


def test_refreshing_is_no_news() -> None:
    registrar = make_registrar()
    send(registrar, register("<sip:101@10.0.0.1>;expires=60"))
    _, changes = send(registrar, register("<sip:101@10.0.0.1>;expires=60", cseq=2), now=50)
    assert changes == []
    assert registrar.next_timeout() == 110


def test_asking_changes_nothing_and_lists_the_rest_of_the_time() -> None:
    registrar = make_registrar()
    send(registrar, register("<sip:101@10.0.0.1>;expires=100"))
    response, changes = send(registrar, register(cseq=2), now=40)
    assert changes == []
    assert response.headers.get("contact") == "<sip:101@10.0.0.1>;expires=60"


def test_what_is_not_refreshed_expires() -> None:
    registrar = make_registrar()
    send(registrar, register("<sip:101@10.0.0.1>;expires=60"))
    send(registrar, register("<sip:101@10.0.0.2>;expires=600", call_id="two"), MOBILE)
    assert registrar.expire(now=59.9) == []
    assert registrar.next_timeout() == 60
    assert registrar.expire(now=60) == [Unregistered(TENANT, "101", "sip:101@10.0.0.1", "expired")]
    assert contacts(registrar) == ["sip:101@10.0.0.2"]
    assert len(registrar.expire(now=600)) == 1
    assert registrar.next_timeout() is None


@pytest.mark.parametrize(
    ("contact", "expires", "seconds"),
    [
        ("<sip:101@10.0.0.1>;expires=90", "600", 90),
        ("<sip:101@10.0.0.1>", "600", 600),
        ("<sip:101@10.0.0.1>", None, 3_600),
        ("<sip:101@10.0.0.1>;expires=999999", None, 3_600),
        ("<sip:101@10.0.0.1>;expires=soon", "600", 600),
        ("<sip:101@10.0.0.1>", "soon", 3_600),
    ],
)
def test_how_long(contact: str, expires: str | None, seconds: int) -> None:
    registrar = make_registrar()
    send(registrar, register(contact, expires=expires), now=5)
    assert registrar.next_timeout() == 5 + seconds


def test_too_short_is_refused_with_the_least() -> None:
    registrar = make_registrar()
    response, changes = send(registrar, register("<sip:101@10.0.0.1>;expires=59"))
    assert (response.status, response.headers.get("min-expires")) == (423, "60")
    assert changes == []
    assert contacts(registrar) == []


def test_one_bad_contact_spoils_the_whole_request() -> None:
    registrar = make_registrar()
    response, _ = send(registrar, register("<sip:101@10.0.0.1>", "<sip:101@10.0.0.2>;expires=5"))
    assert response.status == 423
    assert contacts(registrar) == []


def test_removing_one() -> None:
    registrar = make_registrar()
    send(registrar, register("<sip:101@10.0.0.1>"))
    send(registrar, register("<sip:101@10.0.0.2>", call_id="two"), MOBILE)
    _, changes = send(registrar, register("<sip:101@10.0.0.1>;expires=0", cseq=2))
    assert [type(c) for c in changes] == [Unregistered]
    assert contacts(registrar) == ["sip:101@10.0.0.2"]


def test_the_star_removes_all() -> None:
    registrar = make_registrar()
    send(registrar, register("<sip:101@10.0.0.1>"))
    send(registrar, register("<sip:101@10.0.0.2>", call_id="two"), MOBILE)
    response, changes = send(registrar, register("*", cseq=2, expires="0"))
    assert response.status == 200
    assert response.headers.get("contact") is None
    assert {c.reason for c in changes if isinstance(c, Unregistered)} == {"removed"}
    assert len(changes) == 2
    assert registrar.bindings(TENANT, "101") == ()


@pytest.mark.parametrize(
    ("given", "expires"),
    [
        (("*",), None),
        (("*",), "60"),
        (("*", "<sip:101@10.0.0.1>"), "0"),
        (("<tel:+49301234>",), None),
    ],
)
def test_nonsense_is_refused_and_changes_nothing(
    given: tuple[str, ...], expires: str | None
) -> None:
    registrar = make_registrar()
    send(registrar, register("<sip:101@10.0.0.1>"))
    response, changes = send(registrar, register(*given, cseq=2, expires=expires))
    assert response.status == 400
    assert changes == []
    assert contacts(registrar) == ["sip:101@10.0.0.1"]


@pytest.mark.parametrize("cseq", [4, 5])
def test_an_overtaken_request_does_not_win(cseq: int) -> None:
    registrar = make_registrar()
    send(registrar, register("<sip:101@10.0.0.1>", cseq=5))
    response, changes = send(registrar, register("*", cseq=cseq, expires="0"))
    assert response.status == 500
    assert changes == []
    assert contacts(registrar) == ["sip:101@10.0.0.1"]


def test_a_rebooted_phone_may_count_from_the_start() -> None:
    registrar = make_registrar()
    send(registrar, register("<sip:101@10.0.0.1>", cseq=5))
    response, _ = send(registrar, register("<sip:101@10.0.0.1>", cseq=1, call_id="new"))
    assert response.status == 200


def test_a_new_port_of_the_same_phone_replaces_the_old_one() -> None:
    registrar = make_registrar()
    send(registrar, register("<sip:101@10.0.0.1:5060>"))
    _, changes = send(registrar, register("<sip:101@10.0.0.1:6060>", call_id="two"))
    assert changes == [
        Unregistered(TENANT, "101", "sip:101@10.0.0.1:5060", "replaced"),
        Registered(TENANT, "101", "sip:101@10.0.0.1:6060", 3_600),
    ]


def test_too_many_contacts_are_refused() -> None:
    registrar = make_registrar(most_contacts=2)
    for number in (1, 2):
        send(
            registrar,
            register(f"<sip:101@10.0.0.{number}>", call_id=str(number)),
            flow_of(f"192.0.2.{number}"),
        )
    third = register("<sip:101@10.0.0.3>", call_id="3")
    response, changes = send(registrar, third, flow_of("192.0.2.3"))
    assert response.status == 403
    assert changes == []
    assert len(contacts(registrar)) == 2
    # One that is there already may be refreshed all the same.
    again = register("<sip:101@10.0.0.2>", call_id="2", cseq=2)
    assert send(registrar, again, flow_of("192.0.2.2"))[0].status == 200


def test_a_closed_connection_takes_its_contacts_along() -> None:
    registrar = make_registrar()
    one, two = flow_of("192.0.2.7", connection=1), flow_of("192.0.2.7", 5062, connection=2)
    send(registrar, register("<sip:101@10.0.0.1;transport=tcp>"), one)
    send(registrar, register("<sip:101@10.0.0.2;transport=tcp>", call_id="two"), two)
    changes = registrar.drop_flow(one)
    assert [(c.contact, getattr(c, "reason", "")) for c in changes] == [
        ("sip:101@10.0.0.1;transport=tcp", "disconnected")
    ]
    assert registrar.drop_flow(one) == []
    assert contacts(registrar) == ["sip:101@10.0.0.2;transport=tcp"]


def test_whose_phone_speaks_follows_every_change() -> None:
    registrar = make_registrar()
    assert registrar.user_of_flow(DESK) is None
    send(registrar, register("<sip:101@10.0.0.1>;expires=60"))
    assert registrar.user_of_flow(DESK) == (TENANT, "101")
    # Over another of our addresses it is the same phone.
    assert registrar.user_of_flow(Flow("udp", DESK.remote, ("192.0.2.99", 5060))) is not None
    assert registrar.user_of_flow(MOBILE) is None
    # It moved: the old address is nobody's any more.
    send(registrar, register("<sip:101@10.0.0.1>;expires=60", cseq=2), MOBILE)
    assert registrar.user_of_flow(DESK) is None
    assert registrar.user_of_flow(MOBILE) == (TENANT, "101")
    registrar.expire(now=61)
    assert registrar.user_of_flow(MOBILE) is None
    send(registrar, register("<sip:101@10.0.0.1>", cseq=3), MOBILE, now=70)
    registrar.drop_flow(MOBILE)
    assert registrar.user_of_flow(MOBILE) is None


def test_two_users_behind_one_address() -> None:
    registrar = make_registrar()
    send(registrar, register("<sip:101@10.0.0.1>"))
    other = register("<sip:102@10.0.0.1>", call_id="other")
    registrar.receive_register(other, DESK, phone("102"), now=0.0, to_tag="t")
    send(registrar, register("*", cseq=2, expires="0"))
    assert registrar.user_of_flow(DESK) == (TENANT, "102")


def test_a_phone_that_lost_its_connection_is_reached_over_its_new_one() -> None:
    registrar = make_registrar()
    old, new = flow_of("10.0.0.1", 5000, connection=1), flow_of("10.0.0.1", 5001, connection=2)
    contact = SipUri.parse("sip:x1@df7.invalid;transport=ws")
    send(registrar, register(f"<{contact}>"), flow=old)
    registrar.drop_flow(old)
    assert registrar.newer_flow(old, contact) is None
    send(registrar, register(f"<{contact}>", cseq=2), flow=new)
    assert registrar.newer_flow(old, contact) == new
    assert registrar.newer_flow(old, SipUri.parse("sip:x2@df7.invalid")) is None
    assert registrar.newer_flow(flow_of("10.0.0.9", connection=9), contact) is None
