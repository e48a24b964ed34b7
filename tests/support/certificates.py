"""A certificate authority of the test's own, and certificates for servers of this machine."""

import base64
import hashlib
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

NAMES = (x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1")))


class Authority:
    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.certificate, self.key = folder / "chain.pem", folder / "key.pem"
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named("A test's authority")
        self._own = self._signed(self._name, self._key.public_key(), days=30, is_authority=True)

    def issue(self, *, days: float = 90, name: str = "localhost") -> int:
        """Put a new certificate and its key into the files; returns its serial number."""
        private = ec.generate_private_key(ec.SECP256R1())
        made = self._signed(_named(name), private.public_key(), days=days)
        pem = serialization.Encoding.PEM
        self.certificate.write_bytes(made.public_bytes(pem))
        self.key.write_bytes(key_pem(private))
        return made.serial_number

    @property
    def trusting(self) -> ssl.SSLContext:
        """For clients."""
        pem = self._own.public_bytes(serialization.Encoding.PEM).decode()
        return ssl.create_default_context(cadata=pem)

    @property
    def pin(self) -> str:
        """Of the certificate that stands in the file, as Chromium takes it to trust it."""
        found = x509.load_pem_x509_certificate(self.certificate.read_bytes())
        public = found.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return base64.b64encode(hashlib.sha256(public).digest()).decode()

    def _signed(
        self,
        subject: x509.Name,
        public: ec.EllipticCurvePublicKey,
        *,
        days: float,
        is_authority: bool = False,
    ) -> x509.Certificate:
        now = datetime.now(UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=60))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()),
                critical=False,
            )
        )
        if is_authority:
            usage = x509.KeyUsage(
                digital_signature=True,
                content_commitment=False,
                key_encipherment=False,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=True,
                crl_sign=True,
                encipher_only=False,
                decipher_only=False,
            )
            builder = builder.add_extension(usage, critical=True)
        else:
            builder = builder.add_extension(x509.SubjectAlternativeName(NAMES), critical=False)
        return builder.sign(self._key, hashes.SHA256())


def key_pem(private: ec.EllipticCurvePrivateKey, *, password: bytes | None = None) -> bytes:
    protection = (
        serialization.BestAvailableEncryption(password)
        if password
        else serialization.NoEncryption()
    )
    return private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, protection
    )


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
