import pytest

from telephony.sip.offer_answer import Negotiated, NoCommonCodec, OfferAnswer
from telephony.sip.sdp import BadSdp, parse_sdp


def sdp(*lines: str, version: int = 1, host: str = "192.0.2.1") -> bytes:
    head = ["v=0", f"o=- 1 {version} IN IP4 {host}", "s=-", f"c=IN IP4 {host}", "t=0 0"]
    return "\r\n".join([*head, *lines, ""]).encode()


OFFER = sdp("m=audio 4000 RTP/AVP 8 0 101", "a=rtpmap:101 telephone-event/8000", "a=ptime:30")


def leg() -> OfferAnswer:
    return OfferAnswer("127.0.0.1", 30_000, session_id=77)


def lines_of(data: bytes) -> list[str]:
    return data.decode().split("\r\n")


def answered(*lines: str) -> tuple[list[str], Negotiated]:
    answer, agreed = leg().receive_offer(sdp(*lines))
    return lines_of(answer), agreed


def test_answer_keeps_the_offerers_order_and_payload_types() -> None:
    answer, agreed = leg().receive_offer(OFFER)
    assert "m=audio 30000 RTP/AVP 8 0 101" in lines_of(answer)
    assert agreed == Negotiated(
        remote_address=("192.0.2.1", 4_000),
        codec_name="PCMA",
        send_payload_type=8,
        receive_payload_types={8: "PCMA", 0: "PCMU"},
        dtmf_send_payload_type=101,
        dtmf_receive_payload_type=101,
        ptime_ms=30,
        direction="sendrecv",
        remote_held=False,
    )


def test_codec_under_a_dynamic_payload_type_is_answered_under_it() -> None:
    answer, agreed = answered("m=audio 4000 RTP/AVP 96 97", "a=rtpmap:97 pcmu/8000")
    assert "m=audio 30000 RTP/AVP 97" in answer
    assert (agreed.codec_name, agreed.send_payload_type) == ("PCMU", 97)
    assert agreed.dtmf_send_payload_type is None


def test_every_offered_medium_is_answered_in_its_place() -> None:
    answer, _ = answered(
        "m=video 5000 RTP/AVP 96",
        "m=audio 0 RTP/AVP 0",
        "m=audio 4000 RTP/AVP 0",
        "m=image 6000 udptl t38",
    )
    assert [line for line in answer if line.startswith("m=")] == [
        "m=video 0 RTP/AVP 96",
        "m=audio 0 RTP/AVP 0",
        "m=audio 30000 RTP/AVP 0",
        "m=image 0 UDPTL t38",
    ]


@pytest.mark.parametrize(
    ("line", "ours", "held"),
    [
        ("a=sendrecv", "sendrecv", False),
        ("a=sendonly", "recvonly", True),
        ("a=recvonly", "sendonly", False),
        ("a=inactive", "inactive", True),
    ],
)
def test_each_direction_is_mirrored(line: str, ours: str, held: bool) -> None:
    answer, agreed = answered("m=audio 4000 RTP/AVP 0", line)
    assert (agreed.direction, agreed.remote_held) == (ours, held)
    assert f"a={ours}" in answer


def test_direction_of_the_session_holds_for_its_media() -> None:
    _, agreed = answered("a=sendonly", "m=audio 4000 RTP/AVP 0")
    assert agreed.direction == "recvonly"


def test_old_form_of_hold_is_hold_and_is_never_sent_to() -> None:
    answer, agreed = leg().receive_offer(sdp("m=audio 4000 RTP/AVP 0", host="0.0.0.0"))
    assert agreed.remote_held
    assert agreed.remote_address is None
    assert agreed.direction == "recvonly"
    assert "c=IN IP4 127.0.0.1" in lines_of(answer)


def test_version_moves_only_with_the_description() -> None:
    def version(data: bytes) -> int:
        return parse_sdp(data).version

    ours = leg()
    first, _ = ours.receive_offer(OFFER)
    repeated, _ = ours.receive_offer(OFFER)
    held, _ = ours.receive_offer(OFFER + b"a=sendonly\r\n")
    assert (version(first), version(repeated), version(held)) == (1, 1, 2)


def test_late_offer_names_everything_and_takes_one_answer() -> None:
    ours = leg()
    offer = ours.make_offer()
    assert "m=audio 30000 RTP/AVP 0 8 101" in lines_of(offer)
    agreed = ours.receive_answer(
        sdp("m=audio 4000 RTP/AVP 8 102", "a=rtpmap:102 telephone-event/8000")
    )
    assert (agreed.codec_name, agreed.send_payload_type) == ("PCMA", 8)
    assert (agreed.dtmf_send_payload_type, agreed.dtmf_receive_payload_type) == (102, 101)
    assert agreed.receive_payload_types == {0: "PCMU", 8: "PCMA"}


def test_our_own_hold_and_resume() -> None:
    ours = leg()
    ours.receive_offer(OFFER)
    assert "a=sendonly" in lines_of(ours.make_offer(direction="sendonly"))
    assert ours.receive_answer(sdp("m=audio 4000 RTP/AVP 8", "a=recvonly")).direction == "sendonly"
    _, meanwhile = ours.receive_offer(OFFER)
    assert meanwhile.direction == "sendonly", "a re-INVITE of the peer does not end our hold"
    ours.make_offer()
    assert ours.receive_answer(sdp("m=audio 4000 RTP/AVP 8")).direction == "sendrecv"


def test_both_hold() -> None:
    ours = leg()
    ours.make_offer(direction="inactive")
    assert ours.receive_answer(sdp("m=audio 4000 RTP/AVP 8", "a=inactive")).direction == "inactive"
    ours.make_offer(direction="sendonly")
    assert ours.receive_answer(sdp("m=audio 4000 RTP/AVP 8", "a=inactive")).direction == "inactive"
    _, agreed = ours.receive_offer(OFFER + b"a=sendonly\r\n")
    assert agreed.direction == "inactive"


@pytest.mark.parametrize(
    "lines",
    [
        (),
        ("m=audio 0 RTP/AVP 0",),
        ("m=audio 4000 RTP/AVP 3 18",),
        ("m=audio 4000 RTP/SAVP 0",),
        ("m=video 4000 RTP/AVP 96",),
        ("m=audio 4000 RTP/AVP 96", "a=rtpmap:96 PCMU/16000"),
    ],
)
def test_nothing_in_common_is_told_and_changes_nothing(lines: tuple[str, ...]) -> None:
    ours = leg()
    with pytest.raises(NoCommonCodec):
        ours.receive_offer(sdp(*lines))
    assert ours.negotiated is None


def test_refused_answer_is_told() -> None:
    for lines in ((), ("m=audio 0 RTP/AVP 0",), ("m=video 4000 RTP/AVP 96",)):
        ours = leg()
        ours.make_offer()
        with pytest.raises(NoCommonCodec):
            ours.receive_answer(sdp(*lines))


@pytest.mark.parametrize(
    ("lines", "ptime"),
    [
        ((), 20),
        (("a=ptime:10",), 10),
        (("a=ptime:45",), 40),
        (("a=ptime:5",), 10),
        (("a=ptime:60", "a=maxptime:40"), 40),
        (("a=ptime:20.0",), 20),
        (("a=ptime:x",), 20),
        (("a=ptime:0",), 20),
    ],
)
def test_packet_time_of_the_peer_is_honoured(lines: tuple[str, ...], ptime: int) -> None:
    _, agreed = answered("m=audio 4000 RTP/AVP 0", *lines)
    assert agreed.ptime_ms == ptime


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"v=1\r\n",
        b"v=0\r\ns=-\r\n",
        b"v=0\r\no=- 1 IN IP4 x\r\n",
        b"v=0\r\no=- 1 -1 IN IP4 x\r\n",
        b"v=0\r\no=- 1 " + "\N{ARABIC-INDIC DIGIT ONE}".encode() + b" IN IP4 x\r\n",
        b"v=0\r\nnonsense\r\n",
        b"\xff\xfe",
        b"v=0\r\n" + b"a=x\r\n" * 5_000,
        sdp("m=audio"),
        sdp("m=audio 99999 RTP/AVP 0"),
        sdp("m=audio 4000 RTP/AVP x"),
        sdp("m=audio 4000 RTP/AVP 200"),
        sdp("m=audio 4000 RTP/AVP " + "0 " * 70),
        sdp(*["m=audio 4000 RTP/AVP 0"] * 17),
        sdp("c=IN IP5 x", "m=audio 4000 RTP/AVP 0"),
        sdp("c=IN IP4 " + "x" * 300),
    ],
)
def test_what_is_no_description_is_refused(data: bytes) -> None:
    with pytest.raises(BadSdp):
        parse_sdp(data)


def test_lines_nobody_needs_are_passed_over() -> None:
    parsed = parse_sdp(
        sdp(
            "b=AS:64",
            "m=audio 4000/2 RTP/AVP 0 101",
            "i=title",
            "c=IN IP6 2001:db8::1",
            "a=rtpmap:x PCMU/8000",
            "a=rtpmap:101 telephone-event/eight",
            "a=fmtp:101 0-16",
            "",
        )
    )
    [media] = parsed.media
    assert (media.port, media.host) == (4_000, "2001:db8::1")
    assert [f.name for f in media.mapped] == ["PCMU", ""]
    assert media.mapped[1].parameters == "0-16"


def test_address_of_the_sixth_version_is_described() -> None:
    assert "c=IN IP6 ::1" in lines_of(OfferAnswer("::1", 30_000, session_id=1).make_offer())
