"""The round of telling: plans each five seconds, sends and writes down each second, calls the heartbeat. One step that fails does not stop the others."""

from datetime import datetime, timedelta

from monitoring.steward import Act, Round
from monitoring.telling.heartbeat import Heartbeat
from monitoring.telling.plan import plan
from monitoring.telling.send import Send

PLAN_EVERY = timedelta(seconds=5)


def begin_telling() -> Act:
    send = Send()
    planned: datetime | None = None

    def act(at: datetime) -> None:
        nonlocal planned
        if planned is None or not timedelta() <= at - planned < PLAN_EVERY:
            plan(at)
            planned = at
        send.step(at)

    return act


def begin_heartbeat() -> Act:
    return Heartbeat().step


ROUNDS = (Round("telling", 1.0, begin_telling), Round("heartbeat", 1.0, begin_heartbeat))
