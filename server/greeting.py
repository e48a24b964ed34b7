"""What the person who started the server is told: what to dial and where to look."""

from collections.abc import Mapping
from pathlib import Path

from config.settings import Settings


def greeting(
    settings: Settings,
    *,
    sip: tuple[str, int],
    page: str,
    passwords: Mapping[str, str] | None,
    passwords_file: Path,
    seconds: float,
) -> str:
    """`passwords` are those made at this start, None at a later one; `seconds` until ready."""
    host, port = sip
    lines = [f"Murima is ready after {seconds:.1f} s."]
    if settings.demo.enabled:
        lines += [
            f"  Dial      sip:5000@{host}:{port} (menu), 5001 (echo test), 5002 (voicemail)",
            f"  Phones    1001, 1002, 1900 register at {host}:{port}; *45 makes an agent available",
            f"  Users     agent1, agent2, supervisor, admin; passwords in {passwords_file}",
        ]
    lines.append(f"  Web       {page} (API: /api/v1/openapi.json)")
    if passwords is not None and settings.demo.password is None:
        lines.append("  Passwords, shown this once:")
        lines += [f"    {name:<11} {password}" for name, password in passwords.items()]
    return "\n".join(lines)
