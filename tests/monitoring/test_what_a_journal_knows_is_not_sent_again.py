"""A dead engine's journal: answers are recorded, the unknowable is counted, the rest goes back."""

import os
import signal
import time
from uuid import UUID

from delivery.engine.journal import Journal, journal_path
from delivery.models import Attempt, Delivery
from delivery.queue.settled import AttemptRow, Settled
from mailplatform.shell.clock import now
from mailplatform.shell.ids import attempt_id
from monitoring.models import Verdict

from .conftest import World, until
from .test_a_dead_or_frozen_engine_is_found_and_its_claims_come_back import claim, ready


def answer(engine_id: int, delivery: UUID) -> Settled:
    """What an engine journals when a provider has taken a message."""
    attempt = AttemptRow(
        id=attempt_id(delivery, 1), engine_id=engine_id, ip_id=1, pool_id=1, provider_id=1, started_at=now(), verdict="delivered", reason="accepted",
        fault="none", phase="body", code=250, reply="250 2.0.0 taken",
    )  # fmt: skip
    return Settled(attempt, tenant_id=1, stream_id=1, purpose=0, recipient="anna@gmail.com", attempts=1, final="delivered")


def test_an_answer_that_only_the_journal_knew_is_recorded_before_anything_is_given_back(world: World) -> None:
    world.start_agent()
    engine = world.start_engine()
    answered, unknowable, untouched = claim(world, engine, 3)
    for one in (answered, unknowable, untouched):
        Delivery.objects.create(id=one, tenant_id=1, recipient="anna@gmail.com")
    journal = Journal(world.folder / "journal", engine.engine_id)
    for one in (answered, unknowable):
        journal.begun(attempt_id(one, 1))
        journal.dot(attempt_id(one, 1))
    journal.answer(answer(engine.engine_id, answered))
    engine.signal(signal.SIGKILL)
    until(lambda: ready(world) == {unknowable, untouched}, 20, "the rest given back")
    assert Delivery.objects.get(pk=answered).final == "delivered"
    verdict = Verdict.objects.get()
    assert (verdict.answered_in_journal, verdict.unknowable, verdict.given_back) == (1, 1, 2)
    until(lambda: not journal.path.exists(), 20, "the journal removed")


def test_a_journal_that_was_left_behind_is_replayed_and_removed(world: World) -> None:
    """Its engine was evicted by a watcher, or the agent died between giving back and removing it."""
    (delivery,) = claim(world, world.start_engine())
    Delivery.objects.create(id=delivery, tenant_id=1, recipient="anna@gmail.com")
    journal = Journal(world.folder / "journal", 4711)
    journal.begun(attempt_id(delivery, 1))
    journal.answer(answer(4711, delivery))
    long_ago = time.time() - 60
    os.utime(journal.path, (long_ago, long_ago))
    world.start_agent()
    until(lambda: not journal_path(world.folder / "journal", 4711).exists(), 20, "swept")
    assert Attempt.objects.get().reply == "250 2.0.0 taken"


def test_what_a_watcher_could_not_know_is_added_to_its_verdict(world: World) -> None:
    """Its claims went back without the journal: what may go twice for it is still counted."""
    engine = world.start_engine()
    at = {"last_sign_at": now(), "at": now()}
    Verdict.objects.create(engine_id=4711, node_id=world.node.pk, slot=0, kind=Verdict.Kind.LAPSED, judge="watcher south", given_back=1, **at)
    (delivery,) = claim(world, engine)
    journal = Journal(world.folder / "journal", 4711)
    journal.begun(attempt_id(delivery, 1))
    journal.dot(attempt_id(delivery, 1))
    long_ago = time.time() - 60
    os.utime(journal.path, (long_ago, long_ago))
    world.start_agent()
    until(lambda: Verdict.objects.get(engine_id=4711).unknowable == 1, 20, "the verdict completed")


def test_an_agent_whose_session_is_cut_goes_on_with_a_new_one(world: World) -> None:
    world.start_agent()
    engine = world.start_engine()
    mine = claim(world, engine)
    world.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'node-agent north-1' AND datname = current_database()")
    engine.signal(signal.SIGKILL)
    until(lambda: ready(world) == set(mine), 20, "claims given back")
