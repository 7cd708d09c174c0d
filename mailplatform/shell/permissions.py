"""What people may do, in a closed list, and which role may do what.

A view names one of these (`shell.pages`). Roles are the words in the user's `role`; a role that is not here may do nothing.
"""

from enum import StrEnum


class Permission(StrEnum):
    """What a page or an action asks for."""

    ACCOUNT = "account"  # one's own password and second factor
    MAIL = "mail"  # messages: everybody's, or one's own tenant's (delivery.scope)
    STEER_MAIL = "steer_mail"  # cancel, hold, release, retry: the same two scopes
    READ_BODY = "read_body"  # what is inside a message; every look is audited
    SEE = "see"  # everything else that an operator sees, all tenants'
    STEER = "steer"  # pools, IPs, nodes, queues, drills
    ALERTS = "alerts"  # alert rules and who is told
    INCIDENTS = "incidents"  # acknowledge, silence, end, note: who is woken must be able to
    PEOPLE = "people"  # accounts, roles, tenants


_SEES = {Permission.ACCOUNT, Permission.MAIL, Permission.SEE}

GRANTS: dict[str, frozenset[Permission]] = {
    "viewer": frozenset(_SEES),
    "staff": frozenset(_SEES | {Permission.ALERTS, Permission.INCIDENTS}),
    "operator": frozenset(_SEES | {Permission.STEER_MAIL, Permission.STEER, Permission.READ_BODY, Permission.INCIDENTS}),
    "administrator": frozenset(Permission),
    "tenant": frozenset({Permission.ACCOUNT, Permission.MAIL, Permission.STEER_MAIL, Permission.READ_BODY}),
}


def may(user: object, permission: Permission) -> bool:
    """Whether this person's role grants the permission. Nobody, a stranger and a disabled account may do nothing."""
    if not getattr(user, "is_authenticated", False) or not getattr(user, "is_active", False):
        return False
    return permission in GRANTS.get(str(getattr(user, "role", "")), frozenset())
