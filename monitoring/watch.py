"""Watcher: looks at all engines of all nodes, many times a second, from one zone.

Owns: `suspected_at`, WatcherBeat. Promises: a silent engine's paths leave the auction within 400 ms; the claims of an engine whose node is out of
reach come back when its lease is long over, though its journal cannot be read. Never: acts before a node agent that works;
kills; judges without the database. How it fails: another zone's watcher does the same, and every step may be done twice.

An agent is out of reach when its beats are: they are judged as the engines' renewals are, in this watcher's own looks and on its own clock. Who beats
has the database, and acts on its engines itself; who does not can do nothing, and its engines, which have no database either or are frozen with
it, have stopped themselves by their own clocks.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import psycopg

from mailplatform.shell.errors import short
from monitoring import reports
from monitoring.condemn import condemn
from monitoring.judge import AGENTS, WATCHER, Incarnation, Judge, Judgement, Opinion, Sighting
from monitoring.link import Link
from monitoring.news import tell
from monitoring.rhythm import LOOK_EVERY_S, Rhythm, now_s
from monitoring.sightings import EngineSeen, look
from pools.failover.policy import Terms, terms_of

log = logging.getLogger(__name__)

BEAT_EVERY_S = 1.0
GAP_WINDOW_S = 60.0
MISSED_S = 0.2  # an engine renews every 150 ms
_SUSPECT = "UPDATE delivery_engine SET suspected_at = platform_now() WHERE id = ANY(%s) AND suspected_at IS NULL"
_CLEAR = "UPDATE delivery_engine SET suspected_at = NULL WHERE id = ANY(%s) AND suspected_at IS NOT NULL"


@dataclass(slots=True)
class Watcher:
    """One zone's watcher; `run()` returns after `rhythm.stop()`."""

    url: str
    zone: str
    rhythm: Rhythm
    judge: Judge = field(default_factory=lambda: Judge(WATCHER))
    agents: Judge = field(default_factory=lambda: Judge(AGENTS))  # of node agents, by their nodes
    terms: Terms = field(default_factory=Terms)
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
            except (psycopg.OperationalError, psycopg.errors.ReadOnlySqlTransaction) as error:
                log.warning("%s lost the database: %s", self.name, short(error))

    def step(self, connection: psycopg.Connection[Any], incarnation: Incarnation) -> None:
        """One look and what follows from it."""
        engines = {engine.engine_id: engine for engine in look(connection)}
        now = now_s()  # after the answer: what was seen is at least this old, so the count starts late rather than early
        judgements = self.judge.look(now, [_sight(engine) for engine in engines.values()], incarnation)
        self.agents.look(now, [Sighting(node, at) for node, at in {engine.node_id: engine.agent_at for engine in engines.values()}.items()], incarnation)
        self.looks += 1
        self._mark(connection, judgements, engines)
        for judgement in judgements:
            if judgement.opinion.is_verdict:
                self._give_back(connection, engines[judgement.engine_id], judgement)
        self._beat(connection, now)

    def _mark(self, connection: psycopg.Connection[Any], judgements: Sequence[Judgement], engines: dict[int, EngineSeen]) -> None:
        silent = {j.engine_id for j in judgements if j.opinion is not Opinion.CLEARED}
        lost = {engines[one].node_id for one in silent if self.agents.silent_s(engines[one].node_id) >= self.terms.suspect_s}
        with_it = {one for one, seen in engines.items() if seen.node_id in lost and self.judge.silent_s(one) >= MISSED_S}
        suspects = [one for one in silent | with_it if not engines[one].suspected]
        cleared = [j.engine_id for j in judgements if j.opinion is Opinion.CLEARED]
        if suspects:
            connection.execute(_SUSPECT, [suspects])
        if cleared:
            connection.execute(_CLEAR, [cleared])
        if suspects or cleared:
            _tell_engines(connection)

    def _agent_is_away(self, engine: EngineSeen, judgement: Judgement) -> bool:
        """Whether the engine's own node agent, which could read the journal, is not going to act."""
        return judgement.silent_s >= self.terms.left_to_agent_s or self.agents.silent_s(engine.node_id) >= self.terms.agent_away_s

    def _give_back(self, connection: psycopg.Connection[Any], engine: EngineSeen, judgement: Judgement) -> None:
        """Only for a lapsed lease: a session that is gone, on a node whose agent works, is the agent's business."""
        if judgement.opinion is not Opinion.SILENT or not self._agent_is_away(engine, judgement):
            return
        try:
            condemned = condemn(connection, engine, judgement, self.name, journal=None, terms=self.terms)
        except psycopg.errors.LockNotAvailable:
            return  # somebody is at it
        if condemned is not None:
            tell(engine.name, condemned.kind, condemned.given_back, condemned.unknowable, "given up, because its node is out of reach")

    def _beat(self, connection: psycopg.Connection[Any], now: float) -> None:
        if now < self._beat_due_s:
            return
        self._beat_due_s = now + BEAT_EVERY_S
        reports.write_beat(connection, self.zone, self.looks, round(self.judge.longest_gap_s * 1000))
        self._obey(terms_of(connection))
        if now - self._gaps_since_s > GAP_WINDOW_S:
            self._gaps_since_s, self.judge.longest_gap_s = now, 0.0

    def _obey(self, terms: Terms) -> None:
        self.terms = terms
        self.judge.patience = replace(WATCHER, suspect_s=terms.suspect_s, verdict_s=terms.give_up_s)


def _sight(engine: EngineSeen) -> Sighting:
    return Sighting(engine.engine_id, engine.renewed_at, locked=True, suspected=engine.suspected)


def _tell_engines(connection: psycopg.Connection[Any]) -> None:
    """Who is suspected leaves their auctions now, and not when they look next."""
    from delivery.queue.wake import notify_all

    notify_all(connection)
