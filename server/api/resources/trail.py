"""The audit trail: who changed what."""

from datetime import datetime
from typing import Any
from uuid import UUID

from casecore.db.database import Database
from casecore.paging import Page
from casecore.permissions import Permission
from casecore.store import audit
from server.api.administration import op
from server.api.models import OutModel, Paged, PageQuery
from server.api.operation import Operation
from server.auth.principal import Principal


class AuditEntryOut(OutModel):
    seq: int
    at: datetime
    actor_id: UUID | None
    """The user who did it; null for the server itself."""
    actor: str
    action: str
    subject: str
    data: dict[str, Any]


class Trail:
    def __init__(self, database: Database) -> None:
        self._database = database

    def operations(self) -> list[Operation]:
        return [
            op("GET", "/audit", self.list_entries, "Who changed what, newest first.",
               may=Permission.SEE_AUDIT, query=PageQuery, returns=AuditEntryOut, many=True),
        ]  # fmt: skip

    async def list_entries(self, who: Principal, query: PageQuery) -> Paged[AuditEntryOut]:
        page = Page(query.limit, query.offset, None, query.order)
        async with self._database.tenant_tx(who.tenant_id) as db:
            rows = await audit.list_audit(db, who.tenant_id, page)
        return Paged([AuditEntryOut.model_validate(row) for row in rows.items], rows.total)
