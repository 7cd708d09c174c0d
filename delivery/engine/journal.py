"""The journal: what a dead engine knew and had not recorded.

Owns: DATA/journal/engine-ID.journal, and beside it `.old` while a full one waits for its last answers to be recorded; then it is kept for ten
minutes, under the number of its turn and the life of the database server in which that was: a standby that takes over may not have the last records.
One line each, in the kernel's hands at once (`tape`), so that it survives the engine's death (not the machine's: that is flushed every 50 ms):

    B attempt   the delivery was begun
    D attempt   the final dot is about to be written
    A json      the answer, and what becomes of the delivery

Promises: an answer that is here is recorded once, by the engine or by `replay`. *Unknowable* is only a D without an A: the dot
was written and nobody can know whether the provider took the message. A torn line is no line.
How it fails: a full disk raises JournalFailed; no dot is written without its line, and claims stop for a moment.
"""

import contextlib
import fcntl
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
from psycopg import Connection, Cursor

from delivery.engine.tape import Tape
from delivery.queue.record import record
from delivery.queue.settled import AttemptRow, Settled
from mailplatform.shell.database.incarnation import life_of
from mailplatform.shell.ids import delivery_of

ROTATE_BYTES = 8 * 1024 * 1024
_ANSWER = b'A {"attempt":{"id":"'
_ID_AT = len(_ANSWER)
CLAIMS_REST_S = 1.0  # after a write that failed
KEPT_S, KEPT_BYTES = 600.0, 1024**3
RECORDED = "SELECT id FROM delivery_attempt WHERE id = ANY (%(ids)s) AND id BETWEEN %(first)s AND %(last)s"


class JournalFailed(OSError):
    """A line could not be written: whatever it would have allowed must not happen."""


def journal_path(folder: Path, engine_id: int) -> Path:
    return folder / f"engine-{engine_id}.journal"


def old_of(path: Path) -> Path:
    return path.with_suffix(".journal.old")


def kept_of(path: Path) -> list[Path]:
    """What is kept beside a journal, the newest first."""
    return sorted(path.parent.glob(f"{path.name}.kept-*"), reverse=True)


def remove(path: Path) -> None:
    """A journal, and all that was rotated away from it."""
    for each in (path, old_of(path), *kept_of(path)):
        each.unlink(missing_ok=True)


def engine_of(path: Path) -> int:
    """The engine whose journal this is."""
    return int(path.name.removeprefix("engine-").partition(".")[0])


def is_held(path: Path) -> bool:
    """Whether the process that writes this journal lives, or may: a full one is missing for a moment while it is rotated."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except (BlockingIOError, FileNotFoundError):
        return True
    return False


def ended_here(folder: Path) -> list[int]:
    """Engines of this machine that left their journal behind and whose processes are no more."""
    return [engine_of(path) for path in folder.glob("engine-*.journal") if not is_held(path)]


class Journal:
    """An engine's own journal, open for appending."""

    def __init__(self, folder: Path, engine_id: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path = journal_path(folder, engine_id)
        self.life = ""  # of the database server, as a connection told last
        self._turn = 0
        self._old = old_of(self.path)
        self._tape = Tape(self.path)
        self._open_ids: set[UUID] = set()
        self._before_rotation: set[UUID] | None = None
        self.rests_until_s = 0.0

    def begun(self, attempt: UUID) -> None:
        self._open_ids.add(attempt)
        self._write(b"B " + attempt.hex.encode())

    def dot(self, attempt: UUID) -> None:
        self._write(b"D " + attempt.hex.encode())

    def answer(self, settled: Settled) -> None:
        self._write(b"A " + orjson.dumps(settled))

    def recorded(self, attempts: Iterable[UUID]) -> None:
        """These are in the database now; the old file goes when nothing in it is open any more."""
        attempts = list(attempts)
        self._open_ids.difference_update(attempts)
        if self._before_rotation is not None:
            self._before_rotation.difference_update(attempts)
            if not self._before_rotation:
                self._keep_old()
                self._before_rotation = None
        elif self._tape.size > ROTATE_BYTES:
            self._rotate()

    def forget(self, deliveries: Collection[UUID]) -> None:
        """These were given back before their dot: nothing of them is open."""
        gone = set(deliveries)
        self.recorded([attempt for attempt in self._open_ids if delivery_of(attempt) in gone])

    def flush(self) -> None:
        """Bring it to the disk, in a thread: what a whole machine's death may take is the answers since the last flush."""
        tape = self._tape
        try:
            tape.flush()
        except OSError:
            if tape is self._tape:  # else it was rotated away meanwhile
                raise

    def close(self, keep: bool) -> None:
        self._tape.close()
        if not keep:  # its leave was committed after all its records: a standby that has the one has the others
            remove(self.path)

    def _write(self, line: bytes) -> None:
        try:
            self._tape.write(line)
        except OSError as error:
            self.rests_until_s = time.monotonic() + CLAIMS_REST_S
            raise JournalFailed(error.errno, error.strerror) from error

    def answers(self, claimed: Mapping[UUID, int]) -> dict[UUID, Settled]:
        """The answers to deliveries, by how often they had been tried, that the database still calls claimed. In a thread: it reads all that is kept."""
        return _answers_to(claimed, (self.path, self._old, *kept_of(self.path)))

    def _keep_old(self) -> None:
        """All of it is recorded. It stays for a while, and what has stayed long enough goes."""
        if self._old.exists():
            self._turn += 1
            self._old.rename(self.path.with_name(f"{self.path.name}.kept-{self._turn:06d}-{life_mark(self.life)}"))
        size, oldest_s = 0, time.time() - KEPT_S
        for path in kept_of(self.path):
            told = path.stat()
            size += told.st_size
            if told.st_mtime < oldest_s or size > KEPT_BYTES:
                path.unlink()

    def _rotate(self) -> None:
        self._tape.close()
        self.path.rename(self._old)
        self._before_rotation = set(self._open_ids)
        self._tape = Tape(self.path)


def life_mark(life: str) -> str:
    """A server's life, as a file's name can say it."""
    return sha256(life.encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Read:
    """What a journal says: the answers, what was begun, and what nobody can know."""

    answers: tuple[Settled, ...]
    begun: frozenset[UUID]
    unknowable: frozenset[UUID]


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay did; `begun` are deliveries for `fence.evict`."""

    answered: int
    unknowable: int
    begun: frozenset[UUID]


def read(path: Path) -> Read:
    """Read a journal and its predecessor. A missing one is an empty one."""
    raw = _scan(path)
    answers = _parsed(raw.answers)
    return Read(tuple(answers.values()), frozenset(map(delivery_of, raw.begun - answers.keys())), frozenset(map(delivery_of, raw.dots - answers.keys())))


@dataclass(frozen=True, slots=True)
class _Raw:
    """The same as it was written: most answers were recorded long ago, and nobody need read more of them than whose they are."""

    answers: dict[UUID, bytes]
    begun: set[UUID]
    dots: set[UUID]


def _scan(path: Path, deliveries: Iterable[UUID] | None = None) -> _Raw:
    """All of it, or what it says of these deliveries: an attempt's id is its delivery's but for the last byte."""
    found = _Raw({}, set(), set())
    wanted = None if deliveries is None else frozenset(family for one in deliveries for family in (one.hex[:30].encode(), str(one)[:34].encode()))
    for line in _lines(old_of(path), path):
        kind, rest = line[:2], line[2:]
        if wanted is not None and (line[_ID_AT : _ID_AT + 34] if kind == b"A " else line[2:32]) not in wanted:
            continue
        try:
            if kind == b"B ":
                found.begun.add(UUID(hex=rest.decode()))
            elif kind == b"D ":
                found.dots.add(UUID(hex=rest.decode()))
            elif line.startswith(_ANSWER):
                attempt = UUID(hex=line[_ID_AT : _ID_AT + 36].decode())
                if line.endswith(b"}"):
                    found.answers[attempt] = line
        except ValueError:  # torn by a full disk: it was never finished, and nothing was done on its word
            continue
    return found


def _parsed(lines: Mapping[UUID, bytes]) -> dict[UUID, Settled]:
    """The answers; a torn line is none."""
    answers: dict[UUID, Settled] = {}
    for attempt, line in lines.items():
        with contextlib.suppress(ValueError):
            answers[attempt] = _settled(orjson.loads(line[2:]))
    return answers


def replay(connection: Connection, path: Path, of_claims: bool = False) -> Replayed:
    """Record what the dead engine's journal knew and the database does not. Safe to repeat; the caller evicts the engine and then removes the file.

    An attempt that is there came with all that follows from it, in one transaction: of a journal with thousands of answers some dozens are left to record.
    For the same reason who holds the lock on the engine's row reads on only `of_claims`: what it has not recorded it still has claimed. To take every
    line for one's own took 130 ms of a rescue. Where somebody has given the claims back before, all lines are read.
    """
    answered = 0
    with connection.transaction(), connection.cursor() as cursor:
        (now,) = cursor.execute("SELECT platform_now()").fetchone() or (None,)
        claimed: dict[UUID, int] = dict(cursor.execute("SELECT id, tries FROM delivery_claimed WHERE engine_id = %s", [engine_of(path)]).fetchall())
        found = _scan(path, claimed if of_claims else None)
        recorded = _recorded(cursor, found.answers.keys())
        fresh = _parsed({attempt: line for attempt, line in found.answers.items() if attempt not in recorded})
        answers = (*_lost_with_a_server(connection, path, claimed), *fresh.values())
        answered = sum(one.attempt.delivery_id in claimed for one in answers)
        for start in range(0, len(answers), 500):
            record(cursor, engine_of(path), answers[start : start + 500], now)  # type: ignore[arg-type]
    # Unknowable is what the journal says, whoever gave the claims back before: a watcher that could not read it did not know.
    answered_ids = recorded | fresh.keys()
    unknowable = {delivery_of(attempt) for attempt in found.dots - answered_ids}
    return Replayed(answered, len(unknowable), frozenset(delivery_of(attempt) for attempt in found.begun - answered_ids) & frozenset(claimed))


def _recorded(cursor: Cursor, attempts: Collection[UUID]) -> set[UUID]:
    """Of these attempts, which the database knows."""
    if not attempts:
        return set()
    ids = list(attempts)
    return {row[0] for row in cursor.execute(RECORDED, {"ids": ids, "first": min(ids), "last": max(ids)}).fetchall()}


def _lost_with_a_server(connection: Connection, path: Path, claimed: Mapping[UUID, int]) -> Iterable[Settled]:
    """Recorded in an earlier life of the database, and claimed still: its standby had not heard of that when it took over."""
    if not claimed or not (kept := kept_of(path)):
        return ()
    here = life_mark(life_of(connection)[0])
    return _answers_to(claimed, [each for each in kept if not each.name.endswith(here)]).values()


def _answers_to(claimed: Mapping[UUID, int], paths: Iterable[Path]) -> dict[UUID, Settled]:
    """What journals, the newest first, say of these deliveries' last tries."""
    found: dict[UUID, Settled] = {}
    for path in paths:
        if len(found) == len(claimed):
            break
        for line in _lines(path):
            if not line.startswith(_ANSWER):
                continue
            try:  # its id comes first: that of most lines is all that is read of them
                attempt = UUID(hex=line[_ID_AT : _ID_AT + 36].decode())
                tries = claimed.get(delivery_of(attempt))
                if tries is not None and (settled := _settled(orjson.loads(line[2:]))).attempt.number - 1 == tries:
                    found[delivery_of(attempt)] = settled
            except ValueError:
                continue
    return found


def _lines(*paths: Path) -> Iterator[bytes]:
    for path in paths:
        if path.exists():
            whole, _, _torn = path.read_bytes().rpartition(b"\n")
            yield from whole.split(b"\n") if whole else ()


def _settled(values: dict[str, Any]) -> Settled:
    attempt = values.pop("attempt")
    attempt["id"], attempt["started_at"] = UUID(attempt["id"]), datetime.fromisoformat(attempt["started_at"])
    if values["due_at"]:
        values["due_at"] = datetime.fromisoformat(values["due_at"])
    values["avoid_ip_ids"] = tuple(values["avoid_ip_ids"])
    known = {field.name for field in fields(Settled)}
    return Settled(attempt=AttemptRow(**attempt), **{name: value for name, value in values.items() if name in known})
