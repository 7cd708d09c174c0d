"""The controller, for any stage and any evidence: bounds, monotone, no advance on bad evidence or idleness, and it always recovers."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from warming.controller import Act, Decision, Pace, Stage, decide, remembered
from warming.gates import StageEvidence, Trouble, trouble
from warming.plan import Plan, plan_of

START = datetime(2026, 1, 1, tzinfo=UTC)
DEFAULT = Plan((0.0, 1.0, 2.0, 4.0, 8.0, 12.0), (50.0, 100.0, 200.0, 700.0, 5_000.0, 100_000.0))
SEVERITY = {Act.FINISH: 0, Act.ADVANCE: 0, Act.HOLD: 1, Act.STEP_BACK: 2, Act.PAUSE: 3}
DIFFERENT = settings(max_examples=150, deadline=None)

counts = st.integers(0, 5_000)
caps = st.integers(1, 120_000)


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    grown = sorted(draw(st.sets(st.integers(1, 1_000_000), min_size=1, max_size=12)))
    return Plan(tuple(float(2 * n) for n in range(len(grown))), tuple(map(float, grown)))


@st.composite
def stages(draw: st.DrawFn) -> Stage:
    cool = draw(st.one_of(st.none(), st.floats(-2, 2)))
    until = None if cool is None else START + timedelta(days=1 + cool)
    return Stage(draw(caps), START, draw(st.one_of(st.none(), st.floats(0.01, 9))), until, draw(st.floats(0, 5)))


@st.composite
def evidences(draw: st.DrawFn) -> StageEvidence:
    n = draw(st.integers(0, 200_000))
    some = st.integers(0, n)
    return StageEvidence(n, draw(some), draw(some), draw(some), draw(some), draw(some), draw(st.one_of(st.none(), some)))


@st.composite
def paces(draw: st.DrawFn) -> Pace:
    slow = draw(st.floats(0.05, 1))
    return Pace(slow, slow + draw(st.floats(0, 3)), draw(st.floats(0.1, 4)), draw(st.floats(0.25, 2)))


def after(stage: Stage, evidence: StageEvidence, plan: Plan = DEFAULT, pace: Pace | None = None, days: float = 1.0) -> Decision:
    return decide(stage, evidence, plan, pace or Pace(), START + timedelta(days=days))


@DIFFERENT
@given(stages(), evidences(), plans(), paces(), st.floats(0, 60))
def test_no_cap_is_above_the_plans_end_and_no_hour_above_its_day(stage: Stage, evidence: StageEvidence, plan: Plan, pace: Pace, days: float) -> None:
    decision = after(stage, evidence, plan, pace, days)
    assert 1 <= decision.cap_per_day <= max(plan.ceiling, 1) or decision.act is Act.FINISH
    assert 1 <= decision.cap_per_hour <= decision.cap_per_day
    assert decision.look_again_at > START + timedelta(days=days) and decision.sentence


@DIFFERENT
@given(stages(), evidences(), paces(), st.floats(0, 60))
def test_bad_evidence_never_advances(stage: Stage, evidence: StageEvidence, pace: Pace, days: float) -> None:
    decision = after(stage, evidence, pace=pace, days=days)
    if trouble(evidence, DEFAULT.gates.hold):
        assert decision.act not in (Act.ADVANCE, Act.FINISH) and decision.cap_per_day <= stage.cap_per_day
    if trouble(evidence, DEFAULT.gates.back):
        assert decision.act in (Act.STEP_BACK, Act.PAUSE)
        assert decision.cap_per_day < stage.cap_per_day or decision.cap_per_day <= DEFAULT.least


@DIFFERENT
@given(stages(), evidences(), st.sampled_from(["deferred", "blocked", "bounced", "complaints"]), st.integers(1, 5_000), st.floats(0, 10))
def test_worse_evidence_never_gives_a_higher_cap(stage: Stage, evidence: StageEvidence, what: str, more: int, days: float) -> None:
    worse = replace(evidence, **{what: getattr(evidence, what) + more})
    was, now = after(stage, evidence, days=days), after(stage, worse, days=days)
    assert SEVERITY[now.act] >= SEVERITY[was.act]
    assert now.cap_per_day <= was.cap_per_day


@DIFFERENT
@given(stages(), st.floats(0, 60), st.floats(0, 60))
def test_time_without_mail_never_advances(stage: Stage, days: float, idle_days: float) -> None:
    decision = after(stage, StageEvidence(idle_days=idle_days), days=days)
    assert decision.act in (Act.HOLD, Act.STEP_BACK) and decision.cap_per_day <= stage.cap_per_day


@DIFFERENT
@given(stages(), st.floats(0.13, 1), st.floats(0.01, 0.11))
def test_a_cap_that_was_hardly_used_does_not_advance(stage: Stage, days: float, part: float) -> None:
    n = int(part * stage.cap_per_day)
    assert after(stage, StageEvidence(n, n), days=days).cap_per_day <= stage.cap_per_day


@DIFFERENT
@given(stages(), evidences(), paces())
def test_clean_mail_always_recovers_to_full_volume(stage: Stage, bad: StageEvidence, pace: Pace) -> None:
    stage = after(stage, bad, pace=pace).stage
    now, sent = START + timedelta(days=2), 0
    for _ in range(24 * 400):
        now += timedelta(hours=3)
        sent += max(1, stage.cap_per_day // 8)
        decision = decide(stage, StageEvidence(sent, sent), DEFAULT, pace, now)
        assert decision.act in (Act.ADVANCE, Act.HOLD, Act.FINISH) and decision.cap_per_day >= min(stage.cap_per_day, DEFAULT.ceiling)
        if decision.act is Act.FINISH:
            return
        stage, sent = decision.stage, 0 if decision.anew else sent
    raise AssertionError(f"still at {stage}")


@DIFFERENT
@given(stages())
def test_memory_survives_its_row(stage: Stage) -> None:
    back = remembered(stage.cap_per_day, stage.since, stage.carried())
    assert replace(back, clean_days=0.0) == replace(stage, clean_days=0.0) and abs(back.clean_days - stage.clean_days) < 0.001


@pytest.mark.parametrize(
    ("evidence", "act", "says"),
    [
        (StageEvidence(500, 500), Act.ADVANCE, "500 sent"),
        (StageEvidence(500, 450, deferred=45), Act.STEP_BACK, "45 of 500 attempts deferred"),
        (StageEvidence(500, 450, deferred=45, provider_wide=45), Act.ADVANCE, "0.0"),
        (StageEvidence(500, 497, blocked=2), Act.HOLD, "2 of 500 attempts blocked"),
        (StageEvidence(500, 490, blocked=8), Act.STEP_BACK, "8 of 500 attempts blocked"),
        (StageEvidence(500, 300, blocked=200), Act.PAUSE, "Then it goes on"),
        (StageEvidence(5, 5), Act.HOLD, "too little"),
        (StageEvidence(40, 40), Act.HOLD, "clean so far"),
    ],
)
def test_what_is_decided_is_said_with_its_evidence(evidence: StageEvidence, act: Act, says: str) -> None:
    decision = after(Stage(500, START), evidence)
    assert decision.act is act and says in " ".join(decision.sentence.split()), decision.sentence


def test_a_single_block_holds_and_takes_nothing_back() -> None:
    assert after(Stage(50, START), StageEvidence(50, 49, blocked=1)).act is Act.HOLD


def test_a_clean_path_advances_through_the_day_and_not_at_midnight() -> None:
    stage, now, sent, advanced = Stage(1_000, START), START, 0.0, []
    for _ in range(24):
        now += timedelta(hours=1)
        sent += stage.cap_per_day / 24
        decision = decide(stage, StageEvidence(int(sent), int(sent)), DEFAULT, Pace(), now)
        advanced += [now] if decision.act is Act.ADVANCE else []
        stage, sent = decision.stage, 0.0 if decision.anew else sent
    assert 4 <= len(advanced) <= 8 and stage.cap_per_day > 1_700


def test_trouble_slows_and_the_slower_path_rests_before_it_goes_on() -> None:
    was = Stage(1_000, START, speed=2.0)
    back = after(was, StageEvidence(500, 400, deferred=100))
    assert back.act is Act.STEP_BACK and back.stage.speed is not None and back.stage.speed < 2.0
    soon = decide(back.stage, StageEvidence(500, 500), DEFAULT, Pace(), START + timedelta(days=1.4))
    late = decide(back.stage, StageEvidence(500, 500), DEFAULT, Pace(), START + timedelta(days=1.6))
    assert (soon.act, soon.reason, late.act) == (Act.HOLD, "rests", Act.ADVANCE)


def test_a_poor_list_goes_slower_long_before_it_holds() -> None:
    clean, poor = (after(Stage(4_000, START), StageEvidence(4_000, 4_000, bounced=n)) for n in (0, 250))
    assert poor.act is Act.ADVANCE and 4_000 < poor.cap_per_day < clean.cap_per_day


@pytest.mark.parametrize("seed", range(3))
def test_a_provider_that_always_defers_a_little_keeps_no_path_down(seed: int) -> None:
    """At a small cap three or four of fifty are deferred by chance now and then: taken for trouble, it would be down for good."""
    dice, stage, n, deferred = random.Random(seed), Stage(200, START), 0, 0
    for hour in range(40 * 24):
        sent = max(1, stage.cap_per_day // 24)
        n, deferred = n + sent, deferred + (sum(dice.random() < 0.035 for _ in range(sent)) if sent < 500 else int(0.035 * sent))
        decision = decide(stage, StageEvidence(n, n - deferred, deferred), DEFAULT, Pace(), START + timedelta(hours=hour + 1))
        stage, (n, deferred) = decision.stage, (0, 0) if decision.anew else (n, deferred)
        if decision.act is Act.FINISH:
            return
    pytest.fail(f"after 40 days it is at {stage.cap_per_day}")


def test_an_idle_path_loses_a_part_of_its_cap_for_each_day() -> None:
    stage = Stage(10_000, START)
    for day in range(1, 31):
        stage = decide(stage, StageEvidence(idle_days=float(day)), DEFAULT, Pace(), START + timedelta(days=day)).stage
    assert DEFAULT.least <= stage.cap_per_day < 100


def test_a_path_that_needs_little_finishes_when_its_cap_is_twice_that() -> None:
    stage = Stage(2_000, START, clean_days=2.5)
    assert after(stage, StageEvidence(1_000, 1_000, need_per_day=900)).act is Act.FINISH
    assert after(stage, StageEvidence(1_000, 1_000, need_per_day=1_900)).act is Act.ADVANCE


def test_a_level_of_several_days_is_one_step_as_long_as_they_are() -> None:
    class Row:
        daily = (50, 50, 50, 100, 100, 100, 500)
        facts = {"provider_factor": {"default": 2.0}}

    plan = plan_of(Row(), "google")
    assert (plan.days, plan.caps) == ((0.0, 3.0, 6.0), (100.0, 200.0, 1000.0))
    assert plan.cap_at(3.0) == 200 and plan.day_of(200) == 3.0 and 100 < plan.cap_at(1.5) < 200
    assert plan.gates.hold[Trouble.DEFERRED].share > 0
