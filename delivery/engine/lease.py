"""The lease: an engine's right to write the dot.

A thread with a connection of its own renews the engine's row every 150 ms and holds its session lock. The engine's own
deadline is the time *before* a renewal was sent + 600 ms, on CLOCK_BOOTTIME and CLOCK_REALTIME, the earlier of both: an engine
that cannot renew has stopped itself before a judge may call it dead (700 ms), also across suspension of the machine. The thread renews
only while the event loop ticks: a loop that hangs for 300 ms lets the lease run out. Never: judges others.
"""

import os
import threading
import time
from collections.abc import Callable

from psycopg import Connection, Error

from delivery.queue import fence

RENEW_EVERY_S = 0.150
VALID_S = 0.600
LOOP_MAY_HANG_S = 0.300
CLOCKS_MAY_PART_S = 0.100
SESSION_LOCK_CLASS = 19792  # "MP": pg_advisory_lock(class, engine id); its absence means the session is gone


def lease_connection(url: str) -> Connection:
    """A renewal need not survive the database's crash (a new incarnation gives grace), so it does not wait for the disk."""
    return Connection.connect(url, autocommit=True, connect_timeout=2, options="-c synchronous_commit=off -c statement_timeout=5000")


def session_lock_key(engine_id: int) -> tuple[int, int]:
    return SESSION_LOCK_CLASS, engine_id & 0x7FFFFFFF


class Lease:
    """`valid()` is asked in the loop tick of the last write of every message."""

    def __init__(self, url: str, engine_id: int, connection: Connection, on_lost: Callable[[str], None], on_drain: Callable[[], None]) -> None:
        self.engine_id = engine_id
        self.lost: str = ""
        self._url = url
        self._connection = connection
        self._on_lost, self._on_drain = on_lost, on_drain
        self._deadline_boot = self._deadline_wall = 0.0
        self._ticked = time.monotonic()
        self._longest_gap_s = 0.0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lease", daemon=True)

    def start(self) -> None:
        self._lock_session()
        self._renew()
        self._thread.start()

    def tick(self) -> None:
        """The loop lives."""
        now = time.monotonic()
        self._longest_gap_s = max(self._longest_gap_s, now - self._ticked)
        self._ticked = now

    def longest_gap_ms(self) -> int:
        """The longest the loop has hung since this was last asked."""
        gap_s, self._longest_gap_s = self._longest_gap_s, 0.0
        return round(gap_s * 1000)

    def valid(self) -> bool:
        """Whether the engine may write a dot now."""
        boot_left = self._deadline_boot - time.clock_gettime(time.CLOCK_BOOTTIME)
        wall_left = self._deadline_wall - time.time()
        return not self.lost and min(boot_left, wall_left) > 0 and abs(boot_left - wall_left) < CLOCKS_MAY_PART_S

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(timeout=2)
        self._connection.close()

    def _run(self) -> None:
        self._go_first()
        while not self._stop.wait(RENEW_EVERY_S):
            if time.monotonic() - self._ticked > LOOP_MAY_HANG_S:
                continue
            try:
                self._renew()
            except Error as error:
                self._reconnect(error)
            if self.lost:
                self._on_lost(self.lost)
                return

    def _go_first(self) -> None:
        """This thread does next to nothing and must not wait for those that do much; where priority is refused it goes as all others."""
        try:
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), -10)
        except OSError:
            pass

    def _renew(self) -> None:
        boot, wall = time.clock_gettime(time.CLOCK_BOOTTIME), time.time()
        renewed = fence.renew(self._connection, self.engine_id)
        if renewed is None:
            self.lost = "evicted: another has judged this engine dead"
            return
        self._deadline_boot, self._deadline_wall = boot + VALID_S, wall + VALID_S
        if renewed[0]:
            self._on_drain()

    def _lock_session(self) -> None:
        self._connection.execute("SELECT pg_advisory_lock(%s, %s)", session_lock_key(self.engine_id))

    def _reconnect(self, error: Error) -> None:
        """The database went away: the deadline passes by itself, and the row tells whether this engine still is one."""
        try:
            self._connection.close()
            self._connection = lease_connection(self._url)
            self._lock_session()
        except Error:
            self._stop.wait(0.1)
