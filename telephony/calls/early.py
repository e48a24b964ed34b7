"""What a caller hears of the called side before it answers: its ringing, or an announcement."""

import logging
from typing import TYPE_CHECKING

from media.errors import MediaError
from telephony.calls.call import Call
from telephony.calls.party import Party

if TYPE_CHECKING:
    from media.engine import MediaBridge
    from telephony.ua.incoming_leg import IncomingLeg

log = logging.getLogger(__name__)


class EarlySound:
    """Joins a caller who waits for an answer with the first place that can be heard."""

    def __init__(self, call: Call, caller: Party, leg: "IncomingLeg", sdp: bytes) -> None:
        """`sdp` is our answer to the caller's offer, told once something is to be heard."""
        self._call = call
        self._caller = caller
        self._leg = leg
        self._sdp = sdp
        self._bridge: MediaBridge | None = None

    def begin(self, other: Party) -> None:
        """Let the caller hear `other`; without effect where somebody is heard already."""
        # Where the caller made no offer, ours would have to be acknowledged first (RFC 3262).
        if self._bridge is not None or self._leg.remote_sdp is None:
            return
        try:
            self._bridge = self._call.context.engine.open_bridge(self._caller.media)
            self._bridge.add(self._caller.media)
            self._bridge.add(other.media)
        except MediaError as error:
            log.warning("early sound cannot be passed on", extra={"error": str(error)})
            return
        self._leg.ring(self._sdp, 183)

    async def end(self) -> None:
        if self._bridge is not None:
            await self._bridge.close()
