"""Pace: how much of a tenant's transactional mail goes first.

Transactional mail is strict up to its tenant's rate (Tenant.transactional_rate_per_s), all lanes together, with one second's worth at once;
what goes beyond is for the caller to order as notification. The generic cell rate algorithm by the database's clock: `spent_until` is when the rate
will have made good what was let through. It counts for no more than may go at once: a clock that is put back leaves no hours of debt. One row a tenant,
locked in the order of tenants and before any fair tag: two submissions never deadlock. Never: looks at other purposes.
"""

from collections.abc import Mapping

from psycopg import Cursor

BURST_S = 1.0

SPEND = f"""
    WITH clock AS (SELECT extract(epoch FROM platform_now())::float8 AS now_s),
         locked AS (
        SELECT p.tenant_id, w.n, t.transactional_rate_per_s AS rate, clock.now_s,
               least(greatest(p.spent_until, clock.now_s), clock.now_s + greatest({BURST_S}, 1 / nullif(t.transactional_rate_per_s, 0))) AS from_s
          FROM clock
         CROSS JOIN unnest(%(tenants)s::int8[], %(counts)s::int4[]) AS w(tenant_id, n)
          JOIN delivery_transactionalpace p USING (tenant_id)
          JOIN tenants_tenant t ON t.id = w.tenant_id
         ORDER BY p.tenant_id
           FOR UPDATE OF p),
         let AS (
        SELECT tenant_id, rate, from_s,
               CASE WHEN rate > 0 THEN least(n, floor((now_s + greatest({BURST_S}, 1 / rate) - from_s) * rate + 1e-6))::int4 ELSE 0 END AS first
          FROM locked)
    UPDATE delivery_transactionalpace p
       SET spent_until = let.from_s + CASE WHEN let.first > 0 THEN let.first / let.rate ELSE 0 END, let_first = let.first
      FROM let
     WHERE p.tenant_id = let.tenant_id
 RETURNING p.tenant_id, p.let_first
"""
MAKE = """
    INSERT INTO delivery_transactionalpace (tenant_id, spent_until, let_first)
    SELECT tenant_id, 0, 0 FROM unnest(%s::int8[]) AS w(tenant_id) ORDER BY 1
        ON CONFLICT DO NOTHING
"""


def let_first(cursor: Cursor, wanted: Mapping[int, int]) -> dict[int, int]:
    """Of so many transactional deliveries by tenant: how many go first. Counted as gone."""
    missing = dict(wanted)
    given: dict[int, int] = {}
    for make in (False, True):
        if make:
            cursor.execute(MAKE, [sorted(missing)])
        given |= dict(cursor.execute(SPEND, {"tenants": list(missing), "counts": list(missing.values())}).fetchall())
        missing = {tenant: count for tenant, count in wanted.items() if tenant not in given}
        if not missing:
            break
    return given
