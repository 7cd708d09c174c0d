"""Steward: makes the platform's slow decisions, each every few seconds: what paths are worth, what warming IPs may send.

Owns: the lock that makes one steward of all the acting one, and when each round is due. Promises: one acts at a time; a round that fails is logged,
told by a notice, and tried again when it is next due, the others go on; when the acting one dies the next takes over within two seconds, with rounds that
begin anew. Never: decides anything itself; touches mail. How it fails: without a steward nothing leaves or returns, mail goes on as it did last. A
steward that has lost its session may finish the round it is in beside its successor's: every round may be made twice.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import InterfaceError, OperationalError, connection

from mailplatform.shell.clock import now
from mailplatform.shell.database.away import is_away
from mailplatform.shell.errors import short
from mailplatform.shell.notices import clear_notice, raise_notice
from monitoring.rhythm import Rhythm

log = logging.getLogger(__name__)

LOCK = 7_303_110_002  # any number that nothing else in this database takes
LOOK_EVERY_S = 0.25
ASK_EVERY_S = 1.0  # for the lock, while another acts
NOTICE = "steward_round"

Act = Callable[[datetime], None]


@dataclass(frozen=True, slots=True)
class Round:
    """Something decided every few seconds. `begin` makes the function with its memory; it is called anew by each acting steward."""

    name: str
    every_s: float
    begin: Callable[[], Act]


@dataclass(slots=True)
class _Due:
    round: Round
    act: Act | None = None
    due_s: float = 0.0
    failed: bool = False


@dataclass(slots=True)
class Steward:
    """`run()` returns after `rhythm.stop()`."""

    rounds: Sequence[Round]
    rhythm: Rhythm
    lock: int = LOCK  # who else makes rounds of its own, as alarms do, takes a lock of its own
    acting: bool = False
    _due: list[_Due] = field(default_factory=list)
    _session: object = None

    def run(self) -> None:
        while not self.rhythm.stopping:
            try:
                if self.acting or self._take():
                    self.step(time.monotonic())
                self.rhythm.pause(LOOK_EVERY_S if self.acting else ASK_EVERY_S)
            except (OperationalError, InterfaceError) as error:
                log.warning("The steward lost the database: %s", short(error, 300))
                self._let_go()
                self.rhythm.pause(ASK_EVERY_S)
        self._let_go()

    def step(self, now_s: float) -> None:
        """Every round that is due, one after the other."""
        for due in self._due:
            if now_s >= due.due_s and not self.rhythm.stopping:
                if connection.connection is not self._session:  # Django opens another one by itself; the lock went with the first
                    raise OperationalError("its session has ended")
                self._make(due)
                due.due_s = time.monotonic() + due.round.every_s

    def _make(self, due: _Due) -> None:
        try:
            if due.act is None:
                due.act = due.round.begin()
            due.act(now())
        except (OperationalError, InterfaceError):
            raise
        except Exception as error:  # another round is not this one's business
            if is_away(error):  # a server that was made a standby only lets read
                raise OperationalError(short(error, 300)) from error
            log.exception("The round %s failed", due.round.name)
            due.act, due.failed = None, True
            sentence = f"The steward's round “{due.round.name}” fails: {short(error, 300)}. It is tried again; until then nothing changes by it."
            raise_notice(NOTICE, due.round.name, "critical", sentence, {"error": type(error).__name__})
        else:
            if due.failed:
                clear_notice(NOTICE, due.round.name)
            due.failed = False

    def _take(self) -> bool:
        """The lock lives as long as this session does; whoever holds it acts."""
        connection.ensure_connection()
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [self.lock])
            self.acting = bool(cursor.fetchone()[0])
        if self.acting:
            log.info("This one acts now: %s", ", ".join(one.name for one in self.rounds))
            self._session, self._due = connection.connection, [_Due(one) for one in self.rounds]
        return self.acting

    def _let_go(self) -> None:
        """The session ends, and the lock with it."""
        self.acting, self._session, self._due = False, None, []
        connection.close()

