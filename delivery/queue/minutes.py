"""Minutes: what happened, added up by path, by stream, and by a pool's IPs, in the same transaction as the attempts they count.

Only attempts that were not recorded before are counted, so a journal's replay counts nothing twice. Rows are updated in the order of their keys:
two engines that count the same stream never deadlock. What speaks against an IP is kept by campaign too (`delivery.queue.evidence`).
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from psycopg import Cursor

from delivery.queue import arrays
from delivery.queue.evidence import keep_evidence
from delivery.queue.settled import AttemptRow, Settled
from pools.outcomes import Fault, Reason, Verdict
from pools.reputation.facts import Against, against

PATH_COUNTERS = (
    "attempted", "delivered", "deferred", "rerouted", "bounced_recipient", "bounced_message", "bounced_infrastructure", "bounced_destination",
    "blocked", "blocked_named", "deferred_reputation", "complaints", "connects", "connect_failures", "tls_errors", "latency_ms_sum",
)  # fmt: skip
TLS_ERRORS = frozenset({Reason.TLS_HANDSHAKE, Reason.TLS_CERTIFICATE, Reason.TLS_UNSUPPORTED, Reason.TLS_CRYPTO, Reason.TLS_MTA_STS, Reason.TLS_DANE})
STREAM_COUNTERS = ("attempted", "delivered", "delivered_first_try", "deferred", "bounced", "bounced_other", "complaints", "wait_ms_sum")
POOL_COUNTERS = ("attempted", "delivered")

PATH_KEYS = ("ip_id", "provider_id")
STREAM_KEYS = ("stream_id", "pool_id", "provider_id", "tenant_id", "purpose")
POOL_KEYS = ("pool_id", "ip_id")
TOLD = STREAM_KEYS[3:]  # of the stream; its row of this minute keeps them as they were at first, though a person changes its purpose


def _add(table: str, keys: Sequence[str], counters: Sequence[str]) -> str:
    names = [*keys, *counters]
    return f"""
        INSERT INTO {table} (minute, {", ".join(names)})
        SELECT date_trunc('minute', %(now)s::timestamptz), * FROM unnest({", ".join(f"%({name})s::int8[]" for name in names)})
        ON CONFLICT (minute, {", ".join(key for key in keys if key not in TOLD)})
        DO UPDATE SET {", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in counters)}
    """


ADD_PATHS = _add("pools_pathminute", PATH_KEYS, PATH_COUNTERS)
ADD_STREAMS = _add("pools_streamminute", STREAM_KEYS, STREAM_COUNTERS)
ADD_TLS = """
    INSERT INTO pools_tlsminute AS t (minute, provider_id, reason, errors)
    SELECT date_trunc('minute', %(now)s::timestamptz), * FROM unnest(%(providers)s::int8[], %(reasons)s::text[], %(errors)s::int4[])
    ON CONFLICT (minute, provider_id, reason) DO UPDATE SET errors = t.errors + excluded.errors
"""
ADD_POOLS = _add("pools_poolminute", POOL_KEYS, POOL_COUNTERS)


def count_minutes(cursor: Cursor, settled: Sequence[Settled], now: datetime) -> None:
    """Add these attempts to their path's and stream's minute."""
    paths: dict[tuple[int, ...], dict[str, int]] = {}
    streams: dict[tuple[int, ...], dict[str, int]] = {}
    pools: dict[tuple[int, ...], dict[str, int]] = {}
    told: dict[tuple[int, ...], tuple[int, ...]] = {}
    speaking: list[tuple[Settled, Against]] = []
    broken: list[AttemptRow] = []
    now_ms = int(now.timestamp() * 1000)
    for one in settled:
        attempt = one.attempt
        key: tuple[int, ...] = (attempt.ip_id, attempt.provider_id)
        of_path = paths.get(key) or paths.setdefault(key, dict.fromkeys(PATH_COUNTERS, 0))
        _of_path(one, of_path)
        if attempt.verdict != Verdict.DELIVERED and (said := against(attempt.reason, attempt.fault, attempt.code, attempt.phase, attempt.reply)):
            _against(said, of_path)
            speaking.append((one, said))
        if attempt.reason in TLS_ERRORS:
            of_path["tls_errors"] += 1
            broken.append(attempt)
        key = (attempt.pool_id, attempt.ip_id)
        of_pool = pools.get(key) or pools.setdefault(key, {"attempted": 0, "delivered": 0})
        of_pool["attempted"] += 1
        of_pool["delivered"] += attempt.verdict == Verdict.DELIVERED
        key = told.setdefault((one.stream_id, attempt.pool_id, attempt.provider_id), (one.tenant_id, one.purpose))
        key = (one.stream_id, attempt.pool_id, attempt.provider_id, *key)
        _of_stream(one, now_ms, streams.get(key) or streams.setdefault(key, dict.fromkeys(STREAM_COUNTERS, 0)))
    store(cursor, ADD_PATHS, PATH_KEYS, PATH_COUNTERS, paths, now)
    store(cursor, ADD_STREAMS, STREAM_KEYS, STREAM_COUNTERS, streams, now)
    store(cursor, ADD_POOLS, POOL_KEYS, POOL_COUNTERS, pools, now)
    if broken:
        _count_tls(cursor, broken, now)
    if speaking:
        keep_evidence(cursor, speaking, now)


def _count_tls(cursor: Cursor, broken: Sequence[AttemptRow], now: datetime) -> None:
    """Which kind of TLS failed where. Nothing of this is done for a batch without such."""
    kinds = Counter((attempt.provider_id, str(attempt.reason)) for attempt in broken)
    keys = sorted(kinds)
    values = {"providers": [key[0] for key in keys], "reasons": [key[1] for key in keys], "errors": [kinds[key] for key in keys]}
    cursor.execute(ADD_TLS, {"now": now, **values})


def _against(said: Against, counts: dict[str, int]) -> None:
    counts["blocked"] += Against.BLOCKED in said
    counts["deferred_reputation"] += Against.DEFERRED in said
    counts["blocked_named"] += Against.NAMED in said


def _of_path(one: Settled, counts: dict[str, int]) -> None:
    attempt = one.attempt
    counts["attempted"] += 1
    counts["latency_ms_sum"] += attempt.timings.get("envelope", 0) + attempt.timings.get("body", 0)
    if attempt.verdict == Verdict.DELIVERED:
        counts["delivered"] += 1
    elif attempt.verdict == Verdict.REROUTED:
        counts["rerouted"] += 1
    elif one.final and attempt.fault != Fault.NONE:
        counts[f"bounced_{attempt.fault}"] += 1
    else:
        counts["deferred"] += 1
    if attempt.phase == "connect":
        counts["connect_failures"] += 1
    elif not attempt.connection_reused:
        counts["connects"] += 1


def _of_stream(one: Settled, now_ms: int, counts: dict[str, int]) -> None:
    attempt = one.attempt
    counts["attempted"] += 1
    if attempt.verdict == Verdict.DELIVERED:
        identity = attempt.id.int
        counts["delivered"] += 1
        counts["wait_ms_sum"] += max(0, now_ms - (identity >> 80))
        counts["delivered_first_try"] += identity & 0xFF == 1
    elif one.final:
        counts["bounced" if attempt.fault in (Fault.RECIPIENT, Fault.MESSAGE) else "bounced_other"] += 1
    elif not one.reroute:
        counts["deferred"] += 1


def store(cursor: Cursor, statement: str, keys: Sequence[str], counters: Sequence[str], rows: dict[tuple[int, ...], dict[str, int]], now: datetime) -> None:
    """Add these counters to this minute, in the order of their keys."""
    if not rows:
        return
    ordered = sorted(rows)
    values: dict[str, object] = {name: arrays.numbers(key[n] for key in ordered) for n, name in enumerate(keys)}
    values |= {name: arrays.numbers(rows[key][name] for key in ordered) for name in counters}
    cursor.execute(statement, {**values, "now": now})
