"""Properties of the score: bounded, monotone, silent below the floors; what everybody hears costs nobody anything; arrays and floats agree."""

import numpy as np
import pytest
from django.core.exceptions import ValidationError
from hypothesis import given, settings
from hypothesis import strategies as st

from pools.reputation.evidence import COUNTED, NOTHING, Counts
from pools.reputation.models import ReputationPolicy
from pools.reputation.policy import of_row
from pools.reputation.score import BOUNCES, COMPLAINTS, REFUSALS, TENANTS_MOST, UNSAID, External, points, score, score_of_many, score_of_tenant, total
from pools.reputation.thresholds import BOUNDS, Policy, checked
from pools.reputation.windows import EMPTY, KEPT, Windows, fold, from_json

POLICY = Policy()
few = st.floats(0, 5_000)
share = st.floats(0, 1)


@st.composite
def counts(draw: st.DrawFn) -> Counts:
    attempted = draw(few)
    parts = [draw(share) for _ in range(4)]
    refused, put_off, bounced = (attempted * part / 3 for part in parts[:3])
    return Counts(attempted, attempted - refused - put_off - bounced, put_off, 0.0, refused, bounced, attempted * parts[3] / 50, draw(few), draw(few), 0.0)


def together(*several: Windows) -> Windows:
    found = EMPTY
    for one in several:
        found = found + one
    return found


def lived(*steps: Counts, dt_s: float = 60.0, policy: Policy = POLICY) -> Windows:
    windows = EMPTY
    for step in steps:
        windows = fold(windows, step, dt_s, policy)
    return windows


def alone(windows: Windows, external: External = UNSAID) -> float:
    return score(windows, windows, external, POLICY).total


said = st.builds(External, st.sampled_from(["", "warning", "critical"]), st.just("a list"), st.booleans(), st.sampled_from(["", "fair", "bad"]))


@given(st.lists(counts(), max_size=6), st.lists(counts(), max_size=6), said)
def test_a_score_is_between_0_and_100_and_its_parts_add_up(own: list[Counts], others: list[Counts], external: External) -> None:
    windows = lived(*own)
    found = score(windows, together(windows, lived(*others)), external, POLICY)
    assert 0 <= found.total <= 100
    assert found.total >= 100 - sum(one.lost for one in found.components) - 1e-6
    assert all(one.lost >= 0 and one.words for one in found.components)


KINDS = st.sampled_from(["blocked", "deferred_reputation", "bounced_recipient", "complaints"])


@given(st.lists(counts(), min_size=1, max_size=5), st.lists(counts(), max_size=5), KINDS, st.floats(0, 3_000))
def test_more_that_speaks_against_a_path_never_raises_its_score(own: list[Counts], others: list[Counts], kind: str, more: float) -> None:
    """The same attempts, more of them bad: blocks, deferrals, bounces, complaints."""
    last = own[-1]
    fewer = min(more, last.delivered)
    worse = Counts(**{name: getattr(last, name) for name in COUNTED if name not in (kind, "delivered")}, delivered=last.delivered - fewer,
                   **{kind: getattr(last, kind) + fewer})  # fmt: skip
    beside = lived(*others)
    before, after = lived(*own), lived(*own[:-1], worse)
    assert score(after, together(after, beside), UNSAID, POLICY).total <= score(before, together(before, beside), UNSAID, POLICY).total + 1e-6


@given(st.floats(0, POLICY.block_floor - 0.01), few)
def test_refusals_below_the_floor_cost_nothing(refused: float, delivered: float) -> None:
    windows = lived(Counts(attempted=delivered + refused, delivered=delivered, blocked=refused))
    assert score(windows, windows, UNSAID, POLICY).lost(REFUSALS) == 0


@given(st.floats(1, 50), st.integers(1, 3))
def test_few_bounces_and_complaints_of_few_samples_never_take_a_path_out(attempted: float, bad: int) -> None:
    gone = min(attempted, bad)
    assert alone(lived(Counts(attempted=attempted, bounced_recipient=gone, complaints=gone))) >= POLICY.leave_below


@given(st.lists(counts(), min_size=1, max_size=6))
def test_bounces_and_complaints_alone_never_take_a_path_out(own: list[Counts]) -> None:
    tenants = [Counts(one.attempted, one.delivered, bounced_recipient=one.attempted, complaints=one.attempted) for one in own]
    assert alone(lived(*tenants)) >= 100 - TENANTS_MOST - 1e-6 > POLICY.leave_below


@given(st.integers(3, 12), st.floats(1, 400), st.floats(0.05, 1.0), st.integers(1, 40))
def test_what_every_ip_hears_costs_nobody_a_quarantine(ips: int, attempted: float, refused: float, steps: int) -> None:
    """An outage that blames us, from its first seconds on, whatever was before."""
    clean, bad = Counts(attempted=attempted, delivered=attempted), Counts(attempted=attempted, deferred_reputation=attempted * refused)
    windows = lived(*[clean] * 20, dt_s=2.0)
    for _ in range(steps):
        windows = fold(windows, bad, 2.0, POLICY)
        everybody = Windows(*(getattr(windows, name) * ips for name in KEPT))
        assert score(windows, everybody, UNSAID, POLICY).total >= POLICY.leave_below


def test_a_path_that_is_refused_alone_is_out_within_thirty_answers() -> None:
    """Others go on; how much it sends does not matter, nor how well it stood."""
    for an_answer_s in (0.05, 1.0, 5.0):
        clean = Counts(attempted=1.0, delivered=1.0)
        windows, others = lived(*[clean] * 2_000, dt_s=an_answer_s), lived(*[Counts(attempted=9.0, delivered=9.0)] * 2_000, dt_s=an_answer_s)
        refusals = 0
        while score(windows, windows + others, UNSAID, POLICY).total >= POLICY.leave_below and refusals < 60:
            refusals += 1
            windows, others = fold(windows, Counts(attempted=1.0, blocked=1.0), an_answer_s, POLICY), fold(others, clean, an_answer_s, POLICY)
        assert refusals <= 30


def test_rare_mail_is_judged_by_a_longer_window() -> None:
    """Twelve an hour, all refused: known after an hour."""
    windows = lived(*[Counts(attempted=1.0, blocked=1.0)] * 12, dt_s=300.0)
    assert alone(windows) < POLICY.leave_below


def test_a_listing_that_counts_takes_everything() -> None:
    assert alone(EMPTY, External("critical", "zen")) == 0
    assert alone(EMPTY, External("warning", "zen")) >= POLICY.return_at


@given(st.lists(st.tuples(counts(), counts()), min_size=1, max_size=4))
def test_arrays_and_floats_come_to_the_same(steps: list[tuple[Counts, Counts]]) -> None:
    array = Windows(*(np.zeros(2) for _ in KEPT))
    for first, second in steps:
        array = fold(array, Counts(*(np.array([getattr(first, name), getattr(second, name)]) for name in COUNTED)), 30.0, POLICY)
    both = Windows(*(getattr(array, name).sum() for name in KEPT))
    found = total(points(array, both, UNSAID, POLICY))
    for index in (0, 1):
        own = lived(*(step[index] for step in steps), dt_s=30.0)
        assert abs(score(own, both, UNSAID, POLICY).total - found[index]) < 1e-6


@given(counts(), counts(), st.floats(0, 5_000), st.floats(0, 5_000))
def test_folding_nothing_twice_is_folding_it_once(one: Counts, other: Counts, first_s: float, second_s: float) -> None:
    windows = lived(one, other)
    twice, once = fold(fold(windows, NOTHING, first_s, POLICY), NOTHING, second_s, POLICY), fold(windows, NOTHING, first_s + second_s, POLICY)
    assert all(abs(getattr(twice, name) - getattr(once, name)) < 1e-6 for name in KEPT)


@given(st.lists(counts(), max_size=4))
def test_windows_survive_a_restart(own: list[Counts]) -> None:
    windows = lived(*own)
    assert all(abs(getattr(from_json(windows.as_json()), name) - getattr(windows, name)) < 1e-4 for name in KEPT)


@given(st.recursive(st.none() | st.text(max_size=5) | st.floats() | st.booleans(), lambda inner: st.dictionaries(st.sampled_from(KEPT), inner), max_leaves=8))
@settings(max_examples=50)
def test_windows_are_read_from_whatever_a_column_holds(data: object) -> None:
    assert from_json(data) is not None


def test_many_paths_make_one_score_by_what_they_send() -> None:
    good, bad = score(EMPTY, EMPTY, UNSAID, POLICY), score(EMPTY, EMPTY, External("critical", "zen"), POLICY)
    assert score_of_many([(good, 900), (bad, 100)]).total == 90
    assert "listed by zen" in score_of_many([(good, 900), (bad, 100)]).words


def test_a_tenants_score_is_of_bounces_and_complaints() -> None:
    windows = lived(Counts(attempted=10_000, bounced_recipient=1_000, complaints=100, blocked=5_000))
    found = score_of_tenant(windows, POLICY)
    assert {one.name for one in found.components} == {BOUNCES, COMPLAINTS} and found.total == 0


def test_thresholds_that_cannot_be_are_named() -> None:
    assert checked(Policy()) == []
    assert checked(Policy(leave_below=80)) == ["leave_below must be below return_at"]
    assert len(checked(Policy(steps=(25, 5), stay_s=0))) == 2


def test_operators_can_set_every_threshold_that_has_bounds() -> None:
    """But for the two that follow others: the middle half-life the short one, the others' last seconds the core."""
    row = ReputationPolicy(**{name: getattr(POLICY, name) for name in BOUNDS if hasattr(ReputationPolicy, name)})
    assert set(BOUNDS) - {field.name for field in ReputationPolicy._meta.get_fields()} == {"middle_half_life_s", "now_half_life_s"}
    assert of_row(row) == POLICY
    row.clean()
    row.step_clean = 0.5
    with pytest.raises(ValidationError, match="step_clean must be below step_failed"):
        row.clean()
