"""Campaigns: pure decisions of whose fault a provider's block is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from delivery.engine.campaigns import FORERUNNERS, Block, Say, decide, is_block, say
from delivery.engine.path import Path
from delivery.queue.blocks import CANARIES
from pools.outcomes import Fault, Outcome, Reason, Verdict
from pools.providers.profile import Profile

POOL = {1: 0, 2: 0, 3: 0, 4: 0}


def _block(state: str = "testing", canaries: int = 0, *blocked: int) -> Block:
    return Block(7, state, canaries, frozenset(blocked or (1,)), "why", 100.0)


def _canary(passed: bool, ip: int = 2) -> dict[str, object]:
    return {"ip": ip, "passed": passed}


def test_a_canary_that_passes_says_it_is_the_ip() -> None:
    assert decide({"canaries": [_canary(False), _canary(True)]}) == "ip"


def test_three_that_are_blocked_where_others_pass_say_it_is_the_content() -> None:
    others = [{"ip": 2}, {"ip": 3}]
    assert decide({"canaries": [_canary(False)] * (CANARIES - 1), "passes": others}) == "testing"
    assert decide({"canaries": [_canary(False, ip) for ip in (2, 3, 4)], "passes": others}) == "content"
    assert decide({"canaries": [_canary(False, ip) for ip in (2, 4, 5)], "passes": others}) == "testing", "on one of three IPs: the others may be blocked"


def test_where_nobody_else_passes_nothing_is_said() -> None:
    assert decide({"canaries": [_canary(False)] * CANARIES}) == "testing"


def test_while_it_is_tested_others_wait_and_a_few_become_canaries() -> None:
    assert say(_block(), 2, POOL, 0) is Say.CANARY
    assert say(_block(canaries=CANARIES), 2, POOL, 0) is Say.WAIT
    assert [say(_block(), 1, POOL, n) for n in range(FORERUNNERS + 1)] == [Say.ELSEWHERE] * FORERUNNERS + [Say.WAIT]


def test_a_blocked_ip_is_left_as_long_as_there_is_another() -> None:
    assert say(_block("ip"), 1, POOL, 0) is Say.ELSEWHERE
    assert say(_block("ip"), 2, POOL, 0) is Say.GO
    assert say(_block("ip", 0, *POOL), 1, POOL, 0) is Say.GO


def test_content_is_held_and_what_a_person_released_goes() -> None:
    assert say(_block("content"), 2, POOL, 0) is Say.HOLD
    assert say(_block("released"), 1, POOL, 0) is Say.GO


@pytest.mark.parametrize(
    ("reason", "verdict", "phase", "suspect"),
    [
        (Reason.BLOCK_CONTENT_OR_REPUTATION, Verdict.REROUTED, "body", True),
        (Reason.BLOCK_IP_REPUTATION, Verdict.REROUTED, "mail", True),
        (Reason.BLOCK_IP_REPUTATION, Verdict.REROUTED, "banner", False),
        (Reason.BLOCK_DNSBL, Verdict.REROUTED, "rcpt", False),
        (Reason.CONTENT_SPAM, Verdict.BOUNCED, "body", False),
        (Reason.RATE_IP, Verdict.REROUTED, "mail", False),
    ],
)
def test_only_what_may_be_the_contents_makes_a_campaign_a_suspect(reason: Reason, verdict: Verdict, phase: str, suspect: bool) -> None:
    assert is_block(Outcome(verdict, reason, Fault.INFRASTRUCTURE), phase) is suspect


@given(st.lists(st.tuples(st.sampled_from([11, 12, 13]), st.integers(0, 100)), max_size=30).map(lambda them: sorted(them, key=lambda one: one[1])))
def test_a_path_knows_when_another_campaign_last_passed(passes: list[tuple[int, int]]) -> None:
    path = Path.new(1, 1, Profile())
    for campaign, at in passes:
        path.passed(campaign, at)
    for campaign in (11, 12, 13):
        expected = max((at for other, at in passes if other != campaign), default=float("-inf"))
        assert path.others_passed_at_s(campaign) == expected
