"""Supervision -> audit trail: who listened to whom, how, from when to when."""

from collections.abc import Sequence
from contextlib import suppress

from casecore.db.connection import Connection
from casecore.errors import NotFound
from casecore.store import audit, legs, users
from config.tenancy import TenantId
from server.event_codec import Event
from telephony.events import SupervisionChanged, SupervisionEnded


async def note_supervisions(db: Connection, tenant_id: TenantId, events: Sequence[Event]) -> None:
    """Last in its transaction: the trail is a chain that one writer at a time adds to."""
    for event in events:
        if isinstance(event, SupervisionChanged):
            supervised = await legs.fetch_party(db, tenant_id, event.supervised)
            data = {"mode": event.mode, "supervised": supervised}
        elif isinstance(event, SupervisionEnded):
            data = {"mode": "end"}
        else:
            continue
        await audit.insert_audit(
            db,
            tenant_id,
            await _who(db, event),
            action="call.supervise",
            subject=str(event.call_id),
            data={"at": event.at.isoformat(), **data},
        )


async def _who(db: Connection, event: SupervisionChanged | SupervisionEnded) -> audit.Actor:
    """The user; the phone where the user has been removed since."""
    if event.user_id is not None:
        with suppress(NotFound):
            user = await users.fetch_user(db, event.tenant_id, event.user_id)
            return audit.Actor(user.id, user.login)
    return audit.Actor(None, await legs.fetch_party(db, event.tenant_id, event.leg_id))
