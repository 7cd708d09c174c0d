"""Engine: what its loops share, and its life from the first look at the world to the last record.

Owns: everything this incarnation has in its hands (`in_hand`), and its paths. Promises: a delivery is in `in_hand` from its claim until it
is recorded or given back; nothing is begun while `stopping`; a lost lease stops everything at once and leaves the
journal behind for the agent. How it fails: by ending; the agent starts another.
"""

import asyncio
import random
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from psycopg import Connection, Error

from delivery.engine.allowance import Want, ask, hand_back
from delivery.engine.budget import Budget
from delivery.engine.claimer import Claimer
from delivery.engine.connections import Connections
from delivery.engine.database import Database
from delivery.engine.journal import Journal
from delivery.engine.lease import Lease
from delivery.engine.outbox import Job
from delivery.engine.path import Path
from delivery.engine.persist import save_paths, save_state
from delivery.engine.recorder import Recorder
from delivery.engine.setup import Setup
from delivery.engine.sites import Sites
from delivery.engine.sorter import Sorter
from delivery.engine.world import World, load_world
from delivery.queue.claim import Claim
from delivery.queue.fence import leave
from delivery.queue.promote import promote_due
from delivery.queue.record import give_back_unbegun
from delivery.queue.settled import Settled
from delivery.queue.wake import notify
from delivery.sign.dkim import Signer
from delivery.sign.keyring import Keyring
from delivery.sign.returnpath import return_path
from delivery.smtp.tls import TlsContexts
from delivery.sort.resolver import Resolver
from pools.outcomes import Outcome
from pools.routes import is_address

DRAIN_S = 8.0
CONNECTING_AT_ONCE = 12  # a TLS handshake takes 1.5 ms of the loop: more at once would hold it up
log = structlog.get_logger(__name__)


class Engine:
    """One incarnation. `run()` returns when it was drained, its slice is over or its lease is lost."""

    world: World

    def __init__(self, engine_id: int, node: str, lease: Lease, journal: Journal, database: Database, setup: Setup, tls: TlsContexts) -> None:
        self.id, self.node, self.lease, self.journal, self.setup = engine_id, node, lease, journal, setup
        self.in_database = database.run
        self.stopping = False
        self.in_hand: dict[UUID, Claim] = {}
        self.paths: dict[tuple[int, int], Path] = {}
        self.settled_count = 0
        self.resolver = Resolver(setup.resolver)
        self.tls = tls
        self.keyring = Keyring()
        self.connecting = asyncio.Semaphore(CONNECTING_AT_ONCE)
        self.jitter: Callable[[], float] = random.random
        self.recorder = Recorder(engine_id, database.record, self._recorded)
        self.sorter = Sorter(self)
        self.sites = Sites(setup.smtp_port, self.sorter)
        self.connections = Connections(self)
        self.claimer = Claimer(self)
        self._budget = Budget()
        self._ended = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._signing = ThreadPoolExecutor(2, thread_name_prefix="sign")
        self._clock = (time.monotonic(), datetime.now().astimezone())

    # -- life ---------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        ticking = asyncio.create_task(self._tick(), name="_tick")
        self.lease.start()
        self._set_world(await self.in_database(load_world, self.id, self.node, None))
        own = (self._flush, self._top_up, self._promote, self._watch_world)
        work = (*own, self.claimer.listen, self.claimer.run, self.recorder.run, self.sorter.run)
        loops = [ticking, *(asyncio.create_task(loop(), name=loop.__qualname__) for loop in work)]
        ended = asyncio.create_task(self._ended.wait())
        try:
            done, _ = await asyncio.wait([ended, *loops], timeout=self.setup.slice_s, return_when=asyncio.FIRST_COMPLETED)
            for task in done - {ended}:
                log.error("loop_ended", loop=task.get_name(), error=repr(task.exception()))
            if not self.lease.lost:
                await self._drain()
        finally:
            for task in (*loops, ended):
                task.cancel()
            await self.connections.cancel()
            await asyncio.gather(*loops, return_exceptions=True)
            self._signing.shutdown(wait=False)

    def stop(self) -> None:
        """Drain and end. May be called from any thread."""
        self._loop.call_soon_threadsafe(self._ended.set)

    async def _drain(self) -> None:
        """Nothing new is begun; what is begun is finished within DRAIN_S; the rest goes back as it came."""
        self.stopping = True
        self.give_back(self.connections.unbegun())
        deadline = time.monotonic() + DRAIN_S
        while self.connections.busy and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        if not self.connections.busy:
            await self.recorder.flushed()
            await self.in_database(hand_back, self._unspent())
            await self.in_database(leave, self.id)

    def _unspent(self) -> list[tuple[int, int, int, datetime, int]]:
        return [
            (path.ip_id, path.provider_id, window_s, bucket_start, amount)
            for path in self.paths.values()
            if path.allowance
            for window_s, (bucket_start, amount) in path.allowance.unspent().items()
        ]

    # -- loops --------------------------------------------------------------------------------------------------------

    async def _tick(self) -> None:
        """The loop lives: nothing else is awaited here, or a slow disk would look like a hanging engine."""
        while True:
            self.lease.tick()
            self.connections.reopen()
            await asyncio.sleep(0.05)

    async def _flush(self) -> None:
        """The journal reaches the disk, so that a machine's death takes 50 ms of answers and no more."""
        while True:
            await self._loop.run_in_executor(None, self.journal.flush)
            await asyncio.sleep(0.05)

    async def _top_up(self) -> None:
        """Credit for capped paths that have something to send, before it is spent."""
        while True:
            await asyncio.sleep(0.05)
            now = time.monotonic()
            wanted = [path for path in self.paths.values() if path.allowance and now - path.wanted_at_s < 1.0]
            wants = [
                Want(path.ip_id, path.provider_id, window_s, path.allowance.windows[window_s].cap, amount)
                for path in wanted
                if path.allowance
                for window_s, amount in path.allowance.wants(path.sent_per_s, now).items()
            ]
            if not wants or self.stopping:
                continue
            try:
                for granted in await self.in_database(ask, wants):
                    allowance = self.paths[granted.want.ip_id, granted.want.provider_id].allowance
                    if allowance:
                        allowance.take(granted, now)
                self.claimer.room()
            except Error as error:
                log.warning("no_credit", error=str(error))

    async def _promote(self) -> None:
        """What is due becomes ready."""
        while not self.stopping:
            await asyncio.sleep(0.2)
            try:
                if lanes := await self.in_database(promote_due):
                    self.claimer.work_in(lanes)
                    await self.in_database(notify, lanes)
            except Error as error:
                log.warning("promote_failed", error=str(error))
        await self._ended.wait()

    async def _watch_world(self) -> None:
        """Configuration comes in, what was learned goes out, once a second."""
        while True:
            await asyncio.sleep(1.0)
            try:
                self._set_world(await self.in_database(load_world, self.id, self.node, self.world))
                await self.in_database(save_paths, [path for path in self.paths.values() if path.changed], self._to_wall)
                await self.in_database(save_state, self.id, self._state())
            except Error as error:
                log.warning("world_not_loaded", error=str(error))

    def _set_world(self, world: World) -> None:
        former, self.world = getattr(self, "world", None), world
        now = time.monotonic()
        self._clock = (now, world.now)
        for path in self.paths.values():
            path.recover(now, world.now.timestamp())
        for key, facts in world.paths.items():
            path = self.path(*key)
            path.look(facts.state, facts.score)
            if former is None or key[0] not in former.ips:
                path.take_over(facts.learned, facts.circuit_failures, now, world.now.timestamp())
        self.sites.routes, self.sites.tls_exceptions = world.routes, world.tls_exceptions

    def _state(self) -> dict[str, Any]:
        return {
            "in_hand": len(self.in_hand),
            "connections": sum(path.slots.open for path in self.paths.values()),
            "settled": self.settled_count,
            "ips": sorted(self.world.ips),
            "paths": len(self.paths),
            "loop_gap_ms": self.lease.longest_gap_ms(),
        }

    # -- time and place -----------------------------------------------------------------------------------------------

    def now(self) -> datetime:
        """The database's wall time, carried on by this machine's monotonic clock."""
        at, wall = self._clock
        return wall + timedelta(seconds=time.monotonic() - at)

    def _to_wall(self, at_s: float) -> datetime:
        return self.now() + timedelta(seconds=at_s - time.monotonic())

    def path(self, ip_id: int, provider_id: int) -> Path:
        found = self.paths.get((ip_id, provider_id))
        if found is None:
            found = self.paths[ip_id, provider_id] = Path.new(ip_id, provider_id, self.world.provider(provider_id)[1])
        return found

    # -- what workers ask for -----------------------------------------------------------------------------------------

    async def addresses(self, host: str, ipv6: bool) -> tuple[str, ...]:
        """A host's addresses of one family; an operator's route may name an address instead."""
        found = (host,) if is_address(host) else await self.resolver.addresses(host)
        return tuple(address for address in found if (":" in address) == ipv6)

    async def signers(self, domain_id: int) -> tuple[Signer, ...]:
        known = self.keyring.known(domain_id)
        return await self.in_database(_load_keys, self.keyring, domain_id) if known is None else known

    async def in_thread(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """CPU work that lets go of the GIL: signing."""
        return await self._loop.run_in_executor(self._signing, function, *arguments)

    def delivery_head(self, claim: Claim) -> bytes:
        """Header lines that name this one delivery."""
        return b"X-Mailplatform-Delivery: %s\r\n" % str(claim.id).encode()

    def return_path(self, delivery: UUID) -> str:
        return return_path(delivery, self.setup.secret, self.setup.return_path_domain)

    def other_paths(self, claim: Claim, ip_id: int) -> int:
        """Sending IPs of the pool, on any engine, that this delivery has not tried."""
        return len(self.world.pools.get(claim.pool_id, {}).keys() - {ip_id, *claim.avoid_ip_ids})

    def budget_left(self, claim: Claim) -> bool:
        return self._budget.left((claim.pool_id, claim.provider_id), time.monotonic())

    # -- the end of a claim -------------------------------------------------------------------------------------------

    def settled(self, job: Job, settled: Settled) -> None:
        """Journal first, then the recorder."""
        self.journal.answer(settled)
        job.path.in_hand -= 1
        self.settled_count += 1
        self._budget.count((job.claim.pool_id, job.claim.provider_id), settled.reroute, time.monotonic())
        self.recorder.add(settled)
        self.claimer.room()

    def act(self, path: Path, outcome: Outcome, said: str) -> None:
        """What a response rule wants done to the path."""
        if outcome.action:
            path.act(outcome.action, outcome.rule or "", time.monotonic(), self.now().timestamp(), f"{outcome.rule}: {said[:200]}")

    def _recorded(self, batch: list[Settled]) -> None:
        for settled in batch:
            self.in_hand.pop(settled.attempt.delivery_id, None)
        self.journal.recorded([settled.attempt.id for settled in batch])

    def give_back(self, jobs: Iterable[Job]) -> None:
        """Not begun, or stopped before the dot: they go back as they came."""
        ids = []
        for job in jobs:
            job.path.in_hand -= 1
            ids.append(job.id)
        self.put_back(ids)

    def put_back(self, ids: Sequence[UUID]) -> None:
        if ids:
            self.connections.run(self._put_back(list(ids)))

    async def _put_back(self, ids: list[UUID]) -> None:
        while not self.lease.lost:
            try:
                await self.in_database(_put_back, self.id, ids)
                break
            except Error:
                await asyncio.sleep(0.1)
        self.journal.forget(ids)
        for delivery in ids:
            self.in_hand.pop(delivery, None)


def _put_back(connection: Connection, engine_id: int, ids: Sequence[UUID]) -> None:
    with connection.transaction(), connection.cursor() as cursor:
        give_back_unbegun(cursor, engine_id, ids)


def _load_keys(connection: Connection, keyring: Keyring, domain_id: int) -> tuple[Signer, ...]:
    with connection.cursor() as cursor:
        return keyring.load(cursor, domain_id)
