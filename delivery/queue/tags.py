"""Fair tags: in which order a lane's deliveries go. The lane is (pool, provider, purpose).

Transactional mail beyond its tenant's rate (pace.py) takes its place among the tenant's notifications, with their tags: it orders as they do.

Start-time fair queuing: a delivery's tag is the later of the lane's virtual time (the highest tag claimed there) and its tenant's
last tag there, plus cost / weight. Never the wall clock: with it a late tenant got 9,950 : 50 in simulation, with virtual time
5,000 : 5,000. Tags of one tenant in one lane are given under its row's lock, in the order of the key, so two
submissions never deadlock; taken last in a transaction, so the lock is short. A slowed tenant's weight is a part of it, outside of transactional mail.
A turn that lets its tenant's better recipients go first (engaged.py) has a tag that is further on; the tenant's last tag does not move for it.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from psycopg import Cursor

from delivery.queue.pace import let_first
from pools.purposes import Purpose

SIZE_UNIT_BYTES = 64 * 1024

ADVANCE = """
    WITH wanted AS (
        SELECT * FROM unnest(%(pools)s::int8[], %(providers)s::int8[], %(purposes)s::int2[], %(tenants)s::int8[], %(costs)s::float8[])
                      AS w(pool_id, provider_id, purpose, tenant_id, cost)),
         locked AS (
        SELECT f.id, w.cost / (t.weight * CASE w.purpose WHEN 0 THEN 1 ELSE t.bulk_share / 100.0 END) AS step,
               coalesce(l.virtual_time[w.purpose + 1], 0) AS floor
          FROM wanted w
          JOIN delivery_fairtag f USING (pool_id, provider_id, purpose, tenant_id)
          JOIN delivery_lane l USING (pool_id, provider_id)
          JOIN tenants_tenant t ON t.id = w.tenant_id
         ORDER BY f.id
           FOR UPDATE OF f)
    UPDATE delivery_fairtag f
       SET last_tag = greatest(f.last_tag, locked.floor) + locked.step
      FROM locked
     WHERE f.id = locked.id
 RETURNING f.pool_id, f.provider_id, f.purpose, f.tenant_id, f.last_tag, locked.step
"""
MAKE_LANES = """
    INSERT INTO delivery_lane (pool_id, provider_id, virtual_time)
    SELECT DISTINCT pool_id, provider_id, '{0,0,0}'::float8[]
      FROM unnest(%(pools)s::int8[], %(providers)s::int8[]) AS w(pool_id, provider_id)
     ORDER BY 1, 2
        ON CONFLICT DO NOTHING
"""
MAKE_TAGS = """
    INSERT INTO delivery_fairtag (pool_id, provider_id, purpose, tenant_id, last_tag)
    SELECT pool_id, provider_id, purpose, tenant_id, 0
      FROM unnest(%(pools)s::int8[], %(providers)s::int8[], %(purposes)s::int2[], %(tenants)s::int8[]) AS w(pool_id, provider_id, purpose, tenant_id)
     ORDER BY 1, 2, 3, 4
        ON CONFLICT DO NOTHING
"""


Key = tuple[int, int, int, int]


class Turn(NamedTuple):
    """What decides a delivery's place: its lane, tenant and size."""

    pool_id: int
    provider_id: int
    purpose: int
    tenant_id: int
    size_bytes: int
    behind: float = 0.0  # it lets so many of its tenant's go first


class Place(NamedTuple):
    """Where a delivery goes in its pool and provider: the purpose it orders as, and its tag."""

    purpose: int
    tag: float


def cost(size_bytes: int) -> float:
    """One, and one more for each 64 KB."""
    return 1 + size_bytes / SIZE_UNIT_BYTES


def give_places(cursor: Cursor, turns: Sequence[Turn]) -> list[Place]:
    """A place for each turn, in the order given. Makes lanes that are new."""
    keys = _keys(cursor, turns)
    costs: dict[Key, float] = {}
    for key, turn in zip(keys, turns, strict=True):
        costs[key] = costs.get(key, 0.0) + cost(turn.size_bytes)
    reached, step = _advance(cursor, costs)
    places = []
    for key, turn in zip(keys, turns, strict=True):
        tag = reached[key] = reached[key] + cost(turn.size_bytes) * step[key]
        places.append(Place(key[2], tag + turn.behind * step[key]))
    return places


def _keys(cursor: Cursor, turns: Sequence[Turn]) -> list[Key]:
    """(pool, provider, purpose, tenant) with the purpose that a turn orders as."""
    urgent = Counter(turn.tenant_id for turn in turns if turn.purpose == Purpose.TRANSACTIONAL)
    left = let_first(cursor, urgent) if urgent else {}
    keys = []
    for pool, provider, purpose, tenant, *_ in turns:
        if purpose == Purpose.TRANSACTIONAL:
            if left[tenant] < 1:
                purpose = int(Purpose.NOTIFICATION)
            else:
                left[tenant] -= 1
        keys.append((pool, provider, purpose, tenant))
    return keys


def _advance(cursor: Cursor, costs: dict[Key, float]) -> tuple[dict[Key, float], dict[Key, float]]:
    """Move the last tags on by these costs: where each began, and how far a cost of one goes."""
    if not costs:
        return {}, {}
    rows = cursor.execute(ADVANCE, _wanted(costs)).fetchall()
    if len(rows) < len(costs):
        given = {row[:4] for row in rows}
        missing = {key: costs[key] for key in costs if key not in given}
        cursor.execute(MAKE_LANES, _wanted(missing))
        cursor.execute(MAKE_TAGS, _wanted(missing))
        rows += cursor.execute(ADVANCE, _wanted(missing)).fetchall()
    return {row[:4]: row[4] - row[5] for row in rows}, {row[:4]: row[5] / costs[row[:4]] for row in rows}


def _wanted(costs: dict[Key, float]) -> dict[str, list[object]]:
    pools, providers, purposes, tenants = map(list, zip(*costs, strict=True))
    return {"pools": pools, "providers": providers, "purposes": purposes, "tenants": tenants, "costs": list(costs.values())}
