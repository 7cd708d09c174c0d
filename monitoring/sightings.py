"""Sightings: one look at the engines' rows and at the locks that their sessions hold.

One statement a look. A row and its lock are not read in the same instant (pg_locks has no snapshot): the judge knows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from mailplatform.shell.database.incarnation import life_of
from monitoring.judge import Incarnation

ENGINE_LOCK_CLASS = 0x4D50  # pg_advisory_lock(class, engine id): held by an engine's lease session as long as it lives

# The lock query's own predicate first: pg_locks is small, delivery_engine has a row for each engine that lives.
_LOOK = f"""
WITH held AS MATERIALIZED (
  SELECT l.objid::bigint AS id FROM pg_locks l
   WHERE l.locktype = 'advisory' AND l.classid = {ENGINE_LOCK_CLASS} AND l.objsubid = 2 AND l.granted
     AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()))
SELECT e.id, e.node_id, n.name, e.slot, e.pid, e.renewed_at, e.suspected_at IS NOT NULL,
       (e.id & 2147483647) IN (SELECT id FROM held),
       extract(epoch FROM platform_now() - e.started_at)::float8,
       extract(epoch FROM platform_now() - e.renewed_at)::float8,
       b.at
  FROM delivery_engine e JOIN pools_node n ON n.id = e.node_id LEFT JOIN monitoring_agentbeat b ON b.node_id = n.id
"""


@dataclass(frozen=True, slots=True)
class EngineSeen:
    """One engine's row in one look."""

    engine_id: int
    node_id: int
    node: str
    slot: int
    pid: int
    renewed_at: datetime
    suspected: bool
    locked: bool
    age_s: float
    renewed_ago_s: float
    agent_at: datetime | None  # its node agent's last beat; None: there never was one

    @property
    def name(self) -> str:
        return f"{self.node}/{chr(ord('a') + self.slot)}"


def look(connection: psycopg.Connection[Any], node: str | None = None) -> list[EngineSeen]:
    """The engines that have a row, of one node or of all."""
    where: tuple[str, Sequence[object]] = (" WHERE n.name = %s", [node]) if node else ("", [])
    return [EngineSeen(*row) for row in connection.execute(_LOOK + where[0], where[1]).fetchall()]


def incarnation_of(connection: psycopg.Connection[Any]) -> Incarnation:
    """Which life of which server a connection belongs to; it cannot change while the connection lives."""
    return Incarnation(*life_of(connection))
