"""Passwords of phones: only what digest authentication compares with is ever stored."""

import secrets

from casecore.store.phones import PhoneSecrets
from telephony.sip.digest import ha1

_LETTERS = "abcdefghjkmnpqrstuvwxyzABCDEFGHJKMNPQRSTUVWXYZ23456789"
"""None that looks like another one: people type them off a screen."""


def new_password() -> str:
    """Short enough to be typed into a desk phone; 69 bits."""
    return "".join(secrets.choice(_LETTERS) for _ in range(12))


def secrets_of(user: str, realm: str, password: str) -> PhoneSecrets:
    return PhoneSecrets(
        md5=ha1(user, realm, password, "MD5"), sha256=ha1(user, realm, password, "SHA-256")
    )
