"""Commit: the one place where submission's transactions begin and end.

Promises: what leaves `committed()` without an exception is on disk, and on the synchronous standby where there is one. PostgreSQL says
a WARNING instead of an error when the wait for a standby was cut short ("the transaction has already committed locally, but might
not have been replicated"): that is no acceptance. Never: hides an error; the caller answers 503 and the tenant asks again.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from django.conf import settings
from django.db import Error, connection, transaction
from psycopg import Cursor
from psycopg.errors import Diagnostic

from mailplatform.shell.database.away import is_away
from mailplatform.shell.database.watched import WatchedConnection
from mailplatform.shell.errors import short

COMMITS_WITHIN_S = 5.0


class NotCertain(Exception):
    """The COMMIT did not say yes, or its answer never came: it is not known to be safe, so it was not accepted. Under its key it may be asked again."""


@contextmanager
def committed() -> Iterator[Cursor]:
    """A psycopg cursor with server-side binding, on Django's connection, in a transaction of its own."""
    raw = _usable()
    warnings: list[str] = []
    is_committing = False

    def notice(diagnostic: Diagnostic) -> None:
        if diagnostic.severity_nonlocalized == "WARNING":
            warnings.append(diagnostic.message_primary or "")

    handlers = ExitStack()
    try:
        with connection.wrap_database_errors, handlers, transaction.atomic(durable=True):
            with Cursor(raw) as cursor:
                yield cursor
            raw.add_notice_handler(notice)  # from here on it is COMMIT that speaks
            handlers.callback(raw.remove_notice_handler, notice)
            is_committing = True
            # It waits for a synchronous standby, which may be gone without anybody having told the primary (docs/database.md).
            raw.until_s = time.monotonic() + max(COMMITS_WITHIN_S, settings.DATABASE_WAIT_S)
            handlers.callback(setattr, raw, "until_s", float("inf"))
    except Error as error:
        if is_committing and is_away(error):
            raise NotCertain(short(error)) from error
        raise
    if warnings:
        raise NotCertain(warnings[0])


@contextmanager
def reading() -> Iterator[Cursor]:
    """A psycopg cursor for one look, without a transaction around it."""
    raw = _usable()
    with connection.wrap_database_errors, Cursor(raw) as cursor:
        yield cursor


def _usable() -> WatchedConnection:
    """Django's connection, made anew where the database was restarted since the last request (its own cursors look by themselves)."""
    if connection.connection is not None and connection.connection.closed and not connection.in_atomic_block:
        connection.close()
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    return connection.connection
