"""One row: the admin of a policy, of which there is one row for the whole platform."""

from django.http import HttpRequest
from unfold.admin import ModelAdmin


class OneRow(ModelAdmin):  # type: ignore[misc]
    """Made when it is missing, changed, never deleted."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and not self.model._default_manager.exists()

    def has_delete_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False
