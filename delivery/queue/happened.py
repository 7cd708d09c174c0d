"""What befell deliveries besides their attempts: rows of history that the message page, the API and webhooks tell.

Everyone who changes a delivery's fate tells it here, in the transaction that changes it; endpoints that want to hear it are told with it.
Never: commits; tells attempts (they tell themselves).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from psycopg import Cursor
from psycopg.types.json import Jsonb

from delivery.webhooks import outbox
from delivery.webhooks.kinds import EventKind
from mailplatform.shell.ids import time_ordered_id


class Kind(StrEnum):
    """Every kind of event there is."""

    HELD = "held"
    RELEASED = "released"
    CANCELLED = "cancelled"
    BOUNCED_LATE = "bounced_late"  # the provider took it, and a bounce came back
    COMPLAINED = "complained"
    UNSUBSCRIBED = "unsubscribed"
    REPLIED_BY_MACHINE = "replied_by_machine"  # an auto-reply came to the return path


@dataclass(frozen=True, slots=True)
class Happened:
    delivery_id: UUID
    tenant_id: int
    kind: Kind
    data: dict[str, Any] = field(default_factory=dict)


TELL = """
    INSERT INTO delivery_event (id, delivery_id, tenant_id, kind, at, data)
    SELECT id, delivery_id, tenant_id, kind, coalesce(%(at)s, platform_now()), data
      FROM unnest(%(ids)s::uuid[], %(deliveries)s::uuid[], %(tenants)s::int8[], %(kinds)s::text[], %(data)s::jsonb[])
        AS u(id, delivery_id, tenant_id, kind, data)
"""


def tell(cursor: Cursor, happened: Sequence[Happened], at: datetime | None = None) -> None:
    """In the caller's transaction; `at` is by default the database's now."""
    if not happened:
        return
    ids = [time_ordered_id() for _ in happened]
    cursor.execute(TELL, {
        "at": at,
        "ids": ids,
        "deliveries": [one.delivery_id for one in happened],
        "tenants": [one.tenant_id for one in happened],
        "kinds": [one.kind.value for one in happened],
        "data": [Jsonb(one.data) for one in happened],
    })  # fmt: skip
    notes = [outbox.Note(one.tenant_id, None, one.delivery_id, id_, EventKind(f"message.{one.kind}")) for id_, one in zip(ids, happened, strict=True)]
    outbox.write(cursor, notes, at)
