"""Blame: whose mail was refused on a path, as the deciding core wants it; and what of it was a campaign's content after all.

Owns: the reading of `pools_blockevidence` beside the engines' verdicts on campaigns (`delivery_campaignblock`, above this app: read as rows, by name).
Promises: one statement for all paths that are asked about. A campaign that was found to be refused for its content, or that a person lets go all the same,
speaks against no path; one that passed elsewhere is a canary of its pool's only tenant, where the pool is one tenant's.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from pools.reputation.evidence import NOBODY, SAMPLES, BlockEvidence, Reply
from pools.reputation.hearing import Key
from pools.reputation.thresholds import Policy
from pools.reputation.windows import Windows

_ASKED = """
    WITH asked AS (SELECT * FROM unnest(%(ips)s::int8[], %(providers)s::int8[], %(since)s::timestamptz[]) AS a(ip_id, provider_id, since)),
    e AS (
      SELECT e.*, coalesce(b.state IN ('content', 'released'), false) AS content, e.blocked + e.deferred AS refused,
             extract(epoch FROM %(at)s::timestamptz - e.minute)::float8 AS age,
             b.state = 'ip' AND p.tenant_id IS NOT NULL AND b.evidence->'blocked' @> jsonb_build_array(jsonb_build_object('ip', e.ip_id)) AS canary
        FROM asked JOIN pools_blockevidence e ON e.ip_id = asked.ip_id AND e.provider_id = asked.provider_id AND e.minute >= asked.since
        LEFT JOIN delivery_campaignblock b ON b.provider_id = e.provider_id AND b.tenant_id = e.tenant_id AND b.stream_id = e.stream_id
             AND b.fingerprint = e.fingerprint
        LEFT JOIN pools_pool p ON p.id = e.pool_id
       WHERE e.minute >= %(first)s)
"""
_BLAME = f"""
    {_ASKED}
    SELECT ip_id, provider_id, count(DISTINCT (tenant_id, stream_id, fingerprint)) FILTER (WHERE NOT content),
           count(DISTINCT tenant_id) FILTER (WHERE NOT content), coalesce(sum(named) FILTER (WHERE NOT content), 0)::float8,
           coalesce(bool_or(canary), false), coalesce(sum(refused) FILTER (WHERE NOT content), 0)::float8,
           coalesce(array_agg(rule || '@' || minute::text) FILTER (WHERE NOT content AND rule <> ''), '{{}}'),
           coalesce(sum(refused) FILTER (WHERE content), 0)::float8,
           coalesce(sum(refused * power(0.5, least(age / %(short)s, 500))) FILTER (WHERE content), 0)::float8,
           coalesce(sum(refused * power(0.5, least(age / %(middle)s, 500))) FILTER (WHERE content), 0)::float8
      FROM e GROUP BY 1, 2
"""
_SAMPLES = f"""
    {_ASKED}
    SELECT e.reply, e.tenant_id, coalesce(t.title, ''), e.stream_id, e.fingerprint, e.refused, e.minute
      FROM e LEFT JOIN tenants_tenant t ON t.id = e.tenant_id WHERE NOT content ORDER BY e.refused DESC, e.minute DESC LIMIT {SAMPLES}
"""


@dataclass(frozen=True, slots=True)
class Blame:
    """`refused` are the refusals that count; `rules` which response rules matched them, and in which minute; `contents`: what is to be taken off."""

    evidence: BlockEvidence = NOBODY
    refused: float = 0.0
    rules: tuple[tuple[str, datetime], ...] = ()
    contents: tuple[float, float, float] = (0.0, 0.0, 0.0)  # in all, and as the short and the middle window have it


NOTHING_SAID = Blame()


def blames(since: Mapping[Key, datetime], policy: Policy, at: datetime) -> dict[Key, Blame]:
    """Of these paths, each since its own time."""
    if not since:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_BLAME, _values(since, policy, at))
        return {
            (ip, provider): Blame(
                BlockEvidence(campaigns, tenants, named, canary), refused, tuple(_rule(one) for one in rules), (contents, short, middle)
            )
            for ip, provider, campaigns, tenants, named, canary, refused, rules, contents, short, middle in cursor.fetchall()
        }  # fmt: skip


def with_samples(key: Key, since: datetime, evidence: BlockEvidence, policy: Policy, at: datetime) -> BlockEvidence:
    """The same with some of the replies, for a row that people read."""
    with connection.cursor() as cursor:
        cursor.execute(_SAMPLES, _values({key: since}, policy, at))
        samples = tuple(
            Reply(reply, f"{stream}/{fingerprint & 0xFFFFFF:06x}", title or str(tenant), count, f"{minute:%Y-%m-%d %H:%M}")
            for reply, tenant, title, stream, fingerprint, count, minute in cursor.fetchall()
        )
    return replace(evidence, samples=samples)


def without_contents(windows: Windows, blame: Blame) -> Windows:
    """As if campaigns that are refused for their content had not been sent there."""
    contents, short, middle = blame.contents
    if not contents:
        return windows
    return replace(
        windows, fast_refused=max(0.0, windows.fast_refused - contents), short_refused=max(0.0, windows.short_refused - short),
        middle_refused=max(0.0, windows.middle_refused - middle),
    )  # fmt: skip


def horizon(at: datetime, policy: Policy) -> datetime:
    """How far back refusals are looked at."""
    return at - timedelta(seconds=policy.middle_half_life_s)


def _values(since: Mapping[Key, datetime], policy: Policy, at: datetime) -> dict[str, Any]:
    floors = {key: begun.replace(second=0, microsecond=0) for key, begun in since.items()}
    return {
        "ips": [ip for ip, _ in floors], "providers": [provider for _, provider in floors], "since": list(floors.values()), "first": min(floors.values()),
        "at": at, "short": policy.short_half_life_s, "middle": policy.middle_half_life_s,
    }  # fmt: skip


def _rule(text: str) -> tuple[str, datetime]:
    rule, _, minute = text.rpartition("@")
    return rule, datetime.fromisoformat(minute)
