"""The pages as a browser gets them: with data, empty, in trouble."""

from datetime import timedelta

import pytest
from django.core.cache import cache
from django.test import Client

from delivery.models import Engine
from mailplatform.shell.clock import now
from mailplatform.shell.models import AuditEntry, Severity
from mailplatform.shell.notices import raise_notice
from mailplatform.tenants.models import Tenant, User
from mailplatform.up.history import make_history
from monitoring.models import Drill, NodeReport, Verdict, WatcherBeat
from pools.models import Node, PathMinute, Pool, PoolMember, Provider, SendingIP, Stream, StreamMinute, Zone
from pools.purposes import Purpose

PARTS = ("head", "try", "flow", "nodes", "notices")
PAGES = ["/", *(f"/overview/{part}/" for part in PARTS), "/nodes/", "/nodes/live/", "/health/", "/health/live/", "/drills/"]


@pytest.fixture(autouse=True)
def no_shared_figures() -> None:
    cache.clear()


def browser(role: str) -> Client:
    client = Client()
    client.force_login(User.objects.create_user(f"{role}@platform.example", "a-long-password", role=role))
    return client


@pytest.fixture
def operator(db: None) -> Client:
    return browser("operator")


@pytest.fixture
def demo_world(db: None) -> None:
    """Two zones with a node, an engine and two IPs each; a tenant with three streams; a minute of mail; a simulated past."""
    google, outlook = (Provider.objects.create(key=key, name=name) for key, name in (("google", "Gmail / Workspace"), ("microsoft_consumer", "Outlook.com")))
    pool = Pool.objects.create(name="shared")
    for number, name in enumerate(("north", "south"), start=1):
        zone = Zone.objects.create(name=name)
        node = Node.objects.create(zone=zone, name=f"{name}-1")
        PoolMember.objects.create(pool=pool, ip=SendingIP.objects.create(node=node, address=f"127.10.{number}.1", ehlo_name=f"mta.{name}.example"))
        WatcherBeat.objects.create(zone=zone, at=now(), pid=1, looks=100, longest_gap_ms=60)
        Engine.objects.create(node=node, slot=0, pid=1, started_at=now(), renewed_at=now() + timedelta(seconds=30), state={"connections": 3})
        NodeReport.objects.create(node=node, at=now(), agent_pid=1, cpu_percent=20, memory_percent=40, load_1m=0.5)
    tenant = Tenant.objects.create(name="harbour", title="Harbour Bank", is_simulated=True)
    minute = now().replace(second=0, microsecond=0)
    for purpose in Purpose:
        stream = Stream.objects.create(tenant=tenant, name=purpose.label, purpose=purpose, pool=pool)
        for provider in (google, outlook):
            StreamMinute.objects.create(
                stream_id=stream.pk, tenant_id=tenant.pk, purpose=purpose, pool_id=pool.pk, provider_id=provider.pk, minute=minute,
                attempted=60, delivered=60, delivered_first_try=60,
            )  # fmt: skip
    PathMinute.objects.create(ip_id=SendingIP.objects.get(address="127.10.1.1").pk, provider_id=google.pk, minute=minute, attempted=60, delivered=60)
    make_history()


def test_every_page_renders_in_an_empty_installation(operator: Client) -> None:
    assert {url: operator.get(url).status_code for url in PAGES} == dict.fromkeys(PAGES, 200)


def test_every_page_renders_with_data(operator: Client, demo_world: None) -> None:
    assert {url: operator.get(url).status_code for url in PAGES} == dict.fromkeys(PAGES, 200)


def test_a_tenant_user_sees_none_of_it(demo_world: None) -> None:
    client = Client()
    client.force_login(User.objects.create_user("someone@harbourbank.example", "a-long-password", role="tenant", tenant=Tenant.objects.get()))
    assert {url: client.get(url).status_code for url in PAGES} == dict.fromkeys(PAGES, 403)


def test_the_first_words_are_how_things_are(operator: Client, demo_world: None) -> None:
    page = operator.get("/").content.decode()
    assert "Mail flows well" in page
    assert "generated before" in page, "simulated history says so beside the chart"
    assert page.count('class="flow ') == 2, "the flow is drawn wide and narrow"
    for words in ("Transactional", "Gmail", "Outlook.com", "north-1", "south-1", "Kill one", "Send"):
        assert words in page
    assert "style=" not in page, "the policy allows no inline style"


def test_trouble_comes_first(operator: Client, demo_world: None) -> None:
    Engine.objects.all().delete()
    raise_notice("tls.missing", "example.org", Severity.WARNING, "example.org offers no TLS; 4 deliveries wait.")
    page = operator.get("/").content.decode()
    assert "No mail leaves: no engine runs." in page
    assert "example.org offers no TLS" in page
    assert operator.get("/health/").content.decode().count("no engine") >= 1


def test_a_viewer_sees_no_button_and_may_not_press_one(demo_world: None) -> None:
    viewer = browser("viewer")
    assert "Kill one" not in viewer.get("/").content.decode()
    assert viewer.post("/try/kill/").status_code == 403
    assert viewer.post("/try/send/").status_code == 403
    assert not Drill.objects.exists()


def test_a_drill_needs_the_token_of_its_own_page(db: None) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.create_user("o@platform.example", "a-long-password", role="operator"))
    assert strict.post("/try/kill/").status_code == 403


def test_a_kill_is_asked_for_once_named_and_audited(operator: Client, demo_world: None) -> None:
    assert operator.post("/try/kill/", headers={"HX-Request": "true"}).status_code == 200
    again = operator.post("/try/kill/", headers={"HX-Request": "true"}).content.decode()
    assert "One is running" in again
    drill = Drill.objects.exclude(state=Drill.State.REFUSED).get()
    assert drill.evidence["engine_id"] in set(Engine.objects.values_list("id", flat=True))
    assert AuditEntry.objects.filter(action="drill started", sentence__contains=drill.scope).exists()


def test_the_only_engine_is_not_killed(operator: Client, demo_world: None) -> None:
    Engine.objects.get(node__name="north-1").delete()
    assert "nobody could take over" in operator.post("/try/kill/", headers={"HX-Request": "true"}).content.decode()
    assert not Drill.objects.exclude(state=Drill.State.REFUSED).exists()


def test_no_drill_runs_outside_the_sandbox(operator: Client, demo_world: None, settings: object) -> None:
    settings.MAIL_MODE = "live"  # type: ignore[attr-defined]
    operator.post("/try/kill/")
    assert not Drill.objects.exclude(state=Drill.State.REFUSED).exists()


def test_when_the_api_does_not_answer_the_drill_says_so(operator: Client, demo_world: None, settings: object, tmp_path: object) -> None:
    settings.DATA_DIR = tmp_path  # type: ignore[attr-defined]
    (tmp_path / "demo.json").write_text('{"tenant": {"api_key": "k", "domain": "harbourbank.example"}}')  # type: ignore[operator]
    settings.PUBLIC_URL = "http://127.0.0.1:9"  # type: ignore[attr-defined]
    answer = operator.post("/try/send/", headers={"HX-Request": "true"}).content.decode()
    assert "The API did not answer" in answer
    assert Drill.objects.get().state == "failed"


def test_verdicts_are_listed_with_their_evidence(operator: Client, demo_world: None) -> None:
    Verdict.objects.create(
        engine_id=7, node=Node.objects.get(name="north-1"), slot=0, kind="frozen", judge="agent north-1", last_sign_at=now(), at=now(), given_back=212,
        evidence={"because": "silent", "silent_ms": 712},
    )  # fmt: skip
    page = operator.get("/health/").content.decode()
    assert "212" in page
    assert "712\u00a0ms" in page
