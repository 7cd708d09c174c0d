"""Wishes: which tenants want to be told what, as this process saw it within the last second.

Promises: one small look a second a process, on the caller's own connection, however many messages pass; where no tenant has an endpoint, an empty
dictionary. A new endpoint hears of what happens a second after it was made at the latest. Never: writes, looks for each message.
"""

import time
from dataclasses import dataclass

from psycopg import Cursor
from psycopg.rows import tuple_row

LOOK_EVERY_S = 1.0
# A paused endpoint's events wait for it; a disabled one has none.
WANTED = "SELECT tenant_id, id, kinds, streams FROM delivery_webhookendpoint WHERE state IN ('active', 'paused')"


@dataclass(frozen=True, slots=True)
class Wish:
    """What one endpoint wants; an empty set is everything."""

    endpoint_id: int
    kinds: frozenset[str]
    streams: frozenset[int]

    def wants(self, kind: str, stream_id: int | None) -> bool:
        return (not self.kinds or kind in self.kinds) and (not self.streams or stream_id in self.streams)


Wishes = dict[int, tuple[Wish, ...]]
_known: Wishes = {}
_look_again_at_s = 0.0


def wishes(cursor: Cursor) -> Wishes:
    """By tenant; tenants who want nothing are not in it."""
    global _known, _look_again_at_s
    if time.monotonic() >= _look_again_at_s:
        with Cursor(cursor.connection, row_factory=tuple_row) as own:
            _known = read(own.execute(WANTED).fetchall())
        _look_again_at_s = time.monotonic() + LOOK_EVERY_S
    return _known


def read(rows: list[tuple[int, int, list[str], list[int]]]) -> Wishes:
    found: Wishes = {}
    for tenant_id, endpoint_id, kinds, streams in rows:
        found[tenant_id] = (*found.get(tenant_id, ()), Wish(endpoint_id, frozenset(kinds), frozenset(streams)))
    return found


def forget() -> None:
    """Look anew with the next question: this process has just changed an endpoint."""
    global _look_again_at_s
    _look_again_at_s = 0.0
