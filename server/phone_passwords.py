"""Passwords of phones: only what digest authentication compares with is ever stored."""

import secrets

from casecore.store.phones import PhoneSecrets
from telephony.sip.digest import ha1


def new_password() -> str:
    """Short enough to be typed into a desk phone."""
    return secrets.token_urlsafe(9)


def secrets_of(user: str, realm: str, password: str) -> PhoneSecrets:
    return PhoneSecrets(
        md5=ha1(user, realm, password, "MD5"), sha256=ha1(user, realm, password, "SHA-256")
    )
