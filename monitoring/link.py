"""The link to the database: one direct session that comes back by itself.

Owns: one autocommit connection and which incarnation of the server it belongs to. Promises: a server that hangs costs at most
a few seconds (connect, statement and TCP timeouts); after a loss it tries again with growing pauses. Never: a
transaction pooler (session locks and incarnations mean nothing through one).
"""

import logging
import random
from collections.abc import Callable, Iterator
from typing import Any

import psycopg

from mailplatform.shell.database.connect import connect
from mailplatform.shell.errors import short
from monitoring.judge import Incarnation
from monitoring.sightings import incarnation_of

log = logging.getLogger(__name__)

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 1.0
OPTIONS = "-c statement_timeout=5000 -c lock_timeout=2000 -c idle_in_transaction_session_timeout=60000 -c jit=off"


class Link:
    """`sessions()` yields a new connection each time the last one was lost, until `stopping()` says so."""

    def __init__(self, url: str, name: str, stopping: Callable[[], bool], pause: Callable[[float], None]) -> None:
        self._url, self._name, self._stopping, self._pause = url, name, stopping, pause

    def sessions(self) -> Iterator[tuple[psycopg.Connection[Any], Incarnation]]:
        pause_s = FIRST_PAUSE_S
        while not self._stopping():
            try:
                connection = self._connect()
                incarnation = incarnation_of(connection)
            except psycopg.Error as error:
                log.log(logging.INFO if pause_s < LONGEST_PAUSE_S else logging.WARNING, "%s: the database does not answer: %s", self._name, short(error))
                self._pause(pause_s * random.uniform(0.8, 1.2))  # noqa: S311 - spreads reconnects, guards nothing
                pause_s = min(LONGEST_PAUSE_S, pause_s * 2)
                continue
            pause_s = FIRST_PAUSE_S
            with connection:
                yield connection, incarnation

    def _connect(self) -> psycopg.Connection[Any]:
        return connect(self._url, OPTIONS, connect_timeout=2, application_name=self._name)

