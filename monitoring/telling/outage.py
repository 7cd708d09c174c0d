"""Outage: finds by itself that the database is down, and tells people through remembered channels. One in every alarms process, acting or not.

Owns: its thread, its session, the memory of channels. Promises: no answer for `down_after_s` on this machine's monotonic clock is told to who is on call
for critical incidents, and the end to those who were told; every zone's process tells by itself, so people hear it once from each: twice rather than never.
When the database is back one incident has all of it. Never: takes a slow statement for an outage (the server's own limit ends it and that is an
answer); asks the database for what it needs to tell. How it fails: killed between sending and remembering, it tells again.
"""

import logging
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from datetime import time as clock
from pathlib import Path

from django.db import Error, connection, transaction

from mailplatform.shell.clock import now
from mailplatform.shell.database.away import is_away
from mailplatform.shell.errors import short
from mailplatform.shell.models import Severity
from monitoring.alerts.models import Incident, IncidentEntry
from monitoring.metrics import read
from monitoring.metrics.policy import policy
from monitoring.telling.hours import on_call
from monitoring.telling.memory import Memory, Outage, load, save
from monitoring.telling.message import Act, Message, NotTold, Remembered
from monitoring.telling.models import Channel
from monitoring.telling.plan import OUTAGE
from monitoring.telling.rows import mail_route, remembered
from monitoring.telling.senders import tell

log = logging.getLogger(__name__)

DOWN_AFTER_S = 15.0
LOOK_EVERY_S = 2.0
READ_EVERY_S = 10.0
FIGURES_EVERY_S = 60.0  # on disk
AGAIN_AFTER_S = (10.0, 30.0, 60.0, 120.0, 300.0)
FIGURES, EVER = ("queue_ready", "queue_waiting"), timedelta(days=8)  # longer than ticks may be kept
LOCK = 7_303_110_004  # of who writes the incident
Entry = tuple[datetime, str, str]


class Sentinel:
    """`run()` returns after `stop()`."""

    def __init__(self, zone: str, file: Path, down_after_s: float = DOWN_AFTER_S, look_every_s: float = LOOK_EVERY_S) -> None:
        self._zone, self._file = zone, file
        self._down_after_s, self._look_every_s = down_after_s, look_every_s
        self._memory, self._saved = load(file), Memory()
        self._answered_s = time.monotonic()
        self._read_s = self._saved_s = float("-inf")
        self._tries: dict[int, tuple[int, float]] = {}  # by channel: how often, when again
        self._flying: dict[int, Future[str]] = {}
        self._threads = ThreadPoolExecutor(8, thread_name_prefix="outage")
        self._entries: list[Entry] = []
        self._stopping = threading.Event()

    def stop(self) -> None:
        self._stopping.set()

    def run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.step()
            except Exception:
                log.exception("The look at the database failed")
            self._stopping.wait(self._look_every_s)
        self._threads.shutdown(wait=False, cancel_futures=True)
        connection.close()

    def step(self) -> None:
        if self._answers():
            self._answered_s = time.monotonic()
            if self._memory.outage:
                self._over(self._memory.outage)
        elif self._memory.outage or time.monotonic() - self._answered_s >= self._down_after_s:
            self._down()

    # -- while it answers ---------------------------------------------------------------------------------------------
    def _answers(self) -> bool:
        try:
            if connection.connection is None:
                connection.ensure_connection()
                with connection.cursor() as cursor:
                    cursor.execute("SET statement_timeout = 5000")
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
            if time.monotonic() - self._read_s >= READ_EVERY_S or self._memory.outage:
                self._read()
        except Error as error:
            connection.close()
            return not is_away(error)
        return True

    def _read(self) -> None:
        rows = Channel.objects.filter(enabled=True, steps__severity__lte=Severity.CRITICAL, steps__after_minutes=0).distinct()
        wanted = tuple(remembered(row) for row in rows.order_by("id"))
        fresh = Memory(wanted, mail_route(), policy().telling, _figures(), self._memory.outage)
        if replace(fresh, figures={}) != replace(self._saved, figures={}) or time.monotonic() - self._saved_s >= FIGURES_EVERY_S:
            self._keep(fresh)
        self._memory, self._read_s = fresh, time.monotonic()

    def _keep(self, memory: Memory) -> None:
        self._memory = memory
        try:
            save(self._file, memory)
            self._saved, self._saved_s = memory, time.monotonic()
        except OSError as error:
            log.warning("The memory of channels cannot be written: %s", short(error))

    # -- while it does not --------------------------------------------------------------------------------------------
    def _down(self) -> None:
        outage = self._memory.outage
        if outage is None:
            outage = Outage((now() - timedelta(seconds=time.monotonic() - self._answered_s)).isoformat())
            log.error("The database has not answered for %.0f s: people are told", time.monotonic() - self._answered_s)
            self._keep(replace(self._memory, outage=outage))
        self._gather(outage)
        if not self._memory.telling:
            return
        for channel in self._memory.channels:
            tries, again_s = self._tries.get(channel.id, (0, 0.0))
            told = self._memory.outage.told if self._memory.outage else ()
            if channel.id in told or channel.id in self._flying or time.monotonic() < again_s or not _on_call(channel):
                continue
            self._tries[channel.id] = tries + 1, time.monotonic() + AGAIN_AFTER_S[min(tries, len(AGAIN_AFTER_S) - 1)]
            self._flying[channel.id] = self._threads.submit(tell, self._message(Act.OPENED, outage), channel, self._memory.route)

    def _gather(self, outage: Outage) -> None:
        """What was answered since; who has heard it is remembered at once."""
        names = {one.id: one.name for one in self._memory.channels}
        for id_, future in list(self._flying.items()):
            if not future.done():
                continue
            del self._flying[id_]
            name = names.get(id_, f"channel {id_}")
            try:
                self._entries.append((now(), IncidentEntry.Kind.TOLD, f"Told {name} from {self._zone}, without the database: {future.result()}."))
            except NotTold as no:
                self._entries.append((now(), IncidentEntry.Kind.NOT_TOLD, f"{name} could not be told from {self._zone}: {no}."))
            else:
                known = self._memory.outage or outage
                self._keep(replace(self._memory, outage=replace(known, told=(*known.told, id_))))

    # -- when it is back ----------------------------------------------------------------------------------------------
    def _over(self, outage: Outage) -> None:
        self._gather(outage)
        if self._flying:  # bounded: each sender ends within seconds, and who is told must hear the end
            return
        outage = self._memory.outage or outage
        ended = [one for one in self._memory.channels if one.id in outage.told and one.tells_resolved]
        for channel in ended:
            self._flying[channel.id] = self._threads.submit(tell, self._message(Act.RESOLVED, outage), channel, self._memory.route)
        for channel in ended:
            future = self._flying.pop(channel.id)
            try:
                self._entries.append((now(), IncidentEntry.Kind.TOLD, f"Told {channel.name} from {self._zone} that it is over: {future.result()}."))
            except NotTold as no:
                self._entries.append((now(), IncidentEntry.Kind.NOT_TOLD, f"{channel.name} could not be told the end: {no}."))
        self._write(outage)
        self._entries, self._tries = [], {}
        self._keep(replace(self._memory, outage=None))

    def _write(self, outage: Outage) -> None:
        """One incident, whoever of the zones' processes is first; the others add to it."""
        since, at = datetime.fromisoformat(outage.since), now()
        sentence = f"The database did not answer for {max(1, round((at - since).total_seconds()))} s."
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
            incident = Incident.objects.filter(source=OUTAGE, resolved_at__gte=since).first()
            if incident is None:
                incident = Incident.objects.create(
                    source=OUTAGE, label="database", severity=Severity.CRITICAL, state=Incident.State.RESOLVED, sentence=sentence, since=since,
                    opened_at=since, resolved_at=at,
                )  # fmt: skip
                self._entries.append((since, IncidentEntry.Kind.OPENED, f"The database stopped answering, as {self._zone} saw it."))
                self._entries.append((at, IncidentEntry.Kind.RESOLVED, "The database answers again."))
            IncidentEntry.objects.bulk_create(IncidentEntry(incident=incident, at=when, kind=kind, sentence=words) for when, kind, words in self._entries)

    def _message(self, act: Act, outage: Outage) -> Message:
        since = datetime.fromisoformat(outage.since).astimezone(UTC)
        over = act is Act.RESOLVED
        subject = f"[Resolved] The database answers again, says {self._zone}" if over else f"[Critical] The database does not answer, says {self._zone}"
        known = ", ".join(f"{name.replace('_', ' ')} {value:g}" for name, value in self._memory.figures.items())
        lines = [f"Since {since:%Y-%m-%d %H:%M:%S} UTC the alarms process of {self._zone} had no answer of the database."]
        lines += ["It answers again."] if over else ["Mail is neither accepted nor delivered until it does; engines keep what they have in their journals."]
        lines += [f"The last figures: {known}."] if known else []
        facts = {"source": OUTAGE, "zone": self._zone, "since": outage.since, "state": "resolved" if over else "open", "severity": "critical"}
        return Message(f"database:{outage.since}:{self._zone}:{act}", act, OUTAGE, subject, "\n".join(lines), "critical", facts)


def _on_call(channel: Remembered) -> bool:
    start, end = (clock.fromisoformat(one) for one in channel.hours) if channel.hours else (None, None)
    return on_call(now(), channel.weekdays, start, end)


def _figures() -> dict[str, float]:
    """The last tick's, of everything, however old it is."""
    found = {metric: read.latest(metric, "all", EVER) for metric in FIGURES}
    return {metric: values["all"] for metric, values in found.items() if values}
