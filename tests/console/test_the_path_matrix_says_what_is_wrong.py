"""The path matrix: everything at a glance in a few statements, what is wrong in one sentence, the worst on top."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from delivery.models import IpLease
from mailplatform.shell.clock import now
from pools.models import Node, Path, PathMinute, Pool, PoolMember, Provider, SendingIP, Zone
from pools.pages import matrix_rows
from pools.pages.matrix import OTHERS, Cell, CellState, Facts, IpFact, Matrix, MemberFact, Wanted, build
from pools.pages.matrix_words import first_line, second_line
from tests.console.world import World

AT = now().replace(hour=12, minute=30)
IPS = (IpFact(1, "192.0.2.1", "mta-1", "north-1", "north"), IpFact(2, "198.51.100.9", "mta-2", "south-1", "south"))
NAMES = {7: "Gmail", 8: "Yahoo", OTHERS: "Others"}


def facts(*cells: Cell) -> Facts:
    members = (MemberFact(1, "shared", "shared", True), MemberFact(2, "harbour", "dedicated", True), MemberFact(2, "shared", "shared", False))
    return Facts(IPS, members, (7, 8, OTHERS), NAMES, {(cell.ip_id, cell.provider_id): cell for cell in cells})


def cell(ip: int, provider: int, state: CellState = CellState.OPEN, score: float = 97, **more: Any) -> Cell:
    return Cell(100 * ip + provider, ip, provider, state, score, **more)


def said(matrix: Matrix) -> str:
    return first_line(matrix, {ip.id: ip for ip in IPS}, AT)[1]


def test_what_is_out_is_told_first_with_its_place_time_and_cause() -> None:
    since = AT.replace(hour=2, minute=14)
    bad = cell(2, 7, CellState.QUARANTINED, 43, why="198.51.100.9 at Gmail: Score 43, below 50", since=since)
    made = build(facts(cell(1, 7), cell(1, 8, CellState.WARMING), bad))
    assert said(made) == "1 of 3\u00a0paths is in quarantine: 198.51.100.9 at Gmail since 02:14, because score 43, below 50."
    assert second_line(made) == "1 warming; the others are open."
    assert [group.pool for group in made.groups] == ["harbour", "shared"]


def test_what_is_out_and_has_one_thing_in_common_is_told_by_that() -> None:
    of_one_ip = build(facts(cell(1, 7), cell(2, 7, CellState.QUARANTINED, 20), cell(2, 8, CellState.QUARANTINED, 30)))
    assert said(of_one_ip) == "2 of 3\u00a0paths are in quarantine, all of 198.51.100.9."


def test_a_matrix_without_trouble_says_so() -> None:
    assert said(build(facts(cell(1, 7), cell(2, 7)))) == "All 2\u00a0paths send."
    assert said(build(facts())) == "No path yet: nothing has been sent."


def test_a_path_is_shown_and_counted_once_though_two_pools_use_its_ip() -> None:
    made = build(facts(cell(1, 7), cell(2, 7)))
    assert made.paths == 2
    of_shared = build(facts(cell(1, 7), cell(2, 7)), Wanted(pool="shared"))
    assert [(row.ip.id, row.borrowed) for group in of_shared.groups for row in group.rows] == [(1, False), (2, True)]


def test_filters_leave_only_what_is_wanted() -> None:
    read = facts(cell(1, 7), cell(1, 8), cell(2, 7, CellState.PROBATION, 70, share=25))
    assert [row.ip.id for group in build(read, Wanted(state="probation")).groups for row in group.rows] == [2]
    assert [row.ip.id for group in build(read, Wanted(state="not open")).groups for row in group.rows] == [2]
    assert build(read, Wanted(provider=8)).columns == ((8, "Yahoo"),)


@pytest.mark.django_db
def test_small_providers_are_one_column_with_the_worst_of_them(world: World) -> None:
    for n, state in enumerate(("open", "quarantined", "probation")):
        small = Provider.objects.create(key=f"mx:shop-{n}.example", name=f"shop-{n}.example", is_tail=True)
        Path.objects.create(ip=world.ips[0], provider=small, state=state, score=90 - 30 * n, updated_at=now())
    found = matrix_rows.read().cells[world.ips[0].pk, OTHERS]
    assert (found.state, found.score, found.paths) == (CellState.QUARANTINED, 30, 3)


@pytest.mark.django_db
def test_a_cell_says_what_holds_its_path(world: World) -> None:
    google, ip = world.providers["google"], world.ips[0]
    mine = Path.objects.filter(ip=ip, provider=google)

    def state() -> str:
        return str(matrix_rows.read().cells[ip.pk, google.pk].state)

    assert state() == "open"
    for changed, word in (
        ({"warm_per_day": 500, "limits_now": {"day_used": 3}}, "warming"), ({"state": "probation"}, "probation"),
        ({"suspended_until": now() + timedelta(minutes=4)}, "backing off"),
        ({"circuit_failures": 9}, "no connection"), ({"state": "quarantined"}, "quarantined"),
    ):  # fmt: skip
        mine.update(**changed)
        assert state() == word
    SendingIP.objects.filter(pk=ip.pk).update(state="paused")
    assert state() == "paused"
    Zone.objects.filter(name="north").update(state="drained")
    assert state() == "drained"
    mine.update(state="open", limits_now={})
    assert (ip.pk, google.pk) not in matrix_rows.read().cells, "warming has capped it, and no mail went there yet"
    mine.update(warm_per_day=0)
    assert (ip.pk, google.pk) in matrix_rows.read().cells, "warming has paused it"


@pytest.mark.django_db
def test_the_page_reads_no_more_for_more_paths(world: World, as_role: Callable[[str], Client]) -> None:
    client = as_role("viewer")

    def statements() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert client.get("/matrix/").status_code == 200
        return len(queries)

    few = statements()
    enlarge(world, ips=10, providers=5)
    assert statements() == few


@pytest.mark.django_db
def test_the_live_part_keeps_the_filter_and_the_order_of_columns(world: World, as_role: Callable[[str], Client]) -> None:
    page = as_role("viewer").get("/matrix/?state=not+open&pool=shared-marketing&provider=nonsense").content.decode()
    google, microsoft = world.providers["google"].pk, world.providers["microsoft"].pk
    assert "state=not+open" in page and "pool=shared-marketing" in page
    turned = as_role("viewer").get(f"/matrix/now/?order={microsoft},{google},99,x").content.decode()
    assert turned.index("<span>Microsoft 365") < turned.index("<span>Gmail")


@pytest.mark.django_db
def test_words_from_outside_stay_words(world: World, as_role: Callable[[str], Client]) -> None:
    Provider.objects.filter(key="google").update(name='<b onx="1">&Gmail"')
    Path.objects.filter(provider__key="google").update(state="quarantined", why='550 "><script>alert(1)</script>')
    page = as_role("viewer").get("/matrix/").content.decode()
    assert "<script>alert" not in page and '<b onx="1">' not in page


def enlarge(world: World, ips: int, providers: int, minutes: int = 1) -> None:
    """A platform of many paths."""
    node = Node.objects.get(name="north-1")
    pool = Pool.objects.create(name="many")
    made = SendingIP.objects.bulk_create(SendingIP(node=node, address=f"127.30.{n // 200}.{n % 200 + 1}", ehlo_name=f"mta-{n}.example") for n in range(ips))
    PoolMember.objects.bulk_create(PoolMember(pool=pool, ip=ip) for ip in made)
    IpLease.objects.bulk_create(IpLease(ip=ip, engine=world.engine, granted_at=now()) for ip in made)
    large = Provider.objects.bulk_create(Provider(key=f"large-{n}", name=f"Large {n}") for n in range(providers))
    Path.objects.bulk_create(
        Path(ip=ip, provider=to, score=40 + (n * 7 + m * 3) % 60, state="quarantined" if (n + m) % 97 == 0 else "open", updated_at=now(), why="550 blocked")
        for n, ip in enumerate(made) for m, to in enumerate(large)
    )  # fmt: skip
    last = now().replace(second=0, microsecond=0)
    PathMinute.objects.bulk_create((
        PathMinute(ip_id=ip.pk, provider_id=to.pk, minute=last - timedelta(minutes=n), attempted=60, delivered=58)
        for ip in made for to in large for n in range(minutes)
    ), batch_size=20_000)  # fmt: skip
