"""A process that holds an engine's row, session lock and lease, and nothing else. Prints its engine id when it has all three.

Arguments: database URL, node, slot.
"""

import os
import sys
import time

import psycopg

url, node, slot = sys.argv[1:]
with psycopg.connect(url, autocommit=True) as connection:
    row = connection.execute(
        "INSERT INTO delivery_engine (node_id, slot, pid, started_at, renewed_at, draining, state) "
        "SELECT id, %s, %s, platform_now(), platform_now(), false, '{}' FROM pools_node WHERE name = %s RETURNING id",
        [slot, os.getpid(), node],
    ).fetchone()
    assert row is not None
    connection.execute("SELECT pg_advisory_lock(19792, %s)", [row[0] & 0x7FFFFFFF])
    print(row[0], flush=True)
    while True:
        connection.execute("UPDATE delivery_engine SET renewed_at = platform_now() WHERE id = %s", [row[0]])
        time.sleep(0.15)
