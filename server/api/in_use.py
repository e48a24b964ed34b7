"""What published flows lead to, so that nothing is taken away from under them, and no new one
leads nowhere."""

import difflib
from collections.abc import Callable, Iterator
from typing import Any

from casecore.db.connection import Connection
from casecore.store import calendars, flows, numbers, queues, sounds
from config.tenancy import TenantId
from routing.ivr.document import Shared, name_key
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


async def flows_to_calendar(
    db: Connection, tenant_id: TenantId, calendar: str, field: str
) -> list[FieldError]:
    """A detail about `field` for each node of a published flow that asks the tenant's hours."""
    return await _nodes_with(db, tenant_id, _calendars_of, calendar, field)


async def uses_of_sound(
    db: Connection, tenant_id: TenantId, sound: sounds.Sound, field: str
) -> list[FieldError]:
    """A detail about `field` for each node of a published flow that plays it by its name."""
    return await _nodes_with(db, tenant_id, _sounds_of, sound.name, field)


async def queues_with_music(
    db: Connection, tenant_id: TenantId, sound: sounds.Sound, field: str
) -> list[FieldError]:
    """A detail about `field` for each queue whose callers hear it."""
    return [
        FieldError(field, f"the queue {queue.name} plays it", "queue_plays", {"queue": queue.name})
        for queue in await queues.list_all_queues(db, tenant_id)
        if queue.music == sound.id
    ]


async def shared_names(db: Connection, tenant_id: TenantId) -> Shared:
    """What a flow of the tenant may name."""
    hours = await calendars.list_all_calendars(db, tenant_id)
    heard = await sounds.list_all_sounds(db, tenant_id)
    return Shared([each.name for each in hours], [each.name for each in heard])


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


async def _nodes_with(
    db: Connection,
    tenant_id: TenantId,
    named: Callable[[Any], Iterator[tuple[str, str]]],
    name: str,
    field: str,
) -> list[FieldError]:
    return [
        FieldError(
            field,
            f"the flow {version.name} uses it in node {node!r}",
            "flow_uses",
            {"flow": version.name, "node": node},
        )
        for version in await flows.list_published_flows(db, tenant_id)
        for node in dict.fromkeys(
            node for node, used in named(version.document) if name_key(used) == name_key(name)
        )
    ]


def _calendars_of(document: Any) -> Iterator[tuple[str, str]]:
    """But for those that the flow has of its own."""
    own = _dict(_dict(document).get("calendars"))
    for name, node in _dict(_dict(document).get("nodes")).items():
        calendar = _dict(node).get("calendar")
        if isinstance(calendar, str) and calendar not in own:
            yield name, calendar


def _sounds_of(document: Any) -> Iterator[tuple[str, str]]:
    for name, node in _dict(_dict(document).get("nodes")).items():
        for field in ("prompts", "silent_prompts", "invalid_prompts"):
            prompts = _dict(node).get(field)
            for prompt in prompts if isinstance(prompts, list) else ():
                sound = _dict(prompt).get("sound")
                if isinstance(sound, str):
                    yield name, sound


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _named(version: flows.FlowVersion) -> dict[str, str | int | float]:
    return {"flow": version.name}


def _nearest(name: str, there: dict[str, str]) -> str:
    nearest = difflib.get_close_matches(name.casefold(), sorted(there), n=1)
    return f"; did you mean {there[nearest[0]]!r}?" if nearest else ""
