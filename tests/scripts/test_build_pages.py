"""The build of the web pages picks a Node that can do it, and installs only what has changed."""

import stat
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "build_pages.py"


@pytest.fixture
def build(tmp_path: Path) -> Any:
    """The script as a module, for a front end of its own."""
    spec = spec_from_file_location("build_pages", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module: Any = module_from_spec(spec)
    spec.loader.exec_module(module)
    module.FOLDER = tmp_path
    module.MODULES = tmp_path / "node_modules"
    module.STAMP = module.MODULES / ".murima-stamp"
    for name in ("package.json", "package-lock.json", ".npmrc"):
        (tmp_path / name).write_text(name)
    return module


def node_that_says(folder: Path, version: str) -> str:
    program = folder / "node"
    program.write_text(f"#!/bin/sh\necho {version}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return str(program)


@pytest.mark.parametrize(
    ("version", "fits"),
    [
        ("v18.20.4", False),  # Debian 12's
        ("v20.18.0", False),
        ("v20.19.0", True),
        ("v21.7.0", False),
        ("v22.11.0", False),
        ("v22.12.0", True),
        ("v24.0.0", True),
        ("nonsense", False),
    ],
)
def test_node_must_be_one_that_the_build_tool_takes(
    build: Any, tmp_path: Path, version: str, fits: bool
) -> None:
    assert build.new_enough(node_that_says(tmp_path, version)) is fits


def test_a_node_that_does_not_run_is_none(build: Any, tmp_path: Path) -> None:
    assert not build.new_enough(str(tmp_path / "nothing"))


def test_without_a_node_of_the_machine_the_packaged_one_is_taken(
    build: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    node, npm = build.find_node()
    assert node.is_file()
    assert [Path(part).is_file() for part in npm] == [True, True]


def test_packages_are_installed_again_when_the_lock_has_changed(build: Any) -> None:
    assert not build.packages_are_current()
    build.MODULES.mkdir()
    build.STAMP.write_text(build.wanted())
    assert build.packages_are_current()
    (build.FOLDER / "package-lock.json").write_text("other")
    assert not build.packages_are_current()
