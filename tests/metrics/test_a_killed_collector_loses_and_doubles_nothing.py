"""kill -9 of the process that measures, in the middle of a tick: counts are told once, minutes, hours and days are whole, and the next one goes on."""

import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.db import connection

from monitoring.metrics.models import MetricDay, MetricHour, MetricMinute, MetricTick
from monitoring.metrics.store import MINUTE
from monitoring.metrics.tick import beginning
from tests.flow.platform import wait_until

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = Path(__file__).resolve().parents[2]
TICK = timedelta(seconds=10)
BEGIN = beginning(datetime.now(UTC), 86_400) - timedelta(minutes=2)  # twelve ticks later a minute, an hour and a day are over
# A collector of its own, of ticks with ten attempts each. It stops where it is told to, in the middle of that statement's transaction.
COLLECTOR = """
import sys, time, django
django.setup()
from datetime import datetime, timedelta
from django.db import connection
from monitoring.metrics.store import Store
from monitoring.metrics.tick import Tick
at, count, where = datetime.fromisoformat(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
def stops(execute, sql, params, many, context):
    found = execute(sql, params, many, context)
    if where and where in sql:
        print("in the middle", flush=True)
        time.sleep(600)
    return found
store = Store()
with connection.execute_wrapper(stops):
    for n in range(count):
        store.keep(Tick(at + n * timedelta(seconds=10), {("collect_ms", "all"): {"all": 5.0}, ("attempted", "all"): {"all": 10.0}}))
print("done", flush=True)
"""


def _collector(since: datetime, count: int, where: str = "") -> "subprocess.Popen[bytes]":
    settings = connection.settings_dict
    base, _, rest = os.environ["DATABASE_URL"].rpartition("/")
    query = rest.partition("?")[2]
    environment = {**os.environ, "DATABASE_URL": f"{base}/{settings['NAME']}{'?' + query if query else ''}"}
    return subprocess.Popen([sys.executable, "-c", COLLECTOR, since.isoformat(), str(count), where], cwd=ROOT, env=environment, stdout=subprocess.PIPE)


def _sums() -> list[tuple[datetime, float]]:
    """Of whole minutes."""
    return [(row.at, row.values[0]) for row in MetricMinute.objects.filter(metric="attempted").order_by("at")]


@pytest.mark.parametrize("where", ["INTO monitoring_metrictick", "INTO monitoring_metricminute", "INTO monitoring_metrichour", "INTO monitoring_metricday"])
def test_killed_in_the_middle_it_leaves_nothing_half_done_and_the_next_goes_on(where: str) -> None:
    first = _collector(BEGIN, 13, where)
    try:
        assert first.stdout is not None and first.stdout.readline() == b"in the middle\n"
    finally:
        first.send_signal(signal.SIGKILL)
        first.wait(10)
    wait_until(lambda: not _others_at_work(), 20, "its transaction was rolled back")
    last = MetricTick.objects.filter(metric="attempted").order_by("-at").values_list("at", flat=True).first()
    assert (last is None) == where.endswith("tick"), "a tick that was not committed is not there"
    begin = last or BEGIN  # the tick in whose middle it died may be kept by both
    second = _collector(begin, (BEGIN + 20 * TICK - begin) // TICK)
    assert second.communicate(timeout=60)[0] == b"done\n" and second.returncode == 0
    ticks = MetricTick.objects.filter(metric="attempted").values_list("at", flat=True)
    assert sorted(ticks) == [BEGIN + n * TICK for n in range(20)], "each once, none lost"
    assert _sums() == [(BEGIN, 60), (BEGIN + MINUTE, 60), (BEGIN + 2 * MINUTE, 60)]
    assert [(row.at, row.values) for row in MetricHour.objects.filter(metric="attempted")] == [(beginning(BEGIN, 3600), [120])]
    assert [(row.at, row.values) for row in MetricDay.objects.filter(metric="attempted")] == [(beginning(BEGIN, 86_400), [120])]


def _others_at_work() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL")
        return int(cursor.fetchone()[0])
