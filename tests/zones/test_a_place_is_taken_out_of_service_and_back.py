"""Drain, evacuate, return: what stands in the rows, what engines are told, what /readyz says."""

from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client

from delivery.models import Engine
from delivery.smtpd.serve import OUT_OF_SERVICE
from mailplatform.shell.clock import now
from mailplatform.shell.models import Notice, Severity
from monitoring.dns.standing import all_sets, target_of
from monitoring.endpoints.verdicts import out_of_service
from monitoring.models import DnsZone, Endpoint, Machine, RecordSet, RecordTarget, WatcherBeat
from monitoring.zones import outage
from monitoring.zones.retire import retire
from pools.models import Node, PlaceState, Zone
from tests.dnsfailover.rig import looking, policy, until
from tests.smtpd.listening import Noting, serving
from tests.zones.conftest import Places


def engine(node: Node) -> Engine:
    return Engine.objects.create(node=node, slot=0, pid=1, started_at=now(), renewed_at=now())


def claimed(engine: Engine) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT column_name, data_type FROM information_schema.columns WHERE table_name = 'delivery_claimed' AND is_nullable = 'NO'")
        columns = dict(cursor.fetchall())
        made = {"engine_id": engine.pk, **{name: _any(kind) for name, kind in columns.items() if name != "engine_id"}}
        cursor.execute(f"INSERT INTO delivery_claimed ({', '.join(made)}) VALUES ({', '.join(['%s'] * len(made))})", list(made.values()))


def _any(kind: str) -> object:
    return {"uuid": uuid4(), "timestamp with time zone": now(), "ARRAY": [], "text": "", "character varying": "", "boolean": False}.get(kind, 1)


def agent_looks(node: Node) -> None:
    with connection.cursor() as cursor:
        retire(cursor, node.name)


def is_told_to_end(engine: Engine) -> bool:
    engine.refresh_from_db()
    return engine.draining


def test_a_drained_node_keeps_its_engine_until_its_hands_are_empty(places: Places) -> None:
    busy, other = engine(places.north), engine(places.south)
    claimed(busy)
    assert outage.take_out(places.north, PlaceState.DRAINED, "new kernel", "anna@example.com")
    agent_looks(places.north)
    assert not is_told_to_end(busy)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM delivery_claimed")
    agent_looks(places.north)
    agent_looks(places.south)
    assert is_told_to_end(busy) and not is_told_to_end(other)


def test_a_drained_nodes_engine_ends_after_a_minute_all_the_same(places: Places) -> None:
    busy = engine(places.north)
    claimed(busy)
    outage.take_out(places.north.zone, PlaceState.DRAINED, "", "anna")
    Zone.objects.update(state_at=now() - timedelta(seconds=61))
    agent_looks(places.north)
    assert is_told_to_end(busy)


def test_an_evacuated_zones_engines_are_told_at_once_and_nobody_elses(places: Places) -> None:
    busy, other = engine(places.north), engine(places.south)
    claimed(busy)
    outage.take_out(places.north.zone, PlaceState.EVACUATED, "water", "anna")
    assert is_told_to_end(busy) and not is_told_to_end(other)
    Engine.objects.filter(pk=busy.pk).delete()
    late = engine(places.north)  # it was only just starting
    agent_looks(places.north)
    assert is_told_to_end(late)


def test_who_why_and_since_when_is_kept_and_ends_with_the_return(places: Places) -> None:
    zone = places.north.zone
    assert outage.take_out(zone, PlaceState.DRAINED, "  new kernel ", "anna@example.com")
    assert not outage.take_out(zone, PlaceState.DRAINED, "again", "bert")
    zone.refresh_from_db()
    assert (zone.state, zone.state_why, zone.state_by) == ("drained", "new kernel", "anna@example.com") and zone.state_at is not None
    assert outage.give_back(zone, "bert") and not outage.give_back(zone, "bert")
    zone.refresh_from_db()
    assert (zone.state, zone.state_why, zone.state_by) == ("active", "", "bert")


def test_the_preview_says_what_it_means_in_figures(places: Places) -> None:
    busy = engine(places.north)
    engine(places.south)
    claimed(busy)
    places.sent(places.ip(1), 600)
    seen = outage.preview(places.north.zone)
    assert (seen.engines, seen.in_hand, seen.ips, seen.per_s) == (1, 1, 2, 2.0)
    assert seen.capacity.carries
    assert "1\u00a0delivery in its hands" in " ".join(seen.sentences(places.north.zone, PlaceState.EVACUATED))


def test_managed_names_lead_away_from_a_zone_out_of_service(places: Places) -> None:
    made = RecordSet.objects.create(name="api.platform.example", type="A", dns_zone=DnsZone.objects.create(name="platform.example"))
    for place, value in ((places.north, "192.0.2.10"), (places.south, "192.0.2.20")):
        door = Endpoint.objects.create(name=f"door {place}", kind="api", host=value, port=443, zone=place.zone, state="up")
        RecordTarget.objects.create(record_set=made, value=value).endpoints.add(door)

    def living() -> list[str]:
        (row,) = all_sets()
        return [target.value for target in row.targets.all() if target_of(target, row).lives]

    assert living() == ["192.0.2.10", "192.0.2.20"]
    outage.take_out(places.north.zone, PlaceState.DRAINED, "", "anna")
    assert living() == ["192.0.2.20"]
    outage.give_back(places.north.zone, "anna")
    assert living() == ["192.0.2.10", "192.0.2.20"]


@pytest.fixture
def ready(places: Places, settings: object, tmp_path: Path) -> str:
    """A machine that runs the north's node, with everything in order."""
    later = now() + timedelta(hours=1)  # however slow this machine is, they count as heard of
    Engine.objects.filter(pk=engine(places.south).pk).update(renewed_at=later)
    WatcherBeat.objects.create(zone=places.south.zone, at=later, pid=1)
    number = uuid4()
    Machine.objects.create(pk=number, name="one", started_at=now()).nodes.add(places.north)
    (tmp_path / "machine").write_text(str(number))
    settings.DATA_DIR = tmp_path  # type: ignore[attr-defined]
    return str(number)


@pytest.mark.parametrize("what", ["zone", "node"])
def test_readyz_says_503_on_a_machine_that_is_out_of_service_alone(places: Places, ready: str, what: str) -> None:
    assert Client().get("/readyz").status_code == 200
    place = places.north.zone if what == "zone" else places.north
    outage.take_out(place, PlaceState.DRAINED, "new kernel", "anna")
    answer = Client().get("/readyz")
    assert answer.status_code == 503 and answer.json()["out_of_service"] == "north-1 is drained: new kernel"
    outage.give_back(place, "anna")
    assert Client().get("/readyz").status_code == 200
    outage.take_out(places.south.zone, PlaceState.EVACUATED, "", "anna")
    assert Client().get("/readyz").status_code == 200


def test_readyz_of_a_machine_of_one_zone_follows_that_zone(places: Places, ready: str, settings: object) -> None:
    settings.ZONE = "south"  # type: ignore[attr-defined]
    outage.take_out(places.south.zone, PlaceState.EVACUATED, "", "anna")
    assert Client().get("/readyz").status_code == 503


def test_a_door_that_turns_clients_away_is_dead_for_dns_and_nobodys_alarm(transactional_db: None, tmp_path: Path) -> None:
    policy(every_ms=100, recover_s=0, down_after=1, up_after=1)
    with serving(Noting(), tmp_path) as door, looking("one", "two", "three"):
        made = Endpoint.objects.create(name="submission", kind="submission", host="127.0.0.1", port=door.port, tls="starttls")
        until(lambda: Endpoint.objects.get().state == "up", "it answers")
        door.listener.shut_to(OUT_OF_SERVICE)
        notice = until(lambda: Notice.objects.filter(kind="endpoint_dead").first(), "it is told")
        assert (Endpoint.objects.get().state, notice.severity) == ("down", Severity.INFO)
        assert notice.sentence == "The endpoint submission turns clients away: its server was taken out of service."
        assert out_of_service() == {made.pk}
        door.listener.shut_to("")
        until(lambda: Endpoint.objects.get().state == "up" and Notice.objects.get().cleared_at, "it answers again")
        door.listener.shut_to("421 4.3.2 Something is wrong here")
        until(lambda: Notice.objects.filter(severity=Severity.CRITICAL, cleared_at=None).exists(), "any other 421 is an alarm")
        assert out_of_service() == set()
