"""The set-up says in one line what a person must do, and never trusts what is half done."""

import ast
import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "bootstrap.py"


@pytest.fixture
def bootstrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The script as a module, for an empty checkout of its own."""
    monkeypatch.syspath_prepend(SCRIPT.parent)
    spec = spec_from_file_location("bootstrap", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module: Any = module_from_spec(spec)
    spec.loader.exec_module(module)
    move(module, tmp_path / "checkout")
    module.ROOT.mkdir()
    monkeypatch.setattr(sys, "argv", ["bootstrap.py"])
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    return module


def move(module: Any, root: Path) -> None:
    module.ROOT = root
    module.VENV = root / ".venv"
    module.PYTHON = module.VENV / "bin" / "python"
    module.STAMPS = module.VENV / "murima-stamps"


def run_main(bootstrap: Any, does: object) -> int:
    """`main` with a set-up that does only this: raise it, or run it."""

    def prepare(*, test: bool) -> None:
        if isinstance(does, BaseException):
            raise does
        assert callable(does)
        does()

    bootstrap.prepare = prepare
    code = bootstrap.main()
    assert isinstance(code, int)
    return code


def test_an_old_interpreter_can_read_the_script_as_far_as_the_line_that_refuses_it() -> None:
    tree = ast.parse(SCRIPT.read_text(), feature_version=(3, 6))
    kinds = [type(node) for node in tree.body]
    before = kinds[1 : kinds.index(ast.If)]  # after the docstring
    assert set(before) <= {ast.Import, ast.ImportFrom, ast.Assign}


def test_an_old_interpreter_is_told_in_one_line(tmp_path: Path) -> None:
    script = tmp_path / "bootstrap.py"
    script.write_text(SCRIPT.read_text().replace("MINIMUM = (3, 11)", "MINIMUM = (3, 99)"))
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("murima: Python 3.11 is needed; python3 is 3.")
    assert done.stderr.count("\n") == 1


def test_a_stamp_is_current_once_its_step_is_whole(bootstrap: Any) -> None:
    lock = bootstrap.ROOT / "a.lock"
    lock.write_text("one")
    stamp = bootstrap.Stamp("step", [lock], "3.11")
    assert not stamp.is_current()
    with stamp.renewed():
        assert not stamp.is_current()
    assert bootstrap.Stamp("step", [lock], "3.11").is_current()
    assert not bootstrap.Stamp("step", [lock], "3.12").is_current()
    lock.write_text("two")
    assert not bootstrap.Stamp("step", [lock], "3.11").is_current()


def test_a_step_that_is_cut_off_leaves_no_stamp_of_an_earlier_one(bootstrap: Any) -> None:
    stamp = bootstrap.Stamp("step", [])
    with stamp.renewed():
        pass
    with pytest.raises(KeyboardInterrupt), stamp.renewed():
        raise KeyboardInterrupt
    assert not stamp.is_current()


def test_an_environment_does_not_survive_a_move(bootstrap: Any, tmp_path: Path) -> None:
    make_environment(bootstrap)
    assert bootstrap.environment_is_current()
    bootstrap.ROOT.rename(tmp_path / "elsewhere")
    move(bootstrap, tmp_path / "elsewhere")
    assert bootstrap.STAMPS.is_dir()
    assert not bootstrap.environment_is_current()


def test_an_environment_whose_interpreter_is_gone_is_made_anew(bootstrap: Any) -> None:
    make_environment(bootstrap)
    bootstrap.PYTHON.unlink()
    bootstrap.PYTHON.symlink_to("/nowhere/python3")
    assert not bootstrap.environment_is_current()


def make_environment(bootstrap: Any) -> None:
    bootstrap.PYTHON.parent.mkdir(parents=True)
    bootstrap.PYTHON.symlink_to(sys.executable)
    (bootstrap.ROOT / "scripts").mkdir()
    (bootstrap.ROOT / "scripts" / "bootstrap.lock").write_text("uv==1\n")
    with bootstrap.environment_stamp().renewed():
        pass


INSTALL = "apt-get install --yes --no-install-recommends gcc sox"


@pytest.mark.parametrize(
    ("programs", "lists", "line"),
    [
        ({"apt-get"}, True, f"run this first, as root: {INSTALL}"),
        ({"apt-get", "sudo"}, True, f"run this first: sudo {INSTALL}"),
        ({"apt-get", "sudo"}, False, f"run this first: sudo apt-get update && sudo {INSTALL}"),
        (set(), False, "install these first, by their Debian names: gcc sox"),
    ],
)
def test_who_may_not_install_is_told_the_command(
    bootstrap: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    programs: set[str],
    lists: bool,
    line: str,
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr("shutil.which", lambda name: name if name in programs else None)
    bootstrap.output_of = lambda command: (1, "sudo: a password is required")
    bootstrap.APT_LISTS = tmp_path
    if lists:
        (tmp_path / "mirror_debian_dists_bookworm_main_binary-amd64_Packages.lz4").touch()
    assert run_main(bootstrap, lambda: bootstrap.install(["gcc", "sox"])) == 2
    assert capsys.readouterr().err == f"murima: {line}\n"


def test_root_installs_what_is_missing_and_looks_again(
    bootstrap: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proof = tmp_path / "espeak-ng"
    asked: list[list[str]] = []

    def output_of(command: list[str]) -> tuple[int, str]:
        asked.append(command)
        if "install" in command and len(asked) > 2:
            proof.touch()
            return 0, ""
        return 100, "E: Unable to locate package espeak-ng"

    prepare_root(bootstrap, monkeypatch, output_of)
    bootstrap.system_packages({"espeak-ng": str(proof)})
    assert [next(w for w in c if w in {"install", "update"}) for c in asked] == [
        *("install", "update", "install")
    ]


def test_a_package_that_does_not_bring_its_file_ends_the_set_up(
    bootstrap: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare_root(bootstrap, monkeypatch, lambda command: (0, ""))
    with pytest.raises(bootstrap.Stop, match="gcc was installed and is still not found"):
        bootstrap.system_packages({"gcc": str(tmp_path / "gcc")})


def prepare_root(bootstrap: Any, monkeypatch: pytest.MonkeyPatch, output: object) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr("shutil.which", lambda name: name)
    bootstrap.has_python_headers = bootstrap.environment_is_current = lambda: True
    bootstrap.output_of = output


def test_python_packages_are_named_with_their_version(bootstrap: Any) -> None:
    bootstrap.has_python_headers = bootstrap.environment_is_current = lambda: False
    bootstrap.has_venv_module = lambda: False
    version = f"python{sys.version_info[0]}.{sys.version_info[1]}"
    assert bootstrap.missing_packages({}) == [f"{version}-dev", f"{version}-venv"]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Failed to establish a new connection: [Errno -3] Temporary failure in name resolution "
         "ERROR: No matching distribution found for uv==0.13.8", "the network does not answer"),
        ("error: Failed to fetch: `x` Caused by: dns error: failed to lookup address information: "
         "Name or service not known", "the network does not answer"),
        ("W: Failed to fetch x  Temporary failure resolving 'x'", "the network does not answer"),
        ("invalid peer certificate: UnknownIssuer", "certificate is not trusted"),
        ("SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate "
         "verify failed: self-signed certificate in certificate chain", "certificate is not tr"),
        ("OSError: [Errno 28] No space left on device", "the disk is full"),
        ("npm error code EAI_AGAIN npm error errno EAI_AGAIN", "the network does not answer"),
        ("npm error code SELF_SIGNED_CERT_IN_CHAIN", "certificate is not trusted"),
    ],
)  # fmt: skip
def test_a_known_trouble_is_one_line(
    bootstrap: Any, capsys: pytest.CaptureFixture[str], said: str, told: str
) -> None:
    program = [sys.executable, "-c", f"print({said!r}); raise SystemExit(1)"]
    assert run_main(bootstrap, lambda: bootstrap.run(program)) == 2
    error = capsys.readouterr().err
    assert error.startswith("murima: ")
    assert error.count("\n") == 1
    assert told in error


def test_of_an_unknown_trouble_the_end_is_shown(
    bootstrap: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    program = ["sh", "-c", "seq 100; echo gcc: odd >&2; exit 3"]
    assert run_main(bootstrap, lambda: bootstrap.run(program)) == 1
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "82"
    assert lines[-2] == "gcc: odd"
    assert lines[-1].startswith("murima: set-up failed: sh -c ")
    assert lines[-1].endswith(" ended with 3")


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (KeyboardInterrupt(), 130, "interrupted; the next start goes on from here"),
        (OSError(5, "Input/output error"), 1, "set-up failed: [Errno 5] Input/output error"),
    ],
)
def test_no_traceback_is_shown(
    bootstrap: Any,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
    code: int,
    line: str,
) -> None:
    assert run_main(bootstrap, error) == code
    assert capsys.readouterr().err == f"murima: {line}\n"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_who_ends_the_set_up_ends_all_that_it_started(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    pid_file = tmp_path / "pid"
    script = tmp_path / "scripts" / "bootstrap.py"
    script.parent.mkdir()
    # It waits a little, because the set-up must have come from starting it to waiting for it.
    told = f"sleep 0.3; echo $! > '{pid_file}.new'; mv '{pid_file}.new' '{pid_file}'"
    grandchild = f"sleep 60 & {told}; wait"
    replaced = re.sub(
        r"(def prepare\(.*\n)",
        rf"\1    return run({['sh', '-c', grandchild]!r})\n",
        SCRIPT.read_text(),
    )
    script.write_text(replaced)
    shutil.copy(SCRIPT.with_name("troubles.py"), script.parent)
    process = subprocess.Popen([sys.executable, script], stderr=subprocess.PIPE, text=True)
    assert becomes_true(pid_file.exists)
    process.send_signal(number)
    assert "Traceback" not in process.communicate(timeout=30)[1]
    assert process.returncode == code
    started = int(pid_file.read_text())
    assert becomes_true(lambda: not is_running(started))


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def becomes_true(condition: object) -> bool:
    assert callable(condition)
    deadline = time.monotonic() + 30
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


@pytest.mark.parametrize("home", [None, "/nonexistent", "/proc/1/nowhere"])
def test_without_a_home_nothing_is_cached(
    bootstrap: Any, monkeypatch: pytest.MonkeyPatch, home: str | None
) -> None:
    forget_caches(monkeypatch)
    if home is None:
        monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    else:
        monkeypatch.setenv("HOME", home)
    monkeypatch.setattr(os, "geteuid", lambda: 54_321)
    variables = bootstrap.environment()
    assert variables["UV_NO_CACHE"] == variables["PIP_NO_CACHE_DIR"] == "1"


def test_with_a_home_its_caches_are_used_and_nothing_leads_elsewhere(
    bootstrap: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget_caches(monkeypatch)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    monkeypatch.setenv("UV_SYSTEM_PYTHON", "1")
    variables = bootstrap.environment()
    assert not variables.keys() & {"UV_NO_CACHE", "PIP_NO_CACHE_DIR"}
    assert not variables.keys() & {"PYTHONPATH", "UV_SYSTEM_PYTHON"}


def forget_caches(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_CACHE_HOME", "UV_NO_CACHE", "PIP_NO_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)
    for name in ("UV_CACHE_DIR", "PIP_CACHE_DIR"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("name", ["a:b", "a\udcffb", "a\nb"])
def test_a_path_that_no_environment_can_have_is_refused(bootstrap: Any, name: str) -> None:
    bootstrap.ROOT = bootstrap.ROOT.rename(bootstrap.ROOT.with_name(name))
    with pytest.raises(bootstrap.Stop, match="move the checkout") as refused:
        bootstrap.usable_folder()
    assert str(refused.value).isprintable()


@pytest.mark.parametrize("name", ["with space", "Telefön", "it's", "電話"])
def test_other_paths_are_not(bootstrap: Any, name: str) -> None:
    bootstrap.ROOT = bootstrap.ROOT.rename(bootstrap.ROOT.with_name(name))
    bootstrap.usable_folder()


def test_a_folder_of_somebody_else_is_found_before_anything_is_begun(
    bootstrap: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = bootstrap.VENV / "lib" / "site packages"
    theirs.mkdir(parents=True)
    bootstrap.must_be_writable(bootstrap.ROOT, bootstrap.VENV, bootstrap.ROOT / "build")
    monkeypatch.setattr(os, "access", lambda path, mode: path != theirs)
    bootstrap.must_be_writable(bootstrap.ROOT)
    bootstrap.user_name = lambda uid: "alice" if uid == theirs.stat().st_uid else "bob"
    monkeypatch.setattr(os, "geteuid", lambda: 54_321)
    with pytest.raises(bootstrap.Stop) as stop:
        bootstrap.must_be_writable(bootstrap.ROOT, bootstrap.VENV)
    assert str(stop.value) == (
        f"{theirs} belongs to alice and must be written now; run this as alice, "
        f"or first: sudo chown -R bob {bootstrap.ROOT}"
    )


@pytest.mark.parametrize(("flag", "told"), [(os.ST_RDONLY, "read-only"), (os.ST_NOEXEC, "noexec")])
def test_a_file_system_that_cannot_do_is_named(
    bootstrap: Any, monkeypatch: pytest.MonkeyPatch, flag: int, told: str
) -> None:
    monkeypatch.setattr(os, "statvfs", lambda path: SimpleNamespace(f_flag=flag))
    monkeypatch.setattr(os, "access", lambda path, mode: False)

    def both() -> None:
        bootstrap.usable_folder()
        bootstrap.must_be_writable(bootstrap.ROOT)

    with pytest.raises(bootstrap.Stop, match=told):
        both()


def test_two_set_ups_take_turns(bootstrap: Any) -> None:
    other = os.open(bootstrap.ROOT, os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    said: list[str] = []

    def say(line: str) -> None:
        said.append(line)
        os.close(other)  # the other one has ended meanwhile

    bootstrap.say = say
    with bootstrap.one_at_a_time():
        assert said == ["waiting for another set-up of this checkout ..."]


def test_the_set_up_becomes_the_server(bootstrap: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    became: list[tuple[Path, list[str], str]] = []
    monkeypatch.setattr(os, "execve", lambda p, a, env: became.append((p, a, env["PYTHONPATH"])))
    monkeypatch.setattr(
        sys, "argv", ["bootstrap.py", "--then", "server", "--data-dir", "a b", "-h"]
    )
    assert run_main(bootstrap, lambda: None) == 0
    python = str(bootstrap.PYTHON)
    arguments = [python, "-m", "server", "--data-dir", "a b", "-h"]
    assert became == [(bootstrap.PYTHON, arguments, str(bootstrap.ROOT))]
