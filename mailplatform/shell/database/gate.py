"""Gate: one at a time, while the way is barred.

Owns: what this process knows of the way to the database. Promises: who comes while another is trying, or just after it failed, is told so at
once; as soon as one is through, everybody goes. A process that forks begins anew.
"""

import os
import threading
import time
from collections.abc import Callable
from typing import TypeVar

import psycopg

from mailplatform.shell.database.away import is_away
from mailplatform.shell.errors import short

T = TypeVar("T")
AGAIN_AFTER_S = 0.1


class StillAway(psycopg.OperationalError):
    """Somebody else of this process has just tried."""


class Gate:
    def __init__(self) -> None:
        self._begin()
        os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        self._trying = threading.Lock()
        self._why = ""
        self._failed_s = float("-inf")

    def through(self, open_one: Callable[[], T]) -> T:
        """What `open_one` returns. Raises what it raises, or StillAway."""
        if not self._why:
            return self._try(open_one)
        if time.monotonic() - self._failed_s < AGAIN_AFTER_S or not self._trying.acquire(blocking=False):
            raise StillAway(f"the database is away: {self._why}")
        try:
            return self._try(open_one)
        finally:
            self._trying.release()

    def _try(self, open_one: Callable[[], T]) -> T:
        try:
            opened = open_one()
        except psycopg.Error as error:
            if is_away(error):
                self._why, self._failed_s = short(error), time.monotonic()
            raise
        self._why = ""
        return opened
