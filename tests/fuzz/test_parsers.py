"""Whatever bytes come, parsers give a value or the one error they declare."""

from contextlib import suppress

from aioice import stun
from hypothesis import example, given, settings, strategies as st

from routing.ivr.document import FlowError, parse_flow
from telephony.sip.dialog import Dialog
from telephony.sip.digest import parse_challenge
from telephony.sip.message import Request, Response, make_response
from telephony.sip.offer_answer import NoCommonCodec, OfferAnswer
from telephony.sip.parser import BadMessage, StreamBroken, StreamParser, parse_message
from telephony.sip.sdp import BadSdp, parse_sdp
from telephony.sip.uri import BadUri, NameAddress, SipUri
from telephony.webrtc.ice import IceLite
from telephony.webrtc.offer_answer import WebRtcOfferAnswer
from telephony.webrtc.parameters import Fingerprint, IceCredentials, LocalTransport
from tests.support.browser_sdp import CHROMIUM_OFFER, PAIRS

INVITE = (
    b"INVITE sip:5000@example.org;x=1 SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 10.0.0.1:5070;branch=z9hG4bKabc;rport\r\n"
    b"Max-Forwards: 70\r\n"
    b'From: "A \\"B\\"" <sip:a@example.org>;tag=f1\r\n'
    b"To: <sip:5000@example.org>\r\n"
    b"Call-ID: one@10.0.0.1\r\n"
    b"CSeq: 7 INVITE\r\n"
    b"Contact: <sip:a@10.0.0.1:5070>, <sip:b@[::1]>;q=0.5\r\n"
    b"Route: <sip:p1;lr>,<sip:p2;lr>\r\n"
    b"Content-Length: 0\r\n\r\n"
)
OFFER = (
    b"v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
    b"m=audio 4000 RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=ptime:30\r\n"
)


def ice_check() -> bytes:
    message = stun.Message(stun.Method.BINDING, stun.Class.REQUEST, b"123456789012")
    message.attributes["USERNAME"] = "ours:theirs"
    message.attributes["ICE-CONTROLLING"] = 1
    message.attributes["USE-CANDIDATE"] = None
    message.add_message_integrity(b"our/password/of/22/letters")
    return bytes(message)


QUICK = settings(max_examples=300, deadline=None, derandomize=True)


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """A message with some bytes changed, put in or taken out."""
    data = bytearray(whole)
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, max(0, len(data) - 1)))
        what = draw(st.sampled_from(["change", "insert", "delete", "repeat"]))
        if what == "change" and data:
            data[at] = draw(st.integers(0, 255))
        elif what == "insert":
            data[at:at] = draw(st.binary(max_size=8))
        elif what == "delete":
            del data[at : at + draw(st.integers(1, 20))]
        else:
            data[at:at] = data[at : at + draw(st.integers(1, 40))]
    return bytes(data)


def fields_of(message: Request | Response) -> list[tuple[str, str]]:
    """All but the length, which is written anew."""
    return [field for field in message.headers.items() if field[0] != "content-length"]


@QUICK
@given(damaged(INVITE))
@example(INVITE)
@example(INVITE.replace(b"Via: ", b"Via: ,\r\nVia: "))
@example(INVITE.replace(b"Route: ", b"Record-Route: "))
@example(INVITE.replace(b"Route: ", b"Record-Route: <sip:p;lr>, <"))
def test_damaged_message_is_read_or_refused_and_can_be_answered(data: bytes) -> None:
    try:
        message = parse_message(data)
    except BadMessage as bad:
        if bad.request is not None and bad.status is not None:
            make_response(bad.request, bad.status, to_tag="t").to_bytes()
        return
    again = parse_message(message.to_bytes())
    assert fields_of(again) == fields_of(message)
    if isinstance(message, Request):
        make_response(message, 200, to_tag="t").to_bytes()
        if message.method == "INVITE":
            dialog = Dialog.of_invite(message, "t")
            assert dialog.next_hop.host
            assert parse_message(ended_by(dialog)).headers.get("from")


def ended_by(dialog: Dialog) -> bytes:
    """Our BYE as it goes out: whatever call was taken can be ended."""
    request = dialog.make_request("BYE")
    request.headers.prepend("Via", "SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKt")
    return request.to_bytes()


@QUICK
@given(st.lists(damaged(INVITE), max_size=3), st.integers(1, 400))
def test_stream_of_anything_ends_in_messages_or_a_closed_connection(
    messages: list[bytes], size: int
) -> None:
    parser, stream = StreamParser(), b"".join(messages)
    with suppress(StreamBroken):
        for at in range(0, len(stream), size):
            parser.receive_data(stream[at : at + size])


@QUICK
@given(damaged(OFFER) | st.binary(max_size=300))
def test_damaged_offer_is_answered_or_refused(data: bytes) -> None:
    leg = OfferAnswer("127.0.0.1", 30_000, session_id=1)
    try:
        answer, agreed = leg.receive_offer(data)
    except (BadSdp, NoCommonCodec):
        assert leg.negotiated is None
        return
    ours, theirs = parse_sdp(answer), parse_sdp(data)
    assert len(ours.media) == len(theirs.media)
    assert agreed.send_payload_type in agreed.receive_payload_types
    [chosen] = [m for m in ours.media if m.port]
    offered = {f.payload_type for f in theirs.media[ours.media.index(chosen)].mapped}
    answered = {f.payload_type for f in chosen.mapped}
    assert answered <= offered, "an answer never names what was not offered"


def browser_leg() -> WebRtcOfferAnswer:
    credentials = IceCredentials("ours", "our/password/of/22/letters")
    local = LocalTransport(credentials, Fingerprint("sha-256", PAIRS), ("127.0.0.1", 30_000))
    return WebRtcOfferAnswer(local, session_id=1, new_credentials=lambda: credentials)


@QUICK
@given(damaged(CHROMIUM_OFFER.encode()) | st.binary(max_size=300))
def test_damaged_offer_of_a_browser_is_answered_or_refused(data: bytes) -> None:
    leg = browser_leg()
    try:
        answer, _ = leg.receive_offer(data)
    except (BadSdp, NoCommonCodec):
        assert leg.negotiated is None
        assert leg.remote is None
        return
    assert leg.remote is not None
    assert leg.remote.fingerprints
    ours, theirs = parse_sdp(answer), parse_sdp(data)
    assert len(ours.media) == len(theirs.media)
    assert len(parse_sdp(leg.make_offer()).media) == len(theirs.media)


@QUICK
@given(damaged(ice_check()) | st.binary(max_size=100))
def test_damaged_check_nominates_nobody(data: bytes) -> None:
    agent = IceLite(IceCredentials("ours", "our/password/of/22/letters"))
    agent.set_remote("theirs", now=0)
    effects = agent.receive(data, ("192.0.2.1", 4_000), now=0)
    # Only what stands behind the signature may be damaged and the rest still count.
    if not data.startswith(ice_check()[:-8]):
        assert effects == []
        assert agent.nominated is None


@QUICK
@given(st.text(max_size=80))
def test_any_text_is_a_uri_or_not(text: str) -> None:
    with suppress(BadUri):
        uri = SipUri.parse(text)
        assert SipUri.parse(str(uri)) == uri
    with suppress(BadUri):
        NameAddress.parse(text)
    parse_challenge("Digest " + text)


@QUICK
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=10),
        lambda inner: (
            st.lists(inner, max_size=4)
            | st.dictionaries(
                st.sampled_from(["name", "start", "nodes", "kind", "next", "play", "menu", "a"]),
                inner,
                max_size=5,
            )
        ),
        max_leaves=20,
    )
)
def test_any_document_is_a_flow_or_is_refused_in_words(document: object) -> None:
    messages = ["fine"]
    try:
        parse_flow(document)
    except FlowError as error:
        messages = error.messages
    assert messages
    assert all("\n" not in message for message in messages)
