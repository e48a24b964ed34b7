"""The codec table agrees with RFC 3551, and RFC 7587 for Opus."""

import pytest

from media.codecs import Codec

TABLE = [
    (Codec.PCMU, "PCMU", 0, 8_000),
    (Codec.PCMA, "PCMA", 8, 8_000),
    (Codec.OPUS, "OPUS", 111, 48_000),
]


@pytest.mark.parametrize(("codec", "name", "number", "clock"), TABLE)
def test_a_codec_has_its_name_number_and_clock(
    codec: Codec, name: str, number: int, clock: int
) -> None:
    assert (codec.encoding_name, codec.payload_type, codec.clock_rate) == (name, number, clock)
    assert Codec(name) is codec


def test_the_table_lists_every_codec() -> None:
    assert {codec for codec, *_ in TABLE} == set(Codec)


def test_a_codec_we_do_not_speak_has_no_entry() -> None:
    with pytest.raises(ValueError, match="G729"):
        Codec("G729")
