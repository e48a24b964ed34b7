"""The STUN and TURN servers that browsers are told of, and what lets them use a TURN server.

TURN servers such as coturn (`use-auth-secret`) know a secret that we know as well. A browser gets a
name that says until when it is good, and as password the secret's signature below that name.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from config.settings import IceSettings


@dataclass(frozen=True, slots=True)
class IceServer:
    urls: tuple[str, ...]
    username: str | None = None
    credential: str | None = field(default=None, repr=False)


class IceServers:
    def __init__(
        self,
        settings: IceSettings,
        *,
        utcnow: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._settings = settings
        self._utcnow = utcnow

    def offered_to(self, name: str) -> list[IceServer]:
        """For a browser now. `name` goes into the TURN server's log: an id, nobody's name."""
        found = []
        if self._settings.stun:
            found.append(IceServer(self._settings.stun))
        secret = self._settings.turn_secret
        if self._settings.turn and secret is not None:
            until = self._utcnow() + timedelta(seconds=self._settings.turn_seconds)
            username = f"{int(until.timestamp())}:{name}"
            key = secret.get_secret_value().encode()
            # SHA-1 is what TURN servers expect here.
            signature = hmac.digest(key, username.encode(), hashlib.sha1)
            credential = base64.b64encode(signature).decode()
            found.append(IceServer(self._settings.turn, username, credential))
        return found
