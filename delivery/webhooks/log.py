"""Log: each try of an endpoint, newest first, with the event that it was about. Reads only; a page costs the same at any depth."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

PAGE = """
    SELECT t.id, t.at, t.number, t.ok, t.status, t.milliseconds, t.problem, t.answer, e.id, e.webhook_id, e.kind, e.state, e.message_id, e.delivery_id,
           e.at, e.due_at
      FROM delivery_webhooktry t LEFT JOIN delivery_webhookevent e ON e.id = t.event_id
     WHERE t.endpoint_id = %(endpoint)s {condition}
     ORDER BY t.id {order} LIMIT %(limit)s
"""
FAILED = "AND NOT t.ok"
OF_EVENT = "AND t.event_id = %(event)s"


@dataclass(frozen=True, slots=True)
class Entry:
    """One try, and its event as far as that is still kept."""

    id: int
    at: datetime
    number: int
    ok: bool
    status: int | None
    milliseconds: int
    problem: str
    answer: str
    event_id: int | None
    webhook_id: UUID | None
    kind: str | None
    state: str | None
    message_id: UUID | None
    delivery_id: UUID | None
    happened_at: datetime | None
    due_at: datetime | None

    @property
    def is_test(self) -> bool:
        return self.kind == "webhook.test"

    @property
    def shown_id(self) -> str:
        """The webhook-id that the receiver sees."""
        return f"evt_{self.webhook_id.hex}" if self.webhook_id else ""


def entries(
    endpoint_id: int, *, failed: bool = False, below: int | None = None, above: int | None = None, event: int | None = None, limit: int = 50
) -> list[Entry]:
    """At most `limit` tries: older than `below`, or, from the oldest on, newer than `above`."""
    conditions = [FAILED if failed else "", OF_EVENT if event is not None else ""]
    conditions += ["AND t.id < %(below)s" if below is not None else "", "AND t.id > %(above)s" if above is not None else ""]
    statement = PAGE.format(condition=" ".join(conditions), order="ASC" if above is not None and below is None else "DESC")
    values: dict[str, Any] = {"endpoint": endpoint_id, "below": below, "above": above, "event": event, "limit": limit}
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return [Entry(*row) for row in cursor.fetchall()]
