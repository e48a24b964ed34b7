"""Whoever is rung sees who calls: earlier contacts of the number, bounded, and of nobody else."""

from dataclasses import replace
from uuid import UUID, uuid4

from casecore.permissions import Role
from casecore.store import calls, queue_visits
from telephony.calls.call import CallSnapshot, Choice
from telephony.events import Direction
from tests.support.api import Api, call_snapshot
from tests.support.records import at, new_call

CALLER = "+4930123"


def ring(api: Api, **changes: object) -> CallSnapshot:
    """A call that rings at the agent of `here`; nobody has answered it yet."""
    made = call_snapshot(api.here.tenant_id, agent_id=api.here.agent.id)
    made = replace(made, agent_id=None, state="queued", **changes)  # type: ignore[arg-type]
    api.live.calls_of[api.here.tenant_id] = [made]
    return made


async def earlier(
    api: Api, *, seconds: float, note: str = "", caller: str = CALLER, called: str = "5000"
) -> UUID:
    tenant_id, call = api.here.tenant_id, new_call(seconds=seconds, caller=caller, called=called)
    async with api.database.tenant_tx(tenant_id) as db:
        await calls.insert_call(db, tenant_id, call)
        await calls.update_agent(db, tenant_id, call.id, api.here.agent.id)
        await calls.update_wrap_up(db, tenant_id, call.id, "resolved", note)
    return call.id


async def test_f02_rung_agent_sees_earlier_contacts_newest_first(api: Api) -> None:
    call = ring(api)
    wanted = await earlier(api, seconds=60, note="Wants the invoice again.")
    back = await earlier(api, seconds=120, caller="1001", called=CALLER)
    await earlier(api, seconds=90, caller="+4930999")
    shown = await api.get(f"/calls/live/{call.id}/contacts", role=Role.AGENT)
    assert [one["id"] for one in shown] == [str(back), str(wanted), str(api.here.call.id)]
    assert shown[1]["agent_name"] == "Anna"
    assert (shown[1]["disposition"], shown[1]["note"]) == ("Resolved", "Wants the invoice again.")
    assert shown[2]["queue"] == "sales"
    [newest] = await api.get(f"/calls/live/{call.id}/contacts?limit=1", role=Role.AGENT)
    assert newest["id"] == str(back)


async def test_f02_the_call_itself_is_no_earlier_contact(api: Api) -> None:
    call = ring(api)
    record = replace(new_call(seconds=600, caller="+4940777"), id=call.id)
    async with api.database.tenant_tx(api.here.tenant_id) as db:
        await calls.insert_call(db, api.here.tenant_id, record)
        await queue_visits.insert_visit(
            db, api.here.tenant_id, call.id, api.here.queue.id, at(601), priority=0, position=1
        )
    shown = await api.get(f"/calls/live/{call.id}/contacts", role=Role.SUPERVISOR)
    assert str(call.id) not in [one["id"] for one in shown]


async def test_f02_withheld_number_has_no_contacts(api: Api) -> None:
    await earlier(api, seconds=60, caller="")
    await earlier(api, seconds=61, caller="anonymous")
    for caller in ("", "anonymous", "Anonymous"):
        call = ring(api, caller=caller)
        assert await api.get(f"/calls/live/{call.id}/contacts", role=Role.AGENT) == []


async def test_f02_of_a_call_that_goes_out_the_other_end_counts(api: Api) -> None:
    call = ring(api, caller="1001", called=CALLER, direction=Direction.OUTBOUND)
    [shown] = await api.get(f"/calls/live/{call.id}/contacts", role=Role.AGENT)
    assert shown["id"] == str(api.here.call.id)


async def test_f02_who_is_not_rung_learns_nothing(api: Api) -> None:
    call = ring(api)
    headers = api.headers(Role.AGENT, agent_id=uuid4())
    path = f"/calls/live/{call.id}/contacts"
    assert (await api.ask("GET", path, role=None, headers=headers))[0] == 404
    assert (await api.ask("GET", path + "?limit=21", role=Role.AGENT))[0] == 400


async def test_f02_live_call_tells_the_way_through_the_menus(api: Api) -> None:
    ring(api, choices=(Choice("main menu", "1", "sales"),), queued_at=at(9))
    [shown] = await api.get("/calls/live", role=Role.AGENT)
    assert shown["choices"] == [{"menu": "main menu", "key": "1", "led_to": "sales"}]
    assert shown["queued_at"] is not None
