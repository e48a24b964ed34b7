"""As much of a TURN server as shows whether a client knows the password; it relays nothing."""

import asyncio
import base64
import hashlib
import hmac

from aioice import stun

from tests.support.rtp_peer import Changing

Address = tuple[str, int]
REALM = "turn.example"
_NONCE = b"a-nonce"


class TurnServer(asyncio.DatagramProtocol, Changing):
    """Judges by the shared secret alone, as the TURN REST practice has it."""

    def __init__(self, secret: str) -> None:
        Changing.__init__(self)
        self.accepted: list[str] = []
        """Names of those that had the right password."""
        self.refused: list[str] = []
        self.host = "127.0.0.1"
        self.port = 0
        self._secret = secret.encode()
        self._transport: asyncio.DatagramTransport | None = None

    @classmethod
    async def open(cls, secret: str) -> "TurnServer":
        made = cls(secret)
        loop = asyncio.get_running_loop()
        made._transport, _ = await loop.create_datagram_endpoint(lambda: made, (made.host, 0))
        made.port = made._transport.get_extra_info("sockname")[1]
        return made

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def datagram_received(self, data: bytes, addr: Address) -> None:
        assert self._transport is not None
        try:
            asked = stun.parse_message(data)
        except ValueError:
            return
        if asked.message_method != stun.Method.ALLOCATE:
            return  # also as a STUN server it is silent
        name = asked.attributes.get("USERNAME")
        if name is None:
            self._transport.sendto(self._challenge(asked), addr)
            return
        signature = hmac.digest(self._secret, name.encode(), hashlib.sha1)
        password = base64.b64encode(signature).decode()
        key = hashlib.md5(f"{name}:{REALM}:{password}".encode(), usedforsecurity=False).digest()
        known = asked.check_message_integrity(key)
        (self.accepted if known else self.refused).append(name)
        self.changed()

    def _challenge(self, asked: stun.Message) -> bytes:
        answer = stun.Message(stun.Method.ALLOCATE, stun.Class.ERROR, asked.transaction_id)
        answer.attributes["ERROR-CODE"] = (401, "Unauthorized")
        answer.attributes["REALM"] = REALM
        answer.attributes["NONCE"] = _NONCE
        return bytes(answer)
