"""Calls, agents, queues and recordings: everybody sees and moves what is theirs to."""

from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from casecore.permissions import Role
from casecore.store import agents, calls, legs, queue_visits, recordings, timeline
from telephony.sound_quality import SoundQuality, Verdict
from tests.support.api import SOUND, Api, agent_snapshot, call_snapshot
from tests.support.records import at, new_call, new_leg


async def colleague(api: Api) -> UUID:
    """Another agent of the tenant, with a call and a recording of their own."""
    tenant_id = api.here.tenant_id
    async with api.database.tenant_tx(tenant_id) as db:
        ben = await agents.insert_agent(
            db, tenant_id, agents.AgentValues(name="Ben", extension="1002")
        )
        call = new_call(seconds=60, called="5001")
        await calls.insert_call(db, tenant_id, call)
        await calls.update_agent(db, tenant_id, call.id, ben.id)
        await recordings.insert_recording(
            db, tenant_id, uuid4(), call_id=call.id, kind="call", started_at=at(61)
        )
    api.live.agents_of[tenant_id].append(agent_snapshot(ben.id, "1002"))
    api.live.calls_of[tenant_id].append(call_snapshot(tenant_id, agent_id=ben.id))
    return ben.id


def audio(api: Api) -> str:
    return f"/recordings/{api.here.recording_id}/audio"


# --- calls on record


async def test_agents_see_their_own_calls_only(api: Api) -> None:
    ben = await colleague(api)
    for path in ("/calls", "/calls/live", "/recordings"):
        assert len(await api.get(path, role=Role.SUPERVISOR)) == 2
        [own] = await api.get(path, role=Role.AGENT)
        headers = api.headers(Role.AGENT, agent_id=ben)
        [bens] = await api.get(path, role=None, headers=headers)
        assert own["id"] != bens["id"]
        if path == "/calls/live":
            continue
        assert (await api.ask("GET", f"{path}/{own['id']}", role=Role.AGENT))[0] == 200
        assert (await api.ask("GET", f"{path}/{bens['id']}", role=Role.AGENT))[0] == 404


async def test_agent_cannot_ask_for_the_calls_of_others(api: Api) -> None:
    ben = await colleague(api)
    [shown] = await api.get(f"/calls?agent_id={ben}", role=Role.AGENT)
    assert shown["id"] == str(api.here.call.id)


async def test_agent_who_only_was_rung_has_no_part_in_the_call(api: Api) -> None:
    tenant_id = api.here.tenant_id
    async with api.database.tenant_tx(tenant_id) as db:
        call = new_call(seconds=60)
        await calls.insert_call(db, tenant_id, call)
        leg = new_leg(call.id, role="agent", agent_id=api.here.agent.id)
        await legs.insert_leg(db, tenant_id, leg)
    for path in (f"/calls/{call.id}", f"/calls/{call.id}/timeline"):
        assert (await api.ask("GET", path, role=Role.AGENT))[0] == 404
        assert (await api.ask("GET", path, role=Role.VIEWER))[0] == 200


async def test_record_tells_legs_queues_and_recordings(api: Api) -> None:
    here = api.here
    end = queue_visits.VisitEnd(
        result=queue_visits.VisitResult.ANSWERED, waited_ms=3_000, agent_id=here.agent.id
    )
    quality = legs.Quality(
        packets_received=500,
        packets_sent=499,
        packets_lost=1,
        packets_late=0,
        packets_refused=0,
        jitter_ms=1.5,
        round_trip_ms=None,
        mos=4.3,
    )
    async with api.database.tenant_tx(here.tenant_id) as db:
        await queue_visits.close_visit(db, here.tenant_id, here.call.id, here.queue.id, at(8), end)
        await legs.close_leg(
            db, here.tenant_id, here.leg.id, at(30), cause="x", sip_status=None, quality=quality
        )
    call = await api.get(f"/calls/{here.call.id}")
    [visit], [leg], [recording] = call["queue_visits"], call["legs"], call["recordings"]
    assert (visit["queue"], visit["result"], visit["waited_ms"]) == ("sales", "answered", 3_000)
    assert (leg["agent_name"], leg["codec"], leg["quality"]["mos"]) == ("Anna", "PCMU", 4.3)
    assert (recording["id"], recording["duration_ms"]) == (str(here.recording_id), 20_000)


async def test_timeline_is_in_order(api: Api) -> None:
    events = [
        timeline.NewTimelineEvent(api.here.call.id, at(2), "FlowNodeEntered", b'{"node":"menu"}'),
        timeline.NewTimelineEvent(api.here.call.id, at(1), "CallAnswered", b"{}"),
    ]
    async with api.database.tenant_tx(api.here.tenant_id) as db:
        await timeline.insert_events(db, api.here.tenant_id, events)
    told = await api.get(f"/calls/{api.here.call.id}/timeline")
    assert [(e["type"], e["data"]) for e in told] == [
        ("CallStarted", {}),
        ("FlowNodeEntered", {"node": "menu"}),
        ("CallAnswered", {}),
    ]


async def test_list_is_sorted_by_whatever_the_store_can_sort_by(api: Api) -> None:
    for sort in calls.SORT_COLUMNS:
        assert len(await api.get(f"/calls?sort={sort}")) == 1
    assert (await api.ask("GET", "/calls?sort=cause"))[0] == 400


async def test_longest_call_comes_first_and_one_without_an_answer_last(api: Api) -> None:
    tenant_id = api.here.tenant_id
    lasting = {}
    async with api.database.tenant_tx(tenant_id) as db:
        for seconds in (5, 50, 20):
            call = new_call(seconds=100 + seconds)
            lasting[seconds] = str(call.id)
            await calls.insert_call(db, tenant_id, call)
            await calls.update_answered(db, tenant_id, call.id, at(200))
            await calls.close_call(
                db, tenant_id, call.id, at(200 + seconds), cause="x", sip_status=None
            )
    listed = [call["id"] for call in await api.get("/calls?sort=duration")]
    assert listed == [lasting[50], lasting[20], lasting[5], str(api.here.call.id)]
    upwards = [call["id"] for call in await api.get("/calls?sort=duration&order=asc")]
    assert upwards == [lasting[5], lasting[20], lasting[50], str(api.here.call.id)]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("since=2026-11-20T09:00:00Z", 2),
        ("since=2026-11-20T09:00:01Z", 1),
        ("until=2026-11-20T09:00:01Z", 1),
        ("since=2026-11-20T10:00:00%2B01:00&until=2026-11-20T10:00:01%2B01:00", 1),
        ("direction=inbound", 2),
        ("direction=outbound", 0),
        ("caller=%2B4930123", 2),
        ("caller=4930", 2),
        ("caller=%25", 0),
        ("called=5001", 1),
        ("cause=refused", 0),
        ("since=0001-01-01T00:00:00Z", 2),
        ("until=9999-12-31T23:59:59Z", 2),
    ],
)
async def test_filters_narrow_the_list(api: Api, query: str, count: int) -> None:
    await colleague(api)
    status, body = await api.ask("GET", f"/calls?{query}")
    assert status == 200, body
    assert (len(body["data"]), body["pagination"]["total"]) == (count, count)


@pytest.mark.parametrize(
    "moment",
    [
        *("2026-11-20T09:00:00", "2026-11-20", "yesterday", "1e400"),
        *("0001-01-01T00:00:00%2B23:59", "9999-12-31T23:59:59-23:59"),
    ],
)
@pytest.mark.parametrize("path", ["/calls", "/recordings"])
async def test_moment_must_say_its_time_zone_and_be_in_the_calendar(
    api: Api, path: str, moment: str
) -> None:
    status, body = await api.ask("GET", f"{path}?since={moment}")
    assert status == 400, body
    assert [d["field"] for d in body["error"]["details"]] == ["query.since"]


async def test_newest_call_comes_first_unless_asked_otherwise(api: Api) -> None:
    await colleague(api)
    assert [c["called"] for c in await api.get("/calls")] == ["5001", "5000"]
    assert [c["called"] for c in await api.get("/calls?order=asc")] == ["5000", "5001"]
    page = await api.get("/calls?sort=called&order=asc&limit=1&page=2")
    assert [c["called"] for c in page] == ["5001"]


# --- calls that are alive


async def test_own_call_may_be_hung_up_and_no_other(api: Api) -> None:
    await colleague(api)
    own, bens = api.live.calls(api.here.tenant_id)
    status, _ = await api.ask("DELETE", f"/calls/live/{bens.id}", role=Role.AGENT)
    assert status == 404, "what an agent cannot see is not there"
    assert (await api.ask("DELETE", f"/calls/live/{own.id}", role=Role.AGENT))[0] == 200
    assert api.live.calls(api.here.tenant_id) == (bens,)
    assert (await api.ask("DELETE", f"/calls/live/{own.id}", role=Role.AGENT))[0] == 404
    assert (await api.ask("DELETE", f"/calls/live/{bens.id}", role=Role.VIEWER))[0] == 403
    assert (await api.ask("DELETE", f"/calls/live/{bens.id}", role=Role.SUPERVISOR))[0] == 200


async def test_c09_live_legs_say_how_they_sound(api: Api) -> None:
    [call] = api.live.calls(api.here.tenant_id)
    caller, agent = call.legs
    found = SoundQuality(Verdict.POOR, 7.5, 41.0, None, 2.9)
    api.live.calls_of[api.here.tenant_id] = [
        replace(call, legs=(caller, replace(agent, quality=found)))
    ]
    for role in (Role.SUPERVISOR, Role.AGENT):
        [_, body] = await api.ask("GET", "/calls/live", role=role)
        assert [leg["quality"] for leg in body["data"][0]["legs"]] == [
            None,
            {
                "verdict": "poor",
                "loss_percent": 7.5,
                "jitter_ms": 41.0,
                "round_trip_ms": None,
                "mos": 2.9,
            },
        ]


async def test_agents_call_from_their_own_phone_only(api: Api) -> None:
    tenant_id = api.here.tenant_id
    for body in ({"to": "1002"}, {"to": "1002", "from_user": "1001"}):
        status, answer = await api.ask("POST", "/calls", role=Role.AGENT, json=body)
        assert status == 201
        assert UUID(answer["data"]["id"]).version == 4
    body = {"to": "1001", "from_user": "1002"}
    assert (await api.ask("POST", "/calls", role=Role.AGENT, json=body))[0] == 403
    assert (await api.ask("POST", "/calls", role=Role.SUPERVISOR, json=body))[0] == 201
    assert api.live.originated == [
        (tenant_id, "1001", "1002"),
        (tenant_id, "1001", "1002"),
        (tenant_id, "1002", "1001"),
    ]


@pytest.mark.parametrize("body", [{"to": "1001"}, {"to": "1001", "from_user": "7777"}])
async def test_call_from_no_phone_is_refused(api: Api, body: dict[str, str]) -> None:
    status, answer = await api.ask("POST", "/calls", json=body)
    assert (status, answer["error"]["code"]) == (422, "UNPROCESSABLE")
    assert api.live.originated == []


@pytest.mark.parametrize("to", ["", "sip:x@y", "1 2", "1\r\nVia: x", "x" * 41, "12;user=x"])
async def test_only_what_can_be_dialled_is_dialled(api: Api, to: str) -> None:
    body = {"to": to, "from_user": "1001"}
    assert (await api.ask("POST", "/calls", json=body))[0] == 400
    assert api.live.originated == []


# --- agents and queues


async def test_agents_move_themselves_and_supervisors_move_anybody(api: Api) -> None:
    ben = await colleague(api)
    away: dict[str, Any] = {"json": {"state": "away", "reason": "lunch"}}
    own, bens = f"/agents/{api.here.agent.id}/state", f"/agents/{ben}/state"
    status, body = await api.ask("PUT", own, role=Role.AGENT, **away)
    assert status == 200
    assert (body["data"]["state"], body["data"]["reason"]) == ("away", "lunch")
    assert (await api.ask("PUT", bens, role=Role.AGENT, **away))[0] == 403
    assert (await api.ask("PUT", bens, role=Role.VIEWER, **away))[0] == 403
    assert (await api.get(f"/agents/{ben}"))["state"] == "offline"
    assert (await api.ask("PUT", bens, role=Role.SUPERVISOR, **away))[0] == 200
    assert (await api.get(f"/agents/{ben}"))["state"] == "away"


async def test_wrap_up_is_ended_by_who_may_move_the_agent(api: Api) -> None:
    ben = await colleague(api)
    own = api.here.agent.id
    assert (await api.ask("POST", f"/agents/{own}/wrap-up/end", role=Role.AGENT))[0] == 200
    assert (await api.ask("POST", f"/agents/{ben}/wrap-up/end", role=Role.AGENT))[0] == 403
    assert (await api.ask("POST", f"/agents/{ben}/wrap-up/end", role=Role.SUPERVISOR))[0] == 200
    assert api.live.wrap_ups_ended == [own, ben]


@pytest.mark.parametrize("state", ["engaged", "offered", "wrap_up", "not_responding", "", None])
async def test_states_that_come_by_themselves_cannot_be_asked_for(api: Api, state: object) -> None:
    body = {"state": state}
    status, _ = await api.ask("PUT", f"/agents/{api.here.agent.id}/state", json=body)
    assert status == 400
    assert api.live.agents(api.here.tenant_id)[0].state == "offline"


async def test_agents_come_in_pages(api: Api) -> None:
    await colleague(api)
    assert [a["extension"] for a in await api.get("/agents?limit=1&page=2")] == ["1002"]
    assert [a["extension"] for a in await api.get("/agents?order=desc")] == ["1002", "1001"]
    [_, body] = await api.ask("GET", "/agents?limit=1", role=Role.VIEWER)
    assert body["pagination"] == {"total": 2, "page": 1, "limit": 1, "pages": 2}


async def test_queue_tells_who_waits_and_who_was_served(api: Api) -> None:
    [queue] = await api.get("/queues", role=Role.VIEWER)
    assert queue == {
        "id": str(api.here.queue.id),
        "name": "sales",
        "skill": "sales",
        "waiting": 1,
        "longest_wait_ms": 1_500,
        "agents_available": 0,
        "agents_logged_in": 1,
        "offered": 4,
        "answered": 1,
        "abandoned": 1,
        "flowed_out": 1,
        "answered_in_time": 1,
        "abandoned_short": 0,
        "service_level": 50.0,
        "service_level_seconds": 20.0,
        "service_level_target": 80.0,
        "short_abandon_seconds": 5.0,
    }


# --- recordings


async def test_sound_is_served_whole_and_in_parts(api: Api) -> None:
    headers = api.headers(Role.AGENT)
    whole = await api.send("GET", audio(api), headers=headers)
    assert (whole.status, whole.content_type, await whole.read()) == (200, "audio/wav", SOUND)
    assert whole.headers["Accept-Ranges"] == "bytes"
    assert whole.headers["Cache-Control"] == "no-store"
    for asked, expected in (
        ("bytes=10-19", SOUND[10:20]),
        ("bytes=2000-", SOUND[2000:]),
        ("bytes=-5", SOUND[-5:]),
    ):
        part = await api.send("GET", audio(api), headers={**headers, "Range": asked})
        assert (part.status, await part.read()) == (206, expected)
        assert part.headers["Content-Range"].endswith(f"/{len(SOUND)}")
    beyond = await api.send("GET", audio(api), headers={**headers, "Range": "bytes=99999-"})
    assert beyond.status == 416


async def test_sound_of_others_is_not_heard(api: Api) -> None:
    ben = await colleague(api)
    response = await api.send("GET", audio(api), headers=api.headers(Role.AGENT, agent_id=ben))
    assert response.status == 404
    assert (await api.ask("GET", audio(api), role=Role.VIEWER))[0] == 403


@pytest.mark.parametrize("file", ["../outside.wav", "/etc/hostname", "sub/../../outside.wav", "."])
async def test_no_record_leads_out_of_the_folder(api: Api, tmp_path: Path, file: str) -> None:
    (tmp_path / "outside.wav").write_bytes(SOUND)
    here = api.here
    async with api.database.tenant_tx(here.tenant_id) as db:
        recording_id = uuid4()
        await recordings.insert_recording(
            db, here.tenant_id, recording_id, call_id=here.call.id, kind="call", started_at=at(1)
        )
        stored = recordings.StoredFile(
            at=at(2), file=file, duration_ms=1, size_bytes=1, sha256="", channels=1, complete=True
        )
        await recordings.update_stored(db, here.tenant_id, recording_id, stored)
    status, body = await api.ask("GET", f"/recordings/{recording_id}/audio")
    assert (status, body["error"]["code"]) == (404, "NOT_FOUND")


async def test_recording_without_a_file_says_so(api: Api) -> None:
    await colleague(api)
    [unstored] = [r for r in await api.get("/recordings") if r["stored_at"] is None]
    status, body = await api.ask("GET", f"/recordings/{unstored['id']}/audio")
    assert (status, body["error"]["code"]) == (404, "NOT_FOUND")


@pytest.mark.parametrize(("text", "count"), [("4930", 1), ("ANNA", 1), ("nobody", 0), ("", 1)])
async def test_recordings_are_found_by_number_and_agent(api: Api, text: str, count: int) -> None:
    async with api.database.tenant_tx(api.here.tenant_id) as db:
        await calls.update_agent(db, api.here.tenant_id, api.here.call.id, api.here.agent.id)
    status, body = await api.ask("GET", f"/recordings?q={text}")
    assert status == 200, body
    assert len(body["data"]) == body["pagination"]["total"] == count
    for found in body["data"]:
        assert found["caller"] == api.here.call.caller
        assert found["agent_name"] == api.here.agent.name


async def test_recordings_are_found_by_call_and_kind(api: Api) -> None:
    await colleague(api)
    call = api.here.call.id
    [found] = await api.get(f"/recordings?call_id={call}&kind=call")
    assert (found["id"], found["channels"]) == (str(api.here.recording_id), 2)
    assert await api.get(f"/recordings?call_id={call}&kind=voicemail") == []


@pytest.mark.parametrize("path", ["/calls", "/recordings", "/calls/live"])
async def test_agent_role_without_an_agent_has_nothing_of_its_own(api: Api, path: str) -> None:
    nobody = api.headers(Role.AGENT, agent_id=uuid4())
    assert await api.get(path, role=None, headers=nobody) == []


@pytest.mark.parametrize("since", ["0", "-1.5", "1763629200", "2026-11-20", "today", "", "null"])
async def test_point_in_time_is_written_out(api: Api, since: str) -> None:
    status, body = await api.ask("GET", f"/calls?since={since}")
    assert (status, body["error"]["details"][0]["field"]) == (400, "query.since")
