"""Messages: GET /messages, GET /messages/{id}, POST /messages/{id}/cancel. Another tenant's messages are not there: 404."""

from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Cursor
from psycopg.errors import QueryCanceled
from rest_framework.request import Request
from rest_framework.response import Response

from delivery.api import schema
from delivery.api.history import TIMEOUT_MS, Filters, list_messages, one_message
from delivery.api.paging import cursor_of, limit_of, page, read_cursor, refuse_unknown, refuse_unstorable
from delivery.api.send import Messages as Send
from delivery.models import DeliveryState
from delivery.queue.cancel import cancel
from delivery.submit.commit import committed, reading
from delivery.submit.times import time_of
from mailplatform.shell.clock import now
from mailplatform.shell.problems import Problem
from mailplatform.shell.rest import invalid, of_status, unavailable
from mailplatform.tenants.access import TenantView
from mailplatform.tenants.keys import Scope

PARAMETERS = ("limit", "cursor", "state", "recipient", "tag", "stream", "from", "to")


class Messages(Send):
    """POST sends one (see `send`); GET lists, newest first."""

    scopes = {"GET": Scope.READ}

    @schema.LIST
    def get(self, request: Request) -> Response:
        params = request.query_params.dict()
        refuse_unknown(params, PARAMETERS)
        refuse_unstorable(params)
        limit, raw = limit_of(params), read_cursor(params, 16)
        with committed() as cursor:
            rows = _within_time(cursor, self.tenant_id, _filters(params), UUID(bytes=raw) if raw else None, limit + 1)
        return Response(page(rows, limit, cursor_of(rows[min(limit, len(rows)) - 1]["id"]) if rows else ""))


def _within_time(cursor: Cursor, tenant_id: int, filters: Filters, before: UUID | None, limit: int) -> list[dict[str, Any]]:
    try:
        return list_messages(cursor, tenant_id, filters, before, limit)
    except QueryCanceled:
        raise unavailable(f"Looking for this took longer than {TIMEOUT_MS // 1000} s. Narrow it down with from and to.") from None


def _filters(params: dict[str, str]) -> Filters:
    state = params.get("state") or None
    if state and state not in DeliveryState.values:
        raise invalid([Problem("state", f"It is one of {', '.join(DeliveryState.values)}.")], status=400)
    return Filters(
        state=DeliveryState(state) if state else None,
        recipient=params.get("recipient") or None,
        tag=params.get("tag") or None,
        stream=params.get("stream") or None,
        since=_time(params, "from"),
        until=_time(params, "to"),
    )


def _time(params: dict[str, str], name: str) -> datetime | None:
    given = params.get(name)
    if not given:
        return None
    try:
        if at := time_of(given):
            at.timestamp()
            return at
    except (ValueError, OverflowError):
        pass
    raise invalid([Problem(name, "It is a time by RFC 3339 with its zone, like 2026-01-31T08:30:00Z.")], status=400)


class Message(TenantView):
    """One message with its deliveries, their attempts, and what else befell them."""

    scope = Scope.READ

    @schema.READ
    def get(self, request: Request, message_id: UUID) -> Response:
        with reading() as cursor:
            found = one_message(cursor, self.tenant_id, message_id)
        if found is None:
            raise of_status(404, "This tenant has no message with this id.")
        return Response(found)


class Cancel(TenantView):
    """Take what was not sent yet out of the queue."""

    scope = Scope.SEND

    @schema.CANCEL
    def post(self, request: Request, message_id: UUID) -> Response:
        with committed() as cursor:
            if one_message(cursor, self.tenant_id, message_id) is None:
                raise of_status(404, "This tenant has no message with this id.")
            gone = cancel(cursor, self.tenant_id, message_id, now(), by=f"api key {self.key.prefix}")
            message = one_message(cursor, self.tenant_id, message_id)
            assert message is not None
        deliveries = [{name: delivery[name] for name in ("id", "to", "state")} for delivery in message["deliveries"]]
        return Response({"id": message_id, "cancelled": len(gone), "deliveries": deliveries})
