"""Random faults at full speed: what is lost, what goes twice, and how soon mail flows again.

A platform of its own gets 30,000 deliveries to 200 domains while 30 faults befall it: kill -9 of an engine, a cluster, a node agent, a
watcher; SIGSTOP of an engine for 3 s; a restart of the database; a provider cut off for 3 s; DNS dead for 5 s. Afterwards every accepted delivery is
looked for in the sandbox. A double is explained when its history shows the unknowable moment: an attempt with the verdict unknown, a number
missing among its attempts (an engine died between its dot and the answer), or two acceptances of which the first came from an engine that a
watcher had to give up without its journal. Recovery is from a fault until half a second has brought half of the usual again, or the
queue holds too little that no provider's limit holds back.
"""

import contextlib
import http.client
import os
import random
import signal
import statistics
import threading
import time
from collections.abc import Callable

from tests.flow.platform import Client, Platform, running, wait_until

DELIVERIES, FAULTS = 30_000, 30
SHORT_DELIVERIES, SHORT_FAULTS = 2_400, 8
BATCH, DOMAINS, MOST_QUEUED = 200, 200, 4_000
WINDOW_S, NO_RECOVERY_S = 0.5, 60.0
BUSIEST = "SELECT e.pid FROM delivery_engine e LEFT JOIN delivery_claimed c ON c.engine_id = e.id GROUP BY e.id, e.pid ORDER BY count(c.id) DESC LIMIT 1"
UNKNOWABLE = "SELECT (SELECT coalesce(sum(unknowable), 0) FROM monitoring_verdict) + (SELECT count(*) FROM delivery_attempt WHERE verdict = 'unknown')"
# What could go at once: a lane that a provider's own limits hold back counts little, however much of it waits.
WORK = "SELECT coalesce(sum(least(n, 20)), 0) FROM (SELECT count(*) AS n FROM delivery_ready GROUP BY pool_id, provider_id) lane"
# What engines died of twice is held for a person: here that person lets it go.
WAITING = "SELECT id, why, scope FROM delivery_waiting WHERE why IN ('retry', 'hold')"
ATTEMPTS = """
    SELECT ('x' || right(a.id::text, 2))::bit(8)::int, a.engine_id, a.verdict, coalesce(v.kind, 'alive'), a.started_at
      FROM delivery_attempt a LEFT JOIN monitoring_verdict v ON v.engine_id = a.engine_id
     WHERE a.id BETWEEN %s::uuid AND (left(%s::text, 34) || 'ff')::uuid ORDER BY 1
"""


def run(short: bool) -> dict[str, float]:
    with running() as platform:
        platform.control("no_limits", provider="*")
        return _measure(platform, *((SHORT_DELIVERIES, SHORT_FAULTS) if short else (DELIVERIES, FAULTS)))


def _measure(platform: Platform, count: int, faults: int) -> dict[str, float]:
    dice = random.Random(f"{count} {faults}")
    kinds = (list(FAULTS_BY_NAME) * faults)[:faults]
    dice.shuffle(kinds)
    flow, accepted, allowed = Flow(platform), [], [count // (faults + 1)]
    submitting = threading.Thread(target=_submit, args=(platform, platform.client(), count, accepted, allowed), daemon=True)
    submitting.start()
    wait_until(lambda: flow.look() > BATCH, 60, "mail flowed")
    recoveries = []
    for number, kind in enumerate(kinds):
        _until_flowing(flow, submitting)
        allowed[0] = -(-(number + 2) * count // (faults + 1))  # each fault finds its share of the work
        wait_until(lambda: _queued(platform) > BATCH // 2 or not submitting.is_alive(), 30, "there was work", every_s=0.01)
        at = time.monotonic()
        FAULTS_BY_NAME[kind](platform, dice)
        recovery_s = flow.recovered_after(at, lambda: _has_work(platform))
        recoveries.append(recovery_s)
        print(f"{number + 1:>3}  {kind:<22} flows again after {recovery_s:5.1f} s   ({len(accepted):,} submitted)", flush=True)
    submitting.join(600)
    assert not submitting.is_alive(), "not everything was accepted"
    wait_until(lambda: _let_go(platform) == 0, 300, "everything was delivered", every_s=0.5)
    return _account(platform, accepted) | {"recovery_s": max(recoveries), "recovery_p50_s": statistics.median(recoveries), "faults": float(faults)}


def _submit(platform: Platform, client: Client, count: int, accepted: list[str], allowed: list[int]) -> None:
    common = {"from": platform.address(), "text": "Hello " * 50, "stream": "transactional"}
    for start in range(0, count, BATCH):
        while start >= allowed[0] or _queued(platform) > MOST_QUEUED:
            time.sleep(0.05)
        batch = [{**common, "to": f"user{n}@crash-{n % DOMAINS}.example", "subject": str(n)} for n in range(start, min(start + BATCH, count))]
        while True:
            status, answer = 0, None
            with contextlib.suppress(OSError, http.client.HTTPException):
                status, answer = client.post("/api/v1/messages/batch", {"messages": batch}, Idempotency_Key=f"crash-{start}")
            if status == 202:
                break
            assert status in (0, 409, 503), answer
            time.sleep(0.2)
        accepted += [delivery["id"] for message in answer["messages"] for delivery in message["deliveries"]]


class Flow:
    """How many the sandbox has accepted, and how fast."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._usual: list[float] = []

    def look(self) -> int:
        return int(self._platform.sandbox("/api/counts")["last"])

    def rate(self) -> float:
        before, at = self.look(), time.monotonic()
        time.sleep(WINDOW_S)
        return (self.look() - before) / (time.monotonic() - at)

    @property
    def unknown(self) -> bool:
        return not any(self._usual)

    def usual(self) -> float:
        """The rate of now; it counts among the usual ones while anything flows."""
        rate = self.rate()
        self._usual += [rate] if rate else []
        return rate

    def recovered_after(self, at: float, has_work: Callable[[], bool]) -> float:
        """Seconds from `at` to the end of the first window with half of the usual rate, or with too little left to do for that."""
        half = statistics.median(self._usual or [2.0]) / 2
        while time.monotonic() - at < NO_RECOVERY_S:
            if self.rate() >= half or not has_work():
                return time.monotonic() - at
        return NO_RECOVERY_S


def _until_flowing(flow: Flow, submitting: threading.Thread) -> None:
    deadline = time.monotonic() + 30
    while flow.usual() == 0 and submitting.is_alive() and flow.unknown and time.monotonic() < deadline:
        pass


def _queued(platform: Platform) -> int:
    try:
        return platform.queued()
    except Exception:  # the database is away: that is one of the faults
        return MOST_QUEUED + 1


def _has_work(platform: Platform) -> bool:
    try:
        return int(platform.rows(WORK)[0][0]) > BATCH
    except Exception:  # the database is away: that is one of the faults
        return True


def _let_go(platform: Platform) -> int:
    """What was deferred during a fault is due at once; how many are in the queue."""
    from delivery.queue.promote import let_go

    with platform.database() as connection:
        waiting = connection.execute(WAITING).fetchall()
        let_go(connection, [delivery for delivery, _, _ in waiting])
    for delivery, why, scope in waiting:
        if why == "hold":
            print(f"held and let go: {delivery}, {scope}")
    return platform.queued()


def _account(platform: Platform, accepted: list[str]) -> dict[str, float]:
    arrivals = platform.arrivals()
    lost = [delivery for delivery in accepted if delivery not in arrivals]
    doubled = [delivery for delivery in accepted if arrivals.get(delivery, 0) > 1]
    for delivery in lost:
        print("lost:", delivery, platform.rows("SELECT recipient, final, reason, reply FROM delivery_delivery WHERE id = %s::uuid", delivery))
    causes = {delivery: _cause(platform, delivery, arrivals[delivery]) for delivery in doubled}
    for cause in sorted(set(causes.values())):
        print(f"doubled, {list(causes.values()).count(cause)} times: {cause}")
    for kind, count, unknowable in platform.rows("SELECT kind, count(*), sum(unknowable) FROM monitoring_verdict GROUP BY 1"):
        print(f"verdicts: {count} {kind}, which left {unknowable} answers unknowable")
    # And no more went twice than dead engines' journals leave open, lost answers say, and answers that came late.
    late = list(causes.values()).count(LATE)
    beyond = sum(arrivals[delivery] - 1 for delivery in doubled) - int(platform.rows(UNKNOWABLE)[0][0]) - late
    unexplained = max(list(causes.values()).count(NOBODY_KNOWS), beyond)
    figures = {"deliveries": len(accepted), "lost": len(lost), "doubled": len(doubled), "doubled_unexplained": unexplained}
    return {key: float(value) for key, value in figures.items()}


LATE = "a watcher gave it back while no agent could read its engine's journal; the answer came late"
LOST = "its connection broke after the dot: the attempt says unknown"
DIED = "its engine died between the dot and the answer: the attempt's number is missing"
NOBODY_KNOWS = "NOT EXPLAINED"


def _cause(platform: Platform, delivery: str, times: int) -> str:
    """Why this one arrived more than once, by its history."""
    attempts = platform.rows(ATTEMPTS, delivery, delivery)
    numbers = [number for number, *_ in attempts]
    verdicts = [verdict for _, _, verdict, *_ in attempts]
    missing = sorted(set(range(1, max(numbers, default=0) + 1)) - set(numbers))
    cause = NOBODY_KNOWS
    if "unknown" in verdicts:
        cause = LOST
    elif any(verdict == "delivered" and kind == "lapsed" for _, _, verdict, kind, _ in attempts) and verdicts.count("delivered") > 1:
        cause = LATE
    elif missing:
        cause = DIED
    told = ", ".join(f"{number}: {verdict} by engine {engine} ({kind}) at {at:%H:%M:%S.%f}" for number, engine, verdict, kind, at in attempts)
    print(f"doubled: {delivery}, {times} times; {told}; missing {missing}: {cause}")
    return cause


# -- faults -----------------------------------------------------------------------------------------------------------


def _kill_engine(platform: Platform, dice: random.Random) -> None:
    _signal(platform, signal.SIGKILL)


def _stop_engine(platform: Platform, dice: random.Random) -> None:
    pid = _signal(platform, signal.SIGSTOP)
    time.sleep(3)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)


def _signal(platform: Platform, number: signal.Signals) -> int:
    ((pid,),) = wait_until(lambda: platform.rows(BUSIEST), 60, "there was an engine")
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
    return int(pid)


def _kill(command: str, variable: str, values: tuple[str, ...]) -> Callable[[Platform, random.Random], None]:
    def kill(platform: Platform, dice: random.Random) -> None:
        value = dice.choice(values)
        pid = wait_until(lambda: platform.pid_of(command, **{variable: value}), 60, f"{command} of {value} was there")
        os.kill(pid, signal.SIGKILL)

    return kill


def _restart_database(platform: Platform, dice: random.Random) -> None:
    pid = platform.pid_of("postgres")
    os.kill(pid, signal.SIGINT)
    wait_until(lambda: platform.pid_of("postgres") not in (0, pid) and platform.ready(), 90, "the database was back")


def _cut_off_provider(platform: Platform, dice: random.Random) -> None:
    provider = dice.choice(["gmail", "microsoft365", "small"])
    platform.control("outage", provider=provider, mode="reset")
    time.sleep(3)
    platform.control("outage", provider=provider, on=False)


def _dns_dead(platform: Platform, dice: random.Random) -> None:
    platform.control("dns", mode="dead")
    time.sleep(5)
    platform.control("dns", mode="ok")


FAULTS_BY_NAME: dict[str, Callable[[Platform, random.Random], None]] = {
    "engine killed": _kill_engine,
    "engine frozen for 3 s": _stop_engine,
    "cluster killed": _kill("delivery_cluster", "NODE", ("north-1", "south-1")),
    "node agent killed": _kill("node_agent", "NODE", ("north-1", "south-1")),
    "watcher killed": _kill("manage.py watcher", "ZONE", ("north", "south")),
    "database restarted": _restart_database,
    "provider cut off": _cut_off_provider,
    "DNS dead for 5 s": _dns_dead,
}
