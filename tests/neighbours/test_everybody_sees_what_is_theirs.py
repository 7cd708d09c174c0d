"""The pages and the API: operators see everybody, the worst first, and act; a tenant sees its own standing and nobody else's."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from mailplatform.shell.clock import now
from mailplatform.shell.models import AuditEntry
from mailplatform.tenants.models import Tenant
from pools.models import StreamMinute
from pools.neighbours import word
from pools.neighbours.models import Level, NeighboursPolicy, NewcomerCap, PoolMove, StandingAction
from pools.purposes import Purpose
from tests.api.world import Sender, make_sender
from tests.console.conftest import as_role, world  # noqa: F401 - fixtures
from tests.console.world import World
from tests.neighbours.world import a_round, asks, graded

pytestmark = pytest.mark.django_db
As = Callable[[str], Client]


def went_wrong(world: World, tenant: str, delivered: int, bounced: int, purpose: Purpose = Purpose.MARKETING) -> None:  # noqa: F811
    stream, minute = world.streams[tenant, purpose], (now() - timedelta(minutes=5)).replace(second=0, microsecond=0)
    StreamMinute.objects.create(
        stream_id=stream.pk, tenant_id=stream.tenant_id, purpose=purpose, pool_id=stream.pool_id, provider_id=world.providers["google"].pk, minute=minute,
        attempted=delivered + bounced, delivered=delivered, bounced=bounced,
    )  # fmt: skip


@pytest.fixture
def trouble(world: World) -> World:  # noqa: F811
    """Lumen is held, Field Notes nearly warned, Harbour is well."""
    asks()
    went_wrong(world, "lumen", 140, 60)
    went_wrong(world, "fieldnotes", 985, 15)
    went_wrong(world, "harbour", 2_000, 2)
    a_round()
    return world


def test_an_operator_reads_the_worst_first(trouble: World, as_role: As) -> None:  # noqa: F811
    page = as_role("operator").get("/neighbours/").content.decode()
    assert "1\u00a0tenant has mail held" in page
    everybody = page.partition('id="everybody"')[2]
    assert everybody.index("Lumen") < everybody.index("Field Notes") < everybody.index("Harbour Bank")
    assert "30.00" in page
    one = as_role("viewer").get("/tenants/lumen/standing/").content.decode()
    assert "deliveries of the stream marketing-mail bounce by" in one
    assert "Release" not in one, "who only looks is offered nothing"
    assert "Held for" in as_role("operator").get("/tenants/lumen/").content.decode()


def test_a_release_is_asked_for_audited_and_told(trouble: World, as_role: As) -> None:  # noqa: F811
    operator, action = as_role("operator"), StandingAction.objects.get(kind="hold")
    assert operator.post(f"/neighbours/actions/{action.pk}/cancel/").status_code == 302
    assert Tenant.objects.get(name="lumen").standing.level == Level.SLOWED
    assert AuditEntry.objects.filter(action="standing hold cancelled", actor="operator@platform.example").exists()


def test_who_only_looks_changes_nothing(trouble: World, as_role: As) -> None:  # noqa: F811
    action = StandingAction.objects.get(kind="hold")
    for role in ("viewer", "staff", "tenant"):
        assert as_role(role).post(f"/neighbours/actions/{action.pk}/cancel/").status_code == 403, role
        assert as_role(role).post("/tenants/lumen/cap/", {"cap": "5"}).status_code == 403, role
        assert as_role(role).post("/neighbours/mode/", {"what": "mode", "mode": "off"}).status_code == 403, role
    assert Tenant.objects.get(name="lumen").standing.level == Level.HELD


def test_a_tenants_people_read_their_own_and_nobody_elses(trouble: World, as_role: As) -> None:  # noqa: F811
    tenant = as_role("tenant")  # of Harbour
    page = tenant.get("/neighbours/").content.decode()
    assert "Your mail is in good standing." in page
    for name in ("Lumen", "lumen", "Field Notes", "30.00"):
        assert name not in page
    assert tenant.get("/tenants/lumen/standing/").status_code == 403
    assert tenant.get("/neighbours/moves/").status_code == 403


def test_a_held_tenants_people_read_why_and_what_to_do(trouble: World, as_role: As) -> None:  # noqa: F811
    trouble.people["tenant"].tenant = trouble.tenants["lumen"]
    trouble.people["tenant"].save()
    page = as_role("tenant").get("/neighbours/").content.decode()
    assert "Some of your mail is held." in page
    assert "30 % of" in page
    assert "stop mailing those that bounced" in page


def test_by_hand_and_by_name_of_ones_own_stream_only(trouble: World, as_role: As) -> None:  # noqa: F811
    operator = as_role("operator")
    operator.post("/tenants/harbour/standing/impose/", {"kind": "hold", "stream": "marketing-mail", "why": "They asked us to."})
    assert Tenant.objects.get(name="harbour").standing.level == Level.HELD
    assert operator.post("/tenants/harbour/standing/impose/", {"kind": "hold", "stream": "not-theirs", "why": "x"}).status_code == 404
    assert operator.post("/tenants/harbour/standing/impose/", {"kind": "erase"}, follow=True).status_code == 200


def test_a_cap_is_set_and_lifted(trouble: World, as_role: As) -> None:  # noqa: F811
    operator = as_role("operator")
    operator.post("/tenants/harbour/cap/", {"cap": "2,500"})
    assert Tenant.objects.get(name="harbour").daily_cap == 2_500
    operator.post("/tenants/harbour/cap/", {"cap": "a lot"})
    assert Tenant.objects.get(name="harbour").daily_cap == 2_500
    operator.post("/tenants/harbour/cap/", {"cap": ""})
    assert Tenant.objects.get(name="harbour").daily_cap is None
    assert not NewcomerCap.objects.exists()


def test_the_modes_are_switched_and_audited(trouble: World, as_role: As) -> None:  # noqa: F811
    operator = as_role("operator")
    operator.post("/neighbours/mode/", {"what": "mode", "mode": "propose"})
    operator.post("/neighbours/mode/", {"what": "bounce_hold", "mode": "off"})
    policy = NeighboursPolicy.objects.get()
    assert (policy.mode, policy.moves, policy.bounce_hold) == ("propose", "off", 10)
    assert AuditEntry.objects.filter(action="neighbours policy changed").count() == 1


def test_moves_are_previewed_made_and_taken_back(trouble: World, as_role: As) -> None:  # noqa: F811
    operator, stream = as_role("operator"), trouble.streams["lumen", Purpose.MARKETING]
    graded("poor-1", "poor")
    pool = trouble.pools["shared-marketing"]
    pool.grade = "good"
    pool.save()
    page = operator.get("/neighbours/moves/").content.decode()
    assert "Lumen is held: its stream marketing-mail belongs on a pool for poor tenants." in page
    operator.post(f"/neighbours/moves/{stream.pk}/make/")
    stream.refresh_from_db()
    assert stream.pool.name == "poor-1"
    operator.post(f"/neighbours/made/{PoolMove.objects.get(state='made').pk}/undo/")
    stream.refresh_from_db()
    assert stream.pool == pool
    assert "Lumen is held" not in operator.get("/neighbours/moves/").content.decode().partition('id="past"')[0], "it stays, for a week"


def test_the_api_tells_a_tenant_its_own_standing_and_nothing_of_others(client: Client) -> None:
    asks()
    acme, other = make_sender("acme"), make_sender("other")
    minute = datetime.now(UTC).replace(second=0, microsecond=0)
    news = acme.tenant.streams.get(name="news")
    counts = {"attempted": 200, "delivered": 140, "bounced": 60}
    StreamMinute.objects.create(stream_id=news.pk, tenant_id=acme.tenant.pk, purpose=2, pool_id=news.pool_id, provider_id=1, minute=minute, **counts)
    a_round()
    mine = acme.get(client, "standing").json()
    assert (mine["level"], [each["kind"] for each in mine["actions"]]) == ("held", ["hold", "slow"])
    assert mine["actions"][0]["stream"] == "news"
    held = next(each for each in mine["streams"] if each["name"] == "news")
    assert held["held"]
    assert held["rates"][0]["thresholds_percent"] == {"warned": 2.0, "slowed": 5.0, "held": 10.0}
    theirs = other.get(client, "standing")
    assert theirs.json()["level"] == "good"
    assert theirs.json()["actions"] == []
    assert "30" not in str(theirs.json()["streams"])
    assert other.get(client, "standing", tenant=acme.tenant.pk).status_code == 400


@pytest.fixture
def held(client: Client) -> Sender:
    asks()
    acme = make_sender("acme")
    word.impose(acme.tenant, "hold", acme.tenant.streams.get(name="news").pk, "A bad list.", "ann@platform.example", now())
    return acme


@pytest.mark.django_db(transaction=True)
def test_mail_of_a_held_stream_is_accepted_and_says_that_it_is_held(held: Sender, client: Client) -> None:
    answer = held.send(client, stream="news")
    assert (answer.status_code, answer.json()["deliveries"][0]["state"]) == (202, "held")
    assert held.send(client).json()["deliveries"][0]["state"] == "queued", "its other stream goes"
    message = held.get(client, f"messages/{answer.json()['id']}").json()
    assert "A bad list." in message["deliveries"][0]["waiting_for"]["sentence"]
