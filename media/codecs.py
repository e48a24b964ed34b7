"""Which audio codecs a leg can speak, under the names and numbers SDP and RTP know them by."""

from enum import Enum


class Codec(Enum):
    """A codec the engine encodes and decodes; the value is its RFC 3551 encoding name.

    `Codec("PCMU")` therefore leads from the name in an SDP to the codec.
    """

    PCMU = "PCMU"
    PCMA = "PCMA"

    @property
    def encoding_name(self) -> str:
        return self.value

    @property
    def payload_type(self) -> int:
        """The static payload type, which a peer may rely on without an `rtpmap` line."""
        return _STATIC_PAYLOAD_TYPES[self]

    @property
    def clock_rate(self) -> int:
        """RTP timestamp units per second."""
        return 8_000


_STATIC_PAYLOAD_TYPES = {Codec.PCMU: 0, Codec.PCMA: 8}
