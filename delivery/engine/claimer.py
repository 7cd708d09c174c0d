"""Claimer: hears where work is, bids for it, and deals what it got to the engine's paths.

Wake-ups name lanes; a skip scan each second is the net under lost ones. It claims no more than the engine settles in a second,
so that what one engine holds is little, and what it does not hold any other can take.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from uuid import UUID

import structlog
from psycopg import AsyncConnection, Error

from delivery.engine.bids import make_bids
from delivery.engine.choose import Chooser
from delivery.engine.hands import Hands
from delivery.engine.outbox import Job, Site
from delivery.engine.sites import Sites
from delivery.queue import claim as queue
from delivery.queue.wake import CHANNEL, SORTING

POLL_S = 0.1
LOOK_EVERYWHERE_S = 1.0
LANE_REMEMBERED_S = 5.0
ROWS_A_CLAIM = 500
FEWEST_IN_HAND, MOST_IN_HAND = 1000, 4000
BODIES_KEPT = 500
# The claim must use ready_of_lane, whatever the statistics say of a table that turns over completely.
PLANNER = "-c enable_seqscan=off -c enable_hashjoin=off -c enable_mergejoin=off -c enable_bitmapscan=off -c jit=off"
log = structlog.get_logger(__name__)

Lane = tuple[int, int]


class Claimer:
    """`send` brings a job on its way; `on_unsorted` is told that domains wait for their provider."""

    def __init__(self, hands: Hands, sites: Sites, send: Callable[[Job, Site], None]) -> None:
        self._hands = hands
        self._sites = sites
        self._send = send
        self._chooser: Chooser | None = None
        self.on_unsorted: Callable[[], None] = lambda: None
        self._lanes: dict[Lane, float] = {}
        self._bodies: OrderedDict[UUID, queue.StoredBody] = OrderedDict()
        self._wanted = asyncio.Event()
        self._look_at = 0.0
        self._pace, self._pace_at, self._pace_count = 0.0, time.monotonic(), 0

    def work_in(self, lanes: Iterable[Lane]) -> None:
        """These lanes have something to claim."""
        now = time.monotonic()
        self._lanes.update((lane, now) for lane in lanes)
        self._wanted.set()

    def room(self) -> None:
        """Something was settled: there may be room for more."""
        self._wanted.set()

    async def listen(self) -> None:
        """Wake-ups of others. A lost one costs at most POLL_S to LOOK_EVERYWHERE_S."""
        while True:
            try:
                async with await AsyncConnection.connect(self._hands.setup.database_url, autocommit=True) as connection:
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
        if "*" in words:
            self._look_at = 0.0
        self.work_in([(int(pool), int(provider)) for pool, _, provider in (word.partition(":") for word in words) if provider])

    async def run(self) -> None:
        connection: AsyncConnection[Any] | None = None
        while True:
            try:
                async with asyncio.timeout(POLL_S):
                    await self._wanted.wait()
            except TimeoutError:
                pass
            self._wanted.clear()
            try:
                connection = connection or await self._connect()
                await self._round(connection)
            except Error as error:
                log.warning("claim_failed", error=str(error))
                connection = None
                await asyncio.sleep(0.1)

    async def _connect(self) -> AsyncConnection[Any]:
        hands = self._hands
        connection = await AsyncConnection.connect(hands.setup.database_url, autocommit=True, options=PLANNER)
        # A COMMIT whose answer never came: what the database says is ours and we do not know goes back as it came.
        rows = await (await connection.execute("SELECT id FROM delivery_claimed WHERE engine_id = %s", [hands.id])).fetchall()
        hands.put_back(hands.strays(row[0] for row in rows))
        return connection

    async def _round(self, connection: AsyncConnection[Any]) -> None:
        hands, now = self._hands, time.monotonic()
        if hands.stopping or not hands.lease.valid() or now < hands.journal.rests_until_s:
            return
        if now >= self._look_at:
            self._look_at = now + LOOK_EVERYWHERE_S
            self.work_in(await queue.lanes_with_work(connection, list(hands.world.pools)))
        rows = min(ROWS_A_CLAIM, self._in_hand_limit(now) - hands.load)
        bids, again_s = make_bids(self._lanes, hands.world, hands.path, now, rows)
        if not bids:
            return
        claims = await queue.claim(connection, hands.id, bids, hands.now())
        hands.in_hand.update((claim.id, claim) for claim in claims)
        self._forget_empty(bids, claims, now)
        if claims:
            try:
                await self._deal(connection, claims)
            except Error:
                hands.put_back([claim.id for claim in claims])  # none was dealt yet: the database is asked before the first is
                raise
            self._wanted.set()
        elif again_s is not None:
            asyncio.get_running_loop().call_later(again_s, self._wanted.set)

    def _forget_empty(self, bids: Sequence[queue.Bid], claims: Sequence[queue.Claim], now: float) -> None:
        """A lane that gave nothing to a bid without handicap has nothing; a wake-up or the skip scan brings it back.

        Who gave goes to the end of the line: with more lanes than one claim can name, all have their turn.
        """
        gave = {(claim.pool_id, claim.provider_id) for claim in claims}
        for bid in bids:
            lane = (bid.pool_id, bid.provider_id)
            heard_at = now if lane in gave else self._lanes.get(lane, now)
            self._lanes.pop(lane, None)
            heard_meanwhile = heard_at > now  # a wake-up that came while we asked: the claim may not have seen its row
            if lane in gave or heard_meanwhile or (bid.handicap_ms and now - heard_at <= LANE_REMEMBERED_S):
                self._lanes[lane] = heard_at

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
        await self._load_bodies(connection, {claim.body_id for claim in claims})
        await self._sites.load(connection, {claim.domain for claim in claims})
        now, wall, unplaced = time.monotonic(), hands.now(), []
        chooser = self._chooser = self._chooser or Chooser(hands.path, hands.setup.name, hands.setup.pick)
        for claim in claims:
            hands.recorder.claimed((claim.pool_id, claim.provider_id, claim.purpose), claim.tag)
            key, _ = hands.world.provider(claim.provider_id)
            path, why = chooser.choose(claim, hands.world, now, wall)
            body, site = self._bodies.get(claim.body_id), self._sites.of(claim.domain, key)
            if path is None or body is None or site is None:
                unplaced.append(claim.id)
                continue
            path.in_hand += 1
            self._send(Job(claim, body, path, key, why), site)
        hands.put_back(unplaced)

    async def _load_bodies(self, connection: AsyncConnection[Any], ids: set[UUID]) -> None:
        """Bodies are kept for a while: a campaign's recipients share one."""
        missing = [body_id for body_id in ids if body_id not in self._bodies]
        if missing:
            for body in await queue.bodies(connection, missing):
                self._bodies[body.id] = body
        while len(self._bodies) > BODIES_KEPT + len(ids):
            self._bodies.popitem(last=False)
