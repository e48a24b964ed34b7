"""What an installation can set: one frozen model per package under one root.

`config.sources` reads them; a constructor takes its own piece, never the whole tree.
Every listening address defaults to loopback: opening a port to a network is a decision.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from pathlib import Path
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)

Port = Annotated[int, Field(ge=0, le=65_535)]
"""A TCP or UDP port; 0 lets the system choose a free one."""


def _address(given: object) -> object:
    # A number would be taken for an address, and what a wrong text gets told names IPv4 only.
    if isinstance(given, str):
        try:
            return ip_address(given)
        except ValueError:
            pass
    elif isinstance(given, IPv4Address | IPv6Address):
        return given
    raise ValueError("must be an IP address such as 127.0.0.1, 0.0.0.0 or ::1, not a name")


def _named(given: object) -> object:
    # An empty path would be the directory the server happens to be started in.
    if given == "" or (isinstance(given, str) and "\x00" in given):
        raise ValueError("must be a path")
    return given


def _postgres_url(url: SecretStr) -> SecretStr:
    if not url.get_secret_value().startswith(("postgresql://", "postgres://")):
        raise ValueError("must be a URL such as postgresql://owner:password@host/name")
    return url


Host = Annotated[IPv4Address | IPv6Address, BeforeValidator(_address)]
Folder = Annotated[Path, BeforeValidator(_named)]
Network = IPv4Network | IPv6Network


_HOST_AND_PORT = r"([A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?"
_STUN = rf"^stuns?:{_HOST_AND_PORT}$"
_TURN = rf"^turns?:{_HOST_AND_PORT}(\?transport=(udp|tcp))?$"
_ORIGIN = r"^https?://[A-Za-z0-9.-]+(:[0-9]{1,5})?$"


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    @field_validator("*", mode="before")
    @classmethod
    def _no_truth_for_a_number(cls, given: object, info: ValidationInfo) -> object:
        """`port = true` is a mistake, not port 1."""
        name = info.field_name or ""
        if isinstance(given, bool) and cls.model_fields[name].annotation in (int, float):
            raise ValueError("must be a number, not true or false")
        return given


class SipSettings(Section):
    host: Host = IPv4Address("127.0.0.1")
    udp_port: Port = 5060
    tcp_port: Port = 5060
    ws_port: Port = 5066
    """SIP over WebSocket, for browsers."""
    ws_url: str | None = Field(
        default=None, pattern=r"^wss?://[A-Za-z0-9.:\[\]-]+(/[A-Za-z0-9._/-]*)?$"
    )
    """Where browsers reach that port, if not directly: `wss://phones.example/sip` of a proxy."""
    ws_origins: tuple[Annotated[str, Field(pattern=_ORIGIN)], ...] = ()
    """Pages of other web servers whose browsers may connect, such as `https://crm.example`."""
    realm: str = Field(default="murima", min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.-]+$")
    """Digest realm; a phone's stored password hash depends on it."""
    digest_algorithms: tuple[Literal["SHA-256", "MD5"], ...] = Field(("MD5",), min_length=1)
    """Offered to phones, best first. Many phones give up when a challenge they do not know stands
    beside one they do (RFC 8760 came late), so SHA-256 is for those who know their phones."""
    nonce_seconds: int = Field(default=60, ge=5, le=3_600)
    registration_min_seconds: int = Field(default=30, ge=1, le=3_600)
    registration_max_seconds: int = Field(default=3_600, ge=60, le=86_400)
    max_contacts: int = Field(default=5, ge=1, le=50)
    """Contacts one phone user may have registered at a time."""
    max_calls: int = Field(default=1_000, ge=1, le=20_000)
    """Calls at the same time; one more gets 503 with Retry-After."""
    max_transactions: int = Field(default=20_000, ge=100, le=1_000_000)
    max_tcp_connections: int = Field(default=1_000, ge=1, le=100_000)
    max_tcp_connections_per_source: int = Field(default=200, ge=1, le=100_000)
    trace: bool = False
    """Write every SIP message to the log (passwords and nonces removed)."""

    @model_validator(mode="after")
    def _in_order(self) -> "SipSettings":
        if self.registration_min_seconds > self.registration_max_seconds:
            raise ValueError(
                "registration_min_seconds must not be more than registration_max_seconds"
            )
        if len(set(self.digest_algorithms)) < len(self.digest_algorithms):
            raise ValueError("digest_algorithms must name each one once")
        return self


class TrunkSettings(Section):
    """How trunks are watched, and how we register with those that want it."""

    ping_seconds: float = Field(default=30.0, ge=1, le=3_600)
    """Between two pings of a trunk that answers."""
    retry_most_seconds: float = Field(default=120.0, ge=1, le=3_600)
    """The longest pause before a trunk that is down, or refuses to register us, is tried again."""
    registration_seconds: int = Field(default=600, ge=10, le=86_400)
    """What we ask for; the trunk may grant less, or demand more."""


class MediaSettings(Section):
    host: Host = IPv4Address("127.0.0.1")
    public_host: Host | None = None
    """Where browsers outside reach `host`, if a NAT translates it one to one, ports and all."""
    rtp_port_min: int = Field(default=30_000, ge=1_024, le=65_000)
    rtp_port_max: int = Field(default=39_999, ge=1_025, le=65_535)
    shards: int = Field(default=0, ge=0, le=64)
    """Media threads; 0 means one fewer than the cores, at least one."""
    max_legs: int = Field(default=3_000, ge=2, le=100_000)
    """Legs per shard at which admission control refuses more."""
    rtp_timeout_seconds: int = Field(default=60, ge=5, le=3_600)
    """Silence on the wire after which a leg that should receive is given up."""
    recording_min_free_mb: int = Field(default=200, ge=0, le=1_000_000)
    """Free disk space below which recording stops with an alarm, not the call."""
    voice: str = Field(default="en-gb", pattern=r"^[A-Za-z][\w+-]{0,39}$")
    """Voice of espeak-ng for spoken prompts."""
    music_folder: Folder | None = None
    """Folder of WAV files played to waiting callers; the built-in music when unset."""

    @model_validator(mode="after")
    def _ports_in_order(self) -> "MediaSettings":
        if self.rtp_port_max - self.rtp_port_min < 3:
            raise ValueError("rtp_port_max must be at least rtp_port_min + 3")
        return self


class IceSettings(Section):
    """Servers that help browsers behind a NAT or firewall to reach this one."""

    stun: tuple[Annotated[str, Field(pattern=_STUN)], ...] = Field((), max_length=4)
    turn: tuple[Annotated[str, Field(pattern=_TURN)], ...] = Field((), max_length=4)
    turn_secret: SecretStr | None = Field(default=None, min_length=8)
    """What the TURN servers know as well (coturn: `static-auth-secret`); browsers never see it."""
    turn_seconds: int = Field(default=43_200, ge=7_200, le=7 * 86_400)
    """How long what a browser gets instead of it is good; longer than the longest call."""

    @model_validator(mode="after")
    def _turn_has_a_secret(self) -> "IceSettings":
        if bool(self.turn) is not (self.turn_secret is not None):
            missing = "turn" if self.turn_secret else "turn_secret"
            raise ValueError(f"turn and turn_secret belong together: {missing} is not set")
        return self


class HttpSettings(Section):
    host: Host = IPv4Address("127.0.0.1")
    port: Port = 8080
    access_token_seconds: int = Field(default=900, ge=60, le=86_400)
    refresh_token_seconds: int = Field(default=30 * 86_400, ge=3_600, le=365 * 86_400)


class TlsSettings(Section):
    """Encryption by the server itself, of the HTTP port and of SIP over WebSocket alike."""

    certificate: Folder | None = None
    """PEM file: the certificate, and after it those that lead to a known authority."""
    key: Folder | None = None
    """PEM file: its private key, without a password."""

    @model_validator(mode="after")
    def _together(self) -> "TlsSettings":
        if (self.certificate is None) is not (self.key is None):
            missing = "certificate" if self.certificate is None else "key"
            raise ValueError(f"certificate and key belong together: {missing} is not set")
        return self

    @property
    def is_on(self) -> bool:
        return self.certificate is not None


class DatabaseSettings(Section):
    url: Annotated[SecretStr, AfterValidator(_postgres_url)] | None = None
    """A PostgreSQL 15+ of your own, `postgresql://owner:password@host/name`; embedded if unset."""
    pool_size: int = Field(default=8, ge=2, le=100)


class DemoSettings(Section):
    enabled: bool = True
    password: SecretStr | None = Field(default=None, min_length=6)
    """One password for every demo user and phone; random ones when unset."""


class LogSettings(Section):
    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["text", "json"] = "text"


class Settings(Section):
    data_dir: Folder = Path("data")
    shutdown_grace_seconds: float = Field(default=10.0, ge=0, le=3_600)
    """How long calls may go on after SIGTERM before they are hung up."""
    sip: SipSettings = SipSettings()
    trunks: TrunkSettings = TrunkSettings()
    media: MediaSettings = MediaSettings()
    http: HttpSettings = HttpSettings()
    tls: TlsSettings = TlsSettings()
    ice: IceSettings = IceSettings()
    database: DatabaseSettings = DatabaseSettings()
    demo: DemoSettings = DemoSettings()
    log: LogSettings = LogSettings()
