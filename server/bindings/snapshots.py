"""Row -> snapshot: what calls need of the configuration, in memory and independent of rows."""

import logging
from collections.abc import Iterable, Iterator

from casecore.store.snapshots import TenantSnapshot
from routing.agents import AgentProfile
from routing.events import AgentId, QueueId
from routing.ivr.document import FlowError, parse_flow
from routing.queues import QueueSettings
from server.bindings.calendars import calendar_of
from telephony.directory import (
    Directory,
    FlowVersion,
    NamedCalendar,
    Number,
    PhoneUser,
    Sound,
    TenantSettings,
    Trunk,
)
from telephony.sip.uri import BadUri, SipUri

log = logging.getLogger(__name__)


def directory_of(snapshots: Iterable[TenantSnapshot]) -> Directory:
    snapshots = tuple(snapshots)
    return Directory(
        tenants=[
            TenantSettings(s.tenant.id, s.tenant.sip_domain, s.tenant.is_default) for s in snapshots
        ],
        phones=[phone for s in snapshots for phone in _phones(s)],
        trunks=[trunk for s in snapshots for trunk in _trunks(s)],
        numbers=[
            Number(s.tenant.id, row.number, row.flow_id) for s in snapshots for row in s.numbers
        ],
        flows=[flow for s in snapshots for flow in _flows(s)],
        sounds=[Sound(s.tenant.id, row.id, row.name) for s in snapshots for row in s.sounds],
        calendars=[calendar for s in snapshots for calendar in _calendars(s)],
    )


def queues_of(snapshot: TenantSnapshot) -> list[QueueSettings]:
    return [
        QueueSettings(
            id=QueueId(row.id),
            tenant_id=snapshot.tenant.id,
            name=row.name,
            skill=row.skill,
            minimum_level=row.minimum_level,
            priority=row.priority,
            ring_seconds=row.ring_seconds,
            wrap_up_seconds=row.wrap_up_seconds,
            announce_every_seconds=row.announce_every_seconds,
            max_waiting=row.max_waiting,
            max_wait_seconds=row.max_wait_seconds,
            music=row.music,
            service_level_seconds=row.service_level_seconds,
            service_level_target=row.service_level_target,
            short_abandon_seconds=row.short_abandon_seconds,
            time_zone=row.time_zone,
            auto_answer=row.auto_answer,
            disposition_required=row.disposition_required,
            disposition_seconds=row.disposition_seconds,
        )
        for row in snapshot.queues
    ]


def agents_of(snapshot: TenantSnapshot) -> list[AgentProfile]:
    return [
        AgentProfile(
            id=AgentId(row.id),
            tenant_id=snapshot.tenant.id,
            name=row.name,
            extension=row.extension,
            skills=row.skills,
            auto_answer=row.auto_answer,
        )
        for row in snapshot.agents
    ]


def _phones(snapshot: TenantSnapshot) -> list[PhoneUser]:
    return [
        PhoneUser(
            tenant_id=snapshot.tenant.id,
            user=row.user,
            ha1={"MD5": row.ha1_md5, "SHA-256": row.ha1_sha256},
            agent_id=AgentId(row.agent_id) if row.agent_id else None,
            display=row.display,
        )
        for row in snapshot.phones
    ]


def _trunks(snapshot: TenantSnapshot) -> list[Trunk]:
    return [
        Trunk(
            id=row.id,
            tenant_id=snapshot.tenant.id,
            name=row.name,
            networks=tuple(row.networks),
            target=_target(row.name, row.target),
            username=row.username,
            password=row.password,
            register=row.register,
        )
        for row in snapshot.trunks
        if row.enabled
    ]


def _calendars(snapshot: TenantSnapshot) -> Iterator[NamedCalendar]:
    for row in snapshot.calendars:
        try:
            yield NamedCalendar(snapshot.tenant.id, row.name, calendar_of(row))
        except (KeyError, ValueError) as error:
            log.error("hours cannot be used", extra={"hours": row.name, "error": str(error)})


def _target(name: str, text: str | None) -> SipUri | None:
    if text is None:
        return None
    try:
        return SipUri.parse(text)
    except BadUri:
        log.error("trunk has an unusable target", extra={"trunk": name})
        return None


def _flows(snapshot: TenantSnapshot) -> list[FlowVersion]:
    """A flow that this version of the server cannot read is left out; the others go on."""
    flows = []
    for row in snapshot.flows:
        try:
            flow = parse_flow(row.document)
        except FlowError as error:
            log.error("flow cannot be used", extra={"flow": row.name, "error": str(error)})
            continue
        flows.append(FlowVersion(snapshot.tenant.id, row.flow_id, row.name, row.version, flow))
    return flows
