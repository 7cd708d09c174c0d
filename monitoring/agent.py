"""Node agent: keeps a node's engines alive and buries the dead ones.

Owns: its node's engine slots, and the processes behind its engines' rows. Promises: a dead engine's claims come back at once, a
frozen one is killed first and its journal read; whatever it does can be done again, so the agent itself may be killed at any moment.
Never: judges without the database, by a look that came late, or in the first 5 s of a new database incarnation.
How it fails: without the database it waits; without the agent a watcher gives claims back when the lease is over, without the journal.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

from mailplatform.shell.database.connect import connect
from mailplatform.shell.errors import short
from monitoring import break_drill, clusters, kill_drill, processes, reports
from monitoring.beats import Beater
from monitoring.condemn import Condemned, condemn, sweep_journal
from monitoring.drills import allowed, stopwatch
from monitoring.judge import AGENT, Incarnation, Judge, Judgement, Opinion, Sighting
from monitoring.link import OPTIONS, Link
from monitoring.models import Verdict
from monitoring.news import tell
from monitoring.obey import Faults
from monitoring.rhythm import LOOK_EVERY_S, Rhythm, now_s
from monitoring.sightings import EngineSeen, look
from monitoring.slots import Do, SlotKeeper
from monitoring.starving import Starving
from monitoring.zones.retire import retire

log = logging.getLogger(__name__)

REPORT_EVERY_S = 1.0
DRILLS_EVERY_S = 0.1
ORPHANS_EVERY_S = 2.0
JOURNALS_EVERY_S = 5.0
JOURNAL_AT_REST_S = 5.0  # a journal of an engine without a row is left alone until it has not grown for so long
AFTER_OUTAGE_S = 30.0
_WANTED = """
SELECT CASE WHEN n.state = 'active' AND z.state = 'active' THEN n.engine_slots ELSE 0 END
  FROM pools_node n JOIN pools_zone z ON z.id = n.zone_id WHERE n.name = %s
"""


@dataclass(slots=True)
class _Timer:
    """Says when something is due again."""

    every_s: float
    due_s: float = 0.0

    def is_due(self, now: float) -> bool:
        if now < self.due_s:
            return False
        self.due_s = now + self.every_s
        return True


@dataclass(slots=True)
class NodeAgent:
    """One node's agent; `run()` returns after `rhythm.stop()`."""

    url: str
    node: str
    data_dir: Path
    rhythm: Rhythm
    keeps_slots: bool = True
    judge: Judge = field(default_factory=lambda: Judge(AGENT))
    slots: SlotKeeper = field(default_factory=SlotKeeper)
    _held: dict[int, processes.Process] = field(default_factory=dict)
    _starving: Starving = field(default_factory=Starving)
    _faults: Faults = field(default_factory=Faults)
    _wanted: int = 0
    _outage_ended_s: float = float("-inf")
    _sweeper: threading.Thread | None = None

    def __post_init__(self) -> None:
        self._cluster = clusters.ClusterProcesses(self.node)
        self._report, self._drills = _Timer(REPORT_EVERY_S), _Timer(DRILLS_EVERY_S)
        self._orphans, self._journals = _Timer(ORPHANS_EVERY_S), _Timer(JOURNALS_EVERY_S)

    _cluster: clusters.ClusterProcesses = field(init=False)
    _report: _Timer = field(init=False)
    _drills: _Timer = field(init=False)
    _orphans: _Timer = field(init=False)
    _journals: _Timer = field(init=False)

    @property
    def name(self) -> str:
        return f"agent {self.node}"

    def run(self) -> None:
        beats = Beater(self.url, self.node)
        beats.start()
        try:
            self._run(beats)
        finally:
            self._faults.stop()
            beats.stop()

    def _run(self, beats: Beater) -> None:
        first = True
        for connection, incarnation in Link(self.url, f"node-agent {self.node}", lambda: self.rhythm.stopping, self.rhythm.pause).sessions():
            if not first:
                self._outage_ended_s = now_s()
            first = False
            try:
                while not self.rhythm.stopping:
                    self.step(connection, incarnation)
                    beats.tick()
                    self._faults.on_time(now_s())
                    self.rhythm.pause(LOOK_EVERY_S, self._living_pidfds())
            except (psycopg.OperationalError, psycopg.errors.ReadOnlySqlTransaction) as error:
                log.warning("%s lost the database: %s", self.name, short(error))

    def step(self, connection: psycopg.Connection[Any], incarnation: Incarnation) -> None:
        """One look and what follows from it."""
        now = now_s()
        engines = look(connection, self.node)
        self._hold(engines)
        living = [process for engine in engines if not (process := self._held[engine.engine_id]).gone]
        buried = False
        for judgement in self.judge.look(now, [self._sight(engine) for engine in engines], incarnation):
            engine = next(e for e in engines if e.engine_id == judgement.engine_id)
            if not self._starving.excuses(judgement, self._held[engine.engine_id], engine.renewed_at) and judgement.opinion.is_verdict:
                self._bury(connection, engine, judgement)
                buried = True
        if self._drills.is_due(now):
            self._drill(connection)
        if any(process.gone for process in living):
            return self.step(connection, incarnation)  # all else can wait
        if self._report.is_due(now):
            self._wanted = self._slots_wanted(connection)
            if not self._wanted:
                retire(connection, self.node)
            reports.write_report(connection, self.node, reports.vitals(self.data_dir, (process.pid for process in self._held.values() if not process.gone)))
        if self.keeps_slots:
            self._keep_slots(connection, now, look(connection, self.node) if buried else engines)
            if self._orphans.is_due(now) and (lost := self._cluster.orphans()):
                self._cluster.end("its main process is gone", lost)
        if self._journals.is_due(now) and (left := self._left_behind()) and not (self._sweeper and self._sweeper.is_alive()):
            self._sweeper = threading.Thread(target=self._sweep, args=(left,), name="journals", daemon=True)
            self._sweeper.start()

    def _hold(self, engines: Sequence[EngineSeen]) -> None:
        """A pidfd for each engine from the first look on; kept until the process has ended."""
        alive = {engine.engine_id for engine in engines}
        self._starving.forget(alive)
        for engine in engines:
            if engine.engine_id not in self._held:
                self._held[engine.engine_id] = processes.hold(engine.pid, at_least_age_s=engine.age_s)
        for engine_id in [engine_id for engine_id, process in self._held.items() if engine_id not in alive and process.gone]:
            self._held.pop(engine_id).release()

    def _sight(self, engine: EngineSeen) -> Sighting:
        return Sighting(engine.engine_id, engine.renewed_at, engine.locked, self._held[engine.engine_id].gone, engine.suspected)

    def _living_pidfds(self) -> list[int]:
        return [process.pidfd for process in self._held.values() if process.pidfd >= 0 and not process.gone]

    def _bury(self, connection: psycopg.Connection[Any], engine: EngineSeen, judgement: Judgement) -> None:
        process = self._held[engine.engine_id]
        if judgement.opinion is not Opinion.PROCESS_GONE and not process.kill():
            log.error("Engine %s (%d, process %d) does not die; nothing is given back before it does.", engine.name, engine.engine_id, engine.pid)
            return
        condemned = condemn(connection, engine, judgement, self.name, self._journal_of(engine.engine_id))
        if condemned is not None:
            if self.keeps_slots:
                self._keep_slots(connection, now_s(), look(connection, self.node))
            self._tell(condemned)

    def _tell(self, condemned: Condemned) -> None:
        frozen = condemned.kind is Verdict.Kind.FROZEN
        tell(condemned.engine.name, condemned.kind, condemned.given_back, condemned.unknowable, "killed and replaced" if frozen else "replaced")

    def _keep_slots(self, connection: psycopg.Connection[Any], now: float, engines: Sequence[EngineSeen]) -> None:
        occupied = [engine.slot for engine in engines]
        tasks = clusters.engine_tasks(connection, self.node) if self.slots.vacant(occupied, self._wanted) else {}
        after_outage = now - self._outage_ended_s < AFTER_OUTAGE_S
        for action in self.slots.step(now, occupied, self._wanted, {slot: state for slot, (state, _) in tasks.items()}, after_outage):
            if action.do is Do.RESTART_CLUSTER:
                if self._cluster.is_starting():
                    self.slots.put_off()
                else:
                    self._cluster.end(action.why)
            elif action.do is Do.DISCARD:
                clusters.discard(connection, tasks[action.slot][1])
            else:
                clusters.enqueue_engine(self.node, action.slot)

    def _drill(self, connection: psycopg.Connection[Any]) -> None:
        if allowed():
            kill_drill.carry_out(connection, self.node, self._held)
            self._faults.look(connection, self.node, self._held, now_s())
        with connection.cursor() as cursor:
            stopwatch.settle(cursor)
            break_drill.settle(cursor)

    def _slots_wanted(self, connection: psycopg.Connection[Any]) -> int:
        row = connection.execute(_WANTED, [self.node]).fetchone()
        return row[0] if row else 0

    def _journal_of(self, engine_id: int) -> Path:
        return self.data_dir / "journal" / f"engine-{engine_id}.journal"

    def _left_behind(self) -> list[int]:
        """Engines whose journal is here and whose row is not: their claims were given back by somebody who could not read it."""
        folder, found = self.data_dir / "journal", set()
        for path in folder.glob("engine-*.journal*") if folder.is_dir() else ():  # a full one was rotated to .journal.old
            number = path.name.removeprefix("engine-").partition(".")[0]
            with contextlib.suppress(FileNotFoundError):
                if number.isdigit() and _is_at_rest(path) and int(number) not in self._held:
                    found.add(int(number))
        return sorted(found)

    def _sweep(self, engines: Sequence[int]) -> None:
        """Beside the loop, which has to look at the living: a judge whose look comes late begins its counts again."""
        try:
            with connect(self.url, OPTIONS, connect_timeout=2, application_name=f"journals {self.node}") as connection:
                for engine_id in engines:
                    sweep_journal(connection, self._journal_of(engine_id), engine_id)
        except (psycopg.Error, OSError) as error:  # the next sweep finds it there again
            log.warning("%s could not replay a journal that was left behind: %s", self.name, short(error))


def _is_at_rest(journal: Path) -> bool:
    return time.time() - journal.stat().st_mtime > JOURNAL_AT_REST_S
