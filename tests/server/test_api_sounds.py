"""Announcements and music: uploaded or spoken, kept for one tenant, and safe while in use."""

from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from casecore.paging import Page
from casecore.permissions import Role
from casecore.store import audit
from media.wav import decode_wav
from tests.support.api import Api
from tests.support.audio import encoded_tone, read_channels, share_of_tone

MP3 = {"Content-Type": "audio/mpeg"}


def playing(sound: str) -> dict[str, Any]:
    nodes = {
        "hello": {"kind": "play", "prompts": [{"sound": sound}], "next": "end"},
        "end": {"kind": "hangup"},
    }
    return {"document": {"name": "x", "start": "hello", "nodes": nodes}}


async def trail(api: Api) -> list[tuple[str, str]]:
    async with api.database.tenant_tx(api.here.tenant_id) as db:
        rows = await audit.list_audit(db, api.here.tenant_id, Page(100, order="asc"))
    return [(row.action, row.subject) for row in rows.items[1:]]


@pytest.fixture
def tone(tmp_path: Path) -> bytes:
    return encoded_tone(tmp_path / "tone.mp3", 620, seconds=1).read_bytes()


def files_below(folder: Path) -> list[str]:
    return [path.name for path in folder.glob("**/sounds/*/*")]


async def upload(
    api: Api, content: bytes | BytesIO, name: str = "tone", **query: str
) -> tuple[int, Any]:
    params = {"name": name, **query}
    return await api.ask("POST", "/sounds", params=params, data=content, headers=MP3)


async def test_b08_upload_is_kept_heard_renamed_and_removed(
    api: Api, tone: bytes, tmp_path: Path
) -> None:
    status, body = await upload(api, tone, "Jingle", kind="music")
    assert status == 201, body
    made = body["data"]
    assert (made["name"], made["kind"], made["spoken_text"]) == ("Jingle", "music", None)
    assert 950 < made["duration_ms"] < 1_150
    path = f"/sounds/{made['id']}"
    assert await api.get(path, role=Role.SUPERVISOR) == made

    response = await api.send("GET", f"{path}/audio", headers=api.headers(Role.SUPERVISOR))
    content = await response.read()
    assert (response.status, response.content_type) == (200, "audio/wav")
    assert (len(content), sha256(content).hexdigest()) == (made["size_bytes"], made["sha256"])
    heard = tmp_path / "heard.wav"
    heard.write_bytes(content)
    [samples], rate = read_channels(heard)
    assert share_of_tone(samples, rate, 620) > 0.9
    part = {**api.headers(Role.SUPERVISOR), "Range": "bytes=0-43"}
    assert (await api.send("GET", f"{path}/audio", headers=part)).status == 206

    assert [each["name"] for each in await api.get("/sounds")] == ["Jingle", "waltz"]
    assert await api.get("/sounds?kind=announcement") == []
    assert (await api.ask("PUT", path, json={"name": "jingle"}))[1]["data"]["name"] == "jingle"
    assert (await api.ask("DELETE", path))[0] == 200
    assert (await api.ask("GET", path))[0] == 404
    actions = [(f"sound_{what}", made["id"]) for what in ("added", "changed", "removed")]
    assert await trail(api) == actions
    assert api.live.reloads == [api.here.tenant_id] * 3


async def test_nothing_is_left_on_the_disk_of_what_was_removed_or_refused(
    api: Api, tone: bytes, tmp_path: Path
) -> None:
    _, body = await upload(api, tone)
    assert (await upload(api, tone, "TONE"))[0] == 409
    assert (await upload(api, b"no sound at all", "other"))[0] == 422
    assert (await upload(api, BytesIO(bytes(20_000_001)), "large"))[0] == 413
    assert files_below(tmp_path) == [f"{body['data']['id']}.wav"]
    await api.ask("DELETE", f"/sounds/{body['data']['id']}")
    assert files_below(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "content", "how", "status", "field"),
    [
        ("waltz", None, {}, 409, "query.name"),
        ("", None, {}, 400, "query.name"),
        ("x", None, {"kind": "noise"}, 400, "query.kind"),
        ("x", b"MZ not a sound", {}, 422, "body"),
    ],
)
async def test_mistake_is_told_next_to_its_field(
    api: Api,
    tone: bytes,
    name: str,
    content: bytes | None,
    how: dict[str, str],
    status: int,
    field: str,
) -> None:
    answer = await upload(api, tone if content is None else content, name, **how)
    assert answer[0] == status, answer
    assert [detail["field"] for detail in answer[1]["error"]["details"]] == [field]


async def test_form_is_told_to_send_the_file_itself(api: Api) -> None:
    status, body = await api.ask("POST", "/sounds?name=x", json={})
    assert (status, body["error"]["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


async def test_upload_without_a_length_ends_where_it_is_too_large(api: Api) -> None:
    async def endless() -> Any:
        for _ in range(400):
            yield bytes(64 * 1024)

    headers = {**api.headers(Role.ADMINISTRATOR), **MP3}
    response = await api.send("POST", "/sounds?name=x", data=endless(), headers=headers)
    assert response.status == 413


async def test_flow_may_play_sounds_of_the_tenant_and_no_others(api: Api) -> None:
    path = f"/flows/{api.here.flow.id}"
    assert (await api.ask("PUT", path, json=playing("Waltz")))[0] == 200
    status, body = await api.ask("PUT", path, json=playing("walz"))
    assert status == 422
    [detail] = body["error"]["details"]
    assert detail["message"] == (
        "node 'hello', prompts.0.sound: there is no sound 'walz'; did you mean 'waltz'?"
    )


async def test_sound_in_use_stays_and_it_says_where(api: Api) -> None:
    path = f"/sounds/{api.here.music.id}"
    await api.ask("PUT", f"/flows/{api.here.flow.id}", json=playing("waltz"))
    values = {"name": "sales", "skill": "sales", "music": str(api.here.music.id)}
    assert (await api.ask("PUT", f"/queues/{api.here.queue.id}", json=values))[0] == 200
    status, body = await api.ask("DELETE", path)
    assert (status, [each["message"] for each in body["error"]["details"]]) == (
        409,
        ["the flow main uses it in node 'hello'", "the queue sales plays it"],
    )
    status, body = await api.ask("PUT", path, json={"name": "other"})
    assert (status, [each["field"] for each in body["error"]["details"]]) == (409, ["body.name"])
    assert (await api.ask("PUT", path, json={"name": "Waltz"}))[0] == 200


async def test_announcement_is_no_music_for_a_queue(api: Api) -> None:
    spoken = {"name": "hello", "text": "Hello."}
    _, body = await api.ask("POST", "/sounds/spoken", json=spoken)
    values = {"name": "sales", "skill": "sales", "music": body["data"]["id"]}
    status, body = await api.ask("PUT", f"/queues/{api.here.queue.id}", json=values)
    assert (status, body["error"]["details"][0]["field"]) == (422, "body.music")


async def test_text_is_spoken_and_kept(api: Api) -> None:
    spoken = {"name": "hello", "text": "Good morning to everybody.", "voice": "en-us"}
    status, body = await api.ask("POST", "/sounds/spoken", json=spoken)
    assert status == 201, body
    made = body["data"]
    assert (made["kind"], made["spoken_text"], made["voice"]) == (
        *("announcement", "Good morning to everybody.", "en-us"),
    )
    assert made["duration_ms"] > 700
    response = await api.send(
        "GET", f"/sounds/{made['id']}/audio", headers=api.headers(Role.ADMINISTRATOR)
    )
    assert len(decode_wav(await response.read(), name="x")) // 8 == made["duration_ms"]


async def test_text_can_be_heard_without_being_kept(api: Api) -> None:
    response = await api.send(
        "POST", "/sounds/preview", json={"text": "Hello there."},
        headers=api.headers(Role.ADMINISTRATOR),
    )  # fmt: skip
    assert (response.status, response.content_type) == (200, "audio/wav")
    assert len(decode_wav(await response.read(), name="x")) > 2_000
    assert [each["name"] for each in await api.get("/sounds")] == ["waltz"]
    assert await trail(api) == []


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"text": ""}, 400, "body.text"),
        ({"text": " \t "}, 400, "body.text"),
        ({"text": "x" * 1_001}, 400, "body.text"),
        ({"text": "Hello", "voice": "-w /tmp/x"}, 400, "body.voice"),
        ({"text": "Hello", "voice": "nobody"}, 422, "body.voice"),
    ],
)
async def test_text_that_cannot_be_spoken_is_refused(
    api: Api, body: dict[str, str], status: int, field: str
) -> None:
    answer = await api.ask("POST", "/sounds/preview", json=body)
    assert answer[0] == status, answer
    assert [detail["field"] for detail in answer[1]["error"]["details"]] == [field]


async def test_speaking_is_bounded(api: Api) -> None:
    statuses = [
        (await api.send("POST", "/sounds/preview", json={"text": "a", "voice": "nobody"},
                        headers=api.headers(Role.ADMINISTRATOR))).status
        for _ in range(21)
    ]  # fmt: skip
    assert statuses == [422] * 20 + [429]


async def test_voices_to_choose_from_are_told(api: Api) -> None:
    voices = await api.get("/sounds/voices")
    by_id = {each["id"]: each for each in voices}
    assert by_id["de"] == {"id": "de", "name": "German", "is_default": False}
    assert by_id["en-gb"]["is_default"]
