"""REGISTER as we send it, on a made-up wire: the proof of the password, and what answers say."""

from itertools import count

import pytest

from telephony.sip.digest import DigestChallenger, Outcome, ha1
from telephony.sip.message import Request
from telephony.sip.uri import SipUri
from telephony.ua.leg_handler import Credentials
from telephony.ua.outside import Registering, RegisterResult
from tests.support.sip_wire import World, reply

LINE = "0123456789abcdef"


def registering(**changes: object) -> Registering:
    values: dict[str, object] = {
        "registrar": SipUri.parse("sip:192.0.2.7:5070;transport=udp"),
        "user": "murima",
        "contact_user": LINE,
        "credentials": Credentials("murima", "secret"),
        "call_id": "call-id",
        "tag": "tag",
        "next_cseq": count(1).__next__,
        "expires": 600,
    }
    return Registering(**(values | changes))  # type: ignore[arg-type]


def begin(world: World, what: Registering) -> tuple[Request, list[RegisterResult]]:
    answers: list[RegisterResult] = []
    world.agent.outside.register(what, answers.append)
    return world.take_request(), answers


def challenge(algorithm: str = "MD5", *, nonce: str = "n", stale: bool = False) -> tuple[str, str]:
    end = ", stale=TRUE" if stale else ""
    value = f'Digest realm="pbx", nonce="{nonce}", algorithm={algorithm}, qop="auth"{end}'
    return "WWW-Authenticate", value


def test_a02_register_names_account_contact_and_time() -> None:
    world = World()
    sent, _ = begin(world, registering())
    assert (sent.method, str(sent.uri)) == ("REGISTER", "sip:192.0.2.7:5070")
    assert str(sent.to) == "<sip:murima@192.0.2.7:5070>"
    assert str(sent.from_) == "<sip:murima@192.0.2.7:5070>;tag=tag"
    assert sent.contact is not None
    assert sent.contact.uri.user == LINE
    assert sent.contact.parameter("expires") == "600"
    assert sent.headers.get("expires") == "600"
    assert (sent.call_id, str(sent.cseq)) == ("call-id", "1 REGISTER")


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
def test_a02_password_is_proved_with_either_algorithm(algorithm: str) -> None:
    world = World()
    challenger = DigestChallenger("pbx", b"key", nonce_seconds=60, algorithms=(algorithm,))
    sent, answers = begin(world, registering())
    values = challenger.challenge(now=0, random=b"r" * 8, source="192.0.2.1")
    headers = tuple(("WWW-Authenticate", value) for value in values)
    world.receive(reply(sent, 401, headers=headers))
    again = world.take_request()
    assert (again.call_id, str(again.cseq)) == ("call-id", "2 REGISTER")
    verdict = challenger.verify(
        again.headers.get("authorization"),
        "REGISTER",
        lambda user, algorithm: ha1(user, "pbx", "secret", algorithm),
        now=1,
        source="192.0.2.1",
    )
    assert verdict.outcome is Outcome.OK
    contact = ("Contact", f"<sip:{LINE}@192.0.2.1:5060>;expires=300")
    world.receive(reply(again, 200, headers=(contact,)))
    assert answers == [RegisterResult(200, granted=300)]


def test_a02_stale_nonce_is_answered_once_more_and_only_once() -> None:
    world = World()
    sent, answers = begin(world, registering())
    world.receive(reply(sent, 401, headers=(challenge(nonce="first"),)))
    world.receive(
        reply(world.take_request(), 401, headers=(challenge(nonce="second", stale=True),))
    )
    third = world.take_request()
    [proof] = third.headers.get_all("authorization")
    assert 'nonce="second"' in proof
    assert str(third.cseq) == "3 REGISTER"
    world.receive(reply(third, 401, headers=(challenge(nonce="third", stale=True),)))
    assert world.take() == []
    assert answers == [RegisterResult(401)]


def test_a02_wrong_password_is_not_sent_again() -> None:
    world = World()
    sent, answers = begin(world, registering())
    world.receive(reply(sent, 401, headers=(challenge(),)))
    world.receive(reply(world.take_request(), 401, headers=(challenge(nonce="other"),)))
    assert world.take() == []
    assert answers == [RegisterResult(401)]


@pytest.mark.parametrize(
    ("status", "headers", "result"),
    [
        (423, [("Min-Expires", "1800")], RegisterResult(423, min_expires=1_800)),
        (423, [("Min-Expires", "soon")], RegisterResult(423)),
        (503, [("Retry-After", "120 (busy);duration=3")], RegisterResult(503, retry_after=120)),
        (200, [("Expires", "90")], RegisterResult(200, granted=90)),
        (200, [], RegisterResult(200)),
        (
            200,
            [
                ("Contact", "<sip:desk@192.0.2.9>;expires=7, garbage, <sip:other@h>;expires=8"),
                ("Contact", f"<sip:{LINE}@192.0.2.1>;expires=42"),
                ("Expires", "90"),
            ],
            RegisterResult(200, granted=42),
        ),
        (200, [("Contact", f"<sip:{LINE}@192.0.2.1>;expires=9999999999999")], RegisterResult(200)),
    ],
)
def test_a02_times_in_an_answer_are_read_and_nonsense_is_not(
    status: int, headers: list[tuple[str, str]], result: RegisterResult
) -> None:
    world = World()
    sent, answers = begin(world, registering())
    world.receive(reply(sent, status, headers=tuple(headers)))
    assert answers == [result]


def test_a02_registrar_that_is_silent_or_nowhere_is_no_answer() -> None:
    world = World()
    _, answers = begin(world, registering())
    world.run(32)
    assert answers == [RegisterResult(None)]
    nowhere: list[RegisterResult] = []
    away = registering(registrar=SipUri.parse("sip:nowhere.example"))
    world.agent.outside.register(away, nowhere.append)
    world.waiting_names[-1][1](None)
    assert nowhere == [RegisterResult(None)]
