"""Who is let in, and what strangers learn."""

import logging
import re
from itertools import count

import pytest

from telephony.access import Access, FromPhone, FromTrunk
from telephony.directory import Directory, TenantSettings
from telephony.registrar import Registrar
from telephony.sip.digest import DigestChallenger, answer_challenge
from telephony.sip.message import Request
from telephony.transport.flow import Flow
from telephony.ua.handlers import Accept, Refuse, Verdict
from tests.support.registrations import (
    OTHER_TENANT,
    PASSWORD,
    REALM,
    TENANT,
    flow_of,
    phone,
    register,
    request,
    trunk,
)

STRANGER = flow_of("198.51.100.7")
TRUNK = flow_of("10.1.2.3")
URI = "sip:5000@pbx.example"


class Door:
    """An Access with a clock to turn, and phones that answer its challenges."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.nonces = count()
        self.registrar = Registrar(least_seconds=60, most_seconds=3_600, most_contacts=3)
        self.directory = Directory(
            tenants=(
                TenantSettings(TENANT, None, is_default=True),
                TenantSettings(OTHER_TENANT, "other.example", is_default=False),
            ),
            phones=(phone("101"), phone("101", tenant_id=OTHER_TENANT, password="theirs")),
            trunks=(trunk("wide", "10.0.0.0/8"), trunk("narrow", "10.1.2.0/24")),
        )
        self.access = Access(
            lambda: self.directory,
            self.registrar,
            DigestChallenger(REALM, b"key", nonce_seconds=300),
            clock=lambda: self.now,
            random=lambda length: next(self.nonces).to_bytes(length, "big"),
            trunk_of_line={"line": trunk("registered", "192.0.2.0/32")}.get,
        )

    def ask(self, message: Request, flow: Flow = STRANGER) -> Verdict:
        return self.access.authorise(message, flow)

    def log_in(
        self,
        *,
        method: str = "INVITE",
        user: str = "101",
        password: str = PASSWORD,
        flow: Flow = STRANGER,
        digest_uri: str = URI,
        from_user: str | None = None,
        to: str | None = None,
        domain: str = "pbx.example",
    ) -> Verdict:
        sender = from_user or user
        first = request(method, URI, user=sender, to=to, domain=domain)
        challenge = self.access._challenge(flow)
        answer = answer_challenge(
            [value for _, value in challenge.headers],
            method=method,
            uri=digest_uri,
            username=user,
            password=password,
            cnonce="c",
        )
        assert answer is not None
        first.headers.add("Authorization", answer)
        return self.ask(first, flow)


def test_a_phone_with_the_right_password() -> None:
    verdict = Door().log_in()
    assert isinstance(verdict, Accept)
    assert isinstance(verdict.principal, FromPhone)
    assert verdict.principal.phone.tenant_id == TENANT


def test_the_domain_says_which_tenants_phone_it_is() -> None:
    door = Door()
    verdict = door.log_in(domain="other.example", password="theirs")
    assert isinstance(verdict, Accept)
    assert isinstance(verdict.principal, FromPhone)
    assert verdict.principal.phone.tenant_id == OTHER_TENANT
    assert isinstance(door.log_in(domain="other.example"), Refuse)


def test_known_and_unknown_users_get_the_same_answer() -> None:
    def shape(verdict: Verdict) -> object:
        assert isinstance(verdict, Refuse)
        nonce = re.compile(r'nonce="[\w-]+"')
        return verdict.status, verdict.reason, nonce.sub("", str(verdict.headers))

    for message in (request("INVITE", URI), register("<sip:101@10.0.0.1>")):
        assert isinstance(Door().ask(message), Refuse)
    known = Door().ask(request("INVITE", URI, user="101"))
    unknown = Door().ask(request("INVITE", URI, user="999"))
    assert shape(known) == shape(unknown)
    assert "stale" not in str(known)
    wrong = Door().log_in(password="guess")
    nobody = Door().log_in(user="999", password="guess")
    assert shape(wrong) == shape(nobody)
    assert isinstance(wrong, Refuse)
    assert wrong.status == 403


def test_wrong_passwords_are_slowed_per_source_and_logged_without_them(
    caplog: pytest.LogCaptureFixture,
) -> None:
    door = Door()
    with caplog.at_level(logging.WARNING):
        for _ in range(5):
            assert isinstance(door.log_in(password="hunter2"), Refuse)
    assert len(caplog.records) == 5
    for record in caplog.records:
        assert "hunter2" not in str(record.__dict__)
        assert not re.search(r"response|nonce", str(record.__dict__))
    # Even the right password is not looked at now, but only from there.
    assert isinstance(door.log_in(), Refuse)
    assert len(caplog.records) == 5
    assert isinstance(door.log_in(flow=flow_of("198.51.100.8")), Accept)
    door.now += 2.1
    assert isinstance(door.log_in(), Accept)


def test_a_registered_phone_does_not_suffer_for_its_neighbour() -> None:
    """Both are behind the same address, as in every office."""
    door = Door()
    office = flow_of("198.51.100.7", 1_024)
    door.registrar.receive_register(
        register("<sip:101@10.0.0.1>"), office, phone("101"), now=door.now, to_tag="t"
    )
    for _ in range(5):
        door.log_in(password="guess")
    refused = door.log_in()
    assert isinstance(refused, Refuse)
    assert refused.status == 403
    assert isinstance(door.log_in(flow=office), Accept)
    # The exception is for its own name only.
    guessing = door.log_in(user="999", from_user="101", flow=office)
    assert isinstance(guessing, Refuse)
    assert guessing.status == 403


def test_every_further_guess_doubles_the_wait_up_to_a_limit() -> None:
    door = Door()
    for _ in range(5):
        door.log_in(password="guess")
    for wait in (2, 4, 8, 16, 32, 64, 128, 256, 300, 300):
        door.now += wait - 0.1
        assert isinstance(door.log_in(), Refuse)
        door.now += 0.2
        door.log_in(password="guess")


def test_a_right_password_forgives() -> None:
    door = Door()
    for _ in range(3):
        for _ in range(4):
            door.log_in(password="guess")
        assert isinstance(door.log_in(), Accept)


def test_a_trunk_is_known_by_the_smallest_network() -> None:
    verdict = Door().ask(request("INVITE", URI, user="0301234"), TRUNK)
    assert isinstance(verdict, Accept)
    assert isinstance(verdict.principal, FromTrunk)
    assert verdict.principal.trunk.name == "narrow"


def test_nobody_registers_by_address_alone() -> None:
    assert isinstance(Door().ask(register("<sip:101@10.0.0.1>"), TRUNK), Refuse)


def test_a_registered_phone_on_a_trunks_address_is_challenged() -> None:
    door = Door()
    door.registrar.receive_register(
        register("<sip:101@10.1.2.3>"), TRUNK, phone("101"), now=door.now, to_tag="t"
    )
    assert isinstance(door.ask(request("INVITE", URI), TRUNK), Refuse)
    # The provider behind the same address speaks from another port.
    assert isinstance(door.ask(request("INVITE", URI), flow_of("10.1.2.3", 5080)), Accept)


def test_a_phone_on_a_trunks_address_may_log_in() -> None:
    verdict = Door().log_in(flow=TRUNK)
    assert isinstance(verdict, Accept)
    assert isinstance(verdict.principal, FromPhone)


@pytest.mark.parametrize("uri", ["sip:5001@pbx.example", "sip:5000@elsewhere", "nonsense"])
def test_credentials_made_for_another_request(uri: str) -> None:
    assert isinstance(Door().log_in(digest_uri=uri), Refuse)


def test_a_phone_registers_only_itself() -> None:
    assert isinstance(Door().log_in(method="REGISTER"), Accept)
    assert isinstance(Door().log_in(method="REGISTER", to="102"), Refuse)


def test_an_old_nonce_is_stale_and_no_guess(caplog: pytest.LogCaptureFixture) -> None:
    door = Door()
    challenge = door.access._challenge(STRANGER)
    answer = answer_challenge(
        [value for _, value in challenge.headers],
        method="INVITE",
        uri=URI,
        username="101",
        password=PASSWORD,
        cnonce="c",
    )
    assert answer is not None
    message = request("INVITE", URI, headers=(("Authorization", answer),))
    door.now += 301
    verdict = door.ask(message)
    assert isinstance(verdict, Refuse)
    assert all("stale=TRUE" in value for _, value in verdict.headers)
    assert caplog.records == []


def test_a02_call_for_the_contact_we_registered_is_of_that_trunk_wherever_it_comes_from() -> None:
    door = Door()
    for source in (STRANGER, TRUNK):
        verdict = door.ask(request("INVITE", "sip:line@pbx.example"), source)
        assert isinstance(verdict, Accept)
        assert isinstance(verdict.principal, FromTrunk)
        assert (verdict.principal.trunk.name, verdict.principal.by_line) == ("registered", True)
    assert isinstance(door.ask(request("INVITE", "sip:lime@pbx.example")), Refuse)
    assert isinstance(door.ask(request("REGISTER", "sip:line@pbx.example")), Refuse)
