"""Figures of what waits outside the lanes: due later, held, in the engines' hands.

Never counts a big table: every count stops at a limit and says so (10,000+); groups come from a skip scan of waiting_why (why, scope).
"""

import re
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from delivery.models import WaitingFor
from mailplatform.shell.database.rows import select

COUNT_LIMIT = 10_000
GROUPS_SHOWN = 12
_WAITING = """
    SELECT why, count(*), min(due_at) FROM (
        SELECT why, due_at FROM unnest(%(reasons)s::text[]) AS w(reason)
         CROSS JOIN LATERAL (SELECT why, due_at FROM delivery_waiting d WHERE d.why = w.reason LIMIT %(limit)s) few) bounded
     GROUP BY why
"""
# One probe a group, then each counted to the limit; `some` is one of its deliveries.
_GROUPS = """
    WITH RECURSIVE g AS (
        (SELECT why, scope, id FROM delivery_waiting WHERE why = ANY (%(reasons)s) ORDER BY why, scope LIMIT 1)
        UNION ALL
        SELECT next.* FROM g CROSS JOIN LATERAL (
            SELECT w.why, w.scope, w.id FROM delivery_waiting w
             WHERE (w.why, w.scope) > (g.why, g.scope) AND w.why = ANY (%(reasons)s) ORDER BY w.why, w.scope LIMIT 1) next)
    SELECT g.why, g.scope, g.id, c.n FROM (SELECT * FROM g LIMIT %(groups)s) g
     CROSS JOIN LATERAL (SELECT count(*) AS n FROM (SELECT 1 FROM delivery_waiting w WHERE w.why = g.why AND w.scope = g.scope LIMIT %(limit)s) few) c
"""
_CLAIMED = "SELECT count(*), min(claimed_at) FROM (SELECT claimed_at FROM delivery_claimed LIMIT %(limit)s) few"
WAITS_FOR = {  # in words, why, its look
    "sorting": ("to be sorted", "The provider of its domain is being looked up.", "working"),
    "retry": ("for its next try", "A provider deferred it, or its domain could not be looked up.", "limited"),
    "schedule": ("for its time", "The tenant gave a time to send it at.", "working"),
    "hold": ("for a person", "Somebody must decide.", "held"),
    "quota": ("for allowance", "Every path there has used what it may send for now.", "limited"),
    "lane": ("for its lane to open", "The pool or the provider is closed.", "paused"),
    "campaign": ("for its campaign's canaries", "The provider blocked some of it: a few go along other paths first.", "limited"),
    "tls": ("for TLS", "Its destination offers no TLS that may be used.", "limited"),
}
SAY_WHY = ("hold", "campaign", "tls", "lane", "quota")  # groups whose scope is a sentence for people
_CAMPAIGN = re.compile(r"campaign (\d{1,18}) ")


@dataclass(frozen=True, slots=True)
class WaitingRow:
    why: str
    words: str
    explanation: str
    look: str
    count: int
    next_due: datetime | None


@dataclass(frozen=True, slots=True)
class Group:
    """What waits for one and the same thing; `some` is one of its deliveries."""

    why: str
    scope: str
    some: UUID
    count: int

    @property
    def campaign(self) -> int | None:
        """The block that it waits for, where it is one (delivery.queue.blocks begins its sentences so)."""
        found = _CAMPAIGN.match(self.scope)
        return int(found[1]) if found else None

    @property
    def because(self) -> str:
        return self.scope or WAITS_FOR.get(self.why, ("", "It was not said.", ""))[1]

    @property
    def look(self) -> str:
        return WAITS_FOR.get(self.why, ("", "", "held"))[2]


@dataclass(frozen=True, slots=True)
class QueueFigures:
    waiting: tuple[WaitingRow, ...]
    groups: tuple[Group, ...]
    claimed: int
    oldest_claim: datetime | None

    @property
    def held(self) -> int:
        return next((row.count for row in self.waiting if row.why == WaitingFor.HOLD), 0)


def queue_figures() -> QueueFigures:
    """What cannot go now, and what is going."""
    claimed, oldest_claim = select(_CLAIMED, {"limit": COUNT_LIMIT})[0]
    waiting = select(_WAITING, {"reasons": list(WaitingFor.values), "limit": COUNT_LIMIT})
    groups = select(_GROUPS, {"reasons": list(SAY_WHY), "limit": COUNT_LIMIT, "groups": GROUPS_SHOWN})
    return QueueFigures(
        waiting=tuple(WaitingRow(why, *WAITS_FOR.get(why, (f"for {why}", "", "waiting")), count, due) for why, count, due in waiting),
        groups=tuple(Group(*row) for row in groups),
        claimed=claimed,
        oldest_claim=oldest_claim,
    )


def held_count() -> int:
    """How many deliveries wait for a person, to a limit; by the index (why, scope)."""
    return int(select("SELECT count(*) FROM (SELECT 1 FROM delivery_waiting WHERE why = 'hold' LIMIT %(limit)s) few", {"limit": 1_000})[0][0])
