"""Hands: what an engine holds, and what its loops share.

Owns: every claim from the moment it was taken until it is recorded or given back, and the paths. Promises: journal before
record; what was not begun goes back as it came; nothing is lost by forgetting it here, for the database and the journal know it.
Never: claims, connects, decides what becomes of a delivery.
"""

import asyncio
import random
import time
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import structlog
from psycopg import Connection, Error

from delivery.engine.budget import Budget
from delivery.engine.canaries import Canaries
from delivery.engine.database import Database
from delivery.engine.faults import Holes
from delivery.engine.journal import Journal
from delivery.engine.lease import Lease
from delivery.engine.outbox import Job
from delivery.engine.paper import Paper
from delivery.engine.path import Path
from delivery.engine.reach import Reach
from delivery.engine.recorder import Recorder
from delivery.engine.scopes import Scopes, share_out
from delivery.engine.score import Health
from delivery.engine.setup import Setup
from delivery.engine.signing import Signing
from delivery.engine.standing import mood_of, shared, stand
from delivery.engine.usual import Usual
from delivery.engine.vanish import Vanish
from delivery.engine.world import World
from delivery.queue import blocks
from delivery.queue.blocks import Aside
from delivery.queue.claim import Claim, StoredBody
from delivery.queue.record import give_back_unbegun
from delivery.queue.settled import Settled
from delivery.queue.wake import Lane, notify
from delivery.sign.dkim import Signer
from delivery.sign.keyring import Keyring
from delivery.sign.returnpath import return_path
from delivery.smtp.tls import TlsContexts
from delivery.sort.resolver import Resolver
from pools.mood import ProviderMood, against_us
from pools.outcomes import ActionScope, Outcome
from pools.purposes import Purpose
from pools.routes import is_address

CONNECT_EVERY_S = 0.002  # a TLS handshake takes 1.5 ms of the loop
GATHER_S = 0.01
log = structlog.get_logger(__name__)


class Hands:
    """`on_room` is told whenever there may be room for another claim."""

    world: World

    def __init__(self, engine_id: int, lease: Lease, journal: Journal, database: Database, setup: Setup, tls: TlsContexts) -> None:
        self.id, self.lease, self.journal, self.setup, self.tls = engine_id, lease, journal, setup, tls
        self.stopping = False
        self.in_hand: dict[UUID, Claim] = {}
        self._returning: set[UUID] = set()
        self._recording: dict[UUID, int] = {}  # a rerouted one may come back before the record of its last attempt has
        self.paths: dict[tuple[int, int], Path] = {}
        self._usual = Usual()
        self.moods: dict[int, ProviderMood] = {}  # of providers that answer every path alike
        self.health = Health()
        self.settled_count = 0
        self.on_room: Callable[[], None] = lambda: None
        self.jitter: Callable[[], float] = random.random
        self.in_database = database.run
        self.for_credit = database.credit
        self.recorder = Recorder(engine_id, database.record, self._recorded)
        self.resolver = Resolver(setup.dane_resolver or setup.resolver, trusted=bool(setup.dane_resolver))
        self.vanish = Vanish(self)
        self.reach = Reach(self)
        self._connect_at_s = self._connect_first_at_s = 0.0
        self.scopes = Scopes(self.in_database)
        self._keyring = Keyring()
        self._budget = Budget()
        self._aside: list[Aside] = []
        self.canaries = Canaries(
            self.in_database, self.run, self.set_aside, self.act, self.in_hand, lambda: self.paths, lambda pool_id: self.world.pools.get(pool_id, {})
        )
        self._tasks: set[asyncio.Task[None]] = set()
        self._since: dict[int, float] = {}  # since when each IP is owned
        self.signing = Signing()
        self.holes = Holes()
        self._clock = (time.monotonic(), datetime.now(UTC))

    # -- the world ----------------------------------------------------------------------------------------------------

    def look(self, world: World) -> None:
        """Configuration as it is now; what a former owner of a new IP had learned."""
        former, self.world = getattr(self, "world", None), world
        now = time.monotonic()
        self._clock = (world.asked_at_s, world.now)
        self._since = {ip: self._since.get(ip, now) for ip in world.ips}
        self.paths = {key: path for key, path in self.paths.items() if key[0] in world.ips or path.in_hand or path.slots.open}
        for (ip, provider), path in self.paths.items():
            path.leaving = ip not in world.ips
            path.kept.active = ip in world.transactional_ips
            if path.profile is not (profile := world.provider(provider)[1]):
                path.adopt(profile, now, world.now.timestamp())
            path.recover(now, world.now.timestamp())
            if (ip, provider) not in world.paths:  # only paths that somebody has a word against are loaded: the word was taken back
                path.look("open", 100.0, world.trial(ip, provider), now, world.now.timestamp())
        for key, facts in world.paths.items():
            path = self.path(*key)
            path.look(facts.state, facts.score, world.trial(*key), now, world.now.timestamp())
            if former is None or key[0] not in former.ips:
                path.take_over(facts.learned, facts.circuit_failures, now, world.now.timestamp(), facts.open_connections)
                path.closed_why = facts.why  # the evidence outlives the engine that met it
                path.mood = mood_of(facts.learned, now, world.now.timestamp())
            elif facts.lifted_at != path.lifted_at:
                path.lift(now, world.now.timestamp())
                path.mood.forgive()
            path.lifted_at = facts.lifted_at
        self.moods = stand(self.paths.values(), world.rivals, self.health, now, world.now.timestamp())

    def path(self, ip_id: int, provider_id: int) -> Path:
        found = self.paths.get((ip_id, provider_id))
        if found is None:
            found = self.paths[ip_id, provider_id] = Path.new(ip_id, provider_id, self.world.provider(provider_id)[1], self._since.get(ip_id, time.monotonic()))
            found.kept.active, found.usual = ip_id in self.world.transactional_ips, self._usual
            found.look("open", 100.0, self.world.trial(ip_id, provider_id), time.monotonic(), self._clock[1].timestamp())
            if self.scopes.of_paths and ip_id in self.world.ips:
                self.share_out()
        return found

    def forget(self, ip_ids: Collection[int]) -> None:
        """These IPs have another owner now: should they come back, nothing of what their paths counted here is true any more."""
        self.paths = {key: path for key, path in self.paths.items() if key[0] not in ip_ids}

    def now(self) -> datetime:
        """The database's wall time, carried on by this machine's monotonic clock."""
        at, wall = self._clock
        return wall + timedelta(seconds=time.monotonic() - at)

    def to_wall(self, at_s: float) -> datetime:
        return self.now() + timedelta(seconds=at_s - time.monotonic())

    def state(self) -> dict[str, Any]:
        """The counters of the moment, for the console."""
        return {
            "in_hand": self.load,
            "connections": sum(path.slots.open for path in self.paths.values()),
            "settled": self.settled_count,
            "ips": sorted(self.world.ips),
            "paths": len(self.paths),
            "loop_gap_ms": round(self.health.loop_gap_ms),
            **shared(self.paths.values(), self.health, time.monotonic()),
        }

    async def connection_turn(self, first: bool) -> None:
        """Connections begin one after the other, so that their TLS handshakes never pile up; however many hosts are silent, none waits for them.

        Those that transactional messages need (`first`) have a line of their own, and the others begin that much later.
        """
        now_s = time.monotonic()
        turn_s = self._connect_at_s = max(now_s, self._connect_at_s + CONNECT_EVERY_S)
        if first:
            turn_s = self._connect_first_at_s = max(now_s, self._connect_first_at_s + CONNECT_EVERY_S)
        if turn_s > now_s:
            await asyncio.sleep(turn_s - now_s)

    # -- what a message needs -----------------------------------------------------------------------------------------

    async def addresses(self, host: str, ipv6: bool) -> tuple[str, ...]:
        """A host's addresses of one family; an operator's route may name an address instead."""
        found = (host,) if is_address(host) else await self.resolver.addresses(host)
        return tuple(address for address in found if (":" in address) == ipv6)

    def paper(self, claim: Claim, body: StoredBody) -> Paper | None:
        """This delivery's header lines, being signed; None while its domain's keys have to be asked of the database."""
        signers = self._keyring.known(claim.domain_id)
        if signers is None:
            return None
        # The header line names this one delivery.
        own = b"X-Mailplatform-Delivery: %s\r\n" % str(claim.id).encode()
        head = b"".join((claim.own_head or b"", own, body.mime[: body.head_length]))
        return Paper(self.signing, signers, head, body.body_hash, claim.purpose == Purpose.TRANSACTIONAL)

    async def signers(self, domain_id: int) -> tuple[Signer, ...]:
        known = self._keyring.known(domain_id)
        return await self.in_database(_load_keys, self._keyring, domain_id) if known is None else known

    def return_path(self, delivery: UUID, domain_id: int) -> str:
        return return_path(delivery, self.setup.secret, self._keyring.return_path_host(domain_id) or self.setup.return_path_domain)

    def other_paths(self, claim: Claim, ip_id: int) -> int:
        """Sending IPs of the pool, on any engine, that this delivery has not tried; none where all would meet the same wall."""
        if claim.provider_id in self.moods:
            return 0
        return len(self.world.pools.get(claim.pool_id, {}).keys() - {ip_id, *claim.avoid_ip_ids})

    def budget_left(self, claim: Claim) -> bool:
        return self._budget.left((claim.pool_id, claim.provider_id), time.monotonic())

    # -- the end of a claim -------------------------------------------------------------------------------------------

    def settled(self, job: Job, settled: Settled) -> None:
        """Journal first, then the recorder."""
        if self.in_hand.get(job.id) is not job.claim:  # it has left these hands: whoever stumbled afterwards must not settle it again
            return
        try:
            self.journal.answer(settled)
        except OSError as error:  # a full disk: the answer is still recorded; should that fail too, the journal says that a dot was written
            log.error("journal_failed", error=str(error))
        del self.in_hand[job.id]
        self._recording[job.id] = self._recording.get(job.id, 0) + 1
        path, attempt, now_s = job.path, settled.attempt, time.monotonic()
        path.in_hand -= 1
        path.moved_at_s = now_s
        path.mood.heard(against_us(attempt.verdict, attempt.reason, attempt.fault), now_s)
        path.mood.timed(attempt.timings, now_s)
        self.settled_count += 1
        self._budget.count((job.claim.pool_id, job.claim.provider_id), settled.reroute, now_s)
        self.recorder.add(settled)
        self.on_room()

    def act(self, path: Path, outcome: Outcome, said: str, claim: Claim | None = None) -> None:
        """What a response rule wants done: to the path, or to the IP, netblock or sender (of `claim`) that it names."""
        now_s, wall_s, why = time.monotonic(), self.now().timestamp(), f"{outcome.rule}: {said[:200]}"
        if outcome.action and outcome.action.scope is ActionScope.PATH:
            path.act(outcome.action, outcome.rule or "", now_s, wall_s, why)
        elif outcome.action and path.ip_id in self.world.ips:
            self.scopes.met(path, self.world.ips[path.ip_id].address, claim, outcome, why, now_s, wall_s)
            self.share_out()

    def share_out(self) -> None:
        """Every path obeys what holds of its IP and its netblock."""
        addresses = {ip: own.address for ip, own in self.world.ips.items()}
        share_out(self.scopes, self.paths, addresses, time.monotonic(), self.now().timestamp())

    def _recorded(self, batch: list[Settled]) -> None:
        for settled in batch:
            delivery = settled.attempt.delivery_id
            self._recording[delivery] -= 1
            if not self._recording[delivery]:
                del self._recording[delivery]
        self.journal.recorded([settled.attempt.id for settled in batch])

    def give_back(self, jobs: Iterable[Job], elsewhere: bool = False) -> None:
        """Not begun, or stopped before the dot: they go back as they came. `elsewhere`: for other paths, which are told."""
        ids, lanes = [], set()
        for job in jobs:
            if self.in_hand.get(job.id) is job.claim:
                job.path.in_hand -= 1
                ids.append(job.id)
                lanes.add((job.claim.pool_id, job.claim.provider_id, job.claim.purpose))
        self.put_back(ids, lanes if elsewhere else ())

    def set_aside(self, aside: Sequence[Aside]) -> None:
        """They wait, are held, or go along other paths: their campaign is blocked. A few milliseconds' worth goes in one transaction."""
        for one in aside:
            self.in_hand.pop(one.id, None)
            self._returning.add(one.id)
        self._aside += aside
        if len(self._aside) == len(aside):
            self.run(self._move_aside())

    async def _move_aside(self) -> None:
        await asyncio.sleep(GATHER_S)
        batch, self._aside = self._aside, []
        remaining, before, claimed_by = batch, self.now(), None
        while remaining and not self.lease.lost:
            try:
                await self.in_database(_set_aside, self.id, remaining, claimed_by)
                break
            except Error:
                claimed_by = before
                await asyncio.sleep(0.1)
                remaining = [one for one in remaining if one.id not in self.in_hand]
        self._returning.difference_update(one.id for one in batch)

    def put_back(self, ids: Sequence[UUID], wake: Collection[Lane] = ()) -> None:
        """They leave the hands at once: this engine may well be the next to claim them, before it hears that they are back."""
        if not ids:
            return
        for delivery in ids:
            self.in_hand.pop(delivery, None)
        self.journal.forget(ids)
        self._returning.update(ids)
        self.run(self._put_back(list(ids), wake))

    async def _put_back(self, ids: list[UUID], wake: Collection[Lane]) -> None:
        remaining, before, claimed_by = ids, self.now(), None
        while remaining and not self.lease.lost:
            try:
                await self.in_database(_put_back, self.id, remaining, wake, claimed_by)
                break
            except Error:
                claimed_by = before
                await asyncio.sleep(0.1)
                # A COMMIT whose answer never came: what was claimed anew since is in hand, and stays there.
                remaining = [delivery for delivery in remaining if delivery not in self.in_hand]
        self._returning.difference_update(ids)

    def strays(self, claimed: Iterable[UUID]) -> list[UUID]:
        """Of what the database says this engine has claimed: what the engine does not know."""
        return [delivery for delivery in claimed if delivery not in self.in_hand and delivery not in self._returning and delivery not in self._recording]

    async def take_in(self, claimed: Mapping[UUID, int]) -> None:
        """What the database says this engine has claimed, with its tries, and the engine does not know: what the journal has an answer to was recorded in a
        server's last moments and is recorded again; the rest goes back as it came, for it was never begun."""
        strays = self.strays(claimed)
        answers = await asyncio.to_thread(self.journal.answers, {delivery: claimed[delivery] for delivery in strays}) if strays else {}
        for delivery, settled in answers.items():
            self._recording[delivery] = self._recording.get(delivery, 0) + 1
            self.recorder.add(settled)
        if strays:
            log.warning("claims_that_were_not_known", given_back=len(strays) - len(answers), recorded_again=len(answers))
        self.put_back([delivery for delivery in strays if delivery not in answers])

    @property
    def empty(self) -> bool:
        return not self.in_hand and not self._returning and not self._recording

    @property
    def load(self) -> int:
        """Deliveries that nobody else can send now."""
        return len(self.in_hand) + len(self._recording)

    # -- tasks --------------------------------------------------------------------------------------------------------

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Keep a task of this engine until it is done."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @property
    def busy(self) -> bool:
        return bool(self._tasks)

    async def let_go(self) -> None:
        """End every task."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.signing.close()


def _put_back(connection: Connection, engine_id: int, ids: Sequence[UUID], wake: Collection[Lane], claimed_by: datetime | None) -> None:
    with connection.transaction(), connection.cursor() as cursor:
        give_back_unbegun(cursor, engine_id, ids, claimed_by)
    if wake:
        notify(connection, wake)


def _set_aside(connection: Connection, engine_id: int, aside: Sequence[Aside], claimed_by: datetime | None) -> None:
    if lanes := blocks.set_aside(connection, engine_id, aside, claimed_by):
        notify(connection, lanes)


def _load_keys(connection: Connection, keyring: Keyring, domain_id: int) -> tuple[Signer, ...]:
    with connection.cursor() as cursor:
        return keyring.load(cursor, domain_id)
