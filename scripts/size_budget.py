"""Holds files, functions and classes to their size; what grew too long is split, not excused.

Soft limits are kept by everything except the names in `size_allow.txt`, which may only get fewer.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ALLOWED = ROOT / "scripts" / "size_allow.txt"


@dataclass(frozen=True)
class Budget:
    soft: int
    hard: int


PYTHON_FILE = Budget(400, 800)
NATIVE_FILE = Budget(800, 1_200)
FUNCTION = Budget(40, 80)
METHODS = Budget(20, 30)
PARAMETERS = Budget(7, 9)


@dataclass(frozen=True)
class Finding:
    name: str
    what: str
    size: int
    budget: Budget


def main() -> int:
    allowed = {line.strip() for line in ALLOWED.read_text().splitlines() if line.strip()}
    findings = [f for path in sources() for f in findings_of(path) if f.size > f.budget.soft]
    problems = [
        f"{f.name}: {f.size} {f.what}, at most {f.budget.soft}"
        for f in findings
        if f.name not in allowed or f.size > f.budget.hard
    ]
    problems += [
        f"{name}: is within its budget now; take it out of {ALLOWED.name}"
        for name in sorted(allowed - {f.name for f in findings})
    ]
    print(*problems, sep="\n", end="\n" if problems else "")
    return 1 if problems else 0


def sources() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    paths = [ROOT / name for name in listed if not name.startswith("tests/")]
    return [p for p in paths if p.suffix in {".py", ".pyx", ".c", ".h"} and p.exists()]


def findings_of(path: Path) -> Iterator[Finding]:
    name = str(path.relative_to(ROOT))
    text = path.read_text()
    budget = PYTHON_FILE if path.suffix == ".py" else NATIVE_FILE
    yield Finding(name, "lines", text.count("\n"), budget)
    if path.suffix == ".py":
        yield from _python(name, ast.parse(text))


def _python(name: str, tree: ast.AST) -> Iterator[Finding]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            yield Finding(f"{name}:{node.name}", "lines", length, FUNCTION)
        elif isinstance(node, ast.ClassDef):
            yield from _class(f"{name}:{node.name}", node)


def _class(name: str, node: ast.ClassDef) -> Iterator[Finding]:
    functions = [n for n in node.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
    public = [f for f in functions if not f.name.startswith("_")]
    yield Finding(name, "public methods", len(public), METHODS)
    for function in functions:
        if function.name == "__init__":
            arguments = [*function.args.args, *function.args.kwonlyargs]
            yield Finding(f"{name}.__init__", "parameters", len(arguments) - 1, PARAMETERS)


if __name__ == "__main__":
    sys.exit(main())
