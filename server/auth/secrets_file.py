"""The installation's own secrets: made once, kept in the data directory with mode 0600."""

import os
import secrets
from pathlib import Path


class SecretUnusable(Exception):
    """A secret's file cannot be read or made, or does not hold what was written."""


def load_or_make(path: Path, *, size: int = 32) -> bytes:
    """Return the random secret in `path`, making it (mode 0600) when it is not there.

    Raises SecretUnusable.
    """
    try:
        return _load(path, size)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise SecretUnusable(f"data_dir: {path} cannot be read: {error.strerror}") from error
    try:
        return _make(path, size)
    except OSError as error:
        raise SecretUnusable(f"data_dir: {path} cannot be made: {error.strerror}") from error


def _load(path: Path, size: int) -> bytes:
    try:
        secret = bytes.fromhex(path.read_text().strip())
    except ValueError:
        secret = b""
    if len(secret) != size:  # a shorter one could be guessed
        raise SecretUnusable(
            f"data_dir: {path} is damaged; put it back from a backup, or delete it to have a new "
            "one made"
        )
    return secret


def _make(path: Path, size: int) -> bytes:
    """Write it whole or not at all: half a secret after a crash would be refused for ever."""
    secret = secrets.token_bytes(size)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    scratch = path.with_name(f"{path.name}.new")
    scratch.unlink(missing_ok=True)
    descriptor = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secret.hex() + "\n")
        file.flush()
        os.fsync(file.fileno())
    scratch.rename(path)
    return secret
