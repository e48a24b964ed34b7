"""The server's own TLS: a certificate and its key from files, read again when they change.

Connections that stand are not touched by a change; the next one gets the new certificate.
"""

import asyncio
import logging
import ssl
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from config.settings import TlsSettings

log = logging.getLogger(__name__)

_LOOK_SECONDS = 30.0
_WARN_BEFORE = timedelta(days=21)
_MOST_BYTES = 1024 * 1024
Stamp = tuple[tuple[int, int, int], ...]


class CertificateUnusable(Exception):
    """One line for the person who runs the server, naming the setting."""


class TlsCertificate:
    def __init__(
        self,
        settings: TlsSettings,
        *,
        utcnow: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Reads the files. Raises CertificateUnusable."""
        assert settings.certificate is not None
        assert settings.key is not None
        self._certificate = settings.certificate
        self._key = settings.key
        self._utcnow = utcnow
        self._warned_on: date | None = None
        self._stamp = self._stamped()
        self._current, self.expires_at = _read(self._certificate, self._key)
        self.context = _server_context()
        """For listeners. It hands every new connection to what was read last."""
        self.context.sni_callback = self._hand_on

    async def watch(self, reread: asyncio.Event) -> None:
        """Follow the files for ever: when they change, and at once when `reread` is set."""
        while True:
            self.warn_of_expiry()
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_SECONDS):
                    await reread.wait()
            asked = reread.is_set()
            reread.clear()
            await asyncio.to_thread(self.look, asked=asked)

    def look(self, *, asked: bool = False) -> None:
        """Read the files if they have changed or if `asked`; what is unusable changes nothing."""
        stamp = self._stamped()
        if stamp == self._stamp and not asked:
            return
        self._stamp = stamp
        try:
            self._current, self.expires_at = _read(self._certificate, self._key)
        except CertificateUnusable as error:
            log.error("alarm: the new certificate is not used", extra={"alarm": str(error)})
            return
        self._warned_on = None
        log.info("certificate read", extra={"expires_at": self.expires_at.isoformat()})

    def warn_of_expiry(self) -> None:
        """Once a day, beginning three weeks before browsers refuse the certificate."""
        now = self._utcnow()
        if self.expires_at - now > _WARN_BEFORE or self._warned_on == now.date():
            return
        self._warned_on = now.date()
        expired = self.expires_at <= now
        text = "alarm: the certificate has expired" if expired else "certificate expires soon"
        log.log(
            logging.ERROR if expired else logging.WARNING,
            text,
            extra={"expires_at": self.expires_at.isoformat(), "file": str(self._certificate)},
        )

    def _hand_on(
        self, connection: ssl.SSLSocket | ssl.SSLObject, _name: str | None, _: ssl.SSLContext
    ) -> None:
        # Loading into a context in use could leave it with a certificate of another key.
        connection.context = self._current

    def _stamped(self) -> Stamp:
        """What changes with the files, also when a link comes to point to others."""
        found = []
        for path in (self._certificate, self._key):
            try:
                seen = path.stat()
            except OSError:
                found.append((0, 0, 0))
            else:
                found.append((seen.st_ino, seen.st_size, seen.st_mtime_ns))
        return tuple(found)


def _read(certificate: Path, key: Path) -> tuple[ssl.SSLContext, datetime]:
    chain_pem, key_pem = _bytes_of("certificate", certificate), _bytes_of("key", key)
    try:
        chain = x509.load_pem_x509_certificates(chain_pem)
    except ValueError as error:
        raise CertificateUnusable(
            f"tls.certificate: {certificate} holds no certificate in PEM form"
        ) from error
    try:
        private = serialization.load_pem_private_key(key_pem, password=None)
    except TypeError as error:
        raise CertificateUnusable(
            f"tls.key: {key} is protected by a password; store it without one"
        ) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CertificateUnusable(f"tls.key: {key} holds no private key in PEM form") from error
    try:
        public = chain[0].public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CertificateUnusable(
            f"tls.certificate: {certificate} has a key of a kind that cannot be used"
        ) from error
    if public != private.public_key():
        raise CertificateUnusable(f"tls.key: {key} is not the key of {certificate}")
    context = _server_context()
    try:
        context.load_cert_chain(certificate, key, _no_password)
    except OSError as error:  # an ssl.SSLError is one
        reason = error.reason if isinstance(error, ssl.SSLError) else error.strerror
        raise CertificateUnusable(
            f"tls.certificate: {certificate} cannot be used: {reason}"
        ) from error
    return context, min(each.not_valid_after_utc for each in chain)


def _bytes_of(name: str, path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise CertificateUnusable(f"tls.{name}: {path} cannot be read: {error.strerror}") from error
    if len(data) > _MOST_BYTES:
        raise CertificateUnusable(f"tls.{name}: {path} is too long to be a {name}")
    return data


def _server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    return context


def _no_password() -> str:
    return ""  # else OpenSSL would ask at the terminal
