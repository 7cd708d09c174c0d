"""Minutes of what was suppressed: added to its stream's, in the transaction that suppresses it.

A suppressed delivery has no path, so it counts in rows of provider 0, which no engine touches. In the order of their keys: two that count the same
streams never wait for each other in a circle. Never: commits.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from psycopg import Cursor

NO_PROVIDER = 0
ADD = """
    INSERT INTO pools_streamminute (minute, provider_id, stream_id, pool_id, tenant_id, purpose, suppressed, attempted, delivered, delivered_first_try,
                                    deferred, bounced, bounced_other, complaints, wait_ms_sum)
    SELECT date_trunc('minute', %(at)s::timestamptz), 0, u.*, 0, 0, 0, 0, 0, 0, 0, 0
      FROM unnest(%(streams)s::int8[], %(pools)s::int8[], %(tenants)s::int8[], %(purposes)s::int2[], %(counts)s::int4[])
        AS u(stream_id, pool_id, tenant_id, purpose, suppressed)
     ORDER BY 3, 4
    ON CONFLICT (minute, stream_id, pool_id, provider_id) DO UPDATE SET suppressed = pools_streamminute.suppressed + excluded.suppressed
"""


def count_suppressed(cursor: Cursor, of: Iterable[tuple[int, int, int, int]], at: datetime) -> None:
    """(stream, pool, tenant, purpose) of each suppressed delivery."""
    counts: Counter[tuple[int, int]] = Counter()
    told: dict[tuple[int, int], tuple[int, int]] = {}
    for stream, pool, tenant, purpose in of:
        counts[stream, pool] += 1
        told.setdefault((stream, pool), (tenant, purpose))
    if not counts:
        return
    keys = sorted(counts)
    cursor.execute(ADD, {
        "at": at,
        "streams": [stream for stream, _ in keys],
        "pools": [pool for _, pool in keys],
        "tenants": [told[key][0] for key in keys],
        "purposes": [told[key][1] for key in keys],
        "counts": [counts[key] for key in keys],
    })  # fmt: skip
