"""Watcher: looks at all engines of all nodes, many times a second, from one zone.

Owns: `suspected_at`, WatcherBeat. Promises: a silent engine's paths leave the auction within 400 ms; the claims of an engine whose node is out of
reach come back when its lease is long over, though its journal cannot be read. Never: acts before a node agent that works;
kills; judges without the database. How it fails: another zone's watcher does the same, and every step may be done twice.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg

from monitoring import reports
from monitoring.condemn import condemn
from monitoring.judge import WATCHER, Incarnation, Judge, Judgement, Opinion, Sighting
from monitoring.link import Link
from monitoring.news import tell
from monitoring.rhythm import LOOK_EVERY_S, Rhythm, now_s
from monitoring.sightings import EngineSeen, look

log = logging.getLogger(__name__)

BEAT_EVERY_S = 1.0
AGENT_AWAY_S = 2.0  # an agent that works reports every second
LEFT_TO_AGENT_S = 5.0  # and one that reports, but does not act, is not waited for longer
GAP_WINDOW_S = 60.0
_SUSPECT = "UPDATE delivery_engine SET suspected_at = platform_now() WHERE id = ANY(%s) AND suspected_at IS NULL"
_CLEAR = "UPDATE delivery_engine SET suspected_at = NULL WHERE id = ANY(%s) AND suspected_at IS NOT NULL"


def agent_is_away(engine: EngineSeen, judgement: Judgement) -> bool:
    """Whether the engine's own node agent, which could read the journal, is not going to act."""
    if judgement.silent_s >= LEFT_TO_AGENT_S:
        return True
    return engine.report_ago_s is None or engine.report_ago_s >= AGENT_AWAY_S


@dataclass(slots=True)
class Watcher:
    """One zone's watcher; `run()` returns after `rhythm.stop()`."""

    url: str
    zone: str
    rhythm: Rhythm
    judge: Judge = field(default_factory=lambda: Judge(WATCHER))
    looks: int = 0
    _beat_due_s: float = 0.0
    _gaps_since_s: float = 0.0

    @property
    def name(self) -> str:
        return f"watcher {self.zone}"

    def run(self) -> None:
        for connection, incarnation in Link(self.url, f"watcher {self.zone}", lambda: self.rhythm.stopping, self.rhythm.pause).sessions():
            try:
                while not self.rhythm.stopping:
                    self.step(connection, incarnation)
                    self.rhythm.pause(LOOK_EVERY_S)
            except psycopg.OperationalError as error:
                log.warning("%s lost the database: %s", self.name, str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__)

    def step(self, connection: psycopg.Connection[Any], incarnation: Incarnation) -> None:
        """One look and what follows from it."""
        engines = {engine.engine_id: engine for engine in look(connection)}
        now = now_s()  # after the answer: what was seen is at least this old, so the count starts late rather than early
        judgements = self.judge.look(now, [_sight(engine) for engine in engines.values()], incarnation)
        self.looks += 1
        self._mark(connection, judgements, engines)
        for judgement in judgements:
            if judgement.opinion.is_verdict:
                self._give_back(connection, engines[judgement.engine_id], judgement)
        self._beat(connection, now)

    def _mark(self, connection: psycopg.Connection[Any], judgements: Sequence[Judgement], engines: dict[int, EngineSeen]) -> None:
        suspects = [j.engine_id for j in judgements if j.opinion not in (Opinion.CLEARED,) and not engines[j.engine_id].suspected]
        cleared = [j.engine_id for j in judgements if j.opinion is Opinion.CLEARED]
        if suspects:
            connection.execute(_SUSPECT, [suspects])
        if cleared:
            connection.execute(_CLEAR, [cleared])

    def _give_back(self, connection: psycopg.Connection[Any], engine: EngineSeen, judgement: Judgement) -> None:
        """Only for a lapsed lease: a session that is gone, on a node whose agent works, is the agent's business."""
        if judgement.opinion is not Opinion.SILENT or not agent_is_away(engine, judgement):
            return
        try:
            condemned = condemn(connection, engine, judgement, self.name, journal=None)
        except psycopg.errors.LockNotAvailable:
            return  # somebody is at it
        if condemned is not None:
            tell(engine.name, condemned.kind, condemned.given_back, condemned.unknowable, "given up, because its node is out of reach")

    def _beat(self, connection: psycopg.Connection[Any], now: float) -> None:
        if now < self._beat_due_s:
            return
        self._beat_due_s = now + BEAT_EVERY_S
        reports.write_beat(connection, self.zone, self.looks, round(self.judge.longest_gap_s * 1000))
        if now - self._gaps_since_s > GAP_WINDOW_S:
            self._gaps_since_s, self.judge.longest_gap_s = now, 0.0


def _sight(engine: EngineSeen) -> Sighting:
    return Sighting(engine.engine_id, engine.renewed_at, locked=True, suspected=engine.suspected)
