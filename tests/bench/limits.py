"""Limits under fire: what the providers count while engines die, freeze and hand over.

A platform of its own: two nodes with two engines each, 20 sending IPs in one pool, four simulated providers that hold every limit strictly for
each source IP and count each time one is overrun: connections, messages a connection, messages in any second or any minute. Two of them are far
away (each answer takes LATENCY_MS), one has a mail host of its own for every customer. Ours are told the same limits. While work for every provider
is queued all the time, an engine is killed (-9), another is frozen (SIGSTOP) for 3 s, and an IP is moved to the other node.

violations   everything that the providers counted from the first message to the last, breaches of the protocol included
used_share   accepted, of what the rates permitted: for each IP the time during which an engine owned it, times every provider's rate. An
             engine that is dead or frozen owns its IPs until it has been buried; that time counts. The time in which an IP had no owner does
             not (`unowned_s`, all IPs together); `used_share_of_all` counts that as well. The burst that a provider's window would let
             through at its very beginning counts as not permitted: in the long run it is nothing.
"""

import contextlib
import http.client
import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
from psycopg.types.json import Jsonb

from tests.flow.platform import Client, Platform, running, wait_until

DELIVERIES, SHORT_DELIVERIES = 50_000, 2_400
IPS_PER_NODE, NODES, ENGINES = 10, {"north-1": 1, "south-1": 2}, 4
POOL, STREAM = "harbour", "transactional"
BATCH, QUEUED_EACH = 200, 1_000
LOOK_S, TELL_S, MOST_S = 0.1, 10.0, 600.0
FROZEN_S = 3.0
LATENCY_MS = 60


@dataclass(frozen=True, slots=True)
class Place:
    """A provider: its name there, its key with us, and the limits that both are told."""

    sandbox: str
    key: str
    domains: tuple[str, ...]
    connections: int
    messages_per_connection: int
    per_second: int | None = None
    per_minute: int | None = None
    latency_ms: int = 0

    @property
    def rate(self) -> float:
        """Messages a second for one IP."""
        return min(rate for rate in (self.per_second, self.per_minute and self.per_minute / 60) if rate)

    def habits(self) -> dict[str, object]:
        return {
            "connections_per_ip": self.connections, "messages_per_connection": self.messages_per_connection, "messages_per_second": self.per_second or 0,
            "messages_per_minute": self.per_minute or 0, "messages_per_hour": 0, "latency_ms": self.latency_ms, "burst_per_s": 0.0, "reputation_start": 1.0,
        }  # fmt: skip

    def overrides(self) -> dict[str, object]:
        return {
            "connections": self.connections, "messages_per_connection": self.messages_per_connection, "per_second": self.per_second,
            "per_minute": self.per_minute, "connections_per_minute": None, "per_hour": None, "per_day": None,
        }  # fmt: skip


CUSTOMERS = tuple(f"customer{n}.microsoft365.test" for n in range(3))
PLACES = (
    Place("gmail", "google", ("gmail.com",), connections=4, messages_per_connection=20, per_minute=200, latency_ms=LATENCY_MS),
    Place("yahoo", "yahoo", ("yahoo.com",), connections=2, messages_per_connection=20, per_minute=200),
    Place("microsoft365", "microsoft_365", CUSTOMERS, connections=6, messages_per_connection=15, per_second=4, latency_ms=LATENCY_MS // 3),
    Place("gmx", "gmx_webde", ("gmx.net",), connections=2, messages_per_connection=10, per_second=4),
)
RATE = sum(place.rate for place in PLACES)
READY = "SELECT p.key, count(*) FROM delivery_ready r JOIN pools_provider p ON p.id = r.provider_id GROUP BY p.key"
ENGINE = "SELECT e.pid FROM delivery_engine e JOIN pools_node n ON n.id = e.node_id WHERE n.name = %s ORDER BY e.slot LIMIT 1"
AT_STRENGTH = "SELECT count(*), coalesce(min(n), 0) FROM (SELECT count(*) AS n FROM delivery_iplease GROUP BY engine_id) AS owned"
HAVE_SENT = "SELECT count(*) FROM pools_path WHERE limits_now <> '{}' AND provider_id = ANY (SELECT id FROM pools_provider WHERE key = ANY (%s))"


def run(short: bool) -> dict[str, float]:
    with _engines_per_node(ENGINES // len(NODES)), running() as platform:
        _prepare(platform)
        return _measure(platform, SHORT_DELIVERIES if short else DELIVERIES)


@contextlib.contextmanager
def _engines_per_node(count: int) -> Iterator[None]:
    former = os.environ.get("ENGINES_PER_NODE")
    os.environ["ENGINES_PER_NODE"] = str(count)
    try:
        yield
    finally:
        del os.environ["ENGINES_PER_NODE"]
        if former is not None:
            os.environ["ENGINES_PER_NODE"] = former


def _prepare(platform: Platform) -> None:
    """IPs, limits on both sides, and engines that start with them."""
    for place in PLACES:
        platform.control("habits", provider=place.sandbox, **place.habits())
    with platform.database() as connection:
        connection.execute("UPDATE warming_warmingpolicy SET is_on = false")  # new IPs send at full speed here
        for node, number in NODES.items():
            for n in range(1, IPS_PER_NODE + 1):
                _add_ip(connection, node, f"127.10.{number}.{n}", f"mta-{number}{n}.{node}.platform.example")
        for place in PLACES:
            connection.execute("UPDATE pools_provider SET overrides = %s WHERE key = %s", [Jsonb(place.overrides()), place.key])
        # Beyond its rate transactional mail orders as notification, which leaves a fifth of every limit unused.
        connection.execute("UPDATE tenants_tenant SET transactional_rate_per_s = 1e6")
        connection.execute("UPDATE pools_node SET engine_slots = %s", [ENGINES // len(NODES)])
    before = platform.engine_pids()
    for pid in before.values():
        os.kill(pid, signal.SIGUSR1)
    wait_until(lambda: not before.keys() & platform.engine_pids().keys(), 30, "the first engines had ended")
    wait_until(lambda: platform.rows(AT_STRENGTH) == [(ENGINES, IPS_PER_NODE * len(NODES) // ENGINES)], 60, "four engines had five IPs each")


def _add_ip(connection: psycopg.Connection, node: str, address: str, ehlo_name: str) -> None:
    connection.execute(
        "INSERT INTO pools_sendingip (node_id, address, ehlo_name, egress, proxy, state, added_at)"
        " SELECT id, %s, %s, 'bind', '', 'active', now() FROM pools_node WHERE name = %s ON CONFLICT (address) DO NOTHING",
        [address, ehlo_name, node],
    )
    connection.execute(
        "INSERT INTO pools_poolmember (pool_id, ip_id, own) SELECT p.id, i.id, true FROM pools_pool p, pools_sendingip i"
        " WHERE p.name = %s AND i.address = %s ON CONFLICT (pool_id, ip_id) DO UPDATE SET own = true",
        [POOL, address],
    )


def _measure(platform: Platform, count: int) -> dict[str, float]:
    stop = threading.Event()
    threads = [threading.Thread(target=_feed, args=(platform, stop), daemon=True)]
    for thread in threads:
        thread.start()
    try:
        wait_until(lambda: _flows_everywhere(platform), 90, "every path had sent")
        taken_before, first, owned = _taken(platform), _accepted(platform), Owned(platform)
        faults = threading.Thread(target=_befall, args=(platform, lambda: _accepted(platform) - first, count, stop), daemon=True)
        threads.append(faults)
        faults.start()
        told_s = started = time.monotonic()
        while (accepted := _accepted(platform) - first) < count or faults.is_alive():
            owned.look()
            now_s = time.monotonic()
            assert now_s - started < MOST_S, "it took too long"
            if now_s - told_s >= TELL_S:
                told_s = now_s
                print(f"{accepted:>7,} accepted after {now_s - started:4.0f} s, of {owned.total_s * RATE:,.0f} permitted", flush=True)
            time.sleep(LOOK_S)
        accepted, lasted_s = _accepted(platform) - first, owned.look()
        taken = {name: count - taken_before[name] for name, count in _taken(platform).items()}
    finally:
        stop.set()
        for thread in threads:
            thread.join(30)
    platform.withdraw_everything()
    counts = platform.sandbox("/api/counts")["providers"]
    return _figures(accepted, taken, lasted_s, owned.total_s, counts)


def _figures(accepted: int, taken: dict[str, int], lasted_s: float, owned_s: float, counts: dict[str, dict[str, dict[str, int]]]) -> dict[str, float]:
    violations = {f"{name}: {what}": n for name, one in counts.items() for what, n in one["violations"].items()}
    for what, n in violations.items():
        print(f"violated at {what}, {n} times")
    for place in PLACES:
        print(f"{place.sandbox:<14}{taken[place.sandbox] / (owned_s * place.rate):8.1%} of {place.rate:.2f} a second and IP")
    all_s = IPS_PER_NODE * len(NODES) * lasted_s
    figures = {
        "violations": sum(violations.values()), "used_share": accepted / (owned_s * RATE), "used_share_of_all": accepted / (all_s * RATE),
        "unowned_s": all_s - owned_s, "accepted": accepted, "seconds": lasted_s, "permitted_per_s": IPS_PER_NODE * len(NODES) * RATE,
        "accepted_per_s": accepted / lasted_s, "deferred": sum(counts[place.sandbox].get("deferred", 0) for place in PLACES),  # type: ignore[misc,arg-type]
    }  # fmt: skip
    return {key: float(value) for key, value in figures.items()}


class Owned:
    """How long each IP had an owner, added up."""

    def __init__(self, platform: Platform) -> None:
        self._connection = platform.database()
        self._since = self._at = time.monotonic()
        self._count = self._owned()
        self.total_s = 0.0

    def look(self) -> float:
        """Count on; how long this has been going on."""
        count, now = self._owned(), time.monotonic()
        self.total_s += (now - self._at) * max(count, self._count)
        self._at, self._count = now, count
        return now - self._since

    def _owned(self) -> int:
        return int(self._connection.execute("SELECT count(*) FROM delivery_iplease").fetchone()[0])  # type: ignore[index]


def _flows_everywhere(platform: Platform) -> bool:
    return platform.rows(HAVE_SENT, [place.key for place in PLACES]) == [(IPS_PER_NODE * len(NODES) * len(PLACES),)]


def _accepted(platform: Platform) -> int:
    return int(platform.sandbox("/api/counts")["last"])


def _taken(platform: Platform) -> dict[str, int]:
    """By provider."""
    return {name: int(one.get("accepted", 0)) for name, one in platform.sandbox("/api/counts")["providers"].items()}


def _feed(platform: Platform, stop: threading.Event) -> None:
    """Keep work for every provider in the queue."""
    client, serial = platform.client(), 0
    common = {"from": platform.address(), "text": "Hello " * 50, "stream": STREAM}
    with platform.database() as connection:
        while not stop.is_set():
            ready = dict(connection.execute(READY).fetchall())
            place = min(PLACES, key=lambda place: ready.get(place.key, 0))
            if ready.get(place.key, 0) >= QUEUED_EACH:
                stop.wait(0.1)
                continue
            serial += BATCH
            batch = [{**common, "to": f"user{n}@{place.domains[n % len(place.domains)]}", "subject": str(n)} for n in range(serial, serial + BATCH)]
            _submit(client, batch, serial)


def _submit(client: Client, batch: list[dict[str, str]], serial: int) -> None:
    with contextlib.suppress(OSError, http.client.HTTPException):
        status, answer = client.post("/api/v1/messages/batch", {"messages": batch}, Idempotency_Key=f"limits-{serial}")
        assert status in (202, 409, 503), answer


def _befall(platform: Platform, accepted: "object", count: int, stop: threading.Event) -> None:
    """A third of the way through one engine is killed, then one is frozen, then an IP moves."""
    faults = ((0.2, _kill), (0.4, _freeze), (0.6, _move))
    for share, fault in faults:
        while accepted() < share * count and not stop.is_set():  # type: ignore[operator]
            time.sleep(LOOK_S)
        if not stop.is_set():
            print(f"{accepted():>7,} accepted: {fault(platform)}", flush=True)  # type: ignore[operator]


def _kill(platform: Platform) -> str:
    ((pid,),) = platform.rows(ENGINE, "north-1")
    os.kill(pid, signal.SIGKILL)
    return "an engine of north-1 is killed"


def _freeze(platform: Platform) -> str:
    ((pid,),) = platform.rows(ENGINE, "south-1")
    os.kill(pid, signal.SIGSTOP)
    time.sleep(FROZEN_S)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)
    return f"an engine of south-1 was frozen for {FROZEN_S:g} s"


def _move(platform: Platform) -> str:
    platform.rows("UPDATE pools_sendingip SET node_id = (SELECT id FROM pools_node WHERE name = 'south-1') WHERE address = '127.10.1.2' RETURNING id")
    return "127.10.1.2 moves to south-1"
