import pytest

from telephony.sip.headers import BadHeader, CSeq, Via
from telephony.sip.message import Headers, Request, Response, make_response
from telephony.sip.parser import (
    MAX_BODY,
    BadMessage,
    Keepalive,
    StreamBroken,
    StreamParser,
    parse_message,
)
from telephony.sip.uri import BadUri, NameAddress, SipUri

INVITE = (
    b"INVITE sip:5000@example.org SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 10.0.0.1:5070;branch=z9hG4bKabc;rport\r\n"
    b"Max-Forwards: 70\r\n"
    b'From: "Anna \\"A\\" Smith" <sip:anna@example.org>;tag=f1\r\n'
    b"To: <sip:5000@example.org>\r\n"
    b"Call-ID: one@10.0.0.1\r\n"
    b"CSeq: 7 INVITE\r\n"
    b"Contact: <sip:anna@10.0.0.1:5070>\r\n"
    b"Content-Type: application/sdp\r\n"
    b"Content-Length: 5\r\n"
    b"\r\n"
    b"v=0\r\n"
)


def invite() -> Request:
    message = parse_message(INVITE)
    assert isinstance(message, Request)
    return message


def with_line(old: bytes, new: bytes) -> bytes:
    assert old in INVITE
    return INVITE.replace(old, new)


def refused(data: bytes) -> BadMessage:
    with pytest.raises(BadMessage) as caught:
        parse_message(data)
    return caught.value


def test_typed_fields_say_what_the_text_says() -> None:
    request = invite()
    assert (request.method, str(request.uri)) == ("INVITE", "sip:5000@example.org")
    assert (request.via.transport, request.via.host, request.via.port) == ("UDP", "10.0.0.1", 5070)
    assert request.via.branch == "z9hG4bKabc"
    assert (request.from_.display, request.from_.tag) == ('Anna "A" Smith', "f1")
    assert request.to.tag is None
    assert request.cseq == CSeq(7, "INVITE")
    assert request.contact is not None
    assert request.contact.uri.port == 5070
    assert request.max_forwards == 70
    assert request.sdp == b"v=0\r\n"


def test_message_comes_back_as_it_went_out() -> None:
    again = parse_message(invite().to_bytes())
    assert again.headers == invite().headers
    assert again.body == b"v=0\r\n"


def test_compact_folded_and_oddly_spelled_fields_are_read() -> None:
    data = (
        INVITE.replace(b"Via:", b"v  :")
        .replace(b"From:", b"f:")
        .replace(b"Call-ID", b"i")
        .replace(b"Max-Forwards: 70", b"Subject: a\r\n  b\r\nmax-forwards: 70")
    )
    request = parse_message(data)
    assert request.headers.get("s") == "a b"
    assert request.call_id == "one@10.0.0.1"


def test_list_fields_are_the_same_in_one_line_or_in_several() -> None:
    headers = Headers([("Route", "<sip:a;lr>, <sip:b;lr>"), ("Route", '"x, y" <sip:c;lr>')])
    assert headers.get_list("route") == ["<sip:a;lr>", "<sip:b;lr>", '"x, y" <sip:c;lr>']


def test_setting_a_field_replaces_all_of_that_name_in_place() -> None:
    headers = Headers([("a", "1"), ("b", "2"), ("A", "3")])
    headers.set("a", "9")
    headers.set("d", "4")
    headers.remove("b")
    headers.prepend("z", "0")
    assert list(headers.items()) == [("z", "0"), ("a", "9"), ("d", "4")]
    assert "a" in headers
    assert "b" not in headers


def test_response_carries_back_what_identifies_the_request() -> None:
    request = invite()
    request.headers.add("Record-Route", "<sip:proxy;lr>")
    response = make_response(request, 180, to_tag="t9")
    assert response.to_bytes().startswith(b"SIP/2.0 180 Ringing\r\n")
    assert response.to.tag == "t9"
    assert response.headers.get("record-route") == "<sip:proxy;lr>"
    refusal = make_response(request, 486, to_tag="t9")
    assert refusal.headers.get("record-route") is None
    assert isinstance(parse_message(refusal.to_bytes()), Response)


def test_source_is_noted_in_the_topmost_via_only() -> None:
    request = invite()
    request.headers.add("Via", "SIP/2.0/UDP second;branch=z9hG4bKz")
    request.set_via(request.via.with_source("192.0.2.7", 40_000))
    first, second = request.headers.get_list("via")
    assert first.endswith(";branch=z9hG4bKabc;rport=40000;received=192.0.2.7")
    assert second == "SIP/2.0/UDP second;branch=z9hG4bKz"


def test_nothing_we_send_can_smuggle_a_line() -> None:
    request = invite()
    request.headers.add("Subject", "x\r\nEvil: yes")
    with pytest.raises(ValueError, match="line break"):
        request.to_bytes()


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"CSeq: 7 INVITE", b"CSeq: 7 BYE", "another method"),
        (b"Content-Length: 5", b"Content-Length: 6", "beyond the datagram"),
        (b"Content-Length: 5", b"Content-Length: +5", "Content-Length"),
        (b"Content-Length: 5", b"Content-Length: 5\r\nl: 4", "Content-Length"),
        (b"Content-Length: 5", "Content-Length: \N{ARABIC-INDIC DIGIT FIVE}".encode(), "Length"),
        (b"SIP/2.0\r\nVia", b"SIP/3.0\r\nVia", "Version"),
        (b"INVITE sip:5000@example.org", b"INVITE sip:", "Request-URI"),
        (b"<sip:anna@10.0.0.1:5070>", b"<sip:anna@10.0.0.1:99999>", "Contact"),
        (b"CSeq: 7", b"CSeq: 7 INVITE\r\nCSeq: 7", "Several Cseq"),
        (b"Max-Forwards", b"Record-Route: <sip:\r\nMax-Forwards", "Record-Route"),
        (b"Max-Forwards", b"Record-Route: <sip:p>, <tel:1>\r\nMax-Forwards", "Record-Route"),
    ],
)
def test_faults_that_can_be_answered_are_400_class(old: bytes, new: bytes, reason: str) -> None:
    error = refused(with_line(old, new))
    assert error.status in (400, 505)
    assert error.request is not None
    assert reason in error.reason


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"Via: SIP/2.0/UDP 10.0.0.1:5070;branch=z9hG4bKabc;rport\r\n", b""),
        (b"Via: SIP/2.0/UDP", b"Via: HTTP/1.1/UDP"),
        (b"Via: ", b"Via: ,\r\nVia: "),
        (b"CSeq: 7 INVITE\r\n", b""),
        (b"CSeq: 7", "CSeq: \N{FULLWIDTH DIGIT SEVEN}".encode()),
        (b"CSeq: 7", b"CSeq: 99999999999"),
        (b"To: <sip:5000@example.org>", b"To: <sip:5000@example.org"),
        (b'"Anna \\"A\\" Smith"', b'"Anna'),
        (b"Max-Forwards: 70", b"Max-Forwards 70"),
        (b"Max-Forwards: 70", b"Max-Forwards: 7\x000"),
        (b"Max-Forwards: 70\r\n", b"Max-Forwards: 70\n"),
        (b"INVITE sip", b"INV\xc3\x8fTE sip"),
        (b"\r\n\r\n", b"\r\n"),
        (b"Max-Forwards: 70\r\n", b"X: y\r\n" * 201),
        (b"Max-Forwards: 70", b"X: " + b"y" * 9_000),
        (b"INVITE sip", b"ACK sip"),
    ],
)
def test_faults_that_cannot_be_answered_get_silence(old: bytes, new: bytes) -> None:
    assert refused(with_line(old, new)).status is None


@pytest.mark.parametrize("line", [b"SIP/2.0 99 x", b"SIP/2.0 2000 x", b"SIP/1.0 200 x"])
def test_bad_responses_get_silence(line: bytes) -> None:
    data = INVITE.replace(b"INVITE sip:5000@example.org SIP/2.0", line)
    assert refused(data).status is None


def test_length_may_be_missing_or_short_in_a_datagram() -> None:
    assert parse_message(with_line(b"Content-Length: 5\r\n", b"")).body == b"v=0\r\n"
    assert parse_message(with_line(b"Content-Length: 5", b"Content-Length: 3")).body == b"v=0"


def test_stream_is_cut_into_messages_wherever_it_was_split() -> None:
    stream = b"\r\n\r\n" + INVITE + INVITE
    for size in (1, 7, 64, len(stream)):
        parser = StreamParser()
        found = []
        for at in range(0, len(stream), size):
            found += parser.receive_data(stream[at : at + size])
        kinds = [type(item).__name__ for item in found]
        assert kinds == ["Keepalive", "Request", "Request"]
        assert isinstance(found[0], Keepalive)
        assert found[0].is_ping
        assert not parser.is_partial


def test_bad_message_in_a_stream_does_not_spoil_the_next() -> None:
    found = StreamParser().receive_data(with_line(b"CSeq: 7 INVITE", b"CSeq: 7 BYE") + INVITE)
    assert [type(item).__name__ for item in found] == ["BadMessage", "Request"]


@pytest.mark.parametrize(
    "data",
    [
        with_line(b"Content-Length: 5\r\n", b""),
        with_line(b"Content-Length: 5", b"Content-Length: %d" % (MAX_BODY + 1)),
        with_line(b"Content-Length: 5", b"Content-Length: -5"),
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"x" * 40_000,
        b"\n\n\n",
    ],
)
def test_stream_without_a_next_message_is_broken(data: bytes) -> None:
    with pytest.raises(StreamBroken):
        StreamParser().receive_data(data)


@pytest.mark.parametrize(
    "text",
    [
        "sip:example.org",
        "sip:anna@example.org:5070;transport=tcp;lr",
        "sips:anna:secret@[2001:db8::1]:5061",
        "sip:+4930123;x=1@example.org?Subject=a",
        "sip:a%20b@example.org",
        "tel:+4930123;phone-context=example.org",
        "urn:service:sos",
    ],
)
def test_uri_comes_back_as_it_was(text: str) -> None:
    assert str(SipUri.parse(text)) == text


@pytest.mark.parametrize(
    "text",
    ["", "sip", "sip:", "sip:@x", "sip:a@", "sip:a@b:0", "sip:a@b:x", "sip:a@[::1", "sip:a%0d@b",
     "sip:a%zz@b", "sip:a@b c", "tel:", "1:x", "sip:a@b:\N{FULLWIDTH DIGIT ONE}"],
)  # fmt: skip
def test_what_is_no_uri_is_refused(text: str) -> None:
    with pytest.raises(BadUri):
        SipUri.parse(text)


def test_uris_that_mean_the_same_are_equal() -> None:
    def same(one: str, other: str) -> bool:
        return SipUri.parse(one).equal_to(SipUri.parse(other))

    assert same("sip:a@Example.org;x=1", "sip:a@example.ORG;X=1")
    assert same("sip:a@example.org;x=1", "sip:a@example.org")
    assert not same("sip:a@example.org", "sip:A@example.org")
    assert not same("sip:a@example.org", "sip:a@example.org:5060")
    assert not same("sip:a@example.org", "sip:a@example.org;transport=tcp")
    assert not same("sip:a@example.org;x=1", "sip:a@example.org;x=2")


def test_address_without_brackets_owns_its_parameters() -> None:
    address = NameAddress.parse("sip:anna@example.org;tag=x")
    assert (address.tag, address.uri.parameters) == ("x", ())
    assert str(address.with_tag("y")) == "<sip:anna@example.org>;tag=y"


def test_via_without_its_parts_is_refused() -> None:
    for text in ("", "SIP/2.0", "SIP/2.0/UDP", "SIP/2.0/UDP host:x", "SIP/2.0/UDP ;branch=1"):
        with pytest.raises(BadHeader):
            Via.parse(text)
    assert Via.parse("SIP / 2.0 / TCP host : 5060 ; branch=z").port == 5060
