"""Zones & nodes, as an operator and as a viewer."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.core.cache import cache
from django.test import Client

from delivery.models import Engine
from mailplatform.shell.clock import now
from mailplatform.shell.models import AuditEntry
from mailplatform.tenants.models import User
from monitoring.models import Machine, NodeReport, WatcherBeat
from pools.models import Node, Zone
from tests.zones.conftest import Places

LATER = timedelta(hours=1)  # however slow this machine is, what happened then counts as just now


@pytest.fixture(autouse=True)
def read_anew(settings: object) -> None:
    """Pages share what they read for a second; these look again at once."""
    cache.clear()


def signed_in(role: str) -> Client:
    client = Client()
    person = User.objects.create_user(f"{role}@platform.example", "correct horse battery", role=role)
    client.force_login(person, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


@pytest.fixture
def operator(places: Places) -> Client:
    return signed_in("operator")


def lives(node: Node) -> None:
    at = now() + LATER
    Engine.objects.create(node=node, slot=0, pid=1, started_at=now(), renewed_at=at)
    NodeReport.objects.create(node=node, at=at, agent_pid=1, cpu_percent=20, memory_percent=30, load_1m=1)
    WatcherBeat.objects.create(zone=node.zone, at=at, pid=1)


def first_line(client: Client) -> str:
    cache.clear()
    page = client.get("/nodes/").content.decode()
    return " ".join(page[page.index("<h1>") : page.index("</h1>")].split()).replace("\u00a0", " ")


def test_all_is_well_in_one_line(places: Places, operator: Client) -> None:
    lives(places.north)
    lives(places.south)
    assert "All 2 zones are whole: 2 engines on 2 nodes." in first_line(operator)


def test_a_lost_zone_is_the_first_thing_said(places: Places, operator: Client) -> None:
    lives(places.north)
    NodeReport.objects.create(node=places.south, at=now() - LATER, agent_pid=1, cpu_percent=20, memory_percent=30, load_1m=1)
    WatcherBeat.objects.create(zone=places.south.zone, at=now() - LATER, pid=1)
    said = first_line(operator)
    assert "Zone south is lost: nothing is heard from it. north carries its mail." in said and "broken" in said


def test_no_engine_anywhere_is_said(places: Places, operator: Client) -> None:
    NodeReport.objects.create(node=places.south, at=now() + LATER, agent_pid=1, cpu_percent=20, memory_percent=30, load_1m=1)
    assert "No engine runs in any zone" in first_line(operator)


def test_a_zone_is_drained_after_its_preview_with_a_reason_and_comes_back(places: Places, operator: Client) -> None:
    lives(places.north)
    lives(places.south)
    preview = operator.get("/nodes/zone/south/drain/")
    assert "Nothing has been done yet" in preview.content.decode() and Zone.objects.get(name="south").state == "active"
    operator.post("/nodes/zone/south/drain/do/", {"why": "new <b>kernel</b>"})
    south = Zone.objects.get(name="south")
    assert (south.state, south.state_why, south.state_by) == ("drained", "new <b>kernel</b>", "operator@platform.example")
    page = operator.get("/nodes/").content.decode()
    assert "new &lt;b&gt;kernel&lt;/b&gt;" in page and "by operator@platform.example" in page
    assert "Zone south is draining: the others carry the mail." in first_line(operator)
    Engine.objects.filter(node=places.south).delete()  # its hands are empty, and it has ended
    assert "Zone south is drained: the others carry the mail." in first_line(operator)
    assert AuditEntry.objects.filter(action="zone drained").count() == 1
    operator.post("/nodes/zone/south/back/")
    assert Zone.objects.get(name="south").state == "active" and AuditEntry.objects.filter(action="zone returned").exists()


def test_an_evacuation_can_be_undone_from_the_bar(places: Places, operator: Client) -> None:
    lives(places.north)
    operator.post("/nodes/node/north-1/evacuate/do/", {"why": ""})
    assert Node.objects.get(name="north-1").state == "evacuated" and Engine.objects.get().draining
    operator.post(f"/undo/{operator.session['undo']['id']}/")
    assert Node.objects.get(name="north-1").state == "active"


def test_a_viewer_sees_and_may_not_press(places: Places) -> None:
    viewer = signed_in("viewer")
    assert viewer.get("/nodes/").status_code == 200 and viewer.get("/nodes/capacity/").status_code == 200
    assert viewer.get("/nodes/zone/south/drain/").status_code == 403
    assert viewer.post("/nodes/zone/south/drain/do/").status_code == 403
    assert viewer.post("/nodes/zone/south/back/").status_code == 403
    assert Zone.objects.get(name="south").state == "active"


@pytest.mark.parametrize("nothing", ["/nodes/zone/nowhere/drain/", "/nodes/zone/south/explode/", "/nodes/planet/south/drain/"])
def test_what_is_not_there_is_not_found(places: Places, operator: Client, nothing: str) -> None:
    assert operator.get(nothing).status_code == 404


def test_only_a_silent_machine_can_be_forgotten(places: Places, operator: Client) -> None:
    machine = Machine.objects.create(pk=uuid4(), name="two", started_at=now())
    machine.nodes.add(places.south)
    lives(places.south)
    operator.post(f"/nodes/machine/{machine.pk}/forget/")
    assert Machine.objects.exists()
    NodeReport.objects.update(at=now() - LATER)
    assert "Forget" in operator.get("/nodes/").content.decode()
    operator.post(f"/nodes/machine/{machine.pk}/forget/")
    assert not Machine.objects.exists() and AuditEntry.objects.filter(action="machine forgotten").exists()


def test_capacity_answers_in_its_first_line(places: Places, operator: Client) -> None:
    lives(places.north)
    lives(places.south)
    places.sent(places.ip(1), 60)
    page = operator.get("/nodes/capacity/").content.decode()
    assert "Whichever zone goes, the rest carries the present load." in page and "Gmail" in page
    places.sent(places.ip(1), 3000, minutes_ago=3)
    page = operator.get("/nodes/capacity/").content.decode()
    assert "Without zone north or south the rest would not carry the present load." in " ".join(page.split())
