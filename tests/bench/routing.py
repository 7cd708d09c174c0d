"""Eight paths, four of them in trouble: what share each policy gives them, and how soon mail is delivered.

One engine with eight sending IPs, two providers: one IP is answered eight times as slowly as the others, one may send one a second (a learned rate
that the provider enforces), one is met with silence, one is blocked at one provider; four are well. Mail comes as it comes: Poisson at two thirds of
what the healthy connections can take, a twelfth of it all at once in the middle. Ours against round robin, weighted random (by our own live score) and
least-loaded (fewest in hand, ties in turn). All have the same engine, limits, timeouts, circuit, suspension and reroute, and give no path more than it
may have in hand while another has room; they differ in which open path takes the next delivery (`delivery.engine.setup.Setup.pick`). Each repeat
gives every policy the same arrivals, in another order of the policies. Delivered is the provider's 250, counted from when the message was due to be
stored; what has not arrived when the run is over counts as delivered then.
"""

import asyncio
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from psycopg import Connection

from delivery.engine.choose import Pick, Runner, soonest
from delivery.engine.setup import Setup
from delivery.queue.claim import Claim
from delivery.smtp.target import Timeouts
from delivery.smtp.tls import TlsContexts
from mailplatform.shell.addresses import AddressPolicy
from tests.bench.paths import house as houses
from tests.bench.paths.peers import Habit, Peers

CONNECTIONS = 2
WELL = Habit()
SLOW, LIMITED, SILENT, BLOCKED = (f"127.10.9.{n}" for n in (1, 2, 3, 4))
HEALTHY = tuple(f"127.10.9.{n}" for n in (5, 6, 7, 8))
ADDRESSES = (SLOW, LIMITED, SILENT, BLOCKED, *HEALTHY)
PER_MINUTE = 60
SLOWER = 8
BLOCK = b"550 5.7.1 Unfortunately, messages from [192.0.2.1] weren't sent. Part of their network is on our block list (S3150)."
HABITS = {
    "google": {SLOW: Habit(answer_s=SLOWER * WELL.answer_s), LIMITED: Habit(per_s=PER_MINUTE / 60), SILENT: Habit(silent=True)},
    "microsoft_consumer": {SLOW: Habit(answer_s=SLOWER * WELL.answer_s), LIMITED: Habit(per_s=PER_MINUTE / 60), SILENT: Habit(silent=True),
                           BLOCKED: Habit(refusal=BLOCK)},
}  # fmt: skip
HEALTHY_PER_S = (2 * len(HEALTHY) + 1) * CONNECTIONS / WELL.answer_s
LOAD, IN_THE_BURST = 0.65, 0.08
SILENCE_S = 4.0
LONGEST_TAIL_S = 12.0
NAMES = {SLOW: "slow", LIMITED: "rate-limited", SILENT: "black hole", BLOCKED: "blocked at one", **dict.fromkeys(HEALTHY, "well")}


@dataclass(frozen=True, slots=True)
class Plan:
    seconds: float
    repeats: int
    policies: tuple[str, ...] = ("ours", "round robin", "weighted random", "least-loaded")


FULL, SHORT = Plan(15.0, 3), Plan(6.0, 1)


@dataclass(frozen=True, slots=True)
class Run:
    waits_s: list[float]
    shares: dict[str, float]
    undelivered: int
    violations: int
    doubled: int


def run(short: bool) -> dict[str, float]:
    """On a database of its own."""
    from mailplatform.up.postgres import EmbeddedPostgres

    folder = Path(tempfile.mkdtemp(prefix="mp-routing-"))
    server = EmbeddedPostgres(folder, fsync="off")
    try:
        server.start()
        for command in ("migrate", "load_catalogue"):
            environment = {**os.environ, "DATABASE_URL": server.url, "DATA_DIR": str(folder), "MAIL_MODE": "sandbox", "SECRET_KEY": "routing" * 8,
                           "ENCRYPTION_KEYS": "cm91dGluZ3JvdXRpbmdyb3V0aW5ncm91dGluZ3JvdXQ="}  # fmt: skip
            subprocess.run([sys.executable, "manage.py", command, "-v0"], check=True, env=environment, stdout=subprocess.DEVNULL)
        return measure(server.url, SHORT if short else FULL)
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def measure(url: str, plan: Plan) -> dict[str, float]:
    """On a migrated database with the catalogue in it, and nothing else."""
    runs: dict[str, list[Run]] = {name: [] for name in plan.policies}
    with Connection.connect(url, autocommit=True) as connection:
        house = houses.build(connection, ADDRESSES, CONNECTIONS)
        for repeat in range(plan.repeats):
            order = list(plan.policies)
            random.Random(f"order {repeat}").shuffle(order)
            for name in order:
                runs[name].append(_one(connection, url, house, name, arrivals(plan.seconds, f"arrivals {repeat}")))
    _table(runs)
    return _figures(runs)


def arrivals(seconds: float, seed: str) -> list[tuple[float, str, int]]:
    """(when, provider, purpose), in order."""
    dice = random.Random(seed)
    per_s = LOAD * HEALTHY_PER_S * (1 - IN_THE_BURST)
    gaps = accumulate(dice.expovariate(per_s) for _ in range(int(per_s * seconds)))
    times = sorted([*gaps, *[seconds / 2] * int(per_s * seconds * IN_THE_BURST / (1 - IN_THE_BURST))])
    return [(at_s, dice.choice(list(houses.DOMAINS)), dice.choice((0, 1))) for at_s in times]


# -- policies ---------------------------------------------------------------------------------------------------------


def _with_room(pick: Pick) -> Pick:
    """No policy gives a path more than it may have in hand while another has room: that is a limit, not a policy."""
    return lambda runners, claim, waited_s: pick([runner for runner in runners if runner.has_room] or runners, claim, waited_s)


def round_robin() -> Pick:
    last: dict[tuple[int, int], int] = {}

    def pick(runners: Sequence[Runner], claim: Claim, waited_s: float) -> Runner:
        lane = (claim.pool_id, claim.provider_id)
        ordered = sorted(runners, key=lambda runner: runner.ip_id)
        chosen = next((runner for runner in ordered if runner.ip_id > last.get(lane, 0)), ordered[0])
        last[lane] = chosen.ip_id
        return chosen

    return pick


def weighted_random() -> Pick:
    dice = random.Random("weighted")
    return lambda runners, claim, waited_s: dice.choices(runners, [1.0 + runner.score for runner in runners])[0]


def least_loaded() -> Pick:
    turn = round_robin()

    def pick(runners: Sequence[Runner], claim: Claim, waited_s: float) -> Runner:
        fewest = min(runner.path.in_hand for runner in runners)
        return turn([runner for runner in runners if runner.path.in_hand == fewest], claim, waited_s)

    return pick


POLICIES: dict[str, Callable[[], Pick]] = {
    "ours": lambda: soonest,
    "round robin": lambda: _with_room(round_robin()),
    "weighted random": lambda: _with_room(weighted_random()),
    "least-loaded": lambda: _with_room(least_loaded()),
}


# -- one run ----------------------------------------------------------------------------------------------------------


def _one(connection: Connection, url: str, house: houses.House, name: str, coming: Sequence[tuple[float, str, int]]) -> Run:
    folder = Path(tempfile.mkdtemp(prefix="mp-routing-journal-"))
    try:
        with Peers(HABITS, name) as peers:
            houses.tidy(connection, house, peers.ports, {LIMITED: PER_MINUTE})
            stored: dict[str, float] = {}
            setup = Setup("routing-1/a", url, "127.0.0.1:1", 25, "", AddressPolicy("sandbox"), b"routing", "bounces.routing.example", folder, 3600,
                          timeouts=Timeouts(connect_s=SILENCE_S, banner_s=SILENCE_S), pick=POLICIES[name]())  # fmt: skip
            asyncio.run(_drive(url, setup, lambda: _inject(url, house, coming, stored, peers)))
            return _account(stored, peers)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


async def _drive(url: str, setup: Setup, inject: Callable[[], None]) -> None:
    """An engine from its start to its drain, around the injection."""
    from delivery.engine.lease import lease_connection
    from delivery.engine.start import _run
    from delivery.queue.fence import register

    lease = lease_connection(url)
    engine_id = register(lease, houses.NODE, 0, os.getpid())
    assert engine_id is not None
    engine = asyncio.create_task(_run(engine_id, houses.NODE, lease, setup, TlsContexts()))
    injecting = asyncio.create_task(asyncio.to_thread(inject))
    await asyncio.wait([engine, injecting], return_when=asyncio.FIRST_COMPLETED)
    assert injecting.done(), f"the engine ended first: {engine}"
    injecting.result()
    signal.raise_signal(signal.SIGUSR1)
    await engine


def _inject(url: str, house: houses.House, coming: Sequence[tuple[float, str, int]], stored: dict[str, float], peers: Peers) -> None:
    with Connection.connect(url, autocommit=True) as connection:
        start = time.monotonic() + 1.5  # the engine takes its IPs first
        number = 0
        while number < len(coming):
            time.sleep(max(0.0, start + coming[number][0] - time.monotonic()))
            due = [one for one in coming[number:] if start + one[0] <= time.monotonic()]
            sent = houses.send(connection, house, [(number + n, provider, purpose) for n, (_, provider, purpose) in enumerate(due)])
            stored.update(zip(sent, (start + at_s for at_s, _, _ in due), strict=True))
            number += len(due)
    deadline = time.monotonic() + LONGEST_TAIL_S
    while len(peers.accepted) < len(stored) and time.monotonic() < deadline:
        time.sleep(0.05)


def _account(stored: dict[str, float], peers: Peers) -> Run:
    over = time.monotonic()
    accepted = peers.accepted
    waits = sorted((accepted[delivery].at_s if delivery in accepted else over) - at for delivery, at in stored.items())
    shares = {address: sum(one.address == address for one in accepted.values()) / len(stored) for address in ADDRESSES}
    return Run(waits, shares, len(stored.keys() - accepted.keys()), peers.violations, peers.doubled)


# -- what it came to --------------------------------------------------------------------------------------------------


def percentile(ordered: Sequence[float], percent: int) -> float:
    """The smallest value that so many per cent do not exceed."""
    return ordered[max(0, -(-len(ordered) * percent // 100) - 1)]


def _median(runs: Sequence[Run], percent: int) -> float:
    return statistics.median(percentile(one.waits_s, percent) for one in runs)


def _table(runs: dict[str, list[Run]]) -> None:
    ours = next(iter(runs.values()))
    print(f"{len(ours)} runs of {len(ours[0].waits_s)} messages; {LOAD:.0%} of {HEALTHY_PER_S:.0f}/s on average, {IN_THE_BURST:.0%} of it at once")
    print(f"{'':<18}" + "".join(f"{NAMES[ip] if ip not in HEALTHY else 'well ' + ip[-1]:>15}" for ip in ADDRESSES))
    for name, several in runs.items():
        print(f"{name:<18}" + "".join(f"{statistics.median(one.shares[ip] for one in several):>15.1%}" for ip in ADDRESSES))
    print(f"\n{'seconds':<18}{'p50':>9}{'p90':>9}{'p95':>9}{'p99':>9}{'not in time':>13}{'violations':>12}{'doubled':>9}")
    for name, several in runs.items():
        cells = "".join(f"{_median(several, percent):>9.3f}" for percent in (50, 90, 95, 99))
        late, over, twice = (sum(counts) for counts in zip(*((one.undelivered, one.violations, one.doubled) for one in several), strict=True))
        print(f"{name:<18}{cells}{late:>13}{over:>12}{twice:>9}")


def _figures(runs: dict[str, list[Run]]) -> dict[str, float]:
    ours = _median(runs["ours"], 95)
    figures = {f"p95_vs_{name.replace(' ', '_').replace('-', '_')}": ours / _median(several, 95) for name, several in runs.items() if name != "ours"}
    return figures | {
        "p50_ms": 1000 * _median(runs["ours"], 50),
        "p95_ms": 1000 * ours,
        "undelivered": float(sum(one.undelivered for one in runs["ours"])),
        "violations": float(sum(one.violations for several in runs.values() for one in several)),
        "doubled": float(sum(one.doubled for several in runs.values() for one in several)),
    }
