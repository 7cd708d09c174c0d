"""Late: what came back, in the minutes of the path and the stream that had sent it.

They are the minutes in which it came back, not those in which it was sent: minutes are only added to. A bounce for our infrastructure's fault is the
path's and no tenant's. Rows in the order of their keys, as recording has them.
"""

from collections.abc import Sequence
from datetime import datetime

from psycopg import Cursor

from delivery.queue.minutes import ADD_PATHS, ADD_STREAMS, PATH_COUNTERS, PATH_KEYS, STREAM_COUNTERS, STREAM_KEYS, store
from delivery.returns.arrived import Decided
from delivery.returns.finding import Counted
from pools.outcomes import Fault
from pools.reputation.facts import Against, against

_BOUNCES = (Counted.HARD_BOUNCE, Counted.SOFT_BOUNCE, Counted.OURS)
_TENANTS = (Fault.RECIPIENT, Fault.MESSAGE)


def count_late(cursor: Cursor, came_back: Sequence[Decided], now: datetime) -> None:
    paths: dict[tuple[int, ...], dict[str, int]] = {}
    streams: dict[tuple[int, ...], dict[str, int]] = {}
    for one in came_back:
        if one.facts is None or one.facts.path is None or one.what not in (*_BOUNCES, Counted.COMPLAINT):
            continue
        ip_id, pool_id, provider_id = one.facts.path
        of_path = paths.setdefault((ip_id, provider_id), dict.fromkeys(PATH_COUNTERS, 0))
        key = (one.facts.stream_id, pool_id, provider_id, one.facts.tenant_id, one.facts.purpose)
        of_stream = streams.setdefault(key, dict.fromkeys(STREAM_COUNTERS, 0))
        if one.what is Counted.COMPLAINT:
            of_path["complaints"] += 1
            of_stream["complaints"] += 1
        elif one.meaning is not None:
            of_path[f"bounced_{one.meaning.fault}"] += 1
            of_path["blocked"] += Against.BLOCKED in against(one.meaning.reason, one.meaning.fault, None, "body", "")
            of_stream["bounced" if one.meaning.fault in _TENANTS else "bounced_other"] += 1
    store(cursor, ADD_PATHS, PATH_KEYS, PATH_COUNTERS, paths, now)
    store(cursor, ADD_STREAMS, STREAM_KEYS, STREAM_COUNTERS, streams, now)
