"""The web pages: what is served, under which rules, and how a browser stays signed in."""

import asyncio
import re
from collections.abc import AsyncIterator
from http.cookies import Morsel
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import ClientResponse, web
from aiohttp.test_utils import TestClient, TestServer

from casecore.store import users
from server.api.routes import errors_as_json
from server.auth.passwords import Passwords
from server.pages import Pages
from tests.support.api import Api

Client = TestClient[web.Request, web.Application]

INDEX = '<script nonce="@nonce@" src="/assets/index-1.js"></script>'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    built = tmp_path / "dist"
    (built / "assets").mkdir(parents=True)
    (built / "index.html").write_text(INDEX)
    (built / "icon.svg").write_text("<svg/>")
    (built / "assets" / "index-1.js").write_text("1")
    (tmp_path / "secret.txt").write_text("secret")
    return built


@pytest_asyncio.fixture
async def client(folder: Path) -> AsyncIterator[Client]:
    async with serving(folder) as served:
        yield served


def serving(folder: Path) -> Client:
    app = web.Application(middlewares=[errors_as_json])
    Pages(lambda _: "wss://phones.example:7443/sip", folder=folder).add_to(app)
    return TestClient(TestServer(app))


def policy_of(response: ClientResponse) -> dict[str, list[str]]:
    rules = response.headers["Content-Security-Policy"].split("; ")
    return {words[0]: words[1:] for words in (rule.split() for rule in rules)}


@pytest.mark.parametrize("path", ["/", "/supervisor", "/calls/2f0c"])
async def test_every_place_inside_of_the_page_is_the_page_and_never_kept(
    client: Client, path: str
) -> None:
    response = await client.get(path)
    assert response.status == 200
    assert response.content_type == "text/html"
    assert response.headers["Cache-Control"] == "no-cache"


async def test_each_answer_has_a_number_of_its_own_that_its_policy_names(client: Client) -> None:
    seen = set()
    for _ in range(2):
        response = await client.get("/")
        [nonce] = re.findall(r'nonce="([^"]+)"', await response.text())
        assert f"'nonce-{nonce}'" in policy_of(response)["style-src"]
        seen.add(nonce)
    assert len(seen) == 2


async def test_the_page_may_reach_this_server_and_its_phone_port_and_nobody_else(
    client: Client,
) -> None:
    response = await client.get("/", headers={"Host": "desk.example:8080"})
    policy = policy_of(response)
    assert policy["default-src"] == ["'self'"]
    assert "script-src" not in policy  # that of default-src: no inline script, no other host
    assert set(policy["connect-src"]) == {
        "'self'",
        *("ws://desk.example:8080", "wss://desk.example:8080"),
        "wss://phones.example:7443",
    }
    assert policy["frame-ancestors"] == ["'none'"]


async def test_a_host_header_puts_nothing_into_the_policy(client: Client) -> None:
    response = await client.get("/", headers={"Host": "x; script-src evil.example"})
    assert "evil" not in response.headers["Content-Security-Policy"]


async def test_built_files_are_kept_forever_and_others_asked_for_again(client: Client) -> None:
    asset = await client.get("/assets/index-1.js")
    assert asset.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert asset.content_type == "text/javascript"
    icon = await client.get("/icon.svg")
    assert icon.headers["Cache-Control"] == "no-cache"


@pytest.mark.parametrize(
    "path",
    [
        "/assets/old-0.js",
        "/assets/..%2f..%2fsecret.txt",
        "/..%2fsecret.txt",
        "/a%00.txt",
        "/" + "x" * 300 + ".js",
        "/index.html",
        "/api/v1/nothing",
        "/ws/v1/nothing",
        "/web/nothing",
    ],
)
async def test_what_is_not_there_is_an_error_and_not_the_page(client: Client, path: str) -> None:
    assert (await client.get(path)).status == 404


async def test_pages_that_are_not_built_say_how_to_build_them(tmp_path: Path) -> None:
    async with serving(tmp_path / "nothing") as client:
        response = await client.get("/")
        assert response.status == 503
        assert "python3 scripts/bootstrap.py" in await response.text()


# --- the session

PASSWORD = "correct-horse-battery"


@pytest_asyncio.fixture
async def browser(api: Api) -> Client:
    hashed = await Passwords().hash(PASSWORD)
    async with api.database.tenant_tx(api.here.tenant_id) as db:
        await users.update_password(db, api.here.tenant_id, api.here.user.id, hashed)
    return api.client


async def sign_in(browser: Client, **how: Any) -> ClientResponse:
    body = {"login": "anna", "password": PASSWORD}
    return await browser.post("/web/session", json=body, **how)


def cookie_of(response: ClientResponse) -> Morsel[str]:
    return response.cookies["murima_session"]


async def test_the_refresh_token_is_where_no_script_sees_it(browser: Client) -> None:
    response = await sign_in(browser)
    cookie = cookie_of(response)
    assert response.status == 200
    assert set((await response.json())["data"]) == {"access_token", "expires_in", "user"}
    assert cookie.value not in await response.text()
    assert (cookie["httponly"], cookie["samesite"], cookie["path"]) == (
        True,
        "Strict",
        "/web/session",
    )
    assert cookie["max-age"] == ""  # gone with the browser
    assert not cookie["secure"]


async def test_behind_a_proxy_that_speaks_https_the_cookie_is_for_https_alone(
    browser: Client,
) -> None:
    response = await sign_in(browser, headers={"Origin": "https://desk.example"})
    assert cookie_of(response)["secure"]


async def test_the_cookie_is_exchanged_for_new_access(api: Api, browser: Client) -> None:
    first = cookie_of(await sign_in(browser)).value
    response = await browser.put("/web/session")
    assert cookie_of(response).value != first
    token = (await response.json())["data"]["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    assert (await api.get("/auth/me", role=None, headers=headers))["login"] == "anna"


async def test_a_page_loaded_twice_in_a_row_stays_signed_in(browser: Client) -> None:
    """Its second request has the cookie that the first has already used."""
    kept = {"Cookie": f"murima_session={cookie_of(await sign_in(browser)).value}"}
    browser.session.cookie_jar.clear()
    both = await asyncio.gather(*(browser.put("/web/session", headers=kept) for _ in range(2)))
    assert [response.status for response in both] == [200, 200]
    assert cookie_of(both[0]).value == cookie_of(both[1]).value
    assert (await browser.put("/web/session")).status == 200


async def test_who_signed_out_is_out(browser: Client) -> None:
    await sign_in(browser)
    used = cookie_of(await browser.put("/web/session")).value
    response = await browser.delete("/web/session")
    assert response.status == 200
    assert cookie_of(response)["max-age"] == "0"
    for cookie in ("", used):
        again = await browser.put("/web/session", headers={"Cookie": f"murima_session={cookie}"})
        assert again.status == 401


async def test_a_form_of_another_site_signs_nobody_in(browser: Client) -> None:
    """It can send no JSON; the browser would ask first, and gets no permission."""
    response = await browser.post(
        "/web/session", data=f'{{"login": "anna", "password": "{PASSWORD}"}}'
    )
    assert response.status == 415


async def test_a_wrong_password_is_refused_as_the_api_does_it(browser: Client) -> None:
    response = await browser.post("/web/session", json={"login": "anna", "password": "wrong"})
    assert response.status == 401
    assert (await response.json())["error"]["code"] == "UNAUTHENTICATED"
