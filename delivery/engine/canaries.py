"""Canaries: an engine's part in finding out whose fault a block is.

Asked by workers before a delivery goes and told after it went, by the claimer about fresh claims; both only while anything is
blocked. Promises: what a rule would do to a path for the block of a suspected campaign is withheld until it is known whose fault it was;
undone is then nothing, done what stands. What does not go is moved in batches. How it fails: with the database away the suspects
wait in their rows, and every wait ends by itself.
"""

import time
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

import structlog
from psycopg import Connection, Error

from delivery.engine.campaigns import BLOCKED_LATELY, FORERUNNERS, HANDFUL, LATELY_S, Block, Key, Say, decide, is_block, say
from delivery.engine.outbox import Job
from delivery.engine.path import Path
from delivery.queue import blocks
from delivery.queue.blocks import Aside, BlockRow
from delivery.queue.claim import Claim
from delivery.queue.settled import AttemptRow
from delivery.queue.wake import BLOCKED, CHANNEL
from pools.outcomes import Outcome, Verdict
from pools.purposes import Purpose

JUST_NOW = "its campaign was blocked just now: a few of it go along other paths first, the rest waits"
OPENING_S = 2.0  # how long a block that was found here counts before the table has it
COUNTS_EVERY_S = 0.05  # what is in hand is counted at most so often
log = structlog.get_logger(__name__)

Act = Callable[[Path, Outcome, str], None]


class Canaries:
    """`aside` takes deliveries out of the engine's hands; `act` is what a rule wants done to a path; `paths` are this engine's, `pool` a pool's sending IPs."""

    def __init__(
        self,
        in_database: Callable[..., Awaitable[Any]],
        run: Callable[[Coroutine[Any, Any, None]], None],
        aside: Callable[[Sequence[Aside]], None],
        act: Act,
        in_hand: Mapping[UUID, Claim],
        paths: Callable[[], Mapping[Key, Path]],
        pool: Callable[[int], Mapping[int, object]],
    ) -> None:
        self._in_database, self._run, self._aside, self._act = in_database, run, aside, act
        self._in_hand, self._paths, self._pool = in_hand, paths, pool
        self.live: dict[Key, Block] = {}
        self._forerunners: dict[Key, int] = {}
        self._sent: set[UUID] = set()  # canaries under way
        self._seen_passing: set[tuple[int, int, int]] = set()  # (block, round, IP): said once
        self._withheld: dict[Key, list[tuple[Path, Outcome, str]]] = {}
        self._lately: dict[Key, dict[UUID, float]] = {}
        self._counted_s = 0.0

    # -- what is blocked ----------------------------------------------------------------------------------------------

    async def look(self) -> None:
        """What is blocked now, on any engine; once a second and when another has found something out."""
        asked_at_s = time.monotonic()
        self.heard_of(await self._in_database(blocks.live), asked_at_s)
        for (provider_id, fingerprint), block in self.live.items():
            for ip_id in block.canary_ips if block.state == "testing" else ():
                path = self._paths().get((ip_id, provider_id))
                if path and path.others_passed_at_s(fingerprint) > block.opened_s and (block.id, block.round, ip_id) not in self._seen_passing:
                    self._seen_passing.add((block.id, block.round, ip_id))
                    self._run(self._tell(block.id, "passes", {"ip": ip_id}))

    async def look_again(self) -> None:
        """Another engine has found something out; if that cannot be read now, the next second's look will."""
        try:
            await self.look()
        except Error as error:
            log.warning("blocks_not_read", error=str(error))

    def heard_of(self, rows: Iterable[BlockRow], asked_at_s: float) -> None:
        fresh = {(row.provider_id, row.fingerprint): Block.of(row, asked_at_s) for row in rows}
        opening = {key: block for key, block in self.live.items() if not block.id and block.until_s > asked_at_s and key not in fresh}
        self.live = fresh | opening
        for key in [key for key in self._withheld if key not in self.live or self.live[key].state != "testing"]:
            self._judge(key)
        if not self.live:
            self._seen_passing.clear()
        self._forerunners = {key: count for key, count in self._forerunners.items() if key in self.live}

    def _judge(self, key: Key) -> None:
        """The content's: nothing of it stays on the paths. The IP's, or nobody can say: what the rules wanted is done."""
        withheld = self._withheld.pop(key)
        if key not in self.live or self.live[key].state != "content":
            for path, outcome, said in withheld:
                self._act(path, outcome, said)

    # -- before it goes -----------------------------------------------------------------------------------------------

    def sift(self, claims: Sequence[Claim], now_s: float) -> list[Claim]:
        """Of fresh claims those that may be dealt; they go where others' mail has passed last and theirs is not blocked: a canary says most there."""
        going: list[Claim] = []
        aside: list[Aside] = []
        canaries: dict[Key, int] = {}
        for claim in claims:
            key = (claim.provider_id, claim.fingerprint)
            block = self._block(key, now_s)
            if block is None or block.state == "released":
                going.append(claim)
                continue
            left = blocks.CANARIES - block.canaries - canaries.get(key, 0)
            if block.state == "content" or (block.state == "testing" and left <= 0):
                aside.append(_aside(claim, block, now_s))
                continue
            canaries[key] = canaries.get(key, 0) + 1
            going.append(claim._replace(sticky_ip_id=self._best_known(claim, block, now_s) or claim.sticky_ip_id))
        if aside:
            self._aside(aside)
        return going

    def _best_known(self, claim: Claim, block: Block, now_s: float) -> int | None:
        """Of this engine's open paths on which it is not blocked the one where another campaign has passed last; None where none has."""
        paths = [path for ip in self._pool(claim.pool_id) if ip not in block.blocked_ips and (path := self._paths().get((ip, claim.provider_id)))]
        known = [(path.others_passed_at_s(claim.fingerprint), path.ip_id) for path in paths if path.willing(now_s) and not path.probing]
        at_s, ip_id = max(known, default=(float("-inf"), 0))
        return ip_id if at_s > float("-inf") else None

    async def may_go(self, job: Job) -> bool:
        """Whether it goes now, along this path; if not it has left the hands."""
        claim, now_s = job.claim, time.monotonic()
        key = (claim.provider_id, claim.fingerprint)
        block = self._block(key, now_s)
        if block is None:
            return True
        said = say(block, job.path.ip_id, self._pool(claim.pool_id), self._forerunners.get(key, 0))
        if said is Say.CANARY and self._best_known(claim, block, now_s) not in (None, job.path.ip_id):
            said = Say.ELSEWHERE if self._forerunners.get(key, 0) < FORERUNNERS else Say.WAIT  # dealt before it was blocked
        if said is Say.CANARY:
            said = Say.GO if block.id and await self._in_database(blocks.take_canary, block.id) else Say.WAIT
            if said is Say.GO:
                self._sent.add(claim.id)
        if said is Say.GO:
            return True
        job.path.in_hand -= 1
        if said is Say.ELSEWHERE:
            self._forerunners[key] = self._forerunners.get(key, 0) + 1
            avoid = tuple({*claim.avoid_ip_ids, *block.blocked_ips})
            self._aside([Aside(claim.id, claim.lane, avoid=avoid)])
        else:
            self._aside([_aside(claim, block, now_s)])
        return False

    def _block(self, key: Key, now_s: float) -> Block | None:
        block = self.live.get(key)
        return block if block is not None and key[1] and now_s < block.until_s else None

    # -- after it went ------------------------------------------------------------------------------------------------

    def heard(self, job: Job, outcome: Outcome, attempt: AttemptRow) -> bool:
        """An attempt has ended, not by an acceptance or while something is blocked. True: what its rule wants is withheld for now."""
        claim, now_s = job.claim, time.monotonic()
        key = (claim.provider_id, claim.fingerprint)
        if not claim.fingerprint:
            return False
        try:
            return self._learn(job, outcome, attempt, key, now_s)
        finally:
            self._sent.discard(claim.id)

    def _learn(self, job: Job, outcome: Outcome, attempt: AttemptRow, key: Key, now_s: float) -> bool:
        claim, path = job.claim, job.path
        blocked, block = is_block(outcome, attempt.phase), self._block(key, now_s)
        found = {"ip": path.ip_id, "reply": attempt.reply[:200], "rule": attempt.rule, "delivery": str(claim.id)}
        if block is None:
            if not (blocked and len(self._pool(claim.pool_id)) > 1 and self._is_campaign(claim, key, now_s)):
                return False
            self.live[key] = Block(0, "testing", blocks.CANARIES, frozenset({path.ip_id}), JUST_NOW, now_s + OPENING_S)
            self._run(self._open(claim, found))
        elif block.state == "testing":
            # What was under way when the block was found speaks where it passes; where it is blocked too, a canary says more: it went where others pass.
            telling = claim.id in self._sent if blocked else outcome.verdict is Verdict.DELIVERED
            if telling and block.id and path.ip_id not in block.blocked_ips:
                self._run(self._tell(block.id, "canaries", {**found, "passed": not blocked}))
        elif block.state == "ip" and blocked and path.ip_id not in block.blocked_ips:
            self._run(self._tell(block.id, "blocked", found))
            return False
        if blocked and self.live[key].state == "testing":
            self._withheld.setdefault(key, []).append((path, outcome, attempt.reply))
            return True
        return False

    def _is_campaign(self, claim: Claim, key: Key, now_s: float) -> bool:
        """More than a handful of it in hand, or blocked lately: one message that is refused along its three paths is none."""
        if len(self._lately) > 1000:
            self._lately.clear()
        lately = self._lately[key] = {one: at for one, at in self._lately.get(key, {}).items() if now_s - at < LATELY_S} | {claim.id: now_s}
        if len(lately) >= BLOCKED_LATELY:
            return True
        if now_s - self._counted_s < COUNTS_EVERY_S:
            return False
        self._counted_s = now_s
        count = 0
        for other in self._in_hand.values():
            if other.fingerprint == claim.fingerprint and other.provider_id == claim.provider_id:
                count += 1
                if count > HANDFUL:
                    return True
        return False

    async def _open(self, claim: Claim, found: dict[str, Any]) -> None:
        try:
            key = (claim.provider_id, claim.tenant_id, claim.stream_id, claim.fingerprint)
            tests_s = blocks.TESTS_FIRST_S if claim.purpose == Purpose.TRANSACTIONAL else blocks.TESTS_S
            if await self._in_database(blocks.open_block, *key, found, tests_s):
                log.warning("campaign_blocked", provider=claim.provider_id, tenant=claim.tenant_id, reply=found["reply"])
            await self._spread()
        except Error as error:
            log.warning("block_not_opened", error=str(error))

    async def _tell(self, block_id: int, kind: str, found: dict[str, Any]) -> None:
        try:
            if decided := await self._in_database(blocks.hear, block_id, kind, found, decide):
                log.warning("campaign_judged", block=block_id, state=decided)
            await self._spread()
        except Error as error:
            log.warning("block_not_told", error=str(error))

    async def _spread(self) -> None:
        """This engine sees it at once, the others as soon as they hear."""
        await self._in_database(_notify)
        await self.look()


def _aside(claim: Claim, block: Block, now_s: float) -> Aside:
    lane = claim.lane
    if block.state == "content":
        return Aside(claim.id, lane, "hold", block.sentence)
    return Aside(claim.id, lane, "campaign", block.sentence, max(1.0, min(float(blocks.WAITS_S), block.until_s - now_s)), block.id)


def _notify(connection: Connection) -> None:
    connection.execute("SELECT pg_notify(%s, %s)", [CHANNEL, BLOCKED])
