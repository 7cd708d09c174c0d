"""Knocker: knocks at every door several times a second, in an event loop of its own thread.

Owns: one streak a door, and which knocks are under way. Promises: a door that is slow delays no other; of one door at most MOST_AT_ONCE knocks
are under way; what is changed (`set_doors`) holds at once. `changed` is set when a streak has just grown to what a vote needs, so that whoever
waits for it need not wait for the next report. Never: touches the database (but as a door), judges.
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import Sequence

from monitoring.endpoints.door import Door
from monitoring.endpoints.probes import knock
from monitoring.endpoints.streak import Knock, Streak, counted
from monitoring.endpoints.vote import Rules

MOST_AT_ONCE = 2  # a door that is slow because it is busy must not be made busier
LEAST_EVERY_S = {"database": 1.0, "submission": 1.0, "incoming": 1.0}  # a session costs the server a process, or one of those that an address may have


class Knocker:
    """`start()`, then read `streaks()` from any thread; `stop()` ends it."""

    def __init__(self, database_url: str) -> None:
        self.changed = threading.Event()
        self._database_url = database_url
        self._rules, self._doors = Rules(), {}  # type: Rules, dict[int, Door]
        self._streaks: dict[int, Streak] = {}
        self._lock = threading.Lock()
        self._loop = asyncio.new_event_loop()
        self._rounds: dict[int, asyncio.Task[None]] = {}
        self._thread = threading.Thread(target=self._run, name="knocker", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)

    @property
    def lives(self) -> bool:
        return self._thread.is_alive()

    def set_doors(self, doors: Sequence[Door], rules: Rules) -> None:
        """From now on these, so often."""
        wanted = {door.endpoint_id: door for door in doors}
        if (wanted, rules) != (self._doors, self._rules):
            self._doors, self._rules = wanted, rules
            self._loop.call_soon_threadsafe(self._arrange)

    def streaks(self) -> dict[int, Streak]:
        with self._lock:
            return dict(self._streaks)

    # -- in its own thread ------------------------------------------------------------------------------------------------
    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        with contextlib.suppress(Exception):
            self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    def _arrange(self) -> None:
        """Rounds for doors that are new or have moved; none for those that are gone."""
        for task in self._rounds.values():
            task.cancel()
        with self._lock:
            self._streaks = {id_: streak for id_, streak in self._streaks.items() if id_ in self._doors}
        self._rounds = {id_: self._loop.create_task(self._go_round(door, at)) for at, (id_, door) in enumerate(sorted(self._doors.items()))}

    async def _go_round(self, door: Door, place: int) -> None:
        every_s = max(self._rules.every_s, LEAST_EVERY_S.get(door.kind, 0.0))
        await asyncio.sleep(every_s * place / max(1, len(self._doors)))  # spread over the interval
        under_way: set[asyncio.Task[None]] = set()
        try:
            while True:
                if len(under_way) < MOST_AT_ONCE:
                    task = self._loop.create_task(self._knock(door))
                    under_way.add(task)
                    task.add_done_callback(under_way.discard)
                await asyncio.sleep(every_s)
        finally:
            for task in under_way:
                task.cancel()

    async def _knock(self, door: Door) -> None:
        began_s = time.monotonic()
        try:
            async with asyncio.timeout(self._rules.timeout_s):
                error = await knock(door, self._database_url)
        except TimeoutError:
            error = f"no answer within {self._rules.timeout_s * 1000:.0f} ms"
        except Exception as surprise:  # one door's surprise is its own: it has failed
            error = f"{type(surprise).__name__}: {surprise}"[:200]
        self._count(door, Knock(began_s, time.monotonic(), error))

    def _count(self, door: Door, done: Knock) -> None:
        with self._lock:
            streak = self._streaks[door.endpoint_id] = counted(self._streaks.get(door.endpoint_id), done)
        if streak.in_row == (self._rules.up_after if streak.ok else self._rules.down_after):
            self.changed.set()
