"""ICE-lite: genuine checks are answered, one path is nominated, and nobody else matters."""

import pytest
from aioice import stun

from telephony.webrtc.ice import CONSENT_SECONDS, Effect, IceLite, Nominated, Send
from telephony.webrtc.parameters import IceCredentials

OURS = IceCredentials("ours", "our-password-of-22-letters")
NEXT = IceCredentials("next", "next-password-of-22-letters")
PHONE = ("192.0.2.1", 4_000)
OTHER = ("192.0.2.2", 5_000)


def check(
    *,
    local: IceCredentials = OURS,
    remote: str = "theirs",
    password: str | None = None,
    nominate: bool = False,
    role: str = "ICE-CONTROLLING",
) -> bytes:
    message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST, b"123456789012")
    message.attributes["USERNAME"] = f"{local.ufrag}:{remote}"
    message.attributes["PRIORITY"] = 1
    message.attributes[role] = 77
    if nominate:
        message.attributes["USE-CANDIDATE"] = None
    message.add_message_integrity((password or local.password).encode())
    return bytes(message)


@pytest.fixture
def agent() -> IceLite:
    agent = IceLite(OURS)
    agent.set_remote("theirs", now=0)
    return agent


def answer_in(effects: list[Effect], *, key: IceCredentials = OURS) -> stun.Message:
    assert isinstance(effects[0], Send)
    message = stun.parse_message(effects[0].data)
    assert message.check_message_integrity(key.password.encode())
    assert "FINGERPRINT" in message.attributes
    assert message.transaction_id == b"123456789012"
    return message


def test_a_check_is_answered_with_the_address_it_came_from(agent: IceLite) -> None:
    effects = agent.receive(check(), PHONE, now=1)
    assert len(effects) == 1
    message = answer_in(effects)
    assert message.message_class == stun.Class.RESPONSE
    assert message.attributes["XOR-MAPPED-ADDRESS"] == PHONE
    assert agent.has_checked(PHONE)
    assert agent.nominated is None
    assert agent.consent_until is None


def test_ipv6_is_answered_too(agent: IceLite) -> None:
    source = ("2001:db8::1", 4_000)
    message = answer_in(agent.receive(check(), source, now=1))
    assert message.attributes["XOR-MAPPED-ADDRESS"] == source


def test_the_browser_nominates_a_path_and_may_change_it(agent: IceLite) -> None:
    agent.receive(check(), PHONE, now=1)
    assert agent.receive(check(nominate=True), PHONE, now=2)[1:] == [Nominated(PHONE)]
    assert agent.receive(check(nominate=True), PHONE, now=3)[1:] == []
    assert agent.receive(check(nominate=True), OTHER, now=4)[1:] == [Nominated(OTHER)]
    assert agent.nominated == OTHER


def test_consent_is_renewed_by_checks_on_the_path_only(agent: IceLite) -> None:
    agent.receive(check(nominate=True), PHONE, now=2)
    assert agent.consent_until == 2 + CONSENT_SECONDS
    agent.receive(check(), OTHER, now=10)
    agent.receive(check(password="a guess of the password"), PHONE, now=11)
    assert agent.consent_until == 2 + CONSENT_SECONDS
    agent.receive(check(), PHONE, now=12)
    assert agent.consent_until == 12 + CONSENT_SECONDS


@pytest.mark.parametrize(
    "data",
    [
        check(password="a guess of the password"),
        check(local=IceCredentials("nobody", OURS.password), nominate=True),
        check(remote="somebody", nominate=True),
        check(nominate=True)[:-8],
        check(nominate=True)[:-1],
        b"\x00\x01",
        b"\x00\x01\x00\x00" + bytes(16),
        bytes(stun.Message(stun.Method.BINDING, stun.Class.REQUEST, bytes(12))),
        bytes(stun.Message(stun.Method.BINDING, stun.Class.RESPONSE, bytes(12))),
        bytes(stun.Message(stun.Method.BINDING, stun.Class.INDICATION, bytes(12))),
        # An attribute of a wrong size, and a name that is no UTF-8.
        b"\x00\x01\x00\x08\x21\x12\xa4\x42" + bytes(12) + b"\x00\x24\x00\x01\x00\x00\x00\x00",
        b"\x00\x01\x00\x08\x21\x12\xa4\x42" + bytes(12) + b"\x00\x06\x00\x04\xff\xff\xff\xff",
    ],
    ids=lambda data: f"{len(data)} bytes",
)
def test_what_is_not_genuine_is_not_even_answered(agent: IceLite, data: bytes) -> None:
    assert agent.receive(data, PHONE, now=1) == []
    assert not agent.has_checked(PHONE)
    assert agent.nominated is None


def test_every_changed_bit_is_noticed(agent: IceLite) -> None:
    data = check(nominate=True)
    for bit in range((len(data) - 8) * 8):  # what the password vouches for
        spoilt = bytearray(data)
        spoilt[bit // 8] ^= 1 << bit % 8
        assert agent.receive(bytes(spoilt), PHONE, now=1) == [], bit
    assert len(agent.receive(data, PHONE, now=1)) == 2


def test_who_claims_our_role_is_told_to_give_way(agent: IceLite) -> None:
    effects = agent.receive(check(role="ICE-CONTROLLED", nominate=True), PHONE, now=1)
    message = answer_in(effects)
    assert message.message_class == stun.Class.ERROR
    assert message.error_code == 487
    assert len(effects) == 1
    assert agent.nominated is None


def test_a_nomination_before_the_answer_waits_for_it() -> None:
    agent = IceLite(OURS)
    effects = agent.receive(check(nominate=True), PHONE, now=1)
    assert len(effects) == 1
    answer_in(effects)
    assert agent.nominated is None
    assert agent.set_remote("theirs", now=2) == [Nominated(PHONE)]


def test_a_nomination_by_somebody_else_before_the_answer_is_forgotten() -> None:
    agent = IceLite(OURS)
    agent.receive(check(remote="somebody", nominate=True), PHONE, now=1)
    assert agent.set_remote("theirs", now=2) == []
    assert agent.nominated is None


def test_a_restart_keeps_the_old_path_until_a_new_one_is_nominated(agent: IceLite) -> None:
    agent.receive(check(nominate=True), PHONE, now=1)
    agent.restart(NEXT)
    assert agent.set_remote("again", now=2) == []
    answer_in(agent.receive(check(), PHONE, now=3))
    assert agent.consent_until == 3 + CONSENT_SECONDS
    assert agent.receive(check(local=NEXT, remote="theirs"), OTHER, now=4) == []
    effects = agent.receive(check(local=NEXT, remote="again", nominate=True), OTHER, now=5)
    answer_in(effects, key=NEXT)
    assert effects[1:] == [Nominated(OTHER)]
    assert agent.receive(check(nominate=True), PHONE, now=6) == []


def test_many_addresses_do_not_fill_the_memory_nor_push_out_the_path(agent: IceLite) -> None:
    agent.receive(check(nominate=True), PHONE, now=1)
    for port in range(1, 1_000):
        agent.receive(check(), ("192.0.2.9", port), now=2)
    assert agent.has_checked(PHONE)
    assert agent.has_checked(("192.0.2.9", 999))
    assert not agent.has_checked(("192.0.2.9", 1))
