"""The lease: an engine's right to write the dot.

A thread with a connection of its own renews the engine's row every 150 ms and holds its session lock. The engine's own
deadline is the time *before* a renewal was sent + 600 ms, on CLOCK_BOOTTIME and CLOCK_REALTIME, the earlier of both: an engine
that cannot renew has stopped itself before a judge may call it dead (700 ms), also across suspension of the machine. The thread renews
only while the event loop ticks: a loop that hangs for 300 ms lets the lease run out. Never: judges others.
"""

import os
import random
import threading
import time
from collections.abc import Callable

from psycopg import Connection, Error, OperationalError

from delivery.queue import fence
from mailplatform.shell.database.connect import connect
from mailplatform.shell.database.doubt import Doubt

RENEW_EVERY_S = 0.150
VALID_S = 0.600
LOOP_MAY_HANG_S = 0.300
CLOCKS_MAY_PART_S = 0.100
LOCK_WITHIN_S = 1.0
SESSION_LOCK_CLASS = 19792  # "MP": pg_advisory_lock(class, engine id); its absence means the session is gone
TRY_LOCK = "SELECT pg_try_advisory_lock(%(kind)s, %(engine)s)"
END_HOLDER = """
    SELECT pg_terminate_backend(pid) FROM pg_locks
     WHERE locktype = 'advisory' AND classid = %(kind)s AND objid = %(engine)s AND objsubid = 2 AND granted AND pid <> pg_backend_pid()
       AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


def lease_connection(url: str) -> Connection:
    """Registers an engine (which must not be lost: its id would be given again) and renews it (`fence.RENEW` says how safely)."""
    return connect(url, "-c statement_timeout=5000", connect_timeout=2)


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
        self._doubt = Doubt(self._connection)
        self._lock_session(self._connection)
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
        if self._doubt.taken():  # the primary alone has it: who judges at the standby that replaces it would not see it
            return
        self._deadline_boot, self._deadline_wall = boot + VALID_S, wall + VALID_S
        if renewed[0]:
            self._on_drain()

    def _lock_session(self, connection: Connection) -> None:
        """Nobody else can have it but a session of this engine's that was cut off and whose end the server has not seen: it is ended."""
        key = dict(zip(("kind", "engine"), session_lock_key(self.engine_id), strict=True))
        until_s = time.monotonic() + LOCK_WITHIN_S
        while not (connection.execute(TRY_LOCK, key).fetchone() or (False,))[0]:
            if time.monotonic() > until_s:
                raise OperationalError("a former session of this engine does not end")
            connection.execute(END_HOLDER, key)
            self._stop.wait(0.02)

    def _reconnect(self, error: Error) -> None:
        """The database went away: the deadline passes by itself, and the row tells whether this engine still is one."""
        self._connection.close()
        try:
            connection = lease_connection(self._url)
            try:
                self._lock_session(connection)
            except Error:
                connection.close()
                raise
        except Error:
            self._stop.wait(random.uniform(0.05, 0.15))  # noqa: S311 - spreads reconnects, guards nothing
        else:
            self._connection, self._doubt = connection, Doubt(connection)
