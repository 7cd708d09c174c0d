"""Upkeep: events and tries that are older than the log is kept go, from the oldest on, a bounded piece at a time."""

from psycopg import Connection

PIECE = 5000
# Ids rise with time: the oldest are the lowest, whatever has become of them.
FORGET = """
    DELETE FROM {table} WHERE id = ANY (ARRAY(SELECT id FROM {table} ORDER BY id LIMIT {piece})) AND at < platform_now() - %s * interval '1 day'
"""
TABLES = ("delivery_webhooktry", "delivery_webhookevent")


def forget_old(connection: Connection, keep_days: int) -> bool:
    """One piece of each table; whether there may be more."""
    return PIECE in [connection.execute(FORGET.format(table=table, piece=PIECE), [keep_days]).rowcount for table in TABLES]
