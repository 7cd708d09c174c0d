"""Console pages of suppressions: the list, adding and removing, export; and importing: a file, what was recognised in it, progress, result.

Operators choose a tenant, a tenant's own people have theirs; everything is read and changed through `scope_of`. Who complained is taken off the list
only by a form that says what that means.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, BinaryIO, cast

from django.contrib import messages
from django.db import OperationalError, transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path, reverse
from django.utils.http import urlencode

from delivery.api.suppressions import as_download
from delivery.models import ImportState, Suppression, SuppressionImport
from delivery.submit.addresses import parse_address
from delivery.submit.wrong import Wrong
from delivery.suppressions import job
from delivery.suppressions.intake import MAX_BYTES, Refused, Upload, take
from delivery.suppressions.lists import Filter, NotConfirmed, bounded, remove, removed_sentence
from delivery.suppressions.recognise import Layout
from delivery.suppressions.rows import Refusal, Row, rows_of
from mailplatform.shell.audit import record_request
from mailplatform.shell.clock import now
from mailplatform.shell.confirm import offer_undo, undoer
from mailplatform.shell.live import fragment
from mailplatform.shell.navigation import Group, register
from mailplatform.shell.pages import action, page
from mailplatform.shell.permissions import Permission
from mailplatform.shell.tables import Page, keyset_page
from mailplatform.tenants.models import Tenant
from mailplatform.tenants.scope import scope_of
from pools.models import Stream

PREVIEW_ROWS = 8
RECENT = 20
SINCE = {"1": "the last day", "7": "the last 7 days", "30": "the last 30 days"}


@page(Permission.MAIL)
def suppressions(request: HttpRequest) -> HttpResponse:
    """Who is not mailed, newest first."""
    asked, said = _asked(request)
    empty: Page[Suppression] = Page((), "", "")
    table, too_much = empty, False
    try:
        with transaction.atomic():
            bounded()
            table = keyset_page(request, asked.rows().select_related("stream", "tenant"))
    except OperationalError as no:
        if "statement timeout" not in str(no):
            raise
        too_much = True
    whose = _tenant(asked.tenant_id)
    context = {
        "table": table, "asked": said, "asks": any(value for name, value in said.items() if name != "tenant"), "too_much": too_much,
        "tenants": _tenants(request), "whose": whose, "streams": _streams(asked.tenant_id), "reasons": Suppression.Reason.values, "since": SINCE.items(),
        "export": f"?{urlencode({k: v for k, v in said.items() if v and k != 'tenant'})}", "running": _unfinished(asked.tenant_id),
    }  # fmt: skip
    return render(request, "delivery/suppressions.html", context)


@action(Permission.STEER_MAIL)
def suppression_add(request: HttpRequest) -> HttpResponse:
    """One address, by hand."""
    tenant = _chosen_tenant(request)
    stream = _chosen_stream(request, tenant)
    try:
        address = parse_address(request.POST.get("address", "")).addr.lower()
    except Wrong as no:
        messages.error(request, f"It was not added: {no}")
        return _to_list(tenant)
    values = {"reason": Suppression.Reason.MANUAL, "detail": request.POST.get("detail", "").replace("\x00", "")[:500], "created_at": now()}
    with transaction.atomic():
        row, is_new = Suppression.objects.get_or_create(tenant=tenant, address=address, stream=stream, defaults=values)
        if is_new:
            sentence = f"{address} is not mailed by {tenant}{f', stream {stream.name},' if stream else ''} any more."
            record_request(request, "suppression added", f"suppression {address}", sentence, tenant_id=tenant.pk)
    if is_new:
        messages.success(request, sentence)
    else:
        messages.warning(request, f"{address} was there already, since {row.created_at:%Y-%m-%d}, because of {row.get_reason_display().lower()}.")
    return _to_list(tenant)


@action(Permission.STEER_MAIL)
def suppression_remove(request: HttpRequest, pk: int) -> HttpResponse:
    """The address may be mailed again."""
    try:
        with transaction.atomic():
            row = remove(scope_of(request.user).tenant_id, pk, request.POST.get("confirm", ""))
            if row is None:
                raise Http404("There is no such suppression, or it is not yours.")
            record_request(request, "suppression removed", f"suppression {row.address}", removed_sentence(row), tenant_id=row.tenant_id)
    except NotConfirmed:
        messages.error(request, "Who complained is mailed again only when that is confirmed.")
        return redirect("suppressions")
    kept = {"tenant": row.tenant_id, "stream": row.stream_id, "address": row.address, "reason": row.reason, "detail": row.detail}
    offer_undo(request, "suppression removed", row.address, f"{row.address} may be mailed again.", **kept, at=row.created_at.isoformat())
    return _to_list(row.tenant)


@undoer("suppression removed")
def _suppressed_again(request: HttpRequest, *, tenant: int, stream: int | None, address: str, reason: str, detail: str, at: str) -> str:
    values = {"reason": reason, "detail": detail, "created_at": datetime.fromisoformat(at)}
    of = Stream.objects.filter(pk=stream).first() if stream is not None else None
    Suppression.objects.get_or_create(tenant_id=tenant, stream=of, address=address, defaults=values)
    return f"{address} is not mailed."


@page(Permission.MAIL, under="suppressions")
def suppression_export(request: HttpRequest, tenant_id: int) -> HttpResponseBase:
    """One tenant's list as CSV, as it is filtered. Audited: it takes addresses out of here."""
    asked, said = _asked(request)
    if not scope_of(request.user).covers(tenant_id):
        raise Http404("There is no such tenant, or it is not yours.")
    asked = replace(asked, tenant_id=tenant_id)
    told = ", ".join(f"{name} {value}" for name, value in said.items() if value and name != "tenant")
    sentence = f"Exported the suppressions of {_tenant(tenant_id)}{f' ({told})' if told else ''}."
    record_request(request, "suppressions exported", f"tenant {tenant_id}", sentence, tenant_id=tenant_id)
    return as_download(asked)


# -- imports -----------------------------------------------------------------------------------------------------------
@page(Permission.MAIL, under="suppressions")
def suppression_imports(request: HttpRequest) -> HttpResponse:
    """Choose a file; what was imported lately."""
    scope = scope_of(request.user)
    rows = SuppressionImport.objects.select_related("tenant", "stream")
    if scope.tenant_id is not None:
        rows = rows.filter(tenant_id=scope.tenant_id)
    context = {"rows": rows[:RECENT], "tenants": _tenants(request), "chosen": request.GET.get("tenant", ""), "most": MAX_BYTES}
    return render(request, "delivery/suppressions_imports.html", context)


@action(Permission.STEER_MAIL)
def suppression_import_upload(request: HttpRequest) -> HttpResponse:
    """Store the file, then show what was recognised."""
    tenant = _chosen_tenant(request)
    file = request.FILES.get("file")
    if file is None or file.file is None:
        messages.error(request, "Choose a file first.")
        return redirect("suppression_imports")
    try:
        made = take(Upload(tenant.pk, cast(BinaryIO, file.file), file.name or "", str(getattr(request.user, "email", ""))), ImportState.PREVIEW)
    except Refused as no:
        messages.error(request, no.sentence)
        return redirect("suppression_imports")
    return redirect("suppression_import", made.pk)


@page(Permission.MAIL, under="suppressions")
def suppression_import(request: HttpRequest, pk: int) -> HttpResponse:
    """One import: before it is confirmed, while it runs, what came of it."""
    return render(request, "delivery/suppressions_import.html", _told(request, pk))


@page(Permission.MAIL, under="suppressions")
def suppression_import_fragment(request: HttpRequest, pk: int) -> HttpResponse:
    return fragment(request, "delivery/suppressions_import_now.html", _told(request, pk))


@action(Permission.STEER_MAIL)
def suppression_import_confirm(request: HttpRequest, pk: int) -> HttpResponse:
    """Take it in as was chosen."""
    found = _import(request, pk)
    reason = request.POST.get("reason", "")
    stream = _chosen_stream(request, found.tenant)
    if reason in Suppression.Reason.values and job.confirm(found.pk, found.tenant_id, stream.pk if stream else None, reason):
        job.enqueue(found.pk)
        sentence = f"Began to import {found.lines:,} lines of suppressions of {found.tenant} ({found.layout['title']})."
        record_request(request, "suppressions import begun", f"import {found.pk}", sentence, tenant_id=found.tenant_id)
    return redirect("suppression_import", pk)


@action(Permission.STEER_MAIL)
def suppression_import_cancel(request: HttpRequest, pk: int) -> HttpResponse:
    """Take in no more of it."""
    found = _import(request, pk)
    if job.cancel(found.pk, found.tenant_id):
        record_request(request, "suppressions import cancelled", f"import {found.pk}", f"Cancelled the import {found.pk}.", tenant_id=found.tenant_id)
    return redirect("suppression_import", pk)


# -- pieces ------------------------------------------------------------------------------------------------------------
def _asked(request: HttpRequest) -> tuple[Filter, dict[str, str]]:
    """The filter, and its words as the page shows them again."""
    scope = scope_of(request.user)
    said = {name: request.GET.get(name, "").strip()[:320].replace("\x00", "") for name in ("tenant", "address", "reason", "stream", "since")}
    tenant_id = scope.tenant_id if scope.tenant_id is not None else _number(said["tenant"])
    said["tenant"] = "" if scope.tenant_id is not None or tenant_id is None else str(tenant_id)
    whole = said["address"].count("@") == 1 and "." in said["address"].partition("@")[2]
    since = now() - timedelta(days=int(said["since"])) if said["since"] in SINCE else None
    reason = said["reason"] if said["reason"] in Suppression.Reason.values else ""
    asked = Filter(tenant_id, reason, said["stream"], said["address"] if whole else "", "" if whole else said["address"], since)
    return asked, said


def _number(text: str) -> int | None:
    return int(text) if text.isdecimal() and len(text) < 19 else None


def _tenants(request: HttpRequest) -> Sequence[tuple[int, str]]:
    """To choose from; none for a tenant's own people."""
    return [] if scope_of(request.user).tenant_id is not None else [(row.pk, str(row)) for row in Tenant.objects.all()]


def _tenant(tenant_id: int | None) -> Tenant | None:
    return Tenant.objects.filter(pk=tenant_id).first() if tenant_id is not None else None


def _streams(tenant_id: int | None) -> Sequence[str]:
    return list(Stream.objects.filter(tenant_id=tenant_id).values_list("name", flat=True)) if tenant_id is not None else []


def _chosen_tenant(request: HttpRequest) -> Tenant:
    """The person's own, or the one that an operator's form names."""
    scope = scope_of(request.user)
    return get_object_or_404(Tenant, pk=scope.tenant_id if scope.tenant_id is not None else _number(request.POST.get("tenant", "")) or 0)


def _chosen_stream(request: HttpRequest, tenant: Tenant) -> Stream | None:
    name = request.POST.get("stream", "")
    return get_object_or_404(Stream, tenant=tenant, name=name) if name else None


def _to_list(tenant: Tenant) -> HttpResponse:
    return redirect(f"{reverse('suppressions')}?tenant={tenant.pk}")


def _unfinished(tenant_id: int | None) -> SuppressionImport | None:
    if tenant_id is None:
        return None
    return SuppressionImport.objects.filter(tenant_id=tenant_id, state__in=(ImportState.QUEUED, ImportState.RUNNING)).first()


def _import(request: HttpRequest, pk: int) -> SuppressionImport:
    scope = scope_of(request.user)
    rows = SuppressionImport.objects.select_related("tenant", "stream")
    return get_object_or_404(rows if scope.tenant_id is None else rows.filter(tenant_id=scope.tenant_id), pk=pk)


def _told(request: HttpRequest, pk: int) -> dict[str, Any]:
    found = _import(request, pk)
    preview = _preview(found) if found.state == ImportState.PREVIEW else ()
    return {
        "it": found, "is_live": found.state in (ImportState.QUEUED, ImportState.RUNNING), "preview": preview, "reasons": Suppression.Reason.values,
        "streams": _streams(found.tenant_id), "names": found.layout.get("names") or (), "title": found.layout.get("title", ""),
    }  # fmt: skip


def _preview(found: SuppressionImport) -> Sequence[Row | Refusal]:
    """The first rows, read as the import will read them."""
    part = found.left.order_by("number").first()
    if part is None:
        return ()
    layout, shown = Layout.from_json(found.layout), []
    head = "\n".join(part.content.split("\n", 200)[:200])
    for each in rows_of(head, part.first_line, layout, found.reason, datetime.now(UTC)):
        shown.append(each)
        if len(shown) == PREVIEW_ROWS:
            break
    return shown


register(Group.TENANTS, "Suppressions", "suppressions", Permission.MAIL, 40)

urlpatterns = [
    path("suppressions/", suppressions, name="suppressions"),
    path("suppressions/add/", suppression_add, name="suppression_add"),
    path("suppressions/<int:pk>/remove/", suppression_remove, name="suppression_remove"),
    path("suppressions/of/<int:tenant_id>.csv", suppression_export, name="suppression_export"),
    path("suppressions/imports/", suppression_imports, name="suppression_imports"),
    path("suppressions/imports/upload/", suppression_import_upload, name="suppression_import_upload"),
    path("suppressions/imports/<int:pk>/", suppression_import, name="suppression_import"),
    path("suppressions/imports/<int:pk>/now/", suppression_import_fragment, name="suppression_import_fragment"),
    path("suppressions/imports/<int:pk>/confirm/", suppression_import_confirm, name="suppression_import_confirm"),
    path("suppressions/imports/<int:pk>/cancel/", suppression_import_cancel, name="suppression_import_cancel"),
]
