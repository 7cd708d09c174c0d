"""The admin of warm-up plans. A shipped plan is read, copied, switched off, never changed."""

from django.contrib import admin, messages
from django.db.models import Max, QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.decorators import action, display

from warming import warmup_admin as warmup_admin
from warming.models import WarmupPlan

_SHIPPED = ("name", "version", "title", "unit", "scope", "daily", "facts", "source", "confidence", "is_shipped")


@admin.register(WarmupPlan)
class WarmupPlanAdmin(ModelAdmin):
    list_display = ("name", "version", "title", "scope", "days", "confidence", "is_shipped", "is_enabled")
    list_filter = ("is_shipped", "is_enabled", "confidence")
    search_fields = ("name", "title")
    actions = ("copy_as_new_version",)

    def get_readonly_fields(self, request: HttpRequest, obj: WarmupPlan | None = None) -> tuple[str, ...]:
        return _SHIPPED if obj is not None and obj.is_shipped else ("is_shipped",)

    def has_delete_permission(self, request: HttpRequest, obj: WarmupPlan | None = None) -> bool:
        return super().has_delete_permission(request, obj) and (obj is None or not obj.is_shipped)

    @display(description="days")
    def days(self, plan: WarmupPlan) -> str:
        return str(len(plan.daily)) if plan.daily else "to be read"

    @action(description="Copy as a new version of one's own", permissions=("add",))
    def copy_as_new_version(self, request: HttpRequest, queryset: QuerySet[WarmupPlan]) -> None:
        for plan in queryset:
            name = f"own-{plan.name}"[:60] if plan.is_shipped else plan.name
            last = WarmupPlan.objects.filter(name=name).aggregate(last=Max("version"))["last"] or 0
            plan.pk, plan.name, plan.version, plan.is_shipped = None, name, last + 1, False
            plan._state.adding = True
            plan.save()
            self.message_user(request, f"Made {plan.name}, version {plan.version}.", messages.SUCCESS)
