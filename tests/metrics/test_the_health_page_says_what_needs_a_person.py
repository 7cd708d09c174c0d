"""Health: all is well in one sentence, or what is not, first; figures are judged by the rules' limits; few statements however many nodes."""

import re
from datetime import datetime, timedelta
from html import unescape
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from delivery.models import Engine
from mailplatform.shell.clock import now
from monitoring.alerts.models import AlertRule
from monitoring.alerts.shipped import seed_shipped
from monitoring.health_page.board import Board, Cell, board
from monitoring.health_page.limits import State
from monitoring.metrics.store import Store
from monitoring.metrics.tick import Tick, beginning
from monitoring.models import WatcherBeat
from pools.models import Node, Zone
from tests.alerts.people import signed_in
from tests.telling.mailhost import incident

pytestmark = pytest.mark.django_db
TICK = timedelta(seconds=10)


@pytest.fixture(autouse=True)
def nothing_remembered() -> None:
    cache.clear()


@pytest.fixture
def nodes() -> list[Node]:
    made = []
    for name in ("north", "south"):
        zone = Zone.objects.create(name=name)
        WatcherBeat.objects.create(pid=1, zone=zone, at=now(), longest_gap_ms=60)
        for n in (1, 2):
            node = Node.objects.create(name=f"{name}-{n}", zone=zone)
            Engine.objects.create(node=node, slot=0, pid=n, started_at=now(), renewed_at=now())
            made.append(node)
    return made


def measure(nodes: list[Node], until: datetime, ticks: int = 12, **changed: Any) -> None:
    store = Store()
    for n in range(ticks, 0, -1):
        store.keep(Tick(until - TICK * n, of(nodes, **changed)))


def of(nodes: list[Node], cpu: float = 0.4, silent: int | None = None, deferred: float = 1.0, **more: dict[str, float]) -> dict[Any, Any]:
    keys = [str(node.pk) for node in nodes]
    levels = {"memory_share": 0.5, "disk_share": 0.3, "files_share": 0.1, "load_per_core": 0.8, "engines_missing": 0.0, "agent_silent_s": 1.0}
    values: dict[Any, Any] = {(name, "node"): dict.fromkeys(keys, value) for name, value in levels.items()}
    values["cpu_share", "node"] = {key: cpu if key == keys[0] else 0.2 for key in keys if key != (keys[silent] if silent is not None else "")}
    counts = {"attempted": 20.0, "deferred": deferred, "connects": 10.0, "tls_errors": 0.0}
    values |= {(name, "node"): dict.fromkeys(keys, value) for name, value in counts.items()}
    values |= {("collect_ms", "all"): {"all": 12.0}, ("delivered", "all"): {"all": 75.0}, ("queue_oldest_s", "purpose"): {"transactional": 2.0}}
    return values | {tuple(name.split("__")): value for name, value in more.items()}


def cell(seen: Board, title: str, whose: str) -> Cell:
    columns = [*seen.parts, *(column for zone in seen.zones for column in (*zone.nodes, zone.whole))]
    return next(one for column in columns for one in column.cells if (one.title, one.whose) == (title, whose))


def read(client: Client, url: str = "/health/") -> str:
    response = client.get(url)
    assert response.status_code == 200
    return " ".join(re.sub(r"<[^>]+>", " ", unescape(response.content.decode())).replace("\xa0", " ").split())


def test_a_well_platform_is_one_sentence(nodes: list[Node]) -> None:
    seed_shipped()
    measure(nodes, beginning(now()) + TICK, ticks=18)
    client = signed_in("viewer")
    Engine.objects.update(renewed_at=now())  # on a slow machine two seconds have passed
    page = read(client)
    assert re.search(r"All is well: 2 zones, 4 nodes, [\d,]+ messages delivered in the last hour\.", page), page
    assert "CPU 40 %" in page and "Deferred 5 %" in page and "Attempts 120 a minute" in page and "What is wrong" not in page
    seen = board(now())
    assert cell(seen, "CPU", "north-1").state is State.WELL and cell(seen, "Load by core", "north-1").state is State.PLAIN
    assert cell(seen, "CPU", "north-1").limit == "above 90\xa0%"


def test_what_is_beyond_a_limit_comes_first_with_its_limit(nodes: list[Node]) -> None:
    seed_shipped()
    measure(nodes, beginning(now()) + TICK, cpu=0.97, queue_oldest_s__purpose={"transactional": 900.0})
    page = read(signed_in("viewer"), "/health/live/")
    assert "Nothing needs you yet; 2 figures are beyond their limits: Oldest transactional of Queue, 15 min." in page
    assert "CPU of north-1: 97 % Its limit: above 90 %." in page and "Zone north look" in page and "Zone south well" in page
    assert cell(board(now()), "Oldest transactional", "Queue").state is State.BAD


def test_an_incident_is_what_needs_a_person(nodes: list[Node]) -> None:
    measure(nodes, beginning(now()) + TICK)
    whole = incident(1, sentence="CPU in use, north-1: 95 %", metric="cpu_share", dimension="node", subject=str(nodes[0].pk))
    incident(2, subject="b", sentence="Mail is stuck.")
    incident(1, subject="part", sentence="A part of it.", parent=whole)
    page = read(signed_in("viewer"))
    assert "2 things need you, first: Mail is stuck." in page and "A part of it." not in page
    assert page.index("Mail is stuck.") < page.index("CPU in use, north-1: 95 %")
    seen = board(now())
    assert cell(seen, "CPU", "north-1").state is State.LOOK and seen.unwell == []


def test_a_node_that_tells_nothing_is_missed_and_one_out_of_service_is_not(nodes: list[Node]) -> None:
    seed_shipped()
    measure(nodes, beginning(now()) + TICK, silent=1)
    assert cell(board(now()), "CPU", "north-2").state is State.LOOK
    Node.objects.filter(pk=nodes[1].pk).update(state="drained")
    seen = board(now())
    assert cell(seen, "CPU", "north-2").state is State.PLAIN and seen.unwell == []
    assert "north-2 drained" in read(signed_in("viewer"))


def test_rules_that_are_off_or_of_somebody_else_judge_nothing(nodes: list[Node]) -> None:
    AlertRule.objects.create(name="one", metric="cpu_share", dimension="node", threshold=0.1, subjects=[str(nodes[1].pk)], severity=2)
    AlertRule.objects.create(name="off", metric="cpu_share", dimension="node", threshold=0.1, enabled=False)
    AlertRule.objects.create(name="told only", metric="cpu_share", dimension="node", threshold=0.1, severity=0)
    measure(nodes, beginning(now()) + TICK)
    seen = board(now())
    assert [cell(seen, "CPU", node.name).state for node in nodes[:2]] == [State.PLAIN, State.BAD]


def test_when_nobody_measures_it_says_so_and_shows_no_old_figures(nodes: list[Node]) -> None:
    client = signed_in("viewer")
    assert "Nothing was measured yet" in read(client)
    measure(nodes, beginning(now()) - timedelta(minutes=3))
    page = read(client)
    assert "Nothing has been measured since" in page and "CPU –" in page
    WatcherBeat.objects.all().delete()
    assert "Nobody looks after the engines: there is no watcher." in read(client)
    Engine.objects.all().delete()
    assert "Mail does not flow: Engines: there is no engine." in read(client)


def test_it_costs_the_same_with_many_nodes(nodes: list[Node]) -> None:
    def statements() -> int:
        cache.clear()
        with CaptureQueriesContext(connection) as asked:
            board(now())
        return len(asked)

    measure(nodes, beginning(now()) + TICK, ticks=2)
    few = statements()
    more = [Node.objects.create(name=f"south-{n}", zone=nodes[-1].zone) for n in range(3, 15)]
    measure([*nodes, *more], beginning(now()) + TICK, ticks=2)
    assert statements() == few <= 20


@pytest.mark.parametrize(("role", "status"), [("viewer", 200), ("operator", 200), ("tenant", 403)])
def test_tenants_see_nothing_of_it(role: str, status: int) -> None:
    client = signed_in(role)
    assert [client.get(url).status_code for url in ("/health/", "/health/live/", "/explore/", "/explore/data.csv")] == [status] * 4
