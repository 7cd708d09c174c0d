"""Claim: an engine takes what its open paths can send now.

One statement for many lanes (pool, provider, purpose), one row a lane: SKIP LOCKED does not skip what the same transaction has locked, so a lane
named twice would give the same rows twice. How much of which purpose is the engine's to say (engine/bids.py). The fence is part of it: an engine whose
row is gone claims nothing, and its row cannot go while the claim is not committed. Rows that avoid all of the engine's IPs in that pool are left to
others, for AVOIDED_S at most; rows that are bound to an IP (greylisting) are left to its owner, for STICKY_S at most.

Index: ready_of_lane (pool_id, provider_id, purpose, tag) serves the ordered scan of each lane. Rows travel in binary and unnamed:
as text, each by name, 200 of them took the client three times as long.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any, NamedTuple
from uuid import UUID

from psycopg import AsyncConnection

from delivery.queue import columns
from delivery.queue.wake import Lane
from pools.purposes import Purpose

AVOIDED_S = 30
STICKY_S = 5

CLAIM = f"""
    WITH fence AS (SELECT 1 FROM delivery_engine WHERE id = %(engine)s FOR KEY SHARE),
         gone AS (
        DELETE FROM delivery_ready WHERE ctid = ANY (ARRAY(
            SELECT taken.ctid
              FROM fence,
                   unnest(%(pools)s::int8[], %(providers)s::int8[], %(purposes)s::int2[], %(handicaps_ms)s::int4[], %(limits)s::int4[], %(ips)s::text[])
                     AS lane(pool_id, provider_id, purpose, handicap_ms, n, ips)
             CROSS JOIN LATERAL (
                   SELECT r.ctid
                     FROM delivery_ready r
                    WHERE r.pool_id = lane.pool_id AND r.provider_id = lane.provider_id AND r.purpose = lane.purpose
                      AND r.ready_at <= %(now)s::timestamptz - lane.handicap_ms * interval '1 ms'
                      AND (r.avoid_ip_ids = '{{}}' OR NOT lane.ips::int8[] <@ r.avoid_ip_ids OR r.ready_at < %(now)s::timestamptz - interval '{AVOIDED_S} s')
                      AND (r.sticky_ip_id IS NULL OR r.sticky_ip_id = ANY (lane.ips::int8[]) OR r.ready_at < %(now)s::timestamptz - interval '{STICKY_S} s')
                    ORDER BY r.tag
                    LIMIT lane.n
                      FOR UPDATE SKIP LOCKED) taken))
     RETURNING *)
    INSERT INTO delivery_claimed ({columns.LIST}, engine_id, claimed_at)
    SELECT {columns.select("gone")}, %(engine)s, %(now)s::timestamptz FROM gone
    RETURNING {columns.LIST},
              CASE WHEN purpose = {Purpose.NOTIFICATION} THEN (SELECT s.purpose FROM pools_stream s WHERE s.id = stream_id) END
"""
# A skip scan over the index: one probe a lane, however many rows lie in it.
LANES_WITH_WORK = """
    WITH RECURSIVE lane AS (
        (SELECT pool_id, provider_id, purpose FROM delivery_ready ORDER BY pool_id, provider_id, purpose LIMIT 1)
        UNION ALL
        SELECT next.pool_id, next.provider_id, next.purpose
          FROM lane CROSS JOIN LATERAL (
               SELECT r.pool_id, r.provider_id, r.purpose FROM delivery_ready r
                WHERE (r.pool_id, r.provider_id, r.purpose) > (lane.pool_id, lane.provider_id, lane.purpose)
                ORDER BY r.pool_id, r.provider_id, r.purpose LIMIT 1) next)
    SELECT pool_id, provider_id, purpose FROM lane WHERE pool_id = ANY (%s)
"""
BODIES = """
    SELECT id, mime, head_length, body_hash, needs_8bit, needs_smtputf8, wire_ready
      FROM delivery_body
     WHERE id = ANY (%(ids)s) AND id BETWEEN %(first)s AND %(last)s
"""


@dataclass(frozen=True, slots=True)
class Bid:
    """What an engine offers to take from one lane: at most `limit` deliveries that are older than `handicap_ms`, for the paths of `ip_ids`."""

    pool_id: int
    provider_id: int
    purpose: int
    handicap_ms: int
    limit: int
    ip_ids: tuple[int, ...]

    @property
    def lane(self) -> Lane:
        return self.pool_id, self.provider_id, self.purpose


class Claim(NamedTuple):
    """A claimed delivery, as the queue knows it, in the order of its columns."""

    id: UUID
    body_id: UUID
    tenant_id: int
    stream_id: int
    domain_id: int
    pool_id: int
    provider_id: int
    purpose: int  # what it orders as
    tag: float
    ready_at: datetime
    attempts: int
    tries: int
    crashes: int
    sticky_ip_id: int | None
    avoid_ip_ids: list[int]
    recipient: str
    size_bytes: int
    fingerprint: int
    own_head: bytes | None
    expires_at: datetime
    stream_purpose: int | None = None  # its stream's, where that may be another one

    @property
    def lane(self) -> Lane:
        return self.pool_id, self.provider_id, self.purpose

    @property
    def own_purpose(self) -> Purpose:
        """What it is, which is not what it orders as when it goes beyond its tenant's transactional rate."""
        return Purpose(self.purpose if self.stream_purpose is None else self.stream_purpose)

    @property
    def domain(self) -> str:
        return self.recipient.rpartition("@")[2]


class StoredBody(NamedTuple):
    """A message as it is sent, but for what belongs to one delivery."""

    id: UUID
    mime: bytes
    head_length: int
    body_hash: bytes
    needs_8bit: bool
    needs_smtputf8: bool
    wire_ready: bool = False


async def claim(connection: AsyncConnection[Any], engine_id: int, bids: Sequence[Bid], now: datetime) -> list[Claim]:
    """Take what the bids ask for, by purpose and tag; the caller commits (or is in autocommit)."""
    async with connection.cursor(binary=True) as cursor:
        await cursor.execute(CLAIM, {
            "engine": engine_id,
            "now": now,
            "pools": [bid.pool_id for bid in bids],
            "providers": [bid.provider_id for bid in bids],
            "purposes": [bid.purpose for bid in bids],
            "handicaps_ms": [bid.handicap_ms for bid in bids],
            "limits": [bid.limit for bid in bids],
            "ips": ["{" + ",".join(map(str, bid.ip_ids)) + "}" for bid in bids],
        })  # fmt: skip
        rows = await cursor.fetchall()
    rows.sort(key=_PURPOSE_AND_TAG)
    return list(map(Claim._make, rows))


async def lanes_with_work(connection: AsyncConnection[Any], pool_ids: Sequence[int]) -> list[Lane]:
    """The lanes of these pools in which something can be claimed: the net under lost wake-ups."""
    return await (await connection.execute(LANES_WITH_WORK, [list(pool_ids)])).fetchall()  # type: ignore[return-value]


async def bodies(connection: AsyncConnection[Any], ids: Sequence[UUID]) -> list[StoredBody]:
    """The bodies of claims; bounded by the ids' range, so that only their days are read."""
    async with connection.cursor(binary=True) as cursor:
        await cursor.execute(BODIES, {"ids": list(ids), "first": min(ids), "last": max(ids)})
        return list(map(StoredBody._make, await cursor.fetchall()))


_PURPOSE_AND_TAG = itemgetter(Claim._fields.index("purpose"), Claim._fields.index("tag"))
