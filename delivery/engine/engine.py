"""Engine: what its loops share, and the loops themselves.

Owns: everything this incarnation has in its hands (`in_hand`), its paths and outboxes. Promises: a delivery is in `in_hand` from its claim until it is
recorded or given back; nothing is begun while `stopping`; a lost lease stops everything at once and leaves the journal behind
for the agent. How it fails: by ending; the agent starts another.
"""

import asyncio
import random
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path as Folder
from typing import Any
from uuid import UUID

import structlog
from psycopg import AsyncConnection, Connection, Error

from delivery.engine.database import Database
from delivery.engine.dealing import choose, make_bids
from delivery.engine.journal import Journal
from delivery.engine.lease import Lease
from delivery.engine.outbox import Job, Outbox, Site
from delivery.engine.path import Path
from delivery.engine.persist import save_paths, save_state
from delivery.engine.recorder import Recorder
from delivery.engine.sites import Sites
from delivery.engine.sorter import Sorter
from delivery.engine.worker import Worker
from delivery.engine.world import World, load_world
from delivery.queue import claim as queue
from delivery.queue.fence import leave
from delivery.queue.promote import promote_due
from delivery.queue.record import Settled, give_back_unbegun
from delivery.queue.sort import Sorted
from delivery.queue.wake import CHANNEL, SORTING, notify
from delivery.sign.dkim import Signer
from delivery.sign.keyring import Keyring
from delivery.sign.returnpath import return_path
from delivery.smtp.addresses import AddressPolicy
from delivery.smtp.target import Timeouts
from delivery.smtp.tls import TlsContexts
from delivery.sort.resolver import Resolver
from pools.outcomes import Outcome

POLL_S = 0.1
LOOK_EVERYWHERE_S = 1.0
CLAIM_ROWS = 500
BODIES_KEPT = 500
BODY_KEPT_BYTES = 256 * 1024
DRAIN_S = 8.0
BUDGET_S, BUDGET_SHARE, BUDGET_FLOOR = 30.0, 0.10, 20
log = structlog.get_logger(__name__)


class Engine:
    """One incarnation. `run()` returns when it was drained, its slice is over or its lease is lost."""

    def __init__(self, engine_id: int, node: str, lease: Lease, journal: Journal, database: Database, setup: "Setup") -> None:
        self.id, self.node, self.lease, self.journal, self.setup = engine_id, node, lease, journal, setup
        self.database = database
        self.in_database = database.run
        self.resolver = Resolver(setup.resolver)
        self.tls = TlsContexts(setup.extra_ca_file)
        self.policy = setup.policy
        self.timeouts = setup.timeouts
        self.keyring = Keyring()
        self.world: World
        self.stopping = False
        self.in_hand: dict[UUID, queue.Claim] = {}
        self.paths: dict[tuple[int, int], Path] = {}
        self.outboxes: dict[tuple[int, int, Site], Outbox] = {}
        self.recorder = Recorder(engine_id, database.record, self._recorded)
        self.sorter = Sorter(self)
        self.sites = Sites(setup.smtp_port, self.sorter)
        self.jitter: Callable[[], float] = random.random
        self._lanes: dict[tuple[int, int], float] = {}
        self._bodies: OrderedDict[UUID, queue.StoredBody] = OrderedDict()
        self._wanted = asyncio.Event()
        self._ended = asyncio.Event()
        self._workers: set[asyncio.Task[None]] = set()
        self._signing = ThreadPoolExecutor(2, thread_name_prefix="sign")
        self._clock = (time.monotonic(), datetime.now().astimezone())
        self._reroutes: dict[tuple[int, int], deque[tuple[float, bool]]] = {}
        self._settled_count = 0

    # -- life ---------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        self._set_world(await self.in_database(load_world, self.id, self.node, None))
        self._loop = asyncio.get_running_loop()
        loops = [
            asyncio.create_task(loop, name=loop.__name__)
            for loop in (self._tick(), self._claim_loop(), self._listen(), self._promote_loop(), self._watch_world(), self.recorder.run(), self.sorter.run())
        ]
        ended = asyncio.create_task(self._ended.wait())
        try:
            done, _ = await asyncio.wait([ended, *loops], timeout=self.setup.slice_s, return_when=asyncio.FIRST_COMPLETED)
            for task in done - {ended}:
                log.error("loop_ended", loop=task.get_name(), error=repr(task.exception()))
            if not self.lease.lost:
                await self._drain()
        finally:
            for task in (*loops, ended, *self._workers):
                task.cancel()
            await asyncio.gather(*loops, *self._workers, return_exceptions=True)
            self._signing.shutdown(wait=False)

    def stop(self) -> None:
        """Drain and end. May be called from any thread."""
        self._loop.call_soon_threadsafe(self._ended.set)

    async def _drain(self) -> None:
        """Nothing new is begun; what is begun is finished within DRAIN_S; the rest goes back as it came."""
        self.stopping = True
        for outbox in self.outboxes.values():
            self.give_back(outbox.drain())
            while outbox.close_one_idle():
                pass
        deadline = time.monotonic() + DRAIN_S
        while any(not worker.done() for worker in self._workers) and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        await self.recorder.flushed()
        if not any(not worker.done() for worker in self._workers):
            await self.in_database(leave, self.id)

    async def _tick(self) -> None:
        """The loop lives; the journal reaches the disk; limits step back."""
        while True:
            self.lease.tick()
            await self._loop.run_in_executor(None, self.journal.flush)
            for path in self.paths.values():
                path.recover(time.monotonic(), self.now().timestamp())
            await asyncio.sleep(0.05)

    async def _watch_world(self) -> None:
        while True:
            await asyncio.sleep(1.0)
            try:
                self._set_world(await self.in_database(load_world, self.id, self.node, self.world))
                await self.in_database(save_paths, [path for path in self.paths.values() if path.changed], self.monotonic_to_wall)
                await self.in_database(save_state, self.id, self._state())
            except Error as error:
                log.warning("world_not_loaded", error=str(error))

    def _set_world(self, world: World) -> None:
        self.world = world
        self._clock = (time.monotonic(), world.now)
        now = time.monotonic()
        for key, facts in world.paths.items():
            path = self.path(*key)
            path.reputation = facts.score
            if facts.state in ("paused", "quarantined"):
                path.close_for(2.0, now, facts.state)
            if facts.suspended_until and facts.suspended_until > world.now:
                path.closed_until_s = max(path.closed_until_s, now + (facts.suspended_until - world.now).total_seconds())
        self.sites.routes, self.sites.tls_exceptions = world.routes, world.tls_exceptions

    # -- time ---------------------------------------------------------------------------------------------------------

    def now(self) -> datetime:
        """The database's wall time, carried on by this machine's monotonic clock."""
        at, wall = self._clock
        return wall + timedelta(seconds=time.monotonic() - at)

    def monotonic_to_wall(self, at_s: float) -> datetime:
        return self.now() + timedelta(seconds=at_s - time.monotonic())

    # -- claiming -----------------------------------------------------------------------------------------------------

    def work_in(self, lanes: Iterable[tuple[int, int]]) -> None:
        """These lanes have something to claim."""
        now = time.monotonic()
        self._lanes.update((lane, now) for lane in lanes)
        self._wanted.set()

    async def _listen(self) -> None:
        """Wake-ups of others. A lost one costs at most POLL_S to LOOK_EVERYWHERE_S."""
        while True:
            try:
                async with await AsyncConnection.connect(self.setup.database_url, autocommit=True) as connection:
                    await connection.execute(f"LISTEN {CHANNEL}")
                    async for notice in connection.notifies():
                        self._hear(notice.payload)
            except Error as error:
                log.warning("not_listening", error=str(error))
                await asyncio.sleep(0.2)

    def _hear(self, payload: str) -> None:
        words = payload.split(",")
        if SORTING in words:
            self.sorter.wake()
        if "*" in words:
            self._look_at = 0.0
            self._wanted.set()
        lanes = [tuple(map(int, word.split(":"))) for word in words if ":" in word]
        if lanes:
            self.work_in(lanes)  # type: ignore[arg-type]

    async def _claim_loop(self) -> None:
        self._look_at = 0.0
        connection: AsyncConnection[Any] | None = None
        while True:
            try:
                async with asyncio.timeout(POLL_S):
                    await self._wanted.wait()
            except TimeoutError:
                pass
            self._wanted.clear()
            try:
                if connection is None:
                    connection = await self._claim_connection()
                await self._claim_round(connection)
            except Error as error:
                log.warning("claim_failed", error=str(error))
                connection = None
                await asyncio.sleep(0.1)

    async def _claim_connection(self) -> AsyncConnection[Any]:
        connection = await AsyncConnection.connect(self.setup.database_url, autocommit=True, options=CLAIM_PLANNER)
        # A COMMIT whose answer never came: what the database says is ours and we do not know goes back as it came.
        rows = await (await connection.execute("SELECT id FROM delivery_claimed WHERE engine_id = %s", [self.id])).fetchall()
        if stray := [row[0] for row in rows if row[0] not in self.in_hand]:
            await self.in_database(_give_back, self.id, stray)
        return connection

    async def _claim_round(self, connection: AsyncConnection[Any]) -> None:
        if self.stopping or not self.lease.valid():
            return
        now = time.monotonic()
        if now >= self._look_at:
            self._look_at = now + LOOK_EVERYWHERE_S
            self.work_in(await queue.lanes_with_work(connection, list(self.world.pools)))
        bids, next_handicap_s = make_bids(self._lanes, self.world, self.path, now, CLAIM_ROWS)
        if not bids:
            return
        claims = await queue.claim(connection, self.id, bids, self.now())
        self.in_hand.update((claim.id, claim) for claim in claims)
        got = {(claim.pool_id, claim.provider_id) for claim in claims}
        for bid in bids:
            lane = (bid.pool_id, bid.provider_id)
            if (lane not in got and bid.handicap_ms == 0) or now - self._lanes.get(lane, now) > 5:
                self._lanes.pop(lane, None)
        if claims:
            await self._deal(connection, claims)
            self._wanted.set()
        elif next_handicap_s is not None:
            self._loop.call_later(next_handicap_s, self._wanted.set)

    async def _deal(self, connection: AsyncConnection[Any], claims: Sequence[queue.Claim]) -> None:
        """Bodies and sites, then each claim to the best of its open paths."""
        await self._load_bodies(connection, {claim.body_id for claim in claims})
        await self.sites.load(connection, {claim.domain for claim in claims})
        now = time.monotonic()
        unplaced = []
        for claim in claims:
            self.recorder.claimed((claim.pool_id, claim.provider_id, claim.purpose), claim.tag)
            path, why = choose(claim, self.world, self.path, now, self.now())
            body = self._bodies.get(claim.body_id)
            site = self.sites.of(claim.domain, self.world.provider(claim.provider_id)[0])
            if path is None or body is None or site is None:
                unplaced.append(claim.id)
                continue
            path.in_hand += 1
            job = Job(claim, body, path, self.world.provider(claim.provider_id)[0], now, {**why, "engine": self.setup.name})
            outbox = self._outbox(path, site)
            outbox.put(job)
            self._open_connections(outbox)
        if unplaced:
            await self._return(unplaced)

    async def _load_bodies(self, connection: AsyncConnection[Any], ids: set[UUID]) -> None:
        missing = [body_id for body_id in ids if body_id not in self._bodies]
        if missing:
            for body in await queue.bodies(connection, missing):
                self._bodies[body.id] = body
        while len(self._bodies) > BODIES_KEPT + len(ids):
            self._bodies.popitem(last=False)

    def path(self, ip_id: int, provider_id: int) -> Path:
        key = (ip_id, provider_id)
        found = self.paths.get(key)
        if found is None:
            found = self.paths[key] = Path.new(ip_id, provider_id, self.world.provider(provider_id)[1])
        return found

    # -- connections --------------------------------------------------------------------------------------------------

    def _outbox(self, path: Path, site: Site) -> Outbox:
        key = (path.ip_id, path.provider_id, site)
        found = self.outboxes.get(key)
        if found is None:
            found = self.outboxes[key] = Outbox(path, site)
        return found

    def _open_connections(self, outbox: Outbox) -> None:
        while outbox.wants_connection():
            if not outbox.path.slots.take(time.monotonic()):
                if outbox.workers == 0:
                    self._free_a_slot(outbox)
                return
            outbox.workers += 1
            task = asyncio.create_task(Worker(self, outbox).run())
            self._workers.add(task)
            task.add_done_callback(self._workers.discard)

    def _free_a_slot(self, wanting: Outbox) -> None:
        """All of the path's connections are at other sites: one that is idle goes, and this one is tried again when it has."""
        for outbox in self.outboxes.values():
            if outbox.path is wanting.path and outbox is not wanting and outbox.close_one_idle():
                return

    def worker_ended(self, ended: Outbox) -> None:
        """A slot is free: whoever of this path waits gets it, after the slot's linger."""
        for outbox in [box for box in self.outboxes.values() if box.path is ended.path and len(box)]:
            self._open_connections(outbox)
        if not ended.workers and not len(ended):
            self.outboxes.pop((ended.path.ip_id, ended.path.provider_id, ended.site), None)

    # -- what workers need --------------------------------------------------------------------------------------------

    async def addresses(self, host: str, ipv6: bool) -> tuple[str, ...]:
        return tuple(address for address in await self.resolver.addresses(host) if (":" in address) == ipv6)

    async def signers(self, domain_id: int) -> tuple[Signer, ...]:
        known = self.keyring.known(domain_id)
        return await self.in_database(_load_keys, self.keyring, domain_id) if known is None else known

    async def in_thread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        return await self._loop.run_in_executor(self._signing, function, *arguments)

    def delivery_head(self, claim: queue.Claim) -> bytes:
        """Header lines that name this one delivery."""
        return b"X-Mailplatform-Delivery: %s\r\n" % str(claim.id).encode()

    def return_path(self, delivery: UUID) -> str:
        return return_path(delivery, self.setup.secret, self.setup.return_path_domain)

    def other_paths(self, claim: queue.Claim, ip_id: int) -> int:
        """Sending IPs of the pool, on any engine, that this delivery has not tried."""
        return len(self.world.pools.get(claim.pool_id, {}).keys() - {ip_id, *claim.avoid_ip_ids})

    def budget_left(self, claim: queue.Claim) -> bool:
        """Reroutes of a lane: at most a tenth of the last 30 s' attempts, and 20. Beyond that it is the provider, not the path."""
        recent = self._reroutes.setdefault((claim.pool_id, claim.provider_id), deque())
        while recent and recent[0][0] < time.monotonic() - BUDGET_S:
            recent.popleft()
        return sum(rerouted for _, rerouted in recent) < BUDGET_SHARE * len(recent) + BUDGET_FLOOR

    def act(self, path: Path, outcome: Outcome, said: str) -> None:
        """What a response rule wants done to the path."""
        if outcome.action:
            path.act(outcome.action, outcome.rule or "", time.monotonic(), self.now().timestamp(), f"{outcome.rule}: {said[:200]}")

    # -- the end of a claim -------------------------------------------------------------------------------------------

    def settled(self, job: Job, settled: Settled) -> None:
        """Journal first, then the recorder."""
        self.journal.answer(settled)
        job.path.in_hand -= 1
        self._settled_count += 1
        self._reroutes.setdefault((job.claim.pool_id, job.claim.provider_id), deque(maxlen=20_000)).append((time.monotonic(), settled.reroute))
        self.recorder.add(settled)
        self._wanted.set()

    def _recorded(self, batch: list[Settled]) -> None:
        for settled in batch:
            self.in_hand.pop(settled.attempt.delivery_id, None)
        self.journal.recorded([settled.attempt.id for settled in batch])

    def give_back(self, jobs: Iterable[Job]) -> None:
        """Not begun, or stopped before the dot: they go back as they came."""
        jobs = list(jobs)
        for job in jobs:
            job.path.in_hand -= 1
        if jobs:
            task = asyncio.create_task(self._return([job.id for job in jobs]))
            self._workers.add(task)
            task.add_done_callback(self._workers.discard)

    async def _return(self, ids: list[UUID]) -> None:
        while not self.lease.lost:
            try:
                await self.in_database(_give_back, self.id, ids)
                break
            except Error:
                await asyncio.sleep(0.1)
        self.journal.forget(ids)
        for delivery in ids:
            self.in_hand.pop(delivery, None)

    # -- other loops --------------------------------------------------------------------------------------------------

    async def _promote_loop(self) -> None:
        while True:
            await asyncio.sleep(0.2)
            if self.stopping:
                continue
            try:
                lanes = await self.in_database(promote_due)
                if lanes:
                    self.work_in(lanes)
                    await self.in_database(notify, lanes)
            except Error as error:
                log.warning("promote_failed", error=str(error))

    def domains_sorted(self, found: Sequence[Sorted], providers: dict[str, int]) -> None:
        self.sites.learn(found)

    def _state(self) -> dict[str, Any]:
        busy = [path for path in self.paths.values() if path.in_hand or path.slots.open]
        return {
            "in_hand": len(self.in_hand),
            "connections": sum(path.slots.open for path in busy),
            "settled": self._settled_count,
            "ips": sorted(self.world.ips),
            "paths": len(self.paths),
        }


# The claim must use ready_of_lane, whatever the statistics say of a table that turns over completely (ENGINE §1).
CLAIM_PLANNER = "-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off -c enable_bitmapscan=off -c jit=off"


class Setup:
    """What an engine is told at its start; see delivery.engine.start."""

    def __init__(
        self, *, name: str, database_url: str, resolver: str, smtp_port: int, extra_ca_file: str, policy: AddressPolicy, secret: bytes,
        return_path_domain: str, journal_folder: Folder, slice_s: float, timeouts: Timeouts | None = None,
    ) -> None:  # fmt: skip
        self.name, self.database_url, self.resolver, self.smtp_port, self.extra_ca_file = name, database_url, resolver, smtp_port, extra_ca_file
        self.policy, self.secret, self.return_path_domain, self.journal_folder = policy, secret, return_path_domain, journal_folder
        self.slice_s, self.timeouts = slice_s, timeouts or Timeouts()


def _give_back(connection: Connection, engine_id: int, ids: Sequence[UUID]) -> None:
    with connection.transaction(), connection.cursor() as cursor:
        give_back_unbegun(cursor, engine_id, ids)


def _load_keys(connection: Connection, keyring: Keyring, domain_id: int) -> tuple[Signer, ...]:
    with connection.cursor() as cursor:
        return keyring.load(cursor, domain_id)
