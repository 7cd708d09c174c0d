"""Collecting: levels as they are, counts since the tick before and never twice, and a part that fails takes no other with it."""

import logging
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.utils import timezone
from django_q.models import OrmQ, Task

from delivery.models import Engine, IpLease, WebhookEndpoint, WebhookEvent
from mailplatform.shell.clock import now
from mailplatform.shell.ids import message_id
from mailplatform.shell.models import ClusterBeat
from monitoring.metrics.collect import Collector, Part, parts
from monitoring.metrics.gather.moment import Moment, Values
from monitoring.metrics.tick import Tick, beginning
from monitoring.models import AgentBeat, Endpoint, NodeReport, WatcherBeat
from pools.models import BlockEvidence, Listing, Path, PathMinute, Provider, StreamMinute, TlsMinute
from pools.purposes import Purpose
from tests.queue.house import House, knows

TICK = timedelta(seconds=10)
MINUTE = timedelta(minutes=1)


def test_a_tick_survives_the_disk() -> None:
    tick = Tick(datetime(2026, 11, 23, 9, 0, 10, tzinfo=UTC), {("cpu_share", "node"): {"1": 0.5}, ("listings", "ip"): {}}, {("node", "1"): "north-1"})
    assert Tick.from_json(tick.to_json()) == tick


def test_a_tick_begins_at_ten_seconds() -> None:
    assert beginning(datetime(2026, 11, 23, 9, 0, 19, 999_999, tzinfo=UTC)) == datetime(2026, 11, 23, 9, 0, 10, tzinfo=UTC)


@pytest.mark.django_db
def test_an_empty_platform_is_measured_whole() -> None:
    collector = Collector()
    tick = collector.collect(beginning(now()))
    assert collector.failed == ()
    assert tick.values["queue_ready", "all"] == {"all": 0}
    assert tick.values["database_connections_share", "all"]["all"] > 0
    assert tick.values["database_lag_s", "all"] == {}, "nobody follows"
    assert ("attempted", "all") not in tick.values, "a new collector does not know what was before"


@pytest.mark.django_db(transaction=True)
def test_the_queue_is_told_by_purpose_pool_and_provider() -> None:
    house, google = House.build(), knows("gmail.com")
    house.put(*(house.message(f"{n}@gmail.com", purpose=Purpose.MARKETING) for n in range(3)), house.message("a@unknown.example", hold="a person must look"))
    with connection.cursor() as cursor:
        cursor.execute("UPDATE delivery_ready SET ready_at = platform_now() - interval '90 s'")
    values = Collector().collect(beginning(now())).values
    assert values["queue_ready", "all"] == {"all": 3}
    assert values["queue_ready", "purpose"] == {"transactional": 0, "notification": 0, "marketing": 3}
    assert values["queue_ready", "pool"] == {str(house.pool.pk): 3}
    assert values["queue_ready", "provider"][str(google.pk)] == 3
    assert values["queue_held", "tenant"] == {str(house.tenant.pk): 1}
    assert values["queue_oldest_s", "purpose"]["marketing"] == pytest.approx(90, abs=20)
    assert values["queue_oldest_s", "purpose"]["transactional"] == 0
    assert values["queue_oldest_s", "provider"][str(google.pk)] == values["queue_oldest_s", "all"]["all"]


@pytest.mark.django_db
def test_a_deep_queue_is_shared_out_by_a_sample() -> None:
    providers = [Provider.objects.create(key=f"p{n}", name=f"P{n}") for n in range(2)]
    with connection.cursor() as cursor:
        cursor.execute("""
            INSERT INTO delivery_ready (id, body_id, tenant_id, stream_id, domain_id, pool_id, provider_id, purpose, tag, ready_at, attempts, tries, crashes,
                   avoid_ip_ids, recipient, size_bytes, fingerprint, expires_at)
            SELECT gen_random_uuid(), gen_random_uuid(), 1, 1, 1, 1, CASE WHEN mod(n, 4) = 0 THEN %s ELSE %s END, 2, n, now(), 0, 0, 0,
                   '{}', 'a@a.example', 1, 0, now() FROM generate_series(1, 15000) n""", [provider.pk for provider in providers])  # fmt: skip
    values = Collector().collect(beginning(now())).values
    depth, of = values["queue_ready", "all"]["all"], values["queue_ready", "provider"]
    assert depth > 10_000 and sum(of.values()) == pytest.approx(depth)
    assert of[str(providers[0].pk)] / depth == pytest.approx(0.25, abs=0.05)


@pytest.mark.django_db
def test_counts_are_what_was_added_since_the_tick_before() -> None:
    house, google = House.build(), knows("gmail.com")
    small = Provider.objects.create(key="mx:a.example", name="a.example", is_tail=True)
    at = beginning(now(), 60) + timedelta(seconds=20)
    ip, minute = house.ips[0].pk, beginning(at, 60)
    row = PathMinute.objects.create(ip_id=ip, provider_id=google.pk, minute=minute, attempted=100, delivered=90)
    collector = Collector()
    collector.collect(at)
    row.attempted, row.tls_errors, row.bounced_message, row.connect_failures = 130, 2, 3, 4
    row.save()
    PathMinute.objects.create(ip_id=house.ips[1].pk, provider_id=small.pk, minute=minute, attempted=7)
    PathMinute.objects.create(ip_id=ip, provider_id=google.pk, minute=minute - MINUTE, attempted=5)  # an engine's batch that came late
    StreamMinute.objects.create(stream_id=house.streams[Purpose.MARKETING].pk, tenant_id=house.tenant.pk, purpose=2, pool_id=house.pool.pk,
                                provider_id=google.pk, minute=minute, attempted=30, delivered=20, deferred=4, bounced=1, bounced_other=2)  # fmt: skip
    TlsMinute.objects.create(minute=minute, provider_id=google.pk, reason="tls.certificate", errors=2)
    BlockEvidence.objects.create(minute=minute, ip_id=ip, provider_id=google.pk, pool_id=house.pool.pk, tenant_id=1, stream_id=1, fingerprint=1, blocked=6,
                                 reason="block.policy", reply="no")  # fmt: skip
    values = collector.collect(at + TICK).values
    assert values["attempted", "all"] == {"all": 42}
    assert values["attempted", "ip"] == {str(ip): 35, str(house.ips[1].pk): 7}
    assert values["attempted", "node"] == {str(house.node.pk): 42} and values["attempted", "zone"] == {str(house.node.zone_id): 42}
    assert values["attempted", "provider"][str(google.pk)] == 35 and values["attempted", "provider"]["small"] == 7
    assert values["attempted", "stream"] == {str(house.streams[Purpose.MARKETING].pk): 30}
    assert (values["bounced", "tenant"], values["rerouted", "pool"], values["blocked", "pool"]) == tuple(
        {str(key): count} for key, count in ((house.tenant.pk, 3), (house.pool.pk, 3), (house.pool.pk, 6))
    )
    assert values["tls_errors", "tls_kind"] == {"certificate": 2} and values["tls_errors", "all"] == {"all": 2}
    assert values["connects", "all"] == {"all": 4} and values["bounced", "ip"][str(ip)] == 3
    again = collector.collect(at + 2 * TICK).values
    assert again["attempted", "all"] == {"all": 0} and again["tls_errors", "tls_kind"].get("certificate", 0) == 0, "nothing is counted twice"


@pytest.mark.django_db
@pytest.mark.parametrize(("moved_s", "counts"), [(10, True), (1200, False), (-3600, False), (0, True)])
def test_a_gap_and_a_clock_that_jumps_count_nothing_twice(moved_s: int, counts: bool) -> None:
    moved = timedelta(seconds=moved_s)
    at = beginning(now(), 60) + timedelta(seconds=20)
    for minute in (at, at + moved):
        PathMinute.objects.get_or_create(ip_id=1, provider_id=1, minute=beginning(minute, 60), defaults={"attempted": 10})
    collector = Collector()
    collector.collect(at)
    values = collector.collect(at + moved).values
    assert (("attempted", "all") in values) is counts
    after = collector.collect(at + moved + TICK).values
    assert after["attempted", "all"] == {"all": 0}


@pytest.mark.django_db(transaction=True)
def test_accepted_mail_is_counted_once_by_tenant_and_stream() -> None:
    house, at = House.build(), beginning(now())
    knows("gmail.com")
    collector = Collector()
    collector.collect(at)
    made = house.message("a@gmail.com", "b@gmail.com")
    house.put(made)
    found = [collector.collect(at + n * TICK).values.get(("accepted", "tenant"), {}) for n in (1, 2, 3)]
    assert sum(one.get(str(house.tenant.pk), 0) for one in found) == 2


@pytest.mark.django_db
def test_connections_count_against_the_limits_that_engines_wrote() -> None:
    house, google = House.build(), knows("gmail.com")
    engine = Engine.objects.create(node=house.node, slot=0, pid=1, started_at=now(), renewed_at=now(), state={"connections": 18})
    IpLease.objects.create(ip=house.ips[0], engine=engine, granted_at=now() - MINUTE)
    for ip in house.ips:  # nobody has the second's lease: its row is a dead engine's
        Path.objects.create(ip=ip, provider=google, open_connections=18, limits_now={"connections": 20}, updated_at=now())
    values = Collector().collect(beginning(now())).values
    assert values["connections", "node"] == {str(house.node.pk): 18}
    assert values["connections", "ip"] == {str(house.ips[0].pk): 18, str(house.ips[1].pk): 0}
    assert values["connections_share", "all"] == {"all": pytest.approx(0.9)}
    assert values["connections_share", "path"] == {f"{house.ips[0].pk}/{google.pk}": pytest.approx(0.9)}


@pytest.mark.django_db
def test_machines_processes_and_jobs_are_told() -> None:
    house = House.build()
    NodeReport.objects.create(node=house.node, at=now(), agent_pid=1, cpu_percent=75, memory_percent=50, load_1m=8, disk_free_bytes=10, disk_total_bytes=100,
                              cores=4, files_open=90, files_limit=100)  # fmt: skip
    AgentBeat.objects.create(node=house.node, at=now() - timedelta(seconds=30), pid=1)
    WatcherBeat.objects.create(zone=house.node.zone, at=now(), pid=1, longest_gap_ms=120)
    ClusterBeat.objects.create(name="jobs", at=now() - timedelta(seconds=40), pid=1, workers=1, reborn=0)
    OrmQ.objects.create(key="jobs", payload="", lock=timezone.now() - timedelta(seconds=70))
    collector, at = Collector(), beginning(now())
    values = collector.collect(at).values
    node, zone = str(house.node.pk), str(house.node.zone_id)
    assert values["cpu_share", "node"] == {node: 0.75} and values["cpu_share", "zone"] == {zone: 0.75}
    assert (values["disk_share", "all"]["all"], values["files_share", "all"]["all"], values["load_per_core", "all"]["all"]) == pytest.approx((0.9, 0.9, 2.0))
    assert values["engines_missing", "node"] == {node: 1}
    assert values["agent_silent_s", "node"][node] == pytest.approx(30, abs=15)
    assert values["watcher_gap_ms", "zone"] == {zone: 120}
    assert values["cluster_silent_s", "cluster"]["jobs"] == pytest.approx(40, abs=15)
    assert values["jobs_queue", "all"] == {"all": 1} and values["jobs_oldest_s", "all"]["all"] == pytest.approx(70, abs=15)
    Task.objects.create(id="a", name="a", func="a", started=at, stopped=at + timedelta(seconds=5), success=False)
    assert collector.collect(at + TICK).values["jobs_failed", "all"] == {"all": 1}
    assert collector.collect(at + 2 * TICK).values["jobs_failed", "all"] == {"all": 0}


@pytest.mark.django_db
def test_what_stands_badly_is_told() -> None:
    house, google = House.build(), knows("gmail.com")
    house.ips[0].state = "quarantined"
    house.ips[0].save()
    Path.objects.create(ip=house.ips[1], provider=google, state="quarantined", updated_at=now())
    Listing.objects.create(ip=house.ips[0], zone="zen.example", severity="critical", said="critical", listed_since=now(), last_seen_at=now())
    Endpoint.objects.create(name="api north", kind="api", host="127.0.0.1", port=1, state="down")
    hook = WebhookEndpoint.objects.create(tenant=house.tenant, url="http://127.0.0.1/", secret_encrypted=b"x", created_at=now())
    some = message_id(1)
    WebhookEvent.objects.create(webhook_id=some, tenant_id=house.tenant.pk, endpoint_id=hook.pk, message_id=some, delivery_id=some, source_id=some,
                                kind="message.delivered", at=now(), due_at=now() - timedelta(seconds=50))  # fmt: skip
    values = Collector().collect(beginning(now())).values
    assert values["ips_out", "pool"] == {str(house.pool.pk): 1} and values["paths_out", "provider"][str(google.pk)] == 1
    assert values["listings", "ip"] == {str(house.ips[0].pk): 1, str(house.ips[1].pk): 0}
    assert values["endpoints_dead", "all"] == {"all": 1}
    assert values["webhook_backlog", "tenant"] == {str(house.tenant.pk): 1} and values["webhook_oldest_s", "all"]["all"] == pytest.approx(50, abs=15)


def _broken(_: Moment) -> Values:
    with connection.cursor() as cursor:
        cursor.execute("SELECT no_such_column")
    return {}


def _gone(_: Moment) -> Values:
    raise OperationalError("the server closed the connection")


@pytest.mark.django_db
def test_a_part_that_fails_takes_no_other_with_it(caplog: Any) -> None:
    collector = Collector([Part("broken", _broken), *parts()])
    with caplog.at_level(logging.WARNING):
        tick = collector.collect(beginning(now()))
    assert collector.failed == ("broken",) and "broken" in caplog.text
    assert ("queue_ready", "all") in tick.values


@pytest.mark.django_db
def test_without_the_database_there_is_no_tick() -> None:
    with pytest.raises(OperationalError):
        Collector([Part("gone", _gone)]).collect(beginning(now()))
