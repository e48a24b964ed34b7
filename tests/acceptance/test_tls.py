"""The server with a certificate of its own: https and wss, in a real browser, without a proxy.

The name in brackets is a row of the feature list: C01 softphone.
"""

import asyncio
import os
import signal
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from tests.support.audio import write_tone
from tests.support.certificates import Authority
from tests.support.chromium import PROGRAM, browser
from tests.support.desk import Person
from tests.support.running_server import PASSWORD, RunningServer

pytestmark = pytest.mark.acceptance


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    made = Authority(tmp_path / "tls")
    made.issue()
    return made


@pytest_asyncio.fixture
async def secure(authority: Authority, tmp_path: Path) -> AsyncIterator[RunningServer]:
    async with RunningServer(tmp_path / "server", authority=authority) as running:
        yield running


async def serial_at(port: int, trusting: ssl.SSLContext) -> str:
    async with asyncio.timeout(5):
        _, writer = await asyncio.open_connection("localhost", port, ssl=trusting)
    shown = writer.get_extra_info("peercert")["serialNumber"]
    writer.close()
    return str(shown)


async def test_session_cookie_is_for_encrypted_connections_only(
    secure: RunningServer, authority: Authority
) -> None:
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=authority.trusting)
    ) as http:
        url = f"https://localhost:{secure.http_port}"
        credentials = {"login": "agent1", "password": PASSWORD}
        async with http.post(url + "/web/session", json=credentials) as response:
            assert response.status == 200
            assert response.cookies["murima_session"]["secure"]
        async with http.get(url + "/") as response:
            policy = response.headers["Content-Security-Policy"]
        assert f"wss://localhost:{secure.ws_port}" in policy
        with pytest.raises(aiohttp.ClientError):
            await http.get(url.replace("https", "http"))
    expires = "murima_tls_certificate_expires_timestamp_seconds"
    assert expires in await secure.metrics()


@pytest.mark.skipif(not PROGRAM.exists(), reason="Chromium is not installed here")
async def test_c01_browser_phone_is_ready_over_wss_and_a_new_certificate_ends_no_call(
    secure: RunningServer, authority: Authority, tmp_path: Path
) -> None:
    microphone = tmp_path / "voice.wav"
    write_tone(microphone, 880)
    async with browser(microphone, trusted=authority.pin) as chromium:
        anna = await Person.at(secure, chromium, "agent1")
        await anna.sees("Phone ready")
        assert await anna.page.evaluate("isSecureContext")
        before = await serial_at(secure.ws_port, authority.trusting)
        authority.issue()
        os.kill(secure.pid, signal.SIGHUP)
        async with asyncio.timeout(10):
            for port in (secure.ws_port, secure.http_port):
                while await serial_at(port, authority.trusting) == before:
                    await asyncio.sleep(0.05)
        [phone] = [p for p in await secure.get("/phones") if p["user"] == "1001"]
        assert phone["registered"]
        await anna.sees("Phone ready")
    assert "Traceback" not in secure.log
