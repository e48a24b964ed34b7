"""What published flows lead to, so that nothing is taken away from under them, and no new one
leads nowhere."""

import difflib
from typing import Any

from casecore.db.connection import Connection
from casecore.store import flows, numbers, queues
from config.tenancy import TenantId
from routing.ivr.document import name_key
from server.api.errors import FieldError, Unprocessable
from server.api.references import queues_in, transfers_in
from telephony.numbers import cleaned, number_key


async def flows_to_queue(
    db: Connection, tenant_id: TenantId, queue: str, field: str
) -> list[FieldError]:
    """A detail about `field` for each published flow that sends callers to the queue."""
    return [
        FieldError(field, f"the flow {version.name} leads to it", "flow_leads", _named(version))
        for version in await flows.list_published_flows(db, tenant_id)
        if name_key(queue) in {name_key(name) for _, name in _queues_of(version.document)}
    ]


async def flows_to_dialled(
    db: Connection, tenant_id: TenantId, dialled: str, field: str
) -> list[FieldError]:
    """A detail about `field` for each published flow that transfers to the extension or number."""
    wanted = number_key(dialled)
    return [
        FieldError(field, f"the flow {version.name} transfers to it", "flow_leads", _named(version))
        for version in await flows.list_published_flows(db, tenant_id)
        if wanted in {number_key(cleaned(target)) for target in transfers_of(version.document)}
    ]


async def number_dialled(
    db: Connection, tenant_id: TenantId, dialled: str
) -> numbers.Number | None:
    """The number that is dialled so, in whichever international spelling it was set up."""
    every = await numbers.list_all_numbers(db, tenant_id)
    return next((row for row in every if number_key(row.number) == number_key(dialled)), None)


async def check_queues(db: Connection, tenant_id: TenantId, document: Any) -> None:
    """Refuse a flow that would lead callers to a queue that is not there."""
    there = {name_key(row.name): row.name for row in await queues.list_all_queues(db, tenant_id)}
    details = [
        FieldError(
            "body.document",
            f"node {node!r}, queue: there is no queue {name!r}{_nearest(name, there)}",
            "no_such_queue",
            {"node": node, "queue": name},
        )
        for node, name in _queues_of(document)
        if name_key(name) not in there
    ]
    if details:
        raise Unprocessable("The flow leads to a queue that is not there.", details=details)


def transfers_of(document: Any) -> set[str]:
    """What is dialled by a flow's transfers, but for what depends on variables."""
    return {name for _, name in transfers_in(document) if "{" not in name}


def _queues_of(document: Any) -> list[tuple[str, str]]:
    """Node and queue; what depends on variables is known in a call only."""
    return [(node, name) for node, name in queues_in(document) if "{" not in name]


def _named(version: flows.FlowVersion) -> dict[str, str | int | float]:
    return {"flow": version.name}


def _nearest(name: str, there: dict[str, str]) -> str:
    nearest = difflib.get_close_matches(name_key(name), sorted(there), n=1)
    return f"; did you mean {there[nearest[0]]!r}?" if nearest else ""
