"""TLS by the server itself: which files it takes, and what becomes of changed ones."""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidMessage, InvalidStatus
from websockets.typing import Origin, Subprotocol

from config.settings import Settings, TlsSettings
from config.sources import ConfigError, load_settings
from server.tls import CertificateUnusable, TlsCertificate
from server.web_addresses import WebAddresses
from telephony.sip.message import Request
from telephony.transport.tcp import Item, Limits
from telephony.transport.ws import BrowserDoor, WsTransport
from tests.support.certificates import Authority, key_pem
from tests.support.sip_wire import request

if TYPE_CHECKING:
    from telephony.transport.flow import Flow

SOON = 5.0
SIP = [Subprotocol("sip")]


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    made = Authority(tmp_path)
    made.issue()
    return made


def settings_of(authority: Authority) -> TlsSettings:
    return TlsSettings(certificate=authority.certificate, key=authority.key)


@asynccontextmanager
async def served(certificate: TlsCertificate) -> AsyncIterator[int]:
    """The port of something that says nothing, over TLS."""

    async def sit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.read(100))
        await reader.read()
        writer.close()

    server = await asyncio.start_server(sit, "127.0.0.1", 0, ssl=certificate.context)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def opened(
    port: int, context: ssl.SSLContext, name: str = "localhost"
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    async with asyncio.timeout(SOON):
        return await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=name)


async def serial_at(port: int, context: ssl.SSLContext, name: str = "localhost") -> int:
    _, writer = await opened(port, context, name)
    shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return x509.load_der_x509_certificate(shown).serial_number


def test_one_of_the_two_files_is_not_enough(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^tls: certificate and key .*: key is not set$"):
        load_settings(None, {"tls": {"certificate": str(tmp_path / "a.pem")}})


def with_a_key_of_no_known_kind(pem: bytes) -> bytes:
    elliptic, nobodys = bytes.fromhex("2a8648ce3d0201"), bytes.fromhex("2a8648ce3d0263")
    found = x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)
    return ssl.DER_cert_to_PEM_cert(found.replace(elliptic, nobodys)).encode()


def mistakes(folder: Path, authority: Authority) -> dict[str, tuple[TlsSettings, str]]:
    words, other, locked = folder / "words", folder / "other.pem", folder / "locked.pem"
    words.write_text("no certificate")
    private = ec.generate_private_key(ec.SECP256R1())
    other.write_bytes(key_pem(private))
    locked.write_bytes(key_pem(private, password=b"secret"))
    good = settings_of(authority)
    key, certificate = good.key, good.certificate
    none, odd = folder / "none.pem", folder / "odd.pem"
    assert certificate is not None
    odd.write_bytes(with_a_key_of_no_known_kind(certificate.read_bytes()))
    return {
        "no file": (
            TlsSettings(certificate=none, key=key),
            f"tls.certificate: {none} cannot be read: No such file or directory",
        ),
        "a folder": (
            TlsSettings(certificate=certificate, key=folder),
            f"tls.key: {folder} cannot be read: Is a directory",
        ),
        "words": (
            TlsSettings(certificate=words, key=key),
            f"tls.certificate: {words} holds no certificate in PEM form",
        ),
        "no key": (
            TlsSettings(certificate=certificate, key=words),
            f"tls.key: {words} holds no private key in PEM form",
        ),
        "other key": (
            TlsSettings(certificate=certificate, key=other),
            f"tls.key: {other} is not the key of {certificate}",
        ),
        "locked": (
            TlsSettings(certificate=certificate, key=locked),
            f"tls.key: {locked} is protected by a password; store it without one",
        ),
        "odd": (
            TlsSettings(certificate=odd, key=key),
            f"tls.certificate: {odd} has a key of a kind that cannot be used",
        ),
        "endless": (
            TlsSettings(certificate=Path("/dev/zero"), key=key),
            "tls.certificate: /dev/zero is too long to be a certificate",
        ),
    }


@pytest.mark.parametrize(
    "which", ["no file", "a folder", "words", "no key", "other key", "locked", "odd", "endless"]
)
def test_each_unusable_file_is_one_line_that_names_the_setting(
    tmp_path: Path, authority: Authority, which: str
) -> None:
    settings, said = mistakes(tmp_path, authority)[which]
    with pytest.raises(CertificateUnusable) as refused:
        TlsCertificate(settings)
    assert str(refused.value) == said


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
async def test_changed_files_count_for_new_connections_and_old_ones_go_on(
    authority: Authority, name: str
) -> None:
    """Also for a client that comes by an address: it names nobody in its hello."""
    first = authority.issue()
    certificate = TlsCertificate(settings_of(authority))
    trusting = authority.trusting
    async with served(certificate) as port:
        reader, writer = await opened(port, trusting, name)
        assert await serial_at(port, trusting, name) == first
        second = authority.issue()
        assert await serial_at(port, trusting, name) == first, "nobody has looked yet"
        certificate.look()
        assert await serial_at(port, trusting, name) == second
        writer.write(b"still here")
        async with asyncio.timeout(SOON):
            assert await reader.read(100) == b"still here"
        writer.close()


async def test_change_that_is_not_usable_leaves_what_was_there(
    authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    first = authority.issue()
    certificate = TlsCertificate(settings_of(authority))
    authority.key.write_bytes(key_pem(ec.generate_private_key(ec.SECP256R1())))
    certificate.look()
    certificate.look()
    async with served(certificate) as port:
        assert await serial_at(port, authority.trusting) == first
    told = [row.alarm for row in caplog.records if "not used" in row.message]  # type: ignore[attr-defined]
    assert told == [f"tls.key: {authority.key} is not the key of {authority.certificate}"]
    second = authority.issue()
    certificate.look()
    async with served(certificate) as port:
        assert await serial_at(port, authority.trusting) == second


async def test_files_are_read_again_when_asked(authority: Authority) -> None:
    certificate = TlsCertificate(settings_of(authority))
    second = authority.issue()
    reread = asyncio.Event()
    async with served(certificate) as port, asyncio.TaskGroup() as tasks:
        watching = tasks.create_task(certificate.watch(reread))
        reread.set()
        async with asyncio.timeout(SOON):
            while await serial_at(port, authority.trusting) != second:
                await asyncio.sleep(0.01)
        assert not reread.is_set()
        watching.cancel()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
async def test_nothing_older_than_tls_1_2_is_spoken(authority: Authority) -> None:
    old = authority.trusting
    old.minimum_version = ssl.TLSVersion.TLSv1
    old.set_ciphers("ALL:@SECLEVEL=0")
    certificate = TlsCertificate(settings_of(authority))
    async with served(certificate) as port:
        assert await serial_at(port, old)
        old.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises((ssl.SSLError, ConnectionResetError)):
            await opened(port, old)


def test_expiry_is_told_once_a_day_beginning_three_weeks_before(
    authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    now = datetime.now(UTC)
    clock = [now]
    authority.issue(days=30)
    certificate = TlsCertificate(settings_of(authority), utcnow=lambda: clock[0])
    assert abs(certificate.expires_at - now - timedelta(days=30)) < timedelta(minutes=1)
    for day in (0, 8, 10, 10, 31):
        clock[0] = now + timedelta(days=day)
        certificate.warn_of_expiry()
    assert [(row.levelname, row.message) for row in caplog.records] == [
        ("WARNING", "certificate expires soon"),
        ("ERROR", "alarm: the certificate has expired"),
    ]


def web(**sections: Mapping[str, object]) -> WebAddresses:
    return WebAddresses(
        Settings.model_validate(sections),
        http=lambda: ("0.0.0.0", 8443),
        ws=lambda: ("0.0.0.0", 5066),
    )


def test_browser_is_sent_to_the_name_it_came_by_when_tls_has_proved_it(tmp_path: Path) -> None:
    tls = {"certificate": tmp_path / "a", "key": tmp_path / "b"}
    secure, plain = web(tls=tls), web()
    assert secure.page_url() == "https://0.0.0.0:8443/"
    assert secure.phone_url("Desk.example:8443") == "wss://desk.example:5066/"
    assert secure.phone_url("[2001:db8::1]:8443") == "wss://[2001:db8::1]:5066/"
    assert secure.phone_url("x; script-src evil") == "wss://0.0.0.0:5066/"
    assert plain.phone_url("desk.example") == "ws://0.0.0.0:5066/"
    behind = web(tls=tls, sip={"ws_url": "wss://phones.example/sip"})
    assert behind.phone_url("desk.example") == "wss://phones.example/sip"


def test_own_page_is_the_one_of_the_name_that_tls_has_proved(tmp_path: Path) -> None:
    tls = {"certificate": tmp_path / "a", "key": tmp_path / "b"}
    secure, plain = web(tls=tls), web()
    assert secure.is_own_page("https://desk.example:8443", "desk.example:5066")
    assert not secure.is_own_page("http://desk.example:8443", "desk.example:5066")
    assert not secure.is_own_page("https://desk.example", "desk.example:5066")
    assert not secure.is_own_page("https://evil.example:8443", "desk.example:5066")
    assert not plain.is_own_page("http://desk.example:8443", "desk.example:5066")
    assert plain.is_own_page("http://localhost:8443", "127.0.0.1:5066")
    usual = WebAddresses(
        Settings.model_validate({"tls": tls}), http=lambda: ("::", 443), ws=lambda: ("::", 5066)
    )
    assert usual.is_own_page("https://desk.example", "desk.example:5066")


async def test_sip_goes_over_wss_and_says_so(authority: Authority) -> None:
    items: asyncio.Queue[tuple[Item, Flow]] = asyncio.Queue()
    certificate = TlsCertificate(settings_of(authority))
    door = BrowserDoor(
        own_page=lambda origin, host: (
            (origin, host.partition(":")[0]) == ("https://localhost", "localhost")
        ),
        tls=certificate.context,
    )
    ws = WsTransport(
        lambda item, flow: items.put_nowait((item, flow)), lambda _: None, Limits(9, 9), door
    )
    await ws.start("127.0.0.1", 0)
    url = f"wss://localhost:{ws.bound[1]}/"
    own, trusting = Origin("https://localhost"), authority.trusting
    try:
        async with connect(url, subprotocols=SIP, origin=own, ssl=trusting) as browser:
            await browser.send(request("OPTIONS", via="SIP/2.0/WSS df7jal23ls0d.invalid"))
            async with asyncio.timeout(SOON):
                item, flow = await items.get()
            assert isinstance(item, Request)
            assert (flow.transport, flow.via_transport, flow.is_browser) == ("ws", "WSS", True)
        with pytest.raises(InvalidStatus):
            await connect(url, subprotocols=SIP, origin=Origin("https://evil"), ssl=trusting)
        with pytest.raises(InvalidMessage):
            async with asyncio.timeout(SOON):
                await connect(url.replace("wss", "ws"), subprotocols=SIP)
    finally:
        await ws.stop()
