"""Decide: whether a path leaves, is probed, goes a step on, falls back or returns; and whether a whole IP leaves. Pure.

Promises: nobody leaves for refusals that may be a campaign's content (`BlockEvidence.against_ip`) or that every IP at the provider hears; no path enters
quarantine more than `entries_per_day` times in any 24 hours; leaving and returning have thresholds apart; a path whose evidence turns good is open
again after its stay and steps. Never: looks at a clock or a table; touches what an operator paused (it is not asked).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from pools.reputation.evidence import BlockEvidence
from pools.reputation.probation import DAY, FEW, Standing, State, beyond, is_last, per_hour_of, share_of, stay_until
from pools.reputation.score import CONNECTIONS, GRADE, LISTING, NAME, REFUSALS, External, Score
from pools.reputation.thresholds import Mode, Policy

CAMPAIGNS = 2  # of one tenant: so many, and it is hardly the content


class Name(StrEnum):
    """What was done; the same words as pools.reputation.models.Action.Name."""

    LEAVE = "leave"
    PROBE = "probe"
    STEP = "step"
    BACK = "back"
    RETURN = "return"
    IP_OUT = "ip_out"
    IP_BACK = "ip_back"


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of a path. `fresh`: its windows begin anew (windows.EMPTY). In mode `propose` nobody writes `standing` until a person says so."""

    name: Name
    standing: Standing
    share: int
    probation_per_hour: int | None
    until: datetime | None
    sentence: str
    evidence: dict[str, Any] = field(default_factory=dict)
    fresh: bool = False

    @property
    def state(self) -> State:
        return self.standing.state

    @property
    def step(self) -> int:
        return self.standing.step


def decide(standing: Standing, score: Score, evidence: BlockEvidence, policy: Policy, now: datetime) -> Change | None:
    """Of one path, as it stands. `evidence`: of its refusals since `standing.since` on probation, else of its windows. None: nothing changes."""
    if policy.mode is Mode.OFF:
        return None
    if standing.state is State.OPEN:
        return _leaves(standing, score, evidence, policy, now)
    if standing.until is not None and now < standing.until and standing.state is State.QUARANTINED:
        return None
    if standing.state is State.QUARANTINED:
        return _is_probed(standing, score, policy, now)
    return _on_probation(standing, score, evidence, policy, now)


def leave(
    standing: Standing, policy: Policy, now: datetime, sentence: str, evidence: dict[str, Any], *,
    name: Name = Name.LEAVE, least_s: float = 0.0, per_hour: float = 0.0, by_rule: bool = False,
) -> Change:  # fmt: skip
    """Into quarantine, whatever for (an operator, the whole IP): counted, and bounded like any entry. Of one that is there already only the stay grows."""
    if standing.state is State.QUARANTINED:
        until = max(standing.until or now, now + timedelta(seconds=least_s))
        return _change(name, replace(standing, until=until), policy, sentence, evidence)
    rested = standing.state is State.OPEN and (standing.since is None or (now - standing.since).total_seconds() >= policy.forget_s)
    relapses = 0 if rested else standing.relapses
    entries = (*(entry for entry in standing.entries if now - entry < DAY), now)
    until = stay_until(entries, relapses, policy, now, least_s)
    usual = per_hour if standing.state is State.OPEN else standing.usual_per_hour
    return _change(name, Standing(State.QUARANTINED, 0, now, until, entries, relapses + 1, usual, by_rule=by_rule), policy, sentence, evidence)


def probe_anew(standing: Standing, policy: Policy, now: datetime, why: str) -> Change:
    """What a path on probation has heard decides nothing: it begins again, with the trickle."""
    anew = replace(standing, step=0, since=now, until=None, answers=0.0, refused=0.0)
    return replace(_change(Name.PROBE, anew, policy, f"It is probed anew with at most {policy.trickle_per_hour} an hour: {why}.", {}), fresh=True)


def speaks_enough(standing: Standing, evidence: BlockEvidence) -> bool:
    """Whether refusals take it out: where a rule had shut it for one tenant's campaigns, the same are enough on its way back."""
    return evidence.against_ip or (standing.by_rule and evidence.campaigns >= CAMPAIGNS)


def _leaves(standing: Standing, score: Score, evidence: BlockEvidence, policy: Policy, now: datetime) -> Change | None:
    counted = score.total if evidence.against_ip else min(100.0, score.total + score.lost(REFUSALS))
    if counted >= policy.leave_below:
        return None
    why = f" {evidence.words[:1].upper()}{evidence.words[1:]}." if evidence.against_ip else ""
    sentence = f"Score {counted:.0f}, below {policy.leave_below:g}: {score.words}.{why}"
    return leave(standing, policy, now, sentence, _evidence(score, evidence), per_hour=score.per_hour)


def _is_probed(standing: Standing, score: Score, policy: Policy, now: datetime) -> Change | None:
    """Only what is still true of it without any traffic keeps it away."""
    if 100.0 - score.lost(LISTING, NAME, GRADE, CONNECTIONS) < policy.return_at:
        return None
    probed = replace(standing, state=State.PROBATION, step=0, since=now, until=None, answers=0.0, refused=0.0)
    sentence = f"Its stay is over: it is probed with at most {policy.trickle_per_hour} an hour."
    return replace(_change(Name.PROBE, probed, policy, sentence, {}), fresh=True)


def _on_probation(standing: Standing, score: Score, evidence: BlockEvidence, policy: Policy, now: datetime) -> Change | None:
    refused = beyond(standing, score.others_refused)
    failed = standing.refused >= FEW and refused > policy.step_failed
    if (failed and speaks_enough(standing, evidence)) or score.lost(LISTING) >= 100.0 - policy.leave_below:
        why = f"{standing.refused:.0f} of {standing.answers:.0f} answers refuse our address" if failed else score.words
        by_rule = standing.by_rule and not evidence.against_ip
        return leave(standing, policy, now, f"Probation failed: {why}.", _evidence(score, evidence), name=Name.BACK, by_rule=by_rule)
    since = standing.since or now
    elapsed_s = (now - since).total_seconds()
    if failed and elapsed_s >= policy.step_s:
        return probe_anew(standing, policy, now, f"of its answers {standing.refused:.0f} refuse our address, but {evidence.words}")
    clean = standing.answers - standing.refused
    enough = standing.answers >= policy.step_floor or (elapsed_s >= policy.patience_s and clean >= FEW)
    least_s = policy.step_s if standing.step else 0.0  # the probe is decided by its answers
    counted = score.total if evidence.against_ip else min(100.0, score.total + score.lost(REFUSALS))
    if not enough or elapsed_s < least_s or refused > policy.step_clean or counted < policy.return_at:
        return None
    return _next_step(standing, policy, now)


def _next_step(standing: Standing, policy: Policy, now: datetime) -> Change:
    step = standing.step + 1
    said = f"{standing.answers:.0f} answers, {standing.refused:.0f} of them against our address"
    if is_last(step, policy):
        opened = replace(standing, state=State.OPEN, step=0, since=now, until=None, answers=0.0, refused=0.0, by_rule=False)
        return _change(Name.RETURN, opened, policy, f"Open again after {said}.", {})
    next_at = now + timedelta(seconds=policy.step_s)
    going = replace(standing, step=step, since=now, until=next_at, answers=0.0, refused=0.0)
    return _change(Name.STEP, going, policy, f"{share_of(going, policy)} % of its rates, after {said}.", {})


def _change(name: Name, standing: Standing, policy: Policy, sentence: str, evidence: dict[str, Any]) -> Change:
    return Change(name, standing, share_of(standing, policy), per_hour_of(standing, policy), standing.until, sentence, evidence)


def _evidence(score: Score, evidence: BlockEvidence) -> dict[str, Any]:
    return {**evidence.as_json(), "components": score.as_json(), "score": round(score.total, 1)}


# -- the whole IP -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PathSeen:
    """One of an IP's paths as `decide_ip` looks at it. `large`: its provider is (by profile or by its part of our mail)."""

    provider: str
    large: bool
    standing: Standing
    of_its_own: bool = True  # it left by its own score, not with its IP


@dataclass(frozen=True, slots=True)
class IpStanding:
    """Whether an IP is out at all providers."""

    out: bool = False
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class IpChange:
    """`ip_out`: every path that is not quarantined leaves (by `leave`, at least until `until`); `ip_back`: each path's own decision holds again."""

    name: Name
    standing: IpStanding
    sentence: str
    evidence: dict[str, Any] = field(default_factory=dict)
    listed: bool = False


def decide_ip(ip: IpStanding, paths: Sequence[PathSeen], external: External, policy: Policy, now: datetime) -> IpChange | None:
    """A list that counts, or so many large providers at once, speak of the IP and not of one path."""
    if policy.mode is Mode.OFF:
        return None
    listed = external.listing == "critical"
    away = sorted(path.provider for path in paths if path.large and path.of_its_own and _left_lately(path.standing, policy, now))
    if not ip.out:
        if not listed and len(away) < policy.large_providers:
            return None
        why = f"it is listed by {external.listed_by or 'a block list'}" if listed else f"it left at {', '.join(away)}"
        until = now + timedelta(seconds=policy.ip_stay_s)
        evidence = {"providers": away, "listed_by": external.listed_by}
        return IpChange(Name.IP_OUT, IpStanding(True, now, until), f"The IP leaves everywhere: {why}.", evidence, listed)
    if listed or (ip.until is not None and now < ip.until):
        return None
    return IpChange(Name.IP_BACK, IpStanding(False, now, None), "Nothing speaks against the whole IP any more: its paths come back by probation.")


def _left_lately(standing: Standing, policy: Policy, now: datetime) -> bool:
    since_s = (now - standing.since).total_seconds() if standing.since else 0.0
    return standing.state is State.QUARANTINED and since_s <= policy.ip_within_s
