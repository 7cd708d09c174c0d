"""Slots: when a node's engine slots are filled. Pure decisions.

Promises: a vacant slot is asked for at once; a task that nobody takes is thrown away and asked for again; an engine that dies
as soon as it starts is started with growing pauses. Two tasks for one slot are harmless: the second engine returns at once.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum

TAKEN_WITHIN_S = 5.0  # a cluster that works takes a task within its polling interval of a quarter of a second
TAKEN_AFTER_OUTAGE_S = 2.0  # django-q2's pusher sleeps 10 s when it lost the database: a new cluster is there sooner
STARTS_WITHIN_S = 10.0  # from taken to the engine's row
SETTLED_S = 10.0  # an engine that lived this long was no false start
LONGEST_PAUSE_S = 30.0
RESTART_EVERY_S = 20.0  # a cluster needs some seconds to start


class Task(Enum):
    """Where a slot's task is: waiting in the table, or taken by a cluster that has not begun it."""

    WAITING = "waiting"
    TAKEN = "taken"


class Do(StrEnum):
    ENQUEUE = "enqueue"
    DISCARD = "discard"
    RESTART_CLUSTER = "restart cluster"


@dataclass(frozen=True, slots=True)
class Action:
    do: Do
    slot: int = -1
    why: str = ""


@dataclass(slots=True)
class _Slot:
    asked_s: float | None = None  # or when its task last moved: enqueued, taken, acknowledged
    task: Task | None = None
    filled_s: float | None = None
    false_starts: int = 0


@dataclass(slots=True)
class SlotKeeper:
    """What a node agent remembers of its slots between looks."""

    _slots: dict[int, _Slot] = field(default_factory=dict)
    _restarted_s: float = float("-inf")

    def vacant(self, occupied: Iterable[int], wanted: int) -> list[int]:
        """The slots that need looking after: only for these are the tasks read."""
        taken = set(occupied)
        return [slot for slot in range(wanted) if slot not in taken]

    def step(self, now_s: float, occupied: Iterable[int], wanted: int, tasks: Mapping[int, Task], after_outage: bool = False) -> list[Action]:
        """What to do now."""
        taken = set(occupied)
        for slot in taken:
            self._fill(self._slots.setdefault(slot, _Slot()), now_s)
        actions: list[Action] = []
        for slot in self.vacant(taken, wanted):
            actions += self._tend(now_s, slot, tasks.get(slot), idle=not taken, after_outage=after_outage)
        return actions

    def put_off(self) -> None:
        """The cluster was not restarted: it is only just starting. Ask again when the task has waited as long again."""
        self._restarted_s = float("-inf")

    def _fill(self, slot: _Slot, now_s: float) -> None:
        slot.asked_s = None
        slot.filled_s = now_s if slot.filled_s is None else slot.filled_s
        if now_s - slot.filled_s >= SETTLED_S:
            slot.false_starts = 0

    def _tend(self, now_s: float, number: int, task: Task | None, idle: bool, after_outage: bool) -> list[Action]:
        slot = self._slots.setdefault(number, _Slot())
        if slot.filled_s is not None:  # its engine is gone
            slot.false_starts += now_s - slot.filled_s < SETTLED_S
            slot.filled_s = None
            slot.asked_s = now_s + _pause_s(slot.false_starts) - STARTS_WITHIN_S if slot.false_starts > 1 and task is None else None
        if slot.asked_s is None:
            slot.asked_s, slot.task = now_s, task
            return [] if task else [Action(Do.ENQUEUE, number)]
        if task is not slot.task:
            slot.task, slot.asked_s = task, now_s
        waited_s = now_s - slot.asked_s
        if task is None:  # taken and acknowledged: it is starting, or it failed to
            if waited_s < STARTS_WITHIN_S:
                return []
            slot.asked_s = now_s
            return [Action(Do.ENQUEUE, number, "no engine came of the last task")]
        if waited_s < (TAKEN_AFTER_OUTAGE_S if after_outage else TAKEN_WITHIN_S):
            return []
        if idle and now_s - self._restarted_s >= RESTART_EVERY_S:
            self._restarted_s = slot.asked_s = now_s
            again = [Action(Do.DISCARD, number), Action(Do.ENQUEUE, number)] if task is Task.TAKEN else []
            return [Action(Do.RESTART_CLUSTER, why=f"a task waits {waited_s:.0f} s, {task.value}, and no engine runs"), *again]
        return []


def _pause_s(false_starts: int) -> float:
    """0.5 s after the second false start in a row, doubling."""
    return min(LONGEST_PAUSE_S, 0.5 * 2.0 ** (false_starts - 2))
