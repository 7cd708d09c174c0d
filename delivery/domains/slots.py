"""Turns: how many looks on request go at once, over all web processes. A look waits for strangers' name servers, and must not take every thread that answers.

Session-level advisory locks: who dies lets go of its turn with its connection.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

SLOTS = 2
CLASS = 0x444F4D  # "DOM"


@contextmanager
def turn(tenant_id: int) -> Iterator[bool]:
    """Whether there was one: at most one look a tenant, and SLOTS in all."""
    held: list[tuple[int, int]] = []
    try:
        yield _take(CLASS, tenant_id, held) and any(_take(CLASS + 1, slot, held) for slot in range(SLOTS))
    finally:
        with connection.cursor() as cursor:
            for pair in held:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", pair)


def _take(kind: int, number: int, held: list[tuple[int, int]]) -> bool:
    pair = (kind, number % 2**31)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", pair)
        got = bool(cursor.fetchone()[0])
    if got:
        held.append(pair)
    return got
