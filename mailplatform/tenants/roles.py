"""Roles as Django permissions: what the admin lets a person do.

An authentication backend that authenticates nobody and only answers "may this user …?": a viewer may view every model, staff may
also change monitoring's, an operator pools', delivery's and warming's, an administrator everything. A tenant user may nothing: the admin is not
theirs. What the console's pages ask is `shell.permissions`.
"""

from django.contrib.auth.backends import BaseBackend

from mailplatform.tenants.models import User

_CHANGES: dict[str, frozenset[str]] = {
    User.Role.VIEWER: frozenset(),
    User.Role.STAFF: frozenset({"monitoring"}),
    User.Role.OPERATOR: frozenset({"pools", "delivery", "warming"}),
}
# Who may sign in, and what people did, is an administrator's to see or nobody's to change.
_ADMINISTRATORS_ONLY = frozenset({"account", "mfa", "auth", "sessions", "django_q"})
_NEVER_CHANGED = frozenset({"auditlog"})


class RoleBackend(BaseBackend):
    """Permissions by role."""

    def has_perm(self, user_obj: object, perm: str, obj: object = None) -> bool:
        if not isinstance(user_obj, User) or not user_obj.is_active or user_obj.role == User.Role.TENANT:
            return False
        app, _, codename = perm.partition(".")
        views = codename.startswith("view_")
        if app in _NEVER_CHANGED:
            return views
        if user_obj.role == User.Role.ADMINISTRATOR:
            return True
        if app in _ADMINISTRATORS_ONLY:
            return False
        return views or app in _CHANGES.get(user_obj.role, frozenset())

    def has_module_perms(self, user_obj: object, app_label: str) -> bool:
        return self.has_perm(user_obj, f"{app_label}.view_anything")
