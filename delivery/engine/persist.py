"""Persist: what an engine has learned goes to the database, at most once a second, for the next owner and for people to read."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.types.json import Jsonb

from delivery.engine.path import Path
from pools.learned import to_json

SAVE_PATH = """
    INSERT INTO pools_path (ip_id, provider_id, state, score, suspended_until, why, learned, circuit_failures, open_connections, updated_at)
    VALUES (%(ip)s, %(provider)s, 'open', 100, %(until)s, %(why)s, %(learned)s, %(failures)s, %(open)s, platform_now())
    ON CONFLICT (ip_id, provider_id) DO UPDATE
       SET suspended_until = excluded.suspended_until, why = excluded.why, learned = excluded.learned,
           circuit_failures = excluded.circuit_failures, open_connections = excluded.open_connections, updated_at = excluded.updated_at
"""
SAVE_STATE = "UPDATE delivery_engine SET state = %s WHERE id = %s"


def save_paths(connection: Connection, paths: Sequence[Path], to_wall: Callable[[float], datetime]) -> None:
    """Keep what changed. Score and state are reputation's and the operator's words: never written here."""
    rows: list[dict[str, Any]] = []
    for path in sorted(paths, key=_in_lock_order):
        path.changed = False
        rows.append({
            "ip": path.ip_id,
            "provider": path.provider_id,
            "until": to_wall(path.closed_until_s) if path.closed_until_s else None,
            "why": path.closed_why[:1000],
            "learned": Jsonb(to_json(path.learned)),
            "failures": path.circuit_failures,
            "open": path.slots.open,
        })  # fmt: skip
    if rows:
        with connection.transaction(), connection.cursor() as cursor:
            cursor.executemany(SAVE_PATH, rows)


def save_state(connection: Connection, engine_id: int, state: dict[str, Any]) -> None:
    """The counters of the moment, for the console."""
    connection.execute(SAVE_STATE, [Jsonb(state), engine_id])


def _in_lock_order(path: Path) -> tuple[int, int]:
    """Two engines that save the same paths, at a hand-over, never deadlock."""
    return path.ip_id, path.provider_id
