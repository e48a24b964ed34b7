"""The API over two tenants, for the tests of its resources."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from casecore.db.database import Database
from config.tenancy import TenantId
from tests.support.api import Api, api_over


@pytest_asyncio.fixture
async def api(
    database: Database, tenant: TenantId, other_tenant: TenantId, tmp_path: Path
) -> AsyncIterator[Api]:
    async with api_over(database, tenant, other_tenant, tmp_path) as served:
        yield served
