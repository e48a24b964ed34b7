"""The audit trail: who changed what."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from casecore.db.database import Database
from casecore.paging import Page
from casecore.permissions import Permission
from casecore.store import audit
from server.api.administration import op
from server.api.models import Moment, OutModel, Paged, PageQuery, Text
from server.api.operation import Operation
from server.auth.principal import Principal

Part = Annotated[Text, Field(max_length=80)]


class AuditEntryOut(OutModel):
    seq: int
    at: datetime
    actor_id: UUID | None
    """The user who did it; null for the server itself."""
    actor: str
    action: str
    subject: str
    data: dict[str, Any]


class TrailQuery(PageQuery):
    """Each text is part of what is looked for, in either case."""

    actor: Part = ""
    action: Part = ""
    q: Part = ""
    """Of what was changed: its id or anything that is told of it."""
    since: Moment | None = None
    until: Moment | None = None


class Trail:
    def __init__(self, database: Database) -> None:
        self._database = database

    def operations(self) -> list[Operation]:
        return [
            op("GET", "/audit", self.list_entries, "Who changed what, newest first.",
               may=Permission.SEE_AUDIT, query=TrailQuery, returns=AuditEntryOut, many=True),
        ]  # fmt: skip

    async def list_entries(self, who: Principal, query: TrailQuery) -> Paged[AuditEntryOut]:
        page = Page(query.limit, query.offset, None, query.order)
        wanted = audit.Wanted(
            actor=query.actor,
            action=query.action,
            about=query.q,
            since=query.since,
            until=query.until,
        )
        async with self._database.tenant_tx(who.tenant_id) as db:
            rows = await audit.list_audit(db, who.tenant_id, page, wanted)
        return Paged([AuditEntryOut.model_validate(row) for row in rows.items], rows.total)
