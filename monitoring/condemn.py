"""Condemn: what follows a verdict. An engine's claims come back, once, with the evidence kept.

Owns: Verdict rows. Promises: whoever comes first acts, alone (the engine's row is locked and then deleted in one transaction);
doing it again changes nothing; what the journal knows is recorded before anything is given back. Never: judges, kills.
How it fails: as a whole; the row is still there and the next look condemns again.
"""

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from psycopg.types.json import Jsonb

from monitoring.judge import Judgement, Opinion
from monitoring.kill_drill import note_in_hand
from monitoring.models import Verdict
from monitoring.sightings import EngineSeen
from pools.failover.policy import RECOMMENDED, Terms
from pools.failover.returns import note_loss

log = logging.getLogger(__name__)

# NOWAIT for a watcher: an agent that holds the row is replaying a journal, and that is better than giving back without one.
_LOCK = "SELECT renewed_at FROM delivery_engine WHERE id = %s FOR UPDATE"
_INSERT = """
INSERT INTO monitoring_verdict (engine_id, node_id, slot, kind, judge, last_sign_at, at, given_back, answered_in_journal, unknowable, evidence)
VALUES (%s, %s, %s, %s, %s, %s, platform_now(), %s, %s, %s, %s)
"""
# A watcher's verdict could not know what the journal says; the same again changes nothing.
_COMPLETE = """
UPDATE monitoring_verdict
   SET answered_in_journal = greatest(answered_in_journal, %(answered)s), unknowable = greatest(unknowable, %(unknowable)s)
 WHERE engine_id = %(engine)s
"""


@dataclass(frozen=True, slots=True)
class Condemned:
    """What a verdict came to."""

    engine: EngineSeen
    kind: Verdict.Kind
    given_back: int
    answered: int
    unknowable: int
    took_ms: int


def kind_of(opinion: Opinion, by_watcher: bool) -> Verdict.Kind:
    if by_watcher:
        return Verdict.Kind.LAPSED
    return Verdict.Kind.FROZEN if opinion is Opinion.SILENT else Verdict.Kind.DEAD


def condemn(
    connection: psycopg.Connection[Any], engine: EngineSeen, judgement: Judgement, judge: str, journal: Path | None, terms: Terms = RECOMMENDED
) -> Condemned | None:
    """Replay the journal (an agent) or not (a watcher: None), give the claims back, write the verdict. None: somebody else has done it."""
    from delivery.engine.journal import remove, replay
    from delivery.queue.fence import end_sessions, evict
    from delivery.queue.wake import notify_all

    begun_s = time.monotonic()
    kind = kind_of(judgement.opinion, by_watcher=journal is None)
    answered = unknowable = 0
    begun: frozenset[UUID] = frozenset()
    end_sessions(connection, engine.engine_id)
    with connection.transaction():
        connection.execute("SET LOCAL statement_timeout = '60s'")
        row = connection.execute(_LOCK if journal else _LOCK + " NOWAIT", [engine.engine_id]).fetchone()
        if row is None:
            return None
        note_in_hand(connection, engine.engine_id)
        if journal is not None:  # a missing file is an empty journal
            replayed = replay(connection, journal, of_claims=True)
            answered, unknowable, begun = replayed.answered, replayed.unknowable, replayed.begun
        evicted = evict(connection, engine.engine_id, None if journal is None else begun)
        given_back = evicted.given_back
        if journal is None:  # its node was out of reach, and comes back by steps
            note_loss(connection, engine.node_id, terms.returns_by_steps, terms.return_s, terms.longest_return_s, terms.flap_window_s)
        took_ms = round((time.monotonic() - begun_s) * 1000)
        evidence = {**_evidence(engine, judgement, journal, took_ms), "begun": len(begun), "held": evicted.held}
        connection.execute(
            _INSERT,
            [engine.engine_id, engine.node_id, engine.slot, kind, judge, row[0], given_back, answered, unknowable, Jsonb(evidence)],
        )
        notify_all(connection, evicted.lanes)  # with the commit: a statement of its own after it would be one more way to the database
    if journal is not None:
        remove(journal)
    log.warning("Engine %s (%d) is %s: %s; %d given back in %d ms.", engine.name, engine.engine_id, kind, judgement.opinion, given_back, took_ms)
    return Condemned(engine, kind, given_back, answered, unknowable, took_ms)


def sweep_journal(connection: psycopg.Connection[Any], journal: Path, engine_id: int) -> bool:
    """Replay a journal whose engine has no row any more, and delete it; False when the engine has one."""
    from delivery.engine.journal import is_held, remove, replay
    from delivery.queue.fence import connections_ended

    with connection.transaction():
        connection.execute("SET LOCAL statement_timeout = '60s'")
        if connection.execute(_LOCK, [engine_id]).fetchone():
            return False
        replayed = replay(connection, journal)
        if not is_held(journal):
            connections_ended(connection, [engine_id])
        connection.execute(_COMPLETE, {"engine": engine_id, "answered": replayed.answered, "unknowable": replayed.unknowable})
    remove(journal)
    log.info("Replayed the journal %s that a dead engine left behind.", journal.name)
    return True


def _evidence(engine: EngineSeen, judgement: Judgement, journal: Path | None, took_ms: int) -> dict[str, object]:
    return {
        "because": str(judgement.opinion),
        "pid": engine.pid,
        "session_lock": engine.locked,
        "silent_ms": round(judgement.silent_s * 1000),
        "looks": judgement.looks,
        "renewed_ago_ms": round(engine.renewed_ago_s * 1000),
        "journal": journal.name if journal else "out of reach",
        "took_ms": took_ms,
    }
