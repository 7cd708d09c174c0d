"""Collect: everything that is measured, at one moment.

Owns: the parts, each with its memory, and when each is due. Promises: a part that fails is logged and loses only its own metrics, which are then missing
from the tick; no statement takes longer than STATEMENT_MS; what is dear and slow to change is asked once a minute and repeated. Never: writes.
How it fails: without the database `collect` raises what Django raises; the next one goes on, and begins counts anew if it was long.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import InterfaceError, OperationalError, connection, transaction

from mailplatform.shell.database.away import is_away
from mailplatform.shell.errors import short
from monitoring.metrics.catalog import METRICS, TICK_S, Dimension
from monitoring.metrics.certificates import Certificates
from monitoring.metrics.gather import connections, machines, outside, processes, queue, standing
from monitoring.metrics.gather.database import Database
from monitoring.metrics.gather.mail import Mail
from monitoring.metrics.gather.moment import Gather, Moment, Values, of_all
from monitoring.metrics.gather.places import Places, load
from monitoring.metrics.tick import Tick

log = logging.getLogger(__name__)

AWAY = timedelta(seconds=60)  # between two ticks: after that counts begin anew
STATEMENT_MS = 3_000
PLACES_EVERY_S = 30.0


@dataclass(slots=True)
class Part:
    """Something that is measured. `every_s`: how often it is asked; its values are repeated meanwhile."""

    name: str
    gather: Gather
    every_s: float = TICK_S
    due_s: float = 0.0
    last: Values = field(default_factory=dict)


def parts() -> list[Part]:
    now_and_then, minute = 20.0, 60.0  # what a rule looks at is never half a minute late
    return [
        Part("queue", queue.gather),
        Part("mail", Mail().gather),
        Part("connections", connections.gather),
        Part("machines", machines.gather),
        Part("database", Database().gather),
        Part("processes", processes.gather),
        Part("webhooks", outside.webhooks),
        Part("endpoints", outside.Doors(Certificates()).gather),
        Part("domains", outside.domains, now_and_then),
        Part("reputation", standing.scores, minute),
        Part("out of rotation", standing.out),
        Part("warm-ups", standing.warmups),
        Part("drills", standing.drills, now_and_then),
    ]


class Collector:
    """One a process. `failed` names the parts that the last tick is without."""

    def __init__(self, of: Sequence[Part] | None = None) -> None:
        self.failed: tuple[str, ...] = ()
        self._parts = list(of) if of is not None else parts()
        self._places: Places | None = None
        self._placed_s = 0.0
        self._last_at: datetime | None = None

    def collect(self, at: datetime) -> Tick:
        began_s = time.monotonic()
        places = self._look_around(began_s)
        since = self._last_at if self._last_at is not None and timedelta() < at - self._last_at <= AWAY else None
        if self._last_at == at:  # asked twice: nothing can have been added since
            since = at
        moment = Moment(at, places, since)
        values: Values = {}
        failed = []
        for part in self._parts:
            if not self._one(part, moment, began_s):
                failed.append(part.name)
            values |= part.last
        self._last_at, self.failed = at, tuple(failed)
        values["collect_ms", Dimension.ALL] = of_all((time.monotonic() - began_s) * 1000)
        return Tick(at, {key: of for key, of in values.items() if _is_known(*key)}, _labels(values, places))

    def _one(self, part: Part, moment: Moment, now_s: float) -> bool:
        if now_s < part.due_s:
            return True
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL statement_timeout = {STATEMENT_MS}; SET LOCAL jit = off")
                part.last = part.gather(moment)
        except Exception as error:  # the others go on
            if is_away(error) or isinstance(error, InterfaceError):
                raise OperationalError(short(error, 300)) from error
            log.warning("Metrics of %s are missing: %s", part.name, short(error, 300))
            part.last, part.due_s = {}, 0.0
            return False
        part.due_s = now_s + part.every_s - TICK_S / 2 if part.every_s > TICK_S else 0.0
        return True

    def _look_around(self, now_s: float) -> Places:
        if self._places is None or now_s - self._placed_s >= PLACES_EVERY_S:
            self._places, self._placed_s = load(), now_s
        return self._places


def _is_known(metric: str, dimension: str) -> bool:
    return metric in METRICS and dimension in METRICS[metric].dimensions


def _labels(values: Values, places: Places) -> dict[tuple[str, str], str]:
    labels = dict(places.labels)
    for (_, dimension), of in values.items():
        if dimension == Dimension.PATH:
            for key in of:
                ip, _, provider = key.partition("/")
                to = places.labels.get((Dimension.PROVIDER, provider), "a small provider")
                labels[dimension, key] = f"{places.labels.get((Dimension.IP, ip), ip)} to {to}"
    return labels
