"""A node agent freezes engines for a drill, lets them go by its own clock, and is cut off from the database: bounded, and never in live mode."""

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

from mailplatform.shell.clock import now
from monitoring.models import AgentBeat, Fault, Verdict

from .conftest import StandIn, World, until
from .test_a_dead_or_frozen_engine_is_found_and_its_claims_come_back import claim, ready

AGENT = """
import sys, django
django.setup()
from pathlib import Path
from monitoring.agent import NodeAgent
from monitoring.rhythm import Rhythm
rhythm = Rhythm()
rhythm.obey_signals()
NodeAgent(sys.argv[1], sys.argv[2], Path(sys.argv[3]), rhythm, keeps_slots=False).run()
"""


def is_stopped(engine: StandIn) -> bool:
    return Path(f"/proc/{engine.process.pid}/stat").read_text().rpartition(")")[2].split()[0] in ("T", "t")


def fault(world: World, kind: str, seconds: float, engine: StandIn | None = None) -> Fault:
    begins_at = now()
    own = {"engine_id": engine.engine_id} if engine else {}
    return Fault.objects.create(kind=kind, node=world.node, begins_at=begins_at, until=begins_at + timedelta(seconds=seconds), **own)


def test_a_short_freeze_ends_by_itself_and_nobody_is_condemned(world: World) -> None:
    world.start_agent()
    engine = world.start_engine()
    time.sleep(0.3)
    row = fault(world, "freeze_engine", 0.35, engine)
    until(lambda: Fault.objects.filter(pk=row.pk, ended_at__isnull=False).exists(), 5, "the fault's end")
    until(lambda: not is_stopped(engine), 20, "it went on")
    row.refresh_from_db()
    assert row.obeyed_at is not None and engine.process.poll() is None


def test_a_long_freeze_is_found_like_any_other(world: World) -> None:
    world.start_agent()
    engine = world.start_engine()
    mine = claim(world, engine, 2)
    time.sleep(0.3)
    row = fault(world, "freeze_engine", 20, engine)
    until(lambda: ready(world) == set(mine), 5, "claims given back")
    assert Verdict.objects.get().kind == "frozen"
    assert engine.process.wait(20) == -signal.SIGKILL
    until(lambda: Fault.objects.get(pk=row.pk).ended_at is not None or Fault.objects.get(pk=row.pk).obeyed_at is not None, 5, "it was obeyed")


def test_another_nodes_engine_is_not_touched(world: World) -> None:
    world.start_agent()
    engine = world.start_engine()
    row = Fault.objects.create(kind="freeze_engine", node=world.node, engine_id=engine.engine_id + 1, begins_at=now(), until=now() + timedelta(seconds=5))
    until(lambda: Fault.objects.get(pk=row.pk).ended_at is not None, 5, "it was refused")
    assert Fault.objects.get(pk=row.pk).says and engine.process.poll() is None and not is_stopped(engine)


def test_a_frozen_engine_goes_on_when_its_agent_stops(world: World) -> None:
    world.start_agent()
    engine = world.start_engine()
    time.sleep(0.3)
    fault(world, "freeze_engine", 20, engine)
    until(lambda: is_stopped(engine), 5, "it was frozen")
    rhythm, thread = world.programs[-1]
    rhythm.stop()
    thread.join(5)
    assert engine.process.poll() is not None or not is_stopped(engine)


def test_a_cut_ends_by_the_agents_own_clock(world: World) -> None:
    """A process of its own: a cut is a whole process's."""
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "mailplatform.settings", "DATABASE_URL": os.environ["DATABASE_URL"]}
    agent = subprocess.Popen([sys.executable, "-c", AGENT, world.url, world.node.name, str(world.folder)], env=environment)
    try:
        until(AgentBeat.objects.exists, 20, "its first beat")
        row = fault(world, "cut_database", 2.0)
        until(lambda: Fault.objects.get(pk=row.pk).obeyed_at is not None, 20, "it was obeyed")
        last = lambda: AgentBeat.objects.get().at  # noqa: E731
        until(lambda: now() - last() > timedelta(seconds=1), 5, "it was silent")
        its_sessions = "application_name LIKE '%north-1' AND datname = current_database() AND pid <> pg_backend_pid()"
        assert not world.query(f"SELECT 1 FROM pg_stat_activity WHERE {its_sessions}"), "its sessions are gone"
        until(lambda: now() - last() < timedelta(seconds=0.5), 10, "it was back")
        until(lambda: Fault.objects.get(pk=row.pk).ended_at is not None, 5, "the fault's end")
    finally:
        agent.terminate()
        agent.wait(10)
