"""Wake: tell engines that there is work, after the commit and never inside it.

A NOTIFY inside the submitting transaction takes 11,000 to 15,000 commits a second down to 3,300 (its lock is held over the
flush), so it has a transaction of its own, with synchronous_commit off, and at most one each 5 ms a process. Losing one costs
at most an engine's polling interval (100 ms).
"""

import threading
import time
from collections.abc import Iterable

from psycopg import Connection

from mailplatform.shell.database.connect import connect

CHANNEL = "mailplatform_ready"
COALESCE_S = 0.005
LANES_A_PAYLOAD = 180  # NOTIFY's payload is at most 8,000 bytes; beyond this engines look for themselves
SORTING, EVERYWHERE = "sort", "*"
LOOK = "look"  # engines look at the world at once: an engine is suspected, or gone, and its paths with it
BLOCKED = "block"  # a campaign is blocked, or known to be no longer (queue.blocks)

Lane = tuple[int, int, int]  # pool, provider, purpose


def payload(lanes: Iterable[Lane], sorting: bool) -> str:
    """`pool:provider:purpose` of each lane with work, transactional ones first, `sort` when domains wait for their provider, `*` when there are too
    many lanes to say."""
    words = [f"{pool}:{provider}:{purpose}" for pool, provider, purpose in sorted(lanes, key=_purpose)]
    if len(words) > LANES_A_PAYLOAD:
        words = [*words[:LANES_A_PAYLOAD], EVERYWHERE]
    return ",".join([*words, SORTING] if sorting else words)


def lanes_of(words: Iterable[str]) -> list[Lane]:
    """The lanes that a payload's words name."""
    named = (word.split(":") for word in words)
    return [(int(word[0]), int(word[1]), int(word[2])) for word in named if len(word) == 3]


def _purpose(lane: Lane) -> int:
    return lane[2]


def notify(connection: Connection, lanes: Iterable[Lane] = (), sorting: bool = False) -> None:
    """Tell all engines now. The connection must be in autocommit."""
    connection.execute("SELECT pg_notify(%s, %s)", [CHANNEL, payload(lanes, sorting) or EVERYWHERE])


def notify_all(connection: Connection, lanes: Iterable[Lane] = ()) -> None:
    """Tell all engines that others have changed, and where work came back."""
    connection.execute("SELECT pg_notify(%s, %s)", [CHANNEL, ",".join(filter(None, [LOOK, payload(lanes, sorting=False)]))])


class Waker:
    """A process's one connection for waking, and its coalescing. `wake()` never waits and never fails the caller."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._lanes: set[Lane] = set()
        self._sorting = False
        self._all = False
        self._pending = threading.Event()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def wake(self, lanes: Iterable[Lane] = (), sorting: bool = False) -> None:
        """Say that these lanes have work (none named: look everywhere)."""
        lanes = set(lanes)
        with self._lock:
            self._lanes |= lanes
            self._sorting |= sorting
            self._all |= not lanes and not sorting
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="waker", daemon=True)
                self._thread.start()
        self._pending.set()

    def _run(self) -> None:
        connection: Connection | None = None
        told_at = 0.0
        while True:
            self._pending.wait()
            time.sleep(max(0.0, told_at + COALESCE_S - time.monotonic()))
            self._pending.clear()
            with self._lock:
                lanes, sorting, everything = self._lanes, self._sorting, self._all
                self._lanes, self._sorting, self._all = set(), False, False
            try:
                if connection is None or connection.closed:
                    connection = connect(self._url, "-c synchronous_commit=off")
                notify(connection, () if everything else lanes, sorting)
                told_at = time.monotonic()
            except Exception:  # engines poll: a lost wake-up costs 100 ms, a raised one would cost the thread
                connection = None


_waker: Waker | None = None


def wake(lanes: Iterable[Lane] = (), sorting: bool = False) -> None:
    """Tell engines there is work, from this process. Call it after the commit."""
    from django.conf import settings

    global _waker
    if _waker is None:
        _waker = Waker(settings.DATABASE_URL)
    _waker.wake(lanes, sorting)
