"""Claimer: hears where work is, bids for it, and deals what it got to the engine's paths.

Wake-ups name lanes; a skip scan each second is the net under lost ones. Two rounds go side by side, each on a connection of its own, so that no
transactional delivery waits for a claim of many others: `run_first` claims transactional lanes as soon as it hears of them, `run` all other
lanes every REST_S at most, and the more seldom the longer what is in hand lasts, for a claim of many costs little more than a claim of one. Of
others it holds as much as keeps the loop quick (appetite.py), at most four fifths of what the engine may hold, and that is at most what it settles
in a second: what it does not hold any other engine can take.
"""

import asyncio
import random
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any
from uuid import UUID

import structlog
from psycopg import AsyncConnection, Error, OperationalError

from delivery.engine.appetite import Appetite
from delivery.engine.bids import make_bids
from delivery.engine.choose import Chooser
from delivery.engine.hands import Hands
from delivery.engine.lanes import Lanes
from delivery.engine.outbox import Job, Site
from delivery.engine.sites import Sites
from delivery.engine.waiting import wait_for
from delivery.engine.world import World
from delivery.queue import claim as queue
from delivery.queue.fence import sessions_of
from delivery.queue.wake import BLOCKED, CHANNEL, EVERYWHERE, LOOK, SORTING, Lane, lanes_of
from mailplatform.shell.database.connect import connect_async
from mailplatform.shell.database.doubt import Doubt
from mailplatform.shell.database.incarnation import life_of_async
from mailplatform.shell.errors import short
from pools.purposes import Purpose

POLL_S = 0.1
REST_S, LONGEST_REST_S, REST_FIRST_S = 0.015, 0.1, 0.004
REST_SHARE = 0.25
PROBE_S = 0.01
LOOK_EVERYWHERE_S, LOOK_AGAIN_S = 1.0, 0.25
ROWS_A_CLAIM = 500
FEWEST_IN_HAND, MOST_IN_HAND = 1000, 4000
OTHERS_IN_HAND = 0.8  # of that, what is not transactional
BODIES_KEPT = 500
# The claim must use ready_of_lane, whatever the statistics say of a table that turns over completely.
PLANNER = "-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off -c enable_bitmapscan=off -c jit=off"
log = structlog.get_logger(__name__)


class Claimer:
    """`send` brings a job on its way; `on_unsorted` is told that domains wait for their provider."""

    def __init__(self, hands: Hands, sites: Sites, send: Callable[[Job, Site], None]) -> None:
        self._hands = hands
        self._sites = sites
        self._send = send
        self._chooser: Chooser | None = None
        self.on_unsorted: Callable[[], None] = lambda: None
        self.on_blocked: Callable[[], None] = lambda: None
        self.on_look: Callable[[], None] = lambda: None
        self._lanes = Lanes()
        self._serving: tuple[World | None, Collection[int]] = None, ()
        self._bodies: OrderedDict[UUID, queue.StoredBody] = OrderedDict()
        self._wanted, self._first_wanted = asyncio.Event(), asyncio.Event()
        self._look_at, self._looked_at = 0.0, 0.0
        self._claiming, self._counting = 0, False
        self._appetite = Appetite()
        self._doubts: dict[bool, Doubt] = {}
        self._wakes_at = {True: 0.0, False: 0.0}
        self._pace, self._pace_at, self._pace_count = 0.0, time.monotonic(), 0

    def work_in(self, lanes: Iterable[Lane]) -> None:
        """These lanes have something to claim."""
        lanes = [lane for lane in lanes if lane[0] in self._own_pools()]
        self._lanes.heard(lanes, time.monotonic())
        for _, _, purpose in lanes:
            (self._first_wanted if purpose == Purpose.TRANSACTIONAL else self._wanted).set()

    def _own_pools(self) -> Collection[int]:
        """The pools that an IP of this engine can send for."""
        world = self._hands.world
        if self._serving[0] is not world:
            self._serving = world, frozenset(pool for pool, members in world.pools.items() if world.ips.keys() & members.keys())
        return self._serving[1]

    def room(self) -> None:
        """Something was settled: there may be room for more."""
        self._wanted.set()
        if self._lanes.any_first:
            self._first_wanted.set()

    def rivals_changed(self) -> None:
        """Other engines' paths came or went: who waited for them need not any more."""
        self._lanes.end_rests()
        self.room()

    async def listen(self) -> None:
        """Wake-ups of others. A lost one costs at most POLL_S to LOOK_EVERYWHERE_S."""
        while True:
            try:
                async with await connect_async(self._hands.setup.database_url) as connection:
                    await connection.execute(f"LISTEN {CHANNEL}")
                    async for notice in connection.notifies():
                        self._hear(notice.payload)
            except Error as error:
                log.warning("not_listening", error=str(error))
                await asyncio.sleep(0.2)

    def _hear(self, payload: str) -> None:
        words = payload.split(",")
        if SORTING in words:
            self.on_unsorted()
        if BLOCKED in words:
            self.on_blocked()
        if LOOK in words:
            self.on_look()
        if EVERYWHERE in words:
            self._look_at = min(self._look_at, self._looked_at + LOOK_AGAIN_S)
        self.work_in(lanes_of(words))

    async def run_first(self) -> None:
        """Transactional lanes, at once."""
        await self._run(self._first_wanted, True)

    async def run(self) -> None:
        """The other lanes, in batches."""
        self._probe(time.monotonic())
        await self._run(self._wanted, False)

    def _probe(self, due_s: float) -> None:
        """How late the loop is."""
        now = time.monotonic()
        self._appetite.heard(now - due_s, len(self._hands.in_hand), now)
        asyncio.get_running_loop().call_later(PROBE_S, self._probe, now + PROBE_S)

    async def _run(self, wanted: asyncio.Event, first: bool) -> None:
        connection: AsyncConnection[Any] | None = None
        while True:
            await wait_for(wanted, POLL_S)
            wanted.clear()
            began, rest_s = time.monotonic(), REST_FIRST_S if first else self._rest_s()
            try:
                connection = connection or await self._connect(first)
                if not self._hands.stopping and self._hands.lease.valid() and began >= self._hands.journal.rests_until_s:
                    if not first:
                        await self._look_everywhere(connection)
                    if await self._round(connection, first):
                        wanted.set()
            except Error as error:
                log.warning("claim_failed", error=short(error))
                if connection is not None:
                    await connection.close()
                connection = None
                await asyncio.sleep(random.uniform(0.05, 0.15))  # noqa: S311 - spreads reconnects, guards nothing
            if (left_s := began + rest_s - time.monotonic()) > 0:
                await asyncio.sleep(left_s)

    def _rest_s(self) -> float:
        """Between two claims of bulk: a part of how long what is in hand lasts."""
        lasts_s = len(self._hands.in_hand) / self._pace if self._pace else 0.0
        return min(LONGEST_REST_S, max(REST_S, REST_SHARE * lasts_s))

    async def _connect(self, first: bool) -> AsyncConnection[Any]:
        hands = self._hands
        connection = await connect_async(hands.setup.database_url, PLANNER, application_name=sessions_of(hands.id))
        # A COMMIT whose answer never came: what the database says is ours and we do not know goes back as it came. The other round pauses
        # meanwhile: what it has claimed and not heard of yet is no stray.
        self._counting = True
        try:
            while self._claiming:  # noqa: ASYNC110
                await asyncio.sleep(0.002)
            hands.journal.life, _ = await life_of_async(connection)
            rows = await (await connection.execute("SELECT id, tries FROM delivery_claimed WHERE engine_id = %s", [hands.id])).fetchall()
            await hands.take_in(dict(rows))
        except BaseException:
            await connection.close()
            raise
        finally:
            self._counting = False
        self._doubts[first] = Doubt(connection)
        return connection

    async def _look_everywhere(self, connection: AsyncConnection[Any]) -> None:
        now = time.monotonic()
        if now >= self._look_at:
            self._looked_at, self._look_at = now, now + LOOK_EVERYWHERE_S
            self.work_in(await queue.lanes_with_work(connection, list(self._own_pools())))

    async def _round(self, connection: AsyncConnection[Any], first: bool) -> bool:
        """One claim, dealt. Whether it brought anything."""
        hands, now = self._hands, time.monotonic()
        most = self._in_hand_limit(now)
        room = most - hands.load if first else min(int(OTHERS_IN_HAND * most) - hands.load, int(self._appetite.limit) - len(hands.in_hand))
        bids, again_s = make_bids(self._lanes, first, hands.world, hands.path, now, min(ROWS_A_CLAIM, room))
        if again_s is not None:
            self._wake_in(again_s, first)
        if not bids:
            return False
        claims = await self._claim(connection, bids, first)
        self._lanes.claimed(bids, claims, now)
        if claims:
            if first:
                self._appetite.met_transactional(now)
            try:
                await self._deal(connection, claims)
            except Error:
                hands.put_back([claim.id for claim in claims])  # none was dealt yet: the database is asked before the first is
                raise
        return bool(claims)

    def _wake_in(self, seconds: float, first: bool) -> None:
        """Lanes that rest are old enough then."""
        now = time.monotonic()
        if not now < self._wakes_at[first] <= now + seconds:
            self._wakes_at[first] = now + seconds
            asyncio.get_running_loop().call_later(seconds, (self._first_wanted if first else self._wanted).set)

    async def _claim(self, connection: AsyncConnection[Any], bids: Sequence[queue.Bid], first: bool) -> list[queue.Claim]:
        hands = self._hands
        while self._counting:  # noqa: ASYNC110
            await asyncio.sleep(0.002)
        self._claiming += 1
        try:
            claims = await queue.claim(connection, hands.id, bids, hands.now())
            hands.in_hand.update((claim.id, claim) for claim in claims)
        finally:
            self._claiming -= 1
        if doubt := self._doubts[first].taken():  # a standby that takes over may not know of it, and others would claim the same
            hands.put_back([claim.id for claim in claims])
            raise OperationalError(doubt)
        return claims

    def _in_hand_limit(self, now: float) -> int:
        """What this engine settles in a second, within bounds."""
        elapsed = now - self._pace_at
        if elapsed >= 0.5:
            settled = self._hands.settled_count
            self._pace = 0.5 * self._pace + 0.5 * (settled - self._pace_count) / elapsed
            self._pace_at, self._pace_count = now, settled
        return int(min(MOST_IN_HAND, max(FEWEST_IN_HAND, self._pace)))

    async def _deal(self, connection: AsyncConnection[Any], claims: Sequence[queue.Claim]) -> None:
        """Bodies and sites, then each claim to the best of its open paths; what no path can take goes back as it came."""
        hands = self._hands
        if hands.scopes.active:
            claims, aside = hands.scopes.sift(claims, time.monotonic())
            hands.set_aside(aside)
        if hands.canaries.live:
            claims = hands.canaries.sift(claims, time.monotonic())
            hands.in_hand.update((claim.id, claim) for claim in claims)
        if not claims:
            return
        await self._load_bodies(connection, {claim.body_id for claim in claims})
        await self._sites.load(connection, {claim.domain for claim in claims})
        now, wall, unplaced = time.monotonic(), hands.now(), []
        chooser = self._chooser = self._chooser or Chooser(hands.path, hands.setup.name, hands.setup.pick)
        for lane, tag in {claim.lane: claim.tag for claim in claims}.items():  # the last of a lane has the highest
            hands.recorder.claimed(lane, tag)
        for claim in claims:
            key, _ = hands.world.provider(claim.provider_id)
            path, why = chooser.choose(claim, hands.world, now, wall)
            body, site = self._bodies.get(claim.body_id), self._sites.of(claim.domain, key)
            if path is None or body is None or site is None:
                unplaced.append(claim.id)
                continue
            path.in_hand += 1
            self._send(Job(claim, body, path, key, why, hands.paper(claim, body)), site)
        hands.put_back(unplaced)

    async def _load_bodies(self, connection: AsyncConnection[Any], ids: set[UUID]) -> None:
        """Bodies are kept for a while: a campaign's recipients share one."""
        for body_id in self._bodies.keys() & ids:
            self._bodies.move_to_end(body_id)
        missing = [body_id for body_id in ids if body_id not in self._bodies]
        if missing:
            for body in await queue.bodies(connection, missing):
                self._bodies[body.id] = body
        while len(self._bodies) > BODIES_KEPT + len(ids):
            self._bodies.popitem(last=False)
