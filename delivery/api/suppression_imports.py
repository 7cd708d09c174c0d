"""Imports of suppressions. POST a file to /suppressions/imports, GET it for progress and results, DELETE it to stop."""

import tempfile
from typing import Any

from django.http import UnreadablePostError
from rest_framework.request import Request
from rest_framework.response import Response

from delivery.api import schema
from delivery.api.paging import cursor_of, limit_of, page, read_cursor, refuse_unknown, refuse_unstorable
from delivery.api.suppressions import stream_named
from delivery.models import ImportState, Suppression, SuppressionImport
from delivery.suppressions.intake import MAX_BYTES, Refused, Upload, take
from delivery.suppressions.job import cancel, enqueue
from delivery.suppressions.lists import HIGHEST_ID
from mailplatform.shell.audit import record
from mailplatform.shell.problems import Problem
from mailplatform.shell.rest import ApiProblem, invalid, of_status
from mailplatform.tenants.access import TenantView, client_address
from mailplatform.tenants.keys import Scope

MEDIA_TYPES = ("text/csv", "text/plain", "text/tab-separated-values", "application/csv", "application/json", "application/x-ndjson", "application/octet-stream")
IN_MEMORY_BYTES, CHUNK_BYTES = 1024 * 1024, 256 * 1024


def answer(row: SuppressionImport) -> dict[str, Any]:
    return {
        "id": row.pk,
        "state": row.state,
        "format": row.layout.get("format", ""),
        "recognised_as": row.layout.get("title", ""),
        "encoding": row.encoding,
        "columns": list(row.layout.get("names", ())),
        "reason": row.reason,
        "stream": row.stream.name if row.stream else None,
        "file_name": row.file_name,
        "size_bytes": row.size_bytes,
        "lines": row.lines,
        "lines_done": row.lines_done,
        "added": row.added,
        "already_there": row.already_there,
        "refused": row.refused,
        "refused_lines": row.refused_sample,
        "problem": row.problem,
        "created_at": row.created_at,
        "finished_at": row.finished_at,
    }


class Imports(TenantView):
    """GET lists, the latest first; POST takes a file, and answers when it is stored."""

    scope = Scope.SUPPRESSIONS
    most_bytes = MAX_BYTES

    @schema.IMPORTS
    def get(self, request: Request) -> Response:
        params = request.query_params.dict()
        refuse_unknown(params, ("limit", "cursor"))
        limit, raw = limit_of(params), read_cursor(params, 8)
        rows = SuppressionImport.objects.select_related("stream").filter(tenant_id=self.tenant_id).order_by("-id")
        if raw:
            rows = rows.filter(id__lt=min(int.from_bytes(raw, "big"), HIGHEST_ID))
        found = [answer(row) for row in rows[: limit + 1]]
        return Response(page(found, limit, cursor_of(found[min(limit, len(found)) - 1]["id"]) if found else ""))

    @schema.IMPORT
    def post(self, request: Request) -> Response:
        params = request.query_params.dict()
        refuse_unknown(params, ("reason", "stream", "file_name"))
        refuse_unstorable(params)
        if (reason := params.get("reason", "")) and reason not in Suppression.Reason.values:
            raise invalid([Problem("reason", f"It is one of {', '.join(Suppression.Reason.values)}.")], status=400)
        media_type = (request.META.get("CONTENT_TYPE") or "").partition(";")[0].strip().lower()
        if media_type not in MEDIA_TYPES:
            raise of_status(415, f"A file comes as the request's body, as {', '.join(MEDIA_TYPES[:-1])} or {MEDIA_TYPES[-1]}.")
        stream = stream_named(self.tenant_id, params.get("stream"))
        with tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES) as file:
            _read_into(request, file)
            upload = Upload(self.tenant_id, file, params.get("file_name", ""), f"key {self.key.prefix}", stream.pk if stream else None, reason)  # type: ignore[arg-type]
            try:
                made = take(upload, ImportState.QUEUED)
            except Refused as no:
                raise _problem(no) from None
        enqueue(made.pk)
        sentence = f"Began to import {made.lines:,} lines of suppressions ({made.layout['title']})."
        by_address = client_address(request._request) or None
        record(f"key {self.key.prefix}", "suppressions import begun", f"import {made.pk}", sentence, address=by_address, tenant_id=self.tenant_id)
        return Response(answer(made), 202)


class OneImport(TenantView):
    """GET: how far it is and what came of it. DELETE: no more of it is taken in; what was stays."""

    scope = Scope.SUPPRESSIONS

    @schema.READ_IMPORT
    def get(self, request: Request, import_id: int) -> Response:
        return Response(answer(self._found(import_id)))

    @schema.CANCEL_IMPORT
    def delete(self, request: Request, import_id: int) -> Response:
        found = self._found(import_id)
        if cancel(found.pk, self.tenant_id):
            by, sentence = f"key {self.key.prefix}", f"Cancelled the import {found.pk}."
            record(by, "suppressions import cancelled", f"import {found.pk}", sentence, tenant_id=self.tenant_id)
        return Response(answer(self._found(import_id)))

    def _found(self, import_id: int) -> SuppressionImport:
        found = SuppressionImport.objects.select_related("stream").filter(tenant_id=self.tenant_id, pk=min(import_id, HIGHEST_ID)).first()
        if found is None:
            raise of_status(404, "This tenant has no import with this id.")
        return found


def _read_into(request: Request, file: Any) -> None:
    """The body, as it comes; its length was checked, and the server reads no further."""
    try:
        while chunk := request._request.read(CHUNK_BYTES):
            file.write(chunk)
    except UnreadablePostError:
        raise invalid([Problem("body", "The connection ended before the body did.")], status=400) from None


def _problem(no: Refused) -> ApiProblem:
    if no.busy:
        return ApiProblem(409, "import-under-way", "Another import is under way.", no.sentence, [Problem("body", no.sentence)], {"Retry-After": "30"})
    if no.too_large:
        return ApiProblem(413, "too-large", "The file is too large.", no.sentence, [Problem("body", no.sentence)])
    return invalid([Problem("body", no.sentence)])
