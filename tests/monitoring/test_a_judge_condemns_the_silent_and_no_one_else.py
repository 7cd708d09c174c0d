"""The judge alone: no database, no process, time is an argument."""

from hypothesis import given, settings
from hypothesis import strategies as st

from monitoring.judge import AGENT, GRACE_S, WATCHER, Incarnation, Judge, Judgement, Opinion, Sighting

LIFE = Incarnation("one", age_s=1000.0)


def look_for(
    judge: Judge, start_s: float, seconds: float, renewal: object, every_s: float = 0.05, incarnation: Incarnation | None = LIFE, **seen: bool
) -> list[tuple[float, Judgement]]:
    """Look again and again at an engine that does not renew."""
    steps = round(seconds / every_s)
    said = []
    for step in range(steps + 1):
        now = start_s + step * every_s
        said += [(now, judgement) for judgement in judge.look(now, [Sighting(1, renewal, **seen)], incarnation)]
    return said


def verdicts(said: list[tuple[float, Judgement]]) -> list[tuple[float, Opinion]]:
    return [(round(at, 3), judgement.opinion) for at, judgement in said if judgement.opinion.is_verdict]


def test_a_silent_engine_is_suspected_at_350_and_condemned_at_700_ms() -> None:
    said = look_for(Judge(AGENT), 0.0, 0.7, "r1")
    suspected = [at for at, judgement in said if judgement.opinion is Opinion.SUSPECTED]
    assert round(suspected[0], 3) == 0.35
    assert verdicts(said) == [(0.7, Opinion.SILENT)]


def test_a_watcher_waits_longer_than_a_lease_lasts() -> None:
    assert verdicts(look_for(Judge(WATCHER), 0.0, 0.75, "r1")) == [(0.75, Opinion.SILENT)]


def test_silence_is_told_only_after_enough_looks() -> None:
    judge = Judge(AGENT)
    look_for(judge, 0.0, 0.15, "r1")
    assert judge.silent_s(1) == 0.0
    look_for(judge, 0.2, 0.1, "r1")
    assert round(judge.silent_s(1), 3) == 0.3
    assert judge.silent_s(2) == 0.0


def test_a_gap_in_the_judges_own_looks_starts_the_count_again() -> None:
    judge = Judge(AGENT)
    look_for(judge, 0.0, 0.65, "r1")
    assert verdicts(look_for(judge, 0.86, 0.65, "r1")) == []
    assert verdicts(look_for(judge, 1.52, 0.05, "r1")) == [(1.57, Opinion.SILENT)]


def test_a_judge_that_slept_condemns_nobody_when_it_wakes() -> None:
    judge = Judge(AGENT)
    judge.look(0.0, [Sighting(1, "r1")], LIFE)
    assert judge.look(3600.0, [Sighting(1, "r1")], LIFE) == []


def test_a_verdict_needs_enough_looks() -> None:
    # Four looks 190 ms apart span 570 ms, five 760: only the fifth may speak.
    said = look_for(Judge(AGENT), 0.0, 0.95, "r1", every_s=0.19)
    assert verdicts(said)[0] == (0.76, Opinion.SILENT)


def test_a_process_that_is_gone_is_condemned_at_the_first_look() -> None:
    assert verdicts(look_for(Judge(AGENT), 0.0, 0.0, "r1", process_gone=True)) == [(0.0, Opinion.PROCESS_GONE)]


def test_a_session_that_is_gone_is_condemned_at_the_second_look_without_it() -> None:
    judge = Judge(AGENT)
    look_for(judge, 0.0, 0.1, "r1", locked=True)
    assert verdicts(look_for(judge, 0.15, 0.05, "r1", locked=False)) == [(0.2, Opinion.SESSION_GONE)]


def test_a_lock_that_was_never_seen_held_is_not_missed() -> None:
    assert verdicts(look_for(Judge(AGENT), 0.0, 0.65, "r1", locked=False)) == []


def test_nobody_is_judged_by_lock_or_lease_in_a_new_incarnation() -> None:
    judge = Judge(AGENT)
    look_for(judge, 0.0, 0.2, "r1")
    second = Incarnation("two", age_s=0.1)
    assert verdicts(look_for(judge, 0.25, GRACE_S, "r1", incarnation=second, locked=False)) == []
    at, opinion = verdicts(look_for(judge, 0.25 + GRACE_S + 0.05, 1.0, "r1", incarnation=second, locked=False))[0]
    assert opinion is Opinion.SILENT
    assert 0.6 < at - 0.25 - GRACE_S < 0.75, "counted from the end of the grace"


def test_a_promoted_standby_that_was_long_up_is_a_new_incarnation_too() -> None:
    judge = Judge(AGENT)
    look_for(judge, 0.0, 0.2, "r1")
    assert verdicts(look_for(judge, 0.25, GRACE_S, "r1", incarnation=Incarnation("standby", age_s=9999.0), locked=False)) == []


def test_even_in_a_new_incarnation_a_process_that_is_gone_is_gone() -> None:
    judge = Judge(AGENT)
    look_for(judge, 0.0, 0.2, "r1")
    assert verdicts(look_for(judge, 0.25, 0.0, "r1", incarnation=Incarnation("two", 0.0), process_gone=True)) == [(0.25, Opinion.PROCESS_GONE)]


def test_who_renews_again_is_cleared() -> None:
    judge = Judge(AGENT)
    look_for(judge, 0.0, 0.4, "r1")
    (judgement,) = judge.look(0.45, [Sighting(1, "r2", suspected=True)], LIFE)
    assert judgement.opinion is Opinion.CLEARED


@settings(max_examples=300, deadline=None)
@given(steps=st.lists(st.tuples(st.floats(0.001, 1.5), st.booleans()), min_size=1, max_size=80))
def test_a_verdict_by_silence_always_has_an_unbroken_run_of_looks_behind_it(steps: list[tuple[float, bool]]) -> None:
    """Whatever the looks' rhythm and the renewals: SILENT only after 700 ms of looks at most 200 ms apart that saw no renewal."""
    judge, now, renewal = Judge(AGENT), 0.0, 0
    run_since, run_looks = 0.0, 0
    for pause, renews in steps:
        now += pause
        renewal += renews
        if renews or pause > AGENT.longest_gap_s or run_looks == 0:
            run_since, run_looks = now, 1
        else:
            run_looks += 1
        said = [j.opinion for j in judge.look(now, [Sighting(1, renewal)])]
        must_speak = now - run_since >= AGENT.verdict_s and run_looks >= AGENT.least_looks
        assert (Opinion.SILENT in said) == must_speak


@settings(max_examples=200, deadline=None)
@given(looks=st.lists(st.floats(0.01, 0.2), min_size=1, max_size=200), phase=st.floats(0.0, 0.15))
def test_an_engine_that_renews_every_150_ms_is_never_even_suspected_by_a_judge_that_looks_in_time(looks: list[float], phase: float) -> None:
    judge, now = Judge(AGENT), 0.0
    for pause in looks:
        now += pause
        assert judge.look(now, [Sighting(1, int((now + phase) / 0.15))]) == []
