"""A deep queue costs no more than a shallow one: claims and throughput with 10 thousand to 5 million queued deliveries.

One platform. The queue is filled through the store function with campaigns that share bodies, over 100 lanes (domains, each its own provider). At each
depth the sending IPs rest while an engine's own statements are timed: claims of 200 rows over 100 lanes, and cycles of claim and record.
At the least and the greatest depth the real engines drain into a sink, signed, while a feeder keeps the depth: messages a second at the
sink, half a minute each, the least once before and once after the greatest. The short form is cycles alone, on a database of its own: at
10 and at 300 thousand, in turns.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from cryptography.fernet import Fernet

from delivery.queue.wake import notify
from mailplatform.up.postgres import EmbeddedPostgres
from tests.bench.priority import MARK, _prepare
from tests.bench.queue import cycles
from tests.bench.queue.campaigns import A_MESSAGE, Sender, load, make_domains, make_senders
from tests.bench.queue.cycles import LANES, ROWS, Cycles
from tests.bench.queue.sink import Sink
from tests.flow.platform import ROOT, Platform, running, wait_until

DEPTHS, SHORT_DEPTHS = (10_000, 100_000, 1_000_000, 5_000_000), (10_000, 300_000)
CYCLES, SHORT_CYCLES = 300, 100
DRAIN_S = 30.0
FEED_S = 0.5
SETTLE_S = 3.0
REST = "UPDATE pools_sendingip SET state = %s"
EMPTY = "TRUNCATE delivery_ready"


@dataclass(slots=True)
class Queue:
    """The queue of one database, as deep as it is told to be."""

    url: str
    sender: Sender
    domains: list[str]
    provider_ids: list[int]
    depth: int = 0
    loaded: int = 0

    @classmethod
    def of(cls, url: str, sender: Sender) -> "Queue":
        with psycopg.connect(url, autocommit=True) as connection:
            domains = make_domains(connection, LANES)
            found = connection.execute("SELECT id FROM pools_provider WHERE key = ANY (%s)", [[f"mx:{domain}" for domain in domains]])
            return cls(url, sender, domains, [row[0] for row in found])

    def fill(self, depth: int) -> float:
        """As deep as this, by loading what is missing; deliveries loaded a second."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            if depth < self.depth:
                connection.execute(EMPTY)
                self.depth = 0
        missing = depth - self.depth
        if missing < LANES:
            return 0.0
        took_s = load(self.url, [self.sender], self.domains, missing, first=self.loaded)
        self.loaded, self.depth = self.loaded + missing, depth
        return missing / took_s

    def cycles(self, count: int) -> Cycles:
        """So many claims and records at the depth that it has, in as many passes as that takes: what they took is put back."""
        depth, passes = self.depth, list[Cycles]()
        while (missing := count - sum(len(one.claim_ms) for one in passes)) > 0:
            self.fill(depth)
            several = min(missing, depth // ROWS - 15)
            passes.append(cycles.measure(self.url, self.sender.pool_id, self.provider_ids, several))
            self.depth -= (several + 10) * ROWS
        return cycles.together(passes)


def run(short: bool) -> dict[str, float]:
    return _short() if short else _full()


def _full() -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="mp-bench-") as folder, running() as platform:
        sink = Sink(Path(folder), MARK)
        try:
            queue = Queue.of(EmbeddedPostgres(platform.data).url, _prepare(platform, sink))
            by_depth: dict[int, Cycles] = {}
            drained: dict[int, list[float]] = {DEPTHS[0]: [], DEPTHS[-1]: []}
            _rest(platform, True)
            for depth in DEPTHS:
                _say(depth, queue.fill(depth), platform)
                by_depth[depth] = queue.cycles(CYCLES)
                _tell(depth, by_depth[depth])
                if depth in drained:
                    queue.fill(depth)
                    drained[depth].append(_drain(platform, sink, queue))
            queue.fill(DEPTHS[0])
            drained[DEPTHS[0]].append(_drain(platform, sink, queue))
            size = int(platform.rows("SELECT pg_database_size(current_database())")[0][0])
        finally:
            sink.stop()
    rates = {depth: statistics.mean(values) for depth, values in drained.items()}
    for depth, values in drained.items():
        print(f"{depth:>12,} queued: the engines drain " + " and ".join(f"{value:,.0f}" for value in values) + " messages/s")
    return {
        **_figures(by_depth), "throughput_ratio": rates[DEPTHS[-1]] / rates[DEPTHS[0]],
        **{f"drained_per_s_{depth}": rate for depth, rate in rates.items()}, "database_gb": size / 1e9,
    }  # fmt: skip


def _short() -> dict[str, float]:
    with _database() as url:
        return in_turns(url, SHORT_DEPTHS, SHORT_CYCLES)


def in_turns(url: str, depths: tuple[int, int], count: int, sender: Sender | None = None) -> dict[str, float]:
    """Cycles at the lesser depth, at the greater and at the lesser again."""
    queue = Queue.of(url, sender or _sender(url))
    by_depth: dict[int, Cycles] = {}
    for depth in (depths[0], depths[1], depths[0]):
        queue.fill(depth)
        measured = queue.cycles(count)
        _tell(depth, measured)
        by_depth[depth] = cycles.together([by_depth[depth], measured]) if depth in by_depth else measured
    return {**_figures(by_depth), "throughput_ratio": by_depth[depths[1]].per_s / by_depth[depths[0]].per_s}


def _figures(by_depth: dict[int, Cycles]) -> dict[str, float]:
    figures = {"claim_p99_ms": max(one.p99_ms for one in by_depth.values()), "cycles_ratio": by_depth[max(by_depth)].per_s / by_depth[min(by_depth)].per_s}
    for depth, one in by_depth.items():
        figures |= {f"claim_p50_ms_{depth}": one.p50_ms, f"claim_p99_ms_{depth}": one.p99_ms, f"cycles_per_s_{depth}": one.per_s}
    return figures


def _drain(platform: Platform, sink: Sink, queue: Queue) -> float:
    """Messages a second at the sink, by the real engines, while what they take is replaced."""
    stop = threading.Event()
    _rest(platform, False)
    feeding = threading.Thread(target=_feed, args=(queue, sink, stop), daemon=True)
    feeding.start()
    wait_until(lambda: sink.count() > 0, 30, "mail flowed")
    time.sleep(SETTLE_S)
    count, began = sink.count(), time.monotonic()
    time.sleep(DRAIN_S)
    rate = (sink.count() - count) / (time.monotonic() - began)
    _rest(platform, True)
    stop.set()
    feeding.join()
    return rate


def _feed(queue: Queue, sink: Sink, stop: threading.Event) -> None:
    """What the sink has taken is queued again, by one process that stays."""
    taken = sink.count()
    with psycopg.connect(queue.url, autocommit=True) as connection:
        notify(connection)
        while not stop.wait(FEED_S):
            count = sink.count()
            if count - taken >= A_MESSAGE:
                load(queue.url, [queue.sender], queue.domains, (count - taken) // A_MESSAGE * A_MESSAGE, processes=0, first=queue.loaded)
                queue.loaded += count - taken
                taken += (count - taken) // A_MESSAGE * A_MESSAGE
                notify(connection)


def _rest(platform: Platform, resting: bool) -> None:
    """The sending IPs rest, and what was in hand is sent or given back; or they go on."""
    with platform.database() as connection:
        connection.execute(REST, ["paused" if resting else "active"])
        if resting:
            wait_until(lambda: connection.execute("SELECT count(*) FROM delivery_claimed").fetchone() == (0,), 60, "nothing was in hand")


def _sender(url: str) -> Sender:
    """A tenant with a pool, where there is nothing yet."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("INSERT INTO pools_zone (name, title, state) SELECT 'bench', '', 'active' WHERE NOT EXISTS (SELECT 1 FROM pools_zone)")
        (pool,) = connection.execute("INSERT INTO pools_pool (name, kind) VALUES ('bench', 'shared') RETURNING id").fetchone() or (0,)
        return make_senders(connection, 1, pool, 1)[0]


@contextmanager
def _database() -> Iterator[str]:
    """A server of its own with the platform's tables."""
    with tempfile.TemporaryDirectory(prefix="mp-bench-") as folder:
        server = EmbeddedPostgres(Path(folder))
        server.start()
        try:
            keys = {"SECRET_KEY": "only-for-a-benchmark-" + os.urandom(16).hex(), "ENCRYPTION_KEYS": Fernet.generate_key().decode()}
            own = {"DATABASE_URL": server.url, "DATA_DIR": folder, "MAIL_MODE": "sandbox", **keys}
            subprocess.run([sys.executable, "manage.py", "migrate", "--verbosity", "0"], cwd=ROOT, env=os.environ | own, check=True, stdout=subprocess.DEVNULL)
            yield server.url
        finally:
            server.stop()


def _say(depth: int, per_s: float, platform: Platform) -> None:
    gb = int(platform.rows("SELECT pg_database_size(current_database())")[0][0]) / 1e9
    print(f"{depth:>12,} queued: loaded at {per_s:,.0f}/s, the database has {gb:.1f} GB", flush=True)


def _tell(depth: int, one: Cycles) -> None:
    print(f"{depth:>12,} queued: claim p50 {one.p50_ms:5.1f} ms, p99 {one.p99_ms:5.1f} ms, {one.per_s:,.0f} claimed and recorded/s", flush=True)
