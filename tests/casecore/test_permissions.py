"""Roles may do what their table says, and no more than the role above them."""

import pytest

from casecore.permissions import ROLE_PERMISSIONS, Permission, Role, may


def test_administrator_may_do_everything() -> None:
    assert all(may(Role.ADMINISTRATOR, permission) for permission in Permission)


@pytest.mark.parametrize("role", [Role.SUPERVISOR, Role.AGENT, Role.VIEWER])
def test_nobody_else_changes_configuration_or_users_or_sees_who_did(role: Role) -> None:
    assert not may(role, Permission.CHANGE_CONFIGURATION)
    assert not may(role, Permission.MANAGE_USERS)
    assert not may(role, Permission.SEE_AUDIT)


def test_supervisor_may_do_whatever_agents_and_viewers_may() -> None:
    below = ROLE_PERMISSIONS[Role.AGENT] | ROLE_PERMISSIONS[Role.VIEWER]
    assert below < ROLE_PERMISSIONS[Role.SUPERVISOR]
