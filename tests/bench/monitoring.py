"""What monitoring costs and keeps: 200 sending IPs, 30 providers, 50 tenants, 10 nodes, 100,000 queued deliveries.

A server of its own. Ticks of ten simulated seconds run back to back while another session writes what engines write: every path's minute, every stream's, and
the rows of paths. Of each tick is counted the processor time of this process and of its database session: collecting, keeping with rolling up and
forgetting, and judging where rules are. Then a year of hours, a week of minutes and a day of ticks are really written, with the subjects that a tick has, the
year's days are made of its hours as the collector makes them, and charts of every metric by every dimension are read over an hour, a day, a week and a year.

core_share          of one core, of ten seconds
year_gb             of the tables of metrics with their indexes and TOAST, all four filled
slowest_chart_ms    the slowest of all these charts, each read once
"""

import os
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import psycopg
from cryptography.fernet import Fernet

from mailplatform.up.postgres import EmbeddedPostgres

IPS, PROVIDERS, TENANTS, NODES, ZONES, POOLS = 200, 30, 50, 10, 2, 10
TICKS, SHORT_TICKS = 240, 60
HOURS, MINUTES, DAY_TICKS = 365 * 24, 7 * 24 * 60, 24 * 360
TICK = timedelta(seconds=10)
_WORLD = f"""
INSERT INTO pools_zone (name, title, state) SELECT 'zone-' || n, '', 'active' FROM generate_series(1, {ZONES}) n;
INSERT INTO pools_node (zone_id, name, state, engine_slots)
  SELECT z.id, z.name || '-' || n, 'active', 1 FROM pools_zone z, generate_series(1, {NODES // ZONES}) n;
INSERT INTO pools_provider (key, name, kind, is_tail, mx_suffixes, domains, facts, overrides)
  SELECT 'bench-' || n, 'Provider ' || n, 'mailbox', false, '{{}}', '{{}}', '{{}}', '{{}}' FROM generate_series(1, {PROVIDERS}) n;
INSERT INTO pools_pool (name, kind) SELECT 'pool-' || n, 'shared' FROM generate_series(1, {POOLS}) n;
INSERT INTO pools_sendingip (node_id, address, ehlo_name, egress, proxy, state, added_at)
  SELECT (SELECT id FROM pools_node ORDER BY id OFFSET n %% {NODES} LIMIT 1),
         ('10.0.' || n / 200 || '.' || n %% 200 + 1)::inet, 'a.example', 'bind', '', 'active', now()
    FROM generate_series(0, {IPS} - 1) n;
INSERT INTO pools_poolmember (pool_id, ip_id, own) SELECT p.id, i.id, true FROM pools_sendingip i JOIN pools_pool p ON p.id %% {POOLS} = i.id %% {POOLS};
INSERT INTO delivery_engine (node_id, slot, pid, started_at, renewed_at, draining, state)
  SELECT id, 0, 1, now(), now(), false, '{{"connections": 40}}' FROM pools_node;
INSERT INTO delivery_iplease (ip_id, engine_id, granted_at)
  SELECT i.id, e.id, now() - interval '1 day' FROM pools_sendingip i JOIN delivery_engine e ON e.node_id = i.node_id;
INSERT INTO pools_path (ip_id, provider_id, state, score, why, learned, circuit_failures, open_connections, limits_now, updated_at)
  SELECT i.id, p.id, 'open', 100, '', '{{}}', 0, (random() * 12)::int,
    '{{"figure": 0, "per_s": 0, "connections_open": 5, "connections": 20, "messages_per_connection": 100,
    "per_second": null, "per_minute": 600, "hour_used": null, "day_used": null, "hour_by": "", "day_by": ""}}', now()
    FROM pools_sendingip i, pools_provider p;
INSERT INTO monitoring_nodereport (node_id, at, agent_pid, cpu_percent, memory_percent, load_1m, sockets, disk_free_bytes,
                                   disk_total_bytes, cores, files_open, files_limit)
  SELECT id, now(), 1, 50, 50, 1, 1, 5, 9, 4, 100, 1024 FROM pools_node;
INSERT INTO monitoring_agentbeat (node_id, at, pid) SELECT id, now(), 1 FROM pools_node;
INSERT INTO monitoring_watcherbeat (zone_id, at, pid, looks, longest_gap_ms) SELECT id, now(), 1, 1, 100 FROM pools_zone;
""".replace("%%", "%")
_QUEUE = """
INSERT INTO delivery_ready (id, body_id, tenant_id, stream_id, domain_id, pool_id, provider_id, purpose, tag, ready_at, attempts, tries, crashes, avoid_ip_ids,
                            recipient, size_bytes, fingerprint, expires_at)
SELECT gen_random_uuid(), gen_random_uuid(), 1, 1, 1, (SELECT min(id) FROM pools_pool) + n %% 10,
       (SELECT min(id) FROM pools_provider WHERE key LIKE 'bench-%%') + n / 7 %% 30,
       n %% 3, n, now(), 0, 0, 0, '{}', 'someone@somewhere.example', 2000, 0, now() + interval '1 day' FROM generate_series(1, %s) n
"""
_LOAD_PATHS = """
INSERT INTO pools_pathminute AS m (minute, ip_id, provider_id, attempted, delivered, deferred, rerouted, bounced_recipient, bounced_message,
       bounced_infrastructure, bounced_destination, complaints, connects, connect_failures, tls_errors, latency_ms_sum)
SELECT date_trunc('minute', %(at)s::timestamptz), ip_id, provider_id, 10, 9, 1, 0, 0, 0, 0, 0, 0, 2, 0, 0, 100 FROM pools_path
ON CONFLICT (minute, ip_id, provider_id) DO UPDATE
   SET attempted = m.attempted + 10, delivered = m.delivered + 9, deferred = m.deferred + 1, connects = m.connects + 2
"""
_LOAD_STREAMS = """
INSERT INTO pools_streamminute AS m (minute, stream_id, tenant_id, purpose, pool_id, provider_id, attempted, delivered, delivered_first_try, deferred, bounced,
       bounced_other, complaints, wait_ms_sum)
SELECT date_trunc('minute', %(at)s::timestamptz), s.id, s.tenant_id, s.purpose, s.pool_id, p.id, 10, 9, 9, 1, 0, 0, 0, 100
  FROM pools_stream s, pools_provider p WHERE p.key LIKE 'bench-%%'
ON CONFLICT (minute, stream_id, pool_id, provider_id) DO UPDATE
   SET attempted = m.attempted + 10, delivered = m.delivered + 9, deferred = m.deferred + 1
"""
_FRESH = "UPDATE {} SET at = %(at)s"
# Noisy likenesses of one tick, written in turn: a year of noise would take longer to make than to write.
_LIKENESSES = """
CREATE TEMP TABLE likeness AS
SELECT n, metric, dimension, subjects, ARRAY(SELECT v * (0.5 + random()) FROM unnest(r.values) v)::float4[] AS values,
       CASE WHEN metric = ANY (%(levels)s) AND 0 < ANY (r.values) THEN ARRAY(SELECT v * (0.4 + random() / 10) FROM unnest(r.values) v)::float4[] END AS lows,
       CASE WHEN metric = ANY (%(levels)s) AND 0 < ANY (r.values) THEN ARRAY(SELECT v * (1.5 + random()) FROM unnest(r.values) v)::float4[] END AS highs
  FROM generate_series(0, 23) n CROSS JOIN (SELECT * FROM monitoring_metrictick WHERE at = %(like)s) r
"""
_FILL = """
INSERT INTO monitoring_metric{into} (metric, dimension, at, subjects, values {more})
SELECT l.metric, l.dimension, t.at, l.subjects, l.values {more}
  FROM generate_series(%(since)s::timestamptz, %(until)s::timestamptz - interval '1 s', %(step)s) WITH ORDINALITY t(at, n) JOIN likeness l ON l.n = t.n %% 24
 ORDER BY t.at ON CONFLICT (metric, dimension, at) DO NOTHING
"""
_SIZE = """
SELECT sum(pg_total_relation_size(c))::float8
  FROM unnest(ARRAY['monitoring_metrictick', 'monitoring_metricminute', 'monitoring_metrichour', 'monitoring_metricday']::regclass[]) c
"""


def run(short: bool) -> dict[str, float]:
    with _platform() as url, psycopg.connect(url, autocommit=True) as writer:
        figures = _cost(writer, SHORT_TICKS if short else TICKS)
        print(f"A tick costs {figures['core_share']:.2%} of a core.", flush=True)
        figures |= _year(writer, 12 if short else 1)
        return figures | _charts(short)


@contextmanager
def _platform() -> Iterator[str]:
    """Its tables, and the people and paths of this size."""
    with tempfile.TemporaryDirectory(prefix="mp-bench-") as folder:
        server = EmbeddedPostgres(Path(folder))
        server.start()
        try:
            keys = {"SECRET_KEY": "only-for-a-benchmark-" + os.urandom(16).hex(), "ENCRYPTION_KEYS": Fernet.generate_key().decode()}
            os.environ |= {"DATABASE_URL": server.url, "DATA_DIR": folder, "MAIL_MODE": "sandbox", "DJANGO_SETTINGS_MODULE": "mailplatform.settings", **keys}
            import django
            from django.core.management import call_command

            django.setup()
            call_command("migrate", verbosity=0)
            yield server.url
            from django.db import connection

            connection.close()
        finally:
            server.stop()


def _build(writer: psycopg.Connection[Any]) -> None:
    from mailplatform.tenants.models import Tenant
    from pools.models import Pool, Stream

    writer.execute(_WORLD)
    pools = list(Pool.objects.all())
    for n in range(TENANTS):
        tenant = Tenant.objects.create(name=f"tenant-{n}", title=f"Tenant {n}")
        Stream.objects.bulk_create(
            Stream(tenant=tenant, name=name, purpose=purpose, pool=pools[n % len(pools)]) for purpose, name in enumerate(("first", "second", "third"))
        )
    writer.execute(_QUEUE, [100_000])
    writer.execute("ANALYZE")


def _cost(writer: psycopg.Connection[Any], count: int) -> dict[str, float]:
    from django.db import connection

    from mailplatform.shell import clock
    from monitoring.metrics.collect import Collector
    from monitoring.metrics.store import Store
    from monitoring.metrics.tick import beginning

    _build(writer)
    judged = _judging()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        backend = psutil.Process(cursor.fetchone()[0])
    collector, store = Collector(), Store()
    begun = beginning(datetime.now(UTC), 60) - TICK * count
    ours_s, tick_ms, before_s = 0.0, [], sum(backend.cpu_times()[:2])
    for n in range(count):
        at = begun + n * TICK
        shift = at - datetime.now(UTC)
        clock.set_shift(shift)
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('mailplatform.clock_shift', %s, false)", [f"{shift.total_seconds()} s"])
        for statement in (_LOAD_PATHS, _LOAD_STREAMS, *(_FRESH.format(table) for table in ("monitoring_nodereport", "monitoring_agentbeat"))):
            writer.execute(statement, {"at": at})
        began_cpu_s, began_s = time.process_time(), time.perf_counter()
        tick = collector.collect(at)
        store.keep(tick)
        judged(tick)
        ours_s += time.process_time() - began_cpu_s
        tick_ms.append((time.perf_counter() - began_s) * 1000)
        assert not collector.failed, collector.failed
    theirs_s = sum(backend.cpu_times()[:2]) - before_s
    clock.set_shift(timedelta())
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('mailplatform.clock_shift', '0', false)")
    return {
        "core_share": (ours_s + theirs_s) / (count * 10), "ours_ms_a_tick": ours_s * 1000 / count, "database_ms_a_tick": theirs_s * 1000 / count,
        "tick_p50_ms": statistics.median(tick_ms), "tick_most_ms": max(tick_ms), "values_a_tick": sum(len(of) for of in tick.values.values()),
    }  # fmt: skip


def _judging() -> Any:
    """The shipped rules, where there are such."""
    try:
        from monitoring.alerts.live import Alerts  # type: ignore[import-not-found,unused-ignore]
        from monitoring.alerts.shipped import seed_shipped  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        print("No rules are judged: there is no judge yet.")
        return lambda tick: None
    seed_shipped()
    return Alerts().step


def _year(writer: psycopg.Connection[Any], part: int) -> dict[str, float]:
    """Write it; in the short form a twelfth of each, and twelve times its size is told."""
    from monitoring.metrics.catalog import METRICS, Kind
    from monitoring.metrics.store import DAY, Store
    from monitoring.metrics.tick import beginning

    (like,) = writer.execute("SELECT max(at) FROM monitoring_metrictick").fetchone() or (None,)
    before = (writer.execute(_SIZE).fetchone() or (0.0,))[0]
    levels = [key for key, metric in METRICS.items() if metric.kind is Kind.LEVEL]
    writer.execute(_LIKENESSES, {"like": like, "levels": levels})
    for into, step, count in (("tick", TICK, DAY_TICKS), ("minute", timedelta(minutes=1), MINUTES), ("hour", timedelta(hours=1), HOURS)):
        end = like.replace(minute=0, second=0)
        since = end - step * (count // part)
        more = "" if into == "tick" else ", lows, highs"
        while since < end:
            until = min(end, since + step * 720)
            writer.execute(_FILL.format(into=into, more=more), {"since": since, "until": until, "step": step})
            since = until
    store = Store()
    for day in range(HOURS // 24 // part, 0, -1):
        store.make(DAY, beginning(like, 86_400) - timedelta(days=day))
    writer.execute("ANALYZE monitoring_metrictick, monitoring_metricminute, monitoring_metrichour, monitoring_metricday")
    size = (writer.execute(_SIZE).fetchone() or (0.0,))[0]
    return {"year_gb": (size - before) * part / 1e9 if part > 1 else size / 1e9}


def _charts(short: bool) -> dict[str, float]:
    from mailplatform.shell.clock import now
    from monitoring.metrics import read
    from monitoring.metrics.catalog import METRICS

    took: dict[tuple[str, str, int], float] = {}
    for metric in METRICS.values():
        for dimension in metric.dimensions:
            for days in (1, 365) if short else (1 / 24, 1, 7, 365):
                began_s, at = time.perf_counter(), now()
                read.points(metric.key, dimension, None, at - timedelta(days=days), at)
                took[metric.key, str(dimension), round(days * 24)] = (time.perf_counter() - began_s) * 1000
    slowest = sorted(took, key=lambda key: took[key], reverse=True)
    print("The slowest charts: " + ", ".join(f"{' '.join(map(str, key))} h {took[key]:.0f} ms" for key in slowest[:5]))
    return {"slowest_chart_ms": took[slowest[0]], "median_chart_ms": statistics.median(took.values()), "charts": float(len(took))}
