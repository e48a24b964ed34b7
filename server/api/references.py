"""What published flows lead to, so that nothing is taken away from under them.

Documents are read as plain JSON: also those that this version of the server cannot follow.
"""

from collections.abc import Callable, Iterator
from typing import Any

from casecore.db.connection import Connection
from casecore.store import calendars, flows, sounds
from config.tenancy import TenantId
from routing.ivr.document import Shared, name_key
from server.api.errors import FieldError

Uses = Callable[[Any], Iterator[tuple[str, str]]]
"""Node and the name it uses, of a document."""

_PROMPTS = ("prompts", "silent_prompts", "invalid_prompts")


async def uses_in_flows(
    db: Connection, tenant_id: TenantId, named: Uses, name: str, field: str
) -> list[FieldError]:
    """One for each node of a published flow that uses `name`."""
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


async def shared_names(db: Connection, tenant_id: TenantId) -> Shared:
    """What a flow of the tenant may name."""
    hours = await calendars.list_all_calendars(db, tenant_id)
    heard = await sounds.list_all_sounds(db, tenant_id)
    return Shared([each.name for each in hours], [each.name for each in heard])


def calendars_in(document: Any) -> Iterator[tuple[str, str]]:
    """But for those that the flow has of its own."""
    own = _dict(_dict(document).get("calendars"))
    for name, node in _nodes(document):
        calendar = node.get("calendar")
        if isinstance(calendar, str) and calendar not in own:
            yield name, calendar


def queues_in(document: Any) -> Iterator[tuple[str, str]]:
    for name, node in _nodes(document):
        if node.get("kind") == "queue":
            yield name, str(node.get("queue"))


def transfers_in(document: Any) -> Iterator[tuple[str, str]]:
    """Node and what it dials, which may name variables."""
    for name, node in _nodes(document):
        if node.get("kind") == "transfer":
            yield name, str(node.get("target"))


def sounds_in(document: Any) -> Iterator[tuple[str, str]]:
    for name, node in _nodes(document):
        for field in _PROMPTS:
            prompts = node.get(field)
            for prompt in prompts if isinstance(prompts, list) else ():
                sound = _dict(prompt).get("sound")
                if isinstance(sound, str):
                    yield name, sound


def _nodes(document: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, node in _dict(_dict(document).get("nodes")).items():
        yield name, _dict(node)


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
