"""Sightings: what a vantage point writes of itself and reads of the others. SQL of `monitoring_endpointlook` stands here alone.

Times are the database's: a vantage point says how long ago something was, so that clocks that differ between machines do not matter. Looks are not
waited for on disk: a lost one is replaced within the second.
"""

import os
import socket
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from monitoring.endpoints.door import Door
from monitoring.endpoints.streak import Streak
from monitoring.endpoints.vote import Look, Rules, Standing, State

_HERE = """
INSERT INTO monitoring_vantagepoint (name, kind, zone_id, host, at, pid, rounds)
VALUES (%(name)s, %(kind)s, (SELECT id FROM pools_zone WHERE name = %(zone)s), %(host)s, platform_now(), %(pid)s, 0)
ON CONFLICT (name) DO UPDATE SET kind = excluded.kind, zone_id = excluded.zone_id, host = excluded.host, at = excluded.at, pid = excluded.pid
RETURNING id
"""
_BEAT = "UPDATE monitoring_vantagepoint SET at = platform_now(), rounds = rounds + 1 WHERE id = %s"
_WRITE = """
INSERT INTO monitoring_endpointlook (vantage_id, endpoint_id, ok, in_row, since, latency_ms, error, at)
SELECT %s, e.id, l.ok, l.in_row, platform_now() - l.since_ago * interval '1 second', l.latency_ms, l.error, platform_now() - l.ago * interval '1 second'
  FROM unnest(%s::bigint[], %s::bool[], %s::int[], %s::float8[], %s::float8[], %s::text[], %s::float8[])
       AS l(endpoint_id, ok, in_row, since_ago, latency_ms, error, ago) JOIN monitoring_endpoint e ON e.id = l.endpoint_id
ON CONFLICT (vantage_id, endpoint_id) DO UPDATE SET ok = excluded.ok, in_row = excluded.in_row, since = excluded.since,
       latency_ms = excluded.latency_ms, error = excluded.error, at = excluded.at
"""
_FORGET = "DELETE FROM monitoring_endpointlook WHERE vantage_id = %s AND endpoint_id <> ALL(%s)"
_DOORS = """
SELECT id, name, kind, host, port, tls, tls_name, asked FROM monitoring_endpoint
 WHERE enabled AND (machine_id IS NULL OR machine_id::text = %s) ORDER BY id
"""
_POLICY = """
SELECT every_ms / 1000.0::float8, timeout_ms / 1000.0::float8, down_after, up_after, recover_s::float8, longest_recover_s::float8, flap_window_s::float8,
       fresh_ms / 1000.0::float8 FROM monitoring_probepolicy WHERE id = 1
"""
_READ = """
SELECT e.id, e.name, e.state, e.verdicts_count, platform_now(),
       (SELECT array_agg(v.at) FROM monitoring_endpointverdict v
         WHERE e.state <> 'unknown' AND v.endpoint_id = e.id AND v.state = 'up' AND v.id > coalesce(e.first_up, 0)
           AND v.at > platform_now() - %(window)s * interval '1 second'),
       v.name, l.ok, l.in_row, l.since, l.at, l.latency_ms, l.error
  FROM (SELECT *, (SELECT min(id) FROM monitoring_endpointverdict f WHERE f.endpoint_id = x.id) AS first_up FROM monitoring_endpoint x WHERE enabled) e
  LEFT JOIN monitoring_endpointlook l ON l.endpoint_id = e.id LEFT JOIN monitoring_vantagepoint v ON v.id = l.vantage_id
 ORDER BY e.id
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """One endpoint with all that is known of it."""

    endpoint_id: int
    name: str
    count: int
    standing: Standing
    looks: tuple[Look, ...]
    now: datetime


def register(connection: psycopg.Connection[Any], name: str, kind: str, zone: str) -> int:
    row = connection.execute(_HERE, {"name": name, "kind": kind, "zone": zone, "host": socket.gethostname(), "pid": os.getpid()}).fetchone()
    assert row is not None
    return int(row[0])


def doors(connection: psycopg.Connection[Any], machine: str) -> list[Door]:
    """What a vantage point on this machine knocks at."""
    return [Door(*row) for row in connection.execute(_DOORS, [machine]).fetchall()]


def rules(connection: psycopg.Connection[Any]) -> Rules:
    row = connection.execute(_POLICY).fetchone()
    return Rules(*row) if row else Rules()


def write(connection: psycopg.Connection[Any], vantage_id: int, streaks: Mapping[int, Streak]) -> None:
    """This vantage point's own rows, all in one statement."""
    now_s = time.monotonic()
    ids = list(streaks)
    rows = [(s.ok, s.in_row, now_s - s.since_s, s.last.latency_ms, s.last.error, now_s - s.last.ended_s) for s in streaks.values()]
    columns: Sequence[list[Any]] = [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(6)]
    connection.execute(_WRITE, [vantage_id, ids, *columns])
    connection.execute(_BEAT, [vantage_id])


def forget_others(connection: psycopg.Connection[Any], vantage_id: int, ids: Sequence[int]) -> None:
    """Doors that it does not knock at any more have no vote of its."""
    connection.execute(_FORGET, [vantage_id, list(ids)])


def read(connection: psycopg.Connection[Any], flap_window_s: float) -> list[Seen]:
    """All endpoints and what every vantage point saw of them."""
    found: dict[int, Seen] = {}
    for id_, name, state, count, now, returns, vantage, *look in connection.execute(_READ, {"window": flap_window_s}).fetchall():
        known = found.get(id_) or Seen(id_, name, count, Standing(State(state), tuple(returns or ())), (), now)
        looks = (*known.looks, Look(vantage, *look)) if vantage else known.looks
        found[id_] = Seen(id_, name, count, known.standing, looks, now)
    return list(found.values())
