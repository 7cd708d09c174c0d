"""Rules: the response rules as operators have them, read again when they are old."""

import time
from typing import Any

from psycopg import Connection
from psycopg.rows import namedtuple_row

from delivery.classify.rulebook import RuleBook

FRESH_S = 60.0
_ROWS = "SELECT id, provider_group, position, pattern, reason, disposition, temporary_5xx, action, confidence, enabled FROM pools_responserule WHERE enabled"


class Rules:
    """Keeps the compiled book while the rows are the same: compiling takes 0.1 s."""

    def __init__(self) -> None:
        self._book: RuleBook | None = None
        self._rows: list[Any] = []
        self._read_at_s = 0.0

    def of(self, connection: Connection) -> RuleBook:
        if self._book is None or time.monotonic() - self._read_at_s > FRESH_S:
            with connection.cursor(row_factory=namedtuple_row) as cursor:
                rows: list[Any] = list(cursor.execute(_ROWS).fetchall())
            if self._book is None or rows != self._rows:
                self._book, self._rows = RuleBook.from_rows(rows), rows
            self._read_at_s = time.monotonic()
        return self._book
