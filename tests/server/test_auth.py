import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from casecore.permissions import ROLE_PERMISSIONS, Permission, Role, may
from config.tenancy import TenantId
from routing.events import AgentId
from server.auth.guard import LoginGuard
from server.auth.passwords import Passwords
from server.auth.principal import Principal
from server.auth.secrets_file import SecretUnusable, load_or_make
from server.auth.tokens import AccessTokens, InvalidToken

KEY = b"k" * 32
WHO = Principal(
    user_id=UUID(int=7),
    tenant_id=TenantId(UUID(int=1)),
    login="agent1",
    role=Role.AGENT,
    agent_id=AgentId(UUID(int=9)),
)


def tokens(key: bytes = KEY) -> AccessTokens:
    return AccessTokens(key, lifetime=timedelta(minutes=15), admits=lambda _: True)


def test_access_token_brings_back_the_person() -> None:
    token = tokens().issue(WHO, now=datetime.now(UTC))
    assert tokens().read(token).principal == WHO


def test_expired_foreign_and_mangled_tokens_are_refused() -> None:
    expired = tokens().issue(WHO, now=datetime.now(UTC) - timedelta(hours=1))
    foreign = tokens(b"x" * 32).issue(WHO, now=datetime.now(UTC))
    unsigned = "eyJhbGciOiJub25lIn0.eyJpc3MiOiJtdXJpbWEifQ."
    for token in (expired, foreign, unsigned, "", "a.b.c"):
        with pytest.raises(InvalidToken):
            tokens().read(token)


async def test_password_matches_only_itself() -> None:
    passwords = Passwords()
    stored = await passwords.hash("correct horse")
    assert await passwords.verify(stored, "correct horse")
    assert not await passwords.verify(stored, "battery staple")
    assert not await passwords.verify(None, "no such user")
    assert not await passwords.verify("not a hash", "anything")


async def test_hashing_leaves_the_event_loop_free() -> None:
    passwords = Passwords()
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0)
            ticks += 1

    ticking = asyncio.get_running_loop().create_task(tick())
    await passwords.hash("slow on purpose")
    ticking.cancel()
    assert ticks > 10


def test_guard_lets_a_person_mistype_and_slows_a_guesser() -> None:
    guard = LoginGuard()
    for _ in range(4):
        guard.failed("10.0.0.1", now=100)
        assert guard.wait_for("10.0.0.1", now=100) == 0
    waits = []
    now = 100.0
    for _ in range(12):
        guard.failed("10.0.0.1", now=now)
        waits.append(guard.wait_for("10.0.0.1", now=now))
        now += waits[-1]
    assert waits[:4] == [2, 4, 8, 16]
    assert waits[-1] == 300
    assert guard.wait_for("10.0.0.2", now=now) == 0


def test_guard_forgets_after_success_and_after_a_while() -> None:
    guard = LoginGuard()
    for _ in range(6):
        guard.failed("a", now=0)
        guard.failed("b", now=0)
    guard.succeeded("a")
    assert guard.wait_for("a", now=1) == 0
    guard.failed("b", now=2_000)
    assert guard.wait_for("b", now=2_000) == 0


def test_guard_remembers_only_so_many_sources() -> None:
    guard = LoginGuard()
    for n in range(20_000):
        guard.failed(str(n), now=0)
    assert len(guard._records) == 10_000


def test_every_role_may_what_the_smaller_one_may() -> None:
    assert ROLE_PERMISSIONS[Role.AGENT] < ROLE_PERMISSIONS[Role.SUPERVISOR]
    assert ROLE_PERMISSIONS[Role.VIEWER] < ROLE_PERMISSIONS[Role.SUPERVISOR]
    assert ROLE_PERMISSIONS[Role.SUPERVISOR] < ROLE_PERMISSIONS[Role.ADMINISTRATOR]
    assert not may(Role.VIEWER, Permission.HEAR_ALL_RECORDINGS)
    assert not may(Role.AGENT, Permission.SEE_ALL_CALLS)


def test_secret_is_made_once_and_private(tmp_path: Path) -> None:
    path = tmp_path / "secrets" / "token-key"
    first = load_or_make(path)
    assert len(first) == 32
    assert load_or_make(path) == first
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("text", ["", "\n", "00ff\n", "no secret\n", "0" * 62 + "\n"])
def test_damaged_secret_is_refused_rather_than_guessable(tmp_path: Path, text: str) -> None:
    path = tmp_path / "token-key"
    path.write_text(text)
    with pytest.raises(SecretUnusable, match="token-key is damaged"):
        load_or_make(path)
    assert path.read_text() == text


def test_secret_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "secrets").write_text("a file in the way")
    with pytest.raises(SecretUnusable, match=r"token-key cannot be (made|read): "):
        load_or_make(tmp_path / "secrets" / "token-key")
