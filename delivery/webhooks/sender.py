"""Sender: takes events in hand, posts them, and writes down what came of it. A process of its own; any number of them may run.

    claiming    four times a second and whenever room was made: which endpoints ask, how many each may have (`rooms`), take them (`claim`)
    sending     one task a request; whatever comes of it is a `Done`
    finishing   `Done`s in batches to the database (`finish`)
    upkeep      each minute: what is older than the log is kept goes

Promises: at least once: an event is done when an answer 2xx was written down; what a dying sender had in hand is due again after its lease, with
the same webhook-id. It ends on `stop()` within a few seconds, and gives back what it has not finished. When the database is away it waits, keeps what it
has learned, and goes on. Never: blocks on one endpoint; logs secrets or bodies.
"""

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import structlog
from psycopg import Error, OperationalError

from delivery.engine.database import Database
from delivery.webhooks import claim, upkeep
from delivery.webhooks.claim import Taken, Target
from delivery.webhooks.finish import Done, finish
from delivery.webhooks.payload import body_of
from delivery.webhooks.retry import asked_wait_s
from delivery.webhooks.rooms import Asking, deal
from delivery.webhooks.signature import signed_headers
from mailplatform.shell.clock import now
from mailplatform.shell.outgoing import Answer, NoAnswer, Outgoing, UrlRefused
from mailplatform.shell.secrets import CannotDecrypt, decrypt

LOOK_EVERY_S = 0.25
SHORTEST_PAUSE_S = 0.02
SLOW_S = 1.0
BATCH = 200
UPKEEP_EVERY_S = 60.0
ENDS_WITHIN_S = 5.0
log = structlog.get_logger(__name__)


class Sender:
    """`run()` returns after `stop()`."""

    def __init__(self, database_url: str, outgoing: Outgoing, keep_days: int, dice: random.Random | None = None) -> None:
        self._database = Database(database_url)
        self._outgoing, self._keep_days = outgoing, keep_days
        self._dice = dice or random.Random()  # noqa: S311 - spreads retries, guards nothing
        self._news, self._done_news, self._stopping = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self._sending: dict[asyncio.Task[None], tuple[Taken, float]] = {}
        self._done: list[Done] = []
        self._usual_s: dict[int, float] = {}
        self._finishing = False

    def stop(self) -> None:
        self._stopping.set()
        self._news.set()

    async def run(self) -> None:
        claiming = asyncio.create_task(self._forever(self._claim, until=self._stopping))
        others = [asyncio.create_task(self._forever(step)) for step in (self._finish, self._upkeep)]
        await self._stopping.wait()
        await asyncio.wait([claiming], timeout=ENDS_WITHIN_S)  # what it takes in this moment is its to give back
        await self._come_to_an_end()
        for loop in (claiming, *others):
            loop.cancel()
        await asyncio.gather(claiming, *others, return_exceptions=True)
        self._database.close()
        await self._outgoing.aclose()

    async def _forever(self, step: Callable[[], Any], until: asyncio.Event | None = None) -> None:
        """The database's absence is waited out; a surprise is logged, and does not end the process's other work."""
        pause_s = 0.1
        while until is None or not until.is_set():
            try:
                await step()
                pause_s = 0.1
            except Error as error:
                log.warning("webhooks_wait_for_the_database", error=str(error).split("\n")[0][:200])
                await asyncio.sleep(pause_s)
                pause_s = min(2.0, pause_s * 2)
            except Exception:
                log.exception("webhooks_surprised")
                await asyncio.sleep(1)

    # -- claiming -------------------------------------------------------------------------------------------------
    async def _claim(self) -> None:
        self._news.clear()
        tests, where_to = await self._database.run(claim.take_tests)
        self._begin(tests, {target.endpoint_id: target for target in where_to})
        targets = {target.endpoint_id: target for target in await self._database.run(claim.asking)}
        rooms = self._rooms(targets)
        taken, more = await self._database.run(claim.take, rooms) if rooms else ([], False)
        self._begin(taken, targets)
        await self._rest(LOOK_EVERY_S if not (taken or more) else SHORTEST_PAUSE_S)

    async def _rest(self, pause_s: float) -> None:
        await asyncio.sleep(SHORTEST_PAUSE_S)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(pause_s):
                await self._news.wait()

    def _rooms(self, targets: Mapping[int, Target]) -> dict[int, int]:
        flying, tenants, slow = Counter[int](), Counter[int](), {id_ for id_, usual_s in self._usual_s.items() if usual_s > SLOW_S}
        long_ago = time.monotonic() - SLOW_S
        for taken, began_s in self._sending.values():
            flying[taken.endpoint_id] += 1
            tenants[taken.tenant_id] += 1
            if began_s < long_ago:
                slow.add(taken.endpoint_id)
        asking = [Asking(target.endpoint_id, target.tenant_id, target.in_trouble) for target in targets.values()]
        self._dice.shuffle(asking)
        return deal(asking, flying, tenants, slow, sum(flying[id_] for id_ in slow))

    def _begin(self, taken: list[Taken], targets: Mapping[int, Target]) -> None:
        for one in taken:
            if one.endpoint_id in targets:
                task = asyncio.create_task(self._send(one, targets[one.endpoint_id]))
                self._sending[task] = (one, time.monotonic())
                task.add_done_callback(self._sent)

    # -- sending --------------------------------------------------------------------------------------------------
    async def _send(self, one: Taken, target: Target) -> None:
        done = Done(one.id, one.tenant_id, one.endpoint_id, one.kind, one.tries, one.give_up_at, now(), 0)
        began_s = time.monotonic()
        try:
            body = body_of(one.row)
            headers = {"Content-Type": "application/json", **signed_headers(_secrets(target), f"evt_{one.webhook_id.hex}", int(done.at.timestamp()), body)}
            done = _judged(done, await self._outgoing.request("POST", target.url, headers, body))
        except (NoAnswer, UrlRefused, CannotDecrypt) as no:
            done = replace(done, problem=str(no).rstrip("."))
        except Exception as surprise:  # of ours: the event waits, and somebody is told
            log.exception("webhook_surprised", event=one.id)
            done = replace(done, problem=f"our own mistake: {type(surprise).__name__}")
        took_s = time.monotonic() - began_s
        self._usual_s[one.endpoint_id] = 0.7 * self._usual_s.get(one.endpoint_id, took_s) + 0.3 * took_s
        self._done.append(replace(done, milliseconds=round(took_s * 1000)))
        self._done_news.set()

    def _sent(self, task: asyncio.Task[None]) -> None:
        self._sending.pop(task, None)
        self._news.set()

    # -- finishing ------------------------------------------------------------------------------------------------
    async def _finish(self) -> None:
        await self._done_news.wait()
        self._done_news.clear()
        while self._done:
            batch, self._finishing = self._done[:BATCH], True
            try:
                await self._record(batch)
            except OperationalError:
                self._done_news.set()
                raise
            finally:
                self._finishing = False
            del self._done[: len(batch)]
            self._news.set()

    async def _record(self, batch: list[Done]) -> None:
        """Should the database refuse one of them, the others are recorded all the same; that one is due again after its lease."""
        try:
            await self._database.record(finish, batch, self._dice.random)
        except OperationalError:
            raise
        except Error:
            if len(batch) == 1:
                log.exception("webhook_not_recorded", event=batch[0].event_id)
                return
            for one in batch:
                await self._record([one])

    async def _upkeep(self) -> None:
        while await self._database.run(upkeep.forget_old, self._keep_days):  # noqa: ASYNC110 - claims come in between
            await asyncio.sleep(0.1)
        if len(self._usual_s) > 10_000:
            self._usual_s.clear()
        await asyncio.sleep(UPKEEP_EVERY_S)

    async def _come_to_an_end(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ENDS_WITHIN_S):
                if self._sending:
                    await asyncio.wait(self._sending)
        left = [taken.id for taken, _ in self._sending.values()]
        for task in list(self._sending):
            task.cancel()
        with contextlib.suppress(TimeoutError, Error):
            async with asyncio.timeout(2):
                while self._done or self._finishing:  # noqa: ASYNC110 - the last batch is on its way
                    await asyncio.sleep(0.01)
                if left:
                    await self._database.run(claim.give_back, left)


def _secrets(target: Target) -> list[str]:
    return [decrypt(secret).decode() for secret in (target.secret_encrypted, target.old_secret_encrypted) if secret]


def _judged(done: Done, answer: Answer) -> Done:
    """2xx is success, whatever its body; a redirect is not followed, so it is none."""
    done = replace(done, status=answer.status, answer=excerpt(answer.body))
    if 200 <= answer.status < 300:
        return done
    if 300 <= answer.status < 400:
        return replace(done, problem=f"it answered {answer.status}: redirects are not followed, change the endpoint's address")
    return replace(done, problem=f"it answered {answer.status}", asked_s=asked_wait_s(answer.headers.get("retry-after")))


def excerpt(body: bytes, most: int = 1000) -> str:
    """The beginning of what somebody answered, fit to be stored and shown: no NUL, no control characters."""
    text = body[: 4 * most].decode("utf-8", "replace")
    return "".join(c if c.isprintable() or c == "\n" else " " for c in text)[:most].strip()
