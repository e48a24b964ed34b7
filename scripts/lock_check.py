"""Compares the lock files with pyproject.toml: nothing missing, everything hashed, no addresses."""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = names(project["project"]["dependencies"])
    wanted_dev = wanted | names(project["dependency-groups"]["dev"])
    problems = [
        *check("requirements.lock", wanted),
        *check("requirements-dev.lock", wanted_dev),
        *check("scripts/bootstrap.lock", {"uv"}),
        *differences("requirements.lock", "requirements-dev.lock"),
    ]
    # Of the web pages: npm then asks whichever registry the machine is set up for.
    if '"resolved"' in (ROOT / "frontend" / "package-lock.json").read_text():
        problems.append(
            "frontend/package-lock.json: names an address; run npm install in frontend/"
        )
    for problem in problems:
        print(problem)
    return 1 if problems else 0


def check(lock: str, wanted: set[str]) -> list[str]:
    text = (ROOT / lock).read_text()
    pinned = entries(text)
    problems = [f"{lock}: {name} is not locked" for name in sorted(wanted - pinned.keys())]
    problems += [f"{lock}: {name} has no hash" for name, e in pinned.items() if "sha256:" not in e]
    if "://" in text or "--index" in text:
        problems.append(f"{lock}: names an address; write it with --no-emit-index-url")
    return problems


def differences(smaller: str, larger: str) -> list[str]:
    """Tests must run on the very versions that users get."""
    run = entries((ROOT / smaller).read_text())
    test = entries((ROOT / larger).read_text())
    return [
        f"{larger}: {name} is not the version of {smaller}"
        for name, entry in run.items()
        if test.get(name) != entry
    ]


def entries(text: str) -> dict[str, str]:
    """Each pinned requirement by normalised name, with its version, marker and hashes."""
    joined = text.replace("\\\n", " ")
    lines = [line for line in joined.splitlines() if line and not line.startswith("#")]
    return {normalised(line): " ".join(line.split()) for line in lines}


def names(requirements: list[str]) -> set[str]:
    return {normalised(requirement) for requirement in requirements}


def normalised(requirement: str) -> str:
    found = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert found is not None, requirement
    return re.sub(r"[-_.]+", "-", found.group()).lower()


if __name__ == "__main__":
    sys.exit(main())
