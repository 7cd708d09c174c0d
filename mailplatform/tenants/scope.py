"""Whose mail a person may see: everybody's, or their own tenant's.

Every query for a console page of mail takes a Scope; a view gets it from `scope_of(request.user)` and from nowhere else.
"""

from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied

from mailplatform.tenants.models import User


@dataclass(frozen=True, slots=True)
class Scope:
    """A tenant's id, or None for everybody's."""

    tenant_id: int | None

    def covers(self, tenant_id: int) -> bool:
        return self.tenant_id is None or self.tenant_id == tenant_id


def scope_of(user: User | AnonymousUser) -> Scope:
    """The scope of a person; a tenant user without a tenant has none at all."""
    if not isinstance(user, User) or not user.is_active:
        raise PermissionDenied("Nobody in particular sees nothing.")
    if user.role != User.Role.TENANT:
        return Scope(None)
    if user.tenant_id is None:
        raise PermissionDenied("This account belongs to no tenant.")
    return Scope(user.tenant_id)
