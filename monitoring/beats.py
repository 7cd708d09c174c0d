"""Beats: a node agent's sign of life, so that a watcher knows soon who is out of reach, and leaves to a living agent what that does better.

Owns: AgentBeat rows. Promises: a beat each BEAT_EVERY_S, over a connection of its own, while the agent's loop goes round; an agent that is frozen, cut off or
hangs is silent. A beat that comes late, after a cut, says nothing wrong: it is counted when it is seen. Never: judges, waits for the disk.
"""

import logging
import os
import threading
import time
from typing import Any

import psycopg

from monitoring.link import Link
from monitoring.rhythm import Rhythm

log = logging.getLogger(__name__)

BEAT_EVERY_S = 0.150
LOOP_MAY_TAKE_S = 1.0  # burying an engine, or ending a cluster, takes its time
_BEAT = """
INSERT INTO monitoring_agentbeat (node_id, at, pid) SELECT id, platform_now(), %s FROM pools_node WHERE name = %s
ON CONFLICT (node_id) DO UPDATE SET at = excluded.at, pid = excluded.pid
"""


class Beater:
    """A thread beside the agent's loop, which calls `tick` each time round."""

    def __init__(self, url: str, node: str) -> None:
        self._url, self._node = url, node
        self._rhythm = Rhythm()
        self._ticked_s = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="beats", daemon=True)

    def tick(self) -> None:
        self._ticked_s = time.monotonic()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._rhythm.stop()
        self._thread.join(timeout=2)

    def _run(self) -> None:
        rhythm = self._rhythm
        for connection, _ in Link(self._url, f"beats {self._node}", lambda: rhythm.stopping, rhythm.pause).sessions():
            try:
                connection.execute("SET synchronous_commit = off")
                while not rhythm.stopping:
                    self._beat(connection)
                    rhythm.pause(BEAT_EVERY_S)
            except psycopg.OperationalError:
                log.info("The agent of %s does not reach the database with its beats.", self._node)

    def _beat(self, connection: psycopg.Connection[Any]) -> None:
        if time.monotonic() - self._ticked_s < LOOP_MAY_TAKE_S:
            connection.execute(_BEAT, [os.getpid(), self._node])
