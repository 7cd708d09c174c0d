"""Settle and budget: pure decisions after an attempt."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.engine.budget import FLOOR, PERIOD_S, Budget
from delivery.engine.settle import PATHS_IN_A_ROW, Room, settle
from delivery.queue.claim import Claim
from delivery.queue.settled import AttemptRow, Settled
from mailplatform.shell.ids import attempt_id, delivery_id, message_id
from pools.outcomes import ActionKind, ActionScope, Fault, Outcome, PathAction, Reason, Verdict

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
DELIVERY = delivery_id(message_id(), 1)
PLENTY = Room(other_paths=5, budget_left=True)


def _claim(**changed: object) -> Claim:
    values = {
        "id": DELIVERY, "body_id": UUID(int=1), "tenant_id": 1, "stream_id": 1, "domain_id": 1, "pool_id": 1, "provider_id": 1, "purpose": 0, "tag": 0.0,
        "ready_at": NOW, "attempts": 0, "tries": 0, "crashes": 0, "sticky_ip_id": None, "avoid_ip_ids": [], "recipient": "a@b.example", "size_bytes": 1,
        "fingerprint": 0, "own_head": None, "expires_at": NOW + timedelta(days=1), **changed,
    }  # fmt: skip
    return Claim(**values)  # type: ignore[arg-type]


def _settle(verdict: Verdict, claim: Claim | None = None, room: Room = PLENTY, reason: Reason = Reason.SOFT_SYSTEM, jitter: float = 0.5) -> Settled:
    claim = claim or _claim()
    attempt = AttemptRow(attempt_id(claim.id, claim.tries + 1), 1, 7, 1, 1, NOW, verdict, reason, Fault.NONE, "body")
    return settle(claim, attempt, Outcome(verdict, reason, Fault.INFRASTRUCTURE), room, NOW, jitter)


@pytest.mark.parametrize(
    ("verdict", "final", "suppress"), [(Verdict.DELIVERED, "delivered", False), (Verdict.BOUNCED, "bounced", False), (Verdict.SUPPRESSED, "bounced", True)]
)
def test_final_verdicts_end_a_delivery(verdict: Verdict, final: str, suppress: bool) -> None:
    settled = _settle(verdict)
    assert (settled.final, settled.suppress) == (final, suppress)


def test_a_deferred_one_waits_and_counts() -> None:
    settled = _settle(Verdict.DEFERRED)
    assert settled.attempts == 1
    assert settled.due_at is not None and settled.due_at > NOW


def test_one_whose_mailbox_gets_too_much_is_held_as_long_as_the_rule_says() -> None:
    claim, hold = _claim(), PathAction(ActionKind.HOLD, ActionScope.RECIPIENT, 3600, 1, 3600)
    attempt = AttemptRow(attempt_id(claim.id, 1), 1, 7, 1, 1, NOW, Verdict.DEFERRED, Reason.RATE_RECIPIENT, Fault.DESTINATION, "rcpt")
    settled = settle(claim, attempt, Outcome(Verdict.DEFERRED, Reason.RATE_RECIPIENT, Fault.DESTINATION, "g-rcpt-fast", hold), PLENTY, NOW, 0.0)
    assert settled.due_at is not None and settled.due_at - NOW >= timedelta(seconds=3600)


def test_an_unknown_answer_is_tried_again() -> None:
    assert _settle(Verdict.UNKNOWN, reason=Reason.NETWORK_ANSWER_LOST).due_at is not None


def test_a_greylisted_one_comes_back_along_the_same_path() -> None:
    assert _settle(Verdict.DEFERRED, reason=Reason.SOFT_GREYLIST).sticky_ip_id == 7


def test_a_rerouted_one_goes_at_once_does_not_count_and_avoids_the_path() -> None:
    settled = _settle(Verdict.REROUTED, _claim(avoid_ip_ids=[3]))
    assert (settled.reroute, settled.attempts, settled.avoid_ip_ids, settled.due_at) == (True, 0, (3, 7), None)


@pytest.mark.parametrize("room", [Room(0, True), Room(5, False)])
def test_without_another_path_or_budget_a_reroute_counts_and_waits(room: Room) -> None:
    settled = _settle(Verdict.REROUTED, room=room)
    assert (settled.reroute, settled.attempts, settled.attempt.verdict) == (False, 1, Verdict.DEFERRED)
    assert settled.due_at is not None


def test_at_most_three_paths_in_a_row() -> None:
    assert _settle(Verdict.REROUTED, _claim(avoid_ip_ids=list(range(PATHS_IN_A_ROW - 2)))).reroute
    assert not _settle(Verdict.REROUTED, _claim(avoid_ip_ids=list(range(PATHS_IN_A_ROW - 1)))).reroute


def test_a_server_that_three_paths_cannot_reach_is_the_destinations_fault() -> None:
    for tried, fault in ((PATHS_IN_A_ROW - 1, Fault.DESTINATION), (0, Fault.NONE)):
        settled = _settle(Verdict.REROUTED, _claim(avoid_ip_ids=list(range(tried))), Room(0, True), Reason.NETWORK_NO_ANSWER)
        assert settled.attempt.fault == fault


def test_what_cannot_be_tried_before_it_expires_expires() -> None:
    assert _settle(Verdict.DEFERRED, _claim(expires_at=NOW + timedelta(seconds=1), attempts=5)).final == "expired"


def test_the_last_attempt_number_is_never_passed() -> None:
    settled = _settle(Verdict.DEFERRED, _claim(tries=254))
    assert settled.hold and settled.due_at is None


rooms = st.builds(Room, other_paths=st.integers(0, 3), budget_left=st.booleans())
claims = st.builds(_claim, tries=st.integers(0, 254), attempts=st.integers(0, 60), avoid_ip_ids=st.lists(st.integers(1, 50), max_size=4))


@given(st.sampled_from(Verdict), claims, rooms, st.floats(0, 1))
def test_exactly_one_thing_becomes_of_every_delivery(verdict: Verdict, claim: Claim, room: Room, jitter: float) -> None:
    settled = _settle(verdict, claim, room, jitter=jitter)
    assert [bool(settled.final), settled.due_at is not None, settled.reroute, bool(settled.hold)].count(True) == 1


def test_the_budget_allows_a_tenth_and_twenty() -> None:
    budget, lane = Budget(), (1, 1)
    for _ in range(200):
        budget.count(lane, rerouted=False, now_s=0)
    allowed = 0
    while budget.left(lane, 0):
        budget.count(lane, rerouted=True, now_s=0)
        allowed += 1
    assert abs(allowed - (FLOOR + 0.1 * (200 + allowed))) <= 1
    assert budget.left((2, 2), 0), "another lane has its own budget"
    assert budget.left(lane, PERIOD_S + 1), "what is older than the period is forgotten"


@pytest.mark.parametrize(
    ("code", "phase", "rule", "new_there", "sticky"),
    [
        (450, "rcpt", "", True, 7),
        (451, "mail", "", True, 7),
        (450, "rcpt", "", False, None),
        (450, "rcpt", "gmail-28", True, None),
        (452, "rcpt", "", True, None),
    ],
)
def test_a_bare_450_at_first_contact_comes_back_along_the_same_path_by_the_purposes_schedule(
    code: int, phase: str, rule: str, new_there: bool, sticky: int | None
) -> None:
    claim = _claim()
    attempt = AttemptRow(
        attempt_id(claim.id, 1), 1, 7, 1, 1, NOW, Verdict.DEFERRED, Reason.SOFT_UNKNOWN, Fault.DESTINATION, phase, rule=rule, code=code, reply=f"{code} no"
    )
    settled = settle(claim, attempt, Outcome(Verdict.DEFERRED, Reason.SOFT_UNKNOWN, Fault.DESTINATION), Room(5, True, new_there), NOW, 0.5)
    assert settled.sticky_ip_id == sticky
    assert settled.due_at is not None and settled.due_at - NOW < timedelta(seconds=15)


def test_a_rerouted_one_that_expires_keeps_its_last_reply_and_is_nobodys_bounce() -> None:
    claim = _claim(expires_at=NOW + timedelta(seconds=1), attempts=5, avoid_ip_ids=[3, 4])
    said = (Verdict.REROUTED, Reason.BLOCK_POLICY, Fault.INFRASTRUCTURE)
    attempt = AttemptRow(attempt_id(claim.id, 3), 1, 7, 1, 1, NOW, *said, "rcpt", code=550, reply="550 no")
    settled = settle(claim, attempt, Outcome(*said), PLENTY, NOW, 0.5)
    assert (settled.final, settled.suppress, settled.attempt.verdict) == ("expired", False, Verdict.DEFERRED)
    assert (settled.attempt.reply, settled.attempt.reason, settled.attempt.fault) == ("550 no", Reason.BLOCK_POLICY, Fault.INFRASTRUCTURE)
