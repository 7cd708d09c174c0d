"""Policy: what operators want of reputation, as the deciding core takes it. One row, and what a pool says otherwise; without the row nothing is done."""

from collections.abc import Iterable
from dataclasses import replace

from django.conf import settings

from pools.reputation.models import Mode, PoolReputationPolicy, ReputationPolicy
from pools.reputation.thresholds import Mode as PolicyMode
from pools.reputation.thresholds import Policy

_SAME = (
    "leave_below", "return_at", "block_floor", "sample_floor", "short_half_life_s", "long_half_life_s", "stay_s", "stay_most_s", "entries_per_day",
    "trickle_per_hour", "step_s", "step_floor", "large_providers", "ip_within_s", "ip_stay_s", "patience_s", "forget_s", "fast_answers", "refused_from",
    "refused_full", "bounced_from", "bounced_full", "complained_from", "complained_full", "step_failed", "step_clean",
)  # fmt: skip
# Minutes instead of hours: a path that a person breaks to try it is back while they look.
SIMULATED = {
    "stay_s": 45, "stay_most_s": 60, "entries_per_day": 24, "step_s": 15, "step_floor": 6, "trickle_per_hour": 900, "ip_stay_s": 60,
}  # fmt: skip
_CAREFUL = [Mode.OFF, Mode.PROPOSE, Mode.AUTOMATIC]


def policy_now() -> ReputationPolicy:
    """As the table has it; before a platform's first start it does nothing by itself."""
    return ReputationPolicy.objects.filter(pk=1).first() or ReputationPolicy(mode=Mode.OFF)


def install() -> None:
    """At a platform's start: the row is there, with what we recommend; where the world is simulated, with times that a person can watch. Changes stay."""
    ReputationPolicy.objects.get_or_create(pk=1, defaults=SIMULATED if settings.MAIL_MODE == "sandbox" else {})


def of_row(row: ReputationPolicy) -> Policy:
    """As the core takes it. The middle half-life follows the short one."""
    values = {name: getattr(row, name) for name in _SAME}
    return Policy(mode=PolicyMode(row.mode), steps=tuple(row.steps), middle_half_life_s=row.short_half_life_s * 12.0, **values)


def of_pools() -> dict[int, PoolReputationPolicy]:
    """What pools say otherwise."""
    return {one.pool_id: one for one in PoolReputationPolicy.objects.all()}


def of_path(policy: Policy, pools: Iterable[PoolReputationPolicy]) -> Policy:
    """A path's policy: of the pools that use it the most careful mode, and the thresholds that keep it open the longest."""
    for one in pools:
        mode = min(policy.mode, one.mode or policy.mode, key=lambda mode: _CAREFUL.index(Mode(mode)))
        leave = policy.leave_below if one.leave_below is None else min(policy.leave_below, one.leave_below)
        back = policy.return_at if one.return_at is None else max(leave + 1.0, one.return_at)
        policy = replace(policy, mode=PolicyMode(mode), leave_below=leave, return_at=back)
    return policy
