"""Pilot: keeps every managed record set pointing to what lives, a few times a second and at once when a verdict falls.

Owns: the lock that makes one pilot the acting one, and which sets are being carried on. Promises: asking and pushing happen in threads of their own, so that a
server that hangs holds up only its own sets; a set switched off is looked at and never changed; a proposal waits for a person. Never: decides (decide),
sends (push). How it fails: killed or without its session another takes over from what was committed; without any, DNS stays as it is.
"""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import psycopg
from django.conf import settings
from django.db import Error as DjangoDatabaseError
from django.db import connection as django_connection

from mailplatform.shell.clock import now
from mailplatform.shell.errors import short
from mailplatform.shell.notices import clear_notice
from monitoring.dns import notices
from monitoring.dns.decide import Decision
from monitoring.dns.intend import PLATFORM, UnderWay, give_way, intend
from monitoring.dns.look import look_at
from monitoring.dns.models import DnsChange, RecordSet
from monitoring.dns.publish import carry_on, is_due
from monitoring.dns.standing import all_sets, decision_of, open_changes
from monitoring.endpoints.verdicts import CHANNEL
from monitoring.link import Link
from monitoring.rhythm import Rhythm

log = logging.getLogger(__name__)

LOCK = 7_303_110_003  # any number that nothing else in this database takes
STEP_EVERY_S = 0.25
ASK_FOR_LOCK_EVERY_S = 1.0
LOOK_EVERY = timedelta(seconds=5)
ROUND_EVERY_S = 1.0
STUCK_AFTER_S = 60.0
AT_ONCE = 8


@dataclass(slots=True)
class Pilot:
    """`run()` returns after `rhythm.stop()`."""

    url: str
    rhythm: Rhythm
    stepped_s: float = field(default_factory=time.monotonic)
    _busy: set[int] = field(default_factory=set)
    _said: dict[tuple[str, int], str] = field(default_factory=dict)
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(AT_ONCE, "dns"))

    def run(self) -> None:
        try:
            for connection, _ in Link(self.url, "dns failover", lambda: self.rhythm.stopping, self.rhythm.pause).sessions():
                try:
                    self._session(connection)
                except (psycopg.OperationalError, DjangoDatabaseError) as error:
                    log.warning("DNS failover lost the database: %s", short(error))
                    django_connection.close()
        finally:
            self._pool.shutdown(wait=True, cancel_futures=True)
            django_connection.close()

    def _session(self, connection: psycopg.Connection[Any]) -> None:
        while not self.rhythm.stopping and not connection.execute("SELECT pg_try_advisory_lock(%s)", [LOCK]).fetchone()[0]:  # type: ignore[index]
            self.stepped_s = time.monotonic()
            self.rhythm.pause(ASK_FOR_LOCK_EVERY_S)
        connection.execute(f"LISTEN {CHANNEL}")
        while not self.rhythm.stopping:
            self.step()
            for _ in connection.notifies(timeout=STEP_EVERY_S, stop_after=1):
                pass  # a verdict, or a person's change: at once

    def step(self) -> None:
        """Every set that nobody is at."""
        sets = all_sets()
        open_ = open_changes(sets)
        at = now()
        for row in sets:
            if row.pk not in self._busy:
                self._look_after(row, open_.get(row.pk), at)
        self.stepped_s = time.monotonic()

    def _look_after(self, row: RecordSet, change: DnsChange | None, at: datetime) -> None:
        decision = decision_of(row, at)
        self._keep(row, decision, at)
        if change is not None:
            self._go_on(row, change, decision, at)
        elif _acts(row, decision, at):
            self._intend(row, decision)
        elif row.asked_at is None or at - row.asked_at >= LOOK_EVERY:
            self._hand_out(row.pk, lambda: look_at(row.pk))

    def _go_on(self, row: RecordSet, change: DnsChange, decision: Decision, at: datetime) -> None:
        """An open change: push it, wait until it is seen, or let a newer decision overtake it."""
        automatic = change.who == PLATFORM
        if change.state == DnsChange.State.INTENDED and automatic and change.error and sorted(decision.wanted) != sorted(change.after):
            give_way(change)
        elif change.state == DnsChange.State.PUSHED and _acts(row, decision, at):
            self._intend(row, decision)
        elif is_due(change):
            self._hand_out(row.pk, lambda: carry_on(change.pk))

    def _intend(self, row: RecordSet, decision: Decision) -> None:
        assert decision.kind is not None
        try:
            change = intend(row, decision.kind.value, decision.wanted, PLATFORM, decision.why)
        except UnderWay:
            return
        self._hand_out(row.pk, lambda: carry_on(change.pk))

    def _keep(self, row: RecordSet, decision: Decision, at: datetime) -> None:
        """What the page says, where it has changed; and the notices that follow from the decision alone."""
        wanted = sorted(decision.wanted)
        if (wanted, decision.why, decision.next_step) != (row.wanted, row.why, row.next_step):
            since = {} if decision.why == row.why else {"why_since": at}
            RecordSet.objects.filter(pk=row.pk).update(wanted=wanted, why=decision.why, next_step=decision.next_step, **since)
        self._say(notices.ALL_DEAD, row, decision, decision.all_dead and row.mode != RecordSet.Mode.OFF)
        proposes = row.mode == RecordSet.Mode.PROPOSE and decision.kind is not None and row.state == RecordSet.State.AGREED
        self._say(notices.PROPOSAL, row, decision, proposes)

    def _say(self, kind: str, row: RecordSet, decision: Decision, holds: bool) -> None:
        """Raise or clear it when that has changed, and once after the start."""
        says = decision.why if holds else ""
        if self._said.get((kind, row.pk)) == says:
            return
        if holds:
            notices.RAISE[kind](row, decision)
        else:
            clear_notice(kind, str(row))
        self._said[kind, row.pk] = says

    def _hand_out(self, set_id: int, work: Callable[[], None]) -> None:
        self._busy.add(set_id)
        self._pool.submit(self._work, set_id, work)

    def _work(self, set_id: int, work: Callable[[], None]) -> None:
        try:
            work()
        except (RecordSet.DoesNotExist, DnsChange.DoesNotExist):
            pass  # deleted meanwhile
        except DjangoDatabaseError as error:
            log.warning("DNS failover lost the database: %s", short(error))
        except Exception:
            log.exception("DNS failover: the record set %s could not be looked after", set_id)
            time.sleep(1.0)  # not at once again
        finally:
            django_connection.close()  # an idle thread holds no session
            self._busy.discard(set_id)


def _acts(row: RecordSet, decision: Decision, at: datetime) -> bool:
    agreed = row.state in (RecordSet.State.AGREED, RecordSet.State.CHANGING)
    return row.mode == RecordSet.Mode.AUTOMATIC and agreed and decision.due(at) and bool(decision.wanted)


# -- the steward's round ------------------------------------------------------------------------------------------------
_running: list[tuple[Pilot, threading.Thread]] = []


def begin() -> Callable[[datetime], None]:
    """For monitoring.rounds: the acting steward's process flies; the round itself only sees to it that somebody does."""
    if not _running or not _running[0][1].is_alive():
        pilot = Pilot(settings.DATABASE_URL, Rhythm())
        thread = threading.Thread(target=pilot.run, name="dns failover", daemon=True)
        _running[:] = [(pilot, thread)]
        thread.start()
    return _see_to_it


def _see_to_it(_: datetime) -> None:
    pilot, thread = _running[0]
    if not thread.is_alive():
        raise RuntimeError("DNS failover has ended")
    if time.monotonic() - pilot.stepped_s > STUCK_AFTER_S:
        raise RuntimeError(f"DNS failover has not come round for {STUCK_AFTER_S:.0f} s")
