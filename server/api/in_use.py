"""What published flows lead to, so that nothing is taken away from under them, and no new one
leads nowhere."""

import difflib
from collections.abc import Iterator
from typing import Any

from casecore.db.connection import Connection
from casecore.store import flows, numbers, queues
from config.tenancy import TenantId
from server.api.errors import FieldError, Unprocessable
from telephony.numbers import cleaned, number_key


async def flows_to_queue(
    db: Connection, tenant_id: TenantId, queue: str, field: str
) -> list[FieldError]:
    """A detail about `field` for each published flow that sends callers to the queue."""
    return [
        FieldError(field, f"the flow {version.name} leads to it", "flow_leads", _named(version))
        for version in await flows.list_published_flows(db, tenant_id)
        if queue.casefold() in {name.casefold() for _, name in _queues_of(version.document)}
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
    there = {row.name.casefold(): row.name for row in await queues.list_all_queues(db, tenant_id)}
    details = [
        FieldError(
            "body.document",
            f"node {node!r}, queue: there is no queue {name!r}{_nearest(name, there)}",
            "no_such_queue",
            {"node": node, "queue": name},
        )
        for node, name in _queues_of(document)
        if name.casefold() not in there
    ]
    if details:
        raise Unprocessable("The flow leads to a queue that is not there.", details=details)


def transfers_of(document: Any) -> set[str]:
    """What is dialled by a flow's transfers, but for what depends on variables."""
    return {name for _, name in _named_by(document, "transfer", "target")}


def _queues_of(document: Any) -> list[tuple[str, str]]:
    """Node and queue, for each node that has one and names it outright."""
    return list(_named_by(document, "queue", "queue"))


def _named_by(document: Any, kind: str, field: str) -> Iterator[tuple[str, str]]:
    """Node and value; also of a document that this version of the server cannot read."""
    nodes = document.get("nodes") if isinstance(document, dict) else None
    for name, node in nodes.items() if isinstance(nodes, dict) else ():
        if isinstance(node, dict) and node.get("kind") == kind:
            value = str(node.get(field))
            if "{" not in value:  # what depends on variables is known in a call only
                yield str(name), value


def _named(version: flows.FlowVersion) -> dict[str, str | int | float]:
    return {"flow": version.name}


def _nearest(name: str, there: dict[str, str]) -> str:
    nearest = difflib.get_close_matches(name.casefold(), sorted(there), n=1)
    return f"; did you mean {there[nearest[0]]!r}?" if nearest else ""
