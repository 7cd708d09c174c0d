"""Alarms: the process, one a zone, in which the platform is measured and people are told; of all zones' one acts.

Owns: the round that collects, keeps and judges a tick every ten seconds of the database's clock. Promises: as the steward's rounds, by whose ways it runs under
a lock of its own: another zone's process takes over within two seconds. Never: touches mail; is in the steward's process, where a slow statement would hold up
DNS failover. How it fails: without the database nothing is measured, and charts have a gap; `telling.outage`, a thread of every such process, tells of it.
"""

from datetime import datetime

from mailplatform.shell.database.rows import select
from monitoring.alerts.live import Alerts
from monitoring.alerts.shipped import seed_shipped
from monitoring.metrics.collect import Collector
from monitoring.metrics.store import keep
from monitoring.metrics.tick import beginning
from monitoring.steward import Act, Round
from monitoring.telling import rounds as telling

LOCK = 7_303_110_003  # any number that nothing else in this database takes
LOOK_S = 0.25  # how late a tick may begin


def begin() -> Act:
    collector, alerts = Collector(), Alerts()
    seed_shipped()
    measured: datetime | None = None

    def act(at: datetime) -> None:
        """By this machine's clock a new tick may have begun: the database's says whether it has."""
        nonlocal measured
        if measured == beginning(at) or measured == (tick_at := beginning(select("SELECT platform_now()")[0][0])):
            return
        tick = collector.collect(tick_at)
        keep(tick)
        measured = tick_at
        alerts.step(tick)

    return act


ROUNDS = (Round("metrics", LOOK_S, begin), *telling.ROUNDS)
