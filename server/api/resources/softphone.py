"""What a browser needs to be a phone."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from casecore.permissions import Permission
from server.api.errors import Conflict
from server.api.models import OutModel
from server.api.operation import Operation
from server.auth.accounts import Accounts
from server.auth.principal import Principal
from server.auth.tickets import Tickets
from server.ice_servers import IceServers


@dataclass(frozen=True, slots=True)
class SoftphoneAccess:
    """How phones get in: browsers by ticket, the others by password."""

    tickets: Tickets
    url: Callable[[str], str]
    """Of SIP over WebSocket, for a browser that called us by this Host."""
    domain: Callable[[], str]
    ice_servers: IceServers
    realm: str
    """Part of what is stored of a phone's password."""


class IceServerOut(OutModel):
    """As browsers' RTCPeerConnection takes it."""

    urls: list[str]
    username: str | None
    credential: str | None
    """Of a TURN server: both are made for this user and expire."""


class TicketOut(OutModel):
    ticket: str
    """Goes into the URL as `?ticket=`; the connection then needs no password."""
    expires_at: datetime
    """A connection that stands by then stays."""
    user: str
    domain: str
    ws_url: str
    """SIP over WebSocket (RFC 7118), subprotocol `sip`."""
    ice_servers: list[IceServerOut]
    """STUN and TURN servers that help to get through a NAT or firewall; often there are none."""


class Softphone:
    def __init__(self, accounts: Accounts, access: SoftphoneAccess) -> None:
        self._accounts = accounts
        self._access = access

    def operations(self) -> list[Operation]:
        return [
            Operation(
                method="POST",
                path="/softphone/tickets",
                handler=self.issue,
                returns=TicketOut,
                status=201,
                may=Permission.CONTROL_OWN_CALLS,
                wants_host=True,
                errors=(Conflict,),
                tag="Softphone",
                summary="A ticket to be one's own phone in the browser.",
            )
        ]

    async def issue(self, who: Principal, host: str) -> TicketOut:
        phone = self._accounts.phone_of(who)
        if phone is None:
            raise Conflict("You have no phone. An administrator can give you one.")
        now = datetime.now(UTC)
        ticket, expires = self._access.tickets.issue(who.tenant_id, phone, now=now)
        return TicketOut(
            ticket=ticket,
            expires_at=expires,
            user=phone,
            domain=self._access.domain(),
            ws_url=self._access.url(host),
            ice_servers=[
                IceServerOut(
                    urls=list(server.urls), username=server.username, credential=server.credential
                )
                for server in self._access.ice_servers.offered_to(who.user_id.hex)
            ],
        )
