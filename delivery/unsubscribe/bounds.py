"""Bounds: how often a stranger may knock at the unsubscribe page, counted in this process.

A token that nobody made costs one MAC, and an address that keeps trying them is told to wait. A true token is bounded by itself and not by who
comes: mailbox providers send a whole campaign's clicks from a handful of addresses, and every one of them must be honoured.
"""

import time
from collections.abc import Callable
from threading import Lock

FORGED_A_MINUTE, ONE_LINK_A_MINUTE = 60, 30
MOST_KEYS = 20_000


class Bound:
    """At most `most` of one key in a minute; forgets everything when it knows too many keys, which lets some through and keeps memory."""

    def __init__(self, most: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most, self._clock = most, clock
        self._seen: dict[str, tuple[float, int]] = {}
        self._lock = Lock()

    def is_over(self, key: str) -> bool:
        """Whether the key has used its minute up; does not count."""
        began_s, count = self._seen.get(key, (0.0, 0))
        return count >= self._most and self._clock() - began_s < 60

    def count(self, key: str) -> None:
        with self._lock:
            now_s = self._clock()
            began_s, count = self._seen.get(key, (now_s, 0))
            if now_s - began_s >= 60:
                began_s, count = now_s, 0
            if len(self._seen) >= MOST_KEYS and key not in self._seen:
                self._seen.clear()
            self._seen[key] = (began_s, count + 1)


forged = Bound(FORGED_A_MINUTE)
links = Bound(ONE_LINK_A_MINUTE)
