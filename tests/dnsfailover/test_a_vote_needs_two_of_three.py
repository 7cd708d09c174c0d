"""The pure vote and the streaks that it counts."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from monitoring.endpoints.streak import Knock, counted
from monitoring.endpoints.vote import Look, Rules, Standing, State, Verdict, judge, needed, recovery_s

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
RULES = Rules()


def look(vantage: str, ok: bool, in_row: int = 10, for_s: float = 60, ago_s: float = 0.1) -> Look:
    return Look(vantage, ok, in_row, NOW - timedelta(seconds=for_s), NOW - timedelta(seconds=ago_s), 1.0, "" if ok else "connection refused")


def judged(*looks: Look, state: State = State.UP, returns: Sequence[datetime] = ()) -> Verdict | None:
    return judge(Standing(state, returns), looks, RULES, NOW)


def test_two_of_three_decide_and_one_does_not() -> None:
    alive = look("c", True)
    verdict = judged(look("a", False), look("b", False), alive)
    assert verdict is not None and verdict.state is State.DOWN and "a and b (2 of 3" in verdict.sentence and "connection refused" in verdict.sentence
    assert judged(look("a", False), alive, look("b", True)) is None


def test_one_or_two_must_be_unanimous_and_more_than_half_decide_of_many() -> None:
    assert judged(look("a", False)) is not None
    assert judged(look("a", False), look("b", True)) is None
    assert judged(look("a", False), look("b", False)) is not None
    assert [needed(fresh) for fresh in (1, 2, 3, 4, 5)] == [1, 2, 2, 3, 3]


def test_a_stale_vantage_point_has_no_vote() -> None:
    assert judged(look("a", False), look("b", False, ago_s=10), look("c", True)) is None
    assert judged(look("a", False, ago_s=10), look("b", False, ago_s=10), look("c", False, ago_s=10)) is None, "nobody looks: the last verdict stands"


def test_a_few_failures_are_no_death() -> None:
    assert judged(look("a", False, in_row=2), look("b", False, in_row=2), look("c", False, in_row=9)) is None


def test_it_comes_back_after_its_recovery_and_each_return_doubles_that() -> None:
    def alive_for(seconds: float, *returns_ago_s: float) -> Verdict | None:
        seen = [look(name, True, for_s=seconds) for name in "abc"]
        return judged(*seen, state=State.DOWN, returns=[NOW - timedelta(seconds=ago) for ago in returns_ago_s])

    assert alive_for(1.5) is None and alive_for(2.5) is not None
    assert alive_for(2.5, 100) is None and alive_for(4.5, 100) is not None
    assert alive_for(15, 100, 200, 300) is None and alive_for(17, 100, 200, 300) is not None
    assert alive_for(2.5, 700) is not None, "a return long ago counts no more"
    assert recovery_s(Standing(State.DOWN, [NOW] * 50), RULES, NOW) == RULES.longest_recover_s


def test_the_first_sign_is_the_earliest_of_those_that_voted() -> None:
    verdict = judged(look("a", False, for_s=1.0), look("b", False, for_s=3.0), look("c", True, for_s=99))
    assert verdict is not None and verdict.first_sign_at == NOW - timedelta(seconds=3)


def test_a_late_answer_of_an_old_knock_changes_nothing() -> None:
    streak = counted(counted(None, Knock(1.0, 1.1)), Knock(3.0, 3.1))
    assert counted(streak, Knock(2.0, 4.0, "no answer")) == streak
    failing = counted(streak, Knock(3.5, 3.6, "no answer"))
    assert (failing.ok, failing.in_row, failing.since_s) == (False, 1, 3.6)
