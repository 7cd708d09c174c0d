"""Away: which errors say that the database cannot be had just now, and how long to pause before it is asked again.

Pure. A server that was killed, is frozen, starts, stops, was demoted (its sessions may only read) or takes no more sessions: come back. A statement that was
refused, timed out or met a deadlock is its author's business.
"""

import random
from collections.abc import Iterator

import psycopg
from django.db import InterfaceError, OperationalError

# https://www.postgresql.org/docs/current/errcodes-appendix.html
READ_ONLY = "25006"  # "cannot execute … in a read-only transaction": it is not the primary any more
_STATES = {READ_ONLY, "57P01", "57P02", "57P03", "53300"}  # admin_shutdown, crash_shutdown, cannot_connect_now, too_many_connections
_CONNECTION_EXCEPTION = "08"
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.05, 1.0


def is_away(error: BaseException | None) -> bool:
    """Whether the same may be asked of the next connection; Django's own errors carry psycopg's."""
    if error is None:
        return False
    if not isinstance(error, psycopg.Error):
        return is_away(error.__cause__) or (isinstance(error, OperationalError | InterfaceError) and error.__cause__ is None)
    state = error.sqlstate
    if state is None:  # libpq's own words: connection refused, closed, cut off, timed out
        return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
    return state in _STATES or state.startswith(_CONNECTION_EXCEPTION)


def pauses(first_s: float = FIRST_PAUSE_S, longest_s: float = LONGEST_PAUSE_S) -> Iterator[float]:
    """Growing, and each a little different: what lost the database together must not come back together."""
    pause_s = first_s
    while True:
        yield pause_s * random.uniform(0.7, 1.3)  # noqa: S311 - spreads reconnects, guards nothing
        pause_s = min(longest_s, pause_s * 2)
