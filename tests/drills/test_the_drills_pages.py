"""Drills' pages: what was rehearsed and what is overdue, a preview before each start, a report that says what was missed."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from mailplatform.shell.models import AuditEntry
from monitoring.drills.models import Drill, DrillPolicy, Fault
from monitoring.drills.round import policies
from pools.models import Node
from tests.console.conftest import as_role
from tests.console.conftest import world as console_world

__all__ = ["as_role", "console_world"]


@pytest.fixture
def world(console_world: Any) -> Any:
    return console_world


def run(**changed: Any) -> Drill:
    at = timezone.now()
    missed = {"name": "Recovery time", "unit": "s", "limit": 5, "measured": 9, "met": False}
    kept = {
        "kind": "freeze_node", "scope": "north-1", "state": "done", "verdict": "missed", "objectives": [missed], "started_by": "a@platform.example",
        "started_at": at - timedelta(seconds=10), "ended_at": at, "figures": {"found_ms": 912, "recovery_ms": 9000, "lost": 0, "in_hand": 40}, "evidence": {},
    }  # fmt: skip
    return Drill.objects.create(**(kept | changed))


def page(client: Client, address: str) -> str:
    answer = client.get(address)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def test_a_report_says_which_objective_was_missed(as_role: Callable[[str], Client]) -> None:
    drill = run()
    begun, node = drill.started_at, Node.objects.first()
    Fault.objects.create(drill=drill, kind="freeze_engine", node=node, begins_at=begun, until=timezone.now(), obeyed_at=begun)
    shown = page(as_role("viewer"), f"/drills/{drill.pk}/")
    assert "missed its objective: recovery time" in shown
    assert "912" in shown
    assert "SIGSTOP to the engines of" in shown


def test_the_first_line_says_what_missed_and_what_is_overdue(as_role: Callable[[str], Client]) -> None:
    run()
    assert "1 drill missed its objective last: freeze a node" in page(as_role("viewer"), "/drills/")
    policies()
    DrillPolicy.objects.filter(pk="kill_engine").update(next_at=timezone.now() - timedelta(days=30))
    assert "1 drill overdue: kill an engine" in page(as_role("viewer"), "/drills/")


def test_a_kind_is_previewed_and_a_viewer_cannot_start_it(as_role: Callable[[str], Client]) -> None:
    shown = page(as_role("viewer"), "/drills/restore_backup/")
    assert "The database is dumped, restored into a database of its own beside it" in shown
    assert "Start it" not in shown
    assert as_role("viewer").post("/drills/restore_backup/start/").status_code == 403
    assert not Drill.objects.exists()


def test_a_refused_start_is_said_kept_and_audited(as_role: Callable[[str], Client]) -> None:
    answer = as_role("operator").post("/drills/database_switch/start/", follow=True)
    assert "Not available: no standby could take over." in answer.content.decode()
    kept = Drill.objects.get()
    assert (kept.state, kept.kind) == ("refused", "database_switch")
    assert AuditEntry.objects.filter(action="drill refused").exists()


def test_one_click_aborts(as_role: Callable[[str], Client]) -> None:
    drill = run(state="running", verdict="", objectives=[], ended_at=None)
    at = timezone.now()
    Fault.objects.create(drill=drill, kind="freeze_engine", node=Node.objects.first(), begins_at=at, until=at + timedelta(seconds=60))
    client = as_role("operator")
    assert "Abort it" in page(client, "/drills/")
    client.post(f"/drills/{drill.pk}/abort/")
    assert "aborted" in page(client, f"/drills/{drill.pk}/")
    assert Fault.objects.get().ended_at is not None
    assert AuditEntry.objects.filter(action="drill aborted").exists()


def test_a_date_is_left_out_with_a_reason(as_role: Callable[[str], Client]) -> None:
    policies()
    due = timezone.now() + timedelta(days=3)
    DrillPolicy.objects.filter(pk="kill_engine").update(next_at=due)
    client = as_role("operator")
    client.post("/drills/kill_engine/skip/", {"why": ""})
    assert not Drill.objects.exists(), "not without a reason"
    client.post("/drills/kill_engine/skip/", {"why": "Black Friday"})
    kept = Drill.objects.get()
    assert (kept.state, kept.why, kept.planned_for) == ("skipped", "Black Friday", due)
    after = DrillPolicy.objects.get(pk="kill_engine").next_at
    assert after is not None
    assert after > due + timedelta(days=90)
