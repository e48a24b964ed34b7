"""Rules of the whole that no linter knows."""

import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
CONFIG: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = CONFIG["tool"]["importlinter"]["root_packages"]


def test_every_package_is_under_import_contracts() -> None:
    found = {path.parent.name for path in ROOT.glob("*/__init__.py")} - {"tests"}
    assert found == set(PACKAGES)


def test_no_installed_distribution_shadows_our_packages() -> None:
    taken = packages_distributions()
    assert {name: taken[name] for name in PACKAGES if name in taken} == {}


def test_no_import_is_excused_from_the_contracts() -> None:
    contracts = CONFIG["tool"]["importlinter"]["contracts"]
    assert [c["name"] for c in contracts if c.get("ignore_imports")] == []


def test_migrations_and_demo_travel_with_their_packages() -> None:
    data = CONFIG["tool"]["setuptools"]["package-data"]
    for package, patterns in data.items():
        for pattern in patterns:
            assert list((ROOT / package).glob(pattern)), (package, pattern)
