"""Incarnation: which life of which server a session belongs to.

It cannot change while the session lives. Another one says: sessions and their locks are new, renewals of before are old, and the last commits that did not wait
for a standby may be missing.
"""

from typing import Any

import psycopg

_LIFE = "SELECT pg_postmaster_start_time()::text, extract(epoch FROM clock_timestamp() - pg_postmaster_start_time())::float8"
# Not everybody may ask these (a managed database may refuse): then the start time alone tells incarnations apart.
_CONTROL = "SELECT s.system_identifier::text || '/' || c.timeline_id::text FROM pg_control_system() s, pg_control_checkpoint() c"


def life_of(connection: psycopg.Connection[Any]) -> tuple[str, float]:
    """(a key that no other life has, for how many seconds the server has been up)"""
    row = connection.execute(_LIFE).fetchone()
    try:
        control = connection.execute(_CONTROL).fetchone()
    except psycopg.errors.InsufficientPrivilege:
        control = None
    return _told(row, control)


async def life_of_async(connection: psycopg.AsyncConnection[Any]) -> tuple[str, float]:
    row = await (await connection.execute(_LIFE)).fetchone()
    try:
        control = await (await connection.execute(_CONTROL)).fetchone()
    except psycopg.errors.InsufficientPrivilege:
        control = None
    return _told(row, control)


def _told(row: tuple[Any, ...] | None, control: tuple[Any, ...] | None) -> tuple[str, float]:
    assert row is not None
    return f"{control[0] if control else ''} {row[0]}", row[1]
