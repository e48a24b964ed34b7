"""Every statement of the stores is constant and means something to PostgreSQL."""

import ast
import importlib
import pkgutil
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import casecore.store
from casecore.db.database import Database

_SQL = re.compile(r"\s*(select|insert|update|delete|with)\b")
_RUNNERS = {"execute", "executemany", "fetch", "fetchrow", "fetchval"}

MODULES = [
    importlib.import_module(f"casecore.store.{found.name}")
    for found in pkgutil.iter_modules(casecore.store.__path__)
]


def statements(module: ModuleType) -> Iterator[str]:
    for name, value in vars(module).items():
        if name.isupper() and name not in ("_SELECT", "_FROM", "_FILTER"):
            texts = value.values() if isinstance(value, dict) else [value]
            yield from (t for t in texts if isinstance(t, str) and _SQL.match(t))


@pytest.mark.parametrize("module", MODULES, ids=lambda m: m.__name__.rpartition(".")[2])
async def test_every_statement_can_be_prepared(module: ModuleType, database: Database) -> None:
    for number, statement in enumerate(statements(module)):
        async with database.system_tx() as db:
            await db.execute(f"prepare s{number} as {statement}")


@pytest.mark.parametrize("module", MODULES, ids=lambda m: m.__name__.rpartition(".")[2])
def test_every_statement_names_its_tenant_and_is_written_in_lower_case(module: ModuleType) -> None:
    tenantless = {"casecore.store.tenants", "casecore.store.journal"}
    for statement in statements(module):
        assert statement == statement.lower()
        if module.__name__ not in tenantless and "audit_" not in statement:
            assert "tenant_id" in statement
            assert "$1" in statement


@pytest.mark.parametrize("module", MODULES, ids=lambda m: m.__name__.rpartition(".")[2])
def test_no_function_puts_a_statement_together(module: ModuleType) -> None:
    assert module.__file__ is not None
    tree = ast.parse(Path(module.__file__).read_text())
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and node.func.attr in _RUNNERS
        ):
            assert isinstance(node.args[0], ast.Name), f"{module.__name__}:{node.lineno}"


def test_statements_are_found_at_all() -> None:
    assert sum(len(list(statements(module))) for module in MODULES) > 80
