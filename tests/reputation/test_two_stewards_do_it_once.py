"""Two rounds at once, and one that is killed in its middle: every change is made once, whole, or not at all."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path as File

import pytest
from django.db import connection, connections

from mailplatform.shell.models import AuditEntry, Notice
from pools.models import Path
from pools.reputation.models import Action, PathStanding
from pools.reputation.round import begin
from tests.flow.platform import wait_until
from tests.reputation.world import World

pytestmark = pytest.mark.django_db(transaction=True)
ROOT = File(__file__).resolve().parent.parent.parent
# A steward of its own: one round, stopped where an audit record is to be written, in the middle of the transaction.
STEWARD = """
import sys, time, django
django.setup()
from datetime import datetime
from mailplatform.shell import audit
from pools.reputation.round import begin
def hangs(*of, **more):
    print("in the middle", flush=True)
    time.sleep(600)
audit.record = hangs
begin()(datetime.fromisoformat(sys.argv[1]))
"""


def _in_trouble(**policy: object) -> World:
    world = World.build(ips=6, most_out_percent=100, **policy)
    for ip in (3, 4, 5):
        world.sends(ip, 300)
    for ip in (0, 1, 2):
        world.is_blocked(ip, {0: 20, 1: 20})
    return world


def _done() -> tuple[int, int, int, int]:
    return Action.objects.count(), AuditEntry.objects.count(), Notice.objects.count(), PathStanding.objects.filter(version__gte=1).count()


def test_two_rounds_at_once_do_everything_once() -> None:
    world = _in_trouble()
    start = threading.Barrier(2)
    errors: list[Exception] = []

    def round_() -> None:
        try:
            make = begin()
            start.wait(10)
            make(world.at)
        except Exception as error:
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=round_) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert [world.path(n).state for n in range(6)] == ["quarantined"] * 3 + ["open"] * 3
    assert sorted(Action.objects.values_list("ip_id", flat=True)) == sorted(ip.pk for ip in world.ips[:3])
    assert AuditEntry.objects.filter(action="reputation leave").count() == 3
    assert [len(world.path(n).standing.entries) for n in range(3)] == [1, 1, 1]


def test_a_steward_that_is_killed_in_the_middle_leaves_nothing_half_done() -> None:
    world = _in_trouble()
    name = connection.settings_dict["NAME"]
    url = os.environ["DATABASE_URL"].rpartition("/")
    environment = {**os.environ, "DATABASE_URL": f"{url[0]}/{name}{'?' + url[2].partition('?')[2] if '?' in url[2] else ''}"}
    steward = subprocess.Popen([sys.executable, "-c", STEWARD, world.at.isoformat()], cwd=ROOT, env=environment, stdout=subprocess.PIPE)
    try:
        assert steward.stdout is not None
        assert steward.stdout.readline() == b"in the middle\n"
        assert _done()[:3] == (0, 0, 0), "nobody sees what is not committed"
    finally:
        steward.send_signal(signal.SIGKILL)
        steward.wait(10)
    wait_until(lambda: not _others_at_work(), 20, "its transaction was rolled back")
    assert set(Path.objects.values_list("state", flat=True)) == {"open"}
    assert _done()[:3] == (0, 0, 0)
    world.round()
    assert [world.path(n).state for n in range(6)] == ["quarantined"] * 3 + ["open"] * 3
    assert Action.objects.count() == AuditEntry.objects.filter(action="reputation leave").count() == 3


def _others_at_work() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL")
        return int(cursor.fetchone()[0])
