"""Words for what the matcher decided: the events of one tenant."""

from collections.abc import Mapping

from config.tenancy import TenantId
from routing.acd.effects import Moment, Offer
from routing.acd.lines import Line, Work
from routing.agents import Agent
from routing.events import (
    AgentState,
    AgentStateChanged,
    OfferFailed,
    Outcome,
    WorkAbandoned,
    WorkAssigned,
    WorkFlowedOut,
    WorkId,
    WorkOffered,
    WorkQueued,
)
from routing.queues import QueueSnapshot


class Facts:
    def __init__(self, tenant_id: TenantId) -> None:
        self._tenant_id = tenant_id

    def queued(self, work: Work, position: int, moment: Moment) -> WorkQueued:
        return WorkQueued(
            tenant_id=self._tenant_id,
            at=moment.at,
            work_id=work.item.id,
            queue_id=work.item.queue_id,
            priority=work.item.priority,
            position=position,
        )

    def offered(self, offer: Offer, moment: Moment) -> WorkOffered:
        return WorkOffered(
            tenant_id=self._tenant_id,
            at=moment.at,
            work_id=offer.work_id,
            queue_id=offer.queue_id,
            agent_id=offer.agent_id,
            offer_id=offer.id,
        )

    def failed(self, offer: Offer, outcome: Outcome, moment: Moment) -> OfferFailed:
        return OfferFailed(
            tenant_id=self._tenant_id,
            at=moment.at,
            work_id=offer.work_id,
            queue_id=offer.queue_id,
            agent_id=offer.agent_id,
            offer_id=offer.id,
            outcome=outcome,
        )

    def assigned(self, offer: Offer, work: Work, moment: Moment) -> WorkAssigned:
        return WorkAssigned(
            tenant_id=self._tenant_id,
            at=moment.at,
            work_id=offer.work_id,
            queue_id=offer.queue_id,
            agent_id=offer.agent_id,
            offer_id=offer.id,
            waited_ms=milliseconds(moment.now - work.entered),
        )

    def abandoned(self, work: Work, position: int, moment: Moment) -> WorkAbandoned:
        return WorkAbandoned(
            tenant_id=self._tenant_id,
            at=moment.at,
            work_id=work.item.id,
            queue_id=work.item.queue_id,
            waited_ms=milliseconds(moment.now - work.entered),
            position=position,
        )

    def flowed_out(self, work: Work, reason: str, moment: Moment) -> WorkFlowedOut:
        return WorkFlowedOut(
            tenant_id=self._tenant_id,
            at=moment.at,
            work_id=work.item.id,
            queue_id=work.item.queue_id,
            waited_ms=milliseconds(moment.now - work.entered),
            reason=reason,
        )

    def state_changed(
        self, agent: Agent, previous: AgentState, lasted: float, moment: Moment
    ) -> AgentStateChanged:
        return AgentStateChanged(
            tenant_id=self._tenant_id,
            at=moment.at,
            agent_id=agent.profile.id,
            state=agent.state,
            previous=previous,
            reason=agent.reason,
            work_id=agent.work_id,
            previous_ms=milliseconds(lasted),
        )


def milliseconds(seconds: float) -> int:
    return round(seconds * 1_000)


def queue_snapshot(line: Line, works: Mapping[WorkId, Work], moment: Moment) -> QueueSnapshot:
    """`works` has at least all who wait in the line."""
    work_ids, queue, tally = line.work_ids(), line.queue, line.today(moment.at)
    within, short = queue.service_level_seconds, queue.short_abandon_seconds
    oldest = min((works[w].entered for w in work_ids), default=moment.now)
    return QueueSnapshot(
        id=queue.id,
        name=queue.name,
        skill=queue.skill,
        waiting=len(line),
        longest_wait_ms=milliseconds(moment.now - oldest),
        agents_available=line.agents_available,
        agents_logged_in=line.agents_logged_in,
        work_ids=work_ids,
        offered=tally.offered,
        answered=len(tally.answered_ms),
        abandoned=len(tally.abandoned_ms),
        flowed_out=tally.flowed_out,
        answered_in_time=tally.answered_within(within),
        abandoned_short=tally.abandoned_within(short),
        service_level=tally.service_level(within, short),
        service_level_seconds=within,
        service_level_target=queue.service_level_target,
        short_abandon_seconds=short,
    )
