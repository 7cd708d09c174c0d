"""Patience: what a tenant asks for while the database is switched waits for it, within bounds.

Owns: this process's waiting room. Promises: nobody waits longer than DATABASE_WAIT_S, and no more threads at once than DATABASE_WAITERS; who
finds the room full is refused at once, so that there are threads left to say so, and to answer those who only ask how things are. Only what
certainly was not done is done again: `again` says so of an error.
"""

import threading
import time
from collections.abc import Callable, Iterator
from typing import TypeVar

from django.conf import settings
from django.db import Error as DatabaseError
from django.db import connection, transaction

from mailplatform.shell.database.away import is_away, pauses

T = TypeVar("T")
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 0.5
_room = threading.BoundedSemaphore(settings.DATABASE_WAITERS) if settings.DATABASE_WAITERS else None


class Patience:
    """One request's; what it waits in several places is bounded together."""

    def __init__(self) -> None:
        self._until_s = time.monotonic() + settings.DATABASE_WAIT_S

    def done(self, act: Callable[[], T], again: Callable[[Exception], bool] = is_away) -> T:
        """What `act` returns, in the end. Raises what it raises: of itself, when the time is over, or when too many wait."""
        while True:
            try:
                return act()
            except Exception as error:
                if not again(error) or not self._wait():
                    raise

    def _wait(self) -> bool:
        """Whether the database can be had again."""
        if _room is None or transaction.get_connection().in_atomic_block or not _room.acquire(blocking=False):
            return False
        try:
            return any(is_back() for _ in self._moments())
        finally:
            _room.release()

    def _moments(self) -> Iterator[None]:
        for pause_s in pauses(FIRST_PAUSE_S, LONGEST_PAUSE_S):
            left_s = self._until_s - time.monotonic()
            if left_s <= 0:
                return
            time.sleep(min(pause_s, left_s))
            yield None


def is_back() -> bool:
    """A fresh connection of this thread, or none."""
    try:
        connection.close()
        connection.ensure_connection()
    except DatabaseError:
        return False
    return True
