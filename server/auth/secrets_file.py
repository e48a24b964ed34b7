"""The installation's own secrets: made once, kept in the data directory with mode 0600."""

import os
import secrets
from pathlib import Path


def load_or_make(path: Path, *, size: int = 32) -> bytes:
    """Return the random secret in `path`, making it (mode 0600) when it is not there."""
    try:
        return bytes.fromhex(path.read_text().strip())
    except FileNotFoundError:
        secret = secrets.token_bytes(size)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secret.hex() + "\n")
        return secret
