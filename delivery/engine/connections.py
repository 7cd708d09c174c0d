"""Connections: an engine's outboxes and the workers that serve them.

Owns: which connections exist. Promises: never more at a path than its slots allow; a worker more while more waits than the connections
there are can take soon, most of them for any mail and some for transactional mail alone; an idle one is closed when another site of the same
path needs its slot; behind a path that fails, hangs or is closed nothing waits. What is done for one path looks at its own outboxes only.
"""

import time

from delivery.engine.hands import Hands
from delivery.engine.outbox import WAITING_A_CONNECTION, Job, Outbox, Site
from delivery.engine.path import Path
from delivery.engine.vanish import HINT_S
from delivery.engine.worker import Worker

LISTENS_EVERY_S, HALTS_S = 0.25, 1.0
SLOWER = 2.0  # times what it took lately: connecting takes long
SLOW_CONNECT_S = 2.0  # after so long without any connection nothing more is given to a path, and what waits there goes along others


class Connections:
    def __init__(self, hands: Hands) -> None:
        self._hands = hands
        self._outboxes: dict[tuple[int, int, Site], Outbox] = {}
        self._listens_at_s = 0.0
        self._of: dict[tuple[int, int], list[Outbox]] = {}  # the same, by path

    def send(self, job: Job, site: Site) -> None:
        """Queue a job at its path and site, and open a connection for it where one is needed and allowed."""
        key = (job.path.ip_id, job.path.provider_id, site)
        outbox = self._outboxes.get(key)
        if outbox is None or outbox.path is not job.path:  # its IP was another engine's meanwhile
            outbox = self._outboxes[key] = Outbox(job.path, site)
            self._of.setdefault(key[:2], []).append(outbox)
        outbox.put(job)
        self.grow(outbox)

    def ended(self, outbox: Outbox) -> None:
        """A worker has ended: its slot goes to whoever of this path waits for one."""
        for waiting in sorted((box for box in self._siblings(outbox.path) if len(box)), key=_first_waits_first):
            self.grow(waiting)
        key = (outbox.path.ip_id, outbox.path.provider_id, outbox.site)
        if not outbox.workers and not len(outbox):
            if self._outboxes.get(key) is outbox:
                del self._outboxes[key]
            self._of[key[:2]] = [one for one in self._of.get(key[:2], ()) if one is not outbox]
            if not self._of[key[:2]]:
                del self._of[key[:2]]

    def _siblings(self, path: Path) -> list[Outbox]:
        return [one for one in self._of.get((path.ip_id, path.provider_id), ()) if one.path is path]

    def reopen(self) -> None:
        """Whoever waits for a slot that lingered tries again, and who waits behind a connection that hangs gets another."""
        now_s = time.monotonic()
        waiting = [outbox for outbox in self._outboxes.values() if len(outbox) and (not outbox.workers or outbox.stands_still(now_s))]
        for outbox in sorted(waiting, key=_first_waits_first):
            self.grow(outbox)
        if now_s >= self._listens_at_s:
            self._listens_at_s = now_s + LISTENS_EVERY_S
            self._listen(now_s)
        for outbox in list(self._outboxes.values()):
            if outbox.path.leaving or outbox.path.slots.too_many:
                outbox.close_one_idle()
            if now_s - outbox.reaching_since_s > max(HINT_S, min(SLOW_CONNECT_S, SLOWER * outbox.path.connect_s(now_s))):
                self._hands.vanish.hint(outbox.path)
            if now_s - outbox.reaching_since_s > SLOW_CONNECT_S and not outbox.path.probing and not self._works(outbox.path):
                outbox.path.hangs(now_s)
            if len(outbox) and outbox.path.gives_up(now_s):
                self.relieve(outbox)

    def _listen(self, now_s: float) -> None:
        """Of paths that have come to a halt: whether what they write reaches anybody. A path that nothing arrives from is one that hangs."""
        for outbox in list(self._outboxes.values()):
            path = outbox.path
            if not outbox.talking or not path.in_hand or now_s - path.moved_at_s < HALTS_S:
                continue
            unheard = [worker for worker in outbox.talking if isinstance(worker, Worker) and worker.unheard]
            if unheard:
                path.hangs(now_s, "what is written gets no acknowledgement")
                self._hands.vanish.hint(path)
            for worker in unheard:
                worker.give_up()

    def _works(self, path: Path) -> bool:
        """Whether any connection of this path stands."""
        return any(one.workers > one.connecting for one in self._siblings(path))

    def relieve(self, outbox: Outbox, others: int = 0) -> None:
        """Its path met trouble: what waits there, beyond what its `others`, working connections, take soon, goes back for other paths."""
        path = outbox.path
        doomed = self._siblings(path) if path.gives_up(time.monotonic()) else ()
        jobs = [job for one in doomed for job in one.drain()] or outbox.excess(WAITING_A_CONNECTION * others)
        self._hands.give_back(jobs, elsewhere=True)

    def unbegun(self) -> list[Job]:
        """Empty every outbox and let idle connections go; what was not begun."""
        jobs = []
        for outbox in self._outboxes.values():
            jobs += outbox.drain()
            while outbox.close_one_idle():
                pass
        return jobs

    def leave(self) -> list[Job]:
        """Empty the outboxes of paths whose IP gets another owner; what was not begun."""
        return [job for outbox in self._outboxes.values() if outbox.path.leaving for job in outbox.drain()]

    def grow(self, outbox: Outbox) -> None:
        """Open what connections it wants and its path allows; a part of them for transactional mail alone (kept)."""
        path = outbox.path
        while not path.leaving and outbox.wants_connection():
            first_only = not path.kept.others_may_open(path.slots.limit)
            if first_only and not outbox.first_waits:
                if outbox.workers == outbox.first_only:
                    self._free_a_slot(path, outbox, others=True)
                return
            if not path.slots.take(time.monotonic()):
                if outbox.workers == 0:
                    freed = self._free_a_slot(path, outbox)
                    path.kept.yields = outbox.first_waits and not freed
                return
            path.kept.yields = False
            outbox.workers += 1
            outbox.moved_at_s = time.monotonic()
            self._hands.run(Worker(self._hands, outbox, self.grow, self.ended, self.relieve, first_only).run())

    def _free_a_slot(self, path: Path, wanting: Outbox, others: bool = False) -> bool:
        return any(outbox is not wanting and outbox.close_one_idle(others) for outbox in self._siblings(path))


def _first_waits_first(outbox: Outbox) -> bool:
    return not outbox.first_waits
