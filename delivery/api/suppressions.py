"""Suppressions: addresses that the tenant must not mail. GET and POST /suppressions, DELETE /suppressions/{id}, GET /suppressions/export."""

from datetime import UTC, datetime
from typing import Any

from django.db import OperationalError, transaction
from django.http import HttpResponseBase, StreamingHttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from delivery.api import schema
from delivery.api.paging import cursor_of, limit_of, page, read_cursor, refuse_unknown, refuse_unstorable
from delivery.models import Suppression
from delivery.submit.addresses import parse_address
from delivery.submit.wrong import Wrong
from delivery.suppressions.export import csv_of
from delivery.suppressions.lists import HIGHEST_ID, Filter, NotConfirmed, bounded, remove, removed_sentence
from mailplatform.shell.audit import record
from mailplatform.shell.clock import now
from mailplatform.shell.problems import Problem
from mailplatform.shell.rest import ApiProblem, JsonRenderer, invalid, of_status, unavailable
from mailplatform.tenants.access import TenantView, client_address
from mailplatform.tenants.keys import Scope
from pools.models import Stream

FIELDS = ("address", "reason", "stream", "detail")
FILTERS = ("address", "contains", "reason", "stream", "since")
MAX_DETAIL = 500


def answer(row: Suppression) -> dict[str, Any]:
    return {
        "id": row.pk,
        "address": row.address,
        "stream": row.stream.name if row.stream else None,
        "reason": row.reason,
        "detail": row.detail,
        "created_at": row.created_at,
    }


class Suppressions(TenantView):
    """GET lists, the latest first; POST adds one (again: 200 and the one that is there)."""

    scope = Scope.SUPPRESSIONS

    @schema.SUPPRESSIONS
    def get(self, request: Request) -> Response:
        params = request.query_params.dict()
        refuse_unknown(params, ("limit", "cursor", *FILTERS))
        refuse_unstorable(params)
        limit, raw = limit_of(params), read_cursor(params, 8)
        rows = _filter(self.tenant_id, params).rows()
        if raw:
            rows = rows.filter(id__lt=min(int.from_bytes(raw, "big"), HIGHEST_ID))
        try:
            with transaction.atomic():
                bounded()
                found = [answer(row) for row in rows[: limit + 1]]
        except OperationalError as no:
            if "statement timeout" not in str(no):
                raise
            raise unavailable("Looking through the list took too long; ask for a whole address, or with since.") from None
        return Response(page(found, limit, cursor_of(found[min(limit, len(found)) - 1]["id"]) if found else ""))

    @schema.SUPPRESS
    def post(self, request: Request) -> Response:
        wanted = _read(self.json)
        stream = stream_named(self.tenant_id, wanted.pop("stream"))
        row, is_new = Suppression.objects.get_or_create(
            tenant_id=self.tenant_id, address=wanted.pop("address"), stream=stream, defaults={**wanted, "created_at": now()}
        )
        return Response(answer(row), 201 if is_new else 200)


class OneSuppression(TenantView):
    """DELETE: the address may be mailed again. A complaint's needs ?confirm=complaint."""

    scope = Scope.SUPPRESSIONS

    @schema.UNSUPPRESS
    def delete(self, request: Request, suppression_id: int) -> Response:
        params = request.query_params.dict()
        refuse_unknown(params, ("confirm",))
        try:
            with transaction.atomic():
                row = remove(self.tenant_id, suppression_id, params.get("confirm", ""))
                if row is None:
                    raise of_status(404, "This tenant has no suppression with this id.")
                by = f"key {self.key.prefix}"
                record(by, "suppression removed", f"suppression {row.address}", removed_sentence(row), address=client_address(request._request) or None)
        except NotConfirmed:
            raise complaint_not_confirmed() from None
        return Response(status=204)


class CsvRenderer(JsonRenderer):
    """So that `Accept: text/csv` is welcome; the view streams by itself."""

    media_type = "text/csv"
    format = "csv"


class Export(TenantView):
    """GET: all of them as CSV, streamed; the filters are the list's."""

    scope = Scope.SUPPRESSIONS
    renderer_classes = (CsvRenderer, JsonRenderer)

    @schema.EXPORT_SUPPRESSIONS
    def get(self, request: Request) -> HttpResponseBase:
        params = request.query_params.dict()
        refuse_unknown(params, FILTERS)
        refuse_unstorable(params)
        return as_download(_filter(self.tenant_id, params))


def as_download(asked: Filter) -> HttpResponseBase:
    response = StreamingHttpResponse(csv_of(asked), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="suppressions-{now():%Y-%m-%d}.csv"'
    response["X-Content-Type-Options"] = "nosniff"
    return response


def complaint_not_confirmed() -> ApiProblem:
    detail = (
        "This recipient complained about your mail as spam. Mailing them again brings the next complaint and harms everybody's delivery; "
        "if they asked for it themselves, say so with ?confirm=complaint."
    )
    return ApiProblem(409, "complaint-not-confirmed", "A complaint is removed only when that is confirmed.", detail, [Problem("confirm", detail)])


def _filter(tenant_id: int, params: dict[str, str]) -> Filter:
    problems = []
    if (reason := params.get("reason", "")) and reason not in Suppression.Reason.values:
        problems.append(Problem("reason", f"It is one of {', '.join(Suppression.Reason.values)}."))
    since = None
    if said := params.get("since"):
        try:
            at = datetime.fromisoformat(said.replace(" ", "+"))  # an unescaped + of a query is a space
            since = at.astimezone(UTC) if at.tzinfo else None  # which the year 1 or 9999 may not be
        except (ValueError, OverflowError):
            since = None
        if since is None:
            problems.append(Problem("since", "It is a time with a zone, like 2026-01-31T09:00:00Z."))
    if problems:
        raise invalid(problems, status=400)
    return Filter(tenant_id, reason, params.get("stream", ""), params.get("address", ""), params.get("contains", ""), since)


def _read(data: object) -> dict[str, Any]:
    """The fields, checked."""
    if not isinstance(data, dict):
        raise invalid([Problem("body", "A suppression is a JSON object.")])
    problems = [Problem(name[:80], "There is no such field.") for name in data if name not in FIELDS][:100]
    address = ""
    try:
        address = parse_address(data.get("address")).addr.lower()
    except Wrong as no:
        problems.append(Problem("address", str(no)))
    reason = data.get("reason", Suppression.Reason.MANUAL.value)
    if not isinstance(reason, str) or reason not in Suppression.Reason.values:
        problems.append(Problem("reason", f"It is one of {', '.join(Suppression.Reason.values)}."))
    detail = data.get("detail", "")
    if not isinstance(detail, str) or len(detail) > MAX_DETAIL:
        problems.append(Problem("detail", f"It is a string of at most {MAX_DETAIL} characters."))
    stream = data.get("stream")
    if stream is not None and not isinstance(stream, str):
        problems.append(Problem("stream", "It is the name of a stream."))
    if problems:
        raise invalid(problems)
    return {"address": address, "reason": reason, "detail": detail, "stream": stream}


def stream_named(tenant_id: int, name: str | None) -> Stream | None:
    if name is None:
        return None
    stream = Stream.objects.filter(tenant_id=tenant_id, name=name).first()
    if stream is None:
        raise invalid([Problem("stream", "This tenant has no stream of this name.")])
    return stream
