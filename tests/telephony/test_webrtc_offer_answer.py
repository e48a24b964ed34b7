"""Descriptions of WebRTC legs: what Chromium offers, what we answer, and what is not enough."""

from collections.abc import Callable
from dataclasses import replace
from itertools import count

import pytest

from telephony.sip.offer_answer import NARROW, WIDE, BadSdp, NoCommonCodec
from telephony.webrtc.offer_answer import WebRtcOfferAnswer
from telephony.webrtc.parameters import Fingerprint, IceCredentials, LocalTransport
from tests.support.browser_sdp import CHROMIUM_OFFER, PAIRS

OURS = ":".join(["0A"] * 32)


def offer(*changes: tuple[str, str]) -> bytes:
    text = CHROMIUM_OFFER
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text.replace("\n", "\r\n").encode()


def without(name: str) -> bytes:
    lines = [
        line
        for line in CHROMIUM_OFFER.splitlines(keepends=True)
        if not line.startswith(f"a={name}")
    ]
    return "".join(lines).replace("\n", "\r\n").encode()


def answer_of(leg: WebRtcOfferAnswer, *changes: tuple[str, str]) -> bytes:
    """A browser's to our offer."""
    lines = leg.make_offer().decode()
    for old, new in [
        ("a=setup:actpass", "a=setup:active"),
        ("a=ice-lite\r\n", ""),
        (OURS, PAIRS),
        *changes,
    ]:
        assert old in lines
        lines = lines.replace(old, new)
    return lines.encode()


@pytest.fixture
def leg() -> WebRtcOfferAnswer:
    return made(NARROW)


@pytest.fixture
def wide() -> WebRtcOfferAnswer:
    """One that may speak Opus."""
    return made(WIDE)


def made(codecs: tuple[str, ...]) -> WebRtcOfferAnswer:
    numbers = count(1)
    local = LocalTransport(
        IceCredentials("ufr0", "pwd0-of-22-letters-and-more".replace("-", "/")),
        Fingerprint("sha-256", OURS),
        ("203.0.113.5", 30_000),
    )
    return WebRtcOfferAnswer(
        local,
        session_id=77,
        new_credentials=lambda: IceCredentials(f"ufr{next(numbers)}", "x" * 22),
        codecs=codecs,
    )


def lines_of(data: bytes) -> list[str]:
    return data.decode().split("\r\n")


def test_the_offer_of_chromium_is_answered(leg: WebRtcOfferAnswer) -> None:
    answer, agreed = leg.receive_offer(offer())
    assert lines_of(answer) == [
        "v=0",
        "o=- 77 1 IN IP4 203.0.113.5",
        "s=-",
        "c=IN IP4 203.0.113.5",
        "t=0 0",
        "a=group:BUNDLE 0",
        "a=ice-lite",
        "a=msid-semantic:WMS *",
        "m=audio 30000 UDP/TLS/RTP/SAVPF 0 8 126",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:126 telephone-event/8000",
        "a=fmtp:126 0-15",
        "a=ptime:20",
        "a=sendrecv",
        "a=mid:0",
        "a=rtcp-mux",
        "a=msid:murima audio",
        "a=ice-ufrag:ufr0",
        "a=ice-pwd:pwd0/of/22/letters/and/more",
        f"a=fingerprint:sha-256 {OURS}",
        "a=setup:passive",
        "a=candidate:1 1 udp 2130706431 203.0.113.5 30000 typ host",
        "a=end-of-candidates",
        "",
    ]
    assert agreed.codec_name == "PCMU"
    assert agreed.dtmf_send_payload_type == agreed.dtmf_receive_payload_type == 126
    assert agreed.remote_address is None
    assert agreed.direction == "sendrecv"
    assert leg.remote is not None
    assert leg.remote.credentials == IceCredentials("c3gT", "xWwY6So5mjU8aPktiFR68523")
    assert leg.remote.fingerprints == (Fingerprint("sha-256", PAIRS),)


def test_an_address_behind_a_nat_is_a_second_candidate(leg: WebRtcOfferAnswer) -> None:
    leg.local = replace(leg.local, address=("10.0.0.5", 30_000), public_host="203.0.113.5")
    for lines in (lines_of(leg.make_offer()), lines_of(leg.receive_offer(offer())[0])):
        assert [line for line in lines if line.startswith("a=candidate")] == [
            "a=candidate:1 1 udp 2130706431 10.0.0.5 30000 typ host",
            "a=candidate:2 1 udp 2130706175 203.0.113.5 30000 typ host",
        ]


def test_an_address_of_nothing_is_no_hold(leg: WebRtcOfferAnswer) -> None:
    _, agreed = leg.receive_offer(
        offer(("c=IN IP4 192.0.2.2", "c=IN IP4 0.0.0.0"), ("audio 34149", "audio 9"))
    )
    assert agreed.direction == "sendrecv"
    assert not agreed.remote_held


@pytest.mark.parametrize(
    ("theirs", "ours", "held"),
    [
        ("sendonly", "recvonly", True),
        ("recvonly", "sendonly", False),
        ("inactive", "inactive", True),
    ],
)
def test_hold_is_a_direction(leg: WebRtcOfferAnswer, theirs: str, ours: str, held: bool) -> None:
    leg.receive_offer(offer())
    answer, agreed = leg.receive_offer(offer(("a=sendrecv", f"a={theirs}")))
    assert f"a={ours}" in lines_of(answer)
    assert agreed.remote_held is held
    assert "a=ice-ufrag:ufr0" in lines_of(answer)
    assert "a=setup:passive" in lines_of(answer)


def test_our_offer_lets_the_browser_be_active_and_keeps_the_types(leg: WebRtcOfferAnswer) -> None:
    agreed = leg.receive_answer(answer_of(leg))
    assert agreed.codec_name == "PCMU"
    assert agreed.dtmf_send_payload_type == 101
    leg.receive_offer(offer())
    lines = lines_of(leg.make_offer(direction="sendonly"))
    assert "m=audio 30000 UDP/TLS/RTP/SAVPF 0 8 126" in lines
    assert "a=setup:actpass" in lines
    assert "a=sendonly" in lines


def test_a_restart_gets_new_credentials_and_nothing_else_does(leg: WebRtcOfferAnswer) -> None:
    leg.receive_offer(offer())
    leg.receive_offer(offer())
    assert leg.local.credentials.ufrag == "ufr0"
    answer, _ = leg.receive_offer(offer(("c3gT", "d4hU"), ("xWwY6So5", "yXxZ7Tp6")))
    assert leg.local.credentials.ufrag == "ufr1"
    assert "a=ice-ufrag:ufr1" in lines_of(answer)
    assert leg.remote is not None
    assert leg.remote.credentials.ufrag == "d4hU"
    assert "a=ice-ufrag:ufr1" in lines_of(leg.make_offer())


def test_a_refused_change_leaves_everything_as_it_was(leg: WebRtcOfferAnswer) -> None:
    leg.receive_offer(offer())
    before = leg.local, leg.remote, leg.negotiated
    with pytest.raises(NoCommonCodec):
        leg.receive_offer(offer(("c3gT", "d4hU"), (" 0 8 13 110 126", "")))
    assert (leg.local, leg.remote, leg.negotiated) == before


VIDEO_FIRST = (
    ("BUNDLE 0", "BUNDLE v 0"),
    (
        "m=audio 34149",
        "m=video 34149 UDP/TLS/RTP/SAVPF 96\na=rtpmap:96 VP8/90000\na=mid:v\na=rtcp-mux\n"
        f"a=ice-ufrag:c3gT\na=ice-pwd:xWwY6So5mjU8aPktiFR68523\na=fingerprint:sha-256 {PAIRS}\n"
        "a=setup:actpass\nm=audio 34149",
    ),
)


def test_video_is_refused_and_keeps_its_place(leg: WebRtcOfferAnswer) -> None:
    answer, _ = leg.receive_offer(offer(*VIDEO_FIRST))
    lines = lines_of(answer)
    assert [line for line in lines if line.startswith("m=")] == [
        "m=video 0 UDP/TLS/RTP/SAVPF 96",
        "m=audio 30000 UDP/TLS/RTP/SAVPF 0 8 126",
    ]
    assert "a=mid:v" in lines
    assert "a=group:BUNDLE 0" in lines
    again = lines_of(leg.make_offer())
    assert [line.split()[0] for line in again if line.startswith("m=")] == ["m=video", "m=audio"]
    agreed = leg.receive_answer(answer_of(leg))
    assert agreed.codec_name == "PCMU"


def test_the_first_of_a_bundle_may_speak_for_all(leg: WebRtcOfferAnswer) -> None:
    own = (
        "a=ice-ufrag:c3gT\na=ice-pwd:xWwY6So5mjU8aPktiFR68523\na=ice-options:trickle\n"
        f"a=fingerprint:sha-256 {PAIRS}\na=setup:actpass\na=mid:0\n"
    )
    data = offer((own, "a=mid:0\na=bundle-only\n"), *VIDEO_FIRST, ("audio 34149", "audio 0"))
    leg.receive_offer(data)
    assert leg.remote is not None
    assert leg.remote.credentials.ufrag == "c3gT"


def test_without_a_bundle_none_is_answered(leg: WebRtcOfferAnswer) -> None:
    answer, _ = leg.receive_offer(offer(("a=group:BUNDLE 0\n", "")))
    assert not [line for line in lines_of(answer) if line.startswith("a=group")]


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: without("ice-ufrag"), "no ICE credentials"),
        (lambda: without("ice-pwd"), "no ICE credentials"),
        (lambda: without("fingerprint"), "no fingerprint"),
        (lambda: without("rtcp-mux"), "rtcp-mux"),
        (lambda: without("mid"), "no mid"),
        (lambda: offer(("setup:actpass", "setup:passive")), "active part"),
        (lambda: offer(("ufrag:c3gT", "ufrag:c3g")), "damaged"),
        (lambda: offer(("ufrag:c3gT", "ufrag:c3:T")), "damaged"),
        (lambda: offer(("xWwY6So5mjU8aPktiFR68523", "short")), "damaged"),
        (lambda: offer((PAIRS, "nonsense")), "fingerprint is damaged"),
        (lambda: offer(("sha-256", "sha-1")), "no fingerprint"),
        (
            lambda: offer(("a=setup:actpass\n", f"a=fingerprint:sha-256 {PAIRS}\n" * 8)),
            "too many",
        ),
    ],
)
def test_what_is_not_enough_is_refused_in_plain_words(
    leg: WebRtcOfferAnswer, make: Callable[[], bytes], reason: str
) -> None:
    with pytest.raises(BadSdp, match=reason):
        leg.receive_offer(make())
    assert leg.remote is None
    assert leg.negotiated is None


def test_plain_rtp_is_no_offer_for_a_browser_leg(leg: WebRtcOfferAnswer) -> None:
    with pytest.raises(NoCommonCodec):
        leg.receive_offer(offer(("UDP/TLS/RTP/SAVPF", "RTP/AVP")))


def test_another_certificate_in_the_middle_is_refused(leg: WebRtcOfferAnswer) -> None:
    leg.receive_offer(offer())
    with pytest.raises(BadSdp, match="cannot change"):
        leg.receive_offer(offer((PAIRS, OURS)))


@pytest.mark.parametrize("setup", ["actpass", "passive"])
def test_an_answer_that_is_not_active_is_refused(leg: WebRtcOfferAnswer, setup: str) -> None:
    with pytest.raises(BadSdp, match="active part"):
        leg.receive_answer(answer_of(leg, ("setup:active", f"setup:{setup}")))
    assert leg.negotiated is None


def test_refused_audio_is_told(leg: WebRtcOfferAnswer) -> None:
    with pytest.raises(NoCommonCodec):
        leg.receive_answer(answer_of(leg, ("m=audio 30000", "m=audio 0")))


def sound_lines(data: bytes) -> list[str]:
    """The m= line and those that explain its payload types."""
    return [line for line in lines_of(data) if line.startswith(("m=", "a=rtpmap", "a=fmtp"))]


def test_opus_is_chosen_with_keys_of_its_clock_where_both_ends_have_it(
    wide: WebRtcOfferAnswer,
) -> None:
    answer, agreed = wide.receive_offer(offer())
    assert sound_lines(answer) == [
        "m=audio 30000 UDP/TLS/RTP/SAVPF 111 110",
        "a=rtpmap:111 opus/48000/2",
        "a=fmtp:111 useinbandfec=1;stereo=0",
        "a=rtpmap:110 telephone-event/48000",
        "a=fmtp:110 0-15",
    ]
    assert (agreed.codec_name, agreed.send_payload_type) == ("OPUS", 111)
    assert agreed.receive_payload_types == {111: "OPUS"}
    assert agreed.dtmf_send_payload_type == agreed.dtmf_receive_payload_type == 110
    assert agreed.dtmf_clock_rate == 48_000
    assert wide.may_be_wide


def test_opus_is_never_chosen_where_the_other_party_has_g711(leg: WebRtcOfferAnswer) -> None:
    _, agreed = leg.receive_offer(offer())
    assert (agreed.codec_name, agreed.dtmf_clock_rate) == ("PCMU", 8_000)
    assert not leg.may_be_wide
    assert b"opus" not in leg.make_offer()


def test_a_browser_without_opus_gets_g711(wide: WebRtcOfferAnswer) -> None:
    assert wide.may_be_wide, "nothing is agreed yet"
    answer, agreed = wide.receive_offer(offer(("opus/48000/2", "opus/16000")))
    assert (agreed.codec_name, agreed.dtmf_send_payload_type) == ("PCMU", 126)
    assert "m=audio 30000 UDP/TLS/RTP/SAVPF 0 8 126" in lines_of(answer)
    assert not wide.may_be_wide


def test_a_browser_with_keys_of_the_other_clock_only_keeps_them(wide: WebRtcOfferAnswer) -> None:
    _, agreed = wide.receive_offer(offer(("telephone-event/48000", "x/48000")))
    assert agreed.codec_name == "OPUS"
    assert (agreed.dtmf_send_payload_type, agreed.dtmf_clock_rate) == (126, 8_000)


def test_we_offer_opus_first_and_keys_of_both_clocks(wide: WebRtcOfferAnswer) -> None:
    assert sound_lines(wide.make_offer()) == [
        "m=audio 30000 UDP/TLS/RTP/SAVPF 111 0 8 110 101",
        "a=rtpmap:111 opus/48000/2",
        "a=fmtp:111 useinbandfec=1;stereo=0",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:110 telephone-event/48000",
        "a=fmtp:110 0-15",
        "a=rtpmap:101 telephone-event/8000",
        "a=fmtp:101 0-15",
    ]


def test_an_answer_that_takes_all_of_our_offer_speaks_opus(wide: WebRtcOfferAnswer) -> None:
    agreed = wide.receive_answer(answer_of(wide))
    assert (agreed.codec_name, agreed.send_payload_type) == ("OPUS", 111)
    assert agreed.receive_payload_types == {111: "OPUS", 0: "PCMU", 8: "PCMA"}
    assert (agreed.dtmf_receive_payload_type, agreed.dtmf_clock_rate) == (110, 48_000)


def test_an_answer_with_g711_alone_is_heeded(wide: WebRtcOfferAnswer) -> None:
    agreed = wide.receive_answer(answer_of(wide, ("SAVPF 111 0 8 110 101", "SAVPF 8 101")))
    assert (agreed.codec_name, agreed.send_payload_type) == ("PCMA", 8)
    assert (agreed.dtmf_receive_payload_type, agreed.dtmf_clock_rate) == (101, 8_000)


def test_payload_types_of_the_browser_are_kept_in_our_own_offers(wide: WebRtcOfferAnswer) -> None:
    """As Firefox numbers them."""
    firefox = offer(
        ("SAVPF 111 63 9 0 8 13 110 126", "SAVPF 109 9 0 8 101"),
        ("rtpmap:111 opus", "rtpmap:109 opus"),
        ("rtpmap:126 telephone-event/8000", "rtpmap:101 telephone-event/8000"),
    )
    _, agreed = wide.receive_offer(firefox)
    assert (agreed.send_payload_type, agreed.dtmf_send_payload_type) == (109, 101)
    types = sound_lines(wide.make_offer(direction="sendonly"))[0].split()[3:]
    assert types == ["109", "0", "8", "110", "101"]


def test_no_payload_type_means_two_things_in_our_offer(wide: WebRtcOfferAnswer) -> None:
    odd = offer(
        ("SAVPF 111 63 9 0 8 13 110 126", "SAVPF 101 0 8 111"),
        ("rtpmap:111 opus", "rtpmap:101 opus"),
        ("rtpmap:110 telephone-event/48000", "rtpmap:111 telephone-event/48000"),
    )
    wide.receive_offer(odd)
    types = sound_lines(wide.make_offer())[0].split()[3:]
    assert types[:4] == ["101", "0", "8", "111"]
    assert len(set(types)) == 5
