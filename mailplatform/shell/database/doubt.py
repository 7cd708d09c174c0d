"""Doubt: what PostgreSQL says beside a COMMIT that it could not make as safe as it was asked to.

When the wait for a synchronous standby is cut short there is no error but a WARNING ("the transaction has already committed locally, but might not
have been replicated to the standby"): a switch may take it back. https://www.postgresql.org/docs/current/warm-standby.html#SYNCHRONOUS-REPLICATION
"""

from psycopg import BaseConnection
from psycopg.errors import Diagnostic


class Doubt:
    """Listens to a connection. `taken()` is the first warning since it was last asked, or nothing."""

    def __init__(self, connection: BaseConnection) -> None:
        self._first = ""
        connection.add_notice_handler(self._hear)

    def _hear(self, diagnostic: Diagnostic) -> None:
        if diagnostic.severity_nonlocalized == "WARNING" and not self._first:
            self._first = diagnostic.message_primary or "a warning without words"

    def taken(self) -> str:
        first, self._first = self._first, ""
        return first
