"""Shut: a response rule has suspended a path for a block, so that no more answers come to count: what reputation makes of the few there are. Pure.

Promises: it takes over what the rule did for hours and gives it a way back by evidence; one tenant's campaigns are enough here, for the path is shut for
everybody already, but they never speak of the whole IP (`Standing.by_rule`). On probation the same takes it back, and what decides nothing is probed anew
instead of waiting for the rule's end. Never: judges while nobody else passes (its caller knows).
"""

from datetime import datetime
from typing import Any

from pools.reputation.decide import CAMPAIGNS, Change, Name, leave, probe_anew
from pools.reputation.evidence import BlockEvidence
from pools.reputation.probation import Standing, State
from pools.reputation.score import Score
from pools.reputation.thresholds import Mode, Policy

FEW_REFUSALS = 3.0


def shut(standing: Standing, score: Score, evidence: BlockEvidence, refused: float, rule: str, policy: Policy, now: datetime) -> Change | None:
    """`refused`: of how many answers `rule` has closed it; on probation, of this step's."""
    if policy.mode is Mode.OFF or standing.state is State.QUARANTINED:
        return None
    enough = refused >= FEW_REFUSALS and (evidence.against_ip or evidence.campaigns >= CAMPAIGNS)
    back = standing.state is State.PROBATION
    if not enough:
        waited_s = (now - standing.since).total_seconds() if standing.since else 0.0
        return probe_anew(standing, policy, now, f"rule {rule} has closed it, but {evidence.words}") if back and waited_s >= policy.step_s else None
    sentence = f"{refused:.0f} answers refuse our address, and rule {rule} has closed it. {_who(evidence)}."
    by_rule = not evidence.against_ip
    told: dict[str, Any] = {**evidence.as_json(), "components": score.as_json(), "score": round(score.total, 1), "rule": rule, "by_rule": by_rule}
    if back:
        return leave(standing, policy, now, f"Probation failed: {sentence}", told, name=Name.BACK, by_rule=by_rule)
    return leave(standing, policy, now, sentence, told, per_hour=score.per_hour, by_rule=by_rule)


def _who(evidence: BlockEvidence) -> str:
    if evidence.against_ip:
        return evidence.words[:1].upper() + evidence.words[1:]
    return f"{evidence.campaigns} campaigns of one tenant were refused, while other IPs pass"
