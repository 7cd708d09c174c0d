"""What changed around an incident: from every source, near its beginning, without what certainly concerns another; bounded, and in order."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from mailplatform.shell.clock import now
from mailplatform.shell.models import AuditEntry, Notice
from mailplatform.tenants.models import Tenant
from monitoring.alerts.around import MOST, Around, around, gathered
from monitoring.alerts.models import Incident
from monitoring.alerts.subject import about
from monitoring.dns.models import DnsChange, DnsZone, RecordSet
from monitoring.drills.models import Drill
from monitoring.endpoints.models import Endpoint, EndpointVerdict
from monitoring.metrics.models import MetricSubject
from monitoring.models import Verdict
from pools.listings.models import Listing
from pools.models import Node, Path, Pool, PoolMember, Provider, SendingIP, Zone
from pools.neighbours.models import StandingAction
from pools.reputation.models import Action
from tests.telling.mailhost import incident
from warming.models import WarmupPlan
from warming.warmups import Warmup, WarmupDecision

pytestmark = pytest.mark.django_db
EVERY_KIND = {"by hand", "drill", "reputation", "tenant", "warm-up", "DNS", "engine", "endpoint", "block list", "notice", "incident"}


@pytest.fixture
def began(db: None) -> datetime:
    """North, with two IPs of which one was busy in every way ten minutes before; south, with one that was as well."""
    began = now() - timedelta(hours=2)
    at = began - timedelta(minutes=10)
    tenant = Tenant.objects.create(name="harbour")
    gmail, yahoo = (Provider.objects.create(key=key, name=name) for key, name in (("google", "Gmail"), ("yahoo", "Yahoo")))
    _label("provider", gmail, "Gmail")
    _label("provider", yahoo, "Yahoo")
    _label("tenant", tenant, "harbour")
    for number, (name, provider) in enumerate((("north", gmail), ("south", yahoo)), start=1):
        zone = Zone.objects.create(name=name)
        node = Node.objects.create(zone=zone, name=f"{name}-1")
        ip = SendingIP.objects.create(node=node, address=f"127.10.{number}.1", ehlo_name=f"mta.{name}.example")
        PoolMember.objects.create(pool=Pool.objects.create(name=f"pool-{name}"), ip=ip)
        for dimension, row, label in (("zone", zone, name), ("node", node, node.name), ("ip", ip, ip.address)):
            _label(dimension, row, label)
        AuditEntry.objects.create(at=at, actor="eve@platform.example", action="paused", target=f"sending IP {ip}", sentence=f"Paused {ip}.")
        Action.objects.create(scope="path", ip=ip, provider=provider, name=Action.Name.LEAVE, sentence=f"{ip} left {provider}.", at=at)
        warmup = Warmup.objects.create(
            path=Path.objects.create(ip=ip, provider=provider, updated_at=at), ip=ip, provider=provider, plan=_plan(), cap_per_day=50, cap_per_hour=10,
            started_at=at, stage_since=at, counted_from=at,
        )  # fmt: skip
        WarmupDecision.objects.create(warmup=warmup, number=1, at=at, kind="hold", sentence="Holds.", stage_before=1, stage_after=1)
        Verdict.objects.create(engine_id=number, node=node, slot=0, kind="dead", judge="agent", last_sign_at=at, at=at)
        endpoint = Endpoint.objects.create(name=f"api-{name}", kind="tcp", host="127.0.0.1", port=number, zone=zone)
        EndpointVerdict.objects.create(endpoint=endpoint, state="down", at=at, spoken_by="watcher", sentence=f"The endpoint api-{name} is dead.")
        Listing.objects.create(ip=ip, zone="list.example", severity="warning", said="warning", listed_since=at, last_seen_at=at)
        Notice.objects.create(kind="odd", scope=node.name, severity=1, sentence=f"{node.name} is odd.", created_at=at)
    records = RecordSet.objects.create(dns_zone=DnsZone.objects.create(name="example.com"), name="api.example.com")
    DnsChange.objects.create(record_set=records, kind="failover", who="the platform", why="A target is dead.", after=[], at=at)
    Drill.objects.create(kind="kill_engine", state="done", started_by="Ada", started_at=at)
    StandingAction.objects.create(tenant=tenant, kind="slow", sentence="Harbour is slowed.", begun_at=at)
    incident(subject="x", opened_at=at, sentence="Another thing.")
    return began


def _label(dimension: str, row: Any, label: str) -> None:
    MetricSubject.objects.create(dimension=dimension, key=str(row.pk), label=label)


def _plan() -> WarmupPlan:
    return WarmupPlan.objects.get_or_create(name="ours", version=1)[0]


def found(began: datetime, dimension: str = "", subject: object = "", **more: Any) -> list[Around]:
    return around(incident(dimension=dimension, subject=str(subject), since=began, opened_at=began + timedelta(minutes=3), **more))


def kinds(of: list[Around]) -> set[str]:
    return {one.kind for one in of}


def test_every_source_is_asked_when_nothing_narrower_is_known(began: datetime) -> None:
    seen = found(began)
    assert kinds(seen) == EVERY_KIND
    assert all(one.at and one.sentence and (one.link or one.kind == "notice") for one in seen)
    assert {one.who for one in seen if one.kind in ("by hand", "drill")} == {"eve@platform.example", "Ada"}
    assert {one.who for one in seen if one.kind in ("reputation", "DNS", "engine")} == {""}


@pytest.mark.parametrize("dimension", ["zone", "node", "ip", "provider", "pool"])
def test_what_is_of_another_is_left_out(began: datetime, dimension: str) -> None:
    row = {
        "zone": Zone.objects.filter(name="north"), "node": Node.objects.filter(name="north-1"), "ip": SendingIP.objects.filter(address="127.10.1.1"),
        "provider": Provider.objects.filter(name="Gmail"), "pool": Pool.objects.filter(name="pool-north"),
    }[dimension].get()  # fmt: skip
    said = " ".join(one.sentence for one in found(began, dimension, row.pk))
    assert "127.10.1.1 left Gmail" in said and "127.10.2.1 left" not in said
    assert "127.10.1.1 at Gmail" in said and "127.10.2.1 at" not in said
    if dimension in ("zone", "node", "ip"):
        assert "engine of north-1" in said and "engine of south-1" not in said
        assert "127.10.1.1 was listed" in said and "127.10.2.1 was listed" not in said
    if dimension == "ip":
        assert "Paused 127.10.1.1." in said and "Paused 127.10.2.1." not in said
    if dimension in ("zone", "node"):
        assert "north-1 is odd." in said and "south-1 is odd." not in said
    if dimension == "zone":
        assert "api-north is dead" in said and "api-south" not in said


def test_a_path_is_its_ip_at_its_provider(began: datetime) -> None:
    ip, other = SendingIP.objects.get(address="127.10.1.1"), Provider.objects.get(key="yahoo")
    Action.objects.create(scope="ip", ip=ip, name=Action.Name.IP_OUT, sentence="127.10.1.1 left everywhere.", at=began)
    said = " ".join(one.sentence for one in found(began, "path", f"{ip.pk}/{other.pk}"))
    assert "left everywhere" in said and "left Gmail" not in said


def test_a_tenants_and_an_endpoints_are_narrow(began: datetime) -> None:
    assert "tenant" in kinds(found(began, "tenant", Tenant.objects.get().pk))
    assert kinds(found(began, "endpoint", Endpoint.objects.get(name="api-north").pk)) <= {"by hand", "drill", "DNS", "endpoint", "notice", "incident"}


def test_only_what_is_near_is_shown_and_the_incidents_own_are_not(began: datetime) -> None:
    for hours in (-3, 1):
        AuditEntry.objects.create(at=began + timedelta(hours=hours), actor="eve", action="x", target="y", sentence="Far away.")
    AuditEntry.objects.create(at=began, actor="eve", action="incident acknowledged", target="y", sentence="Acknowledged.")
    one = incident(source="notice:odd", subject="north-1", since=began, opened_at=began)
    incident(subject="part", parent=one, opened_at=began, sentence="A part.")
    said = " ".join(each.sentence for each in around(one))
    assert "Far away." not in said and "Acknowledged." not in said and "A part." not in said and "north-1 is odd." not in said
    assert "Paused 127.10.1.1" in said


def test_it_is_bounded_and_in_order(began: datetime) -> None:
    for n in range(60):
        AuditEntry.objects.create(at=began - timedelta(seconds=30 * n), actor=f"person {n % 7}", action="x", target="y", sentence=f"Did {n}.")
        incident(subject=str(n), opened_at=began + timedelta(minutes=n % 20))
    seen = found(began)
    assert len(seen) <= MOST and seen == sorted(seen, key=lambda one: one.at)


def test_what_happened_at_once_is_one_line() -> None:
    at = now()
    many = [Around(at + timedelta(seconds=n), f"Step {n}.", "", "/x/", "warm-up") for n in range(5)]
    two = [Around(at + timedelta(minutes=5, seconds=n), f"Later {n}.", "", "/x/", "warm-up") for n in range(2)]
    [first, *rest] = sorted(gathered([*two, *many, Around(at, "By hand.", "Ada", "/x/", "by hand")]), key=lambda one: (one.at, one.kind != "warm-up"))
    assert first.sentence == "Step 0; and 4 more within a minute." and [one.sentence for one in rest] == ["By hand.", "Later 0.", "Later 1."]


def test_names_are_words_of_their_own() -> None:
    for key, label in (("1", "127.10.1.1"), ("2", "127.10.1.12"), ("3", "north")):
        MetricSubject.objects.create(dimension="ip", key=key, label=label)
    of = about(Incident(dimension="ip", subject="1", source="rule:1"))
    assert of.is_meant_by("Paused 127.10.1.1.") and of.is_meant_by("127.10.1.1 and 127.10.1.12") and of.is_meant_by("Nothing is named.")
    assert not of.is_meant_by("Paused 127.10.1.12.") and of.is_meant_by("north-1 is no IP") and not of.is_meant_by("north, that is")
