"""The world as an engine sees it: its IPs, who they serve, providers' limits, rules, routes.

A frozen snapshot, loaded in a thread every second; nothing in the hot path asks the database for configuration. Loading takes
ownership of the node's IPs that nobody owns (`owned`).
"""

import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row, namedtuple_row

from delivery.classify.rulebook import RuleBook
from delivery.engine.owned import OwnIp, take_and_look
from delivery.engine.pace import FREE, Trial
from delivery.engine.rivals import NOBODY, RIVALS, Rivals, rivals_of
from pools.failover import returns
from pools.providers.profile import Profile, profile_of
from pools.providers.rollup import Catalogue
from pools.routes import Route, routes_of

FALLBACK_HANDICAP_MS = 2000  # a pool's fallback helps what has waited this long
BORROWED_HANDICAP_MS = 250  # a hybrid pool's own IPs go first

# Every pool's members that can send at all, with the fallback pool's as members of last resort.
MEMBERS = """
    WITH leased AS (SELECT l.ip_id FROM delivery_iplease l JOIN pools_sendingip ip ON ip.id = l.ip_id WHERE ip.state = 'active')
    SELECT p.id AS pool_id, m.ip_id, CASE WHEN m.own THEN 0 ELSE %(borrowed)s END AS handicap_ms
      FROM pools_pool p JOIN pools_poolmember m ON m.pool_id = p.id JOIN leased l ON l.ip_id = m.ip_id
     WHERE m.own OR p.borrowing_closed_at IS NULL
    UNION ALL
    SELECT p.id, m.ip_id, %(fallback)s
      FROM pools_pool p JOIN pools_poolmember m ON m.pool_id = p.fallback_id JOIN leased l ON l.ip_id = m.ip_id
     WHERE p.borrowing_closed_at IS NULL
       AND NOT EXISTS (SELECT 1 FROM pools_poolmember own WHERE own.pool_id = p.id AND own.ip_id = m.ip_id)
"""
PURPOSES = "SELECT pool_id, bool_or(purpose = 0) AS first, bool_or(purpose <> 0) AS others FROM pools_stream GROUP BY pool_id"
PROVIDERS = "SELECT id, key, mx_suffixes, domains, is_tail, facts, overrides FROM pools_provider WHERE NOT is_tail OR overrides <> '{}'"
PATHS = """
    SELECT ip_id, provider_id, state, score, learned, circuit_failures, open_connections, lifted_at, why, share, probation_per_hour, warm_per_hour,
           warm_per_day, warmed
      FROM pools_path
     WHERE ip_id = ANY (%(ips)s)
       AND (%(all)s OR state <> 'open' OR score < 100 OR suspended_until > platform_now() OR lifted_at > platform_now() - interval '1 min'
            OR share < 100 OR probation_per_hour IS NOT NULL OR warm_per_hour IS NOT NULL OR warm_per_day IS NOT NULL OR warmed AND ip_id = ANY (%(new)s))
"""
NOW = "SELECT platform_now() AS now"
RULES = "SELECT * FROM pools_responserule WHERE enabled ORDER BY position"
ROUTES = "SELECT match, host, port, tls, username, password_encrypted FROM pools_staticroute"
TLS_EXCEPTIONS = "SELECT match FROM pools_tlsexception WHERE expires_at IS NULL OR expires_at > platform_now()"


@dataclass(frozen=True, slots=True)
class PathFacts:
    """What the database says of a path: an operator's or reputation's word, and what a former owner learned."""

    state: str
    score: float
    learned: dict[str, Any]
    circuit_failures: int
    open_connections: int = 0
    lifted_at: datetime | None = None
    why: str = ""
    share: int = 100
    probation_per_hour: int | None = None
    warm_per_hour: int | None = None
    warm_per_day: int | None = None
    warmed: bool = False


@dataclass(frozen=True, slots=True)
class World:
    now: datetime
    ips: dict[int, OwnIp]
    pools: dict[int, dict[int, int]]  # pool → every IP that can send for it → its handicap in ms
    providers: dict[int, tuple[str, Profile]]  # shipped providers; the long tail has the default profile
    default_profile: Profile
    catalogue: Catalogue
    rulebook: RuleBook
    routes: dict[str, Route]
    tls_exceptions: frozenset[str]
    paths: dict[tuple[int, int], PathFacts] = field(default_factory=dict)
    rivals: Rivals = NOBODY
    leaving: frozenset[int] = frozenset()  # IPs whose connections end now, for another owner
    transactional_ips: frozenset[int] = frozenset()  # of all, those that serve a transactional stream
    bulk_pools: frozenset[int] = frozenset()  # pools that serve a stream of another purpose
    rules: list[Any] = field(default_factory=list)  # the rows that the rule book was made of: compiling takes 40 ms, and they seldom change
    share: int = 100  # of its connections and rates, in percent, what this engine's node may use: less while it comes back
    asked_at_s: float = 0.0  # this machine's monotonic clock before `now` was asked for

    def provider(self, provider_id: int) -> tuple[str, Profile]:
        """A provider's key and limits."""
        return self.providers.get(provider_id) or ("mx:", self.default_profile)

    def trial(self, ip_id: int, provider_id: int) -> Trial:
        """What reputation and warming say of a path; of one that warming has not mentioned what its IP begins with."""
        facts, ip = self.paths.get((ip_id, provider_id)), self.ips.get(ip_id)
        hour, day = (facts.warm_per_hour, facts.warm_per_day) if facts else (None, None)
        if ip and hour is None and day is None and not (facts and facts.warmed):
            hour, day = ip.first_caps
        if facts is None:
            return FREE if hour is None and day is None and self.share == 100 else Trial(self.share, warm_per_hour=hour, warm_per_day=day)
        return Trial(max(1, facts.share * self.share // 100), facts.probation_per_hour, hour, day, facts.state == "probation")

    def own_members(self, pool_id: int) -> dict[int, int]:
        """Which of this engine's IPs serve a pool, with their handicap."""
        return {ip: handicap for ip, handicap in self.pools.get(pool_id, {}).items() if ip in self.ips}


_Slow = tuple[dict[int, tuple[str, Profile]], Profile, Catalogue, RuleBook]  # World's `providers` to `rulebook`


@dataclass(slots=True)
class _Row:
    """A provider row as the roll-up and the profile want it."""

    key: str
    mx_suffixes: list[str]
    domains: list[str]
    is_tail: bool
    facts: dict[str, Any]
    overrides: dict[str, Any]


def load_world(connection: Connection, engine_id: int, node: str, former: World | None) -> World:
    """Take what IPs are free, and look at everything. Rules and providers are read again only when a minute has passed."""
    with connection.transaction(), connection.cursor(row_factory=dict_row) as cursor:
        ips, leaving = take_and_look(cursor, engine_id, node)
        share = returns.look(cursor, node, first=former is None)
        # Taken before the question: an engine whose clock lagged by the time of loading would not see what became ready just now.
        asked_at_s = time.monotonic()
        row = cursor.execute(NOW).fetchone()
        assert row is not None
        now = row["now"]
        pools: dict[int, dict[int, int]] = {}
        for row in cursor.execute(MEMBERS, {"borrowed": BORROWED_HANDICAP_MS, "fallback": FALLBACK_HANDICAP_MS}).fetchall():
            pools.setdefault(row["pool_id"], {})[row["ip_id"]] = row["handicap_ms"]
        purposes = cursor.execute(PURPOSES).fetchall()
        serving = [members.keys() for members in pools.values() if not ips.keys().isdisjoint(members)]
        rivals = rivals_of(cursor.execute(RIVALS, {"engine": engine_id, "ips": list(set().union(*serving) - ips.keys())}).fetchall())
        new_ips = former is None or not ips.keys() <= former.ips.keys()
        new = [ip.id for ip in ips.values() if ip.first_caps != (None, None)]
        rows = cursor.execute(PATHS, {"ips": list(ips), "all": new_ips, "new": new}).fetchall()
        paths = {(row.pop("ip_id"), row.pop("provider_id")): PathFacts(**row) for row in rows}
        routes = routes_of(_named(cursor.connection, ROUTES))
        exceptions = frozenset(row["match"] for row in cursor.execute(TLS_EXCEPTIONS).fetchall())
        slow, rules = _slow_facts(cursor, former, now)
    first_ips = frozenset(ip for row in purposes if row["first"] for ip in pools.get(row["pool_id"], {}))
    bulk = frozenset(row["pool_id"] for row in purposes if row["others"])
    return World(now, ips, pools, *slow, routes, exceptions, paths, rivals, leaving, first_ips, bulk, rules, share, asked_at_s)


def _slow_facts(cursor: Any, former: World | None, now: datetime) -> tuple[_Slow, list[Any]]:
    if former and former.now.minute == now.minute:
        return (former.providers, former.default_profile, former.catalogue, former.rulebook), former.rules
    rows = {row.pop("id"): _Row(**row) for row in cursor.execute(PROVIDERS).fetchall()}
    default = next((row for row in rows.values() if row.key == "default"), _Row("default", [], [], False, {}, {}))
    providers = {id_: (row.key, profile_of(row, default)) for id_, row in rows.items()}
    rules = _named(cursor.connection, RULES)
    rulebook = former.rulebook if former and former.rules == rules else RuleBook.from_rows(rules)
    return (providers, profile_of(default, default), Catalogue(rows.values()), rulebook), rules


def _named(connection: Connection, statement: str) -> list[Any]:
    with connection.cursor(row_factory=namedtuple_row) as cursor:
        return list(cursor.execute(statement).fetchall())
