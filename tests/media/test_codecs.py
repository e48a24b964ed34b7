"""The codec table agrees with RFC 3551."""

import pytest

from media.codecs import Codec

TABLE_4 = [(Codec.PCMU, "PCMU", 0), (Codec.PCMA, "PCMA", 8)]


@pytest.mark.parametrize(("codec", "name", "number"), TABLE_4)
def test_a_codec_has_the_name_and_number_of_rfc_3551(codec: Codec, name: str, number: int) -> None:
    assert (codec.encoding_name, codec.payload_type, codec.clock_rate) == (name, number, 8_000)
    assert Codec(name) is codec


def test_the_table_lists_every_codec() -> None:
    assert {codec for codec, _, _ in TABLE_4} == set(Codec)


def test_a_codec_we_do_not_speak_has_no_entry() -> None:
    with pytest.raises(ValueError, match="G729"):
        Codec("G729")
