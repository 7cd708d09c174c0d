"""Properties of decisions: no flapping, no quarantine without evidence against the IP, and always a way back."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from pools.reputation.decide import Change, IpStanding, Name, PathSeen, decide, decide_ip, leave
from pools.reputation.evidence import NOBODY, BlockEvidence, Counts, Reply
from pools.reputation.probation import ALWAYS_OPEN, DAY, Standing, State, heard, share_of, standing_of, stay_until
from pools.reputation.replay import Moment, replay
from pools.reputation.score import UNSAID, External, score
from pools.reputation.shut import shut
from pools.reputation.thresholds import Mode, Policy
from pools.reputation.windows import EMPTY, Windows, fold

START = datetime(2026, 3, 1, tzinfo=UTC)
POLICY = Policy()
AGAINST = BlockEvidence(campaigns=5, tenants=3, named=4.0, samples=(Reply("550 5.7.1 blocked", "c", "t"),))
CONTENT = BlockEvidence(campaigns=1, tenants=1)
GOOD, OUT = score(EMPTY, EMPTY, UNSAID, POLICY), External("critical", "a list")
MINUTE_S = 300.0


class Life:
    """One path beside nine good ones: what it hears is what it is allowed to send, times what the test says."""

    def __init__(self, policy: Policy = POLICY, evidence: BlockEvidence = AGAINST, everybody: bool = False) -> None:
        self.policy, self.evidence, self.everybody = policy, evidence, everybody
        self.standing, self.windows, self.others, self.at = ALWAYS_OPEN, EMPTY, EMPTY, START
        self.changes: list[tuple[datetime, Change]] = []

    def step(self, refused: float, per_hour: float = 240.0, external: External = UNSAID) -> None:
        self.at += timedelta(seconds=MINUTE_S)
        sent = per_hour * MINUTE_S / 3600
        goes = 0.0 if self.standing.state is State.QUARANTINED else sent
        if self.standing.state is State.PROBATION:
            goes = min(sent, self.policy.trickle_per_hour * MINUTE_S / 3600 if not self.standing.step else sent * share_of(self.standing, self.policy) / 100)
        counts = Counts(attempted=goes, delivered=goes * (1 - refused), blocked=goes * refused)
        elsewhere = refused if self.everybody else 0.0
        self.windows = fold(self.windows, counts, MINUTE_S, self.policy)
        self.others = fold(self.others, Counts(attempted=9 * sent, delivered=9 * sent * (1 - elsewhere), blocked=9 * sent * elsewhere), MINUTE_S, self.policy)
        self.standing = heard(self.standing, counts, self.policy)
        found = score(self.windows, self.windows + self.others, external, self.policy)
        change = decide(self.standing, found, self.evidence, self.policy, self.at)
        if change is not None:
            self.changes.append((self.at, change))
            self.standing = change.standing
            self.windows = EMPTY if change.fresh else self.windows

    def entries(self) -> list[datetime]:
        return [at for at, change in self.changes if change.state is State.QUARANTINED]


refused = st.floats(0, 1)


@given(st.lists(st.tuples(refused, st.integers(1, 60)), max_size=15), st.integers(1, 3))
@settings(max_examples=20, deadline=None)
def test_no_path_enters_more_often_than_it_may_in_any_24_hours(course: list[tuple[float, int]], allowed: int) -> None:
    life = Life(replace(POLICY, entries_per_day=allowed, stay_s=60.0, step_s=60.0, step_floor=2.0))
    for share, steps in course:
        for _ in range(steps):
            life.step(share)
    entries = life.entries()
    assert all(sum(entry <= other < entry + DAY for other in entries) <= allowed for entry in entries)


@given(refused)
@settings(max_examples=8, deadline=None)
def test_constant_evidence_brings_no_flapping(share: float) -> None:
    """Six days of the same: what leaves fails a probe twice a day at first, then once; what stays stays."""
    life = Life()
    for _ in range(6 * 288):
        life.step(share)
    assert len(life.entries()) <= 10
    assert share > 0.05 or not life.changes


@given(st.lists(refused, max_size=40), st.booleans())
@settings(max_examples=12, deadline=None)
def test_a_path_whose_evidence_turns_good_is_open_again(course: list[float], listed: bool) -> None:
    life = Life()
    for share in course:
        life.step(share, external=OUT if listed else UNSAID)
    for _ in range(3 * 288):
        life.step(0.0)
    assert life.standing.state is State.OPEN


@given(st.lists(refused, min_size=30, max_size=80))
@settings(max_examples=12, deadline=None)
def test_what_may_be_a_campaigns_content_quarantines_nobody(course: list[float]) -> None:
    life = Life(evidence=CONTENT)
    for share in course:
        life.step(share)
    assert not life.changes


@given(st.lists(refused, min_size=30, max_size=80))
@settings(max_examples=12, deadline=None)
def test_what_every_ip_hears_quarantines_nobody(course: list[float]) -> None:
    life = Life(everybody=True)
    for share in course:
        life.step(share)
    assert not life.entries()


ONE_TENANT = BlockEvidence(campaigns=3, tenants=1)


def by_rule(policy: Policy = POLICY) -> Life:
    """A path that a rule had shut for campaigns of one tenant."""
    life = Life(policy, ONE_TENANT)
    life.step(1.0)
    change = shut(ALWAYS_OPEN, GOOD, ONE_TENANT, 3.0, "x-poor", policy, life.at)
    assert change is not None and change.name is Name.LEAVE
    life.standing = change.standing
    return life


@given(st.lists(st.tuples(refused, st.integers(1, 24)), max_size=6), st.sampled_from([ONE_TENANT, CONTENT, AGAINST]))
@settings(max_examples=20, deadline=None)
def test_what_a_rule_took_out_is_never_stuck_on_probation_and_comes_back(course: list[tuple[float, int]], on_its_way: BlockEvidence) -> None:
    """Whatever its probes hear, and of how many campaigns: healed, it is open again; and no step that failed goes on counting."""
    life = by_rule()
    life.evidence = on_its_way
    for share in [share for share, steps in course for _ in range(steps)]:
        life.step(share)
        standing = life.standing
        failed = standing.state is State.PROBATION and standing.refused >= 4 and standing.refused > 0.5 * standing.answers
        assert not failed or standing.since is None or (life.at - standing.since).total_seconds() < POLICY.step_s + MINUTE_S
    for _ in range(3 * 288):
        life.step(0.0)
    assert life.standing.state is State.OPEN and not life.standing.by_rule


def test_what_took_it_out_by_a_rule_takes_it_back_and_speaks_of_the_ip_only_with_another_tenant() -> None:
    life = by_rule()
    for _ in range(10):
        life.step(1.0)
    assert life.changes[0][1].name is Name.PROBE and life.changes[0][1].standing.by_rule
    assert life.changes[-1][1].name is Name.BACK and life.standing.by_rule and len(life.standing.entries) == 2
    life = by_rule()
    life.evidence = AGAINST
    for _ in range(12):
        life.step(1.0)
    assert life.changes[-1][1].name is Name.BACK and not life.standing.by_rule


def test_a_rule_that_shuts_a_probe_takes_it_back_or_has_it_probed_anew() -> None:
    standing = Standing(State.PROBATION, 1, START, None, (START,), answers=3.0, refused=3.0)
    soon, later = START + timedelta(minutes=1), START + timedelta(seconds=POLICY.step_s)
    back = shut(standing, GOOD, ONE_TENANT, 3.0, "x-poor", POLICY, soon)
    assert back is not None and back.name is Name.BACK and back.state is State.QUARANTINED
    assert shut(standing, GOOD, CONTENT, 3.0, "x-poor", POLICY, soon) is None
    anew = shut(standing, GOOD, CONTENT, 3.0, "x-poor", POLICY, later)
    assert anew is not None and (anew.name, anew.state, anew.step, anew.fresh, anew.standing.answers) == (Name.PROBE, State.PROBATION, 0, True, 0.0)
    assert shut(leave(standing, POLICY, soon, "", {}).standing, GOOD, AGAINST, 9.0, "x-poor", POLICY, later) is None


def test_a_broken_path_goes_the_whole_way() -> None:
    """Out, probed, stopped again while it is bad; by 5, 25 and 50 % to open once it is well."""
    life = Life()
    for _ in range(20):
        life.step(1.0)
    assert [change.name for _, change in life.changes] == [Name.LEAVE, Name.PROBE, Name.BACK]
    for _ in range(2 * 288):
        life.step(0.0)
    back = [change for _, change in life.changes][3:]
    assert [(change.name, change.share) for change in back] == [(Name.PROBE, 5), (Name.STEP, 5), (Name.STEP, 25), (Name.STEP, 50), (Name.RETURN, 100)]
    assert back[0].probation_per_hour == POLICY.trickle_per_hour and back[0].fresh and back[-1].probation_per_hour is None
    leaving = life.changes[0][1]
    assert "below 50" in leaving.sentence and "name our IP" in leaving.sentence and leaving.evidence["replies"][0]["reply"] == "550 5.7.1 blocked"


def test_each_relapse_stays_longer_and_a_long_rest_forgets_it() -> None:
    first = leave(ALWAYS_OPEN, POLICY, START, "", {})
    opened = replace(first.standing, state=State.OPEN, since=START + DAY, entries=())
    soon = leave(opened, POLICY, START + 2 * DAY, "", {})
    late = leave(opened, POLICY, START + 10 * DAY, "", {})
    stays = [one.standing.until - one.standing.since for one in (first, soon, late) if one.standing.until and one.standing.since]
    assert [stay.total_seconds() for stay in stays] == [1800, 3600, 1800]


def test_of_one_that_is_out_already_only_the_stay_grows() -> None:
    first = leave(ALWAYS_OPEN, POLICY, START, "", {})
    again = leave(first.standing, POLICY, START + timedelta(minutes=5), "", {}, name=Name.IP_OUT, least_s=7200)
    assert again.standing.entries == first.standing.entries and again.until == START + timedelta(minutes=125)


def test_a_listed_path_is_not_probed_before_the_list_lets_it_go() -> None:
    life = Life()
    for _ in range(100):
        life.step(0.0, external=OUT)
    assert [change.name for _, change in life.changes] == [Name.LEAVE]
    life.step(0.0)
    assert life.standing.state is State.PROBATION


def test_without_traffic_a_path_waits_on_probation_and_little_clean_mail_is_enough_after_a_day() -> None:
    standing = Standing(State.PROBATION, 1, START, START, (START,), answers=4.0)
    assert decide(standing, GOOD, NOBODY, POLICY, START + timedelta(hours=5)) is None
    change = decide(standing, GOOD, NOBODY, POLICY, START + timedelta(hours=25))
    assert change is not None and change.name is Name.STEP


def test_mode_off_decides_nothing() -> None:
    assert decide(ALWAYS_OPEN, score(EMPTY, EMPTY, OUT, POLICY), AGAINST, replace(POLICY, mode=Mode.OFF), START) is None
    assert decide_ip(IpStanding(), [], OUT, replace(POLICY, mode=Mode.OFF), START) is None


def test_an_ip_leaves_everywhere_when_two_large_providers_or_a_list_say_so() -> None:
    out = leave(ALWAYS_OPEN, POLICY, START, "", {}).standing
    google, yahoo, small = PathSeen("google", True, out), PathSeen("yahoo", True, out), PathSeen("a.example", False, out)
    assert decide_ip(IpStanding(), [google, small], UNSAID, POLICY, START) is None
    assert decide_ip(IpStanding(), [google, replace(yahoo, of_its_own=False)], UNSAID, POLICY, START) is None
    change = decide_ip(IpStanding(), [google, yahoo], UNSAID, POLICY, START)
    assert change is not None and change.name is Name.IP_OUT and "google, yahoo" in change.sentence
    assert decide_ip(IpStanding(), [google, yahoo], UNSAID, POLICY, START + timedelta(hours=9)) is None  # old news says nothing of now
    listed = decide_ip(IpStanding(), [], OUT, POLICY, START)
    assert listed is not None and listed.listed
    later = START + timedelta(seconds=POLICY.ip_stay_s)
    assert decide_ip(listed.standing, [], OUT, POLICY, later) is None
    back = decide_ip(listed.standing, [], UNSAID, POLICY, later)
    assert back is not None and back.name is Name.IP_BACK


def test_a_standing_survives_a_restart() -> None:
    standing = Standing(State.PROBATION, 2, START, START + DAY, (START,), 3, 120.5, 7.25, 1.0, True)
    assert standing_of("probation", 2, START, START + DAY, (START,), standing.memory()) == standing
    assert standing_of("open", 0, None, None, (), {}) == ALWAYS_OPEN


def test_the_stay_lets_the_next_entry_be_none_too_many() -> None:
    entries = (START - timedelta(hours=3), START)
    assert stay_until(entries, 0, POLICY, START) == entries[0] + DAY


def test_the_recorded_past_is_decided_anew_with_other_thresholds() -> None:
    """A tenth of the floor acts sooner, none at all later; the other nine IPs never."""
    moments = []
    for minute in range(120):
        share = 0.7 if minute > 10 else 0.0
        counts = {(ip, "google"): Counts(attempted=10.0, delivered=10.0) for ip in range(9)}
        counts[9, "google"] = Counts(attempted=10.0, delivered=10 * (1 - share), blocked=10 * share)
        moments.append(Moment(START + timedelta(minutes=minute), 60.0, counts, {(9, "google"): AGAINST}))
    usual, keen = replay(moments, POLICY), replay(moments, replace(POLICY, leave_below=80))
    assert {done.path for done in usual + keen} == {(9, "google")}
    assert keen[0].at < usual[0].at and usual[0].change.name is Name.LEAVE
    assert not replay(moments, replace(POLICY, block_floor=1_000))
    assert Windows() == EMPTY
