"""A worker on a bench: real hands, journal, connection and peer; no database, whose part ends at the recorder's list."""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path as Folder
from typing import Any
from uuid import UUID

from delivery.classify.rulebook import RuleBook
from delivery.engine.database import Database
from delivery.engine.hands import Hands
from delivery.engine.journal import Journal
from delivery.engine.lease import Lease
from delivery.engine.outbox import Job, Outbox, Site
from delivery.engine.setup import Setup
from delivery.engine.worker import Worker
from delivery.engine.world import OwnIp, World
from delivery.queue.claim import Claim, StoredBody
from delivery.queue.settled import Settled
from delivery.smtp.target import TlsMode
from delivery.smtp.tls import TlsContexts
from mailplatform.shell.addresses import AddressPolicy
from mailplatform.shell.ids import delivery_id, message_id
from pools.providers.profile import Profile
from pools.providers.rollup import Catalogue
from tests.smtp.hostile import Peer

IP, PROVIDER, POOL = 7, 3, 1
MIME = b"From: a@sender.test\r\nSubject: hello\r\n\r\nHello\r\n"


def claim(**changed: object) -> Claim:
    now = datetime.now(UTC)
    values = {
        "id": delivery_id(message_id(), 1), "body_id": UUID(int=1), "tenant_id": 1, "stream_id": 1, "domain_id": 1, "pool_id": POOL, "provider_id": PROVIDER,
        "purpose": 0, "tag": 0.0, "ready_at": now, "attempts": 0, "tries": 0, "crashes": 0, "sticky_ip_id": None, "avoid_ip_ids": [],
        "recipient": "b@peer.test", "size_bytes": len(MIME), "fingerprint": 0, "own_head": None, "expires_at": now + timedelta(days=1), **changed,
    }  # fmt: skip
    return Claim(**values)  # type: ignore[arg-type]


class Bench:
    """An engine's hands with one path to one peer."""

    def __init__(self, folder: Folder, peer: Peer) -> None:
        setup = Setup("north-1/a", "", "127.0.0.1:1", peer.port, "", AddressPolicy("sandbox"), b"secret", "bounces.test", folder, 3600)
        lease = Lease("", 5, None, on_lost=lambda _: None, on_drain=lambda: None)  # type: ignore[arg-type]
        lease._deadline_boot, lease._deadline_wall = time.clock_gettime(time.CLOCK_BOOTTIME) + 3600, time.time() + 3600
        self.hands = Hands(5, lease, Journal(folder, 5), Database(""), setup, TlsContexts())
        own = OwnIp(IP, "127.0.0.1", "out.sender.test", "")
        pools = {POOL: {IP: 0, 8: 0, 9: 0}}
        asked_at_s = time.monotonic()  # else the hands' wall clock is ahead by how long this machine has been up
        world = World(datetime.now(UTC), {IP: own}, pools, {}, Profile(), Catalogue([]), RuleBook.from_rows([]), {}, frozenset(), asked_at_s=asked_at_s)
        self.hands.look(world)
        self.path = self.hands.path(IP, PROVIDER)
        self.outbox = Outbox(self.path, Site(("127.0.0.1",), peer.port, TlsMode.NONE))
        self.hands._keyring._known[1] = (float("inf"), ())

    def give(self, *claims: Claim) -> list[Job]:
        jobs = [Job(one, StoredBody(one.body_id, MIME, 37, b"", False, False), self.path, "mx:peer.test", {}) for one in claims]
        for job in jobs:
            self.hands.in_hand[job.id] = job.claim
            self.path.in_hand += 1
            self.outbox.put(job)
        return jobs

    def start(self) -> asyncio.Task[None]:
        self.path.slots.take(time.monotonic())
        self.outbox.workers += 1
        return asyncio.create_task(Worker(self.hands, self.outbox, lambda _: None, lambda _: None, lambda *_: None).run())

    @property
    def settled(self) -> list[Settled]:
        return list(self.hands.recorder._pending)


async def until(condition: Callable[[], Any], within_s: float = 10.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)
