"""Persist: what an engine has learned goes to the database, at most once a second, for the next owner and for people to read.

Promises: what the next owner must know (learned limits, circuit, a new connection) is told within a second of its change; what only people
read (fewer connections, allowance used) waits TELL_AGAIN_S. One statement for all of it. Score and state are reputation's and the
operator's words: never written here.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.types.json import Jsonb

from delivery.engine.path import Path, Told
from pools.binds import LimitsNow
from pools.learned import to_json
from pools.windows import DAY_S, HOUR_S

TELL_AGAIN_S = 5.0
COLUMNS = {
    "ip_id": "int8", "provider_id": "int8", "suspended_until": "timestamptz", "why": "text", "learned": "jsonb", "circuit_failures": "int4",
    "open_connections": "int4", "binds": "text", "binds_until": "timestamptz", "limits_now": "jsonb",
}  # fmt: skip
CHANGES = ", ".join(f"{name} = excluded.{name}" for name in [*COLUMNS, "updated_at", "told_by"] if name not in ("ip_id", "provider_id"))
SAVE_PATHS = f"""
    INSERT INTO pools_path ({", ".join(COLUMNS)}, state, score, updated_at, told_by)
    SELECT u.*, 'open', 100, platform_now(), %(engine)s FROM unnest({", ".join(f"%({name})s::{kind}[]" for name, kind in COLUMNS.items())}) AS u
    ON CONFLICT (ip_id, provider_id) DO UPDATE SET {CHANGES}
"""
SAVE_STATE = "UPDATE delivery_engine SET state = %s WHERE id = %s"


@dataclass(frozen=True, slots=True)
class Picture:
    """One path's row, taken in the loop so that the database's thread reads nothing that changes."""

    values: dict[str, Any]


def worth_telling(path: Path, now_s: float) -> bool:
    """Whether its row is out of date by more than may be."""
    told, open_now = path.told, path.slots.counted(now_s)
    if path.changed or open_now > told.connections or path.binds(now_s).limit != told.binds:
        return True
    return now_s - told.at_s >= TELL_AGAIN_S and (open_now != told.connections or _used(path) != told.used)


def pictures(paths: Iterable[Path], now_s: float, to_wall: Callable[[float], datetime]) -> list[Picture]:
    """Rows for these paths, in one order: two engines that save the same ones, at a hand-over, never deadlock."""
    return [_picture(path, now_s, to_wall) for path in sorted(paths, key=lambda path: (path.ip_id, path.provider_id))]


def save_paths(connection: Connection, engine_id: int, pictures: Sequence[Picture]) -> None:
    """Keep them."""
    if pictures:
        connection.execute(SAVE_PATHS, {"engine": engine_id} | {name: [one.values[name] for one in pictures] for name in COLUMNS})


def save_state(connection: Connection, engine_id: int, state: dict[str, Any]) -> None:
    """The counters of the moment, for the console."""
    connection.execute(SAVE_STATE, [Jsonb(state), engine_id])


def _picture(path: Path, now_s: float, to_wall: Callable[[float], datetime]) -> Picture:
    binds, open_now, used = path.binds(now_s), path.slots.counted(now_s), _used(path)
    path.changed, path.told = False, Told(now_s, binds.limit, open_now, used)
    limits = path.limits
    now: LimitsNow = {
        "figure": binds.figure, "per_s": binds.per_s, "connections_open": path.slots.open, "connections": limits.connections,
        "messages_per_connection": limits.messages_per_connection, "connections_per_minute": limits.connections_per_minute,
        "per_second": limits.per_second, "per_minute": limits.per_minute, "hour_used": used[0], "per_hour": path.caps.per_hour, "day_used": used[1],
        "per_day": path.caps.per_day, "hour_by": path.caps.hour_by, "day_by": path.caps.day_by,
    }  # fmt: skip
    return Picture({
        "ip_id": path.ip_id, "provider_id": path.provider_id, "suspended_until": to_wall(path.closed_until_s) if path.closed_until_s else None,
        "why": path.closed_why[:1000], "learned": Jsonb(to_json(path.learned) | path.mood_kept), "circuit_failures": path.circuit_failures,
        "open_connections": open_now,
        "binds": str(binds.limit), "binds_until": to_wall(binds.until_s) if binds.until_s is not None else None, "limits_now": Jsonb(now),
    })  # fmt: skip


def _used(path: Path) -> tuple[int | None, int | None]:
    """Of the rolling hour and day, as the last grant told; None: no such cap."""
    return (path.allowance.used(HOUR_S), path.allowance.used(DAY_S)) if path.allowance else (None, None)
