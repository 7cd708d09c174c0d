"""Failover: how soon what fails is found, how soon its mail goes along others, and what is lost.

Two zones, three nodes, 300 messages a second through the API: a client that knows both zones' and tries the other after a second with the same
Idempotency-Key. 40 faults: an engine killed, an engine frozen, a node cut off from the database alone, a zone cut off (database and API), a sending
IP whose packets vanish, a watcher killed just when a node is cut off; then 20 minutes of the same load while all cores burn. Where network
namespaces are refused what needs them is left out, and said.

Times are the database's, of rows that the platform wrote: verdicts, attempts, deliveries. A fault's own time is this machine's clock, which is the database's.
Claims that were in the victim's hands are read right after the fault. `false_verdicts` are those on engines that nobody had touched.
"""

import contextlib
import http.client
import itertools
import json
import os
import random
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from pools.binds import CIRCUIT_OPENS_AT
from tests.bench import _own_network as network
from tests.bench._two_zones import NODES, WAYS, TwoZones, two_zones
from tests.bench.crash import LATE, NOBODY_KNOWS, UNKNOWABLE, _cause, _let_go
from tests.flow.platform import wait_until

RATE_PER_S, BATCH, CLIENTS, DOMAINS = 300, 10, 4, 40
OTHER_ZONE_AFTER_S, GIVES_UP_S = 1.0, 10.0
BURN_S, SHORT_BURN_S = 1200.0, 120.0
WARM_UP_S = 15.0  # twelve IPs open their first connections to forty domains
CUT_S, BLACK_HOLE_S = 3.0, 7.0
KINDS = {"killed": 10, "frozen": 8, "node cut": 7, "zone cut": 5, "black hole": 6, "watcher killed": 4}
SHORT_KINDS = {"killed": 4, "frozen": 3, "node cut": 2, "zone cut": 1, "black hole": 1, "watcher killed": 1}
NEED_A_NETWORK = {"node cut", "zone cut", "black hole", "watcher killed"}
ENGINES = "SELECT e.id, e.pid, n.name FROM delivery_engine e JOIN pools_node n ON n.id = e.node_id"
BUSIEST = "SELECT engine_id FROM delivery_claimed WHERE engine_id = ANY(%s) GROUP BY 1 ORDER BY count(*) DESC LIMIT 1"
VERDICTS = "SELECT engine_id, at, kind, judge, evidence FROM monitoring_verdict WHERE engine_id = ANY(%s)"
IN_HAND = "SELECT id, engine_id FROM delivery_claimed WHERE engine_id = ANY(%s)"
AGAIN = """
    SELECT min(a.started_at) FROM unnest(%s::uuid[]) h(id) JOIN delivery_attempt a ON a.id > h.id AND a.id <= (left(h.id::text, 34) || 'ff')::uuid
     WHERE NOT a.engine_id = ANY(%s) AND a.started_at > %s
"""
FATES = "SELECT count(*) FILTER (WHERE done_at IS NULL), max(done_at) FROM delivery_delivery WHERE id = ANY(%s)"
LEASED = """
    SELECT ip.id, host(ip.address) FROM pools_sendingip ip JOIN delivery_iplease l ON l.ip_id = ip.id
     WHERE NOT EXISTS (SELECT 1 FROM pools_path p WHERE p.ip_id = ip.id AND p.circuit_failures > 0) ORDER BY ip.id
"""
SHUT = "SELECT provider_id FROM pools_path WHERE ip_id = %s AND circuit_failures > 0"
CIRCUIT = f"""
    SELECT min(updated_at) FROM pools_path WHERE ip_id = %s AND circuit_failures >= {CIRCUIT_OPENS_AT} AND updated_at > %s AND NOT provider_id = ANY (%s)
"""


@dataclass
class Client:
    """Who sends: an open loop of batches."""

    platform: TwoZones
    accepted: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    slow: int = 0
    ending: threading.Event = field(default_factory=threading.Event)
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        self._threads = [threading.Thread(target=self._run, args=(number,), daemon=True) for number in range(CLIENTS)]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self.ending.set()
        for thread in self._threads:
            thread.join(GIVES_UP_S + 5)

    def _run(self, number: int) -> None:
        keys = json.loads((self.platform.data / "demo-keys.json").read_text())
        headers = {"Authorization": f"Bearer {keys[self.platform.demo['tenant']['name']]}", "Content-Type": "application/json"}
        doors = [Door(self.platform.port, headers), Door(self.platform.south_port, headers)]
        every_s, due_s = BATCH * CLIENTS / RATE_PER_S, time.monotonic() + number * BATCH / RATE_PER_S
        while not self.ending.wait(max(0.0, due_s - time.monotonic())):
            due_s = max(due_s + every_s, time.monotonic() - 1.0)  # what a fault held up is made up for, up to a second's worth
            self._send(doors[number % 2 :] + doors[: number % 2])

    def _send(self, doors: "list[Door]") -> None:
        key = next(self._numbers)
        common = {"from": self.platform.address(), "text": "Hello " * 50, "stream": "transactional", "subject": str(key)}
        body = json.dumps({"messages": [{**common, "to": f"user{n}@fail-{(key + n) % DOMAINS}.example"} for n in range(BATCH)]}).encode()
        began_s, said = time.monotonic(), ""
        for door in itertools.cycle(doors):
            status, said, answer = door.post(body, f"failover-{os.getpid()}-{key}")
            if status == 202:
                self.accepted += [delivery["id"] for message in answer["messages"] for delivery in message["deliveries"]]
                self.slow += time.monotonic() - began_s > OTHER_ZONE_AFTER_S
                return
            if time.monotonic() - began_s > GIVES_UP_S:
                break
            time.sleep(0.05)
        self.errors.append(said)


class Door:
    """One zone's API, over a connection that is kept."""

    def __init__(self, port: int, headers: dict[str, str]) -> None:
        self._port, self._headers = port, headers
        self._connection: http.client.HTTPConnection | None = None

    def post(self, body: bytes, key: str) -> tuple[int, str, dict]:  # type: ignore[type-arg]
        connection = self._connection = self._connection or http.client.HTTPConnection("127.0.0.1", self._port, timeout=OTHER_ZONE_AFTER_S)
        try:
            connection.request("POST", "/api/v1/messages/batch", body, {**self._headers, "Idempotency-Key": key})
            response = connection.getresponse()
            raw = response.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            self._connection = None
            return 0, repr(error), {}
        return response.status, f"{response.status} {raw[:200]!r}", json.loads(raw) if response.status == 202 else {}


@dataclass
class Figures:
    """What was measured, in milliseconds, by kind."""

    found: dict[str, list[float]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    reroute: list[float] = field(default_factory=list)
    back: list[float] = field(default_factory=list)
    victims: set[int] = field(default_factory=set)


class Faults:
    """Each befalls the platform, waits for what follows, and notes it."""

    def __init__(self, platform: TwoZones, dice: random.Random, figures: Figures) -> None:
        self._platform, self._dice, self._figures = platform, dice, figures

    def commit(self, kind: str) -> str:
        """One fault; what came of it, in words."""
        return {"killed": self._killed, "frozen": self._frozen, "node cut": self._node_cut, "zone cut": self._zone_cut, "black hole": self._black_hole,
                "watcher killed": self._watcher_killed}[kind]()  # fmt: skip

    def _killed(self) -> str:
        return self._signal("killed", signal.SIGKILL)

    def _frozen(self) -> str:
        return self._signal("frozen", signal.SIGSTOP)

    def _signal(self, kind: str, number: signal.Signals) -> str:
        engines = {engine: pid for engine, pid, _ in self._platform.rows(ENGINES)}
        busiest = self._platform.rows(BUSIEST, list(engines))
        victim = busiest[0][0] if busiest else self._dice.choice(sorted(engines))
        with contextlib.closing(self._platform.database()) as connection:  # opened before the fault: what is in hand is read at once
            at = datetime.now(UTC)
            os.kill(engines[victim], number)
            hand = connection.execute(IN_HAND, [[victim]]).fetchall()
        return self._follow(kind, {victim}, at, [row[0] for row in hand])

    def _node_cut(self) -> str:
        return self._cut("node cut", [self._dice.choice(["south-1", "south-2"])])

    def _watcher_killed(self) -> str:
        if zone := self._dice.choice(["north", "south"]):
            os.kill(self._platform.pid_of("manage.py watcher", ZONE="north") if zone == "north" else self._platform.child("watcher"), signal.SIGKILL)
        return self._cut("watcher killed", [self._dice.choice(["south-1", "south-2"])])

    def _zone_cut(self) -> str:
        zone = self._dice.choice(["north", "south"])
        ways = [name for name in WAYS if name == zone or NODES.get(name) == zone]
        return self._cut("zone cut", ways, [self._platform.port if zone == "north" else self._platform.south_port])

    def _cut(self, kind: str, ways: list[str], ports: list[int] | None = None) -> str:
        nodes = [node for node in NODES if node in ways or (NODES[node] in ways and NODES[node] == "north")]
        victims = {engine for engine, _, node in self._platform.rows(ENGINES) if node in nodes}
        at = datetime.now(UTC)
        network.drop(targets=[WAYS[way] for way in ways], target_ports=ports or [])
        ends = time.monotonic() + CUT_S
        try:
            time.sleep(0.2)
            hand = self._platform.rows(IN_HAND, list(victims))
            said = self._follow(kind, victims, at, [row[0] for row in hand])
            time.sleep(max(0.0, ends - time.monotonic()))
        finally:
            network.heal()
        return f"{'+'.join(nodes)}: {said}"

    def _follow(self, kind: str, victims: set[int], at: datetime, hand: list[UUID]) -> str:
        """Until the verdicts are there and what was in hand is done; bounded."""
        self._figures.victims |= victims
        verdicts = self._until(lambda: (found := self._platform.rows(VERDICTS, list(victims))) and len(found) == len(victims) and found, 10) or []
        found_ms = [_ms(at, row[1]) for row in verdicts]
        self._figures.found[kind] += found_ms or [10_000.0]
        if not verdicts or not hand:
            return f"{len(verdicts)} of {len(victims)} found after {found_ms} ms, nothing in hand"
        spoken = min(row[1] for row in verdicts)
        last = max(row[1] for row in verdicts)
        fates = self._until(lambda: (row := self._platform.rows(FATES, hand)[0])[0] == 0 and row, 10)
        again = self._platform.rows(AGAIN, hand, list(victims), spoken)[0][0]
        back_ms = max(0.0, _ms(last, fates[1])) if fates else 10_000.0
        self._figures.back.append(back_ms)
        rerouted = "nothing rerouted, for its journal had all answers"
        if again or not fates:
            self._figures.reroute.append(_ms(spoken, again) if again else 10_000.0)
            rerouted = f"rerouted {self._figures.reroute[-1]:.0f}"
        who = ", ".join(f"{row[2]} by {row[3]} ({row[4]['because']}, {row[4]['looks']} looks, {row[4]['took_ms']} ms)" for row in verdicts)
        found = ", ".join(f"{ms:.0f}" for ms in found_ms)
        return f"found after {found} ms: {who}; {len(hand)} in hand, {rerouted}, all done {back_ms:.0f} ms later"

    def _black_hole(self) -> str:
        """An IP none of whose paths counts failures: it is found when a circuit opens that was closed before. One that counted already proves nothing."""
        sound = self._until(lambda: self._platform.rows(LEASED), 30)
        if not sound:
            self._figures.found["black hole"].append(1000 * BLACK_HOLE_S)
            return "no IP without a failing path was there"
        ip, address = self._dice.choice(sound)
        before = [row[0] for row in self._platform.rows(SHUT, ip)]
        at = datetime.now(UTC)
        network.drop(sources=[address])
        ends = time.monotonic() + BLACK_HOLE_S
        try:
            shut = self._until(lambda: self._platform.rows(CIRCUIT, ip, at, before)[0][0], BLACK_HOLE_S)
            time.sleep(max(0.0, ends - time.monotonic()))
        finally:
            network.heal()
        ms = _ms(at, shut) if shut else 1000 * BLACK_HOLE_S
        self._figures.found["black hole"].append(ms)
        return f"{address}: found after {ms:.0f} ms"

    def _until(self, look: Callable[[], object], within_s: float):  # type: ignore[no-untyped-def]
        deadline = time.monotonic() + within_s
        while not (value := look()) and time.monotonic() < deadline:
            time.sleep(0.02)
        return value


def run(short: bool) -> dict[str, float]:
    refused = network.enter()
    if refused:
        print(f"Left out, what needs a network of one's own: {refused}.", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="mp-failover-"))
    kept = os.environ.get("KEEP_LOGS")
    try:
        with two_zones(folder) as platform:
            platform.control("no_limits", provider="*")
            return _measure(platform, short, bool(refused))
    finally:
        if kept:
            shutil.copytree(folder, kept, dirs_exist_ok=True, ignore=shutil.ignore_patterns("postgres", "run", "*.sock"))
        shutil.rmtree(folder, ignore_errors=True)


def _measure(platform: TwoZones, short: bool, refused: bool) -> dict[str, float]:
    dice, figures, client = random.Random(7 if short else 11), Figures(), Client(platform)
    kinds = [kind for kind, times in (SHORT_KINDS if short else KINDS).items() for _ in range(times) if not (refused and kind in NEED_A_NETWORK)]
    dice.shuffle(kinds)
    client.start()
    faults = Faults(platform, dice, figures)
    wait_until(lambda: len(client.accepted) > 3 * RATE_PER_S, 60, "mail flowed")
    time.sleep(WARM_UP_S)
    for number, kind in enumerate(kinds):
        _until_whole(platform)
        print(f"{number + 1:>3}  {kind:<15} {faults.commit(kind)}   ({len(client.accepted):,} accepted, {len(client.errors)} API errors)", flush=True)
    _until_whole(platform)
    burn_s = SHORT_BURN_S if short else BURN_S
    if "BURN_S" in os.environ:
        burn_s = float(os.environ["BURN_S"])
    _burn(burn_s)
    client.stop()
    wait_until(lambda: _let_go(platform) == 0, 120, "everything was delivered", every_s=0.5)
    for error in client.errors[:5]:
        print("API error:", error)
    print(f"{client.slow} submissions took more than a second")
    return _figures(platform, figures, client)


def _until_whole(platform: TwoZones) -> None:
    """All engines are there and the queue is short; a moment of rest."""
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline and not (platform.whole() and platform.queued() < 2 * RATE_PER_S):
        time.sleep(0.2)
    if time.monotonic() >= deadline:
        print(f"     not whole: {platform.rows(ENGINES)}, {platform.queued()} queued", flush=True)
    time.sleep(1.5)


def _burn(seconds: float) -> None:
    """Every core has a program that does nothing but work."""
    burners = [subprocess.Popen([sys.executable, "-c", f"import time\nuntil = time.time() + {seconds}\nwhile time.time() < until: pass"])
               for _ in range(len(os.sched_getaffinity(0)))]  # fmt: skip
    try:
        time.sleep(seconds)
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()


def _figures(platform: TwoZones, figures: Figures, client: Client) -> dict[str, float]:
    arrivals = platform.arrivals()
    lost = [delivery for delivery in client.accepted if delivery not in arrivals]
    for delivery in lost[:5]:
        print("lost:", delivery, platform.rows("SELECT recipient, final, reason, reply FROM delivery_delivery WHERE id = %s::uuid", delivery))
    doubled = [delivery for delivery in client.accepted if arrivals.get(delivery, 0) > 1]
    causes = [_cause(platform, delivery, arrivals[delivery]) for delivery in doubled]
    for cause in sorted(set(causes)):
        print(f"doubled, {causes.count(cause)} times: {cause}")
    beyond = sum(arrivals[delivery] - 1 for delivery in doubled) - int(platform.rows(UNKNOWABLE)[0][0]) - causes.count(LATE)
    false = [row for row in platform.rows("SELECT engine_id, kind, judge, at, evidence FROM monitoring_verdict") if row[0] not in figures.victims]
    for row in false:
        print("false verdict:", row)
    found = figures.found
    cut = found["frozen"] + found["node cut"] + found["zone cut"] + found["watcher killed"]
    return {
        "detect_dead_p99_ms": _p99(found["killed"]), "detect_frozen_p99_ms": _p99(cut), "detect_frozen_p50_ms": _p50(cut),
        "detect_blackhole_p99_ms": _p99(found["black hole"]), "reroute_p50_ms": _p50(figures.reroute), "reroute_p99_ms": _p99(figures.reroute),
        "claims_back_p99_ms": _p99(figures.back), "lost": float(len(lost)), "doubled": float(len(doubled)),
        "doubled_unexplained": float(max(causes.count(NOBODY_KNOWS), beyond, 0)), "api_errors": float(len(client.errors)),
        "false_verdicts": float(len(false)), "accepted": float(len(client.accepted)),
    }  # fmt: skip


def _p50(values: list[float]) -> float:
    return statistics.median(values) if values else 0.0


def _p99(values: list[float]) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))] if ordered else 0.0


def _ms(since: datetime, until: datetime) -> float:
    return (until - since).total_seconds() * 1000
