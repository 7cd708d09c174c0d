"""What was accepted: every message by its ids, so that lost and doubled ones can be counted.

A message is in memory the moment it is accepted, and in SQLite at most 50 ms later; readers see it at once, because a read
writes first. Keeps the ids of a million messages and the bytes of the last two thousand. One thread does all SQL.
"""

import asyncio
import hashlib
import re
import sqlite3
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from email.errors import HeaderParseError
from email.header import decode_header
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

MOST_IDS = 1_000_000
MOST_BODIES = 2_000
_FLUSH_S = 0.05
_MESSAGE_ID = re.compile(rb"^message-id:[ \t]*(?:\r\n[ \t]+)?([^\r\n]{1,998})", re.I | re.M)
_DELIVERY = re.compile(rb"^x-mailplatform-delivery:[ \t]*(?:\r\n[ \t]+)?([^\r\n]{1,200})", re.I | re.M)
_SUBJECT = re.compile(rb"^subject:[ \t]*([^\r\n]{0,998}(?:\r\n[ \t][^\r\n]{0,998})*)", re.I | re.M)
T = TypeVar("T")

_TABLES = """
CREATE TABLE IF NOT EXISTS accepted (
    n INTEGER PRIMARY KEY, accepted_at INTEGER NOT NULL, provider TEXT NOT NULL, mx_host TEXT NOT NULL, source_ip TEXT NOT NULL,
    ehlo TEXT NOT NULL, mail_from TEXT NOT NULL, rcpt TEXT NOT NULL, message_id TEXT NOT NULL, delivery_id TEXT NOT NULL,
    tls TEXT NOT NULL, size INTEGER NOT NULL, subject TEXT NOT NULL, copy INTEGER NOT NULL, session INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS accepted_by_rcpt ON accepted (rcpt, n);
CREATE INDEX IF NOT EXISTS accepted_by_message_id ON accepted (message_id) WHERE message_id <> '';
CREATE INDEX IF NOT EXISTS accepted_by_delivery_id ON accepted (delivery_id) WHERE delivery_id <> '';
CREATE INDEX IF NOT EXISTS accepted_again ON accepted (n) WHERE copy > 1;
CREATE TABLE IF NOT EXISTS body (n INTEGER PRIMARY KEY, raw BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS complaint (n INTEGER PRIMARY KEY, complained_at INTEGER NOT NULL);
"""


class Accepted(NamedTuple):
    """One recipient of one accepted message."""

    n: int
    accepted_at: int  # Unix milliseconds
    provider: str
    mx_host: str
    source_ip: str
    ehlo: str
    mail_from: str
    rcpt: str
    message_id: str
    delivery_id: str
    tls: str
    size: int
    subject: str
    copy: int  # 1, or higher when the same delivery came again
    session: int  # which connection brought it


class Store:
    """Accepted messages."""

    def __init__(self, file: Path) -> None:
        self._thread = ThreadPoolExecutor(1, "sandbox-store")
        self._db = sqlite3.connect(file, check_same_thread=False)
        self._db.executescript("PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF;" + _TABLES)
        self._pending: list[Accepted] = []
        self._bodies: list[tuple[int, bytes]] = []
        self._seen: dict[int, int] = {}
        self.doubled = 0
        self.last = 0
        for n, copy, key in self._db.execute(
            f"SELECT n, copy, CASE delivery_id WHEN '' THEN message_id ELSE delivery_id END || char(10) || rcpt FROM accepted ORDER BY n DESC LIMIT {MOST_IDS}"
        ):
            self._seen.setdefault(_fingerprint(key), copy)
            self.doubled += copy > 1
            self.last = max(self.last, n)

    def add(
        self, raw: bytes, *, at_ms: int, provider: str, mx_host: str, source_ip: str, ehlo: str, mail_from: str, rcpt: str, tls: str, session: int
    ) -> Accepted:
        """Record one acceptance; at once in memory."""
        head = raw[: raw.find(b"\r\n\r\n") + 2]
        message_id, delivery_id = _field(_MESSAGE_ID, head), _field(_DELIVERY, head)
        key = _fingerprint(f"{delivery_id or message_id}\n{rcpt}")
        copy = self._seen.get(key, 0) + 1 if message_id or delivery_id else 1
        self._seen[key] = copy
        if len(self._seen) > MOST_IDS:
            del self._seen[next(iter(self._seen))]
        self.doubled += copy > 1
        self.last += 1
        subject = _words(_field(_SUBJECT, head))
        row = Accepted(
            self.last, at_ms, provider, mx_host, source_ip, ehlo, mail_from, rcpt, message_id, delivery_id, tls, len(raw), subject, copy, session
        )
        self._pending.append(row)
        self._bodies.append((row.n, raw))
        return row

    async def keep_writing(self) -> None:
        """Write what came, every 50 ms, until cancelled."""
        while True:
            await asyncio.sleep(_FLUSH_S)
            if self._pending:
                self._flush()

    def complain(self, n: int, at_ms: int) -> None:
        """The recipient of message n complained."""
        self._thread.submit(self._write, "INSERT OR IGNORE INTO complaint VALUES (?, ?)", [(n, at_ms)])

    async def ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        """Run a question after everything accepted so far was written."""
        self._flush()
        return await asyncio.get_running_loop().run_in_executor(self._thread, question, self._db)

    async def rows(self, sql: str, values: tuple[object, ...] = ()) -> list[dict[str, Any]]:
        """The rows of a SELECT as dictionaries."""

        def run(db: sqlite3.Connection) -> list[dict[str, Any]]:
            cursor = db.execute(sql, values)
            names = [column[0] for column in cursor.description]
            return [dict(zip(names, row, strict=True)) for row in cursor]

        return await self.ask(run)

    async def raw(self, n: int) -> bytes | None:
        """The bytes of a message as they came, dots undone; None when they are kept no longer."""
        found = await self.ask(lambda db: db.execute("SELECT raw FROM body WHERE n = ?", (n,)).fetchone())
        return bytes(found[0]) if found else None

    async def clear(self) -> None:
        """Forget everything that was accepted."""
        await self.ask(lambda db: db.executescript("DELETE FROM accepted; DELETE FROM body; DELETE FROM complaint;"))
        self._seen.clear()
        self.doubled = 0

    def close(self) -> None:
        """Write what is left."""
        self._flush()
        self._thread.shutdown(wait=True)
        self._db.close()

    def _flush(self) -> None:
        # The lists change hands here, in the loop's thread: nothing can be appended to a list that is being written.
        rows, bodies = self._pending, self._bodies
        if rows:
            self._pending, self._bodies = [], []
            self._thread.submit(self._insert, rows, bodies[-MOST_BODIES:])

    def _insert(self, rows: list[Accepted], bodies: list[tuple[int, bytes]]) -> None:
        last = rows[-1].n
        with self._db:
            self._db.executemany(f"INSERT INTO accepted VALUES ({','.join('?' * len(Accepted._fields))})", rows)
            self._db.executemany("INSERT INTO body VALUES (?, ?)", bodies)
            self._db.execute("DELETE FROM body WHERE n <= ?", (last - MOST_BODIES,))
            self._db.execute("DELETE FROM accepted WHERE n <= ?", (last - MOST_IDS,))

    def _write(self, sql: str, rows: list[tuple[int, int]]) -> None:
        with self._db:
            self._db.executemany(sql, rows)


def _fingerprint(key: str) -> int:
    return int.from_bytes(hashlib.blake2b(key.encode("utf-8", "surrogateescape"), digest_size=8).digest(), signed=True)


def _field(pattern: re.Pattern[bytes], head: bytes) -> str:
    match = pattern.search(head)
    return " ".join(match[1].decode("utf-8", "replace").split()) if match else ""


def _words(subject: str) -> str:
    """A subject as people read it (RFC 2047); as it was sent when it cannot be read."""
    if "=?" not in subject:
        return subject
    try:
        return "".join(part if isinstance(part, str) else part.decode(charset or "ascii", "replace") for part, charset in decode_header(subject))
    except (LookupError, ValueError, HeaderParseError):
        return subject
