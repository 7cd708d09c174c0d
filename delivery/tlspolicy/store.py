"""Tables of TLS: the MTA-STS policies that were fetched, and the hosts whose TLS is broken. All their SQL; values in and out.

Promises: a fetch that failed never takes away a policy that still holds (RFC 8461 §5.1). Never: decides when to fetch or to try.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection

from delivery.tlspolicy.mta_sts import Mode, Policy

POLICIES = """
    SELECT domain, policy_id, mode, mx,
           extract(epoch FROM expires_at - platform_now())::float8, extract(epoch FROM platform_now() - fetched_at)::float8,
           extract(epoch FROM platform_now() - tried_at)::float8
      FROM delivery_mtastspolicy WHERE domain = ANY (%s)
"""
# A few rows in a thousand domains have a policy: the table is small, and this is asked every few seconds at most.
FETCHED = """
    SELECT domain, policy_id, mode, mx, extract(epoch FROM expires_at - platform_now())::float8
      FROM delivery_mtastspolicy WHERE fetched_at > platform_now() - %s * interval '1 s' AND expires_at > platform_now()
"""
KEEP_POLICY = """
    INSERT INTO delivery_mtastspolicy (domain, policy_id, mode, mx, fetched_at, expires_at, tried_at, problem)
    VALUES (%(domain)s, %(id)s, %(mode)s, %(mx)s, platform_now(), platform_now() + %(max_age_s)s * interval '1 s', platform_now(), '')
    ON CONFLICT (domain) DO UPDATE
       SET policy_id = excluded.policy_id, mode = excluded.mode, mx = excluded.mx, fetched_at = excluded.fetched_at,
           expires_at = excluded.expires_at, tried_at = excluded.tried_at, problem = ''
"""
KEEP_PROBLEM = """
    INSERT INTO delivery_mtastspolicy (domain, policy_id, mode, mx, tried_at, problem)
    VALUES (%(domain)s, '', '', '{}', platform_now(), %(problem)s)
    ON CONFLICT (domain) DO UPDATE SET tried_at = excluded.tried_at, problem = excluded.problem
"""
FORGET_POLICIES = """
    DELETE FROM delivery_mtastspolicy
     WHERE coalesce(expires_at, tried_at) < platform_now() - interval '30 days' AND tried_at < platform_now() - interval '30 days'
"""
BROKEN = """
    SELECT host, proof, failure, detail, failures, extract(epoch FROM since)::float8, extract(epoch FROM last_at)::float8, extract(epoch FROM retry_at)::float8
      FROM delivery_brokentls ORDER BY retry_at DESC LIMIT 10000
"""
KEEP_BROKEN = """
    INSERT INTO delivery_brokentls (host, proof, failure, detail, failures, since, last_at, retry_at)
    VALUES (%(host)s, %(proof)s, %(failure)s, %(detail)s, %(failures)s, to_timestamp(%(since_s)s), to_timestamp(%(last_s)s), to_timestamp(%(retry_s)s))
    ON CONFLICT (host, proof) DO UPDATE
       SET failure = excluded.failure, detail = excluded.detail, failures = excluded.failures, since = excluded.since,
           last_at = excluded.last_at, retry_at = excluded.retry_at
     WHERE delivery_brokentls.last_at <= excluded.last_at
"""
MENDED = "DELETE FROM delivery_brokentls WHERE host = %s AND proof = %s"
FORGET_BROKEN = "DELETE FROM delivery_brokentls WHERE retry_at < platform_now() - interval '3 days'"


@dataclass(frozen=True, slots=True)
class Kept:
    """A policy as it stands in the table: how long it still holds, how old it is, when it was last tried; all in seconds."""

    policy: Policy | None
    left_s: float
    age_s: float
    tried_s_ago: float


@dataclass(frozen=True, slots=True)
class Broken:
    """A host whose TLS failed, for one kind of proof. Times are the database's, in seconds since 1970."""

    host: str
    proof: str
    failure: str
    detail: str
    failures: int
    since_s: float
    last_s: float
    retry_s: float


def policies(connection: Connection, domains: Sequence[str]) -> dict[str, Kept]:
    """What is known of these domains."""
    return {row[0]: _kept(row) for row in connection.execute(POLICIES, [list(domains)])}


def _kept(row: tuple[Any, ...]) -> Kept:
    _, policy_id, mode, mx, left_s, age_s, tried_s_ago = row
    holds = bool(mode) and (left_s or 0) > 0
    policy = Policy(policy_id, Mode(mode), tuple(mx), round(left_s)) if holds else None
    return Kept(policy, left_s or 0.0, age_s or 0.0, tried_s_ago)


def fetched(connection: Connection, within_s: float) -> dict[str, Policy]:
    """What was fetched just now, by whichever engine."""
    return {row[0]: Policy(row[1], Mode(row[2]), tuple(row[3]), round(row[4])) for row in connection.execute(FETCHED, [within_s])}


def keep_policy(connection: Connection, domain: str, policy: Policy) -> None:
    values = {"domain": domain, "id": policy.id, "mode": policy.mode, "mx": list(policy.mx), "max_age_s": policy.max_age_s}
    connection.execute(KEEP_POLICY, values)


def keep_problem(connection: Connection, domain: str, problem: str) -> None:
    """A fetch that came to nothing; what had been fetched before stays as it is."""
    connection.execute(KEEP_PROBLEM, {"domain": domain, "problem": problem[:500]})


def exchange_broken(connection: Connection, changed: Iterable[Broken], mended: Iterable[tuple[str, str]]) -> list[Broken]:
    """Write what this engine learned, read what all of them know."""
    with connection.transaction(), connection.cursor() as cursor:
        for one in sorted(changed, key=lambda one: (one.host, one.proof)):
            cursor.execute(KEEP_BROKEN, {name: getattr(one, name) for name in Broken.__slots__})
        for key in sorted(mended):
            cursor.execute(MENDED, key)
        return [Broken(*row) for row in cursor.execute(BROKEN).fetchall()]


def forget_old(connection: Connection) -> int:
    """What has been over for long. Returns how many rows."""
    return connection.execute(FORGET_POLICIES).rowcount + connection.execute(FORGET_BROKEN).rowcount
