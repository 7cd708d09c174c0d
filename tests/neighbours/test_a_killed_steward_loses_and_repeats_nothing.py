"""kill -9 in the middle of rounds: each minute counts once, each delivery is in one table, and the next steward ends what was begun."""

import os
import random
import subprocess
import sys
import time
from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import Sum

from delivery.queue.standing import begin
from mailplatform.shell.clock import now
from pools.neighbours import facts, word
from pools.neighbours.models import NeighboursProgress, StandingAction, StandingWindow
from pools.purposes import Purpose
from tests.neighbours.world import Neighbour, asks
from tests.queue.house import House, knows, rows

STEWARD = """
import os
import django
django.setup()
from django.db import connection
connection.settings_dict["NAME"] = os.environ["DATABASE"]
from datetime import timedelta
from delivery.queue import neighbours, standing
from mailplatform.shell.clock import now
from pools.neighbours import round
neighbours.A_MOVE = 5
judge, follow = round.begin(), standing.begin()
print("ready", flush=True)
at = now() - timedelta(hours=2)
while True:
    at = min(now(), at + timedelta(minutes=3))
    judge(at)
    follow(now())
"""


@pytest.mark.django_db(transaction=True)
def test_each_minute_counts_once_and_every_delivery_is_somewhere() -> None:
    asks(mode="off")
    knows("gmail.com")
    house, dice = House.build(), random.Random(7)
    one = Neighbour(house.tenant, house.streams)
    for minutes in range(5, 120):
        one.had(90, 10, ago=timedelta(minutes=minutes))
    NeighboursProgress.objects.create(folded_to=now() - timedelta(hours=3))
    for _ in range(3):
        house.put(house.message(*(f"p{n}@gmail.com" for n in range(100)), purpose=Purpose.MARKETING, fingerprint=7))
    word.impose(house.tenant, "hold", house.streams[Purpose.MARKETING].pk, "A bad list.", "ann", now())
    StandingWindow.objects.all().delete()
    for _ in range(3):
        process = subprocess.Popen([sys.executable, "-c", STEWARD], env={**os.environ, "DATABASE": connection.settings_dict["NAME"]}, stdout=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stdout.readline()
        time.sleep(dice.uniform(0.01, 0.12))
        process.kill()
        process.wait(10)
    facts.fold(now())
    assert StandingWindow.objects.aggregate(all=Sum("since_bounced"))["all"] == 1_150
    begin()(now())
    assert rows("SELECT (SELECT count(*) FROM delivery_ready), (SELECT count(*) FROM delivery_waiting WHERE why = 'hold')") == [(0, 300)]
    assert rows("SELECT count(*), count(DISTINCT delivery_id) FROM delivery_event WHERE kind = 'held'") == [(300, 300)]
    assert StandingAction.objects.filter(state="active").count() == 2
