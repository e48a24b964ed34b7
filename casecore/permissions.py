"""Roles and what they may do: a pure table, read by everybody who opens a door."""

from enum import StrEnum


class Role(StrEnum):
    ADMINISTRATOR = "administrator"
    SUPERVISOR = "supervisor"
    AGENT = "agent"
    VIEWER = "viewer"


class Permission(StrEnum):
    SEE_AGENTS = "see_agents"
    """The agents of the tenant and the state they are in."""
    SET_OWN_STATE = "set_own_state"
    SET_ANY_STATE = "set_any_state"
    SEE_QUEUES = "see_queues"
    SEE_OWN_CALLS = "see_own_calls"
    SEE_ALL_CALLS = "see_all_calls"
    CONTROL_OWN_CALLS = "control_own_calls"
    """Originate from the own phone, hang up a call one takes part in."""
    CONTROL_ALL_CALLS = "control_all_calls"
    SUPERVISE_CALLS = "supervise_calls"
    """Listen to calls, whisper, barge in, take them over."""
    HEAR_OWN_RECORDINGS = "hear_own_recordings"
    HEAR_ALL_RECORDINGS = "hear_all_recordings"
    SEE_CONFIGURATION = "see_configuration"
    """Flows, numbers, trunks, phones: how calls are routed."""
    CHANGE_CONFIGURATION = "change_configuration"
    MANAGE_USERS = "manage_users"
    SEE_AUDIT = "see_audit"
    """Who changed what."""


_AGENT = frozenset(
    {
        Permission.SEE_AGENTS,
        Permission.SET_OWN_STATE,
        Permission.SEE_QUEUES,
        Permission.SEE_OWN_CALLS,
        Permission.CONTROL_OWN_CALLS,
        Permission.HEAR_OWN_RECORDINGS,
    }
)
_VIEWER = frozenset({Permission.SEE_AGENTS, Permission.SEE_QUEUES, Permission.SEE_ALL_CALLS})
_SUPERVISOR = (
    _AGENT
    | _VIEWER
    | {
        Permission.SET_ANY_STATE,
        Permission.CONTROL_ALL_CALLS,
        Permission.SUPERVISE_CALLS,
        Permission.HEAR_ALL_RECORDINGS,
        Permission.SEE_CONFIGURATION,
    }
)

ROLE_PERMISSIONS: dict[Role, frozenset[Permission]] = {
    Role.VIEWER: _VIEWER,
    Role.AGENT: _AGENT,
    Role.SUPERVISOR: _SUPERVISOR,
    Role.ADMINISTRATOR: frozenset(Permission),
}


def may(role: Role, permission: Permission) -> bool:
    return permission in ROLE_PERMISSIONS[role]
