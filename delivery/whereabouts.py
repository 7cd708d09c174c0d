"""Whereabouts: where a delivery that is not final is now, and what it waits for.

Which queue table a row is in is its state (docs/architecture.md). One lookup by primary key in each of the three tables, however
many ids. Promises: a delivery that moves between two tables while it is looked for is `queued`, never gone.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import connection

from delivery.models import DeliveryState
from delivery.queue.states import OF_WAITING

_LOOK = f"""
    SELECT id, 'queued' AS state, 'ready' AS place, '' AS scope, NULL::timestamptz AS due_at, attempts, provider_id, NULL::int8 AS engine_id, pool_id,
           ready_at AS since, sticky_ip_id, avoid_ip_ids
      FROM delivery_ready WHERE id = ANY (%(ids)s)
    UNION ALL
    SELECT id, 'sending', 'claimed', '', NULL, attempts, provider_id, engine_id, pool_id, claimed_at, NULL, '{{}}'
      FROM delivery_claimed WHERE id = ANY (%(ids)s)
    UNION ALL
    SELECT id, {OF_WAITING}, why, scope, due_at, attempts, provider_id, NULL, pool_id, ready_at, sticky_ip_id, avoid_ip_ids
      FROM delivery_waiting WHERE id = ANY (%(ids)s)
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where it is: a queue table or what it waits for, since when or until when."""

    state: str
    place: str
    scope: str = ""
    due_at: datetime | None = None
    attempts: int = 0
    provider_id: int | None = None
    engine_id: int | None = None
    pool_id: int | None = None
    since: datetime | None = None
    sticky_ip_id: int | None = None
    avoid_ip_ids: Sequence[int] = ()


UNSEEN = Place(DeliveryState.QUEUED, "moving")


def whereabouts(ids: Collection[UUID]) -> dict[UUID, Place]:
    """Where these deliveries are; those that are in no queue table are left out."""
    if not ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_LOOK, {"ids": list(ids)})
        return {row[0]: Place(*row[1:]) for row in cursor.fetchall()}
