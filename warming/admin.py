"""The admin of warm-up plans. A shipped plan is read, copied, switched off, never changed; a change of one that ran is a new version."""

from django import forms
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from unfold.admin import ModelAdmin
from unfold.decorators import action, display

from warming import warmup_admin as warmup_admin
from warming.models import WarmupPlan
from warming.plan_files import FIELDS, FIGURES, export, next_version, problems_of

_SHIPPED = ("name", "version", "title", "unit", "scope", "daily", "facts", "source", "confidence", "is_shipped")


class PlanForm(forms.ModelForm):  # type: ignore[type-arg]
    """Refuses what a file would be refused for."""

    def clean(self) -> dict[str, object]:
        cleaned: dict[str, object] = super().clean() or {}
        plan = {name: value for name, value in cleaned.items() if name in FIELDS and value is not None}
        if self.errors or (self.instance.pk and self.instance.is_shipped):
            return cleaned
        for problem in problems_of(plan):
            self.add_error(None, problem.removeprefix("."))
        return cleaned


@admin.register(WarmupPlan)
class WarmupPlanAdmin(ModelAdmin):
    form = PlanForm
    list_display = ("name", "version", "title", "scope", "days", "confidence", "is_shipped", "is_enabled")
    list_filter = ("is_shipped", "is_enabled", "confidence")
    search_fields = ("name", "title")
    actions = ("copy_as_new_version", "export_as_file")

    def get_readonly_fields(self, request: HttpRequest, obj: WarmupPlan | None = None) -> tuple[str, ...]:
        return _SHIPPED if obj is not None and obj.is_shipped else ("is_shipped",)

    def has_delete_permission(self, request: HttpRequest, obj: WarmupPlan | None = None) -> bool:
        return super().has_delete_permission(request, obj) and (obj is None or not obj.is_shipped)

    def save_model(self, request: HttpRequest, obj: WarmupPlan, form: forms.ModelForm, change: bool) -> None:  # type: ignore[type-arg]
        """Warm-ups that run go on by the version that they began with."""
        if change and set(FIGURES) & set(form.changed_data) and obj.warmups.exists():
            obj.pk, obj.version, obj._state.adding = None, next_version(obj.name), True
            self.message_user(request, f"Warm-ups used it: your change is version {obj.version}.", messages.INFO)
        super().save_model(request, obj, form, change)

    @display(description="days")
    def days(self, plan: WarmupPlan) -> str:
        return str(len(plan.daily)) if plan.daily else "to be read"

    @action(description="Copy as a new version of one's own", permissions=("add",))
    def copy_as_new_version(self, request: HttpRequest, queryset: QuerySet[WarmupPlan]) -> None:
        for plan in queryset:
            name = f"own-{plan.name}"[:60] if plan.is_shipped else plan.name
            plan.pk, plan.name, plan.version, plan.is_shipped = None, name, next_version(name), False
            plan._state.adding = True
            plan.save()
            self.message_user(request, f"Made {plan.name}, version {plan.version}.", messages.SUCCESS)

    @action(description="Export as a file", permissions=("view",))
    def export_as_file(self, request: HttpRequest, queryset: QuerySet[WarmupPlan]) -> HttpResponse:
        return HttpResponse(export(queryset), content_type="application/json", headers={"Content-Disposition": 'attachment; filename="warmup-plans.json"'})
