"""A node agent against real processes and a real database."""

import signal
import time
import uuid

import psycopg

from delivery.queue import columns
from delivery.queue.fence import sessions_of
from mailplatform.shell.ids import delivery_id, message_id
from mailplatform.shell.models import Notice
from monitoring.beats import Beater
from monitoring.models import AgentBeat, NodeReport, Verdict
from pools.failover.models import FailoverPolicy, NodeReturn
from tests.queue.house import OURS

from .conftest import StandIn, World, until

CLAIM = f"""
INSERT INTO delivery_claimed ({columns.LIST}, engine_id, claimed_at)
SELECT {{id}}, {{id}}, 1, 1, 1, 1, 1, 0, 0, now(), 0, 0, 0, NULL, '{{{{}}}}', 'anna@gmail.com', 1000, 0, NULL, now() + interval '1 day', {{engine}}, now()
"""


def claim(world: World, engine: StandIn, count: int = 1) -> list[uuid.UUID]:
    """Put deliveries into an engine's hands."""
    ids = [delivery_id(message_id(), 1) for _ in range(count)]
    with psycopg.connect(world.url, autocommit=True) as connection:
        for one in ids:
            connection.execute(CLAIM.format(id=f"'{one}'", engine=engine.engine_id))
    return ids


def ready(world: World) -> set[uuid.UUID]:
    return {row[0] for row in world.query("SELECT id FROM delivery_ready")}


def evicted(world: World, engine: StandIn) -> bool:
    return not world.query("SELECT 1 FROM delivery_engine WHERE id = %s", engine.engine_id)


def test_a_killed_engines_claims_come_back_at_once(world: World) -> None:
    world.start_agent()
    engine = world.start_engine()
    mine = claim(world, engine, 3)
    until(lambda: NodeReport.objects.exists(), 20, "the agent's report")
    engine.signal(signal.SIGKILL)
    took = until(lambda: ready(world) == set(mine), 20, "claims given back")
    print(f"found dead and given back after {took * 1000:.0f} ms")
    verdict = Verdict.objects.get()
    assert (verdict.kind, verdict.given_back, verdict.judge) == ("dead", 3, "agent north-1")
    assert verdict.evidence["because"] == "process gone"
    assert evicted(world, engine)
    until(lambda: Notice.objects.filter(kind="engine.dead", scope="north-1/a").exists(), 20, "the notice")


def test_a_frozen_engine_is_killed_before_its_claims_come_back(world: World) -> None:
    world.start_agent()
    engine = world.start_engine()
    mine = claim(world, engine)
    time.sleep(0.3)  # it renews for a while
    engine.signal(signal.SIGSTOP)
    took = until(lambda: ready(world) == set(mine), 20, "claims given back")
    print(f"found frozen and given back after {took * 1000:.0f} ms")
    assert took > 0.5, "too early: the engine may still believe in its lease"
    assert engine.process.wait(20) == -signal.SIGKILL
    assert Verdict.objects.get().kind == "frozen"


def test_an_engine_that_was_frozen_for_less_than_its_lease_goes_on(world: World) -> None:
    world.start_agent()
    engine = world.start_engine()
    time.sleep(0.2)
    for _ in range(3):
        engine.signal(signal.SIGSTOP)
        time.sleep(0.25)
        engine.signal(signal.SIGCONT)
        time.sleep(0.25)
    assert engine.process.poll() is None
    assert not Verdict.objects.exists()
    assert not evicted(world, engine)


def test_an_engine_whose_session_ended_is_killed_and_replaced(world: World) -> None:
    world.start_agent()
    engine = world.start_engine()
    time.sleep(0.3)
    # The session's end would end this simple stand-in too: stopped first, it cannot notice.
    engine.signal(signal.SIGSTOP)
    its_lock = f"locktype = 'advisory' AND classid = 19792 AND objid::bigint = %s AND objsubid = 2 AND {OURS}"
    world.query(f"SELECT pg_terminate_backend(pid) FROM pg_locks WHERE {its_lock}", engine.engine_id)
    took = until(lambda: evicted(world, engine), 20, "evicted")
    verdict = Verdict.objects.get()
    print(f"found without a session after {took * 1000:.0f} ms")
    assert (verdict.kind, verdict.evidence["because"]) == ("dead", "session gone")
    assert engine.process.wait(20) == -signal.SIGKILL


def test_an_agent_that_starts_late_buries_who_died_before(world: World) -> None:
    engine = world.start_engine()
    mine = claim(world, engine)
    engine.signal(signal.SIGKILL)
    engine.process.wait()
    world.start_agent()
    until(lambda: ready(world) == set(mine), 20, "claims given back")
    assert Verdict.objects.get().kind == "dead"


def test_a_used_process_number_is_not_taken_for_the_engine(world: World) -> None:
    """The row's pid belongs to a process that is younger than the engine: the engine is dead, and the other lives on."""
    stranger = world.start_engine(slot=1)
    world.query("UPDATE delivery_engine SET slot = 0, started_at = started_at - interval '1 hour' WHERE id = %s RETURNING id", stranger.engine_id)
    world.start_agent()
    until(lambda: evicted(world, stranger), 20, "evicted")
    assert stranger.process.poll() is None
    assert Verdict.objects.get().evidence["because"] == "process gone"


def test_two_judges_give_claims_back_once(world: World) -> None:
    world.start_agent()
    world.start_agent()
    engine = world.start_engine()
    mine = claim(world, engine, 2)
    time.sleep(0.2)
    engine.signal(signal.SIGKILL)
    until(lambda: ready(world) == set(mine), 20, "claims given back")
    time.sleep(0.2)
    assert Verdict.objects.count() == 1


def test_a_watcher_suspects_a_silent_engine_and_clears_it_when_it_renews(world: World) -> None:
    world.start_watcher()
    engine = world.start_engine()
    time.sleep(0.2)
    engine.signal(signal.SIGSTOP)
    suspected = "SELECT 1 FROM delivery_engine WHERE suspected_at IS NOT NULL"
    took = until(lambda: world.query(suspected), 20, "suspected")
    print(f"suspected after {took * 1000:.0f} ms")
    engine.signal(signal.SIGCONT)
    until(lambda: not world.query(suspected), 20, "cleared")
    assert not Verdict.objects.exists()


def test_a_watcher_gives_back_the_claims_of_a_node_out_of_reach(world: World) -> None:
    world.start_watcher()
    engine = world.start_engine()
    mine = claim(world, engine)
    time.sleep(0.2)
    engine.signal(signal.SIGSTOP)
    took = until(lambda: ready(world) == set(mine), 4.0, "claims given back")
    print(f"lapsed after {took * 1000:.0f} ms")
    assert took > 0.6, "too early: the engine may still believe in its lease"
    verdict = Verdict.objects.get()
    assert (verdict.kind, verdict.evidence["journal"]) == ("lapsed", "out of reach")
    assert engine.process.poll() is None, "a watcher kills nobody"
    back = NodeReturn.objects.get()
    assert (back.losses, back.takes_s, back.back_at) == (1, 30, None)


def test_a_transaction_that_a_cut_left_open_does_not_hold_up_the_rescue(world: World) -> None:
    """The server does not know yet that nobody is there any more, and keeps the locks of who was cut off in the middle of a claim."""
    world.start_watcher()
    engine = world.start_engine()
    mine = claim(world, engine)
    with psycopg.connect(world.url, application_name=sessions_of(engine.engine_id)) as cut_off:
        cut_off.execute("SELECT 1 FROM delivery_engine WHERE id = %s FOR KEY SHARE", [engine.engine_id])
        cut_off.execute("SELECT 1 FROM delivery_claimed WHERE engine_id = %s FOR UPDATE", [engine.engine_id])
        engine.signal(signal.SIGSTOP)
        until(lambda: ready(world) == set(mine), 10, "claims given back")
        cut_off.close()


def test_a_watcher_leaves_a_silent_engine_to_an_agent_that_beats(world: World) -> None:
    FailoverPolicy.objects.create(left_to_agent_s=2)
    beats = Beater(world.url, world.node.name)
    beats.start()
    try:
        until(lambda: beats.tick() or AgentBeat.objects.exists(), 20, "a beat")  # type: ignore[func-returns-value]
        world.start_watcher()
        engine = world.start_engine()
        mine = claim(world, engine)
        time.sleep(0.2)
        engine.signal(signal.SIGSTOP)
        took = until(lambda: beats.tick() or ready(world) == set(mine), 6.0, "claims given back")  # type: ignore[func-returns-value]
    finally:
        beats.stop()
    assert took > 1.8, "an agent that is heard has the first word, for as long as the policy says"


def test_an_agent_that_hangs_is_silent(world: World) -> None:
    beats = Beater(world.url, world.node.name)  # whose loop goes round no more
    beats.start()
    try:
        until(AgentBeat.objects.exists, 20, "a beat")
        world.start_watcher()
        engine = world.start_engine()
        mine = claim(world, engine)
        time.sleep(0.2)
        engine.signal(signal.SIGSTOP)
        until(lambda: ready(world) == set(mine), 4.0, "claims given back")
    finally:
        beats.stop()
    assert Verdict.objects.get().kind == "lapsed"
