"""Webhook endpoints: CRUD, rotate, test, log, replay under /webhooks. Another tenant's endpoints are not there: 404.

Secrets are answered twice in an endpoint's life: when it is made and when its secret is rotated.
"""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from django.db import transaction
from rest_framework.request import Request
from rest_framework.response import Response

from delivery.api import webhooks_schema as schema
from delivery.api.paging import cursor_of, limit_of, page, read_cursor, refuse_unknown, refuse_unstorable
from delivery.submit.times import time_of
from delivery.webhooks import endpoints, log, replay
from delivery.webhooks.endpoints import TooMany, of_tenant
from delivery.webhooks.kinds import EventKind
from delivery.webhooks.models import WebhookEndpoint
from mailplatform.shell.problems import Problem
from mailplatform.shell.rest import ApiProblem, invalid, of_status
from mailplatform.tenants.access import TenantView
from mailplatform.tenants.keys import Scope
from mailplatform.tenants.models import Tenant
from pools.models import Stream

HIGHEST_ID = 2**63 - 1


def answer(row: WebhookEndpoint, secret: str = "") -> dict[str, Any]:
    names = dict(Stream.objects.filter(pk__in=row.streams, tenant_id=row.tenant_id).values_list("id", "name")) if row.streams else {}
    told = {
        "id": row.pk, "url": row.url, "description": row.description, "events": row.kinds or list(EventKind),
        "streams": [names[id_] for id_ in row.streams if id_ in names], "state": row.state, "stopped_why": row.stopped_why,
        "failing_since": row.failing_since, "failures_in_a_row": row.failures, "last_problem": row.last_problem if row.failing_since else "",
        "last_success_at": row.last_success_at, "last_failure_at": row.last_failure_at, "next_try_at": row.retry_at,
        "old_secret_until": row.old_secret_until, "created_at": row.created_at,
    }  # fmt: skip
    return {**told, "secret": secret} if secret else told


class WebhooksView(TenantView):
    scope = Scope.WEBHOOKS

    def endpoint(self, endpoint_id: int) -> WebhookEndpoint:
        found = of_tenant(self.tenant_id).filter(pk=min(endpoint_id, HIGHEST_ID)).first()
        if found is None:
            raise of_status(404, "This tenant has no webhook endpoint with this id.")
        return found

    def checked(self, *, is_new: bool) -> dict[str, Any]:
        looked_at = endpoints.checked(self.json, self.tenant_id, is_new=is_new)
        if looked_at.problems:
            raise invalid(looked_at.problems)
        return dict(looked_at.values)


class Webhooks(WebhooksView):
    """GET lists; POST makes one and tells its secret."""

    @schema.LIST
    def get(self, request: Request) -> Response:
        params = request.query_params.dict()
        refuse_unknown(params, ())
        return Response({"data": [answer(row) for row in of_tenant(self.tenant_id)]})

    @schema.CREATE
    def post(self, request: Request) -> Response:
        values = self.checked(is_new=True)
        try:
            made, secret = endpoints.create(Tenant.objects.get(pk=self.tenant_id), values)
        except TooMany as no:
            raise ApiProblem(409, "too-many", "There are too many already.", str(no)) from None
        return Response(answer(made, secret), 201)


class Webhook(WebhooksView):
    """GET, PATCH, DELETE."""

    @schema.READ
    def get(self, request: Request, endpoint_id: int) -> Response:
        return Response(answer(self.endpoint(endpoint_id)))

    @schema.CHANGE
    def patch(self, request: Request, endpoint_id: int) -> Response:
        row = self.endpoint(endpoint_id)
        return Response(answer(endpoints.change(row, self.checked(is_new=False))))

    @schema.DELETE
    def delete(self, request: Request, endpoint_id: int) -> Response:
        endpoints.remove(self.endpoint(endpoint_id))
        return Response(status=204)


class Rotate(WebhooksView):
    @schema.ROTATE
    def post(self, request: Request, endpoint_id: int) -> Response:
        row = self.endpoint(endpoint_id)
        secret = endpoints.rotate(row)
        row.refresh_from_db()
        return Response(answer(row, secret))


class Test(WebhooksView):
    @schema.TEST
    def post(self, request: Request, endpoint_id: int) -> Response:
        try:
            event = endpoints.test(self.endpoint(endpoint_id))
        except TooMany as no:
            raise ApiProblem(409, "too-many", "There are too many already.", str(no)) from None
        return Response({"event_id": event.pk, "webhook_id": str(event)}, 202)


class Log(WebhooksView):
    @schema.LOG
    def get(self, request: Request, endpoint_id: int) -> Response:
        params = request.query_params.dict()
        refuse_unknown(params, ("limit", "cursor", "failed", "event"))
        refuse_unstorable(params)
        if params.get("failed", "") not in ("", "true", "false"):
            raise invalid([Problem("failed", "It is true or false.")], status=400)
        limit, raw = limit_of(params), read_cursor(params, 8)
        below = min(int.from_bytes(raw, "big"), HIGHEST_ID) if raw else None
        rows = log.entries(
            self.endpoint(endpoint_id).pk, failed=params.get("failed") == "true", below=below, event=_number(params, "event"), limit=limit + 1
        )
        return Response(page([_told(row) for row in rows], limit, cursor_of(rows[min(limit, len(rows)) - 1].id) if rows else ""))


class Replay(WebhooksView):
    """What was given up, sent again; with `preview` only counted."""

    @schema.REPLAY
    def post(self, request: Request, endpoint_id: int) -> Response:
        row = self.endpoint(endpoint_id)
        since, event_id, preview = _wanted(self.json)
        if event_id is not None:
            there = replay.find(row, event_id) is not None
            if not there:
                raise of_status(404, "This endpoint has no event with this id that was sent or given up.")
            return Response({"events": 1 if preview else int(replay.one_again(row, event_id)), "preview": preview})
        assert since is not None
        with transaction.atomic():
            return Response({"events": replay.failed_since(row, since) if preview else replay.again_since(row, since), "preview": preview})


def _told(row: log.Entry) -> dict[str, Any]:
    names = ("id", "at", "number", "ok", "status", "milliseconds", "problem", "answer", "event_id", "message_id", "delivery_id", "happened_at")
    told = asdict(row)
    return {**{name: told[name] for name in names}, "type": row.kind, "event_state": row.state, "webhook_id": row.shown_id or None}


def _number(params: dict[str, str], name: str) -> int | None:
    given = params.get(name, "")
    if not given:
        return None
    if not (given.isascii() and given.isdigit() and len(given) < 20):
        raise invalid([Problem(name, "It is an event's id.")], status=400)
    return min(int(given), HIGHEST_ID)


def _wanted(data: object) -> tuple[datetime | None, int | None, bool]:
    """(since, event_id, preview): one of the first two."""
    if not isinstance(data, dict):
        raise invalid([Problem("body", "It is a JSON object.")])
    problems = [Problem(str(name)[:80], "There is no such field.") for name in data if name not in ("since", "event_id", "preview")][:100]
    since, event_id, preview = data.get("since"), data.get("event_id"), data.get("preview", False)
    if (since is None) == (event_id is None):
        problems.append(Problem("since", "Either since or event_id says what is replayed."))
    if event_id is not None and (not isinstance(event_id, int) or isinstance(event_id, bool) or not 0 <= event_id <= HIGHEST_ID):
        problems.append(Problem("event_id", "It is an event's id, as the log tells it."))
    if not isinstance(preview, bool):
        problems.append(Problem("preview", "It is true or false."))
    at = _time(since) if since is not None else None
    if since is not None and at is None:
        problems.append(Problem("since", "It is RFC 3339 with a zone, like 2026-11-22T14:00:00Z."))
    if problems:
        raise invalid(problems)
    return at, event_id, bool(preview)


def _time(given: object) -> datetime | None:
    try:
        at = time_of(given)
    except ValueError:
        return None
    return at if at and 1971 <= at.year <= 9998 else None
