"""What the resources that administrators change have in common."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from casecore.db.connection import Connection
from casecore.errors import AlreadyExists
from casecore.paging import Page
from casecore.store import audit
from server.api.errors import Conflict, FieldError
from server.api.models import PageQuery
from server.api.operation import Operation
from server.auth.principal import Principal


def op(method: str, path: str, handler: Any, summary: str, **rest: Any) -> Operation:
    """An operation under the tag of its first word."""
    tag = path.split("/")[1]
    return Operation(method=method, path=path, handler=handler, summary=summary, tag=tag, **rest)


def by_name(query: PageQuery) -> Page:
    """A page of what is ordered by name, upwards unless something else is asked for."""
    order = query.order if "order" in query.model_fields_set else "asc"
    return Page(query.limit, query.offset, None, order)


async def note(
    db: Connection, who: Principal, action: str, subject: object, **data: object
) -> None:
    """Put it on the audit trail, last in the transaction: its lock is held until the commit."""
    actor = audit.Actor(who.user_id, who.login)
    await audit.insert_audit(
        db, who.tenant_id, actor, action=action, subject=str(subject), data=data
    )


@contextmanager
def taken(field: str, message: str, value: str) -> Iterator[None]:
    """Tell whose value it was that somebody else has already."""
    try:
        yield
    except AlreadyExists:
        detail = FieldError(field, message, "taken", {"value": value})
        raise Conflict("Something else has it already.", details=[detail]) from None
