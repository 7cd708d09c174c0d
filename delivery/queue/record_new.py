"""Record what is new: the way of nearly every batch.

Nothing of it is in the history yet and every delivery in it is in this engine's hands: so attempts are copied (COPY knows no ON CONFLICT), and
rows are counted instead of named. Where one of them is known already, or in other hands, `NotNew` or the database's own
refusal ends the caller's transaction, and `record` does it with care. Twice as cheap as that, for the engine and the database.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

import orjson
from psycopg import Cursor
from psycopg.types.json import Jsonb

from delivery.queue import arrays
from delivery.queue.minutes import count_minutes
from delivery.queue.record import ATTEMPT_COLUMNS, finish, move_on
from delivery.queue.settled import AttemptRow, Settled
from delivery.queue.wake import Lane

COPY = f"COPY delivery_attempt ({', '.join(ATTEMPT_COLUMNS)}) FROM STDIN (FORMAT BINARY)"
RELEASE = "DELETE FROM delivery_claimed WHERE id = ANY (%(ids)s::uuid[]) AND engine_id = %(engine)s"


class NotNew(Exception):
    """Some of the batch has left this engine's hands."""


def record_new(cursor: Cursor, engine_id: int, settled: Sequence[Settled], now: datetime) -> frozenset[Lane]:
    """As `record`. Raises NotNew, or psycopg's UniqueViolation, when that is needed instead."""
    with cursor.copy(COPY) as copy:
        copy.set_types(list(ATTEMPT_COLUMNS.values()))
        for one in settled:
            copy.write_row(_row(one.attempt))
    finals = [one for one in settled if one.final]
    if finals:
        cursor.execute(RELEASE, {"ids": arrays.ids(one.attempt.delivery_id for one in finals), "engine": engine_id})
        if cursor.rowcount != len(finals):
            raise NotNew
        finish(cursor, finals, now)
    lanes = move_on(cursor, engine_id, settled, now) if len(finals) < len(settled) else frozenset()
    count_minutes(cursor, settled, now)
    return lanes


def _row(a: AttemptRow) -> tuple[Any, ...]:
    """In the order of ATTEMPT_COLUMNS."""
    return (
        a.id, a.engine_id, a.ip_id, a.pool_id, a.provider_id, a.started_at, a.verdict, a.reason, a.fault, a.phase, a.rule, a.code, a.enhanced, a.reply,
        a.mx_host, _address(a.mx_address), a.tls, a.connection_reused, Jsonb(a.timings, orjson.dumps), Jsonb(a.why, orjson.dumps),
    )  # fmt: skip


@lru_cache(4096)
def _address(text: str | None) -> IPv4Address | IPv6Address | None:
    return None if text is None else ip_address(text)
