"""Who calls: what there was with the number of a live call before."""

from datetime import datetime
from uuid import UUID

from pydantic import Field

from casecore.db.database import Database
from casecore.permissions import Permission
from casecore.store import contacts
from server.api.errors import NotFound
from server.api.models import ApiModel, OutModel
from server.api.operation import Operation
from server.auth.principal import Principal
from server.live import Live
from telephony.calls.call import CallSnapshot
from telephony.events import Direction

_WITHHELD = frozenset({"", "anonymous", "unknown", "restricted", "unavailable"})
"""What callers without a number are called by them who pass them on (RFC 3323 and habit)."""


class ContactOut(OutModel):
    id: UUID
    """Of the call."""
    direction: str
    started_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None
    cause: str | None
    queue: str | None
    """The last one it waited in."""
    agent_name: str | None
    """Who served it last."""
    disposition: str | None
    """What became of it, in words."""
    note: str


class ContactQuery(ApiModel):
    limit: int = Field(default=5, ge=1, le=20)


class Contacts:
    def __init__(self, database: Database, live: Live) -> None:
        self._database = database
        self._live = live

    def operations(self) -> list[Operation]:
        return [
            Operation(
                method="GET",
                path="/calls/live/{id}/contacts",
                handler=self.list_contacts,
                parameters={"id": UUID},
                query=ContactQuery,
                returns=list[ContactOut],
                may=Permission.SEE_OWN_CALLS,
                tag="calls",
                summary="Earlier calls with the number of a live call, newest first; an agent may "
                "ask from the first ring on. None for a withheld number.",
            )
        ]

    async def list_contacts(
        self, who: Principal, id: UUID, query: ContactQuery
    ) -> list[ContactOut]:
        call = self._find(who, id)
        number = call.called if call.direction is Direction.OUTBOUND else call.caller
        if number.lower() in _WITHHELD:
            return []
        async with self._database.tenant_tx(who.tenant_id) as db:
            rows = await contacts.list_contacts(
                db, who.tenant_id, number, apart_from=id, limit=query.limit
            )
        return [ContactOut.model_validate(row) for row in rows]

    def _find(self, who: Principal, id: UUID) -> CallSnapshot:
        """The call, if it is the person's: rung for, taken part in, or watched over."""
        for call in self._live.calls(who.tenant_id):
            rung = {call.agent_id, *(leg.agent_id for leg in call.legs)} - {None}
            if call.id == id and (who.may(Permission.SEE_ALL_CALLS) or who.agent_id in rung):
                return call
        raise NotFound
