"""Obey: a node agent's half of a drill's faults: engines are frozen, and its own link to the database is cut, for a while.

Owns: `obeyed_at` and `ended_at` of its node's rows. Promises: who is frozen goes on at the fault's end by this agent's own clock, LONGEST_S at most,
or when it stops; whoever follows it as agent lets go what it had frozen. Never: more than what the row names on its own node; anything where drills are
not allowed (its caller asks). How it fails: an engine that stays frozen is found and killed as any other.
"""

import logging
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg

from mailplatform.shell.database import cut
from monitoring.processes import Process

log = logging.getLogger(__name__)

LONGEST_S = cut.LONGEST_S
OVER_EVERY_S = 1.0
_MINE = """
SELECT f.id, f.kind, f.engine_id, f.obeyed_at IS NOT NULL, extract(epoch FROM f.begins_at - platform_now())::float8,
       extract(epoch FROM f.until - platform_now())::float8
  FROM monitoring_fault f JOIN pools_node n ON n.id = f.node_id
 WHERE n.name = %s AND f.ended_at IS NULL AND f.kind IN ('freeze_engine', 'cut_database')
"""
_ABOUT_TO = "UPDATE monitoring_fault SET obeyed_at = greatest(platform_now(), begins_at) WHERE id = %s AND obeyed_at IS NULL AND ended_at IS NULL"
_END = "UPDATE monitoring_fault SET ended_at = platform_now(), says = %s WHERE id = %s AND ended_at IS NULL"
# What only engines obey ends by its time; any agent says so.
_OVER = "UPDATE monitoring_fault SET ended_at = until WHERE ended_at IS NULL AND until < platform_now() AND kind = 'black_hole_ip'"


@dataclass(slots=True)
class _Frozen:
    """What one fault holds still, and until when."""

    processes: list[Process]
    until_s: float


@dataclass(slots=True)
class Faults:
    """What this agent obeys at the moment."""

    _frozen: dict[int, _Frozen] = field(default_factory=dict)
    _cuts: dict[int, tuple[float, float]] = field(default_factory=dict)  # by fault: when it begins, and for how long
    _done: set[int] = field(default_factory=set)
    _over_due_s: float = 0.0

    def look(self, connection: psycopg.Connection[Any], node: str, held: Mapping[int, Process], now_s: float) -> None:
        """Take up what is asked of this node, and end what is over."""
        found = {row[0]: row[1:] for row in connection.execute(_MINE, [node]).fetchall()}
        for fault, (kind, engine, obeyed, begins_in_s, ends_in_s) in found.items():
            if ends_in_s <= 0:
                self._end(connection, fault, held, engine)
            elif kind == "cut_database":
                self._cut(connection, fault, begins_in_s, ends_in_s, now_s)
            elif fault not in self._frozen and begins_in_s <= 0:
                self._freeze(connection, fault, engine, obeyed, min(ends_in_s, LONGEST_S), held, now_s)
        for fault in [fault for fault in self._frozen if fault not in found]:  # somebody ended it
            self._let_go(fault)
        if now_s >= self._over_due_s:
            self._over_due_s = now_s + OVER_EVERY_S
            connection.execute(_OVER)

    def on_time(self, now_s: float) -> None:
        """What needs no database: called each time round."""
        for fault in [fault for fault, frozen in self._frozen.items() if now_s >= frozen.until_s]:
            self._let_go(fault)
        for fault, (begins_s, lasts_s) in list(self._cuts.items()):
            if now_s >= begins_s:
                del self._cuts[fault]
                log.warning("A drill cuts this agent off from the database for %.1f s.", lasts_s)
                cut.begin(lasts_s)

    def stop(self) -> None:
        for fault in list(self._frozen):
            self._let_go(fault)

    def _cut(self, connection: psycopg.Connection[Any], fault: int, begins_in_s: float, ends_in_s: float, now_s: float) -> None:
        if fault in self._done:
            return
        self._done.add(fault)
        connection.execute(_ABOUT_TO, [fault])
        self._cuts[fault] = now_s + max(0.0, begins_in_s), min(LONGEST_S, ends_in_s - max(0.0, begins_in_s))

    def _freeze(
        self, connection: psycopg.Connection[Any], fault: int, engine: int | None, obeyed: bool, lasts_s: float, held: Mapping[int, Process], now_s: float
    ) -> None:
        meant = [process for number, process in held.items() if engine in (None, number) and not process.gone]
        if not meant:
            connection.execute(_END, ["It has ended." if obeyed else "No such engine lives on this node.", fault])
            return
        self._frozen[fault] = _Frozen(meant, now_s + lasts_s)
        if obeyed or connection.execute(_ABOUT_TO, [fault]).rowcount == 1:  # obeyed: by an agent before this one, which died over it
            log.warning("A drill freezes %d engines of this node for %.1f s.", len(meant), lasts_s)
            for process in meant:
                process.signal(signal.SIGSTOP)

    def _end(self, connection: psycopg.Connection[Any], fault: int, held: Mapping[int, Process], engine: int | None) -> None:
        if fault not in self._frozen:  # an agent before this one may have frozen it
            self._frozen[fault] = _Frozen([process for number, process in held.items() if engine in (None, number)], 0.0)
        self._let_go(fault)
        self._done.discard(fault)
        connection.execute(_END, ["", fault])

    def _let_go(self, fault: int) -> None:
        for process in self._frozen.pop(fault).processes:
            if not process.gone:
                process.signal(signal.SIGCONT)
