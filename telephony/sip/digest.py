"""Digest authentication with MD5 and SHA-256, as server and as client (RFC 7616, RFC 8760)."""

import hashlib
import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum, auto

from telephony.sip.uri import BadUri, SipUri, split_quoted

ALGORITHMS = ("SHA-256", "MD5")
"""Best first: a client takes the first one it knows."""

_HASHES = {"MD5": hashlib.md5, "SHA-256": hashlib.sha256}
_MOST_NONCES = 20_000
_MAX_LENGTH = 4_096


class Outcome(Enum):
    OK = auto()
    MISSING = auto()
    """No credentials for our realm, or ones that cannot be read."""
    WRONG = auto()
    """Unknown user or wrong password: nobody outside learns which."""
    STALE = auto()
    """Right in form, but the nonce is too old, not ours, or was used before."""


@dataclass(frozen=True, slots=True)
class Verdict:
    outcome: Outcome
    user: str = ""
    """The name that was claimed; believe it only if the outcome is OK."""


Ha1Lookup = Callable[[str, str], str | None]
"""(user, algorithm) -> the stored hash in hex, or None for an unknown user."""


def ha1(user: str, realm: str, password: str, algorithm: str) -> str:
    """The hash of user, realm and password that is stored instead of the password, in hex."""
    return _digest(algorithm, f"{user}:{realm}:{password}")


class DigestChallenger:
    """Challenges and checks for one realm.

    A nonce carries its time and a signature over time, source and realm, so that challenging
    costs no memory; only nonces in use are remembered, for their counters.
    """

    def __init__(
        self,
        realm: str,
        key: bytes,
        *,
        nonce_seconds: float,
        algorithms: tuple[str, ...] = ALGORITHMS,
    ) -> None:
        """`algorithms` are offered in this order; an answer may use any that we know."""
        self._algorithms = algorithms
        self._realm = realm
        self._key = key
        self._nonce_seconds = nonce_seconds
        self._counts: OrderedDict[str, int] = OrderedDict()

    def challenge(
        self, *, now: float, random: bytes, source: str, stale: bool = False
    ) -> list[str]:
        """Values of WWW-Authenticate, one for each algorithm. `source` is the client's address."""
        nonce = self._nonce(now, random, source)
        suffix = ", stale=TRUE" if stale else ""
        return [
            f'Digest realm="{self._realm}", nonce="{nonce}", algorithm={algorithm}, '
            f'qop="auth"{suffix}'
            for algorithm in self._algorithms
        ]

    def verify(
        self, authorization: str | None, method: str, ha1_of: Ha1Lookup, *, now: float, source: str
    ) -> Verdict:
        """Check the value of an Authorization field of a request with `method`.

        The same work is done for an unknown user as for a wrong password.
        """
        fields = parse_challenge(authorization or "")
        if fields is None or fields.get("realm") != self._realm:
            return Verdict(Outcome.MISSING)
        user, uri = fields.get("username", ""), fields.get("uri", "")
        algorithm = fields.get("algorithm", "MD5").upper()
        count, cnonce = _nonce_count(fields.get("nc", "")), fields.get("cnonce", "")
        # RFC 2069 clients send no qop; their answers could be replayed for ever.
        if algorithm not in _HASHES or fields.get("qop") != "auth" or not count or not cnonce:
            return Verdict(Outcome.MISSING)
        known = ha1_of(user, algorithm)
        secret = known if known is not None else _digest(algorithm, "nobody")
        expected = _response(algorithm, secret, fields, method, uri)
        given = fields.get("response", "").lower()
        matches = hmac.compare_digest(expected.encode(), given.encode("utf-8", "replace"))
        if known is None or not matches:
            return Verdict(Outcome.WRONG, user)
        nonce = fields.get("nonce", "")
        if not self._is_fresh(nonce, now, source) or not self._count(nonce, count):
            return Verdict(Outcome.STALE, user)
        return Verdict(Outcome.OK, user)

    def _nonce(self, now: float, random: bytes, source: str) -> str:
        stamp = int(now).to_bytes(8, "big") + random[:8].ljust(8, b"\0")
        return urlsafe_b64encode(stamp + self._signature(stamp, source)).decode().rstrip("=")

    def _signature(self, stamp: bytes, source: str) -> bytes:
        text = stamp + source.encode() + b"\0" + self._realm.encode()
        return hmac.digest(self._key, text, "sha256")[:16]

    def _is_fresh(self, nonce: str, now: float, source: str) -> bool:
        try:
            raw = urlsafe_b64decode(nonce + "=" * (-len(nonce) % 4))
        except ValueError:
            return False
        stamp, signature = raw[:16], raw[16:]
        if len(stamp) < 16 or not hmac.compare_digest(self._signature(stamp, source), signature):
            return False
        return 0 <= now - int.from_bytes(stamp[:8], "big") <= self._nonce_seconds

    def _count(self, nonce: str, count: int) -> bool:
        """Whether the counter moved on; a repeated or smaller one is a replay."""
        last = self._counts.pop(nonce, 0)
        self._counts[nonce] = max(count, last)
        while len(self._counts) > _MOST_NONCES:
            self._counts.popitem(last=False)
        return count > last


def answer_challenge(
    challenges: list[str],
    *,
    method: str,
    uri: str,
    username: str,
    password: str,
    cnonce: str,
    realm: str | None = None,
) -> str | None:
    """The value of Authorization that answers the best of `challenges`.

    None when none of them is a digest we know, or is for `realm` where one is given.
    """
    best: tuple[int, Mapping[str, str]] | None = None
    for challenge in challenges:
        fields = parse_challenge(challenge)
        if fields is None or (realm is not None and fields.get("realm") != realm):
            continue
        algorithm = fields.get("algorithm", "MD5").upper()
        if algorithm in ALGORITHMS:
            rank = ALGORITHMS.index(algorithm)
            if best is None or rank < best[0]:
                best = rank, fields
    if best is None:
        return None
    rank, offered = best
    algorithm = ALGORITHMS[rank]
    fields = {
        "username": username,
        "realm": offered.get("realm", ""),
        "nonce": offered.get("nonce", ""),
        "uri": uri,
    }
    choices = [option.strip() for option in offered.get("qop", "").split(",")]
    if "auth" in choices:
        fields |= {"qop": "auth", "nc": "00000001", "cnonce": cnonce}
    secret = ha1(username, fields["realm"], password, algorithm)
    fields["response"] = _response(algorithm, secret, fields, method, uri)
    if "opaque" in offered:
        fields["opaque"] = offered["opaque"]
    quoted = ", ".join(
        f"{name}={value}" if name in ("qop", "nc") else f'{name}="{_quote(value)}"'
        for name, value in fields.items()
    )
    return f"Digest {quoted}, algorithm={algorithm}"


def parse_challenge(text: str) -> dict[str, str] | None:
    """The fields of a Digest challenge or answer; None for other schemes and for nonsense."""
    scheme, _, rest = text.strip().partition(" ")
    if scheme.lower() != "digest" or len(text) > _MAX_LENGTH:
        return None
    fields: dict[str, str] = {}
    for item in split_quoted(rest, ","):
        name, equals, value = item.partition("=")
        name, value = name.strip().lower(), value.strip()
        if not equals or name in fields:
            return None
        if len(value) >= 2 and value[0] == value[-1] == '"':
            value = value[1:-1].replace('\\"', '"').replace("\\\\", "\\")
        fields[name] = value
    return fields


def uri_matches(authorization: str, request_uri: SipUri) -> bool:
    """Whether the credentials were made for this Request-URI (RFC 7616 section 3.4.6)."""
    fields = parse_challenge(authorization)
    if fields is None:
        return False
    try:
        claimed = SipUri.parse(fields.get("uri", ""))
    except BadUri:
        return False
    # Clients differ in which parameters they repeat; host and user are what must not change.
    return (claimed.user, claimed.host.lower()) == (request_uri.user, request_uri.host.lower())


def _response(algorithm: str, secret: str, fields: Mapping[str, str], method: str, uri: str) -> str:
    ha2 = _digest(algorithm, f"{method}:{uri}")
    nonce = fields.get("nonce", "")
    if fields.get("qop") != "auth":
        return _digest(algorithm, f"{secret}:{nonce}:{ha2}")
    middle = f"{fields.get('nc', '')}:{fields.get('cnonce', '')}:auth"
    return _digest(algorithm, f"{secret}:{nonce}:{middle}:{ha2}")


def _digest(algorithm: str, text: str) -> str:
    return _HASHES[algorithm](text.encode("utf-8", "replace")).hexdigest()


def _nonce_count(text: str) -> int:
    """The counter as a number; 0 when it is not eight hexadecimal digits."""
    if len(text) != 8 or not all(c in "0123456789abcdefABCDEF" for c in text):
        return 0
    return int(text, 16)


def _quote(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
