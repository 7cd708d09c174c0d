"""Scoped limits: what a response rule said of more than one path: of an IP everywhere, a netblock, a signing domain, a tenant.

Owns: pools_scopedlimit, one row for (scope, key, provider); provider 0: all of them. Promises: a match counts once, on whatever engine it was met,
so a trigger of "n per period" is exact over the cluster; the row's lock orders them. A row is read by every engine within a second
and ends by itself; deleting it lifts it. What holds of a row is `pools.learned`'s to say: down at once, up in steps.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from ipaddress import ip_network
from typing import Any

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from pools.learned import STEP_S, Learned, Squeeze, apply, ends_s, from_json, to_json
from pools.outcomes import ActionKind, ActionScope, PathAction
from pools.providers.profile import Profile

EVERY_PROVIDER = 0
OF_PATHS = (ActionScope.IP, ActionScope.NETBLOCK)
OF_SENDERS = (ActionScope.TENANT, ActionScope.SIGNING_DOMAIN)
# A sender whose suspension is over starts at RESTART a minute and doubles every STEP_S until it is as good as free.
RESTART_PER_MINUTE, FREE_PER_MINUTE = 60, 60 * 2**7
V4_NETBLOCK, V6_NETBLOCK = 24, 64  # what providers take for one sender's network

LIVE = """
    SELECT scope, key, provider_id, learned, why, (SELECT count(*) FROM delivery_engine)::int AS engines
      FROM pools_scopedlimit WHERE until > platform_now()
"""
LOCK = """
    INSERT INTO pools_scopedlimit AS l (scope, key, provider_id, learned, why, rule, until, updated_at)
    VALUES (%(scope)s, %(key)s, %(provider_id)s, '{}', '', '', platform_now(), platform_now())
    ON CONFLICT (scope, key, provider_id) DO UPDATE SET updated_at = l.updated_at
    RETURNING learned
"""
KEEP = """
    UPDATE pools_scopedlimit SET learned = %(learned)s, why = %(why)s, rule = %(rule)s, until = to_timestamp(%(until_s)s), updated_at = platform_now()
     WHERE scope = %(scope)s AND key = %(key)s AND provider_id = %(provider_id)s
"""
FORGET = "DELETE FROM pools_scopedlimit WHERE until < platform_now() - interval '7 days'"


@dataclass(frozen=True, slots=True, order=True)
class Whom:
    """Of whom a limit holds."""

    scope: str
    key: str
    provider_id: int


@dataclass(frozen=True, slots=True)
class Match:
    """A rule with such an action has matched once more."""

    whom: Whom
    action: PathAction
    rule: str
    at_s: float  # wall clock
    why: str
    profile: Profile


@dataclass(frozen=True, slots=True)
class ScopedRow:
    """What holds, as the table has it."""

    scope: str
    key: str
    provider_id: int
    learned: dict[str, Any]
    why: str
    engines: int = 1  # among which a sender's rate is divided

    @property
    def whom(self) -> Whom:
        return Whom(self.scope, self.key, self.provider_id)


@lru_cache(4096)
def netblock_of(address: str) -> str:
    """The network that a provider counts with this address."""
    return str(ip_network(f"{address}/{V6_NETBLOCK if ':' in address else V4_NETBLOCK}", strict=False))


def after(match: Match, learned: Learned) -> Learned:
    """What holds after this match."""
    told = apply(match.action, learned, match.profile, match.at_s, match.rule)
    if match.whom.scope not in OF_SENDERS or match.action.kind is not ActionKind.SUSPEND or told.suspended_until_s <= match.at_s:
        return told
    return replace(told, connections=None, per_minute=Squeeze(RESTART_PER_MINUTE, FREE_PER_MINUTE, match.at_s, told.suspended_until_s + STEP_S))


def live(connection: Connection) -> list[ScopedRow]:
    """What holds now."""
    with connection.cursor(row_factory=class_row(ScopedRow)) as cursor:
        return cursor.execute(LIVE).fetchall()


def tell(connection: Connection, matches: Sequence[Match]) -> None:
    """Count these matches; rows are locked in one order."""
    with connection.transaction(), connection.cursor() as cursor:
        for match in sorted(matches, key=lambda match: match.whom):
            whom = {"scope": str(match.whom.scope), "key": match.whom.key, "provider_id": match.whom.provider_id}
            row = cursor.execute(LOCK, whom).fetchone()
            learned = after(match, from_json(row[0] if row else {}))
            counted_until_s = match.at_s + match.action.trigger_period_s if learned.matches else 0.0
            until_s = max(ends_s(learned, match.at_s), counted_until_s)
            cursor.execute(KEEP, {**whom, "learned": Jsonb(to_json(learned)), "why": match.why[:1000], "rule": match.rule[:60], "until_s": until_s})


def forget_old(connection: Connection) -> int:
    """Delete what ended long ago; how many."""
    return connection.execute(FORGET).rowcount
