"""Fixtures that every package's tests may use."""

from tests.support.database import (
    database,
    fresh_database,
    other_tenant,
    owner,
    postgres_server,
    tenant,
)

__all__ = ["database", "fresh_database", "other_tenant", "owner", "postgres_server", "tenant"]
