"""Evidence: whose mail was refused for a sending IP's sake, by path and campaign, with one reply a minute: what quarantine must be able to show.

Promises: nothing where nobody is refused; in a batch of refusals one look-up and one statement, of at most MOST rows: the path's minute counts them all, the
evidence of the busiest campaigns. In the transaction of the attempts, rows in the order of their keys. Never: decides.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from psycopg import Cursor

from delivery.queue import arrays
from delivery.queue.settled import Settled
from pools.reputation.facts import Against

MOST = 100
REPLY = 300
# They have left the hands in this transaction; what is final has no campaign any more: 0.
CAMPAIGNS = """
    SELECT id, fingerprint FROM delivery_waiting WHERE id = ANY (%(ids)s) UNION ALL SELECT id, fingerprint FROM delivery_ready WHERE id = ANY (%(ids)s)
"""
ADD = """
    INSERT INTO pools_blockevidence AS e
           (minute, ip_id, provider_id, pool_id, tenant_id, stream_id, fingerprint, blocked, deferred, named, reason, rule, reply)
    SELECT date_trunc('minute', %(now)s::timestamptz), u.*
      FROM unnest(%(ips)s::int8[], %(providers)s::int8[], %(pools)s::int8[], %(tenants)s::int8[], %(streams)s::int8[], %(fingerprints)s::int8[],
                  %(blocked)s::int4[], %(deferred)s::int4[], %(named)s::int4[], %(reasons)s::text[], %(rules)s::text[], %(replies)s::text[]) AS u
    ON CONFLICT (minute, ip_id, provider_id, tenant_id, stream_id, fingerprint) DO UPDATE
       SET blocked = e.blocked + excluded.blocked, deferred = e.deferred + excluded.deferred, named = e.named + excluded.named
"""
Key = tuple[int, int, int, int, int]


def keep_evidence(cursor: Cursor, speaking: Sequence[tuple[Settled, Against]], now: datetime) -> None:
    """Add what these answers say against their paths."""
    campaigns: dict[UUID, int] = dict(cursor.execute(CAMPAIGNS, {"ids": [one.attempt.delivery_id for one, _ in speaking]}).fetchall())
    first: dict[Key, Settled] = {}
    counts: dict[Key, list[int]] = {}
    for one, said in speaking:
        attempt = one.attempt
        key = (attempt.ip_id, attempt.provider_id, one.tenant_id, one.stream_id, campaigns.get(attempt.delivery_id, 0))
        first.setdefault(key, one)
        sums = counts.setdefault(key, [0, 0, 0])
        for n, what in enumerate((Against.BLOCKED, Against.DEFERRED, Against.NAMED)):
            sums[n] += what in said
    busiest = sorted(counts, key=lambda key: counts[key][0] + counts[key][1], reverse=True)[:MOST]
    keys = sorted(busiest)
    samples = [first[key].attempt for key in keys]
    cursor.execute(ADD, {
        "now": now,
        "ips": arrays.numbers(key[0] for key in keys), "providers": arrays.numbers(key[1] for key in keys),
        "pools": arrays.numbers(sample.pool_id for sample in samples), "tenants": arrays.numbers(key[2] for key in keys),
        "streams": arrays.numbers(key[3] for key in keys), "fingerprints": arrays.numbers(key[4] for key in keys),
        "blocked": arrays.numbers(counts[key][0] for key in keys), "deferred": arrays.numbers(counts[key][1] for key in keys),
        "named": arrays.numbers(counts[key][2] for key in keys), "reasons": arrays.texts(sample.reason for sample in samples),
        "rules": arrays.texts(sample.rule for sample in samples), "replies": arrays.texts(sample.reply[:REPLY] for sample in samples),
    })  # fmt: skip
