"""The data directory: its layout, and the lock that keeps a second server out of it."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class DataDirInUse(Exception):
    """Another server runs on this data directory."""


class DataDirUnusable(Exception):
    """The data directory cannot be made or written."""


class DataDir:
    """Paths below the data directory; everything the server keeps is somewhere here."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()

    @property
    def postgres(self) -> Path:
        return self.root / "postgres"

    @property
    def recordings(self) -> Path:
        return self.root / "recordings"

    @property
    def prompts(self) -> Path:
        """WAV files that flows name."""
        return self.root / "prompts"

    @property
    def sounds(self) -> Path:
        """Announcements and music of the tenants."""
        return self.root / "sounds"

    @property
    def prompt_cache(self) -> Path:
        return self.root / "cache" / "prompts"

    @property
    def journal(self) -> Path:
        return self.root / "journal"

    @property
    def registrations(self) -> Path:
        return self.root / "registrations.json"

    @property
    def token_key(self) -> Path:
        return self.root / "secrets" / "token-key"

    @property
    def nonce_key(self) -> Path:
        return self.root / "secrets" / "nonce-key"

    @property
    def demo_passwords(self) -> Path:
        return self.root / "demo-passwords.txt"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Make the directory and hold it; raises DataDirInUse or DataDirUnusable."""
        try:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            for folder in (self.recordings, self.prompts, self.sounds, self.prompt_cache):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            reason = error.strerror or str(error)
            raise DataDirUnusable(f"data_dir: {self.root} cannot be used: {reason}") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(lock)
            raise DataDirInUse(f"data_dir: {self.root} is in use by another server") from error
        try:
            yield
        finally:
            os.close(lock)
