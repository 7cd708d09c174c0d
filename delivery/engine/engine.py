"""Engine: its life, from the first look at the world to the last record.

Wires the loops together: the claimer fills the hands, connections empty them, the recorder keeps what became of it, the sorter finds
new domains their provider. Promises: nothing is begun while it stops; a lost lease ends everything at once and leaves the
journal behind for the agent. How it fails: by ending; the agent starts another.
"""

import asyncio
import time
from collections.abc import Collection

import structlog
from psycopg import Error

from delivery.engine.claimer import Claimer
from delivery.engine.connections import Connections
from delivery.engine.credit import Ledger, dealt_out, left_over, to_deal
from delivery.engine.faults import load_faults
from delivery.engine.hands import Hands
from delivery.engine.health import measure
from delivery.engine.owned import let_go
from delivery.engine.path import Path
from delivery.engine.persist import pictures, save_paths, save_state, worth_telling
from delivery.engine.sites import Sites
from delivery.engine.sorter import Sorter
from delivery.engine.waiting import wait_for
from delivery.engine.world import load_world
from delivery.queue.fence import leave
from delivery.queue.promote import promote_due
from delivery.queue.wake import notify
from delivery.tlspolicy.fetch import Fetcher
from delivery.tlspolicy.policies import Policies
from pools.windows import MARK_EVERY_S

TOP_UP_S = 0.05
LOOK_EVERY_S, LOOK_AGAIN_S = 1.0, 0.1
LETTING_GO_S = 0.2  # between looks while an IP is being let go: nobody sends from it meanwhile
LEAVE_S = 10.0  # a connection that hangs for longer is reported as open, and counts for the next owner
DRAIN_S, FLUSH_S = 7.0, 2.0  # together under the ten seconds that a stop may take
log = structlog.get_logger(__name__)


class Engine:
    """One incarnation. `run()` returns when it was drained, its slice is over or its lease is lost."""

    def __init__(self, node: str, hands: Hands) -> None:
        self._node = node
        self._hands = hands
        self._sites = Sites(hands.setup.smtp_port)
        setup = hands.setup
        fetcher = Fetcher(hands.resolver.addresses, setup.policy, hands.tls.verified, setup.mta_sts_port)
        found_policies = Policies(hands.resolver.texts, fetcher.fetch, hands.in_database, self._sites.learn_policy)
        self._sorter = Sorter(hands, self._sites, found_policies)
        self._connections = Connections(hands)
        self._claimer = Claimer(hands, self._sites, self._connections.send)
        hands.on_room = self._claimer.room
        self._sites.on_expired = lambda domain: hands.run(self._sorter.refresh(domain))
        self._sorter.on_work = self._claimer.work_in
        self._claimer.on_unsorted = self._sorter.wake
        self._look_now = asyncio.Event()
        self._claimer.on_look = self._look_now.set
        self._claimer.on_blocked = lambda: hands.run(hands.canaries.look_again())
        self._ledger = Ledger()
        self._leaving: dict[int, float] = {}  # since when each IP is being let go
        self._ended = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    # -- life ---------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        hands = self._hands
        ticking = asyncio.create_task(self._tick(), name="_tick")
        hands.lease.start()
        hands.signing.start()
        await self._look()
        own = (self._flush, self._top_up, self._promote, self._watch_world)
        work = (*own, self._claimer.listen, self._claimer.run_first, self._claimer.run, hands.recorder.run, self._sorter.run)
        loops = [ticking, *(asyncio.create_task(loop(), name=loop.__qualname__) for loop in work)]
        ended = asyncio.create_task(self._ended.wait())
        try:
            done, _ = await asyncio.wait([ended, *loops], timeout=hands.setup.slice_s, return_when=asyncio.FIRST_COMPLETED)
            for task in done - {ended}:
                log.error("loop_ended", loop=task.get_name(), error=repr(task.exception()))
            if not hands.lease.lost:
                await self._drain()
        finally:
            for task in (*loops, ended):
                task.cancel()
            await hands.let_go()
            await asyncio.gather(*loops, return_exceptions=True)

    def stop(self) -> None:
        """Drain and end. May be called from any thread."""
        self._loop.call_soon_threadsafe(self._ended.set)

    async def _drain(self) -> None:
        """Nothing new is begun; what is begun is finished within DRAIN_S; the rest goes back as it came."""
        hands = self._hands
        hands.stopping = True
        hands.give_back(self._connections.unbegun())
        deadline = time.monotonic() + DRAIN_S
        while hands.busy and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        await hands.let_go()  # whose dot was written and who still has no answer is told as unknown, and tried again
        try:
            async with asyncio.timeout(FLUSH_S):
                await hands.recorder.flushed()
                await self._hand_over(hands.paths.values())
                await hands.in_database(leave, hands.id)
        except (TimeoutError, Error) as error:  # the database is away: the journal is kept, and the agent does it when it is back
            log.warning("left_without_a_word", error=str(error))

    async def _let_ips_go(self) -> None:
        """What another shall own: its connections end, then it is let go."""
        hands, now = self._hands, time.monotonic()
        hands.give_back(self._connections.leave())
        self._leaving = {ip: self._leaving.get(ip, now) for ip in hands.world.leaving}
        busy = {path.ip_id for path in hands.paths.values() if path.slots.open}
        gone = {ip for ip, since in self._leaving.items() if ip not in busy or now - since > LEAVE_S}
        if gone:
            await self._hand_over([path for path in hands.paths.values() if path.ip_id in gone])
            await hands.in_database(let_go, hands.id, gone)
            hands.forget(gone)

    async def _hand_over(self, paths: Collection[Path]) -> None:
        """What the next owner must know, and the credit that was certainly not spent."""
        hands, now = self._hands, time.monotonic()
        known = [path for path in paths if path.changed or path.told.at_s > float("-inf")]
        await hands.in_database(save_paths, hands.id, pictures(known, now, hands.to_wall))
        await hands.for_credit(self._ledger.deal, left_over(paths, now))

    # -- loops --------------------------------------------------------------------------------------------------------

    async def _tick(self) -> None:
        """The loop lives: nothing else is awaited here, or a slow disk would look like a hanging engine."""
        while True:
            self._hands.lease.tick()
            self._connections.reopen()
            await asyncio.sleep(0.05)

    async def _flush(self) -> None:
        """The journal reaches the disk, so that a machine's death takes 50 ms of answers and no more."""
        while True:
            await self._loop.run_in_executor(None, self._hands.journal.flush)
            await asyncio.sleep(0.05)

    async def _top_up(self) -> None:
        """Credit for capped paths that have something to send, before it is spent; a look at the clock each second in any case."""
        hands, looked_s = self._hands, 0.0
        while True:
            await asyncio.sleep(TOP_UP_S)
            now = time.monotonic()
            deal = to_deal(hands.paths.values(), now, asking=not hands.stopping)
            if deal.empty and now - looked_s < MARK_EVERY_S:
                continue
            try:
                looked_s = now
                rests = dealt_out(await hands.for_credit(self._ledger.deal, deal), hands.paths, time.monotonic())
                if deal.wants:
                    hands.on_room()
                if rests.rests:
                    await hands.for_credit(self._ledger.deal, rests)
            except Error as error:
                log.warning("no_credit", error=str(error))

    async def _promote(self) -> None:
        """What is due becomes ready."""
        while not self._hands.stopping:
            await asyncio.sleep(0.2)
            try:
                if lanes := await self._hands.in_database(promote_due):
                    self._claimer.work_in(lanes)
                    await self._hands.in_database(notify, lanes)
            except Error as error:
                log.warning("promote_failed", error=str(error))
        await self._ended.wait()

    async def _watch_world(self) -> None:
        """Configuration comes in, what was learned goes out, once a second."""
        hands, due_s = self._hands, time.monotonic() + LOOK_EVERY_S
        while True:
            await wait_for(self._look_now, max(0.0, due_s - time.monotonic()))
            try:
                if self._look_now.is_set():  # an engine is suspected, or gone: its paths are no rivals any more, its IPs may be ours
                    self._look_now.clear()
                    await self._look()
                    self._claimer.rivals_changed()
                    await asyncio.sleep(LOOK_AGAIN_S)
                    continue
                due_s = time.monotonic() + LOOK_EVERY_S
                hands.health = measure(hands.health, hands.lease.longest_gap_ms())
                hands.holes.expire()
                await self._look()
                if hands.setup.drills:
                    hands.holes.obey(await hands.in_database(load_faults, self._node, hands.world.ips.keys()))
                now = time.monotonic()
                news = [path for path in hands.paths.values() if worth_telling(path, now)]
                await hands.in_database(save_paths, hands.id, pictures(news, now, hands.to_wall))
                await self._let_ips_go()
                if self._leaving:
                    due_s = min(due_s, time.monotonic() + LETTING_GO_S)
                await hands.in_database(save_state, hands.id, hands.state())
                await hands.scopes.exchange(lambda: hands.now().timestamp())
                hands.share_out()
                await hands.reach.exchange()
            except Error as error:
                log.warning("world_not_loaded", error=str(error))

    async def _look(self) -> None:
        former = getattr(self._hands, "world", None)
        world = await self._hands.in_database(load_world, self._hands.id, self._node, former)
        self._hands.look(world)
        await self._hands.canaries.look()
        self._sites.look(world)
