"""Break an IP at Gmail: bounded, in the sandbox only, told from what the platform wrote."""

import json
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest
from django.db import connection

from mailplatform.shell.clock import now
from mailplatform.shell.formats import clock
from monitoring import break_drill
from monitoring.break_drill import BreakFigures, over, told
from monitoring.break_traffic import EACH, Sender, campaign
from monitoring.drills import Refusal
from monitoring.models import Drill
from pools.models import Path, PathMinute
from pools.reputation.models import Action, BlockEvidence, PathStanding
from tests.console.world import World, make_world

AT = now()


@pytest.fixture
def world(db: None) -> World:
    return make_world(history=True)


@pytest.fixture
def sandbox(settings: Any) -> Any:
    """A door that takes orders."""
    orders: list[dict[str, Any]] = []

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            orders.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b'{"done": true}')

        def log_message(self, *_: Any) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Door)
    Thread(target=server.serve_forever, daemon=True).start()
    settings.MAIL_MODE, settings.SANDBOX_URL = "sandbox", f"http://127.0.0.1:{server.server_port}"
    yield orders
    server.shutdown()
    server.server_close()


def test_the_busiest_path_with_siblings_is_broken_for_a_bounded_time(world: World, sandbox: list[dict[str, Any]]) -> None:
    drill = break_drill.start("operator@platform.example")
    assert isinstance(drill, Drill) and drill.evidence["provider"] == "Gmail"
    assert sandbox == [{"action": "break", "ip": drill.evidence["ip"], "provider": "gmail", "mode": "block", "for_s": break_drill.HEALS_AFTER_S}]
    assert isinstance(break_drill.start("another"), Refusal)
    assert break_drill.heal(drill) == "" and sandbox[-1]["action"] == "heal"
    figures = break_drill.figures_of(Drill.objects.get(pk=drill.pk))
    assert figures is not None and not figures.broken
    assert isinstance(break_drill.start("another"), Drill)  # what is healed is watched no longer
    assert [one.state for one in Drill.objects.order_by("id")] == ["failed", "running"]


def test_nothing_is_broken_in_live_mode(world: World, sandbox: list[dict[str, Any]], settings: Any) -> None:
    settings.MAIL_MODE = "live"
    assert isinstance(break_drill.start("operator@platform.example"), Refusal)
    assert sandbox == [] and not Drill.objects.exists()


def test_what_the_platform_did_is_read_from_its_rows(world: World, sandbox: list[dict[str, Any]]) -> None:
    drill = break_drill.start("operator@platform.example")
    assert isinstance(drill, Drill)
    of, minute = {"ip_id": drill.evidence["ip_id"], "provider_id": drill.evidence["provider_id"]}, drill.started_at.replace(second=0, microsecond=0)
    BlockEvidence.objects.create(
        minute=minute, **of, pool_id=1, tenant_id=1, stream_id=1, fingerprint=1, blocked=11, deferred=3, reason="block.dnsbl", reply="550"
    )  # fmt: skip
    Action.objects.create(scope="path", **of, name="leave", sentence="It left.", at=drill.started_at + timedelta(seconds=8))
    path = Path.objects.get(pk=drill.evidence["path_id"])
    PathStanding.objects.create(path=path, state="quarantined", since=now(), until=now() + timedelta(minutes=9), updated_at=now())
    Path.objects.filter(pk=path.pk).update(state="quarantined")
    elsewhere = sum(PathMinute.objects.filter(minute__gte=minute, provider_id=of["provider_id"]).exclude(ip_id=of["ip_id"]).values_list("delivered", flat=True))
    figures = break_drill.figures_of(drill)
    assert figures is not None
    assert (figures.left_s, figures.refusals, figures.elsewhere, figures.state) == (8.0, 14, elsewhere, "quarantined")
    settle()
    assert Drill.objects.get(pk=drill.pk).state == "running"
    Path.objects.filter(pk=path.pk).update(state="open")
    settle()
    done = Drill.objects.get(pk=drill.pk)
    assert (done.state, done.figures["left_s"], done.figures["refusals"]) == ("done", 8.0, 14)


def settle() -> None:
    with connection.cursor() as cursor:
        break_drill.settle(cursor)


def figures(**changed: Any) -> BreakFigures:
    values = {"broken": True, "heals_at": AT + timedelta(seconds=100), "state": "open", "share": 100, "next_at": None, "left_s": None, "proposed": False,
              "back_s": None, "refusals": 5, "elsewhere": 300, "others": 3, "bounced": 0}  # fmt: skip
    return BreakFigures(**{**values, **changed})


def test_each_stage_has_its_sentence() -> None:
    assert "still in use" in told(figures(), AT)
    assert "left the path after 9.0\u00a0s and 14\u00a0refusals. 300 more went to Gmail over 3" in told(figures(left_s=9.0, refusals=14), AT)
    out = figures(left_s=9.0, state="quarantined", since=AT, next_at=AT + timedelta(seconds=30))
    assert told(out, AT).endswith(f"Out since {clock(AT)}; probed in 30\u00a0s.")
    probed = figures(left_s=9.0, state="probation", share=5, answers=4, floor=6, failed=1)
    assert told(probed, AT).endswith("1\u00a0probe refused so far. Being probed with a trickle: 4 of 6\u00a0answers so far.")
    assert "It is healed. On probation with 25\u00a0% of its rates: 0 of 6" in told(replace(probed, broken=False, failed=0, share=25, step=2, answers=0), AT)
    assert "probed now" in told(figures(broken=False, left_s=9.0, state="quarantined"), AT)
    assert "It was back 6\u00a0min after the start." in told(figures(broken=False, left_s=9.0, back_s=360.0), AT)


def test_a_campaign_of_the_drill_is_one_content_to_many_people() -> None:
    made = campaign(Sender("harbour", "marketing", "harbourbank.example"), 1)
    assert len(made) == EACH and len({one["to"] for one in made}) == EACH and len({one["subject"] for one in made}) == 1
    assert all(str(one["to"]).endswith("@gmail.com") and one["stream"] == "marketing" for one in made)


def test_a_drill_ends_when_the_path_is_back_or_nothing_happened() -> None:
    assert over(figures(left_s=9.0, state="quarantined"), 600) == ""
    assert over(figures(left_s=9.0), 600) == "done"
    assert over(figures(broken=False), 200) == "failed"
    assert over(figures(left_s=9.0, state="probation"), 5 * 3600) == "done"
