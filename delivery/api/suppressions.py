"""Suppressions: addresses that the tenant must not mail. GET and POST /suppressions, DELETE /suppressions/{id}."""

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from delivery.api import schema
from delivery.api.paging import cursor_of, limit_of, page, read_cursor, refuse_unknown, refuse_unstorable
from delivery.models import Suppression
from delivery.submit.addresses import parse_address
from delivery.submit.wrong import Wrong
from mailplatform.shell.clock import now
from mailplatform.shell.problems import Problem
from mailplatform.shell.rest import invalid, of_status
from mailplatform.tenants.access import TenantView
from mailplatform.tenants.keys import Scope
from pools.models import Stream

FIELDS = ("address", "reason", "stream", "detail")
MAX_DETAIL = 500
HIGHEST_ID = 2**63 - 1


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
        refuse_unknown(params, ("limit", "cursor", "address"))
        refuse_unstorable(params)
        limit, raw = limit_of(params), read_cursor(params, 8)
        rows = Suppression.objects.select_related("stream").filter(tenant_id=self.tenant_id).order_by("-id")
        if raw:
            rows = rows.filter(id__lt=min(int.from_bytes(raw, "big"), HIGHEST_ID))
        if address := params.get("address"):
            rows = rows.filter(address=address.lower())
        found = [answer(row) for row in rows[: limit + 1]]
        return Response(page(found, limit, cursor_of(found[min(limit, len(found)) - 1]["id"]) if found else ""))

    @schema.SUPPRESS
    def post(self, request: Request) -> Response:
        wanted = _read(self.json)
        stream = _stream(self.tenant_id, wanted.pop("stream"))
        row, is_new = Suppression.objects.get_or_create(
            tenant_id=self.tenant_id, address=wanted.pop("address"), stream=stream, defaults={**wanted, "created_at": now()}
        )
        return Response(answer(row), 201 if is_new else 200)


class OneSuppression(TenantView):
    """DELETE: the address may be mailed again."""

    scope = Scope.SUPPRESSIONS

    @schema.UNSUPPRESS
    def delete(self, request: Request, suppression_id: int) -> Response:
        deleted, _ = Suppression.objects.filter(tenant_id=self.tenant_id, pk=min(suppression_id, HIGHEST_ID)).delete()
        if not deleted:
            raise of_status(404, "This tenant has no suppression with this id.")
        return Response(status=204)


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


def _stream(tenant_id: int, name: str | None) -> Stream | None:
    if name is None:
        return None
    stream = Stream.objects.filter(tenant_id=tenant_id, name=name).first()
    if stream is None:
        raise invalid([Problem("stream", "This tenant has no stream of this name.")])
    return stream
