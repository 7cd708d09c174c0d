"""Vantage point: knocks at all endpoints from one place, writes down what it saw, counts the votes.

Owns: one row of `monitoring_vantagepoint` and its looks. Promises: a streak that a vote needs is written within some milliseconds, everything else a few times
a second; of several processes with one name one looks, the others wait for its end. Never: delays whoever runs beside it: it has threads of its own.
How it fails: without the database it cannot judge, and says so when it is back; the others judge without it.
"""

import logging
import threading
import time
import zlib
from dataclasses import dataclass, field
from typing import Any

import psycopg
from django.db import Error as DjangoDatabaseError
from django.db import connection as django_connection

from mailplatform.shell.errors import short
from monitoring.endpoints import sightings, verdicts
from monitoring.endpoints.knocker import Knocker
from monitoring.endpoints.vote import Rules, judge
from monitoring.link import Link
from monitoring.rhythm import Rhythm
from monitoring.this_machine import machine_number

log = logging.getLogger(__name__)

WRITE_EVERY_S = 0.4
DOORS_EVERY_S = 1.0
LOCK_CLASS = 0x4D56  # pg_advisory_lock(class, its name's number): one process a name
SPARE_ASKS_EVERY_S = 1.0


@dataclass(slots=True)
class VantagePoint:
    """`run()` returns after `rhythm.stop()`."""

    url: str
    name: str
    kind: str
    zone: str
    rhythm: Rhythm
    machine: str = ""  # this machine's number, when it is one of the platform's
    _vantage_id: int = 0
    _rules: Rules = field(default_factory=Rules)
    _doors_due_s: float = 0.0

    def run(self) -> None:
        knocker = Knocker(self.url)
        knocker.start()
        try:
            for connection, _ in Link(self.url, f"endpoints {self.name}"[:60], lambda: self.rhythm.stopping, self.rhythm.pause).sessions():
                try:
                    self._session(connection, knocker)
                except (psycopg.OperationalError, DjangoDatabaseError) as error:
                    log.warning("The vantage point %s lost the database: %s", self.name, short(error))
        finally:
            knocker.stop()
            django_connection.close()

    def _session(self, connection: psycopg.Connection[Any], knocker: Knocker) -> None:
        connection.execute("SET synchronous_commit = off")
        while not self.rhythm.stopping and not self._is_the_one(connection):
            self.rhythm.pause(SPARE_ASKS_EVERY_S)
        self._vantage_id = sightings.register(connection, self.name, self.kind, self.zone)
        django_connection.ensure_connection()  # before the first verdict needs it
        self._doors_due_s = 0.0
        while not self.rhythm.stopping:
            self.step(connection, knocker)
            knocker.changed.wait(WRITE_EVERY_S)
            knocker.changed.clear()

    def _is_the_one(self, connection: psycopg.Connection[Any]) -> bool:
        number = zlib.crc32(self.name.encode()) & 0x7FFFFFFF
        row = connection.execute("SELECT pg_try_advisory_lock(%s, %s)", [LOCK_CLASS, number]).fetchone()
        return bool(row and row[0])

    def step(self, connection: psycopg.Connection[Any], knocker: Knocker) -> None:
        """Learn, write, count."""
        if time.monotonic() >= self._doors_due_s:
            self._learn(connection, knocker)
        sightings.write(connection, self._vantage_id, knocker.streaks())
        for seen in sightings.read(connection, self._rules.flap_window_s):
            verdict = judge(seen.standing, seen.looks, self._rules, seen.now)
            if verdict is not None and verdicts.speak(seen, verdict, self.name):
                log.log(logging.WARNING if verdict.state == "down" else logging.INFO, "The endpoint %s: %s", seen.name, verdict.sentence)

    def _learn(self, connection: psycopg.Connection[Any], knocker: Knocker) -> None:
        self._doors_due_s = time.monotonic() + DOORS_EVERY_S
        self._rules, doors = sightings.rules(connection), sightings.doors(connection, self.machine)
        knocker.set_doors(doors, self._rules)
        sightings.forget_others(connection, self._vantage_id, [door.endpoint_id for door in doors])


def beside(url: str, zone: str, rhythm: Rhythm) -> threading.Thread:
    """The vantage point of a zone's watcher: in threads beside its looks, which it never delays."""
    point = VantagePoint(url, f"watcher {zone}", "watcher", zone, rhythm, machine_number())
    thread = threading.Thread(target=_for_ever, args=(point,), name="vantage point", daemon=True)
    thread.start()
    return thread


def _for_ever(point: VantagePoint) -> None:
    while not point.rhythm.stopping:
        try:
            point.run()
        except Exception:  # a fault of ours must not end a zone's eyes: it is told, and begins anew
            log.exception("The vantage point %s failed", point.name)
            time.sleep(1.0)

