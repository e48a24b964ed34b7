import pytest

from telephony.sip.digest import (
    DigestChallenger,
    Outcome,
    answer_challenge,
    ha1,
    parse_challenge,
    uri_matches,
)
from telephony.sip.uri import SipUri

URI = "sip:murima"


def challenger(**settings: float) -> DigestChallenger:
    return DigestChallenger("murima", b"key", nonce_seconds=settings.get("nonce_seconds", 60))


def stored(user: str, algorithm: str) -> str | None:
    return ha1(user, "murima", "secret", algorithm) if user == "1001" else None


def answered(
    challenges: list[str], *, username: str = "1001", password: str = "secret", **how: str
) -> str:
    answer = answer_challenge(
        challenges,
        method=how.get("method", "REGISTER"),
        uri=URI,
        username=username,
        password=password,
        cnonce="c",
    )
    assert answer is not None
    return answer


def outcome(
    server: DigestChallenger, answer: str | None, *, now: float = 101, source: str = "10.0.0.1"
) -> Outcome:
    return server.verify(answer, "REGISTER", stored, now=now, source=source).outcome


def challenged(server: DigestChallenger) -> list[str]:
    return server.challenge(now=100, random=b"12345678", source="10.0.0.1")


@pytest.mark.parametrize("pick", [0, 1])
def test_right_password_is_let_in_with_either_algorithm(pick: int) -> None:
    server = challenger()
    answer = answered([challenged(server)[pick]])
    assert ("SHA-256", "MD5")[pick] in answer
    assert outcome(server, answer) is Outcome.OK


def test_client_takes_the_best_algorithm_it_knows() -> None:
    offered = challenged(challenger())
    assert "algorithm=SHA-256" in answered(list(reversed(offered)))
    foreign = 'Digest realm="murima", nonce="x", algorithm=SHA-512-256, qop="auth"'
    assert answered([foreign, offered[1]]).endswith("algorithm=MD5")


def test_wrong_password_and_unknown_user_look_the_same() -> None:
    server = challenger()
    assert outcome(server, answered(challenged(server), password="wrong")) is Outcome.WRONG
    assert outcome(server, answered(challenged(server), username="nobody")) is Outcome.WRONG


def test_credentials_of_another_method_do_not_fit() -> None:
    server = challenger()
    assert outcome(server, answered(challenged(server), method="INVITE")) is Outcome.WRONG


def test_old_foreign_and_repeated_nonces_are_stale() -> None:
    server = challenger(nonce_seconds=60)
    answer = answered(challenged(server))
    assert outcome(server, answer, now=161) is Outcome.STALE
    assert outcome(server, answer, now=99) is Outcome.STALE
    assert outcome(server, answer, source="10.0.0.2") is Outcome.STALE
    assert outcome(server, answer) is Outcome.OK
    assert outcome(server, answer) is Outcome.STALE
    other = DigestChallenger("murima", b"another key", nonce_seconds=60)
    assert outcome(server, answered(challenged(other))) is Outcome.STALE
    made_up = 'Digest realm="murima", nonce="made up", qop="auth"'
    assert outcome(server, answered([made_up])) is Outcome.STALE


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('realm="murima"', 'realm="other"'),
        ("Digest ", "Basic "),
        ("nc=00000001", "nc=1"),
        ("nc=00000001", "nc=0000000g"),
        ("qop=auth", "qop=auth-int"),
        ('cnonce="c"', 'cnonce=""'),
        ("algorithm=SHA-256", "algorithm=SHA-1"),
        ("qop=auth", "qop=auth, qop=auth"),
        ("qop=auth", "qop"),
    ],
)
def test_unreadable_or_weak_credentials_count_as_none(old: str, new: str) -> None:
    server = challenger()
    answer = answered(challenged(server))
    assert old in answer
    assert outcome(server, answer.replace(old, new)) is Outcome.MISSING


def test_nothing_and_too_much_count_as_none() -> None:
    for text in (None, "", "Digest " + "x" * 5_000):
        assert outcome(challenger(), text) is Outcome.MISSING


def test_stale_challenge_says_so() -> None:
    [first, _] = challenger().challenge(now=1, random=b"", source="a", stale=True)
    assert first.endswith("stale=TRUE")


def test_client_answers_only_the_realm_it_was_configured_for() -> None:
    challenge = ['Digest realm="evil", nonce="n", algorithm=MD5']
    common = {"method": "BYE", "uri": URI, "username": "u", "password": "p", "cnonce": "c"}
    assert answer_challenge(challenge, realm="murima", **common) is None
    assert answer_challenge(["Basic realm=x", "nonsense"], **common) is None


def test_old_server_without_qop_is_answered_and_opaque_returned() -> None:
    answer = answered(['Digest realm="a\\"b", nonce="n", opaque="o"'])
    fields = parse_challenge(answer)
    assert fields is not None
    assert (fields["opaque"], fields["realm"]) == ("o", 'a"b')
    assert "qop" not in fields


def test_known_example_of_the_standard() -> None:
    """RFC 7616 section 3.9.1: the numbers are the standard's own."""
    challenge = (
        'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={}, '
        'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"'
    )
    expected = {
        "MD5": "8ca523f5e9506fed4657c9700eebdbec",
        "SHA-256": "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
    }
    for algorithm, response in expected.items():
        answer = answer_challenge(
            [challenge.format(algorithm)],
            method="GET",
            uri="/dir/index.html",
            username="Mufasa",
            password="Circle of Life",
            cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
        )
        assert answer is not None
        assert response in answer


def test_credentials_are_for_one_address() -> None:
    answer = 'Digest uri="sip:1001@example.org;transport=udp"'
    assert uri_matches(answer, SipUri.parse("sip:1001@EXAMPLE.org"))
    assert not uri_matches(answer, SipUri.parse("sip:1002@example.org"))
    assert not uri_matches('Digest uri="/x"', SipUri.parse("sip:1002@example.org"))
    assert not uri_matches("Basic x", SipUri.parse("sip:1002@example.org"))


def test_counters_of_only_so_many_nonces_are_kept() -> None:
    server = challenger(nonce_seconds=1e9)
    for n in range(20_010):
        [sha, _] = server.challenge(now=100, random=n.to_bytes(8, "big"), source="10.0.0.1")
        assert outcome(server, answered([sha])) is Outcome.OK
    assert len(server._counts) == 20_000
