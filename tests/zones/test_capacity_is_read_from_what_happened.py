"""What `capacity.without` makes of the database."""

from datetime import timedelta

import pytest

from delivery.models import Engine
from mailplatform.shell.clock import now
from monitoring.models import NodeReport
from monitoring.zones import capacity
from monitoring.zones.capacity_rows import machine_room
from pools.models import Node, Path, SendingIP, Zone
from tests.zones.conftest import Places


def engine(node: Node) -> None:
    Engine.objects.create(node=node, slot=0, pid=1, started_at=now(), renewed_at=now())


@pytest.fixture
def busy(places: Places) -> Places:
    """Fifteen a second at Gmail, which takes ten from an IP."""
    for node in (places.north, places.south):
        engine(node)
    places.sent(places.ip(1), 900)
    return places


def test_the_other_zones_ips_carry_it(busy: Places) -> None:
    verdict = capacity.without(zone="north")
    assert verdict.carries, verdict.says
    assert [(one.name, round(one.load_per_s), round(one.room_per_s)) for one in verdict.providers] == [("Gmail", 15, 20)]
    assert capacity.without(zone=Zone.objects.get(name="north")) == verdict


def test_a_path_that_warms_and_one_in_quarantine_leave_less(busy: Places) -> None:
    Path.objects.create(ip=busy.ip(3), provider=busy.gmail, warm_per_hour=360, warm_per_day=3600, updated_at=now())
    verdict = capacity.without(zone="north")
    assert not verdict.carries and verdict.waits_per_s == pytest.approx(15 - 10.1, abs=0.01)
    Path.objects.create(ip=busy.ip(4), provider=busy.gmail, state=Path.State.QUARANTINED, updated_at=now())
    assert capacity.without(zone="north").waits_per_s == pytest.approx(15 - 0.1, abs=0.01)


def test_one_ip_or_node_may_be_asked_for(busy: Places) -> None:
    assert capacity.without(ip="192.0.2.1").carries
    assert capacity.without(node="north-1").without == "node north-1"
    with pytest.raises(ValueError):
        capacity.without(zone="north", ip="192.0.2.1")


def test_a_node_without_an_engine_carries_nothing(busy: Places) -> None:
    Engine.objects.filter(node=busy.south).delete()
    verdict = capacity.without(zone="north")
    assert not verdict.carries and "no engine runs" in verdict.says


def test_a_drained_zone_and_a_paused_ip_count_as_gone(busy: Places) -> None:
    SendingIP.objects.filter(address="192.0.2.3").update(state="paused")
    assert not capacity.without(zone="north").carries  # ten of fifteen
    SendingIP.objects.filter(address="192.0.2.3").update(state="active")
    Zone.objects.filter(name="south").update(state="drained")
    assert capacity.without(zone="north").bare == ("shared",)


def test_processors_that_are_full_carry_no_more(busy: Places) -> None:
    NodeReport.objects.create(node=busy.south, at=now(), agent_pid=1, cpu_percent=99, memory_percent=1, load_1m=1)
    verdict = capacity.without(zone="north")
    assert not verdict.carries and "99 % busy" in verdict.says


def test_a_machine_is_believed_what_it_has_shown_even_when_something_else_keeps_it_busy() -> None:
    at = now()
    shown = {at - timedelta(minutes=9): 40.0, at: 2.0}
    assert machine_room(shown, 100).per_s == 40.0
    assert machine_room(shown, 20).per_s == pytest.approx(2 + 0.6 / 0.0011)
    assert machine_room({at: 100.0}, 20).per_s == pytest.approx(100 + 0.6 / 0.0011)
    assert machine_room({at: 1000.0}, 20).per_s == pytest.approx(4000)
    assert machine_room({}, None).per_s == float("inf")
