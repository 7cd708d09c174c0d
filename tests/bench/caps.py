"""Caps under fire: what providers count of warming paths while engines die, IPs move, a node is lost and the database's clock jumps.

A platform of its own whose hour lasts 20 s and whose day 120 s: two nodes with two engines each, eight sending IPs in one pool, all of them warming,
at one provider by an hour's cap and at another by a day's. Mail for both waits all the time. First nothing happens (the calm). Then IPs move from node
to node every few seconds, 20 engines are killed (-9), 8 of them within half a second of the end of a bucket of the day, and everything of a node is
killed for some seconds; during the last 8 kills the tests' clock shifts the database's time as well, by an hour ahead, back, behind, and back. The
simulated providers count by their own monotonic clock, each accepted RCPT, in every rolling window.

exceeded            (IP, provider, window) whose busiest window held more than its cap, from the first message to the last
used_share          of the calm: accepted, of what the caps permit in that time; `_hour` and `_day` by which cap binds
used_share_killed   the same while engines are killed, IPs move and a node is lost, without clock faults: what nobody owned counts as not used
used_share_storm    the same while engines are killed and the clock jumps
busiest_share       the busiest window of all, of its cap

What a kill or a lost node costs is seconds, whatever an hour is, and an hour of 20 s makes each of them three minutes. CAPS_HOUR_S=120 looks at the same
faults at the same pace with an hour of 120 s, its day and its caps scaled alike: nearer to what they cost in hours of 3,600.
"""

import contextlib
import http.client
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import psutil

from tests.bench.limits import _add_ip
from tests.flow.platform import Client, Platform, running, wait_until

HOUR_S = float(os.environ.get("CAPS_HOUR_S", 20))
DAY_S = 6 * HOUR_S
BUCKET_S = DAY_S / 96
NODES, ENGINES, IPS_PER_NODE = {"north-1": 1, "south-1": 2}, 4, 4
POOL, STREAM = "harbour", "transactional"
BATCH, QUEUED_EACH = 200, 400
LOST_S, MOVE_EVERY_S, NEAR_S = 4.0, 3.0, 0.5


@dataclass(frozen=True, slots=True)
class Place:
    """A provider: its name there, its key with us, and the caps of each IP there; `hourly`: the hour's is the one that binds."""

    sandbox: str
    key: str
    domain: str
    per_hour: int
    per_day: int
    hourly: bool

    @property
    def per_s(self) -> float:
        """What the caps permit in the long run."""
        return min(self.per_hour / HOUR_S, self.per_day / DAY_S)


_SCALE = HOUR_S / 20
PLACES = (
    Place("gmail", "google", "gmail.com", round(100 * _SCALE), round(1000 * _SCALE), True),
    Place("yahoo", "yahoo", "yahoo.com", round(84 * _SCALE), round(480 * _SCALE), False),
)


@dataclass(frozen=True, slots=True)
class Size:
    fill_s: float
    calm_s: float
    kills: int
    near_an_end: int
    jumping: int  # of the kills, the last ones, while the clock jumps
    kill_every_s: float
    shift_s: float


FULL = Size(fill_s=HOUR_S, calm_s=120, kills=20, near_an_end=8, jumping=8, kill_every_s=5, shift_s=8)
SHORT = Size(fill_s=4, calm_s=12, kills=6, near_an_end=2, jumping=4, kill_every_s=2.5, shift_s=1)
# What was accepted before the clock went back is not ready by it for an hour.
READY = "SELECT p.key, count(*) FROM delivery_ready r JOIN pools_provider p ON p.id = r.provider_id WHERE r.ready_at <= platform_now() GROUP BY p.key"
WARM = """
    INSERT INTO pools_path (ip_id, provider_id, state, score, why, learned, circuit_failures, open_connections, updated_at, warm_per_hour, warm_per_day)
    SELECT m.ip_id, v.id, 'open', 100, '', '{}', 0, 0, platform_now(), %(hour)s, %(day)s
      FROM pools_poolmember m JOIN pools_pool p ON p.id = m.pool_id, pools_provider v WHERE p.name = %(pool)s AND v.key = %(key)s
    ON CONFLICT (ip_id, provider_id) DO UPDATE SET warm_per_hour = excluded.warm_per_hour, warm_per_day = excluded.warm_per_day
"""
MOVE = """
    UPDATE pools_sendingip SET node_id = (SELECT id FROM pools_node WHERE name = %s)
     WHERE id = (SELECT id FROM pools_sendingip WHERE node_id = (SELECT id FROM pools_node WHERE name = %s) ORDER BY random() LIMIT 1) RETURNING id
"""
WINDOWS_TIME = "SELECT extract(epoch FROM platform_now())::float8 - coalesce((SELECT ahead_s FROM pools_allowanceclock), 0)"


def run(short: bool) -> dict[str, float]:
    with _settings(ENGINES_PER_NODE=ENGINES // len(NODES), ALLOWANCE_HOUR_S=HOUR_S, ALLOWANCE_DAY_S=DAY_S), running(within_s=240) as platform:
        _prepare(platform)
        return _measure(platform, SHORT if short else FULL)


@contextlib.contextmanager
def _settings(**values: object) -> Iterator[None]:
    former = {name: os.environ.get(name) for name in values}
    os.environ.update({name: str(value) for name, value in values.items()})
    try:
        yield
    finally:
        for name, value in former.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def _prepare(platform: Platform) -> None:
    platform.control("no_limits", provider="*")
    with platform.database() as connection:
        for node, number in NODES.items():
            for n in range(1, IPS_PER_NODE + 1):
                _add_ip(connection, node, f"127.10.{number}.{n}", f"mta-{number}{n}.{node}.platform.example")
        connection.execute("UPDATE pools_pool SET fallback_id = NULL WHERE name = %s", [POOL])
        for place in PLACES:
            connection.execute(WARM, {"hour": place.per_hour, "day": place.per_day, "pool": POOL, "key": place.key})
        connection.execute("UPDATE tenants_tenant SET transactional_rate_per_s = 1e6")
        connection.execute("UPDATE pools_node SET engine_slots = %s", [ENGINES // len(NODES)])
    wait_until(lambda: len(platform.engine_pids()) == ENGINES and _warming(platform), 60, "four engines had read the caps")
    platform.control("watch_windows", seconds=[HOUR_S, DAY_S])


def _warming(platform: Platform) -> bool:
    """Every engine has looked at the world since the caps were written."""
    time.sleep(2.5)
    return True


def _measure(platform: Platform, size: Size) -> dict[str, float]:
    stop, calm = threading.Event(), threading.Event()
    threads = [threading.Thread(target=_feed, args=(platform, stop), daemon=True), threading.Thread(target=_move, args=(platform, stop, calm), daemon=True)]
    calm.set()
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: all(_counted(platform, place) for place in PLACES), 60, "mail flowed to every provider")
        time.sleep(size.fill_s)
        quiet = _phase(platform, lambda: time.sleep(size.calm_s), "calm")
        calm.clear()
        storm = _Storm(platform, size)
        killed = _phase(platform, storm.kills, "kills")
        stormy = _phase(platform, storm.jumps, "storm")
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)
    platform.withdraw_everything()
    time.sleep(1.0)
    shares = {"used_share_killed": killed["used_share"], "used_share_storm": stormy["used_share"]}
    return _busiest(platform) | quiet | shares | {"kills": float(size.kills)}


def _phase(platform: Platform, lasts: "object", name: str) -> dict[str, float]:
    before, at = {place: _counted(platform, place) for place in PLACES}, time.monotonic()
    lasts()  # type: ignore[operator]
    lasted_s = time.monotonic() - at
    taken = {place: _counted(platform, place) - before[place] for place in PLACES}
    permitted = {place: place.per_s * len(NODES) * IPS_PER_NODE * lasted_s for place in PLACES}
    for place in PLACES:
        print(f"{name}: {place.sandbox:<8}{taken[place]:>7,} accepted of {permitted[place]:,.0f} permitted in {lasted_s:.1f} s", flush=True)
    shares = {f"used_share_{'hour' if place.hourly else 'day'}": taken[place] / permitted[place] for place in PLACES}
    return {"used_share": sum(taken.values()) / sum(permitted.values()), **shares, "calm_s": lasted_s, "accepted": float(sum(taken.values()))}


def _busiest(platform: Platform) -> dict[str, float]:
    shares = []
    for place in PLACES:
        for ip, told in sorted(_told(platform, place).items()):
            for window_s, cap in ((HOUR_S, place.per_hour), (DAY_S, place.per_day)):
                shares.append(told[f"{window_s:g}"] / cap)
                if shares[-1] > 1:
                    print(f"EXCEEDED: {ip} to {place.sandbox}: {told[f'{window_s:g}']} in {window_s:g} s, its cap is {cap}", flush=True)
    return {"exceeded": float(sum(share > 1 for share in shares)), "busiest_share": max(shares)}


def _told(platform: Platform, place: Place) -> dict[str, dict[str, int]]:
    return dict(platform.sandbox("/api/state")["providers"][place.sandbox]["busiest"])


def _counted(platform: Platform, place: Place) -> int:
    return sum(one["all"] for one in _told(platform, place).values())


# -- the storm --------------------------------------------------------------------------------------------------------


class _Storm:
    """Kills one after the other, those near a bucket's end strewn among the others."""

    def __init__(self, platform: Platform, size: Size) -> None:
        self.platform, self.size, self.dice = platform, size, random.Random(size.kills)
        self.near = [True] * size.near_an_end + [False] * (size.kills - size.near_an_end)
        self.dice.shuffle(self.near)

    def kills(self) -> None:
        """A node is lost in the middle of them."""
        count = self.size.kills - self.size.jumping
        for number, near in enumerate(self.near[:count]):
            if number == count // 2:
                _lose_node(self.platform, "north-1")
            self._kill(near)

    def jumps(self) -> None:
        """The clock jumps before every second kill."""
        shifts = ["1 hour", "0", "-1 hour", "0"]
        for number, near in enumerate(self.near[self.size.kills - self.size.jumping :]):
            if number * len(shifts) % self.size.jumping == 0:
                _shift(self.platform, shifts[number * len(shifts) // self.size.jumping])
                time.sleep(self.size.shift_s)
            self._kill(near)
        _shift(self.platform, "0")
        time.sleep(self.size.kill_every_s)

    def _kill(self, near: bool) -> None:
        time.sleep(max(0.0, self.size.kill_every_s - NEAR_S + self.dice.uniform(-1, 1)))
        _kill(self.platform, self.dice, near)


def _kill(platform: Platform, dice: random.Random, near: bool) -> None:
    """Exactly one: who is picked may be gone by itself, then another is."""
    wait_until(platform.engine_pids, 60, "there was an engine")
    if near:
        (now_s,) = platform.rows(WINDOWS_TIME)[0]
        left_s = (-now_s) % BUCKET_S
        time.sleep(max(0.0, left_s + dice.uniform(-0.9, 0.9) * NEAR_S))
    wait_until(lambda: _killed_one(platform, dice), 60, "an engine was killed", every_s=0.02)
    print(f"an engine is killed{' near the end of a bucket' if near else ''}", flush=True)


def _killed_one(platform: Platform, dice: random.Random) -> bool:
    pids = sorted(platform.engine_pids().values())
    dice.shuffle(pids)
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            return True
    return False


def _shift(platform: Platform, shift: str) -> None:
    """By the setting that all sessions read: for them it is as if the machine's clock had jumped."""
    with platform.database() as connection:
        connection.execute(f"ALTER SYSTEM SET mailplatform.clock_shift = '{shift}'")
        connection.execute("SELECT pg_reload_conf()")
    print(f"the database's clock is shifted: {shift}", flush=True)


def _lose_node(platform: Platform, node: str) -> None:
    """Everything of a node is killed as often as it comes back, for LOST_S."""
    until = time.monotonic() + LOST_S
    while time.monotonic() < until:
        for process in platform.processes():
            with contextlib.suppress(psutil.Error):
                if process.environ().get("NODE") == node:
                    process.kill()
        time.sleep(0.2)
    print(f"{node} was lost for {LOST_S:g} s", flush=True)


def _move(platform: Platform, stop: threading.Event, calm: threading.Event) -> None:
    """In the storm: an IP goes to the other node, and the next one back."""
    nodes = list(NODES)
    while not stop.wait(MOVE_EVERY_S):
        if not calm.is_set():
            with contextlib.suppress(Exception):
                platform.rows(MOVE, nodes[1], nodes[0])
                nodes.reverse()


def _feed(platform: Platform, stop: threading.Event) -> None:
    """Keep mail for every provider in the queue."""
    client, serial = platform.client(), 0
    common = {"from": platform.address(), "text": "Hello", "stream": STREAM}
    with platform.database() as connection:
        while not stop.is_set():
            ready = dict(connection.execute(READY).fetchall())
            place = min(PLACES, key=lambda place: ready.get(place.key, 0))
            if ready.get(place.key, 0) >= QUEUED_EACH:
                stop.wait(0.2)
                continue
            serial += BATCH
            _submit(client, [{**common, "to": f"user{n}@{place.domain}", "subject": str(n)} for n in range(serial, serial + BATCH)], serial)


def _submit(client: Client, batch: list[dict[str, str]], serial: int) -> None:
    with contextlib.suppress(OSError, http.client.HTTPException):
        status, answer = client.post("/api/v1/messages/batch", {"messages": batch}, Idempotency_Key=f"caps-{serial}")
        assert status in (202, 409, 503), answer
