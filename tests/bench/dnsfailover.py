"""DNS failover: an endpoint dies, and how long until the authoritative server gives the new answer.

A real BIND with a name that has a primary and a backup, two doors (TCP listeners), three vantage points in processes of their own, and the pilot;
knocks every 250 ms as by default. A door is shut at a random moment between two knocks, as when a program is killed: connections are refused. Seen
from outside: a client asks BIND every millisecond. Then the door opens again and the name fails back (at once, here).

detect_ms    from the kill to the committed verdict of two of the three
visible_ms   from the kill to the new answer at BIND
"""

import contextlib
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime

KILLS, SHORT_KILLS = 20, 5


def run(short: bool) -> dict[str, float]:
    import django

    import tests.environment as world  # a PostgreSQL of its own, and settings

    os.environ["DATABASE_URL"] = world.server.url
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0, interactive=False)
    with _vantage_points():
        return _measure(SHORT_KILLS if short else KILLS)


@contextlib.contextmanager
def _vantage_points() -> Iterator[None]:
    started = [subprocess.Popen([sys.executable, "manage.py", "witness", "--name", name], env=dict(os.environ)) for name in ("north", "south", "witness")]
    try:
        yield
    finally:
        for process in started:
            process.terminate()
        for process in started:
            process.wait(20)


def _measure(kills: int) -> dict[str, float]:
    from monitoring.endpoints.models import Endpoint, VantagePoint
    from tests.dnsfailover.named import Named
    from tests.dnsfailover.rig import Shop, dns_zone, endpoint, flying, policy, record_set, until

    first, backup, name = "127.0.0.5", "127.0.0.6", "api.example.test"
    one, two = Shop(), Shop()
    policy(recover_s=0)
    detect, decide, push, visible = [], [], [], []
    with Named() as server:
        row = record_set(dns_zone(server), {first: (endpoint("one", one), 0), backup: (endpoint("two", two), 1)})
        with flying():
            until(lambda: VantagePoint.objects.count() == 3, "three vantage points look", 120)
            until(lambda: server.says(name) == {first}, "it is published", 60)
            for _ in range(kills):
                until(lambda: Endpoint.objects.get(name="one").looks.filter(ok=True, in_row__gt=4).count() == 3, "all see it alive", 60)
                time.sleep(random.uniform(0.0, 0.25))
                killed_s = time.time()
                one.shut()
                while server.says(name) != {backup}:
                    time.sleep(0.001)
                    assert time.time() - killed_s < 60
                visible.append((time.time() - killed_s) * 1000)
                moved = row.changes.filter(kind="failover", state="visible", at__gte=datetime.fromtimestamp(killed_s, UTC))
                change = until(moved.all().first, "the change is seen", 60)
                detect.append((change.cause_at.timestamp() - killed_s) * 1000)
                decide.append((change.at - change.cause_at).total_seconds() * 1000)
                push.append((change.pushed_at - change.at).total_seconds() * 1000)
                one.open()
                until(lambda: server.says(name) == {first}, "it fails back", 60)
                print(f"verdict after {detect[-1]:5.0f} ms, decided in {decide[-1]:5.1f}, pushed in {push[-1]:5.1f}, visible after {visible[-1]:5.0f} ms")
    figures = {"kills": float(kills)}
    for key, values in (("detect", detect), ("visible", visible)):
        figures |= {f"{key}_ms_p50": _quantile(values, 0.5), f"{key}_ms_p99": _quantile(values, 0.99)}
    return figures | {"decide_ms_p50": _quantile(decide, 0.5), "push_ms_p50": _quantile(push, 0.5)}


def _quantile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
