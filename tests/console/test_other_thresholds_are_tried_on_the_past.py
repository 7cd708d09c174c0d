"""What if: other thresholds decide the recorded week again; nothing is saved by looking, what is saved is checked and audited."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from mailplatform.shell.clock import now
from mailplatform.shell.models import AuditEntry
from pools.models import PathMinute
from pools.pages.what_if import REST, Happened, compare, read_policy
from pools.pages.what_if_rows import history
from pools.reputation.evidence import BlockEvidence, Counts
from pools.reputation.models import Action, PathHour, ReputationPolicy
from pools.reputation.models import BlockEvidence as Refused
from pools.reputation.replay import Moment
from pools.reputation.thresholds import Policy
from tests.console.world import World

AT = now().replace(minute=0, second=0, microsecond=0)
BAD, GOOD = (1, 7), (2, 7)
TODAY = Policy()


def past(refused: float) -> list[Moment]:
    """Twelve quiet steps of five minutes, then one path is refused that share for an hour."""
    moments = []
    for n in range(24):
        blocked = 100 * refused if n >= 12 else 0
        bad, good, rest = Counts(attempted=100, delivered=100 - blocked, blocked=blocked), Counts(attempted=100, delivered=100), Counts(attempted=900)
        counts = {BAD: bad, GOOD: good, (REST, 7): rest}
        moments.append(Moment(AT + timedelta(minutes=5 * n), 300, counts, {BAD: BlockEvidence(campaigns=3, tenants=2)} if blocked else {}))
    return moments


def test_stricter_thresholds_let_a_path_leave_that_stayed() -> None:
    strict, _ = read_policy({"leave_below": "70", "return_at": "90"}, TODAY)
    found = compare(past(0.25), strict, TODAY, [])
    assert (found.asked, found.today, found.real) == (1, 0, 0)
    assert [row.path for row in found.rows] == [BAD] and found.rows[0].asked.left[0] > AT + timedelta(minutes=55)
    assert found.sentence(same=False).startswith("These thresholds would have taken 1\u00a0path out")


def test_todays_thresholds_are_told_beside_what_happened() -> None:
    really = AT + timedelta(minutes=70)
    found = compare(past(0.9), TODAY, TODAY, [Happened(BAD, really, left=True)])
    assert (found.asked, found.today, found.real) == (1, 1, 1)
    assert found.rows[0].real.left == (really,) and not found.rows[0].differs


@pytest.mark.parametrize(("asked", "field"), [
    ({"leave_below": "80", "return_at": "60"}, "return_at"), ({"leave_below": "nan"}, "leave_below"), ({"stay_s": "-1"}, "stay_s"),
    ({"block_floor": "many"}, "block_floor"), ({"leave_below": "1e400"}, "leave_below"),
])  # fmt: skip
def test_thresholds_that_cannot_be_are_refused_in_words(asked: dict[str, str], field: str) -> None:
    _, wrong = read_policy(asked, TODAY)
    assert field in wrong


def recorded(world: World) -> tuple[int, int]:
    """Two hours ago Gmail refused one path for a quarter of an hour."""
    ip, other, google = world.ips[0].pk, world.ips[1].pk, world.providers["google"].pk
    hour = AT - timedelta(hours=2)
    for n in range(4):
        for one in (ip, other):
            bad = one == ip and n == 2
            PathHour.objects.create(
                ip_id=one, provider_id=google, hour=hour + timedelta(hours=n - 2), attempted=600, delivered=500 if bad else 600, blocked=100 if bad else 0
            )  # fmt: skip
    for n in range(60):
        for one in (ip, other):
            blocked = 9 if one == ip and 20 <= n < 35 else 0
            PathMinute.objects.create(ip_id=one, provider_id=google, minute=hour + timedelta(minutes=n), attempted=10, delivered=10 - blocked, blocked=blocked)
    for tenant in (1, 2):
        Refused.objects.create(
            minute=hour + timedelta(minutes=21), ip_id=ip, provider_id=google, pool_id=1, tenant_id=tenant, stream_id=tenant, fingerprint=tenant, blocked=60,
            reason="block.ip", reply="550 5.7.1 blocked",
        )  # fmt: skip
    ReputationPolicy.objects.get_or_create(pk=1)
    return ip, google


@pytest.mark.django_db
def test_the_past_is_fine_around_trouble_and_coarse_elsewhere(world: World) -> None:
    path = recorded(world)
    moments = history(now())
    lengths = [moment.length_s for moment in moments]
    assert lengths.count(300.0) == 12 and lengths.count(3600.0) == 3
    assert sum(moment.counts[path].blocked for moment in moments if path in moment.counts) == 135
    assert any(moment.evidence.get(path, BlockEvidence()).tenants == 2 for moment in moments)
    assert (REST, path[1]) in moments[0].counts and len(moments[0].counts) == 2


@pytest.mark.django_db
def test_the_page_tells_what_would_have_been_in_a_bounded_number_of_statements(world: World, as_role: Callable[[str], Client]) -> None:
    recorded(world)
    client = as_role("viewer")
    with CaptureQueriesContext(connection) as queries:
        page = client.get("/what-if/?leave_below=60&return_at=80").content.decode()
    assert "127.10.1.1 at Gmail" in page and "none really left" in page and "Today 50." in page
    assert "Save as policy" not in page and len(queries) <= 22
    assert ReputationPolicy.objects.get().leave_below == 50
    assert "Paths must return at a higher score" in client.get("/what-if/?leave_below=80&return_at=60").content.decode()


@pytest.mark.django_db
def test_what_was_tried_is_saved_by_who_steers_and_audited(world: World, as_role: Callable[[str], Client]) -> None:
    ReputationPolicy.objects.get_or_create(pk=1)
    wanted = {"leave_below": "60.0", "return_at": "80.0", "stay_s": "45.0"}
    assert as_role("viewer").post("/what-if/save/", wanted).status_code == 403
    as_role("operator").post("/what-if/save/", wanted)
    kept = ReputationPolicy.objects.get()
    assert (kept.leave_below, kept.return_at, kept.stay_s) == (60, 80, 2700)
    told = AuditEntry.objects.get(action="reputation policy changed").sentence
    assert "leaves below 60 of 100 instead of 50 of 100" in told and "45 min instead of 30 min" in told
    as_role("operator").post("/what-if/save/", {"leave_below": "90", "return_at": "80"})
    assert ReputationPolicy.objects.get().leave_below == 60


@pytest.mark.django_db
def test_reputation_is_switched_off_and_on_by_who_steers(world: World, as_role: Callable[[str], Client]) -> None:
    ReputationPolicy.objects.get_or_create(pk=1)
    assert as_role("viewer").post("/what-if/mode/", {"mode": "off"}).status_code == 403
    as_role("operator").post("/what-if/mode/", {"mode": "off"})
    assert ReputationPolicy.objects.get().mode == "off"
    assert "from automatic to off" in AuditEntry.objects.get(action="reputation switched").sentence
    as_role("operator").post("/what-if/mode/", {"mode": "nonsense"})
    assert ReputationPolicy.objects.get().mode == "off"
    assert "Reputation is off" in as_role("viewer").get("/actions/").content.decode()
    assert not Action.objects.exists()
