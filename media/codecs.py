"""Which audio codecs a leg can speak, under the names and numbers SDP and RTP know them by."""

from enum import Enum


class Codec(Enum):
    """A codec the engine encodes and decodes; the value is its encoding name in capitals.

    `Codec("PCMU")` therefore leads from the name in an SDP to the codec.
    """

    PCMU = "PCMU"
    PCMA = "PCMA"
    OPUS = "OPUS"

    @property
    def encoding_name(self) -> str:
        return self.value

    @property
    def payload_type(self) -> int:
        """The one under which we offer it. A peer may rely on those of G.711, which are static,
        without an `rtpmap` line; that of Opus is only one that browsers use, too."""
        return _PAYLOAD_TYPES[self]

    @property
    def clock_rate(self) -> int:
        """RTP timestamp units per second."""
        return 48_000 if self is Codec.OPUS else 8_000


_PAYLOAD_TYPES = {Codec.PCMU: 0, Codec.PCMA: 8, Codec.OPUS: 111}
